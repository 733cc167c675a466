/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabiond, the supervisor of one private instance.
 *
 *   main.c      command line
 *   daemon.c    up: from nothing, or from what a killed gabiond left, to all services ready
 *   stop.c      down: gracefully, or at once; also without a live gabiond
 *   service.c   one supervised program: started, watched, probed, restarted
 *   engine.c    what each service is: arguments, environment, configuration
 *   keeper.c    the policy in force: settings files, snapshot    watch.c   files that change
 *   record.c    run/instance.json        layout.c   folders, lock, left-overs
 *   hold.c      what outlives gabiond, kept by gabion-hold     vfs.c   files that gabion-vfs serves
 *   guard.c, layers.c  what the engine keeps, guarded against what is in it
 *   fifo.c   named pipes in images, which the engine would wait for
 *   devices.c, memory.c   what dockerd may open, and how much it may have
 *   cgroup.c, space.c, hostnet.c, process.c, probe.c, tail.c: tools
 *
 * Crash-only: whatever is killed, at whatever instant, `gabion up` continues and `gabion down`
 * cleans. What belongs to the instance is known by its cgroup, never by a pid alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "daemon/cgroup.h"
#include "daemon/keeper.h"
#include "daemon/layers.h"
#include "daemon/memory.h"
#include "daemon/record.h"
#include "daemon/serve.h"
#include "daemon/service.h"
#include "daemon/space.h"
#include "daemon/vfs.h"
#include "settings/instance.h"

/*
 * The gate's user and group: a number without an account. Just below 0x60000000, where the ranges
 * begin that are set aside for users' subordinate ids (to 0x6FFFFFFF) and containers (0x70000000 to
 * 0x7FFDFFFF), and far above accounts, so no container and no user ever has it. gabion-port has the
 * number below it, gabion-hold the next one, gabion-vfs the one after that; serve-path.c and
 * layers.c have one, too.
 */
#define DAEMON_GATE_ID 1610612735u /* 0x5FFFFFFF */

enum daemon_phase {
	DAEMON_STARTING, /* a service that exits ends it all */
	DAEMON_RUNNING,	 /* a service that exits is started again */
	DAEMON_STOPPING, /* a service that exits has done what it should */
};

enum daemon_stop {
	DAEMON_STOP_NOT,
	DAEMON_STOP_GENTLY, /* containers may finish */
	DAEMON_STOP_NOW,    /* kill everything */
};

struct daemon {
	struct instance inst;
	char **engine_args; /* what `gabion up` got after --; borrowed, NULL-terminated */
	int ready_fd;	    /* `gabion up --detach` waits for a byte here; -EBADF: foreground */

	enum daemon_phase phase;
	enum daemon_stop stop; /* only ever grows */
	bool owner;	       /* what runs in the instance is ours to take down */
	int lock;	       /* DIR/run/gabiond.lock, held while we live */
	int clients;	       /* listening socket DIR/run/docker.sock; outlives every gate */
	struct cgroups cgroups;
	uint32_t engine_mib; /* dockerd's limit, MEMORY_MIB_DEFAULT unless the command line has one
			      */
	struct memory memory;
	struct space space;
	struct record record;			   /* what run/instance.json says */
	struct record_service left[SERVICE_COUNT]; /* what a killed gabiond left running */

	struct loop loop;
	struct loop_signals signals;
	struct loop_timer housekeeping;
	struct loop_timer fifos; /* looks for threads that wait in opening one */
	bool fifos_found;	 /* the last look did */
	struct serve serve;
	struct vfs vfs;
	struct layers layers;
	struct keeper keeper;
	struct service services[SERVICE_COUNT];

	bool way_out;		       /* slirp4netns is there */
	char subnet[32];	       /* its network, "10.0.2.0/24" */
	char engine_version[64];       /* "20.10.24+dfsg1" */
	char *runtime_name;	       /* what the engine calls gabion-runc; owned */
	const struct profile *profile; /* what kind of engine it is */
	const char *written_runtime;   /* default runtime in dockerd's configuration */
	const char *told_runtime; /* the one that the engine has last been told; NULL: not known */
};

/* Progress and failures, for the person at the terminal: "gabion: TEXT" on standard error. */
void daemon_say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Makes *d something that can be run and that daemon_done() can destroy. */
void daemon_init(struct daemon *d);
void daemon_done(struct daemon *d);

/* Brings the instance up, runs it, takes it down again. Returns the exit code. */
int daemon_run(struct daemon *d);

/* Handles events until done(d) or the time is up or, with `interruptible`, a stop is asked for. */
enum daemon_wait {
	DAEMON_WAIT_DONE,
	DAEMON_WAIT_TIMEOUT,
	DAEMON_WAIT_STOP,
};
enum daemon_wait daemon_wait(struct daemon *d, bool (*done)(struct daemon *d), uint64_t timeout_ns,
			     bool interruptible);

/* stop.c */

/* Takes down everything that this gabiond started or took over. Returns 0, or -errno after it said
 * what could not be taken away. */
int daemon_take_down(struct daemon *d);

/* Kills what runs in the instance's cgroup and removes cgroups and what is in DIR/run; with `all`
 * DIR/run itself, letting go of the lock. This process has to be outside of the instance's
 * namespaces and cgroup. */
int daemon_clean(struct daemon *d, bool all, struct err *err);

/* `gabion down`: asks the live gabiond, or cleans up after a dead one. Returns the exit code. */
int daemon_down(struct daemon *d);
