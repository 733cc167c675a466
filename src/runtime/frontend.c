/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/frontend.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/program.h"
#include "buildkit/frontend.h"
#include "oci/spec.h"
#include "runtime/runtime.h"

#define PROGRAM "gabion-frontend"
#define EXIT_FAILED 1

/* BuildKit starts frontends with these variables, and with `run`, as nobody else's containers. It
 * talks to them through pipes; a step of a Dockerfile that has such variables reads /dev/null. */
static bool is_frontend(const struct runtime *rt)
{
	static const char *const names[] = { "BUILDKIT_EXPORTEDPRODUCT=", "BUILDKIT_WORKERS=" };
	const struct json *env = json_at(rt->spec, "process.env");
	unsigned found = 0;
	struct stat st;

	if (!rt->args.command || strcmp(rt->args.command, "run") != 0)
		return false;
	if (fstat(STDIN_FILENO, &st) == 0 && S_ISCHR(st.st_mode))
		return false;
	for (size_t i = 0; json_is(env, JSON_ARRAY) && i < env->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			if (slice_starts(env->items[i]->text, slice_str(names[k])))
				found |= 1u << k;
	return found == (1u << ARRAY_SIZE(names)) - 1;
}

/* The descriptors that gabion-frontend expects: all of these are above them, but the standard
 * ones, which it takes as they are. */
static void become_relay(const struct runtime *rt, const char *program, int to, int from)
{
	static const int keep[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, FRONTEND_TO_FD,
				    FRONTEND_FROM_FD };
	char uid[16];

	(void)snprintf(uid, sizeof(uid), "%" PRIu32, rt->has_asker ? rt->asker.uid : 0);
	if (setsid() < 0 || dup2(to, FRONTEND_TO_FD) < 0 || dup2(from, FRONTEND_FROM_FD) < 0)
		return;
	fd_close_but(keep, ARRAY_SIZE(keep));
	(void)execl(program, PROGRAM, rt->inst.lib, rt->args.id, uid, NULL);
}

/* A grandchild: the lower runtime, which this process becomes, shall have no child it does not
 * know. */
static int start(const struct runtime *rt, const char *program, int to, int from)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return -errno;
	if (child == 0) {
		child = fork();
		if (child == 0)
			become_relay(rt, program, to, from);
		_exit(child > 0 ? 0 : EXIT_FAILED);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EAGAIN;
}

/* Both ends above those that gabion-frontend expects. */
static int open_pipe(int ret[2])
{
	int r = pipe2(ret, O_CLOEXEC) < 0 ? -errno : 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		int fd = fcntl(ret[i], F_DUPFD_CLOEXEC, FRONTEND_FROM_FD + 1);

		if (fd < 0)
			return -errno;
		(void)fd_close(ret[i]);
		ret[i] = fd;
	}
	return r;
}

int frontend_relay(const struct runtime *rt, struct err *err)
{
	char program[PATH_MAX];
	int down[2] = { -EBADF, -EBADF };
	int up[2] = { -EBADF, -EBADF };
	int r;

	if (!is_frontend(rt))
		return 0;
	r = program_find(PROGRAM, program, err);
	if (r < 0)
		return r;
	r = open_pipe(down);
	if (r == 0)
		r = open_pipe(up);
	if (r == 0)
		r = start(rt, program, down[1], up[0]);
	if (r == 0 && (dup2(down[0], STDIN_FILENO) < 0 || dup2(up[1], STDOUT_FILENO) < 0))
		r = -errno;
	for (int i = 0; i < 2; i++) {
		(void)fd_close(down[i]);
		(void)fd_close(up[i]);
	}
	return r < 0 ? err_errno(err, r, "reading along in a build's frontend") : 0;
}
