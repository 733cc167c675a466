/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the kernel; what it can do is tried, not concluded from its version. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/doctor.h"
#include "linux/probe.h"
#include "linux/userns.h"

#define FLOOR ((struct version){ 6, 1, 0 })
#define USERNS_FEW 256 /* fewer user namespaces than this are worth a word */

void doctor_kernel(const struct doctor *d, struct finding *f)
{
	struct utsname u;

	(void)uname(&u);
	if (d->kernel.major == 0) {
		doctor_warning(f, "Linux %s, which is no version that could be compared",
			       u.release);
		doctor_consequence(f, "what is missing shows in the checks below only");
		doctor_cure(f, "none needed when they are ok");
	} else if (version_compare(d->kernel, FLOOR) < 0) {
		doctor_problem(f, "Linux %s is older than 6.1", u.release);
		doctor_consequence(
			f, "nothing below 6.1 is tested; each feature that is missing has a "
			   "line of its own below");
		doctor_cure(f,
			    "install a kernel of 6.1 or later (Debian 12, Ubuntu 24.04 have one)");
	} else {
		doctor_ok(f, "Linux %s (%u.%u.%u; 6.1 is needed)", u.release, d->kernel.major,
			  d->kernel.minor, d->kernel.patch);
	}
}

void doctor_holes(const struct doctor *d, struct finding *f)
{
	CLEANUP_BUF struct buf open_ones = BUF_INIT(DOCTOR_TEXT_MAX / 2);

	if (d->kernel.major == 0) {
		doctor_warning(f, "cannot tell which fixes this kernel has");
		doctor_consequence(f, "old holes of the kernel let a container out of any cage");
		doctor_cure(f, "keep it up to date");
		return;
	}
	for (size_t i = 0; i < kernel_holes_count; i++) {
		const struct kernel_hole *h = &kernel_holes[i];

		if (!kernel_hole_fixed(h, d->kernel))
			buf_printf(&open_ones, "%s%s (%s)", open_ones.n > 0 ? ", " : "", h->id,
				   h->what);
	}
	if (open_ones.n == 0) {
		doctor_ok(f, "has the fixes of %zu known ways out of a user namespace",
			  kernel_holes_count);
		return;
	}
	doctor_warning(f, "by its version this kernel has %s", open_ones.p);
	doctor_consequence(f,
			   "these holes are reachable from a user namespace: root in a container "
			   "becomes root on the host");
	doctor_cure(f, "update the kernel; if the distribution has brought the fixes back to this "
		       "version, its security tracker says so");
}

void doctor_wsl(const struct doctor *d, struct finding *f)
{
	struct utsname u;
	int generation;

	(void)uname(&u);
	generation = wsl_generation(slice_str(u.release));
	if (generation == 0) {
		doctor_ok(f, "this host is not WSL");
		return;
	}
	if (generation == 1) {
		doctor_problem(f, "this is WSL 1");
		doctor_consequence(f, "it is no Linux kernel: there are no namespaces");
		doctor_cure(f, "wsl --set-version DISTRIBUTION 2");
		return;
	}
	doctor_warning(f, "this is WSL 2, which has two gaps that nothing inside can close");
	doctor_consequence(
		f, "direct access: every Windows user of this machine becomes root here with "
		   "`wsl -d DISTRIBUTION -u root` and can change the engine and gabion; "
		   "shared kernel: all WSL 2 distributions run on one kernel, so another "
		   "one can change kernel settings that the containers' isolation rests on");
	doctor_cure(f,
		    "where users must not get around it, run the engine in a Hyper-V machine or on "
		    "a Linux host with a kernel of its own");
}

void doctor_openat2(const struct doctor *d, struct finding *f)
{
	int r = probe_openat2();

	(void)d;
	if (r == 0) {
		doctor_ok(f, "openat2 (5.6) works");
		return;
	}
	doctor_problem(f, "openat2 (5.6) fails: %s", strerror(-r));
	doctor_consequence(f,
			   "paths in a container cannot be resolved safely: no container starts");
	doctor_cure(
		f,
		"a newer kernel; in a container or sandbox, a seccomp filter that allows openat2");
}

