/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/subnets.h"

#define OWN_BITS 24u

/* The first one is slirp4netns's default; none is of the pools that the engine takes networks from
 * (172.17.0.0 to 172.31.255.255, 192.168.0.0/16). */
const uint32_t subnets_own[SUBNETS_OWN] = {
	0x0a000200, /* 10.0.2.0 */
	0x0afed200, /* 10.254.210.0 */
	0x0a6f8e00, /* 10.111.142.0 */
	0xc6120200, /* 198.18.2.0, benchmarking (RFC 2544) */
};

static bool take_number(struct slice *s, uint32_t max, uint32_t *ret)
{
	size_t n = 0;

	*ret = 0;
	while (n < s->n && n < 16 && s->p[n] >= '0' && s->p[n] <= '9') {
		*ret = *ret * 10 + (uint32_t)(s->p[n++] - '0');
		if (*ret > max)
			return false;
	}
	*s = slice_from(*s, n);
	return n > 0;
}

static bool take_char(struct slice *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = slice_from(*s, 1);
	return true;
}

/* Only IPv6 texts whose first group is zero can be an IPv4 address in another form. */
static bool may_be_mapped(struct slice s)
{
	size_t zeros = 0;

	while (zeros < s.n && s.p[zeros] == '0')
		zeros++;
	return zeros < s.n && s.p[zeros] == ':';
}

bool subnets_cover_own(struct slice cidr)
{
	struct slice s = cidr;
	uint32_t address = 0;
	uint32_t part;
	uint32_t bits;

	if (slice_find(s, ':') < s.n)
		return may_be_mapped(s);
	for (int i = 0; i < 4; i++) {
		if ((i > 0 && !take_char(&s, '.')) || !take_number(&s, 255, &part))
			return false;
		address = address << 8 | part;
	}
	if (!take_char(&s, '/') || !take_number(&s, 32, &bits) || s.n > 0)
		return false;
	bits = bits < OWN_BITS ? bits : OWN_BITS;
	for (size_t i = 0; i < SUBNETS_OWN; i++)
		if (bits == 0 || (address ^ subnets_own[i]) >> (32 - bits) == 0)
			return true;
	return false;
}
