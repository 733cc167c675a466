/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/engine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/program.h"
#include "daemon/guard.h"
#include "daemon/subnet.h"
#include "policy/subnets.h"
#include "settings/facts.h"

#define FACTS_ARENA_MAX (1024u * 1024u)
#define OUTPUT_MAX 65536u
#define CONTAINERD_SOCKET "/run/containerd/containerd.sock" /* in the instance's namespace */
#define ENV_MAX 1024
/* The engine's key for a protocol that nobody speaks any more; later ones make none. */
#define KEY_FILE_BEFORE 25

/* The runtime under the names that the engine, BuildKit and containerd's shim look for. */
static const char *const runtime_links[] = { "runc", "gabion-runc", "sysbox-runc" };

/* Programs that are not ours, and what brings them. */
static const struct {
	const char *name;
	const char *package;
} needed[] = {
	{ "containerd", "containerd" },
	{ "containerd-shim-runc-v2", "containerd" },
	{ "dockerd", "docker.io" },
	{ "iptables", "iptables" },
};

static const char *const ours[] = { "gabion-runc", "gabion-gate", "gabion-port",    "gabion-hold",
				    "gabion-vet",  "gabion-vfs",  "gabion-frontend" };

static const char *const programs[] = {
	[SERVICE_HOLD] = "gabion-hold",	   [SERVICE_VET] = "gabion-vet",
	[SERVICE_VFS] = "gabion-vfs",	   [SERVICE_CONTAINERD] = "containerd",
	[SERVICE_WAY_OUT] = "slirp4netns", [SERVICE_ENGINE] = "dockerd",
	[SERVICE_GATE] = "gabion-gate",
};
static_assert(ARRAY_SIZE(programs) == SERVICE_COUNT, "a service has no program");

/* Variables of the caller that mean something else to the engine, or come from us. */
static const char *const unwanted_env[] = {
	"PATH",
	"TMPDIR",
	"DOCKER_HOST",
	"DOCKER_CONTEXT",
	"DOCKER_TLS",
	"DOCKER_TLS_VERIFY",
	"DOCKER_CERT_PATH",
	"DOCKER_API_VERSION",
	"DOCKER_CONFIG",
	"NOTIFY_SOCKET",
	"LISTEN_FDS",
	"LISTEN_PID",
	"LISTEN_FDNAMES",
	"WATCHDOG_PID",
	"WATCHDOG_USEC",
	"GABION_STATE_DIR",
	"DOCKER_BUILDKIT_RUNC_COMMAND",
	"DOCKER_TMPDIR",
	"SSH_AUTH_SOCK", /* write_ssh() */
	"SSH_ASKPASS",
	"GIT_ASKPASS",
	"GIT_SSH",
	"GIT_SSH_COMMAND",
	"CONTAINERD_ADDRESS",
	"CONTAINERD_NAMESPACE",
	"ROOTLESSKIT_STATE_DIR",
};

bool engine_wants(const struct daemon *d, enum service_id id)
{
	return id != SERVICE_WAY_OUT || d->way_out;
}

static int check_programs(struct daemon *d, const struct facts *facts, struct err *err)
{
	char path[PATH_MAX];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (process_find(needed[i].name, path) < 0)
			return err_set(err, -ENOENT,
				       "%s is not installed: `apt install %s` brings it",
				       needed[i].name, needed[i].package);
	if (!facts->lower_runtime && process_find("crun", path) < 0 &&
	    process_find("runc", path) < 0)
		return err_set(err, -ENOENT,
			       "neither crun nor runc is installed: `apt install crun` brings one");
	r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(ours); i++)
		r = program_find(ours[i], path, err);
	d->way_out = process_find("slirp4netns", path) == 0;
	return r;
}

