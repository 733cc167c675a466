/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of the kernel that are not any namespace's own. What a container writes is kept for it
 * and changes nothing; until then it sees the host's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "vfs/views.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static struct slice trimmed(struct slice s)
{
	if (s.n > 0 && s.p[s.n - 1] == '\0') /* some programs write it with the text */
		s.n--;
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	while (s.n > 0 && is_blank(s.p[0]))
		s = slice_from(s, 1);
	return s;
}

/* A number as the kernel takes it: a sign, and 0x or 0 in front for hexadecimal and octal. */
static int parse_signed(struct slice s, int64_t *ret)
{
	char text[32];
	char *end;

	if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) || s.p[0] == '+')
		return -EINVAL;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	errno = 0;
	*ret = strtoll(text, &end, 0);
	return errno || *end || end == text ? -EINVAL : 0;
}

static int check_word(const struct knob *k, struct slice s, char *ret, size_t size)
{
	for (size_t i = 0; k->words[i]; i++)
		if (slice_eq_str(s, k->words[i])) {
			(void)snprintf(ret, size, "%s", k->words[i]);
			return 0;
		}
	return -EINVAL;
}

int knob_check(const struct knob *k, struct slice text, char *ret, size_t size)
{
	struct slice rest = trimmed(text);
	unsigned int n = 0;
	size_t used = 0;

	if (k->numbers == 0)
		return check_word(k, rest, ret, size);
	while (rest.n > 0) {
		size_t length = 0;
		int64_t v;
		int m;

		while (length < rest.n && !is_blank(rest.p[length]))
			length++;
		if (n == k->numbers || parse_signed((struct slice){ rest.p, length }, &v) < 0 ||
		    v < k->min || v > k->max)
			return -EINVAL;
		m = snprintf(ret + used, size - used, "%s%lld", n > 0 ? "\t" : "", (long long)v);
		if (m < 0 || (size_t)m >= size - used)
			return -EINVAL;
		used += (size_t)m;
		n++;
		rest = trimmed(slice_from(rest, length));
	}
	/* The kernel lets a vector be written in part, which would need what it was before. */
	return n == k->numbers ? 0 : -EINVAL;
}

int view_knob(const struct node *n, struct host *h, struct box *box, struct buf *out)
{
	const char *written = values_get(&box->values, n->path);
	size_t i = (size_t)(n - nodes);
	char text[VALUE_MAX];
	ssize_t got;

	if (written) {
		buf_printf(out, "%s\n", written);
		return 0;
	}
	got = host_read(h->knobs[i], text, sizeof(text));
	if (got > 0)
		buf_add(out, text, (size_t)got);
	else if (h->knob_first[i])
		buf_add_str(out, h->knob_first[i]);
	else
		buf_printf(out, "%s\n", n->knob->otherwise ? n->knob->otherwise : "0");
	return 0;
}

/* The container's own, made of its name: FNV-1a twice, marked as a random one (RFC 9562, 5.4). */
int view_uuid(const struct node *n, struct host *h, struct box *box, struct buf *out)
{
	uint64_t half[2] = { 0xcbf29ce484222325u, 0x9ae16a3b2f90404fu };
	const char *id = box->id;

	(void)n;
	(void)h;
	for (size_t k = 0; k < ARRAY_SIZE(half); k++)
		for (size_t i = 0; id[i]; i++)
			half[k] = (half[k] ^ (unsigned char)id[i]) * 0x100000001b3u;
	half[0] = (half[0] & ~UINT64_C(0xf000)) | 0x4000;
	half[1] = (half[1] & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
	buf_printf(out, "%08llx-%04llx-%04llx-%04llx-%012llx\n",
		   (unsigned long long)(half[0] >> 32),
		   (unsigned long long)(half[0] >> 16 & 0xffff),
		   (unsigned long long)(half[0] & 0xffff), (unsigned long long)(half[1] >> 48),
		   (unsigned long long)(half[1] & 0xffffffffffff));
	return 0;
}
