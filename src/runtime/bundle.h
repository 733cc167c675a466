/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle's folder, which is containerd's. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct runtime;

/* What it was like before bundle_show(). */
struct bundle_was {
	bool changed;
	gid_t gid;
	mode_t mode;
};

/* Lets the container's root go through the folder, by its group, as containerd does for containers
 * that have a user namespace by the engine's doing. Nothing where everybody may. */
int bundle_show(struct runtime *rt, struct err *err);
/* Takes that back. */
void bundle_hide(struct runtime *rt);
