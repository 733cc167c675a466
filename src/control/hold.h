/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gabiond and gabion-hold say to each other over DIR/run/hold.sock (SOCK_SEQPACKET): one
 * struct control_hold a message, in this machine's byte order, with one descriptor (SCM_RIGHTS)
 * where the operation has one. docs/protocol-hold.md.
 *
 * LIST, ENTRY and END stay as they are in every version, and LIST is answered whatever version it
 * names: so a gabiond takes what a holder of another version has, and replaces that.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#define CONTROL_HOLD_VERSION 1u
#define CONTROL_HOLD_NAME 96  /* with the NUL */
#define CONTROL_HOLD_MAX 4352 /* descriptors */

enum control_hold_op {
	CONTROL_HOLD_KEEP = 1, /* to gabion-hold, with a descriptor: in place of one of that name */
	CONTROL_HOLD_DROP,     /* to gabion-hold */
	CONTROL_HOLD_LIST,     /* to gabion-hold; answered by an ENTRY each and an END */
	CONTROL_HOLD_ENTRY,    /* from gabion-hold, with a descriptor */
	CONTROL_HOLD_END,
};

struct control_hold {
	uint32_t version;
	uint32_t op;
	char name[CONTROL_HOLD_NAME]; /* NUL-terminated, not empty but for LIST and END */
};
static_assert(sizeof(struct control_hold) == 104, "a message of every version has this size");