/* "Docker version 20.10.24+dfsg1, build 5d6db84" */
static int ask_version(struct daemon *d, struct err *err)
{
	CLEANUP_BUF struct buf out = BUF_INIT(OUTPUT_MAX);
	char path[PATH_MAX];
	char *argv[] = { (char *)"dockerd", (char *)"--version", NULL };
	const char *at;
	int r;

	if (process_find("dockerd", path) < 0)
		return err_set(err, -ENOENT, "dockerd has gone");
	r = process_capture(path, argv, &out, err);
	if (r < 0)
		return r;
	at = out.p ? strstr(out.p, "version ") : NULL;
	if (r != 0 || !at)
		return err_set(err, -EPROTO, "`%s --version` failed: %.*s", path,
			       (int)slice_find(buf_slice(&out), '\n'), out.p ? out.p : "");
	at += strlen("version ");
	(void)snprintf(d->engine_version, sizeof(d->engine_version), "%.*s",
		       (int)strcspn(at, ", \n"), at);
	return 0;
}

int engine_check(struct daemon *d, struct err *err)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(FACTS_ARENA_MAX);
	struct facts facts;
	int r = facts_load(&a, &d->inst, &facts, err);

	if (r == 0)
		r = check_programs(d, &facts, err);
	if (r == 0)
		r = ask_version(d, err);
	if (r < 0)
		return r;
	free(d->runtime_name);
	d->runtime_name = strdup(facts.runtime_name);
	d->profile = facts.profile;
	if (!d->runtime_name)
		return err_errno(err, -ENOMEM, "runtime name");
	if (d->way_out)
		subnet_choose(d->subnet, sizeof(d->subnet));
	return 0;
}

static int write_file(const struct daemon *d, const char *name, const struct buf *b,
		      struct err *err)
{
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", d->inst.run, name);
	r = buf_ok(b) ? file_replace_at(AT_FDCWD, path, buf_slice(b), 0644, false) : -ENOMEM;
	return r < 0 ? err_errno(err, r, "writing %s", path) : 0;
}

/* layout_make_run() has seen to it that paths need no quoting in TOML and JSON. */
static int write_containerd_toml(struct daemon *d, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(OUTPUT_MAX);

	buf_printf(&b,
		   "version = 2\n"
		   "root = \"%s/containerd\"\n"
		   "state = \"/run/containerd\"\n"
		   "temp = \"%s/tmp\"\n"
		   "disabled_plugins = [\"io.containerd.grpc.v1.cri\", "
		   "\"io.containerd.cri.v1.images\", \"io.containerd.cri.v1.runtime\", "
		   "\"io.containerd.nri.v1.nri\"]\n"
		   "[grpc]\n"
		   "  address = \"" CONTAINERD_SOCKET "\"\n"
		   "[plugins.\"io.containerd.internal.v1.opt\"]\n"
		   "  path = \"%s/containerd/opt\"\n",
		   d->inst.lib, d->inst.run, d->inst.lib);
	return write_file(d, "containerd.toml", &b, err);
}

/* Whether the caller has said something about that option: dockerd refuses to be told twice. */
static bool has_own(const struct daemon *d, const char *option)
{
	for (char **a = d->engine_args; *a; a++)
		if (strncmp(*a, option, strlen(option)) == 0)
			return true;
	return false;
}

/* Every one of them is gabion-runc; the name is what inspect answers. */
static const char *default_runtime(const struct daemon *d)
{
	return d->keeper.policy.isolation ? d->runtime_name : "runc";
}

/* In the configuration file they can be changed while the engine runs. */
static bool runtimes_in_file(const struct daemon *d)
{
	return !has_own(d, "--add-runtime") && !has_own(d, "--default-runtime");
}

/* The names besides runtime_name and the engine's own, "runc". */
static bool is_further_name(const struct daemon *d, const char *name)
{
	return strcmp(name, d->runtime_name) != 0 && strcmp(name, "runc") != 0;
}

/* 20.10 checks the file by itself: the default has to be one of those in it. */
static void print_runtimes(const struct daemon *d, struct buf *b)
{
	buf_printf(b, "\"runtimes\":{\"%s\":{\"path\":\"%s/bin/%s\"}", d->runtime_name, d->inst.run,
		   d->runtime_name);
	for (size_t i = 0; i < ARRAY_SIZE(runtime_links); i++)
		if (is_further_name(d, runtime_links[i]))
			buf_printf(b, ",\"%s\":{\"path\":\"%s/bin/%s\"}", runtime_links[i],
				   d->inst.run, runtime_links[i]);
	buf_printf(b, "},\"default-runtime\":\"%s\"", default_runtime(d));
}

