/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GNU's sparse files. The map (offset and length of each part with data) is in the header and in
 * blocks after it (old form), in the extended header (0.0, 0.1), or before the data (1.0).
 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "cp/tar.h"

#define SPANS_MAX 65536u

struct map {
	struct buf spans; /* struct tar_span, one after the other */
	size_t n;
};

static int bad(struct err *err)
{
	return err_set(err, -EBADMSG, "%s", tar_bad_header);
}

static int map_add(struct map *m, int64_t offset, int64_t length)
{
	struct tar_span s = { offset, length };

	if (m->n == SPANS_MAX)
		return -EBADMSG;
	m->n++;
	buf_add(&m->spans, &s, sizeof(s));
	return buf_ok(&m->spans) ? 0 : -ENOMEM;
}

/* Old form: n entries of two 12-byte numbers. Returns 0 or an error. */
static int old_entries(const unsigned char *p, size_t n, struct map *m)
{
	for (size_t i = 0; i < n; i++, p += 24) {
		int64_t offset;
		int64_t length;
		int r;

		if (p[0] == '\0')
			return 0;
		if (tar_number(p, 12, &offset) < 0 || tar_number(p + 12, 12, &length) < 0)
			return -EBADMSG;
		r = map_add(m, offset, length);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_old(struct tar_reader *t, struct map *m, struct err *err)
{
	unsigned char block[TAR_BLOCK];
	bool more = t->block[482] != 0;

	if (tar_block_format(t->block) != TAR_FORMAT_GNU ||
	    tar_number(t->block + 483, 12, &t->entry.size) < 0 ||
	    old_entries(t->block + 386, 4, m) < 0)
		return bad(err);
	while (more) {
		ssize_t k = tar_take(t, block, sizeof(block), err);

		if (k < 0)
			return (int)k;
		if (k < (ssize_t)sizeof(block))
			return err_set(err, -EBADMSG, "unexpected EOF");
		if (old_entries(block, 21, m) < 0)
			return bad(err);
		more = block[504] != 0;
	}
	return 0;
}

static int read_0x(const struct tar_record *records, struct map *m)
{
	struct slice map = tar_pax_get(records, "GNU.sparse.map");
	struct slice rest = map.n > 0 ? map : SLICE_NULL;
	struct slice first;
	struct slice second;
	int64_t want;

	if (tar_pax_int(tar_pax_get(records, "GNU.sparse.numblocks"), &want) < 0 || want < 0)
		return -EBADMSG;
	while (slice_split(&rest, ',', &first)) {
		int64_t offset;
		int64_t length;
		int r;

		if (!slice_split(&rest, ',', &second) || tar_pax_int(first, &offset) < 0 ||
		    tar_pax_int(second, &length) < 0)
			return -EBADMSG;
		r = map_add(m, offset, length);
		if (r < 0)
			return r;
	}
	return (uint64_t)want == m->n ? 0 : -EBADMSG;
}

/* The next number of a 1.0 map: ends in a newline; blocks of the entry's data are read as needed.
 */
static int next_number(struct tar_reader *t, struct buf *text, int64_t *ret, struct err *err)
{
	while (slice_find(buf_slice(text), '\n') == text->n) {
		char *to = buf_reserve(text, TAR_BLOCK);
		ssize_t k;

		if (!to)
			return bad(err);
		if (t->left < TAR_BLOCK)
			return err_set(err, -EBADMSG, "unexpected EOF");
		k = tar_take(t, to, TAR_BLOCK, err);
		if (k < 0)
			return (int)k;
		if (k < (ssize_t)TAR_BLOCK)
			return err_set(err, -EBADMSG, "unexpected EOF");
		t->left -= TAR_BLOCK;
		buf_commit(text, TAR_BLOCK);
	}
	if (tar_pax_int((struct slice){ text->p, slice_find(buf_slice(text), '\n') }, ret) < 0)
		return bad(err);
	buf_consume(text, slice_find(buf_slice(text), '\n') + 1);
	return 0;
}

static int read_10(struct tar_reader *t, struct map *m, struct err *err)
{
	/* A number and its newline are far shorter than a block. */
	CLEANUP_BUF struct buf text = BUF_INIT(2 * TAR_BLOCK);
	int64_t n;
	int r = next_number(t, &text, &n, err);

	if (r < 0)
		return r;
	if (n < 0 || n > SPANS_MAX)
		return bad(err);
	for (int64_t i = 0; i < n; i++) {
		int64_t offset;
		int64_t length;

		r = next_number(t, &text, &offset, err);
		if (r == 0)
			r = next_number(t, &text, &length, err);
		if (r < 0)
			return r;
		if (map_add(m, offset, length) < 0)
			return bad(err);
	}
	return 0;
}

/* In order, not overlapping, inside the file. */
static bool spans_valid(const struct tar_span *s, size_t n, int64_t size)
{
	int64_t end = 0;

	if (size < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i].offset < end || s[i].length < 0 || s[i].offset > size ||
		    s[i].length > size - s[i].offset)
			return false;
		end = s[i].offset + s[i].length;
	}
	return true;
}

