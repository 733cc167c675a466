/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths as text, without looking at any file system: what Go's path/filepath and moby make of the
 * path in a request and of the names in an archive, so that clients see the same names.
 */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

#define PATH_TEXT_MAX 65536u /* longest text that these functions make */

/* Appends the absolute, clean form of path: filepath.Join("/", path). Without "." and "..", without
 * empty parts, without a slash at the end (but "/" itself). out must be empty. */
void path_absolute(struct buf *out, const char *path);

/* Puts back onto the clean path in out what says "this is a directory" at the end of the original
 * ("/", "/."): moby's PreserveTrailingDotOrSeparator. */
void path_keep_tail(struct buf *out, const char *original);

/* Last part as filepath.Base tells it: "/a/b/" is "b", "/a/." is ".", "/" is "/", "" is ".".
 * Borrowed from path, or a literal. */
struct slice path_base(const char *path);

enum path_entry {
	PATH_ENTRY_ROOT = 1, /* the extraction root itself: ".", "./", "/" */
};

/*
 * The name of an archive entry, or the target of a hard link in it, relative to the extraction
 * root: leading slashes dropped, then path.Clean. Returns 0 and the clean name in out (which must
 * be empty), PATH_ENTRY_ROOT, or -EBADMSG when it leads out ("../x", "a/../../x").
 */
int path_entry(struct buf *out, const char *name);
