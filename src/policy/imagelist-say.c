/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/imagelist-say.h"

#include <stdio.h>

#include "base/util.h"
#include "policy/texts.h"

#define CAP 65536u /* most bytes of one text while it is put together */

/* Rules, for the audit line. */
static const char *const allow_rules[] = {
	[IMAGELIST_BY_ID] = "socket-image-id",
	[IMAGELIST_BY_DIGEST] = "socket-image-digest",
	[IMAGELIST_BY_TAG] = "socket-image-tag",
	[IMAGELIST_BY_WILDCARD] = "socket-image-wildcard",
	[IMAGELIST_BY_PATTERN] = "socket-image-pattern",
	[IMAGELIST_BY_EVERYTHING] = "socket-image-everything",
	[IMAGELIST_BY_PREVIOUS] = "socket-image-previous",
	[IMAGELIST_BY_DERIVED] = "socket-image-derived",
};
static const char *const deny_rules[] = {
	[IMAGELIST_NO_IMAGE] = "socket-image-no-id",
	[IMAGELIST_TOO_MUCH] = "socket-image-too-much",
	[IMAGELIST_MOVED_ON] = "socket-image-moved-on",
	[IMAGELIST_DERIVED_REMOTE] = "socket-image-derived-remote",
	[IMAGELIST_DERIVED_OFF] = "socket-image-derived-off",
	[IMAGELIST_NOT_KNOWN] = "socket-image-not-known",
	[IMAGELIST_OTHER_DIGEST] = "socket-image-other-digest",
	[IMAGELIST_PARENT_DENIED] = "socket-image-parent-denied",
	[IMAGELIST_NO_PARENT] = "socket-image-no-parent",
	[IMAGELIST_LOCAL_ONLY] = "socket-image-local-only",
	[IMAGELIST_NO_ENTRY] = "socket-image-unlisted",
};

struct words {
	const struct imagelist *list;
	const struct imagelist_facts *facts;
	const struct view *image;
	const struct imagelist_verdict *v;
	struct buf *b;
};

/* The buffer's text, cut where it has to be, never inside of a character. */
static void put(struct buf *b, char *to, size_t size)
{
	size_t n = buf_ok(b) ? MIN(b->n, size - 1) : 0;

	while (n && n < b->n && ((unsigned char)b->p[n] & 0xc0) == 0x80)
		n--;
	if (n)
		memcpy(to, b->p, n);
	to[n] = '\0';
	buf_reset(b);
}

static const char *profile_name(const struct words *w)
{
	return w->list->profile->engine;
}

static void add_age(const struct words *w, uint64_t s)
{
	static const struct {
		uint64_t upto, each;
		const char *unit;
	} units[] = {
		{ 120, 1, "s" },
		{ 120u * 60, 60, "min" },
		{ 48u * 3600, 3600, "h" },
		{ UINT64_MAX, 86400, "d" },
	};
	size_t i = 0;

	while (s >= units[i].upto && units[i].upto != UINT64_MAX)
		i++;
	buf_printf(w->b, "%llu %s ago", (unsigned long long)(s / units[i].each), units[i].unit);
}

/* "docker:cli", as the list has it. */
static void add_entry(const struct words *w)
{
	buf_add_str(w->b, "entry \"");
	if (w->v->entry != IMAGELIST_NONE)
		buf_add_slice(w->b, w->list->entries[w->v->entry].text);
	buf_add_char(w->b, '"');
}

/* What the image is called in messages: as it was asked for, else its first name, else its id. */
static void add_name(const struct words *w)
{
	if (w->image->nnames)
		reference_add_name(&w->image->names[0], w->b);
	else
		buf_add_slice(w->b, w->facts->image->id.n ? w->facts->image->id : w->facts->asked);
}

/* What to write for it on a command line or into a list; false when it has no name. */
static bool add_short(const struct words *w)
{
	if (!w->image->nnames)
		return false;
	reference_add_short(w->list->profile, &w->image->names[0], w->b);
	return true;
}

