/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/gate.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sock.h"
#include "base/util.h"
#include "gate/conn.h"
#include "gate/door.h"
#include "gate/doorman.h"
#include "gate/images.h"
#include "gate/janitor.h"

#define LOG_LINES_PER_SECOND 10u
#define LOG_LINES_AT_ONCE 50u
/* Descriptors of a connection: itself, the engine's, a pipe each way, and who made it. Beside
 * connections and doors there are those that are told no, questions of ours, and what comes from
 * gabiond. */
#define FDS_PER_CONN 7u
#define FDS_BESIDE 256u
#define ROOTS_SHARE 16u /* of the connections, one in so many is root's alone */

/* --- quotas --- */

int gate_limit_set(struct gate_limits *l, struct slice name, uint32_t value)
{
	const struct {
		const char *name;
		uint32_t *limit;
	} names[] = {
		{ "conns", &l->conns },
		{ "conns-per-user", &l->conns_per_user },
		{ "conns-per-container", &l->conns_per_container },
		{ "held-mib", &l->held_mib },
		{ "head-seconds", &l->head_seconds },
		{ "body-seconds", &l->body_seconds },
		{ "ask-seconds", &l->ask_seconds },
		{ "connect-seconds", &l->connect_seconds },
		{ "linger-seconds", &l->linger_seconds },
		{ "refresh-seconds", &l->refresh_seconds },
	};

	static_assert(ARRAY_SIZE(names) * sizeof(uint32_t) == sizeof(*l), "every limit has a name");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (slice_eq_str(name, names[i].name)) {
			*names[i].limit = value;
			return 0;
		}
	return -EINVAL;
}

struct gate_user *gate_user(struct gate *g, uid_t uid, bool containers)
{
	struct gate_user *u;

	for (u = g->users; u; u = u->next)
		if (u->uid == uid && u->containers == containers)
			return u;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->uid = uid;
	u->containers = containers;
	u->next = g->users;
	g->users = u;
	return u;
}

void gate_user_drop(struct gate *g, struct gate_user *user)
{
	struct gate_user **at = &g->users;

	while (*at && *at != user)
		at = &(*at)->next;
	if (*at && user->conns == 0) {
		*at = user->next;
		free(user);
	}
}

size_t gate_conns_max(const struct gate *g)
{
	size_t other = g->ndoors + FDS_BESIDE;
	size_t room = g->descriptors > other ? (g->descriptors - other) / FDS_PER_CONN : 0;

	return MAX(MIN(room, (size_t)g->limits.conns), (size_t)2);
}

size_t gate_conns_others(const struct gate *g)
{
	size_t max = gate_conns_max(g);

	return max - (max + ROOTS_SHARE - 1) / ROOTS_SHARE;
}

bool gate_may_log(struct gate *g)
{
	uint64_t now = loop_clock();
	uint64_t line = LOOP_NSEC_PER_SEC / LOG_LINES_PER_SECOND;

	if (g->log_ns > now + LOG_LINES_AT_ONCE * line) {
		g->log_lost++;
		return false;
	}
	g->log_ns = MAX(g->log_ns, now) + line;
	if (g->log_lost > 0)
		log_warning("%llu lines about clients were left out",
			    (unsigned long long)g->log_lost);
	g->log_lost = 0;
	return true;
}

/* --- life --- */

int gate_connect_engine(const struct gate *g)
{
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&g->engine, sizeof(g->engine)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static void told(struct ask *a, enum control_op op)
{
	struct gate *g = CONTAINER_OF(a, struct gate, ask);

	if (op == CONTROL_POLICY) {
		subordinate_load(&g->subordinate);
		images_reload(g->images);
	}
}

static void lost(struct ask *a)
{
	struct gate *g = CONTAINER_OF(a, struct gate, ask);

	log_info("gabiond has gone, and so does the gate");
	loop_stop(&g->loop);
}

/* A path that is too long for a socket address is reached through its directory's descriptor. */
static int engine_address(struct gate *g, const char *path, struct err *err)
{
	struct sockaddr_un *a = &g->engine;
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	int n;

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) < sizeof(a->sun_path)) {
		memcpy(a->sun_path, path, strlen(path) + 1);
		return 0;
	}
	if (!slash || (size_t)(slash - path) >= sizeof(dir))
		return err_set(err, -ENAMETOOLONG, "%s: not an absolute path, or too long", path);
	(void)snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - path), path);
	g->engine_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (g->engine_dir < 0)
		return err_errno(err, -errno, "%s", dir);
	n = snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/%s", g->engine_dir,
		     slash + 1);
	if (n < 0 || (size_t)n >= sizeof(a->sun_path))
		return err_set(err, -ENAMETOOLONG, "%s: name of the socket is too long", path);
	return 0;
}

