/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts that a less privileged mount namespace got as copies are locked there. */
#include "contract.h"

#include <sched.h>

/* vol is a read-only bind of src, as the runtime prepares it outside. */
static void make_volume(void)
{
	make_dir("src", 0777, 0);
	make_dir("src/sub", 0777, 0);
	make_file("src/file", 0666, 0);
	make_file("src/sub/file", 0666, 0);
	make_dir("vol", 0755, 0);
	make_dir("at", 0777, 0);
	CHECK_OK(mount("src", "vol", NULL, MS_BIND, NULL));
	CHECK_OK(mount(NULL, "vol", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL));
}

static void remount_is_refused(void)
{
	CHECK_ERR(write_file("vol/file", "new"), EROFS);
	CHECK_ERR(mount(NULL, "vol", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL), EPERM);
	/* nosuid is locked with it. */
	CHECK_ERR(mount(NULL, "vol", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EPERM);
	/* The kernel ignores the type on a remount. */
	CHECK_ERR(mount("none", "vol", "proc", MS_REMOUNT | MS_BIND, NULL), EPERM);
	CHECK_ERR(write_file("vol/file", "new"), EROFS);
}

static void unmount_is_refused(void)
{
	CHECK_ERR(umount2("vol", 0), EINVAL);
	CHECK_ERR(umount2("vol", MNT_DETACH), EINVAL);
	CHECK_ERR(mount("vol", "at", NULL, MS_MOVE, NULL), EINVAL);
}

static void part_stays_read_only(void)
{
	CHECK_OK(mount("vol/sub", "at", NULL, MS_BIND, NULL));
	CHECK_ERR(write_file("at/file", "new"), EROFS);
	CHECK_ERR(mount(NULL, "at", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL), EPERM);
	CHECK_ERR(write_file("at/file", "new"), EROFS);
	/* It is the container's own mount: that it may take away. */
	CHECK_OK(umount2("at", 0));
}

static void new_api_is_refused(void)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };

	CHECK_ERR(mount_setattr(AT_FDCWD, "vol", 0, &attr, sizeof(attr)), EPERM);
	int tree = open_tree(AT_FDCWD, "vol", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	CHECK_OK(tree);
	CHECK_ERR(mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)), EPERM);
	CHECK_ERR(openat(tree, "file", O_WRONLY | O_CLOEXEC), EROFS);
	(void)close(tree);
}

static void all_refused(void)
{
	remount_is_refused();
	unmount_is_refused();
	part_stays_read_only();
	new_api_is_refused();
}

static void in_further_namespace(void)
{
	CHECK_OK(unshare(CLONE_NEWNS));
	all_refused();
	CHECK_OK(unshare(CLONE_NEWUSER));
	CHECK_OK(unshare(CLONE_NEWNS));
	CHECK_ERR(mount(NULL, "vol", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
	CHECK_ERR(umount2("vol", 0), EINVAL);
}

static void locked(void)
{
	make_volume();
	as_container(BASE, all_refused);
}

static void locked_further_down(void)
{
	make_volume();
	as_container(BASE, in_further_namespace);
}

/* The lower runtime binds a prepared mount, or a part of it, once more within the container's own
 * namespaces (its root file system and volumes): still locked. */
static void bind_within_body(void)
{
	CHECK_OK(mount("vol", "at", NULL, MS_BIND | MS_REC, NULL));
	CHECK_ERR(mount(NULL, "at", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL), EPERM);
	CHECK_ERR(write_file("at/file", "new"), EROFS);
}

static void locked_when_bound_again(void)
{
	make_volume();
	as_container(BASE, bind_within_body);
}

/* Nobody can clone an unbindable mount, so no unlocked copy of it gets into the container's
 * namespace. There, once private (6.1 still keeps the namespace's copy unbindable), it can be
 * bound, and what is bound is locked. */
static void unbindable_body(void)
{
	if (!kernel_is(6, 2))
		CHECK_ERR(mount("vol", "at", NULL, MS_BIND | MS_REC, NULL), EINVAL);
	CHECK_OK(mount(NULL, "vol", NULL, MS_REC | MS_PRIVATE, NULL));
	bind_within_body();
	CHECK_OK(umount2("at", 0));
	CHECK_ERR(write_file("vol/file", "new"), EROFS);
}

static void unbindable(void)
{
	make_volume();
	CHECK_OK(mount(NULL, "vol", NULL, MS_UNBINDABLE, NULL));
	CHECK_ERR(open_tree(AT_FDCWD, "vol", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), EINVAL);
	CHECK_ERR(open_tree(AT_FDCWD, "vol", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE),
		  EINVAL);
	CHECK_ERR(mount("vol", "at", NULL, MS_BIND | MS_REC, NULL), EINVAL);
	as_container(BASE, unbindable_body);
}

/* The price: a tree with a locked mount in it cannot be bound without that mount. */
static void locked_children_body(void)
{
	CHECK_ERR(mount("tree", "at", NULL, MS_BIND, NULL), EINVAL);
	CHECK_OK(mount("tree", "at", NULL, MS_BIND | MS_REC, NULL));
	CHECK_ERR(write_file("at/vol/file", "new"), EROFS);
}

static void locked_children(void)
{
	make_volume();
	make_dir("tree", 0755, 0);
	make_dir("tree/vol", 0755, 0);
	CHECK_OK(mount("vol", "tree/vol", NULL, MS_BIND, NULL));
	as_container(BASE, locked_children_body);
}

/* What the container mounts on top, it may take away again. */
static void own_mounts_body(void)
{
	CHECK_OK(mount("tmpfs", "vol", "tmpfs", 0, NULL));
	make_file("vol/own", 0644, 0);
	CHECK_OK(mount(NULL, "vol", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	CHECK_OK(mount(NULL, "vol", NULL, MS_REMOUNT | MS_BIND, NULL));
	CHECK_OK(umount2("vol", 0));
	CHECK_ERR(umount2("vol", 0), EINVAL);
}

static void own_mounts(void)
{
	make_volume();
	as_container(BASE, own_mounts_body);
}

/* A writable mount may be made read-only and writable again: only what was locked stays. */
static void writable_body(void)
{
	CHECK_OK(mount(NULL, "vol", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	CHECK_ERR(write_file("vol/file", "new"), EROFS);
	CHECK_OK(mount(NULL, "vol", NULL, MS_REMOUNT | MS_BIND, NULL));
	CHECK_OK(write_file("vol/file", "new"));
}

static void writable(void)
{
	make_volume();
	CHECK_OK(mount(NULL, "vol", NULL, MS_REMOUNT | MS_BIND, NULL));
	as_container(BASE, writable_body);
}

TEST(locked)
TEST(locked_further_down)
TEST(locked_when_bound_again)
TEST(unbindable)
TEST(locked_children)
TEST(own_mounts)
TEST(writable)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_locked),
	cmocka_unit_test(test_locked_further_down),
	cmocka_unit_test(test_locked_when_bound_again),
	cmocka_unit_test(test_unbindable),
	cmocka_unit_test(test_locked_children),
	cmocka_unit_test(test_own_mounts),
	cmocka_unit_test(test_writable),
};

CONTRACT_MAIN(tests)
