/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any JSON, decoded into the mini shape with every set of options: a canonical tree is a fixed
 * point under the strictest ones, and what those accept, merging decodes to the same.
 */
#include <stdlib.h>

#include "json/shape.h"
#include "json/test-mini.h"

#define CAP (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void count_drop(void *ctx, const char *path)
{
	must(path[0] != '\0');
	++*(size_t *)ctx;
}

/* Canonical text of doc under these options; false when refused. */
static bool canon(const struct json *doc, const struct shape_options *options, struct buf *b)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct err err = ERR_INIT;
	struct json *v = NULL;
	int r = json_canon(&a, doc, &mini_shape, options, &v, &err);

	if (r < 0) {
		must(!v && err.code == r && err.text[0] != '\0');
		return false;
	}
	json_emit(v, b);
	must(buf_ok(b));
	return true;
}

/* The text is canonical: the strictest options accept it and change nothing. */
static void check_fixed(const struct buf *text, const struct shape_options *options)
{
	struct json_limits limits = { .depth = 200, .one_value = true, .valid_utf8 = true };
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	CLEANUP_BUF struct buf again = BUF_INIT(CAP);
	struct json *doc;

	must(json_parse(&a, buf_slice(text), &limits, &doc, NULL, NULL) == 0);
	must(canon(doc, options, &again));
	must(slice_eq(buf_slice(text), buf_slice(&again)));
}

static void check(const struct json *doc)
{
	CLEANUP_BUF struct buf merged = BUF_INIT(CAP);
	CLEANUP_BUF struct buf dropped = BUF_INIT(CAP);
	CLEANUP_BUF struct buf kept = BUF_INIT(CAP);
	CLEANUP_BUF struct buf refused = BUF_INIT(CAP);
	size_t drops = 0;
	struct shape_options strict = { .unknown = SHAPE_UNKNOWN_REFUSE };
	struct shape_options keep = { .unknown = SHAPE_UNKNOWN_KEEP };
	struct shape_options drop = { .unknown = SHAPE_UNKNOWN_DROP,
				      .on_drop = count_drop,
				      .ctx = &drops };
	struct shape_options merge = { .unknown = SHAPE_UNKNOWN_DROP, .merge_duplicates = true };

	if (canon(doc, &merge, &merged))
		check_fixed(&merged, &strict);
	if (canon(doc, &keep, &kept))
		check_fixed(&kept, &keep);
	if (canon(doc, &drop, &dropped))
		must(slice_eq(buf_slice(&dropped), buf_slice(&merged)));
	if (canon(doc, &strict, &refused)) {
		must(drops == 0 && slice_eq(buf_slice(&refused), buf_slice(&dropped)));
		must(slice_eq(buf_slice(&refused), buf_slice(&kept)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct json_limits limits = { .depth = 200, .one_value = true };
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct slice text = { (const char *)data, n };
	struct json *doc;

	if (json_parse(&a, text, &limits, &doc, NULL, NULL) == 0)
		check(doc);
	return 0;
}
