/* SPDX-License-Identifier: Apache-2.0 */
/* The table of schema.h. Tables do not count as long functions; the order is that of the listings.
 */
#include "base/util.h"
#include "settings/schema.h"

#define ECI "enhancedContainerIsolation"

static const char *const version_values[] = { "2", NULL };
static const char *const list_types[] = { "deny", "allow", NULL };
static const char *const proxy_modes[] = { "system", "manual", NULL };
static const char *const networking_modes[] = { "dual-stack", "ipv4only", "ipv6only", NULL };
static const char *const dns_modes[] = { "auto", "ipv4", "ipv6", "none", NULL };
static const char *const port_behaviors[] = { "default-port-binding", "default-local-port-binding",
					      "local-only-port-binding", NULL };

/* A value in an object of its own, {"locked": …, "value": …}, as most of the specification's are.
 */
#define ENVELOPE(name_, types_, state_, fallback_, allowed_, meaning_)                           \
	{ .path = name_,                                                                         \
	  .types = SCHEMA_OBJECT,                                                                \
	  .state = state_,                                                                       \
	  .flags = SCHEMA_LOCKABLE,                                                              \
	  .meaning = meaning_ },                                                                 \
	{                                                                                        \
		.path = name_ ".value", .types = types_, .state = state_, .flags = SCHEMA_VALUE, \
		.allowed = allowed_, .fallback = fallback_, .meaning = meaning_                  \
	}
#define PENDING(name_, types_, fallback_, meaning_) \
	ENVELOPE(name_, types_, SCHEMA_PENDING, fallback_, NULL, meaning_)
#define ELSEWHERE(name_, types_, fallback_, meaning_) \
	ENVELOPE(name_, types_, SCHEMA_ELSEWHERE, fallback_, NULL, meaning_)

/* An object with members of its own beside "locked", and those members. */
#define GROUP(name_, state_, meaning_)                                                            \
	{                                                                                         \
		.path = name_, .types = SCHEMA_OBJECT, .state = state_, .flags = SCHEMA_LOCKABLE, \
		.meaning = meaning_                                                               \
	}
#define MEMBER(path_, types_, state_, fallback_, allowed_, meaning_)                    \
	{                                                                               \
		.path = path_, .types = types_, .state = state_, .flags = SCHEMA_VALUE, \
		.allowed = allowed_, .fallback = fallback_, .meaning = meaning_         \
	}

/* Members of a list of commands. In an image's entry they are part of the entry, no settings. */
#define COMMAND_LIST(socket_, path_, flags_, value_, meaning_)                                     \
	{ .path = path_,                                                                           \
	  .types = SCHEMA_OBJECT,                                                                  \
	  .flags = SCHEMA_UNIT | (flags_),                                                         \
	  .socket = socket_,                                                                       \
	  .meaning = meaning_ },                                                                   \
		{ .path = path_ ".type",                                                           \
		  .types = SCHEMA_STRING,                                                          \
		  .flags = value_,                                                                 \
		  .merge = SCHEMA_MERGE_LAYERS,                                                    \
		  .allowed = list_types,                                                           \
		  .fallback = "\"deny\"",                                                          \
		  .socket = socket_,                                                               \
		  .meaning = "whether the commands are those that are blocked (deny) or the only " \
			     "ones "                                                               \
			     "that are not (allow)" },                                             \
		{ .path = path_ ".commands",                                                       \
		  .types = SCHEMA_LIST,                                                            \
		  .flags = value_,                                                                 \
		  .merge = SCHEMA_MERGE_LAYERS,                                                    \
		  .fallback = "[]",                                                                \
		  .socket = socket_,                                                               \
		  .meaning = "commands by the names of `docker --help`, or container*, image*, "   \
			     "volume*, network*, build*, system*" },                               \
		{ .path = path_ ".commands[]",                                                     \
		  .types = SCHEMA_STRING,                                                          \
		  .text = SCHEMA_TEXT_COMMAND,                                                     \
		  .socket = socket_,                                                               \
		  .meaning = "one command" },                                                      \
	{                                                                                          \
		.path = path_ ".reportOnly", .types = SCHEMA_BOOL,                                 \
		.flags = SCHEMA_OURS | (value_), .merge = SCHEMA_MERGE_LAYERS,                     \
		.fallback = "false", .socket = socket_,                                            \
		.meaning = "what the list blocks goes through and is written to the audit "        \
			   "log"                                                                   \
	}

