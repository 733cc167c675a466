/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion down` becomes `gabiond --down`: what is made there is taken away there. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/program.h"
#include "cli/cli.h"
#include "settings/instance.h"

struct down {
	const char *state_dir;
};

static const struct opt table[] = {
	OPT_STATE_DIR(struct down, state_dir),
};

static const struct opts opts = {
	.command = "down",
	.usage = "[--state-dir DIR]",
	.about = "Stops the engine that `gabion up` started in DIR, with its containers, and takes "
		 "away\nwhatever is left of it, also when parts of it were killed. Images, "
		 "volumes and\nstopped containers stay in DIR.",
	.table = table,
	.count = ARRAY_SIZE(table),
};

int cmd_down(int argc, char **argv)
{
	struct down down = { 0 };
	struct instance inst;
	struct err err = ERR_INIT;
	char program[PATH_MAX];
	int rest;
	int r;

	r = opts_parse(&opts, argc, argv, &down, &rest);
	if (r != 0)
		return opts_exit(r);
	r = instance_find(&inst, down.state_dir, &err);
	if (r < 0) {
		cli_error("%s", err.text);
		return CLI_EXIT_NO;
	}
	if (!inst.private_dir) {
		cli_error("down needs the folder that `gabion up` got: --state-dir DIR or "
			  "GABION_STATE_DIR");
		return CLI_EXIT_USAGE;
	}
	r = program_find("gabiond", program, &err);
	if (r < 0) {
		cli_error("%s", err.text);
		return CLI_EXIT_NO;
	}
	(void)execl(program, program, "--state-dir", inst.dir, "--down", (char *)NULL);
	cli_error("%s: %s", program, strerror(errno));
	return CLI_EXIT_NO;
}
