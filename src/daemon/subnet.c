/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/subnet.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/util.h"
#include "policy/subnets.h"

#define ROUTES_MAX (1024u * 1024u)
#define MASK_24 0xffffff00u

/* Eight hexadecimal digits of an address in memory order. */
static bool parse_address(struct slice s, uint32_t *ret)
{
	uint32_t v = 0;

	if (s.n != 8)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (uint32_t)(c - 'A' + 10);
		else
			return false;
	}
	*ret = ntohl(v);
	return true;
}

/* Interface, destination, gateway, flags, references, use, metric, mask, …: tab-separated. */
static bool overlaps(struct slice line, uint32_t net)
{
	struct slice field[8];
	uint32_t to;
	uint32_t mask;

	for (size_t i = 0; i < ARRAY_SIZE(field); i++)
		if (!slice_split(&line, '\t', &field[i]))
			return false;
	if (!parse_address(field[1], &to) || !parse_address(field[7], &mask) || mask == 0)
		return false; /* the heading, the default route */
	mask &= MASK_24;
	return (to & mask) == (net & mask);
}

void subnet_choose_from(struct slice routes, char *ret, size_t size)
{
	uint32_t chosen = subnets_own[0];

	for (size_t i = 0; i < SUBNETS_OWN; i++) {
		struct slice rest = routes;
		struct slice line;
		bool taken = false;

		while (slice_split(&rest, '\n', &line))
			taken = taken || overlaps(line, subnets_own[i]);
		if (!taken) {
			chosen = subnets_own[i];
			break;
		}
	}
	(void)snprintf(ret, size, "%u.%u.%u.0/24", chosen >> 24, chosen >> 16 & 0xff,
		       chosen >> 8 & 0xff);
}

void subnet_choose(char *ret, size_t size)
{
	CLEANUP_BUF struct buf routes = BUF_INIT(ROUTES_MAX);

	(void)file_read("/proc/net/route", &routes);
	subnet_choose_from(buf_slice(&routes), ret, size);
}

void subnet_host(const char *subnet, unsigned int number, char *ret, size_t size)
{
	struct slice s = slice_str(subnet);
	size_t last = 0;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '.')
			last = i;
	(void)snprintf(ret, size, "%.*s.%u", (int)last, subnet, number);
}
