/* SPDX-License-Identifier: Apache-2.0 */
/* File system user and group of this thread (setfsuid(2)), with every capability kept. */
#pragma once

#include <sys/types.h>

/* Becomes `owner` for what the file system sees. Returns a token for creds_fs_end(), or -errno. */
int creds_fs_begin(uid_t owner);

/* Back to the effective ids. 0 or -errno. */
int creds_fs_end(int token);
