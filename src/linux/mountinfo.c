/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/mountinfo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define LINE_ARENA 131072u

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

char *mountinfo_unescape(struct arena *a, struct slice s)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 3 < s.n && is_octal(s.p[i + 1]) && is_octal(s.p[i + 2]) &&
		    is_octal(s.p[i + 3])) {
			out[n++] = (char)(((s.p[i + 1] - '0') << 6) | ((s.p[i + 2] - '0') << 3) |
					  (s.p[i + 3] - '0'));
			i += 3;
		} else {
			out[n++] = s.p[i];
		}
	}
	return out;
}

static bool has_option(struct slice options, const char *option)
{
	struct slice o;

	while (slice_split(&options, ',', &o))
		if (slice_eq_str(o, option))
			return true;
	return false;
}

static int parse_dev(struct slice s, struct mountinfo_entry *ret)
{
	size_t colon = slice_find(s, ':');

	if (colon == s.n || num_parse_u32((struct slice){ s.p, colon }, &ret->dev_major) < 0)
		return -EINVAL;
	return num_parse_u32(slice_from(s, colon + 1), &ret->dev_minor);
}

int mountinfo_parse_line(struct arena *a, struct slice line, struct mountinfo_entry *ret)
{
	struct slice rest = line;
	struct slice f[6];
	struct slice tag;

	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		if (!slice_split(&rest, ' ', &f[i]))
			return -EINVAL;
	do
		if (!slice_split(&rest, ' ', &tag))
			return -EINVAL;
	while (!slice_eq_str(tag, "-"));
	*ret = (struct mountinfo_entry){ .id = 0 };
	if (num_parse_u64(f[0], UINT64_MAX, &ret->id) < 0 ||
	    num_parse_u64(f[1], UINT64_MAX, &ret->parent) < 0 || parse_dev(f[2], ret) < 0)
		return -EINVAL;
	ret->read_only = has_option(f[5], "ro");
	ret->root = mountinfo_unescape(a, f[3]);
	ret->point = mountinfo_unescape(a, f[4]);
	if (!slice_split(&rest, ' ', &tag))
		return -EINVAL;
	ret->type = arena_dup(a, tag.p, tag.n);
	if (!slice_split(&rest, ' ', &tag))
		return -EINVAL;
	ret->source = mountinfo_unescape(a, tag);
	ret->super = rest.p ? rest : SLICE_LIT("");
	if (!ret->root || !ret->point || !ret->type || !ret->source)
		return -ENOMEM;
	return 0;
}

int mountinfo_read(struct buf *b, struct err *err)
{
	int r = file_read("/proc/self/mountinfo", b);

	return r < 0 ? err_errno(err, r, "/proc/self/mountinfo") : 0;
}

/* The id of a line without parsing the rest: most lines are only skipped. */
static bool line_has_id(struct slice line, uint64_t id)
{
	uint64_t v;

	return num_parse_u64((struct slice){ line.p, slice_find(line, ' ') }, UINT64_MAX, &v) ==
		       0 &&
	       v == id;
}

int mountinfo_find(struct arena *a, struct slice text, uint64_t mnt_id, struct mountinfo_entry *ret,
		   struct err *err)
{
	struct slice line;

	while (slice_split(&text, '\n', &line)) {
		char *copy;
		int r;

		if (!line_has_id(line, mnt_id))
			continue;
		copy = arena_dup(a, line.p, line.n);
		if (!copy)
			return err_set(err, -ENOMEM, "mountinfo: out of memory");
		r = mountinfo_parse_line(a, (struct slice){ copy, line.n }, ret);
		return r < 0 ? err_set(err, r, "mountinfo: unreadable line: %s", copy) : 0;
	}
	return 1;
}

int mountinfo_each(struct slice text, int (*fn)(const struct mountinfo_entry *m, void *data),
		   void *data, struct err *err)
{
	struct slice line;

	while (slice_split(&text, '\n', &line)) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(LINE_ARENA);
		struct mountinfo_entry m;
		int r;

		if (line.n == 0)
			continue;
		r = mountinfo_parse_line(&a, line, &m);
		if (r < 0)
			return err_set(err, r, "mountinfo: unreadable line: %.*s", SLICE_ARG(line));
		r = fn(&m, data);
		if (r != 0)
			return r;
	}
	return 0;
}
