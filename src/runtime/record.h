/* SPDX-License-Identifier: Apache-2.0 */
/* run/containers/ID.json, written by edit-record.c:
 *   id, base, size   the container and its ids; "joined": of another container; "plain": it runs
 *                    without isolation, as the engine made it, with the host's ids
 *   view             mount point of the engine's read-only view, where there is one
 *   pidFile, bundle, lowerRuntime */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct runtime;

/* Path of this container's record, in the arena. The id must be a file name: edit_record() checks.
 */
const char *record_path(struct runtime *rt);

/* Whether an id can be the name of a record: a container's id is never a path. */
bool record_id_valid(const char *id);

/* The lower runtime of the container that a command line names (kill, delete, exec, …), in
 * ret[PATH_MAX]: the one that made it, whatever gabion.json says by now. False without a record. */
bool record_lower(struct runtime *rt, char *ret);

/* The record of a container that is not isolated. */
int record_plain(struct runtime *rt, struct err *err);

/* Removes a record by its path, and what is kept elsewhere of that container. */
void record_remove(const char *record);

/* delete: takes the record away of the container that the command line names, unless it runs and is
 * not to be deleted by force. */
void record_forget(struct runtime *rt);
