/* SPDX-License-Identifier: Apache-2.0 */
/* In the order of moby's routers (daemon/server, from 20.10 to 29): checkpoint, container, image,
 * system, volume, build, session, swarm, plugin, distribution, network, debug, grpc. */
#include "base/util.h"
#include "policy/route.h"

#define SWARM "swarm mode is not supported: its tasks would be created past the gate"
#define PLUGIN "engine plugins run as root on the host and are not supported"
#define CHECKPOINT "checkpoints are not supported: they hold host paths and ids of another range"
#define DEBUG "the engine's own memory is not shown"
#define COPY "this endpoint was withdrawn from the engine; use GET /containers/{name}/archive"
#define HTTP2 "HTTP/2 is taken inside an upgraded connection only"

/* Rows. */
#define RELAY(method, pattern, class, flags)                                   \
	{                                                                      \
		method, pattern, ROUTE_CLASS_##class, ROUTE_RELAY, flags, NULL \
	}
#define REFUSE(method, pattern, class, flags, reason)                             \
	{                                                                         \
		method, pattern, ROUTE_CLASS_##class, ROUTE_REFUSE, flags, reason \
	}
#define OTHER(method, pattern, class, kind, flags)                              \
	{                                                                       \
		method, pattern, ROUTE_CLASS_##class, ROUTE_##kind, flags, NULL \
	}

/* Flags. */
#define BOX ROUTE_CONTAINER
#define OWNED (ROUTE_CONTAINER | ROUTE_OWNER)
#define FRESH ROUTE_REFRESH
#define JSON ROUTE_JSON
#define HIJACK ROUTE_HIJACK
#define STREAM ROUTE_STREAM
#define VOL ROUTE_NAMES_VOLUME
#define NET ROUTE_NAMES_NETWORK

