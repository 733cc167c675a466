/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of one call. The kernel keeps what has to be kept (view/view.h); gabion-vet makes
 * work what the kernel refuses because of that: new mounts of procfs and sysfs, binds and unmounts
 * of them as a whole, a read-only sysfs. So everything else continues: a thread that changes an
 * argument after it was looked at gets another call of its own, judged by the kernel with the
 * thread's own rights.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct outcome;
struct stuck;

/* What to answer: the error number (0: success), or that the call continues. */
enum { DECIDE_CONTINUE = 1 };

struct decide_asked {
	const char *container; /* its id */
	const char *views;     /* folder of records (view/record.h) */
	pid_t tid;
	uint32_t arch;
	int nr;
	const uint64_t *args;	 /* six */
	struct outcome *outcome; /* set by what is done, where something is done */
	struct stuck *stuck;	 /* the listener's */
	/* Whether the thread still waits in that call; what was read of it is its own then. */
	bool (*valid)(void *data);
	void *data;
};

/* 0, DECIDE_CONTINUE, or -errno for the thread. */
int decide(const struct decide_asked *q);
