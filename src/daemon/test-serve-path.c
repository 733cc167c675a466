/* SPDX-License-Identifier: Apache-2.0 */
/* Needs root. Questions of a gate about paths of the host, as several users. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/test-dir.h"
#include "base/util.h"
#include "control/proto.h"
#include "daemon/serve-channel.h"
#include "hostpath/hostpath.h"
#include "settings/policy.h"
#include "settings/schema.h"
#include "json/json.h"

#define USER 54321u
#define OTHER 54322u
#define MAKE CONTROL_PATH_MAKE

struct fixture {
	char dir[TEST_DIR_MAX];
	struct instance inst;
	struct loop loop;
	struct serve serve;
	int gate;
	struct control_request q;
	struct control_answer a;
	char body[CONTROL_ANSWER_MAX + 1];
	uint64_t serial;
};

static struct fixture f; /* large */

/* What children say of themselves; shared with them. */
static struct {
	unsigned nstuck;
	pid_t stuck[64];
	bool undead;   /* SIGKILL does nothing */
	uint32_t caps; /* that the last child had when it looked */
	bool regains;  /* could become root again */
	int dumpable;
	int fds; /* open beyond standard error */
} * seen;

int __real_hostpath_ask(const struct hostpath *h, const char *path, unsigned flags,
			struct verdict *ret, struct err *err);
int __wrap_hostpath_ask(const struct hostpath *h, const char *path, unsigned flags,
			struct verdict *ret, struct err *err);

/* In the child: a path that ends in "stuck" is on a file system that does not answer. */
int __wrap_hostpath_ask(const struct hostpath *h, const char *path, unsigned flags,
			struct verdict *ret, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { 0 };

	(void)syscall(SYS_capget, &head, caps);
	seen->caps = caps[0].effective | caps[0].permitted | caps[1].effective | caps[1].permitted;
	seen->regains = getuid() != 0 && (seteuid(0) == 0 || setuid(0) == 0);
	seen->dumpable = prctl(PR_GET_DUMPABLE);
	seen->fds = 0;
	for (int fd = 3; fd < 1024; fd++)
		seen->fds += fcntl(fd, F_GETFD) >= 0;
	if (strlen(path) > 5 && strcmp(path + strlen(path) - 5, "stuck") == 0) {
		seen->stuck[__atomic_fetch_add(&seen->nstuck, 1, __ATOMIC_SEQ_CST)] = getpid();
		for (;;)
			(void)pause();
	}
	return __real_hostpath_ask(h, path, flags, ret, err);
}

int __real_kill(pid_t pid, int signal);
int __wrap_kill(pid_t pid, int signal);

int __wrap_kill(pid_t pid, int signal)
{
	return signal == SIGKILL && seen->undead ? 0 : __real_kill(pid, signal);
}

static int setup(void **state)
{
	char path[PATH_MAX];
	int gate[2];

	(void)state;
	memset(&f, 0, sizeof(f));
	memset(seen, 0, sizeof(*seen));
	test_dir_new(f.dir);
	f.inst.private_dir = true;
	(void)snprintf(f.inst.dir, sizeof(f.inst.dir), "%s/state", f.dir);
	(void)snprintf(f.inst.etc, sizeof(f.inst.etc), "%s/state/etc", f.dir);
	(void)snprintf(f.inst.run, sizeof(f.inst.run), "%s/state/run", f.dir);
	(void)snprintf(f.inst.lib, sizeof(f.inst.lib), "%s/state/lib", f.dir);
	if (chmod(f.dir, 0755) < 0 || file_mkdirs(f.inst.etc, 0755) < 0 ||
	    file_mkdirs(f.inst.run, 0755) < 0 || file_mkdirs(f.inst.lib, 0755) < 0 ||
	    loop_init(&f.loop) < 0 || serve_init(&f.serve, &f.loop, &f.inst) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, gate) < 0)
		return -1;
	f.gate = gate[0];
	test_mkdir(f.dir, "home");
	test_mkdir(f.dir, "closed");
	test_mkdir(f.dir, "closed/in");
	if (chown(test_path(path, f.dir, "home"), USER, USER) < 0 ||
	    chmod(test_path(path, f.dir, "closed"), 0700) < 0)
		return -1;
	return serve_add_channel(&f.serve, gate[1], SERVE_GATE);
}

