/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/image.h"

#include <errno.h>

static const char *const stores[] = {
	[IMAGELIST_CONTAINERD] = "containerd",
	[IMAGELIST_CLASSIC] = "classic",
	[IMAGELIST_PODMAN] = "podman",
};
static const char *const origins[] = {
	[IMAGELIST_ORIGIN_UNKNOWN] = "unknown",
	[IMAGELIST_ORIGIN_LOCAL] = "local",
	[IMAGELIST_ORIGIN_REGISTRY] = "registry",
};

static struct slice text_of(const struct json *o, const char *key)
{
	const char *s = json_get_str(o, key);

	return s ? slice_str(s) : SLICE_NULL;
}

/* A list of strings, or null or nothing for none. */
static int take_list(struct arena *a, const struct json *list, const struct slice **ret,
		     size_t *ret_n)
{
	struct slice *made;

	*ret = NULL;
	*ret_n = 0;
	if (!list || list->kind == JSON_NULL)
		return 0;
	if (list->kind != JSON_ARRAY)
		return -EINVAL;
	made = arena_array(a, MAX(list->n, (size_t)1), sizeof(*made));
	if (!made)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		if (!json_str(list->items[i]))
			return -EINVAL;
		made[i] = list->items[i]->text;
	}
	*ret = made;
	*ret_n = list->n;
	return 0;
}

/* API 1.53: what the engine itself saw, which no tag changes (moby's api/types/image/identity.go).
 */
static enum imagelist_origin origin_of(const struct json *doc)
{
	const struct json *identity = json_get(doc, "Identity");
	const struct json *pull = json_get(identity, "Pull");
	const struct json *build = json_get(identity, "Build");

	if (json_is(pull, JSON_ARRAY) && pull->n > 0)
		return IMAGELIST_ORIGIN_REGISTRY;
	if (json_is(build, JSON_ARRAY) && build->n > 0)
		return IMAGELIST_ORIGIN_LOCAL;
	return IMAGELIST_ORIGIN_UNKNOWN;
}

int image_from_engine(struct arena *a, const struct json *doc, enum imagelist_store store,
		      struct imagelist_image *ret)
{
	const struct json *layers = json_at(doc, "RootFS.Layers");
	int r;

	*ret = (struct imagelist_image){ .id = text_of(doc, "Id"),
					 .store = store,
					 .origin = origin_of(doc),
					 .has_layers =
						 json_is(json_get(doc, "RootFS"), JSON_OBJECT) };
	if (!reference_is_id(ret->id))
		return -EINVAL;
	r = take_list(a, layers, &ret->layers, &ret->nlayers);
	if (r == 0)
		r = take_list(a, json_get(doc, "RepoTags"), &ret->tags, &ret->ntags);
	if (r == 0)
		r = take_list(a, json_get(doc, "RepoDigests"), &ret->repo_digests,
			      &ret->nrepo_digests);
	return r;
}

static int put_list(struct arena *a, struct json *o, const char *key, const struct slice *list,
		    size_t n)
{
	struct json *made = json_new(a, JSON_ARRAY);
	int r = made ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = json_append(a, made, json_new_slice(a, list[i]));
	return r == 0 ? json_set(a, o, key, made) : r;
}

struct json *image_to_json(struct arena *a, const struct imagelist_image *image)
{
	struct json *o = json_new(a, JSON_OBJECT);
	int r = o ? json_set(a, o, "id", json_new_slice(a, image->id)) : -ENOMEM;

	if (r == 0 && image->manifest.n > 0)
		r = json_set(a, o, "manifest", json_new_slice(a, image->manifest));
	if (r == 0)
		r = json_set(a, o, "store", json_new_str(a, stores[image->store]));
	if (r == 0)
		r = json_set(a, o, "origin", json_new_str(a, origins[image->origin]));
	if (r == 0 && image->has_layers)
		r = put_list(a, o, "layers", image->layers, image->nlayers);
	if (r == 0)
		r = put_list(a, o, "tags", image->tags, image->ntags);
	if (r == 0)
		r = put_list(a, o, "repoDigests", image->repo_digests, image->nrepo_digests);
	return r == 0 ? o : NULL;
}

static int word(const struct json *o, const char *key, const char *const *words, size_t n)
{
	struct slice s = text_of(o, key);

	for (size_t i = 0; i < n; i++)
		if (slice_eq_str(s, words[i]))
			return (int)i;
	return -EINVAL;
}

int image_from_json(struct arena *a, const struct json *doc, struct imagelist_image *ret)
{
	int store = word(doc, "store", stores, ARRAY_SIZE(stores));
	int origin = word(doc, "origin", origins, ARRAY_SIZE(origins));
	const struct json *layers = json_get(doc, "layers");
	int r;

	if (store < 0 || origin < 0)
		return -EINVAL;
	*ret = (struct imagelist_image){ .id = text_of(doc, "id"),
					 .manifest = text_of(doc, "manifest"),
					 .store = (enum imagelist_store)store,
					 .origin = (enum imagelist_origin)origin,
					 .has_layers = layers != NULL };
	if (!reference_is_id(ret->id))
		return -EINVAL;
	r = take_list(a, layers, &ret->layers, &ret->nlayers);
	if (r == 0)
		r = take_list(a, json_get(doc, "tags"), &ret->tags, &ret->ntags);
	if (r == 0)
		r = take_list(a, json_get(doc, "repoDigests"), &ret->repo_digests,
			      &ret->nrepo_digests);
	return r;
}
