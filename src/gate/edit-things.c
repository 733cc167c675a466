/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes and networks that a body names, and the label that says whose they are (maker.h). */
#include <errno.h>

#include "gate/edit.h"
#include "gate/maker.h"

static const struct shape_member endpoint_members[] = {
	{ "NetworkID", &shape_string },
};
const struct shape edit_shape_endpoint = SHAPE_POINTER_TO(endpoint_members);
static const struct shape endpoints = SHAPE_MAP_OF(&edit_shape_endpoint);
static const struct shape_member networking_members[] = {
	{ "EndpointsConfig", &endpoints },
};
const struct shape edit_shape_networking = SHAPE_POINTER_TO(networking_members);

static int bad(struct err *err, const char *text)
{
	(void)err_set(err, -EINVAL, "%s", text);
	return EDIT_BAD;
}

/* --- labels --- */

static int deny_label(const struct json *labels, struct edit *e, struct err *err)
{
	if (!json_get(labels, MAKER_LABEL))
		return EDIT_OK;
	e->rule = "label";
	e->hint = "leave that label out";
	(void)err_set(err, -EPERM,
		      "the label " MAKER_LABEL " is not for clients: gabion says with it which "
		      "container made a volume or network");
	return EDIT_DENIED;
}

int edit_label(struct arena *a, struct json *o, const struct edit_how *how, struct edit *e,
	       struct err *err)
{
	struct json *labels = json_get(o, "Labels");
	int r = deny_label(labels, e, err);

	if (r != EDIT_OK || !how->maker.n)
		return r;
	labels = json_need(a, o, "Labels", JSON_OBJECT);
	if (!labels || json_set(a, labels, MAKER_LABEL, json_new_slice(a, how->maker)) < 0)
		return bad(err, "too large");
	return EDIT_OK;
}

/* --- networks --- */

static int add_network(struct edit *e, struct slice name, struct err *err)
{
	for (size_t i = 0; i < e->nnetworks; i++)
		if (slice_eq(e->networks[i], name))
			return EDIT_OK;
	if (e->nnetworks == EDIT_OTHERS_MAX)
		return bad(err, "too many networks are named");
	e->networks[e->nnetworks++] = name;
	return EDIT_OK;
}

int edit_network(const struct edit_how *how, struct edit *e, struct slice name, struct err *err)
{
	return how->own && !maker_predefined(name) ? add_network(e, name, err) : EDIT_OK;
}

static struct slice network_id(const struct edit_how *how, struct slice name)
{
	for (size_t i = 0; i < how->nnetworks; i++)
		if (slice_eq(how->networks[i], name))
			return how->network_ids[i];
	return SLICE_NULL;
}

/* What the engine goes by is the id that stands there: the name may mean another network by the
 * time of the start. Of those that everybody has, it is the name that counts. */
static int fix_endpoint(struct arena *a, const struct edit_how *how, struct slice name,
			struct json *endpoint)
{
	const struct json *said = json_get(endpoint, "NetworkID");
	struct slice id = network_id(how, said && said->text.n ? said->text : name);

	(void)json_del(endpoint, "NetworkID");
	return id.n ? json_set(a, endpoint, "NetworkID", json_new_slice(a, id)) : 0;
}

static int take_endpoint(const struct edit_how *how, struct edit *e, struct slice name,
			 const struct json *endpoint, struct err *err)
{
	const struct json *id = json_get(endpoint, "NetworkID");
	int r = edit_network(how, e, name, err);

	return r == EDIT_OK && id && id->text.n ? edit_network(how, e, id->text, err) : r;
}

/* The engine makes an endpoint for the mode's network only where none is asked for. */
static int add_endpoint(struct arena *a, const struct edit_how *how, struct json *doc,
			struct slice mode)
{
	struct json *networking = json_need(a, doc, "NetworkingConfig", JSON_OBJECT);
	struct json *list =
		networking ? json_need(a, networking, "EndpointsConfig", JSON_OBJECT) : NULL;
	struct json *endpoint = json_new(a, JSON_OBJECT);

	if (!list || !endpoint || fix_endpoint(a, how, mode, endpoint) < 0)
		return -ENOMEM;
	return json_add(a, list, mode, endpoint);
}

static bool is_null(const struct json *v)
{
	return v->kind == JSON_NULL;
}

static int take_networks(struct arena *a, struct json *doc, const struct json *hc,
			 const struct edit_how *how, struct edit *e, struct err *err)
{
	const struct json *mode = json_get(hc, "NetworkMode");
	struct json *list = json_get(json_get(doc, "NetworkingConfig"), "EndpointsConfig");
	bool user_defined = mode && !maker_predefined(mode->text) &&
			    !slice_starts(mode->text, SLICE_LIT("container:"));
	size_t n = list ? list->n : 0;
	int r = user_defined ? edit_network(how, e, mode->text, err) : EDIT_OK;

	for (size_t i = 0; i < n && r == EDIT_OK; i++) {
		struct json_member *m = &list->members[i];

		r = take_endpoint(how, e, m->key, m->value, err);
		if (r != EDIT_OK || how->nnetworks == 0)
			continue;
		if (is_null(m->value))
			m->value = json_new(a, JSON_OBJECT);
		if (!m->value || fix_endpoint(a, how, m->key, m->value) < 0)
			return bad(err, "too large");
	}
	if (r == EDIT_OK && user_defined && n == 0 && how->nnetworks > 0 &&
	    add_endpoint(a, how, doc, mode->text) < 0)
		return bad(err, "too large");
	return r;
}

