/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text, as a reference of every engine: what is printed parses again, to an equal reference,
 * and is printed again as the same text, also in its short form, which means the same tag or
 * digest. A pattern matches what it names.
 */
#include <stdlib.h>

#include "policy/reference.h"

#define CAP (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_printed(const struct profile *p, const struct reference *r)
{
	CLEANUP_BUF struct buf one = BUF_INIT(CAP);
	CLEANUP_BUF struct buf two = BUF_INIT(CAP);
	struct reference again;

	reference_add(r, &one);
	must(buf_ok(&one) && reference_parse(p, buf_slice(&one), &again, NULL) == 0);
	must(reference_equal(r, &again) && reference_equal(&again, r));
	reference_add(&again, &two);
	must(buf_ok(&two) && slice_eq(buf_slice(&one), buf_slice(&two)));
}

static void check_short(const struct profile *p, const struct reference *r)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);
	struct reference again;

	reference_add_short(p, r, &b);
	must(buf_ok(&b) && reference_parse(p, buf_slice(&b), &again, NULL) == 0);
	must(again.kind == r->kind);
	if (r->kind == REFERENCE_ID) {
		must(reference_equal(r, &again));
		return;
	}
	must(reference_same_name(r, &again) && reference_matches(r, &again));
	must(slice_eq(reference_tag(r), reference_tag(&again)));
	must(slice_eq(r->digest, again.digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice text = { (const char *)data, n };

	for (size_t i = 0; i < nprofiles; i++) {
		struct err err = ERR_INIT;
		struct reference r;
		int code = reference_parse(&profiles[i], text, &r, &err);

		must(code == 0 || (code == err.code && err.text[0] != '\0'));
		if (code == 0) {
			check_printed(&profiles[i], &r);
			check_short(&profiles[i], &r);
		}
		if (reference_parse_pattern(&profiles[i], text, &r, NULL) == 0)
			must(reference_matches(&r, &r));
	}
	return 0;
}
