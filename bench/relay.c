/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What any program between a client and the engine costs at least:
 *
 *	relay SOCKET TO
 *
 * Listens on the one and passes bytes on to the other and back, one connection after the other,
 * with the fewest system calls that do it: epoll_wait, recv and send.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char data[1 << 16];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int open_socket(const char *path, struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (fd < 0 || strlen(path) >= sizeof(at->sun_path))
		fail(path);
	memcpy(at->sun_path, path, strlen(path) + 1);
	return fd;
}

/* Until one of them ends. */
static void relay(int a, int b)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	const int fds[] = { a, b };

	for (int i = 0; i < 2; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u32 = (uint32_t)i };

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &e) < 0)
			fail("epoll_ctl");
	}
	for (;;) {
		struct epoll_event e;
		ssize_t n;
		int from;

		if (epoll_wait(epoll, &e, 1, -1) < 1)
			continue;
		from = (int)e.data.u32;
		n = recv(fds[from], data, sizeof(data), 0);
		if (n <= 0 || send(fds[!from], data, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	}
	(void)close(epoll);
}

int main(int argc, char **argv)
{
	struct sockaddr_un own;
	struct sockaddr_un other;
	int listening;

	if (argc != 3) {
		(void)fputs("usage: relay SOCKET TO\n", stderr);
		return 2;
	}
	listening = open_socket(argv[1], &own);
	if (bind(listening, (void *)&own, sizeof(own)) < 0 || listen(listening, 16) < 0)
		fail(argv[1]);
	for (;;) {
		int client = accept(listening, NULL, NULL);
		int engine = open_socket(argv[2], &other);

		if (client < 0 || connect(engine, (void *)&other, sizeof(other)) < 0)
			fail(argv[2]);
		relay(client, engine);
		(void)close(client);
		(void)close(engine);
	}
}
