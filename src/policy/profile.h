/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between the engines that gabion can stand in front of: one row each (design 4.5).
 *
 * The rules are the same for all of them; a row says how an engine and its product are called in
 * messages and settings, how it reads short image names, and what its documents know. A further
 * engine is a further row.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* Forms of an entry of an imageList. */
enum profile_form {
	PROFILE_FORM_TAG = 1u << 0,	   /* name[:tag] */
	PROFILE_FORM_ANY_TAG = 1u << 1,	   /* name:* */
	PROFILE_FORM_DIGEST = 1u << 2,	   /* name@digest */
	PROFILE_FORM_PATTERN = 1u << 3,	   /* name:*, and one part of its path is * */
	PROFILE_FORM_ID = 1u << 4,	   /* sha256:…: one image of this machine; ours */
	PROFILE_FORM_EVERYTHING = 1u << 5, /* * alone */
};

struct profile {
	const char *name;	      /* in gabion.json, on command lines */
	const char *engine;	      /* in messages; also its command */
	const char *product;	      /* in messages */
	const char *registry;	      /* what a short image name is taken from */
	const char *registry_alias;   /* another name of the same registry */
	const char *space;	      /* the folder of that registry where names of one word are */
	const char *socket_mount_key; /* member of enhancedContainerIsolation */
	unsigned forms;		      /* enum profile_form: what an imageList may hold */
	bool derived;		      /* allowDerivedImages exists */
	const char *const *sockets; /* where the engine listens by default; the first one is the one
				       that documents name; NULL-terminated */
	const char *const *unknown_commands; /* of the engine's command line, but not for a
						commandList; sorted, NULL-terminated */
};

extern const struct profile profiles[];
extern const size_t nprofiles;

/* The row of that name, or NULL. */
const struct profile *profile_find(struct slice name);
/* What gabion.json means when it names none. */
const struct profile *profile_default(void);

/* Is this a command of the engine that its commandList does not know? */
bool profile_is_unknown_command(const struct profile *p, struct slice command);
