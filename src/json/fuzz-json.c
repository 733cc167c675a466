/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text, parsed: what is emitted parses again, to an equal tree, and is emitted again as the
 * same bytes, also after indenting, also under the strictest limits for strings.
 */
#include <stdlib.h>

#include "json/json.h"

#define CAP (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool equal(const struct json *a, const struct json *b)
{
	if (a->kind != b->kind || a->boolean != b->boolean || a->n != b->n ||
	    !slice_eq(a->text, b->text))
		return false;
	for (size_t i = 0; i < a->n; i++) {
		bool is_object = a->kind == JSON_OBJECT;

		if (is_object && !slice_eq(a->members[i].key, b->members[i].key))
			return false;
		if (!equal(is_object ? a->members[i].value : a->items[i],
			   is_object ? b->members[i].value : b->items[i]))
			return false;
	}
	return true;
}

/* Where a value and its key stand is where they begin. */
static void check_places(struct slice text, const struct json *v)
{
	static const char *const begins[] = {
		[JSON_NULL] = "n",    [JSON_BOOL] = "tf", [JSON_NUMBER] = "-0123456789",
		[JSON_STRING] = "\"", [JSON_ARRAY] = "[", [JSON_OBJECT] = "{",
	};

	must(v->at < text.n && strchr(begins[v->kind], text.p[v->at]));
	for (size_t i = 0; i < v->n; i++) {
		const struct json *child =
			v->kind == JSON_OBJECT ? v->members[i].value : v->items[i];
		size_t key = json_key_at(text, child);

		check_places(text, child);
		if (v->kind == JSON_ARRAY)
			must(key == child->at);
		else
			must(key > v->at && key < child->at && text.p[key] == '"' &&
			     (i == 0 || key > v->members[i - 1].value->at));
	}
}

/* Parses text, which must work, and compares with v and with its canonical text. */
static void check_text(struct slice text, const struct json *v, struct slice canonical)
{
	struct json_limits limits = { .depth = 200, .one_value = true, .valid_utf8 = true };
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	CLEANUP_BUF struct buf again = BUF_INIT(CAP);
	struct json *w = NULL;

	must(json_parse(&a, text, &limits, &w, NULL, NULL) == 0);
	must(equal(v, w));
	must(equal(v, json_clone(&a, w)));
	json_emit(w, &again);
	must(buf_ok(&again) && slice_eq(buf_slice(&again), canonical));
}

static void check(struct slice text, bool one_value)
{
	struct json_limits limits = { .depth = 200, .one_value = one_value };
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	CLEANUP_BUF struct buf compact = BUF_INIT(CAP);
	CLEANUP_BUF struct buf pretty = BUF_INIT(CAP);
	struct err err = ERR_INIT;
	struct json *v = NULL;
	size_t used = 0;
	int r = json_parse(&a, text, &limits, &v, &used, &err);

	if (r < 0) {
		must(!v && err.code == r && err.text[0] != '\0');
		return;
	}
	must(v && used <= text.n && used > 0);
	check_places(text, v);
	json_emit(v, &compact);
	json_emit_pretty(v, &pretty);
	must(buf_ok(&compact) && buf_ok(&pretty));
	check_text(buf_slice(&compact), v, buf_slice(&compact));
	check_text(buf_slice(&pretty), v, buf_slice(&compact));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice text = { (const char *)data, n };

	check(text, true);
	check(text, false);
	return 0;
}
