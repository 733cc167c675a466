/* SPDX-License-Identifier: Apache-2.0 */
/* A user, a passwd file and a group file, one after the other with NULs between; and the same as a
 * mountinfo. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cp/mounts.h"
#include "cp/owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice rest = { (const char *)data, n };
	struct slice user = SLICE_NULL;
	struct owner_files files = { SLICE_NULL, SLICE_NULL };
	struct err err = ERR_INIT;
	uint32_t uid = 0;
	uint32_t gid = 0;
	char *spec;
	int r;

	(void)mounts_scratch(rest, 24);
	if (n > 0 && slice_split(&rest, '\0', &user) && slice_split(&rest, '\0', &files.passwd))
		files.group = rest;
	spec = strndup(user.p ? user.p : "", user.n);
	must(spec);
	r = owner_lookup(spec, &files, &uid, &gid, &err);
	must(r == 0 || (r == -EINVAL && err.text[0]));
	must(r < 0 || (uid <= INT32_MAX && gid <= INT32_MAX));
	free(spec);
	return 0;
}
