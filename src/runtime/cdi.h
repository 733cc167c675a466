/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the CDI devices of this container bring in. The engine has put it into the spec; the edits
 * let through what is found here, and judge everything else as if nobody had named a device.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "oci/cdi.h"
#include "policy/device.h"

struct cdi_node {
	const char *path; /* in the container */
	struct device d;
	const char *access; /* r, w, m */
};

/* All zero: no devices. */
struct cdi {
	struct cdi_edits edits;
	struct cdi_node *nodes;
	size_t nnodes;
};

/* Where engines look unless told otherwise, the last one first; NULL-terminated. */
extern const char *const cdi_folders[];

/* Finds the named devices (an array of fully qualified names) in the files of these folders, which
 * have to be root's and nobody else's to write, and adds what they bring in. -errno, with a text
 * that names the file or the device. */
int cdi_load(struct arena *a, const char *const *folders, const struct json *names, struct cdi *ret,
	     struct err *err);

/* The node of that path and those numbers, or NULL. */
const struct cdi_node *cdi_find_node(const struct cdi *c, const char *path, const struct device *d);
/* Is any of the nodes that one, under whatever name? */
bool cdi_opens(const struct cdi *c, const struct device *d);
