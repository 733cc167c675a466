/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/mnt.h"
#include "runtime/runtime.h"

#define OPTIONS_MAX 4095 /* mount(2) takes one page */

/* Cuts the last component off. False at the top. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return false;
	*slash = '\0';
	return true;
}

static bool is_dir_below(const char *base, const char *path)
{
	char full[PATH_MAX];
	struct stat st;
	int n = snprintf(full, sizeof(full), "%s/%s", base, path);

	return n > 0 && (size_t)n < sizeof(full) && stat(full, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_base(const struct overlay *o, const char *base)
{
	for (size_t i = 0; i < o->nlower; i++)
		if (o->lower[i][0] != '/' && !is_dir_below(base, o->lower[i]))
			return false;
	if (o->upper && o->upper[0] != '/' && !is_dir_below(base, o->upper))
		return false;
	return true;
}

/* The kernel keeps relative layer paths as the mounter wrote them and does not tell its folder. The
 * engines use one above the mount point (overlay2: its home) or above upperdir (containerd). */
static int find_base(struct runtime *rt, struct layers *l, struct err *err)
{
	const struct overlay *o = l->overlay;
	const char *starts[2] = { l->point, o->upper && o->upper[0] == '/' ? o->upper : NULL };
	bool relative = o->upper && o->upper[0] != '/';

	for (size_t i = 0; i < o->nlower; i++)
		relative |= o->lower[i][0] != '/';
	if (!relative)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		char dir[PATH_MAX];

		if (!starts[i] || strlen(starts[i]) >= sizeof(dir))
			continue;
		memcpy(dir, starts[i], strlen(starts[i]) + 1);
		while (go_up(dir)) {
			if (is_base(o, dir)) {
				l->base = arena_must(arena_strdup(&rt->arena, dir));
				return 0;
			}
		}
	}
	return err_set(err, -ENOENT, "%s: cannot find the folder its relative layer %s starts from",
		       l->point, o->lower[0]);
}

static int map_mount(struct runtime *rt, int mnt, uint64_t set, const char *path, struct err *err)
{
	struct mnt_attr attr = { .userns = rt->userns, .set = set, .propagation = MS_PRIVATE };
	char fs[32];
	int r = mnt_prepare(mnt, &attr);

	if (r < 0) {
		mnt_fs_name(mnt, fs, sizeof(fs));
		return err_errno(err, r, "%s: its file system (%s) cannot be ID-mapped", path, fs);
	}
	return 0;
}

static int clone_folder(struct runtime *rt, int base, const char *path, uint64_t set,
			struct err *err)
{
	CLEANUP_FD int fd = openat(base, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int mnt = -EBADF;
	int r;

	if (fd < 0)
		return err_errno(err, -errno, "layer %s", path);
	mnt = mnt_clone(fd, false);
	if (mnt < 0)
		return err_errno(err, mnt, "layer %s: open_tree", path);
	r = map_mount(rt, mnt, set, path, err);
	return r < 0 ? r : TAKE_FD(mnt);
}

/* The folder that holds upper and work: they must reach the kernel through one mount. */
static int clone_upper(struct runtime *rt, int base, struct layers *l, struct err *err)
{
	char *upper = arena_must(arena_strdup(&rt->arena, l->overlay->upper));
	char *work = arena_must(arena_strdup(&rt->arena, l->overlay->work));
	char *us = strrchr(upper, '/');
	char *ws = strrchr(work, '/');

	if (!us || !ws || us == upper || us - upper != ws - work ||
	    memcmp(upper, work, (size_t)(us - upper)) != 0)
		return err_set(err, -EOPNOTSUPP,
			       "overlay: upperdir %s and workdir %s are not in one folder", upper,
			       work);
	*us = '\0';
	l->upper_name = us + 1;
	l->work_name = ws + 1;
	l->upper = clone_folder(rt, base, upper, 0, err);
	return l->upper < 0 ? l->upper : 0;
}

static int freeze(struct overlay *o, struct err *err)
{
	if (!o->upper)
		return 0;
	if (o->nlower == OVERLAY_LAYERS_MAX)
		return err_set(err, -E2BIG, "overlay with more than %d layers", OVERLAY_LAYERS_MAX);
	memmove(&o->lower[1], &o->lower[0], o->nlower * sizeof(o->lower[0]));
	o->lower[0] = o->upper;
	o->nlower++;
	o->upper = NULL;
	o->work = NULL;
	return 0;
}

int layers_clone(struct runtime *rt, const char *point, struct slice super, struct layers *ret,
		 struct err *err)
{
	struct statvfs st;
	CLEANUP_FD int base = -EBADF;
	int r;

