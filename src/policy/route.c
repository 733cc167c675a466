/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/route.h"

#include "base/util.h"

#define SWARM "swarm mode is not supported: its tasks would be created past the gate"
#define PLUGIN "engine plugins run as root on the host and are not supported"
#define CHECKPOINT "checkpoints are not supported: they hold host paths and ids of another range"
#define DEBUG "the engine's own memory is not shown"

#define OWNED ROUTE_OWNER
#define FRESH ROUTE_REFRESH

/* In the order of moby's routers (daemon/server): checkpoint, container, image, system, volume,
 * build, session, swarm, plugin, distribution, network, debug, grpc. */
static const struct route routes[] = {
	{ "GET", "/containers/{*}/checkpoints", ROUTE_REFUSE, 0, "checkpoint", CHECKPOINT },
	{ "POST", "/containers/{*}/checkpoints", ROUTE_REFUSE, 0, "checkpoint", CHECKPOINT },
	{ "DELETE", "/containers/{*}/checkpoints/{id}", ROUTE_REFUSE, 0, "checkpoint", CHECKPOINT },

	{ "HEAD", "/containers/{*}/archive", ROUTE_ARCHIVE, OWNED, "cp", NULL },
	{ "GET", "/containers/json", ROUTE_RELAY, 0, "ps", NULL },
	{ "GET", "/containers/{*}/export", ROUTE_RELAY, OWNED | FRESH, "export", NULL },
	{ "GET", "/containers/{*}/changes", ROUTE_RELAY, FRESH, "diff", NULL },
	{ "GET", "/containers/{*}/json", ROUTE_RELAY, 0, "inspect", NULL },
	{ "GET", "/containers/{*}/top", ROUTE_RELAY, 0, "top", NULL },
	{ "GET", "/containers/{*}/logs", ROUTE_RELAY, 0, "logs", NULL },
	{ "GET", "/containers/{*}/stats", ROUTE_RELAY, 0, "stats", NULL },
	{ "GET", "/containers/{*}/attach/ws", ROUTE_RELAY, OWNED | ROUTE_HIJACK, "attach", NULL },
	{ "GET", "/exec/{*}/json", ROUTE_RELAY, 0, "exec", NULL },
	{ "GET", "/containers/{*}/archive", ROUTE_ARCHIVE, OWNED, "cp", NULL },
	{ "POST", "/containers/create", ROUTE_CREATE, ROUTE_JSON, "create", NULL },
	{ "POST", "/containers/{*}/kill", ROUTE_RELAY, 0, "kill", NULL },
	{ "POST", "/containers/{*}/pause", ROUTE_RELAY, 0, "pause", NULL },
	{ "POST", "/containers/{*}/unpause", ROUTE_RELAY, 0, "unpause", NULL },
	{ "POST", "/containers/{*}/restart", ROUTE_RELAY, OWNED, "restart", NULL },
	{ "POST", "/containers/{*}/start", ROUTE_RELAY, OWNED, "start", NULL },
	{ "POST", "/containers/{*}/stop", ROUTE_RELAY, 0, "stop", NULL },
	{ "POST", "/containers/{*}/wait", ROUTE_RELAY, 0, "wait", NULL },
	{ "POST", "/containers/{*}/resize", ROUTE_RELAY, 0, NULL, NULL },
	{ "POST", "/containers/{*}/attach", ROUTE_RELAY, OWNED | ROUTE_HIJACK, "attach", NULL },
	{ "POST", "/containers/{*}/copy", ROUTE_REFUSE, 0, "cp",
	  "this endpoint was withdrawn from the engine; use GET /containers/{name}/archive" },
	{ "POST", "/containers/{*}/exec", ROUTE_EXEC, OWNED | ROUTE_JSON, "exec", NULL },
	{ "POST", "/exec/{*}/start", ROUTE_EXEC_ID, OWNED | ROUTE_JSON | ROUTE_HIJACK, "exec",
	  NULL },
	{ "POST", "/exec/{*}/resize", ROUTE_RELAY, 0, "exec", NULL },
	{ "POST", "/containers/{*}/rename", ROUTE_RELAY, 0, "rename", NULL },
	{ "POST", "/containers/{*}/update", ROUTE_RELAY, ROUTE_JSON, "update", NULL },
	{ "POST", "/containers/prune", ROUTE_RELAY, 0, "container prune", NULL },
	{ "POST", "/commit", ROUTE_COMMIT, OWNED | FRESH | ROUTE_JSON, "commit", NULL },
	{ "PUT", "/containers/{*}/archive", ROUTE_ARCHIVE, OWNED, "cp", NULL },
	{ "DELETE", "/containers/{*}", ROUTE_RELAY, 0, "rm", NULL },

	{ "GET", "/images/json", ROUTE_RELAY, 0, "images", NULL },
	{ "GET", "/images/search", ROUTE_RELAY, 0, "search", NULL },
	{ "GET", "/images/get", ROUTE_RELAY, 0, "save", NULL },
	{ "GET", "/images/{*}/get", ROUTE_RELAY, 0, "save", NULL },
	{ "GET", "/images/{*}/history", ROUTE_RELAY, 0, "history", NULL },
	{ "GET", "/images/{*}/json", ROUTE_RELAY, 0, "image inspect", NULL },
	{ "GET", "/images/{*}/attestations", ROUTE_RELAY, 0, "image inspect", NULL },
	{ "POST", "/images/load", ROUTE_RELAY, 0, "load", NULL },
	{ "POST", "/images/create", ROUTE_RELAY, 0, "pull", NULL },
	{ "POST", "/images/{*}/push", ROUTE_RELAY, 0, "push", NULL },
	{ "POST", "/images/{*}/tag", ROUTE_RELAY, 0, "tag", NULL },
	{ "POST", "/images/prune", ROUTE_RELAY, 0, "image prune", NULL },
	{ "DELETE", "/images/{*}", ROUTE_RELAY, 0, "rmi", NULL },

	{ "OPTIONS", "/{*}", ROUTE_RELAY, 0, NULL, NULL },
	{ "GET", "/_ping", ROUTE_RELAY, 0, NULL, NULL },
	{ "HEAD", "/_ping", ROUTE_RELAY, 0, NULL, NULL },
	{ "GET", "/events", ROUTE_RELAY, 0, "events", NULL },
	{ "GET", "/info", ROUTE_RELAY, 0, "info", NULL },
	{ "GET", "/version", ROUTE_RELAY, 0, "version", NULL },
	{ "GET", "/system/df", ROUTE_RELAY, 0, "system df", NULL },
	{ "POST", "/auth", ROUTE_RELAY, ROUTE_JSON, "login", NULL },

	{ "GET", "/volumes", ROUTE_RELAY, 0, "volume ls", NULL },
	{ "GET", "/volumes/{*}", ROUTE_RELAY, 0, "volume inspect", NULL },
	{ "POST", "/volumes/create", ROUTE_VOLUME, ROUTE_JSON, "volume create", NULL },
	{ "POST", "/volumes/prune", ROUTE_RELAY, 0, "volume prune", NULL },
	{ "PUT", "/volumes/{*}", ROUTE_REFUSE, 0, "volume update", SWARM },
	{ "DELETE", "/volumes/{*}", ROUTE_RELAY, 0, "volume rm", NULL },

	{ "POST", "/build", ROUTE_BUILD, 0, "build", NULL },
	{ "POST", "/build/prune", ROUTE_RELAY, 0, "builder prune", NULL },
	{ "POST", "/build/cancel", ROUTE_RELAY, 0, "build", NULL },
	{ "POST", "/session", ROUTE_RELAY, ROUTE_HIJACK, "build", NULL },

	{ "GET", "/swarm{*}", ROUTE_REFUSE, 0, "swarm", SWARM },
	{ "POST", "/swarm{*}", ROUTE_REFUSE, 0, "swarm", SWARM },
	{ "GET", "/services{*}", ROUTE_REFUSE, 0, "service", SWARM },
	{ "POST", "/services{*}", ROUTE_REFUSE, 0, "service", SWARM },
	{ "DELETE", "/services{*}", ROUTE_REFUSE, 0, "service", SWARM },
	{ "GET", "/nodes{*}", ROUTE_REFUSE, 0, "node", SWARM },
	{ "POST", "/nodes{*}", ROUTE_REFUSE, 0, "node", SWARM },
	{ "DELETE", "/nodes{*}", ROUTE_REFUSE, 0, "node", SWARM },
	{ "GET", "/tasks{*}", ROUTE_REFUSE, 0, "service", SWARM },
	{ "GET", "/secrets{*}", ROUTE_REFUSE, 0, "secret", SWARM },
	{ "POST", "/secrets{*}", ROUTE_REFUSE, 0, "secret", SWARM },
	{ "DELETE", "/secrets{*}", ROUTE_REFUSE, 0, "secret", SWARM },
	{ "GET", "/configs{*}", ROUTE_REFUSE, 0, "config", SWARM },
	{ "POST", "/configs{*}", ROUTE_REFUSE, 0, "config", SWARM },
	{ "DELETE", "/configs{*}", ROUTE_REFUSE, 0, "config", SWARM },

	{ "GET", "/plugins", ROUTE_RELAY, 0, "plugin ls", NULL },
	{ "GET", "/plugins/{*}/json", ROUTE_RELAY, 0, "plugin inspect", NULL },
	{ "GET", "/plugins/privileges", ROUTE_RELAY, 0, "plugin install", NULL },
	{ "DELETE", "/plugins/{*}", ROUTE_RELAY, 0, "plugin rm", NULL },
	{ "POST", "/plugins/{*}/disable", ROUTE_RELAY, 0, "plugin disable", NULL },
	{ "POST", "/plugins/{*}", ROUTE_REFUSE, 0, "plugin", PLUGIN },

	{ "GET", "/distribution/{*}/json", ROUTE_RELAY, 0, NULL, NULL },

	{ "GET", "/networks", ROUTE_RELAY, 0, "network ls", NULL },
	{ "GET", "/networks/", ROUTE_RELAY, 0, "network ls", NULL },
	{ "GET", "/networks/{+}", ROUTE_RELAY, 0, "network inspect", NULL },
	{ "POST", "/networks/create", ROUTE_RELAY, ROUTE_JSON, "network create", NULL },
	{ "POST", "/networks/{*}/connect", ROUTE_RELAY, ROUTE_JSON, "network connect", NULL },
	{ "POST", "/networks/{*}/disconnect", ROUTE_RELAY, ROUTE_JSON, "network disconnect", NULL },
	{ "POST", "/networks/prune", ROUTE_RELAY, 0, "network prune", NULL },
	{ "DELETE", "/networks/{*}", ROUTE_RELAY, 0, "network rm", NULL },

	{ "GET", "/debug{*}", ROUTE_REFUSE, 0, NULL, DEBUG },
	{ "POST", "/debug{*}", ROUTE_REFUSE, 0, NULL, DEBUG },

	{ "POST", "/grpc", ROUTE_RELAY, ROUTE_HIJACK, "build", NULL },
};

