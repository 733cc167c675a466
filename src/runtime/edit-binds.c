/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts of the spec. File systems that belong to the container's own namespaces (proc, tmpfs, …)
 * are left to the lower runtime. Every bind is made here: resolved once to a descriptor, judged,
 * cloned, ID-mapped, given its flags; the lower runtime later finds it on the stage.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/at.h"
#include "linux/mnt.h"
#include "linux/mountinfo.h"
#include "runtime/asks.h"
#include "runtime/edit.h"
#include "runtime/enginesock.h"
#include "runtime/judge.h"
#include "runtime/runtime.h"
#include "runtime/source.h"

/* File systems a container may mount for itself, in its own namespaces. */
static const char *const own_types[] = { "proc",   "sysfs",  "tmpfs",	"devpts",
					 "mqueue", "cgroup", "cgroup2", "ramfs" };

/* Mount options (mount(8)) that change a bind's mount, and what they are for mount_setattr(2). */
static const struct {
	const char *name;
	uint64_t attr;
} attr_options[] = {
	{ "ro", MOUNT_ATTR_RDONLY },
	{ "rro", MOUNT_ATTR_RDONLY },
	{ "nosuid", MOUNT_ATTR_NOSUID },
	{ "rnosuid", MOUNT_ATTR_NOSUID },
	{ "nodev", MOUNT_ATTR_NODEV },
	{ "rnodev", MOUNT_ATTR_NODEV },
	{ "noexec", MOUNT_ATTR_NOEXEC },
	{ "rnoexec", MOUNT_ATTR_NOEXEC },
	{ "nodiratime", MOUNT_ATTR_NODIRATIME },
	{ "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW },
};

static const char *const propagations[] = { "private", "rprivate", "slave",	 "rslave",
					    "shared",  "rshared",  "unbindable", "runbindable" };

/* A bind's options, read. */
struct bind_options {
	bool bind;
	bool recursive;
	uint64_t attr;
	const char *propagation; /* as the spec has it; NULL: none */
};

static void read_option(const char *o, struct bind_options *ret)
{
	if (strcmp(o, "bind") == 0 || strcmp(o, "rbind") == 0) {
		ret->bind = true;
		ret->recursive |= o[0] == 'r';
	}
	for (size_t i = 0; i < ARRAY_SIZE(attr_options); i++)
		if (strcmp(o, attr_options[i].name) == 0)
			ret->attr |= attr_options[i].attr;
	for (size_t i = 0; i < ARRAY_SIZE(propagations); i++)
		if (strcmp(o, propagations[i]) == 0)
			ret->propagation = propagations[i];
}

static bool is_type(const struct json *mount, const char *want)
{
	const char *type = json_get_str(mount, "type");

	return type && strcmp(type, want) == 0;
}

static void read_options(const struct json *mount, struct bind_options *ret)
{
	const struct json *list = json_get(mount, "options");

	*ret = (struct bind_options){ .bind = is_type(mount, "bind") };
	for (size_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++)
		if (json_str(list->items[i]))
			read_option(json_str(list->items[i]), ret);
}

static int check_type(const struct json *mount, struct err *err)
{
	const char *type = json_get_str(mount, "type");

	for (size_t i = 0; type && i < ARRAY_SIZE(own_types); i++)
		if (strcmp(type, own_types[i]) == 0)
			return 0;
	return err_set(err, -EPERM,
		       "mount of %s on %s: a file system of type \"%s\" is not for containers",
		       json_get_str(mount, "source"), json_get_str(mount, "destination"),
		       type ? type : "");
}

/* /sys/fs/cgroup of the host becomes the container's own. */
static int make_cgroup(struct runtime *rt, struct json *mount, const struct bind_options *o)
{
	static const char *const fixed[] = { "nosuid", "noexec", "nodev", "relatime" };
	struct json *options = json_new(&rt->arena, JSON_ARRAY);
	int r = options ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fixed); i++)
		r = json_append(&rt->arena, options, json_new_str(&rt->arena, fixed[i]));
	if (r == 0 && (o->attr & MOUNT_ATTR_RDONLY))
		r = json_append(&rt->arena, options, json_new_str(&rt->arena, "ro"));
	if (r == 0)
		r = json_set(&rt->arena, mount, "type", json_new_str(&rt->arena, "cgroup"));
	if (r == 0)
		r = json_set(&rt->arena, mount, "source", json_new_str(&rt->arena, "cgroup"));
	return r == 0 ? json_set(&rt->arena, mount, "options", options) : r;
}

