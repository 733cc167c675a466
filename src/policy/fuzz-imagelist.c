/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text, as an entry of an image list of every engine: what is expanded parses again, to the
 * same form, and is expanded again as the same text. What is refused has an error that names the
 * forms.
 */
#include <stdlib.h>

#include "policy/imagelist.h"

#define CAP (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct profile *p, struct slice text)
{
	CLEANUP_BUF struct buf one = BUF_INIT(CAP);
	CLEANUP_BUF struct buf two = BUF_INIT(CAP);
	struct imagelist_entry e, again;
	struct err err = ERR_INIT;

	if (imagelist_parse_entry(p, text, &e, &err) < 0) {
		must(err.code < 0 && strstr(err.text, "an entry is one of: ") != NULL);
		return;
	}
	must((p->forms & e.form) && slice_eq(e.text, text));
	imagelist_add_entry(&e, &one);
	must(buf_ok(&one) && imagelist_parse_entry(p, buf_slice(&one), &again, NULL) == 0);
	must(again.form == e.form);
	imagelist_add_entry(&again, &two);
	must(buf_ok(&two) && slice_eq(buf_slice(&one), buf_slice(&two)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < nprofiles; i++)
		check(&profiles[i], (struct slice){ (const char *)data, n });
	return 0;
}
