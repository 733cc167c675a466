/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/account.h"

#include <errno.h>
#include <pwd.h>

#include "base/slice.h"

int account_find(const char *user, uint32_t *ret_uid, uint32_t *ret_gid, struct err *err)
{
	const struct passwd *pw = getpwnam(user);
	uint32_t uid;

	if (!pw && num_parse_u32(slice_str(user), &uid) == 0)
		pw = getpwuid(uid);
	if (!pw)
		return err_set(err, -ENOENT, "no user \"%s\"", user);
	*ret_uid = pw->pw_uid;
	*ret_gid = pw->pw_gid;
	return 0;
}
