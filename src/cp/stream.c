/* SPDX-License-Identifier: Apache-2.0 */
#include "cp/stream.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

#define SINK_SIZE (256u << 10)

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	(void)poll(&p, 1, -1);
}

int stream_write(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EAGAIN) {
			wait_for(fd, POLLOUT);
			continue;
		}
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

ssize_t stream_read(int fd, void *data, size_t n)
{
	for (;;) {
		ssize_t k = read(fd, data, n);

		if (k >= 0)
			return k;
		if (errno == EAGAIN)
			wait_for(fd, POLLIN);
		else if (errno != EINTR)
			return -errno;
	}
}

int sink_init(struct sink *s, int fd)
{
	*s = (struct sink){ .fd = fd, .p = malloc(SINK_SIZE), .size = SINK_SIZE };
	return s->p ? 0 : -ENOMEM;
}

void sink_done(struct sink *s)
{
	free(s->p);
	*s = (struct sink){ .fd = -EBADF };
}

int sink_flush(struct sink *s)
{
	size_t n = s->n;

	s->n = 0;
	return stream_write(s->fd, s->p, n);
}

int sink_room(struct sink *s, char **ret, size_t *ret_n)
{
	if (s->n == s->size) {
		int r = sink_flush(s);

		if (r < 0)
			return r;
	}
	*ret = s->p + s->n;
	*ret_n = s->size - s->n;
	return 0;
}

void sink_commit(struct sink *s, size_t n)
{
	assert(n <= s->size - s->n);
	s->n += n;
}

/* data may be NULL: then zeros. */
static int add(struct sink *s, const char *data, uint64_t n)
{
	while (n > 0) {
		char *to;
		size_t room;
		int r = sink_room(s, &to, &room);

		if (r < 0)
			return r;
		room = (size_t)MIN((uint64_t)room, n);
		if (data) {
			memcpy(to, data, room);
			data += room;
		} else {
			memset(to, 0, room);
		}
		sink_commit(s, room);
		n -= room;
	}
	return 0;
}

int sink_add(struct sink *s, const void *data, size_t n)
{
	return add(s, data, n);
}

int sink_zeros(struct sink *s, uint64_t n)
{
	return add(s, NULL, n);
}
