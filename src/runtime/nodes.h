/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default device nodes (OCI runtime spec, "Default Devices"). In a user namespace the lower
 * runtime binds the host's, whose owner has no name inside and whose inode the container would
 * share. Nodes of our own, owned by the container's root, stand in their places in the private
 * namespace.
 */
#pragma once

#include "base/err.h"

struct runtime;

int nodes_cover(struct runtime *rt, struct err *err);
