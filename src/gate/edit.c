/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/edit.h"

#include <errno.h>
#include <stdio.h>

#include "gate/number.h"
#include "policy/subnets.h"
#include "json/fold.h"
#include "json/shape.h"

/* A tree of at most this size is made of a body; most of a body is text, not structure. */
#define DEPTH_MAX 64u

const char edit_network_text[] = "sysbox containers can't share a network namespace with the host "
				 "(because they use the linux "
				 "user-namespace for isolation)";

/* --- verdicts --- */

static int deny(struct edit *e, const char *rule, const char *hint)
{
	e->rule = rule;
	e->hint = hint;
	return EDIT_DENIED;
}

static int bad(struct err *err, const char *text)
{
	(void)err_set(err, -EINVAL, "%s", text);
	return EDIT_BAD;
}

static const char *text_of(const struct json *obj, const char *key)
{
	const char *s = json_get_str(obj, key);

	return s ? s : "";
}

/* The engine compares these modes with "host" exactly. */
static int check_host_namespaces(const struct json *hc, struct edit *e, struct err *err)
{
	static const struct {
		const char *key;
		const char *name;
	} modes[] = {
		{ "PidMode", "pid" },
		{ "IpcMode", "ipc" },
		{ "UTSMode", "uts" },
		{ "CgroupnsMode", "cgroup" },
	};
	char names[64];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (strcmp(text_of(hc, modes[i].key), "host") == 0)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n ? " " : "",
					      modes[i].name);
	if (n > 0) {
		(void)err_set(
			err, -EPERM,
			"sysbox containers can't share namespaces [%s] with the host (because "
			"they use the linux user-namespace for isolation)",
			names);
		return deny(e, "host-namespaces",
			    "leave them out; while isolation is on, no setting allows it");
	}
	if (strcmp(text_of(hc, "NetworkMode"), "host") == 0) {
		(void)err_set(err, -EPERM, "%s", edit_network_text);
		return deny(e, "host-network", "publish ports with -p instead");
	}
	return EDIT_OK;
}

/* Mount options of a tmpfs that are only about that tmpfs. "bind" among them would make the engine
 * bind the device, whatever the type. */
static bool tmpfs_option(struct slice token)
{
	static const char *const known[] = {
		"size",	      "mode",	  "uid",      "gid",	     "nr_inodes", "nr_blocks",
		"ro",	      "rw",	  "nosuid",   "suid",	     "nodev",	  "dev",
		"noexec",     "exec",	  "sync",     "async",	     "noatime",	  "atime",
		"nodiratime", "diratime", "relatime", "strictatime",
	};
	struct slice name = { token.p, slice_find(token, '=') };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (slice_eq_str(name, known[i]))
			return true;
	return false;
}

static bool tmpfs_options(const char *o)
{
	struct slice rest = slice_str(o);
	struct slice token;

	while (slice_split(&rest, ',', &token))
		if (token.n > 0 && !tmpfs_option(token))
			return false;
	return true;
}

int edit_volume_options(const char *driver, const struct json *options, struct edit *e,
			struct err *err)
{
	const char *type = text_of(options, "type");
	const char *o = text_of(options, "o");
	const char *device = text_of(options, "device");

	if (*driver && strcmp(driver, "local") != 0)
		return edit_driver(slice_str(driver), e, err);
	if (!*type && !*o && !*device)
		return EDIT_OK;
	if (strcmp(type, "tmpfs") == 0 && tmpfs_options(o))
		return EDIT_OK;
	(void)err_set(
		err, -EPERM,
		"volumes of type \"%s\" with device \"%s\" and options \"%s\" are not "
		"supported by gabion: the engine would mount them as root of the host. Bind a "
		"folder instead (-v FOLDER:PATH), or use type=tmpfs",
		type, device, o);
	return deny(e, "volume-options", "bind a folder with -v instead, or use type=tmpfs");
}

/* --- paths of the host --- */

