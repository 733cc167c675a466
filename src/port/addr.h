/* SPDX-License-Identifier: Apache-2.0 */
/* An address and a port, IPv4 or IPv6. */
#pragma once

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDR_TEXT_MAX 64

struct addr {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t len;
};

/* Reads "192.0.2.1" or "2001:db8::1"; the IPv4 in "::ffff:192.0.2.1" comes out as IPv4. The port of
 * *ret is `port`. Returns 0 or -EINVAL. */
int addr_parse(const char *text, uint16_t port, struct addr *ret);

/* "192.0.2.1:80" or "[2001:db8::1]:80". */
void addr_print(const struct addr *a, char ret[ADDR_TEXT_MAX]);