/* What the records say of the file as a whole. */
static int apply_names(struct tar_reader *t, const struct tar_record *records)
{
	struct slice name = tar_pax_get(records, "GNU.sparse.name");
	struct slice size = tar_pax_get(records, "GNU.sparse.size");

	if (size.n == 0)
		size = tar_pax_get(records, "GNU.sparse.realsize");
	if (slice_find(name, '\0') < name.n)
		return -EBADMSG;
	if (name.n > 0) {
		t->entry.name = arena_dup(&t->arena, name.p, name.n);
		if (!t->entry.name)
			return -ENOMEM;
	}
	return size.n > 0 ? tar_pax_int(size, &t->entry.size) : 0;
}

enum form {
	FORM_NONE,
	FORM_OLD,
	FORM_0X,
	FORM_10,
};

static enum form form_of(const struct tar_entry *e, const struct tar_record *records)
{
	struct slice major = tar_pax_get(records, "GNU.sparse.major");
	struct slice minor = tar_pax_get(records, "GNU.sparse.minor");

	if (e->type == TAR_GNU_SPARSE)
		return FORM_OLD;
	if (slice_eq_str(major, "0") && (slice_eq_str(minor, "0") || slice_eq_str(minor, "1")))
		return FORM_0X;
	if (slice_eq_str(major, "1") && slice_eq_str(minor, "0"))
		return FORM_10;
	if (major.n > 0 || minor.n > 0)
		return FORM_NONE; /* a version that nobody knows: its data as they are */
	return tar_pax_get(records, "GNU.sparse.map").n > 0 ? FORM_0X : FORM_NONE;
}

static int read_map(struct tar_reader *t, const struct tar_record *records, enum form form,
		    struct map *m, struct err *err)
{
	if (form == FORM_OLD)
		return read_old(t, m, err);
	if (apply_names(t, records) < 0)
		return bad(err);
	if (form == FORM_10)
		return read_10(t, m, err);
	return read_0x(records, m) < 0 ? bad(err) : 0;
}

int tar_sparse(struct tar_reader *t, const struct tar_record *records, struct err *err)
{
	enum form form = form_of(&t->entry, records);
	CLEANUP_BUF struct buf store = BUF_INIT(SPANS_MAX * sizeof(struct tar_span));
	struct map m = { .spans = store };
	int r;

	if (form == FORM_NONE)
		return 0;
	if (!tar_has_content(t->entry.type))
		return bad(err);
	r = read_map(t, records, form, &m, err);
	store = m.spans; /* grown: the cleanup is to free what is there now */
	if (r < 0)
		return r;
	t->entry.spans = arena_array(&t->arena, m.n, sizeof(struct tar_span));
	if (!t->entry.spans)
		return err_set(err, -ENOMEM, "out of memory");
	if (m.n > 0)
		memcpy(t->entry.spans, m.spans.p, m.n * sizeof(struct tar_span));
	t->entry.nspans = m.n;
	t->entry.sparse = true;
	return spans_valid(t->entry.spans, m.n, t->entry.size) ? 0 : bad(err);
}
