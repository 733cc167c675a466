/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gabiond, gabion-hold and gabion-vfs share so that no request to /dev/fuse is ever lost: a
 * memfd with one slot a worker of gabion-vfs. A worker has the kernel put a request straight into
 * its slot and empties the slot only when the answer has been written. So whatever instant
 * gabion-vfs is killed at, its successor finds every request that was taken and not answered, and
 * answers it first. One that had been answered is answered twice, which the kernel refuses (ENOENT)
 * and nobody notices.
 *
 * gabiond only looks: at a slot that keeps the same request for too long, and at requests that wait
 * while `rounds` stands still.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#define CONTROL_VFS_MAGIC 0x6776667300000001u /* "gvfs", version 1 */
#define CONTROL_VFS_WORKERS 4
/* The kernel wants room for 8192 bytes; nothing that it sends us is longer. */
#define CONTROL_VFS_REQUEST 8192

/* How they are kept by gabion-hold. */
#define CONTROL_VFS_HOLD_FUSE "vfs/fuse"
#define CONTROL_VFS_HOLD_SLOTS "vfs/slots"

struct control_vfs_slot {
	/* Grows with every request that the worker is done with. */
	_Alignas(64) uint64_t rounds;
	/* Number of the request in `request` when what it asks for has been done and only its
	 * answer may be missing; doing it again would undo what came after it. */
	uint64_t acted;
	int32_t result; /* of that: 0 or a negative errno */
	uint32_t unused;
	/* A struct fuse_in_header and what follows it; its first four bytes, the length, are zero
	 * while the slot is empty. */
	_Alignas(8) unsigned char request[CONTROL_VFS_REQUEST];
};

struct control_vfs {
	uint64_t magic;
	struct control_vfs_slot slots[CONTROL_VFS_WORKERS];
};
static_assert(sizeof(struct control_vfs_slot) == 8256, "what an older version left is read");
