/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers that may have the engine's socket. The gate decides and has the facts kept in
 * lib/grants/ID; each such container gets a socket of its own, run/sock/ID/docker.sock, whose
 * listening end is kept here, so that it outlives every gate, and by gabion-hold, so that it
 * outlives gabiond. gabion-runc puts it into the container when it agrees.
 *
 * And the gate's files, since it opens none itself: their bytes are nothing to gabiond.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <linux/un.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sock.h"
#include "control/hold.h"
#include "daemon/serve-channel.h"
#include "settings/records.h"
#include "settings/registryauth.h"

#define GRANTS_MAX 4096	    /* a listening socket each */
#define HOLD_PREFIX "sock/" /* of their names with gabion-hold */

struct serve_grant {
	struct serve_grant *next;
	char id[CONTROL_ID_LEN + 1];
	int fd; /* listening */
};

static struct serve_grant *find(struct serve *s, const char *id)
{
	struct serve_grant *g = s->grants;

	while (g && memcmp(g->id, id, CONTROL_ID_LEN) != 0)
		g = g->next;
	return g;
}

static void socket_path(const struct serve *s, const char *id, const char *name, char *ret)
{
	(void)snprintf(ret, PATH_MAX, "%s/sock/%.64s%s", s->instance->run, id, name);
}

/* Connects to gabion-hold. */
static int reach_holder(struct serve *s)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/hold.sock", s->instance->run);
	return hold_connect(&s->hold, path);
}

static void hold_name(const char *id, char ret[CONTROL_HOLD_NAME])
{
	(void)snprintf(ret, CONTROL_HOLD_NAME, HOLD_PREFIX "%.64s", id);
}

static size_t count(const struct serve *s)
{
	size_t n = 0;

	for (const struct serve_grant *g = s->grants; g; g = g->next)
		n++;
	return n;
}

static struct serve_grant *add(struct serve *s, const char *id, int take_fd)
{
	CLEANUP_FD int fd = take_fd;
	struct serve_grant *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	memcpy(g->id, id, CONTROL_ID_LEN);
	g->fd = TAKE_FD(fd);
	g->next = s->grants;
	s->grants = g;
	return g;
}

static int make_socket(struct serve *s, const char *id, struct serve_grant **ret, struct err *err)
{
	char name[CONTROL_HOLD_NAME];
	char path[PATH_MAX];
	int fd;
	int r;

	if (count(s) >= GRANTS_MAX)
		return err_set(err, -EMFILE, "more than %d containers have the engine's socket",
			       GRANTS_MAX);
	(void)snprintf(path, sizeof(path), "%s/sock", s->instance->run);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(err, -errno, "%s", path);
	socket_path(s, id, "", path);
	r = file_mkdirs(path, 0700);
	if (r < 0)
		return err_errno(err, r, "%s", path);
	socket_path(s, id, "/docker.sock", path);
	fd = sock_listen(path, SOCK_STREAM, 0660, s->socket_group);
	if (fd < 0)
		return err_errno(err, fd, "listening on %s", path);
	*ret = add(s, id, fd);
	if (!*ret)
		return err_errno(err, -ENOMEM, "socket of container %.12s", id);
	hold_name(id, name);
	hold_keep(&s->hold, name, fd);
	if (s->hold.lost)
		serve_hold(s);
	return 0;
}

