/* SPDX-License-Identifier: Apache-2.0 */
#include "json/utf8.h"

/* By lead byte: bits of the character in it, length, and least value that needs this length. */
static const struct lead {
	unsigned char first;
	unsigned char last;
	unsigned char mask;
	unsigned char n;
	uint32_t least;
} leads[] = {
	{ 0x00, 0x7f, 0x7f, 1, 0 },
	{ 0xc2, 0xdf, 0x1f, 2, 0x80 },
	{ 0xe0, 0xef, 0x0f, 3, 0x800 },
	{ 0xf0, 0xf4, 0x07, 4, 0x10000 },
};

static const struct lead *find_lead(unsigned char c)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (c >= leads[i].first && c <= leads[i].last)
			return &leads[i];
	return NULL;
}

size_t utf8_decode(struct slice s, uint32_t *ret)
{
	const struct lead *lead = find_lead((unsigned char)s.p[0]);
	uint32_t c;

	*ret = UTF8_REPLACEMENT;
	if (!lead || lead->n > s.n)
		return 0;
	c = (unsigned char)s.p[0] & lead->mask;
	for (size_t i = 1; i < lead->n; i++) {
		unsigned char next = (unsigned char)s.p[i];

		if ((next & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (next & 0x3f);
	}
	if (c < lead->least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return lead->n;
}

size_t utf8_encode(uint32_t c, char *to)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}