/* Without isolation nothing is judged, and the engine makes what is missing, as root. */
int edit_source(struct arena *a, const struct edit_how *how, struct edit *e, struct slice path,
		unsigned flags, struct err *err)
{
	static const unsigned of_devices =
		CONTROL_PATH_DEVICE | CONTROL_PATH_RULE | CONTROL_PATH_CDI;

	if (how->plain)
		return EDIT_OK;
	if (!e->sources)
		e->sources = arena_array(a, EDIT_SOURCES_MAX, sizeof(*e->sources));
	if (!e->sources)
		return bad(err, "too large");
	if (path.n >= CONTROL_PATH_MAX) {
		(void)err_set(err, -ENAMETOOLONG, "the path %.40s… is too long", path.p);
		return EDIT_BAD;
	}
	for (size_t i = 0; i < e->nsources; i++) {
		struct edit_source *s = &e->sources[i];

		if (!slice_eq(s->path, path) || ((s->flags ^ flags) & of_devices))
			continue;
		s->flags |= flags;
		return EDIT_OK;
	}
	if (e->nsources == EDIT_SOURCES_MAX) {
		(void)err_set(err, -E2BIG, "more than %d paths of the host are asked for",
			      EDIT_SOURCES_MAX);
		return EDIT_BAD;
	}
	e->sources[e->nsources++] = (struct edit_source){ path, flags };
	return EDIT_OK;
}

/* "SOURCE:TARGET[:OPTIONS]" with an absolute source, where no colon can be in it; everything else
 * is a volume's name, or a target alone. The engine makes a missing source. */
static int take_binds(struct arena *a, const struct json *hc, const struct edit_how *how,
		      struct edit *e, struct err *err)
{
	const struct json *binds = json_get(hc, "Binds");
	int r = EDIT_OK;

	for (size_t i = 0; binds && i < binds->n && r == EDIT_OK; i++) {
		struct slice bind = binds->items[i]->text;
		size_t colon = slice_find(bind, ':');

		if (bind.n == 0 || bind.p[0] != '/' || colon == bind.n)
			continue;
		e->binds = true;
		r = edit_source(a, how, e, (struct slice){ bind.p, colon },
				CONTROL_PATH_MAKE | CONTROL_PATH_RECURSIVE, err);
	}
	return r;
}

/* The engine takes no source that is relative, nor one that is missing unless told to make it. */
static int take_mount(struct arena *a, const struct json *m, const struct edit_how *how,
		      struct edit *e, struct err *err)
{
	const struct json *options = json_get(m, "BindOptions");
	const struct json *source = json_get(m, "Source");
	unsigned flags = 0;

	if (strcmp(text_of(m, "Type"), "bind") != 0)
		return EDIT_OK;
	e->binds = true;
	if (!source || source->text.n == 0 || source->text.p[0] != '/')
		return EDIT_OK;
	if (!json_get_bool(options, "NonRecursive", false))
		flags |= CONTROL_PATH_RECURSIVE;
	if (json_get_bool(options, "CreateMountpoint", false))
		flags |= CONTROL_PATH_MAKE;
	return edit_source(a, how, e, source->text, flags, err);
}

static int take_mounts(struct arena *a, const struct json *hc, const struct edit_how *how,
		       struct edit *e, struct err *err)
{
	const struct json *list = json_get(hc, "Mounts");
	int r = EDIT_OK;

	for (size_t i = 0; list && i < list->n && r == EDIT_OK; i++) {
		const struct json *d = json_at(list->items[i], "VolumeOptions.DriverConfig");

		if (!how->plain)
			r = edit_volume_options(text_of(d, "Name"), json_get(d, "Options"), e, err);
		if (r == EDIT_OK)
			r = take_mount(a, list->items[i], how, e, err);
	}
	return r;
}

/* --- other containers --- */

static int add_other(struct edit *e, struct slice name, struct err *err)
{
	if (e->nothers == EDIT_OTHERS_MAX)
		return bad(err, "too many other containers are named");
	e->others[e->nothers++] = name;
	return EDIT_OK;
}

static struct slice id_of(const struct edit_how *how, struct slice name)
{
	for (size_t i = 0; i < how->n; i++)
		if (slice_eq(how->names[i], name))
			return how->ids[i];
	return name;
}

int edit_other(struct edit *e, const struct edit_how *how, struct slice *name, struct err *err)
{
	struct slice written = *name;

	*name = id_of(how, written);
	return add_other(e, written, err);
}

/* Notes the container in prefix NAME rest, and writes its id there when that is known. */
static int take_other(struct arena *a, struct json *v, size_t at, size_t n,
		      const struct edit_how *how, struct edit *e, struct err *err)
{
	struct slice name = { v->text.p + at, n };
	struct slice id = name;
	struct slice rest = slice_from(v->text, at + n);
	int r = edit_other(e, how, &id, err);
	char *s;

	if (r != EDIT_OK || id.p == name.p)
		return r;
	s = arena_printf(a, "%.*s%.*s%.*s", (int)at, v->text.p, SLICE_ARG(id), SLICE_ARG(rest));
	if (!s)
		return bad(err, "too large");
	v->text = slice_str(s);
	return EDIT_OK;
}