static const struct route routes[] = {
	REFUSE("GET", "/containers/{*}/checkpoints", CHECKPOINT_LIST, BOX, CHECKPOINT),
	REFUSE("POST", "/containers/{*}/checkpoints", CHECKPOINT_CREATE, BOX | JSON, CHECKPOINT),
	REFUSE("DELETE", "/containers/{id}/checkpoints/{id}", CHECKPOINT_REMOVE, BOX, CHECKPOINT),

	OTHER("HEAD", "/containers/{*}/archive", CONTAINER_COPY_OUT, ARCHIVE, OWNED),
	OTHER("GET", "/containers/json", CONTAINER_LIST, LIST, 0),
	RELAY("GET", "/containers/{*}/export", CONTAINER_EXPORT, OWNED | FRESH),
	RELAY("GET", "/containers/{*}/changes", CONTAINER_CHANGES, BOX | FRESH),
	RELAY("GET", "/containers/{*}/json", CONTAINER_INSPECT, BOX),
	RELAY("GET", "/containers/{*}/top", CONTAINER_TOP, BOX),
	RELAY("GET", "/containers/{*}/logs", CONTAINER_LOGS, BOX),
	RELAY("GET", "/containers/{*}/stats", CONTAINER_STATS, BOX),
	RELAY("GET", "/containers/{*}/attach/ws", CONTAINER_ATTACH_WS, OWNED | HIJACK),
	OTHER("GET", "/exec/{*}/json", EXEC, EXEC_ID, 0),
	OTHER("GET", "/containers/{*}/archive", CONTAINER_COPY_OUT, ARCHIVE, OWNED),
	OTHER("POST", "/containers/create", CONTAINER_CREATE, CREATE, JSON),
	RELAY("POST", "/containers/{*}/kill", CONTAINER_KILL, BOX),
	RELAY("POST", "/containers/{*}/pause", CONTAINER_PAUSE, BOX),
	RELAY("POST", "/containers/{*}/unpause", CONTAINER_UNPAUSE, BOX),
	RELAY("POST", "/containers/{*}/restart", CONTAINER_RESTART, OWNED),
	RELAY("POST", "/containers/{*}/start", CONTAINER_START, OWNED),
	RELAY("POST", "/containers/{*}/stop", CONTAINER_STOP, BOX),
	RELAY("POST", "/containers/{*}/wait", CONTAINER_WAIT, BOX),
	RELAY("POST", "/containers/{*}/resize", CONTAINER_RESIZE, BOX),
	RELAY("POST", "/containers/{*}/attach", CONTAINER_ATTACH, OWNED | HIJACK),
	REFUSE("POST", "/containers/{*}/copy", CONTAINER_COPY_OLD, BOX | JSON, COPY),
	OTHER("POST", "/containers/{*}/exec", EXEC, EXEC, OWNED | JSON),
	OTHER("POST", "/exec/{*}/start", EXEC, EXEC_ID, ROUTE_OWNER | JSON | HIJACK),
	OTHER("POST", "/exec/{*}/resize", EXEC, EXEC_ID, 0),
	RELAY("POST", "/containers/{*}/rename", CONTAINER_RENAME, BOX),
	RELAY("POST", "/containers/{*}/update", CONTAINER_UPDATE, BOX | JSON),
	RELAY("POST", "/containers/prune", CONTAINER_PRUNE, 0),
	OTHER("POST", "/commit", COMMIT, COMMIT, ROUTE_OWNER | FRESH | JSON),
	OTHER("PUT", "/containers/{*}/archive", CONTAINER_COPY_IN, ARCHIVE, OWNED | STREAM),
	RELAY("DELETE", "/containers/{*}", CONTAINER_REMOVE, BOX),

	RELAY("GET", "/images/json", IMAGE_LIST, 0),
	RELAY("GET", "/images/search", IMAGE_SEARCH, 0),
	RELAY("GET", "/images/get", IMAGE_SAVE, 0),
	RELAY("GET", "/images/{*}/get", IMAGE_SAVE, 0),
	RELAY("GET", "/images/{*}/history", IMAGE_HISTORY, 0),
	RELAY("GET", "/images/{*}/json", IMAGE_INSPECT, 0),
	RELAY("GET", "/images/{*}/attestations", IMAGE_ATTESTATIONS, 0),
	RELAY("POST", "/images/load", IMAGE_LOAD, STREAM),
	RELAY("POST", "/images/create", IMAGE_IMPORT, STREAM),
	RELAY("POST", "/images/{*}/push", IMAGE_PUSH, 0),
	RELAY("POST", "/images/{*}/tag", IMAGE_TAG, 0),
	RELAY("POST", "/images/prune", IMAGE_PRUNE, 0),
	RELAY("DELETE", "/images/{*}", IMAGE_REMOVE, 0),

	RELAY("OPTIONS", "/{*}", OPTIONS, 0),
	RELAY("GET", "/_ping", PING, 0),
	RELAY("HEAD", "/_ping", PING, 0),
	RELAY("GET", "/events", EVENTS, 0),
	RELAY("GET", "/info", INFO, 0),
	RELAY("GET", "/version", VERSION, 0),
	RELAY("GET", "/system/df", DISK_USAGE, 0),
	RELAY("POST", "/auth", AUTH, JSON),

	RELAY("GET", "/volumes", VOLUME_LIST, 0),
	RELAY("GET", "/volumes/{*}", VOLUME_INSPECT, VOL),
	OTHER("POST", "/volumes/create", VOLUME_CREATE, VOLUME, JSON),
	RELAY("POST", "/volumes/prune", VOLUME_PRUNE, 0),
	REFUSE("PUT", "/volumes/{*}", VOLUME_UPDATE, JSON, SWARM),
	RELAY("DELETE", "/volumes/{*}", VOLUME_REMOVE, VOL),

	OTHER("POST", "/build", BUILD_CLASSIC, BUILD, STREAM),
	RELAY("POST", "/build/prune", BUILD_PRUNE, 0),
	RELAY("POST", "/build/cancel", BUILD_CANCEL, 0),
	RELAY("POST", "/session", BUILD_SESSION, HIJACK),

	REFUSE("POST", "/swarm/init", SWARM_INIT, JSON, SWARM),
	REFUSE("POST", "/swarm/join", SWARM_JOIN, JSON, SWARM),
	REFUSE("POST", "/swarm/leave", SWARM_LEAVE, 0, SWARM),
	REFUSE("GET", "/swarm", SWARM_INSPECT, 0, SWARM),
	REFUSE("GET", "/swarm/unlockkey", SWARM_UNLOCK_KEY, 0, SWARM),
	REFUSE("POST", "/swarm/update", SWARM_UPDATE, JSON, SWARM),
	REFUSE("POST", "/swarm/unlock", SWARM_UNLOCK, JSON, SWARM),
	REFUSE("GET", "/services", SERVICE_LIST, 0, SWARM),
	REFUSE("GET", "/services/{id}", SERVICE_INSPECT, 0, SWARM),
	REFUSE("POST", "/services/create", SERVICE_CREATE, JSON, SWARM),
	REFUSE("POST", "/services/{id}/update", SERVICE_UPDATE, JSON, SWARM),
	REFUSE("DELETE", "/services/{id}", SERVICE_REMOVE, 0, SWARM),
	REFUSE("GET", "/services/{id}/logs", SERVICE_LOGS, 0, SWARM),
	REFUSE("GET", "/nodes", NODE_LIST, 0, SWARM),
	REFUSE("GET", "/nodes/{id}", NODE_INSPECT, 0, SWARM),
	REFUSE("DELETE", "/nodes/{id}", NODE_REMOVE, 0, SWARM),
	REFUSE("POST", "/nodes/{id}/update", NODE_UPDATE, JSON, SWARM),
	REFUSE("GET", "/tasks", TASK_LIST, 0, SWARM),
	REFUSE("GET", "/tasks/{id}", TASK_INSPECT, 0, SWARM),
	REFUSE("GET", "/tasks/{id}/logs", TASK_LOGS, 0, SWARM),
	REFUSE("GET", "/secrets", SECRET_LIST, 0, SWARM),
	REFUSE("POST", "/secrets/create", SECRET_CREATE, JSON, SWARM),
	REFUSE("DELETE", "/secrets/{id}", SECRET_REMOVE, 0, SWARM),
	REFUSE("GET", "/secrets/{id}", SECRET_INSPECT, 0, SWARM),
	REFUSE("POST", "/secrets/{id}/update", SECRET_UPDATE, JSON, SWARM),
	REFUSE("GET", "/configs", CONFIG_LIST, 0, SWARM),
	REFUSE("POST", "/configs/create", CONFIG_CREATE, JSON, SWARM),
	REFUSE("DELETE", "/configs/{id}", CONFIG_REMOVE, 0, SWARM),
	REFUSE("GET", "/configs/{id}", CONFIG_INSPECT, 0, SWARM),
	REFUSE("POST", "/configs/{id}/update", CONFIG_UPDATE, JSON, SWARM),

	RELAY("GET", "/plugins", PLUGIN_LIST, 0),
	RELAY("GET", "/plugins/{*}/json", PLUGIN_INSPECT, 0),
	RELAY("GET", "/plugins/privileges", PLUGIN_PRIVILEGES, 0),
	RELAY("DELETE", "/plugins/{*}", PLUGIN_REMOVE, 0),
	REFUSE("POST", "/plugins/{*}/enable", PLUGIN_ENABLE, 0, PLUGIN),
	RELAY("POST", "/plugins/{*}/disable", PLUGIN_DISABLE, 0),
	REFUSE("POST", "/plugins/pull", PLUGIN_PULL, JSON, PLUGIN),
	REFUSE("POST", "/plugins/{*}/push", PLUGIN_PUSH, 0, PLUGIN),
	REFUSE("POST", "/plugins/{*}/upgrade", PLUGIN_UPGRADE, JSON, PLUGIN),
	REFUSE("POST", "/plugins/{*}/set", PLUGIN_SET, JSON, PLUGIN),
	REFUSE("POST", "/plugins/create", PLUGIN_CREATE, STREAM, PLUGIN),

	RELAY("GET", "/distribution/{*}/json", DISTRIBUTION, 0),

	RELAY("GET", "/networks", NETWORK_LIST, 0),
	RELAY("GET", "/networks/", NETWORK_LIST, 0),
	RELAY("GET", "/networks/{+}", NETWORK_INSPECT, NET),
	OTHER("POST", "/networks/create", NETWORK_CREATE, NETWORK, JSON),
	OTHER("POST", "/networks/{*}/connect", NETWORK_CONNECT, JOIN, NET | JSON),
	OTHER("POST", "/networks/{*}/disconnect", NETWORK_DISCONNECT, JOIN, NET | JSON),
	RELAY("POST", "/networks/prune", NETWORK_PRUNE, 0),
	RELAY("DELETE", "/networks/{*}", NETWORK_REMOVE, NET),

	/* Wider than the engine's own endpoints: engines up to 27 take any method here, and nothing
	 * that may be added to them is for clients. */
	REFUSE("*", "/debug/{*}", DEBUG, 0, DEBUG),

	RELAY("POST", "/grpc", BUILD_GRPC, HIJACK),

	/* "PRI * HTTP/2.0": engines from 29.2 on speak HTTP/2 at once, past their router. */
	REFUSE("PRI", "*", HTTP2, 0, HTTP2),
};

const struct route *route_table(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(routes);
	return routes;
}
