/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/advice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "settings/entries.h"

#define FRAMES_MAX 8
#define PATH_TEXT_MAX 256

struct adviser {
	const struct admin_file *file;
	const struct profile *profile;
	struct findings *found;
};

/* Commands that the specification would have denied unless they are needed. */
static const char *const dangerous[] = { "push", "build" };

/* --- where --- */

static const struct schema_key *find_key(const struct adviser *v, const char *name)
{
	char path[PATH_TEXT_MAX];

	(void)snprintf(path, sizeof(path), "enhancedContainerIsolation.%s.%s",
		       v->profile->socket_mount_key, name);
	return schema_find(path);
}

/* What the file says of a member of the engine's own key, or NULL. */
static const struct admin_setting *find(const struct adviser *v, const char *name)
{
	const struct schema_key *key = find_key(v, name);

	return key ? admin_find(v->file, key) : NULL;
}

/* A chain of frames for a path of the schema; the last one. */
static const struct path *unfold(const char *text, struct path frames[FRAMES_MAX])
{
	struct slice rest = slice_str(text);
	struct slice part;
	size_t n = 0;

	while (n < FRAMES_MAX && slice_split(&rest, '.', &part)) {
		frames[n] = PATH_KEY(n ? &frames[n - 1] : NULL, part);
		n++;
	}
	return &frames[n - 1];
}

static struct finding_at place_of(const struct adviser *v, const struct path *path,
				  const struct json *value)
{
	return (struct finding_at){
		.file = v->file->name, .text = v->file->text, .path = path, .at = value->at
	};
}

/* --- lists of commands --- */

static void say_passing(const struct adviser *v, const struct command_list *list,
			const struct finding_at *at)
{
	CLEANUP_BUF struct buf names = BUF_INIT(256);
	size_t n = 0;

	if (list->flags & COMMAND_LIST_REPORT_ONLY) {
		finding_add(v->found, FINDING_WARNING, at,
			    "report-only: nothing is blocked, push and build included");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(dangerous); i++)
		if (command_list_ask(list, slice_str(dangerous[i])) != COMMAND_BLOCKED)
			buf_printf(&names, "%s%s", n++ ? " and " : "", dangerous[i]);
	if (n > 0)
		finding_add(v->found, FINDING_WARNING, at,
			    "%s %s not denied: it is recommended to deny containers what they do "
			    "not need",
			    names.p, n == 1 ? "is" : "are");
}

/* The list for all images without one of their own. */
static int advise_list(const struct adviser *v, const struct admin_setting *images)
{
	const struct admin_setting *type = find(v, "commandList.type");
	const struct admin_setting *report = find(v, "commandList.reportOnly");
	const struct admin_setting *names = find(v, "commandList.commands");
	size_t n = names ? names->value->n : 0;
	struct slice *texts = arena_array(v->found->arena, MAX(n, (size_t)1), sizeof(*texts));
	struct command_list list =
		entries_command_list(v->profile, type && slice_eq_str(type->value->text, "allow"),
				     report && report->value->boolean);
	struct path frames[FRAMES_MAX];
	struct command_problems ignored;
	struct finding_at at;
	int r;

	if (!texts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		texts[i] = names->value->items[i]->text;
	r = command_list_parse(v->found->arena, texts, n, &list, &ignored);
	if (r < 0)
		return r;
	at = place_of(v, unfold(find_key(v, "commandList")->path, frames),
		      report  ? report->value
		      : names ? names->value
		      : type  ? type->value
			      : images->value);
	say_passing(v, &list, &at);
	return 0;
}

static int advise_own_list(const struct adviser *v, const struct path *entry,
			   const struct json *own)
{
	const struct schema_key *unit = find_key(v, "imageList.images[].commandList");
	const struct path path = PATH_KEY(entry, SLICE_LIT("commandList"));
	struct finding_at at = place_of(v, &path, own);
	struct command_problems ignored;
	struct command_list list;
	int r = entries_commands(v->found->arena, unit, own, v->profile, &list, &ignored);

	if (r == COMMAND_OK)
		say_passing(v, &list, &at);
	return r < 0 ? r : 0;
}

/* --- lists of images --- */

static int advise_images(const struct adviser *v, const struct admin_setting *images)
{
	struct path frames[FRAMES_MAX];
	const struct path *list = unfold(images->key->path, frames);
	size_t without = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < images->value->n; i++) {
		const struct path entry = PATH_INDEX(list, i);
		const struct json *e = images->value->items[i];
		const struct json *name = e->kind == JSON_OBJECT ? json_get(e, "image") : e;
		const struct json *own = json_get(e, "commandList");
		struct finding_at at = place_of(v, &entry, name);

		if (slice_eq_str(name->text, "*"))
			finding_add(v->found, FINDING_WARNING, &at,
				    "every container may have the engine's socket: it is "
				    "recommended to list the images that need it");
		if (own)
			r = advise_own_list(v, &entry, own);
		else
			without++;
	}
	return r == 0 && without > 0 ? advise_list(v, images) : r;
}

static void advise_derived(const struct adviser *v, const struct admin_setting *derived)
{
	struct path frames[FRAMES_MAX];
	struct finding_at at = place_of(v, unfold(derived->key->path, frames), derived->value);

	if (derived->value->boolean)
		finding_add(v->found, FINDING_WARNING, &at,
			    "local images that are built from an allowed one may have the engine's "
			    "socket: it is recommended to turn this off unless it is needed");
}

int advice_add(const struct admin_file *file, const struct profile *profile, struct findings *found)
{
	const struct adviser v = { .file = file, .profile = profile, .found = found };
	const struct admin_setting *images = find(&v, "imageList.images");
	const struct admin_setting *derived = find(&v, "imageList.allowDerivedImages");

	/* Nobody may have the socket: it does not matter what could be done with it. */
	if (!images || images->value->n == 0)
		return 0;
	if (derived)
		advise_derived(&v, derived);
	return advise_images(&v, images);
}
