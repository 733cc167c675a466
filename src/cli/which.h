/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of the host. */
#pragma once

/* Finds `name` on PATH, and in the sbin folders, which a user's PATH may lack. ret has room for
 * PATH_MAX bytes. 0 or -ENOENT. */
int which_find(const char *name, char *ret);
