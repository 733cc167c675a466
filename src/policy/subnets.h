/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that lead an instance's engine out, to its name server among others (slirp4netns(1)). A
 * network of containers over them would get what the engine asks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define SUBNETS_OWN 4
#define SUBNETS_DEVICE "tap0" /* the instance's interface there */

/* In host byte order, 24 bits each: an instance takes the first one that the host does not use. */
extern const uint32_t subnets_own[SUBNETS_OWN];

/* Whether a subnet as the engine reads it (Go's net.ParseCIDR, old ones with leading zeros) may
 * have one of these addresses in it. What is no subnet has none: the engine says so. */
bool subnets_cover_own(struct slice cidr);
