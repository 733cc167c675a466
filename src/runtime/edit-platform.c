/* SPDX-License-Identifier: Apache-2.0 */
/* A spec for another operating system has no user namespace to be put into: refused. */
#include <errno.h>
#include <string.h>

#include "runtime/edit.h"
#include "runtime/runtime.h"

static const char *const others[] = { "windows", "solaris", "vm", "zos", "freebsd" };

/* Newer engines write 1.2. Versions of one major number differ only by additions, which a runtime
 * that does not know them passes over; but the crun of Debian 12 refuses every number above 1.0. */
static int lower_version(struct runtime *rt)
{
	const char *version = json_get_str(rt->spec, "ociVersion");

	if (!version || strncmp(version, "1.", 2) != 0 || strncmp(version, "1.0.", 4) == 0)
		return 0;
	return json_set(&rt->arena, rt->spec, "ociVersion", json_new_str(&rt->arena, "1.0.2"));
}

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
	if (lower_version(rt) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}
