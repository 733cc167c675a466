/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes and networks that a body names, and the label that says whose they are (maker.h). */
#include <errno.h>

#include "gate/edit.h"
#include "gate/maker.h"

/* Its Links are not judged: the engine looks for no container by them, unlike HostConfig's. They
 * are further names for what has a name on that network, where it can be found by that anyway. */
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

/* Its id; of one that everybody has, its name. Nothing: it has not been looked at. */
static struct slice network_known(const struct edit_how *how, struct slice name)
{
	for (size_t i = 0; i < how->nnetworks; i++)
		if (slice_eq(how->networks[i], name))
			return how->network_ids[i];
	return maker_predefined(name) ? name : SLICE_NULL;
}

/* What the engine goes by is the id that stands in the endpoint: its name, or the beginning of an
 * id, may mean another network by the time of the start. Only of a predefined one it is the name
 * that counts. */
static int fix_endpoint(struct arena *a, const struct edit_how *how, struct json_member *m)
{
	const struct json *said = json_get(m->value, "NetworkID");
	struct slice known = network_known(how, said && said->text.n ? said->text : m->key);

	(void)json_del(m->value, "NetworkID");
	if (maker_predefined(m->key))
		return 0;
	if (!known.n)
		return -EINVAL;
	if (!maker_predefined(known))
		return json_set(a, m->value, "NetworkID", json_new_slice(a, known));
	m->key = known;
	return 0;
}

/* The same network twice, of which the engine takes either. */
static bool is_repeated(const struct json *list, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (slice_eq(list->members[i].key, list->members[at].key))
			return true;
	return false;
}

static int fix_endpoints(struct arena *a, const struct edit_how *how, struct json *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct json_member *m = &list->members[kept];

		*m = list->members[i];
		if (m->value->kind == JSON_NULL)
			m->value = json_new(a, JSON_OBJECT);
		if (!m->value || fix_endpoint(a, how, m) < 0)
			return -EINVAL;
		kept += !is_repeated(list, kept);
	}
	list->n = kept;
	return 0;
}

static int take_endpoint(const struct edit_how *how, struct edit *e, struct slice name,
			 const struct json *endpoint, struct err *err)
{
	const struct json *id = json_get(endpoint, "NetworkID");
	int r = edit_network(how, e, name, err);

	return r == EDIT_OK && id && id->text.n ? edit_network(how, e, id->text, err) : r;
}

/* The engine makes an endpoint for the mode's network only where none is asked for. */
static int add_endpoint(struct arena *a, struct json *doc, struct slice mode)
{
	struct json *networking = json_need(a, doc, "NetworkingConfig", JSON_OBJECT);
	struct json *list =
		networking ? json_need(a, networking, "EndpointsConfig", JSON_OBJECT) : NULL;
	struct json *endpoint = json_new(a, JSON_OBJECT);

	return list && endpoint ? json_add(a, list, mode, endpoint) : -ENOMEM;
}

static struct json *endpoints_of(const struct json *doc)
{
	return json_get(json_get(doc, "NetworkingConfig"), "EndpointsConfig");
}

static bool is_user_defined(const struct json *mode)
{
	return mode && !maker_predefined(mode->text) &&
	       !slice_starts(mode->text, SLICE_LIT("container:"));
}

/* Where it is known which networks are meant. */
static int fix_networks(struct arena *a, struct json *doc, struct json *mode,
			const struct edit_how *how)
{
	struct json *list;

	if (is_user_defined(mode)) {
		struct slice known = network_known(how, mode->text);

		if (!known.n)
			return -EINVAL;
		if (maker_predefined(known))
			mode->text = known;
	}
	list = endpoints_of(doc);
	if (is_user_defined(mode) && (!list || list->n == 0)) {
		if (add_endpoint(a, doc, mode->text) < 0)
			return -ENOMEM;
		list = endpoints_of(doc);
	}
	return list ? fix_endpoints(a, how, list) : 0;
}

static int take_networks(struct arena *a, struct json *doc, const struct json *hc,
			 const struct edit_how *how, struct edit *e, struct err *err)
{
	struct json *mode = json_get(hc, "NetworkMode");
	const struct json *list = endpoints_of(doc);
	int r = is_user_defined(mode) ? edit_network(how, e, mode->text, err) : EDIT_OK;

	for (size_t i = 0; list && i < list->n && r == EDIT_OK; i++)
		r = take_endpoint(how, e, list->members[i].key, list->members[i].value, err);
	if (r == EDIT_OK && how->known && fix_networks(a, doc, mode, how) < 0)
		return bad(err, "its networks cannot be written afresh");
	return r;
}

int edit_joined(struct arena *a, struct json *doc, const struct edit_how *how, struct err *err)
{
	struct slice id = how->nnetworks ? how->network_ids[0] : SLICE_NULL;
	struct json *endpoint;

	(void)json_del(json_get(doc, "EndpointConfig"), "NetworkID");
	if (!id.n || maker_predefined(id))
		return EDIT_OK;
	endpoint = json_need(a, doc, "EndpointConfig", JSON_OBJECT);
	if (!endpoint || json_set(a, endpoint, "NetworkID", json_new_slice(a, id)) < 0)
		return bad(err, "too large");
	return EDIT_OK;
}

