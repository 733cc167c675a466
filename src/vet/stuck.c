/* SPDX-License-Identifier: Apache-2.0 */
#include "vet/stuck.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/wait.h>

#include "base/fd.h"

/* A process that was killed a moment ago. */
#define MOMENT_MS 100

static bool has_ended(const struct stuck_one *one, int timeout_ms)
{
	struct pollfd p = { .fd = one->end };

	return poll(&p, 1, timeout_ms) == 1 && (p.revents & POLLHUP);
}

static void forget(struct stuck_one *one)
{
	one->end = fd_close(one->end);
	while (one->pid > 0 && waitpid(one->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

bool stuck_full(struct stuck *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++)
		if (has_ended(&s->one[i], 0))
			forget(&s->one[i]);
		else
			s->one[kept++] = s->one[i];
	s->n = kept;
	return s->n == STUCK_MAX;
}

void stuck_add(struct stuck *s, int take_end, pid_t pid)
{
	struct stuck_one one = { .end = take_end, .pid = pid };

	assert(s->n < STUCK_MAX);
	if (has_ended(&one, MOMENT_MS))
		forget(&one);
	else
		s->one[s->n++] = one;
}

void stuck_wait(struct stuck *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (has_ended(&s->one[i], -1))
			forget(&s->one[i]);
	s->n = 0;
}
