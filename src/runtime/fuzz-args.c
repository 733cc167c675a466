/* SPDX-License-Identifier: Apache-2.0 */
/* Any command line, a word a line: what makes a container has an id and a bundle, and every string
 * is one of the words. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "runtime/args.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool is_word(const struct args *a, const char *s)
{
	bool found = !s;

	for (int i = 0; i < a->argc && !found; i++)
		found = s >= a->argv[i] && s <= a->argv[i] + strlen(a->argv[i]);
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(1u << 20);
	struct slice rest = { (const char *)data, n };
	char *argv[WORDS_MAX + 1] = { 0 };
	struct err err = ERR_INIT;
	struct slice word;
	struct args a;
	int argc = 0;

	if (n > 65536)
		return 0;
	while (argc < WORDS_MAX && slice_split(&rest, '\n', &word))
		argv[argc++] = arena_must(arena_dup(&arena, word.p, word.n));
	if (args_parse(argc, argv, &a, &err) < 0) {
		must(err.code < 0 && err.text[0] != '\0');
		return 0;
	}
	must(a.argc == argc && a.argv == argv);
	must(is_word(&a, a.command) && is_word(&a, a.id) && is_word(&a, a.config) &&
	     is_word(&a, a.log) && is_word(&a, a.root) && is_word(&a, a.pid_file) &&
	     is_word(&a, a.console_socket));
	must(!a.makes_container || (a.id && a.command && a.bundle && a.makes_process));
	must(strcmp(a.bundle, ".") == 0 || is_word(&a, a.bundle));
	return 0;
}
