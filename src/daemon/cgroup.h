/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup of a private instance: a top-level cgroup NAME in every hierarchy of the host, version
 * 1 and 2, with our daemons in NAME/engine (dockerd in NAME/dockerd where its memory is limited,
 * memory.h) and the containers beside it (dockerd's --cgroup-parent). Membership is how everything
 * that belongs to the instance is found and killed, whatever became of its parents.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define CGROUP_NAME_MAX 32
#define CGROUP_HIERARCHIES_MAX 32

struct cgroup_hierarchy {
	int root;    /* directory of its root */
	int home;    /* cgroup that this process came from */
	bool v2;     /* the unified one */
	dev_t dev;   /* of its file system: what tells hierarchies apart */
	char *label; /* mount point, for messages; owned */
};

struct cgroups {
	char name[CGROUP_NAME_MAX]; /* "gabion-1a2b3c4d" */
	size_t n;
	struct cgroup_hierarchy h[CGROUP_HIERARCHIES_MAX];
};

#define CGROUPS_INIT ((struct cgroups){ .n = 0 })

/* Finds the hierarchies of this mount namespace and where this process is in each. */
int cgroups_open(struct cgroups *c, const char *name, struct err *err);
void cgroups_done(struct cgroups *c);

/* Makes NAME and NAME/engine everywhere. */
int cgroups_make(const struct cgroups *c, struct err *err);
/* Moves this process into NAME/engine; back to where it came from (or the root). */
int cgroups_enter(const struct cgroups *c, struct err *err);
int cgroups_leave(const struct cgroups *c, struct err *err);

/* Writes a control file below a cgroup's directory; -errno. */
int cgroups_write(int dirfd, const char *path, const char *text);

/* Whether process pid is in NAME or below, in any hierarchy. */
bool cgroups_member(const struct cgroups *c, pid_t pid);
/* Whether it is one of the daemons: in NAME/engine or NAME/dockerd of every hierarchy where it is a
 * member. */
bool cgroups_daemon(const struct cgroups *c, pid_t pid);
/* Calls fn for every member; stops when it returns non-zero and returns that. */
int cgroups_each(const struct cgroups *c, int (*fn)(pid_t pid, void *data), void *data);
/* Whether there is any member. */
bool cgroups_busy(const struct cgroups *c);

/* Kills all members, frozen ones and those forked meanwhile included, and waits until they are
 * gone. -ETIMEDOUT: some are still there after timeout_ns. */
int cgroups_kill(const struct cgroups *c, uint64_t timeout_ns, struct err *err);
/* Removes NAME with everything below it, everywhere. */
int cgroups_remove(const struct cgroups *c, uint64_t timeout_ns, struct err *err);