	ret->point = point;
	ret->overlay = arena_must(arena_alloc(&rt->arena, sizeof(*ret->overlay)));
	r = overlay_parse(&rt->arena, super, ret->overlay, err);
	if (r == 0)
		r = find_base(rt, ret, err);
	if (r == 0 && ret->frozen)
		r = freeze(ret->overlay, err);
	if (r < 0)
		return r;
	if (statvfs(point, &st) < 0)
		return err_errno(err, -errno, "%s", point);
	ret->flags = st.f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC); /* ST_* have the same values */
	if (ret->base) {
		base = open(ret->base, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (base < 0)
			return err_errno(err, -errno, "%s", ret->base);
	}
	ret->lower = arena_must(arena_array(&rt->arena, ret->overlay->nlower, sizeof(int)));
	for (size_t i = 0; i < ret->overlay->nlower; i++)
		ret->lower[i] = -EBADF;
	for (size_t i = 0; i < ret->overlay->nlower; i++) {
		ret->lower[i] =
			clone_folder(rt, base, ret->overlay->lower[i], MOUNT_ATTR_RDONLY, err);
		if (ret->lower[i] < 0)
			return ret->lower[i];
	}
	return ret->overlay->upper ? clone_upper(rt, base, ret, err) : 0;
}

/* Options that make sense without an upper directory and that change what is seen. */
static void add_view_rest(struct buf *b, const char *rest)
{
	static const char *const kept[] = { "redirect_dir=", "metacopy=", "userxattr" };
	struct slice all = slice_str(rest);
	struct slice option;

	while (slice_split(&all, ',', &option)) {
		for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
			if (!slice_starts(option, slice_str(kept[i])))
				continue;
			/* "on" means to make redirects; without an upper directory: to follow them.
			 */
			if (slice_eq_str(option, "redirect_dir=on"))
				option = SLICE_LIT("redirect_dir=follow");
			buf_printf(b, ",%.*s", SLICE_ARG(option));
		}
	}
}

/* Attaches every layer below the tmpfs `dir`, and writes the options that name them from there. */
static int attach_layers(struct layers *l, int dir, struct buf *options, struct err *err)
{
	int r = 0;

	buf_add_str(options, "lowerdir=");
	for (size_t i = 0; i < l->overlay->nlower && r == 0; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "%zu", i);
		if (mkdirat(dir, name, 0755) < 0)
			r = -errno;
		else
			r = mnt_attach_at(l->lower[i], dir, name);
		l->lower[i] = fd_close(l->lower[i]);
		buf_printf(options, "%s%s", i ? ":" : "", name);
	}
	if (r == 0 && l->upper >= 0) {
		r = mkdirat(dir, "u", 0755) < 0 ? -errno : mnt_attach_at(l->upper, dir, "u");
		l->upper = fd_close(l->upper);
		buf_add_str(options, ",upperdir=u/");
		overlay_escape(options, l->upper_name);
		buf_add_str(options, ",workdir=u/");
		overlay_escape(options, l->work_name);
	}
	if (l->frozen)
		add_view_rest(options, l->overlay->rest);
	else
		buf_add_str(options, l->overlay->rest);
	if (r == 0 && !buf_ok(options))
		r = -E2BIG;
	return r < 0 ? err_errno(err, r, "attaching the layers of %s", l->point) : 0;
}

/* With the current folder on the layers. An index makes the kernel answer EBUSY while the engine's
 * overlay is still on its way out (another start may have copied its mount for a moment). */
static int mount_layers(struct runtime *rt, const struct layers *l, const char *target,
			const char *options, struct err *err)
{
	unsigned long flags = l->flags | (l->overlay->upper ? 0 : MS_RDONLY);
	int r = -EBUSY;

	for (int tries = 0; r == -EBUSY && tries < 50; tries++) {
		if (tries > 0)
			(void)usleep(10000);
		r = mnt_overlay(target, options, flags, rt->base);
	}
	return r < 0 ? err_errno(err, r, "mounting the overlay of %s", l->point) : 0;
}