static int teardown(void **state)
{
	(void)state;
	serve_done(&f.serve);
	(void)loop_once(&f.loop, 0);
	loop_done(&f.loop);
	f.gate = fd_close(f.gate);
	test_dir_done(&f.dir);
	return 0;
}

static void begin(uid_t uid)
{
	memset(&f.q, 0, sizeof(f.q));
	f.q.header.op = CONTROL_PATH;
	f.q.header.serial = ++f.serial;
	memset(f.q.path.asker.id, '0', CONTROL_ID_LEN);
	f.q.path.asker.uid = uid;
	f.q.path.asker.gid = uid;
}

/* name: below the test's folder, or absolute. */
static void add(const char *name, unsigned flags)
{
	char path[PATH_MAX];

	if (name[0] != '/')
		name = test_path(path, f.dir, name);
	assert_true(control_path_add(&f.q, slice_str(name), flags));
}

static void send_it(void)
{
	while (control_request_send(f.gate, &f.q, -EBADF) == -EAGAIN)
		assert_int_equal(loop_once(&f.loop, -1), 0);
}

/* The next answer, whosesoever it is. */
static int receive(void)
{
	int fd = -EBADF;
	int r;

	while ((r = control_answer_recv(f.gate, &f.a, f.body, &fd)) == -EAGAIN)
		assert_int_equal(loop_once(&f.loop, 10000), 0);
	assert_int_equal(r, 1);
	f.body[f.a.size] = '\0';
	return f.a.result;
}

static int ask(uid_t uid, const char *name, unsigned flags)
{
	begin(uid);
	add(name, flags);
	send_it();
	(void)receive();
	assert_true(f.a.header.serial == f.serial);
	return f.a.result;
}

/* The denial of that path: exactly the text, and after a NUL the rule. */
static void assert_denied(const char *name, const char *rule)
{
	char want[2 * PATH_MAX];
	char path[PATH_MAX];
	int n;

	n = snprintf(want, sizeof(want),
		     "can't mount %s because it's configured as a restricted host mount",
		     name[0] == '/' ? name : test_path(path, f.dir, name));
	assert_int_equal(f.a.result, -EPERM);
	assert_string_equal(f.body, want);
	assert_int_equal(f.a.size, (size_t)n + 1 + strlen(rule));
	assert_string_equal(f.body + n + 1, rule);
}

static bool is_there(const char *name, uid_t owner)
{
	char path[PATH_MAX];
	struct stat st;

	return lstat(test_path(path, f.dir, name), &st) == 0 && st.st_uid == owner;
}

static void test_answers(void **state)
{
	static const uid_t users[] = { 0, USER };
	char path[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		assert_int_equal(ask(users[i], "home", 0), CONTROL_DONE);
		assert_int_equal(f.a.size, 0);
		(void)ask(users[i], "/etc", MAKE);
		assert_denied("/etc", "hostmount-protected");
		(void)ask(users[i], "/proc/self/root", 0);
		assert_denied("/proc/self/root", "hostmount-above");
		(void)ask(users[i], "state/run", 0);
		assert_denied("state/run", "hostmount-protected");
		(void)ask(users[i], "state", 0);
		assert_denied("state", "hostmount-above");
		(void)ask(users[i], "home/../state/lib/new", MAKE);
		assert_denied("state/lib/new", "hostmount-protected"); /* as engines read it */
		assert_false(is_there("state/lib/new", users[i]));
		assert_int_equal(ask(users[i], "home/none", 0), -ENOENT);
		assert_non_null(strstr(f.body, "bind source path does not exist: "));
		assert_int_equal(ask(users[i], users[i] ? "home/a/b" : "home/c/d", MAKE),
				 CONTROL_DONE);
	}
	assert_true(is_there("home/a", USER) && is_there("home/a/b", USER));
	assert_true(is_there("home/c", 0) && is_there("home/c/d", 0));
	/* what a user may not */
	assert_int_equal(ask(USER, "closed/in", 0), -EACCES);
	assert_non_null(strstr(f.body, test_path(path, f.dir, "closed/in")));
	assert_non_null(strstr(f.body, "user 54321"));
	assert_int_equal(ask(OTHER, "home/new", MAKE), -EACCES);
	assert_non_null(strstr(f.body, test_path(path, f.dir, "home/new")));
	assert_non_null(strstr(f.body, "user 54322 can't make it"));
	assert_int_equal(ask(0, "closed/in", 0), CONTROL_DONE);
}

