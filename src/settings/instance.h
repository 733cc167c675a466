/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instance is a set of three folders (design: "Instances and paths"): the system's /etc/gabion,
 * /run/gabion, /var/lib/gabion, or DIR/etc, DIR/run, DIR/lib of a private instance made by
 * `gabion up --state-dir DIR`. Programs learn theirs from --state-dir or GABION_STATE_DIR.
 *
 * Below them:
 *   etc/gabion.json            host facts (settings/facts.h)
 *   etc/registry-auth.json     credentials of registries (settings/registryauth.h)
 *   run/docker.sock            what clients use           run/engine.sock   what the gate uses
 *   run/control.sock           gabiond (control/proto.h)  run/bin/          gabion-runc as runc,
 * sysbox-runc run/containers/ID.json     written by gabion-runc at create: what gabiond and `gabion
 * ps` need run/instance.json          written by gabiond: pids, network namespace, cgroup of a
 * private instance lib/askers/ID              who asked for container ID (settings/asker.h)
 *   run/host-net               the host's network namespace (daemon/hostnet.h)
 *   lib/engine, lib/containerd engine data of a private instance
 */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"

#define INSTANCE_PATH_MAX 3072 /* leaves room for names below it within PATH_MAX */

struct instance {
	bool private_dir;	     /* made by `gabion up --state-dir` */
	char dir[INSTANCE_PATH_MAX]; /* DIR, absolute and without symlinks; empty for the system's
				      */
	char etc[INSTANCE_PATH_MAX];
	char run[INSTANCE_PATH_MAX];
	char lib[INSTANCE_PATH_MAX];
};

/* state_dir: NULL or "" for GABION_STATE_DIR, and the system's where that is unset or empty. The
 * folder need not exist; then its parent must. */
int instance_find(struct instance *ret, const char *state_dir, struct err *err);

/* Folder of leases of id ranges, one for the whole host, shared by all instances. GABION_IDS_DIR
 * stands in for it in tests. */
const char *instance_ids_dir(void);
