/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of hostpath: a host made of mounts in a namespace of its own, and questions about it.
 */
#pragma once

#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/test-dir.h"
#include "base/util.h"
#include "hostpath/hostpath.h"
#include "linux/mountinfo.h"

#define ASKER 4242

static const char *test_cdi_device = "gabion.test/tun=one";

struct host {
	char top[TEST_DIR_MAX]; /* a tmpfs of the test's own, not protected */
	const char *sharing;
	const char *folder;  /* of settings */
	const char *profile; /* NULL: docker's */
	const char *restricted;
	const char *engine;
	const char *device;
	bool record;
	bool recursive;
};

/* What is said to a path: allowed, allowed read-only, the restricted text, the restricted text but
 * it is the clients' socket, another refusal, no answer. */
enum { OPEN, READ_ONLY, RESTRICTED, SOCKET, REFUSED, FAILED };

/* One question's worth of memory. */
struct asking {
	struct arena arena;
	struct buf info;
	struct facts facts;
	struct policy settings;
	struct instance inst;
	struct hostpath hp;
	struct verdict verdict;
	struct err err;
};

static inline int asking_begin(struct asking *a, const struct host *h)
{
	*a = (struct asking){ .arena = ARENA_INIT(64u << 20), .info = BUF_INIT(1u << 20) };
	a->hp = (struct hostpath){ .arena = &a->arena,
				   .inst = &a->inst,
				   .facts = &a->facts,
				   .settings = &a->settings,
				   .has_asker = h->record,
				   .asker = ASKER };
	(void)snprintf(a->inst.etc, sizeof(a->inst.etc), "%s/state/etc", h->top);
	(void)snprintf(a->inst.run, sizeof(a->inst.run), "%s/state/run", h->top);
	(void)snprintf(a->inst.lib, sizeof(a->inst.lib), "%s/state/lib", h->top);
	a->facts.sharing = (struct facts_list){ (const char **)&h->sharing, h->sharing ? 1 : 0 };
	a->facts.has_sharing = h->sharing;
	a->settings.profile = profile_find(slice_str(h->profile ? h->profile : "docker"));
	a->settings.sharing[0] = (struct policy_sharing){ (const char **)&h->folder, 1 };
	a->settings.nsharing = h->folder ? 1 : 0;
	a->facts.restricted =
		(struct facts_list){ (const char **)&h->restricted, h->restricted ? 1 : 0 };
	a->facts.engines = (struct facts_list){ (const char **)&h->engine, h->engine ? 1 : 0 };
	a->facts.devices = (struct facts_list){ (const char **)&h->device, h->device ? 1 : 0 };
	a->facts.cdi = (struct facts_list){ &test_cdi_device, 1 };
	if (mountinfo_read(&a->info, &a->err) < 0)
		return -1;
	a->hp.mountinfo = buf_slice(&a->info);
	return hostpath_load(&a->hp, &a->err);
}

static inline void asking_end(struct asking *a)
{
	buf_done(&a->info);
	arena_done(&a->arena);
}

static inline int outcome(const struct asking *a, int r, const char *path)
{
	char want[PATH_MAX + 128];

	if (r < 0)
		return FAILED;
	if (a->verdict.kind == VERDICT_ALLOW)
		return a->verdict.read_only ? READ_ONLY : OPEN;
	(void)snprintf(want, sizeof(want),
		       "can't mount %s because it's configured as a restricted host mount", path);
	if (strcmp(a->verdict.message, want) != 0)
		return REFUSED;
	return r == HOSTPATH_SOCKET ? SOCKET : RESTRICTED;
}

static inline int bind_at(const struct host *h, const char *from, const char *to)
{
	char path[PATH_MAX];

	return mount(from, test_path(path, h->top, to), NULL, MS_BIND, NULL);
}

/* A host: /etc and /run of our own, and a folder that nobody protects. */
static inline int set_up(struct host *h)
{
	static const char *const dirs[] = { "etc",	 "etc/ssl",	  "etc/ssl/certs", "etc/a",
					    "etc/a/b",	 "bind",	  "bind/usr",	   "run",
					    "run/user",	 "run/user/4242", "run/user/4243", "free",
					    "free/sub",	 "free/sub/deep", "other",	   "state",
					    "state/etc", "state/run",	  "state/lib",	   "bound",
					    "rootbound" };

	TEST_CHECK(unshare(CLONE_NEWNS) == 0);
	TEST_CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	TEST_CHECK(mount("tmpfs", h->top, "tmpfs", 0, "size=1m,mode=755") == 0);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		test_mkdir(h->top, dirs[i]);
	test_put(h->top, "etc/shadow", "secret");
	test_put(h->top, "etc/passwd", "root:x:0:0::/:\n");
	test_put(h->top, "etc/localtime", "");
	test_put(h->top, "etc/a/b/deep", "");
	test_put(h->top, "free/file", "");
	test_put(h->top, "free/docker.sock", ""); /* no socket */
	TEST_CHECK(bind_at(h, "/", "rootbound") == 0);
	return 0;
}

static inline void in_host(int (*fn)(void *data))
{
	struct host h = { .record = true };
	int r;

	test_dir_new(h.top);
	r = test_in_child(fn, &h);
	test_dir_remove(h.top);
	assert_int_equal(r, 0);
}
