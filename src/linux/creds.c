/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/creds.h"

#include <errno.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

int creds_fs_begin(uid_t owner)
{
	int bits = prctl(PR_GET_SECUREBITS);

	/* Without this bit a change away from fsuid 0 takes the file capabilities, capabilities(7).
	 */
	if (bits < 0 || prctl(PR_SET_SECUREBITS, (unsigned long)bits | SECBIT_NO_SETUID_FIXUP) < 0)
		return -errno;
	(void)setfsgid((gid_t)owner);
	(void)setfsuid(owner);
	if ((uid_t)setfsuid((uid_t)-1) == owner && (gid_t)setfsgid((gid_t)-1) == (gid_t)owner)
		return bits;
	(void)creds_fs_end(bits);
	return -EPERM;
}

int creds_fs_end(int token)
{
	(void)setfsuid(geteuid());
	(void)setfsgid(getegid());
	return prctl(PR_SET_SECUREBITS, (unsigned long)token) < 0 ? -errno : 0;
}
