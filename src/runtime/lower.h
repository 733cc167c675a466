/* SPDX-License-Identifier: Apache-2.0 */
/* The lower runtime: crun or runc, which really makes the container. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "settings/facts.h"

/* Absolute path of the lower runtime in ret[PATH_MAX]: gabion.json's, else the first crun, else the
 * first runc of the usual folders that is not gabion-runc itself under another name. */
int lower_find(const struct facts *facts, char *ret, struct err *err);

/* Another one in ret where this one does not know `run --keep` (crun before 1.15), which BuildKit
 * from 0.13 on, Docker 26, asks for: the first runc, unless gabion.json names the lower runtime. */
int lower_for_keep(const struct facts *facts, char *ret, struct err *err);

/* By its name. */
bool lower_is_crun(const char *path);

/* Becomes the program at path (absolute), as argv. It runs from a read-only mount of its own, which
 * crun and runc take, as they should, for a program that no container can write to (CVE-2019-5736):
 * elsewhere they copy or mount themselves and start once more. That is left to them where the
 * caller has not the privilege to mount, and so none to make a container; any other failure is one.
 * Returns -errno when it did not start. */
int lower_become(const char *path, char *const argv[]);
