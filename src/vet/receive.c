/* SPDX-License-Identifier: Apache-2.0 */
#include "vet/receive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "json/json.h"

#define STATE_MAX 262144u
#define PATIENCE_S 2

int receive_parse(struct slice state, char *ret, size_t size, struct err *err)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(8 * STATE_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct json *doc;
	const char *id;
	int r = json_parse(&a, state, &limits, &doc, NULL, err);

	if (r < 0)
		return r;
	/* Ours: the runtime's edit put it there (runtime/edit-seccomp.c). */
	id = json_get_str(doc, "metadata");
	if (!id || !*id || strchr(id, '/') || strlen(id) >= size)
		return err_set(err, -EINVAL, "the state of a process names no container");
	(void)snprintf(ret, size, "%s", id);
	return 0;
}

int receive_listener(int fd, char *id, size_t size, struct err *err)
{
	static const struct timeval patience = { .tv_sec = PATIENCE_S };
	CLEANUP_FREE char *text = malloc(STATE_MAX);
	CLEANUP_FD int listener = -EBADF;
	size_t nfds = 0;
	ssize_t n;
	int r;

	if (!text || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return err_set(err, -ENOMEM, "a connection");
	n = sock_recv_fds(fd, text, STATE_MAX, &listener, 1, &nfds);
	if (n == 0)
		return err_set(err, -ENODATA,
			       "nobody"); /* gabiond, which looks whether we listen */
	if (n < 0 || nfds != 1)
		return err_errno(err, n < 0 ? (int)n : -EPROTO,
				 "no listener in a runtime's message");
	/* A long one comes in pieces; not every runtime says by closing that it is whole. */
	while ((r = receive_parse((struct slice){ text, (size_t)n }, id, size, err)) < 0) {
		ssize_t more = recv(fd, text + n, STATE_MAX - (size_t)n, 0);

		if (more <= 0)
			return r;
		n += more;
	}
	return TAKE_FD(listener);
}
