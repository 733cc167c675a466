/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one run of gabion-runc knows and has made so far.
 *
 * gabion-runc reads the spec, edits it in the order of one table (edit.h), and becomes the lower
 * runtime by execve. It works in two mount namespaces: the engine's, where sources are resolved and
 * copied and where the engine's view of the root file system is left behind; and a private one, a
 * copy of it, where everything that the container gets is attached below a folder of ours
 * (stage.h). The kernel locks what the container's namespace then copies from there.
 *
 * Nothing done before execve outlives a failure: each edit that changes something outside this
 * process has an undo.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "linux/idmap.h"
#include "runtime/args.h"
#include "runtime/bundle.h"
#include "runtime/cdi.h"
#include "runtime/rootfs.h"
#include "runtime/stage.h"
#include "settings/asker.h"
#include "settings/facts.h"
#include "settings/instance.h"
#include "settings/leases.h"
#include "settings/policy.h"
#include "json/json.h"

/* A mount of the spec that gabion-runc makes itself. */
struct bind {
	struct json *mount;    /* the spec's entry; its source is set when it is attached */
	const char *asked;     /* source as the spec had it, for messages */
	int mnt;	       /* detached, ID-mapped, with its attributes; -EBADF once attached */
	bool dir;	       /* a directory, else a file, socket or device node */
	bool follows;	       /* a slave: mounts that the host makes in the source come in */
	struct layers *layers; /* instead of mnt: an overlay to be put together again, of which … */
	const char *part;      /* … this part is mounted: "/", or a path below it */
	uint64_t attr;	       /* MOUNT_ATTR_* for it */
	dev_t node;	       /* instead of mnt: a character device node of our own; 0: none */
};

/* A map made for binds whose source has this group. */
struct ask_map {
	gid_t group;
	int userns;
};

struct hostpath;

#define SPEC_MAX (16u << 20) /* bytes of a config.json */

struct runtime {
	struct arena arena;
	struct args args;
	struct instance inst;
	struct facts facts;
	struct policy policy;  /* of the instance, or the defaults outside of one */
	struct json *spec;     /* edited in place */
	char lower[PATH_MAX];  /* the lower runtime */
	char bundle[PATH_MAX]; /* resolved */
	char config[PATH_MAX]; /* config.json of the bundle, or what --config named */
	struct buf mountinfo;  /* of the engine's namespace, read when first needed */

	bool joined;	       /* uses another container's user namespace */
	int userns;	       /* the container's; -EBADF until made */
	int timens;	       /* the container's time namespace; -EBADF: it makes none */
	bool own_time;	       /* the spec's time namespace is edit-time.c's, not the engine's */
	uint64_t born_ns;      /* CLOCK_BOOTTIME of the host when the container began */
	const char *network;   /* path of the network namespace to be replaced, or NULL */
	const char *init_file; /* exec: has the number of the container's first process; or NULL */
	uint32_t base;	       /* host id of the container's root */
	uint32_t size;
	struct lease lease;
	bool has_asker;
	struct asker asker;

	struct cdi cdi; /* what the container's CDI devices bring in */
	struct json
		*devices; /* device nodes of the spec that the container gets, made on the stage */
	struct hostpath *hostpath; /* made when first needed (judge.c) */
	struct ask_map ask_maps[8];
	size_t nask_maps;

	bool plain;    /* isolation is off: the container is left as it is */
	bool recorded; /* its record is ours to take back */
	bool viewed;   /* so is the record of what it sees (edit-proc.c) */
	bool delegate; /* its cgroup becomes its own (edit-cgroup.c) */
	struct rootfs rootfs;
	struct bind *binds;
	size_t nbinds;
	struct stage stage;
	struct bundle_was bundle_was;
};

void runtime_init(struct runtime *rt);
void runtime_done(struct runtime *rt);

/* The JSON document in the file at path, of at most max bytes, in the runtime's arena. Returns 0;
 * -ENOENT or -ENOTDIR, without a text, when there is no such file; else -errno with a text that
 * names it. */
int runtime_read_json(struct runtime *rt, const char *path, size_t max, struct json **ret,
		      struct err *err);

/* Mountinfo of the engine's namespace. */
int runtime_mountinfo(struct runtime *rt, struct slice *ret, struct err *err);
