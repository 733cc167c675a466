/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "cp/tar.h"

#define ENTRY_ARENA (8u << 20) /* an extended header, two long names, copies, a sparse map */

/* Headers that describe the next entry. */
enum meta_type {
	META_PAX = 'x',
	META_PAX_GLOBAL = 'g',
	META_LONG_NAME = 'L',
	META_LONG_LINK = 'K',
};

void tar_init(struct tar_reader *t, struct source *source)
{
	*t = (struct tar_reader){ .source = source, .arena = ARENA_INIT(ENTRY_ARENA) };
}

void tar_done(struct tar_reader *t)
{
	arena_done(&t->arena);
}

unsigned tar_padding(uint64_t n)
{
	return (unsigned)(-n & (TAR_BLOCK - 1));
}

static int eof(struct err *err)
{
	return err_set(err, -EBADMSG, "unexpected EOF");
}

static int bad(int r, struct err *err)
{
	if (r == -ENOMEM)
		return err_set(err, r, "out of memory");
	return err_set(err, r, "%s", tar_bad_header);
}

ssize_t tar_take(struct tar_reader *t, void *to, size_t n, struct err *err)
{
	char *p = to;
	size_t got = 0;

	while (got < n) {
		const char *from;
		size_t there;
		int r = source_peek(t->source, &from, &there, err);

		if (r < 0)
			return r;
		if (there == 0)
			break;
		there = MIN(there, n - got);
		memcpy(p + got, from, there);
		source_skip(t->source, there);
		got += there;
	}
	return (ssize_t)got;
}

/* Steps over the rest of the last entry. Its padding may be missing at the end of the stream. */
static int skip_rest(struct tar_reader *t, struct err *err)
{
	unsigned char pad[TAR_BLOCK];
	ssize_t k;

	source_skip(t->source, t->shown);
	t->shown = 0;
	while (t->left > 0) {
		const char *p;
		size_t n;
		int r = source_peek(t->source, &p, &n, err);

		if (r < 0)
			return r;
		if (n == 0)
			return eof(err);
		n = (size_t)MIN((uint64_t)n, (uint64_t)t->left);
		source_skip(t->source, n);
		t->left -= (int64_t)n;
	}
	k = tar_take(t, pad, t->padding, err);
	t->padding = 0;
	return k < 0 ? (int)k : 0;
}

static bool is_zero(const unsigned char *block)
{
	for (unsigned i = 0; i < TAR_BLOCK; i++)
		if (block[i] != 0)
			return false;
	return true;
}

/* The next block into t->block. TAR_ENTRY, TAR_END at the end of the stream or after two blocks of
 * zeros. */
static int next_block(struct tar_reader *t, struct err *err)
{
	for (int zeros = 0; zeros < 2; zeros++) {
		ssize_t k = tar_take(t, t->block, TAR_BLOCK, err);

		if (k < 0)
			return (int)k;
		if (k == 0)
			return TAR_END;
		if (k < (ssize_t)TAR_BLOCK)
			return eof(err);
		if (!is_zero(t->block))
			return zeros == 0 ? TAR_ENTRY : bad(-EBADMSG, err);
	}
	return TAR_END;
}

bool tar_has_content(unsigned char type)
{
	switch (type) {
	case TAR_LINK:
	case TAR_SYMLINK:
	case TAR_CHAR:
	case TAR_BLOCKDEV:
	case TAR_DIR:
	case TAR_FIFO:
		return false;
	default:
		return true;
	}
}

static int start_content(struct tar_reader *t)
{
	int64_t n = tar_has_content(t->entry.type) ? t->entry.size : 0;

	if (n < 0)
		return -EBADMSG;
	t->left = n;
	t->padding = tar_padding((uint64_t)n);
	t->at = 0;
	t->span = 0;
	t->span_at = 0;
	return 0;
}

/* Content of a meta header. */
static int read_special(struct tar_reader *t, struct slice *ret, struct err *err)
{
	size_t n = (size_t)MIN(t->left, (int64_t)TAR_SPECIAL_MAX + 1);
	char *p;
	ssize_t k;

	p = arena_alloc(&t->arena, n + 1);
	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	k = tar_take(t, p, n, err);
	if (k < 0)
		return (int)k;
	if ((size_t)k < n)
		return eof(err);
	if (n > TAR_SPECIAL_MAX)
		return err_set(err, -EBADMSG, "archive/tar: header field too long");
	t->left = 0;
	*ret = (struct slice){ p, n };
	return 0;
}

