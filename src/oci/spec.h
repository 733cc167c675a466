/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OCI runtime spec (config.json, versions 1.0 to 1.2) as a canonical JSON tree, and the few
 * questions that many edits ask of it.
 *
 * The tree has every key of the spec at most once and in its exact case; keys that no spec knows
 * are kept, because lower runtimes evolve. What stands under a known key has the kind that the spec
 * gives it: after oci_spec_load() a `linux.namespaces` that is there is a list of objects, and
 * json_at() and json_get() need no further check. A missing key is Go's zero value.
 */
#pragma once

#include "json/json.h"
#include "json/shape.h"

/* The shape of a whole config.json, and of parts that arrive alone. */
extern const struct shape oci_spec_shape;
extern const struct shape oci_process_shape;   /* exec --process FILE */
extern const struct shape oci_resources_shape; /* update --resources FILE */

/* Parses and canonises. Refuses duplicate keys, NUL characters and what does not fit the spec; the
 * error names the place. -EINVAL, -E2BIG or -ENOMEM as json_parse() and json_canon(). */
int oci_spec_load(struct arena *a, struct slice text, struct json **ret, struct err *err);
int oci_load_as(struct arena *a, struct slice text, const struct shape *shape, struct json **ret,
		struct err *err);

/* The entry of linux.namespaces of that type ("pid"; the last one, if there are several), or NULL:
 * then the container shares the host's. An entry with a "path" joins that one. */
struct json *oci_namespace_find(const struct json *spec, const char *type);

/* Mounts in the order in which they are made. */
size_t oci_mount_count(const struct json *spec);
struct json *oci_mount_get(const struct json *spec, size_t at);
/* The last mount with this destination, or NULL; `/dev//shm/` is the same as `/dev/shm`. */
struct json *oci_mount_find(const struct json *spec, const char *destination);

/* Exact options such as "ro". Adding one that is there does nothing; removing takes all of them. */
bool oci_mount_has_option(const struct json *mount, const char *option);
int oci_mount_add_option(struct arena *a, struct json *mount, const char *option);
bool oci_mount_del_option(struct json *mount, const char *option);

/* Is the capability in any of the process's sets? */
bool oci_process_has_cap(const struct json *spec, const char *cap);
