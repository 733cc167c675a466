/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works
 *
 * Bringing up is a straight line of steps; where one has to wait, daemon_wait() handles events
 * meanwhile, so a signal or the death of a service is seen at once. Any failure leads to
 * daemon_take_down(), which copes with whatever is there.
 *
 * Steps: lock; look for what a killed gabiond left (its record, and a process in the recorded
 * namespaces) and either adopt it or clear it away; cgroup; namespaces; services in their order.
 * Nothing is started before the record on disk names cgroup and namespaces.
 */
#include "daemon/daemon.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sock.h"
#include "daemon/devices.h"
#include "daemon/engine.h"
#include "daemon/fifo.h"
#include "daemon/guard.h"
#include "daemon/layout.h"
#include "daemon/process.h"
#include "daemon/tail.h"

#define HOUSEKEEPING_NS (60 * LOOP_NSEC_PER_SEC)
#define TAIL_MAX 65536u

/* What a service is called while it starts. */
static const char *const titles[] = {
	[SERVICE_HOLD] = "holder",
	[SERVICE_VET] = "vetting",
	[SERVICE_VFS] = "emulated nodes",
	[SERVICE_CONTAINERD] = "containerd",
	[SERVICE_WAY_OUT] = "network (slirp4netns)",
	[SERVICE_ENGINE] = "engine (dockerd)",
	[SERVICE_GATE] = "gate",
};
static_assert(ARRAY_SIZE(titles) == SERVICE_COUNT, "a service has no title");

void daemon_say(const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "gabion: %s\n", line);
}

enum daemon_wait daemon_wait(struct daemon *d, bool (*done)(struct daemon *d), uint64_t timeout_ns,
			     bool interruptible)
{
	uint64_t end = loop_clock() + timeout_ns;
	enum daemon_stop before = d->stop;

	while (!done(d)) {
		uint64_t now = loop_clock();

		if (now >= end)
			return DAEMON_WAIT_TIMEOUT;
		if (interruptible && d->stop > before)
			return DAEMON_WAIT_STOP;
		if (loop_once(&d->loop, (int)((end - now) / LOOP_NSEC_PER_MSEC) + 1) < 0)
			return DAEMON_WAIT_TIMEOUT;
	}
	return DAEMON_WAIT_DONE;
}

/* The first one asks for the end, the second one for the end now. */
static void on_signal(struct loop_signals *s, const struct signalfd_siginfo *info)
{
	struct daemon *d = CONTAINER_OF(s, struct daemon, signals);

	if (d->stop == DAEMON_STOP_NOT) {
		d->stop = DAEMON_STOP_GENTLY;
		daemon_say("stopping%s", info->ssi_signo == SIGINT
						 ? " (once more kills everything at once)"
						 : "");
	} else {
		d->stop = DAEMON_STOP_NOW;
	}
}

static void on_down(void *data)
{
	struct daemon *d = data;

	if (d->stop == DAEMON_STOP_NOT)
		d->stop = DAEMON_STOP_GENTLY;
}

static void on_status(void *data, struct buf *json)
{
	struct daemon *d = data;

	record_print(&d->record, json);
	if (!buf_ok(json))
		return;
	json->n -= strlen("}\n"); /* the object goes on with what is no part of the record */
	buf_add_str(json, ",\"policy\":");
	keeper_print_status(&d->keeper, json);
	buf_add_char(json, '}');
}

/* Another policy is in force. */
static void on_policy(struct keeper *k)
{
	struct daemon *d = CONTAINER_OF(k, struct daemon, keeper);

	engine_obey(d);
	serve_tell_policy(&d->serve, k->policy.generation);
}

/* A gate that hung up but lives cannot do its work any more. */
static void on_gate_gone(void *data)
{
	struct daemon *d = data;

	service_signal(&d->services[SERVICE_GATE], SIGKILL);
}

