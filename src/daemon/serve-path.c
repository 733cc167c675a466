/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of the host that a container is to have: may they be mounted, for whoever asks?
 *
 * Each question gets a child. It looks up what is protected while it still may look everywhere,
 * then becomes the asker for good, opens each path as that user would and judges what it has opened
 * (hostpath/hostpath.h). The engine would make a missing source of a bind as root, before anybody
 * judges it: so it is made here first, as the asker.
 *
 * A path may lead to a file system that does not answer. So a child has its time, a user not all of
 * the places, and who comes later waits for one: users take turns, and some places are root's. What
 * does not even die of SIGKILL (it waits in the kernel for that file system) gives its place back,
 * but not its user's.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/serve-channel.h"
#include "hostpath/hostpath.h"
#include "linux/mountinfo.h"
#include "settings/facts.h"
#include "settings/policy.h"

#define AT_ONCE 64u
#define FOR_ROOT 8u	    /* of these, which nobody else gets */
#define AT_ONCE_PER_USER 8u /* root may have all */
#define WAITING 4096u	    /* root's are not counted */
#define WAITING_PER_USER 256u
#define DEATH_NS LOOP_NSEC_PER_SEC
/* Real and saved user of a child: a number without an account, as that of the gate
 * (daemon/daemon.h). Whose effective user alone it is, can't send it signals. */
#define CHILD_ID 1610612730u /* 0x5FFFFFFA */
#define MEMORY_MAX (256u << 20)
#define MOUNTINFO_MAX (64u << 20)
#define TEXT_MAX 2048

/* What a child writes before it ends: in one write that the pipe takes whole. */
struct said {
	int32_t result; /* as in the answer */
	uint32_t size;
	char text[TEXT_MAX];
};

enum path_state {
	PATH_WAITS,
	PATH_RUNS,  /* has a place */
	PATH_STUCK, /* has been killed, and did not die in time */
};

/* Who asks; there as long as a question of its is. */
struct serve_path_user {
	struct serve_path_user *next;
	uid_t uid;
	unsigned waiting;
	unsigned children; /* running or stuck */
};

struct serve_path {
	struct serve *serve;
	struct serve_channel *channel; /* NULL once nobody waits for the answer */
	struct serve_path *next;
	struct serve_path_user *user;
	enum path_state state;
	int out; /* of the child; owned */
	struct loop_child child;
	struct loop_timer timer;
	struct loop_deferred later;
	size_t size;
	struct control_request q; /* only its first `size` bytes are there */
};

/* --- the child --- */

static void say(struct said *s, int result, const char *text, const char *rule)
{
	size_t n = strlen(text);

	s->result = result;
	n = MIN(n, sizeof(s->text) / 2);
	memcpy(s->text, text, n);
	s->size = (uint32_t)n;
	if (!rule)
		return;
	s->text[n++] = '\0';
	memcpy(s->text + n, rule, strlen(rule));
	s->size = (uint32_t)(n + strlen(rule));
}

/* -EPERM is a verdict's alone. */
static void say_failure(struct said *s, int r, const struct err *err)
{
	say(s, r == -EPERM ? -EACCES : r, err->text, NULL);
}

/* All that needs more eyes than the asker's. */
static int look(struct hostpath *h, struct facts *facts, struct policy *settings, struct buf *info,
		struct err *err)
{
	int r = facts_load(h->arena, h->inst, facts, err);

	if (r == 0)
		r = policy_load(h->arena, h->inst, settings, err);
	if (r >= 0)
		r = mountinfo_read(info, err);
	if (r < 0)
		return r;
	h->mountinfo = buf_slice(info);
	return hostpath_load(h, err);
}

/* For good: no way back and no capability is left, unless the asker is root. Nobody, the asker
 * included, may look into this process or stop it: files are judged by the effective user. Where a
 * FUSE file system is the asker's alone (no allow_other) the kernel wants all three to be the
 * asker's: it refuses this child, as it would refuse the engine. */
