/* SPDX-License-Identifier: Apache-2.0 */
/* The container, held by descriptors so that it cannot become another one. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "cp/job.h"

struct pin {
	int pidfd;
	int user; /* namespaces */
	int mnt;
	int pid;
	int root;	      /* O_PATH, the root of its first process */
	struct buf mountinfo; /* raw text, not looked at yet */
};

#define PIN_MOUNTINFO_MAX (16u << 20)
#define PIN_INIT                        \
	((struct pin){ .pidfd = -EBADF, \
		       .user = -EBADF,  \
		       .mnt = -EBADF,   \
		       .pid = -EBADF,   \
		       .root = -EBADF,  \
		       .mountinfo = BUF_INIT(PIN_MOUNTINFO_MAX) })

/*
 * Opens all that of the process job->pid and makes sure that its user namespace has exactly the ids
 * that the container was given: those belong to nobody else, so it is that container whatever the
 * number of the process meant before. Nothing that the container wrote is interpreted. Returns 0;
 * -ESRCH when it is not running; -EPERM when it is not that container; -errno.
 */
int pin_open(struct pin *ret, const struct job *job, struct err *err);
void pin_done(struct pin *p);
