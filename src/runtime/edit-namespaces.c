/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces. Every kind of the table must be the container's own or another container's; the
 * host's are refused with the texts of design section 4.4. A user namespace of the spec
 * (--userns=host leaves it out, --userns=… puts one in) is ignored: the container gets its own in
 * any case. The cgroup namespace, which engines on cgroup v1 leave out by default, is made private.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "linux/userns.h"
#include "oci/spec.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

#define BECAUSE "(because they use the linux user-namespace for isolation)"

/* Name in the spec and in /proc/PID/ns. */
static const struct {
	const char *type;
	const char *proc;
} kinds[] = {
	{ "network", "net" }, { "pid", "pid" },	  { "ipc", "ipc" },
	{ "uts", "uts" },     { "mount", "mnt" }, { "cgroup", "cgroup" },
};

static const char *path_of(const struct json *ns)
{
	const char *path = json_get_str(ns, "path");

	return path && *path ? path : NULL;
}

/* Whether a path names the namespace that gabion-runc, and so the engine, is in. */
static int is_host(const char *path, const char *proc, struct err *err)
{
	char own[32];
	CLEANUP_FD int a = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	CLEANUP_FD int b = -EBADF;
	int r;

	if (a < 0)
		return err_errno(err, -errno, "namespace %s", path);
	(void)snprintf(own, sizeof(own), "/proc/self/ns/%s", proc);
	b = open(own, O_RDONLY | O_CLOEXEC);
	if (b < 0)
		return err_errno(err, -errno, "%s", own);
	r = userns_same(a, b);
	return r < 0 ? err_errno(err, r, "namespace %s", path) : r;
}

static int refuse_host(bool network, const char *others, struct err *err)
{
	if (network)
		return err_set(
			err, -EPERM,
			"sysbox containers can't share a network namespace with the host " BECAUSE);
	return err_set(err, -EPERM,
		       "sysbox containers can't share namespaces [%s] with the host " BECAUSE,
		       others);
}

static int check_hosts(const struct json *spec, struct err *err)
{
	char others[64] = "";
	bool network = false;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct json *ns = oci_namespace_find(spec, kinds[i].type);
		const char *path = path_of(ns);
		int host = !ns	  ? strcmp(kinds[i].type, "cgroup") != 0
			   : path ? is_host(path, kinds[i].proc, err)
				  : 0;
		size_t used = strlen(others);

		if (host < 0)
			return host;
		if (host && i == 0)
			network = true;
		else if (host)
			(void)snprintf(others + used, sizeof(others) - used, "%s%s",
				       used ? " " : "", kinds[i].type);
	}
	return network || others[0] ? refuse_host(network, others, err) : 0;
}

/* crun joins every entry of a type, runc takes none: only one can have been meant. */
static int check_twice(const struct json *list, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *type = json_get_str(list->items[i], "type");

		if (!type)
			return err_set(err, -EINVAL, "a namespace without a type");
		for (size_t j = 0; j < i; j++)
			if (strcmp(type, json_get_str(list->items[j], "type")) == 0)
				return err_set(err, -EINVAL, "two %s namespaces in one spec", type);
	}
	return 0;
}

/* userns-remap shifts the owners on disk; shifting them once more would show them wrong. */
static int check_remap(const struct json *spec, struct err *err)
{
	const struct json *maps = json_at(spec, "linux.uidMappings");
	uint64_t host;

	if (!json_is(maps, JSON_ARRAY) || maps->n == 0)
		return 0;
	if (json_get_u64(maps->items[0], "hostID", &host) == 0 && host != 0)
		return err_set(err, -EINVAL,
			       "the engine maps ids by itself (userns-remap, --uidmap): switch "
			       "that off, gabion gives "
			       "every container its own range without it");
	return 0;
}

static void drop_user(struct json *list)
{
	for (size_t i = list->n; i-- > 0;) {
		const char *t = json_get_str(list->items[i], "type");

		if (t && strcmp(t, "user") == 0)
			json_remove(list, i);
	}
}

int edit_namespaces(struct runtime *rt, struct err *err)
{
	struct json *spec_linux = json_get(rt->spec, "linux");
	struct json *list = json_need(&rt->arena, spec_linux, "namespaces", JSON_ARRAY);
	struct json *cgroup;
	int r;

	if (!list)
		return err_set(err, -EINVAL, "linux.namespaces is not a list");
	drop_user(list);
	r = check_twice(list, err);
	if (r == 0)
		r = check_remap(rt->spec, err);
	if (r == 0)
		r = check_hosts(rt->spec, err);
	if (r < 0)
		return r;
	if (oci_namespace_find(rt->spec, "cgroup"))
		return 0;
	cgroup = json_new(&rt->arena, JSON_OBJECT);
	r = cgroup ? json_set(&rt->arena, cgroup, "type", json_new_str(&rt->arena, "cgroup"))
		   : -ENOMEM;
	if (r == 0)
		r = json_append(&rt->arena, list, cgroup);
	return r < 0 ? err_errno(err, r, "spec") : 0;
}
