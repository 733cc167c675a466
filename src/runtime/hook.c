/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "linux/cgroup.h"
#include "runtime/record.h"
#include "runtime/runtime.h"
#include "runtime/sysctls.h"
#include "view/record.h"

#define STATE_MAX (1u << 20)
#define CGROUP_MAX 65536u

int hook_add(struct runtime *rt, const char *list_name, const char *command, const char *arg,
	     struct err *err)
{
	const char *const words[] = { "gabion-runc", command, arg };
	struct json *hooks = json_need(&rt->arena, rt->spec, "hooks", JSON_OBJECT);
	struct json *list = hooks ? json_need(&rt->arena, hooks, list_name, JSON_ARRAY) : NULL;
	struct json *hook = json_new(&rt->arena, JSON_OBJECT);
	struct json *args = json_new(&rt->arena, JSON_ARRAY);
	char self[PATH_MAX];
	int r = 0;

	if (!realpath("/proc/self/exe", self))
		return err_errno(err, -errno, "/proc/self/exe");
	if (!list || !hook || !args)
		return err_set(err, -EINVAL, "the spec's hooks are not lists");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(words); i++)
		r = json_append(&rt->arena, args, json_new_str(&rt->arena, words[i]));
	if (r == 0)
		r = json_set(&rt->arena, hook, "path", json_new_str(&rt->arena, self));
	if (r == 0)
		r = json_set(&rt->arena, hook, "args", args);
	if (r == 0)
		r = json_append(&rt->arena, list, hook);
	return r < 0 ? err_errno(err, r, "spec") : 0;
}

/* The state with the process id is on standard input (OCI runtime spec, "Hooks"). */
static int read_pid(struct arena *a, pid_t *ret, struct err *err)
{
	CLEANUP_BUF struct buf state = BUF_INIT(STATE_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct json *doc;
	uint64_t pid;
	int r = file_read_fd(STDIN_FILENO, &state);

	if (r < 0)
		return err_errno(err, r, "the container's state");
	r = json_parse(a, buf_slice(&state), &limits, &doc, NULL, err);
	if (r < 0)
		return r;
	if (json_get_u64(doc, "pid", &pid) != 0 || pid == 0 || pid > INT32_MAX)
		return err_set(err, -EINVAL, "the container's state has no pid");
	*ret = (pid_t)pid;
	return 0;
}

static int open_ns(pid_t pid, const char *name, struct err *err)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_errno(err, -errno, "%s", path) : fd;
}

static int show(struct arena *a, const struct json *record, pid_t pid, struct err *err)
{
	const char *root = json_get_str(record, "root");
	const char *stage = json_get_str(record, "stage");
	CLEANUP_FD int own = -EBADF;
	CLEANUP_FD int dir = -EBADF;
	CLEANUP_FD int pid_ns = -EBADF;
	CLEANUP_FD int net_ns = -EBADF;
	CLEANUP_FD int mnt_ns = -EBADF;
	struct view_place place;
	struct view view;
	int r = view_of_record(a, record, &view, err);

	if (r < 0)
		return r;
	if (!root || !stage)
		return err_set(err, -EINVAL,
			       "record of what a container sees: no place to work in");
	if (mkdir(stage, 0700) < 0 && errno != EEXIST)
		return err_errno(err, -errno, "%s", stage);
	dir = open(stage, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, -errno, "%s", stage);
	own = open_ns(getpid(), "mnt", err);
	pid_ns = own < 0 ? own : open_ns(pid, "pid", err);
	net_ns = pid_ns < 0 ? pid_ns : open_ns(pid, "net", err);
	mnt_ns = net_ns < 0 ? net_ns : open_ns(pid, "mnt", err);
	if (mnt_ns < 0)
		return mnt_ns;
	place = (struct view_place){
		.own_ns = own, .dir = dir, .pid_ns = pid_ns, .net_ns = net_ns, .mnt_ns = mnt_ns
	};
	return view_replace(&place, &view, pid, root, err);
}

/* What is known only now. */
static int complete(struct arena *a, struct json *record, const char *path, pid_t pid,
		    struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(STATE_MAX);
	CLEANUP_BUF struct buf cgroup = BUF_INIT(CGROUP_MAX);
	char name[64];
	int r;

	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	r = file_read(name, &cgroup);
	if (r < 0)
		return err_errno(err, r, "%s", name);
	r = json_set(a, record, "pid", json_new_int(a, pid));
	if (r == 0)
		r = view_record_cgroup(a, record, buf_slice(&cgroup));
	json_emit(record, &text);
	if (r == 0)
		r = buf_ok(&text) ? file_replace_at(AT_FDCWD, path, buf_slice(&text), 0640, false)
				  : -ENOMEM;
	return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

static int proc(const char *path, struct err *err)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(4 * STATE_MAX);
	CLEANUP_BUF struct buf text = BUF_INIT(STATE_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct json *record;
	uint64_t base = 0;
	pid_t pid;
	int r = file_read(path, &text);

	if (r < 0)
		return err_errno(err, r, "%s", path);
	r = json_parse(&arena, buf_slice(&text), &limits, &record, NULL, err);
	if (r == 0)
		r = read_pid(&arena, &pid, err);
	if (r == 0)
		r = complete(&arena, record, path, pid, err);
	if (r == 0 && json_get_bool(record, "delegate", false)) {
		if (json_get_u64(record, "base", &base) != 0 || base == 0 || base > UINT32_MAX)
			return err_set(err, -EINVAL, "%s: no base", path);
		r = cgroup_delegate(pid, (uid_t)base, (gid_t)base, err);
	}
	if (r == 0)
		r = sysctls_write(json_get(record, "sysctls"), pid, err);
	return r == 0 ? show(&arena, record, pid, err) : r;
}

static int forget(const char *record, struct err *err)
{
	if (unlink(record) < 0 && errno != ENOENT)
		return err_errno(err, -errno, "%s", record);
	record_remove(record);
	return 0;
}

/*
 * crun tells the engine that a hook failed, not what it said, and its standard error is nobody's.
 * So it stands in the instance's log as well: record is RUN/FOLDER/ID.json.
 */
static void leave_word(const char *record, const char *text)
{
	const char *folder = strrchr(record, '/');
	struct slice run = slice_str(record);
	CLEANUP_FILE FILE *log = NULL;
	char path[PATH_MAX];

	while (folder > record && folder[-1] != '/')
		folder--;
	run.n = folder ? (size_t)(folder - record) : 0;
	(void)snprintf(path, sizeof(path), "%.*slog/runtime.log", SLICE_ARG(run));
	log = fopen(path, "ae");
	if (log)
		(void)fprintf(log, "gabion-runc: %s: %s\n", record, text);
}

int hook_main(int argc, char **argv, struct err *err)
{
	int r = 1;

	if (argc == 3 && strcmp(argv[1], HOOK_PROC) == 0)
		r = proc(argv[2], err);
	else if (argc == 3 && strcmp(argv[1], HOOK_FORGET) == 0)
		r = forget(argv[2], err);
	if (r < 0) {
		(void)err_wrap(err, "%s", argv[1]);
		leave_word(argv[2], err->text);
	}
	return r;
}
