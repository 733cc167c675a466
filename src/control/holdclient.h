/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabiond's side of gabion-hold (control/hold.h): descriptors that have to outlive gabiond. What
 * cannot be given to it now is given when it is up again: gabiond gives it everything then.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct hold {
	int fd;	   /* connected; -EBADF: not */
	bool lost; /* there was a connection, until it did not take a message */
};

#define HOLD_INIT ((struct hold){ .fd = -EBADF })

enum hold_listed {
	HOLD_LISTED = 0,
	HOLD_OTHER_VERSION, /* everything was seen, but the holder takes nothing from us */
};

/* Connects to the socket at path, in place of what there was. Returns 0 or -errno. */
int hold_connect(struct hold *h, const char *path);
void hold_close(struct hold *h);

/* What is kept, one call each, with a name of CONTROL_HOLD_NAME bytes; the descriptor is found()'s,
 * which must not use h. Returns an enum hold_listed, or -errno when not all was seen (and closes
 * the connection). */
int hold_list(struct hold *h, void (*found)(const char *name, int take_fd, void *data), void *data);

/* The descriptor stays the caller's. Without a connection nothing happens; one that does not take
 * it in time is closed. */
void hold_keep(struct hold *h, const char *name, int fd);
void hold_drop(struct hold *h, const char *name);
