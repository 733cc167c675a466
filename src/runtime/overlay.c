/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "linux/mountinfo.h"
#include "runtime/layers.h"

/* Splits "a:b\:c" at its unescaped colons, removing the backslashes. */
static int add_lowers(struct arena *a, struct overlay *o, const char *value, struct err *err)
{
	char *out = arena_alloc(a, strlen(value) + 1);
	char *start = out;

	if (!out)
		return err_set(err, -ENOMEM, "overlay: out of memory");
	for (const char *p = value;; p++) {
		if (*p == '\\' && p[1]) {
			*out++ = *++p;
			continue;
		}
		if (*p && *p != ':') {
			*out++ = *p;
			continue;
		}
		*out++ = '\0';
		if (*start == '\0')
			return err_set(err, -EOPNOTSUPP,
				       "overlay with data-only layers is not supported");
		if (o->nlower == OVERLAY_LAYERS_MAX)
			return err_set(err, -E2BIG, "overlay with more than %d layers",
				       OVERLAY_LAYERS_MAX);
		o->lower[o->nlower++] = start;
		start = out;
		if (!*p)
			return 0;
	}
}

static const char *plain_path(struct arena *a, const char *value)
{
	char *out = arena_strdup(a, value);
	char *to = out;

	for (const char *p = value; out && *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		*to++ = *p;
	}
	if (out)
		*to = '\0';
	return out;
}

static int take_option(struct arena *a, struct overlay *o, struct slice option, struct err *err)
{
	size_t eq = slice_find(option, '=');
	struct slice key = { option.p, eq };
	char *value = mountinfo_unescape(a, slice_from(option, eq + 1));

	if (!value)
		return err_set(err, -ENOMEM, "overlay: out of memory");
	if (slice_eq_str(option, "rw") || slice_eq_str(option, "ro"))
		return 0;
	if (slice_eq_str(key, "lowerdir"))
		return add_lowers(a, o, value, err);
	if (slice_eq_str(key, "lowerdir+")) {
		if (o->nlower == OVERLAY_LAYERS_MAX)
			return err_set(err, -E2BIG, "overlay with more than %d layers",
				       OVERLAY_LAYERS_MAX);
		o->lower[o->nlower++] = value;
		return 0;
	}
	if (slice_starts(key, SLICE_LIT("datadir")))
		return err_set(err, -EOPNOTSUPP, "overlay with data-only layers is not supported");
	if (slice_eq_str(key, "upperdir"))
		o->upper = plain_path(a, value);
	else if (slice_eq_str(key, "workdir"))
		o->work = plain_path(a, value);
	else
		o->rest = arena_printf(a, "%s,%.*s", o->rest, SLICE_ARG(option));
	return o->rest ? 0 : err_set(err, -ENOMEM, "overlay: out of memory");
}

int overlay_parse(struct arena *a, struct slice super, struct overlay *ret, struct err *err)
{
	struct slice option;

	*ret = (struct overlay){ .rest = "" };
	while (slice_split(&super, ',', &option)) {
		int r = option.n ? take_option(a, ret, option, err) : 0;

		if (r < 0)
			return r;
	}
	if (ret->nlower == 0)
		return err_set(err, -EINVAL, "overlay mount without a lowerdir");
	if (!ret->upper != !ret->work)
		return err_set(err, -EINVAL, "overlay mount with only one of upperdir and workdir");
	return 0;
}

void overlay_escape(struct buf *b, const char *path)
{
	for (; *path; path++) {
		if (*path == ':' || *path == ',' || *path == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, *path);
	}
}
