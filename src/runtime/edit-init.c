/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container whose first process is a system's own init gets what systemd asks of whoever starts
 * it (systemd.io/CONTAINER_INTERFACE), so that no flags are needed: the variable `container`, file
 * systems of its own on /run and /run/lock, and a cgroup that it may divide. Where the spec says
 * something about one of these, the spec has it its way.
 *
 * "oci" is the value that leaves it to systemd which engine that is (it looks for /.dockerenv),
 * from version 248; older ones only have to know that they are in a container.
 */
#include <string.h>
#include <unistd.h>

#include "oci/spec.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

/* What an init is called; a file of another name may be anything (/init of s6-overlay is no such
 * program, and has files of the image's in /run). */
static const char *const inits[] = {
	"/sbin/init",	"/usr/sbin/init",   "/lib/systemd/systemd", "/usr/lib/systemd/systemd",
	"/bin/systemd", "/usr/bin/systemd",
};

struct own_fs {
	const char *path;
	const char
		*below; /* only where the last mount on this is of this kind, too; NULL: always */
	const char *options[8];
};

/* Sizes are those that systemd gives them where it mounts them itself. */
static const struct own_fs own_fs[] = {
	{ "/run", NULL, { "nosuid", "nodev", "mode=755", "size=20%", "nr_inodes=800k" } },
	{ "/run/lock", "/run", { "nosuid", "nodev", "noexec", "mode=1777", "size=5m" } },
};

/*
 * systemd mounts a debugfs and a tracefs there when it has CAP_SYS_RAWIO, as --privileged has. No
 * user namespace may, so these units would fail and the system be "degraded"; where something is
 * mounted, they are content.
 */
static const struct own_fs kernel_fs[] = {
	{ "/sys/kernel/debug", NULL, { "ro", "nosuid", "nodev", "noexec", "mode=555", "size=4k" } },
	{ "/sys/kernel/tracing",
	  NULL,
	  { "ro", "nosuid", "nodev", "noexec", "mode=555", "size=4k" } },
};

static bool is_init(const struct json *spec)
{
	const struct json *args = json_at(spec, "process.args");
	const char *program =
		json_is(args, JSON_ARRAY) && args->n > 0 ? json_str(args->items[0]) : NULL;

	for (size_t i = 0; program && i < ARRAY_SIZE(inits); i++)
		if (strcmp(program, inits[i]) == 0)
			return true;
	return false;
}

static int name_container(struct runtime *rt)
{
	static const char name[] = "container=";
	struct json *process = json_get(rt->spec, "process");
	struct json *env = json_need(&rt->arena, process, "env", JSON_ARRAY);

	if (!env)
		return -ENOMEM;
	for (size_t i = 0; i < env->n; i++) {
		const char *s = json_str(env->items[i]);

		if (s && strncmp(s, name, strlen(name)) == 0)
			return 0;
	}
	return json_append(&rt->arena, env, json_new_str(&rt->arena, "container=oci"));
}

static struct json *make_mount(struct arena *a, const struct own_fs *fs)
{
	struct json *mount = arena_must(json_new(a, JSON_OBJECT));
	struct json *options = arena_must(json_new(a, JSON_ARRAY));
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fs->options) && fs->options[i]; i++)
		r = json_append(a, options, json_new_str(a, fs->options[i]));
	if (r == 0)
		r = json_set(a, mount, "destination", json_new_str(a, fs->path));
	if (r == 0)
		r = json_set(a, mount, "type", json_new_str(a, "tmpfs"));
	if (r == 0)
		r = json_set(a, mount, "source", json_new_str(a, "tmpfs"));
	if (r == 0)
		r = json_set(a, mount, "options", options);
	return r == 0 ? mount : NULL;
}

/* Where `mount` stands in the list. */
static size_t index_of(const struct json *list, const struct json *mount)
{
	size_t i = 0;

	while (i < list->n && list->items[i] != mount)
		i++;
	return i;
}

/* Before all that may lie on it, and after what it lies on. */
static int add_fs(struct runtime *rt, struct json *mounts, const struct own_fs *fs)
{
	const struct json *below = fs->below ? oci_mount_find(rt->spec, fs->below) : NULL;
	const char *type = json_get_str(below, "type");

	if (oci_mount_find(rt->spec, fs->path))
		return 0;
	if (fs->below && (!type || strcmp(type, "tmpfs") != 0))
		return 0; /* a folder of somebody's, in which nothing is made */
	return json_insert(&rt->arena, mounts, below ? index_of(mounts, below) + 1 : 0,
			   make_mount(&rt->arena, fs));
}

static int cover_kernel_fs(struct runtime *rt, struct json *mounts)
{
	const struct json *sys = oci_mount_find(rt->spec, "/sys");
	const char *type = json_get_str(sys, "type");
	int r = 0;

	if (!type || strcmp(type, "sysfs") != 0 || !oci_process_has_cap(rt->spec, "CAP_SYS_RAWIO"))
		return 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kernel_fs); i++)
		/* A kernel without it has no such folder, here as in the container. */
		if (access(kernel_fs[i].path, F_OK) == 0 &&
		    !oci_mount_find(rt->spec, kernel_fs[i].path))
			r = json_insert(&rt->arena, mounts, index_of(mounts, sys) + 1,
					make_mount(&rt->arena, &kernel_fs[i]));
	return r;
}

/* What the engine mounts by itself is of this type; a bind of /sys/fs/cgroup is the user's word. */
static void open_cgroup(struct runtime *rt)
{
	struct json *mount = oci_mount_find(rt->spec, "/sys/fs/cgroup");
	const char *type = json_get_str(mount, "type");

	if (type && strncmp(type, "cgroup", strlen("cgroup")) == 0)
		(void)oci_mount_del_option(mount, "ro");
}

int edit_init(struct runtime *rt, struct err *err)
{
	struct json *mounts;
	int r;

	if (!is_init(rt->spec))
		return 0;
	mounts = json_need(&rt->arena, rt->spec, "mounts", JSON_ARRAY);
	r = mounts ? name_container(rt) : -ENOMEM;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(own_fs); i++)
		r = add_fs(rt, mounts, &own_fs[i]);
	if (r == 0)
		r = cover_kernel_fs(rt, mounts);
	if (r < 0)
		return err_errno(err, r, "spec");
	open_cgroup(rt);
	return 0;
}
