/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIR/run/instance.json: what runs in this instance, for `gabion status` and `gabion ps`, and for
 * the gabiond that comes after one that was killed. Replaced atomically.
 *
 *   {"boot":"<boot id>","cgroup":"gabion-1a2b3c4d","mntns":4026532,"netns":4026533,
 *    "pid":1,"birth":2,"started":"2024-01-31T12:00:00Z","subnet":"10.0.2.0/24",
 *    "containerd":{"pid":3,"birth":4,"config":"<hex>","state":"up"}, "engine":{…}, "gate":{…}, …}
 *
 * A pid counts only together with its birth (field starttime of proc_pid_stat(5)) and the boot.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "daemon/cgroup.h"
#include "daemon/service.h"

struct record_service {
	pid_t pid; /* 0: none */
	uint64_t birth;
	uint64_t config;
	enum service_state state;
};

struct record {
	char boot[40];
	char cgroup[CGROUP_NAME_MAX];
	uint64_t mnt;
	uint64_t net;
	pid_t pid;
	uint64_t birth;
	char started[32];
	char subnet[32]; /* of slirp4netns; empty: there is no way out */
	struct record_service services[SERVICE_COUNT];
};

/* Boot id of this machine in ret (40 bytes). */
int record_boot(char *ret);

/* Reads path. Returns 0, 1 when there is none (or none of this boot), -errno. */
int record_read(const char *path, struct record *ret, struct err *err);
int record_write(const char *path, const struct record *rec);
/* The same as JSON text. */
void record_print(const struct record *rec, struct buf *b);
