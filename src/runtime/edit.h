/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edits, in the order in which they are made. The first group changes nothing but the spec (so
 * a unit test is a spec before and a spec after); the second makes things, and can take them back.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct runtime;

struct edit {
	const char *name; /* what an error message begins with */
	int (*make)(struct runtime *rt, struct err *err);
	void (*undo)(struct runtime *rt); /* NULL: nothing to take back */
};

extern const struct edit edits[];
extern const size_t edits_n;

/* Makes all of them. On failure undoes those made, last one first, and the error names the edit. */
int edits_make(struct runtime *rt, struct err *err);
void edits_undo(struct runtime *rt, size_t made);

/* One each, in the file edit-NAME.c. */
int edit_platform(struct runtime *rt, struct err *err);

/* The version alone, in the bundle's own config.json, where isolation is off. */
int platform_plain(struct runtime *rt, struct err *err);

int edit_annotations(struct runtime *rt, struct err *err);
int edit_cdi(struct runtime *rt, struct err *err);
int edit_hooks(struct runtime *rt, struct err *err);
int edit_process(struct runtime *rt, struct err *err);
int edit_capabilities(struct runtime *rt, struct err *err);
int edit_namespaces(struct runtime *rt, struct err *err);
int edit_time(struct runtime *rt, struct err *err);
void undo_time(struct runtime *rt);
int edit_devices(struct runtime *rt, struct err *err);
int edit_cgroup(struct runtime *rt, struct err *err);
int edit_sysctls(struct runtime *rt, struct err *err);
int edit_init(struct runtime *rt, struct err *err);
int edit_userns(struct runtime *rt, struct err *err);
void undo_userns(struct runtime *rt);
int edit_binds(struct runtime *rt, struct err *err);
int edit_stage(struct runtime *rt, struct err *err);
void undo_stage(struct runtime *rt);
int edit_forbidden(struct runtime *rt, struct err *err);
int edit_seccomp(struct runtime *rt, struct err *err);
int edit_filter(struct runtime *rt, struct err *err);
int edit_proc(struct runtime *rt, struct err *err);
void undo_proc(struct runtime *rt);
int edit_limits(struct runtime *rt, struct err *err);
int edit_network(struct runtime *rt, struct err *err);
int edit_record(struct runtime *rt, struct err *err);
void undo_record(struct runtime *rt);

/* The rest of edit_process, once there is a root: symlinks of the image in the working directory.
 */
int process_check_cwd(struct runtime *rt, int root, struct err *err);

/* The rest of edit_capabilities, for a host with this bounding set of n capabilities. */
int capabilities_complete(struct runtime *rt, uint64_t host, size_t n, struct err *err);
