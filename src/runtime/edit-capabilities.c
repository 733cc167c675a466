/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities stay as the engine granted them: they hold in the container's user namespace only.
 * But newer engines leave out of "all" what the host's own root lacks (a virtual machine or a
 * container whose bounding set is short), which a new user namespace has again: who was given all
 * that there is, gets all.
 */
#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>

#include "runtime/edit.h"
#include "runtime/runtime.h"

static const char *const names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};
static_assert(ARRAY_SIZE(names) == CAP_CHECKPOINT_RESTORE + 1, "a capability has no name");

static const char *const sets[] = { "bounding", "effective", "permitted", "inheritable" };

static bool has(const struct json *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *s = json_str(list->items[i]);

		if (s && strcmp(s, name) == 0)
			return true;
	}
	return false;
}

/* Adds to a list that has all of the host's what the host lacks. */
static int complete(struct runtime *rt, struct json *list, uint64_t host, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n; i++)
		if ((host >> i & 1) && !has(list, names[i]))
			return 0;
	for (size_t i = 0; i < n && r == 0; i++)
		if (!(host >> i & 1) && !has(list, names[i]))
			r = json_append(&rt->arena, list, json_new_str(&rt->arena, names[i]));
	return r;
}

int capabilities_complete(struct runtime *rt, uint64_t host, size_t n, struct err *err)
{
	struct json *caps = json_at(rt->spec, "process.capabilities");

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		struct json *list = json_get(caps, sets[i]);
		int r = json_is(list, JSON_ARRAY) ? complete(rt, list, host, n) : 0;

		if (r < 0)
			return err_errno(err, r, "spec");
	}
	return 0;
}

int edit_capabilities(struct runtime *rt, struct err *err)
{
	uint64_t host = 0;
	uint64_t all = 0;
	size_t n = 0;

	for (; n < ARRAY_SIZE(names); n++) {
		int r = prctl(PR_CAPBSET_READ, (unsigned long)n);

		if (r < 0 && errno == EINVAL) /* a kernel that does not know it */
			break;
		if (r < 0)
			return err_errno(err, -errno, "bounding set of capabilities");
		all |= (uint64_t)1 << n;
		host |= r ? (uint64_t)1 << n : 0;
	}
	return host == all ? 0 : capabilities_complete(rt, host, n, err);
}