int layers_mount(struct runtime *rt, struct layers *l, const char *target, struct err *err)
{
	CLEANUP_BUF struct buf options = BUF_INIT(OPTIONS_MAX);
	CLEANUP_FD int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int tmp = mnt_tmpfs("0700");
	CLEANUP_FD int place = stage_place(rt, "l", true);
	int r;

	if (cwd < 0)
		return err_errno(err, -errno, "current folder");
	if (tmp < 0 || place < 0)
		return err_errno(err, tmp < 0 ? tmp : place,
				 "cannot make a place for the layers of %s", l->point);
	r = mnt_attach(tmp, place);
	if (r < 0)
		return err_errno(err, r, "place for the layers of %s", l->point);
	r = attach_layers(l, tmp, &options, err);
	if (r == 0 && fchdir(tmp) < 0)
		r = err_errno(err, -errno, "place for the layers of %s", l->point);
	if (r == 0)
		r = mount_layers(rt, l, target, options.p, err);
	if (fchdir(cwd) < 0 && r == 0)
		r = err_errno(err, -errno, "current folder");
	/* The overlay has its own references; everything mounted below goes with the tmpfs. */
	if (umount2(stage_path(rt, "l"), MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && r == 0)
		r = err_errno(err, -errno, "unmounting the layers of %s", l->point);
	return r;
}

void layers_options(const struct layers *l, bool view, struct buf *b)
{
	const struct overlay *o = l->overlay;

	buf_add_str(b, "lowerdir=");
	if (view && o->upper) {
		overlay_escape(b, o->upper);
		buf_add_char(b, ':');
	}
	for (size_t i = 0; i < o->nlower; i++) {
		if (i)
			buf_add_char(b, ':');
		overlay_escape(b, o->lower[i]);
	}
	if (view) {
		add_view_rest(b, o->rest);
		return;
	}
	if (o->upper) {
		buf_add_str(b, ",upperdir=");
		overlay_escape(b, o->upper);
		buf_add_str(b, ",workdir=");
		overlay_escape(b, o->work);
	}
	buf_add_str(b, o->rest);
}

#define VIEW_SOURCE "gabion-view:"

static void add_upper(const struct overlay *o, struct buf *b)
{
	buf_add_str(b, ",upperdir=");
	overlay_escape(b, o->upper);
	buf_add_str(b, ",workdir=");
	overlay_escape(b, o->work);
	buf_add_str(b, o->rest);
}

void layers_view_source(const struct layers *l, struct buf *b)
{
	buf_add_str(b, VIEW_SOURCE);
	add_upper(l->overlay, b);
}

const char *layers_of_view(struct arena *a, const char *source, struct slice super, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(2 * OPTIONS_MAX);
	struct overlay *view = arena_must(arena_alloc(a, sizeof(*view)));

	if (strncmp(source, VIEW_SOURCE, strlen(VIEW_SOURCE)) != 0 ||
	    overlay_parse(a, super, view, err) < 0 || view->nlower < 2)
		return NULL;
	buf_add_str(&b, "lowerdir=");
	for (size_t i = 1; i < view->nlower; i++) { /* the first one is the upper directory */
		if (i > 1)
			buf_add_char(&b, ':');
		overlay_escape(&b, view->lower[i]);
	}
	buf_add_str(&b, source + strlen(VIEW_SOURCE));
	return buf_ok(&b) ? arena_must(arena_strdup(a, b.p)) : NULL;
}

static bool is_volatile(const struct overlay *o)
{
	struct slice all = slice_str(o->rest);
	struct slice option;

	while (slice_split(&all, ',', &option))
		if (slice_eq_str(option, "volatile") || slice_eq_str(option, "fsync=volatile"))
			return true;
	return false;
}

void layers_forget_volatile(const struct layers *l)
{
	static const char *const marks[] = { "incompat/volatile/dirty", "incompat/volatile",
					     "incompat" };
	const struct overlay *o = l->overlay;
	char path[PATH_MAX];
	/* Overlayfs keeps its own folder, "work", in the one it is given. */
	bool absolute = o->work && o->work[0] == '/';

	if (!o->work || !is_volatile(o))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		int n = snprintf(path, sizeof(path), "%s%s%s/work/%s", absolute ? "" : l->base,
				 absolute ? "" : "/", o->work, marks[i]);

		if (n > 0 && (size_t)n < sizeof(path))
			(void)remove(path); /* if it stays, the mount says so */
	}
}

void layers_done(struct layers *l)
{
	for (size_t i = 0; l->lower && i < l->overlay->nlower; i++)
		l->lower[i] = fd_close(l->lower[i]);
	l->upper = fd_close(l->upper);
}
