/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May a path of the host be mounted into a container? Facts from this host's file systems, the
 * decision from policy/hostmount.h. Asked by gabion-runc, which makes the mount from the descriptor
 * that was judged, and by gabiond for the gate, before the engine hears of the container.
 *
 *   rules.c    what is protected on this host
 *   place.c    what a descriptor refers to: its folders, its place in its file system
 *   judge.c    one descriptor
 *   ask.c      one path, as this process may reach it
 *   sockets.c  by which clients use the engine
 *   device.c   device nodes
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "hostpath/device.h"
#include "policy/hostmount.h"
#include "policy/profile.h"
#include "settings/facts.h"
#include "settings/instance.h"
#include "settings/policy.h"

#define HOSTPATH_SOCKETS_MAX 8

/* The sockets by which clients use this instance's engine: DIR/run/docker.sock, and where the
 * documents of its profile have it. By device and inode, so that a symlink, a hard link and a bind
 * mount are the same socket. */
struct hostpath_sockets {
	struct hostmount_node nodes[HOSTPATH_SOCKETS_MAX];
	size_t n;
};

struct hostpath {
	/* Set by the caller: for whom is asked, and by which rules. All borrowed. */
	struct arena *arena; /* what is found out stays here */
	const struct instance *inst;
	const struct facts *facts;
	const struct policy *settings; /* the policy in force: folders that may be shared, and
					  where its engine's clients look for a socket */
	bool has_asker;		       /* somebody is on record as having asked for the container */
	uid_t asker;
	struct slice mountinfo; /* of this process's mount namespace */

	/* hostpath_load(): */
	struct hostmount_policy policy;
	struct device_list devices;
	struct hostpath_sockets sockets;
};

enum hostpath_result {
	HOSTPATH_JUDGED = 0,
	/* The socket by which clients use the engine: *ret denies it, unless the caller knows that
	 * this container may have it. */
	HOSTPATH_SOCKET = 1,
};

enum hostpath_flags {
	HOSTPATH_MAKE = 1u << 0,      /* a missing folder is made, by whoever this process is */
	HOSTPATH_RECURSIVE = 1u << 1, /* what is mounted below it will come along */
	HOSTPATH_DEVICE = 1u << 2,    /* a device node, or a folder with some, for --device */
	HOSTPATH_PREDICT = 1u << 3,   /* with MAKE: judged as if, and nothing is made */
	HOSTPATH_RULE = 1u << 4,      /* no path but a device-cgroup rule */
	HOSTPATH_CDI = 1u << 5,	      /* no path but the name of a CDI device */
};

/* Looks up which of them are there. */
void hostpath_sockets_find(const struct instance *inst, const struct profile *profile,
			   struct hostpath_sockets *ret);

/* Is what fd (O_PATH) refers to one of them? */
bool hostpath_sockets_have(const struct hostpath_sockets *s, int fd);

/* Looks up what is protected. Needs to see everything: root. 0 or -errno. */
int hostpath_load(struct hostpath *h, struct err *err);

/* Decides on what fd (O_PATH) refers to, and on what is mounted below it where the mount will be
 * recursive. asked: what messages call it. HOSTPATH_JUDGED and HOSTPATH_SOCKET: *ret says it;
 * -errno: it cannot be found out. A process that is not root does not find every hard link and
 * every mount below: gabion-runc, which is, has the last word. */
int hostpath_judge(const struct hostpath *h, int fd, const char *asked, bool recursive,
		   struct verdict *ret, struct err *err);

/* File systems that are a window on the kernel are for no container, wherever they are mounted and
 * whoever mounted them. 0: *ret says it; -errno. */
int hostpath_judge_fs(int fd, const char *asked, struct verdict *ret, struct err *err);

/* Decides on a path as an engine's client wrote it, as far as this process may go there: resolved
 * once, to the descriptor that is judged. flags: enum hostpath_flags. Results as those of
 * hostpath_judge(); -ENOENT where it is missing and not to be made. */
int hostpath_ask(const struct hostpath *h, const char *path, unsigned flags, struct verdict *ret,
		 struct err *err);

/* A path without ".", ".." and doubled slashes, as engines clean it before they look; "/" for the
 * root. In the arena. */
const char *hostpath_clean(struct arena *a, const char *path);
