/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every command of `docker --help`, 20.10 to 29, with its subcommands and those of the builders:
 * what it owns and what it needs. What every command needs (ping, version) is not repeated.
 *
 * OWNS: denying the command blocks the request. Two commands can own the same class: run and create
 * both create containers, and nobody can tell which of them asks. So denying either blocks both.
 * NEEDS: an allow list with the command lets the request through. It is all that the command line
 * was seen to ask for, with those options that need more (start -a attaches), but not what it asks
 * for only when something is missing: run pulls (COMMAND_LIST_PULLS is about that), and builders in
 * containers of their own need container and image.
 *
 * Denying a command does not deny what it needs, and the other way round.
 */
#include "base/util.h"
#include "policy/command.h"

#define C(name) ROUTE_CLASS_##name

/* It is what it asks for, and asks for nothing else. */
#define ONE(names, name)                                                   \
	{                                                                  \
		(names), { C(name) }, { C(name) }, COMMAND_NOTE_NONE, NULL \
	}

/* It never asks the engine, or nothing that could be told apart. */
#define IDLE(names, why)                                        \
	{                                                       \
		(names), { 0 }, { 0 }, COMMAND_NOTE_IDLE, (why) \
	}

#define CLIENT "it is about the client's own configuration"
#define REGISTRY "it talks to registries itself, not to the engine"
#define FOREIGN                                                                                   \
	"it is no command of the engine; what it asks the engine for is decided as the commands " \
	"that ask for the same"
#define BUILDER "it is about builders in containers, and asks for what container commands ask for"

#define LOOKS "exec, logs, attach and others look at the container first, and are blocked as well"
#define TUNNEL                                                                                  \
	"newer clients build through a tunnel, in which it cannot be told apart: their builds " \
	"are blocked as well"

