/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabion-vet --socket=PATH --hold=PATH --views=DIR --work=DIR: answers the seccomp notifications of
 * an instance's containers.
 *
 * Lower runtimes connect to the socket and hand over listeners. Those and the socket itself
 * gabion-hold has as well, so that the next gabion-vet goes on where a killed one stopped: calls
 * wait in the kernel meanwhile, and runtimes in the socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/slice.h"
#include "base/sock.h"
#include "control/holdclient.h"
#include "gabion-version.h"
#include "vet/calls.h"
#include "vet/perform.h"
#include "vet/privileges.h"
#include "vet/receive.h"
#include "vet/session.h"
#include "vet/slots.h"
#include "vet/trees.h"

#define SOCKET_NAME SESSION_PREFIX "socket" /* with gabion-hold */
#define SLOTS_NAME SESSION_PREFIX "slots"
#define EXIT_FAILED 1
#define EXIT_USAGE 2

struct vet {
	const char *socket;
	const char *holder;
	const char *views;
	const char *work;
	int listening;
	struct hold hold;
	struct slots slots;
	struct sessions sessions;
};

static void keep_one(const char *name, int fd, void *data)
{
	struct vet *v = data;

	hold_keep(&v->hold, name, fd);
}

/* Connects to gabion-hold, where it has gone to the next one, which gets everything. */
static void reach_holder(struct vet *v)
{
	if (v->hold.fd >= 0 || hold_connect(&v->hold, v->holder) < 0)
		return;
	keep_one(SOCKET_NAME, v->listening, v);
	keep_one(SLOTS_NAME, v->slots.fd, v);
	sessions_each(&v->sessions, keep_one, v);
}

static void keep(struct vet *v, const char *name, int fd)
{
	reach_holder(v);
	hold_keep(&v->hold, name, fd);
	if (v->hold.fd < 0)
		log_warning("gabion-hold does not take %s: a gabion-vet that is killed loses it",
			    name);
}

/* It says nothing unless it is asked: what can be read is its end. */
static void look_at_holder(struct vet *v)
{
	char byte;

	if (v->hold.fd >= 0 && recv(v->hold.fd, &byte, 1, MSG_DONTWAIT) == 0)
		hold_close(&v->hold);
	reach_holder(v);
}

static void ended(const char *name, void *data)
{
	struct vet *v = data;

	hold_drop(&v->hold, name);
}

static void found_slots(const char *name, int take_fd, void *data)
{
	int *fd = data;

	if (strcmp(name, SLOTS_NAME) == 0) {
		(void)fd_close(*fd);
		*fd = take_fd;
	} else {
		(void)fd_close(take_fd);
	}
}

/* What an earlier gabion-vet left. */
static void found(const char *name, int take_fd, void *data)
{
	struct vet *v = data;

	if (strncmp(name, SESSION_PREFIX, strlen(SESSION_PREFIX)) != 0 ||
	    strcmp(name, SLOTS_NAME) == 0) {
		(void)fd_close(take_fd);
	} else if (strcmp(name, SOCKET_NAME) == 0) {
		(void)fd_close(v->listening);
		v->listening = take_fd;
	} else {
		trees_note_all();
		if (session_add(&v->sessions, name, take_fd) < 0)
			log_warning("%s: cannot be taken over", name);
	}
}

static void arrived(int fd, void *data)
{
	struct vet *v = data;
	CLEANUP_FD int listener = -EBADF;
	struct err err = ERR_INIT;
	char id[CONTROL_HOLD_NAME];
	char name[2 * CONTROL_HOLD_NAME];
	uint64_t random;
	int r;

	listener = receive_listener(fd, id, sizeof(id), &err);
	if (listener < 0) {
		if (listener != -ENODATA)
			log_warning("%s", err.text);
		return;
	}
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return;
	(void)snprintf(name, sizeof(name), SESSION_PREFIX "%016" PRIx64 "/%s", random, id);
	if (strlen(name) < CONTROL_HOLD_NAME)
		keep(v, name, listener);
	r = session_add(&v->sessions, name, TAKE_FD(listener));
	if (r < 0)
		log_warning("container %s: %s", id, strerror(-r));
}

