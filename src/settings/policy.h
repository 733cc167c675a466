/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy in force, as one snapshot that gate, runtime and command line read through the same
 * function, so that all of them decide by the same settings.
 *
 * gabiond makes it (compose.h), writes it to run/policy.json (atomically, mode 0644) and keeps the
 * last good one in lib/policy.json (synced). It is one line of JSON:
 *
 *   {"version":1,"generation":3,"profile":"docker","files":["/…/admin-settings.json"],
 *    "settings":[{"key":"enhancedContainerIsolation.value","layer":0,"value":true,"locked":true,
 *                 "source":"/…/admin-settings.json:4:14"}, …]}
 *
 * with every setting that has a value, in the order of the schema. A setting that several files
 * have a say in (SCHEMA_MERGE_LAYERS) stands there once for each layer; what one layer forbids is
 * forbidden. source is "default" where no file says anything. The reader takes exactly this and
 * nothing else: a key, a type, a member that it does not expect is an error.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "settings/instance.h"
#include "settings/schema.h"

#define POLICY_VERSION 1
#define POLICY_FILE_MAX (4u << 20)
#define POLICY_ARENA_MAX (64u << 20)
#define POLICY_LAYERS_MAX 2 /* the host's file and the instance's own */
#define POLICY_FILES_MAX 2
#define POLICY_DEFAULT "default"

/* One row: a setting and where it comes from. */
struct policy_setting {
	const struct schema_key *key;
	size_t layer;
	const struct json *value;
	bool locked;
	const char *source; /* FILE:LINE:COLUMN, or POLICY_DEFAULT */
};

/* commandList. */
struct policy_commands {
	bool allow;	  /* the names are the only ones allowed; else those that are denied */
	bool report_only; /* what would be blocked is reported and let through */
	const char **names;
	size_t n;
};

/* An entry of imageList.images. */
struct policy_image {
	const char *text;			/* as the administrator wrote it */
	const struct policy_commands *commands; /* its own; NULL: those of the layer */
};

/* One layer of permissions to mount the engine's socket. */
struct policy_socket {
	const struct policy_image *images;
	size_t nimages;
	bool allow_derived;
	bool keep_previous;
	bool own_children;
	struct policy_commands commands;
};

/* One layer of filesharingAllowedDirectories. */
struct policy_sharing {
	const char **paths; /* absolute, or beginning with $HOME, $TMP or $TEMP (entries.h) */
	size_t n;
};

struct policy {
	uint64_t generation; /* changes whenever anything else of it does; 0: never written */
	const struct profile *profile;
	const char *files[POLICY_FILES_MAX]; /* that it was made of */
	size_t nfiles;
	struct policy_setting *settings;
	size_t nsettings;

	/* What the settings say, for those who decide. */
	bool isolation; /* enhancedContainerIsolation.value */
	/* A container may mount the socket if every layer allows its image, and may give a command
	 * over it if the commands of every layer (or of its entry there) do. At least one. */
	struct policy_socket sockets[POLICY_LAYERS_MAX];
	size_t nsockets;
	/* A path of the host may be mounted if it is below a folder of every layer. None: all may.
	 */
	struct policy_sharing sharing[POLICY_LAYERS_MAX];
	size_t nsharing;
};

/* What holds without any file: isolation on, an empty list of images. */
int policy_defaults(struct arena *a, const struct profile *profile, struct policy *ret);

/* Fills the second half of *p from its settings. -EINVAL with a text when they do not make a
 * policy, -ENOMEM. */
int policy_digest(struct arena *a, struct policy *p, struct err *err);

/* The snapshot's text, with a newline at its end. */
void policy_print(const struct policy *p, struct buf *b);
/* The same as a document, for `gabion settings --json`. NULL: out of memory. */
struct json *policy_json(struct arena *a, const struct policy *p);
struct json *policy_setting_json(struct arena *a, const struct policy_setting *s);

/* Reads a snapshot's text; `name` is what errors call it. */
int policy_parse(struct arena *a, struct slice text, const char *name, struct policy *ret,
		 struct err *err);

enum policy_result {
	POLICY_OK = 0,
	POLICY_NONE =
		1, /* no gabiond runs or ever ran here: no policy is needed, and none is there */
};

/* Reads run/policy.json. POLICY_OK; POLICY_NONE, and *ret is the defaults; -errno with a text:
 * there should be one and is not, or it cannot be trusted. Then nothing may start. */
int policy_load(struct arena *a, const struct instance *inst, struct policy *ret, struct err *err);

/* Reads lib/policy.json, the last good one. POLICY_OK, POLICY_NONE, -errno. */
int policy_load_last(struct arena *a, const struct instance *inst, struct policy *ret,
		     struct err *err);

/* Writes the text to lib/policy.json and syncs it; to run/policy.json. */
int policy_store_last(const struct instance *inst, struct slice text, struct err *err);
int policy_store(const struct instance *inst, struct slice text, struct err *err);
