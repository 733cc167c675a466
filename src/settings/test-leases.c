/* SPDX-License-Identifier: Apache-2.0 */
/* One process: what is handed out, what is refused, what the table says. */
#include <errno.h>

#include "base/buf.h"
#include "base/file.h"
#include "settings/test-leases.h"

static void test_first(void **state)
{
	const struct pool *p = *state;
	struct listing list;
	struct lease a, b;

	assert_int_equal(list_leases(p, &list), 0); /* no table yet */
	must_take(p, SIZE, "first", &a);
	must_take(p, SIZE, "second", &b);
	assert_true(fcntl(a.fd, F_GETFD) & FD_CLOEXEC);
	assert_true(a.base >= START && (uint64_t)a.base + SIZE <= (uint64_t)START + 4 * SIZE);
	assert_true(b.base >= START && (uint64_t)b.base + SIZE <= (uint64_t)START + 4 * SIZE);
	assert_true(disjoint(a.base, SIZE, b.base, SIZE));
	assert_int_equal(list_leases(p, &list), 2);
	assert_string_equal(find_lease(&list, a.base)->id, "first");
	assert_int_equal(find_lease(&list, a.base)->size, SIZE);
	assert_true(find_lease(&list, a.base)->starting);
	assert_string_equal(find_lease(&list, b.base)->id, "second");
	lease_done(&a);
	assert_true(a.fd < 0);
	assert_int_equal(list_leases(p, &list), 2); /* nobody has looked yet */
	assert_true(find_lease(&list, b.base)->starting);
	lease_done(&b);
	assert_int_equal(list_leases(p, &list), 2);
	assert_false(find_lease(&list, b.base)->starting);
	lease_done(&b); /* again: nothing */
}

static void test_drop(void **state)
{
	const struct pool *p = *state;
	struct listing list;
	struct lease a, b;

	must_take(p, SIZE, "a", &a);
	must_take(p, SIZE, "b", &b);
	lease_drop(&a);
	assert_true(a.fd < 0);
	assert_int_equal(list_leases(p, &list), 1);
	assert_non_null(find_lease(&list, b.base));
	lease_drop(&a); /* again: nothing */
	assert_int_equal(list_leases(p, &list), 1);
	lease_drop(&b);
	assert_int_equal(list_leases(p, &list), 0);
}

/* A failed start gives its ids back at once: a pool of one is never used up by failures. */
static void test_drop_frees(void **state)
{
	struct pool *p = *state;
	struct lease l;

	p->all.r[0].count = SIZE;
	for (int i = 0; i < 20; i++) {
		must_take(p, SIZE, "again", &l);
		must_not_take(p, SIZE);
		lease_drop(&l);
	}
}

/* The text says how many, and the way out. */
static void test_used_up(void **state)
{
	struct pool *p = *state;
	struct err err = ERR_INIT;
	struct lease l[4], more;

	p->all.r[0].count = 4 * SIZE - 1; /* the last one would not fit */
	for (int i = 0; i < 3; i++)
		must_take(p, SIZE, "held", &l[i]);
	assert_int_equal(pool_take(p, SIZE, "one-more", &more, &err), -ENOSPC);
	assert_true(more.fd < 0);
	assert_non_null(strstr(err.text, "65536 ids"));
	assert_non_null(strstr(err.text, "262143 ids from 1620000000"));
	assert_non_null(strstr(err.text, "3 containers"));
	assert_non_null(strstr(err.text, "/etc/subuid"));
	assert_non_null(strstr(err.text, "/etc/subgid"));
	lease_done(&l[1]); /* its maker is gone and no process has its ids */
	must_take(p, SIZE, "now", &more);
	assert_int_equal(more.base, l[1].base);
	must_not_take(p, SIZE);
	lease_done(&more);
	lease_done(&l[0]);
	lease_done(&l[2]);
}

static void test_empty_pool(void **state)
{
	struct pool *p = *state;

	p->all.n = 0;
	must_not_take(p, SIZE);
	p->all.n = 1;
	p->all.r[0].count = SIZE - 1;
	must_not_take(p, SIZE);
	p->all.r[0].count = SIZE;
	must_not_take(p, SIZE + 1);
}

/* Takes all that there are, at most n; each in a range of the pool, off the taken ones, and apart
 * from each other. Returns how many. */
