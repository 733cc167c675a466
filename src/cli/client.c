/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "cli/which.h"
#include "json/json.h"

#define CONFIG_MAX (1u << 20)
#define ARENA_MAX (16u << 20)
#define WORDS_MAX 1024
#define TIMEOUT_MS 60000

/* The user's folder of docker's settings; ret has room for PATH_MAX bytes. */
static bool user_folder(char *ret)
{
	const char *set = getenv("DOCKER_CONFIG");
	const char *home = getenv("HOME");

	if (set && *set)
		return snprintf(ret, PATH_MAX, "%s", set) < PATH_MAX;
	return home && *home && snprintf(ret, PATH_MAX, "%s/.docker", home) < PATH_MAX;
}

/* The user's config.json with the field in it. */
static int write_config(const char *folder, const char *dir, const char *field, const char *value,
			struct err *err)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	CLEANUP_BUF struct buf old = BUF_INIT(CONFIG_MAX);
	CLEANUP_BUF struct buf text = BUF_INIT(2u * CONFIG_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct json *fields = arena_must(json_new(&a, JSON_OBJECT));
	struct json *doc = arena_must(json_new(&a, JSON_OBJECT));
	char path[PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/config.json", folder);
	if (*folder && file_read(path, &old) == 0 &&
	    (json_parse(&a, buf_slice(&old), &limits, &doc, NULL, err) < 0 ||
	     !json_is(doc, JSON_OBJECT)))
		return err_set(err, -EINVAL, "%s cannot be read", path);
	(void)json_set(&a, fields, field, json_new_str(&a, value));
	(void)json_set(&a, doc, "HttpHeaders", fields);
	json_emit(doc, &text);
	(void)snprintf(path, sizeof(path), "%s/config.json", dir);
	return buf_ok(&text) ? file_replace_at(AT_FDCWD, path, buf_slice(&text), 0600, false)
			     : -ENOMEM;
}

static void link_plugins(const char *folder, const char *dir)
{
	char from[PATH_MAX + 16];
	char to[PATH_MAX + 16];

	(void)snprintf(from, sizeof(from), "%s/cli-plugins", folder);
	(void)snprintf(to, sizeof(to), "%s/cli-plugins", dir);
	if (*folder && symlink(from, to) < 0)
		errno = 0; /* it has no plugins of the user's then, and says so */
}

static void unlink_all(const char *dir)
{
	char path[PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/config.json", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/cli-plugins", dir);
	(void)unlink(path);
	(void)rmdir(dir);
}

/* Ctrl-C and its like end docker; what was made for it goes then, as always. */
static volatile pid_t child;

static void on_signal(int number)
{
	if (child > 0)
		(void)kill(child, number);
}

static void catch_signals(void)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGTERM };
	struct sigaction act = { .sa_handler = on_signal };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		(void)sigaction(numbers[i], &act, NULL);
}

static NORETURN void become(const char *program, char *const argv[], int errors)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0 && dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(errors, 2) >= 0)
		(void)execv(program, argv);
	_exit(127);
}

static int wait_for(pid_t pid, struct err *err)
{
	CLEANUP_FD int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int status;

	if (poll(&p, 1, TIMEOUT_MS) == 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		return err_set(err, -ETIMEDOUT, "docker asked for nothing in %d s",
			       TIMEOUT_MS / 1000);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, -errno, "docker");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int run(const char *program, char *const argv[], struct buf *errors, struct err *err)
{
	CLEANUP_FD int fd = memfd_create("errors", MFD_CLOEXEC);
	pid_t pid = fd < 0 ? -1 : fork();
	int r;

	if (pid == 0)
		become(program, argv, fd);
	if (pid < 0)
		return err_errno(err, -errno, "%s", program);
	child = pid;
	r = wait_for(pid, err);
	child = 0;
	if (r >= 0 && lseek(fd, 0, SEEK_SET) == 0)
		(void)file_read_fd(fd, errors);
	return r;
}

int client_run(const char *socket, char *const words[], const char *field, const char *value,
	       struct buf *errors, struct err *err)
{
	char dir[] = "/tmp/gabion-explain-XXXXXX";
	char *argv[WORDS_MAX + 2] = { (char[]){ "docker" } };
	char folder[PATH_MAX] = "";
	char host[PATH_MAX + 32];
	char program[PATH_MAX];
	size_t n = 1;
	int r;

	for (; words[n - 1]; n++) {
		if (n > WORDS_MAX)
			return err_set(err, -E2BIG, "more than %d words", WORDS_MAX);
		argv[n] = words[n - 1];
	}
	if (which_find("docker", program) < 0)
		return err_set(err, -ENOENT, "there is no docker command on PATH");
	if (!user_folder(folder))
		folder[0] = '\0';
	catch_signals();
	if (!mkdtemp(dir))
		return err_errno(err, -errno, "%s", dir);
	r = write_config(folder, dir, field, value, err);
	link_plugins(folder, dir);
	(void)snprintf(host, sizeof(host), "unix://%s", socket);
	if (r == 0 && (setenv("DOCKER_CONFIG", dir, 1) < 0 || setenv("DOCKER_HOST", host, 1) < 0 ||
		       unsetenv("DOCKER_CONTEXT") < 0))
		r = err_errno(err, -errno, "environment");
	if (r == 0)
		r = run(program, argv, errors, err);
	unlink_all(dir);
	return r;
}