static int take_mode(struct arena *a, const struct json *hc, const char *key,
		     const struct edit_how *how, struct edit *e, struct err *err)
{
	static const struct slice prefix = { "container:", 10 };
	struct json *mode = json_get(hc, key);

	if (!mode || !slice_starts(mode->text, prefix))
		return EDIT_OK;
	return take_other(a, mode, prefix.n, mode->text.n - prefix.n, how, e, err);
}

/* "NAME" or "NAME:ALIAS", which the engine also takes with a slash before each. Without an alias it
 * is the name, and stays so when an id takes its place. */
static int take_link(struct arena *a, struct json *v, const struct edit_how *how, struct edit *e,
		     struct err *err)
{
	size_t at = v->text.n > 0 && v->text.p[0] == '/';
	size_t n = slice_find(slice_from(v->text, at), ':');
	struct slice name = { v->text.p + at, n };
	struct slice alias = slice_from(v->text, at + n);
	struct slice id = name;
	int r = edit_other(e, how, &id, err);
	char *s;

	if (r != EDIT_OK || id.p == name.p)
		return r;
	if (alias.n == 0)
		s = arena_printf(a, "%.*s:%.*s", SLICE_ARG(id), SLICE_ARG(name));
	else
		s = arena_printf(a, "%s%.*s%.*s", at ? "/" : "", SLICE_ARG(id), SLICE_ARG(alias));
	if (!s)
		return bad(err, "too large");
	v->text = slice_str(s);
	return EDIT_OK;
}

/* What only matters where not every container may be named. The engine knows no such user, UTS and
 * cgroup namespaces; one that did would be told the id as well. */
static int take_own(struct arena *a, const struct json *hc, const struct edit_how *how,
		    struct edit *e, struct err *err)
{
	static const char *const modes[] = { "UsernsMode", "UTSMode", "CgroupnsMode" };
	const struct json *links = json_get(hc, "Links");
	int r = EDIT_OK;

	for (size_t i = 0; i < ARRAY_SIZE(modes) && r == EDIT_OK; i++)
		r = take_mode(a, hc, modes[i], how, e, err);
	for (size_t i = 0; links && i < links->n && r == EDIT_OK; i++)
		r = take_link(a, links->items[i], how, e, err);
	return r;
}

static int take_others(struct arena *a, const struct json *hc, const struct edit_how *how,
		       struct edit *e, struct err *err)
{
	static const char *const modes[] = { "PidMode", "IpcMode", "NetworkMode" };
	const struct json *from = json_get(hc, "VolumesFrom");
	int r = EDIT_OK;

	e->binds |= from && from->n > 0; /* not known; so it is as if */
	for (size_t i = 0; from && i < from->n && r == EDIT_OK; i++)
		r = take_other(a, from->items[i], 0, slice_find(from->items[i]->text, ':'), how, e,
			       err);
	e->nfrom = e->nothers;
	for (size_t i = 0; i < ARRAY_SIZE(modes) && r == EDIT_OK; i++)
		r = take_mode(a, hc, modes[i], how, e, err);
	return r == EDIT_OK && how->own ? take_own(a, hc, how, e, err) : r;
}

/* --- bodies --- */

/* What a client in Go sends for a member that nobody has set. */
static bool is_unset(const struct json *v)
{
	switch (v->kind) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return !v->boolean;
	case JSON_NUMBER:
		return slice_eq_str(v->text, "0");
	case JSON_STRING:
		return v->text.n == 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return v->n == 0;
	}
	return false;
}

/* Engines up to 26 take members of HostConfig at the top level too. Those that say nothing, as
 * dockerode's VolumesFrom, are dropped. */
static int check_top_level(struct json *doc, struct err *err)
{
	size_t kept = 0;

	if (doc->kind != JSON_OBJECT)
		return EDIT_OK;
	for (size_t i = 0; i < doc->n; i++) {
		const struct shape_member *m =
			shape_find(&edit_shape_host_config, doc->members[i].key);

		if (m && !is_unset(doc->members[i].value)) {
			(void)err_set(err, -EINVAL, "%s belongs into HostConfig", m->name);
			return EDIT_BAD;
		}
		if (!m)
			doc->members[kept++] = doc->members[i];
	}
	doc->n = kept;
	return EDIT_OK;
}

static int edit_create(struct arena *a, struct json *doc, const struct edit_how *how,
		       struct edit *e, struct err *err)
{
	struct json *hc = json_get(doc, "HostConfig");
	int r = check_top_level(doc, err);

