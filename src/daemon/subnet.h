/* SPDX-License-Identifier: Apache-2.0 */
/* The network between an instance and the host. */
#pragma once

#include <stddef.h>

#include "base/slice.h"

#define SUBNET_DNS 3 /* slirp4netns answers name queries on this address of its network */

/* Picks a /24 that no route of this network namespace overlaps, as "10.0.2.0/24". */
void subnet_choose(char *ret, size_t size);

/* The same, with the routes given as /proc/net/route prints them. */
void subnet_choose_from(struct slice routes, char *ret, size_t size);

/* The address with that number in "A.B.C.0/24". */
void subnet_host(const char *subnet, unsigned int number, char *ret, size_t size);
