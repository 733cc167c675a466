/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Docker's data root tells about a mount source below it whose path alone does not say whose
 * it is: parts of volumes and images under temporary names, and layers named by random numbers.
 * `rest` is a path relative to the data root.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "json/json.h"

struct runtime;

/* tmp/safe-mountN: part of a volume or image (volume-subpath, image-subpath; Docker 25, 28). */
bool dockerdata_is_part(const char *rest);

/* The object at `path`, on the mount `mnt_id`, as it is named where its whole is mounted: a path
 * below an engine's root, in the arena, and that mount's point. 1: it has no such name. */
int dockerdata_whole(struct runtime *rt, uint64_t mnt_id, const char *path, const char **ret_path,
		     const char **ret_point, struct err *err);

/* Whether overlay2/LAYER/… or vfs/dir/LAYER is what Docker made for an image mount of this
 * container (--mount type=image): image/DRIVER/layerdb/mounts/ID-IMAGE/mount-id holds its name. */
bool dockerdata_is_image_mount(const char *root, const char *rest, const char *id);

/* The image of this container, as the engine's own record of it has it: its id, and what it was
 * called when it was asked for. Returns 0, or -ENOENT where there is no such record. Strings are in
 * the arena. */
int dockerdata_image(struct runtime *rt, const char **ret_id, const char **ret_asked);

/* HostConfig.DeviceRequests of this container, as the engine's own record of it has them: an array,
 * or NULL where there is no record or it has none. */
int dockerdata_requests(struct runtime *rt, const struct json **ret, struct err *err);
