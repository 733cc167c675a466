/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this path of the host be mounted into a container? (issue: "Protected host paths"; spec 003:
 * "mounting any VM directory into the container is disallowed".)
 *
 * Decided on identities, not on names: an object is protected when it, or any folder above it, is
 * one of the protected objects (device and inode), or when it lies below one inside the same file
 * system (device and path from the file system's root, which sees bind mounts under another name),
 * or when a protected object lies below it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/verdict.h"

/* One file as the kernel knows it. */
struct hostmount_node {
	uint64_t dev; /* major << 32 | minor */
	uint64_t ino;
};

/* An object of the host with all that is above it. */
struct hostmount_place {
	const char *path;		    /* as the host sees it, for messages */
	uint64_t dev;			    /* of its mount, as mountinfo prints it */
	const char *fs_path;		    /* path inside that file system; NULL: not known */
	const struct hostmount_node *chain; /* itself, its parent, … up to the root */
	size_t nchain;
};

enum hostmount_kind {
	HOSTMOUNT_TREE,	  /* itself and everything below */
	HOSTMOUNT_SINGLE, /* only itself (the root folder) */
	HOSTMOUNT_ABOVE, /* itself and what holds it: something protected is yet to be made in it */
};

struct hostmount_rule {
	enum hostmount_kind kind;
	struct hostmount_place place;
	const char *missing; /* HOSTMOUNT_ABOVE: what is yet to be made there, "containerd/x" */
	bool configured;     /* by the administrator ("restrictedMounts") */
};

/* A part of a protected tree that may be mounted all the same. */
struct hostmount_exception {
	struct hostmount_place place;
	bool writable; /* else it is mounted read-only, also when not asked to be */
	/* NULL: it is place. Else it is not there yet, and may be made in place by this name. */
	const char *missing;
};

struct hostmount_request {
	const char *asked; /* the source as the user wrote it */
	struct hostmount_place place;
	/* NULL: place itself is to be mounted. Else this is, "a/b", which is not there yet and
	 * would be made in place: clean, without "." and ".." */
	const char *missing;
};

/* One list of filesharingAllowedDirectories. An empty one shares nothing. */
struct hostmount_sharing {
	const struct hostmount_place *places;
	size_t n;
};

struct hostmount_policy {
	const struct hostmount_rule *rules;
	size_t nrules;
	const struct hostmount_exception *exceptions;
	size_t nexceptions;
	const struct hostmount_sharing
		*sharing; /* a folder of each must hold it; none: no such rule */
	size_t nsharing;
};

/* The table of names that are protected on every host, and of the exceptions: paths that the caller
 * looks up to make rules of. NULL-terminated. */
extern const char *const hostmount_protected[];
struct hostmount_exception_name {
	const char *path;
	bool writable;
};
extern const struct hostmount_exception_name hostmount_exceptions[];

/* The one exception that is made where it is missing: a folder for NAME in FOLDER. An engine alone
 * makes it, too, and nobody takes an empty one for something else; what builds clusters (kind)
 * binds it on every host. */
extern const char hostmount_made_in[];
extern const char hostmount_made[];

void hostmount_decide(const struct hostmount_policy *policy, const struct hostmount_request *req,
		      struct verdict *ret);

/* What may be done about a denial by that rule: which setting opens it, or where it is written.
 * NULL: nothing. */
const char *hostmount_way_out(const char *rule);

/* The denial of a path, in the words that are part of the interface (design 4.4). */
void hostmount_deny(struct verdict *ret, const char *rule, const char *asked);
