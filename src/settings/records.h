/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an instance remembers of single containers, a file each: lib/FOLDER/ID, written and synced
 * before the creation is answered, gone with the container. `run/` would be gone after a reboot.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define RECORDS_ASKERS "askers" /* who asked for it (settings/asker.h) */
#define RECORDS_GRANTS "grants" /* it may have the engine's socket (settings/grant.h) */
#define RECORDS_ID_LEN 64

/* Is this a full container id: 64 lower-case hexadecimal digits? Needs no NUL. */
bool records_id_ok(const char *id);

/* lib/FOLDER/ID, of PATH_MAX bytes. id: NUL-terminated; anything but a full id is -EINVAL, so that
 * a name never becomes a path. */
int records_path(const char *lib, const char *folder, const char *id, char *ret, struct err *err);

/* Returns when the record would survive a power cut. Makes the folder where it is missing. */
int records_store(const char *lib, const char *folder, const char *id, struct slice text,
		  struct err *err);

/* Done also when there was no record. */
int records_forget(const char *lib, const char *folder, const char *id, struct err *err);

/* The ids of all records that sort after `after` (64 bytes), in ascending order, 64 bytes each and
 * no NULs; *ret is the caller's to free. A folder that is not there has none. 0 or -ENOMEM. */
int records_list(const char *lib, const char *folder, const char *after,
		 char (**ret)[RECORDS_ID_LEN], size_t *ret_n);