static int write_daemon_json(struct daemon *d, bool live_restore, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(OUTPUT_MAX);
	const char *comma = "";

	buf_add_str(&b, "{");
	if (!has_own(d, "--live-restore")) {
		buf_printf(&b, "\"live-restore\":%s", live_restore ? "true" : "false");
		comma = ",";
	}
	if (runtimes_in_file(d)) {
		buf_add_str(&b, comma);
		print_runtimes(d, &b);
		comma = ",";
	}
	d->written_runtime = default_runtime(d);
	if (strtoul(d->engine_version, NULL, 10) < KEY_FILE_BEFORE)
		buf_printf(&b, "%s\"deprecated-key-path\":\"%s/engine/key.json\"", comma,
			   d->inst.lib);
	buf_add_str(&b, "}\n");
	return write_file(d, "daemon.json", &b, err);
}

int engine_no_live_restore(struct daemon *d)
{
	return has_own(d, "--live-restore") ? -EEXIST : write_daemon_json(d, false, NULL);
}

void engine_obey(struct daemon *d)
{
	struct service *s = &d->services[SERVICE_ENGINE];
	const char *runtime = default_runtime(d);
	struct err err = ERR_INIT;

	/* Before it is up, it would die of the signal; then it will be asked again. */
	if (s->state != SERVICE_UP || d->phase == DAEMON_STOPPING || d->told_runtime == runtime ||
	    !runtimes_in_file(d))
		return;
	if (write_daemon_json(d, true, &err) < 0) {
		log_error("the engine does not learn of the policy: %s", err.text);
		return;
	}
	service_signal(s, SIGHUP);
	d->told_runtime = runtime;
}

/* The host's resolv.conf with slirp4netns as the only server. */
static int write_resolv_conf(struct daemon *d, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(OUTPUT_MAX);
	CLEANUP_BUF struct buf host = BUF_INIT(OUTPUT_MAX);
	struct slice rest;
	struct slice line;
	char server[32];

	subnet_host(d->subnet, SUBNET_DNS, server, sizeof(server));
	buf_printf(&b, "nameserver %s\n", server);
	(void)file_read("/etc/resolv.conf", &host);
	rest = buf_slice(&host);
	while (slice_split(&rest, '\n', &line))
		if (slice_starts(line, SLICE_LIT("search")) ||
		    slice_starts(line, SLICE_LIT("domain")) ||
		    slice_starts(line, SLICE_LIT("options")))
			buf_printf(&b, "%.*s\n", SLICE_ARG(line));
	return write_file(d, "resolv.conf", &b, err);
}

