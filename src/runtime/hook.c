/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hook.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "linux/cgroup.h"
#include "runtime/runtime.h"

#define STATE_MAX (1u << 20)

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

/* owner: host id of the container's root. The state with the process id is on standard input. */
static int delegate(const char *owner, struct err *err)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(4 * STATE_MAX);
	CLEANUP_BUF struct buf state = BUF_INIT(STATE_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct json *doc;
	uint64_t pid;
	uint32_t id;
	int r;

	if (num_parse_u32(slice_str(owner), &id) < 0)
		return err_set(err, -EINVAL, "not an id: %s", owner);
	r = file_read_fd(STDIN_FILENO, &state);
	if (r < 0)
		return err_errno(err, r, "the container's state");
	r = json_parse(&arena, buf_slice(&state), &limits, &doc, NULL, err);
	if (r < 0)
		return r;
	if (json_get_u64(doc, "pid", &pid) != 0 || pid == 0 || pid > INT32_MAX)
		return err_set(err, -EINVAL, "the container's state has no pid");
	return cgroup_delegate((pid_t)pid, id, id, err);
}

static int forget(const char *record, struct err *err)
{
	if (unlink(record) < 0 && errno != ENOENT)
		return err_errno(err, -errno, "%s", record);
	return 0;
}

int hook_main(int argc, char **argv, struct err *err)
{
	int r = 1;

	if (argc == 3 && strcmp(argv[1], HOOK_DELEGATE) == 0)
		r = delegate(argv[2], err);
	else if (argc == 3 && strcmp(argv[1], HOOK_FORGET) == 0)
		r = forget(argv[2], err);
	if (r < 0)
		(void)err_wrap(err, "%s", argv[1]);
	return r;
}