/* Without an ID-map: only by the administrator's word; all owners show as nobody. */
static int unmappable(struct runtime *rt, struct bind *b, struct mnt_attr *attr, int fd,
		      struct err *err)
{
	char fs[32];
	int r;

	mnt_fs_name(fd, fs, sizeof(fs));
	if (!rt->facts.unmappable_nobody)
		return err_set(err, -EOPNOTSUPP,
			       "can't mount %s: its file system (%s), or one mounted below it, "
			       "cannot be ID-mapped; "
			       "\"unmappableFilesystem\": \"nobody\" in %s/gabion.json mounts it "
			       "with all owners "
			       "shown as nobody",
			       b->asked, fs, rt->inst.etc);
	attr->userns = -EBADF;
	r = mnt_prepare(b->mnt, attr);
	return r < 0 ? err_errno(err, r, "can't mount %s: mount_setattr", b->asked) : 0;
}

/* A tmpfs that the engine made for this container (shm, secrets), on a kernel before 6.3: nobody
 * else uses it, so its root is given to the container, and files in it have its ids as they are. */
static int engine_tmpfs(struct runtime *rt, struct bind *b, struct mnt_attr *attr, int fd,
			struct err *err)
{
	int r;

	if (fchownat(fd, "", rt->base, rt->base, AT_EMPTY_PATH) < 0)
		return err_errno(err, -errno, "can't give %s to the container", b->asked);
	attr->userns = -EBADF;
	r = mnt_prepare(b->mnt, attr);
	return r < 0 ? err_errno(err, r, "can't mount %s: mount_setattr", b->asked) : 0;
}

static int clone_source(struct runtime *rt, struct bind *b, int fd, const struct bind_options *o,
			int userns, bool engine, struct err *err)
{
	struct mnt_attr attr = { .recursive = o->recursive, .userns = userns, .set = o->attr };
	char fs[32];
	int r;

	b->follows = o->propagation &&
		     (strstr(o->propagation, "slave") || strstr(o->propagation, "shared"));
	attr.propagation = b->follows ? MS_SLAVE : MS_PRIVATE;
	/* Of gabiond's guard (daemon/guard.h), which is about what the engine follows. */
	if (engine && mnt_nosymfollow(fd))
		attr.clear = MOUNT_ATTR_NOSYMFOLLOW & ~attr.set;
	b->mnt = mnt_clone(fd, o->recursive);
	if (b->mnt < 0)
		return err_errno(err, b->mnt, "can't mount %s: open_tree", b->asked);
	r = mnt_prepare(b->mnt, &attr);
	if (r == 0)
		return 0;
	if (r != -EINVAL)
		return err_errno(err, r, "can't mount %s: mount_setattr", b->asked);
	mnt_fs_name(fd, fs, sizeof(fs));
	if (engine && strcmp(fs, "tmpfs") == 0)
		return engine_tmpfs(rt, b, &attr, fd, err);
	return unmappable(rt, b, &attr, fd, err);
}

static bool is_overlay(int fd)
{
	struct statfs sf;

	return fstatfs(fd, &sf) == 0 && (unsigned long)sf.f_type == OVERLAYFS_SUPER_MAGIC;
}

struct whole {
	struct runtime *rt;
	const struct mountinfo_entry *part;
	const char *point;
};

static int look_whole(const struct mountinfo_entry *m, void *data)
{
	struct whole *w = data;

	if (m->dev_major != w->part->dev_major || m->dev_minor != w->part->dev_minor ||
	    strcmp(m->root, "/") != 0)
		return 0;
	w->point = arena_must(arena_strdup(&w->rt->arena, m->point));
	return 1;
}

