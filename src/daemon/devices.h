/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device nodes our daemons, the engine and containerd among them, may open. They are root,
 * and walk through files of images, archives and build contexts, in which a node may stand: made by
 * whoever wrote the archive, opened by dockerd, it was the host's disk (`docker load` and `docker
 * save` of a layer that is a block device; BuildKit's FileOp). To make nodes, as layers have them,
 * is not limited. Containers are not meant: their own cgroups are beside this one.
 *
 * Version 1: the devices controller. Version 2 alone: a BPF program (BPF_PROG_TYPE_CGROUP_DEVICE,
 * Linux 4.15) in its place.
 */
#pragma once

#include "base/err.h"
#include "daemon/cgroup.h"

/* For NAME/engine, which is there, and NAME/dockerd, where it is (memory.h). May be called again.
 * -EPERM: that takes root of the initial user namespace; nodes made by others cannot be of use then
 * either. -ENOENT: this kernel or this host has neither. */
int devices_limit(const struct cgroups *c, struct err *err);