static int make_link(const struct daemon *d, const char *name, const char *target, struct err *err)
{
	char path[PATH_MAX];
	char tmp[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/bin/%s", d->inst.run, name);
	(void)snprintf(tmp, sizeof(tmp), "%s/bin/.%s", d->inst.run, name);
	(void)unlink(tmp);
	if (symlink(target, tmp) < 0 || rename(tmp, path) < 0)
		return err_errno(err, -errno, "%s", path);
	return 0;
}

/*
 * The engine fetches git addresses for whoever asks for a build, as root, and ssh takes root's keys
 * then: of the folder that the account has, whatever HOME is. One's own come from an agent, which
 * BuildKit hands through (`docker build --ssh`).
 */
static int write_ssh(const struct daemon *d, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(OUTPUT_MAX);
	char path[PATH_MAX];
	char ssh[PATH_MAX];
	int r;

	if (process_find("ssh", ssh) < 0) /* it may come later */
		(void)snprintf(ssh, sizeof(ssh), "/usr/bin/ssh");
	if (strchr(ssh, '\''))
		return err_set(err, -EINVAL, "%s: the shell cannot be told of that path", ssh);
	(void)snprintf(path, sizeof(path), "%s/bin/ssh", d->inst.run);
	buf_printf(&b, "#!/bin/sh\nexec '%s' -F none -o IdentityFile=none \"$@\"\n", ssh);
	r = buf_ok(&b) ? file_replace_at(AT_FDCWD, path, buf_slice(&b), 0755, false) : -ENOMEM;
	return r < 0 ? err_errno(err, r, "writing %s", path) : 0;
}

int engine_configure(struct daemon *d, struct err *err)
{
	char runtime[PATH_MAX];
	int r = program_find("gabion-runc", runtime, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(runtime_links); i++)
		r = make_link(d, runtime_links[i], runtime, err);
	if (r == 0)
		r = make_link(d, d->runtime_name, runtime, err);
	if (r == 0)
		r = write_ssh(d, err);
	if (r == 0)
		r = write_containerd_toml(d, err);
	if (r == 0)
		r = write_daemon_json(d, true, err);
	/* An instance that was taken over has it mounted, and a mount must not lose its file. */
	if (r == 0 && d->way_out && !d->space.inside)
		r = write_resolv_conf(d, err);
	return r;
}

void engine_make_way(struct daemon *d, enum service_id id)
{
	static const char *const files[] = {
		[SERVICE_HOLD] = "hold.sock",
		[SERVICE_VET] = NULL, /* its socket outlives it */
		[SERVICE_VFS] = "vfs.sock",
		[SERVICE_WAY_OUT] = "network.sock",
		[SERVICE_ENGINE] = "dockerd.pid", /* it would take whoever has that pid for one */
		[SERVICE_GATE] = NULL,
	};
	char path[PATH_MAX];

	static_assert(ARRAY_SIZE(files) == SERVICE_COUNT, "a service is missing");
	if (id == SERVICE_ENGINE) {
		d->told_runtime = d->written_runtime; /* it reads its configuration */
		guard_again(&d->inst);
		layers_again(&d->layers, &d->inst);
	}
	if (!files[id])
		return;
	(void)snprintf(path, sizeof(path), "%s/%s", d->inst.run, files[id]);
	(void)unlink(path);
}

/* A growing NULL-terminated list in the arena; running out is sticky. */
struct list {
	struct arena *a;
	char **v;
	size_t n;
	size_t size;
	bool failed;
};

static void list_add(struct list *l, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void list_add(struct list *l, const char *fmt, ...)
{
	char text[2 * PATH_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text) || l->n + 1 >= l->size || l->failed) {
		l->failed = true;
		return;
	}
	l->v[l->n] = arena_dup(l->a, text, (size_t)n);
	l->failed = !l->v[l->n++];
}

static struct list list_new(struct arena *a, size_t size)
{
	struct list l = { .a = a, .v = arena_array(a, size, sizeof(char *)), .size = size };

	l.failed = !l.v;
	return l;
}

static bool is_unwanted(const char *variable)
{
	for (size_t i = 0; i < ARRAY_SIZE(unwanted_env); i++) {
		size_t n = strlen(unwanted_env[i]);

		if (strncmp(variable, unwanted_env[i], n) == 0 && variable[n] == '=')
			return true;
	}
	return false;
}

static char **make_env(const struct daemon *d, struct arena *a)
{
	struct list l = list_new(a, ENV_MAX);
	const char *path = getenv("PATH");

	for (char **e = environ; *e; e++)
		if (!is_unwanted(*e))
			list_add(&l, "%s", *e);
	list_add(&l, "PATH=%s/bin:%s%s/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		 d->inst.run, path ? path : "", path ? ":" : "");
	list_add(&l, "TMPDIR=%s/tmp", d->inst.run);
	list_add(&l, "GABION_STATE_DIR=%s", d->inst.dir);
	list_add(&l, "DOCKER_BUILDKIT_RUNC_COMMAND=%s/bin/gabion-runc", d->inst.run);
	return l.failed ? NULL : l.v;
}

/* Where the caller has runtimes of its own: dockerd takes them in one way only. */
static void add_runtimes(const struct daemon *d, struct list *l)
{
	const char *run = d->inst.run;

	list_add(l, "--add-runtime=%s=%s/bin/%s", d->runtime_name, run, d->runtime_name);
	for (size_t i = 0; i < ARRAY_SIZE(runtime_links); i++)
		if (is_further_name(d, runtime_links[i]))
			list_add(l, "--add-runtime=%s=%s/bin/%s", runtime_links[i], run,
				 runtime_links[i]);
	list_add(l, "--default-runtime=%s", d->runtime_name);
}

static int add_engine_args(struct daemon *d, struct list *l, struct err *err)
{
	const char *run = d->inst.run;
	char port[PATH_MAX];
	int r = program_find("gabion-port", port, err);

	if (r < 0)
		return r;
	list_add(l, "--config-file=%s/daemon.json", run);
	list_add(l, "--data-root=%s/engine", d->inst.lib);
	list_add(l, "--exec-root=/run/docker");
	list_add(l, "--pidfile=%s/dockerd.pid", run);
	list_add(l, "--host=unix://%s/engine.sock", run);
	list_add(l, "--group=%u", DAEMON_GATE_ID);
	list_add(l, "--containerd=" CONTAINERD_SOCKET);
	list_add(l, "--exec-opt=native.cgroupdriver=cgroupfs");
	list_add(l, "--cgroup-parent=/%s", d->cgroups.name);
	list_add(l, "--userland-proxy-path=%s", port);
	if (!runtimes_in_file(d))
		add_runtimes(d, l);
	for (char **a = d->engine_args; *a; a++)
		list_add(l, "%s", *a);
	return 0;
}

/* Started where we came from; it enters the network namespace by the descriptor. */
static int add_way_out_args(struct daemon *d, struct list *l, struct engine_launch *ret,
			    struct err *err)
{
	ret->mine = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (ret->mine < 0)
		return err_errno(err, -errno, "/proc/self/ns/net");
	ret->start.leave = &d->space;
	ret->start.fds[ret->start.nfds++] = ret->mine;
	list_add(l, "--configure");
	list_add(l, "--mtu=65520");
	list_add(l, "--disable-host-loopback");
	if (space_host_is_mount(&d->space))
		list_add(l, "--enable-sandbox"); /* it pivots its root */
	list_add(l, "--enable-seccomp");
	list_add(l, "--cidr=%s", d->subnet);
	list_add(l, "--api-socket=%s", ret->socket);
	list_add(l, "--netns-type=path");
	list_add(l, "/proc/self/fd/3");
	list_add(l, SUBNETS_DEVICE);
	return 0;
}

/* Gets the clients' socket, and one end of a socket pair whose other end answers (serve.h). */
static int add_gate_args(struct daemon *d, struct list *l, struct engine_launch *ret,
			 struct err *err)
{
	int pair[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_errno(err, -errno, "socket pair for the gate");
	r = serve_add_channel(&d->serve, pair[0], SERVE_GATE);
	if (r < 0) {
		(void)fd_close(pair[1]);
		return err_errno(err, r, "channel to the gate");
	}
	ret->mine = pair[1];
	ret->start.fds[0] = d->clients;
	ret->start.fds[1] = pair[1];
	ret->start.nfds = 2;
	ret->start.cwd = d->inst.run;
	list_add(l, "--listen-fd=3");
	/* From its working directory: what is above DIR/run may be closed to its user. */
	list_add(l, "--engine=engine.sock");
	list_add(l, "--control-fd=4");
	list_add(l, "--uid=%u", DAEMON_GATE_ID);
	list_add(l, "--gid=%u", DAEMON_GATE_ID);
	return 0;
}

static const struct {
	const char *socket; /* below DIR/run, or absolute */
	int type;
	const char *get;
	uint64_t timeout_ns; /* generous: a machine without KVM needs a minute for what takes 1 s */
} probes[] = {
	[SERVICE_HOLD] = { "hold.sock", SOCK_SEQPACKET, NULL, 60 * LOOP_NSEC_PER_SEC },
	[SERVICE_VET] = { "vet.sock", SOCK_STREAM, NULL, 60 * LOOP_NSEC_PER_SEC },
	[SERVICE_VFS] = { "vfs.sock", SOCK_SEQPACKET, NULL, 60 * LOOP_NSEC_PER_SEC },
	[SERVICE_CONTAINERD] = { CONTAINERD_SOCKET, SOCK_STREAM, NULL, 120 * LOOP_NSEC_PER_SEC },
	[SERVICE_WAY_OUT] = { "network.sock", SOCK_STREAM, NULL, 60 * LOOP_NSEC_PER_SEC },
	[SERVICE_ENGINE] = { "engine.sock", SOCK_STREAM, "/_ping", 300 * LOOP_NSEC_PER_SEC },
	[SERVICE_GATE] = { "docker.sock", SOCK_STREAM, "/_ping", 60 * LOOP_NSEC_PER_SEC },
};
static_assert(ARRAY_SIZE(probes) == SERVICE_COUNT, "a service has no probe");

static int find_program(enum service_id id, char *ret, struct err *err)
{
	if (id == SERVICE_GATE || id == SERVICE_HOLD || id == SERVICE_VET || id == SERVICE_VFS)
		return program_find(programs[id], ret, err);
	if (process_find(programs[id], ret) < 0)
		return err_set(err, -ENOENT, "%s is not installed any more", programs[id]);
	return 0;
}

int engine_launch(struct daemon *d, enum service_id id, struct arena *a, struct engine_launch *ret,
		  struct err *err)
{
	size_t nargs = 64;
	struct list l;
	int r = find_program(id, ret->path, err);

	if (r < 0)
		return r;
	for (char **e = d->engine_args; *e; e++)
		nargs++;
	l = list_new(a, nargs);
	ret->start.cwd = "/";
	ret->type = probes[id].type;
	ret->get = probes[id].get;
	ret->timeout_ns = probes[id].timeout_ns;
	ret->socket = probes[id].socket[0] == '/'
			      ? probes[id].socket
			      : arena_printf(a, "%s/%s", d->inst.run, probes[id].socket);
	if (!ret->socket)
		return err_errno(err, -ENOMEM, "%s", programs[id]);
	list_add(&l, "%s", programs[id]);
	switch (id) {
	case SERVICE_HOLD:
		list_add(&l, "--socket=%s", ret->socket);
		break;
	case SERVICE_VET:
		list_add(&l, "--socket=%s", ret->socket);
		list_add(&l, "--hold=%s/hold.sock", d->inst.run);
		list_add(&l, "--views=%s/views", d->inst.run);
		list_add(&l, "--work=%s/vet", d->inst.run);
		break;
	case SERVICE_VFS:
		list_add(&l, "--run=%s", d->inst.run);
		list_add(&l, "--fuse-fd=3");
		list_add(&l, "--slots-fd=4");
		ret->start.fds[0] = d->vfs.fuse;
		ret->start.fds[1] = d->vfs.slots;
		ret->start.nfds = 2;
		break;
	case SERVICE_CONTAINERD:
		list_add(&l, "--config=%s/containerd.toml", d->inst.run);
		break;
	case SERVICE_WAY_OUT:
		r = add_way_out_args(d, &l, ret, err);
		break;
	case SERVICE_ENGINE:
		ret->start.memory = &d->memory;
		r = add_engine_args(d, &l, err);
		break;
	case SERVICE_GATE:
		r = add_gate_args(d, &l, ret, err);
		break;
	case SERVICE_COUNT:
		return err_set(err, -EINVAL, "no such service");
	}
	ret->start.argv = l.v;
	ret->start.env = make_env(d, a);
	if (r == 0 && (l.failed || !ret->start.env))
		r = err_set(err, -E2BIG, "%s: too many or too long arguments", programs[id]);
	if (r < 0)
		ret->mine = fd_close(ret->mine);
	return r;
}
