/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/profile.h"

#include "base/util.h"

#define ALL_FORMS                                                                               \
	(PROFILE_FORM_TAG | PROFILE_FORM_ANY_TAG | PROFILE_FORM_DIGEST | PROFILE_FORM_PATTERN | \
	 PROFILE_FORM_ID | PROFILE_FORM_EVERYTHING)

static const char *const docker_sockets[] = { "/var/run/docker.sock", "/run/docker.sock", NULL };
/* The others are where Debian's podman-docker has Docker's clients find it. */
static const char *const podman_sockets[] = { "/run/podman/podman.sock",
					      "/var/run/podman/podman.sock", "/run/docker.sock",
					      "/var/run/docker.sock", NULL };
static const char *const iechor_sockets[] = { "/var/run/iechor.sock", "/run/iechor.sock", NULL };

/* 000 "not yet supported", without those whose requests the engine's API shows: compose, manifest,
 * plugin, scout and trust are known to our command lists. */
static const char *const docker_unknown[] = {
	"dev", "extension", "feedback", "init", "sbom", NULL
};
/* 004 "not yet supported" as it stands there. */
static const char *const iechor_unknown[] = { "compose", "dev",	     "extension", "feedback",
					      "init",	 "manifest", "plugins",	  "sbom",
					      "scan",	 "scout",    "trust",	  NULL };

const struct profile profiles[] = {
	{
		.name = "docker",
		.engine = "docker",
		.product = "Docker Desktop",
		.registry = "docker.io",
		.registry_alias = "index.docker.io",
		.space = "library",
		.socket_mount_key = "dockerSocketMount",
		.forms = ALL_FORMS,
		.derived = true,
		.sockets = docker_sockets,
		.unknown_commands = docker_unknown,
	},
	{
		/* Its Docker-compatible socket, where short names are Docker Hub's; the settings
		 * are those of Docker's documents, since Podman has none of this kind. */
		.name = "podman",
		.engine = "podman",
		.product = "Podman Desktop",
		.registry = "docker.io",
		.registry_alias = "index.docker.io",
		.space = "library",
		.socket_mount_key = "dockerSocketMount",
		.forms = ALL_FORMS,
		.derived = true,
		.sockets = podman_sockets,
		.unknown_commands = docker_unknown,
	},
	{
		.name = "iechor",
		.engine = "iechor",
		.product = "iEchor Desktop",
		.registry = "iechor.io",
		.registry_alias = "index.iechor.io",
		.space = "library",
		.socket_mount_key = "iechorSocketMount",
		.forms = PROFILE_FORM_TAG | PROFILE_FORM_ANY_TAG | PROFILE_FORM_DIGEST,
		.derived = false,
		.sockets = iechor_sockets,
		.unknown_commands = iechor_unknown,
	},
};
const size_t nprofiles = ARRAY_SIZE(profiles);

const struct profile *profile_find(struct slice name)
{
	for (size_t i = 0; i < nprofiles; i++)
		if (slice_eq_str(name, profiles[i].name))
			return &profiles[i];
	return NULL;
}

const struct profile *profile_default(void)
{
	return &profiles[0];
}

bool profile_is_unknown_command(const struct profile *p, struct slice command)
{
	for (size_t i = 0; p->unknown_commands[i]; i++)
		if (slice_eq_str(command, p->unknown_commands[i]))
			return true;
	return false;
}
