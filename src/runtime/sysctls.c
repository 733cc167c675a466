/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sysctls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

struct outcome {
	int r;
	size_t at; /* which one */
};

static int enter(pid_t pid)
{
	static const struct {
		const char *name;
		int type;
	} kinds[] = { { "user", CLONE_NEWUSER },
		      { "net", CLONE_NEWNET },
		      { "ipc", CLONE_NEWIPC },
		      { "uts", CLONE_NEWUTS } };

	int fds[ARRAY_SIZE(kinds)]; /* closed with this process */

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kinds[i].name);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (setns(fds[i], kinds[i].type) < 0)
			return -errno;
	return setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 ? -errno : 0;
}

static int write_one(const struct json_member *m)
{
	const char *value = json_str(m->value);
	CLEANUP_FD int fd = -EBADF;
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "/proc/sys/%.*s", SLICE_ARG(m->key));

	if (!value || n < 0 || (size_t)n >= sizeof(path))
		return -EINVAL;
	for (char *p = path + strlen("/proc/sys/"); *p; p++)
		if (*p == '.')
			*p = '/';
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

/* In a child, which enters namespaces that it cannot leave. */
static void work(const struct json *sysctls, pid_t pid, int to)
{
	struct outcome o = { .r = enter(pid) };

	for (size_t i = 0; o.r == 0 && i < sysctls->n; i++) {
		o.r = write_one(&sysctls->members[i]);
		o.at = i;
	}
	_exit(write(to, &o, sizeof(o)) != (ssize_t)sizeof(o));
}

int sysctls_write(const struct json *sysctls, pid_t pid, struct err *err)
{
	struct outcome o = { .r = -EIO };
	int ends[2];
	pid_t child;

	if (!json_is(sysctls, JSON_OBJECT) || sysctls->n == 0)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "sysctls: pipe");
	child = fork();
	if (child == 0)
		work(sysctls, pid, ends[1]);
	(void)fd_close(ends[1]);
	if (child < 0)
		o.r = -errno;
	else if (fd_read_full(ends[0], &o, sizeof(o)) != (ssize_t)sizeof(o))
		o = (struct outcome){ .r = -EIO };
	(void)fd_close(ends[0]);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return o.r < 0 ? err_errno(err, o.r, "sysctl %.*s", SLICE_ARG(sysctls->members[o.at].key))
		       : 0;
}