/* user.max_user_namespaces, or -1. */
static int64_t max_userns(void)
{
	CLEANUP_BUF struct buf b = BUF_INIT(64);
	uint64_t n;

	if (file_read("/proc/sys/user/max_user_namespaces", &b) < 0 || b.n == 0)
		return -1;
	return num_parse_u64((struct slice){ b.p, b.n - 1 }, INT32_MAX, &n) == 0 ? (int64_t)n : -1;
}

void doctor_userns(const struct doctor *d, struct finding *f)
{
	CLEANUP_FREE struct idmap *map = calloc(1, sizeof(*map));
	CLEANUP_FD int fd = -EBADF;
	struct err err = ERR_INIT;
	int64_t limit = max_userns();

	if (!d->root) {
		doctor_needs_root(f, "whether user namespaces can be made");
		return;
	}
	if (!map || idmap_add(map, 0, RANGES_START, FACTS_IDS_PER_CONTAINER) < 0)
		return;
	fd = userns_create(map, map, RANGES_START, &err);
	if (fd < 0) {
		doctor_problem(f, "%s", err.text);
		doctor_consequence(f, "no container starts");
		doctor_cure(
			f,
			"sysctl user.max_user_namespaces=65536, and a kernel with CONFIG_USER_NS; "
			"in a container or sandbox, one that allows them");
	} else if (limit >= 0 && limit < USERNS_FEW) {
		doctor_warning(f, "user.max_user_namespaces is %lld", (long long)limit);
		doctor_consequence(f,
				   "each container needs one, and what runs in it may need more");
		doctor_cure(f, "sysctl user.max_user_namespaces=65536");
	} else {
		doctor_ok(f, "user namespaces owned by a container's own root work");
	}
}

void doctor_seccomp(const struct doctor *d, struct finding *f)
{
	int notify = probe_seccomp_flag(SECCOMP_FILTER_FLAG_NEW_LISTENER);
	int killable = probe_seccomp_flag(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	int wake = notify == 0 ? probe_notify_sync_wake_up() : notify;

	(void)d;
	if (notify < 0) {
		doctor_problem(f, "seccomp user notification (5.0) fails: %s", strerror(-notify));
		doctor_consequence(f, "containers with CAP_SYS_ADMIN do not start");
		doctor_cure(f, "a kernel with CONFIG_SECCOMP_FILTER");
	} else if (killable < 0) {
		doctor_warning(
			f, "seccomp user notification works, WAIT_KILLABLE_RECV (5.19) fails: %s",
			strerror(-killable));
		doctor_consequence(f, "signals can interrupt a system call while it is vetted");
		doctor_cure(f, "Linux 5.19 or later");
	} else if (wake < 0) {
		doctor_ok(f, "seccomp user notification and WAIT_KILLABLE_RECV work; without "
			     "SYNC_WAKE_UP (6.6), vetting costs five times as much");
	} else {
		doctor_ok(f, "seccomp user notification, WAIT_KILLABLE_RECV and SYNC_WAKE_UP work");
	}
}

void doctor_pidfd(const struct doctor *d, struct finding *f)
{
	int r = probe_pidfd();

	(void)d;
	if (r == 0) {
		doctor_ok(f,
			  probe_peer_pidfd() == 0
				  ? "pidfd_open (5.3) and SO_PEERPIDFD (6.5) work"
				  : "pidfd_open (5.3) works; for want of SO_PEERPIDFD (6.5), each "
				    "connection has one more descriptor");
		return;
	}
	doctor_problem(f, "pidfd_open (5.3) fails: %s", strerror(-r));
	doctor_consequence(f, "gabiond cannot tell its processes from others, and does not start");
	doctor_cure(f,
		    "a newer kernel; in a container or sandbox, a seccomp filter that allows it");
}

void doctor_fuse(const struct doctor *d, struct finding *f)
{
	CLEANUP_FD int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r = fd < 0 ? -errno : 0;

	if (r == 0) {
		doctor_ok(f, "/dev/fuse opens");
	} else if (r == -EACCES && !d->root) {
		doctor_needs_root(f, "whether /dev/fuse opens");
	} else {
		doctor_problem(f, "/dev/fuse does not open: %s", strerror(-r));
		doctor_consequence(
			f, "`gabion up` fails: files of /proc and /sys are emulated with it");
		doctor_cure(f, "modprobe fuse");
	}
}
