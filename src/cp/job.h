/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one run of gabion-cp is asked to do: its command line.
 *
 *   gabion-cp --pid PID --base BASE --size SIZE --mode stat|get|put --path PATH
 *             [--fd N] --status-fd N [--no-overwrite-dir-non-dir] [--copy-uidgid] [--user SPEC]
 *
 * PID is the container's first process, BASE and SIZE the id range that it must turn out to have,
 * PATH a path in the container as a client of the engine wrote it. --fd is where a tar stream goes
 * to (get) or comes from (put); stat has none. What is answered on --status-fd: status.h.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum job_mode {
	JOB_STAT,
	JOB_GET,
	JOB_PUT,
};

enum job_flags {
	JOB_NO_OVERWRITE_DIR = 1u << 0, /* --no-overwrite-dir-non-dir: a directory is not replaced
					   by something else, nor something else by a directory */
	JOB_COPY_UIDGID = 1u << 1,	/* --copy-uidgid: see owner.h */
};

struct job {
	pid_t pid;
	uint32_t base; /* host id of the container's root */
	uint32_t size; /* how many ids the container has */
	enum job_mode mode;
	unsigned flags;	  /* enum job_flags */
	const char *path; /* borrowed from argv */
	const char *user; /* Config.User of the container for --copy-uidgid; NULL: none */
	int fd;		  /* -EBADF for stat */
	int status_fd;
};

/* Returns 0; -EINVAL with what is wrong, then ret->status_fd is valid if it was given. */
int job_parse(int argc, char **argv, struct job *ret, struct err *err);
