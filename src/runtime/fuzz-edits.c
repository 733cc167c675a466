/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any spec through the edits that only change the spec. Whatever it is, they refuse it with a text
 * or leave a spec in which nothing is left that they are there for, and which reads as it is
 * written.
 */
#include <stdlib.h>
#include <unistd.h>

#include "oci/spec.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

#define CAP (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* In the order of edit.c; those after them make things. */
static int (*const pure[])(struct runtime *rt, struct err *err) = {
	edit_platform,	 edit_annotations, edit_hooks,	 edit_process,
	edit_namespaces, edit_devices,	   edit_sysctls, edit_init,
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* The edits open what a namespace's path names; the harness must not open what a mutation names. */
static bool names_paths(const struct json *spec)
{
	const struct json *list = json_at(spec, "linux.namespaces");

	for (size_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++) {
		const char *path = json_get_str(list->items[i], "path");

		if (path && *path && strncmp(path, "/proc/self/ns/", 14) != 0)
			return true;
	}
	return false;
}

static void check_annotations(const struct json *spec)
{
	static const char *const orders[] = { "run.oci.", "org.criu.", "module.wasm.", "krun." };
	const struct json *list = json_get(spec, "annotations");

	for (size_t i = 0; json_is(list, JSON_OBJECT) && i < list->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(orders); k++)
			must(!slice_starts(list->members[i].key, slice_str(orders[k])));
}

static void check_namespaces(const struct json *spec)
{
	static const char *const own[] = { "pid", "network", "ipc", "uts", "mount", "cgroup" };

	must(!oci_namespace_find(spec, "user"));
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		must(oci_namespace_find(spec, own[i]));
}

static void check_devices(const struct runtime *rt)
{
	const struct json *rules = json_at(rt->spec, "linux.resources.devices");

	must(!json_at(rt->spec, "linux.devices"));
	must(json_is(rt->devices, JSON_ARRAY));
	must(json_is(rules, JSON_ARRAY) && rules->n > 0);
	must(!json_get_bool(rules->items[0], "allow", true));
	for (size_t i = 1; i < rules->n; i++) { /* no rule for everything but the first */
		const char *type = json_get_str(rules->items[i], "type");

		must(type && (type[0] == 'c' || type[0] == 'b') && !type[1]);
		must(json_get(rules->items[i], "major") ||
		     strcmp(json_get_str(rules->items[i], "access"), "m") == 0);
	}
}

/* What is on disk for the lower runtime says the same as what was decided on. */
static void check_text(const struct runtime *rt)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	CLEANUP_BUF struct buf one = BUF_INIT(CAP);
	CLEANUP_BUF struct buf two = BUF_INIT(CAP);
	struct json *spec;

	json_emit(rt->spec, &one);
	must(buf_ok(&one) && oci_spec_load(&a, buf_slice(&one), &spec, NULL) == 0);
	json_emit(spec, &two);
	must(buf_ok(&two) && slice_eq(buf_slice(&one), buf_slice(&two)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = ERR_INIT;
	struct runtime rt;
	int r;

	runtime_init(&rt);
	rt.args.id = "c1";
	rt.facts.ids_per_container = FACTS_IDS_PER_CONTAINER;
	r = oci_spec_load(&rt.arena, (struct slice){ (const char *)data, n }, &rt.spec, &err);
	if (r == 0 && names_paths(rt.spec))
		r = 1;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(pure); i++)
		r = pure[i](&rt, &err);
	must(r >= 0 || (err.code < 0 && err.text[0] != '\0'));
	if (r == 0) {
		check_annotations(rt.spec);
		check_namespaces(rt.spec);
		check_devices(&rt);
		check_text(&rt);
	}
	runtime_done(&rt);
	return 0;
}
