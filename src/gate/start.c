/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/start.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/util.h"
#include "gate/answer.h"
#include "gate/exchange.h"
#include "json/json.h"

#define TREE_MAX (1u << 20)

/* What crun says, with what comes before it; and the same in words that are known. */
static const struct {
	const char *before;
	const char *words;
	const char *known;
} sayings[] = {
	{ "executable file `", "No such file or directory", "no such file or directory" },
	{ "", "open executable: Operation not permitted", "open executable: permission denied" },
	{ "", "open executable: Permission denied", "open executable: permission denied" },
};

void start_answered(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	const char *message =
		c->x.status >= 400 ? json_get_str(exchange_json(c, &tree, JSON_OBJECT), "message")
				   : NULL;

	for (size_t i = 0; message && i < ARRAY_SIZE(sayings); i++) {
		const char *before = strstr(message, sayings[i].before);
		const char *words = before ? strstr(before, sayings[i].words) : NULL;

		if (!words)
			continue;
		answer_text(c, &(struct answer){ .status = c->x.status }, "%.*s%s%s",
			    (int)(words - message), message, sayings[i].known,
			    words + strlen(sayings[i].words));
		return;
	}
	exchange_release(c);
}
