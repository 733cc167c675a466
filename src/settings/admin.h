/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One admin-settings.json, read by the table of schema.h.
 *
 * JSON as Go reads it: keys in another case are known (with a warning), a key given twice is an
 * error, a byte order mark at the beginning is passed over. Everything that is wrong is found, not
 * only the first of it; one error, and nothing of the file counts.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "settings/finding.h"
#include "settings/instance.h"
#include "settings/schema.h"
#include "json/json.h"

#define ADMIN_FILE_MAX (1u << 20)

/* What one file says about one key. */
struct admin_setting {
	const struct schema_key *key; /* with SCHEMA_VALUE */
	const struct json *value; /* known keys only, each once, in its exact spelling; its places
				     are those of the file */
	struct json_place place;
	bool locked;
};

struct admin_file {
	const char *name;
	struct slice text; /* as it was read */
	struct admin_setting *settings;
	size_t n;
};

enum admin_result {
	ADMIN_READ = 0,
	ADMIN_MISSING = 1, /* there is no such file */
	ADMIN_BROKEN = 2,  /* errors have been added to what was found */
};

/* Reads a text; `name` is what findings call the file. text is borrowed. ADMIN_READ, ADMIN_BROKEN,
 * or -ENOMEM. */
int admin_parse(struct arena *a, struct slice text, const char *name, const struct profile *profile,
		struct findings *found, struct admin_file *ret);

/* Whom the file and its folder may belong to, beside root; others must not be able to write to
 * either. ADMIN_ANYBODY: no such check (a draft). */
#define ADMIN_ANYBODY ((uid_t)-1)

/* Reads a file. All of enum admin_result, or -ENOMEM. */
int admin_read(struct arena *a, const char *path, uid_t owner, const struct profile *profile,
	       struct findings *found, struct admin_file *ret);

/* The setting with that key, or NULL. */
const struct admin_setting *admin_find(const struct admin_file *file, const struct schema_key *key);

/* Where the settings of an instance are. */
struct admin_places {
	char own[PATH_MAX];	/* DIR/etc/admin-settings.json; "" for the system's instance */
	uid_t own_owner;	/* of DIR: may own that file, too */
	char host[2][PATH_MAX]; /* the host's: the first one that is there counts */
};
#define ADMIN_NAME "admin-settings.json"

void admin_places(const struct instance *inst, struct admin_places *ret);
