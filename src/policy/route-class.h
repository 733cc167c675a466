/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What requests do, as far as command lists tell them apart.
 *
 * Several routes can be of one class (GET and HEAD of an archive), and one route can be of several,
 * by its query (POST /images/create pulls or imports). A class never depends on the version of the
 * API. Names of classes are written into audit lines and read from them: they do not change.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum route_class {
	ROUTE_CLASS_NONE, /* no class: zero ends lists */

	/* system */
	ROUTE_CLASS_PING,
	ROUTE_CLASS_OPTIONS,
	ROUTE_CLASS_VERSION,
	ROUTE_CLASS_INFO,
	ROUTE_CLASS_EVENTS,
	ROUTE_CLASS_EVENTS_CONTAINER, /* filtered: events of containers only */
	ROUTE_CLASS_DISK_USAGE,
	ROUTE_CLASS_AUTH,
	ROUTE_CLASS_DEBUG,

	/* containers */
	ROUTE_CLASS_CONTAINER_LIST,
	ROUTE_CLASS_CONTAINER_CREATE,
	ROUTE_CLASS_CONTAINER_INSPECT,
	ROUTE_CLASS_CONTAINER_TOP,
	ROUTE_CLASS_CONTAINER_LOGS,
	ROUTE_CLASS_CONTAINER_CHANGES,
	ROUTE_CLASS_CONTAINER_EXPORT,
	ROUTE_CLASS_CONTAINER_STATS,
	ROUTE_CLASS_CONTAINER_RESIZE,
	ROUTE_CLASS_CONTAINER_START,
	ROUTE_CLASS_CONTAINER_STOP,
	ROUTE_CLASS_CONTAINER_RESTART,
	ROUTE_CLASS_CONTAINER_KILL,
	ROUTE_CLASS_CONTAINER_UPDATE,
	ROUTE_CLASS_CONTAINER_RENAME,
	ROUTE_CLASS_CONTAINER_PAUSE,
	ROUTE_CLASS_CONTAINER_UNPAUSE,
	ROUTE_CLASS_CONTAINER_ATTACH,
	ROUTE_CLASS_CONTAINER_ATTACH_WS, /* a GET that writes to the standard input */
	ROUTE_CLASS_CONTAINER_WAIT,
	ROUTE_CLASS_CONTAINER_REMOVE,
	ROUTE_CLASS_CONTAINER_COPY_OUT,
	ROUTE_CLASS_CONTAINER_COPY_IN,
	ROUTE_CLASS_CONTAINER_COPY_OLD, /* POST …/copy, which engines up to 25 still answer */
	ROUTE_CLASS_CONTAINER_PRUNE,
	ROUTE_CLASS_EXEC,
	ROUTE_CLASS_COMMIT,
	ROUTE_CLASS_CHECKPOINT_LIST,
	ROUTE_CLASS_CHECKPOINT_CREATE,
	ROUTE_CLASS_CHECKPOINT_REMOVE,

	/* images */
	ROUTE_CLASS_IMAGE_LIST,
	ROUTE_CLASS_IMAGE_SEARCH,
	ROUTE_CLASS_IMAGE_PULL,
	ROUTE_CLASS_IMAGE_IMPORT,
	ROUTE_CLASS_IMAGE_INSPECT,
	ROUTE_CLASS_IMAGE_HISTORY,
	ROUTE_CLASS_IMAGE_ATTESTATIONS,
	ROUTE_CLASS_IMAGE_PUSH,
	ROUTE_CLASS_IMAGE_TAG,
	ROUTE_CLASS_IMAGE_REMOVE,
	ROUTE_CLASS_IMAGE_SAVE,
	ROUTE_CLASS_IMAGE_LOAD,
	ROUTE_CLASS_IMAGE_PRUNE,
	ROUTE_CLASS_DISTRIBUTION, /* asks a registry about an image */

	/* builds */
	ROUTE_CLASS_BUILD_CLASSIC,
	ROUTE_CLASS_BUILD_KIT,
	ROUTE_CLASS_BUILD_CANCEL,
	ROUTE_CLASS_BUILD_PRUNE,
	ROUTE_CLASS_BUILD_SESSION, /* what the builder asks of its client */
	ROUTE_CLASS_BUILD_GRPC,	   /* the builder's whole API, in a tunnel */
	ROUTE_CLASS_HTTP2,	   /* HTTP/2 without an upgrade: the builder's API and this one */

	/* networks and volumes */
	ROUTE_CLASS_NETWORK_LIST,
	ROUTE_CLASS_NETWORK_INSPECT,
	ROUTE_CLASS_NETWORK_CREATE,
	ROUTE_CLASS_NETWORK_CONNECT,
	ROUTE_CLASS_NETWORK_DISCONNECT,
	ROUTE_CLASS_NETWORK_REMOVE,
	ROUTE_CLASS_NETWORK_PRUNE,
	ROUTE_CLASS_VOLUME_LIST,
	ROUTE_CLASS_VOLUME_INSPECT,
	ROUTE_CLASS_VOLUME_CREATE,
	ROUTE_CLASS_VOLUME_UPDATE,
	ROUTE_CLASS_VOLUME_REMOVE,
	ROUTE_CLASS_VOLUME_PRUNE,

	/* plugins */
	ROUTE_CLASS_PLUGIN_LIST,
	ROUTE_CLASS_PLUGIN_INSPECT,
	ROUTE_CLASS_PLUGIN_PRIVILEGES,
	ROUTE_CLASS_PLUGIN_PULL,
	ROUTE_CLASS_PLUGIN_CREATE,
	ROUTE_CLASS_PLUGIN_ENABLE,
	ROUTE_CLASS_PLUGIN_DISABLE,
	ROUTE_CLASS_PLUGIN_UPGRADE,
	ROUTE_CLASS_PLUGIN_SET,
	ROUTE_CLASS_PLUGIN_PUSH,
	ROUTE_CLASS_PLUGIN_REMOVE,

	/* swarm mode */
	ROUTE_CLASS_SWARM_INSPECT,
	ROUTE_CLASS_SWARM_INIT,
	ROUTE_CLASS_SWARM_JOIN,
	ROUTE_CLASS_SWARM_LEAVE,
	ROUTE_CLASS_SWARM_UPDATE,
	ROUTE_CLASS_SWARM_UNLOCK,
	ROUTE_CLASS_SWARM_UNLOCK_KEY,
	ROUTE_CLASS_NODE_LIST,
	ROUTE_CLASS_NODE_INSPECT,
	ROUTE_CLASS_NODE_UPDATE,
	ROUTE_CLASS_NODE_REMOVE,
	ROUTE_CLASS_SERVICE_LIST,
	ROUTE_CLASS_SERVICE_INSPECT,
	ROUTE_CLASS_SERVICE_CREATE,
	ROUTE_CLASS_SERVICE_UPDATE,
	ROUTE_CLASS_SERVICE_REMOVE,
	ROUTE_CLASS_SERVICE_LOGS,
	ROUTE_CLASS_TASK_LIST,
	ROUTE_CLASS_TASK_INSPECT,
	ROUTE_CLASS_TASK_LOGS,
	ROUTE_CLASS_SECRET_LIST,
	ROUTE_CLASS_SECRET_INSPECT,
	ROUTE_CLASS_SECRET_CREATE,
	ROUTE_CLASS_SECRET_UPDATE,
	ROUTE_CLASS_SECRET_REMOVE,
	ROUTE_CLASS_CONFIG_LIST,
	ROUTE_CLASS_CONFIG_INSPECT,
	ROUTE_CLASS_CONFIG_CREATE,
	ROUTE_CLASS_CONFIG_UPDATE,
	ROUTE_CLASS_CONFIG_REMOVE,

	/* marks: a request has them beside its class */
	ROUTE_CLASS_BUILD_PUSH, /* the builder may push an image */
	ROUTE_CLASS_COMPOSE,	/* asks for what has compose's labels, or gives them */

	ROUTE_CLASS_COUNT,
};

