/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One supervised program.
 *
 *            start                probe answers
 *   DOWN ────────────► STARTING ───────────────► UP
 *    ▲  ▲                 │ exits, probe fails    │ exits
 *    │  └── not running ──┤◄──────────────────────┘
 *    │                    ▼ while the daemon runs
 *    └─ timer ───────── WAITING  (the longer, the more often it failed)
 *
 * A service may also be adopted: then it is no child of ours and its exit status is unknown, but
 * everything else is the same.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/loop.h"
#include "daemon/probe.h"

struct daemon;

enum service_id {
	SERVICE_HOLD, /* gabion-hold */
	SERVICE_VFS,  /* gabion-vfs */
	SERVICE_CONTAINERD,
	SERVICE_WAY_OUT, /* slirp4netns */
	SERVICE_ENGINE,	 /* dockerd */
	SERVICE_GATE,
	SERVICE_COUNT,
};

enum service_state {
	SERVICE_DOWN,
	SERVICE_STARTING,
	SERVICE_UP,
	SERVICE_WAITING,
};

struct service {
	struct daemon *daemon;
	enum service_id id;
	enum service_state state;
	pid_t pid;	 /* 0: no process */
	uint64_t birth;	 /* process_birth() of pid */
	uint64_t config; /* hash of how it was started, to tell whether it may be adopted */
	int pidfd;
	struct loop_fd watch; /* pidfd */
	struct probe probe;
	struct loop_timer again;
	uint64_t started_ns;
	uint64_t log_at;       /* size of its log when it was started */
	unsigned int failures; /* exits in a row that came soon */
	unsigned int restarts; /* all exits while the daemon ran */
	char socket[108];      /* what is probed */
};

#define SERVICE_INIT ((struct service){ .pidfd = -EBADF, .probe = PROBE_INIT })

/* "containerd", "engine", …: also the key in run/instance.json and the name of the log. */
const char *service_name(enum service_id id);
const char *service_state_name(enum service_state state);

/* Starts it; service_up() will say when it is ready. */
int service_start(struct service *s, struct err *err);

/* Takes over a process that a former gabiond started. Returns 0, or -ESRCH when it is not there. */
int service_adopt(struct service *s, pid_t pid, uint64_t birth, uint64_t config);

/* Ends what a former gabiond left running as that service, so that it is started afresh. */
void service_end_left(struct daemon *d, enum service_id id);

/* Sends a signal, if there is a process. */
void service_signal(struct service *s, int sig);

/* Forgets the process, does not kill it. */
void service_forget(struct service *s);

/* Path of the log in ret (PATH_MAX bytes). */
void service_log_path(const struct service *s, char *ret);

/* Whether it needs no more waiting: up, or gone. */
bool service_settled(const struct service *s);
