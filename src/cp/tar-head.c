/* SPDX-License-Identifier: Apache-2.0 */
/* One header block. */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "cp/tar.h"

const char tar_bad_header[] = "archive/tar: invalid tar header";

struct field {
	unsigned at;
	unsigned n;
};

static const struct field f_name = { 0, 100 };
static const struct field f_mode = { 100, 8 };
static const struct field f_uid = { 108, 8 };
static const struct field f_gid = { 116, 8 };
static const struct field f_size = { 124, 12 };
static const struct field f_mtime = { 136, 12 };
static const struct field f_sum = { 148, 8 };
static const struct field f_link = { 157, 100 };
static const struct field f_major = { 329, 8 };
static const struct field f_minor = { 337, 8 };
static const struct field f_ustar_prefix = { 345, 155 };
static const struct field f_star_prefix = { 345, 131 };
static const struct field f_star_atime = { 476, 12 };
static const struct field f_gnu_atime = { 345, 12 };

#define TYPE_AT 156
#define MAGIC_AT 257 /* 6 bytes of magic, 2 of version */
#define STAR_AT 508

int tar_number(const unsigned char *p, size_t n, int64_t *ret)
{
	unsigned char flip = n > 0 && (p[0] & 0x40) ? 0xff : 0;
	uint64_t v = 0;

	if (n > 0 && (p[0] & 0x80)) {
		for (size_t i = 0; i < n; i++) {
			unsigned char c = p[i] ^ flip;

			if (v >> 56)
				return -EBADMSG;
			v = v << 8 | (i == 0 ? c & 0x7f : c);
		}
		if (v >> 63)
			return -EBADMSG;
		*ret = flip ? -(int64_t)v - 1 : (int64_t)v;
		return 0;
	}
	while (n > 0 && (*p == ' ' || *p == '\0')) {
		p++;
		n--;
	}
	for (size_t i = 0; i < n && p[i] != '\0'; i++) {
		bool tail = p[i] == ' ';

		for (size_t k = i; tail && k < n; k++)
			tail = p[k] == ' ' || p[k] == '\0';
		if (tail)
			break;
		if (p[i] < '0' || p[i] > '7' || v >> 61)
			return -EBADMSG;
		v = v << 3 | (uint64_t)(p[i] - '0');
	}
	*ret = (int64_t)v; /* Go casts likewise: 64 bits of octal come out negative */
	return 0;
}

static int number(const unsigned char *block, struct field f, int64_t *ret)
{
	return tar_number(block + f.at, f.n, ret);
}

static bool sum_matches(const unsigned char *block)
{
	int64_t want;
	int64_t plain = 0;
	int64_t as_signed = 0;

	for (unsigned i = 0; i < TAR_BLOCK; i++) {
		unsigned char c = i >= f_sum.at && i < f_sum.at + f_sum.n ? ' ' : block[i];

		plain += c;
		as_signed += (signed char)c;
	}
	/* Octal only: Go does not read base-256 here. */
	if ((block[f_sum.at] & 0x80) || number(block, f_sum, &want) < 0)
		return false;
	return want == plain || want == as_signed;
}

enum tar_format tar_block_format(const unsigned char block[TAR_BLOCK])
{
	if (!sum_matches(block))
		return TAR_FORMAT_UNKNOWN;
	if (memcmp(block + MAGIC_AT, "ustar\0", 6) == 0)
		return memcmp(block + STAR_AT, "tar\0", 4) == 0 ? TAR_FORMAT_STAR
								: TAR_FORMAT_USTAR;
	if (memcmp(block + MAGIC_AT, "ustar  \0", 8) == 0)
		return TAR_FORMAT_GNU;
	return TAR_FORMAT_V7;
}

static struct slice text(const unsigned char *block, struct field f)
{
	const char *p = (const char *)block + f.at;

	return (struct slice){ p, strnlen(p, f.n) };
}

/* Fields that a V7 block does not have. Go's fallback for archives of its own version 1.7, which
 * put a prefix into a GNU block, is honoured: where the access time is no number, it is a prefix.
 */
static int parse_extra(const unsigned char *block, enum tar_format format, struct slice *prefix,
		       struct tar_entry *e)
{
	struct tar_time none = { 0, 0 };
	int64_t changed;

	if (number(block, f_major, &e->devmajor) < 0 || number(block, f_minor, &e->devminor) < 0)
		return -EBADMSG;
	if (format == TAR_FORMAT_USTAR)
		*prefix = text(block, f_ustar_prefix);
	if (format == TAR_FORMAT_STAR) {
		*prefix = text(block, f_star_prefix);
		return number(block, f_star_atime, &e->atime.sec);
	}
	if (format == TAR_FORMAT_GNU && (number(block, f_gnu_atime, &e->atime.sec) < 0 ||
					 number(block, (struct field){ 357, 12 }, &changed) < 0)) {
		e->atime = none;
		*prefix = text(block, f_ustar_prefix);
		for (size_t i = 0; i < prefix->n; i++)
			if ((unsigned char)prefix->p[i] >= 0x80)
				*prefix = SLICE_NULL;
	}
	return 0;
}

int tar_block_parse(const unsigned char block[TAR_BLOCK], struct arena *a, struct tar_entry *e)
{
	enum tar_format format = tar_block_format(block);
	struct slice name = text(block, f_name);
	struct slice link = text(block, f_link);
	struct slice prefix = SLICE_NULL;

	*e = (struct tar_entry){ .type = block[TYPE_AT] };
	if (format == TAR_FORMAT_UNKNOWN)
		return -EBADMSG;
	if (number(block, f_size, &e->size) < 0 || number(block, f_mode, &e->mode) < 0 ||
	    number(block, f_uid, &e->uid) < 0 || number(block, f_gid, &e->gid) < 0 ||
	    number(block, f_mtime, &e->mtime.sec) < 0)
		return -EBADMSG;
	if (format != TAR_FORMAT_V7 && parse_extra(block, format, &prefix, e) < 0)
		return -EBADMSG;
	if (prefix.n > 0)
		e->name = arena_printf(a, "%.*s/%.*s", SLICE_ARG(prefix), SLICE_ARG(name));
	else
		e->name = arena_dup(a, name.p, name.n);
	e->link = arena_dup(a, link.p, link.n);
	return e->name && e->link ? 0 : -ENOMEM;
}
