/* SPDX-License-Identifier: Apache-2.0 */
/* Properties: what is written is taken again, asks for the same, and is written the same; nothing
 * that is written asks for a namespace of the host or a runtime; where ids stand for the containers
 * and networks that are named, nothing but those ids is named. The first byte chooses the endpoint.
 */
#include <assert.h>

#include "gate/edit.h"
#include "gate/maker.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_created(struct arena *a, struct slice text)
{
	static const char *const modes[] = { "PidMode",	   "IpcMode",	  "UTSMode",
					     "UsernsMode", "NetworkMode", "CgroupnsMode" };
	struct json_limits limits = JSON_LIMITS;
	const struct json *hc;
	struct json *v = NULL;
	int r = json_parse(a, text, &limits, &v, NULL, NULL);

	assert(r == 0);
	hc = json_get(v, "HostConfig");
	assert(!json_get(hc, "Runtime"));
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		const struct json *value = json_get(hc, modes[i]);

		assert(!value || !slice_eq_str(value->text, "host"));
	}
}

static void check_sources(const struct edit *e, const struct edit *f)
{
	assert(e->nsources == f->nsources && e->nsources <= EDIT_SOURCES_MAX);
	for (size_t i = 0; i < e->nsources; i++) {
		assert(slice_eq(e->sources[i].path, f->sources[i].path));
		assert(e->sources[i].flags == f->sources[i].flags);
		assert(e->sources[i].path.n > 0 && (e->sources[i].path.p[0] == '/' ||
						    e->sources[i].flags == CONTROL_PATH_RULE ||
						    e->sources[i].flags == CONTROL_PATH_CDI));
	}
}

/* Each endpoint has the id of its network, but for those of the engine's own. */
static void check_endpoints(struct arena *a, struct slice text, struct slice id)
{
	struct json_limits limits = JSON_LIMITS;
	const struct json *list;
	const struct json *mode;
	struct json *v = NULL;
	int r = json_parse(a, text, &limits, &v, NULL, NULL);

	assert(r == 0);
	list = json_at(v, "NetworkingConfig.EndpointsConfig");
	mode = json_at(v, "HostConfig.NetworkMode");
	for (size_t i = 0; list && i < list->n; i++) {
		const struct json *said = json_get(list->members[i].value, "NetworkID");

		assert(said ? slice_eq(said->text, id) : maker_predefined(list->members[i].key));
	}
	assert((list && list->n > 0) || !mode || maker_predefined(mode->text) ||
	       slice_starts(mode->text, SLICE_LIT("container:")));
}

/* Every container and network that it names is called ID. */
static void check_ids(struct arena *a, enum route_kind kind, struct slice text,
		      const struct edit *e)
{
	static const struct slice id = {
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 64
	};
	struct slice ids[EDIT_OTHERS_MAX];
	struct edit_how how = { .own = true,
				.known = true,
				.n = e->nothers,
				.names = e->others,
				.ids = ids,
				.nnetworks = e->nnetworks,
				.networks = e->networks,
				.network_ids = ids };
	struct buf out = BUF_INIT(4u << 20);
	struct edit f;
	int r;

	for (size_t i = 0; i < EDIT_OTHERS_MAX; i++)
		ids[i] = id;
	r = edit_body(kind, a, text, &how, &f, &out, NULL);
	assert(r == EDIT_OK && f.nothers == e->nothers);
	if (kind == ROUTE_CREATE)
		check_endpoints(a, buf_slice(&out), id);
	how.known = false;
	how.n = 0;
	how.nnetworks = 0;
	r = edit_body(kind, a, buf_slice(&out), &how, &f, NULL, NULL);
	assert(r == EDIT_OK && f.nothers == e->nothers);
	for (size_t i = 0; i < f.nothers; i++)
		assert(slice_eq(f.others[i], id));
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum route_kind kinds[] = { ROUTE_CREATE, ROUTE_EXEC, ROUTE_VOLUME,
						 ROUTE_NETWORK };
	struct arena a = ARENA_INIT(16u << 20);
	struct buf out = BUF_INIT(4u << 20);
	struct buf again = BUF_INIT(4u << 20);
	struct edit_how how = { .plain = false };
	enum route_kind kind;
	struct edit e;
	struct edit f;

	if (n == 0 || n > 65536)
		return 0;
	kind = (data[0] & 0x48) == 0x48 ? ROUTE_JOIN : kinds[data[0] % ARRAY_SIZE(kinds)];
	how.own = data[0] & 0x40;
	how.plain = data[0] & 0x80;
	if (edit_body(kind, &a, (struct slice){ (const char *)data + 1, n - 1 }, &how, &e, &out,
		      NULL) == EDIT_OK) {
		int r = edit_body(kind, &a, buf_slice(&out), &how, &f, &again, NULL);

		assert(r == EDIT_OK);
		assert(slice_eq(buf_slice(&out), buf_slice(&again)));
		assert(e.nothers == f.nothers && e.names_user == f.names_user);
		assert(e.nnetworks == f.nnetworks && e.nvolumes == f.nvolumes);
		check_sources(&e, &f);
		if (how.own && !how.plain)
			check_ids(&a, kind, (struct slice){ (const char *)data + 1, n - 1 }, &e);
		if (kind == ROUTE_CREATE)
			check_created(&a, buf_slice(&out));
	}
	buf_done(&out);
	buf_done(&again);
	arena_done(&a);
	return 0;
}
