/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/nodes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/util.h"
#include "vfs/load.h"
#include "vfs/opens.h"
#include "vfs/values.h"

/* Every row is complete, and a first value fits what may be written. */
static void test_table(void **state)
{
	char text[VALUE_MAX];

	(void)state;
	assert_true(nodes_count() <= VALUES_MAX);
	for (size_t i = 0; i < nodes_count(); i++) {
		const struct node *n = &nodes[i];

		assert_non_null(n->read);
		assert_true(strlen(n->means) > 0 && n->path[0] != '/');
		assert_true((n->mode & ~0644u) == 0);
		assert_int_equal((n->mode & 0222) != 0, n->knob != NULL);
		if (n->knob && n->knob->otherwise)
			assert_int_equal(knob_check(n->knob, slice_str(n->knob->otherwise), text,
						    sizeof(text)),
					 0);
	}
}

/* Numbers are all different, lead back to their node, and are what they were in every version. */
static void test_tree(void **state)
{
	struct buf flat = BUF_INIT(64);
	static struct tree t;

	(void)state;
	tree_make(&t);
	for (size_t i = 0; i < t.n; i++)
		assert_int_equal(tree_find(&t, t.v[i].number), i);
	assert_int_equal(tree_find(&t, 0), -1);
	assert_int_equal(t.v[TREE_TOP].number, 1);
	for (size_t i = 0; i < nodes_count(); i++) {
		struct slice rest = slice_str(nodes[i].path);
		struct slice name;
		int at = TREE_TOP;

		while (slice_split(&rest, '/', &name)) {
			assert_null(t.v[at].row);
			at = tree_child(&t, (size_t)at, name);
			assert_true(at > 0);
		}
		assert_ptr_equal(t.v[at].row, &nodes[i]);
		buf_reset(&flat);
		assert_true(tree_name(&t, TREE_ALL, (size_t)at, &flat));
		assert_int_equal(flat.n, strlen(nodes[i].path));
		assert_int_equal(tree_child(&t, TREE_ALL, buf_slice(&flat)), at);
	}
	assert_int_equal(tree_child(&t, TREE_ALL, SLICE_LIT("proc:sys:kernel")), -1);
	assert_int_equal(tree_child(&t, TREE_ALL, SLICE_LIT("proc/meminfo")), -1);
	assert_false(tree_name(&t, TREE_TOP, TREE_ALL, &flat));
	buf_done(&flat);
	assert_int_equal(tree_child(&t, TREE_TOP, SLICE_LIT("")), -1);
	assert_int_equal(t.v[tree_child(&t, TREE_TOP, SLICE_LIT("proc"))].number, 50143);
}

static void test_values(void **state)
{
	struct values v = { .n = 0 };
	struct values again = { .n = 0 };
	struct buf text = BUF_INIT(VALUES_FILE_MAX);
	struct slice good;

	(void)state;
	assert_null(values_get(&v, "proc/sys/kernel/panic"));
	assert_int_equal(values_set(&v, "proc/sys/kernel/panic", SLICE_LIT("10")), 0);
	assert_int_equal(values_set(&v, "proc/sys/kernel/printk", SLICE_LIT("1\t2\t3\t4")), 0);
	assert_int_equal(values_set(&v, "proc/sys/kernel/panic", SLICE_LIT("11")), 0);
	assert_true(values_set(&v, "proc/sys/kernel/panic", SLICE_LIT("1\n2")) < 0);
	values_print(&v, 77, &text);
	good = buf_slice(&text);
	assert_true(slice_eq_str(good, "start 77\nproc/sys/kernel/panic 11\n"
				       "proc/sys/kernel/printk 1\t2\t3\t4\n"));
	assert_int_equal(values_parse(&again, 77, good, nodes_known), 0);
	assert_string_equal(values_get(&again, "proc/sys/kernel/printk"), "1\t2\t3\t4");
	assert_int_equal(values_parse(&again, 78, good, nodes_known), 0);
	assert_int_equal(again.n, 0);
	assert_int_equal(
		values_parse(&again, 1,
			     SLICE_LIT("start 1\nproc/meminfo 1\nproc/sys/kernel/panic x\nq\n"),
			     nodes_known),
		0);
	assert_int_equal(again.n, 0);
	assert_true(values_parse(&again, 1, SLICE_LIT(""), nodes_known) < 0);
	assert_true(values_parse(&again, 1, SLICE_LIT("stop 1\n"), nodes_known) < 0);
	values_drop(&v, "proc/sys/kernel/panic");
	assert_null(values_get(&v, "proc/sys/kernel/panic"));
	values_done(&v);
	values_done(&again);
	buf_done(&text);
}