/* Supplementary groups count, and only those that were sent. */
static void test_groups(void **state)
{
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(chown(test_path(path, f.dir, "closed"), 0, 4711), 0);
	assert_int_equal(chmod(path, 0750), 0);
	assert_int_equal(ask(USER, "closed/in", 0), -EACCES);
	begin(USER);
	f.q.path.asker.ngroups = 1;
	f.q.path.asker.groups[0] = 4711;
	add("closed/in", 0);
	send_it();
	assert_int_equal(receive(), CONTROL_DONE);
}

static void test_several(void **state)
{
	uint32_t index;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	begin(USER);
	add("home/1", MAKE);
	add("home", CONTROL_PATH_RECURSIVE);
	add("/etc/passwd", 0);
	add("/dev/null", CONTROL_PATH_DEVICE);
	send_it();
	assert_int_equal(receive(), CONTROL_DONE);
	assert_true(is_there("home/1", USER));
	/* the first that may not be decides; those after it are not looked at */
	begin(USER);
	add("home/2", MAKE);
	add("/etc", 0);
	add("home/3", MAKE);
	send_it();
	(void)receive();
	assert_denied("/etc", "hostmount-protected");
	assert_true(is_there("home/2", USER) && !is_there("home/3", USER));
	/* the engine's socket is for the gate to decide */
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/state/run/docker.sock", f.dir);
	assert_int_equal(bind(sock, (struct sockaddr *)&sa, sizeof(sa)), 0);
	begin(USER);
	add("home", 0);
	add("state/run/docker.sock", MAKE | CONTROL_PATH_RECURSIVE);
	add("/etc", 0);
	send_it();
	assert_int_equal(receive(), CONTROL_IS_SOCKET);
	assert_int_equal(f.a.size, sizeof(index));
	memcpy(&index, f.body, sizeof(index));
	assert_int_equal(index, 1);
	(void)close(sock);
}

static void put_settings(const char *text)
{
	char path[PATH_MAX];

	assert_int_equal(file_replace_at(AT_FDCWD, test_path(path, f.dir, "state/etc/gabion.json"),
					 slice_str(text), 0644, false),
			 0);
}

/* gabion.json is read for every question. */
static void test_settings(void **state)
{
	char text[PATH_MAX];

	(void)state;
	assert_int_equal(ask(USER, "home", 0), CONTROL_DONE);
	(void)snprintf(text, sizeof(text), "{\"restrictedMounts\":[\"%s/home\"]}", f.dir);
	put_settings(text);
	(void)ask(USER, "home", 0);
	assert_denied("home", "hostmount-configured");
	(void)snprintf(text, sizeof(text), "{\"filesharingAllowedDirectories\":[\"%s/home\"]}",
		       f.dir);
	put_settings(text);
	assert_int_equal(ask(USER, "home", 0), CONTROL_DONE);
	assert_int_equal(ask(USER, "/srv", 0), -EPERM);
	assert_non_null(strstr(f.body, "can't mount /srv because it is not below a folder of "
				       "filesharingAllowedDirectories"));
	assert_string_equal(f.body + strlen(f.body) + 1, "hostmount-not-shared");
	put_settings("{\"nonsense\":1}");
	assert_int_equal(ask(USER, "home", 0), -EINVAL);
	assert_non_null(strstr(f.body, "gabion.json"));
}

/* run/policy.json with this list of folders, for whoever mode lets write to it. */
static void put_policy(const char *folder, mode_t mode)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(1u << 20);
	CLEANUP_BUF struct buf text = BUF_INIT(1u << 16);
	struct json_limits limits = JSON_LIMITS;
	char path[PATH_MAX], value[PATH_MAX];
	struct policy_setting list[64];
	struct err err = ERR_INIT;
	struct policy p;

	assert_int_equal(policy_defaults(&arena, profile_default(), &p), 0);
	assert_true(p.nsettings < ARRAY_SIZE(list));
	memcpy(list, p.settings, p.nsettings * sizeof(*list));
	(void)snprintf(value, sizeof(value), "[\"%s\"]", folder);
	list[p.nsettings] = (struct policy_setting){
		.key = schema_find("filesharingAllowedDirectories"),
		.locked = true,
		.source = POLICY_DEFAULT,
	};
	assert_int_equal(json_parse(&arena, slice_str(value), &limits,
				    (struct json **)&list[p.nsettings].value, NULL, &err),
			 0);
	p.settings = list;
	p.nsettings++;
	p.generation = 1;
	policy_print(&p, &text);
	assert_int_equal(policy_store(&f.inst, buf_slice(&text), &err), 0);
	assert_int_equal(chmod(test_path(path, f.inst.run, "policy.json"), mode), 0);
}

