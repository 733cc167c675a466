/* SPDX-License-Identifier: Apache-2.0 */
/* What `gabion doctor` reads out of texts of the host. Pure: no file is opened here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "linux/mountinfo.h"
#include "settings/ranges.h"

struct version {
	uint32_t major;
	uint32_t minor;
	uint32_t patch;
};

/* The first "N.N" or "N.N.N" of the text that is not the tail of a word ("v1.7.2" counts), as
 * `dockerd --version`, uname(2) and the like print it. 0 or -ENOENT. */
int version_find(struct slice text, struct version *ret);

/* Less than, equal to, greater than 0. */
int version_compare(struct version a, struct version b);

/* The kernel.org version that a distribution's kernel is made from, which its release ("6.1.0-37",
 * "6.8.0-31-generic") does not tell: Debian says it in uname's version ("… Debian 6.1.140-1 …"),
 * Ubuntu at the end of /proc/version_signature. What is not known is SLICE_NULL. 0 or -ENOENT. */
int kernel_base_version(struct slice release, struct slice uname_version, struct slice signature,
			struct version *ret);

/* 0: not WSL, 1 or 2: its generation, by the kernel's release. */
int wsl_generation(struct slice release);

/* A hole of the kernel that matters more where user namespaces are given to everybody. */
struct kernel_hole {
	const char *id;
	const char *what;
	struct version fixed;	    /* first release that has the fix */
	struct version branches[6]; /* stable releases that got it, each in its own branch */
};
extern const struct kernel_hole kernel_holes[];
extern const size_t kernel_holes_count;

/* Whether a kernel.org release has the fix. */
bool kernel_hole_fixed(const struct kernel_hole *hole, struct version kernel);

enum cgroup_mode {
	CGROUP_NONE,
	CGROUP_V1,     /* hierarchies of version 1 only */
	CGROUP_HYBRID, /* version 1, and version 2 beside it */
	CGROUP_V2,
};

enum cgroup_controller {
	CGROUP_CPU = 1u << 0,
	CGROUP_DEVICES = 1u << 1, /* version 2 has BPF programs instead */
	CGROUP_FREEZER = 1u << 2, /* always there in version 2 */
	CGROUP_MEMORY = 1u << 3,
	CGROUP_PIDS = 1u << 4,
};
#define CGROUP_WANTED_V1 \
	(CGROUP_CPU | CGROUP_DEVICES | CGROUP_FREEZER | CGROUP_MEMORY | CGROUP_PIDS)
#define CGROUP_WANTED_V2 (CGROUP_CPU | CGROUP_MEMORY | CGROUP_PIDS)

struct cgroup_layout {
	bool v1;	      /* some hierarchy of version 1 is mounted */
	bool v2;	      /* version 2 is mounted */
	bool nsdelegate;      /* version 2: a cgroup namespace is a delegation boundary */
	unsigned controllers; /* CGROUP_* of version 1 */
	char unified[256];    /* where version 2 is mounted */
};

/* Notes one mount; call it for all of them. */
void cgroup_note(struct cgroup_layout *layout, const struct mountinfo_entry *mount);
enum cgroup_mode cgroup_mode(const struct cgroup_layout *layout);

/* CGROUP_* bits of a list of names separated by spaces, commas or newlines. */
unsigned cgroup_controllers(struct slice list);

/* Names of the bits, ", " between them. */
void cgroup_names(unsigned controllers, struct buf *out);

/* One line NAME:FIRST:COUNT of /etc/subuid. 0; 1 for blanks and comments; -EINVAL. */
int subid_line(struct slice line, struct slice *ret_name, struct range *ret);

/* One line NAME:…:ID:… of /etc/passwd or /etc/group. Results as subid_line(). */
int account_line(struct slice line, struct slice *ret_name, uint32_t *ret);

/* Write who has ids of one of the ranges, ", " between them: entries of others than `name` in the
 * text of /etc/subuid ("alice 100000+65536"), accounts in the text of /etc/passwd or /etc/group
 * ("bob 1001"). Return how many there are. */
size_t subid_others(struct slice text, const char *name, const struct ranges *pool,
		    struct buf *out);
size_t accounts_within(struct slice text, const struct ranges *pool, struct buf *out);
