/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of mounts that reaches a mount namespace by propagation, from one with another owner, is
 * locked there as a whole (lock_mnt_tree() in Linux' fs/namespace.c): none of its parts can be
 * taken away, moved, given fewer restrictions or left out of a copy.
 */
#include <sched.h>
#include <sys/wait.h>

#include "contract.h"

/* stub is a shared mount, and tree a tmpfs with a mask and a read-only part. */
static void make_tree(void)
{
	make_dir("stub", 0755, 0);
	make_dir("tree", 0755, 0);
	make_dir("at", 0777, 0);
	make_dir("place", 0777, 0);
	CHECK_OK(mount("stub", "stub", NULL, MS_BIND, NULL));
	CHECK_OK(mount(NULL, "stub", NULL, MS_SHARED, NULL));
	CHECK_OK(mount("t", "tree", "tmpfs", MS_NOSUID, NULL));
	make_dir("tree/part", 0777, 0);
	make_file("tree/part/file", 0666, 0);
	make_file("tree/secret", 0666, 0);
	CHECK_OK(mount("tree/part", "tree/part", NULL, MS_BIND, NULL));
	CHECK_OK(mount(NULL, "tree/part", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	CHECK_OK(mount("/dev/null", "tree/secret", NULL, MS_BIND, NULL));
}

static void whole_is_locked(const char *root)
{
	struct mount_attr clear = { .attr_clr = MOUNT_ATTR_RDONLY };
	int tree;

	CHECK_OK(chdir(root));
	CHECK_ERR(umount2("secret", 0), EINVAL);
	CHECK_ERR(umount2("secret", MNT_DETACH), EINVAL);
	CHECK_ERR(mount("secret", "part/file", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_ERR(umount2("part", MNT_DETACH), EINVAL);
	CHECK_ERR(mount(NULL, "part", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
	CHECK_ERR(mount("x", "part", "proc", MS_REMOUNT | MS_BIND, NULL), EPERM);
	CHECK_ERR(mount_setattr(AT_FDCWD, "part", 0, &clear, sizeof(clear)), EPERM);
	CHECK_ERR(mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM); /* nosuid */
	CHECK_ERR(mount(".", "../at", NULL, MS_BIND, NULL), EINVAL);
	CHECK_ERR(open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), EINVAL);
	tree = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	CHECK_OK(tree);
	CHECK_OK(move_mount(tree, "", AT_FDCWD, "../at", MOVE_MOUNT_F_EMPTY_PATH));
	CHECK_ERR(umount2("../at/secret", MNT_DETACH), EINVAL);
	CHECK_ERR(mount(NULL, "../at/part", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
	CHECK_OK(umount2("../at", MNT_DETACH));
	CHECK_OK(chdir(".."));
	(void)close(tree);
}

/* The container: another user namespace and a mount namespace that it owns. */
static void inside(int ready, int go)
{
	char byte;

	CHECK_OK(unshare(CLONE_NEWUSER));
	CHECK_OK(unshare(CLONE_NEWNS));
	CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
	CHECK_OK(mount("stub", "place", NULL, MS_BIND, NULL));
	CHECK_OK(write(ready, "r", 1));
	CHECK_OK(read(go, &byte, 1) == 1 ? 0 : -1);
	whole_is_locked("place");
	CHECK_OK(unshare(CLONE_NEWNS));
	whole_is_locked("place");
	CHECK_OK(umount2("place", MNT_DETACH)); /* as one piece */
	CHECK_ERR(access("place/secret", F_OK), ENOENT);
}

static void arrives_locked(void)
{
	int ready[2];
	int go[2];
	char byte;
	int status;
	pid_t pid;

	make_tree();
	CHECK_OK(pipe(ready));
	CHECK_OK(pipe(go));
	pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		inside(ready[1], go[0]);
		_exit(0);
	}
	(void)close(ready[1]);
	CHECK_OK(read(ready[0], &byte, 1) == 1 ? 0 : -1);
	CHECK_OK(move_mount(AT_FDCWD, "tree", AT_FDCWD, "stub", 0));
	CHECK_OK(write(go[1], "g", 1));
	CHECK_OK(waitpid(pid, &status, 0));
	CHECK_OK(status == 0 ? 0 : -1);
}
TEST(arrives_locked)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_arrives_locked),
};
CONTRACT_MAIN(tests)
