/* SPDX-License-Identifier: Apache-2.0 */
#include "hostpath/device.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

bool device_is_configured(const struct facts *facts, const struct device *d)
{
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct stat st;

		if (stat(facts->devices.items[i], &st) == 0 &&
		    (S_ISCHR(st.st_mode)   ? 'c'
		     : S_ISBLK(st.st_mode) ? 'b'
					   : '?') == d->type &&
		    major(st.st_rdev) == d->major && minor(st.st_rdev) == d->minor)
			return true;
	}
	return false;
}
