/* SPDX-License-Identifier: Apache-2.0 */
/* The reader and writer of tar, on bytes made here. Against Go: tests/cp/test_tar.py. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/util.h"
#include "cp/tar.h"

#define ARCHIVE_MAX (8u << 20)

static void add_zeros(struct buf *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add_char(b, '\0');
}

static void add_content(struct buf *b, struct slice data)
{
	buf_add_slice(b, data);
	add_zeros(b, tar_padding(data.n));
}

static const struct {
	const char *bytes;
	size_t n;
	int result;
	int64_t value;
} numbers[] = {
	{ "0000644\0", 8, 0, 0644 },
	{ "   644 \0", 8, 0, 0644 },
	{ "644     ", 8, 0, 0644 },
	{ "644\0junk", 8, 0, 0644 },
	{ "\0\0\0\0\0\0\0\0", 8, 0, 0 },
	{ "        ", 8, 0, 0 },
	{ "77777777", 8, 0, 077777777 },
	{ "64 4\0\0\0\0", 8, -EBADMSG, 0 },
	{ "648\0\0\0\0\0", 8, -EBADMSG, 0 },
	{ "-1\0\0\0\0\0\0", 8, -EBADMSG, 0 },
	{ "\x80\0\0\0\0\0\1\0", 8, 0, 256 },
	{ "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 0, -1 },
	{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12, 0, -2 },
	{ "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12, 0, INT64_MAX },
	{ "\x80\0\0\0\x80\0\0\0\0\0\0\0", 12, -EBADMSG, 0 },
	{ "\x80\0\0\1\0\0\0\0\0\0\0\0", 12, -EBADMSG, 0 },
	{ "", 0, 0, 0 },
};

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		int64_t v = 0;

		assert_int_equal(tar_number((const unsigned char *)numbers[i].bytes, numbers[i].n,
					    &v),
				 numbers[i].result);
		assert_true(v == numbers[i].value);
	}
}

static const struct {
	const char *text;
	int result;
	int64_t sec;
	uint32_t nsec;
} pax_times[] = {
	{ "0", 0, 0, 0 },
	{ "1350244992.023960108", 0, 1350244992, 23960108 },
	{ "1.5", 0, 1, 500000000 },
	{ "1.", 0, 1, 0 },
	{ "1.0000000019999", 0, 1, 1 },
	{ "-1.5", 0, -2, 500000000 },
	{ "-0.25", 0, -1, 750000000 },
	{ "-1", 0, -1, 0 },
	{ "-9223372036854775808", 0, INT64_MIN, 0 },
	{ "9223372036854775808", -EBADMSG, 0, 0 },
	{ "", -EBADMSG, 0, 0 },
	{ ".5", -EBADMSG, 0, 0 },
	{ "1.5.5", -EBADMSG, 0, 0 },
	{ "1e3", -EBADMSG, 0, 0 },
};

static void test_pax_times(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pax_times); i++) {
		struct tar_time t = { 0, 0 };

		assert_int_equal(tar_pax_time(slice_str(pax_times[i].text), &t),
				 pax_times[i].result);
		assert_true(t.sec == pax_times[i].sec);
		assert_int_equal(t.nsec, pax_times[i].nsec);
	}
}

#define RECORDS(s) SLICE_LIT(s)

static const struct {
	struct slice text;
	int result;
	const char *key;
	struct slice value;
} records[] = {
	{ { "6 k=1\n\n", 6 }, 0, "k", { "1", 1 } },
	{ { "6 k=1\n", 6 }, 0, "k", { "1", 1 } },
	{ { "5 k=\n", 5 }, 0, "k", { "", 0 } },
	{ { "6 k=1\n6 k=2\n", 12 }, 0, "k", { "2", 1 } },
	{ { "10 k=a=b\nc\n", 9 }, -EBADMSG, NULL, { NULL, 0 } },
	{ { "9 k=a=b\n\n", 9 }, 0, "k", { "a=b\n", 4 } },
	{ { "", 0 }, 0, "k", { "", 0 } },
	{ { "7 k=1\n", 6 }, -EBADMSG, NULL, { NULL, 0 } },
	{ { "6 k=1 ", 6 }, -EBADMSG, NULL, { NULL, 0 } },
	{ { "5 k1\n", 5 }, -EBADMSG, NULL, { NULL, 0 } },
	{ { "5 =1\n", 5 }, -EBADMSG, NULL, { NULL, 0 } },
	{ { "-6 k=1\n", 7 }, -EBADMSG, NULL, { NULL, 0 } },
	{ { "x k=1\n", 6 }, -EBADMSG, NULL, { NULL, 0 } },
	{ { "11 path=a\0\n", 11 }, -EBADMSG, NULL, { NULL, 0 } },
	{ { "8 kk=a\0\n", 8 }, 0, "kk", { "a\0", 2 } },
	{ { "2 k=1\n", 6 }, -EBADMSG, NULL, { NULL, 0 } },
	{ { "99999999999999999999 k=1\n", 25 }, -EBADMSG, NULL, { NULL, 0 } },
};

static void test_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(65536);
		struct tar_record *list = NULL;

		if (tar_pax_parse(&a, records[i].text, &list) != records[i].result)
			fail_msg("record %zu: %.*s", i, SLICE_ARG(records[i].text));
		if (records[i].key)
			assert_true(slice_eq(tar_pax_get(list, records[i].key), records[i].value));
	}
}

struct reading {
	struct source *source;
	struct tar_reader t;
	struct err err;
};

static void start(struct reading *r, const struct buf *b)
{
	*r = (struct reading){ .err = ERR_INIT };
	r->source = source_open_memory(b->p, b->n);
	assert_non_null(r->source);
	tar_init(&r->t, r->source);
}

static const struct tar_entry *next(struct reading *r)
{
	const struct tar_entry *e = NULL;
	int k = tar_next(&r->t, &e, &r->err);

	if (k < 0)
		fail_msg("%s", r->err.text);
	assert_int_equal(k, TAR_ENTRY);
	return e;
}

static void assert_next(struct reading *r, int result, const char *text)
{
	const struct tar_entry *e = NULL;

	assert_int_equal(tar_next(&r->t, &e, &r->err), result);
	if (text)
		assert_string_equal(r->err.text, text);
}

static void stop(struct reading *r)
{
	tar_done(&r->t);
	r->source = source_free(r->source);
}

/* All content of the entry, holes as zeros. */
static void assert_content(struct reading *r, const struct tar_entry *e, struct slice want)
{
	char *all = calloc(1, (size_t)e->size + 1);
	struct slice piece;
	int64_t at;
	int k;

	assert_non_null(all);
	while ((k = tar_data(&r->t, &piece, &at, &r->err)) == TAR_DATA) {
		assert_true(at >= 0 && at + (int64_t)piece.n <= e->size);
		memcpy(all + at, piece.p, piece.n);
	}
	assert_int_equal(k, TAR_DATA_END);
	assert_int_equal(e->size, want.n);
	assert_memory_equal(all, want.p, want.n);
	free(all);
}