	e->image = slice_str(text_of(doc, "Image"));
	if (r == EDIT_OK)
		r = edit_things(a, doc, hc, how, e, err);
	if (r != EDIT_OK || !hc)
		return r;
	if (!how->plain)
		r = check_host_namespaces(hc, e, err);
	if (r == EDIT_OK)
		r = edit_host(a, hc, how, e, err);
	if (r == EDIT_OK)
		r = take_mounts(a, hc, how, e, err);
	if (r == EDIT_OK)
		r = take_binds(a, hc, how, e, err);
	if (r == EDIT_OK)
		r = take_others(a, hc, how, e, err);
	/* The engine's default is the one runtime that there is; every container gets a user
	 * namespace of its own. */
	(void)json_del(hc, "Runtime");
	if (strcmp(text_of(hc, "UsernsMode"), "host") == 0)
		(void)json_del(hc, "UsernsMode");
	return r;
}

static void look_at_exec(const struct json *doc, struct edit *e)
{
	const char *user = text_of(doc, "User");

	e->names_user = user[strspn(user, "0123456789:")] != '\0';
}

/* A container that is missing, or "", is the engine's to refuse. What the endpoint says of its
 * network would count more than the path. */
static int edit_join(struct arena *a, struct json *doc, const struct edit_how *how, struct edit *e,
		     struct err *err)
{
	struct json *v = json_get(doc, "Container");
	int r = how->own ? edit_joined(a, doc, how, err) : EDIT_OK;

	return r == EDIT_OK && how->own && v ? take_other(a, v, 0, v->text.n, how, e, err) : r;
}

/* The instance's way out itself, or a VLAN on it: who has an interface there can have all that
 * comes in for the engine and for everybody's containers. */
static bool is_way_out(const char *device)
{
	size_t n = strlen(SUBNETS_DEVICE);

	return strncmp(device, SUBNETS_DEVICE, n) == 0 && (device[n] == '\0' || device[n] == '.');
}

/* A second network on the default bridge the engine makes, and takes the first one's along when it
 * is removed: nobody's containers have one any more, until the engine is started again. */
static int check_interfaces(const struct json *options, struct edit *e, struct err *err)
{
	const char *parent = text_of(options, "parent");
	const char *bridge = text_of(options, "com.docker.network.bridge.name");

	if (is_way_out(parent)) {
		(void)err_set(err, -EPERM,
			      "networks with the parent %s are not supported by gabion: it is the "
			      "engine's own way out",
			      parent);
		return deny(e, "network-parent", "choose another parent, or none");
	}
	if (strcmp(bridge, "docker0") == 0) {
		(void)err_set(err, -EPERM,
			      "networks with the bridge %s are not supported by gabion: it is that "
			      "of the engine's own network, \"bridge\"",
			      bridge);
		return deny(e, "network-bridge", "use that network, or another bridge name");
	}
	return EDIT_OK;
}

/* Who has the addresses that the engine asks has its names, and what registries say. */
static int check_network(const struct json *doc, struct edit *e, struct err *err)
{
	const struct json *list = json_at(doc, "IPAM.Config");
	int r = edit_driver(slice_str(text_of(doc, "Driver")), e, err);

	if (r == EDIT_OK)
		r = edit_driver(slice_str(text_of(json_get(doc, "IPAM"), "Driver")), e, err);
	if (r == EDIT_OK)
		r = check_interfaces(json_get(doc, "Options"), e, err);
	for (size_t i = 0; list && i < list->n && r == EDIT_OK; i++) {
		const char *subnet = text_of(list->items[i], "Subnet");

		if (!subnets_cover_own(slice_str(subnet)))
			continue;
		(void)err_set(err, -EPERM,
			      "networks over %s are not supported by gabion: the engine's own "
			      "name server and way out may be there",
			      subnet);
		return deny(e, "network-subnet", "choose another subnet");
	}
	return r;
}

static int edit_made_network(struct arena *a, struct json *doc, const struct edit_how *how,
			     struct edit *e, struct err *err)
{
	const struct json *from = json_at(doc, "ConfigFrom.Network");
	int r = how->plain ? EDIT_OK : check_network(doc, e, err);

	if (r == EDIT_OK)
		r = edit_label(a, doc, how, e, err);

	if (r == EDIT_OK && how->own)
		r = edit_own_network(a, doc, e, err);
	return r == EDIT_OK && from ? edit_network(how, e, from->text, err) : r;
}

/* The engine gives what is there already to whoever asks for that name. */
static int edit_made_volume(struct arena *a, struct json *doc, const struct edit_how *how,
			    struct edit *e, struct err *err)
{
	const struct json *name = json_get(doc, "Name");
	int r = how->plain ? EDIT_OK
			   : edit_volume_options(text_of(doc, "Driver"),
						 json_get(doc, "DriverOpts"), e, err);

