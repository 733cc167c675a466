// SPDX-License-Identifier: Apache-2.0
/* System calls that act on the host where they are not refused. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>

#include "ops.h"

/* Too many segments are EINVAL, behind the check. */
static void kexec(const char *arg)
{
	(void)arg;
	if (syscall(SYS_kexec_load, 0UL, 99UL, NULL, 0UL) < 0)
		say_reached("kexec_load", EINVAL);
	say("REACHED", "");
}

static void modload(const char *arg)
{
	(void)arg;
	if (syscall(SYS_finit_module, -1, "", 0) < 0)
		say_reached("finit_module", EBADF);
	say("REACHED", "");
}

static bool loaded(const char *const *names)
{
	static char text[262144];
	char line[80];

	if (read_text("/proc/modules", text, sizeof(text)) < 0)
		return false;
	for (; *names; names++) {
		snprintf(line, sizeof(line), "%s ", *names);
		for (const char *at = text; (at = strstr(at, line)); at++)
			if (at == text || at[-1] == '\n')
				return true;
	}
	return false;
}

/* The kernel has the host load what is missing before it looks at rights. Rare ones, that nobody
 * uses here. */
static void autoload_types(const char *arg)
{
	static const char *const types[] = { "ntfs3", "hfsplus", "minix", "romfs",
					     "ceph",  "ufs",	 NULL };

	(void)arg;
	if (loaded(types))
		say("UNDECIDED", "one is loaded already");
	for (size_t i = 0; types[i]; i++)
		(void)mount("none", "/mnt", types[i], MS_RDONLY, NULL);
	say(loaded(types) ? "LOADED" : "NONE", "");
}

static void autoload_families(const char *arg)
{
	static const int families[] = { 3, 6, 9, 11, 21, 30, 35 };
	static const char *const names[] = { "ax25", "netrom", "x25",	 "rose",
					     "rds",  "tipc",   "phonet", NULL };

	(void)arg;
	if (loaded(names))
		say("UNDECIDED", "one is loaded already");
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		close((int)syscall(SYS_socket, families[i], 5, 0));
	say(loaded(names) ? "LOADED" : "NONE", "");
}

/* For a key that is not there the kernel starts /sbin/request-key of the host, as root, with the
 * text given. */
static void request_key(const char *arg)
{
	(void)arg;
	if (syscall(SYS_request_key, "user", "gabion-escape:none", "nothing", 0) < 0 &&
	    errno != ENOENT)
		say_reached("request_key", ENOKEY);
	say("REACHED", ""); /* ENOENT: the host has no such program */
}

/* Nothing to trim: EINVAL and EOPNOTSUPP are behind the check. */
static void trim(const char *where)
{
	struct fstrim_range range = { .start = UINT64_MAX };
	int fd = open(where, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		say_errno("open");
	if (ioctl(fd, FITRIM, &range) < 0 && errno != EOPNOTSUPP)
		say_reached("FITRIM", EINVAL);
	say("REACHED", where);
}

/* The quota that a file of the host's disk counts for. */
static void project(const char *where)
{
	struct fsxattr attr;
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/file", where);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &attr) < 0)
		say_errno("fsgetxattr");
	attr.fsx_projid++;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &attr) < 0)
		say_errno("fssetxattr");
	attr.fsx_projid--;
	(void)ioctl(fd, FS_IOC_FSSETXATTR, &attr);
	say("SET", where);
}

static void userfault(const char *arg)
{
	(void)arg;
	if (syscall(SYS_userfaultfd, O_CLOEXEC) < 0)
		say_errno("userfaultfd");
	say("OPEN_OK", "");
}

/* It can do nothing that the calls it stands for could not, but no filter sees it: whoever vets by
 * filter must refuse it. */
static void uring(const char *arg)
{
	struct io_uring_params params = { 0 };

	(void)arg;
	if (syscall(SYS_io_uring_setup, 1, &params) < 0)
		say_errno("io_uring_setup");
	say("OPEN_OK", "");
}

/* A key of the host's root, whose number the harness tells. */
static void foreign_key(const char *arg)
{
	const char *serial = getenv("ESCAPE_KEY");
	char text[64];

	(void)arg;
	if (!serial)
		say("UNDECIDED", "no ESCAPE_KEY");
	if (syscall(SYS_keyctl, KEYCTL_READ, strtol(serial, NULL, 10), text, sizeof(text), 0) < 0)
		say_errno("keyctl read");
	say("READ", "");
}

static int spin(void *arg)
{
	(void)arg;
	return 0;
}

static void clone_all(const char *arg)
{
	static char stack[65536];
	int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
		    CLONE_NEWUTS | CLONE_NEWCGROUP;
	pid_t pid = clone(spin, stack + sizeof(stack), flags | SIGCHLD, NULL);

	(void)arg;
	if (pid < 0)
		say_errno("clone");
	waitpid(pid, NULL, 0);
	say("MADE", "");
}

/* Paths that there are not: ENOENT comes behind the check. */
static void swap(const char *arg)
{
	(void)arg;
	if (swapon("/nonexistent/swap", 0) < 0)
		say_reached("swapon", ENOENT);
	say("REACHED", "");
}