static const struct command commands[] = {
	/* --- containers --- */
	{ .names = "attach|container attach",
	  .owns = { C(CONTAINER_ATTACH), C(CONTAINER_ATTACH_WS), C(CONTAINER_RESIZE) },
	  .needs = { C(CONTAINER_ATTACH), C(CONTAINER_ATTACH_WS), C(CONTAINER_RESIZE),
		     C(CONTAINER_INSPECT), C(CONTAINER_WAIT), C(CONTAINER_KILL) } },
	ONE("commit|container commit", COMMIT),
	{ .names = "cp|container cp",
	  .owns = { C(CONTAINER_COPY_OUT), C(CONTAINER_COPY_IN), C(CONTAINER_COPY_OLD) },
	  .needs = { C(CONTAINER_COPY_OUT), C(CONTAINER_COPY_IN) } },
	{ .names = "create|container create",
	  .owns = { C(CONTAINER_CREATE) },
	  .needs = { C(CONTAINER_CREATE) },
	  .note = COMMAND_NOTE_DENY,
	  .why = "run and whatever else creates containers is blocked as well" },
	ONE("diff|container diff", CONTAINER_CHANGES),
	{ .names = "exec|container exec",
	  .owns = { C(EXEC) },
	  .needs = { C(EXEC), C(CONTAINER_INSPECT) } },
	ONE("export|container export", CONTAINER_EXPORT),
	{ .names = "container inspect",
	  .owns = { C(CONTAINER_INSPECT) },
	  .needs = { C(CONTAINER_INSPECT) },
	  .note = COMMAND_NOTE_DENY,
	  .why = LOOKS },
	ONE("kill|container kill", CONTAINER_KILL),
	{ .names = "logs|container logs",
	  .owns = { C(CONTAINER_LOGS) },
	  .needs = { C(CONTAINER_LOGS), C(CONTAINER_INSPECT) } },
	ONE("ps|container ls|container list|container ps", CONTAINER_LIST),
	ONE("pause|container pause", CONTAINER_PAUSE),
	{ .names = "port|container port",
	  .owns = { C(CONTAINER_INSPECT) },
	  .needs = { C(CONTAINER_INSPECT) },
	  .note = COMMAND_NOTE_DENY,
	  .why = LOOKS },
	ONE("container prune", CONTAINER_PRUNE),
	ONE("rename|container rename", CONTAINER_RENAME),
	ONE("restart|container restart", CONTAINER_RESTART),
	ONE("rm|container rm|container remove|remove", CONTAINER_REMOVE),
	{ .names = "run|container run",
	  .owns = { C(CONTAINER_CREATE) },
	  .needs = { C(CONTAINER_CREATE), C(CONTAINER_START), C(CONTAINER_ATTACH),
		     C(CONTAINER_WAIT), C(CONTAINER_RESIZE), C(CONTAINER_KILL) },
	  .note = COMMAND_NOTE_DENY,
	  .why = "create and whatever else creates containers is blocked as well" },
	{ .names = "start|container start",
	  .owns = { C(CONTAINER_START) },
	  .needs = { C(CONTAINER_START), C(CONTAINER_INSPECT), C(CONTAINER_ATTACH),
		     C(CONTAINER_WAIT), C(CONTAINER_RESIZE), C(CONTAINER_KILL) } },
	{ .names = "stats|container stats",
	  .owns = { C(CONTAINER_STATS) },
	  .needs = { C(CONTAINER_STATS), C(CONTAINER_LIST), C(EVENTS_CONTAINER) } },
	ONE("stop|container stop", CONTAINER_STOP),
	ONE("top|container top", CONTAINER_TOP),
	ONE("unpause|container unpause", CONTAINER_UNPAUSE),
	ONE("update|container update", CONTAINER_UPDATE),
	ONE("wait|container wait", CONTAINER_WAIT),
	ONE("checkpoint create", CHECKPOINT_CREATE),
	ONE("checkpoint ls|checkpoint list", CHECKPOINT_LIST),
	ONE("checkpoint rm|checkpoint remove", CHECKPOINT_REMOVE),

	/* --- images --- */
	ONE("history|image history", IMAGE_HISTORY),
	ONE("import|image import", IMAGE_IMPORT),
	{ .names = "image inspect",
	  .owns = { C(IMAGE_INSPECT), C(IMAGE_ATTESTATIONS) },
	  .needs = { C(IMAGE_INSPECT), C(IMAGE_ATTESTATIONS) } },
	ONE("images|image ls|image list", IMAGE_LIST),
	ONE("load|image load", IMAGE_LOAD),
	ONE("image prune", IMAGE_PRUNE),
	ONE("pull|image pull", IMAGE_PULL),
	{ .names = "push|image push",
	  .owns = { C(IMAGE_PUSH), C(BUILD_PUSH) },
	  .needs = { C(IMAGE_PUSH), C(BUILD_PUSH) },
	  .note = COMMAND_NOTE_TUNNEL,
	  .why = "the builder can push, too: builds through its tunnel, as newer clients make "
		 "them, are blocked as well" },
	ONE("rmi|image rm|image remove", IMAGE_REMOVE),
	ONE("save|image save", IMAGE_SAVE),
	ONE("search", IMAGE_SEARCH),
	ONE("tag|image tag", IMAGE_TAG),

	/* --- builds --- */
	{ .names = "build|image build|builder build|buildx build|buildx b",
	  .owns = { C(BUILD_CLASSIC), C(BUILD_KIT), C(BUILD_CANCEL), C(BUILD_SESSION),
		    C(BUILD_GRPC), C(HTTP2) },
	  .needs = { C(BUILD_CLASSIC), C(BUILD_KIT), C(BUILD_CANCEL), C(BUILD_SESSION),
		     C(BUILD_GRPC) } },
	{ .names = "bake|builder bake|buildx bake|buildx f",
	  .owns = { C(BUILD_SESSION), C(BUILD_GRPC), C(HTTP2) },
	  .needs = { C(BUILD_SESSION), C(BUILD_GRPC) },
	  .note = COMMAND_NOTE_DENY,
	  .why = TUNNEL },
	{ .names = "builder prune|buildx prune",
	  .owns = { C(BUILD_PRUNE), C(BUILD_GRPC) },
	  .needs = { C(BUILD_PRUNE), C(BUILD_GRPC) },
	  .note = COMMAND_NOTE_DENY,
	  .why = TUNNEL },
#define IN_TUNNEL(names_)                                                                 \
	{                                                                                 \
		.names = (names_), .owns = { C(BUILD_GRPC) }, .needs = { C(BUILD_GRPC) }, \
		.note = COMMAND_NOTE_DENY, .why = TUNNEL                                  \
	}
	IN_TUNNEL("buildx ls"),
	IN_TUNNEL("buildx dap|buildx dap build"),
	IN_TUNNEL("buildx debug|buildx debug build"),
	IN_TUNNEL("buildx dial-stdio"),
	IN_TUNNEL("buildx du"),
	IN_TUNNEL("buildx history|buildx history export|buildx history import|"
		  "buildx history inspect|buildx history logs|buildx history ls|"
		  "buildx history open|buildx history rm|buildx history trace"),
	IN_TUNNEL("buildx inspect"),
	IDLE("buildx imagetools|buildx imagetools create|buildx imagetools inspect", REGISTRY),
	IDLE("buildx create", BUILDER),
	IDLE("buildx rm", BUILDER),
	IDLE("buildx stop", BUILDER),
	IDLE("buildx install", CLIENT),
	IDLE("buildx uninstall", CLIENT),
	IDLE("buildx use", CLIENT),
	IDLE("buildx version", CLIENT),

	/* --- networks and volumes --- */
	ONE("network connect", NETWORK_CONNECT),
	ONE("network create", NETWORK_CREATE),
	ONE("network disconnect", NETWORK_DISCONNECT),
	ONE("network inspect", NETWORK_INSPECT),
	ONE("network ls|network list", NETWORK_LIST),
	ONE("network prune", NETWORK_PRUNE),
	{ .names = "network rm|network remove",
	  .owns = { C(NETWORK_REMOVE) },
	  .needs = { C(NETWORK_REMOVE), C(NETWORK_INSPECT) } },
	ONE("volume create", VOLUME_CREATE),
	ONE("volume inspect", VOLUME_INSPECT),
	ONE("volume ls|volume list", VOLUME_LIST),
	ONE("volume prune", VOLUME_PRUNE),
	ONE("volume rm|volume remove", VOLUME_REMOVE),
	{ .names = "volume update",
	  .owns = { C(VOLUME_UPDATE) },
	  .needs = { C(VOLUME_UPDATE), C(VOLUME_INSPECT) } },

	/* --- the engine --- */
	{ .names = "events|system events",
	  .owns = { C(EVENTS), C(EVENTS_CONTAINER) },
	  .needs = { C(EVENTS), C(EVENTS_CONTAINER) } },
	ONE("info|system info", INFO),
	{ .names = "inspect",
	  .owns = { C(CONTAINER_INSPECT), C(IMAGE_INSPECT), C(IMAGE_ATTESTATIONS),
		    C(NETWORK_INSPECT), C(VOLUME_INSPECT), C(SERVICE_INSPECT), C(TASK_INSPECT),
		    C(NODE_INSPECT), C(SECRET_INSPECT), C(CONFIG_INSPECT), C(PLUGIN_INSPECT) },
	  .needs = { C(CONTAINER_INSPECT), C(IMAGE_INSPECT), C(IMAGE_ATTESTATIONS),
		     C(NETWORK_INSPECT), C(VOLUME_INSPECT), C(SERVICE_INSPECT), C(TASK_INSPECT),
		     C(NODE_INSPECT), C(SECRET_INSPECT), C(CONFIG_INSPECT), C(PLUGIN_INSPECT),
		     C(INFO) },
	  .note = COMMAND_NOTE_DENY,
	  .why = LOOKS },
	{ .names = "login", .owns = { C(AUTH) }, .needs = { C(AUTH), C(INFO) } },
	ONE("system df", DISK_USAGE),
	{ .names = "system prune",
	  .owns = { C(CONTAINER_PRUNE), C(NETWORK_PRUNE), C(VOLUME_PRUNE), C(IMAGE_PRUNE),
		    C(BUILD_PRUNE) },
	  .needs = { C(CONTAINER_PRUNE), C(NETWORK_PRUNE), C(VOLUME_PRUNE), C(IMAGE_PRUNE),
		     C(BUILD_PRUNE) },
	  .note = COMMAND_NOTE_DENY,
	  .why = "it is made of the prune commands of containers, networks, volumes, images and "
		 "builders, which are blocked as well" },
	{ .names = "version",
	  .owns = { C(VERSION) },
	  .needs = { C(VERSION) },
	  .note = COMMAND_NOTE_DENY,
	  .why = "many clients ask for it first, and fail" },
	IDLE("system dial-stdio", "it is a tunnel; what goes through it is decided as what it is"),
	IDLE("logout", CLIENT),
	IDLE("context|context create|context export|context import|context inspect|context ls|"
	     "context list|context rm|context remove|context show|context update|context use",
	     CLIENT),
	IDLE("manifest|manifest annotate|manifest create|manifest inspect|manifest push|"
	     "manifest rm",
	     REGISTRY),
	IDLE("trust|trust inspect|trust key|trust key generate|trust key load|trust revoke|"
	     "trust sign|trust signer|trust signer add|trust signer remove",
	     REGISTRY),

	/* --- plugins --- */
	ONE("plugin create", PLUGIN_CREATE),
	ONE("plugin disable", PLUGIN_DISABLE),
	ONE("plugin enable", PLUGIN_ENABLE),
	ONE("plugin inspect", PLUGIN_INSPECT),
	{ .names = "plugin install",
	  .owns = { C(PLUGIN_PRIVILEGES), C(PLUGIN_PULL) },
	  .needs = { C(PLUGIN_PRIVILEGES), C(PLUGIN_PULL), C(PLUGIN_ENABLE) } },
	ONE("plugin ls|plugin list", PLUGIN_LIST),
	ONE("plugin push", PLUGIN_PUSH),
	ONE("plugin rm|plugin remove", PLUGIN_REMOVE),
	ONE("plugin set", PLUGIN_SET),
	{ .names = "plugin upgrade",
	  .owns = { C(PLUGIN_UPGRADE) },
	  .needs = { C(PLUGIN_UPGRADE), C(PLUGIN_INSPECT), C(PLUGIN_PRIVILEGES) } },

	/* --- swarm mode --- */
	{ .names = "swarm ca",
	  .owns = { C(SWARM_INSPECT) },
	  .needs = { C(SWARM_INSPECT), C(SWARM_UPDATE) } },
	{ .names = "swarm init",
	  .owns = { C(SWARM_INIT) },
	  .needs = { C(SWARM_INIT), C(SWARM_INSPECT), C(SWARM_UNLOCK_KEY), C(NODE_INSPECT),
		     C(INFO) } },
	{ .names = "swarm join", .owns = { C(SWARM_JOIN) }, .needs = { C(SWARM_JOIN), C(INFO) } },
	{ .names = "swarm join-token",
	  .owns = { C(SWARM_INSPECT) },
	  .needs = { C(SWARM_INSPECT), C(SWARM_UPDATE), C(NODE_INSPECT), C(INFO) } },
	ONE("swarm leave", SWARM_LEAVE),
	{ .names = "swarm unlock",
	  .owns = { C(SWARM_UNLOCK) },
	  .needs = { C(SWARM_UNLOCK), C(INFO) } },
	{ .names = "swarm unlock-key",
	  .owns = { C(SWARM_UNLOCK_KEY) },
	  .needs = { C(SWARM_UNLOCK_KEY), C(SWARM_INSPECT), C(SWARM_UPDATE) } },
	{ .names = "swarm update",
	  .owns = { C(SWARM_UPDATE) },
	  .needs = { C(SWARM_UPDATE), C(SWARM_INSPECT), C(SWARM_UNLOCK_KEY) } },
	{ .names = "node demote",
	  .owns = { C(NODE_UPDATE) },
	  .needs = { C(NODE_UPDATE), C(NODE_INSPECT), C(INFO) } },
	{ .names = "node inspect",
	  .owns = { C(NODE_INSPECT) },
	  .needs = { C(NODE_INSPECT), C(INFO) } },
	{ .names = "node ls|node list",
	  .owns = { C(NODE_LIST) },
	  .needs = { C(NODE_LIST), C(INFO) } },
	{ .names = "node promote",
	  .owns = { C(NODE_UPDATE) },
	  .needs = { C(NODE_UPDATE), C(NODE_INSPECT), C(INFO) } },
	{ .names = "node ps",
	  .owns = { C(TASK_LIST) },
	  .needs = { C(TASK_LIST), C(NODE_INSPECT), C(SERVICE_INSPECT), C(INFO) } },
	ONE("node rm|node remove", NODE_REMOVE),
	{ .names = "node update",
	  .owns = { C(NODE_UPDATE) },
	  .needs = { C(NODE_UPDATE), C(NODE_INSPECT), C(INFO) } },
	{ .names = "service create",
	  .owns = { C(SERVICE_CREATE) },
	  .needs = { C(SERVICE_CREATE), C(SERVICE_INSPECT), C(SECRET_LIST), C(CONFIG_LIST),
		     C(NETWORK_LIST), C(NETWORK_INSPECT), C(DISTRIBUTION), C(TASK_LIST),
		     C(NODE_LIST), C(NODE_INSPECT), C(INFO) } },
	{ .names = "service inspect",
	  .owns = { C(SERVICE_INSPECT) },
	  .needs = { C(SERVICE_INSPECT), C(NETWORK_INSPECT) } },
	{ .names = "service logs",
	  .owns = { C(SERVICE_LOGS), C(TASK_LOGS) },
	  .needs = { C(SERVICE_LOGS), C(TASK_LOGS), C(SERVICE_INSPECT), C(TASK_INSPECT),
		     C(NODE_INSPECT) } },
	{ .names = "service ls|service list",
	  .owns = { C(SERVICE_LIST) },
	  .needs = { C(SERVICE_LIST), C(TASK_LIST), C(NODE_LIST) } },
	{ .names = "service ps",
	  .owns = { C(TASK_LIST) },
	  .needs = { C(TASK_LIST), C(SERVICE_LIST), C(SERVICE_INSPECT), C(NODE_INSPECT),
		     C(INFO) } },
	ONE("service rm|service remove", SERVICE_REMOVE),
#define UPDATES(names_)                                                      \
	{                                                                    \
		.names = (names_), .owns = { C(SERVICE_UPDATE) }, .needs = { \
			C(SERVICE_UPDATE),                                   \
			C(SERVICE_INSPECT),                                  \
			C(SECRET_LIST),                                      \
			C(CONFIG_LIST),                                      \
			C(NETWORK_LIST),                                     \
			C(NETWORK_INSPECT),                                  \
			C(DISTRIBUTION),                                     \
			C(TASK_LIST),                                        \
			C(NODE_LIST),                                        \
			C(NODE_INSPECT),                                     \
			C(INFO)                                              \
		}                                                            \
	}
	UPDATES("service rollback"),
	UPDATES("service scale"),
	UPDATES("service update"),
	IDLE("stack config", "it reads files of the client, and asks the engine for nothing"),
	{ .names = "stack deploy|stack up",
	  .owns = { C(SERVICE_CREATE), C(SERVICE_UPDATE) },
	  .needs = { C(SERVICE_CREATE), C(SERVICE_UPDATE), C(SERVICE_INSPECT),
		     C(SERVICE_LIST),	C(SERVICE_REMOVE), C(SECRET_LIST),
		     C(SECRET_INSPECT), C(SECRET_CREATE),  C(SECRET_UPDATE),
		     C(CONFIG_LIST),	C(CONFIG_INSPECT), C(CONFIG_CREATE),
		     C(CONFIG_UPDATE),	C(NETWORK_LIST),   C(NETWORK_INSPECT),
		     C(NETWORK_CREATE), C(DISTRIBUTION),   C(TASK_LIST),
		     C(NODE_LIST),	C(NODE_INSPECT),   C(INFO) } },
	{ .names = "stack ls|stack list",
	  .owns = { C(SERVICE_LIST) },
	  .needs = { C(SERVICE_LIST) } },
	{ .names = "stack ps",
	  .owns = { C(TASK_LIST) },
	  .needs = { C(TASK_LIST), C(SERVICE_INSPECT), C(NODE_INSPECT), C(INFO) } },
	{ .names = "stack rm|stack remove|stack down",
	  .owns = { C(SERVICE_REMOVE) },
	  .needs = { C(SERVICE_REMOVE), C(SERVICE_LIST), C(SECRET_LIST), C(SECRET_REMOVE),
		     C(CONFIG_LIST), C(CONFIG_REMOVE), C(NETWORK_LIST), C(NETWORK_REMOVE),
		     C(TASK_LIST), C(INFO) } },
	{ .names = "stack services",
	  .owns = { C(SERVICE_LIST) },
	  .needs = { C(SERVICE_LIST), C(TASK_LIST), C(NODE_LIST) } },
	{ .names = "secret create",
	  .owns = { C(SECRET_CREATE), C(SECRET_UPDATE) },
	  .needs = { C(SECRET_CREATE) } },
	ONE("secret inspect", SECRET_INSPECT),
	ONE("secret ls|secret list", SECRET_LIST),
	ONE("secret rm|secret remove", SECRET_REMOVE),
	{ .names = "config create",
	  .owns = { C(CONFIG_CREATE), C(CONFIG_UPDATE) },
	  .needs = { C(CONFIG_CREATE) } },
	ONE("config inspect", CONFIG_INSPECT),
	ONE("config ls|config list", CONFIG_LIST),
	ONE("config rm|config remove", CONFIG_REMOVE),

	/* --- not of the engine's own command line --- */
	/* Pushing is no part of what compose is listed for: `compose push` needs push, too. */
	{ .names = "compose",
	  .owns = { C(COMPOSE) },
	  .needs = { C(COMPOSE),
		     C(INFO),
		     C(EVENTS),
		     C(EVENTS_CONTAINER),
		     C(CONTAINER_LIST),
		     C(CONTAINER_CREATE),
		     C(CONTAINER_INSPECT),
		     C(CONTAINER_TOP),
		     C(CONTAINER_LOGS),
		     C(CONTAINER_EXPORT),
		     C(CONTAINER_STATS),
		     C(CONTAINER_RESIZE),
		     C(CONTAINER_START),
		     C(CONTAINER_STOP),
		     C(CONTAINER_RESTART),
		     C(CONTAINER_KILL),
		     C(CONTAINER_RENAME),
		     C(CONTAINER_PAUSE),
		     C(CONTAINER_UNPAUSE),
		     C(CONTAINER_ATTACH),
		     C(CONTAINER_WAIT),
		     C(CONTAINER_REMOVE),
		     C(CONTAINER_COPY_OUT),
		     C(CONTAINER_COPY_IN),
		     C(EXEC),
		     C(COMMIT),
		     C(IMAGE_LIST),
		     C(IMAGE_PULL),
		     C(IMAGE_INSPECT),
		     C(IMAGE_REMOVE),
		     C(DISTRIBUTION),
		     C(BUILD_CLASSIC),
		     C(BUILD_KIT),
		     C(BUILD_CANCEL),
		     C(BUILD_SESSION),
		     C(BUILD_GRPC),
		     C(NETWORK_LIST),
		     C(NETWORK_INSPECT),
		     C(NETWORK_CREATE),
		     C(NETWORK_CONNECT),
		     C(NETWORK_DISCONNECT),
		     C(NETWORK_REMOVE),
		     C(VOLUME_LIST),
		     C(VOLUME_INSPECT),
		     C(VOLUME_CREATE),
		     C(VOLUME_REMOVE) },
	  .note = COMMAND_NOTE_DENY,
	  .why = "it is known by the labels that it looks for and gives; its pull, push and build "
		 "are those of the engine, and have to be denied by their own names" },
	IDLE("app", FOREIGN),
	IDLE("dev", FOREIGN),
	IDLE("extension", FOREIGN),
	IDLE("feedback", FOREIGN),
	IDLE("init", FOREIGN),
	IDLE("sbom", FOREIGN),
	IDLE("scan", FOREIGN),
	IDLE("scout", FOREIGN),
};

_Static_assert(ARRAY_SIZE(commands) <= COMMAND_SET_WORDS * 64, "struct command_set has room");
_Static_assert(ROUTE_CLASS_COUNT <= UINT8_MAX, "struct command has room for classes");

const struct command *command_table(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(commands);
	return commands;
}
