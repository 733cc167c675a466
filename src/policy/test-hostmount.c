/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of these tests is made of paths: every path is an inode (its hash), and its chain are
 * the inodes of the paths above it. What a test says otherwise (another file system, a bind under
 * another name, a hard link) it sets by hand.
 */
#include "policy/hostmount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/util.h"

#define CAP (4u << 20)
#define DEV ((uint64_t)8 << 32 | 1)

static uint64_t inode_of(const char *path, size_t n)
{
	uint64_t h = 1469598103934665603u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)path[i]) * 1099511628211u;
	return h;
}

static struct hostmount_place place(struct arena *a, const char *path)
{
	struct hostmount_node *chain = arena_must(arena_array(a, 64, sizeof(*chain)));
	size_t n = strlen(path);
	size_t k = 0;

	for (; n > 1; n = (size_t)((const char *)memrchr(path, '/', n) - path)) {
		chain[k++] = (struct hostmount_node){ DEV, inode_of(path, n) };
	}
	chain[k++] = (struct hostmount_node){ DEV, inode_of("/", 1) };
	return (struct hostmount_place){
		.path = path, .dev = DEV, .fs_path = path, .chain = chain, .nchain = k
	};
}

struct world {
	struct arena arena;
	struct hostmount_rule rules[64];
	struct hostmount_exception exceptions[64];
	struct hostmount_place shared[8];
	struct hostmount_sharing sharing[2]; /* the second one is added by hand */
	struct hostmount_policy policy;
};

static void add_rule(struct world *w, enum hostmount_kind kind, struct hostmount_place p)
{
	w->rules[w->policy.nrules++] = (struct hostmount_rule){ .kind = kind, .place = p };
}

static void add_exception(struct world *w, const char *path, bool writable)
{
	w->exceptions[w->policy.nexceptions++] =
		(struct hostmount_exception){ .place = place(&w->arena, path),
					      .writable = writable };
}

static void share(struct world *w, const char *path)
{
	w->policy.nsharing = 1;
	w->shared[w->sharing[0].n++] = place(&w->arena, path);
}

/* An ordinary host, where /bin, /lib and so on are folders of their own. */
static void world_init(struct world *w)
{
	*w = (struct world){ .arena = ARENA_INIT(CAP) };
	w->sharing[0].places = w->shared;
	w->policy = (struct hostmount_policy){ .rules = w->rules,
					       .exceptions = w->exceptions,
					       .sharing = w->sharing };
	add_rule(w, HOSTMOUNT_SINGLE, place(&w->arena, "/"));
	for (size_t i = 0; hostmount_protected[i]; i++)
		add_rule(w, HOSTMOUNT_TREE, place(&w->arena, hostmount_protected[i]));
	add_rule(w, HOSTMOUNT_TREE, place(&w->arena, "/run/docker.sock"));
	for (size_t i = 0; hostmount_exceptions[i].path; i++)
		add_exception(w, hostmount_exceptions[i].path, hostmount_exceptions[i].writable);
	add_exception(w, "/run/user/1000", true);
}

static void decide(struct world *w, struct hostmount_place p, const char *asked,
		   struct verdict *ret)
{
	struct hostmount_request req = { .asked = asked, .place = p };

	memset(ret, 0x5a, sizeof(*ret));
	hostmount_decide(&w->policy, &req, ret);
}

static void assert_denied(struct world *w, struct hostmount_place p, const char *asked,
			  bool read_only, const char *rule)
{
	struct verdict v;
	char want[256];

	(void)snprintf(want, sizeof(want),
		       "can't mount %s because it's configured as a restricted host mount", asked);
	decide(w, p, asked, &v);
	if (v.kind != VERDICT_DENY)
		fail_msg("%s%s is let through (%s)", asked, read_only ? ":ro" : "", v.rule);
	assert_string_equal(v.message, want);
	if (rule)
		assert_string_equal(v.rule, rule);
}

static void assert_allowed(struct world *w, struct hostmount_place p, const char *asked,
			   bool read_only, const char *rule)
{
	struct verdict v;

	decide(w, p, asked, &v);
	if (v.kind != VERDICT_ALLOW)
		fail_msg("%s%s: %s (%s)", asked, read_only ? ":ro" : "", v.message, v.rule);
	assert_string_equal(v.rule, rule);
}

