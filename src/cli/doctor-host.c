/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of how the host is set up: cgroups, id ranges, security modules, gabion.json. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/doctor.h"

#define ID_FILE_MAX (16u << 20)
#define MOUNTINFO_MAX (64u << 20)
#define FEW_CONTAINERS 64

static int note(const struct mountinfo_entry *m, void *data)
{
	cgroup_note(data, m);
	return 0;
}

/* Controllers that the cgroup2 mount offers, 0 when it cannot be read. */
static unsigned unified_controllers(const struct cgroup_layout *layout, bool *ret_any)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	char path[sizeof(layout->unified) + 32];

	*ret_any = false;
	(void)snprintf(path, sizeof(path), "%s/cgroup.controllers", layout->unified);
	if (!layout->v2 || file_read(path, &b) < 0)
		return 0;
	*ret_any = b.n > 1;
	return cgroup_controllers(buf_slice(&b));
}

/* What is mounted, and what is missing of what limits need. */
static void report_cgroup(const struct cgroup_layout *l, unsigned missing, struct finding *f)
{
	static const char *const names[] = { [CGROUP_NONE] = "no cgroups",
					     [CGROUP_V1] = "cgroup v1",
					     [CGROUP_HYBRID] =
						     "cgroup v1 with v2 beside it (hybrid)",
					     [CGROUP_V2] = "cgroup v2" };
	CLEANUP_BUF struct buf b = BUF_INIT(256);
	enum cgroup_mode mode = cgroup_mode(l);

	cgroup_names(missing, &b);
	if (mode == CGROUP_NONE) {
		doctor_problem(f, "no cgroup file system is mounted");
		doctor_consequence(f, "no container starts");
		doctor_cure(f, "mount -t cgroup2 none /sys/fs/cgroup");
	} else if (missing != 0) {
		doctor_warning(f, "%s, without %s", names[mode], b.p);
		doctor_consequence(f, "limits of that kind do not hold (docker run --memory, "
				      "--pids-limit, --cpus; the engine's own memory)");
		doctor_cure(f, mode == CGROUP_V2
				       ? "enable the controller for the root cgroup "
					 "(cgroup.subtree_control) and on the kernel command line"
				       : "mount the hierarchy, or boot with cgroup v2");
	} else if (mode == CGROUP_V2 && !l->nsdelegate) {
		doctor_warning(f, "cgroup v2 without nsdelegate");
		doctor_consequence(
			f, "a container with a cgroup of its own (Docker in Docker, systemd) is "
			   "held by file owners alone, not by the kernel's delegation rules");
		doctor_cure(f, "mount -o remount,nsdelegate %s (systemd does it at boot)",
			    l->unified);
	} else {
		doctor_ok(f, "%s; each container's subtree can be delegated to its root",
			  names[mode]);
	}
}

static int read_layout(struct cgroup_layout *l, struct finding *f)
{
	CLEANUP_BUF struct buf text = BUF_INIT(MOUNTINFO_MAX);
	struct err err = ERR_INIT;

	*l = (struct cgroup_layout){ 0 };
	if (mountinfo_read(&text, &err) == 0 &&
	    mountinfo_each(buf_slice(&text), note, l, &err) >= 0)
		return 0;
	doctor_warning(f, "%s", err.text);
	doctor_consequence(f, "cannot tell how cgroups are mounted");
	doctor_cure(f, "mount /proc");
	return -EIO;
}

void doctor_cgroup(const struct doctor *d, struct finding *f)
{
	struct cgroup_layout l;
	unsigned have;
	bool any;

	(void)d;
	if (read_layout(&l, f) < 0)
		return;
	have = unified_controllers(&l, &any);
	if (cgroup_mode(&l) == CGROUP_V2)
		report_cgroup(&l, CGROUP_WANTED_V2 & ~have, f);
	else
		report_cgroup(&l, CGROUP_WANTED_V1 & ~(l.controllers | have), f);
}

void doctor_hybrid(const struct doctor *d, struct finding *f)
{
	struct cgroup_layout l;
	bool any = false;

	if (read_layout(&l, f) < 0)
		return;
	(void)unified_controllers(&l, &any);
	if (cgroup_mode(&l) != CGROUP_HYBRID || !any) {
		doctor_ok(f, "crun accepts this layout of cgroups");
		return;
	}
	if (d->inst->private_dir) {
		doctor_ok(
			f,
			"hybrid cgroups with controllers in %s, which crun refuses: gabiond hides "
			"that mount from the engine that it starts",
			l.unified);
		return;
	}
	doctor_warning(f, "%s has controllers although cgroup v1 is in use", l.unified);
	doctor_consequence(
		f, "crun refuses every container there (\"cgroups in hybrid mode not "
		   "supported\"); `gabion up` hides that mount from its engine, the host's own "
		   "engine sees it");
	doctor_cure(
		f,
		"boot with systemd.unified_cgroup_hierarchy=1, or use runc as the lower runtime");
}

