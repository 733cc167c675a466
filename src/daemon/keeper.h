/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the policy in force: reads the settings files at start and whenever they change, writes the
 * snapshot that gate, runtime and command line read (settings/policy.h), and the last good one.
 *
 * A file that does not read well changes nothing: the policy in force stays, at start the last good
 * one. Without either there is no snapshot, and nothing starts. No file at all is a policy, too:
 * the defaults.
 */
#pragma once

#include <limits.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "daemon/watch.h"
#include "settings/admin.h"
#include "settings/policy.h"

#define KEEPER_GATES 3 /* etc/registry-auth.json, /etc/subuid */

struct keeper {
	const struct instance *inst;
	const struct profile *profile;
	struct admin_places places;
	const char *files[WATCH_FILES_MAX]; /* KEEPER_GATES and on: the gate reads them (OPEN) */
	struct stat was[WATCH_FILES_MAX];   /* of those */
	char auth[PATH_MAX];		    /* etc/registry-auth.json */
	struct watch watch;
	struct arena arena;   /* of the policy */
	struct policy policy; /* in force; generation 0: none */
	bool stale;	      /* it is an older one, because of the errors … */
	struct arena said;
	struct findings found; /* … that were found in the files; else warnings and notes */
	/* There is another policy in force, or another file for the gate. May be NULL. */
	void (*changed)(struct keeper *k);
};

#define KEEPER_INIT ((struct keeper){ .watch = WATCH_INIT })

/* inst and profile are borrowed. */
void keeper_init(struct keeper *k, const struct instance *inst, const struct profile *profile);
void keeper_done(struct keeper *k);

/* Reads the files for the first time and writes the snapshot. 0; -errno with a text of several
 * lines in *why when there is no policy. */
int keeper_load(struct keeper *k, struct buf *why);

/* Goes on reading them. */
void keeper_watch(struct keeper *k, struct loop *l, void (*changed)(struct keeper *k));

/* Reads them now, whether or not they have changed. */
void keeper_reload(struct keeper *k);

/* A JSON object for STATUS: generation, files, isolation, stale, errors, warnings. */
void keeper_print_status(const struct keeper *k, struct buf *b);

/* The errors that keep an older policy in force, and warnings about what has no effect, a line
 * each; nothing when there are none. */
void keeper_print_findings(const struct keeper *k, struct buf *b);
