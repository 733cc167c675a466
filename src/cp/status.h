/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gabion-cp answers on --status-fd: lines of one JSON object each.
 *
 *   stat  one line, the facts (below), or an error
 *   get   the facts before the first byte of the tar stream, or an error and no stream; when the
 *         stream breaks off or could not be made whole, an error line after that
 *   put   {} once everything is in its place, or an error; what had been extracted by then stays
 *
 * facts: {"name":…,"size":…,"mode":…,"mtime":…,"linkTarget":…}, moby's container.PathStat as it
 * stands (base64) in X-Docker-Container-Path-Stat.
 *
 * error: {"error":WORD,"message":TEXT}. The text is what moby's own would be where there is one.
 *   not-found   no such path. Moby: 404 "Could not find the file PATH in container NAME"
 *   not-dir     put: PATH is not a directory (400)
 *   exists      --no-overwrite-dir-non-dir forbids what the archive asks (500)
 *   read-only   root file system or volume is read-only (400)
 *   no-space    disk or quota full (500)
 *   denied      the container's own root may not do that (500)
 *   bad-archive not a tar, truncated, names that lead out (500)
 *   gone        the container is not running, or stopped meanwhile
 *   internal    anything else (500)
 *
 * The process exits 0 when no error line was written, else 1; 2 for a wrong command line. It ends
 * early when nobody reads --status-fd any more, so keep that open until it has ended.
 */
#pragma once

#include <sys/stat.h>

#include "base/err.h"
#include "base/slice.h"

struct status_facts {
	struct slice name;
	struct stat st;
	const char *link_target; /* "" when it is no symlink */
};

/* Each writes its line in one write(2) where the pipe takes it. Return 0 or -errno. */
int status_facts(int fd, const struct status_facts *f);
int status_done(int fd);
/* The word is chosen by err->code. */
int status_error(int fd, const struct err *err);

/* WORD of a negative errno, as above. */
const char *status_word(int code);

/* Sets "OP PATH: why", as Go prints an os.PathError; returns the error's code. */
int status_fail(struct err *err, int code, const char *op, const char *path);
