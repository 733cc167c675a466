/* SPDX-License-Identifier: Apache-2.0 */
/* Whether gabion-vfs is stuck. A pipe is what /dev/fuse is to poll(2). */
#include "daemon/vfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"

struct fixture {
	struct vfs v;
	struct control_vfs slots;
	int pipe[2];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || pipe2(f->pipe, O_CLOEXEC) < 0)
		return -1;
	f->v = VFS_INIT;
	f->v.fuse = f->pipe[0];
	f->v.map = &f->slots;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)fd_close(f->pipe[0]);
	(void)fd_close(f->pipe[1]);
	free(f);
	return 0;
}

static void put(struct fixture *f, size_t slot, uint64_t number)
{
	struct fuse_in_header head = { .len = number ? sizeof(head) : 0, .unique = number };

	memcpy(f->slots.slots[slot].request, &head, sizeof(head));
}

static void test_idle(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 10; i++)
		assert_false(vfs_look(&f->v));
}

static void test_one_stands(void **state)
{
	struct fixture *f = *state;

	put(f, 2, 7);
	assert_false(vfs_look(&f->v));
	f->slots.slots[0].rounds++; /* the others go on */
	assert_false(vfs_look(&f->v));
	f->slots.slots[0].rounds++;
	assert_true(vfs_look(&f->v));
	put(f, 2, 0);
	assert_false(vfs_look(&f->v));
}

static void test_always_another(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 1; i < 10; i++) {
		put(f, 1, i);
		assert_false(vfs_look(&f->v));
	}
}

static void test_nobody_takes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write(f->pipe[1], "x", 1), 1);
	assert_false(vfs_look(&f->v));
	f->slots.slots[3].rounds++; /* there is always one waiting, but others are taken */
	assert_false(vfs_look(&f->v));
	assert_false(vfs_look(&f->v));
	assert_true(vfs_look(&f->v));
}

static void test_take(void **state)
{
	struct vfs v = VFS_INIT;

	(void)state;
	assert_false(vfs_take(&v, "vfs/other", memfd_create("x", MFD_CLOEXEC)));
	assert_true(vfs_take(&v, CONTROL_VFS_HOLD_SLOTS, memfd_create("x", MFD_CLOEXEC)));
	assert_false(vfs_take(&v, CONTROL_VFS_HOLD_SLOTS, memfd_create("x", MFD_CLOEXEC)));
	assert_true(v.slots >= 0 && v.fuse < 0);
	vfs_done(&v);
	assert_true(v.slots < 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_stands, setup, teardown),
		cmocka_unit_test_setup_teardown(test_always_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_takes, setup, teardown),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
