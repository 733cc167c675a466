/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct value *find(const struct values *v, const char *path)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->v[i].path, path) == 0)
			return &v->v[i];
	return NULL;
}

const char *values_get(const struct values *v, const char *path)
{
	const struct value *found = find(v, path);

	return found ? found->text : NULL;
}

int values_set(struct values *v, const char *path, struct slice text)
{
	struct value *to = find(v, path);

	if (text.n >= VALUE_MAX || memchr(text.p, '\n', text.n) || memchr(text.p, '\0', text.n))
		return -EINVAL;
	if (!v->v) {
		v->v = calloc(VALUES_MAX, sizeof(*v->v));
		if (!v->v)
			return -ENOMEM;
	}
	if (!to && v->n == VALUES_MAX)
		return -ENOSPC;
	if (!to)
		to = &v->v[v->n++];
	to->path = path;
	memcpy(to->text, text.p, text.n);
	to->text[text.n] = '\0';
	return 0;
}

void values_drop(struct values *v, const char *path)
{
	struct value *at = find(v, path);

	if (at)
		*at = v->v[--v->n];
}

void values_done(struct values *v)
{
	free(v->v);
	*v = (struct values){ .n = 0 };
}

void values_print(const struct values *v, uint64_t start_ns, struct buf *b)
{
	buf_printf(b, "start %llu\n", (unsigned long long)start_ns);
	for (size_t i = 0; i < v->n; i++)
		buf_printf(b, "%s %s\n", v->v[i].path, v->v[i].text);
}

int values_parse(struct values *v, uint64_t start_ns, struct slice text,
		 const char *(*known)(struct slice path, struct slice value))
{
	struct slice prefix = SLICE_LIT("start ");
	struct values got = { .n = 0 };
	struct slice line;
	uint64_t start;
	int r = 0;

	if (text.n > VALUES_FILE_MAX || !slice_split(&text, '\n', &line) ||
	    !slice_starts(line, prefix) ||
	    num_parse_u64(slice_from(line, prefix.n), UINT64_MAX, &start) < 0)
		return -EINVAL;
	while (start == start_ns && r == 0 && slice_split(&text, '\n', &line)) {
		size_t blank = slice_find(line, ' ');
		struct slice path = { line.p, blank };
		struct slice value = slice_from(line, blank + 1);
		const char *node;

		if (line.n == 0)
			continue;
		node = blank < line.n ? known(path, value) : NULL;
		if (node)
			r = values_set(&got, node, value);
	}
	if (r < 0) {
		values_done(&got);
		return r;
	}
	values_done(v);
	*v = got;
	return 0;
}
