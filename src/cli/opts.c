/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/opts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

#define HELP_COLUMN 24

static int wrong(const struct opts *o, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int wrong(const struct opts *o, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "gabion %s: ", o->command);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "\nusage: gabion %s %s\n", o->command, o->usage);
	return -EINVAL;
}

static void print_row(const char *left, const char *help)
{
	if (strlen(left) < HELP_COLUMN)
		(void)printf("%-*s%s\n", HELP_COLUMN, left, help);
	else
		(void)printf("%s\n%*s%s\n", left, HELP_COLUMN, "", help);
}

static void print_help(const struct opts *o)
{
	char left[128];

	(void)printf("usage: gabion %s %s\n\n%s\n\noptions:\n", o->command, o->usage, o->about);
	for (size_t i = 0; i < o->count; i++) {
		const struct opt *t = &o->table[i];
		char letter[] = { '-', t->letter, ',', ' ', '\0' };

		(void)snprintf(left, sizeof(left), "  %s--%s%s%s", t->letter ? letter : "", t->name,
			       t->value ? " " : "", t->value ? t->value : "");
		print_row(left, t->help);
	}
	print_row("  -h, --help", "this text");
}

/* The row that `arg` names; *ret_value is what follows its '=', or NULL. */
static const struct opt *find(const struct opts *o, const char *arg, const char **ret_value)
{
	*ret_value = NULL;
	for (size_t i = 0; i < o->count; i++) {
		const struct opt *t = &o->table[i];
		size_t n = strlen(t->name);

		if (arg[1] != '-') {
			if (t->letter != '\0' && arg[1] == t->letter && arg[2] == '\0')
				return t;
			continue;
		}
		if (strncmp(arg + 2, t->name, n) != 0)
			continue;
		if (arg[2 + n] == '\0')
			return t;
		if (arg[2 + n] == '=') {
			*ret_value = arg + 2 + n + 1;
			return t;
		}
	}
	return NULL;
}

/* Takes argv[*at] (and its value) and leaves *at on the last word taken. */
static int take(const struct opts *o, int argc, char **argv, void *values, int *at)
{
	const char *arg = argv[*at];
	const char *value;
	const struct opt *t = find(o, arg, &value);

	if (!t)
		return wrong(o, "unknown option %s", arg);
	switch (t->kind) {
	case OPT_FLAG:
		if (value)
			return wrong(o, "option --%s takes no value", t->name);
		*(bool *)((char *)values + t->offset) = true;
		return 0;
	case OPT_STRING:
		if (!value) {
			if (*at + 1 >= argc)
				return wrong(o, "option %s needs a value", arg);
			value = argv[++*at];
		}
		if (*value == '\0')
			return wrong(o, "option --%s: the value is empty", t->name);
		*(const char **)((char *)values + t->offset) = value;
		return 0;
	}
	return -EINVAL;
}

/* Moves the word argv[at] to the end of argv. */
static void put_last(int argc, char **argv, int at)
{
	char *word = argv[at];

	memmove(argv + at, argv + at + 1, (size_t)(argc - at - 1) * sizeof(*argv));
	argv[argc - 1] = word;
}

int opts_parse(const struct opts *o, int argc, char **argv, void *values, int *ret_rest)
{
	bool dashes = false;
	int end = argc; /* from there on, argv has words that have been passed */
	size_t words;
	int i = 1;
	int r;

	while (i < end) {
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			if (o->dashes || o->word_ends)
				break;
			put_last(argc, argv, i);
			end--;
			continue;
		}
		if (strcmp(argv[i], "--") == 0) {
			dashes = true;
			i++;
			/* What follows comes after the words before it. */
			for (int n = end - i; n > 0; n--)
				put_last(argc, argv, i);
			break;
		}
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			print_help(o);
			return OPTS_HELP;
		}
		r = take(o, end, argv, values, &i);
		if (r < 0)
			return r;
		i++;
	}
	words = (size_t)(argc - i);
	if (words > 0 && o->dashes && !dashes)
		return wrong(o, "unexpected \"%s\" (words are taken after -- only)", argv[i]);
	if (words > o->max_args)
		return wrong(o, "unexpected \"%s\"", argv[i + (int)o->max_args]);
	if (words < o->min_args)
		return wrong(o, "something is missing");
	*ret_rest = i;
	return 0;
}

int opts_exit(int r)
{
	return r == OPTS_HELP ? 0 : 2;
}
