/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of single edits: a spec before, an edit, a spec after. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "oci/spec.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

/* A runtime of an instance below /state, with the defaults of gabion.json and this spec. */
static inline void test_runtime(struct runtime *rt, const char *spec)
{
	struct err err = ERR_INIT;

	runtime_init(rt);
	rt->args = (struct args){ .command = "create", .makes_container = true, .id = "c1" };
	(void)snprintf(rt->inst.etc, sizeof(rt->inst.etc), "/state/etc");
	(void)snprintf(rt->inst.run, sizeof(rt->inst.run), "/state/run");
	(void)snprintf(rt->inst.lib, sizeof(rt->inst.lib), "/state/lib");
	rt->policy.profile = profile_find(SLICE_LIT("docker"));
	rt->facts = (struct facts){ .ids_per_container = FACTS_IDS_PER_CONTAINER };
	if (oci_spec_load(&rt->arena, slice_str(spec), &rt->spec, &err) < 0)
		fail_msg("%s: %s", spec, err.text);
}

static inline void test_spec_is(const struct runtime *rt, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1u << 20);

	json_emit(rt->spec, &b);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, want);
}

/* The edit makes `want` of `spec`. */
static inline void test_edit(int (*edit)(struct runtime *rt, struct err *err), const char *spec,
			     const char *want)
{
	struct err err = ERR_INIT;
	struct runtime rt;

	test_runtime(&rt, spec);
	if (edit(&rt, &err) < 0)
		fail_msg("%s: %s", spec, err.text);
	test_spec_is(&rt, want);
	runtime_done(&rt);
}

/* The edit refuses `spec` with a text that holds `text`. */
static inline void test_edit_refuses(int (*edit)(struct runtime *rt, struct err *err),
				     const char *spec, const char *text)
{
	struct err err = ERR_INIT;
	struct runtime rt;

	test_runtime(&rt, spec);
	if (edit(&rt, &err) >= 0)
		fail_msg("taken: %s", spec);
	if (!strstr(err.text, text))
		fail_msg("%s: %s", spec, err.text);
	runtime_done(&rt);
}