/* Let through, but not to write, whatever was asked. */
static void assert_read_only(struct world *w, const char *path)
{
	struct verdict v;

	decide(w, place(&w->arena, path), path, &v);
	assert_int_equal(v.kind, VERDICT_ALLOW);
	assert_true(v.read_only);
}

static void denied(struct world *w, const char *path, const char *rule)
{
	assert_denied(w, place(&w->arena, path), path, false, rule);
	assert_denied(w, place(&w->arena, path), path, true, rule);
}

static void open_to_all(struct world *w, const char *path)
{
	assert_allowed(w, place(&w->arena, path), path, false, "hostmount-open");
	assert_allowed(w, place(&w->arena, path), path, true, "hostmount-open");
}

/* Issue 2, point 5, word for word; the table must not lose one of them. */
static void test_protected_names(void **state)
{
	static const char *const names[] = {
		"/etc",
		"/usr",
		"/boot",
		"/proc",
		"/sys",
		"/dev",
		"/run",
		"/var/run",
		"/bin",
		"/sbin",
		"/lib",
		"/lib64",
		"/var/lib/docker",
		"/var/lib/containerd",
		"/var/lib/containers",
		"/var/lib/gabion",
		"/var/lib/gabion-ids",
		"/etc/docker/daemon.json",
		"/etc/gabion/gabion.json",
		"/run/docker.sock",
		"/var/run/docker.sock",
		"/run/gabion",
		"/run/containerd/containerd.sock",
		"/usr/bin/env",
		"/proc/1/root/etc",
		"/sys/fs/cgroup",
		"/dev/sda",
		"/etc/shadow",
		"/boot/vmlinuz",
		"/var/lib/docker/volumes",
		"/run/user/1001",
		"/run/user",
	};
	struct world w;

	(void)state;
	world_init(&w);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		denied(&w, names[i], NULL);
	arena_done(&w.arena);
}

/* Every row of the table: the object, something in it, and what holds it. */
static void test_walk_protected(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (size_t i = 0; hostmount_protected[i]; i++) {
		const char *name = hostmount_protected[i];
		char *up = arena_strdup(&w.arena, name);

		assert_int_equal(name[0], '/');
		denied(&w, name, NULL);
		denied(&w, arena_printf(&w.arena, "%s/a/b", name), "hostmount-protected");
		open_to_all(&w, arena_printf(&w.arena, "%s-other", name));
		for (char *slash = strrchr(up, '/'); slash; slash = strrchr(up, '/')) {
			*slash = '\0';
			denied(&w, *up ? up : "/", NULL);
		}
	}
	arena_done(&w.arena);
}

/* "A table of everyday read-only exceptions": only nodes that every container has anyway (OCI
 * runtime spec, "Default Devices") may be written to. */
static bool is_default_device(const char *name)
{
	static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
					       "/dev/urandom" };

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (strcmp(name, devices[i]) == 0)
			return true;
	return false;
}

static void test_walk_exceptions(void **state)
{
	static const char *const needed[] = { "/etc/localtime", "/etc/timezone",
					      "/usr/share/zoneinfo", "/etc/ssl/certs",
					      "/lib/modules" };
	struct world w;

	(void)state;
	world_init(&w);
	for (size_t i = 0; hostmount_exceptions[i].path; i++) {
		const char *name = hostmount_exceptions[i].path;
		const char *below = arena_printf(&w.arena, "%s/x", name);

		assert_allowed(&w, place(&w.arena, name), name, true, "hostmount-exception");
		assert_allowed(&w, place(&w.arena, below), below, true, "hostmount-exception");
		denied(&w, arena_printf(&w.arena, "%s.d", name), "hostmount-protected");
		assert_int_equal(hostmount_exceptions[i].writable, is_default_device(name));
		if (hostmount_exceptions[i].writable)
			continue;
		assert_read_only(&w, name);
		assert_read_only(&w, below);
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		assert_allowed(&w, place(&w.arena, needed[i]), needed[i], true,
			       "hostmount-exception");
	arena_done(&w.arena);
}

/* "What lies above them" is protected; a name that only begins alike is not. */
static void test_above_and_beside(void **state)
{
	static const char *const above[] = { "/", "/var", "/var/lib", "/opt" };
	static const char *const beside[] = { "/home/u/src", "/srv",	  "/data",
					      "/tmp/x",	     "/mnt",	  "/root",
					      "/etcetera",   "/usr2/bin", "/var/lib/mysql",
					      "/var/log",    "/opt/app",  "/deve" };
	struct world w;

	(void)state;
	world_init(&w);
	for (size_t i = 0; i < sizeof(above) / sizeof(above[0]); i++)
		denied(&w, above[i], "hostmount-above");
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++)
		open_to_all(&w, beside[i]);
	arena_done(&w.arena);
}

