/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers that the engine must not put together again, for a push or an archive: it would read files
 * of the host, as root, and send them to whatever registry (tarsplit.h). Such a layer can come by a
 * pull, so the gate does not see it; but the engine has to open what it keeps of the layer's
 * archive. So the kernel asks gabiond about what is opened on the mount of DIR/lib/engine/image
 * (guard.h; fanotify(7), FAN_OPEN_PERM), and a process without rights reads it. What was found to
 * be harmless is not looked at again until somebody writes to it; what cannot be read, or takes too
 * long, is not opened.
 *
 * While there is no gabiond nobody is asked, and the next one asks again.
 */
#pragma once

#include "base/err.h"
#include "base/loop.h"
#include "settings/instance.h"

#define LAYERS_AT_ONCE 4u
#define LAYERS_WAITING 512u /* more are refused */

struct layers {
	struct loop *loop;
	struct loop_fd watch;
	int fd; /* owned: the kernel's questions */
	struct layers_check {
		struct layers *all;
		int fd; /* owned: what is to be opened; -EBADF: nothing */
		struct loop_child child;
		struct loop_timer timer;
	} checks[LAYERS_AT_ONCE];
	int waiting[LAYERS_WAITING]; /* owned: those that come next */
	unsigned nwaiting;
};

#define LAYERS_INIT ((struct layers){ .fd = -EBADF })

/* -EPERM: that takes root of the initial user namespace. */
int layers_start(struct layers *l, struct loop *loop, struct err *err);
void layers_done(struct layers *l);

/* After the folder may have become a mount (guard.h), as often as it likes. This process has to be
 * inside. Does nothing after layers_start() failed. */
int layers_mark(struct layers *l, const struct instance *inst, struct err *err);
/* The same, with a line in the log where it fails. */
void layers_again(struct layers *l, const struct instance *inst);
