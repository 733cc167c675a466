/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers as Go's writer makes them when it is asked for PAX: a ustar block if that can hold all
 * values (a long name cut in two at a slash), else an extended header before a block without
 * prefix. Records are in the order of their keys, as Go sorts them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "cp/tar.h"

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

static bool fits_octal(size_t field, int64_t v)
{
	return v >= 0 && (uint64_t)v >> (3 * (field - 1)) == 0;
}

/* Digits and a NUL; zero where it does not fit (then a record has the value). */
static void put_octal(unsigned char *p, size_t field, int64_t v)
{
	uint64_t left = fits_octal(field, v) ? (uint64_t)v : 0;

	for (size_t i = field - 1; i > 0; i--) {
		p[i - 1] = (unsigned char)('0' + (left & 7));
		left >>= 3;
	}
	p[field - 1] = '\0';
}

/* Bytes above 0x7f are dropped, a slash at the cut is not left at the end; with `trim` none is. */
static void put_text(unsigned char *p, size_t field, const char *s, bool trim)
{
	size_t n = 0;
	bool cut = false;

	for (; *s && !cut; s++) {
		if ((unsigned char)*s >= 0x80)
			continue;
		cut = n == field;
		if (!cut)
			p[n++] = (unsigned char)*s;
	}
	while ((cut || trim) && n > 0 && p[n - 1] == '/')
		p[--n] = '\0';
}

static void put_sum(unsigned char *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (unsigned i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	put_octal(block + 148, 7, sum);
}

static void emit_block(struct buf *out, unsigned char block[TAR_BLOCK])
{
	memcpy(block + 257,
	       "ustar\0"
	       "00",
	       8);
	put_sum(block);
	buf_add(out, block, TAR_BLOCK);
}

static size_t digits(size_t v)
{
	size_t n = 1;

	for (; v >= 10; v /= 10)
		n++;
	return n;
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts its own digits too. */
static void add_record(struct buf *out, const char *key, struct slice value)
{
	size_t bare = strlen(key) + value.n + 3;
	size_t n = bare;

	while (n != bare + digits(n))
		n = bare + digits(n);
	buf_printf(out, "%zu %s=", n, key);
	buf_add_slice(out, value);
	buf_add_char(out, '\n');
}

static void add_number(struct buf *out, const char *key, size_t field, int64_t v)
{
	char text[24];

	if (fits_octal(field, v))
		return;
	(void)snprintf(text, sizeof(text), "%lld", (long long)v);
	add_record(out, key, slice_str(text));
}

static void add_text(struct buf *out, const char *key, size_t field, const char *s)
{
	if (!is_ascii(s) || strlen(s) > field)
		add_record(out, key, slice_str(s));
}

/* In the order of their keys: capitals sort before small letters. */
static void add_records(struct buf *out, const struct tar_entry *e, bool with_path)
{
	if (e->capability.n > 0)
		add_record(out, "SCHILY.xattr.security.capability", e->capability);
	add_number(out, "gid", 8, e->gid);
	add_text(out, "linkpath", 100, e->link ? e->link : "");
	add_number(out, "mtime", 12, e->mtime.sec);
	if (with_path)
		add_text(out, "path", 100, e->name);
	add_number(out, "size", 12, e->size);
	add_number(out, "uid", 8, e->uid);
}

/* A long name that a ustar block can hold: where to cut it (the slash belongs to neither part), or
 * 0. The cut is the last one that leaves a prefix of 155 bytes at most. */
static size_t ustar_cut(const char *name)
{
	size_t n = strlen(name);
	size_t end = n > 156 ? 156 : n - 1; /* a slash at the end of the name is no place to cut */

	if (n <= 100 || !is_ascii(name))
		return 0;
	while (end > 0 && name[end - 1] != '/')
		end--;
	if (end <= 1 || n - end > 100)
		return 0;
	return end - 1;
}

/* "dir/PaxHeaders.0/base": what somebody sees who does not know extended headers. */
static void meta_name(struct buf *out, const char *name)
{
	const char *slash;
	struct slice dir;

	if (name[0] == '.' && name[1] == '/')
		name += 2;
	slash = strrchr(name, '/');
	dir = (struct slice){ name, slash ? (size_t)(slash - name) : 0 };
	if (dir.n > 0)
		buf_add_slice(out, dir);
	if (slash)
		buf_add_char(out, '/');
	buf_add_str(out, "PaxHeaders.0");
	if (slash ? slash[1] : name[0]) {
		buf_add_char(out, '/');
		buf_add_str(out, slash ? slash + 1 : name);
	}
}

static void emit_extended(struct buf *out, const char *name, struct slice records)
{
	CLEANUP_BUF struct buf meta = BUF_INIT(TAR_SPECIAL_MAX);
	unsigned char block[TAR_BLOCK] = { 0 };

	meta_name(&meta, name);
	if (!buf_ok(&meta)) {
		out->failed = true;
		return;
	}
	put_text(block, 100, meta.p, true);
	put_octal(block + 100, 8, 0);
	put_octal(block + 108, 8, 0);
	put_octal(block + 116, 8, 0);
	put_octal(block + 124, 12, (int64_t)records.n);
	put_octal(block + 136, 12, 0);
	block[156] = 'x';
	emit_block(out, block);
	buf_add_slice(out, records);
	memset(block, 0, sizeof(block));
	buf_add(out, block, tar_padding(records.n));
}

static void emit_main(struct buf *out, const struct tar_entry *e, size_t cut)
{
	unsigned char block[TAR_BLOCK] = { 0 };

	put_text(block, 100, cut ? e->name + cut + 1 : e->name, false);
	put_octal(block + 100, 8, e->mode & 07777);
	put_octal(block + 108, 8, e->uid);
	put_octal(block + 116, 8, e->gid);
	put_octal(block + 124, 12, e->size);
	put_octal(block + 136, 12, e->mtime.sec);
	block[156] = e->type;
	put_text(block + 157, 100, e->link ? e->link : "", false);
	put_octal(block + 329, 8, e->devmajor);
	put_octal(block + 337, 8, e->devminor);
	memcpy(block + 345, e->name, cut);
	emit_block(out, block);
}

void tar_emit(struct buf *out, const struct tar_entry *e)
{
	CLEANUP_BUF struct buf records = BUF_INIT(TAR_SPECIAL_MAX);
	size_t cut = ustar_cut(e->name);

	add_records(&records, e, cut == 0);
	if (records.n > 0 &&
	    cut > 0) { /* something else needs records: then the name gets one too */
		buf_reset(&records);
		add_records(&records, e, true);
		cut = 0;
	}
	if (!buf_ok(&records))
		out->failed = true;
	else if (records.n > 0)
		emit_extended(out, e->name, buf_slice(&records));
	emit_main(out, e, cut);
}
