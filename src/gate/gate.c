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
#include "base/util.h"
#include "gate/conn.h"
#include "gate/janitor.h"
#include "settings/ranges.h"

#define ACCEPT_BATCH 16
#define LISTEN_AGAIN_MS 100u
/* So many connections beyond its own a user has to be told that there are too many. */
#define OVER_MAX 16u
#define LOG_LINES_PER_SECOND 10u
#define LOG_LINES_AT_ONCE 50u
/* Descriptors of a connection: itself and the engine's; some have pipes or a worker, too. */
#define FDS_PER_CONN 3u

/* --- quotas --- */

int gate_limit_set(struct gate_limits *l, struct slice name, uint32_t value)
{
	const struct {
		const char *name;
		uint32_t *limit;
	} names[] = {
		{ "conns", &l->conns },
		{ "conns-per-user", &l->conns_per_user },
		{ "held-mib", &l->held_mib },
		{ "head-seconds", &l->head_seconds },
		{ "body-seconds", &l->body_seconds },
		{ "ask-seconds", &l->ask_seconds },
		{ "connect-seconds", &l->connect_seconds },
		{ "linger-seconds", &l->linger_seconds },
	};

	static_assert(ARRAY_SIZE(names) * sizeof(uint32_t) == sizeof(*l), "every limit has a name");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (slice_eq_str(name, names[i].name)) {
			*names[i].limit = value;
			return 0;
		}
	return -EINVAL;
}

static struct gate_user *user_of(struct gate *g, uid_t uid)
{
	struct gate_user *u;

	for (u = g->users; u; u = u->next)
		if (u->uid == uid)
			return u;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->uid = uid;
	u->next = g->users;
	g->users = u;
	return u;
}

static void user_drop(struct gate *g, struct gate_user *user)
{
	struct gate_user **at = &g->users;

	while (*at && *at != user)
		at = &(*at)->next;
	if (*at && user->conns == 0) {
		*at = user->next;
		free(user);
	}
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

bool gate_hold(struct gate *g, size_t n)
{
	if (n > (size_t)g->limits.held_mib * 1024 * 1024 - g->held)
		return false;
	g->held += n;
	return true;
}

void gate_release(struct gate *g, size_t n)
{
	g->held -= n;
}

/* --- listening --- */

static void listen_ready(struct loop_fd *f, uint32_t events);

static void listen_on(struct loop_timer *t)
{
	struct gate *g = CONTAINER_OF(t, struct gate, listen_again);

	(void)loop_fd_want(&g->listen, EPOLLIN);
}

/* Out of descriptors or connections: those who wait, wait a little longer. */
static void listen_pause(struct gate *g)
{
	(void)loop_fd_want(&g->listen, 0);
	loop_timer_in(&g->loop, &g->listen_again, LISTEN_AGAIN_MS * LOOP_NSEC_PER_MSEC, listen_on);
}

void gate_conn_gone(struct gate *g, struct gate_user *user)
{
	g->nconns--;
	user->conns--;
	user_drop(g, user);
}

/* Ids that only containers have. Their binds of the socket are refused; should one get hold of it
 * all the same (a hard link in a folder of root's), it is nobody here. */
static bool is_container(uid_t uid)
{
	return (uid >= RANGES_START && uid - RANGES_START < RANGES_COUNT) || uid >= RANGES_GHOST;
}

static void admit(struct gate *g, int take_fd)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	struct gate_user *user;
	bool over;

	if (getsockopt(take_fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0) {
		(void)fd_close(take_fd);
		return;
	}
	if (is_container(cred.uid)) {
		if (gate_may_log(g))
			log_warning("pid %d (uid %u): a container may not use the engine", cred.pid,
				    cred.uid);
		(void)fd_close(take_fd);
		return;
	}
	user = user_of(g, cred.uid);
	over = user && cred.uid != 0 && user->conns >= g->limits.conns_per_user;
	if (!user || (over && user->conns >= g->limits.conns_per_user + OVER_MAX)) {
		(void)fd_close(take_fd);
		return;
	}
	if (conn_new(g, take_fd, user, &cred, over) < 0) {
		user_drop(g, user);
		return;
	}
	user->conns++;
	g->nconns++;
}

static void listen_ready(struct loop_fd *f, uint32_t events)
{
	struct gate *g = CONTAINER_OF(f, struct gate, listen);

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd;

		if (g->nconns >= g->limits.conns) {
			listen_pause(g);
			return;
		}
		fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				listen_pause(g);
			return;
		}
		admit(g, fd);
	}
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

/* No more connections than there are descriptors for. */
static int limit_conns(struct gate *g)
{
	struct rlimit nofile;

	if (getrlimit(RLIMIT_NOFILE, &nofile) < 0)
		return -errno;
	g->limits.conns = (uint32_t)MIN((rlim_t)g->limits.conns,
					MAX(nofile.rlim_max / FDS_PER_CONN, (rlim_t)1));
	return 0;
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

int gate_init(struct gate *g, struct gate_options *o, struct err *err)
{
	int r;

	*g = (struct gate){ .limits = o->limits,
			    .listen_fd = o->take_listen,
			    .engine_dir = -EBADF };
	g->loop = LOOP_INIT;
	o->take_listen = -EBADF;
	g->ask.fd = -EBADF;
	r = loop_init(&g->loop);
	if (r < 0)
		return err_errno(err, r, "event loop");
	g->scratch = malloc(SIDE_SCRATCH_SIZE);
	if (!g->scratch)
		return err_set(err, -ENOMEM, "out of memory");
	r = fd_nonblock(g->listen_fd, true);
	if (r == 0 && o->take_control >= 0)
		r = fd_nonblock(o->take_control, true);
	if (r < 0)
		return err_errno(err, r, "inherited descriptors");
	r = ask_init(&g->ask, &g->loop, o->take_control, lost);
	if (r == 0 && o->take_control >= 0) {
		g->janitor = calloc(1, sizeof(*g->janitor));
		if (g->janitor)
			janitor_init(g->janitor, g);
		else
			r = -ENOMEM;
	}
	o->take_control = -EBADF;
	if (r < 0)
		return err_errno(err, r, "control channel");
	r = limit_conns(g);
	if (r < 0)
		return err_errno(err, r, "limits");
	r = catch_signals(g);
	if (r < 0)
		return err_errno(err, r, "signals");
	return engine_address(g, o->engine, err);
}

int gate_run(struct gate *g, struct err *err)
{
	int r = loop_fd_start(&g->loop, &g->listen, g->listen_fd, EPOLLIN, listen_ready);

	if (r == 0 && g->janitor)
		janitor_start(g->janitor);
	if (r == 0)
		r = loop_run(&g->loop);
	return r < 0 ? err_errno(err, r, "event loop") : 0;
}

void gate_done(struct gate *g)
{
	while (g->conns)
		conn_kill(g->conns);
	if (g->loop.epoll_fd >= 0)
		(void)loop_once(&g->loop, 0); /* frees them */
	loop_fd_stop(&g->listen);
	loop_signals_stop(&g->signals);
	if (g->janitor)
		janitor_done(g->janitor);
	free(g->janitor);
	ask_done(&g->ask);
	g->listen_fd = fd_close(g->listen_fd);
	g->engine_dir = fd_close(g->engine_dir);
	free(g->scratch);
	loop_done(&g->loop);
}
