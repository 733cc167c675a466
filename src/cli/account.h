/* SPDX-License-Identifier: Apache-2.0 */
/* A user named on the command line. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* By name, or by number as `id -u` prints it. -ENOENT with a text when there is no such account. */
int account_find(const char *user, uint32_t *ret_uid, uint32_t *ret_gid, struct err *err);