static char *repeat(const char *s, size_t times)
{
	struct buf b = BUF_INIT(ARCHIVE_MAX);

	for (size_t i = 0; i < times; i++)
		buf_add_str(&b, s);
	assert_true(buf_ok(&b));
	return b.p;
}

static void assert_round(const struct tar_entry *e)
{
	CLEANUP_BUF struct buf b = BUF_INIT(ARCHIVE_MAX);
	struct reading r;
	const struct tar_entry *got;

	tar_emit(&b, e);
	assert_true(buf_ok(&b));
	assert_int_equal(b.n % TAR_BLOCK, 0);
	start(&r, &b);
	got = next(&r);
	assert_string_equal(got->name, e->name);
	assert_string_equal(got->link, e->link ? e->link : "");
	assert_int_equal(got->type, e->type);
	assert_true(got->mode == e->mode && got->uid == e->uid && got->gid == e->gid);
	assert_true(got->size == e->size && got->mtime.sec == e->mtime.sec);
	assert_true(got->devmajor == e->devmajor && got->devminor == e->devminor);
	if (e->capability.n > 0) {
		assert_string_equal(got->xattrs->name, "security.capability");
		assert_true(slice_eq(got->xattrs->value, e->capability));
	}
	stop(&r);
}

static void test_round(void **state)
{
	char *deep = repeat("some/directory/", 40);
	char *flat = repeat("x", 300);
	const struct tar_entry entries[] = {
		{ .name = "a", .type = TAR_FILE, .mode = 0644 },
		{ .name = "/", .type = TAR_DIR, .mode = 0755 },
		{ .name = "./", .type = TAR_DIR, .mode = 01777, .uid = 1000, .gid = 2097151 },
		{ .name = "a/l", .link = "../../x", .type = TAR_SYMLINK, .mode = 0777 },
		{ .name = "n",
		  .type = TAR_CHAR,
		  .mode = 0666,
		  .devmajor = 4095,
		  .devminor = 1048575 },
		{ .name = "u", .type = TAR_FIFO, .uid = 2097152, .gid = 4294967294 },
		{ .name = "t", .type = TAR_DIR, .mtime = { -5, 0 } },
		{ .name = "t", .type = TAR_DIR, .mtime = { INT64_MAX, 0 } },
		{ .name = deep, .type = TAR_DIR },
		{ .name = flat, .link = deep, .type = TAR_LINK },
		{ .name = "\xe9\xff", .link = "\xc3\xa9", .type = TAR_SYMLINK },
		{ .name = "c", .type = TAR_FIFO, .capability = { "\1\0\0\2\0\n=\0", 8 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		assert_round(&entries[i]);
	free(deep);
	free(flat);
}

/* Where Go cuts a name in two, and where it takes a record: shown by the number of blocks. */
static void test_blocks(void **state)
{
	static const struct {
		size_t dir, base, blocks;
	} cases[] = {
		{ 0, 100, 1 },	 { 0, 101, 3 },	 { 155, 100, 1 }, { 156, 100, 3 },
		{ 155, 101, 3 }, { 100, 99, 1 }, { 1, 100, 1 },	  { 140, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(ARCHIVE_MAX);
		CLEANUP_BUF struct buf name = BUF_INIT(1024);
		struct tar_entry e = { .type = TAR_FIFO };

		for (size_t k = 0; k < cases[i].dir; k++)
			buf_add_char(&name, 'd');
		if (cases[i].dir)
			buf_add_char(&name, '/');
		for (size_t k = 0; k < cases[i].base; k++)
			buf_add_char(&name, 'b');
		e.name = name.p;
		tar_emit(&b, &e);
		assert_int_equal(b.n / TAR_BLOCK, cases[i].blocks);
		assert_round(&e);
	}
}

static void test_content(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(ARCHIVE_MAX);
	char *big = repeat("0123456789abcdef", 10000);
	struct reading r;

	(void)state;
	tar_emit(&b, &(struct tar_entry){ .name = "big", .type = TAR_FILE, .size = 160000 });
	add_content(&b, slice_str(big));
	tar_emit(&b, &(struct tar_entry){ .name = "small", .type = TAR_FILE, .size = 3 });
	add_content(&b, SLICE_LIT("abc"));
	tar_emit(&b, &(struct tar_entry){ .name = "dir", .type = TAR_DIR, .size = 77 });
	tar_emit(&b, &(struct tar_entry){ .name = "old/", .type = '\0' });
	tar_emit(&b, &(struct tar_entry){ .name = "old", .type = '\0' });
	add_zeros(&b, 1024);
	buf_add_str(&b, "what follows the end does not matter");
	start(&r, &b);
	assert_content(&r, next(&r), slice_str(big));
	assert_content(&r, next(&r), SLICE_LIT("abc"));
	assert_string_equal(next(&r)->name, "dir"); /* has no content, whatever its size says */
	assert_int_equal(next(&r)->type, TAR_DIR);
	assert_int_equal(next(&r)->type, TAR_FILE);
	assert_next(&r, TAR_END, NULL);
	stop(&r);
	start(&r, &b);
	assert_string_equal(next(&r)->name, "big");
	assert_string_equal(next(&r)->name, "small"); /* content not read: stepped over */
	assert_string_equal(next(&r)->name, "dir");
	stop(&r);
	free(big);
}

static void test_ends(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(ARCHIVE_MAX);
	const struct tar_entry e = { .name = "f", .type = TAR_FILE, .size = 600 };
	struct reading r;
	struct slice piece;
	int64_t at;

	(void)state;
	start(&r, &b); /* nothing at all */
	assert_next(&r, TAR_END, NULL);
	stop(&r);
	tar_emit(&b, &e);
	b.n = 511;
	start(&r, &b);
	assert_next(&r, -EBADMSG, "unexpected EOF");
	stop(&r);
	b.n = 512;
	start(&r, &b);
	(void)next(&r);
	assert_next(&r, -EBADMSG, "unexpected EOF");
	stop(&r);
	start(&r, &b);
	(void)next(&r);
	assert_int_equal(tar_data(&r.t, &piece, &at, &r.err), -EBADMSG);
	stop(&r);
	add_zeros(&b, 600); /* the padding may be missing */
	start(&r, &b);
	(void)next(&r);
	assert_next(&r, TAR_END, NULL);
	stop(&r);
	add_zeros(&b, 424 + 512); /* one block of zeros */
	start(&r, &b);
	(void)next(&r);
	assert_next(&r, TAR_END, NULL);
	stop(&r);
	tar_emit(&b, &e); /* one block of zeros, then something */
	start(&r, &b);
	(void)next(&r);
	assert_next(&r, -EBADMSG, tar_bad_header);
	stop(&r);
}

static void test_damage(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(ARCHIVE_MAX);
	struct reading r;

	(void)state;
	tar_emit(&b, &(struct tar_entry){ .name = "f", .type = TAR_FIFO });
	for (unsigned i = 0; i < TAR_BLOCK; i++) {
		b.p[i] ^= 1;
		start(&r, &b);
		if (i < 148 || i > 155) /* elsewhere the sum does not match */
			assert_next(&r, -EBADMSG, tar_bad_header);
		stop(&r);
		b.p[i] ^= 1;
	}
	b.n = 0;
	for (unsigned i = 0; i < TAR_BLOCK; i++)
		buf_add_char(&b, 'A');
	start(&r, &b);
	assert_next(&r, -EBADMSG, tar_bad_header);
	stop(&r);
}

/* A header of the old GNU format with this type. */
static void emit_gnu(struct buf *b, const char *name, char type, size_t size,
		     void (*fill)(unsigned char *block))
{
	unsigned char block[TAR_BLOCK] = { 0 };
	unsigned sum = 0;

	memcpy(block, name, MIN(strlen(name), (size_t)100));
	(void)snprintf((char *)block + 100, 8, "%07o", 0644);
	(void)snprintf((char *)block + 124, 12, "%011o", (unsigned)size);
	block[156] = (unsigned char)type;
	memcpy(block + 257, "ustar  ", 8);
	if (fill)
		fill(block);
	memset(block + 148, ' ', 8);
	for (unsigned i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	(void)snprintf((char *)block + 148, 8, "%06o", sum);
	buf_add(b, block, TAR_BLOCK);
}

static void test_gnu_names(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(ARCHIVE_MAX);
	char *name = repeat("long/", 1000);
	char *link = repeat("target/", 1000);
	struct reading r;
	const struct tar_entry *e;

	(void)state;
	emit_gnu(&b, "././@LongLink", 'L', 5001, NULL);
	add_content(&b, (struct slice){ name, 5001 });
	emit_gnu(&b, "././@LongLink", 'K', 7001, NULL);
	add_content(&b, (struct slice){ link, 7001 });
	emit_gnu(&b, "short", TAR_SYMLINK, 0, NULL);
	emit_gnu(&b, "next", TAR_FILE, 0, NULL);
	start(&r, &b);
	e = next(&r);
	assert_string_equal(e->name, name);
	assert_string_equal(e->link, link);
	assert_string_equal(next(&r)->name, "next"); /* they were for one entry only */
	assert_next(&r, TAR_END, NULL);
	stop(&r);
	b.n = 0;
	emit_gnu(&b, "././@LongLink", 'L', TAR_SPECIAL_MAX + 1, NULL);
	add_zeros(&b, TAR_SPECIAL_MAX + 1);
	start(&r, &b);
	assert_next(&r, -EBADMSG, "archive/tar: header field too long");
	stop(&r);
	free(name);
	free(link);
}

static void fill_sparse(unsigned char *block)
{
	(void)snprintf((char *)block + 386, 12, "%011o", 2); /* "ab" at 2 */
	(void)snprintf((char *)block + 398, 12, "%011o", 2);
	(void)snprintf((char *)block + 410, 12, "%011o", 8); /* "cd" at 8 */
	(void)snprintf((char *)block + 422, 12, "%011o", 2);
	(void)snprintf((char *)block + 483, 12, "%011o", 12);
}

static void fill_overlap(unsigned char *block)
{
	fill_sparse(block);
	(void)snprintf((char *)block + 410, 12, "%011o", 3);
}

static void fill_outside(unsigned char *block)
{
	fill_sparse(block);
	(void)snprintf((char *)block + 483, 12, "%011o", 9);
}

static void test_old_sparse(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(ARCHIVE_MAX);
	struct reading r;
	struct slice piece;
	int64_t at;

	(void)state;
	emit_gnu(&b, "s", TAR_GNU_SPARSE, 4, fill_sparse);
	add_content(&b, SLICE_LIT("abcd"));
	emit_gnu(&b, "next", TAR_FILE, 0, NULL);
	start(&r, &b);
	assert_content(&r, next(&r), (struct slice){ "\0\0ab\0\0\0\0cd\0\0", 12 });
	assert_string_equal(next(&r)->name, "next");
	stop(&r);
	b.n = 0;
	emit_gnu(&b, "s", TAR_GNU_SPARSE, 4, fill_overlap);
	start(&r, &b);
	assert_next(&r, -EBADMSG, tar_bad_header);
	stop(&r);
	b.n = 0;
	emit_gnu(&b, "s", TAR_GNU_SPARSE, 4, fill_outside);
	start(&r, &b);
	assert_next(&r, -EBADMSG, tar_bad_header);
	stop(&r);
	b.n = 0;
	emit_gnu(&b, "s", TAR_GNU_SPARSE, 3, fill_sparse); /* data for three of four bytes */
	add_content(&b, SLICE_LIT("abc"));
	start(&r, &b);
	(void)next(&r);
	while (tar_data(&r.t, &piece, &at, &r.err) == TAR_DATA)
		;
	assert_string_equal(r.err.text, "archive/tar: sparse file references non-existent data");
	stop(&r);
}

static void emit_pax(struct buf *b, char type, const char *text)
{
	emit_gnu(b, "pax", type, strlen(text), NULL);
	add_content(b, slice_str(text));
}

static void test_pax_sparse(void **state)
{
	static const char *const heads[] = {
		"22 GNU.sparse.major=0\n22 GNU.sparse.minor=1\n26 GNU.sparse.name=real/x\n"
		"22 GNU.sparse.size=12\n26 GNU.sparse.numblocks=2\n26 GNU.sparse.map=2,2,8,2\n",
		"22 GNU.sparse.size=12\n26 GNU.sparse.numblocks=2\n23 GNU.sparse.offset=2\n"
		"25 GNU.sparse.numbytes=2\n23 GNU.sparse.offset=8\n25 GNU.sparse.numbytes=2\n",
		"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n26 GNU.sparse.realsize=12\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(ARCHIVE_MAX);
		struct reading r;
		const struct tar_entry *e;

		emit_pax(&b, 'x', heads[i]);
		emit_gnu(&b, "s", TAR_FILE, i == 2 ? 516 : 4, NULL);
		if (i == 2)
			add_content(&b, SLICE_LIT("2\n2\n2\n8\n2\n"));
		add_content(&b, SLICE_LIT("abcd"));
		emit_gnu(&b, "next", TAR_FILE, 0, NULL);
		start(&r, &b);
		e = next(&r);
		assert_string_equal(e->name, i == 0 ? "real/x" : "s");
		assert_content(&r, e, (struct slice){ "\0\0ab\0\0\0\0cd\0\0", 12 });
		assert_string_equal(next(&r)->name, "next");
		stop(&r);
	}
}

static void test_global(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(ARCHIVE_MAX);
	struct reading r;

	(void)state;
	emit_pax(&b, 'g', "12 path=all\n");
	emit_gnu(&b, "a", TAR_FILE, 0, NULL);
	emit_pax(&b, 'x', "12 path=one\n");
	emit_gnu(&b, "b", TAR_FILE, 0, NULL);
	emit_gnu(&b, "c", TAR_FILE, 0, NULL);
	start(&r, &b);
	assert_string_equal(next(&r)->name, "a");
	assert_string_equal(next(&r)->name, "one");
	assert_string_equal(next(&r)->name, "c");
	stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),	   cmocka_unit_test(test_pax_times),
		cmocka_unit_test(test_records),	   cmocka_unit_test(test_round),
		cmocka_unit_test(test_blocks),	   cmocka_unit_test(test_content),
		cmocka_unit_test(test_ends),	   cmocka_unit_test(test_damage),
		cmocka_unit_test(test_gnu_names),  cmocka_unit_test(test_old_sparse),
		cmocka_unit_test(test_pax_sparse), cmocka_unit_test(test_global),
	};

	return cmocka_run_group_tests_name("cp tar", tests, NULL, NULL);
}
