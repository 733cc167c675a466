/* SPDX-License-Identifier: Apache-2.0 */
/* Extended headers (POSIX pax): records "LENGTH KEY=VALUE\n". */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "cp/tar.h"

static const struct slice xattr_prefix = { "SCHILY.xattr.", 13 };

int tar_pax_int(struct slice s, int64_t *ret)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
	uint64_t v;

	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
		s = slice_from(s, 1);
	if (num_parse_u64(s, limit, &v) < 0)
		return -EBADMSG;
	*ret = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

/* Up to nine decimals count, the rest only has to be digits. */
static int parse_fraction(struct slice s, uint32_t *ret)
{
	uint32_t v = 0;

	for (size_t i = 0; i < MAX(s.n, (size_t)9); i++) {
		char c = i < s.n ? s.p[i] : '0';

		if (c < '0' || c > '9')
			return -EBADMSG;
		if (i < 9)
			v = v * 10 + (uint32_t)(c - '0');
	}
	*ret = v;
	return 0;
}

int tar_pax_time(struct slice s, struct tar_time *ret)
{
	size_t dot = slice_find(s, '.');
	struct tar_time t = { 0, 0 };

	if (tar_pax_int((struct slice){ s.p, dot }, &t.sec) < 0 ||
	    parse_fraction(slice_from(s, dot + 1), &t.nsec) < 0)
		return -EBADMSG;
	if (s.n > 0 && s.p[0] == '-' && t.nsec > 0) {
		if (t.sec == INT64_MIN)
			return -EBADMSG;
		t.sec--;
		t.nsec = 1000000000u - t.nsec;
	}
	*ret = t;
	return 0;
}

/* Keys whose values must not hold a NUL, as in Go; others (xattrs) are bytes. */
static bool record_valid(struct slice key, struct slice value)
{
	static const char *const texts[] = { "path", "linkpath", "uname", "gname" };

	if (key.n == 0 || slice_find(key, '\0') < key.n)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (slice_eq_str(key, texts[i]))
			return slice_find(value, '\0') == value.n;
	return true;
}

/* Takes one record off *text. */
static int take_record(struct slice *text, struct slice *key, struct slice *value)
{
	size_t space = slice_find(*text, ' ');
	struct slice record;
	int64_t n;
	size_t equals;

	if (space == text->n || tar_pax_int((struct slice){ text->p, space }, &n) < 0 || n < 5 ||
	    (uint64_t)n > text->n || (uint64_t)n < space + 2 || text->p[n - 1] != '\n')
		return -EBADMSG;
	record = (struct slice){ text->p + space + 1, (size_t)n - space - 2 };
	equals = slice_find(record, '=');
	if (equals == record.n)
		return -EBADMSG;
	*key = (struct slice){ record.p, equals };
	*value = slice_from(record, equals + 1);
	if (!record_valid(*key, *value))
		return -EBADMSG;
	*text = slice_from(*text, (size_t)n);
	return 0;
}

static int prepend(struct arena *a, struct slice key, struct slice value, struct tar_record **list)
{
	struct tar_record *r = arena_alloc(a, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct tar_record){ .key = key, .value = value, .next = *list };
	*list = r;
	return 0;
}

/* GNU's sparse format 0.0 repeats the keys offset and numbytes in turn; they become the map that
 * format 0.1 has. */
static int fold_sparse(struct buf *map, size_t *n, struct slice key, struct slice value)
{
	bool offset = slice_eq_str(key, "GNU.sparse.offset");

	if (offset != (*n % 2 == 0) || slice_find(value, ',') < value.n)
		return -EBADMSG;
	if (*n > 0)
		buf_add_char(map, ',');
	buf_add_slice(map, value);
	(*n)++;
	return buf_ok(map) ? 0 : -ENOMEM;
}

int tar_pax_parse(struct arena *a, struct slice text, struct tar_record **ret)
{
	CLEANUP_BUF struct buf map = BUF_INIT(TAR_SPECIAL_MAX);
	struct tar_record *list = NULL;
	size_t nmap = 0;

	while (text.n > 0) {
		struct slice key;
		struct slice value;
		int r = take_record(&text, &key, &value);

		if (r < 0)
			return r;
		if (slice_eq_str(key, "GNU.sparse.offset") ||
		    slice_eq_str(key, "GNU.sparse.numbytes"))
			r = fold_sparse(&map, &nmap, key, value);
		else
			r = prepend(a, key, value, &list);
		if (r < 0)
			return r;
	}
	if (nmap > 0) {
		char *copy = arena_dup(a, map.p, map.n);

		if (!copy || prepend(a, SLICE_LIT("GNU.sparse.map"), (struct slice){ copy, map.n },
				     &list) < 0)
			return -ENOMEM;
	}
	*ret = list;
	return 0;
}

struct slice tar_pax_get(const struct tar_record *records, const char *key)
{
	for (; records; records = records->next)
		if (slice_eq_str(records->key, key))
			return records->value;
	return (struct slice){ "", 0 };
}

static int apply_text(struct arena *a, struct slice v, const char **ret)
{
	*ret = arena_dup(a, v.p, v.n);
	return *ret ? 0 : -ENOMEM;
}

static int apply_known(struct arena *a, const struct tar_record *records, struct tar_entry *e)
{
	struct slice path = tar_pax_get(records, "path");
	struct slice link = tar_pax_get(records, "linkpath");
	struct tar_time unused; /* not kept, but Go refuses the header if it is wrong */
	const struct {
		const char *key;
		int64_t *number;
		struct tar_time *time;
	} known[] = {
		{ "uid", &e->uid, NULL },     { "gid", &e->gid, NULL },
		{ "size", &e->size, NULL },   { "mtime", NULL, &e->mtime },
		{ "atime", NULL, &e->atime }, { "ctime", NULL, &unused },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct slice v = tar_pax_get(records, known[i].key);

		if (v.n == 0)
			continue; /* an empty value leaves what the block says */
		if ((known[i].number ? tar_pax_int(v, known[i].number)
				     : tar_pax_time(v, known[i].time)) < 0)
			return -EBADMSG;
	}
	if (path.n > 0 && apply_text(a, path, &e->name) < 0)
		return -ENOMEM;
	return link.n > 0 ? apply_text(a, link, &e->link) : 0;
}

int tar_pax_apply(struct arena *a, const struct tar_record *records, struct tar_entry *e)
{
	int r = apply_known(a, records, e);

	for (const struct tar_record *p = records; r == 0 && p; p = p->next) {
		struct tar_xattr *x;
		struct slice name;

		if (!slice_starts(p->key, xattr_prefix) || p->value.n == 0)
			continue;
		name = slice_from(p->key, xattr_prefix.n);
		x = arena_alloc(a, sizeof(*x));
		if (!x)
			return -ENOMEM;
		*x = (struct tar_xattr){ .value = p->value, .next = e->xattrs };
		r = apply_text(a, name, &x->name);
		e->xattrs = x;
	}
	return r;
}
