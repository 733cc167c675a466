/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces. Who owns one (the user namespace it was made in) is fixed for ever, and only
 * root of the owner may set it up, see its /sys, write its sysctls or open low ports in it. So
 * where an engine hands a container a namespace of the host's making, what is in it moves to one of
 * the container's own.
 */
#pragma once

#include "base/err.h"

/* A new one, empty, owned by this user namespace. Returns a descriptor. */
int netns_create(int userns, struct err *err);

/* Whether any process is in it with all its threads: 1 yes, 0 no. Reads /proc. */
int netns_in_use(int ns, struct err *err);

/*
 * Moves every interface from one to the other, with its name, permanent addresses, state, and the
 * routes that somebody set (not those that the kernel makes or hears of). Devices that every
 * namespace has of itself stay. Not moved: rules, neighbours, packet filters, sysctls. When it
 * fails, part of it may have been moved.
 */
int netns_move(int from, int to, struct err *err);
