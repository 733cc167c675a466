/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our half of the comparison with Go's archive/tar (tar-list.go has the other one).
 *
 *   cp-tar-list read FILE...   says of each file what is in it, then how it ended
 *   cp-tar-list write          headers for the lines on standard input, each NAME LINK TYPE MODE
 * UID GID SIZE MTIME MAJOR MINOR CAPABILITY; texts in hexadecimal, "-" for none
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cp/tar.h"

#define FILE_MAX (64 << 20)

static void print_hex(const char *p, size_t n)
{
	if (n == 0)
		(void)putchar('-');
	for (size_t i = 0; i < n; i++)
		(void)printf("%02x", (unsigned char)p[i]);
	(void)putchar(' ');
}

/* A sum over the content as Go sees it (holes are zeros): FNV-1a. */
static int sum_content(struct tar_reader *t, const struct tar_entry *e, uint64_t *ret,
		       struct err *err)
{
	uint64_t h = 0xcbf29ce484222325u;
	int64_t at = 0;
	struct slice piece;
	int64_t offset;
	int r;

	while ((r = tar_data(t, &piece, &offset, err)) == TAR_DATA) {
		for (; at < offset; at++)
			h *= 0x100000001b3u;
		for (size_t i = 0; i < piece.n; i++)
			h = (h ^ (unsigned char)piece.p[i]) * 0x100000001b3u;
		at += (int64_t)piece.n;
	}
	for (; r == TAR_DATA_END && e->sparse && at < e->size; at++)
		h *= 0x100000001b3u;
	*ret = h;
	return r;
}

static int print_entry(struct tar_reader *t, const struct tar_entry *e, struct err *err)
{
	uint64_t sum = 0;
	int r;

	(void)printf("  %d ", e->type);
	print_hex(e->name, strlen(e->name));
	print_hex(e->link, strlen(e->link));
	(void)printf("%lld %lld %lld %lld %lld.%09u %lld %lld", (long long)e->mode,
		     (long long)e->uid, (long long)e->gid, (long long)e->size,
		     (long long)e->mtime.sec, e->mtime.nsec, (long long)e->devmajor,
		     (long long)e->devminor);
	for (const struct tar_xattr *x = e->xattrs; x; x = x->next)
		if (strcmp(x->name, "security.capability") == 0 && !x->next)
			(void)printf(" capability %zu", x->value.n);
	r = e->size > FILE_MAX ? 0 : sum_content(t, e, &sum, err);
	(void)printf(" %016llx\n", r < 0 ? 0 : (unsigned long long)sum);
	return r;
}

static void read_one(const char *path)
{
	CLEANUP_BUF struct buf b = BUF_INIT(FILE_MAX);
	struct err err = ERR_INIT;
	const struct tar_entry *e;
	struct tar_reader t;
	struct source *s;
	int r;

	(void)printf("%s\n", path);
	if (file_read(path, &b) < 0)
		abort();
	s = source_open_memory(b.p, b.n);
	if (!s)
		abort();
	tar_init(&t, s);
	do
		r = tar_next(&t, &e, &err);
	while (r == TAR_ENTRY && print_entry(&t, e, &err) >= 0);
	(void)printf("  %s\n", err.code < 0 ? "error" : "end");
	tar_done(&t);
	s = source_free(s);
}

static const char *take_text(char **rest)
{
	char *word = strsep(rest, " \n");
	size_t n = word ? strlen(word) : 0;

	if (!word || strcmp(word, "-") == 0)
		return "";
	for (size_t i = 0; i < n / 2; i++) {
		char two[3] = { word[2 * i], word[2 * i + 1], '\0' };

		word[i] = (char)strtoul(two, NULL, 16);
	}
	word[n / 2] = '\0';
	return word;
}

static int64_t take_number(char **rest)
{
	return strtoll(strsep(rest, " \n"), NULL, 10);
}

static void write_one(char *line)
{
	CLEANUP_BUF struct buf b = BUF_INIT(FILE_MAX);
	char *rest = line;
	struct tar_entry e = { .name = take_text(&rest), .link = take_text(&rest) };

	e.type = (unsigned char)take_number(&rest);
	e.mode = take_number(&rest);
	e.uid = take_number(&rest);
	e.gid = take_number(&rest);
	e.size = take_number(&rest);
	e.mtime.sec = take_number(&rest);
	e.devmajor = take_number(&rest);
	e.devminor = take_number(&rest);
	e.capability = slice_str(take_text(&rest));
	tar_emit(&b, &e);
	if (!buf_ok(&b) || fwrite(b.p, 1, b.n, stdout) != b.n)
		abort();
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t size = 0;

	for (int i = 2; i < argc; i++)
		read_one(argv[i]);
	if (argc == 2)
		while (getline(&line, &size, stdin) > 0)
			write_one(line);
	free(line);
	return 0;
}