/* What a former gabiond left with gabion-hold besides containers' sockets. */
static void on_left(void *data, const char *name, int take_fd)
{
	struct daemon *d = data;

	(void)vfs_take(&d->vfs, name, take_fd);
}

static void on_keep(void *data, struct hold *h)
{
	struct daemon *d = data;

	vfs_keep(&d->vfs, h);
}

static void housekeeping(struct loop_timer *t)
{
	struct daemon *d = CONTAINER_OF(t, struct daemon, housekeeping);

	layout_trim_logs(d);
	keeper_reload(&d->keeper);
	loop_timer_in(&d->loop, t, HOUSEKEEPING_NS, housekeeping);
}

/* Whoever waits for a container's lock waits for the thread that has it. */
static void look_for_fifos(struct loop_timer *t)
{
	struct daemon *d = CONTAINER_OF(t, struct daemon, fifos);
	const struct fifo_look look = { .inst = &d->inst, .quiet = d->fifos_found };
	size_t n = 0;

	for (enum service_id i = 0; i < SERVICE_COUNT; i++)
		if ((i == SERVICE_ENGINE || i == SERVICE_CONTAINERD) && d->services[i].pid > 0)
			n += fifo_release(&look, d->services[i].pid);
	d->fifos_found = n > 0;
	loop_timer_in(&d->loop, t, n > 0 ? FIFO_NEXT_LOOK_NS : FIFO_LOOK_NS, look_for_fifos);
}

static int start_loop(struct daemon *d, struct err *err)
{
	sigset_t set;
	int r = loop_init(&d->loop);

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	if (r == 0)
		r = loop_signals_start(&d->loop, &d->signals, &set, on_signal);
	if (r == 0)
		r = serve_init(&d->serve, &d->loop, &d->inst);
	if (r < 0)
		return err_errno(err, r, "event loop");
	loop_timer_in(&d->loop, &d->fifos, FIFO_LOOK_NS, look_for_fifos);
	d->serve.data = d;
	d->serve.status = on_status;
	d->serve.down = on_down;
	d->serve.gate_gone = on_gate_gone;
	d->serve.left = on_left;
	d->serve.keep = on_keep;
	return 0;
}

static int take_lock(struct daemon *d, struct err *err)
{
	int r = layout_lock(d, true, 0, err);

	if (r > 0)
		return err_set(err, -EBUSY,
			       "an instance is running in %s; `gabion down --state-dir %s` stops "
			       "it",
			       d->inst.dir, d->inst.dir);
	return r;
}

struct member {
	const struct record *rec;
	pid_t pid;
};

static int find_member(pid_t pid, void *data)
{
	struct member *m = data;

	if (!space_has(pid, m->rec->mnt, m->rec->net))
		return 0;
	m->pid = pid;
	return 1;
}

/* Enters the namespaces that a killed gabiond left. Returns 0, or 1 when there are none: then what
 * it left, if anything, has been cleared away. */
static int take_over(struct daemon *d, struct err *err)
{
	struct record old;
	struct member m = { .rec = &old };
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/instance.json", d->inst.run);
	r = record_read(path, &old, err);
	if (r < 0) {
		daemon_say("%s: starting afresh", err->text);
		r = 1;
	}
	if (r == 0 && strcmp(old.cgroup, d->cgroups.name) == 0)
		(void)cgroups_each(&d->cgroups, find_member, &m);
	if (m.pid > 0 && space_join(&d->space, m.pid, old.mnt, old.net, err) == 0) {
		/* What an earlier version made does not have these. */
		hostnet_tune(&d->inst, d->space.host_ports);
		if (hostnet_mount(&d->inst, d->space.host_net, err) < 0)
			daemon_say("%s: no port can be published", err->text);
		daemon_say("taking over the instance that was started at %s", old.started);
		d->record = old;
		memcpy(d->left, old.services, sizeof(d->left));
		d->way_out = d->way_out && old.subnet[0] != '\0';
		(void)snprintf(d->subnet, sizeof(d->subnet), "%s", old.subnet);
		return 0;
	}
	if (cgroups_busy(&d->cgroups))
		daemon_say("clearing away what is left of an earlier run");
	r = daemon_clean(d, false, err);
	return r < 0 ? r : 1;
}

