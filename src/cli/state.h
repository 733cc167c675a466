/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known about a running instance: asked of gabiond over run/control.sock, else read from
 * the run/instance.json that it leaves behind when it is killed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "settings/finding.h"
#include "settings/policy.h"

#define STATE_SERVICES_MAX 16

struct state_service {
	const char *name;
	const char *state; /* "up", "starting", "restarting", "down"; "gone": died after gabiond */
	pid_t pid;	   /* 0: none */
	uint64_t birth;	   /* start time of pid */
};

/* What gabiond says of the policy in force. */
struct state_policy {
	uint64_t generation; /* 0: it says nothing */
	const char *files[POLICY_FILES_MAX];
	size_t nfiles; /* 0: no settings file, the defaults */
	bool isolation;
	bool stale;	/* an older one, because of these errors in settings files: */
	size_t nerrors; /* at most as many as it tells */
	struct finding *errors;
	size_t nwarnings; /* about what is in force, or would be */
	struct finding *warnings;
};

struct state {
	bool answered; /* gabiond said it itself */
	pid_t pid;     /* of gabiond; 0 when it does not live */
	pid_t inside;  /* a process in the instance's mount namespace; 0 when there is none */
	const char *started;
	struct state_policy policy;
	size_t nservices;
	struct state_service services[STATE_SERVICES_MAX];
};

/* 0; 1 when there is no instance; -EACCES when the caller may not know; other -errno. */
int state_load(struct arena *a, const struct instance *inst, struct state *ret, struct err *err);

/* The text of a status answer or of instance.json; `boot` is the boot id of this machine. 0; 1 when
 * it is of another boot; -EINVAL. ret->pid is as it says. */
int state_parse(struct arena *a, struct slice text, struct slice boot, struct state *ret,
		uint64_t *ret_birth, struct err *err);

/* Start time of a process (field 22 of proc_pid_stat(5)) in the text of /proc/PID/stat; 0 when it
 * is not to be found, or the process is dead and only waits to be reaped. */
uint64_t state_birth(struct slice stat);