/* The policy in force narrows as well, and nobody passes without one that can be trusted. */
static void test_policy(void **state)
{
	char home[PATH_MAX];

	(void)state;
	put_policy(test_path(home, f.dir, "home"), 0644);
	assert_int_equal(ask(USER, "home", 0), CONTROL_DONE);
	assert_int_equal(ask(USER, "/srv", 0), -EPERM);
	assert_string_equal(f.body + strlen(f.body) + 1, "hostmount-not-shared");
	put_policy("$HOME/nowhere", 0644);
	assert_int_equal(ask(USER, "home", 0), -EPERM);
	put_policy(home, 0666);
	assert_int_equal(ask(USER, "home", 0), -EACCES); /* no verdict */
	assert_non_null(strstr(f.body, "policy.json: others than root may write to it"));
}

static void test_devices(void **state)
{
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(
		mknod(test_path(path, f.dir, "home/kvm"), S_IFCHR | 0600, makedev(10, 232)), 0);
	assert_int_equal(ask(USER, "home", CONTROL_PATH_DEVICE), -EPERM);
	assert_non_null(strstr(f.body, "home/kvm (c 10:232) of the host is not for containers"));
	assert_string_equal(f.body + strlen(f.body) + 1, "device");
	assert_int_equal(ask(USER, "/dev/null", CONTROL_PATH_DEVICE), CONTROL_DONE);
}

/* Whoever looks as a user can do nothing else, and shows nothing. */
static void test_confinement(void **state)
{
	(void)state;
	assert_int_equal(ask(USER, "home", 0), CONTROL_DONE);
	assert_int_equal(seen->caps, 0);
	assert_false(seen->regains);
	assert_int_equal(seen->dumpable, 0);
	assert_int_equal(seen->fds, 0);
}

static void wait_stuck(unsigned n)
{
	while (__atomic_load_n(&seen->nstuck, __ATOMIC_SEQ_CST) < n)
		assert_int_equal(loop_once(&f.loop, 10), 0);
}

static uint64_t send_stuck(uid_t uid)
{
	begin(uid);
	add("home/stuck", 0);
	send_it();
	return f.serial;
}

static uint64_t send_home(uid_t uid)
{
	begin(uid);
	add("home", 0);
	send_it();
	return f.serial;
}

static void must_finish(uint64_t serial)
{
	assert_int_equal(receive(), CONTROL_DONE);
	assert_true(f.a.header.serial == serial);
}

static void end_stuck(unsigned i)
{
	assert_int_equal(kill(seen->stuck[i], SIGKILL), 0);
	assert_int_equal(receive(), -EIO);
	assert_non_null(strstr(f.body, "was killed"));
}

/* A user whose paths do not answer has some places, and others keep theirs. */
static void test_places(void **state)
{
	uint64_t waiting;

	(void)state;
	for (int i = 0; i < 8; i++)
		(void)send_stuck(USER);
	waiting = send_home(USER);
	wait_stuck(8);
	assert_int_equal(ask(OTHER, "home", 0), CONTROL_DONE);
	assert_int_equal(ask(0, "home", 0), CONTROL_DONE);
	end_stuck(3);
	must_finish(waiting); /* its place has become free */
}

/* All places are taken: others wait, and take turns; root does not. */
static void test_turns(void **state)
{
	uint64_t first, second, other;

	(void)state;
	for (uid_t i = 0; i < 56; i++)
		(void)send_stuck(USER + 2 + i / 8);
	wait_stuck(56);
	first = send_home(USER);
	second = send_home(USER);
	other = send_home(OTHER);
	assert_int_equal(ask(0, "home", 0), CONTROL_DONE);
	for (uid_t i = 0; i < 7; i++)
		(void)send_stuck(0);
	wait_stuck(63);
	assert_int_equal(ask(0, "home", 0), CONTROL_DONE);
	for (unsigned i = 56; i < 63; i++)
		end_stuck(i); /* root's places are nobody else's */
	end_stuck(0);
	must_finish(first);
	must_finish(other);
	must_finish(second);
}

