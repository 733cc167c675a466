/* SPDX-License-Identifier: Apache-2.0 */
#include "vet/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/sandbox.h"
#include "base/util.h"

#define FILES_MAX 65536 /* listeners: one a container and one an exec */

/* Also of the processes that act for a container. */
static const struct sandbox_rule rules[] = {
	{ .call = "accept4" },
	{ .call = "brk" },
	{ .call = "capset" },
	{ .call = "chdir" },
	{ .call = "chroot" },
	{ .call = "clock_gettime" },
	{ .call = "clock_nanosleep" },
	{ .call = "clone" },
	{ .call = "clone3" },
	{ .call = "close" },
	{ .call = "close_range" },
	{ .call = "connect" },
	{ .call = "dup" },
	{ .call = "epoll_create1" },
	{ .call = "epoll_ctl" },
	{ .call = "epoll_pwait" },
	{ .call = "epoll_wait" },
	{ .call = "exit" },
	{ .call = "exit_group" },
	{ .call = "fchdir" },
	{ .call = "fchmod" },
	{ .call = "fchmodat" },
	{ .call = "fchown" },
	{ .call = "fchownat" },
	{ .call = "fcntl" },
	{ .call = "fsconfig" },
	{ .call = "fsmount" },
	{ .call = "fsopen" },
	{ .call = "fspick" },
	{ .call = "fstat" },
	{ .call = "fstatfs" },
	{ .call = "futex" },
	{ .call = "getdents64" },
	{ .call = "getpid" },
	{ .call = "getrandom" },
	{ .call = "getsockopt" },
	{ .call = "gettid" },
	{ .call = "ioctl" },
	{ .call = "kill" },
	{ .call = "listen" },
	{ .call = "lseek" },
	{ .call = "madvise" },
	{ .call = "mkdirat" },
	{ .call = "mmap" },
	{ .call = "mount_setattr" },
	{ .call = "move_mount" },
	{ .call = "mprotect" },
	{ .call = "munmap" },
	{ .call = "newfstatat" },
	{ .call = "open" },
	{ .call = "open_tree" },
	{ .call = "openat" },
	{ .call = "openat2" },
	{ .call = "pipe2" },
	{ .call = "poll" },
	{ .call = "ppoll" },
	{ .call = "prctl" },
	{ .call = "pread64" },
	{ .call = "process_vm_readv" },
	{ .call = "read" },
	{ .call = "readlink" },
	{ .call = "readlinkat" },
	{ .call = "recvmsg" },
	{ .call = "rename" },
	{ .call = "restart_syscall" },
	{ .call = "rseq" },
	{ .call = "rt_sigaction" },
	{ .call = "rt_sigprocmask" },
	{ .call = "rt_sigreturn" },
	{ .call = "sched_getaffinity" },
	{ .call = "sched_yield" },
	{ .call = "sendmsg" },
	{ .call = "set_robust_list" },
	{ .call = "setgroups" },
	{ .call = "setitimer" },
	{ .call = "setns" },
	{ .call = "setresgid" },
	{ .call = "setresuid" },
	{ .call = "setsockopt" },
	{ .call = "socket" },
	{ .call = "socketpair" },
	{ .call = "statx" },
	{ .call = "umount2" },
	{ .call = "unlink" },
	{ .call = "unshare" },
	{ .call = "bind" },
	{ .call = "wait4" },
	{ .call = "write" },
	{ .call = "writev" },
	{ .call = "getppid" },
};

int privileges_drop(struct err *err)
{
	static const uint8_t keep[] = {
		CAP_CHOWN, /* the folder that masks folders belongs to the container's root */
		CAP_DAC_OVERRIDE,    /* cgroup.procs of a container that owns its cgroup */
		CAP_DAC_READ_SEARCH, /* emulated nodes */
		CAP_SETGID,	     /* to resolve a path as the thread that asks … */
		CAP_SETUID,	     CAP_SETPCAP, CAP_SYS_ADMIN, /* namespaces, mounts */
		CAP_SYS_CHROOT,					 /* setns(2) to a mount namespace */
		CAP_SYS_PTRACE, /* to read a thread's arguments and open its namespaces */
	};
	static const struct sandbox_limit limits[] = {
		{ RLIMIT_NOFILE, FILES_MAX },
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_MEMLOCK, 0 },
	};
	int r = sandbox_keep(keep, ARRAY_SIZE(keep), err);

	if (r == 0)
		r = sandbox_limits(limits, ARRAY_SIZE(limits), err);
	return r == 0 ? sandbox_program(rules, ARRAY_SIZE(rules), err) : r;
}
