/* SPDX-License-Identifier: Apache-2.0 */
#include "hostpath/device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "hostpath/hostpath.h"

#define DEPTH_MAX 32
#define ENTRIES_MAX 65536u

/* False: not a device node. */
static bool read_node(const struct stat *st, struct device *ret)
{
	if (!S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode))
		return false;
	*ret = (struct device){ S_ISCHR(st->st_mode) ? 'c' : 'b', major(st->st_rdev),
				minor(st->st_rdev) };
	return true;
}

void device_list_load(struct arena *a, const struct facts *facts, struct device_list *ret)
{
	struct device *list = arena_must(arena_array(a, facts->devices.n + 1, sizeof(*list)));

	*ret = (struct device_list){ .items = list };
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct stat st;

		if (stat(facts->devices.items[i], &st) == 0 && read_node(&st, &list[ret->n]))
			ret->n++;
	}
}

bool device_list_opens(const struct device_list *l, const struct device *d)
{
	if (device_is_standard(d) || device_is_harmless(d))
		return true;
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].type == d->type && l->items[i].major == d->major &&
		    l->items[i].minor == d->minor)
			return true;
	return false;
}

static void judge_node(const struct hostpath *h, const struct stat *st, const char *path,
		       struct verdict *ret)
{
	struct device d;

	if (read_node(st, &d) && !device_list_opens(&h->devices, &d))
		device_deny(ret, path, &d, h->inst->etc);
}

struct walk {
	const struct hostpath *h;
	struct verdict *verdict;
	unsigned entries;
};

/* As engines walk: no symlink is followed, what is no node is passed over. Here what cannot be read
 * is, too. */
static int walk(struct walk *w, int dirfd, const char *path, int depth)
{
	CLEANUP_DIR DIR *dir = NULL;
	struct dirent *e;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		(void)fd_close(fd);
		return 0;
	}
	while ((e = readdir(dir)) && w->verdict->kind == VERDICT_ALLOW) {
		CLEANUP_FD int sub = -EBADF;
		const char *below;
		struct stat st;
		int r;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (++w->entries > ENTRIES_MAX || depth == DEPTH_MAX)
			return -E2BIG;
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		below = arena_must(arena_printf(w->h->arena, "%s/%s", path, e->d_name));
		judge_node(w->h, &st, below, w->verdict);
		if (!S_ISDIR(st.st_mode))
			continue;
		sub = openat(fd, e->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = sub < 0 ? 0 : walk(w, sub, below, depth + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

int device_judge(const struct hostpath *h, int fd, const char *asked, struct verdict *ret,
		 struct err *err)
{
	struct walk w = { .h = h, .verdict = ret };
	struct stat st;
	int r;

	*ret = (struct verdict){ .kind = VERDICT_ALLOW, .rule = "device-open" };
	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "device %s", asked);
	judge_node(h, &st, asked, ret);
	if (!S_ISDIR(st.st_mode))
		return 0;
	r = walk(&w, fd, asked, 0);
	return r < 0 ? err_errno(err, r, "devices in %s", asked) : 0;
}

int device_judge_rule(const struct hostpath *h, const char *rule, struct verdict *ret,
		      struct err *err)
{
	struct device d;
	bool opens;

	*ret = (struct verdict){ .kind = VERDICT_ALLOW, .rule = "device-open" };
	if (device_rule_parse(slice_str(rule), &d, &opens) < 0)
		return err_set(err, -EINVAL, "invalid device cgroup rule format: '%s'",
			       rule); /* the engine's own words */
	if (opens && !device_list_opens(&h->devices, &d))
		device_deny_rule(ret, rule, h->inst->etc);
	return 0;
}
