/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine keeps, guarded against what is in it. dockerd and containerd are root, and walk
 * through files of images and containers by their names, not always as carefully as they should: a
 * link among them, or one that is put in the place of a folder meanwhile, led to files of the host
 * (`docker push` of an image with a file behind a link; `docker commit --pause=false`; what an
 * image has for a new volume; CVE-2026-33748). So in the instance their folders are mounts of their
 * own, out of and into which nothing can be renamed (rename(2): EXDEV), and on those of layers and
 * volumes no symlink is followed (MOUNT_ATTR_NOSYMFOLLOW, Linux 5.14). Containers have other mounts
 * of these, on which links are followed as ever.
 */
#pragma once

#include "base/err.h"
#include "settings/instance.h"

/* DIR/lib/engine and DIR/lib/containerd, which are made if they are not there. This process has to
 * be inside, and nothing to use them. */
int guard_data(const struct instance *inst, struct err *err);

/* The folders of layers and volumes that are there and not guarded yet. Where something is mounted
 * below one, it is left as it is, because that would be hidden. */
int guard_folders(const struct instance *inst, struct err *err);

/* The same, with a line in the log where it fails: an engine that ends while no container runs
 * unmounts all below its layers' folder, and that. */
void guard_again(const struct instance *inst);