/* Who else has ids of the pool, in one of the host's files. */
static size_t others_in(const char *path, bool sub, const struct ranges *pool, struct buf *out)
{
	CLEANUP_BUF struct buf text = BUF_INIT(ID_FILE_MAX);
	CLEANUP_BUF struct buf who = BUF_INIT(512);
	size_t n;

	if (file_read(path, &text) < 0)
		return 0;
	n = sub ? subid_others(buf_slice(&text), "gabion", pool, &who)
		: accounts_within(buf_slice(&text), pool, &who);
	if (n > 0)
		buf_printf(out, "%s%s: %s", out->n > 0 ? "; " : "", path,
			   buf_ok(&who) ? who.p : "?");
	return n;
}

static uint64_t count_ids(const struct ranges *pool)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < pool->n; i++)
		sum += pool->r[i].count;
	return sum;
}

static void report_ids(const struct facts *facts, const struct ranges *pool, struct finding *f)
{
	static const char *const subs[] = { "/etc/subuid", "/etc/subgid" };
	static const char *const accounts[] = { "/etc/passwd", "/etc/group" };
	CLEANUP_BUF struct buf out = BUF_INIT(DOCTOR_TEXT_MAX);
	uint64_t room = count_ids(pool) / facts->ids_per_container;
	const char *source = facts->has_range ? "idRange of gabion.json"
			     : pool->n == 1 && pool->r[0].start == RANGES_START
				     ? "default"
				     : "gabion's entry in /etc/subuid";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(subs); i++)
		n += others_in(subs[i], true, pool, &out);
	for (size_t i = 0; i < ARRAY_SIZE(accounts); i++)
		n += others_in(accounts[i], false, pool, &out);
	if (n > 0) {
		doctor_warning(f, "ids of the containers' range belong to others too: %s", out.p);
		doctor_consequence(
			f, "gabion never hands those out, but root in the user namespace of "
			   "those users could be given ids of a container by newuidmap");
		doctor_cure(
			f, "give gabion a range of its own: a `gabion` line in /etc/subuid and the "
			   "same in /etc/subgid");
	} else if (room < FEW_CONTAINERS) {
		doctor_warning(f, "the range (%s) has room for %llu containers of %u ids", source,
			       (unsigned long long)room, facts->ids_per_container);
		doctor_consequence(f, "the next one fails to start with a clear error");
		doctor_cure(f, "a longer range in /etc/subuid and /etc/subgid, or fewer "
			       "\"idsPerContainer\" in gabion.json");
	} else {
		doctor_ok(f, "%u to %llu (%s): %llu containers of %u ids", pool->r[0].start,
			  (unsigned long long)pool->r[pool->n - 1].start +
				  pool->r[pool->n - 1].count - 1,
			  source, (unsigned long long)room, facts->ids_per_container);
	}
}

void doctor_settings(const struct doctor *d, struct finding *f)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 22);
	struct err err = ERR_INIT;
	struct facts facts;

	if (facts_load(&a, d->inst, &facts, &err) == 0) {
		doctor_ok(f, "%s/gabion.json is absent or reads well", d->inst->etc);
		return;
	}
	doctor_problem(f, "%s", err.text);
	doctor_consequence(f, "no container starts");
	doctor_cure(f, "correct it; gabion.json(5) lists the keys");
}

void doctor_ids(const struct doctor *d, struct finding *f)
{
	CLEANUP_FREE struct ranges *pool = calloc(1, sizeof(*pool));
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 22);
	struct err err = ERR_INIT;
	struct facts facts;

	if (!pool)
		return;
	if (facts_load(&a, d->inst, &facts, &err) < 0 || ranges_pool(&facts, pool, &err) < 0) {
		doctor_problem(f, "%s", err.text);
		doctor_consequence(f, "no container starts");
		doctor_cure(f, "make the two entries the same, or correct gabion.json");
		return;
	}
	report_ids(&facts, pool, f);
}

/* The first byte of a file, 0 when there is none. */
static char first_byte(const char *path)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = '\0';

	if (fd >= 0)
		(void)!read(fd, &c, 1);
	return c;
}

void doctor_lsm(const struct doctor *d, struct finding *f)
{
	bool apparmor = first_byte("/sys/module/apparmor/parameters/enabled") == 'Y';
	char selinux = first_byte("/sys/fs/selinux/enforce");

	(void)d;
	if (selinux == '1') {
		doctor_warning(f, "SELinux is enforcing");
		doctor_consequence(
			f, "labels are passed on as the engine sets them, but gabion has not "
			   "been tested there");
		doctor_cure(f, "watch `ausearch -m avc`, and tell us");
	} else if (apparmor) {
		doctor_ok(f, "AppArmor is on; the profile that the engine asks for is kept");
	} else {
		doctor_ok(f, "no AppArmor, SELinux %s", selinux == '0' ? "permissive" : "off");
	}
}
