/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets that a published port is reached by: one in the network namespace of the host, which
 * is what this program is for, and one in the instance's, as the engine's own proxy has it (`docker
 * push localhost:5000/…` goes there).
 *
 * The way to the host's namespace is a mount that gabiond makes (daemon/hostnet.h). The texts are
 * those of Go, in which the engine's own proxy is written: users know them.
 */
#pragma once

#include "base/err.h"
#include "port/args.h"

#define LISTEN_ENGINE_FD 4 /* what -use-listen-fd is about */

struct listeners {
	int host;   /* in the host's namespace */
	int inside; /* in the instance's; -EBADF: the address is none of its own */
};

#define LISTENERS_INIT ((struct listeners){ -EBADF, -EBADF })

/* Makes both, or takes the engine's as `inside`. This process is in the instance's namespace before
 * and after; needs CAP_SYS_ADMIN and, for ports below 1024, CAP_NET_BIND_SERVICE. Descriptors are
 * non-blocking and the caller's. */
int listen_open(const struct args *a, struct listeners *ret, struct err *err);