static bool has_record(const struct serve *s, const char *id)
{
	char path[PATH_MAX];

	return records_path(s->instance->lib, RECORDS_GRANTS, id, path, NULL) == 0 &&
	       faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void serve_socket(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	char id[CONTROL_ID_LEN + 1] = "";
	struct err err = ERR_INIT;
	struct serve_grant *g;
	int fd;

	(void)fd_close(take_fd);
	memcpy(id, q->id.id, CONTROL_ID_LEN);
	if (!has_record(ch->serve, id)) {
		serve_answer(ch, &q->header, CONTROL_NONE, SLICE_NULL);
		return;
	}
	g = find(ch->serve, id);
	if (!g && make_socket(ch->serve, id, &g, &err) < 0) {
		serve_answer_err(ch, &q->header, &err);
		return;
	}
	fd = fcntl(g->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		(void)err_errno(&err, -errno, "socket of container %.12s", id);
		serve_answer_err(ch, &q->header, &err);
		return;
	}
	serve_answer_fd(ch, &q->header, fd);
}

void serve_grant(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	char id[CONTROL_ID_LEN + 1] = "";
	struct err err = ERR_INIT;

	(void)fd_close(take_fd);
	memcpy(id, q->text.id, CONTROL_ID_LEN);
	if (records_store(ch->serve->instance->lib, RECORDS_GRANTS, id,
			  (struct slice){ q->text.text, q->text.size }, &err) < 0) {
		log_error("grant of container %.12s: %s", id, err.text);
		serve_answer_err(ch, &q->header, &err);
		return;
	}
	serve_answer(ch, &q->header, CONTROL_DONE, SLICE_NULL);
}

int serve_grant_forget(struct serve *s, const char id[CONTROL_ID_LEN + 1], struct err *err)
{
	char name[CONTROL_HOLD_NAME];
	char path[PATH_MAX];

	for (struct serve_grant **p = &s->grants; *p; p = &(*p)->next) {
		struct serve_grant *g = *p;

		if (memcmp(g->id, id, CONTROL_ID_LEN) != 0)
			continue;
		*p = g->next;
		(void)fd_close(g->fd);
		free(g);
		break;
	}
	hold_name(id, name);
	hold_drop(&s->hold, name);
	if (s->hold.lost) {
		serve_hold(s);
		hold_drop(&s->hold, name);
	}
	socket_path(s, id, "/docker.sock", path);
	(void)unlink(path);
	socket_path(s, id, "", path);
	(void)rmdir(path);
	return records_forget(s->instance->lib, RECORDS_GRANTS, id, err);
}

struct left {
	struct serve *serve;
	struct buf unwanted; /* names, CONTROL_HOLD_NAME bytes each */
};

/* Whether connecting to path comes out at the listening socket fd. */
static bool leads_to(const char *path, int fd)
{
	CLEANUP_FD int file =
		ioctl(fd, SIOCUNIXFILE); /* what it is bound to, wherever that is now */
	struct stat at;
	struct stat bound;

	return file >= 0 && fstat(file, &bound) == 0 && lstat(path, &at) == 0 &&
	       at.st_dev == bound.st_dev && at.st_ino == bound.st_ino;
}

/* One that a former gabiond left is taken if there is a grant for it and its name leads to it. */
static bool take_socket(struct serve *s, const char *name, int take_fd)
{
	static const struct slice prefix = { HOLD_PREFIX, sizeof(HOLD_PREFIX) - 1 };
	CLEANUP_FD int fd = take_fd;
	const char *id = name + prefix.n;
	socklen_t size = sizeof(int);
	char path[PATH_MAX];
	int listens = 0;

	if (!slice_starts(slice_str(name), prefix) || strlen(id) != CONTROL_ID_LEN ||
	    !has_record(s, id) || find(s, id) ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens)
		return false;
	socket_path(s, id, "/docker.sock", path);
	return leads_to(path, fd) && add(s, id, TAKE_FD(fd));
}

static void found_socket(const char *name, int take_fd, void *data)
{
	static const struct slice prefix = { HOLD_PREFIX, sizeof(HOLD_PREFIX) - 1 };
	struct left *left = data;
	struct serve *s = left->serve;

	if (!slice_starts(slice_str(name), prefix)) {
		if (s->left)
			s->left(s->data, name, take_fd);
		else
			(void)fd_close(take_fd);
		return;
	}
	/* To be told when the list has ended: one that writes does not read. */
	if (!take_socket(left->serve, name, take_fd))
		buf_add(&left->unwanted, name, CONTROL_HOLD_NAME);
}

enum serve_taken serve_take_sockets(struct serve *s)
{
	struct left left = { s, BUF_INIT(CONTROL_HOLD_MAX * CONTROL_HOLD_NAME) };
	int r = reach_holder(s);

	if (r < 0)
		return SERVE_NO_HOLDER;
	r = hold_list(&s->hold, found_socket, &left);
	if (r < 0)
		log_warning("gabion-hold: %s; containers that have the engine's socket may need a "
			    "restart",
			    strerror(-r));
	for (size_t i = 0; r == HOLD_LISTED && i + CONTROL_HOLD_NAME <= left.unwanted.n;
	     i += CONTROL_HOLD_NAME)
		hold_drop(&s->hold, left.unwanted.p + i);
	buf_done(&left.unwanted);
	if (r == HOLD_LISTED)
		return SERVE_TAKEN;
	hold_close(&s->hold);
	s->hold = HOLD_INIT;
	return SERVE_BAD_HOLDER;
}

void serve_hold(struct serve *s)
{
	int r = reach_holder(s);

	if (r < 0)
		log_warning("gabion-hold: %s; it is given containers' sockets when it is up",
			    strerror(-r));
	if (s->keep)
		s->keep(s->data, &s->hold);
	for (const struct serve_grant *g = s->grants; g; g = g->next) {
		char name[CONTROL_HOLD_NAME];

		hold_name(g->id, name);
		hold_keep(&s->hold, name, g->fd);
	}
}

int serve_open_sockets(struct serve *s, gid_t socket_group, struct err *err)
{
	char first[CONTROL_ID_LEN];
	CLEANUP_FREE char(*ids)[RECORDS_ID_LEN] = NULL;
	size_t n = 0;
	int r;

	s->socket_group = socket_group;
	memset(first, '0', sizeof(first));
	r = records_list(s->instance->lib, RECORDS_GRANTS, first, &ids, &n);
	if (r < 0)
		return err_errno(err, r, "containers with the engine's socket");
	for (size_t i = 0; i < n && r == 0; i++) {
		struct serve_grant *g;

		if (!find(s, ids[i]))
			r = make_socket(s, ids[i], &g, err);
	}
	return r;
}

void serve_grants_done(struct serve *s)
{
	hold_close(&s->hold);
	while (s->grants) {
		struct serve_grant *g = s->grants;

		s->grants = g->next;
		(void)fd_close(g->fd);
		free(g);
	}
}

/* --- files --- */

static int file_path(const struct serve *s, const struct control_file *f, char *ret,
		     struct err *err)
{
	char id[CONTROL_ID_LEN + 1] = "";

	switch ((enum control_which)f->which) {
	case CONTROL_FILE_POLICY:
		(void)snprintf(ret, PATH_MAX, "%s/policy.json", s->instance->run);
		return 0;
	case CONTROL_FILE_DIGESTS:
		(void)snprintf(ret, PATH_MAX, "%s/digests.json", s->instance->lib);
		return 0;
	case CONTROL_FILE_GRANT:
		memcpy(id, f->id, CONTROL_ID_LEN);
		return records_path(s->instance->lib, RECORDS_GRANTS, id, ret, err);
	case CONTROL_FILE_REGISTRY_AUTH:
		(void)snprintf(ret, PATH_MAX, "%s/" REGISTRYAUTH_NAME, s->instance->etc);
		return 0;
	case CONTROL_FILE_SUBUID:
		(void)snprintf(ret, PATH_MAX, "/etc/subuid");
		return 0;
	case CONTROL_FILES:
		break;
	}
	return err_set(err, -EINVAL, "no such file");
}

void serve_open(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	int fd;

	(void)fd_close(take_fd);
	if (file_path(ch->serve, &q->file, path, &err) < 0) {
		serve_answer_err(ch, &q->header, &err);
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT) {
		serve_answer(ch, &q->header, CONTROL_NONE, SLICE_NULL);
	} else if (fd < 0) {
		(void)err_errno(&err, -errno, "%s", path);
		serve_answer_err(ch, &q->header, &err);
	} else if (q->file.which == CONTROL_FILE_REGISTRY_AUTH &&
		   registryauth_private(fd, path,
					ch->serve->instance->private_dir ? ch->serve->owner : 0,
					&err) < 0) {
		(void)fd_close(fd);
		serve_answer_err(ch, &q->header, &err);
	} else {
		serve_answer_fd(ch, &q->header, fd);
	}
}

void serve_keep(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	CLEANUP_BUF struct buf text = BUF_INIT(CONTROL_FILE_MAX);
	CLEANUP_FD int fd = take_fd;
	struct err err = ERR_INIT;
	struct stat st;
	char path[PATH_MAX];
	int r = file_path(ch->serve, &q->file, path, &err);

	/* A regular file only: gabiond waits for nobody. */
	if (r == 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
		r = err_set(&err, -EINVAL, "what is kept has to be in a file");
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = err_errno(&err, -errno, "what is kept");
	if (r == 0) {
		r = file_read_fd(fd, &text);
		if (r == 0)
			r = file_replace_at(AT_FDCWD, path, buf_slice(&text), 0644, true);
		if (r < 0)
			(void)err_errno(&err, r, "%s", path);
	}
	if (r < 0)
		serve_answer_err(ch, &q->header, &err);
	else
		serve_answer(ch, &q->header, CONTROL_DONE, SLICE_NULL);
}
