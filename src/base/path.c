/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <errno.h>

/* Drops the last part of out: "/a/b" to "/a", "a" to "". */
static void drop_last(struct buf *out)
{
	size_t n = out->n;

	while (n > 0 && out->p[n - 1] != '/')
		n--;
	if (n > 0)
		n--;
	out->n = n;
	out->p[n] = '\0';
}

void path_absolute(struct buf *out, const char *path)
{
	struct slice rest = slice_str(path);
	struct slice part;

	while (slice_split(&rest, '/', &part)) {
		if (part.n == 0 || slice_eq_str(part, "."))
			continue;
		if (!slice_eq_str(part, "..")) {
			buf_add_char(out, '/');
			buf_add_slice(out, part);
		} else if (out->n > 0) {
			drop_last(out);
		}
	}
	if (out->n == 0)
		buf_add_char(out, '/');
}

void path_keep_tail(struct buf *out, const char *original)
{
	size_t n = strlen(original);

	if (!buf_ok(out) || out->n == 0)
		return;
	if (slice_eq_str(path_base(original), ".") && !slice_eq_str(path_base(out->p), ".")) {
		if (out->p[out->n - 1] != '/')
			buf_add_char(out, '/');
		buf_add_char(out, '.');
	}
	if (n > 0 && original[n - 1] == '/' && buf_ok(out) && out->p[out->n - 1] != '/')
		buf_add_char(out, '/');
}

struct slice path_base(const char *path)
{
	size_t end = strlen(path);
	size_t start;

	if (end == 0)
		return SLICE_LIT(".");
	while (end > 0 && path[end - 1] == '/')
		end--;
	if (end == 0)
		return SLICE_LIT("/");
	start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	return (struct slice){ path + start, end - start };
}

int path_entry(struct buf *out, const char *name)
{
	struct slice rest = slice_str(name);
	struct slice part;

	while (slice_split(&rest, '/', &part)) {
		if (part.n == 0 || slice_eq_str(part, "."))
			continue;
		if (slice_eq_str(part, "..")) {
			if (out->n == 0)
				return -EBADMSG;
			drop_last(out);
			continue;
		}
		if (out->n > 0)
			buf_add_char(out, '/');
		buf_add_slice(out, part);
		if (!buf_ok(out))
			return -ENAMETOOLONG;
	}
	return out->n == 0 ? PATH_ENTRY_ROOT : 0;
}
