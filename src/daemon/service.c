/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/engine.h"
#include "daemon/layout.h"
#include "daemon/process.h"

#define ARENA_MAX (1024u * 1024u)
#define SOON_NS (10 * LOOP_NSEC_PER_SEC)	  /* an exit before this is a failure */
#define FIRST_PAUSE_NS (100 * LOOP_NSEC_PER_MSEC) /* doubled with each failure up to */
#define LONGEST_PAUSE_NS (10 * LOOP_NSEC_PER_SEC)
/* Everything that a container reads waits for it. */
#define LONGEST_PAUSE_VFS_NS (20 * LOOP_NSEC_PER_MSEC)
#define KILL_WAIT_NS (2 * LOOP_NSEC_PER_SEC)

static const char *const names[] = {
	[SERVICE_HOLD] = "holder",     [SERVICE_VET] = "vetting",
	[SERVICE_VFS] = "nodes",       [SERVICE_CONTAINERD] = "containerd",
	[SERVICE_WAY_OUT] = "network", [SERVICE_ENGINE] = "engine",
	[SERVICE_GATE] = "gate",
};
static_assert(ARRAY_SIZE(names) == SERVICE_COUNT, "a service has no name");

static const char *const state_names[] = {
	[SERVICE_DOWN] = "down",
	[SERVICE_STARTING] = "starting",
	[SERVICE_UP] = "up",
	[SERVICE_WAITING] = "restarting",
};

const char *service_name(enum service_id id)
{
	return names[id];
}

const char *service_state_name(enum service_state state)
{
	return state_names[state];
}

void service_log_path(const struct service *s, char *ret)
{
	(void)snprintf(ret, PATH_MAX, "%s/log/%s.log", s->daemon->inst.run,
		       s->id == SERVICE_ENGINE ? "dockerd" : names[s->id]);
}

bool service_settled(const struct service *s)
{
	return s->state == SERVICE_UP || s->state == SERVICE_DOWN;
}

static void set_state(struct service *s, enum service_state state)
{
	s->state = state;
	layout_save_record(s->daemon);
}

static void service_again(struct loop_timer *t)
{
	struct service *s = CONTAINER_OF(t, struct service, again);
	struct err err = ERR_INIT;

	if (s->daemon->phase != DAEMON_RUNNING || s->pid > 0)
		return;
	if (service_start(s, &err) < 0) {
		log_error("%s", err.text);
		s->failures++;
		s->state = SERVICE_WAITING;
		loop_timer_in(&s->daemon->loop, &s->again, LONGEST_PAUSE_NS, service_again);
	}
}

/* The process has gone. */
static void service_gone(struct service *s, const char *how)
{
	struct daemon *d = s->daemon;
	uint64_t longest = s->id == SERVICE_VFS ? LONGEST_PAUSE_VFS_NS : LONGEST_PAUSE_NS;
	uint64_t now = loop_clock();
	uint64_t pause = 0;

	service_forget(s);
	if (d->phase != DAEMON_RUNNING) {
		set_state(s, SERVICE_DOWN);
		return;
	}
	s->failures = now - s->started_ns < SOON_NS ? s->failures + 1 : 0;
	s->restarts++;
	for (unsigned int i = 0; i < s->failures && pause < longest; i++)
		pause = pause ? pause * 2 : FIRST_PAUSE_NS;
	pause = MIN(pause, longest);
	log_warning("%s %s; starting it again in %llu ms", names[s->id], how,
		    (unsigned long long)(pause / LOOP_NSEC_PER_MSEC));
	set_state(s, SERVICE_WAITING);
	loop_timer_in(&d->loop, &s->again, pause, service_again);
}

static void service_exited(struct loop_fd *f, uint32_t events)
{
	struct service *s = CONTAINER_OF(f, struct service, watch);
	siginfo_t info = { .si_pid = 0 };
	char how[64];

	if (waitid(P_PIDFD, (id_t)s->pidfd, &info, WEXITED | WNOHANG) < 0)
		(void)snprintf(how, sizeof(how), "ended"); /* adopted: not our child */
	else if (info.si_pid == 0)
		return;
	else if (info.si_code == CLD_EXITED)
		(void)snprintf(how, sizeof(how), "exited with status %d", info.si_status);
	else
		(void)snprintf(how, sizeof(how), "was killed by signal %d", info.si_status);
	if (s->id == SERVICE_ENGINE && memory_killed(&s->daemon->memory))
		log_error("%s needed more than %u MiB of memory (`gabion up --limit "
			  "engine-mib=N` allows it more)",
			  names[s->id], s->daemon->memory.mib);
	service_gone(s, how);
}

static void service_stuck(struct vfs *v)
{
	struct daemon *d = CONTAINER_OF(v, struct daemon, vfs);

	log_error("%s does not answer containers", names[SERVICE_VFS]);
	service_signal(&d->services[SERVICE_VFS], SIGKILL); /* what follows is service_exited() */
}

