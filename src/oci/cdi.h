/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the Container Device Interface: what a device brings into a container's spec, and
 * whether something in a spec is one of these. Nothing is put into a spec here: the engine has done
 * that.
 *
 * A match is exact, so a member that we do not know, or that the engine reads differently, makes a
 * thing in the spec one that the file does not name. Environment, groups and cache allocation are
 * not looked at: who starts a container may choose the first two, and the engine writes the third.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "json/json.h"

/* One file. Everything is in the arena. */
struct cdi_file {
	struct slice kind;	    /* vendor.com/class */
	const struct json *edits;   /* of each of its devices; may be NULL */
	const struct json *devices; /* an array; may be NULL */
};

/* 0, or -EINVAL: no CDI file in JSON; the text says what. */
int cdi_file_parse(struct arena *a, struct slice text, struct cdi_file *ret, struct err *err);

/* The device of this name (the part after "="), or NULL. */
const struct json *cdi_file_device(const struct cdi_file *f, struct slice name);

/* What the named devices bring in. All zero is nothing. */
struct cdi_edits {
	struct json *nodes; /* arrays, as the files have their entries; may be NULL */
	struct json *mounts;
	struct json *hooks;
};

/* Adds "containerEdits" of a file or a device. -ENOMEM. */
int cdi_edits_add(struct arena *a, struct cdi_edits *e, const struct json *edits);

/* Is this an entry of the spec's mounts, or of the named list of its hooks, exactly as one of these
 * is put there? */
bool cdi_edits_have_mount(const struct cdi_edits *e, const struct json *mount);
bool cdi_edits_have_hook(const struct cdi_edits *e, const char *list, const struct json *hook);
