/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/util.h"
#include "policy/imagelist.h"

#define SHOWN 200 /* bytes of a bad entry in its error */

/* In the order in which errors name them. */
static const struct {
	enum profile_form form;
	const char *syntax;
} forms[] = {
	{ PROFILE_FORM_TAG, "name[:tag]" },
	{ PROFILE_FORM_ANY_TAG, "name:*" },
	{ PROFILE_FORM_DIGEST, "name@sha256:…" },
	{ PROFILE_FORM_PATTERN, "folder/*:* (every repository in a folder)" },
	{ PROFILE_FORM_ID, "sha256:… (the id of an image of this machine)" },
	{ PROFILE_FORM_EVERYTHING, "* (all images)" },
};

static int bad(const struct profile *p, struct slice text, const char *why, struct err *err)
{
	char list[256];
	size_t n = 0;

	list[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(forms) && n < sizeof(list); i++)
		if (p->forms & forms[i].form)
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
					      forms[i].syntax);
	return err_set(err, -EINVAL, "image list entry \"%.*s\": %s; an entry is one of: %s",
		       (int)MIN(text.n, (size_t)SHOWN), text.p ? text.p : "", why, list);
}

static bool has_blank(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ')
			return true;
	return false;
}

/* An entry with a star in it, alone excepted. */
static int parse_star(const struct profile *p, struct slice text, struct imagelist_entry *ret,
		      struct err *err)
{
	struct slice suffix = SLICE_LIT(":*");
	struct err inner = ERR_INIT;
	struct slice name;
	bool star;

	if (!slice_ends(text, suffix))
		return bad(p, text, "* is a whole tag (name:*), and before that one part of a path",
			   err);
	name = (struct slice){ text.p, text.n - suffix.n };
	if (slice_eq_str(name, "*"))
		return bad(p, text, "all images are written *", err);
	if (reference_parse_pattern(p, name, &ret->ref, &inner) < 0)
		return bad(p, text, inner.text, err);
	star = slice_find(name, '*') < name.n;
	ret->form = star ? PROFILE_FORM_PATTERN : PROFILE_FORM_ANY_TAG;
	return 0;
}

static int parse_plain(const struct profile *p, struct slice text, struct imagelist_entry *ret,
		       struct err *err)
{
	bool like_id = slice_starts(text, SLICE_LIT("sha256:"));
	struct err inner = ERR_INIT;

	if (reference_parse(p, text, &ret->ref, &inner) < 0)
		return bad(p, text, inner.text, err);
	/* `sha256:abc` would be a tag of a repository `sha256`, which nobody means */
	if ((ret->ref.kind == REFERENCE_ID || like_id) && !reference_is_id(text))
		return bad(p, text, "an image's id is written sha256: and 64 hex digits", err);
	if (ret->ref.kind == REFERENCE_ID)
		ret->form = PROFILE_FORM_ID;
	else
		ret->form = ret->ref.digest.n ? PROFILE_FORM_DIGEST : PROFILE_FORM_TAG;
	return 0;
}

int imagelist_parse_entry(const struct profile *p, struct slice text, struct imagelist_entry *ret,
			  struct err *err)
{
	struct imagelist_entry e = { .text = text, .form = PROFILE_FORM_EVERYTHING };
	int r = 0;

	if (text.n == 0)
		return bad(p, text, "it is empty", err);
	if (has_blank(text))
		return bad(p, text, "it has a blank in it", err);
	if (!slice_eq_str(text, "*"))
		r = slice_find(text, '*') < text.n ? parse_star(p, text, &e, err)
						   : parse_plain(p, text, &e, err);
	if (r < 0)
		return r;
	if (!(p->forms & e.form))
		return bad(p, text, "this engine's lists do not have that form", err);
	*ret = e;
	return 0;
}

void imagelist_add_entry(const struct imagelist_entry *e, struct buf *b)
{
	struct reference ref = e->ref;

	switch (e->form) {
	case PROFILE_FORM_EVERYTHING:
		buf_add_char(b, '*');
		return;
	case PROFILE_FORM_ANY_TAG:
	case PROFILE_FORM_PATTERN:
		reference_add_name(&ref, b);
		buf_add_str(b, ":*");
		return;
	case PROFILE_FORM_TAG:
	case PROFILE_FORM_DIGEST:
	case PROFILE_FORM_ID:
		ref.tag = reference_tag(&ref);
		reference_add(&ref, b);
		return;
	}
}
