/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/imagelist-view.h"

#include "base/util.h"

static const struct {
	bool repo_digests_prove; /* their digests are of the image's content */
	bool repo_digests_tell;	 /* there are some exactly when it was pulled or pushed */
	bool id_is_manifest;	 /* a registry can have it; else it is of the configuration */
} stores[] = {
	[IMAGELIST_CONTAINERD] = { false, false, true },
	[IMAGELIST_CLASSIC] = { true, true, false },
	[IMAGELIST_PODMAN] = { true, false, false },
};

static void add_digest(struct view *v, struct slice digest)
{
	if (reference_is_digest(digest) && !view_has_digest(v, digest) &&
	    v->ndigests < VIEW_DIGESTS)
		v->digests[v->ndigests++] = digest;
}

static struct slice after_at(struct slice s)
{
	return slice_from(s, slice_find(s, '@') + 1);
}

static void view_digests(struct view *v)
{
	const struct imagelist_image *image = v->image;

	if (stores[image->store].id_is_manifest)
		add_digest(v, image->id);
	add_digest(v, image->manifest);
	if (stores[image->store].repo_digests_prove)
		for (size_t i = 0; i < image->nrepo_digests && v->ndigests < VIEW_DIGESTS - 1; i++)
			add_digest(v, after_at(image->repo_digests[i]));
	v->nask = v->ndigests;
	add_digest(v, image->id);
}

static bool has_name(const struct view *v, const struct reference *r)
{
	for (size_t i = 0; i < v->nnames; i++)
		if (reference_same_name(&v->names[i], r))
			return true;
	return false;
}

/* Each once, in space[1] and on. */
static void view_own_names(const struct profile *p, struct view *v)
{
	const struct imagelist_image *image = v->image;
	struct reference r;

	for (size_t i = 0; i < image->ntags + image->nrepo_digests; i++) {
		struct slice text =
			i < image->ntags ? image->tags[i] : image->repo_digests[i - image->ntags];

		if (v->nnames == VIEW_NAMES - 1)
			return;
		if (reference_parse(p, text, &r, NULL) == 0 && r.kind == REFERENCE_NAME &&
		    !has_name(v, &r))
			v->space[1 + v->nnames++] = r;
	}
}

void view_init(const struct profile *p, const struct imagelist_image *image, struct slice asked,
	       struct view *ret)
{
	struct reference r;

	ret->image = image;
	ret->ndigests = 0;
	ret->names = ret->space + 1;
	ret->nnames = 0;
	view_own_names(p, ret);
	view_digests(ret);
	if (!asked.n || reference_parse(p, asked, &r, NULL) < 0 || r.kind != REFERENCE_NAME)
		return;
	if (r.maybe_id && !has_name(ret, &r)) /* then it is the beginning of an id */
		return;
	ret->space[0] = r;
	ret->names = ret->space;
	ret->nnames++;
}

bool view_has_digest(const struct view *v, struct slice digest)
{
	for (size_t i = 0; i < v->ndigests; i++)
		if (slice_eq(v->digests[i], digest))
			return true;
	return false;
}

bool view_claims(const struct view *v, const struct imagelist_entry *e)
{
	for (size_t i = 0; i < v->nnames; i++)
		if (e->form == PROFILE_FORM_PATTERN ? reference_matches(&e->ref, &v->names[i])
						    : reference_same_name(&e->ref, &v->names[i]))
			return true;
	return false;
}

enum imagelist_origin view_origin(const struct view *v)
{
	if (v->image->origin != IMAGELIST_ORIGIN_UNKNOWN ||
	    !stores[v->image->store].repo_digests_tell)
		return v->image->origin;
	return v->image->nrepo_digests ? IMAGELIST_ORIGIN_REGISTRY : IMAGELIST_ORIGIN_LOCAL;
}

/* Archives without a file: no bytes, two blocks of zeros, and those filled up to a record. */
static bool is_empty_layer(struct slice diff_id)
{
	static const char *const empty[] = {
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
		"sha256:84ff92691f909a05b224e1c56abb4864f01b4f8e3c854e4bb4c7baf1d3f6d652",
	};

	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		if (slice_eq_str(diff_id, empty[i]))
			return true;
	return false;
}

bool view_has_chain(const struct imagelist_image *image)
{
	for (size_t i = 0; i < image->nlayers; i++)
		if (!reference_is_digest(image->layers[i]))
			return false;
	return image->nlayers > 0;
}

bool view_is_base(const struct imagelist_image *base, const struct imagelist_image *image)
{
	bool content = false;

	if (base->nlayers > image->nlayers)
		return false;
	for (size_t i = base->nlayers; i-- > 0;) { /* the last ones differ most often */
		if (!slice_eq(base->layers[i], image->layers[i]))
			return false;
		content = content || !is_empty_layer(base->layers[i]);
	}
	return content;
}
