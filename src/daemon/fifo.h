/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nobody waits for ever in opening a named pipe (fifo(7)) that an image has. dockerd opens files of
 * images, containers, archives and build contexts by their names (/etc/passwd, manifest.json,
 * Dockerfile, …), as root and with locks held. Where one of those is a named pipe it waited for
 * whoever would come to the other end, and everybody who asked it about that container waited, too.
 *
 * So gabiond looks at its threads, and at those of the processes that it starts, now and then. For
 * one that is in opening a named pipe among what the engine keeps, it opens the other end and
 * closes it again: dockerd reads an end of file, and says what it makes of that. The engine's own
 * named pipes (standard input and output of containers) are elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/loop.h"
#include "settings/instance.h"

#define FIFO_LOOK_NS (1 * LOOP_NSEC_PER_SEC)
/* After a look that found one: docker-tar opens /etc/passwd once a file that it packs. */
#define FIFO_NEXT_LOOK_NS (2 * LOOP_NSEC_PER_MSEC)

struct fifo_look {
	const struct instance *inst;
	bool quiet; /* nothing goes to the log */
};

/* Looks at all threads of a process, and of those that it started, once. Returns how many of them
 * were in opening one; what cannot be looked at (the process has gone, kernel.yama.ptrace_scope is
 * 3) counts as none. */
size_t fifo_release(const struct fifo_look *l, pid_t pid);
