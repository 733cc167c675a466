/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slice.h"

#include <errno.h>

bool slice_split(struct slice *rest, char sep, struct slice *ret)
{
	size_t at;

	if (!rest->p)
		return false;
	at = slice_find(*rest, sep);
	*ret = (struct slice){ rest->p, at };
	if (at == rest->n)
		*rest = SLICE_NULL;
	else
		*rest = slice_from(*rest, at + 1);
	return true;
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool slice_is_lower_hex(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

size_t slice_find(struct slice s, char c)
{
	const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;

	return hit ? (size_t)(hit - s.p) : s.n;
}

static int parse_base(struct slice s, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		unsigned d = (unsigned)(unsigned char)s.p[i] - '0';

		if (d >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return -ERANGE;
	}
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int num_parse_u64(struct slice s, uint64_t max, uint64_t *ret)
{
	return parse_base(s, 10, max, ret);
}

int num_parse_u32(struct slice s, uint32_t *ret)
{
	uint64_t v;
	int r = parse_base(s, 10, UINT32_MAX, &v);

	if (r < 0)
		return r;
	*ret = (uint32_t)v;
	return 0;
}

int num_parse_octal(struct slice s, uint32_t max, uint32_t *ret)
{
	uint64_t v;
	int r = parse_base(s, 8, max, &v);

	if (r < 0)
		return r;
	*ret = (uint32_t)v;
	return 0;
}