/* A folder of modules that is missing may be made, read-only; nothing else beside it or in it. */
static void test_made(void **state)
{
	static const char *const others[] = { "modules/x", "modules.d", "module", "x" };
	struct hostmount_request req = { .asked = "/lib/modules", .missing = hostmount_made };
	struct verdict v;
	struct world w;

	(void)state;
	world_init(&w);
	w.policy.nexceptions = 0; /* what is not there has no place */
	req.place = place(&w.arena, hostmount_made_in);
	hostmount_decide(&w.policy, &req, &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	w.exceptions[w.policy.nexceptions++] =
		(struct hostmount_exception){ .place = req.place, .missing = hostmount_made };
	hostmount_decide(&w.policy, &req, &v);
	assert_int_equal(v.kind, VERDICT_ALLOW);
	assert_true(v.read_only);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		req.missing = others[i];
		hostmount_decide(&w.policy, &req, &v);
		assert_int_equal(v.kind, VERDICT_DENY);
	}
	req.missing = NULL; /* the folder that it would be in */
	hostmount_decide(&w.policy, &req, &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	req.place = place(&w.arena, "/lib/modules"); /* made meanwhile */
	hostmount_decide(&w.policy, &req, &v);
	assert_int_equal(v.kind, VERDICT_ALLOW);
	assert_true(v.read_only);
	req.missing = hostmount_made;
	req.place = place(&w.arena, "/etc");
	hostmount_decide(&w.policy, &req, &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	arena_done(&w.arena);
}

/* The text names what the user wrote, not what it resolved to. */
static void test_asked(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_denied(&w, place(&w.arena, "/etc"), "/home/u/link/../link", false, NULL);
	assert_denied(&w, place(&w.arena, "/"), "/proc/self/root", true, NULL);
	arena_done(&w.arena);
}

/* The root folder alone is a rule of kind SINGLE: what is in it is judged for itself. */
static void test_single(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.policy.nrules = 0;
	w.policy.nexceptions = 0;
	add_rule(&w, HOSTMOUNT_SINGLE, place(&w.arena, "/s"));
	assert_denied(&w, place(&w.arena, "/s"), "/s", true, "hostmount-protected");
	open_to_all(&w, "/s/x");
	denied(&w, "/", "hostmount-above");
	arena_done(&w.arena);
}

/* A bind mount of a protected folder under another name: another chain, the same place in the same
 * file system. */
static void test_bound_elsewhere(void **state)
{
	struct hostmount_place p;
	struct world w;

	(void)state;
	world_init(&w);
	p = place(&w.arena, "/home/u/mnt");
	p.fs_path = "/etc/ssl";
	assert_denied(&w, p, "/home/u/mnt", true, NULL);
	p.fs_path = "/etcetera";
	assert_allowed(&w, p, "/home/u/mnt", true, "hostmount-open");
	p.fs_path = "/var/lib"; /* holds protected ones */
	assert_denied(&w, p, "/home/u/mnt", true, "hostmount-above");
	p.fs_path = "/";
	assert_denied(&w, p, "/home/u/mnt", true, "hostmount-above");
	p.dev = DEV + 1; /* as deep in another file system */
	assert_allowed(&w, p, "/home/u/mnt", true, "hostmount-open");
	p.fs_path = "/etc";
	assert_allowed(&w, p, "/home/u/mnt", true, "hostmount-open");
	p.dev = DEV;
	p.fs_path = NULL; /* not known: only the chain is left */
	assert_allowed(&w, p, "/home/u/mnt", true, "hostmount-open");
	p = place(&w.arena, "/etc/x");
	p.fs_path = NULL;
	assert_denied(&w, p, "/etc/x", true, "hostmount-protected");
	arena_done(&w.arena);
}

/* A protected file system of its own (as /proc is): its root is "/" in there. */
static void test_own_file_system(void **state)
{
	struct hostmount_place proc, p;
	struct world w;

	(void)state;
	world_init(&w);
	w.policy.nrules = 0;
	proc = place(&w.arena, "/proc");
	proc.dev = DEV + 7;
	proc.fs_path = "/";
	add_rule(&w, HOSTMOUNT_TREE, proc);
	p = place(&w.arena, "/home/u/proc/1/root"); /* mounted there once more */
	p.dev = DEV + 7;
	p.fs_path = "/1/root";
	assert_denied(&w, p, "/home/u/proc/1/root", true, "hostmount-protected");
	p.dev = DEV + 8;
	assert_allowed(&w, p, "/home/u/proc/1/root", true, "hostmount-open");
	arena_done(&w.arena);
}

/* A hard link to a protected file: the same inode with other parents. */
static void test_hard_link(void **state)
{
	struct hostmount_node chain[3];
	struct hostmount_place p;
	struct world w;

	(void)state;
	world_init(&w);
	p = place(&w.arena, "/home/sock");
	chain[0] = (struct hostmount_node){ DEV, inode_of("/run/docker.sock", 16) };
	chain[1] = p.chain[1];
	chain[2] = p.chain[2];
	p.chain = chain;
	assert_denied(&w, p, "/home/sock", false, "hostmount-protected");
	chain[0].dev = DEV + 1; /* the same number on another device is another file */
	assert_allowed(&w, p, "/home/sock", false, "hostmount-open");
	p.nchain = 0; /* nothing known of it at all: not the same as anything */
	p.fs_path = "/run/docker.sock";
	assert_denied(&w, p, "/home/sock", false, "hostmount-protected");
	arena_done(&w.arena);
}

/* Issue: "the asker's /run/user/N without engine sockets". */
static void test_run_user(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_allowed(&w, place(&w.arena, "/run/user/1000"), "/run/user/1000", false,
		       "hostmount-exception");
	assert_allowed(&w, place(&w.arena, "/run/user/1000/wayland-0"), "/run/user/1000/wayland-0",
		       false, "hostmount-exception");
	denied(&w, "/run/user/1001/wayland-0", "hostmount-protected");
	denied(&w, "/run/user", NULL);
	/* an engine's socket in it makes it a folder above something protected */
	add_rule(&w, HOSTMOUNT_TREE, place(&w.arena, "/run/user/1000/docker.sock"));
	denied(&w, "/run/user/1000", "hostmount-above");
	assert_allowed(&w, place(&w.arena, "/run/user/1000/bus"), "/run/user/1000/bus", false,
		       "hostmount-exception");
	/* … and stays protected itself, for what is below an exception is only lifted from the
	 * rules that hold the exception */
	denied(&w, "/run/user/1000/docker.sock", "hostmount-protected");
	arena_done(&w.arena);
}

/* An administrator's restriction inside of an exception holds. */
static void test_rule_in_exception(void **state)
{
	struct verdict v;
	struct world w;

	(void)state;
	world_init(&w);
	add_rule(&w, HOSTMOUNT_TREE, place(&w.arena, "/etc/ssl/certs/private"));
	denied(&w, "/etc/ssl/certs/private", "hostmount-protected");
	denied(&w, "/etc/ssl/certs/private/key", "hostmount-protected");
	denied(&w, "/etc/ssl/certs", "hostmount-above");
	assert_read_only(&w, "/etc/ssl/certs/public");
	/* an exception that no rule holds lifts nothing and changes nothing */
	add_exception(&w, "/home/u/free", false);
	open_to_all(&w, "/home/u/free");
	decide(&w, place(&w.arena, "/home/u/free"), "/home/u/free", &v);
	assert_false(v.read_only);
	add_rule(&w, HOSTMOUNT_TREE, place(&w.arena, "/home/u/free/not"));
	denied(&w, "/home/u/free", "hostmount-above");
	denied(&w, "/home/u/free/not/x", "hostmount-protected");
	arena_done(&w.arena);
}

/* Something protected will be made in /opt: that folder and what holds it stay out, the rest of it
 * does not. */
static void test_yet_to_be_made(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	open_to_all(&w, "/home/u/opt");
	add_rule(&w, HOSTMOUNT_ABOVE, place(&w.arena, "/home/u/opt"));
	denied(&w, "/home/u/opt", "hostmount-above");
	denied(&w, "/home/u", "hostmount-above");
	open_to_all(&w, "/home/u/opt/app");
	open_to_all(&w, "/home/u/optional");
	arena_done(&w.arena);
}

static void decide_missing(struct world *w, const char *folder, const char *missing,
			   struct verdict *ret)
{
	struct hostmount_request req = { .asked = "ASKED",
					 .place = place(&w->arena, folder),
					 .missing = missing };

	memset(ret, 0x5a, sizeof(*ret));
	hostmount_decide(&w->policy, &req, ret);
}

/* What would be made in a folder: with the names that are to be protected once they are there. */
static void test_made_anew(void **state)
{
	static const struct {
		const char *folder, *missing, *rule; /* rule NULL: it may be made */
	} cases[] = {
		{ "/home/u", "a", NULL },
		{ "/home/u", "a/b", NULL },
		{ "/", "newdir", NULL }, /* a folder of /, not / itself */
		{ "/etc", "a", "hostmount-protected" },
		{ "/etc/ssl", "a/b", "hostmount-protected" },
		{ "/run/docker.sock", "a", "hostmount-protected" },
		/* the exceptions: what may be written may be added to */
		{ "/run/user/1000", "a", NULL },
		{ "/run/user/1000/a", "b/c", NULL },
		{ "/run/user", "1000x", "hostmount-protected" },
		{ "/etc/ssl/certs", "a", "hostmount-protected" },
		/* /home/u/opt/containerd/x is protected and not there */
		{ "/home/u/opt", "containerd/x", "hostmount-protected" },
		{ "/home/u/opt", "containerd/x/y", "hostmount-protected" },
		{ "/home/u/opt", "containerd", "hostmount-above" },
		{ "/home/u/opt", "containerd/y", NULL },
		{ "/home/u/opt", "containerd/xx", NULL },
		{ "/home/u/opt", "container", NULL },
		{ "/home/u/opt", "app", NULL },
		{ "/home/u/opt/app", "containerd/x", NULL },
		{ "/home/u", "opt2/containerd/x", NULL },
		/* one letter is a name like others */
		{ "/home/u/one", "xy", NULL },
		{ "/home/u/one", "x/y", "hostmount-configured" },
	};
	struct verdict v;
	struct world w;

	(void)state;
	world_init(&w);
	add_rule(&w, HOSTMOUNT_ABOVE, place(&w.arena, "/home/u/opt"));
	w.rules[w.policy.nrules - 1].missing = "containerd/x";
	add_rule(&w, HOSTMOUNT_ABOVE, place(&w.arena, "/home/u/one"));
	w.rules[w.policy.nrules - 1].missing = "x";
	w.rules[w.policy.nrules - 1].configured = true;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		decide_missing(&w, cases[i].folder, cases[i].missing, &v);
		if ((v.kind == VERDICT_DENY) != (cases[i].rule != NULL) ||
		    (cases[i].rule && strcmp(v.rule, cases[i].rule) != 0))
			fail_msg("%s/%s: %s", cases[i].folder, cases[i].missing, v.rule);
	}
	/* filesharingAllowedDirectories */
	share(&w, "/home/u/work");
	decide_missing(&w, "/home/u/work/a", "b", &v);
	assert_int_equal(v.kind, VERDICT_ALLOW);
	decide_missing(&w, "/home/u", "other", &v);
	assert_string_equal(v.rule, "hostmount-not-shared");
	arena_done(&w.arena);
}

/* Which setting it was, and what may be done. */
static void test_ways_out(void **state)
{
	struct verdict v;
	struct world w;

	(void)state;
	world_init(&w);
	add_rule(&w, HOSTMOUNT_TREE, place(&w.arena, "/srv/secret"));
	w.rules[w.policy.nrules - 1].configured = true;
	denied(&w, "/srv/secret", "hostmount-configured");
	denied(&w, "/srv/secret/a", "hostmount-configured");
	denied(&w, "/srv", "hostmount-configured");
	denied(&w, "/etc", "hostmount-protected");
	assert_non_null(strstr(hostmount_way_out("hostmount-configured"), "restrictedMounts"));
	share(&w, "/home");
	decide(&w, place(&w.arena, "/data"), "/data", &v);
	assert_non_null(strstr(hostmount_way_out(v.rule), "filesharingAllowedDirectories"));
	assert_non_null(strstr(hostmount_way_out("hostmount-protected"), "docs/"));
	assert_null(hostmount_way_out("hostmount-open"));
	arena_done(&w.arena);
}

/* filesharingAllowedDirectories narrows what is open and opens nothing. */
static void test_sharing(void **state)
{
	struct verdict v;
	struct world w;

	(void)state;
	world_init(&w);
	share(&w, "/home/u/work");
	share(&w, "/etc");
	open_to_all(&w, "/home/u/work");
	open_to_all(&w, "/home/u/work/a/b");
	denied(&w, "/etc/shadow", "hostmount-protected");
	denied(&w, "/etc", NULL);
	assert_allowed(&w, place(&w.arena, "/etc/localtime"), "/etc/localtime", true,
		       "hostmount-exception");
	decide(&w, place(&w.arena, "/home/u"), "/home/u", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	assert_string_equal(v.rule, "hostmount-not-shared");
	assert_non_null(strstr(v.message, "can't mount /home/u because"));
	assert_non_null(strstr(v.message, "filesharingAllowedDirectories"));
	decide(&w, place(&w.arena, "/home/u/workshop"), "/home/u/workshop", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	w.sharing[0].n = 0; /* an empty list: nothing is shared */
	decide(&w, place(&w.arena, "/home/u/work"), "/home/u/work", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	w.policy.nsharing = 0;
	open_to_all(&w, "/home/u/work");
	arena_done(&w.arena);
}

/* gabion.json and each settings file have a list of their own: the narrower wins. */
static void test_two_lists(void **state)
{
	struct hostmount_place other[2];
	struct verdict v;
	struct world w;

	(void)state;
	world_init(&w);
	share(&w, "/home/u/work");
	share(&w, "/srv");
	other[0] = place(&w.arena, "/home");
	other[1] = place(&w.arena, "/srv/deep");
	w.sharing[1] = (struct hostmount_sharing){ .places = other, .n = 2 };
	w.policy.nsharing = 2;
	open_to_all(&w, "/home/u/work");
	open_to_all(&w, "/srv/deep/er");
	decide(&w, place(&w.arena, "/home/u"), "/home/u", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	decide(&w, place(&w.arena, "/srv"), "/srv", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	w.sharing[1].n = 0;
	decide(&w, place(&w.arena, "/home/u/work"), "/home/u/work", &v);
	assert_string_equal(v.rule, "hostmount-not-shared");
	arena_done(&w.arena);
}

/* A path as long as the kernel knows them does not overrun the message. */
static void test_long_path(void **state)
{
	static char path[4096] = "/etc/";
	struct verdict v;
	struct world w;

	(void)state;
	world_init(&w);
	memset(path + 5, 'x', sizeof(path) - 6);
	decide(&w, place(&w.arena, path), path, &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	assert_true(strnlen(v.message, sizeof(v.message)) < sizeof(v.message));
	arena_done(&w.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protected_names),
		cmocka_unit_test(test_walk_protected),
		cmocka_unit_test(test_walk_exceptions),
		cmocka_unit_test(test_above_and_beside),
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_bound_elsewhere),
		cmocka_unit_test(test_own_file_system),
		cmocka_unit_test(test_hard_link),
		cmocka_unit_test(test_run_user),
		cmocka_unit_test(test_rule_in_exception),
		cmocka_unit_test(test_yet_to_be_made),
		cmocka_unit_test(test_made_anew),
		cmocka_unit_test(test_ways_out),
		cmocka_unit_test(test_sharing),
		cmocka_unit_test(test_two_lists),
		cmocka_unit_test(test_long_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
