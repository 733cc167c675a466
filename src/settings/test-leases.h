/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of leases: small pools in a folder of their own. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/test-dir.h"
#include "settings/leases.h"

#define SIZE 65536u
/* Where no process of a machine has ids (ranges.h: set aside for users): it would keep a record. */
#define START 1620000000u

struct pool {
	char dir[TEST_DIR_MAX];
	struct ranges all;
	struct ranges taken;
};

static inline int pool_setup(void **state)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	test_dir_new(p->dir);
	p->all.n = 1;
	p->all.r[0] = (struct range){ START, 4 * SIZE };
	*state = p;
	return 0;
}

static inline int pool_teardown(void **state)
{
	struct pool *p = *state;

	test_dir_remove(p->dir);
	free(p);
	return 0;
}

#define WITH_POOL(t) cmocka_unit_test_setup_teardown(t, pool_setup, pool_teardown)

static inline int pool_take(const struct pool *p, uint32_t size, const char *id, struct lease *ret,
			    struct err *err)
{
	*ret = LEASE_INIT;
	return lease_take(p->dir, &p->all, &p->taken, size, id, ret, err);
}

static inline void must_take(const struct pool *p, uint32_t size, const char *id, struct lease *ret)
{
	struct err err = ERR_INIT;

	if (pool_take(p, size, id, ret, &err) < 0)
		fail_msg("%s: %s", id, err.text);
	assert_true(ret->fd >= 0);
	assert_int_equal(ret->size, size);
}

static inline void must_not_take(const struct pool *p, uint32_t size)
{
	struct lease l;

	if (pool_take(p, size, "too-much", &l, NULL) >= 0)
		fail_msg("got %u +%u, though all is in use", l.base, l.size);
}

static inline bool disjoint(uint32_t a, uint32_t an, uint32_t b, uint32_t bn)
{
	return (uint64_t)a + an <= b || (uint64_t)b + bn <= a;
}

/* What lease_each() says, up to 128 of them. */
struct listing {
	size_t n;
	struct lease_info l[128];
};

static inline int list_one(const struct lease_info *info, void *data)
{
	struct listing *list = data;

	if (list->n < sizeof(list->l) / sizeof(list->l[0]))
		list->l[list->n] = *info;
	list->n++;
	return 0;
}

static inline size_t list_leases(const struct pool *p, struct listing *ret)
{
	struct err err = ERR_INIT;

	ret->n = 0;
	if (lease_each(p->dir, list_one, ret, &err) != 0)
		fail_msg("%s", err.text);
	return ret->n;
}

static inline const struct lease_info *find_lease(const struct listing *list, uint32_t base)
{
	for (size_t i = 0; i < list->n && i < sizeof(list->l) / sizeof(list->l[0]); i++)
		if (list->l[i].base == base)
			return &list->l[i];
	return NULL;
}
