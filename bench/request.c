/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of bench/gate.py: HTTP/1.1 over a unix socket, with nothing of its own in between.
 *
 *	request SOCKET COUNT METHOD TARGET [FILE [FIELD]]
 *
 * Sends the request COUNT times over one connection, with FILE's bytes as its body (JSON, or a tar
 * archive if that is its name) and one more header field, and prints "P50 P99 BYTES": nanoseconds
 * from the first byte written to the last byte read, and the bytes of one answer's body. The status
 * does not matter.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	BUFFER = 1 << 20,
	JOINED_MAX = 8 << 20, /* a body that goes out together with the head */
};

static char in[BUFFER];
static size_t in_n; /* bytes there */

static void fail(const char *what)
{
	(void)fprintf(stderr, "request: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fill(int fd)
{
	ssize_t n = read(fd, in + in_n, sizeof(in) - in_n);

	if (n <= 0)
		fail("read");
	in_n += (size_t)n;
}

static void drop(size_t n)
{
	memmove(in, in + n, in_n - n);
	in_n -= n;
}

/* Bytes of a body, thrown away. */
static void skip(int fd, uint64_t n)
{
	for (;;) {
		size_t here = n < in_n ? (size_t)n : in_n;

		drop(here);
		n -= here;
		if (n == 0)
			return;
		fill(fd);
	}
}

/* The line that in begins with, without its end, is made a string. Returns its length with the end.
 */
static size_t line(int fd)
{
	char *end;

	while (!(end = memmem(in, in_n, "\r\n", 2)))
		fill(fd);
	*end = '\0';
	return (size_t)(end - in) + 2;
}

static uint64_t read_chunks(int fd)
{
	uint64_t total = 0;

	for (;;) {
		size_t head = line(fd);
		uint64_t n = strtoull(in, NULL, 16);

		drop(head);
		skip(fd, n + 2);
		if (n == 0)
			return total;
		total += n;
	}
}

static uint64_t read_answer(int fd)
{
	bool chunked = false;
	uint64_t length = 0;

	for (;;) {
		size_t n = line(fd);

		if (n == 2) {
			drop(n);
			break;
		}
		if (strncasecmp(in, "Content-Length:", 15) == 0)
			length = strtoull(in + 15, NULL, 10);
		if (strncasecmp(in, "Transfer-Encoding:", 18) == 0)
			chunked = true;
		drop(n);
	}
	if (chunked)
		return read_chunks(fd);
	skip(fd, length);
	return length;
}

static void send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = write(fd, p, n);

		if (sent <= 0)
			fail("write");
		p += sent;
		n -= (size_t)sent;
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

struct body {
	const char *p;
	size_t n;
	const char *type;
};

static struct body map_file(const char *path)
{
	const char *dot = strrchr(path, '.');
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct body b = { .type = dot && strcmp(dot, ".tar") == 0 ? "application/x-tar"
								  : "application/json" };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		fail(path);
	b.n = (size_t)st.st_size;
	b.p = mmap(NULL, b.n, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (b.p == MAP_FAILED)
		fail(path);
	(void)close(fd);
	return b;
}

static void send_request(int fd, char *request, size_t n, const struct body *body)
{
	size_t joined = body->n <= JOINED_MAX ? body->n : 0;

	if (joined)
		memcpy(request + n, body->p, joined);
	send_all(fd, request, n + joined);
	if (!joined && body->n)
		send_all(fd, body->p, body->n);
}

int main(int argc, char **argv)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *request = malloc(JOINED_MAX + 4096);
	struct body body = { 0 };
	size_t count, n;
	uint64_t *times, bytes = 0;

	if (argc < 5 || argc > 7 || !request || strlen(argv[1]) >= sizeof(to.sun_path)) {
		(void)fprintf(stderr, "usage: request SOCKET COUNT METHOD TARGET [FILE [FIELD]]\n");
		return 2;
	}
	memcpy(to.sun_path, argv[1], strlen(argv[1]) + 1);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail(argv[1]);
	count = strtoul(argv[2], NULL, 10);
	times = calloc(count ? count : 1, sizeof(*times));
	if (!times || count == 0)
		return 2;
	if (argc > 5)
		body = map_file(argv[5]);
	n = (size_t)snprintf(request, 3072, "%s %s HTTP/1.1\r\nHost: bench\r\n%s%s", argv[3],
			     argv[4], argc > 6 ? argv[6] : "", argc > 6 ? "\r\n" : "");
	if (argc > 5)
		n += (size_t)snprintf(request + n, 256,
				      "Content-Type: %s\r\nContent-Length: %zu\r\n", body.type,
				      body.n);
	memcpy(request + n, "\r\n", 2);
	n += 2;
	for (size_t i = 0; i < count; i++) {
		uint64_t start = now();

		send_request(fd, request, n, &body);
		bytes = read_answer(fd);
		times[i] = now() - start;
	}
	qsort(times, count, sizeof(*times), compare);
	(void)printf("%llu %llu %llu\n", (unsigned long long)times[count / 2],
		     (unsigned long long)times[count * 99 / 100], (unsigned long long)bytes);
	return 0;
}
