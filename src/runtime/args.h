/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of runc and crun, read only as far as gabion-runc must: which command, and for
 * those that make a container, which bundle and which id. All of argv goes on to the lower runtime.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct args {
	int argc;
	char **argv;
	const char *command; /* "create", "exec", …; NULL when there is none (--version, --help) */
	bool makes_container;	    /* create, run, restore: the spec is edited */
	bool makes_process;	    /* those, and exec */
	bool keep;		    /* --keep */
	const char *log;	    /* --log FILE */
	const char *log_format;	    /* --log-format */
	const char *bundle;	    /* --bundle, default "." */
	const char *config;	    /* crun's --config, default NULL: config.json in the bundle */
	const char *pid_file;	    /* --pid-file */
	const char *console_socket; /* --console-socket */
	const char *root;	    /* --root */
	const char *id;		    /* the container's */
};

/* -EINVAL with a text for a command line that neither runc nor crun would take. */
int args_parse(int argc, char **argv, struct args *ret, struct err *err);

/* Where the file stands that `exec --process FILE` names. Engines use no other way to say what is
 * to run; NULL: somebody else asks. */
char **args_process_file(const struct args *a);

/* Bytes of it. */
#define ARGS_PROCESS_MAX (1u << 20)