static void test_opens(void **state)
{
	struct buf out = BUF_INIT(1024);
	struct opens o;
	uint64_t one;
	uint64_t two;

	(void)state;
	opens_init(&o);
	one = opens_add(&o, 5);
	two = opens_add(&o, 5);
	assert_true(one && two && one != two);
	assert_int_equal(opens_read(&o, one, 3, 10, &out), OPENS_UNKNOWN);
	opens_begin(&o, one, SLICE_LIT("hello"), false);
	opens_begin(&o, two, SLICE_LIT("hello"), true);
	assert_int_equal(opens_read(&o, one, 3, 10, &out), OPENS_PIECE);
	assert_true(slice_eq_str(buf_slice(&out), "lo"));
	buf_reset(&out);
	assert_int_equal(opens_read(&o, one, 5, 10, &out), OPENS_PIECE);
	assert_int_equal(opens_read(&o, two, 5, 10, &out), OPENS_PIECE);
	assert_int_equal(out.n, 0);
	assert_int_equal(opens_read(&o, two, 3, 10, &out), OPENS_REST);
	opens_drop(&o, one);
	assert_int_equal(opens_read(&o, one, 3, 10, &out), OPENS_UNKNOWN);
	assert_int_equal(o.bytes, 0);
	assert_true(opens_add(&o, 6) != one);
	assert_int_equal(opens_read(&o, 0, 3, 10, &out), OPENS_UNKNOWN);
	opens_done(&o);
	buf_done(&out);
}

/* Their number has an end, and so have the bytes of one container. */
static void test_opens_full(void **state)
{
	static char text[65536];
	struct opens o;
	uint64_t last = 1;

	(void)state;
	opens_init(&o);
	for (uint32_t i = 0; i < OPENS_MAX; i++) {
		uint64_t handle = opens_add(&o, 5);

		assert_true(handle != 0);
		if (i < 100)
			opens_begin(&o, handle, (struct slice){ text, sizeof(text) }, false);
		last = handle;
	}
	assert_int_equal(o.bytes, OPENS_BYTES_EACH);
	assert_int_equal(opens_add(&o, 6), 0);
	opens_drop(&o, last);
	assert_true(opens_add(&o, 6) != 0);
	opens_done(&o);
}

static void test_load(void **state)
{
	struct load l = { .at_ns = 0 };
	const uint64_t minute = 60000000000u;

	(void)state;
	load_update(&l, minute, 2 * minute); /* two CPUs for a minute: 2 * (1 - 1/e) */
	assert_true(l.average[0] > 1.26 && l.average[0] < 1.27);
	assert_true(l.average[1] > 0.36 && l.average[1] < 0.37);
	load_update(&l, minute, 9 * minute); /* no time has passed */
	assert_true(l.average[0] > 1.26 && l.average[0] < 1.27);
	load_update(&l, 20 * minute, 2 * minute);
	assert_true(l.average[0] < 0.01 && l.average[2] > 0.03);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	   cmocka_unit_test(test_tree),
		cmocka_unit_test(test_values),	   cmocka_unit_test(test_opens),
		cmocka_unit_test(test_opens_full), cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
