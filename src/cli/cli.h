/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `gabion` command: one row of main.c's table and one file cmd-NAME.c a command. A command gets
 * its own name as argv[0], parses with opts.h, prints results on standard output and errors with
 * cli_error(), and returns one of the exit codes below.
 */
#pragma once

#include "base/err.h"
#include "base/util.h"
#include "cli/opts.h"

enum cli_exit {
	CLI_EXIT_OK = 0,      /* yes, done */
	CLI_EXIT_NO = 1,      /* no, denied, unhealthy, failed */
	CLI_EXIT_USAGE = 2,   /* the command line is wrong */
	CLI_EXIT_UNKNOWN = 3, /* could not find out, not allowed to */
};

struct cli_command {
	const char *name;
	const char *summary; /* one line for `gabion --help` */
	int (*run)(int argc, char **argv);
};

int cmd_up(int argc, char **argv);
int cmd_down(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_images(int argc, char **argv);
int cmd_settings(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_unshare(int argc, char **argv);
int cmd_migrate(int argc, char **argv);

/* "gabion: TEXT" on standard error. */
void cli_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* 0 when the caller is root, else prints that COMMAND needs it and returns CLI_EXIT_UNKNOWN. */
int cli_need_root(const char *command);
