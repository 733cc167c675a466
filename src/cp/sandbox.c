/* SPDX-License-Identifier: Apache-2.0 */
#include "cp/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/util.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED
/* A sanitizer's runtime maps terabytes, makes calls of its own, and reports on standard error. */
#define LIMIT_MEMORY RLIM_INFINITY
#define OTHER_CALLS SCMP_ACT_ERRNO(EPERM)
#define RUNTIME_CALLS SCMP_SYS(sigaltstack), SCMP_SYS(getpid), SCMP_SYS(gettid)
#define STREAMS 2
#else
#define LIMIT_MEMORY (1u << 30)
#define OTHER_CALLS SCMP_ACT_KILL_PROCESS
#define RUNTIME_CALLS SCMP_SYS(exit_group) /* no other */
#define STREAMS 3
#endif

#define LIMIT_FILES 4096

int sandbox_limit(struct err *err)
{
	static const struct {
		__rlimit_resource_t what;
		rlim_t value;
	} limits[] = {
		{ RLIMIT_AS, LIMIT_MEMORY },
		{ RLIMIT_NOFILE, LIMIT_FILES },
		{ RLIMIT_CORE, 0 },
	};

	if (clearenv() != 0)
		return err_set(err, -ENOMEM, "clearenv");
	(void)umask(0);
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit l;

		if (getrlimit(limits[i].what, &l) < 0)
			return err_errno(err, -errno, "getrlimit");
		l.rlim_max =
			MIN(l.rlim_max, limits[i].value); /* root may be one that cannot raise it */
		l.rlim_cur = l.rlim_max;
		if (setrlimit(limits[i].what, &l) < 0)
			return err_errno(err, -errno, "setrlimit");
	}
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_errno(err, -errno, "prctl");
	if (chdir("/") < 0)
		return err_errno(err, -errno, "chdir");
	return 0;
}

int sandbox_become(const struct pin *p, struct err *err)
{
	/* Groups first: a container may have setgroups(2) switched off. */
	if (setgroups(0, NULL) < 0)
		return err_errno(err, -errno, "setgroups");
	if (setns(p->pid, CLONE_NEWPID) < 0)
		return err_errno(err, -errno, "setns pid");
	if (setns(p->user, CLONE_NEWUSER) < 0)
		return err_errno(err, -errno, "setns user");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_errno(err, -errno, "setresuid");
	/* The kernel sets it anew when credentials change, to what fs.suid_dumpable says. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_errno(err, -errno, "prctl");
	return 0;
}

/* Puts from[i] at descriptor 3 + i, something that leads nowhere at 0, 1 and 2, closes all others.
 */
static int arrange_fds(const int *from, size_t n, struct err *err)
{
	int high[4];
	int null = eventfd(0, EFD_CLOEXEC);

	if (null < 0 || n > ARRAY_SIZE(high))
		return err_errno(err, -EMFILE, "eventfd");
	for (size_t i = 0; i < n; i++) {
		high[i] = from[i] < 0 ? -EBADF : fcntl(from[i], F_DUPFD_CLOEXEC, 64);
		if (from[i] >= 0 && high[i] < 0)
			return err_errno(err, -errno, "fcntl");
	}
	for (int fd = 0; fd < STREAMS; fd++)
		if (dup3(null, fd, O_CLOEXEC) < 0 && errno != EINVAL)
			return err_errno(err, -errno, "dup3");
	for (size_t i = 0; i < n; i++) {
		int to = 3 + (int)i;

		if (high[i] < 0)
			(void)close(to);
		else if (dup3(high[i], to, O_CLOEXEC) < 0)
			return err_errno(err, -errno, "dup3");
	}
	if (close_range(3 + (unsigned)n, ~0u, 0) < 0)
		return err_errno(err, -errno, "close_range");
	return 0;
}

int sandbox_enter(const struct pin *p, int data, int status, struct err *err)
{
	CLEANUP_FD int root = -EBADF;
	int keep[3] = { data, status, -EBADF };

	if (setns(p->mnt, CLONE_NEWNS) < 0)
		return err_errno(err, -errno, "setns mnt");
	if (fchdir(p->root) < 0 || chroot(".") < 0)
		return err_errno(err, -errno, "chroot");
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_errno(err, -errno, "open /");
	keep[2] = TAKE_FD(root); /* closed with all others, a copy of it stays */
	return arrange_fds(keep, ARRAY_SIZE(keep), err);
}

static int set_capabilities(const unsigned *caps, size_t n, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	for (size_t i = 0; i < n; i++) {
		data[caps[i] / 32].permitted |= 1u << (caps[i] % 32);
		data[caps[i] / 32].effective |= 1u << (caps[i] % 32);
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &head, data) < 0)
		return err_errno(err, -errno, "capset");
	return 0;
}

