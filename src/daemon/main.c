/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabiond --state-dir DIR [--limit engine-mib=N] [--ready-fd N] [-- ENGINE-ARG…]
 *                                  run the instance (`gabion up`)
 * gabiond --state-dir DIR --down   take it down (`gabion down`)
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "daemon/daemon.h"

#define EXIT_WRONG_USAGE 2
#define EXIT_NO_RIGHT 3

struct options {
	const char *state_dir;
	int ready_fd;
	uint32_t engine_mib;
	bool down;
	char **rest; /* after -- */
};

/* "engine-mib=512" */
static int limit(const char *text, struct options *o)
{
	static const struct slice name = SLICE_LIT("engine-mib=");
	struct slice s = slice_str(text);
	uint32_t v;

	if (!slice_starts(s, name) || num_parse_u32(slice_from(s, name.n), &v) < 0 ||
	    v == MEMORY_MIB_DEFAULT) {
		log_error("--limit %s: the limit there is is engine-mib=N", text);
		return -EINVAL;
	}
	if (v > 0 && v < MEMORY_MIB_LEAST) {
		log_error("--limit %s: dockerd needs %u or more; 0 is no limit", text,
			  MEMORY_MIB_LEAST);
		return -EINVAL;
	}
	o->engine_mib = v;
	return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;
		uint32_t fd;

		if (strcmp(argv[i], "--") == 0) {
			o->rest = argv + i + 1;
			return 0;
		}
		if (strcmp(argv[i], "--down") == 0) {
			o->down = true;
		} else if (strcmp(argv[i], "--state-dir") == 0 && more) {
			o->state_dir = argv[++i];
		} else if (strcmp(argv[i], "--limit") == 0 && more) {
			if (limit(argv[++i], o) < 0)
				return -ERANGE;
		} else if (strcmp(argv[i], "--ready-fd") == 0 && more &&
			   num_parse_u32(slice_str(argv[i + 1]), &fd) == 0 && fd > 2) {
			o->ready_fd = (int)fd;
			i++;
		} else {
			return -EINVAL;
		}
	}
	o->rest = argv + argc;
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .ready_fd = -EBADF, .engine_mib = MEMORY_MIB_DEFAULT };
	struct err err = ERR_INIT;
	struct daemon *d;
	int code;
	int r;

	log_init("gabiond", LOG_LEVEL_INFO);
	r = parse(argc, argv, &o);
	if (r == -ERANGE)
		return EXIT_WRONG_USAGE;
	if (r < 0 || !o.state_dir) {
		(void)fprintf(stderr, "usage: gabiond --state-dir DIR [--limit engine-mib=N] "
				      "[--ready-fd N | --down] [-- ENGINE-ARG…]\nThis is what "
				      "`gabion up` and `gabion "
				      "down` start.\n");
		return EXIT_WRONG_USAGE;
	}
	if (!o.down && geteuid() != 0) {
		log_error("an instance needs root");
		return EXIT_NO_RIGHT;
	}
	if (o.ready_fd >= 0 && fd_cloexec(o.ready_fd, true) < 0) {
		log_error("--ready-fd %d: %s", o.ready_fd, strerror(errno));
		return EXIT_WRONG_USAGE;
	}
	d = malloc(sizeof(*d));
	if (!d)
		return 1;
	daemon_init(d);
	d->ready_fd = o.ready_fd;
	d->engine_args = o.rest;
	d->engine_mib = o.engine_mib;
	(void)signal(SIGPIPE, SIG_IGN);
	if (instance_find(&d->inst, o.state_dir, &err) < 0) {
		log_error("%s", err.text);
		code = 1;
	} else {
		code = o.down ? daemon_down(d) : daemon_run(d);
	}
	daemon_done(d);
	free(d);
	return code;
}