static void accept_one(struct vet *v)
{
	CLEANUP_FD int fd = accept4(v->listening, NULL, NULL, SOCK_CLOEXEC);
	socklen_t n = sizeof(struct ucred);
	struct ucred who;
	int r;

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0 || who.uid != 0)
		return;
	r = session_expect(&v->sessions, TAKE_FD(fd));
	if (r < 0)
		log_warning("a runtime's connection: %s", strerror(-r));
}

/* The socket and the slots: those that there were, or new ones. */
static int open_socket(struct vet *v, struct err *err)
{
	int old = -EBADF;
	bool there = hold_connect(&v->hold, v->holder) == 0;
	bool answers = there && hold_list(&v->hold, found_slots, &old) >= 0;
	int r = slots_open(&v->slots, old, err);

	if (r < 0)
		return r;
	v->sessions.slots = &v->slots;
	if (answers)
		answers = hold_list(&v->hold, found, v) >= 0;
	if (there && !answers)
		log_warning("gabion-hold does not answer");
	keep(v, SLOTS_NAME, v->slots.fd);
	if (v->listening < 0) {
		v->listening = sock_listen(v->socket, SOCK_STREAM, 0600, (gid_t)-1);
		if (v->listening < 0)
			return err_errno(err, v->listening, "listening on %s", v->socket);
		keep(v, SOCKET_NAME, v->listening);
	}
	return 0;
}

static int run(struct vet *v, struct err *err)
{
	int r = 0;

	while (r == 0) {
		r = sessions_wait(&v->sessions, (const int[]){ v->listening, v->hold.fd });
		if (r == 0)
			accept_one(v);
		if (r == 0)
			look_at_holder(v);
	}
	return err_errno(err, r, "waiting for calls");
}

static int parse(int argc, char **argv, struct vet *v)
{
	const struct {
		struct slice name;
		const char **value;
	} options[] = {
		{ SLICE_LIT("--socket="), &v->socket },
		{ SLICE_LIT("--hold="), &v->holder },
		{ SLICE_LIT("--views="), &v->views },
		{ SLICE_LIT("--work="), &v->work },
	};

	for (int i = 1; i < argc; i++) {
		size_t o = 0;

		while (o < ARRAY_SIZE(options) &&
		       !slice_starts(slice_str(argv[i]), options[o].name))
			o++;
		if (o == ARRAY_SIZE(options))
			return -EINVAL;
		*options[o].value = argv[i] + options[o].name.n;
	}
	return v->socket && v->holder && v->views && v->work ? 0 : -EINVAL;
}

/* A mount namespace of its own: what is put together for a container is nobody else's. */
static int own_mounts(struct err *err)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_errno(err, -errno, "a mount namespace");
	return 0;
}

int main(int argc, char **argv)
{
	struct vet v = { .listening = -EBADF, .hold = HOLD_INIT, .slots = SLOTS_INIT };
	struct err err = ERR_INIT;
	int r;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)printf("gabion-vet %s\n", GABION_VERSION);
		return 0;
	}
	if (parse(argc, argv, &v) < 0) {
		bool help = argc == 2 && strcmp(argv[1], "--help") == 0;

		(void)fputs("usage: gabion-vet --socket=PATH --hold=PATH --views=DIR --work=DIR\n"
			    "\n"
			    "Answers for containers' system calls that the kernel asks about. "
			    "gabiond starts it.\n",
			    help ? stdout : stderr);
		return help ? 0 : EXIT_USAGE;
	}
	log_init("gabion-vet", LOG_LEVEL_INFO);
	v.sessions = (struct sessions){
		.views = v.views, .arrived = arrived, .ended = ended, .data = &v
	};
	vet_calls_init();
	perform_init(v.work);
	(void)signal(SIGPIPE, SIG_IGN);
	r = own_mounts(&err);
	if (r == 0 && sessions_init(&v.sessions) < 0)
		r = err_errno(&err, -errno, "epoll");
	if (r == 0)
		r = open_socket(&v, &err);
	if (r == 0)
		r = privileges_drop(&err);
	if (r == 0) {
		sessions_resume(&v.sessions);
		r = run(&v, &err);
	}
	(void)fprintf(stderr, "gabion-vet: %s\n", err.text);
	return EXIT_FAILED;
}
