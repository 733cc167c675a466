/* SPDX-License-Identifier: Apache-2.0 */
/* Where in the tree of cgroups a container may be put (--cgroup-parent). */
#pragma once

#include <stdbool.h>

#include "base/slice.h"
#include "policy/verdict.h"

/* The group "engine" beside containers' groups is that of the instance's own services. */
#define CGROUP_SERVICES "engine"

/* dockerd's own, where its memory is limited, is another one. */
#define CGROUP_DOCKERD "dockerd"

/* Whether a container may be put below parent, a path from where the engine's containers are. Not
 * into the group of another container, whose limits and whose freezing, killing and memory it would
 * share; not into that of the services; and not up. Outside of instances of ours (Podman's pods
 * have ids, too) only the last holds. Rule "cgroup-parent". */
void cgroup_judge_parent(struct slice parent, bool instance, struct verdict *ret);