static void add_base(const struct words *w)
{
	const struct imagelist_image *base = w->v->parent;

	buf_add_slice(w->b, base->ntags ? base->tags[0] : base->id);
	if (base->ntags) {
		buf_add_str(w->b, " (");
		buf_add_slice(w->b, base->id);
		buf_add_char(w->b, ')');
	}
}

static void add_images_key(const struct words *w)
{
	buf_printf(w->b, "enhancedContainerIsolation.%s.imageList.images",
		   w->list->profile->socket_mount_key);
}

/* --- why it is allowed --- */

static void say_source(const struct words *w, const char *what)
{
	if (w->v->digest.n)
		buf_add_slice(w->b, w->v->digest);
	buf_printf(w->b, " %s", what);
	switch (w->v->source) {
	case IMAGELIST_NOW:
		buf_add_str(w->b, ", its registry said ");
		break;
	case IMAGELIST_CACHED:
		buf_add_str(w->b, ", its registry said when it was last reached, ");
		break;
	case IMAGELIST_PREVIOUS:
		buf_add_str(w->b, " until its registry moved on (keepPreviousDigests), known ");
		break;
	}
	add_age(w, w->v->age_s);
}

static void say_allowed(const struct words *w)
{
	add_entry(w);
	buf_add_str(w->b, ": ");
	switch (w->v->how) {
	case IMAGELIST_BY_ID:
		buf_add_str(w->b, "it is this image");
		break;
	case IMAGELIST_BY_DIGEST:
		buf_add_str(w->b, "the image has this digest");
		break;
	case IMAGELIST_BY_TAG:
		say_source(w, "has this tag");
		break;
	case IMAGELIST_BY_WILDCARD:
	case IMAGELIST_BY_PATTERN:
		say_source(w, "is in that repository");
		break;
	case IMAGELIST_BY_PREVIOUS:
		say_source(w, "was there");
		break;
	case IMAGELIST_BY_EVERYTHING:
		buf_add_str(w->b, "every image is allowed");
		break;
	case IMAGELIST_BY_DERIVED:
		buf_add_str(w->b, "the image was built from ");
		add_base(w);
		buf_add_str(w->b, ", which is allowed (allowDerivedImages)");
		break;
	}
}

/* --- why it is denied --- */

/* The tag's registry answered that there is none. */
static bool has_no_tag(const struct words *w)
{
	const struct imagelist_known *known;

	if (w->v->entry == IMAGELIST_NONE || !w->facts->known ||
	    w->list->entries[w->v->entry].form != PROFILE_FORM_TAG)
		return false;
	known = &w->facts->known[w->v->entry];
	for (size_t i = 0; i < known->ngoods; i++)
		if (known->goods[i].source != IMAGELIST_PREVIOUS)
			return false;
	return true;
}

/* The registry's answer that the image is not in. */
static void say_other(const struct words *w)
{
	switch (w->list->entries[w->v->entry].form) {
	case PROFILE_FORM_DIGEST:
		buf_add_str(w->b,
			    " is for the name of this image, which is not the one of that digest");
		return;
	case PROFILE_FORM_TAG:
		buf_printf(w->b, " is for the name of this image, but its registry has %s (asked ",
			   has_no_tag(w) ? "no such tag" : "another image there");
		add_age(w, w->v->age_s);
		buf_add_char(w->b, ')');
		return;
	case PROFILE_FORM_ANY_TAG:
	case PROFILE_FORM_PATTERN:
		if (!w->image->nask) {
			buf_add_str(w->b, " is for the name of this image, which never came from a "
					  "registry");
			return;
		}
		buf_add_str(w->b, " is for the name of this image, but its registry does not have "
				  "this image there (asked ");
		add_age(w, w->v->age_s);
		buf_add_char(w->b, ')');
		return;
	case PROFILE_FORM_ID:
	case PROFILE_FORM_EVERYTHING:
		return;
	}
}

/* Whether the registry did answer: that it wants credentials, about a digest of the image or about
 * the entry's tag. */
static bool wants_credentials(const struct words *w)
{
	for (size_t i = 0; i < w->facts->nanswers; i++)
		if (w->facts->answers[i].refused &&
		    view_has_digest(w->image, w->facts->answers[i].digest))
			return true;
	return w->v->entry != IMAGELIST_NONE && w->facts->known &&
	       w->facts->known[w->v->entry].refused;
}