/* BuildKit and Docker may have bound a folder of the overlay elsewhere: the overlay itself is where
 * its relative layers are found from. */
static int find_whole(struct runtime *rt, struct slice info, struct mountinfo_entry *m,
		      struct err *err)
{
	struct whole w = { .rt = rt, .part = m, .point = m->point };
	int r = strcmp(m->root, "/") == 0 ? 0 : mountinfo_each(info, look_whole, &w, err);

	m->point = w.point;
	return r < 0 ? r : 0;
}

static int take_overlay(struct runtime *rt, struct bind *b, int fd, bool frozen, struct err *err)
{
	struct mountinfo_entry m;
	struct at_ident ident;
	struct slice info;
	char path[PATH_MAX];
	size_t n;
	int r;

	r = at_identify(fd, &ident);
	if (r == 0)
		r = at_path_of(fd, path, sizeof(path));
	if (r < 0)
		return err_errno(err, r, "mount source %s", b->asked);
	r = runtime_mountinfo(rt, &info, err);
	if (r == 0)
		r = mountinfo_find(&rt->arena, info, ident.mnt_id, &m, err);
	if (r < 0)
		return r;
	n = r == 0 ? strlen(m.point) : 0;
	if (r > 0 || strncmp(m.point, path, n) != 0 || (path[n] != '\0' && path[n] != '/'))
		return err_set(err, -ENOENT, "can't mount %s: its overlay is not where it was",
			       b->asked);
	r = find_whole(rt, info, &m, err);
	if (r < 0)
		return r;
	b->layers = arena_must(arena_alloc(&rt->arena, sizeof(*b->layers)));
	*b->layers = LAYERS_INIT;
	b->layers->frozen = frozen;
	b->part = arena_must(arena_printf(&rt->arena, "%s%s", m.root, path + n));
	return layers_clone(rt, m.point, m.super, b->layers, err);
}

/*
 * A folder of the asker's in which an engine without gabion left another owner (a database's data):
 * nothing in the container could write there, and the program in it would say so in its own words.
 */
static int check_left_over(struct runtime *rt, const struct bind *b, int fd,
			   const struct at_ident *ident, struct err *err)
{
	CLEANUP_FD int parent =
		S_ISDIR(ident->mode) ? openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC) : -EBADF;
	struct at_ident above;

	if (!rt->has_asker || rt->asker.uid == 0 || (b->attr & MOUNT_ATTR_RDONLY) || parent < 0 ||
	    ident->uid == 0 || ident->uid == rt->asker.uid || ident->uid > UINT16_MAX ||
	    (ident->mode & S_IWOTH) || at_identify(parent, &above) < 0 ||
	    above.uid != rt->asker.uid || asks_owns(rt, ident->uid))
		return 0;
	return err_set(err, -EPERM,
		       "can't mount %s to write: it belongs to user %u, which is not among the ids "
		       "of user %u; if "
		       "containers wrote it before gabion, `sudo gabion migrate --user %u %s` "
		       "gives it to this user's "
		       "containers",
		       b->asked, ident->uid, rt->asker.uid, rt->asker.uid, b->asked);
}

static int take_source(struct runtime *rt, struct bind *b, int fd, struct bind_options *o,
		       enum source_kind kind, struct err *err)
{
	struct at_ident ident;
	int userns = rt->userns;
	int r;