static void start_record(struct daemon *d)
{
	struct record *rec = &d->record;
	time_t now = time(NULL);
	struct tm tm;

	if (rec->started[0] == '\0') {
		(void)gmtime_r(&now, &tm);
		(void)strftime(rec->started, sizeof(rec->started), "%Y-%m-%dT%H:%M:%SZ", &tm);
		(void)snprintf(rec->subnet, sizeof(rec->subnet), "%s", d->way_out ? d->subnet : "");
	}
	(void)record_boot(rec->boot);
	(void)snprintf(rec->cgroup, sizeof(rec->cgroup), "%s", d->cgroups.name);
	rec->pid = getpid();
	(void)process_birth(rec->pid, &rec->birth);
}

/* The policy has to be there before anything starts that asks for it. */
static int load_policy(struct daemon *d, struct err *err)
{
	CLEANUP_BUF struct buf why = BUF_INIT(TAIL_MAX);
	struct slice rest;
	struct slice line;
	int r;

	keeper_init(&d->keeper, &d->inst, d->profile);
	r = keeper_load(&d->keeper, &why);
	if (r == 0)
		keeper_print_findings(&d->keeper, &why);
	rest = buf_slice(&why);
	while (slice_split(&rest, '\n', &line))
		if (line.n > 0)
			daemon_say("%.*s", SLICE_ARG(line));
	if (r < 0)
		return err_set(err, r, "there is no policy to go by: taking everything away again");
	if (d->keeper.stale)
		daemon_say("the last good policy (generation %llu) stays in force",
			   (unsigned long long)d->keeper.policy.generation);
	if (!d->keeper.policy.isolation)
		daemon_say("isolation is off: the settings say so");
	return 0;
}

/* Without the right to it, this is a container, whose root cannot make nodes that open either. */
static void limit_devices(const struct daemon *d)
{
	struct err err = ERR_INIT;
	int r = devices_limit(&d->cgroups, &err);

	if (r < 0 && r != -EPERM)
		daemon_say("%s", err.text);
}

/* As with devices: root of another user namespace has no files of the host's root to give away.
 * Kernels may be built without it. */
static int look_at_layers(struct daemon *d, struct err *err)
{
	int r = layers_start(&d->layers, &d->loop, err);

	if (r == 0)
		return layers_mark(&d->layers, &d->inst, err);
	if (r != -EPERM)
		daemon_say("%s", err->text);
	return 0;
}

/* What was asked for has to be had. */
static int limit_memory(struct daemon *d, struct err *err)
{
	int r = memory_limit(&d->memory, &d->cgroups, d->engine_mib, d->inst.lib, err);

	if (r == 0 || (d->engine_mib != MEMORY_MIB_DEFAULT && d->engine_mib > 0))
		return r;
	daemon_say("%s", err->text);
	return 0;
}

/* Everything up to the point where services can be started. */
static int prepare(struct daemon *d, struct err *err)
{
	char name[CGROUP_NAME_MAX];
	bool fresh;
	int r = engine_check(d, err);

	if (r == 0)
		r = take_lock(d, err);
	if (r == 0)
		r = layout_cgroup_name(d, name, err);
	if (r == 0)
		r = cgroups_open(&d->cgroups, name, err);
	if (r == 0)
		r = space_open(&d->space, err);
	d->serve.host_mnt = d->space.host_mnt;
	if (r == 0)
		r = take_over(d, err);
	if (r < 0)
		return r;
	fresh = r == 1;
	d->owner = true;
	r = layout_make(d, err);
	if (r == 0)
		r = load_policy(d, err);
	if (r == 0)
		r = engine_configure(d, err);
	if (r == 0)
		r = cgroups_make(&d->cgroups, err);
	if (r == 0)
		r = limit_memory(d, err);
	if (r == 0)
		limit_devices(d);
	if (r == 0)
		r = cgroups_enter(&d->cgroups, err);
	if (r == 0 && fresh)
		r = space_new(&d->space, &d->inst, d->profile, d->way_out, err);
	if (r == 0)
		r = look_at_layers(d, err);
	if (r < 0)
		return r;
	layout_forget_askers(d);
	start_record(d);
	return 0;
}