/* --- volumes --- */

static struct edit_volume *find_volume(struct edit *e, struct slice name)
{
	for (size_t i = 0; i < e->nvolumes; i++)
		if (slice_eq(e->volumes[i].name, name))
			return &e->volumes[i];
	return NULL;
}

/* The body of the POST /volumes/create that makes it, or finds what is there. */
static int print_volume(struct arena *a, struct slice name, const struct json *driver,
			const struct json *labels, const struct edit_how *how, struct slice *ret)
{
	CLEANUP_BUF struct buf text = BUF_INIT(1u << 20);
	const struct json *what = json_get(driver, "Name");
	const struct json *options = json_get(driver, "Options");
	struct json *o = json_new(a, JSON_OBJECT);
	struct json *all = labels ? json_clone(a, labels) : json_new(a, JSON_OBJECT);
	char *kept;

	if (!o || !all || json_set(a, o, "Name", json_new_slice(a, name)) < 0 ||
	    (what && json_set(a, o, "Driver", json_clone(a, what)) < 0) ||
	    (options && json_set(a, o, "DriverOpts", json_clone(a, options)) < 0) ||
	    json_set(a, all, MAKER_LABEL, json_new_slice(a, how->maker)) < 0 ||
	    json_set(a, o, "Labels", all) < 0)
		return -ENOMEM;
	json_emit(o, &text);
	kept = buf_ok(&text) ? arena_dup(a, text.p, text.n) : NULL;
	*ret = (struct slice){ kept, text.n };
	return kept ? 0 : -ENOMEM;
}

static int add_volume(struct arena *a, const struct edit_how *how, struct edit *e,
		      struct slice name, const struct json *driver, const struct json *labels,
		      struct err *err)
{
	struct slice make = SLICE_NULL;

	if (name.n == 0 || find_volume(e, name))
		return EDIT_OK;
	if (e->nvolumes == EDIT_OTHERS_MAX)
		return bad(err, "too many volumes are named");
	if (print_volume(a, name, driver, labels, how, &make) < 0)
		return bad(err, "too large");
	e->volumes[e->nvolumes++] = (struct edit_volume){ name, make };
	return EDIT_OK;
}

static int take_mount(struct arena *a, const struct json *m, const struct edit_how *how,
		      struct edit *e, struct err *err)
{
	const struct json *options = json_get(m, "VolumeOptions");
	const struct json *labels = json_get(options, "Labels");
	const struct json *source = json_get(m, "Source");
	const char *type = json_get_str(m, "Type");
	int r = deny_label(labels, e, err);

	if (r != EDIT_OK || !how->own || !source || !type || strcmp(type, "volume") != 0)
		return r;
	return add_volume(a, how, e, source->text, json_get(options, "DriverConfig"), labels, err);
}

/* "NAME:TARGET[:OPTIONS]"; what has no colon is a target alone. */
static int take_bind(struct arena *a, struct slice bind, const struct json *driver,
		     const struct edit_how *how, struct edit *e, struct err *err)
{
	size_t colon = slice_find(bind, ':');

	if (bind.n == 0 || bind.p[0] == '/' || colon == bind.n)
		return EDIT_OK;
	return add_volume(a, how, e, (struct slice){ bind.p, colon }, driver, NULL, err);
}

static int take_volumes(struct arena *a, const struct json *hc, const struct edit_how *how,
			struct edit *e, struct err *err)
{
	const struct json *mounts = json_get(hc, "Mounts");
	const struct json *binds = json_get(hc, "Binds");
	const struct json *name = json_get(hc, "VolumeDriver");
	struct json *driver = json_new(a, JSON_OBJECT);
	int r = EDIT_OK;

	if (!driver || (name && json_set(a, driver, "Name", json_clone(a, name)) < 0))
		return bad(err, "too large");
	for (size_t i = 0; mounts && i < mounts->n && r == EDIT_OK; i++)
		r = take_mount(a, mounts->items[i], how, e, err);
	for (size_t i = 0; how->own && binds && i < binds->n && r == EDIT_OK; i++)
		r = take_bind(a, binds->items[i]->text, driver, how, e, err);
	return r;
}

int edit_things(struct arena *a, struct json *doc, const struct json *hc,
		const struct edit_how *how, struct edit *e, struct err *err)
{
	int r = take_volumes(a, hc, how, e, err);

	return r == EDIT_OK && how->own ? take_networks(a, doc, hc, how, e, err) : r;
}
