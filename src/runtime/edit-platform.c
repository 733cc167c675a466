/* SPDX-License-Identifier: Apache-2.0 */
/* A spec for another operating system has no user namespace to be put into: refused. */
#include <errno.h>

#include "runtime/edit.h"
#include "runtime/runtime.h"

static const char *const others[] = { "windows", "solaris", "vm", "zos", "freebsd" };

int edit_platform(struct runtime *rt, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (json_get(rt->spec, others[i]))
			return err_set(err, -EINVAL,
				       "not a linux container spec: it has a \"%s\" section",
				       others[i]);
	if (!json_is(json_get(rt->spec, "linux"), JSON_OBJECT))
		return err_set(err, -EINVAL,
			       "not a linux container spec: it has no \"linux\" section");
	if (!json_is(json_get(rt->spec, "root"), JSON_OBJECT))
		return err_set(err, -EINVAL, "the spec has no \"root\" section");
	return 0;
}
