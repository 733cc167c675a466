/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etc/gabion.json: facts about this host that no Docker document knows. Every key is optional; an
 * unknown key or a value of the wrong type is an error that names file and key, so that a typo
 * cannot silently loosen anything.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "settings/instance.h"

/* Ids of a container unless "idsPerContainer" says otherwise. */
#define FACTS_IDS_PER_CONTAINER 65536u

struct profile;

struct facts_list {
	const char **items;
	size_t n;
};

struct facts {
	const char *lower_runtime; /* "lowerRuntime": absolute path of crun or runc; NULL: first
				      found */
	const char *runtime_name;  /* "runtimeName": what inspect answers, default sysbox-runc */
	/* "engineProfile": what kind of engine this is, default docker; static */
	const struct profile *profile;
	uint32_t ids_per_container; /* "idsPerContainer" */
	bool has_range;		    /* "idRange": {"start": …, "count": …} */
	uint32_t range_start;
	uint32_t range_count;
	bool unmappable_nobody; /* "unmappableFilesystem": "refuse" (default) or "nobody" */
	bool unrecorded_root;	/* "bindsWithoutRecord": "refuse" (default) or "root" */
	struct facts_list
		devices; /* "devices": host nodes that --device may bring in beside the harmless */
	struct facts_list cdi;	   /* "cdiDevices": CDI devices, VENDOR/CLASS=NAME or …=* */
	struct facts_list hooks;   /* "hooks": paths of OCI hooks that are let through */
	struct facts_list engines; /* "engineRoots": data roots of engines beside the known ones */
	struct facts_list restricted; /* "restrictedMounts": further protected host paths */
	bool has_sharing;	      /* "filesharingAllowedDirectories" is there */
	struct facts_list sharing;    /* host paths may only be bound from below these */
};

/* Reads etc/gabion.json into the arena. No file: the defaults. */
int facts_load(struct arena *a, const struct instance *inst, struct facts *ret, struct err *err);

/* The same from text, for tests; `name` is what errors call the file. */
int facts_parse(struct arena *a, struct slice text, const char *name, struct facts *ret,
		struct err *err);
