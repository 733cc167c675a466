/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a path: what comes out is clean, and stays as it is when it goes in again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* No empty part, no dots, no slash at the end. */
static void must_be_clean(struct slice s)
{
	struct slice part;

	while (slice_split(&s, '/', &part))
		must(part.n > 0 && !slice_eq_str(part, ".") && !slice_eq_str(part, ".."));
}

static void check_absolute(const char *text)
{
	CLEANUP_BUF struct buf once = BUF_INIT(PATH_TEXT_MAX);
	CLEANUP_BUF struct buf again = BUF_INIT(PATH_TEXT_MAX);

	path_absolute(&once, text);
	if (!buf_ok(&once))
		return;
	must(once.p[0] == '/');
	if (once.n > 1)
		must_be_clean(slice_from(buf_slice(&once), 1));
	path_absolute(&again, once.p);
	must(slice_eq(buf_slice(&once), buf_slice(&again)));
	path_keep_tail(&once, text);
	must(!buf_ok(&once) || path_base(once.p).n > 0);
}

static void check_entry(const char *text)
{
	CLEANUP_BUF struct buf once = BUF_INIT(PATH_TEXT_MAX);
	CLEANUP_BUF struct buf again = BUF_INIT(PATH_TEXT_MAX);
	int r = path_entry(&once, text);

	must(r == 0 || r == PATH_ENTRY_ROOT || r == -EBADMSG || r == -ENAMETOOLONG);
	if (r != 0)
		return;
	must_be_clean(buf_slice(&once));
	must(path_entry(&again, once.p) == 0);
	must(slice_eq(buf_slice(&once), buf_slice(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = strndup((const char *)data, n);

	must(text);
	check_absolute(text);
	check_entry(text);
	free(text);
	return 0;
}
