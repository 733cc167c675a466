/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's read-only view of a running container's files, and what detached clones propagate.
 */
#include "contract.h"

#include <dirent.h>

/* "merged" is the container's overlay, "view" a read-only overlay of its upper layer and the
 * lower one. */
static void make_views(void)
{
	make_dir("lower", 0755, 0);
	make_file("lower/gone", 0644, 0);
	make_file("lower/kept", 0644, 0);
	make_dir("up", 0755, 0);
	make_dir("up/diff", 0755, 0);
	make_dir("up/work", 0755, 0);
	make_dir("merged", 0755, 0);
	make_dir("view", 0755, 0);
	CHECK_OK(mount("overlay", "merged", "overlay", 0,
		       "lowerdir=lower,upperdir=up/diff,workdir=up/work"));
	CHECK_OK(mount("overlay", "view", "overlay", MS_RDONLY, "lowerdir=up/diff:lower"));
}

static void refresh(void)
{
	CHECK_OK(mount(NULL, "view", NULL, MS_REMOUNT | MS_RDONLY, NULL));
}

static void stale_then_fresh(void)
{
	make_views();
	/* Names that were looked up are remembered … */
	CHECK_ERR(access("view/new", F_OK), ENOENT);
	CHECK_OK(access("view/gone", F_OK));
	make_file("merged/new", 0644, 1000);
	CHECK_OK(unlink("merged/gone"));
	CHECK_ERR(access("view/new", F_OK), ENOENT);
	CHECK_OK(access("view/gone", F_OK));
	/* … until a remount, which leaves open descriptors as they are. */
	int held = open("view/kept", O_RDONLY | O_CLOEXEC);
	int folder = open("view", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_OK(held);
	CHECK_OK(folder);
	refresh();
	CHECK_OK(access("view/new", F_OK));
	CHECK_EQ(owner_of("view/new"), 1000);
	CHECK_ERR(access("view/gone", F_OK), ENOENT);
	CHECK_OK(faccessat(folder, "new", F_OK, 0));
	char text[3];
	CHECK_EQ(read(held, text, 3), 3);
}

static bool listed(const char *path, const char *name)
{
	DIR *d = opendir(path);
	bool found = false;
	struct dirent *e;

	CHECK(d);
	while ((e = readdir(d)))
		found |= strcmp(e->d_name, name) == 0;
	(void)closedir(d);
	return found;
}

/* The list of a folder, and a file replaced by another one of its name. */
static void stale_lists(void)
{
	make_views();
	CHECK(listed("view", "gone"));
	CHECK_EQ(owner_of("view/gone"), 0);
	make_file("merged/new", 0644, 0);
	CHECK_OK(rename("merged/new", "merged/gone"));
	CHECK_OK(chown("merged/gone", 33, 33));
	make_file("merged/newer", 0644, 0);
	refresh();
	CHECK_EQ(owner_of("view/gone"), 33);
	CHECK(listed("view", "newer"));
}

/* The limit of it: a name that somebody holds open in the view stays what it was. */
static void held_name_stays(void)
{
	make_views();
	int held = open("view/gone", O_RDONLY | O_CLOEXEC);
	CHECK_OK(held);
	CHECK_OK(unlink("merged/gone"));
	refresh();
	CHECK_OK(access("view/gone", F_OK));
	(void)close(held);
	refresh();
	CHECK_ERR(access("view/gone", F_OK), ENOENT);
}

static void view_writes_nothing(void)
{
	make_views();
	CHECK_ERR(open("view/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0644), EROFS);
	CHECK_ERR(mount(NULL, "view", NULL, MS_REMOUNT, NULL), EROFS);
	/* The container's own overlay is not disturbed by the view, nor by its refresh. */
	make_file("merged/a", 0644, 0);
	refresh();
	make_file("merged/b", 0644, 0);
	CHECK_OK(write_file("merged/gone", "changed"));
	CHECK_OK(umount2("view", 0));
	make_file("merged/c", 0644, 0);
}

/* "shared" is a mount in a peer group, "clone" one of it, put elsewhere, and then something is
 * mounted on shared/merged. Detaching the clone must not take that along. */
static void clone_of_shared(bool private)
{
	struct mount_attr attr = { .propagation = MS_PRIVATE };

	make_dir("shared", 0755, 0);
	CHECK_OK(mount("shared", "shared", NULL, MS_BIND, NULL));
	CHECK_OK(mount(NULL, "shared", NULL, MS_SHARED, NULL));
	make_dir("shared/merged", 0755, 0);
	int tree = open_tree(AT_FDCWD, "shared", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	CHECK_OK(tree);
	if (private)
		CHECK_OK(mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)));
	attach(tree, "clone");
	CHECK_OK(mount("tmpfs", "shared/merged", "tmpfs", 0, NULL));
	make_file("shared/merged/mark", 0644, 0);
	CHECK_EQ(access("clone/merged/mark", F_OK) == 0, !private);
	CHECK_OK(umount2("clone", MNT_DETACH));
	CHECK_EQ(access("shared/merged/mark", F_OK) == 0, private);
}

static void shared_clone(void)
{
	clone_of_shared(false);
}

static void private_clone(void)
{
	clone_of_shared(true);
}

/* The mapping and MS_PRIVATE in one call. */
static void private_mapped_clone(void)
{
	static const struct map shift = { 0, BASE, IDS };

	make_dir("shared", 0755, 0);
	CHECK_OK(mount("shared", "shared", NULL, MS_BIND, NULL));
	CHECK_OK(mount(NULL, "shared", NULL, MS_SHARED, NULL));
	make_dir("shared/merged", 0755, 0);
	int tree = clone_mapped("shared", &shift, 1);
	if (tree < 0)
		skip_because("the file system of /var/tmp cannot be ID-mapped");
	attach(tree, "clone");
	CHECK_OK(mount("tmpfs", "shared/merged", "tmpfs", 0, NULL));
	make_file("shared/merged/mark", 0644, 0);
	CHECK_ERR(access("clone/merged/mark", F_OK), ENOENT);
	CHECK_OK(umount2("clone", MNT_DETACH));
	CHECK_OK(access("shared/merged/mark", F_OK));
}

/* A shared mount is a slave in the container's copy: what the host mounts arrives, not the reverse.
 */
static void mounts_within_body(void)
{
	CHECK_OK(mount("tmpfs", "shared/inside", "tmpfs", 0, NULL));
	make_file("shared/inside/mark", 0666, 0);
}

static void shared_becomes_slave(void)
{
	make_dir("shared", 0755, 0);
	CHECK_OK(mount("shared", "shared", NULL, MS_BIND, NULL));
	CHECK_OK(mount(NULL, "shared", NULL, MS_SHARED, NULL));
	make_dir("shared/inside", 0755, 0);
	as_container(BASE, mounts_within_body);
	CHECK_ERR(access("shared/inside/mark", F_OK), ENOENT);
}

TEST(stale_then_fresh)
TEST(stale_lists)
TEST(held_name_stays)
TEST(view_writes_nothing)
TEST(shared_clone)
TEST(private_clone)
TEST(private_mapped_clone)
TEST(shared_becomes_slave)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_stale_then_fresh),     cmocka_unit_test(test_stale_lists),
	cmocka_unit_test(test_held_name_stays),	     cmocka_unit_test(test_view_writes_nothing),
	cmocka_unit_test(test_shared_clone),	     cmocka_unit_test(test_private_clone),
	cmocka_unit_test(test_private_mapped_clone), cmocka_unit_test(test_shared_becomes_slave),
};

CONTRACT_MAIN(tests)
