/* SPDX-License-Identifier: Apache-2.0 */
/* Any CDI file: what it names it is found to have, in the form that a spec has it. */
#include <stdlib.h>

#include "base/util.h"
#include "oci/cdi.h"

#define CAP (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* The members of an entry under the names that a spec gives them. */
static struct json *renamed(struct arena *a, const struct json *from, const char *const (*names)[2],
			    size_t n)
{
	struct json *to = json_new(a, JSON_OBJECT);

	for (size_t i = 0; i < n; i++) {
		const struct json *v = json_get(from, names[i][0]);

		if (v)
			must(json_set(a, to, names[i][1], json_clone(a, v)) == 0);
	}
	return to;
}

/* A path with a NUL cannot be: the parser refuses it, and so nothing is cut short here. */
static void check(struct arena *a, const struct cdi_edits *e)
{
	static const char *const mount[][2] = { { "hostPath", "source" },
						{ "containerPath", "destination" },
						{ "options", "options" },
						{ "type", "type" } };
	static const char *const hook[][2] = {
		{ "path", "path" }, { "args", "args" }, { "env", "env" }, { "timeout", "timeout" }
	};

	for (size_t i = 0; e->mounts && i < e->mounts->n; i++) {
		struct json *m = renamed(a, e->mounts->items[i], mount, ARRAY_SIZE(mount));

		must(cdi_edits_have_mount(e, m));
		must(json_set(a, m, "source", json_new_str(a, "/\1nowhere")) == 0);
		must(!cdi_edits_have_mount(e, m));
	}
	for (size_t i = 0; e->hooks && i < e->hooks->n; i++) {
		const struct json *own = e->hooks->items[i];
		struct json *h = renamed(a, own, hook, ARRAY_SIZE(hook));
		const char *list = json_get_str(own, "hookName");

		must(!list || cdi_edits_have_hook(e, list, h));
		must(!cdi_edits_have_hook(e, "\1nolist", h));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct err err = ERR_INIT;
	struct cdi_edits e = { 0 };
	struct cdi_file f;

	if (cdi_file_parse(&a, (struct slice){ (const char *)data, n }, &f, &err) < 0) {
		must(err.code < 0 && err.text[0] != '\0');
		return 0;
	}
	must(f.kind.n > 0);
	must(cdi_edits_add(&a, &e, f.edits) == 0);
	for (size_t i = 0; f.devices && i < f.devices->n; i++) {
		const struct json *d = f.devices->items[i];
		const struct json *name = json_get(d, "name");

		must(!name || cdi_file_device(&f, name->text));
		must(cdi_edits_add(&a, &e, json_get(d, "containerEdits")) == 0);
	}
	check(&a, &e);
	return 0;
}
