/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

struct runtime;

/* Whether the network namespace behind this descriptor was made for a container to come: it is
 * bound to a path and nobody lives in it. 1: yes, and edit_network() will replace it; 0: no. */
int network_claim(struct runtime *rt, int ns, struct err *err);
