/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `gabion doctor`: a table of checks (cmd-doctor.c), each of which asks the host one thing and says
 * what it found, what follows from it and what to do. A check changes nothing on the host; what it
 * has to try, it tries in a child that is gone afterwards.
 */
#pragma once

#include <stdbool.h>

#include "base/util.h"
#include "cli/doctor-facts.h"
#include "settings/instance.h"

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_WARNING, /* works, but something is less than it could be */
	DOCTOR_PROBLEM, /* containers do not start, or are not contained */
};

#define DOCTOR_TEXT_MAX 768

struct finding {
	enum doctor_state state;
	char found[DOCTOR_TEXT_MAX];
	char consequence[DOCTOR_TEXT_MAX]; /* empty while the state is ok */
	char cure[DOCTOR_TEXT_MAX];	   /* empty while the state is ok */
};

/* What checks share. */
struct doctor {
	const struct instance *inst;
	bool root;
	struct version kernel; /* kernel.org's version of it, 0.0.0 where unknown */
};

struct doctor_check {
	const char *id;	   /* in --json: never renamed */
	const char *title; /* at most 16 columns */
	void (*run)(const struct doctor *d, struct finding *f);
};

/* Each sets the state and the text found; a worse state than ok takes consequence and cure too. */
void doctor_ok(struct finding *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
void doctor_warning(struct finding *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
void doctor_problem(struct finding *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
void doctor_consequence(struct finding *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
void doctor_cure(struct finding *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A warning that this cannot be found out without root. */
void doctor_needs_root(struct finding *f, const char *what);

/* doctor-kernel.c */
void doctor_kernel(const struct doctor *d, struct finding *f);
void doctor_holes(const struct doctor *d, struct finding *f);
void doctor_wsl(const struct doctor *d, struct finding *f);
void doctor_openat2(const struct doctor *d, struct finding *f);
void doctor_userns(const struct doctor *d, struct finding *f);
void doctor_seccomp(const struct doctor *d, struct finding *f);
void doctor_pidfd(const struct doctor *d, struct finding *f);
void doctor_fuse(const struct doctor *d, struct finding *f);

/* doctor-mounts.c */
void doctor_idmap(const struct doctor *d, struct finding *f);
void doctor_overlay(const struct doctor *d, struct finding *f);
void doctor_tmpfs(const struct doctor *d, struct finding *f);

/* doctor-host.c */
void doctor_cgroup(const struct doctor *d, struct finding *f);
void doctor_hybrid(const struct doctor *d, struct finding *f);
void doctor_settings(const struct doctor *d, struct finding *f);
void doctor_ids(const struct doctor *d, struct finding *f);
void doctor_lsm(const struct doctor *d, struct finding *f);

/* doctor-engine.c */
void doctor_dockerd(const struct doctor *d, struct finding *f);
void doctor_containerd(const struct doctor *d, struct finding *f);
void doctor_docker_cli(const struct doctor *d, struct finding *f);
void doctor_iptables(const struct doctor *d, struct finding *f);
void doctor_slirp(const struct doctor *d, struct finding *f);
void doctor_crun(const struct doctor *d, struct finding *f);
void doctor_runc(const struct doctor *d, struct finding *f);
