/* SPDX-License-Identifier: Apache-2.0 */
/* What is done inside the container, by a process that is confined to it (sandbox.h). */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "cp/job.h"
#include "cp/tar.h"

struct work {
	const struct job *job;	/* with fd and status_fd as they are now */
	int root;		/* O_PATH, the container's root and this process's */
	struct slice mountinfo; /* of the container, for get */
};

/* Each answers on the status descriptor when all went well; else returns a negative code with the
 * text that is to be answered. */
int work_stat(const struct work *w, struct err *err);
int work_get(const struct work *w, struct err *err);
int work_put(const struct work *w, struct err *err);

/* Answers the facts about the open file fd, whose path is `text` as fs_open_client() made it. */
int work_facts(const struct work *w, int fd, const char *text, struct stat *ret, struct err *err);