enum route_class_flags {
	ROUTE_CLASS_OPEN = 1u << 0,  /* no list blocks it */
	ROUTE_CLASS_SHUT = 1u << 1,  /* every list blocks it, whatever it names */
	ROUTE_CLASS_BASIC = 1u << 2, /* every command needs it: allow lists let it through */
	/* The host's root by design: only an allow list that names a command for it lets it
	 * through. */
	ROUTE_CLASS_GRANTED = 1u << 3,
	/* It says who asks, not what for: no allow list asks for it. */
	ROUTE_CLASS_WHO = 1u << 4,
};

/* "container-list". */
const char *route_class_name(enum route_class c);
/* The class of that name, or ROUTE_CLASS_NONE. */
enum route_class route_class_find(struct slice name);
/* Of enum route_class_flags. */
unsigned route_class_flags(enum route_class c);

/* A set of classes. */
struct route_class_set {
	uint64_t bits[2];
};

_Static_assert(ROUTE_CLASS_COUNT <= 128, "struct route_class_set has room for them");

static inline void route_class_add(struct route_class_set *s, enum route_class c)
{
	s->bits[c / 64] |= UINT64_C(1) << (c % 64);
}

static inline bool route_class_has(const struct route_class_set *s, enum route_class c)
{
	return s->bits[c / 64] >> (c % 64) & 1;
}