static size_t take_all(const struct pool *p, uint32_t size, struct lease *l, size_t n)
{
	uint64_t end;
	size_t got = 0;

	while (got < n && pool_take(p, size, "all", &l[got], NULL) == 0)
		got++;
	for (size_t i = 0; i < got; i++) {
		bool inside = false;

		for (size_t k = 0; k < p->all.n; k++)
			inside |= l[i].base >= p->all.r[k].start &&
				  (uint64_t)l[i].base + size <=
					  (uint64_t)p->all.r[k].start + p->all.r[k].count;
		assert_true(inside);
		assert_false(ranges_hit(&p->taken, l[i].base, size, &end));
		for (size_t k = 0; k < i; k++)
			assert_true(disjoint(l[i].base, size, l[k].base, size));
	}
	return got;
}

static void let_go(struct lease *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lease_done(&l[i]);
}

/* gabion:100001:… in /etc/subuid: any start, any length. */
static void test_unaligned(void **state)
{
	struct pool *p = *state;
	struct lease l[16];

	p->all.r[0] = (struct range){ START + 12345, 3 * SIZE + 777 };
	assert_int_equal(take_all(p, SIZE, l, 16), 3);
	let_go(l, 3);
}

static void test_several_ranges(void **state)
{
	struct pool *p = *state;
	struct lease l[16];

	p->all.n = 4;
	p->all.r[0] = (struct range){ START + 100 * SIZE, 2 * SIZE + 1 };
	p->all.r[1] = (struct range){ START, SIZE - 1 }; /* too small */
	p->all.r[2] = (struct range){ START + 50 * SIZE + 3, SIZE };
	p->all.r[3] = (struct range){ START + 102 * SIZE + 1, 3 * SIZE };
	assert_int_equal(take_all(p, SIZE, l, 16), 6);
	let_go(l, 6);
}

/* Ids of users and accounts are stepped over, however they lie. */
static void test_taken(void **state)
{
	struct pool *p = *state;
	struct lease l[16];

	p->all.r[0].count = 10 * SIZE;
	p->taken.n = 4;
	p->taken.r[0] = (struct range){ START - 5, 6 };		    /* the very first id */
	p->taken.r[1] = (struct range){ START + 5 * SIZE, 1 };	    /* one in the middle */
	p->taken.r[2] = (struct range){ START + 2 * SIZE, SIZE };   /* a whole one */
	p->taken.r[3] = (struct range){ START + 10 * SIZE - 1, 9 }; /* the very last */
	/* free: 1…2*SIZE-1, 3*SIZE…5*SIZE-1, 5*SIZE+1…10*SIZE-2 */
	assert_int_equal(take_all(p, SIZE, l, 16), 1 + 2 + 4);
	let_go(l, 7);
	p->taken.r[0] = (struct range){ 0, UINT32_MAX };
	must_not_take(p, SIZE);
}

/* Images with higher ids: "idsPerContainer". */
static void test_other_size(void **state)
{
	struct pool *p = *state;
	struct lease big[4], small[4];

	p->all.r[0].count = 6 * SIZE;
	must_take(p, SIZE, "small", &small[0]);
	assert_int_equal(take_all(p, 2 * SIZE, big, 4), 2);
	assert_int_equal(take_all(p, SIZE, small + 1, 3), 1);
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 2; k++)
			assert_true(disjoint(big[i].base, 2 * SIZE, small[k].base, SIZE));
	let_go(big, 2);
	let_go(small, 2);
	assert_int_equal(take_all(p, 131072, big, 4), 3);
	let_go(big, 3);
}

/* Two instances with pools of their own, which may overlap: one table keeps them apart. */
static void test_two_pools(void **state)
{
	struct pool *p = *state;
	struct lease a[8], b[8];
	size_t na = 0, nb = 0;

	for (int i = 0; i < 8; i++) {
		p->all.r[0] = (struct range){ START, 4 * SIZE };
		na += pool_take(p, SIZE, "a", &a[na], NULL) == 0;
		p->all.r[0] = (struct range){ START + 2 * SIZE + 1, 4 * SIZE };
		nb += pool_take(p, SIZE, "b", &b[nb], NULL) == 0;
	}
	assert_true(na >= 2 && nb >= 2);
	for (size_t i = 0; i < na; i++)
		for (size_t k = 0; k < nb; k++)
			assert_true(disjoint(a[i].base, SIZE, b[k].base, SIZE));
	let_go(a, na);
	let_go(b, nb);
}

/* A range is handed out again as late as can be. */
static void test_late_again(void **state)
{
	struct pool *p = *state;
	uint32_t seen[8];

	p->all.r[0].count = 8 * SIZE;
	for (int i = 0; i < 8; i++) {
		struct lease l;

		must_take(p, SIZE, "one", &l);
		seen[i] = l.base;
		for (int k = 0; k < i; k++)
			assert_true(seen[k] != l.base);
		lease_done(&l);
	}
}

