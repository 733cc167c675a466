/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar, read and written as Go's archive/tar does, because that is what stands on the other side:
 * names are bytes (no character set is applied, nothing is ever converted or looked up), a header
 * that Go refuses is refused, a plain header is written bit by bit like Go's PAX writer.
 *
 * Read: V7, ustar, PAX (extended headers; global ones are skipped as moby does), star, GNU (long
 * names, base-256 numbers), sparse files in all four GNU forms.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "cp/stream.h"

#define TAR_BLOCK 512u
#define TAR_SPECIAL_MAX (1u << 20) /* bytes of an extended header, long name or sparse map */

/* Type flags of entries, after reading: '\0' has become TAR_FILE or TAR_DIR. */
enum tar_type {
	TAR_FILE = '0',
	TAR_LINK = '1',
	TAR_SYMLINK = '2',
	TAR_CHAR = '3',
	TAR_BLOCKDEV = '4',
	TAR_DIR = '5',
	TAR_FIFO = '6',
	TAR_GNU_SPARSE = 'S', /* a file */
};

struct tar_time {
	int64_t sec;
	uint32_t nsec;
};

struct tar_xattr {
	const char *name;
	struct slice value;
	struct tar_xattr *next;
};

/* A part of a sparse file that has data. */
struct tar_span {
	int64_t offset;
	int64_t length;
};

struct tar_entry {
	const char *name;   /* as the archive has it; no NUL inside */
	const char *link;   /* target of TAR_LINK, TAR_SYMLINK */
	unsigned char type; /* enum tar_type, or another flag that nobody knows */
	int64_t mode;
	int64_t uid;
	int64_t gid;
	int64_t size; /* of the file's content, holes included */
	struct tar_time mtime;
	struct tar_time atime; /* 0 when the archive has none */
	int64_t devmajor;
	int64_t devminor;
	struct tar_xattr *xattrs; /* reading only: PAX records SCHILY.xattr.* */
	struct slice capability;  /* writing only: security.capability; empty: none */
	bool sparse;
	struct tar_span *spans; /* sparse: where the data is; the rest reads as zeros */
	size_t nspans;
};

/* Appends the header blocks of e (an extended one first, if its values need that). Content and its
 * padding to TAR_BLOCK are the caller's. Failure is out's sticky failure. */
void tar_emit(struct buf *out, const struct tar_entry *e);
/* Bytes of padding after n bytes of content. */
unsigned tar_padding(uint64_t n);

/* Reading. */
struct tar_reader {
	struct source *source; /* borrowed */
	struct arena arena;    /* what the entry points to */
	struct tar_entry entry;
	int64_t left;	  /* bytes of content that are still in the stream */
	unsigned padding; /* bytes after them */
	size_t shown;	  /* bytes at the source's front that tar_data() has handed out */
	int64_t at;	  /* where in the file the next of them belong (not sparse) */
	size_t span;	  /* sparse: in which span we are */
	int64_t span_at;  /* and how far into it */
	unsigned char block[TAR_BLOCK];
};

void tar_init(struct tar_reader *t, struct source *source);
void tar_done(struct tar_reader *t);

enum tar_next {
	TAR_END = 0,
	TAR_ENTRY = 1,
};

/* Steps to the next entry, whatever was read of the last one. The entry is valid until the next
 * call. Returns TAR_ENTRY, TAR_END, or -EBADMSG with the text that Go has for it; -errno. */
int tar_next(struct tar_reader *t, const struct tar_entry **ret, struct err *err);

enum tar_data {
	TAR_DATA_END = 0,
	TAR_DATA = 1,
};

/* The next bytes of the entry's content and where in the file they belong. They are valid until the
 * next call of either function. Returns TAR_DATA, TAR_DATA_END, -EBADMSG, -errno. */
int tar_data(struct tar_reader *t, struct slice *ret, int64_t *ret_offset, struct err *err);

/*
 * What follows is shared by the files of the reader.
 */
extern const char tar_bad_header[]; /* "archive/tar: invalid tar header" */

enum tar_format {
	TAR_FORMAT_UNKNOWN,
	TAR_FORMAT_V7,
	TAR_FORMAT_GNU,
	TAR_FORMAT_STAR,
	TAR_FORMAT_USTAR, /* or PAX */
};

/* Checks magic and sum. */
enum tar_format tar_block_format(const unsigned char block[TAR_BLOCK]);
/* Fills e from a header block, strings in a. 0, -EBADMSG, -ENOMEM. */
int tar_block_parse(const unsigned char block[TAR_BLOCK], struct arena *a, struct tar_entry *e);
/* Octal, or base-256 when the first bit is set; may be negative. 0 or -EBADMSG. */
int tar_number(const unsigned char *p, size_t n, int64_t *ret);

/* One record of an extended header. Values borrow from its text. */
struct tar_record {
	struct slice key;
	struct slice value;
	struct tar_record *next;
};

/* Parses an extended header into a list in which the last record of a key comes first. 0, -EBADMSG,
 * -ENOMEM. */
int tar_pax_parse(struct arena *a, struct slice text, struct tar_record **ret);
/* Value of a key, empty when there is none. */
struct slice tar_pax_get(const struct tar_record *records, const char *key);
/* Overrides e with the records. 0, -EBADMSG, -ENOMEM. */
int tar_pax_apply(struct arena *a, const struct tar_record *records, struct tar_entry *e);
/* "123", "-1": as Go's strconv.ParseInt in base 10. 0 or -EBADMSG. */
int tar_pax_int(struct slice s, int64_t *ret);
/* "123.5", "-0.25". 0 or -EBADMSG. */
int tar_pax_time(struct slice s, struct tar_time *ret);

/* Do entries of this type have content? What is unknown has. */
bool tar_has_content(unsigned char type);
/* Reads n bytes of the stream: how many came (fewer only at its end), or an error. */
ssize_t tar_take(struct tar_reader *t, void *to, size_t n, struct err *err);
/* If the entry is sparse, by its type or by its records: reads the map, sets size, spans (and
 * name). 0 or an error. */
int tar_sparse(struct tar_reader *t, const struct tar_record *records, struct err *err);
