/* SPDX-License-Identifier: Apache-2.0 */
#include "port/sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define TABLE 8
#define SECOND LOOP_NSEC_PER_SEC

static const unsigned char secret[SESSIONS_KEY_SIZE] = { 0, 1, 2,  3,  4,  5,  6,  7,
							 8, 9, 10, 11, 12, 13, 14, 15 };

struct fixture {
	struct sessions t;
	struct session s[2 * TABLE];
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .s = { { .used_ns = 0 } } };
	for (size_t i = 0; i < ARRAY_SIZE(f.s); i++) {
		f.s[i].key.port = (uint16_t)(i + 1);
		f.s[i].key.client.s6_addr[15] = 1;
	}
	*state = &f;
	return sessions_init(&f.t, TABLE, secret);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sessions_done(&f->t);
	return 0;
}

/* The vectors of the authors' reference: key 00 01 … 0f, messages 00 01 … of 0, 1, 8, 15, 40 bytes.
 */
static void test_hash(void **state)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} rows[] = {
		{ 0, 0x726fdb47dd0e0e31u },
		{ 1, 0x74f839c593dc67fdu },
		{ 8, 0x93f5f5799a932462u },
		{ 15, 0xa129ca6149be45e5u },
	};
	unsigned char message[64];

	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (unsigned char)i;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_true(sessions_hash(secret, message, rows[i].n) == rows[i].hash);
}

static void test_find(void **state)
{
	struct fixture *f = *state;
	struct session_key key = f->s[3].key;

	for (size_t i = 0; i < TABLE; i++) {
		assert_null(sessions_find(&f->t, &f->s[i].key));
		assert_false(sessions_full(&f->t));
		sessions_add(&f->t, &f->s[i], i);
	}
	assert_true(sessions_full(&f->t));
	for (size_t i = 0; i < TABLE; i++)
		assert_ptr_equal(sessions_find(&f->t, &f->s[i].key), &f->s[i]);
	/* Every part of the key tells sessions apart. */
	key.listener = 1;
	assert_null(sessions_find(&f->t, &key));
	key = f->s[3].key;
	key.scope = 1;
	assert_null(sessions_find(&f->t, &key));
	key = f->s[3].key;
	key.local.s6_addr[0] = 1;
	assert_null(sessions_find(&f->t, &key));
	key = f->s[3].key;
	key.client.s6_addr[0] = 1;
	assert_null(sessions_find(&f->t, &key));
	sessions_remove(&f->t, &f->s[3]);
	assert_null(sessions_find(&f->t, &f->s[3].key));
	assert_ptr_equal(sessions_find(&f->t, &f->s[4].key), &f->s[4]);
	assert_int_equal(f->t.count, TABLE - 1);
}

/* Whoever has been silent longest goes, and those without an answer first. */
static void test_oldest(void **state)
{
	static const size_t expected[] = { 2, 1, 3, 0 };
	struct fixture *f = *state;

	assert_null(sessions_oldest(&f->t));
	for (size_t i = 0; i < 4; i++)
		sessions_add(&f->t, &f->s[i], i);
	sessions_touch(&f->t, &f->s[3], 10, true);
	sessions_touch(&f->t, &f->s[0], 11, true);
	sessions_touch(&f->t, &f->s[1], 12, false);
	sessions_touch(&f->t, &f->s[3], 13, false); /* stays among the answered */
	sessions_touch(&f->t, &f->s[0], 14, false);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		struct session *s = sessions_oldest(&f->t);

		assert_ptr_equal(s, &f->s[expected[i]]);
		sessions_remove(&f->t, s);
	}
	assert_null(sessions_oldest(&f->t));
	assert_int_equal(f->t.count, 0);
}

static void test_expiry(void **state)
{
	struct fixture *f = *state;
	uint64_t start = 1000 * SECOND;

	assert_true(sessions_next_ns(&f->t) == UINT64_MAX);
	assert_null(sessions_expired(&f->t, UINT64_MAX));
	sessions_add(&f->t, &f->s[0], start);
	sessions_add(&f->t, &f->s[1], start);
	sessions_touch(&f->t, &f->s[1], start, true);
	assert_true(sessions_next_ns(&f->t) == start + SESSIONS_UNANSWERED_NS);
	assert_null(sessions_expired(&f->t, start + SESSIONS_UNANSWERED_NS - 1));
	assert_ptr_equal(sessions_expired(&f->t, start + SESSIONS_UNANSWERED_NS), &f->s[0]);
	/* Whoever speaks is not silent. */
	sessions_touch(&f->t, &f->s[0], start + SECOND, false);
	assert_null(sessions_expired(&f->t, start + SESSIONS_UNANSWERED_NS));
	assert_ptr_equal(sessions_expired(&f->t, start + SESSIONS_UNANSWERED_NS + SECOND),
			 &f->s[0]);
	sessions_remove(&f->t, &f->s[0]);
	assert_true(sessions_next_ns(&f->t) == start + SESSIONS_SILENT_NS);
	assert_null(sessions_expired(&f->t, start + SESSIONS_SILENT_NS - 1));
	assert_ptr_equal(sessions_expired(&f->t, start + SESSIONS_SILENT_NS), &f->s[1]);
}

/* Any order of adding, touching and removing; a plain array says what has to come out. */
static void test_random(void **state)
{
	struct fixture *f = *state;
	unsigned int seed = 1;
	bool in[2 * TABLE] = { false };
	size_t count = 0;

	for (uint64_t now = 1; now < 20000; now++) {
		size_t i = (size_t)rand_r(&seed) % ARRAY_SIZE(f->s);
		struct session *found = sessions_find(&f->t, &f->s[i].key);

		assert_ptr_equal(found, in[i] ? &f->s[i] : NULL);
		if (!found && sessions_full(&f->t)) {
			struct session *old = sessions_oldest(&f->t);

			in[old - f->s] = false;
			sessions_remove(&f->t, old);
			count--;
		}
		if (!found) {
			sessions_add(&f->t, &f->s[i], now);
			in[i] = true;
			count++;
		} else if (rand_r(&seed) % 4 == 0) {
			sessions_remove(&f->t, found);
			in[i] = false;
			count--;
		} else {
			sessions_touch(&f->t, found, now, rand_r(&seed) % 2 == 0);
		}
		assert_int_equal(f->t.count, count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hash, setup, teardown),
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oldest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expiry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
