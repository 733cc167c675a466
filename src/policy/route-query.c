/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a query says about the class of a request. Engines take the first of several parameters of
 * one name, and read JSON as Go does; whatever could also be read otherwise counts as everything
 * that it could mean, so that nobody gets past a list by saying two things at once.
 */
#include "base/arena.h"
#include "base/util.h"
#include "policy/route.h"
#include "policy/solve.h"
#include "json/shape.h"

#define TREE_MAX (4u * 1024u * 1024u)

struct query {
	const struct slice_pair *params;
	size_t n;
};

/* How many of that name; *ret is the first one's value, or "". */
static size_t param(const struct query *q, const char *key, struct slice *ret)
{
	size_t count = 0;

	*ret = SLICE_LIT("");
	for (size_t i = 0; i < q->n; i++)
		if (slice_eq_str(q->params[i].key, key) && count++ == 0)
			*ret = q->params[i].value;
	return count;
}

static void only(struct route_match *m, enum route_class c)
{
	m->nclasses = 0;
	m->classes[m->nclasses++] = c;
}

static void also(struct route_match *m, enum route_class c)
{
	m->classes[m->nclasses++] = c;
}

static struct json *parse(struct arena *a, struct slice text)
{
	struct json_limits limits = JSON_LIMITS;
	struct json *v;

	return json_parse(a, text, &limits, &v, NULL, NULL) < 0 ? NULL : v;
}

/* --- filters --- */

/* {"type":{"container":true}} or {"type":["container"]}: the values of one filter, each of which
 * goes to `take`; false when it cannot be read in one way only. */
static bool filter_values(const struct json *filters, const char *name,
			  void (*take)(void *ctx, struct slice value), void *ctx)
{
	const struct json *values = NULL;

	if (!json_is(filters, JSON_OBJECT))
		return false;
	for (size_t i = 0; i < filters->n; i++) {
		if (!slice_eq_str(filters->members[i].key, name))
			continue;
		if (values)
			return false;
		values = filters->members[i].value;
	}
	if (!values)
		return true;
	if (values->kind != JSON_OBJECT && values->kind != JSON_ARRAY)
		return false;
	for (size_t i = 0; i < values->n; i++) {
		if (values->kind == JSON_ARRAY) {
			if (!json_is(values->items[i], JSON_STRING))
				return false;
			take(ctx, values->items[i]->text);
		} else {
			if (!json_is(values->members[i].value, JSON_BOOL) ||
			    !values->members[i].value->boolean)
				return false;
			take(ctx, values->members[i].key);
		}
	}
	return true;
}

struct types {
	size_t n;
	size_t containers;
};

static void take_type(void *ctx, struct slice value)
{
	struct types *t = ctx;

	t->n++;
	t->containers += slice_eq_str(value, "container");
}

static void take_label(void *ctx, struct slice value)
{
	bool *found = ctx;

	*found |= slice_starts(value, SLICE_LIT(ROUTE_COMPOSE_LABEL));
}

/* compose has no endpoints of its own. But most of what it does begins with a look for what belongs
 * to its project, by labels, and nobody else asks for those. (Those that it gives are in bodies.)
 */
static void query_labels(struct route_match *m, const struct query *q)
{
	bool found = false;

	for (size_t i = 0; i < q->n && !found; i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
		struct slice text = q->params[i].value;

		if (!slice_eq_str(q->params[i].key, "filters") || text.n == 0)
			continue;
		if (!filter_values(parse(&a, text), "label", take_label, &found))
			found = true;
	}
	if (found)
		also(m, ROUTE_CLASS_COMPOSE);
}

static void query_events(struct route_match *m, const struct query *q)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
	struct types t = { 0, 0 };
	struct slice text;

	if (param(q, "filters", &text) == 1 &&
	    filter_values(parse(&a, text), "type", take_type, &t) && t.n == 1 && t.containers == 1)
		only(m, ROUTE_CLASS_EVENTS_CONTAINER);
	query_labels(m, q);
}