const struct route *route_table(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(routes);
	return routes;
}

/* Moby takes any "/v[0-9.]+" here, and then compares the version with its limits. Only the form
 * that clients really send is known here; below 1.24, starting a container could still change it.
 */
static int version_take(struct slice path, struct route_match *ret)
{
	size_t n = 2;
	uint64_t minor;

	ret->path = path;
	ret->version = SLICE_NULL;
	while (n < path.n && ((path.p[n] >= '0' && path.p[n] <= '9') || path.p[n] == '.'))
		n++;
	if (n == 2 || path.n <= n || path.p[1] != 'v' || path.p[n] != '/')
		return ROUTE_FOUND;
	ret->version = (struct slice){ path.p + 2, n - 2 };
	ret->path = slice_from(path, n);
	if (!slice_starts(ret->version, SLICE_LIT("1.")) || ret->version.p[2] == '0' ||
	    num_parse_u64(slice_from(ret->version, 2), 9999, &minor) < 0 || minor < 24)
		return ROUTE_BAD_VERSION;
	return ROUTE_FOUND;
}

static bool match(struct slice path, const char *pattern, struct slice *ret_name)
{
	struct slice before = slice_str(pattern);
	struct slice after;
	size_t at = slice_find(before, '{');
	char hole;

	*ret_name = SLICE_NULL;
	if (at == before.n)
		return slice_eq(path, before);
	hole = before.p[at + 1];
	after = slice_from(before, at);
	after = slice_from(after, slice_find(after, '}') + 1);
	before.n = at;
	/* A second hole ends the pattern (checkpoints): it takes the last segment. */
	at = slice_find(after, '{');
	if (at < after.n) {
		after.n = at;
		while (path.n > 0 && path.p[path.n - 1] != '/')
			path.n--;
	}
	if (path.n < before.n + after.n || !slice_starts(path, before))
		return false;
	if (!slice_ends(path, after))
		return false;
	*ret_name = (struct slice){ path.p + before.n, path.n - before.n - after.n };
	if (hole == 'i')
		return ret_name->n > 0 && slice_find(*ret_name, '/') == ret_name->n;
	return hole == '*' || ret_name->n > 0;
}

int route_find(struct slice method, struct slice path, struct route_match *ret)
{
	int r = version_take(path, ret);

	ret->route = NULL;
	ret->name = SLICE_NULL;
	if (r != ROUTE_FOUND)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (!slice_eq_str(method, routes[i].method) ||
		    !match(ret->path, routes[i].pattern, &ret->name))
			continue;
		ret->route = &routes[i];
		return ROUTE_FOUND;
	}
	return ROUTE_UNKNOWN;
}
