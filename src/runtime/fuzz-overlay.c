/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any super block options, and any path: what is taken apart and written again means the same. The
 * written text goes through the kernel's own escaping (seq_escape of ", \t\n\\") before it is read
 * once more.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/layers.h"

#define CAP (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* mount(2) options as mountinfo prints them. A comma that is escaped for the overlay is part of a
 * value; the kernel prints it as \054. */
static void print_as_kernel(struct buf *b, struct slice options)
{
	for (size_t i = 0; i < options.n; i++) {
		char c = options.p[i];

		if (c == '\\' && i + 1 < options.n) {
			buf_add_str(b, "\\134");
			c = options.p[++i];
			if (c == ',') {
				buf_add_str(b, "\\054");
				continue;
			}
		}
		if (c == ' ' || c == '\t' || c == '\n' || c == '\\')
			buf_printf(b, "\\%03o", (unsigned)c);
		else
			buf_add_char(b, c);
	}
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void again(struct overlay *o)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	CLEANUP_BUF struct buf options = BUF_INIT(CAP);
	CLEANUP_BUF struct buf view = BUF_INIT(CAP);
	CLEANUP_BUF struct buf printed = BUF_INIT(CAP);
	struct layers l = LAYERS_INIT;
	struct overlay *copy = arena_must(arena_alloc(&a, sizeof(*copy)));
	const char *rest = o->rest;

	l.overlay = o;
	layers_options(&l, true, &view);
	o->rest = ""; /* is written as it was read: escaped already */
	layers_options(&l, false, &options);
	o->rest = rest;
	must(buf_ok(&options) && buf_ok(&view));
	print_as_kernel(&printed, buf_slice(&options));
	must(overlay_parse(&a, buf_slice(&printed), copy, NULL) == 0);
	must(copy->nlower == o->nlower && same(copy->upper, o->upper) && same(copy->work, o->work));
	for (size_t i = 0; i < o->nlower; i++)
		must(same(copy->lower[i], o->lower[i]));
	must(copy->rest[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct overlay *o = arena_must(arena_alloc(&a, sizeof(*o)));
	struct err err = ERR_INIT;
	bool empty = false;

	if (overlay_parse(&a, (struct slice){ (const char *)data, n }, o, &err) < 0) {
		must(err.code < 0 && err.text[0] != '\0');
		return 0;
	}
	must(o->nlower > 0 && o->nlower <= OVERLAY_LAYERS_MAX && !o->upper == !o->work && o->rest);
	/* lowerdir+= and upperdir= may be empty; no kernel prints that */
	for (size_t i = 0; i < o->nlower; i++)
		empty |= o->lower[i][0] == '\0';
	if (!empty)
		again(o);
	return 0;
}
