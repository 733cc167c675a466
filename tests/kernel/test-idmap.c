/* SPDX-License-Identifier: Apache-2.0 */
/* ID-mapped mounts: of an ordinary file system, of tmpfs, of overlay, and under overlay. */
#include "contract.h"

#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>

#include <linux/securebits.h>

static const struct map SHIFT = { 0, BASE, IDS };

static void maps_or_skip(const char *path)
{
	int fd = clone_mapped(path, &SHIFT, 1);

	if (fd < 0)
		skip_because("the file system of /var/tmp cannot be ID-mapped (%s)",
			     strerrorname_np(errno));
	(void)close(fd);
}

static void check_mapped(const char *dir)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/root", dir);
	make_file(path, 0644, 0);
	(void)snprintf(path, sizeof(path), "%s/user", dir);
	make_file(path, 0644, 1000);
	int fd = clone_mapped(dir, &SHIFT, 1);
	CHECK_OK(fd);
	attach(fd, "mapped");
	CHECK_EQ(owner_of("mapped/root"), BASE);
	CHECK_EQ(owner_of("mapped/user"), BASE + 1000);

	/* What the container's root makes belongs to root on disk. */
	(void)setfsuid(BASE);
	(void)setfsgid(BASE);
	make_file("mapped/new", 0644, BASE);
	(void)setfsuid(0);
	(void)setfsgid(0);
	(void)snprintf(path, sizeof(path), "%s/new", dir);
	CHECK_EQ(owner_of(path), 0);
	CHECK_EQ(group_of(path), 0);

	/* An id without a mapping cannot make anything. */
	CHECK_ERR(open("mapped/host", O_WRONLY | O_CREAT | O_CLOEXEC, 0644), EOVERFLOW);
}

static void idmap_disk(void)
{
	make_dir("d", 0755, 0);
	maps_or_skip("d");
	check_mapped("d");
}

static void idmap_tmpfs(void)
{
	make_dir("t", 0755, 0);
	CHECK_OK(mount("tmpfs", "t", "tmpfs", 0, NULL));
	if (!kernel_is(6, 3))
		CHECK_ERR(clone_mapped("t", &SHIFT, 1), EINVAL);
	need_kernel(6, 3, "an ID-mapped tmpfs");
	check_mapped("t");
}

/* Only a mount that is not attached yet can be mapped, and only once. */
static void idmap_detached_once(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	int ns = userns_fd(&SHIFT, 1);

	attr.userns_fd = (uint64_t)ns;
	make_dir("d", 0755, 0);
	maps_or_skip("d");
	make_dir("bound", 0755, 0);
	CHECK_OK(mount("d", "bound", NULL, MS_BIND, NULL));
	CHECK_ERR(mount_setattr(AT_FDCWD, "bound", 0, &attr, sizeof(attr)), EINVAL);
	int fd = clone_mapped("d", &SHIFT, 1);
	CHECK_OK(fd);
	CHECK_ERR(mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)), EPERM);
}

static void make_layers(void)
{
	make_dir("lower", 0755, 0);
	make_file("lower/root", 0644, 0);
	make_file("lower/user", 0644, 1000);
	make_dir("up", 0755, 0);
	make_dir("up/diff", 0755, 0);
	make_dir("up/work", 0755, 0);
	make_dir("merged", 0755, 0);
}

static void idmap_of_overlay(void)
{
	make_layers();
	CHECK_OK(mount("overlay", "merged", "overlay", 0,
		       "lowerdir=lower,upperdir=up/diff,workdir=up/work"));
	CHECK_ERR(clone_mapped("merged", &SHIFT, 1), EINVAL);
}

static void mount_on_mapped_layers(void)
{
	make_layers();
	maps_or_skip("lower");
	int lower = clone_mapped("lower", &SHIFT, 1), up = clone_mapped("up", &SHIFT, 1);
	CHECK_OK(lower);
	CHECK_OK(up);
	attach(lower, "mapped-lower");
	attach(up, "mapped-up");
	CHECK_OK(mount("overlay", "merged", "overlay", 0,
		       "lowerdir=mapped-lower,upperdir=mapped-up/diff,workdir=mapped-up/work"));
}

static bool merged_is_read_only(void)
{
	struct statvfs st;

	CHECK_OK(statvfs("merged", &st));
	return st.f_flag & ST_RDONLY;
}

static void container_uses_merged(void)
{
	CHECK_EQ(owner_of("merged/root"), 0);
	CHECK_EQ(owner_of("merged/user"), 1000);
	make_file("merged/new", 0644, 0);
	make_file("merged/new-user", 0644, 1000);
	CHECK_OK(write_file("merged/user", "changed"));
	CHECK_OK(chown("merged/root", 33, 33));
}

static void overlay_fsuid_base(void)
{
	CHECK_OK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
	(void)setfsuid(BASE);
	(void)setfsgid(BASE);
	mount_on_mapped_layers();
	(void)setfsuid(0);
	(void)setfsgid(0);
	CHECK(!merged_is_read_only());
	CHECK_EQ(owner_of("merged/user"), BASE + 1000);

	as_container(BASE, container_uses_merged);
	CHECK_EQ(owner_of("up/diff/new"), 0);
	CHECK_EQ(group_of("up/diff/new"), 0);
	CHECK_EQ(owner_of("up/diff/new-user"), 1000);
	CHECK_EQ(owner_of("up/diff/user"), 1000);
	CHECK_EQ(owner_of("up/diff/root"), 33);
	CHECK_EQ(owner_of("lower/root"), 0);
}

/* Without that, the kernel mounts it read-only and says nothing: hence our own check afterwards. */
static void overlay_fsuid_root(void)
{
	mount_on_mapped_layers();
	CHECK(merged_is_read_only());
}

TEST(idmap_disk)
TEST(idmap_tmpfs)
TEST(idmap_detached_once)
TEST(idmap_of_overlay)
TEST(overlay_fsuid_base)
TEST(overlay_fsuid_root)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_idmap_disk),	    cmocka_unit_test(test_idmap_tmpfs),
	cmocka_unit_test(test_idmap_detached_once), cmocka_unit_test(test_idmap_of_overlay),
	cmocka_unit_test(test_overlay_fsuid_base),  cmocka_unit_test(test_overlay_fsuid_root),
};

CONTRACT_MAIN(tests)