static void say_not_known(const struct words *w)
{
	buf_add_str(w->b, wants_credentials(w) ? "its registry wants (other) credentials: "
					       : "registry unreachable, or not asked yet: ");
	if (w->v->entry == IMAGELIST_NONE) {
		buf_add_str(w->b, "it is not known whether the image, which is built from ");
		add_base(w);
		buf_add_str(w->b, ", is on a registry");
		return;
	}
	buf_add_str(w->b, "it is not known which images ");
	add_entry(w);
	buf_add_str(w->b, " stands for");
	if (w->v->parent) {
		buf_add_str(w->b, ", and so not whether ");
		add_base(w);
		buf_add_str(w->b, " is one, from which this one is built");
	}
}

static void say_denied(const struct words *w)
{
	switch (w->v->reason) {
	case IMAGELIST_NO_IMAGE:
		buf_add_str(w->b,
			    w->facts->asked.n
				    ? "the engine did not say which image this is"
				    : "it is asked for without an image, which no list can name");
		return;
	case IMAGELIST_TOO_MUCH:
		buf_add_str(
			w->b,
			"so many local images and names have to do with the image list that it "
			"was not found out whether this one is allowed or built from one that is");
		return;
	case IMAGELIST_MOVED_ON:
		add_entry(w);
		buf_add_str(w->b, " stood for this image until its registry moved on");
		return;
	case IMAGELIST_DERIVED_REMOTE:
	case IMAGELIST_DERIVED_OFF:
		buf_add_str(w->b, "the image is built from ");
		add_base(w);
		buf_add_str(w->b, ", which ");
		add_entry(w);
		buf_add_str(w->b, w->v->reason == IMAGELIST_DERIVED_OFF
					  ? " allows, but derived images are not allowed"
					  : " allows, but it is on a registry itself");
		return;
	case IMAGELIST_NOT_KNOWN:
		say_not_known(w);
		return;
	case IMAGELIST_OTHER_DIGEST:
		add_entry(w);
		say_other(w);
		return;
	case IMAGELIST_PARENT_DENIED:
		buf_add_str(w->b, "the image is built from ");
		add_base(w);
		buf_add_str(w->b, ", which has the name of ");
		add_entry(w);
		buf_add_str(w->b, " but is another image than its registry has there");
		return;
	case IMAGELIST_NO_PARENT:
		buf_add_str(w->b,
			    "the image was made on this machine, and no allowed image that is here "
			    "is its base");
		return;
	case IMAGELIST_LOCAL_ONLY:
		buf_add_str(w->b,
			    "the image was made on this machine and is on no registry that could "
			    "vouch for it");
		return;
	case IMAGELIST_NO_ENTRY:
		buf_add_str(w->b, "no entry of the image list is for ");
		add_name(w);
		return;
	}
}

/* --- what to do --- */

static void say_add(const struct words *w)
{
	buf_add_str(w->b, "to allow it, add ");
	if (w->image->nnames) {
		buf_add_char(w->b, '"');
		(void)add_short(w);
		buf_add_char(w->b, '"');
	} else {
		buf_add_str(w->b, "its name");
	}
	buf_add_str(w->b, " to ");
	add_images_key(w);
}

static void say_pull(const struct words *w)
{
	const char *engine = profile_name(w);

	buf_printf(w->b, "remove the local image and pull it again: %s image rm ", engine);
	if (!add_short(w))
		buf_add_str(w->b, "IMAGE");
	buf_printf(w->b, " && %s pull ", engine);
	if (!add_short(w))
		buf_add_str(w->b, "IMAGE");
}

static void say_push_first(const struct words *w)
{
	buf_add_str(w->b, "see that the registry has it, then `gabion images refresh`");
}

/* Until it is asked again (refetch_s), the answer may be older than the image. */
static void say_ask_again(const struct words *w)
{
	if (w->image->nask && w->v->age_s <= w->list->refetch_s && w->list->refetch_s)
		buf_add_str(w->b,
			    "if it is newer than that answer, `gabion images refresh`; else ");
	say_pull(w);
}