static int become(const struct control_asker *a, pid_t parent, struct err *err)
{
	uid_t other = a->uid == 0 ? 0 : CHILD_ID;

	if (setgroups(a->ngroups, a->groups) < 0 || setresgid(a->gid, a->gid, a->gid) < 0 ||
	    setresuid(other, a->uid, other) < 0)
		return err_errno(err, -errno, "becoming user %u", a->uid);
	if (a->uid != 0 && setresuid((uid_t)-1, 0, (uid_t)-1) == 0)
		return err_set(err, -ENOTRECOVERABLE, "user %u could become root again", a->uid);
	/* The change of user has reset both. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_errno(err, -errno, "prctl");
	return getppid() == parent ? 0 : err_set(err, -ESRCH, "gabiond has gone");
}

static void ask_each(const struct hostpath *h, const struct control_path *p, struct said *s)
{
	struct err err = ERR_INIT;
	const char *path;
	uint32_t index = 0;
	unsigned flags;
	size_t at = 0;

	static_assert((unsigned)CONTROL_PATH_MAKE == HOSTPATH_MAKE &&
			      (unsigned)CONTROL_PATH_RECURSIVE == HOSTPATH_RECURSIVE &&
			      (unsigned)CONTROL_PATH_DEVICE == HOSTPATH_DEVICE &&
			      (unsigned)CONTROL_PATH_PREDICT == HOSTPATH_PREDICT &&
			      (unsigned)CONTROL_PATH_RULE == HOSTPATH_RULE &&
			      (unsigned)CONTROL_PATH_CDI == HOSTPATH_CDI,
		      "flags");
	for (; control_path_next(p, &at, &path, &flags); index++) {
		struct verdict v;
		int r = hostpath_ask(h, path, flags, &v, &err);

		if (r == HOSTPATH_SOCKET) {
			s->result = CONTROL_IS_SOCKET;
			s->size = sizeof(index);
			memcpy(s->text, &index, sizeof(index));
			return;
		}
		if (r < 0) {
			say_failure(s, r, &err);
			return;
		}
		if (v.kind == VERDICT_DENY) {
			say(s, -EPERM, v.message, v.rule);
			return;
		}
	}
	s->result = CONTROL_DONE;
}

static _Noreturn void child(const struct serve_path *p, pid_t parent, int out)
{
	struct arena arena = ARENA_INIT(MEMORY_MAX);
	struct buf info = BUF_INIT(MOUNTINFO_MAX);
	const struct control_asker *a = &p->q.path.asker;
	struct facts facts;
	struct policy settings;
	struct hostpath h = { .arena = &arena,
			      .inst = p->serve->instance,
			      .facts = &facts,
			      .settings = &settings,
			      .has_asker = true,
			      .asker = a->uid };
	struct said s = { .result = -EIO };
	struct rlimit none = { 0, 0 };
	struct err err = ERR_INIT;
	int r;

	/* No descriptor of gabiond's but standard error may be found by /proc/self/fd. */
	if (dup2(out, STDOUT_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0u, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0)
		_exit(1);
	(void)umask(022);
	r = look(&h, &facts, &settings, &info, &err);
	if (r == 0)
		r = become(a, parent, &err);
	if (r < 0)
		say_failure(&s, r, &err);
	else
		ask_each(&h, &p->q.path, &s);
	if (write(STDOUT_FILENO, &s, sizeof(s)) != (ssize_t)sizeof(s))
		_exit(1);
	_exit(0);
}

/* --- its answer --- */

static void path_free(struct loop_deferred *d)
{
	free(CONTAINER_OF(d, struct serve_path, later));
}

static const char *first_path(const struct serve_path *p)
{
	const char *path = "";
	unsigned flags;
	size_t at = 0;

	(void)control_path_next(&p->q.path, &at, &path, &flags);
	return path;
}

static void answer_failed(struct serve_path *p, int r, const char *why)
{
	uint32_t more = p->q.path.n - 1;
	struct err err = ERR_INIT;

	if (!p->channel)
		return;
	if (more)
		(void)err_set(&err, r, "can't look at %s and %u other paths: %s", first_path(p),
			      more, why);
	else
		(void)err_set(&err, r, "can't look at %s: %s", first_path(p), why);
	serve_answer_err(p->channel, &p->q.header, &err);
}

/* Takes a question out of what is counted, in the state that it has. */
static void uncount(struct serve_path *p)
{
	switch (p->state) {
	case PATH_WAITS:
		p->user->waiting--;
		p->serve->paths_waiting -= p->user->uid != 0;
		break;
	case PATH_RUNS:
		p->serve->path_places--;
		FALLTHROUGH;
	case PATH_STUCK:
		p->user->children--;
		break;
	}
}

static void user_drop(struct serve *s, struct serve_path_user *u)
{
	struct serve_path_user **at = &s->path_users;

	if (u->waiting > 0 || u->children > 0)
		return;
	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	free(u);
}

static void path_end(struct serve_path *p)
{
	struct serve *s = p->serve;

	uncount(p);
	user_drop(s, p->user);
	for (struct serve_path **at = &s->paths; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	loop_child_stop(&p->child);
	loop_timer_stop(s->loop, &p->timer);
	p->out = fd_close(p->out);
	loop_defer(s->loop, &p->later, path_free);
}

static void start_waiting(struct serve *s);

static void on_exited(struct loop_child *c, int status)
{
	struct serve_path *p = CONTAINER_OF(c, struct serve_path, child);
	struct serve *serve = p->serve;
	struct said s;

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
	    read(p->out, &s, sizeof(s)) != (ssize_t)sizeof(s) || s.size > sizeof(s.text))
		answer_failed(p, -EIO, "its process was killed");
	else if (p->channel)
		serve_answer(p->channel, &p->q.header, s.result, (struct slice){ s.text, s.size });
	path_end(p);
	start_waiting(serve);
}

static void on_stuck(struct loop_timer *t)
{
	struct serve_path *p = CONTAINER_OF(t, struct serve_path, timer);

	p->state = PATH_STUCK;
	p->serve->path_places--;
	start_waiting(p->serve);
}

static void on_timeout(struct loop_timer *t)
{
	struct serve_path *p = CONTAINER_OF(t, struct serve_path, timer);

	(void)kill(p->child.pid, SIGKILL);
	answer_failed(p, -ETIMEDOUT, "it takes too long");
	p->channel = NULL;
	loop_timer_in(p->serve->loop, &p->timer, DEATH_NS, on_stuck);
}

/* --- its place --- */

static int start(struct serve_path *p)
{
	pid_t parent = getpid();
	int ends[2];
	pid_t pid;
	int r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		child(p, parent, ends[1]);
	r = pid < 0 ? -errno : 0;
	(void)fd_close(ends[1]);
	p->out = ends[0];
	if (r == 0)
		r = loop_child_start(p->serve->loop, &p->child, pid, on_exited);
	if (r < 0 && pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	if (r < 0)
		return r;
	uncount(p);
	p->state = PATH_RUNS;
	p->user->children++;
	p->serve->path_places++;
	loop_timer_in(p->serve->loop, &p->timer, p->serve->path_ns, on_timeout);
	return 0;
}

static bool has_place(const struct serve *s, const struct serve_path_user *u)
{
	if (u->uid == 0)
		return s->path_places < AT_ONCE && u->children < AT_ONCE;
	return s->path_places < AT_ONCE - FOR_ROOT && u->children < AT_ONCE_PER_USER;
}

/* Users take turns: whose turn it was goes to the end. */
static struct serve_path *next_to_start(struct serve *s)
{
	struct serve_path_user **at = &s->path_users;
	struct serve_path_user *u;
	struct serve_path *p = s->paths;

	while (*at && ((*at)->waiting == 0 || !has_place(s, *at)))
		at = &(*at)->next;
	u = *at;
	if (!u)
		return NULL;
	*at = u->next;
	while (*at)
		at = &(*at)->next;
	*at = u;
	u->next = NULL;
	while (p->user != u || p->state != PATH_WAITS)
		p = p->next;
	return p;
}

static void start_waiting(struct serve *s)
{
	struct serve_path *p = next_to_start(s);

	while (p) {
		int r = p->channel ? start(p) : -ECANCELED;

		if (r < 0) {
			answer_failed(p, r, strerror(-r));
			path_end(p);
		}
		p = next_to_start(s);
	}
}

static struct serve_path_user *find_user(struct serve *s, uid_t uid)
{
	struct serve_path_user **at = &s->path_users;

	while (*at && (*at)->uid != uid)
		at = &(*at)->next;
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (*at)
			(*at)->uid = uid;
	}
	return *at;
}

static void refuse(struct serve_channel *ch, const struct control_request *q, int r)
{
	struct err err = ERR_INIT;

	(void)err_errno(&err, r, "can't look at paths for user %u", q->path.asker.uid);
	serve_answer_err(ch, &q->header, &err);
}

void serve_path_ask(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	size_t size = offsetof(struct control_request, id) + q->size;
	struct serve_path_user *user = find_user(ch->serve, q->path.asker.uid);
	struct serve_path **last = &ch->serve->paths;
	struct serve_path *p = NULL;
	bool full = false;

	(void)fd_close(take_fd);
	if (user) {
		full = user->waiting >= WAITING_PER_USER ||
		       (user->uid != 0 && ch->serve->paths_waiting >= WAITING);
		if (!full)
			p = calloc(1, offsetof(struct serve_path, q) + size);
		if (!p)
			user_drop(ch->serve, user);
	}
	if (!p) {
		refuse(ch, q, full ? -EBUSY : -ENOMEM);
		return;
	}
	p->serve = ch->serve;
	p->channel = ch;
	p->user = user;
	user->waiting++;
	ch->serve->paths_waiting += user->uid != 0;
	p->out = -EBADF;
	p->size = size;
	memcpy(&p->q, q, size);
	while (*last)
		last = &(*last)->next;
	*last = p;
	start_waiting(ch->serve);
}

void serve_path_drop(const struct serve_channel *ch)
{
	for (struct serve_path *p = ch->serve->paths; p; p = p->next)
		if (p->channel == ch)
			p->channel = NULL;
}

void serve_paths_done(struct serve *s)
{
	while (s->paths) {
		struct serve_path *p = s->paths;

		p->channel = NULL;
		/* Not waited for: what does not let go of it would not let go of us. */
		if (p->state != PATH_WAITS)
			(void)kill(p->child.pid, SIGKILL);
		path_end(p);
	}
}