/* What meta headers have said so far about the entry to come. */
struct meta {
	struct tar_record *records;
	const char *name;
	const char *link;
};

static int read_meta(struct tar_reader *t, struct meta *m, struct err *err)
{
	struct tar_record *records = NULL;
	struct slice text;
	int r = read_special(t, &text, err);

	if (r < 0)
		return r;
	if (t->entry.type == META_LONG_NAME) {
		m->name = text.p[0] ? text.p : NULL; /* NUL-terminated by the arena */
		return 0;
	}
	if (t->entry.type == META_LONG_LINK) {
		m->link = text.p[0] ? text.p : NULL;
		return 0;
	}
	r = tar_pax_parse(&t->arena, text, &records);
	if (r < 0)
		return bad(r, err);
	if (t->entry.type == META_PAX)
		m->records = records;
	else
		*m = (struct meta){ .records =
					    NULL }; /* Go forgets the others after a global one */
	return 0;
}

static int finish_entry(struct tar_reader *t, const struct meta *m, struct err *err)
{
	struct tar_entry *e = &t->entry;
	int r = tar_pax_apply(&t->arena, m->records, e);

	if (r < 0)
		return bad(r, err);
	if (m->name)
		e->name = m->name;
	if (m->link)
		e->link = m->link;
	if (e->type == '\0') {
		size_t n = strlen(e->name);

		e->type = n > 0 && e->name[n - 1] == '/' ? TAR_DIR : TAR_FILE;
	}
	r = start_content(t);
	return r < 0 ? bad(r, err) : tar_sparse(t, m->records, err);
}

static bool is_meta(unsigned char type)
{
	return type == META_PAX || type == META_PAX_GLOBAL || type == META_LONG_NAME ||
	       type == META_LONG_LINK;
}

int tar_next(struct tar_reader *t, const struct tar_entry **ret, struct err *err)
{
	struct meta meta = { .records = NULL };
	int r = skip_rest(t, err);

	arena_done(&t->arena);
	while (r >= 0) {
		r = next_block(t, err);
		if (r <= 0)
			return r;
		r = tar_block_parse(t->block, &t->arena, &t->entry);
		if (r == 0)
			r = start_content(t);
		if (r < 0)
			return bad(r, err);
		if (!is_meta(t->entry.type)) {
			r = finish_entry(t, &meta, err);
			*ret = &t->entry;
			return r < 0 ? r : TAR_ENTRY;
		}
		r = read_meta(t, &meta, err);
		if (r == 0)
			r = skip_rest(t, err);
	}
	return r;
}

/* How many bytes may be handed out from here in one piece, and where they belong. */
static int64_t piece(struct tar_reader *t, int64_t *offset)
{
	const struct tar_entry *e = &t->entry;

	if (!e->sparse) {
		*offset = t->at;
		return t->left;
	}
	while (t->span < e->nspans && t->span_at == e->spans[t->span].length) {
		t->span++;
		t->span_at = 0;
	}
	if (t->span == e->nspans)
		return 0;
	*offset = e->spans[t->span].offset + t->span_at;
	return e->spans[t->span].length - t->span_at;
}

int tar_data(struct tar_reader *t, struct slice *ret, int64_t *ret_offset, struct err *err)
{
	int64_t want = piece(t, ret_offset);
	const char *p;
	size_t n;
	int r;

	source_skip(t->source, t->shown);
	t->shown = 0;
	if (want == 0 && t->entry.sparse && t->left > 0)
		return err_set(err, -EBADMSG,
			       "archive/tar: sparse file contains unreferenced data");
	if (want == 0)
		return TAR_DATA_END;
	if (t->left == 0)
		return err_set(err, -EBADMSG,
			       "archive/tar: sparse file references non-existent data");
	r = source_peek(t->source, &p, &n, err);
	if (r < 0)
		return r;
	if (n == 0)
		return eof(err);
	n = (size_t)MIN((uint64_t)n, (uint64_t)MIN(want, t->left));
	t->shown = n;
	t->left -= (int64_t)n;
	t->at += (int64_t)n;
	t->span_at += (int64_t)n;
	*ret = (struct slice){ p, n };
	return TAR_DATA;
}