/* What every engine profile has under its own key. */
#define SOCKET(socket_)                                                                              \
	{ .path = ECI "." socket_,                                                                   \
	  .types = SCHEMA_OBJECT,                                                                    \
	  .socket = socket_,                                                                         \
	  .meaning = "which containers may mount the engine's socket, and what they may do "         \
		     "with it" },                                                                    \
		{ .path = ECI "." socket_ ".imageList",                                              \
		  .types = SCHEMA_OBJECT,                                                            \
		  .socket = socket_,                                                                 \
		  .meaning = "images whose containers may mount the engine's socket" },              \
		{ .path = ECI "." socket_ ".imageList.images",                                       \
		  .types = SCHEMA_LIST,                                                              \
		  .flags = SCHEMA_VALUE,                                                             \
		  .merge = SCHEMA_MERGE_LAYERS,                                                      \
		  .fallback = "[]",                                                                  \
		  .socket = socket_,                                                                 \
		  .meaning = "the images: NAME[:TAG], NAME:*, NAME@DIGEST, or * for all" },          \
		{ .path = ECI "." socket_ ".imageList.images[]",                                     \
		  .types = SCHEMA_STRING | SCHEMA_OBJECT,                                            \
		  .text = SCHEMA_TEXT_IMAGE,                                                         \
		  .socket = socket_,                                                                 \
		  .meaning =                                                                         \
			  "one image, or {\"image\": …, \"commandList\": …} for one that has a " \
			  "list of commands of its own" },                                           \
		{ .path = ECI "." socket_ ".imageList.images[].image",                               \
		  .types = SCHEMA_STRING,                                                            \
		  .flags = SCHEMA_OURS | SCHEMA_REQUIRED,                                            \
		  .text = SCHEMA_TEXT_IMAGE,                                                         \
		  .socket = socket_,                                                                 \
		  .meaning = "the image" },                                                          \
		COMMAND_LIST(socket_, ECI "." socket_ ".imageList.images[].commandList",             \
			     SCHEMA_OURS, 0,                                                         \
			     "commands for containers of this image, in place of the other list"),   \
		COMMAND_LIST(socket_, ECI "." socket_ ".commandList", 0, SCHEMA_VALUE,               \
			     "commands that containers may give over a mounted socket"),             \
	{                                                                                            \
		.path = ECI "." socket_ ".ownChildrenOnly", .types = SCHEMA_BOOL,                    \
		.flags = SCHEMA_OURS | SCHEMA_VALUE, .merge = SCHEMA_MERGE_LAYERS,                   \
		.fallback = "false", .socket = socket_,                                              \
		.meaning = "containers see and touch over a mounted socket, of containers, only "    \
			   "themselves and what was made over it"                                    \
	}

