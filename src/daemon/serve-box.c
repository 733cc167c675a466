/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "daemon/serve-channel.h"
#include "json/json.h"

static int take_u32(const struct json *v, const char *key, uint32_t *ret)
{
	uint64_t n;

	if (json_get_u64(v, key, &n) != 0 || n > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int take_path(const struct json *v, const char *key, char *ret, size_t size)
{
	const char *s = json_get_str(v, key);
	int n = snprintf(ret, size, "%s", s ? s : "");

	return n < 0 || (size_t)n >= size || (n > 0 && ret[0] != '/') ? -EINVAL : 0;
}

int serve_box_load(const struct instance *inst, const char id[CONTROL_ID_LEN],
		   struct serve_box *ret, struct err *err)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(1u << 20);
	CLEANUP_BUF struct buf text = BUF_INIT(262144);
	struct json_limits limits = JSON_LIMITS;
	char path[PATH_MAX];
	struct json *v;
	int r;

	(void)snprintf(path, sizeof(path), "%s/containers/%.*s.json", inst->run, CONTROL_ID_LEN,
		       id);
	r = file_read(path, &text);
	if (r == -ENOENT)
		return CONTROL_NONE;
	if (r < 0)
		return err_errno(err, r, "%s", path);
	r = json_parse(&arena, buf_slice(&text), &limits, &v, NULL, err);
	if (r < 0) {
		(void)err_wrap(err, "%s", path);
		return r;
	}
	if (take_u32(v, "base", &ret->base) < 0 || take_u32(v, "size", &ret->size) < 0 ||
	    take_path(v, "view", ret->view, sizeof(ret->view)) < 0 ||
	    take_path(v, "pidFile", ret->pid_file, sizeof(ret->pid_file)) < 0)
		return err_set(err, -EINVAL, "%s: not the record of a container", path);
	ret->plain = json_get_bool(v, "plain", false);
	return 0;
}

/* The flags of a mount, as mount(2) takes them: a remount sets them all. */
static unsigned long flags_of(const struct statvfs *fs)
{
	static const struct {
		unsigned long have, want;
	} map[] = {
		{ ST_NOSUID, MS_NOSUID },	  { ST_NODEV, MS_NODEV },
		{ ST_NOEXEC, MS_NOEXEC },	  { ST_NOATIME, MS_NOATIME },
		{ ST_NODIRATIME, MS_NODIRATIME }, { ST_RELATIME, MS_RELATIME },
	};
	unsigned long flags = MS_REMOUNT | MS_RDONLY;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (fs->f_flag & map[i].have)
			flags |= map[i].want;
	return flags;
}

/* Only a mount point of a read-only overlay is a view. What is checked is what is remounted: the
 * descriptor holds that mount, whatever is mounted on the path meanwhile. */
int serve_box_refresh(const struct serve_box *box, struct err *err)
{
	CLEANUP_FD int fd = -EBADF;
	struct statvfs flags;
	struct statfs fs;
	struct statx stx;
	char self[64];

	if (box->plain)
		return CONTROL_PLAIN;
	if (!*box->view)
		return CONTROL_NONE;
	fd = open(box->view, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? CONTROL_NONE : err_errno(err, -errno, "%s", box->view);
	if (statx(fd, "", AT_EMPTY_PATH, 0, &stx) < 0 || fstatfs(fd, &fs) < 0 ||
	    fstatvfs(fd, &flags) < 0)
		return err_errno(err, -errno, "%s", box->view);
	if (!(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) || fs.f_type != OVERLAYFS_SUPER_MAGIC ||
	    !(flags.f_flag & ST_RDONLY))
		return CONTROL_NONE;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (mount(NULL, self, NULL, flags_of(&flags), NULL) < 0)
		return err_errno(err, -errno, "refreshing %s", box->view);
	return 0;
}

/* "INSIDE OUTSIDE COUNT" of a uid_map's line, separated by any number of spaces. */
static int map_line(struct slice line, uint64_t ret[3])
{
	for (size_t i = 0; i < 3; i++) {
		struct slice word;

		while (line.n > 0 && line.p[0] == ' ')
			line = slice_from(line, 1);
		word = (struct slice){ line.p, slice_find(line, ' ') };
		line = slice_from(line, word.n);
		if (num_parse_u64(word, UINT32_MAX, &ret[i]) < 0)
			return -EINVAL;
	}
	return 0;
}

static bool has_ids(const char *proc, const struct serve_box *box)
{
	CLEANUP_BUF struct buf text = BUF_INIT(65536);
	char path[128];
	uint64_t map[3];
	struct slice line;

	(void)snprintf(path, sizeof(path), "%s/uid_map", proc);
	if (file_read(path, &text) < 0)
		return false;
	line = buf_slice(&text);
	line.n = slice_find(line, '\n');
	return map_line(line, map) == 0 && map[0] == 0 && map[1] == box->base &&
	       map[2] == box->size;
}

int serve_box_pid(const struct serve_box *box, pid_t *ret, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(64);
	struct slice digits;
	char proc[64];
	uint32_t pid;
	int r;

	if (box->plain || !*box->pid_file)
		return CONTROL_NONE; /* the engine's own to enter */
	r = file_read(box->pid_file, &text);
	if (r == -ENOENT)
		return CONTROL_NONE;
	if (r < 0)
		return err_errno(err, r, "%s", box->pid_file);
	digits = buf_slice(&text);
	while (digits.n > 0 && digits.p[digits.n - 1] == '\n')
		digits.n--;
	if (num_parse_u32(digits, &pid) < 0 || pid <= 1 || pid > INT32_MAX)
		return err_set(err, -EINVAL, "%s: not a process id", box->pid_file);
	(void)snprintf(proc, sizeof(proc), "/proc/%u", pid);
	if (!has_ids(proc, box))
		return CONTROL_NONE;
	*ret = (pid_t)pid;
	return 0;
}
