/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device nodes of the host a container may have: the harmless ones, and those that
 * gabion.json names (hostpath/device.h compares them by number).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "policy/verdict.h"

#define DEVICE_ANY (-1)

struct device {
	char type;     /* c, b; p for a pipe; a for all */
	int64_t major; /* DEVICE_ANY: all */
	int64_t minor;
};

/* Every container has these from the lower runtime (OCI runtime spec, "Default Devices"). */
extern const struct device device_standard[];
extern const size_t device_standard_n;

bool device_is_standard(const struct device *d);
/* Open to any user of a host by design, and bound to the opener's namespaces. */
bool device_is_harmless(const struct device *d);

/* The denials of a node and of a rule; etc: the folder of gabion.json. */
void device_deny(struct verdict *ret, const char *path, const struct device *d, const char *etc);
void device_deny_rule(struct verdict *ret, const char *rule, const char *etc);

/* A device-cgroup rule as engines take it, "c 10:200 rwm". *ret_opens: it lets nodes be opened, not
 * only made. 0, or -EINVAL. */
int device_rule_parse(struct slice text, struct device *ret, bool *ret_opens);
