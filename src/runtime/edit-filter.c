/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp filter as a program, which crun takes in the place of the profile. To make it of some
 * hundred rules costs more than anything else that happens when a container starts, and is the same
 * every time: it is kept, in RUN/filters. Of a profile that cannot be made here, and for a crun
 * that does not know the annotation (before 0.18), the lower runtime makes it, or says what is
 * wrong.
 *
 * A file there has a place by the hash of what it was made of (filter_key), which it begins with:
 * so many that the folder cannot grow, and two profiles with one place only make each other slow.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"
#include "runtime/edit.h"
#include "runtime/filter.h"
#include "runtime/lower.h"
#include "runtime/runtime.h"

#define ANNOTATION "run.oci.seccomp_bpf_data"
#define PLACES 128u
#define KEY_MAX (1u << 20)
#define MAGIC 0x6766696c00000001u /* "gfil", version 1 */

struct head {
	uint64_t magic;
	uint64_t key_n;
	uint64_t program_n;
};

/* The program of a file that was made of this. */
static bool find(const struct buf *file, struct slice key, struct slice *ret)
{
	struct head head;

	if (file->n < sizeof(head))
		return false;
	memcpy(&head, file->p, sizeof(head));
	if (head.magic != MAGIC || head.key_n != key.n || head.program_n == 0 ||
	    head.program_n > FILTER_MAX || file->n != sizeof(head) + key.n + head.program_n ||
	    memcmp(file->p + sizeof(head), key.p, key.n) != 0)
		return false;
	*ret = slice_from(buf_slice(file), sizeof(head) + key.n);
	return true;
}

/* One that cannot be kept is made again. */
static void keep(struct runtime *rt, const char *path, struct slice key, struct slice program)
{
	CLEANUP_BUF struct buf file = BUF_INIT(sizeof(struct head) + KEY_MAX + FILTER_MAX);
	const struct head head = { .magic = MAGIC, .key_n = key.n, .program_n = program.n };
	char dir[PATH_MAX];

	(void)snprintf(dir, sizeof(dir), "%s/filters", rt->inst.run);
	buf_add(&file, &head, sizeof(head));
	buf_add_slice(&file, key);
	buf_add_slice(&file, program);
	if (buf_ok(&file) && file_mkdirs(rt->inst.run, 0755) == 0 &&
	    (mkdir(dir, 0700) == 0 || errno == EEXIST))
		(void)file_replace_at(AT_FDCWD, path, buf_slice(&file), 0600, false);
}

static int annotate(struct runtime *rt, struct slice program)
{
	CLEANUP_BUF struct buf text = BUF_INIT(2 * FILTER_MAX);
	struct json *annotations = json_need(&rt->arena, rt->spec, "annotations", JSON_OBJECT);

	base64_encode(BASE64_STD, program, &text);
	if (!annotations || !buf_ok(&text))
		return -ENOMEM;
	return json_set(&rt->arena, annotations, ANNOTATION,
			json_new_slice(&rt->arena, buf_slice(&text)));
}

int edit_filter(struct runtime *rt, struct err *err)
{
	CLEANUP_BUF struct buf key = BUF_INIT(KEY_MAX);
	CLEANUP_BUF struct buf file = BUF_INIT(sizeof(struct head) + KEY_MAX + FILTER_MAX);
	CLEANUP_BUF struct buf made = BUF_INIT(FILTER_MAX);
	const struct json *profile = json_at(rt->spec, "linux.seccomp");
	struct slice program;
	char path[PATH_MAX];
	struct stat self;
	int r;

	if (!json_is(profile, JSON_OBJECT) || !lower_is_crun(rt->lower))
		return 0;
	if (stat("/proc/self/exe", &self) < 0)
		return 0;
	/* Whose programs these are: another build may make others. */
	buf_printf(&key, "%llx %llx %llx.%lx\n", (unsigned long long)self.st_dev,
		   (unsigned long long)self.st_ino, (unsigned long long)self.st_mtim.tv_sec,
		   self.st_mtim.tv_nsec);
	filter_key(profile, &key);
	if (!buf_ok(&key))
		return 0; /* too large to be kept */
	(void)snprintf(path, sizeof(path), "%s/filters/%u", rt->inst.run,
		       (unsigned)(hash_add(HASH_INIT, key.p, key.n) % PLACES));
	if (file_read(path, &file) < 0 || !find(&file, buf_slice(&key), &program)) {
		if (filter_compile(profile, &made) < 0 || !buf_ok(&made) || made.n == 0)
			return 0;
		program = buf_slice(&made);
		keep(rt, path, buf_slice(&key), program);
	}
	r = annotate(rt, program);
	return r < 0 ? err_errno(err, r, "system call filter") : 0;
}
