/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the programs of the host that gabion stands on, by what they say to --version. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/capture.h"
#include "base/cleanup.h"
#include "cli/doctor.h"
#include "cli/which.h"

#define VERSION_TIMEOUT_MS 10000

enum found {
	FOUND_YES,
	FOUND_MISSING, /* finding is set */
	FOUND_MUTE,    /* it is there, but its version is not known; finding is set to a warning */
};

struct program {
	const char *name;
	char path[PATH_MAX];
	struct version version;
};

/* Looks for the program and asks its version; says so itself when that fails. */
static enum found look(struct program *p, struct finding *f)
{
	CLEANUP_BUF struct buf out = BUF_INIT(1u << 16);
	const char *argv[] = { p->path, "--version", NULL };
	struct slice text;
	struct slice line;
	int r;

	if (which_find(p->name, p->path) < 0) {
		doctor_problem(f, "%s is not installed", p->name);
		return FOUND_MISSING;
	}
	r = capture(argv, VERSION_TIMEOUT_MS, &out);
	text = buf_slice(&out);
	if (r == 0 && slice_split(&text, '\n', &line) && version_find(line, &p->version) == 0)
		return FOUND_YES;
	doctor_warning(f, "%s --version: %s", p->path,
		       r < 0 ? strerror(-r) : "no version in what it prints");
	doctor_consequence(f, "cannot tell whether it is new enough");
	doctor_cure(f, "run it by hand");
	return FOUND_MUTE;
}

static bool older(const struct program *p, struct version than)
{
	return version_compare(p->version, than) < 0;
}

static void say_version(const struct program *p, struct finding *f)
{
	doctor_ok(f, "%u.%u.%u (%s)", p->version.major, p->version.minor, p->version.patch,
		  p->path);
}

void doctor_dockerd(const struct doctor *d, struct finding *f)
{
	struct program p = { .name = "dockerd" };

	(void)d;
	switch (look(&p, f)) {
	case FOUND_MISSING:
		doctor_consequence(f, "`gabion up` has no engine to start");
		doctor_cure(f, "apt install docker.io, or Docker's own docker-ce");
		return;
	case FOUND_MUTE:
		return;
	case FOUND_YES:
		break;
	}
	if (older(&p, (struct version){ 20, 10, 0 })) {
		doctor_problem(f, "dockerd %u.%u.%u is older than 20.10", p.version.major,
			       p.version.minor, p.version.patch);
		doctor_consequence(f, "it is not tested, and known to lack what gabion relies on");
		doctor_cure(f, "install Docker 20.10 or later");
	} else if (strncmp(p.path, "/snap/", 6) == 0) {
		doctor_warning(f, "dockerd is a snap (%s)", p.path);
		doctor_consequence(f, "snaps see their own /usr and /etc: the engine cannot find "
				      "gabion-runc");
		doctor_cure(f, "install docker.io or docker-ce as a package");
	} else {
		say_version(&p, f);
	}
}

void doctor_containerd(const struct doctor *d, struct finding *f)
{
	struct program p = { .name = "containerd" };

	(void)d;
	switch (look(&p, f)) {
	case FOUND_MISSING:
		doctor_consequence(f, "`gabion up` cannot start its engine");
		doctor_cure(f, "apt install containerd");
		return;
	case FOUND_MUTE:
		return;
	case FOUND_YES:
		say_version(&p, f);
	}
}

void doctor_docker_cli(const struct doctor *d, struct finding *f)
{
	struct program p = { .name = "docker" };

	(void)d;
	switch (look(&p, f)) {
	case FOUND_MISSING:
		f->state = DOCTOR_WARNING;
		doctor_consequence(
			f, "nothing here, but you have to bring a client of the Engine API");
		doctor_cure(f, "apt install docker.io, or docker-cli");
		return;
	case FOUND_MUTE:
		return;
	case FOUND_YES:
		say_version(&p, f);
	}
}

