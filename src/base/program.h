/* SPDX-License-Identifier: Apache-2.0 */
/* Where the other programs of this suite are. */
#pragma once

#include "base/err.h"

/* Absolute path of program `name` ("gabiond", "gabion-runc"): in $GABION_LIBEXEC if that is set
 * (tests), else beside the running program, in ../libexec/gabion seen from it, or where a build
 * folder has it. ret has room for PATH_MAX bytes. Returns 0 or -ENOENT. */
int program_find(const char *name, char *ret, struct err *err);
