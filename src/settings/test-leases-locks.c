/* SPDX-License-Identifier: Apache-2.0 */
/* Locks on the table that others hold, and tables that others wrote: no start fails for them while
 * there are ids, and no two containers get the same. */
#include <errno.h>

#include "settings/test-leases-helper.h"

/* The table's layout, as its file has it. */
#define RECORD_LOCKS 4096
#define RECORD_SIZE 128
#define MAGIC_SIZE 4

struct hold {
	const struct pool *pool;
	off_t at; /* the bytes that are locked */
	off_t n;
	short type;
};

/* Somebody else has bytes of the table locked. Answers 1. */
static uint32_t hold_bytes(const void *data)
{
	const struct hold *h = data;
	struct flock l = {
		.l_type = h->type, .l_whence = SEEK_SET, .l_start = h->at, .l_len = h->n
	};
	char path[PATH_MAX];
	int fd = open(test_path(path, h->pool->dir, "table"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 && fcntl(fd, F_OFD_SETLK, &l) == 0;
}

static void must_be_apart(const struct lease *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++) {
			assert_true(disjoint(l[i].base, l[i].size, l[k].base, l[k].size));
			assert_true(l[i].index != l[k].index);
		}
}

/* Bytes of records are locked by others, before the first lease and among those that are there:
 * other records are taken, as long as there are ids. */
static void test_locked_records(void **state)
{
	static const short types[] = { F_WRLCK, F_RDLCK };
	struct pool *p = *state;
	struct hold first = { .pool = p, .at = RECORD_LOCKS, .n = 3 };
	struct hold later = { .pool = p, .at = RECORD_LOCKS + 4, .n = 1 };

	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		struct listing list;
		struct helper h[2];
		struct lease l[4];

		first.type = later.type = types[t];
		start_helper(&h[0], hold_bytes, &first);
		start_helper(&h[1], hold_bytes, &later);
		assert_true(h[0].said && h[1].said);
		for (int i = 0; i < 4; i++)
			must_take(p, SIZE, "beside", &l[i]);
		must_be_apart(l, 4);
		assert_int_equal(l[0].index, 3);
		assert_int_equal(l[1].index, 5);
		must_not_take(p, SIZE); /* all ids are in use, not all records */
		assert_int_equal(list_leases(p, &list), 4);
		lease_drop(&l[1]);
		end_helper(&h[0]);
		must_take(p, SIZE, "again", &l[1]);
		must_be_apart(l, 4);
		assert_int_equal(l[1].index, 0); /* a record of before, not one more */
		assert_int_equal(list_leases(p, &list), 4);
		end_helper(&h[1]);
		for (int i = 0; i < 4; i++)
			lease_drop(&l[i]);
		assert_int_equal(list_leases(p, &list), 0);
	}
}

/* The record of a lease that was given back is still locked by a process that got its descriptor.
 */
static void test_locked_after_drop(void **state)
{
	struct pool *p = *state;
	struct lease a, b;
	struct listing list;
	int in[2];
	pid_t pid;
	char c;

	must_take(p, SIZE, "a", &a);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) { /* has a's descriptor */
		(void)close(in[1]);
		_exit(read(in[0], &c, 1) == 0 ? 0 : 1);
	}
	lease_drop(&a);
	must_take(p, SIZE, "b", &b);
	assert_int_equal(list_leases(p, &list), 1);
	(void)close(in[1]);
	assert_int_equal(test_wait(pid), 0);
	(void)close(in[0]);
	lease_done(&b);
}

/* Records that nobody can lock are no reason to wait or to share one: a message says so. */
static void test_every_record_locked(void **state)
{
	struct pool *p = *state;
	struct hold all = { .pool = p, .at = RECORD_LOCKS, .n = 100000, .type = F_WRLCK };
	struct err err = ERR_INIT;
	struct helper h;
	struct lease l;

	start_helper(&h, hold_bytes, &all);
	assert_true(h.said);
	assert_true(pool_take(p, SIZE, "none", &l, &err) < 0);
	assert_non_null(strstr(err.text, "lock"));
	end_helper(&h);
	must_take(p, SIZE, "one", &l);
	lease_done(&l);
}

/* Another version of gabion, whose table says nothing to us: its magic is another. Records behind
 * the first one are not empty. */
static void write_foreign_table(const struct pool *p)
{
	char path[PATH_MAX];
	char text[64 * RECORD_SIZE];
	int fd = open(test_path(path, p->dir, "table"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	memset(text, 0x5a, sizeof(text));
	memcpy(text, "gblX", MAGIC_SIZE);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	(void)close(fd);
}

/* Its containers run: their ids are not handed out, and once they are gone, they are. */
static void test_foreign_table(void **state)
{
	struct pool *p = *state;
	struct helper h[2];
	struct lease l[2];
	uint32_t start;

	if (!test_is_root("maps ids into a user namespace"))
		skip();
	start = own_range(p);
	p->all.r[0].count = 3 * SIZE;
	write_foreign_table(p);
	start_container(&h[0], start + 10, 0);
	start_container(&h[1], start + SIZE + 10, 0);
	must_take(p, SIZE, "behind them", &l[0]);
	assert_true(l[0].base >= start + SIZE + 110);
	must_not_take(p, SIZE);
	end_helper(&h[0]);
	must_take(p, SIZE, "in the place of the first", &l[1]);
	must_be_apart(l, 2);
	assert_true(l[1].base + SIZE <= start + SIZE + 10);
	end_helper(&h[1]);
	for (int i = 0; i < 2; i++)
		lease_done(&l[i]);
}

static uint32_t take_one(const void *data)
{
	struct lease l;

	return pool_take(data, SIZE, "new", &l, NULL) == 0 ? l.base : 0;
}

/* It is starting a container at this moment: its ids are in no table that we can read and in no
 * process, only a record is locked. */
static void test_foreign_start(void **state)
{
	struct pool *p = *state;
	struct hold making = { .pool = p, .at = RECORD_LOCKS, .n = 1, .type = F_WRLCK };
	struct helper maker, container, ours;
	uint32_t start;

	if (!test_is_root("maps ids into a user namespace"))
		skip();
	start = own_range(p);
	p->all.r[0].count = 2 * SIZE;
	write_foreign_table(p);
	start_helper(&maker, hold_bytes, &making);
	assert_true(maker.said);
	spawn_helper(&ours, take_one, p);
	start_container(&container, start, 0);
	end_helper(&maker);
	await_helper(&ours);
	assert_true(ours.said >= start + 100);
	end_helper(&ours);
	end_helper(&container);
}

/* Any user of the host could hold up every start with a lock on a table that it may read. */
static void test_table_is_roots(void **state)
{
	const struct pool *p = *state;
	char path[PATH_MAX];
	struct stat st;
	struct lease l;

	for (int i = 0; i < 2; i++) {
		must_take(p, SIZE, "x", &l);
		assert_int_equal(stat(test_path(path, p->dir, "table"), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(chmod(path, 0644), 0); /* as it was made before */
		lease_drop(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_POOL(test_locked_records),	     WITH_POOL(test_locked_after_drop),
		WITH_POOL(test_every_record_locked), WITH_POOL(test_foreign_table),
		WITH_POOL(test_foreign_start),	     WITH_POOL(test_table_is_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