/* What a driver is told that is about the new network alone. Others name interfaces of the host:
 * there may be somebody else's network on them. */
static const char *const network_options[] = {
	"com.docker.network.bridge.enable_icc",
	"com.docker.network.bridge.enable_ip_masquerade",
	"com.docker.network.bridge.gateway_mode_ipv4",
	"com.docker.network.bridge.gateway_mode_ipv6",
	"com.docker.network.bridge.host_binding_ipv4",
	"com.docker.network.bridge.inhibit_ipv4",
	"com.docker.network.container_iface_prefix",
	"com.docker.network.driver.mtu",
	"com.docker.network.enable_ipv4",
	"com.docker.network.enable_ipv6",
	"com.docker.network.host_ipv4",
	"com.docker.network.host_ipv6",
};

static bool is_option(struct slice key)
{
	for (size_t i = 0; i < ARRAY_SIZE(network_options); i++)
		if (slice_eq_str(key, network_options[i]))
			return true;
	return false;
}

static int deny_network(struct edit *e, const char *hint, struct err *err, const char *what,
			struct slice value)
{
	e->rule = FAMILY_RULE;
	e->hint = hint;
	(void)err_set(err, -EPERM,
		      "enhanced container isolation: networks with %s \"%.*s\" are not for "
		      "containers that have only their own",
		      what, SLICE_ARG(value));
	return EDIT_DENIED;
}

int edit_own_network(struct arena *a, struct json *doc, struct edit *e, struct err *err)
{
	const struct json *driver = json_get(doc, "Driver");
	const struct json *ipam = json_at(doc, "IPAM.Driver");
	const struct json *options = json_get(doc, "Options");

	if (driver && driver->text.n && !slice_eq_str(driver->text, "bridge"))
		return deny_network(e, "leave the driver out", err, "driver", driver->text);
	if (ipam && ipam->text.n && !slice_eq_str(ipam->text, "default"))
		return deny_network(e, "leave the driver out", err, "IPAM driver", ipam->text);
	if (json_get_bool(doc, "ConfigOnly", false))
		return deny_network(e, "configure each network itself", err, "option",
				    SLICE_LIT("ConfigOnly"));
	for (size_t i = 0; options && i < options->n; i++)
		if (!is_option(options->members[i].key))
			return deny_network(e, "leave the option out", err, "option",
					    options->members[i].key);
	/* Else engines before 25 make a second one of a name, and tell the first one's id. */
	if (json_set(a, doc, "CheckDuplicate", json_new_bool(a, true)) < 0)
		return bad(err, "too large");
	return EDIT_OK;
}

/* --- volumes --- */

static bool has_volume(const struct edit *e, struct slice name)
{
	for (size_t i = 0; i < e->nvolumes; i++)
		if (slice_eq(e->volumes[i].name, name))
			return true;
	return false;
}

int edit_volume(struct arena *a, struct edit *e, struct edit_volume v, struct err *err)
{
	if (!e->volumes)
		e->volumes = arena_array(a, EDIT_VOLUMES_MAX, sizeof(*e->volumes));
	if (!e->volumes)
		return bad(err, "too large");
	if (e->nvolumes == EDIT_VOLUMES_MAX)
		return bad(err, "too many volumes are named");
	e->volumes[e->nvolumes++] = v;
	return EDIT_OK;
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

	if (name.n == 0 || has_volume(e, name))
		return EDIT_OK;
	if (how->own && print_volume(a, name, driver, labels, how, &make) < 0)
		return bad(err, "too large");
	return edit_volume(a, e, (struct edit_volume){ name, make }, err);
}

/* What is there is judged, and who may have it. */
static bool wants_volumes(const struct edit_how *how)
{
	return how->own || !how->plain;
}

static int take_mount(struct arena *a, const struct json *m, const struct edit_how *how,
		      struct edit *e, struct err *err)
{
	const struct json *options = json_get(m, "VolumeOptions");
	const struct json *labels = json_get(options, "Labels");
	const struct json *source = json_get(m, "Source");
	const char *type = json_get_str(m, "Type");
	int r = deny_label(labels, e, err);

	if (r != EDIT_OK || !wants_volumes(how) || !source || !type || strcmp(type, "volume") != 0)
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
	for (size_t i = 0; wants_volumes(how) && binds && i < binds->n && r == EDIT_OK; i++)
		r = take_bind(a, binds->items[i]->text, driver, how, e, err);
	return r;
}

int edit_things(struct arena *a, struct json *doc, const struct json *hc,
		const struct edit_how *how, struct edit *e, struct err *err)
{
	int r = take_volumes(a, hc, how, e, err);

	return r == EDIT_OK && how->own ? take_networks(a, doc, hc, how, e, err) : r;
}
