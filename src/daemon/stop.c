/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works
 *
 * An engine that keeps containers alive when it goes (live-restore, so that a crash of it does no
 * harm) leaves them also when it is told to stop. So it is told to forget about that first
 * (configuration, SIGHUP) and then stops every container as `docker stop` would: stop signal, stop
 * timeout, restart policies and exit codes are its own affair. Whatever is left after that, and
 * whatever there is after a crash, dies by its cgroup.
 *
 * The last steps happen outside: with gabiond gone from them the namespaces end, and with them all
 * mounts, links, addresses and packet filters.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/proto.h"
#include "daemon/daemon.h"
#include "daemon/deaf.h"
#include "daemon/engine.h"
#include "daemon/layout.h"
#include "daemon/process.h"

#define RELOAD_NS (3 * LOOP_NSEC_PER_SEC)      /* for the engine to read its configuration */
#define CONTAINERD_NS (10 * LOOP_NSEC_PER_SEC) /* for it to be there for the engine */
#define CONTAINERD_TRIES 3
#define ENGINE_NS                                                                                  \
	(90 * LOOP_NSEC_PER_SEC)	    /* for it to stop its containers; its own limit is the \
					       longest stop timeout of any container and 5 s */
#define IDLE_NS (3 * LOOP_NSEC_PER_SEC)	    /* for it to go when its containers have */
#define DEAF_NS (200 * LOOP_NSEC_PER_MSEC)  /* between looks for containers that hear nothing */
#define ORPHANS_NS (2 * LOOP_NSEC_PER_SEC)  /* for containers without an engine */
#define PATIENCE_NS (2 * LOOP_NSEC_PER_SEC) /* before the person is told what we wait for */
#define WORKER_NS (3 * LOOP_NSEC_PER_SEC)   /* for gate and containerd */
#define KILL_NS (20 * LOOP_NSEC_PER_SEC)
#define REMOVE_NS (10 * LOOP_NSEC_PER_SEC)
#define ASK_MS 5000
#define DOWN_NS (120 * LOOP_NSEC_PER_SEC) /* for a gabiond that was asked to go */

static bool engine_gone(struct daemon *d)
{
	return d->services[SERVICE_ENGINE].pid == 0;
}

static bool containerd_gone(struct daemon *d)
{
	return d->services[SERVICE_CONTAINERD].pid == 0;
}

static bool gate_gone(struct daemon *d)
{
	return d->services[SERVICE_GATE].pid == 0;
}

static int count_container(pid_t pid, void *data)
{
	const struct daemon *d = data;

	return !cgroups_daemon(&d->cgroups, pid);
}

static bool no_containers(struct daemon *d)
{
	return cgroups_each(&d->cgroups, count_container, d) == 0;
}

