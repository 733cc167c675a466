/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resource limits. Raising a hard limit needs CAP_SYS_RESOURCE in the initial user namespace, which
 * the lower runtime no longer has when it sets them: so the hard limits are raised here, in the
 * process that becomes it; it then only lowers them to what was asked.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/edit.h"
#include "runtime/runtime.h"

static const struct {
	const char *name;
	int resource;
} limits[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

static int raise_limit(const struct json *entry, struct err *err)
{
	const char *name = json_get_str(entry, "type");
	struct rlimit now;
	uint64_t hard;

	if (!name || json_get_u64(entry, "hard", &hard) != 0)
		return err_set(err, -EINVAL, "a resource limit without type or hard value");
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (strcmp(limits[i].name, name) != 0)
			continue;
		if (getrlimit(limits[i].resource, &now) < 0)
			return err_errno(err, -errno, "%s", name);
		if (now.rlim_max == RLIM_INFINITY || hard <= now.rlim_max)
			return 0;
		now.rlim_max = hard;
		if (setrlimit(limits[i].resource, &now) < 0)
			return err_errno(err, -errno, "cannot raise %s to %llu", name,
					 (unsigned long long)hard);
		return 0;
	}
	return err_set(err, -EINVAL, "unknown resource limit %s", name);
}

int edit_limits(struct runtime *rt, struct err *err)
{
	const struct json *list = json_at(rt->spec, "process.rlimits");

	for (size_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++) {
		int r = raise_limit(list->items[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}
