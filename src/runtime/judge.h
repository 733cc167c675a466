/* SPDX-License-Identifier: Apache-2.0 */
/* May a path of the host be bound into this container? Facts from place.h, the decision from
 * policy/hostmount.h, and what is mounted below the path judged with it. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct runtime;

/* *ret_read_only: only read-only, whatever the spec asks. -EPERM with the text for the user. */
int judge_host(struct runtime *rt, int fd, const char *asked, bool recursive, bool *ret_read_only,
	       struct err *err);