static int kill_deaf(pid_t pid, void *data)
{
	const struct daemon *d = data;
	CLEANUP_FD int pidfd = pidfd_open(pid, 0);

	if (pidfd >= 0 && deaf_init(d, pid) && cgroups_member(&d->cgroups, pid) &&
	    !cgroups_daemon(&d->cgroups, pid))
		(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	return 0;
}

static int ask_to_end(pid_t pid, void *data)
{
	const struct daemon *d = data;
	CLEANUP_FD int pidfd = pidfd_open(pid, 0);

	if (pidfd >= 0 && cgroups_member(&d->cgroups, pid) && !cgroups_daemon(&d->cgroups, pid))
		(void)pidfd_send_signal(pidfd, SIGTERM, NULL, 0);
	return 0;
}

struct reload {
	struct probe probe;
	struct loop *loop;
	bool over; /* answered as wished, or the time is up */
};

static void on_info(struct probe *p, const char *body)
{
	struct reload *l = CONTAINER_OF(p, struct reload, probe);
	uint64_t now = loop_clock();

	l->over = !body || now >= p->end_ns || strstr(body, "\"LiveRestoreEnabled\":false");
	if (!l->over)
		probe_start(p, l->loop, p->path, p->type, p->get, p->end_ns - now, on_info);
}

/* Makes the engine take its containers along. */
static void end_live_restore(struct daemon *d)
{
	struct service *engine = &d->services[SERVICE_ENGINE];
	struct reload l = { .probe = PROBE_INIT, .loop = &d->loop };
	uint64_t end = loop_clock() + RELOAD_NS;

	if (engine_no_live_restore(d) < 0)
		return;
	service_signal(engine, SIGHUP);
	probe_start(&l.probe, &d->loop, engine->socket, SOCK_STREAM, "/info", RELOAD_NS, on_info);
	while (!l.over && !engine_gone(d) && d->stop != DAEMON_STOP_NOW && loop_clock() < end)
		if (loop_once(&d->loop, (int)(RELOAD_NS / LOOP_NSEC_PER_MSEC)) < 0)
			break;
	probe_stop(&l.probe);
}

static bool containerd_settled(struct daemon *d)
{
	return service_settled(&d->services[SERVICE_CONTAINERD]);
}

/* The engine cannot stop a container without containerd, which may die at any time. */
static void have_containerd(struct daemon *d, unsigned int *tries)
{
	struct err err = ERR_INIT;

	if (!containerd_gone(d) || *tries == 0)
		return;
	(*tries)--;
	if (service_start(&d->services[SERVICE_CONTAINERD], &err) < 0)
		log_warning("%s", err.text);
	(void)daemon_wait(d, containerd_settled, CONTAINERD_NS, true);
}

static void stop_engine(struct daemon *d)
{
	unsigned int tries = CONTAINERD_TRIES;
	uint64_t begin = loop_clock();
	uint64_t last = begin; /* when a container was seen */
	bool told = false;

	if (engine_gone(d))
		return;
	have_containerd(d, &tries);
	if (d->services[SERVICE_ENGINE].state == SERVICE_UP)
		end_live_restore(d);
	service_signal(&d->services[SERVICE_ENGINE], SIGTERM);
	while (d->stop != DAEMON_STOP_NOW && loop_clock() - begin < ENGINE_NS) {
		if (daemon_wait(d, engine_gone, DEAF_NS, true) == DAEMON_WAIT_DONE)
			return;
		have_containerd(d, &tries);
		(void)cgroups_each(&d->cgroups, kill_deaf, d);
		if (!no_containers(d))
			last = loop_clock();
		else if (loop_clock() - last > IDLE_NS)
			return; /* it has missed the end of one */
		if (!told && loop_clock() - begin > PATIENCE_NS) {
			daemon_say("waiting for containers to stop");
			told = true;
		}
	}
}

/* Containers that are there without an engine. */
static void stop_orphans(struct daemon *d)
{
	if (d->stop == DAEMON_STOP_NOW || no_containers(d))
		return;
	(void)cgroups_each(&d->cgroups, ask_to_end, d);
	(void)cgroups_each(&d->cgroups, kill_deaf, d);
	(void)daemon_wait(d, no_containers, ORPHANS_NS, true);
}

static void stop_service(struct daemon *d, enum service_id id, bool (*gone)(struct daemon *d))
{
	if (d->services[id].pid == 0)
		return;
	service_signal(&d->services[id], d->stop == DAEMON_STOP_NOW ? SIGKILL : SIGTERM);
	(void)daemon_wait(d, gone, WORKER_NS, true);
}

int daemon_clean(struct daemon *d, bool all, struct err *err)
{
	int r = cgroups_kill(&d->cgroups, KILL_NS, err);

	if (r == 0)
		r = cgroups_remove(&d->cgroups, REMOVE_NS, err);
	layout_unmount(d);
	if (r == 0)
		r = layout_sweep(d, all, err);
	if (all)
		d->lock = fd_close(d->lock);
	return r;
}

/* Channels are freed when the round of events is over. */
static void stop_serving(struct daemon *d)
{
	serve_done(&d->serve);
	if (d->loop.epoll_fd >= 0)
		(void)loop_once(&d->loop, 0);
}

int daemon_take_down(struct daemon *d)
{
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	int r;

	if (!d->owner) {
		stop_serving(d);
		return 0;
	}
	d->phase = DAEMON_STOPPING;
	watch_stop(&d->keeper.watch);
	(void)snprintf(path, sizeof(path), "%s/docker.sock", d->inst.run);
	(void)unlink(path);
	stop_service(d, SERVICE_GATE, gate_gone);
	if (d->stop != DAEMON_STOP_NOW)
		stop_engine(d);
	stop_orphans(d);
	if (engine_gone(d))
		stop_service(d, SERVICE_CONTAINERD, containerd_gone);
	stop_serving(d);
	vfs_done(&d->vfs); /* now nobody waits for it any more, or gets an error */
	for (enum service_id i = 0; i < SERVICE_COUNT; i++)
		service_forget(&d->services[i]);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	r = d->space.inside ? space_leave(&d->space, &err) : 0;
	if (r == 0)
		r = cgroups_leave(&d->cgroups, &err);
	if (r == 0)
		r = daemon_clean(d, true, &err);
	if (r < 0)
		daemon_say("%s", err.text);
	return r;
}

/* Cleans up after a gabiond that is gone. */
static int clean_up(struct daemon *d)
{
	char name[CGROUP_NAME_MAX];
	struct err err = ERR_INIT;
	int r;

	if (geteuid() != 0) {
		daemon_say("down needs root to clear away what is left in %s", d->inst.dir);
		return 3;
	}
	r = layout_cgroup_name(d, name, &err);
	if (r == 0)
		r = cgroups_open(&d->cgroups, name, &err);
	if (r == 0)
		r = daemon_clean(d, true, &err);
	if (r < 0)
		daemon_say("%s", err.text);
	return r < 0 ? 1 : 0;
}

/* Asks the gabiond that holds the lock to go, and waits for that; kills it if it does not listen.
 * Returns as layout_lock() does. */
static int ask_down(struct daemon *d, struct err *err)
{
	CLEANUP_FREE char *body = malloc(CONTROL_ANSWER_MAX + 1);
	CLEANUP_FD int holder = layout_holder(d);
	struct err why = ERR_INIT;
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/control.sock", d->inst.run);
	r = body ? control_ask(path, CONTROL_DOWN, ASK_MS, body, &why) : -ENOMEM;
	if (r == CONTROL_DENIED)
		return err_set(err, -EPERM, "%s", body);
	if (r < 0 && (holder < 0 || pidfd_send_signal(holder, SIGTERM, NULL, 0) < 0))
		return layout_lock(d, false, DOWN_NS, err); /* just going, or not ours to signal */
	r = layout_lock(d, false, PATIENCE_NS, err);
	if (r != LAYOUT_BUSY)
		return r;
	daemon_say("waiting for containers to stop");
	r = layout_lock(d, false, DOWN_NS, err);
	if (r != LAYOUT_BUSY || holder < 0)
		return r;
	daemon_say("gabiond does not end: killing it");
	(void)pidfd_send_signal(holder, SIGKILL, NULL, 0);
	return layout_lock(d, false, KILL_NS, err);
}

int daemon_down(struct daemon *d)
{
	struct err err = ERR_INIT;
	struct stat st;
	int r;

	if (stat(d->inst.dir, &st) < 0) {
		daemon_say("there is no instance in %s", d->inst.dir);
		return 0;
	}
	r = layout_lock(d, false, 0, &err);
	if (r == LAYOUT_BUSY) {
		r = ask_down(d, &err);
		if (r == LAYOUT_NONE && geteuid() != 0)
			return 0; /* it has gone, and cleaned up */
	} else if (r == LAYOUT_NONE && geteuid() != 0) {
		daemon_say("there is no instance in %s", d->inst.dir);
		return 0;
	}
	if (r == LAYOUT_BUSY) {
		daemon_say("gabiond of %s does not end", d->inst.dir);
		return 1;
	}
	if (r < 0) {
		daemon_say("%s", err.text);
		return r == -EPERM || r == -EACCES ? 3 : 1;
	}
	return clean_up(d);
}
