/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's load: how many CPUs it kept busy, damped over 1, 5 and 15 minutes as the kernel
 * damps the number of running tasks. Computed when it is asked for, from how much CPU time has been
 * used since the last time, so nothing has to be sampled meanwhile. Tasks that wait for a CPU are
 * not in it: no cgroup says how many they are.
 */
#pragma once

#include <stdint.h>

struct load {
	uint64_t at_ns;	  /* of the last look; 0: the container's start */
	uint64_t used_ns; /* CPU time until then */
	double average[3];
};

/* at_ns: time since the container's start. */
void load_update(struct load *l, uint64_t at_ns, uint64_t used_ns);
