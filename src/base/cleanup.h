/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owned locals and hand-over.
 *
 * Every owned local carries one of these attributes and an initial value (NULL, -EBADF); ownership
 * leaves a function only through TAKE_PTR or TAKE_FD, at the return or at the store.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"

static inline void cleanup_free_p(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fd_p(int *fd)
{
	(void)fd_close(*fd);
}

static inline void cleanup_file_p(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static inline void cleanup_dir_p(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define CLEANUP_FREE CLEANUP(cleanup_free_p)
#define CLEANUP_FD CLEANUP(cleanup_fd_p)
#define CLEANUP_FILE CLEANUP(cleanup_file_p)
#define CLEANUP_DIR CLEANUP(cleanup_dir_p)

#define TAKE_PTR(p)                      \
	({                               \
		__auto_type take_ = (p); \
		(p) = NULL;              \
		take_;                   \
	})

#define TAKE_FD(fd)               \
	({                        \
		int take_ = (fd); \
		(fd) = -EBADF;    \
		take_;            \
	})
