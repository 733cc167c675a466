/* SPDX-License-Identifier: Apache-2.0 */
/* What src/daemon/guard.h builds on: mounts of a folder on itself. */
#include "contract.h"

static void on_itself(const char *path, uint64_t set)
{
	struct mount_attr attr = { .attr_set = set };
	int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	CHECK_OK(tree);
	CHECK_OK(mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)));
	CHECK_OK(move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH));
	(void)close(tree);
}

static void no_rename_across(void)
{
	make_dir("data", 0755, 0);
	make_file("data/own", 0644, 0);
	make_file("host", 0644, 0);
	on_itself("data", 0);
	CHECK_ERR(rename("host", "data/host"), EXDEV);
	CHECK_ERR(rename("data/own", "own"), EXDEV);
	CHECK_ERR(link("host", "data/host"), EXDEV);
	CHECK_OK(rename("data/own", "data/renamed"));
}
TEST(no_rename_across)

static void make_links(void)
{
	need_kernel(5, 14, "MOUNT_ATTR_NOSYMFOLLOW");
	make_dir("data", 0755, 0);
	make_dir("data/dir", 0755, 0);
	make_dir("data/l", 0755, 0);
	make_dir("host", 0755, 0);
	make_file("host/file", 0644, 0);
	CHECK_OK(symlink("../host", "data/out"));
	CHECK_OK(symlink("../host/file", "data/file"));
	CHECK_OK(symlink("../dir", "data/l/in"));
	on_itself("data", MOUNT_ATTR_NOSYMFOLLOW);
}

static void no_link_is_followed(void)
{
	char text[16];

	make_links();
	CHECK_ERR(open("data/out/file", O_RDONLY | O_CLOEXEC), ELOOP);
	CHECK_ERR(open("data/file", O_RDONLY | O_CLOEXEC), ELOOP);
	CHECK_ERR(mkdir("data/out/new", 0755), ELOOP);
	CHECK_ERR(mount("host", "data/out", NULL, MS_BIND, NULL), ELOOP);
	CHECK_OK(readlink("data/out", text, sizeof(text)));
	CHECK_OK(open("data/dir", O_RDONLY | O_CLOEXEC));
}
TEST(no_link_is_followed)

/* A folder of it that is mounted once more, without the flag, as for overlay2's `l`. */
static void links_of_an_inner_mount(void)
{
	int tree;

	make_links();
	tree = open_tree(AT_FDCWD, "data/l", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	CHECK_OK(tree);
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_NOSYMFOLLOW };
	CHECK_OK(mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)));
	CHECK_OK(move_mount(tree, "", AT_FDCWD, "data/l", MOVE_MOUNT_F_EMPTY_PATH));
	CHECK_OK(open("data/l/in", O_PATH | O_DIRECTORY | O_CLOEXEC));
	CHECK_ERR(open("data/file", O_RDONLY | O_CLOEXEC), ELOOP);
}
TEST(links_of_an_inner_mount)

/* Copies have the flag, too, until it is taken away; overlays on it have not. */
static void copies(void)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_NOSYMFOLLOW };
	int tree;

	make_links();
	CHECK_OK(symlink("dir", "data/inside"));
	tree = open_tree(AT_FDCWD, "data", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	CHECK_OK(tree);
	CHECK_ERR(openat(tree, "inside", O_RDONLY | O_CLOEXEC), ELOOP);
	CHECK_OK(mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)));
	CHECK_OK(openat(tree, "inside", O_RDONLY | O_CLOEXEC));
	CHECK_ERR(open("data/inside", O_RDONLY | O_CLOEXEC), ELOOP);
	make_dir("upper", 0755, 0);
	make_dir("work", 0755, 0);
	make_dir("merged", 0755, 0);
	CHECK_OK(mount("overlay", "merged", "overlay", 0,
		       "lowerdir=data,upperdir=upper,workdir=work"));
	CHECK_OK(open("merged/inside", O_RDONLY | O_CLOEXEC));
}
TEST(copies)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_no_rename_across),
	cmocka_unit_test(test_no_link_is_followed),
	cmocka_unit_test(test_links_of_an_inner_mount),
	cmocka_unit_test(test_copies),
};
CONTRACT_MAIN(tests)
