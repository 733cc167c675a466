/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an archive: pieces of content come in order, inside the file's size, and an entry
 * that was read, written again and read once more is the same (but for what tar_emit() leaves out).
 */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/util.h"
#include "cp/tar.h"

#define EMIT_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void read_content(struct tar_reader *t, const struct tar_entry *e)
{
	struct err err = ERR_INIT;
	struct slice piece;
	int64_t end = 0;
	int64_t at;
	int r;

	while ((r = tar_data(t, &piece, &at, &err)) == TAR_DATA) {
		must(piece.n > 0 && at >= end);
		end = at + (int64_t)piece.n;
		must(end <= e->size);
	}
	must(r == TAR_DATA_END || err.code < 0);
	if (r == TAR_DATA_END && !e->sparse && e->type == TAR_FILE)
		must(end == e->size);
}

static void write_again(const struct tar_entry *e)
{
	CLEANUP_BUF struct buf b = BUF_INIT(EMIT_MAX);
	const struct tar_entry *got = NULL;
	struct err err = ERR_INIT;
	struct tar_entry copy = *e;
	struct source *s;
	struct tar_reader t;

	copy.sparse = false;
	if (strchr("xgLKS", e->type) || e->name[0] == '\0' || e->devmajor < 0 || e->devminor < 0 ||
	    e->devmajor > 07777777 || e->devminor > 07777777)
		return;
	tar_emit(&b, &copy);
	if (!buf_ok(&b))
		return; /* names that together are longer than an extended header may be */
	s = source_open_memory(b.p, b.n);
	must(s);
	tar_init(&t, s);
	must(tar_next(&t, &got, &err) == TAR_ENTRY);
	must(strcmp(got->name, e->name) == 0 && strcmp(got->link, e->link) == 0);
	must(got->type == e->type && got->size == e->size);
	must(got->uid == e->uid && got->gid == e->gid && got->mtime.sec == e->mtime.sec);
	must(got->mode == (e->mode & 07777));
	tar_done(&t);
	s = source_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct source *s = source_open_memory(data, n);
	const struct tar_entry *e;
	struct err err = ERR_INIT;
	struct tar_reader t;
	size_t i = 0;

	must(s);
	tar_init(&t, s);
	while (tar_next(&t, &e, &err) == TAR_ENTRY) {
		CLEANUP_BUF struct buf name = BUF_INIT(PATH_TEXT_MAX);

		(void)path_entry(&name, e->name);
		write_again(e);
		if (i++ % 2 == 0)
			read_content(&t, e);
	}
	must(err.code == 0 || err.text[0]);
	tar_done(&t);
	s = source_free(s);
	return 0;
}