/* --- images --- */

static void query_image_create(struct route_match *m, const struct query *q)
{
	struct slice image;
	struct slice source;
	size_t nimage = param(q, "fromImage", &image);
	size_t nsource = param(q, "fromSrc", &source);

	only(m, image.n > 0 ? ROUTE_CLASS_IMAGE_PULL : ROUTE_CLASS_IMAGE_IMPORT);
	if (nimage > 1 || nsource > 1 || (image.n > 0 && source.n > 0)) {
		only(m, ROUTE_CLASS_IMAGE_PULL);
		also(m, ROUTE_CLASS_IMAGE_IMPORT);
	}
}

/* --- builds --- */

static const struct shape_member output_members[] = {
	{ "Type", &shape_string },
	{ "Attrs", &shape_string_map },
};
static const struct shape output_shape = SHAPE_STRUCT_OF(output_members);
static const struct shape outputs_shape = SHAPE_LIST_OF(&output_shape);

static bool output_may_push(const struct json *output)
{
	const char *type = json_get_str(output, "Type");
	const struct json *attrs = json_get(output, "Attrs");

	if (!type || !solve_exporter_known(slice_str(type)))
		return true;
	for (size_t i = 0; attrs && i < attrs->n; i++)
		if (solve_attribute_pushes(attrs->members[i].key, attrs->members[i].value->text))
			return true;
	return false;
}

static bool outputs_may_push(struct slice text)
{
	static const struct shape_options drop = { .unknown = SHAPE_UNKNOWN_DROP };
	CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
	struct json *raw = parse(&a, text);
	struct json *outputs;

	if (!raw || json_canon(&a, raw, &outputs_shape, &drop, &outputs, NULL) < 0)
		return true;
	for (size_t i = 0; json_is(outputs, JSON_ARRAY) && i < outputs->n; i++)
		if (output_may_push(outputs->items[i]))
			return true;
	return false;
}

static void query_build(struct route_match *m, const struct query *q)
{
	struct slice version;
	struct slice outputs;
	size_t nversion = param(q, "version", &version);
	size_t noutputs = param(q, "outputs", &outputs);

	if (nversion <= 1 && (version.n == 0 || slice_eq_str(version, "1")))
		return; /* BUILD_CLASSIC, which has no outputs */
	if (nversion == 1 && slice_eq_str(version, "2"))
		only(m, ROUTE_CLASS_BUILD_KIT);
	else
		also(m, ROUTE_CLASS_BUILD_KIT);
	if (noutputs > 1 || (outputs.n > 0 && outputs_may_push(outputs)))
		also(m, ROUTE_CLASS_BUILD_PUSH);
}

/* --- all of them --- */

static void query_tunnel(struct route_match *m, const struct query *q)
{
	(void)q;
	also(m, ROUTE_CLASS_BUILD_PUSH);
}

static const struct {
	enum route_class class;
	void (*look)(struct route_match *m, const struct query *q);
} looks[] = {
	{ ROUTE_CLASS_EVENTS, query_events },
	{ ROUTE_CLASS_CONTAINER_LIST, query_labels },
	{ ROUTE_CLASS_NETWORK_LIST, query_labels },
	{ ROUTE_CLASS_VOLUME_LIST, query_labels },
	{ ROUTE_CLASS_IMAGE_LIST, query_labels },
	{ ROUTE_CLASS_IMAGE_IMPORT, query_image_create },
	{ ROUTE_CLASS_BUILD_CLASSIC, query_build },
	{ ROUTE_CLASS_BUILD_GRPC, query_tunnel },
};

void route_query(struct route_match *m, const struct slice_pair *params, size_t n)
{
	struct query q = { params, n };

	only(m, m->route->class);
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++)
		if (looks[i].class == m->route->class)
			looks[i].look(m, &q);
}