static void account(const char *arg)
{
	(void)arg;
	if (acct("/nonexistent/acct") < 0)
		say_reached("acct", ENOENT);
	say("REACHED", "");
}

static void timezone_same(const char *arg)
{
	struct timezone tz;

	(void)arg;
	if (syscall(SYS_gettimeofday, NULL, &tz) < 0)
		say_errno("gettimeofday");
	if (syscall(SYS_settimeofday, NULL, &tz) < 0)
		say_errno("settimeofday");
	say("SET", "");
}

static void adjust_same(const char *arg)
{
	struct timex t = { 0 };

	(void)arg;
	if (adjtimex(&t) < 0)
		say_errno("adjtimex");
	t.modes = ADJ_TICK;
	if (adjtimex(&t) < 0)
		say_errno("adjtimex");
	say("SET", "");
}

static void realtime(const char *arg)
{
	struct sched_param param = { .sched_priority = 1 };

	(void)arg;
	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		say_errno("sched_setscheduler");
	say("SET", "");
}

static void nicer(const char *arg)
{
	(void)arg;
	if (setpriority(PRIO_PROCESS, 0, -5) < 0)
		say_errno("setpriority");
	say("SET", "");
}

static void oom_score(const char *arg)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	(void)arg;
	if (fd < 0)
		say_errno("open");
	if (write(fd, "-900", 4) < 0)
		say_errno("write");
	say("SET", "");
}

static void hard_limit(const char *arg)
{
	struct rlimit limit;

	(void)arg;
	if (getrlimit(RLIMIT_MSGQUEUE, &limit) < 0)
		say_errno("getrlimit");
	limit.rlim_max++;
	if (setrlimit(RLIMIT_MSGQUEUE, &limit) < 0)
		say_errno("setrlimit");
	say("SET", "");
}

/* Would report everything that happens on the host's disk. */
static void fanotify(const char *where)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC, 0);

	if (fd < 0)
		say_errno("init");
	if (fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN, AT_FDCWD, where) < 0)
		say_errno("mark");
	say("MARKED", where);
}

static void trusted(const char *where)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/file", where);
	if (setxattr(path, "trusted.escape", "x", 1, 0) < 0)
		say_errno("setxattr");
	(void)removexattr(path, "trusted.escape");
	say("SET", where);
}

static void immutable(const char *where)
{
	char path[256];
	int fd, flags = 0;

	snprintf(path, sizeof(path), "%s/file", where);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		say_errno("getflags");
	flags |= FS_IMMUTABLE_FL;
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)
		say_errno("setflags");
	flags &= ~FS_IMMUTABLE_FL;
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
	say("SET", where);
}

static void uid_outside(const char *arg)
{
	(void)arg;
	if (setresuid(65536, 65536, 65536) < 0)
		say_errno("setresuid");
	say("SET", "");
}

static void info(const char *arg)
{
	struct sysinfo i;
	char text[64];

	(void)arg;
	if (sysinfo(&i) < 0)
		say_errno("sysinfo");
	snprintf(text, sizeof(text), "%ld", i.uptime);
	say("VALUE", text);
}

static void unknown_calls(const char *arg)
{
	(void)arg;
	/* far behind what any kernel has; numbers between may be calls that we do not know */
	for (long n = 900; n < 1000; n++) {
		errno = 0;
		if (syscall(n, 0L, 0L, 0L, 0L, 0L, 0L) >= 0 || (errno != ENOSYS && errno != EPERM))
			say("REACHED", strerrorname_np(errno));
	}
	say("ENOSYS", "");
}

const struct probe probes_call[] = {
	{ "C01", "", 0, kexec, NULL },
	{ "C02", "", 0, modload, NULL },
	{ "C03", "", PROBE_MOUNTS, autoload_types, NULL },
	{ "C43", "", 0, autoload_families, NULL },
	{ "C41", "", 0, request_key, NULL },
	{ "C45", "", 0, trim, RW_BIND },
	{ "C25", "project", 0, project, RW_BIND },
	{ "C07", "", 0, userfault, NULL },
	{ "C08", "", 0, uring, NULL },
	{ "C09", "", 0, foreign_key, NULL },
	{ "C15", "", 0, clone_all, NULL },
	{ "C17", "swapon", 0, swap, NULL },
	{ "C17", "acct", 0, account, NULL },
	{ "C19", "timezone", 0, timezone_same, NULL },
	{ "C19", "adjtimex", 0, adjust_same, NULL },
	{ "C21", "fifo", 0, realtime, NULL },
	{ "C21", "nice", 0, nicer, NULL },
	{ "C21", "oom", 0, oom_score, NULL },
	{ "C21", "limit", 0, hard_limit, NULL },
	{ "C23", "root", 0, fanotify, "/" },
	{ "C23", "bind", 0, fanotify, RO_BIND },
	{ "C25", "trusted", 0, trusted, RW_BIND },
	{ "C25", "immutable", 0, immutable, RW_BIND },
	{ "C27", "", 0, uid_outside, NULL },
	{ "C29", "", 0, info, NULL },
	{ "A09", "", 0, unknown_calls, NULL },
	{ .id = NULL },
};
