/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that gabion-vet answers (vet/calls.h), for containers that may mount at all: those
 * with CAP_SYS_ADMIN. Nothing that the profile forbids becomes possible: a call that it refuses
 * stays refused, and one that it allows under a condition is asked about under that condition.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "oci/spec.h"
#include "runtime/edit.h"
#include "runtime/lower.h"
#include "runtime/profile.h"
#include "runtime/runtime.h"

static const char *const vetted[] = { "mount", "umount", "umount2", "fsopen" };

/*
 * What the profile says about one call, in words that end in a question where they allowed it. A
 * refusal under a condition beside a question would lose its condition's other side to the lower
 * runtime (libseccomp: the rule without one wins), so it holds always.
 */
static int ask(struct runtime *rt, struct json *profile, const char *name)
{
	struct json *rules = json_need(&rt->arena, profile, "syscalls", JSON_ARRAY);
	bool open = profile_permits(json_get_str(profile, "defaultAction"));
	bool refused = false;
	size_t n = rules ? rules->n : 0;
	int r = rules ? 0 : -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		struct json *rule = rules->items[i];
		const struct json *names = json_get(rule, "names");
		const char *action = json_get_str(rule, "action");

		for (size_t k = 0; json_is(names, JSON_ARRAY) && k < names->n; k++) {
			const char *s = json_str(names->items[k]);

			refused |= s && strcmp(s, name) == 0 && !profile_permits(action);
		}
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct json *rule = rules->items[i];
		const char *action = json_get_str(rule, "action");

		if (!profile_take_name(rule, name))
			continue;
		if (!profile_permits(action))
			r = profile_copy_rule(rt, rules, rule, name, action, !open);
		else if (!open && !refused)
			r = profile_copy_rule(rt, rules, rule, name, PROFILE_NOTIFY, true);
		else if (!open)
			r = profile_copy_rule(rt, rules, rule, name, action, true);
	}
	if (r == 0 && open && !refused)
		r = json_append(&rt->arena, rules, profile_rule(rt, name, PROFILE_NOTIFY));
	return r;
}

/* So that a signal does not end a call that gabion-vet has begun (Linux 5.19). crun passes flags
 * on that it does not know; runc refuses them. */
static int wait_killable(struct runtime *rt, struct json *profile)
{
	struct json *flags;

	if (!lower_is_crun(rt->lower))
		return 0;
	flags = json_need(&rt->arena, profile, "flags", JSON_ARRAY);
	return flags ? json_append(&rt->arena, flags,
				   json_new_str(&rt->arena,
						"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"))
		     : -ENOMEM;
}

int edit_seccomp(struct runtime *rt, struct err *err)
{
	struct json *profile;
	char socket[PATH_MAX];
	struct stat st;
	int r;

	(void)snprintf(socket, sizeof(socket), "%s/vet.sock", rt->inst.run);
	/* Outside of an instance there is nobody to ask, and the kernel alone decides. */
	if (!oci_process_has_cap(rt->spec, "CAP_SYS_ADMIN") || stat(socket, &st) < 0)
		return 0;
	r = profile_need(rt, &profile);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(vetted); i++)
		r = ask(rt, profile, vetted[i]);
	if (r == 0) {
		profile_drop_empty(profile);
		r = json_set(&rt->arena, profile, "listenerPath", json_new_str(&rt->arena, socket));
	}
	if (r == 0)
		r = json_set(&rt->arena, profile, "listenerMetadata",
			     json_new_str(&rt->arena, rt->args.id));
	if (r == 0)
		r = wait_killable(rt, profile);
	return r < 0 ? err_errno(err, r, "system call filter") : 0;
}
