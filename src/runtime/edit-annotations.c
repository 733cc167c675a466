/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Annotations that a lower runtime takes orders from: crun's replace the seccomp filter, load
 * plugins as root or open paths as root. Whoever creates a container can set them: they are
 * removed.
 */
#include <string.h>

#include "base/slice.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

static const char *const orders[] = { "run.oci.",  "org.criu.",	    "module.wasm.",
				      "krun.",	   "org.systemd.",  "io.crun.",
				      "io.youki.", "run.wasmedge.", "org.opencontainers.runc." };

static bool is_order(struct slice key)
{
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		size_t n = strlen(orders[i]);

		if (key.n >= n && slice_eq_nocase((struct slice){ key.p, n }, slice_str(orders[i])))
			return true;
	}
	return false;
}

int edit_annotations(struct runtime *rt, struct err *err)
{
	struct json *annotations = json_get(rt->spec, "annotations");
	size_t kept = 0;

	if (!json_is(annotations, JSON_OBJECT))
		return 0;
	for (size_t i = 0; i < annotations->n; i++)
		if (!is_order(annotations->members[i].key))
			annotations->members[kept++] = annotations->members[i];
	annotations->n = kept;
	return 0;
}
