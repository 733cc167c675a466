/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes of this host: those that gabion.json names, and what --device asks for. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "policy/device.h"
#include "settings/facts.h"

struct hostpath;

/* The nodes that gabion.json names, by number: the name in the container may differ. */
struct device_list {
	const struct device *items;
	size_t n;
};

/* As far as they are there. */
void device_list_load(struct arena *a, const struct facts *facts, struct device_list *ret);
/* Is it one of them, or open to every container? */
bool device_list_opens(const struct device_list *l, const struct device *d);

/* Decides on what fd (O_PATH) refers to, as engines read --device: a node, or a folder whose nodes
 * are meant, at any depth. What is neither is allowed: no engine takes it. 0: *ret says it;
 * -errno. */
int device_judge(const struct hostpath *h, int fd, const char *asked, struct verdict *ret,
		 struct err *err);
/* Decides on a device-cgroup rule. -EINVAL: it is none. */
int device_judge_rule(const struct hostpath *h, const char *rule, struct verdict *ret,
		      struct err *err);