static void say_local_only(const struct words *w)
{
	const struct profile *p = w->list->profile;

	buf_add_str(w->b, "push it to a registry and add its name there");
	if (p->forms & PROFILE_FORM_ID) {
		buf_add_str(w->b, ", or add \"");
		buf_add_slice(w->b, w->facts->image->id);
		buf_add_char(w->b, '"');
	}
	buf_add_str(w->b, " to ");
	add_images_key(w);
	if (p->derived && !w->list->derived)
		buf_add_str(w->b,
			    "; or, if it is built from an allowed image, set allowDerivedImages");
}

static void say_base(const struct words *w)
{
	buf_printf(w->b,
		   "remove the local image that it is built from, pull it again and build anew: "
		   "%s pull ",
		   profile_name(w));
	buf_add_slice(w->b, w->v->parent->ntags ? w->v->parent->tags[0] : w->v->parent->id);
}

static void say_way_out(const struct words *w)
{
	switch (w->v->reason) {
	case IMAGELIST_NO_IMAGE:
		buf_add_str(w->b,
			    w->facts->asked.n
				    ? "try again; if it stays so, see what `gabion doctor` says "
				      "of the engine"
				    : "name an image that is on the list");
		return;
	case IMAGELIST_TOO_MUCH:
		buf_printf(w->b,
			   "try again, since what was found out is kept; remove local images that "
			   "nobody needs (%s image prune --all); or ",
			   profile_name(w));
		say_local_only(w);
		return;
	case IMAGELIST_MOVED_ON:
		say_pull(w);
		buf_add_str(w->b, "; or set keepPreviousDigests");
		return;
	case IMAGELIST_DERIVED_OFF:
		buf_printf(w->b,
			   "set enhancedContainerIsolation.%s.imageList.allowDerivedImages to true",
			   w->list->profile->socket_mount_key);
		return;
	case IMAGELIST_NOT_KNOWN:
		if (wants_credentials(w)) {
			buf_printf(w->b,
				   "`%s login` and `%s pull` as a user of this host, or put the "
				   "registry into registry-auth.json; `gabion images` says whose "
				   "credentials it did not take",
				   profile_name(w), profile_name(w));
			return;
		}
		buf_add_str(
			w->b,
			"see that the engine can reach the registry, then `gabion images refresh`; "
			"an entry with a digest (name@sha256:…) needs no registry");
		return;
	case IMAGELIST_OTHER_DIGEST:
		has_no_tag(w) ? say_push_first(w) : say_ask_again(w);
		return;
	case IMAGELIST_PARENT_DENIED:
		has_no_tag(w) ? say_push_first(w) : say_base(w);
		return;
	case IMAGELIST_NO_PARENT:
		buf_printf(w->b, "pull the image of the list that it is built from (%s pull)",
			   profile_name(w));
		return;
	case IMAGELIST_LOCAL_ONLY:
		say_local_only(w);
		return;
	case IMAGELIST_DERIVED_REMOTE:
	case IMAGELIST_NO_ENTRY:
		say_add(w);
		return;
	}
}

static void say_message(const struct words *w, struct verdict *verdict)
{
	CLEANUP_BUF struct buf name = BUF_INIT(CAP);
	struct words for_name = *w;

	for_name.b = &name;
	add_name(&for_name);
	text_socket_denied(w->list->profile, buf_slice(&name), w->b);
	put(w->b, verdict->message, sizeof(verdict->message));
}

void imagelist_say(const struct imagelist *list, const struct imagelist_facts *facts,
		   const struct view *image, struct imagelist_verdict *ret)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);
	struct words w = { list, facts, image, ret, &b };

	if (ret->verdict.kind == VERDICT_ALLOW) {
		ret->verdict.rule = allow_rules[ret->how];
		say_allowed(&w);
		put(&b, ret->verdict.reason, sizeof(ret->verdict.reason));
		return;
	}
	ret->verdict.rule = deny_rules[ret->reason];
	say_message(&w, &ret->verdict);
	say_denied(&w);
	put(&b, ret->verdict.reason, sizeof(ret->verdict.reason));
	say_way_out(&w);
	put(&b, ret->verdict.way_out, sizeof(ret->verdict.way_out));
}
