/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main() of a fuzz harness in an ordinary test run: feeds it every file named on the command line,
 * and every regular file of each directory named there. No file at all is a failure, so that a
 * lost corpus is noticed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"

#define INPUT_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The input is copied to memory of exactly its size, so that a sanitizer sees a read past it. */
static int replay_file(int dirfd, const char *name)
{
	CLEANUP_BUF struct buf b = BUF_INIT(INPUT_MAX);
	CLEANUP_FREE uint8_t *exact = NULL;
	int r = file_read_at(dirfd, name, &b);

	if (r < 0)
		return r;
	exact = malloc(MAX(b.n, (size_t)1));
	if (!exact)
		return -ENOMEM;
	if (b.n)
		memcpy(exact, b.p, b.n);
	(void)LLVMFuzzerTestOneInput(exact, b.n);
	return 0;
}

/* Returns how many files were replayed, or -errno. */
static int replay_dir(int fd)
{
	CLEANUP_DIR DIR *dir = fdopendir(fd);
	struct dirent *e;
	int count = 0;

	if (!dir)
		return -errno;
	for (e = readdir(dir); e; e = readdir(dir)) {
		int r;

		if (e->d_name[0] == '.')
			continue;
		r = replay_file(dirfd(dir), e->d_name);
		if (r < 0) {
			(void)fprintf(stderr, "%s: %s\n", e->d_name, strerror(-r));
			return r;
		}
		count++;
	}
	return count;
}

static int replay(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd >= 0)
		return replay_dir(fd);
	if (errno != ENOTDIR)
		return -errno;
	r = replay_file(AT_FDCWD, path);
	return r < 0 ? r : 1;
}

int main(int argc, char **argv)
{
	int count = 0;

	for (int i = 1; i < argc; i++) {
		int r = replay(argv[i]);

		if (r < 0) {
			(void)fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
			return 1;
		}
		count += r;
	}
	if (count == 0) {
		(void)fprintf(stderr, "no input was given: name files or directories\n");
		return 1;
	}
	(void)printf("%d inputs replayed\n", count);
	return 0;
}
