/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are being answered, in memory that outlives a gabion-vet that is killed: a memfd that
 * gabion-hold keeps beside the listeners.
 *
 * The kernel gives a notification to nobody twice, and the thread that asked waits for its answer
 * until it dies. So SECCOMP_IOCTL_NOTIF_RECV writes straight into the listener's slot, and the slot
 * is emptied after SECCOMP_IOCTL_NOTIF_SEND: whatever instant gabion-vet is killed at, its
 * successor finds every call that was taken and not answered. What had been done by then stands
 * there as well, so that it is not done twice.
 */
#pragma once

#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "control/hold.h"
#include "vet/perform.h"

#define SLOT_NOTIF_MAX 256 /* bytes of a notification; it is 80 in Linux 6.18 */

struct slot {
	char name[CONTROL_HOLD_NAME]; /* of the listener; empty: free */
	struct outcome outcome;	      /* of the call in `notif` */
	union {
		struct seccomp_notif notif; /* all zeros: none (seccomp_unotify(2)) */
		unsigned char room[SLOT_NOTIF_MAX];
	};
};

struct slots {
	struct slot *v; /* CONTROL_HOLD_MAX of them */
	int fd;		/* the memfd */
	int lock;	/* the same, locked for as long as this process or a child of it lives */
};

#define SLOTS_INIT ((struct slots){ .fd = -EBADF, .lock = -EBADF })

/* Maps them, when nothing of the former gabion-vet is at work any more: a process that it had in a
 * system call when it was killed would make that call beside the one that is made again. fd: an
 * earlier gabion-vet's, or -EBADF for new ones; it is taken. One that is not of this version is
 * given up, for new ones. Returns 0 or -errno: then the kernel's notifications have no room, or
 * there is no memory. */
int slots_open(struct slots *s, int fd, struct err *err);

/* That of the listener of this name, which may have a call in it, or a free one; NULL: none is
 * left. */
struct slot *slots_of(struct slots *s, const char *name);

/* The listener is gone. */
void slot_free(struct slot *slot);

/* Whether there is a call in it. */
bool slot_is_full(const struct slot *slot);

/* There is none (any more). */
void slot_empty(struct slot *slot);
