/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <errno.h>
#include <stdint.h>

static const char sets[][65] = {
	[BASE64_STD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	[BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

void base64_encode(enum base64_set set, struct slice in, struct buf *b)
{
	const char *digits = sets[set];

	for (size_t i = 0; i < in.n; i += 3) {
		size_t left = in.n - i;
		uint32_t v = (uint32_t)(unsigned char)in.p[i] << 16;

		if (left > 1)
			v |= (uint32_t)(unsigned char)in.p[i + 1] << 8;
		if (left > 2)
			v |= (uint32_t)(unsigned char)in.p[i + 2];
		buf_add_char(b, digits[v >> 18 & 63]);
		buf_add_char(b, digits[v >> 12 & 63]);
		buf_add_char(b, left > 1 ? digits[v >> 6 & 63] : '=');
		buf_add_char(b, left > 2 ? digits[v & 63] : '=');
	}
}

/* 0 to 63, or -1. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

static struct slice without_padding(struct slice in)
{
	if (in.n % 4 != 0)
		return in;
	for (int i = 0; i < 2 && in.n > 0 && in.p[in.n - 1] == '='; i++)
		in.n--;
	return in;
}

int base64_decode(struct slice in, struct buf *b)
{
	uint32_t bits = 0;
	size_t before = b->n;
	unsigned have = 0;

	in = without_padding(in);
	for (size_t i = 0; i < in.n; i++) {
		int v = value_of(in.p[i]);

		if (v < 0)
			goto bad;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		buf_add_char(b, (char)(bits >> have));
		bits &= (1u << have) - 1;
	}
	if (have < 6 && bits == 0)
		return 0;
bad:
	if (buf_ok(b) && b->p) {
		b->n = before;
		b->p[before] = '\0';
	}
	return -EINVAL;
}
