/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line that dockerd gives its userland proxy, as Go's package flag reads it: one dash
 * or two, the value apart or after "=", a switch with or without one.
 *
 *   -proto tcp|udp|sctp -host-ip IP -host-port N -container-ip IP -container-port N
 * [-use-listen-fd]
 *
 * The last is of Docker 28 and later: then descriptor 4 is a socket that the engine has bound in
 * its own network namespace.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "port/addr.h"

enum args_proto {
	ARGS_TCP,
	ARGS_UDP,
	ARGS_SCTP,
	ARGS_PROTO_COUNT,
};

/* Outcomes beside 0. */
enum {
	ARGS_HELP = 1,
	ARGS_VERSION = 2,
};

struct args {
	enum args_proto proto;
	struct addr host;      /* where to listen */
	struct addr container; /* where that leads */
	bool use_listen_fd;
};

/* Returns 0, ARGS_HELP or ARGS_VERSION, or -EINVAL with a text. */
int args_parse(int argc, char *const *argv, struct args *ret, struct err *err);

/* "tcp" */
const char *args_proto_name(enum args_proto proto);