/* The sockets that outlive every worker. */
static int listen_on(struct daemon *d, struct err *err)
{
	struct group *docker = getgrnam("docker");
	char path[PATH_MAX];
	int control;
	int r;

	(void)snprintf(path, sizeof(path), "%s/docker.sock", d->inst.run);
	d->clients = sock_listen(path, SOCK_STREAM, 0660, docker ? docker->gr_gid : (gid_t)-1);
	if (d->clients < 0)
		return err_errno(err, d->clients, "listening on %s", path);
	r = space_show_socket(&d->inst, d->profile, err);
	if (r < 0)
		return r;
	if (r == SPACE_NOT_EVERYWHERE)
		daemon_say("%s", err->text);
	(void)snprintf(path, sizeof(path), "%s/control.sock", d->inst.run);
	control = sock_listen(path, SOCK_SEQPACKET, 0666, (gid_t)-1);
	if (control < 0)
		return err_errno(err, control, "listening on %s", path);
	r = serve_add_channel(&d->serve, control, SERVE_LISTEN);
	if (r < 0)
		return err_errno(err, r, "serving %s", path);
	if (serve_take_sockets(&d->serve) == SERVE_BAD_HOLDER)
		service_end_left(d, SERVICE_HOLD);
	r = serve_open_sockets(&d->serve, docker ? docker->gr_gid : (gid_t)-1, err);
	if (r == 0)
		r = vfs_open(&d->vfs, &d->inst, err);
	if (r == VFS_MADE)
		service_end_left(d, SERVICE_VFS); /* it may serve another one */
	return MIN(r, 0);
}

/* Says why a service is not there, from its log. */
static int explain(struct service *s, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(TAIL_MAX);
	char path[PATH_MAX];

	service_log_path(s, path);
	tail_log(path, s->log_at, &text);
	if (!buf_ok(&text) || text.n == 0)
		return err_set(err, -ECHILD, "%s did not start, and said nothing", titles[s->id]);
	(void)fprintf(stderr, "gabion: %s did not start: %.*s", titles[s->id],
		      SLICE_ARG(buf_slice(&text)));
	return err_set(err, -ECHILD, "taking everything away again");
}

static bool all_settled(struct daemon *d)
{
	for (enum service_id i = 0; i < SERVICE_COUNT; i++)
		if (!service_settled(&d->services[i]))
			return false;
	return true;
}

static int start_service(struct daemon *d, enum service_id id, struct err *err)
{
	struct service *s = &d->services[id];
	const struct record_service *old = &d->left[id];
	uint64_t begin = loop_clock();
	const char *how = "up";
	char version[80] = "";
	int r;

	if (!engine_wants(d, id))
		return 0;
	if (old->pid > 0 && id != SERVICE_GATE &&
	    service_adopt(s, old->pid, old->birth, old->config) == 0)
		how = "still there";
	else if ((r = service_start(s, err)) < 0)
		return r;
	if (daemon_wait(d, all_settled, UINT64_MAX / 2, true) == DAEMON_WAIT_STOP)
		return err_set(err, -EINTR, "interrupted");
	if (s->state != SERVICE_UP)
		return explain(s, err);
	if (id == SERVICE_ENGINE) {
		r = guard_folders(&d->inst, err);
		if (r == 0)
			r = layers_mark(&d->layers, &d->inst, err);
		if (r < 0)
			return r;
	}
	if (id == SERVICE_ENGINE)
		(void)snprintf(version, sizeof(version), " %s", d->engine_version);
	daemon_say("%s%s is %s (%llu ms)", titles[id], version, how,
		   (unsigned long long)((loop_clock() - begin) / LOOP_NSEC_PER_MSEC));
	return 0;
}

