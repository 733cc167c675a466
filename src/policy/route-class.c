/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/route-class.h"

#include "base/util.h"

static const struct {
	const char *name;
	unsigned flags;
} classes[] = {
	[ROUTE_CLASS_NONE] = { "none", 0 },

	[ROUTE_CLASS_PING] = { "ping", ROUTE_CLASS_OPEN },
	[ROUTE_CLASS_OPTIONS] = { "options", ROUTE_CLASS_OPEN },
	[ROUTE_CLASS_VERSION] = { "version", ROUTE_CLASS_BASIC },
	[ROUTE_CLASS_INFO] = { "info", 0 },
	[ROUTE_CLASS_EVENTS] = { "events", 0 },
	[ROUTE_CLASS_EVENTS_CONTAINER] = { "events-container", 0 },
	[ROUTE_CLASS_DISK_USAGE] = { "disk-usage", 0 },
	[ROUTE_CLASS_AUTH] = { "auth", 0 },
	[ROUTE_CLASS_DEBUG] = { "debug", ROUTE_CLASS_SHUT },

	[ROUTE_CLASS_CONTAINER_LIST] = { "container-list", 0 },
	[ROUTE_CLASS_CONTAINER_CREATE] = { "container-create", 0 },
	[ROUTE_CLASS_CONTAINER_INSPECT] = { "container-inspect", 0 },
	[ROUTE_CLASS_CONTAINER_TOP] = { "container-top", 0 },
	[ROUTE_CLASS_CONTAINER_LOGS] = { "container-logs", 0 },
	[ROUTE_CLASS_CONTAINER_CHANGES] = { "container-changes", 0 },
	[ROUTE_CLASS_CONTAINER_EXPORT] = { "container-export", 0 },
	[ROUTE_CLASS_CONTAINER_STATS] = { "container-stats", 0 },
	[ROUTE_CLASS_CONTAINER_RESIZE] = { "container-resize", 0 },
	[ROUTE_CLASS_CONTAINER_START] = { "container-start", 0 },
	[ROUTE_CLASS_CONTAINER_STOP] = { "container-stop", 0 },
	[ROUTE_CLASS_CONTAINER_RESTART] = { "container-restart", 0 },
	[ROUTE_CLASS_CONTAINER_KILL] = { "container-kill", 0 },
	[ROUTE_CLASS_CONTAINER_UPDATE] = { "container-update", 0 },
	[ROUTE_CLASS_CONTAINER_RENAME] = { "container-rename", 0 },
	[ROUTE_CLASS_CONTAINER_PAUSE] = { "container-pause", 0 },
	[ROUTE_CLASS_CONTAINER_UNPAUSE] = { "container-unpause", 0 },
	[ROUTE_CLASS_CONTAINER_ATTACH] = { "container-attach", 0 },
	[ROUTE_CLASS_CONTAINER_ATTACH_WS] = { "container-attach-ws", 0 },
	[ROUTE_CLASS_CONTAINER_WAIT] = { "container-wait", 0 },
	[ROUTE_CLASS_CONTAINER_REMOVE] = { "container-remove", 0 },
	[ROUTE_CLASS_CONTAINER_COPY_OUT] = { "container-copy-out", 0 },
	[ROUTE_CLASS_CONTAINER_COPY_IN] = { "container-copy-in", 0 },
	[ROUTE_CLASS_CONTAINER_COPY_OLD] = { "container-copy-old", 0 },
	[ROUTE_CLASS_CONTAINER_PRUNE] = { "container-prune", 0 },
	[ROUTE_CLASS_EXEC] = { "exec", 0 },
	[ROUTE_CLASS_COMMIT] = { "commit", 0 },
	[ROUTE_CLASS_CHECKPOINT_LIST] = { "checkpoint-list", 0 },
	[ROUTE_CLASS_CHECKPOINT_CREATE] = { "checkpoint-create", 0 },
	[ROUTE_CLASS_CHECKPOINT_REMOVE] = { "checkpoint-remove", 0 },

	[ROUTE_CLASS_IMAGE_LIST] = { "image-list", 0 },
	[ROUTE_CLASS_IMAGE_SEARCH] = { "image-search", 0 },
	[ROUTE_CLASS_IMAGE_PULL] = { "image-pull", 0 },
	[ROUTE_CLASS_IMAGE_IMPORT] = { "image-import", 0 },
	[ROUTE_CLASS_IMAGE_INSPECT] = { "image-inspect", 0 },
	[ROUTE_CLASS_IMAGE_HISTORY] = { "image-history", 0 },
	[ROUTE_CLASS_IMAGE_ATTESTATIONS] = { "image-attestations", 0 },
	[ROUTE_CLASS_IMAGE_PUSH] = { "image-push", 0 },
	[ROUTE_CLASS_IMAGE_TAG] = { "image-tag", 0 },
	[ROUTE_CLASS_IMAGE_REMOVE] = { "image-remove", 0 },
	[ROUTE_CLASS_IMAGE_SAVE] = { "image-save", 0 },
	[ROUTE_CLASS_IMAGE_LOAD] = { "image-load", 0 },
	[ROUTE_CLASS_IMAGE_PRUNE] = { "image-prune", 0 },
	[ROUTE_CLASS_DISTRIBUTION] = { "distribution", 0 },

	[ROUTE_CLASS_BUILD_CLASSIC] = { "build-classic", 0 },
	[ROUTE_CLASS_BUILD_KIT] = { "build-kit", 0 },
	[ROUTE_CLASS_BUILD_CANCEL] = { "build-cancel", 0 },
	[ROUTE_CLASS_BUILD_PRUNE] = { "build-prune", 0 },
	[ROUTE_CLASS_BUILD_SESSION] = { "build-session", 0 },
	[ROUTE_CLASS_BUILD_GRPC] = { "build-grpc", 0 },
	[ROUTE_CLASS_HTTP2] = { "http2", ROUTE_CLASS_SHUT },

	[ROUTE_CLASS_NETWORK_LIST] = { "network-list", 0 },
	[ROUTE_CLASS_NETWORK_INSPECT] = { "network-inspect", 0 },
	[ROUTE_CLASS_NETWORK_CREATE] = { "network-create", 0 },
	[ROUTE_CLASS_NETWORK_CONNECT] = { "network-connect", 0 },
	[ROUTE_CLASS_NETWORK_DISCONNECT] = { "network-disconnect", 0 },
	[ROUTE_CLASS_NETWORK_REMOVE] = { "network-remove", 0 },
	[ROUTE_CLASS_NETWORK_PRUNE] = { "network-prune", 0 },
	[ROUTE_CLASS_VOLUME_LIST] = { "volume-list", 0 },
	[ROUTE_CLASS_VOLUME_INSPECT] = { "volume-inspect", 0 },
	[ROUTE_CLASS_VOLUME_CREATE] = { "volume-create", 0 },
	[ROUTE_CLASS_VOLUME_UPDATE] = { "volume-update", 0 },
	[ROUTE_CLASS_VOLUME_REMOVE] = { "volume-remove", 0 },
	[ROUTE_CLASS_VOLUME_PRUNE] = { "volume-prune", 0 },

	[ROUTE_CLASS_PLUGIN_LIST] = { "plugin-list", 0 },
	[ROUTE_CLASS_PLUGIN_INSPECT] = { "plugin-inspect", 0 },
	[ROUTE_CLASS_PLUGIN_PRIVILEGES] = { "plugin-privileges", 0 },
	[ROUTE_CLASS_PLUGIN_PULL] = { "plugin-pull", ROUTE_CLASS_GRANTED },
	[ROUTE_CLASS_PLUGIN_CREATE] = { "plugin-create", ROUTE_CLASS_GRANTED },
	[ROUTE_CLASS_PLUGIN_ENABLE] = { "plugin-enable", ROUTE_CLASS_GRANTED },
	[ROUTE_CLASS_PLUGIN_DISABLE] = { "plugin-disable", 0 },
	[ROUTE_CLASS_PLUGIN_UPGRADE] = { "plugin-upgrade", ROUTE_CLASS_GRANTED },
	[ROUTE_CLASS_PLUGIN_SET] = { "plugin-set", ROUTE_CLASS_GRANTED },
	[ROUTE_CLASS_PLUGIN_PUSH] = { "plugin-push", 0 },
	[ROUTE_CLASS_PLUGIN_REMOVE] = { "plugin-remove", 0 },

	[ROUTE_CLASS_SWARM_INSPECT] = { "swarm-inspect", 0 },
	[ROUTE_CLASS_SWARM_INIT] = { "swarm-init", 0 },
	[ROUTE_CLASS_SWARM_JOIN] = { "swarm-join", 0 },
	[ROUTE_CLASS_SWARM_LEAVE] = { "swarm-leave", 0 },
	[ROUTE_CLASS_SWARM_UPDATE] = { "swarm-update", 0 },
	[ROUTE_CLASS_SWARM_UNLOCK] = { "swarm-unlock", 0 },
	[ROUTE_CLASS_SWARM_UNLOCK_KEY] = { "swarm-unlock-key", 0 },
	[ROUTE_CLASS_NODE_LIST] = { "node-list", 0 },
	[ROUTE_CLASS_NODE_INSPECT] = { "node-inspect", 0 },
	[ROUTE_CLASS_NODE_UPDATE] = { "node-update", 0 },
	[ROUTE_CLASS_NODE_REMOVE] = { "node-remove", 0 },
	[ROUTE_CLASS_SERVICE_LIST] = { "service-list", 0 },
	[ROUTE_CLASS_SERVICE_INSPECT] = { "service-inspect", 0 },
	[ROUTE_CLASS_SERVICE_CREATE] = { "service-create", 0 },
	[ROUTE_CLASS_SERVICE_UPDATE] = { "service-update", 0 },
	[ROUTE_CLASS_SERVICE_REMOVE] = { "service-remove", 0 },
	[ROUTE_CLASS_SERVICE_LOGS] = { "service-logs", 0 },
	[ROUTE_CLASS_TASK_LIST] = { "task-list", 0 },
	[ROUTE_CLASS_TASK_INSPECT] = { "task-inspect", 0 },
	[ROUTE_CLASS_TASK_LOGS] = { "task-logs", 0 },
	[ROUTE_CLASS_SECRET_LIST] = { "secret-list", 0 },
	[ROUTE_CLASS_SECRET_INSPECT] = { "secret-inspect", 0 },
	[ROUTE_CLASS_SECRET_CREATE] = { "secret-create", 0 },
	[ROUTE_CLASS_SECRET_UPDATE] = { "secret-update", 0 },
	[ROUTE_CLASS_SECRET_REMOVE] = { "secret-remove", 0 },
	[ROUTE_CLASS_CONFIG_LIST] = { "config-list", 0 },
	[ROUTE_CLASS_CONFIG_INSPECT] = { "config-inspect", 0 },
	[ROUTE_CLASS_CONFIG_CREATE] = { "config-create", 0 },
	[ROUTE_CLASS_CONFIG_UPDATE] = { "config-update", 0 },
	[ROUTE_CLASS_CONFIG_REMOVE] = { "config-remove", 0 },

	[ROUTE_CLASS_BUILD_PUSH] = { "build-push", 0 },
	[ROUTE_CLASS_COMPOSE] = { "compose", ROUTE_CLASS_WHO },
};

_Static_assert(ARRAY_SIZE(classes) == ROUTE_CLASS_COUNT, "each class has a row");

const char *route_class_name(enum route_class c)
{
	return classes[c].name;
}

enum route_class route_class_find(struct slice name)
{
	for (size_t i = 1; i < ARRAY_SIZE(classes); i++)
		if (slice_eq_str(name, classes[i].name))
			return (enum route_class)i;
	return ROUTE_CLASS_NONE;
}

unsigned route_class_flags(enum route_class c)
{
	return classes[c].flags;
}
