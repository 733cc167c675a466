/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#define ALIGN _Alignof(max_align_t)

static void test_zeroed_and_aligned(void **state)
{
	struct arena a = ARENA_INIT(1u << 20);
	static const char zero[300];

	(void)state;
	for (size_t n = 0; n < 300; n++) {
		char *p = arena_alloc(&a, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % ALIGN, 0);
		assert_memory_equal(p, zero, n);
		memset(p, 0xff, n);
	}
	arena_done(&a);
	assert_null(a.head);
	assert_int_equal(a.used, 0);
	assert_memory_equal(arena_alloc(&a, 300), zero, 300);
	arena_done(&a);
}

/* Neither small pieces nor ones larger than a block overlap. */
static void test_apart(void **state)
{
	static const size_t sizes[] = { 1, 16, 100, 16384, 5, 70000, 3, 16000, 16384, 40 };
	struct arena a = ARENA_INIT(1u << 20);
	unsigned char *p[ARRAY_SIZE(sizes)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = arena_alloc(&a, sizes[i]);
		assert_non_null(p[i]);
		memset(p[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(p[i][j], i + 1);
	arena_done(&a);
}

static void test_cap(void **state)
{
	struct arena a = ARENA_INIT(10 * ALIGN);

	(void)state;
	for (int i = 0; i < 9; i++)
		assert_non_null(arena_alloc(&a, 1));
	assert_null(arena_alloc(&a, ALIGN + 1));
	assert_non_null(arena_alloc(&a, ALIGN));
	assert_null(arena_alloc(&a, 1));
	assert_null(arena_alloc(&a, 0));
	assert_int_equal(a.used, 10 * ALIGN);
	arena_done(&a);
	assert_non_null(arena_alloc(&a, 10 * ALIGN));
	arena_done(&a);
}

static void test_absurd_sizes(void **state)
{
	struct arena a = ARENA_INIT(1000);
	struct arena wide = ARENA_INIT(SIZE_MAX);

	(void)state;
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - ALIGN));
	assert_null(arena_array(&a, SIZE_MAX / 8 + 2, 8));
	assert_null(arena_array(&a, 126, 8));
	assert_non_null(arena_array(&a, 124, 8));
	assert_null(arena_dup(&a, "x", SIZE_MAX));
	assert_null(arena_alloc(&wide, SIZE_MAX));
	assert_null(arena_array(&wide, SIZE_MAX / 4, 8));
	arena_done(&a);
	arena_done(&wide);
}

static void test_strings(void **state)
{
	struct arena a = ARENA_INIT(1000);
	char text[] = "abc";
	char *copy;

	(void)state;
	copy = arena_strdup(&a, text);
	text[0] = 'X';
	assert_string_equal(copy, "abc");
	assert_memory_equal(arena_dup(&a, "a\0b", 3), "a\0b", 4);
	assert_string_equal(arena_dup(&a, NULL, 0), "");
	assert_string_equal(arena_printf(&a, "%s/%d", "x", 7), "x/7");
	assert_string_equal(arena_printf(&a, "%s", ""), "");
	assert_null(arena_printf(&a, "%01000d", 1));
	arena_done(&a);
}

static void test_must(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	assert_ptr_equal(arena_must(&status), &status);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGABRT, SIG_DFL);
		(void)close(STDERR_FILENO);
		(void)arena_must(NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed_and_aligned),
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_absurd_sizes),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_must),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
