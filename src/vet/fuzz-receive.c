/* SPDX-License-Identifier: Apache-2.0 */
/* Any text for the state of a process: refused with a text, or an id that is a file name. And any
 * record of what a container sees (view/record.h). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vet/receive.h"
#include "view/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_record(struct slice text)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 22);
	struct json_limits limits = JSON_LIMITS;
	struct err err = ERR_INIT;
	struct view view;
	struct json *doc;

	if (json_parse(&a, text, &limits, &doc, NULL, NULL) < 0)
		return;
	if (view_of_record(&a, doc, &view, &err) < 0) {
		must(err.text[0] != '\0');
		return;
	}
	must(view.owner > 0);
	for (size_t i = 0; i < view.masked.n; i++)
		must(view.masked.path[i] != NULL);
	for (size_t i = 0; i < view.read_only.n; i++)
		must(view.read_only.path[i] != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice text = { (const char *)data, n };
	struct err err = ERR_INIT;
	char id[96];
	int r = receive_parse(text, id, sizeof(id), &err);

	if (r < 0)
		must(err.text[0] != '\0');
	else
		must(id[0] != '\0' && strlen(id) < sizeof(id) && !strchr(id, '/'));
	check_record(text);
	return 0;
}