static bool may_signal(uid_t uid, pid_t pid)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
			_exit(2);
		_exit(kill(pid, SIGURG) < 0 && errno == EPERM);
	}
	assert_true(waitpid(child, &status, 0) == child && WIFEXITED(status));
	assert_in_range(WEXITSTATUS(status), 0, 1);
	return WEXITSTATUS(status) == 0;
}

/* Whose rights it has can't stop it. */
static void test_signals(void **state)
{
	(void)state;
	(void)send_stuck(USER);
	wait_stuck(1);
	assert_false(may_signal(USER, seen->stuck[0]));
	assert_true(may_signal(0, seen->stuck[0]));
	end_stuck(0);
}

/* A file system of the asker's alone, which does not answer, is not even asked. */
static void test_fuse(void **state)
{
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char path[PATH_MAX], options[128];

	(void)state;
	if (fuse < 0)
		skip();
	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%u,group_id=%u",
		       fuse, USER, USER);
	test_mkdir(f.dir, "home/fuse");
	test_path(path, f.dir, "home/fuse");
	assert_int_equal(mount("test", path, "fuse", MS_NOSUID | MS_NODEV, options), 0);
	(void)ask(USER, "home/fuse/x", 0);
	(void)umount2(path, MNT_DETACH);
	(void)close(fuse);
	assert_int_equal(f.a.result, -EACCES);
}

static void test_too_many_wait(void **state)
{
	(void)state;
	for (int i = 0; i < 8 + 256 + 3; i++)
		(void)send_stuck(USER);
	for (int i = 0; i < 3; i++)
		assert_int_equal(receive(), -EBUSY);
	assert_int_equal(ask(OTHER, "home", 0), CONTROL_DONE);
}

static void test_time(void **state)
{
	(void)state;
	f.serve.path_ns = 50 * LOOP_NSEC_PER_MSEC;
	assert_int_equal(ask(USER, "home/stuck", 0), -ETIMEDOUT);
	assert_non_null(strstr(f.body, "home/stuck"));
	assert_non_null(strstr(f.body, "takes too long"));
	while (f.serve.paths)
		assert_int_equal(loop_once(&f.loop, -1), 0); /* it has been killed */
	assert_null(f.serve.path_users);
}

/* What SIGKILL does not end is in nobody's way but its user's. */
static void test_undead(void **state)
{
	uint64_t waiting;

	(void)state;
	f.serve.path_ns = 50 * LOOP_NSEC_PER_MSEC;
	seen->undead = true;
	for (int i = 0; i < 8; i++)
		(void)send_stuck(USER);
	for (int i = 0; i < 8; i++)
		assert_int_equal(receive(), -ETIMEDOUT);
	while (f.serve.path_places > 0)
		assert_int_equal(loop_once(&f.loop, 10), 0);
	f.serve.path_ns = 10 * LOOP_NSEC_PER_SEC;
	waiting = send_home(USER);
	assert_int_equal(ask(OTHER, "home", 0), CONTROL_DONE);
	assert_int_equal(f.serve.path_places, 0); /* USER's still waits */
	seen->undead = false;
	assert_int_equal(kill(seen->stuck[5], SIGKILL), 0);
	must_finish(waiting);
	assert_int_equal(f.serve.path_places, 0);
}

static void test_gate_gone(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		(void)send_stuck(USER);
	wait_stuck(8);
	f.gate = fd_close(f.gate);
	assert_int_equal(loop_once(&f.loop, 10000), 0);
	assert_int_equal(kill(seen->stuck[0], SIGKILL), 0);
	assert_int_equal(loop_once(&f.loop, 10000), 0);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_answers), T(test_groups),  T(test_several),     T(test_settings),
		T(test_policy),	 T(test_devices), T(test_confinement), T(test_places),
		T(test_turns),	 T(test_signals), T(test_fuse),	       T(test_too_many_wait),
		T(test_time),	 T(test_undead),  T(test_gate_gone),
	};

	if (!test_is_root("asks as several users"))
		return 77;
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return seen == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