const struct schema_key schema_keys[] = {
	{ .path = "configurationFileVersion",
	  .types = SCHEMA_INT,
	  .flags = SCHEMA_VALUE,
	  .allowed = version_values,
	  .fallback = "2",
	  .meaning = "version of the file's format" },

	GROUP(ECI, SCHEMA_ENFORCED, "isolation of containers"),
	{ .path = ECI ".value",
	  .types = SCHEMA_BOOL,
	  .flags = SCHEMA_VALUE,
	  .merge = SCHEMA_MERGE_TRUE,
	  .fallback = "true",
	  .meaning = "every container is isolated" },
	SOCKET("dockerSocketMount"),
	{ .path = ECI ".dockerSocketMount.imageList.allowDerivedImages",
	  .types = SCHEMA_BOOL,
	  .flags = SCHEMA_VALUE,
	  .merge = SCHEMA_MERGE_LAYERS,
	  .fallback = "false",
	  .socket = "dockerSocketMount",
	  .meaning = "also local images that were built from one of these" },
	{ .path = ECI ".dockerSocketMount.imageList.keepPreviousDigests",
	  .types = SCHEMA_BOOL,
	  .flags = SCHEMA_OURS | SCHEMA_VALUE,
	  .merge = SCHEMA_MERGE_LAYERS,
	  .fallback = "false",
	  .socket = "dockerSocketMount",
	  .meaning = "also a local image that was the one of its tag before the registry "
		     "moved on" },
	SOCKET("iechorSocketMount"),

	{ .path = "filesharingAllowedDirectories",
	  .types = SCHEMA_LIST,
	  .flags = SCHEMA_VALUE | SCHEMA_BINDS,
	  .merge = SCHEMA_MERGE_LAYERS,
	  .meaning = "folders of the host below which containers may mount; without it, all that "
		     "are not protected" },
	{ .path = "filesharingAllowedDirectories[]",
	  .types = SCHEMA_OBJECT | SCHEMA_STRING,
	  .text = SCHEMA_TEXT_FOLDER,
	  .meaning = "one folder" },
	{ .path = "filesharingAllowedDirectories[].path",
	  .types = SCHEMA_STRING,
	  .flags = SCHEMA_REQUIRED,
	  .text = SCHEMA_TEXT_FOLDER,
	  .meaning = "its path; $HOME, $TMP and $TEMP may stand at the beginning" },
	{ .path = "filesharingAllowedDirectories[].sharedByDefault",
	  .types = SCHEMA_BOOL,
	  .fallback = "true",
	  .meaning = "no difference here: what is allowed is shared" },

	GROUP("containersProxy", SCHEMA_PENDING, "proxy for the traffic of containers"),
	MEMBER("containersProxy.mode", SCHEMA_STRING, SCHEMA_PENDING, "\"system\"", proxy_modes,
	       "whose proxy: the host's, or the ones named here"),
	MEMBER("containersProxy.http", SCHEMA_STRING, SCHEMA_PENDING, "\"\"", NULL,
	       "proxy for HTTP"),
	MEMBER("containersProxy.https", SCHEMA_STRING, SCHEMA_PENDING, "\"\"", NULL,
	       "proxy for HTTPS"),
	MEMBER("containersProxy.exclude", SCHEMA_LIST | SCHEMA_STRING, SCHEMA_PENDING, "[]", NULL,
	       "hosts and networks that are reached without it"),
	{ .path = "containersProxy.exclude[]",
	  .types = SCHEMA_STRING,
	  .state = SCHEMA_PENDING,
	  .meaning = "one of them" },
	MEMBER("containersProxy.pac", SCHEMA_STRING, SCHEMA_PENDING, "\"\"", NULL,
	       "URL of a PAC file"),
	MEMBER("containersProxy.embeddedPac", SCHEMA_STRING, SCHEMA_PENDING, "\"\"", NULL,
	       "a PAC file itself"),
	MEMBER("containersProxy.transparentPorts", SCHEMA_STRING, SCHEMA_PENDING, "\"\"", NULL,
	       "ports whose traffic goes through it: a list, ranges, or *"),

	GROUP("proxy", SCHEMA_PENDING, "proxy of the engine"),
	MEMBER("proxy.mode", SCHEMA_STRING, SCHEMA_PENDING, "\"system\"", proxy_modes,
	       "whose proxy: the host's, or the ones named here"),
	MEMBER("proxy.http", SCHEMA_STRING, SCHEMA_PENDING, "\"\"", NULL, "proxy for HTTP"),
	MEMBER("proxy.https", SCHEMA_STRING, SCHEMA_PENDING, "\"\"", NULL, "proxy for HTTPS"),
	MEMBER("proxy.exclude", SCHEMA_LIST | SCHEMA_STRING, SCHEMA_PENDING, "[]", NULL,
	       "hosts and networks that are reached without it"),
	{ .path = "proxy.exclude[]",
	  .types = SCHEMA_STRING,
	  .state = SCHEMA_PENDING,
	  .meaning = "one of them" },
	MEMBER("proxy.pac", SCHEMA_STRING, SCHEMA_PENDING, "\"\"", NULL, "URL of a PAC file"),
	MEMBER("proxy.embeddedPac", SCHEMA_STRING, SCHEMA_PENDING, "\"\"", NULL,
	       "a PAC file itself"),
	MEMBER("proxy.windowsDockerdPort", SCHEMA_INT, SCHEMA_ELSEWHERE, "-1", NULL,
	       "port of the proxy for Windows containers"),
	MEMBER("proxy.enableKerberosNtlm", SCHEMA_BOOL, SCHEMA_PENDING, "false", NULL,
	       "authentication at the proxy by Kerberos or NTLM"),

	PENDING("exposeDockerAPIOnTCP2375", SCHEMA_BOOL, "false", "the engine listens on TCP"),
	PENDING("blockDockerLoad", SCHEMA_BOOL, "false", "images may not be loaded from files"),
	ENVELOPE("portBindingBehavior", SCHEMA_STRING, SCHEMA_PENDING, "\"default-port-binding\"",
		 port_behaviors, "addresses on which ports of containers are published"),
	ENVELOPE("defaultNetworkingMode", SCHEMA_STRING, SCHEMA_PENDING, "\"dual-stack\"",
		 networking_modes, "IP versions of new networks"),
	{ .path = "linuxVM",
	  .types = SCHEMA_OBJECT,
	  .state = SCHEMA_PENDING,
	  .meaning = "the engine" },
	PENDING("linuxVM.dockerDaemonOptions", SCHEMA_STRING, "\"{}\"",
		"daemon.json of the engine, as a string of JSON"),
	ELSEWHERE("linuxVM.wslEngineEnabled", SCHEMA_BOOL, "true", "the engine runs on WSL 2"),
	ELSEWHERE("linuxVM.vpnkitCIDR", SCHEMA_STRING, "\"192.168.65.0/24\"",
		  "network of the virtual machine"),
	PENDING("enableInference", SCHEMA_BOOL, "false", "the model runner"),
	PENDING("enableInferenceTCP", SCHEMA_BOOL, "false", "the model runner listens on TCP"),
	PENDING("enableInferenceTCPPort", SCHEMA_INT, "12434", "its port"),
	PENDING("enableInferenceCORS", SCHEMA_STRING, "\"\"", "its CORS origins"),
	PENDING("enableInferenceGPUVariant", SCHEMA_BOOL, "false", "it uses the GPU"),

	{ .path = "windowsContainers",
	  .types = SCHEMA_OBJECT,
	  .state = SCHEMA_ELSEWHERE,
	  .meaning = "the engine for Windows containers" },
	ELSEWHERE("windowsContainers.dockerDaemonOptions", SCHEMA_STRING, "\"{}\"",
		  "daemon.json of the engine for Windows containers"),
	GROUP("kubernetes", SCHEMA_ELSEWHERE, "the desktop's Kubernetes"),
	MEMBER("kubernetes.enabled", SCHEMA_BOOL, SCHEMA_ELSEWHERE, "false", NULL, "it is on"),
	MEMBER("kubernetes.showSystemContainers", SCHEMA_BOOL, SCHEMA_ELSEWHERE, "false", NULL,
	       "its own containers are shown"),
	MEMBER("kubernetes.imagesRepository", SCHEMA_STRING, SCHEMA_ELSEWHERE, "\"\"", NULL,
	       "where its images come from"),
	GROUP("scout", SCHEMA_ELSEWHERE, "the desktop's Docker Scout"),
	MEMBER("scout.sbomIndexing", SCHEMA_BOOL, SCHEMA_ELSEWHERE, "true", NULL,
	       "images are indexed"),
	MEMBER("scout.useBackgroundIndexing", SCHEMA_BOOL, SCHEMA_ELSEWHERE, "true", NULL,
	       "images are indexed in the background"),
	ENVELOPE("dnsInhibition", SCHEMA_STRING, SCHEMA_ELSEWHERE, "\"auto\"", dns_modes,
		 "DNS records that the virtual machine's resolver leaves out"),
	ELSEWHERE("analyticsEnabled", SCHEMA_BOOL, "true", "the desktop sends statistics"),
	ELSEWHERE("disableUpdate", SCHEMA_BOOL, "false", "the desktop does not update itself"),
	ELSEWHERE("silentModulesUpdate", SCHEMA_BOOL, "true", "its parts update by themselves"),
	ELSEWHERE("displayedOnboarding", SCHEMA_BOOL, "false", "its survey is not shown"),
	ELSEWHERE("desktopTerminalEnabled", SCHEMA_BOOL, "false", "its terminal"),
	ELSEWHERE("extensionsEnabled", SCHEMA_BOOL, "true", "its extensions"),
	ELSEWHERE("onlyMarketplaceExtensions", SCHEMA_BOOL, "false", "only those of its market"),
	ELSEWHERE("extensionsPrivateMarketplace", SCHEMA_BOOL, "false", "a market of one's own"),
	ELSEWHERE("extensionsPrivateMarketplaceAdminContactURL", SCHEMA_STRING, "\"\"",
		  "whom to ask for an extension"),
	ELSEWHERE("allowBetaFeatures", SCHEMA_BOOL, "false", "its beta features"),
	ELSEWHERE("allowExperimentalFeatures", SCHEMA_BOOL, "false", "its experimental features"),
	ELSEWHERE("enableDockerAI", SCHEMA_BOOL, "false", "its assistant"),
	ELSEWHERE("enableDockerMCPToolkit", SCHEMA_BOOL, "true", "its MCP toolkit"),
	ELSEWHERE("enableCloud", SCHEMA_BOOL, "false", "builds and containers in the cloud"),
	ELSEWHERE("useVirtualizationFrameworkVirtioFS", SCHEMA_BOOL, "true",
		  "file sharing on macOS"),
	ELSEWHERE("useVirtualizationFrameworkRosetta", SCHEMA_BOOL, "true", "emulation on macOS"),
	ELSEWHERE("useGrpcfuse", SCHEMA_BOOL, "true", "file sharing on macOS"),
};
const size_t schema_keys_n = ARRAY_SIZE(schema_keys);

const struct schema_key schema_locked = {
	.path = "locked",
	.types = SCHEMA_BOOL,
	.fallback = "false",
	.meaning = "users cannot change it",
};