	r = at_identify(fd, &ident);
	if (r < 0)
		return err_errno(err, r, "mount source %s", b->asked);
	b->dir = S_ISDIR(ident.mode);
	b->attr = o->attr;
	if (S_ISBLK(ident.mode))
		return err_set(err, -EPERM, "can't mount %s: it is a block device", b->asked);
	if (kind == SOURCE_IMAGE) {
		o->attr |= MOUNT_ATTR_RDONLY;
		b->attr = o->attr;
	}
	if (kind == SOURCE_OVERLAY || (kind == SOURCE_IMAGE && is_overlay(fd)))
		return take_overlay(rt, b, fd, kind == SOURCE_IMAGE, err);
	r = judge_fs(fd, b->asked, err);
	if (r < 0)
		return r;
	if (kind == SOURCE_HOST) {
		bool read_only;

		r = judge_host(rt, fd, b->asked, o->recursive, &read_only, err);
		if (r == 0 && read_only)
			o->attr |= MOUNT_ATTR_RDONLY;
		b->attr = o->attr;
		if (r == 0)
			r = check_left_over(rt, b, fd, &ident, err);
		if (r < 0)
			return r;
		if (S_ISCHR(ident.mode)) { /* devtmpfs cannot be ID-mapped */
			b->node = makedev(ident.rdev_major, ident.rdev_minor);
			return 0;
		}
		userns = asks_userns(rt, ident.gid, err);
		if (userns < 0)
			return userns;
	}
	return clone_source(rt, b, fd, o, userns, kind == SOURCE_ENGINE, err);
}

/* What is left of the entry: the lower runtime only puts it in its place. */
static int rewrite(struct runtime *rt, struct json *mount, const struct bind_options *o)
{
	struct json *options = json_new(&rt->arena, JSON_ARRAY);
	const char *propagation = o->propagation;
	int r = options ? json_append(&rt->arena, options, json_new_str(&rt->arena, "rbind"))
			: -ENOMEM;

	/* Inside a user namespace a shared mount of the host can only be followed. */
	if (propagation && strcmp(propagation, "shared") == 0)
		propagation = "slave";
	if (propagation && strcmp(propagation, "rshared") == 0)
		propagation = "rslave";
	if (r == 0)
		r = json_append(&rt->arena, options,
				json_new_str(&rt->arena, propagation ? propagation : "rprivate"));
	(void)json_del(mount, "uidMappings");
	(void)json_del(mount, "gidMappings");
	if (r == 0)
		r = json_set(&rt->arena, mount, "type", json_new_str(&rt->arena, "bind"));
	return r == 0 ? json_set(&rt->arena, mount, "options", options) : r;
}

/* What containerd's snapshotter and BuildKit say of an overlay; others could name more layers. */
static bool is_overlay_option(const char *o)
{
	static const char *const known[] = { "lowerdir=", "upperdir=", "workdir=", "index=off",
					     "redirect_dir=off" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strncmp(o, known[i], strlen(known[i])) == 0)
			return true;
	return false;
}

/* The options of an overlay, joined as mountinfo prints them; NULL: one is not known, or would have
 * to be escaped. */
static const char *overlay_options(struct runtime *rt, const struct json *mount, struct err *err)
{
	const struct json *list = json_get(mount, "options");
	const char *all = "";

	for (size_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++) {
		const char *o = json_str(list->items[i]);

		if (!o || strpbrk(o, " ,\t\n\\") || (strchr(o, '=') && !is_overlay_option(o))) {
			(void)err_set(
				err, -EINVAL,
				"the overlay on %s has an option that gabion does not know: %s",
				json_get_str(mount, "destination"), o ? o : "that is no text");
			return NULL;
		}
		if (strchr(o, '='))
			all = arena_must(
				arena_printf(&rt->arena, "%s%s%s", all, *all ? "," : "", o));
	}
	return all;
}

/* Whether a folder is a layer that BuildKit may have for its steps. */
static int check_layer(struct runtime *rt, const char *path, const char *dest, struct err *err)
{
	CLEANUP_FD int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	enum source_kind kind;
	int r = fd < 0 ? err_errno(err, -errno, "layer %s", path)
		       : source_classify(rt, fd, path, dest, &kind, err);

	if (r < 0 || (path[0] == '/' && kind == SOURCE_ENGINE))
		return r;
	return err_set(err, -EPERM, "a layer of the mount on %s is none of the engine's: %s", dest,
		       path);
}

/*
 * What a step of a build mounts of an image: with images in containerd, BuildKit has the runtime
 * put their layers together (`RUN --mount=from=IMAGE`), where it does that itself for others.
 */
