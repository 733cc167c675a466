/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"

/* Must: nothing of the bounding set stays, so that no exec could bring a capability back. */
static int drop_bounding(uint64_t keep, struct err *err)
{
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if ((keep & (1ull << cap)) || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return err_errno(err, -errno, "dropping capability %lu", cap);
	}
	return 0;
}

static int drop_capabilities(uint64_t keep, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct left[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_errno(err, -errno, "clearing ambient capabilities");
	if (syscall(SYS_capget, &head, now) < 0)
		return err_errno(err, -errno, "reading capabilities");
	for (size_t i = 0; i < ARRAY_SIZE(left); i++)
		left[i].effective = left[i].permitted =
			now[i].permitted & (uint32_t)(keep >> (32 * i));
	if (syscall(SYS_capset, &head, left) < 0)
		return err_errno(err, -errno, "dropping capabilities");
	if (syscall(SYS_capget, &head, now) < 0)
		return err_errno(err, -errno, "reading capabilities");
	for (size_t i = 0; i < ARRAY_SIZE(now); i++)
		if (now[i].effective != left[i].effective ||
		    now[i].permitted != left[i].permitted || now[i].inheritable)
			return err_set(err, -EPERM, "capabilities are still there");
	return 0;
}

static int change_user(uid_t uid, gid_t gid, struct err *err)
{
	uid_t u[3];
	gid_t g[3];

	if (setgroups(0, NULL) < 0 && (uid != SANDBOX_KEEP || gid != SANDBOX_KEEP))
		return err_errno(err, -errno, "dropping supplementary groups");
	if (gid != SANDBOX_KEEP && setresgid(gid, gid, gid) < 0)
		return err_errno(err, -errno, "becoming group %u", gid);
	if (uid != SANDBOX_KEEP && setresuid(uid, uid, uid) < 0)
		return err_errno(err, -errno, "becoming user %u", uid);
	if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
		return err_errno(err, -errno, "reading user and group");
	if (uid != SANDBOX_KEEP && (u[0] != uid || u[1] != uid || u[2] != uid))
		return err_set(err, -EPERM, "still another user");
	if (gid != SANDBOX_KEEP && (g[0] != gid || g[1] != gid || g[2] != gid))
		return err_set(err, -EPERM, "still another group");
	return 0;
}

int sandbox_user(uid_t uid, gid_t gid, struct err *err)
{
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, -errno, "no_new_privs");
	r = drop_bounding(0, err); /* needs CAP_SETPCAP, which changing the user takes away */
	if (r == 0)
		r = change_user(uid, gid, err);
	if (r == 0)
		r = drop_capabilities(0, err);
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = err_errno(err, -errno, "switching core dumps off");
	return r;
}

int sandbox_keep(const uint8_t *caps, size_t n, struct err *err)
{
	uint64_t keep = 0;
	int r;

	for (size_t i = 0; i < n; i++)
		keep |= 1ull << caps[i];
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, -errno, "no_new_privs");
	r = drop_bounding(keep, err);
	if (r == 0)
		r = drop_capabilities(keep, err);
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = err_errno(err, -errno, "switching core dumps off");
	return r;
}

int sandbox_limits(const struct sandbox_limit *limits, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct rlimit now;
		struct rlimit want;

		if (getrlimit(limits[i].resource, &now) < 0)
			return err_errno(err, -errno, "limit %d", limits[i].resource);
		want.rlim_max = MIN((rlim_t)limits[i].most, now.rlim_max);
		want.rlim_cur = want.rlim_max;
		if (setrlimit(limits[i].resource, &want) < 0)
			return err_errno(err, -errno, "limit %d", limits[i].resource);
	}
	return 0;
}

static int add_rule(scmp_filter_ctx ctx, const struct sandbox_rule *rule)
{
	int nr = seccomp_syscall_resolve_name(rule->call);
	int r = 0;

	if (nr == __NR_SCMP_ERROR)
		return 0;
	if (!rule->only)
		return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
	for (const uint64_t *v = rule->only; *v != UINT64_MAX && r == 0; v++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 1,
				     SCMP_CMP(rule->argument, SCMP_CMP_EQ, *v, 0));
	return r;
}

int sandbox_seccomp(const struct sandbox_rule *rules, size_t n, struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && r == 0; i++) {
		r = add_rule(ctx, &rules[i]);
		if (r < 0)
			(void)err_errno(err, r, "system call filter: %s", rules[i].call);
	}
	if (r == 0) {
		r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
		if (r == 0)
			r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
		if (r == 0)
			r = seccomp_load(ctx);
		if (r < 0)
			(void)err_errno(err, r, "loading the system call filter");
	}
	if (ctx)
		seccomp_release(ctx);
	return r;
}

int sandbox_program(const struct sandbox_rule *rules, size_t n, struct err *err)
{
#ifdef __SANITIZE_ADDRESS__
	(void)rules;
	(void)n;
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return err_errno(err, -errno, "looking for leaks by ptrace");
	return 0;
#else
	return sandbox_seccomp(rules, n, err);
#endif
}
