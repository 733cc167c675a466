/* SPDX-License-Identifier: Apache-2.0 */
#include "port/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int addr_parse(const char *text, uint16_t port, struct addr *ret)
{
	struct addr a = { .len = 0 };
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) != 1) {
		if (inet_pton(AF_INET6, text, &v6) != 1)
			return -EINVAL;
		if (!IN6_IS_ADDR_V4MAPPED(&v6)) {
			a.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
						      .sin6_port = htons(port),
						      .sin6_addr = v6 };
			a.len = sizeof(a.v6);
			*ret = a;
			return 0;
		}
		memcpy(&v4, &v6.s6_addr[12], sizeof(v4));
	}
	a.v4 = (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr = v4 };
	a.len = sizeof(a.v4);
	*ret = a;
	return 0;
}

void addr_print(const struct addr *a, char ret[ADDR_TEXT_MAX])
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (a->any.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &a->v6.sin6_addr, text, sizeof(text));
		(void)snprintf(ret, ADDR_TEXT_MAX, "[%s]:%u", text, ntohs(a->v6.sin6_port));
	} else {
		(void)inet_ntop(AF_INET, &a->v4.sin_addr, text, sizeof(text));
		(void)snprintf(ret, ADDR_TEXT_MAX, "%s:%u", text, ntohs(a->v4.sin_port));
	}
}
