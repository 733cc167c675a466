/* SPDX-License-Identifier: Apache-2.0 */
/* Any config.json: what is accepted is a fixed point, and the questions about it hold up. */
#include <stdlib.h>

#include "oci/spec.h"

#define CAP (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void ask(struct arena *a, struct json *spec)
{
	struct json *ns = oci_namespace_find(spec, "pid");

	must(!ns || slice_eq_str(json_get(ns, "type")->text, "pid"));
	(void)oci_process_has_cap(spec, "CAP_SYS_ADMIN");
	for (size_t i = 0; i < oci_mount_count(spec); i++) {
		struct json *mount = oci_mount_get(spec, i);
		const char *to = json_get_str(mount, "destination");

		must(!to || oci_mount_find(spec, to));
		must(oci_mount_add_option(a, mount, "ro") == 0);
		must(oci_mount_has_option(mount, "ro") && oci_mount_del_option(mount, "ro"));
		must(!oci_mount_has_option(mount, "ro"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	CLEANUP_BUF struct buf one = BUF_INIT(CAP);
	CLEANUP_BUF struct buf two = BUF_INIT(CAP);
	struct err err = ERR_INIT;
	struct json *spec = NULL;

	if (oci_spec_load(&a, (struct slice){ (const char *)data, n }, &spec, &err) < 0) {
		must(err.code < 0 && err.text[0] != '\0');
		return 0;
	}
	json_emit(spec, &one);
	must(oci_spec_load(&a, buf_slice(&one), &spec, NULL) == 0);
	json_emit(spec, &two);
	must(buf_ok(&one) && slice_eq(buf_slice(&one), buf_slice(&two)));
	ask(&a, spec);
	return 0;
}
