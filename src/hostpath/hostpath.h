/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May a path of the host be mounted into a container? Facts from this host's file systems, the
 * decision from policy/hostmount.h. Asked by gabion-runc, which makes the mount from the descriptor
 * that was judged, and by gabiond for the gate, before the engine hears of the container.
 *
 *   place.c    what a descriptor refers to: its folders, its place in its file system
 *   rules.c    what is protected on this host
 *   judge.c    one descriptor
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "policy/hostmount.h"
#include "settings/facts.h"
#include "settings/instance.h"
#include "settings/policy.h"

/* For whom is asked, and by which rules. Everything is borrowed. */
struct hostpath {
	struct arena *arena; /* what is found out stays here */
	const struct instance *inst;
	const struct facts *facts;
	const struct policy *settings; /* the policy in force: folders that may be shared */
	bool has_asker;		       /* somebody is on record as having asked for the container */
	uid_t asker;
	struct slice mountinfo;		       /* of this process's mount namespace */
	const struct hostmount_policy *policy; /* NULL until it is first needed */
};

/* Decides on what fd (O_PATH) refers to, and on what is mounted below it where the mount will be
 * recursive. asked: what messages call it. 0: *ret says it; -errno: it cannot be found out. */
int hostpath_judge(struct hostpath *h, int fd, const char *asked, bool recursive,
		   struct verdict *ret, struct err *err);

/* File systems that are a window on the kernel are for no container, wherever they are mounted and
 * whoever mounted them. 0: *ret says it; -errno. */
int hostpath_judge_fs(int fd, const char *asked, struct verdict *ret, struct err *err);