	if (r == EDIT_OK && how->own && name && name->text.n > 0)
		r = edit_volume(a, e, (struct edit_volume){ .name = name->text }, err);
	return r == EDIT_OK ? edit_label(a, doc, how, e, err) : r;
}

/* By whatever spelling the engine takes for it: a creation's labels stay as they are. */
static const struct json *labels_of(const struct json *doc)
{
	for (size_t i = 0; json_is(doc, JSON_OBJECT) && i < doc->n; i++)
		if (fold_match("Labels", doc->members[i].key))
			return doc->members[i].value;
	return NULL;
}

static bool has_label_of_compose(const struct json *labels)
{
	for (size_t i = 0; json_is(labels, JSON_OBJECT) && i < labels->n; i++)
		if (slice_starts(labels->members[i].key, SLICE_LIT(ROUTE_COMPOSE_LABEL)))
			return true;
	return false;
}

/* Another value would be taken for none, and files would be shown as whose they are not meant to.
 */
static int check_owner(const struct json *labels, struct err *err)
{
	const struct json *owner = json_get(labels, NUMBER_LABEL);

	if (!owner || (json_str(owner) && number_label_ok(json_str(owner))))
		return EDIT_OK;
	(void)err_set(err, -EINVAL, "the label %s is \"root\" or \"user\", not \"%.40s\"",
		      NUMBER_LABEL, json_str(owner) ? json_str(owner) : "");
	return EDIT_BAD;
}

int edit_body(enum route_kind kind, struct arena *a, struct slice text, const struct edit_how *how,
	      struct edit *ret, struct buf *out, struct err *err)
{
	static const struct json_limits limits = {
		.depth = DEPTH_MAX, .one_value = true, .no_nul = true, .valid_utf8 = true
	};
	static const struct shape_options keep = { .unknown = SHAPE_UNKNOWN_KEEP };
	struct json *raw;
	struct json *doc;
	int r = EDIT_OK;

	*ret = (struct edit){ 0 };
	if (json_parse(a, text, &limits, &raw, NULL, err) < 0 ||
	    json_canon(a, raw, edit_shape_of(kind), &keep, &doc, err) < 0)
		return EDIT_BAD;
	if (kind == ROUTE_CREATE || kind == ROUTE_VOLUME || kind == ROUTE_NETWORK)
		ret->compose = has_label_of_compose(labels_of(doc));
	if (kind == ROUTE_CREATE)
		r = check_owner(labels_of(doc), err);
	if (kind == ROUTE_CREATE && r == EDIT_OK)
		r = edit_create(a, doc, how, ret, err);
	else if (kind == ROUTE_EXEC)
		look_at_exec(doc, ret);
	else if (kind == ROUTE_JOIN)
		r = edit_join(a, doc, how, ret, err);
	else if (kind == ROUTE_VOLUME)
		r = edit_made_volume(a, doc, how, ret, err);
	else if (kind == ROUTE_NETWORK)
		r = edit_made_network(a, doc, how, ret, err);
	if (r == EDIT_OK && out) {
		json_emit(doc, out);
		if (!buf_ok(out))
			return bad(err, "the body is too large");
	}
	return r;
}

int edit_query(enum route_kind kind, const struct http_target *t, const struct edit_how *how,
	       struct edit *ret, struct err *err)
{
	const struct slice *parent;
	const struct slice *mode;
	size_t n;

	*ret = (struct edit){ 0 };
	if (kind != ROUTE_BUILD)
		return EDIT_OK;
	parent = http_target_param(t, "cgroupparent", &n);
	if (n > 1)
		return bad(err, "cgroupparent is repeated");
	if (parent && !how->plain && edit_cgroup_parent(*parent, ret, err) != EDIT_OK)
		return EDIT_DENIED;
	mode = http_target_param(t, "networkmode", &n);
	if (n > 1)
		return bad(err, "networkmode is repeated");
	if (!mode)
		return EDIT_OK;
	if (!how->plain && slice_eq_str(*mode, "host")) {
		(void)err_set(err, -EPERM, "%s", edit_network_text);
		return deny(ret, "host-network",
			    "use a builder of your own (buildx create --driver docker-container "
			    "--use): its host network is that of its container");
	}
	if (slice_starts(*mode, SLICE_LIT("container:")))
		return add_other(ret, slice_from(*mode, 10), err);
	return edit_network(how, ret, *mode, err);
}
