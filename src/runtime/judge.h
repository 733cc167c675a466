/* SPDX-License-Identifier: Apache-2.0 */
/* May a path of the host be bound into this container (hostpath/hostpath.h)? */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct runtime;

/* *ret_read_only: only read-only, whatever the spec asks. -EPERM with the text for the user. */
int judge_host(struct runtime *rt, int fd, const char *asked, bool recursive, bool *ret_read_only,
	       struct err *err);

/* Is it on a file system that any bind may come from? -EPERM with the text for the user. */
int judge_fs(int fd, const char *asked, struct err *err);
