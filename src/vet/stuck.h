/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that look up a path in a file system of the container's own (FUSE) and do not come
 * back. They end themselves after a while (task.h); but where the file system has taken the
 * question and does not answer, the kernel ends nobody ("wait it out", request_wait_answer() in
 * fs/fuse/dev.c) until it does, or the container's end closes it. So each listener may have so many
 * of them and no more. What tells whether one lives is the end of a pipe or socket that only it has
 * still open.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define STUCK_MAX 4

struct stuck {
	size_t n;
	struct stuck_one {
		int end;   /* hangs up with the process */
		pid_t pid; /* a child of this process, to be waited for; 0: it is none */
	} one[STUCK_MAX];
};

#define STUCK_NONE ((struct stuck){ .n = 0 })

/* Forgets those that have ended. Whether there is no room for another. */
bool stuck_full(struct stuck *s);

/* Adds one, unless it has ended. There has to be room. */
void stuck_add(struct stuck *s, int take_end, pid_t pid);

/* Waits until all have ended: for when the container has. */
void stuck_wait(struct stuck *s);
