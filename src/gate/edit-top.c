/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker top: the engine starts ps(1) as root of the host with the client's arguments and keeps the
 * lines that have a process of the container's in the column that is called PID. With other
 * arguments than these the column of that name, or the word at its place, may be another one, and
 * the lines are of any process: -orss=PID, -o lstart,comm,pid. And BSD's e shows environments.
 */
#include <errno.h>
#include <string.h>

#include "gate/edit.h"

/* Lists whose words before the process id have no spaces in them. */
static const char *const lists[] = {
	"-e",	"-ef",	 "-f",	"-F",	"-eF",	"-l",	 "-el",	  "-elf",   "-ely",
	"-ax",	"ax",	 "aux", "-aux", "auxw", "auxww", "-auxw", "-auxww", "axu",
	"axuw", "axuww", "-w",	"-ww",	"w",	"ww",	 "u",	  "x",	    "-A",
	"-Af",	"-H",	 "f",	"axf",	"auxf", "-efw",	 "-efww", "-efH",
};

/* The option that takes a list of columns, alone or with it. */
static const char *const columns[] = { "-o", "-eo", "-axo", "-Ao", "-efo", "o", "axo" };

static bool is_list(struct slice word)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (slice_eq_str(word, lists[i]))
			return true;
	return false;
}

static bool is_columns(struct slice word)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (slice_eq_str(word, columns[i]))
			return true;
	return false;
}

/* "pid,…": names of columns alone. */
static bool is_names(struct slice word)
{
	if (!slice_eq_str(word, "pid") && !slice_starts(word, SLICE_LIT("pid,")))
		return false;
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] != ',' && word.p[i] != '_' && (word.p[i] < 'a' || word.p[i] > 'z'))
			return false;
	return true;
}

/* As the engine cuts them, at white space of ASCII. */
static bool next_word(struct slice *rest, struct slice *ret)
{
	size_t n = 0;

	while (rest->n > 0 && memchr(" \t\n\v\f\r", rest->p[0], 6))
		*rest = slice_from(*rest, 1);
	while (n < rest->n && !memchr(" \t\n\v\f\r", rest->p[n], 6))
		n++;
	*ret = (struct slice){ rest->p, n };
	*rest = slice_from(*rest, n);
	return n > 0;
}

static bool is_plain(struct slice args)
{
	struct slice word;

	while (next_word(&args, &word)) {
		if (is_list(word) ||
		    (slice_starts(word, SLICE_LIT("-o")) && is_names(slice_from(word, 2))))
			continue;
		if (!is_columns(word) || !next_word(&args, &word) || !is_names(word))
			return false;
	}
	return true;
}

int edit_top(const struct http_target *t, const struct edit_how *how, struct edit *ret,
	     struct err *err)
{
	size_t n;
	const struct slice *args = http_target_param(t, "ps_args", &n);

	*ret = (struct edit){ 0 };
	if (n > 1) {
		(void)err_set(err, -EINVAL, "ps_args is repeated");
		return EDIT_BAD;
	}
	if (!args || how->plain || is_plain(*args))
		return EDIT_OK;
	(void)err_set(err, -EPERM,
		      "ps options \"%.*s\" are not supported by gabion: ps is started as root of "
		      "the host, and "
		      "could show other processes than the container's",
		      (int)MIN(args->n, (size_t)256), args->p);
	ret->rule = "top-options";
	ret->hint = "use -ef, aux, or -o with names of columns of which pid is the first";
	return EDIT_DENIED;
}
