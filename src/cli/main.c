/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "gabion-version.h"

static const struct cli_command commands[] = {
	{ "up", "start an engine of our own and the whole suite under a folder", cmd_up },
	{ "down", "stop it and take everything away again", cmd_down },
	{ "status", "what of an instance is on, what is wrong and what to do", cmd_status },
	{ "ps", "containers with their id ranges", cmd_ps },
	{ "events", "the audit log: what was denied and granted, to whom", cmd_events },
	{ "explain", "whether something would be let through, by which rule, and the way out",
	  cmd_explain },
	{ "images", "images that may have the engine's socket, and their digests", cmd_images },
	{ "settings", "the settings in force, and what is wrong with a settings file",
	  cmd_settings },
	{ "policy", "a commandList that fits what containers were seen to do", cmd_policy },
	{ "doctor", "what this host can do; each gap with its consequence and cure", cmd_doctor },
	{ "unshare", "a shell for the files that your containers left in your folders",
	  cmd_unshare },
	{ "migrate", "give files of containers without gabion to a user's containers",
	  cmd_migrate },
};

void cli_error(const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "gabion: ");
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "\n");
}

int cli_need_root(const char *command)
{
	if (geteuid() == 0)
		return 0;
	cli_error("%s needs root: try `sudo gabion %s …`", command, command);
	return CLI_EXIT_UNKNOWN;
}

static void print_help(FILE *out)
{
	(void)fprintf(out,
		      "usage: gabion COMMAND [OPTION…]\n\n"
		      "Containers that are real cages, on the Docker engine of this host or on "
		      "one of its own.\n\ncommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	(void)fprintf(out, "\n`gabion COMMAND --help` says more; `gabion --version` prints %s.\n",
		      GABION_VERSION);
}

int main(int argc, char **argv)
{
	log_init("gabion", LOG_LEVEL_INFO);
	if (argc < 2) {
		print_help(stderr);
		return CLI_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return CLI_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("gabion %s\n", GABION_VERSION);
		return CLI_EXIT_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int code;

		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		code = commands[i].run(argc - 1, argv + 1);
		if (fflush(stdout) != 0 && code == CLI_EXIT_OK) {
			cli_error("standard output: write failed");
			return CLI_EXIT_UNKNOWN;
		}
		return code;
	}
	cli_error("unknown command \"%s\"; `gabion --help` lists them", argv[1]);
	return CLI_EXIT_USAGE;
}