void doctor_iptables(const struct doctor *d, struct finding *f)
{
	struct program p = { .name = "iptables" };

	(void)d;
	switch (look(&p, f)) {
	case FOUND_MISSING:
		doctor_consequence(f,
				   "dockerd does not start: it sets up its networks with iptables");
		doctor_cure(f, "apt install iptables");
		return;
	case FOUND_MUTE:
		return;
	case FOUND_YES:
		say_version(&p, f);
	}
}

void doctor_slirp(const struct doctor *d, struct finding *f)
{
	char path[PATH_MAX];

	(void)d;
	if (which_find("slirp4netns", path) == 0) {
		doctor_ok(f, "%s", path);
		return;
	}
	doctor_warning(f, "slirp4netns is not installed");
	doctor_consequence(
		f, "containers and pulls of an engine that `gabion up` starts reach nothing "
		   "outside of its own network namespace");
	doctor_cure(f, "apt install slirp4netns");
}

void doctor_crun(const struct doctor *d, struct finding *f)
{
	struct program p = { .name = "crun" };
	char runc[PATH_MAX];

	(void)d;
	switch (look(&p, f)) {
	case FOUND_MISSING:
		f->state = which_find("runc", runc) == 0 ? DOCTOR_WARNING : DOCTOR_PROBLEM;
		doctor_consequence(
			f, f->state == DOCTOR_WARNING
				   ? "runc is the lower runtime: slower, and with its own known "
				     "holes (see runc)"
				   : "there is no lower runtime: no container starts");
		doctor_cure(f, "apt install crun");
		return;
	case FOUND_MUTE:
		return;
	case FOUND_YES:
		break;
	}
	if (!older(&p, (struct version){ 1, 8, 0 })) {
		say_version(&p, f);
		return;
	}
	doctor_problem(f, "crun %u.%u.%u is older than 1.8", p.version.major, p.version.minor,
		       p.version.patch);
	doctor_consequence(f,
			   "it cannot join a user namespace that was made before: containers fail");
	doctor_cure(f, "install crun 1.8 or later, or name another lowerRuntime in gabion.json");
}

/* Versions that have the fixes of November 2025 (symlink races that make the runtime itself write
 * or mount on the host). */
static bool runc_has_fixes(struct version v)
{
	if (v.major == 1 && v.minor == 2)
		return v.patch >= 8;
	return version_compare(v, (struct version){ 1, 3, 3 }) >= 0;
}

void doctor_runc(const struct doctor *d, struct finding *f)
{
	struct program p = { .name = "runc" };
	char crun[PATH_MAX];

	(void)d;
	switch (look(&p, f)) {
	case FOUND_MISSING:
		if (which_find("crun", crun) == 0) {
			doctor_ok(f, "not installed, and not needed beside crun");
			return;
		}
		doctor_consequence(f, "there is no lower runtime: no container starts");
		doctor_cure(f, "apt install crun");
		return;
	case FOUND_MUTE:
		return;
	case FOUND_YES:
		break;
	}
	if (older(&p, (struct version){ 1, 1, 0 })) {
		doctor_warning(f, "runc %u.%u.%u is older than 1.1", p.version.major,
			       p.version.minor, p.version.patch);
		doctor_consequence(f, "it cannot be the lower runtime");
		doctor_cure(f, "apt install crun, which is taken first");
	} else if (!runc_has_fixes(p.version)) {
		doctor_warning(f,
			       "runc %u.%u.%u: by its version, CVE-2025-31133, CVE-2025-52565 and "
			       "CVE-2025-52881 are open",
			       p.version.major, p.version.minor, p.version.patch);
		doctor_consequence(
			f, "as the lower runtime it can be raced into writing on the host; the "
			   "user namespace limits what comes of it");
		doctor_cure(
			f,
			"prefer crun (it is taken first where both are installed), or runc 1.2.8, "
			"1.3.3 or later");
	} else {
		say_version(&p, f);
	}
}