static int edit_overlay(struct runtime *rt, struct json *mount, const struct bind_options *o,
			struct err *err)
{
	const char *dest = json_get_str(mount, "destination");
	const char *options = overlay_options(rt, mount, err);
	struct bind *b = &rt->binds[rt->nbinds];
	struct overlay *parsed = arena_must(arena_alloc(&rt->arena, sizeof(*parsed)));
	int r;

	if (!options)
		return -EINVAL;
	if (!dest)
		return err_set(err, -EINVAL, "an overlay without a destination");
	r = overlay_parse(&rt->arena, slice_str(options), parsed, err);
	for (size_t i = 0; r == 0 && i < parsed->nlower; i++)
		r = check_layer(rt, parsed->lower[i], dest, err);
	if (r == 0 && parsed->upper)
		r = check_layer(rt, parsed->upper, dest, err);
	if (r == 0 && parsed->upper)
		r = check_layer(rt, parsed->work, dest, err);
	if (r < 0)
		return r;
	*b = (struct bind){ .mount = mount,
			    .asked = parsed->lower[0],
			    .mnt = -EBADF,
			    .dir = true,
			    .part = "/",
			    .attr = o->attr };
	rt->nbinds++;
	b->layers = arena_must(arena_alloc(&rt->arena, sizeof(*b->layers)));
	*b->layers = LAYERS_INIT;
	r = layers_clone(rt, parsed->lower[0], slice_str(options), b->layers, err);
	if (r == 0 && rewrite(rt, mount, o) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	return r;
}

static int edit_mount(struct runtime *rt, struct json *mount, struct err *err)
{
	const char *asked = json_get_str(mount, "source");
	const char *dest = json_get_str(mount, "destination");
	struct bind *b = &rt->binds[rt->nbinds];
	CLEANUP_FD int fd = -EBADF;
	struct bind_options o;
	enum source_kind kind;
	int r;

	read_options(mount, &o);
	if (is_type(mount, "overlay") && source_is_build(rt))
		return edit_overlay(rt, mount, &o, err);
	if (!o.bind)
		return check_type(mount, err);
	if (!asked || !dest)
		return err_set(err, -EINVAL, "a bind mount without source or destination");
	if (asked[0] != '/')
		asked = arena_must(arena_printf(&rt->arena, "%s/%s", rt->bundle, asked));
	fd = open(asked, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, -errno, "mount source %s", asked);
	r = source_classify(rt, fd, asked, dest, &kind, err);
	if (r < 0)
		return r;
	if (kind == SOURCE_CGROUP)
		return make_cgroup(rt, mount, &o);
	if (kind == SOURCE_HOST && cdi_edits_have_mount(&rt->cdi.edits, mount))
		kind = SOURCE_CDI;
	if (kind == SOURCE_HOST) {
		r = enginesock_take(rt, &fd, err);
		if (r < 0)
			return r;
		if (r == ENGINESOCK_OK)
			kind = SOURCE_ENGINE;
	}
	if (kind == SOURCE_HOST && rt->has_asker && rt->asker.uid != 0) {
		(void)fd_close(TAKE_FD(fd));
		fd = asks_open(rt, asked, err);
		if (fd < 0)
			return fd;
	}
	*b = (struct bind){ .mount = mount, .asked = asked, .mnt = -EBADF };
	rt->nbinds++;
	r = take_source(rt, b, fd, &o, kind, err);
	if (r == 0 && rewrite(rt, mount, &o) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	return r;
}

int edit_binds(struct runtime *rt, struct err *err)
{
	struct json *mounts = json_get(rt->spec, "mounts");

	if (!json_is(mounts, JSON_ARRAY))
		return 0;
	rt->binds =
		arena_must(arena_array(&rt->arena, mounts->n + rt->nbinds + 1, sizeof(*rt->binds)));
	for (size_t i = 0; i < mounts->n; i++) {
		int r = edit_mount(rt, mounts->items[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}
