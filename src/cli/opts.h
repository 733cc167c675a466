/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options from a table. Every command describes itself in a `struct opts`; `--help` (and -h) is
 * written from it. Long options take their value as `--name value` or `--name=value`, one-letter
 * ones as `-n value`; `--` ends the options. They may stand before, between and after words, but
 * end at the first word where that is a command with options of its own, or where words are taken
 * after `--` only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum opt_kind {
	OPT_FLAG,   /* `bool` becomes true */
	OPT_STRING, /* `const char *` points into argv */
};

struct opt {
	const char *name; /* without the dashes */
	char letter;	  /* 0: none */
	enum opt_kind kind;
	size_t offset;	   /* of the field in the command's own struct */
	const char *value; /* what --help calls the value; NULL for flags */
	const char *help;  /* one line */
};

struct opts {
	const char *command; /* "up" */
	const char *usage;   /* what follows the name in the usage line */
	const char *about;   /* a paragraph, lines of at most 80 columns */
	const struct opt *table;
	size_t count;
	size_t min_args; /* words after the options */
	size_t max_args;
	bool dashes;	/* words are only taken after `--` */
	bool word_ends; /* the first word ends the options: it is a command, with options of its own
			 */
};

#define OPTS_HELP 1 /* help was asked for and printed */

/* Fills the fields of *values that are named on the command line, leaves the others alone.
 * *ret_rest is the index of the first word. Returns 0, OPTS_HELP, or -EINVAL after it said on
 * standard error what is wrong. */
int opts_parse(const struct opts *o, int argc, char **argv, void *values, int *ret_rest);

/* The exit code for a result other than 0 of opts_parse(). */
int opts_exit(int r);

/* The option every command of an instance has. */
#define OPT_STATE_DIR(type, field)                                                        \
	{                                                                                 \
		.name = "state-dir", .kind = OPT_STRING, .offset = offsetof(type, field), \
		.value = "DIR",                                                           \
		.help = "the private instance in DIR (default: $GABION_STATE_DIR, "       \
			"else the system's)"                                              \
	}