/* The same when it was given back at once. */
static void test_late_after_drop(void **state)
{
	struct pool *p = *state;
	uint32_t seen[8];

	p->all.r[0].count = 8 * SIZE;
	for (int i = 0; i < 8; i++) {
		struct lease l;

		must_take(p, SIZE, "one", &l);
		seen[i] = l.base;
		for (int k = 0; k < i; k++)
			assert_true(seen[k] != l.base);
		lease_drop(&l);
	}
}

/* Containers come and go for long: nothing leaks, the table does not grow with them. */
static void test_no_growth(void **state)
{
	struct pool *p = *state;
	struct listing list;
	struct stat st;
	char path[PATH_MAX];

	p->all.r[0].count = 8000 * (SIZE / 64);
	for (int i = 0; i < 2600; i++) {
		struct lease l;

		must_take(p, SIZE / 64, "come-and-gone", &l);
		lease_done(&l);
	}
	assert_true(list_leases(p, &list) <= 1025);
	assert_int_equal(stat(test_path(path, p->dir, "table"), &st), 0);
	assert_true(st.st_size <= 256 * 1024);
}

static void test_long_id(void **state)
{
	const struct pool *p = *state;
	char id[300];
	struct listing list;
	struct lease l;

	memset(id, 'i', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	must_take(p, SIZE, id, &l);
	assert_int_equal(list_leases(p, &list), 1);
	assert_int_equal(strlen(list.l[0].id), LEASE_ID_MAX - 1);
	assert_memory_equal(list.l[0].id, id, LEASE_ID_MAX - 1);
	lease_done(&l);
}

/* Changes one byte of the boot id in the table. */
static void age_table(const struct pool *p)
{
	CLEANUP_BUF struct buf boot = BUF_INIT(4096);
	CLEANUP_BUF struct buf table = BUF_INIT(1u << 20);
	char path[PATH_MAX];
	CLEANUP_FD int fd = open(test_path(path, p->dir, "table"), O_RDWR | O_CLOEXEC);
	const char *at;
	char c;

	assert_true(fd >= 0);
	assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", &boot), 0);
	assert_int_equal(file_read_fd(fd, &table), 0);
	at = memmem(table.p, table.n, boot.p, 36);
	assert_non_null(at); /* "tied to the boot" */
	c = *at == '0' ? '1' : '0';
	assert_int_equal(pwrite(fd, &c, 1, at - table.p), 1);
}

/* After a reboot nothing of the table is true any more. */
static void test_other_boot(void **state)
{
	struct pool *p = *state;
	struct listing list;
	struct lease l[8];

	assert_int_equal(take_all(p, SIZE, l, 8), 4);
	let_go(l, 4);
	assert_int_equal(list_leases(p, &list), 4);
	age_table(p);
	assert_int_equal(list_leases(p, &list), 0);
	must_take(p, SIZE, "new", &l[0]);
	assert_int_equal(list_leases(p, &list), 1);
	assert_int_equal(take_all(p, SIZE, l + 1, 7), 3);
	let_go(l, 4);
}

/* A table that lost records: their ranges may be in use, so nothing is handed out. */
static void test_cut_table(void **state)
{
	const struct pool *p = *state;
	struct lease a, b, c;
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	struct stat st;

	must_take(p, SIZE, "a", &a);
	must_take(p, SIZE, "b", &b);
	assert_int_equal(stat(test_path(path, p->dir, "table"), &st), 0);
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	assert_true(pool_take(p, SIZE, "c", &c, &err) < 0);
	assert_true(err.text[0] != '\0');
	lease_done(&a);
	lease_done(&b);
}

/* Somebody else's link in the place of the table is not followed. */
static void test_link(void **state)
{
	const struct pool *p = *state;
	char path[PATH_MAX];
	struct lease l;

	test_put(p->dir, "other", "precious");
	assert_int_equal(symlink("other", test_path(path, p->dir, "table")), 0);
	assert_true(pool_take(p, SIZE, "x", &l, NULL) < 0);
	assert_true(l.fd < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_POOL(test_first),		WITH_POOL(test_drop),
		WITH_POOL(test_drop_frees),	WITH_POOL(test_used_up),
		WITH_POOL(test_empty_pool),	WITH_POOL(test_unaligned),
		WITH_POOL(test_several_ranges), WITH_POOL(test_taken),
		WITH_POOL(test_other_size),	WITH_POOL(test_two_pools),
		WITH_POOL(test_late_again),	WITH_POOL(test_late_after_drop),
		WITH_POOL(test_no_growth),	WITH_POOL(test_long_id),
		WITH_POOL(test_other_boot),	WITH_POOL(test_cut_table),
		WITH_POOL(test_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
