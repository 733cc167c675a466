/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What published ports need. gabion-port, which dockerd starts inside for each, listens in the
 * host's network namespace. It finds that at DIR/run/host-net: a mount of the namespace itself,
 * seen in the instance's mount namespace only, so it is there for as long as anything of the
 * instance lives, whoever has been killed. On the host the name is an empty file.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "settings/instance.h"

/* Ports that the kernel chooses from, both included; 0, 0: not known. */
struct hostnet_ports {
	uint32_t first, last;
};

/* Those of the network namespace that this process is in. */
struct hostnet_ports hostnet_ports(void);

/* Makes that mount, if it is not there; this process is in the instance's mount namespace. */
int hostnet_mount(const struct instance *inst, int host_net, struct err *err);

/* Settings of the instance's network namespace, in which this process is, so that dockerd picks
 * ports that the host has: addresses of the host can be bound to, and `-P` counts on from a place
 * of its own in the host's range, where neither another instance nor the host's own engine begins.
 * Failing is logged, and no harm but to those. */
void hostnet_tune(const struct instance *inst, struct hostnet_ports host);

/* Where `-P` begins for an instance with that number. */
struct hostnet_ports hostnet_share(struct hostnet_ports host, uint64_t number);