static void service_answered(struct probe *p, const char *body)
{
	struct service *s = CONTAINER_OF(p, struct service, probe);

	if (body) {
		if (s->daemon->phase == DAEMON_RUNNING)
			log_info("%s is up again", names[s->id]);
		set_state(s, SERVICE_UP);
		if (s->id == SERVICE_HOLD)
			serve_hold(&s->daemon->serve);
		if (s->id == SERVICE_VFS)
			vfs_watch(&s->daemon->vfs, &s->daemon->loop, service_stuck);
		if (s->id == SERVICE_ENGINE)
			engine_obey(s->daemon);
		return;
	}
	log_error("%s does not answer on %s", names[s->id], s->socket);
	service_signal(s, SIGKILL); /* what follows is service_exited() */
}

/* Watches the process and asks it whether it is ready. */
static int service_watch(struct service *s, const struct engine_launch *launch)
{
	int r = loop_fd_start(&s->daemon->loop, &s->watch, s->pidfd, EPOLLIN, service_exited);

	if (r < 0)
		return r;
	s->started_ns = loop_clock();
	probe_start(&s->probe, &s->daemon->loop, s->socket, launch->type, launch->get,
		    launch->timeout_ns, service_answered);
	set_state(s, SERVICE_STARTING);
	return 0;
}

struct stray {
	const struct daemon *d;
	const char *path;
};

static int kill_stray(pid_t pid, void *data)
{
	const struct stray *want = data;
	CLEANUP_FD int pidfd = pidfd_open(pid, 0);
	char link[64];
	char exe[PATH_MAX];
	char real[PATH_MAX];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/%ld/exe", (long)pid);
	n = readlink(link, exe, sizeof(exe) - 1);
	if (pidfd < 0 || n <= 0 || !realpath(want->path, real))
		return 0;
	exe[n] = '\0';
	if (pid == getpid() || strcmp(exe, real) != 0 || !cgroups_daemon(&want->d->cgroups, pid))
		return 0;
	log_warning("process %ld is left of an earlier run: killing it", (long)pid);
	(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	return process_wait(pidfd, KILL_WAIT_NS);
}

/* One that a former gabiond started and did not live to write down, or that may not be adopted. */
static void kill_strays(const struct daemon *d, const char *path)
{
	struct stray want = { .d = d, .path = path };

	(void)cgroups_each(&d->cgroups, kill_stray, &want);
}

int service_start(struct service *s, struct err *err)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	struct engine_launch launch = { .mine = -EBADF };
	CLEANUP_FD int log = -EBADF;
	char log_path[PATH_MAX];
	struct stat st;
	int r;

	service_log_path(s, log_path);
	log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (log < 0 || fstat(log, &st) < 0)
		return err_errno(err, -errno, "%s", log_path);
	s->log_at = (uint64_t)st.st_size;
	r = engine_launch(s->daemon, s->id, &a, &launch, err);
	if (r < 0)
		return r;
	kill_strays(s->daemon, launch.path);
	engine_make_way(s->daemon, s->id);
	launch.start.path = launch.path;
	launch.start.log = log;
	s->config = process_hash(&launch.start);
	(void)snprintf(s->socket, sizeof(s->socket), "%s", launch.socket);
	r = process_start(&launch.start, &s->pid, &s->pidfd, err);
	(void)fd_close(launch.mine);
	if (r < 0)
		return r;
	(void)process_birth(s->pid, &s->birth);
	r = service_watch(s, &launch);
	return r < 0 ? err_errno(err, r, "watching %s", names[s->id]) : 0;
}

int service_adopt(struct service *s, pid_t pid, uint64_t birth, uint64_t config)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	struct engine_launch launch = { .mine = -EBADF };
	CLEANUP_FD int pidfd = process_open(pid, birth);
	struct err err = ERR_INIT;
	int r;

	if (pidfd < 0 || !cgroups_daemon(&s->daemon->cgroups, pid))
		return -ESRCH;
	r = engine_launch(s->daemon, s->id, &a, &launch, &err);
	if (r < 0)
		return r;
	launch.start.path = launch.path;
	(void)fd_close(launch.mine);
	if (process_hash(&launch.start) != config)
		return -ESRCH; /* started in another way: kill_strays() ends it */
	(void)snprintf(s->socket, sizeof(s->socket), "%s", launch.socket);
	if (launch.start.memory)
		(void)memory_enter(launch.start.memory, pid); /* it may be there already */
	s->pid = pid;
	s->birth = birth;
	s->config = config;
	s->pidfd = TAKE_FD(pidfd);
	return service_watch(s, &launch);
}

void service_end_left(struct daemon *d, enum service_id id)
{
	struct record_service *old = &d->left[id];
	CLEANUP_FD int pidfd = old->pid > 0 ? process_open(old->pid, old->birth) : -EBADF;

	if (pidfd >= 0 && cgroups_daemon(&d->cgroups, old->pid)) {
		log_warning("replacing the %s of an earlier run", names[id]);
		(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		(void)process_wait(pidfd, KILL_WAIT_NS);
	}
	old->pid = 0;
}

void service_signal(struct service *s, int sig)
{
	if (s->pidfd >= 0)
		(void)pidfd_send_signal(s->pidfd, sig, NULL, 0);
}

void service_forget(struct service *s)
{
	if (s->id == SERVICE_VFS)
		vfs_watch_stop(&s->daemon->vfs);
	loop_fd_stop(&s->watch);
	loop_timer_stop(&s->daemon->loop, &s->again);
	probe_stop(&s->probe);
	s->pidfd = fd_close(s->pidfd);
	s->pid = 0;
	s->birth = 0;
}
