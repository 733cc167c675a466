/* SPDX-License-Identifier: Apache-2.0 */
/* Any mountinfo text: what is read has every field, and unescaping never grows a string. */
#include <stdlib.h>

#include "linux/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int look(const struct mountinfo_entry *m, void *data)
{
	const struct slice *text = data;

	must(m->root && m->point && m->type && m->source && m->super.p);
	must(strlen(m->root) + strlen(m->point) + strlen(m->source) + m->super.n <= text->n);
	must(!memchr(m->super.p, '\n', m->super.n));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(16u << 20);
	struct slice text = { (const char *)data, n };
	struct mountinfo_entry m;
	struct err err = ERR_INIT;
	char *plain;
	int r;

	if (mountinfo_each(text, look, &text, &err) < 0)
		must(err.code < 0 && err.text[0] != '\0');
	r = mountinfo_find(&a, text, 1, &m, &err);
	must(r == 1 || (r == 0 && m.id == 1) || r < 0);
	plain = mountinfo_unescape(&a, text);
	must(plain && strlen(plain) <= n);
	return 0;
}
