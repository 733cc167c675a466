/* SPDX-License-Identifier: Apache-2.0 */
/* Any command line, a word a line: it is refused with a text, or its addresses can be written and
 * read back. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/slice.h"
#include "port/args.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_addr(const struct addr *a)
{
	char text[ADDR_TEXT_MAX];
	char again[ADDR_TEXT_MAX];
	struct addr b;
	char *ip = text;
	char *colon;

	addr_print(a, text);
	colon = strrchr(text, ':');
	must(colon && colon[1] != '0');
	*colon = '\0';
	if (text[0] == '[') {
		must(colon[-1] == ']');
		colon[-1] = '\0';
		ip++;
	}
	must(addr_parse(ip, ntohs(a->v4.sin_port), &b) == 0);
	must(b.len == a->len && b.any.sa_family == a->any.sa_family);
	addr_print(a, text);
	addr_print(&b, again);
	must(strcmp(text, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(1u << 20);
	struct slice rest = { (const char *)data, n };
	char *argv[WORDS_MAX + 2] = { (char *)"gabion-port" };
	struct err err = ERR_INIT;
	struct slice word;
	struct args a;
	int argc = 1;
	int r;

	if (n > 65536)
		return 0;
	while (argc < WORDS_MAX && slice_split(&rest, '\n', &word))
		argv[argc++] = arena_must(arena_dup(&arena, word.p, word.n));
	r = args_parse(argc, argv, &a, &err);
	must(r == -EINVAL || (r >= 0 && r <= ARGS_VERSION));
	must((r < 0) == (err.text[0] != '\0'));
	if (r != 0)
		return 0;
	must(a.proto < ARGS_PROTO_COUNT);
	check_addr(&a.host);
	check_addr(&a.container);
	return 0;
}