static void on_signal(struct loop_signals *s, const struct signalfd_siginfo *info)
{
	struct gate *g = CONTAINER_OF(s, struct gate, signals);

	(void)info;
	loop_stop(&g->loop);
}

static int count_descriptors(struct gate *g)
{
	struct rlimit nofile;

	if (getrlimit(RLIMIT_NOFILE, &nofile) < 0)
		return -errno;
	g->descriptors = (size_t)MIN(nofile.rlim_max, (rlim_t)GATE_DESCRIPTORS_MAX);
	return 0;
}

/* Does the kernel say of a connection, also later, which process has made it (6.5)? */
static bool has_peer_process(void)
{
	int pair[2];
	int pidfd;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	pidfd = sock_peer_process(pair[0]);
	for (size_t i = 0; i < ARRAY_SIZE(pair); i++)
		(void)fd_close(pair[i]);
	(void)fd_close(pidfd);
	return pidfd >= 0;
}

static int catch_signals(struct gate *g)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	/* A tunnel's other end may be gone; splice(2) has no MSG_NOSIGNAL. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	return loop_signals_start(&g->loop, &g->signals, &set, on_signal);
}

/* Users of the host come in once it is known who may not. */
static void open_clients(struct subordinate *s)
{
	struct gate *g = CONTAINER_OF(s, struct gate, subordinate);

	if (g->clients < 0)
		return;
	g->failed = door_open(g, TAKE_FD(g->clients), NULL, NULL);
	if (g->failed < 0)
		loop_stop(&g->loop);
}

int gate_init(struct gate *g, struct gate_options *o, struct err *err)
{
	int r;

	*g = (struct gate){ .limits = o->limits,
			    .clients = o->take_listen,
			    .has_peer_process = has_peer_process(),
			    .engine_dir = -EBADF,
			    .told = { .uid = (uid_t)-1 } };
	g->loop = LOOP_INIT;
	o->take_listen = -EBADF;
	g->ask.fd = -EBADF;
	r = loop_init(&g->loop);
	if (r < 0)
		return err_errno(err, r, "event loop");
	g->scratch = malloc(SIDE_SCRATCH_SIZE);
	g->images = calloc(1, sizeof(*g->images));
	if (!g->scratch || !g->images)
		return err_set(err, -ENOMEM, "out of memory");
	images_init(g->images, g);
	kin_init(&g->kin);
	r = fd_nonblock(g->clients, true);
	if (r == 0 && o->take_control >= 0)
		r = fd_nonblock(o->take_control, true);
	if (r < 0)
		return err_errno(err, r, "inherited descriptors");
	audit_init(&g->audit, g);
	r = ask_init(&g->ask, &g->loop, o->take_control, lost);
	g->ask.told = told;
	subordinate_init(&g->subordinate, &g->ask, open_clients);
	if (r == 0 && o->take_control >= 0) {
		g->janitor = calloc(1, sizeof(*g->janitor));
		g->doorman = calloc(1, sizeof(*g->doorman));
		if (g->janitor)
			janitor_init(g->janitor, g);
		if (g->doorman)
			doorman_init(g->doorman, g);
		r = g->janitor && g->doorman ? 0 : -ENOMEM;
	}
	o->take_control = -EBADF;
	if (r < 0)
		return err_errno(err, r, "control channel");
	r = count_descriptors(g);
	if (r < 0)
		return err_errno(err, r, "limits");
	r = catch_signals(g);
	if (r < 0)
		return err_errno(err, r, "signals");
	return engine_address(g, o->engine, err);
}

int gate_run(struct gate *g, struct err *err)
{
	int r;

	if (g->ask.fd >= 0)
		subordinate_load(&g->subordinate);
	else
		open_clients(&g->subordinate);
	images_start(g->images);
	if (g->janitor)
		janitor_start(g->janitor);
	if (g->doorman)
		doorman_start(g->doorman);
	r = g->failed < 0 ? 0 : loop_run(&g->loop);
	if (g->failed < 0)
		return err_errno(err, g->failed, "clients' socket");
	return r < 0 ? err_errno(err, r, "event loop") : 0;
}

void gate_done(struct gate *g)
{
	while (g->doors)
		door_close(g->doors);
	if (g->loop.epoll_fd >= 0)
		(void)loop_once(&g->loop, 0); /* frees them */
	loop_signals_stop(&g->signals);
	if (g->janitor)
		janitor_done(g->janitor);
	free(g->janitor);
	if (g->doorman)
		doorman_done(g->doorman);
	free(g->doorman);
	if (g->images)
		images_done(g->images);
	subordinate_done(&g->subordinate);
	ask_done(&g->ask);
	free(g->images);
	g->clients = fd_close(g->clients);
	g->engine_dir = fd_close(g->engine_dir);
	free(g->scratch);
	kin_done(&g->kin);
	loop_done(&g->loop);
}
