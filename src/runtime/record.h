/* SPDX-License-Identifier: Apache-2.0 */
/* run/containers/ID.json, written by edit-record.c:
 *   id, base, size   the container and its ids; "joined": of another container
 *   view             mount point of the engine's read-only view, where there is one
 *   overlay          the engine's own overlay options, as mountinfo printed them
 *   pidFile, bundle, lowerRuntime */
#pragma once

struct runtime;

/* Path of this container's record, in the arena. The id must be a file name: edit_record() checks.
 */
const char *record_path(struct runtime *rt);
