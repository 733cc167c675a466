/* SPDX-License-Identifier: Apache-2.0 */
/* The lower runtime: crun or runc, which really makes the container. */
#pragma once

#include "base/err.h"
#include "settings/facts.h"

/* Absolute path of the lower runtime in ret[PATH_MAX]: gabion.json's, else the first crun, else the
 * first runc of the usual folders that is not gabion-runc itself under another name. */
int lower_find(const struct facts *facts, char *ret, struct err *err);
