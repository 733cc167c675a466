/* SPDX-License-Identifier: Apache-2.0 */
/* A bind of a host folder that acts with the rights of one host user: several extents, and a ghost
 * range for all ids that are neither the user's nor its subordinate ids. */
#include "contract.h"

enum {
	USER = 1000,
	STRANGER = 1001,
	SUB = 100000, /* the user's subordinate ids */
	LAST = 200000,
};

/* {on disk, seen as, count} */
static const struct map WITH_GHOST[] = {
	{ USER, BASE, 1 },
	{ SUB, BASE + 1, IDS - 1 },
	{ 0, GHOST, USER },
	{ USER + 1, GHOST + USER + 1, SUB - USER - 1 },
	{ SUB + IDS - 1, GHOST + SUB + IDS - 1, LAST - SUB - IDS + 1 },
};
enum {
	WITHOUT_GHOST = 2,
};

static void bind_host(size_t extents)
{
	make_dir("host", 0755, USER);
	make_dir("host/sticky", 01777, 0);
	make_file("host/sticky/strangers", 0644, STRANGER);
	make_dir("host/open", 0777, 0);
	make_dir("host/closed", 0755, 0);
	make_file("host/roots-0666", 0666, 0);
	make_file("host/roots-0644", 0644, 0);
	make_file("host/roots-0600", 0600, 0);
	make_file("host/users-0600", 0600, USER);
	int fd = clone_mapped("host", WITH_GHOST, extents);
	if (fd < 0)
		skip_because("the file system of /var/tmp cannot be ID-mapped");
	attach(fd, "bind");
}

static int create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd >= 0)
		(void)close(fd);
	return fd;
}

static void what_the_user_may(void)
{
	CHECK_EQ(owner_of("bind"), 0);
	CHECK_EQ(owner_of("bind/roots-0644"), 65534);
	CHECK_OK(create("bind/new"));
	CHECK_OK(create("bind/sticky/new"));
	CHECK_OK(create("bind/open/new"));
	CHECK_OK(write_file("bind/roots-0666", "x"));
	CHECK_OK(open("bind/roots-0644", O_RDONLY | O_CLOEXEC));
	CHECK_OK(write_file("bind/users-0600", "x"));
	/* In one's own folder one may delete what others own. */
	CHECK_OK(unlink("bind/roots-0600"));
	/* The container's other ids are the user's subordinate ones. */
	CHECK_OK(create("bind/of-33"));
	CHECK_OK(chown("bind/of-33", 33, 33));
	CHECK_OK(create("bind/suid"));
	CHECK_OK(chmod("bind/suid", 04755));
}

static void user_rights(void)
{
	bind_host(sizeof(WITH_GHOST) / sizeof(WITH_GHOST[0]));
	as_container(BASE, what_the_user_may);
	CHECK_EQ(owner_of("host/new"), USER);
	CHECK_EQ(group_of("host/new"), USER);
	CHECK_EQ(owner_of("host/sticky/new"), USER);
	CHECK_EQ(owner_of("host/open/new"), USER);
	CHECK_EQ(owner_of("host/of-33"), SUB + 32);
	/* A setuid file that is left behind is the user's, not root's. */
	CHECK_EQ(owner_of("host/suid"), USER);
}

static void what_the_user_may_not(void)
{
	CHECK_ERR(open("bind/roots-0600", O_RDONLY | O_CLOEXEC), EACCES);
	CHECK_ERR(open("bind/roots-0644", O_WRONLY | O_CLOEXEC), EACCES);
	CHECK_ERR(create("bind/closed/new"), EACCES);
	CHECK_ERR(unlink("bind/sticky/strangers"), EPERM);
	CHECK_ERR(chown("bind/roots-0666", 0, 0), EPERM);
	CHECK_ERR(chmod("bind/roots-0666", 0777), EPERM);
}

static void user_limits(void)
{
	bind_host(sizeof(WITH_GHOST) / sizeof(WITH_GHOST[0]));
	as_container(BASE, what_the_user_may_not);
	CHECK_EQ(owner_of("host/roots-0666"), 0);
}

/* Why the ghost range is needed: an id that has no mapping at all is worse than a stranger's. */
static void what_fails_without(void)
{
	CHECK_ERR(create("bind/sticky/new"), EACCES);
	CHECK_ERR(write_file("bind/roots-0666", "x"), EACCES);
	CHECK_ERR(unlink("bind/roots-0600"), EOVERFLOW);
}

static void without_ghost(void)
{
	bind_host(WITHOUT_GHOST);
	as_container(BASE, what_fails_without);
}

TEST(user_rights)
TEST(user_limits)
TEST(without_ghost)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_user_rights),
	cmocka_unit_test(test_user_limits),
	cmocka_unit_test(test_without_ghost),
};

CONTRACT_MAIN(tests)
