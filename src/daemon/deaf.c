/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/deaf.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "json/json.h"

#define STATUS_MAX 65536u
#define CONFIG_MAX (4u * 1024u * 1024u)
#define CONFIG_ARENA_MAX (64u * 1024u * 1024u)
#define ID_LEN 64

/* Signals 1 to 31 without SIGCHLD, as bits of the masks in proc_pid_status(5). */
#define ANY_SIGNAL (0x7fffffffu & ~(1u << (SIGCHLD - 1)))

/* The value of "Name:\tvalue\n", or SLICE_NULL. */
static struct slice field(struct slice text, const char *name)
{
	struct slice line;
	struct slice key;

	while (slice_split(&text, '\n', &line))
		if (slice_split(&line, ':', &key) && slice_eq_str(key, name))
			return slice_from(line, 1);
	return SLICE_NULL;
}

/* Bits of a mask in hexadecimal; all of them when it is none, so that it counts as heard. */
static uint64_t mask(struct slice s)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 16)
		return UINT64_MAX;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else
			return UINT64_MAX;
	}
	return v;
}

bool deaf_by_status(struct slice status, int signal)
{
	uint64_t heard = mask(field(status, "SigCgt")) | mask(field(status, "SigBlk"));
	uint64_t wanted = signal > 0 ? 1ull << (signal - 1) : ANY_SIGNAL;

	struct slice pids = field(status, "NSpid");

	/* Its pid here and 1: with more between them it is in a container in a container. */
	return slice_eq_str(slice_from(pids, slice_find(pids, '\t')), "\t1") &&
	       (heard & wanted) == 0;
}

int deaf_signal(const char *name)
{
	struct slice s = slice_str(name);
	uint32_t number;

	if (s.n == 0)
		return SIGTERM;
	if (num_parse_u32(s, &number) == 0)
		return number <= 64 ? (int)number : 0;
	if (slice_starts(s, SLICE_LIT("SIG")))
		s = slice_from(s, 3);
	if (slice_starts(s, SLICE_LIT("RTMIN"))) {
		struct slice plus = slice_from(s, 5);

		if (plus.n == 0)
			return SIGRTMIN;
		if (plus.p[0] == '+' && num_parse_u32(slice_from(plus, 1), &number) == 0 &&
		    number <= (uint32_t)(SIGRTMAX - SIGRTMIN))
			return SIGRTMIN + (int)number;
		return 0;
	}
	for (int i = 1; i < 32; i++) {
		const char *known = sigabbrev_np(i);

		if (known && slice_eq_str(s, known))
			return i;
	}
	return 0;
}

/* The container's full id in /proc/PID/cgroup. */
static bool find_id(const struct daemon *d, pid_t pid, char ret[ID_LEN + 1])
{
	CLEANUP_BUF struct buf text = BUF_INIT(STATUS_MAX);
	char path[64];
	char prefix[CGROUP_NAME_MAX + 4];
	const char *at;

	(void)snprintf(path, sizeof(path), "/proc/%ld/cgroup", (long)pid);
	(void)snprintf(prefix, sizeof(prefix), ":/%s/", d->cgroups.name);
	if (file_read(path, &text) < 0 || !text.p)
		return false;
	for (at = strstr(text.p, prefix); at; at = strstr(at, prefix)) {
		at += strlen(prefix);
		if (strspn(at, "0123456789abcdef") == ID_LEN) {
			(void)snprintf(ret, ID_LEN + 1, "%.*s", ID_LEN, at);
			return true;
		}
	}
	return false;
}

/* What the engine would send it; 0 when that cannot be found out. */
static int stop_signal(const struct daemon *d, pid_t pid)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CONFIG_ARENA_MAX);
	CLEANUP_BUF struct buf text = BUF_INIT(CONFIG_MAX);
	char path[PATH_MAX];
	char id[ID_LEN + 1];
	struct json *doc;
	const char *name;

	if (!find_id(d, pid, id))
		return 0;
	(void)snprintf(path, sizeof(path), "%s/engine/containers/%s/config.v2.json", d->inst.lib,
		       id);
	if (file_read(path, &text) < 0 ||
	    json_parse(&a, buf_slice(&text), &JSON_LIMITS, &doc, NULL, NULL) < 0)
		return 0;
	name = json_get_str(json_get(doc, "Config"), "StopSignal");
	return deaf_signal(name ? name : "");
}

bool deaf_init(const struct daemon *d, pid_t pid)
{
	CLEANUP_BUF struct buf status = BUF_INIT(STATUS_MAX);
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	return file_read(path, &status) == 0 &&
	       deaf_by_status(buf_slice(&status), stop_signal(d, pid));
}
