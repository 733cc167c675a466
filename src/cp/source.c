/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works: the first bytes are read and looked at. A plain archive is handed on from the
 * read buffer as it is. A compressed one goes through libarchive's filter of just that kind, with
 * its "raw" format, which yields the decompressed bytes and interprets nothing. libarchive would
 * run external programs for filters that it was built without; those are never registered.
 */
#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cp/stream.h"

#define BUFFER_SIZE (128u << 10)
#define SNIFF 10u /* bytes that tell the compression */
#define DRAIN_WAIT_MS 10000

struct source {
	int fd;
	char *buf; /* owned, BUFFER_SIZE; NULL when from memory */
	const char *p;
	size_t n; /* bytes at p */
	bool ended;
	struct archive *filter; /* NULL when plain */
	const void *given;	/* read buffer's bytes that the filter has not been given yet */
	size_t ngiven;
};

static bool is_bzip2(const unsigned char *p)
{
	return memcmp(p, "BZh", 3) == 0;
}

static bool is_gzip(const unsigned char *p)
{
	return p[0] == 0x1f && p[1] == 0x8b && p[2] == 8;
}

static bool is_xz(const unsigned char *p)
{
	return memcmp(p,
		      "\xfd"
		      "7zXZ",
		      6) == 0;
}

/* A frame (RFC 8878 section 3.1.1) or a skippable frame (3.1.2). */
static bool is_zstd(const unsigned char *p)
{
	return memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0 ||
	       ((p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0);
}

static const struct {
	const char *name;
	bool (*is)(const unsigned char *p); /* p has SNIFF bytes */
	const char *(*library)(void);	    /* NULL result: libarchive was built without */
	int (*support)(struct archive *a);
} filters[] = {
	{ "bzip2", is_bzip2, archive_bzlib_version, archive_read_support_filter_bzip2 },
	{ "gzip", is_gzip, archive_zlib_version, archive_read_support_filter_gzip },
	{ "xz", is_xz, archive_liblzma_version, archive_read_support_filter_xz },
	{ "zstd", is_zstd, archive_libzstd_version, archive_read_support_filter_zstd },
};

static la_ssize_t feed(struct archive *a, void *data, const void **ret)
{
	struct source *s = data;
	ssize_t k;

	if (s->ngiven > 0) {
		k = (ssize_t)s->ngiven;
		*ret = s->given;
		s->ngiven = 0;
		return k;
	}
	k = stream_read(s->fd, s->buf, BUFFER_SIZE);
	if (k < 0) {
		archive_set_error(a, (int)-k, "read: %s", strerror((int)-k));
		return -1;
	}
	*ret = s->buf;
	return k;
}

static int filter_error(struct source *s, struct err *err)
{
	const char *text = archive_error_string(s->filter);
	int code = archive_errno(s->filter);

	if (code == ENOMEM)
		return err_set(err, -ENOMEM, "decompress: out of memory");
	return err_set(err, -EBADMSG, "decompress: %s", text ? text : "unknown error");
}

static int start_filter(struct source *s, size_t which, struct err *err)
{
	struct archive_entry *entry;

	if (!filters[which].library())
		return err_set(err, -EBADMSG, "%s archives: libarchive was built without it",
			       filters[which].name);
	s->filter = archive_read_new();
	if (!s->filter)
		return err_set(err, -ENOMEM, "out of memory");
	s->given = s->p;
	s->ngiven = s->n;
	s->n = 0;
	if (filters[which].support(s->filter) != ARCHIVE_OK ||
	    archive_read_support_format_raw(s->filter) != ARCHIVE_OK ||
	    archive_read_open(s->filter, s, NULL, feed, NULL) != ARCHIVE_OK)
		return filter_error(s, err);
	/* The raw format's only entry; at the end of the stream when it holds no byte at all. */
	switch (archive_read_next_header(s->filter, &entry)) {
	case ARCHIVE_OK:
		return 0;
	case ARCHIVE_EOF:
		s->ended = true;
		return 0;
	default:
		return filter_error(s, err);
	}
}

static int sniff(struct source *s, struct err *err)
{
	unsigned char head[SNIFF] = { 0 };

	while (s->n < SNIFF) {
		ssize_t k = stream_read(s->fd, s->buf + s->n, BUFFER_SIZE - s->n);

		if (k < 0)
			return err_errno(err, (int)k, "read");
		if (k == 0)
			break;
		s->n += (size_t)k;
	}
	memcpy(head, s->p, MIN(s->n, (size_t)SNIFF));
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		if (filters[i].is(head))
			return start_filter(s, i, err);
	return 0;
}

int source_open(int fd, struct source **ret, struct err *err)
{
	struct source *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	s->fd = fd;
	s->buf = malloc(BUFFER_SIZE);
	s->p = s->buf;
	r = s->buf ? sniff(s, err) : err_set(err, -ENOMEM, "out of memory");
	if (r < 0) {
		s = source_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct source *source_open_memory(const void *data, size_t n)
{
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fd = -EBADF;
	s->p = data;
	s->n = n;
	s->ended = true;
	return s;
}

struct source *source_free(struct source *s)
{
	if (s) {
		(void)archive_read_free(s->filter);
		free(s->buf);
		free(s);
	}
	return NULL;
}

static int refill_filtered(struct source *s, struct err *err)
{
	while (s->n == 0) {
		const void *p;
		la_int64_t offset;
		int r = archive_read_data_block(s->filter, &p, &s->n, &offset);

		if (r == ARCHIVE_EOF) {
			s->n = 0;
			s->ended = true;
			return 0;
		}
		if (r != ARCHIVE_OK) {
			s->n = 0;
			return filter_error(s, err);
		}
		s->p = p;
	}
	return 0;
}

static int refill_plain(struct source *s, struct err *err)
{
	ssize_t k = stream_read(s->fd, s->buf, BUFFER_SIZE);

	if (k < 0)
		return err_errno(err, (int)k, "read");
	s->p = s->buf;
	s->n = (size_t)k;
	s->ended = k == 0;
	return 0;
}

int source_peek(struct source *s, const char **ret, size_t *ret_n, struct err *err)
{
	if (s->n == 0 && !s->ended) {
		int r = s->filter ? refill_filtered(s, err) : refill_plain(s, err);

		if (r < 0)
			return r;
	}
	*ret = s->p;
	*ret_n = s->n;
	return 0;
}

void source_skip(struct source *s, size_t n)
{
	assert(n <= s->n);
	s->p += n;
	s->n -= n;
}

void source_drain(struct source *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	s->n = 0;
	if (s->fd < 0)
		return;
	while (poll(&p, 1, DRAIN_WAIT_MS) > 0)
		if (stream_read(s->fd, s->buf, BUFFER_SIZE) <= 0)
			return;
}
