/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers of an instance, as gabion-runc recorded them in run/containers/ID.json. A record
 * is there from create to delete; whether the container runs is asked of the kernel: the process of
 * its pid file lives and has the container's id range.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "settings/instance.h"

enum container_state {
	CONTAINER_RUNNING,
	CONTAINER_STOPPED, /* the record is there, the process is not */
	CONTAINER_UNKNOWN, /* the record cannot be read */
};

struct container {
	const char *id;
	uint32_t base; /* host id of its root; size 0: none */
	uint32_t size;
	const char *bundle; /* "" when unknown */
	enum container_state state;
	pid_t pid;	 /* 0 unless it runs */
	int64_t created; /* seconds since 1970, of the record */
};

struct containers {
	size_t n;
	struct container *list; /* newest first */
};

/* Reads all records. `inside`: a process in the engine's mount namespace, or 0 for our own. No
 * folder: none. -EACCES when the caller may not look. */
int containers_load(struct arena *a, const struct instance *inst, pid_t inside,
		    struct containers *ret, struct err *err);

/* "running", "stopped", "unknown". */
const char *container_state_name(enum container_state state);

/* What a record says: the text of ID.json. 0 or -EINVAL; *ret_pid_file is NULL when it has none. */
int container_parse(struct arena *a, struct slice text, struct container *ret,
		    const char **ret_pid_file);

/* Whether the text of /proc/PID/uid_map is that of this container: its root at `base`. */
bool container_has_map(struct slice uid_map, uint32_t base);
