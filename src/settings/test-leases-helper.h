/* SPDX-License-Identifier: Apache-2.0 */
/* Other processes for tests of leases: they hold locks, or have ids as a container's have. */
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include "base/file.h"
#include "settings/test-leases.h"

/* A child that does `fn` and answers with what it returns; it lives until its `go` is closed. */
struct helper {
	pid_t pid;
	int go;
	int out;
	uint32_t said;
};

/* The two steps of start_helper(), for those who must do something between. */
static inline void spawn_helper(struct helper *h, uint32_t (*fn)(const void *data),
				const void *data)
{
	int go[2], out[2];

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	h->pid = fork();
	assert_true(h->pid >= 0);
	if (h->pid == 0) {
		uint32_t answer;
		char c;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(go[1]);
		answer = fn(data);
		(void)!write(out[1], &answer, sizeof(answer));
		(void)!read(go[0], &c, 1);
		_exit(0);
	}
	(void)close(go[0]);
	(void)close(out[1]);
	h->go = go[1];
	h->out = out[0];
}

static inline void await_helper(struct helper *h)
{
	h->said = 0;
	if (read(h->out, &h->said, sizeof(h->said)) != sizeof(h->said))
		h->said = 0;
	(void)close(h->out);
}

static inline void start_helper(struct helper *h, uint32_t (*fn)(const void *data),
				const void *data)
{
	spawn_helper(h, fn, data);
	await_helper(h);
}

static inline void end_helper(struct helper *h)
{
	(void)close(h->go);
	(void)kill(h->pid, SIGKILL);
	(void)test_wait(h->pid);
}

static inline bool write_map(pid_t pid, const char *file, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return file_write_once(path, slice_str(text)) == 0;
}

/* A process in a user namespace whose maps are written by us. */
static inline uint32_t in_userns(const void *data)
{
	(void)data;
	return unshare(CLONE_NEWUSER) == 0;
}

/* A pool of one range that no other run of these tests has at the same time. */
static inline uint32_t own_range(struct pool *p)
{
	p->all.r[0] = (struct range){ 1700000000u + (uint32_t)(getpid() % 1000) * 2 * SIZE, SIZE };
	return p->all.r[0].start;
}

static inline void start_container(struct helper *h, uint32_t first, uint32_t inside)
{
	char map[64];

	start_helper(h, in_userns, NULL);
	(void)snprintf(map, sizeof(map), "%u %u 100\n", inside, first);
	assert_true(h->said && write_map(h->pid, "uid_map", map));
}