static int bring_up(struct daemon *d, struct err *err)
{
	int r = start_loop(d, err);

	if (r == 0)
		r = prepare(d, err);
	if (r == 0)
		r = listen_on(d, err);
	if (r < 0)
		return r;
	if (!d->way_out)
		daemon_say("slirp4netns is not installed: no way out of this instance, so no pulls "
			   "(`apt install slirp4netns`)");
	for (enum service_id i = 0; r == 0 && i < SERVICE_COUNT; i++)
		r = start_service(d, i, err);
	return r;
}

/* Tells who waits; a detached gabiond lets go of the terminal. */
static int announce(struct daemon *d, struct err *err)
{
	CLEANUP_FD int null = -EBADF;
	CLEANUP_FD int log = -EBADF;
	char path[PATH_MAX];

	(void)printf("DOCKER_HOST=unix://%s/docker.sock\n", d->inst.run);
	if (fflush(stdout) != 0)
		return err_errno(err, -errno, "standard output");
	if (d->ready_fd < 0)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/log/gabiond.log", d->inst.run);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (null < 0 || log < 0)
		return err_errno(err, -errno, "%s", log < 0 ? path : "/dev/null");
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(log, STDERR_FILENO) < 0)
		return err_errno(err, -errno, "letting go of the terminal");
	if (write(d->ready_fd, "", 1) < 0)
		log_warning("`gabion up --detach` has gone");
	d->ready_fd = fd_close(d->ready_fd);
	return 0;
}

void daemon_init(struct daemon *d)
{
	*d = (struct daemon){ .ready_fd = -EBADF,
			      .lock = -EBADF,
			      .clients = -EBADF,
			      .cgroups = CGROUPS_INIT,
			      .engine_mib = MEMORY_MIB_DEFAULT,
			      .memory = MEMORY_INIT,
			      .space = SPACE_INIT,
			      .loop = LOOP_INIT,
			      .vfs = VFS_INIT,
			      .layers = LAYERS_INIT,
			      .keeper = KEEPER_INIT };
	for (enum service_id i = 0; i < SERVICE_COUNT; i++) {
		d->services[i] = SERVICE_INIT;
		d->services[i].daemon = d;
		d->services[i].id = i;
	}
}

void daemon_done(struct daemon *d)
{
	vfs_done(&d->vfs);
	layers_done(&d->layers);
	keeper_done(&d->keeper);
	memory_done(&d->memory);
	cgroups_done(&d->cgroups);
	space_done(&d->space);
	loop_done(&d->loop);
	free(d->runtime_name);
	d->lock = fd_close(d->lock);
	d->clients = fd_close(d->clients);
	d->ready_fd = fd_close(d->ready_fd);
}

int daemon_run(struct daemon *d)
{
	struct err err = ERR_INIT;
	int r;

	(void)umask(022);
	if (chdir("/") < 0)
		return 1;
	r = bring_up(d, &err);
	if (r == 0)
		r = announce(d, &err);
	if (r == 0) {
		d->phase = DAEMON_RUNNING;
		loop_timer_in(&d->loop, &d->housekeeping, HOUSEKEEPING_NS, housekeeping);
		keeper_watch(&d->keeper, &d->loop, on_policy);
		while (d->stop == DAEMON_STOP_NOT && loop_once(&d->loop, -1) >= 0)
			;
	} else if (r != -EINTR) {
		daemon_say("%s", err.text);
		if (d->stop == DAEMON_STOP_NOT)
			d->stop = DAEMON_STOP_NOW;
	}
	if (daemon_take_down(d) < 0)
		return 1;
	return r < 0 ? 1 : 0;
}