/* No children, no threads. */
static int forbid_fork(struct err *err)
{
	struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_NPROC, &none) < 0)
		return err_errno(err, -errno, "setrlimit");
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? err_errno(err, -errno, "prctl") : 0;
}

/* mmap(2) and mprotect(2) as long as nothing becomes executable. */
static int allow_memory(scmp_filter_ctx ctx)
{
	static const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
	struct scmp_arg_cmp not_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(calls) && r == 0; i++)
		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, calls[i], 1, &not_exec);
	return r;
}

static int load_filter(const int *calls, size_t n, struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(OTHER_CALLS);
	int r = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && r == 0; i++)
		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, calls[i], 0, NULL);
	if (r == 0)
		r = allow_memory(ctx);
	if (r == 0)
		r = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return r < 0 ? err_errno(err, r, "seccomp") : 0;
}

int sandbox_lock(struct err *err)
{
	/* What the root of a container needs to write files that are not its own. */
	static const unsigned caps[] = { CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,
					 CAP_FOWNER, CAP_FSETID,       CAP_MKNOD,
					 CAP_SETFCAP };
	static const int calls[] = {
		/* streams and open files */
		SCMP_SYS(read),
		SCMP_SYS(write),
		SCMP_SYS(pwrite64),
		SCMP_SYS(lseek),
		SCMP_SYS(ftruncate),
		SCMP_SYS(poll),
		SCMP_SYS(ppoll),
		SCMP_SYS(close),
		SCMP_SYS(fcntl),
		/* looking */
		SCMP_SYS(openat2),
		SCMP_SYS(fstat),
		SCMP_SYS(newfstatat),
		SCMP_SYS(statx),
		SCMP_SYS(fstatfs),
		SCMP_SYS(getdents64),
		SCMP_SYS(readlinkat),
		SCMP_SYS(fgetxattr),
		/* making and removing */
		SCMP_SYS(mkdirat),
		SCMP_SYS(mknodat),
		SCMP_SYS(symlinkat),
		SCMP_SYS(linkat),
		SCMP_SYS(unlinkat),
		SCMP_SYS(fchown),
		SCMP_SYS(fchownat),
		SCMP_SYS(fchmod),
		SCMP_SYS(utimensat),
		SCMP_SYS(fsetxattr),
		SCMP_SYS(lsetxattr),
		SCMP_SYS(fchdir),
		/* memory, time, the end */
		SCMP_SYS(brk),
		SCMP_SYS(munmap),
		SCMP_SYS(mremap),
		SCMP_SYS(madvise),
		SCMP_SYS(futex),
		SCMP_SYS(getrandom),
		SCMP_SYS(clock_gettime),
		SCMP_SYS(restart_syscall),
		SCMP_SYS(rt_sigreturn),
		SCMP_SYS(exit_group),
		RUNTIME_CALLS,
	};
	int r = set_capabilities(caps, ARRAY_SIZE(caps), err);

	if (r == 0)
		r = forbid_fork(err);
	return r < 0 ? r : load_filter(calls, ARRAY_SIZE(calls), err);
}

int sandbox_watch(int status, int child, int init, struct err *err)
{
	static const int calls[] = {
		SCMP_SYS(poll),	      SCMP_SYS(ppoll),	      SCMP_SYS(write),
		SCMP_SYS(waitid),     SCMP_SYS(wait4),	      SCMP_SYS(pidfd_send_signal),
		SCMP_SYS(brk),	      SCMP_SYS(munmap),	      SCMP_SYS(futex),
		SCMP_SYS(getrandom),  SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
		SCMP_SYS(exit_group), RUNTIME_CALLS,
	};
	/* The numbers of enum sandbox_fd: data has none here. */
	int keep[4] = { -EBADF, status, child, init };
	int r = arrange_fds(keep, ARRAY_SIZE(keep), err);

	if (r == 0)
		r = set_capabilities(NULL, 0, err);
	if (r == 0)
		r = forbid_fork(err);
	return r < 0 ? r : load_filter(calls, ARRAY_SIZE(calls), err);
}
