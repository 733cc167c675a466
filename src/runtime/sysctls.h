/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spec's linux.sysctl, written by us: runc writes them after the hooks, when /proc/sys is
 * read-only already; crun before.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "json/json.h"

/* Writes them in the namespaces of this process, as the root of its user namespace, who is nobody
 * outside: a setting that is not the namespaces' own it cannot change. sysctls: name to value, with
 * dots for slashes (OCI runtime spec, "sysctl"). 0 or -errno. */
int sysctls_write(const struct json *sysctls, pid_t pid, struct err *err);
