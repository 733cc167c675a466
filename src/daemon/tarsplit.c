/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tarsplit.h"

#include <errno.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/util.h"
#include "json/json.h"

#define TREE_MAX (4u * TARSPLIT_LINE_MAX)

enum { KIND_FILE = 1, KIND_BYTES = 2 };

/* How a piece without a name begins. Padding at an archive's end may be as long as it likes. */
#define BYTES_HEAD SLICE_LIT("{\"type\":2,\"payload\":")

void tarsplit_done(struct tarsplit *t)
{
	buf_done(&t->line);
}

static bool leads_up(struct slice name)
{
	struct slice part;

	while (slice_split(&name, '/', &part))
		if (slice_eq(part, SLICE_LIT("..")))
			return true;
	return false;
}

/* What is no UTF-8 the engine writes in base64. */
static int judge_raw(struct slice text)
{
	CLEANUP_BUF struct buf raw = BUF_INIT(TARSPLIT_LINE_MAX);

	if (base64_decode(text, &raw) < 0)
		return -EPROTO;
	return leads_up(buf_slice(&raw)) ? TARSPLIT_LEADS_UP : 0;
}

static int judge_file(const struct json *v)
{
	const struct json *name = json_get(v, "name");
	const struct json *raw = json_get(v, "name_raw");

	if (!json_get(v, "size")) /* nothing is read */
		return 0;
	if ((name && !json_is(name, JSON_STRING)) || (raw && !json_is(raw, JSON_STRING)))
		return -EPROTO;
	if (name && leads_up(name->text))
		return TARSPLIT_LEADS_UP;
	return raw ? judge_raw(raw->text) : 0;
}

static int judge(struct slice line)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
	struct json_limits limits = JSON_LIMITS;
	uint64_t kind = 0;
	struct json *v;

	if (line.n == 0 || slice_starts(line, BYTES_HEAD))
		return 0;
	if (json_parse(&a, line, &limits, &v, NULL, NULL) < 0 ||
	    json_get_u64(v, "type", &kind) != 0)
		return -EPROTO;
	if (kind == KIND_BYTES)
		return 0;
	return kind == KIND_FILE ? judge_file(v) : -EPROTO;
}

/* A part of a line. */
static int keep(struct tarsplit *t, struct slice part)
{
	size_t n = MIN(part.n, TARSPLIT_LINE_MAX - t->line.n);

	if (t->skips)
		return 0;
	buf_add_slice(&t->line, (struct slice){ part.p, n });
	if (!buf_ok(&t->line))
		return -ENOMEM;
	t->skips = n < part.n;
	return t->skips && !slice_starts(buf_slice(&t->line), BYTES_HEAD) ? -EPROTO : 0;
}

int tarsplit_end(struct tarsplit *t)
{
	int r = t->skips ? 0 : judge(buf_slice(&t->line));

	buf_reset(&t->line);
	t->skips = false;
	return r;
}

int tarsplit_feed(struct tarsplit *t, struct slice text)
{
	int r = 0;

	while (r == 0 && text.n > 0) {
		size_t at = slice_find(text, '\n');

		r = keep(t, (struct slice){ text.p, at });
		if (r < 0 || at == text.n)
			return r;
		r = tarsplit_end(t);
		text = slice_from(text, at + 1);
	}
	return r;
}
