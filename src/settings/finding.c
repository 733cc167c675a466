/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/finding.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define KEY_MAX 1024u
#define TEXT_MAX 1024u

static void add(struct findings *f, const struct finding *made)
{
	f->errors += made->kind == FINDING_ERROR;
	if (!f->list)
		f->list = arena_array(f->arena, FINDINGS_MAX, sizeof(*f->list));
	if (!f->list || !made->file || !made->key || !made->text) {
		f->errors += !f->no_memory;
		f->no_memory = true;
		return;
	}
	/* Half of the room is for errors only. */
	if (f->n >= (made->kind == FINDING_ERROR ? FINDINGS_MAX : FINDINGS_MAX / 2)) {
		f->lost++;
		return;
	}
	f->list[f->n++] = *made;
}

PRINTF_LIKE(2, 0)
static const char *say(struct findings *f, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	return arena_strdup(f->arena, text);
}

void finding_add(struct findings *f, enum finding_kind kind, const struct finding_at *at,
		 const char *fmt, ...)
{
	CLEANUP_BUF struct buf key = BUF_INIT(KEY_MAX);
	struct finding made = { .kind = kind, .place = json_place(at->text, at->at) };
	va_list ap;

	path_text(at->path, &key);
	va_start(ap, fmt);
	made.file = arena_strdup(f->arena, at->file);
	made.key = arena_strdup(f->arena, key.p ? key.p : "");
	made.text = say(f, fmt, ap);
	va_end(ap);
	add(f, &made);
}

void finding_add_file(struct findings *f, enum finding_kind kind, const char *file,
		      struct json_place place, const char *fmt, ...)
{
	struct finding made = { .kind = kind, .place = place, .key = "" };
	va_list ap;

	va_start(ap, fmt);
	made.file = arena_strdup(f->arena, file);
	made.text = say(f, fmt, ap);
	va_end(ap);
	add(f, &made);
}

void finding_print(const struct finding *f, struct buf *b)
{
	buf_add_str(b, f->file);
	if (f->place.line > 0)
		buf_printf(b, ":%zu:%zu", f->place.line, f->place.column);
	if (*f->key)
		buf_printf(b, ": %s", f->key);
	buf_printf(b, ": %s", f->text);
}

struct json *finding_json(struct arena *a, const struct finding *f)
{
	struct json *o = json_new(a, JSON_OBJECT);
	int r = o ? 0 : -ENOMEM;

	if (r == 0)
		r = json_set(a, o, "kind", json_new_str(a, finding_kind_name(f->kind)));
	if (r == 0)
		r = json_set(a, o, "file", json_new_str(a, f->file));
	if (r == 0)
		r = json_set(a, o, "line", json_new_uint(a, f->place.line));
	if (r == 0)
		r = json_set(a, o, "column", json_new_uint(a, f->place.column));
	if (r == 0)
		r = json_set(a, o, "key", json_new_str(a, f->key));
	if (r == 0)
		r = json_set(a, o, "text", json_new_str(a, f->text));
	return r == 0 ? o : NULL;
}

const char *finding_kind_name(enum finding_kind kind)
{
	switch (kind) {
	case FINDING_ERROR:
		return "error";
	case FINDING_WARNING:
		return "warning";
	case FINDING_NOTE:
		break;
	}
	return "note";
}

const struct finding *finding_first_error(const struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->list[i].kind == FINDING_ERROR)
			return &f->list[i];
	return NULL;
}
