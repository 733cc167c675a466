/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A missing source of a bind. The engine would make it as root, before anybody judges it: then the
 * asker's container could not write to it, or a folder would be left in a protected place. So it is
 * made here first, by a child that has become the asker; root's only outside of what is protected.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "daemon/serve-channel.h"
#include "policy/hostmount.h"

#define AT_ONCE 32

struct serve_folder {
	struct serve *serve;
	struct serve_channel *channel; /* NULL once that is gone */
	struct serve_folder *next;
	struct control_header to;
	char path[CONTROL_PATH_MAX];
	uid_t uid;
	struct loop_child child;
	struct loop_deferred later;
};

/* Path without ".", ".." and doubled slashes, as the engine cleans it before it looks. */
static int clean(const char *path, char ret[PATH_MAX])
{
	struct slice rest = slice_str(path);
	struct slice part;
	size_t n = 0;

	ret[0] = '\0';
	while (slice_split(&rest, '/', &part)) {
		if (part.n == 0 || slice_eq_str(part, "."))
			continue;
		if (slice_eq_str(part, "..")) {
			char *slash = strrchr(ret, '/');

			n = slash ? (size_t)(slash - ret) : 0;
			ret[n] = '\0';
			continue;
		}
		if (n + part.n + 2 > PATH_MAX)
			return -ENAMETOOLONG;
		ret[n++] = '/';
		memcpy(ret + n, part.p, part.n);
		n += part.n;
		ret[n] = '\0';
	}
	return 0;
}

static bool below(const char *path, const char *folder)
{
	char real[PATH_MAX];
	size_t n;

	if (!realpath(folder, real)) /* not there: then by its name */
		(void)snprintf(real, sizeof(real), "%s", folder);
	n = strlen(real);
	return strncmp(path, real, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* Whether what would be made lies in a protected place, or is one: the part that is there without
 * its links, and the rest as it is written. */
static bool is_protected(const struct instance *inst, const char *path)
{
	char there[PATH_MAX];
	char real[PATH_MAX];
	char whole[2 * PATH_MAX];
	char *slash;

	(void)snprintf(there, sizeof(there), "%s", path);
	while (!realpath(there[0] ? there : "/", real)) {
		slash = strrchr(there, '/');
		if (!slash || errno != ENOENT)
			return true;
		*slash = '\0';
	}
	(void)snprintf(whole, sizeof(whole), "%s%s", strcmp(real, "/") == 0 ? "" : real,
		       path + strlen(there));
	for (size_t i = 0; hostmount_protected[i]; i++)
		if (below(whole, hostmount_protected[i]))
			return true;
	return below(whole, inst->etc) || below(whole, inst->run) || below(whole, inst->lib);
}

/* In the child. Its exit code is an errno. */
static int make(const struct instance *inst, const struct control_asker *a, const char *asked)
{
	char path[PATH_MAX];
	struct stat st;
	int r = clean(asked, path);

	if (r < 0)
		return -r;
	if (setgroups(a->ngroups, a->groups) < 0 || setresgid(a->gid, a->gid, a->gid) < 0 ||
	    setresuid(a->uid, a->uid, a->uid) < 0)
		return EIO;
	if (stat(path[0] ? path : "/", &st) == 0)
		return 0;
	if (errno != ENOENT)
		return errno;
	if (is_protected(inst, path))
		return EPERM;
	(void)umask(022);
	r = file_mkdirs(path, 0755);
	return r < 0 ? -r : 0;
}

static void folder_free(struct loop_deferred *d)
{
	free(CONTAINER_OF(d, struct serve_folder, later));
}

static void on_exit_code(struct loop_child *child, int status)
{
	struct serve_folder *f = CONTAINER_OF(child, struct serve_folder, child);
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	struct err err = ERR_INIT;

	if (code == EPERM)
		(void)err_set(&err, -EPERM,
			      "can't mount %s because it's configured as a restricted host mount",
			      f->path);
	else if (code != 0)
		(void)err_errno(&err, -code,
				"can't mount %s: it is not there, and user %u can't make it",
				f->path, f->uid);
	if (f->channel && code == 0)
		serve_answer(f->channel, &f->to, CONTROL_DONE, SLICE_NULL);
	else if (f->channel)
		serve_answer_err(f->channel, &f->to, &err);
	for (struct serve_folder **p = &f->serve->folders; *p; p = &(*p)->next) {
		if (*p == f) {
			*p = f->next;
			break;
		}
	}
	f->serve->nfolders--;
	loop_child_stop(&f->child);
	loop_defer(f->serve->loop, &f->later, folder_free);
}

static int start(struct serve_channel *ch, struct serve_folder *f, const struct control_asker *a)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(EIO);
		_exit(make(ch->serve->instance, a, f->path));
	}
	return pid < 0 ? -errno : loop_child_start(ch->serve->loop, &f->child, pid, on_exit_code);
}

void serve_folder_start(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	struct serve *s = ch->serve;
	struct serve_folder *f = s->nfolders < AT_ONCE ? calloc(1, sizeof(*f)) : NULL;
	int r = f ? 0 : -EBUSY;

	(void)fd_close(take_fd);
	if (f) {
		f->serve = s;
		f->channel = ch;
		f->to = q->header;
		f->uid = q->folder.asker.uid;
		memcpy(f->path, q->folder.path, sizeof(f->path));
		r = start(ch, f, &q->folder.asker);
	}
	if (r < 0) {
		struct err err = ERR_INIT;

		(void)err_errno(&err, r, "can't look at %s", q->folder.path);
		serve_answer_err(ch, &q->header, &err);
		free(f);
		return;
	}
	f->next = s->folders;
	s->folders = f;
	s->nfolders++;
}

void serve_folder_drop(const struct serve_channel *ch)
{
	for (struct serve_folder *f = ch->serve->folders; f; f = f->next)
		if (f->channel == ch)
			f->channel = NULL;
}
