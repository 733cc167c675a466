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
#include "runtime/runtime.h"

#define NOTIFY "SCMP_ACT_NOTIFY"
#define ALLOW "SCMP_ACT_ALLOW"

static const char *const vetted[] = { "mount", "umount", "umount2", "fsopen" };

/* Without a profile there is no list of them either; without a list a foreign one is killed. */
static const char *const arches[] = {
#if defined(__x86_64__)
	"SCMP_ARCH_X86_64",
	"SCMP_ARCH_X86",
	"SCMP_ARCH_X32",
#elif defined(__aarch64__)
	"SCMP_ARCH_AARCH64",
	"SCMP_ARCH_ARM",
#endif
};

static bool is_permissive(const char *action)
{
	return action && (strcmp(action, ALLOW) == 0 || strcmp(action, "SCMP_ACT_LOG") == 0);
}

static struct json *new_rule(struct runtime *rt, const char *name, const char *action)
{
	struct json *rule = json_new(&rt->arena, JSON_OBJECT);
	struct json *names = json_new(&rt->arena, JSON_ARRAY);

	if (!rule || !names || json_append(&rt->arena, names, json_new_str(&rt->arena, name)) < 0 ||
	    json_set(&rt->arena, rule, "names", names) < 0 ||
	    json_set(&rt->arena, rule, "action", json_new_str(&rt->arena, action)) < 0)
		return NULL;
	return rule;
}

/* Takes the name out of a rule: true when it was in there. */
static bool take_name(struct json *rule, const char *name)
{
	struct json *names = json_get(rule, "names");
	size_t kept = 0;
	size_t was;

	if (!json_is(names, JSON_ARRAY))
		return false;
	was = names->n;
	for (size_t i = 0; i < was; i++) {
		const char *s = json_str(names->items[i]);

		if (!s || strcmp(s, name) != 0)
			names->items[kept++] = names->items[i];
	}
	names->n = kept;
	return kept < was;
}

/* The rule once more, for this name only. */
static int copy_rule(struct runtime *rt, struct json *rules, const struct json *rule,
		     const char *name, const char *action, bool conditions)
{
	static const char *const parts[] = { "args", "errnoRet" };
	struct json *copy = new_rule(rt, name, action);
	int r = copy ? 0 : -ENOMEM;

	for (size_t i = conditions ? 0 : 1; r == 0 && i < ARRAY_SIZE(parts); i++) {
		struct json *part = json_get(rule, parts[i]);

		if (part && !(i == 1 && strcmp(action, NOTIFY) == 0))
			r = json_set(&rt->arena, copy, parts[i], part);
	}
	return r == 0 ? json_append(&rt->arena, rules, copy) : r;
}

/*
 * What the profile says about one call, in words that end in a question where they allowed it. A
 * refusal under a condition beside a question would lose its condition's other side to the lower
 * runtime (libseccomp: the rule without one wins), so it holds always.
 */
static int ask(struct runtime *rt, struct json *profile, const char *name)
{
	struct json *rules = json_need(&rt->arena, profile, "syscalls", JSON_ARRAY);
	bool open = is_permissive(json_get_str(profile, "defaultAction"));
	bool refused = false;
	size_t n = rules ? rules->n : 0;
	int r = rules ? 0 : -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		struct json *rule = rules->items[i];
		const struct json *names = json_get(rule, "names");
		const char *action = json_get_str(rule, "action");

		for (size_t k = 0; json_is(names, JSON_ARRAY) && k < names->n; k++) {
			const char *s = json_str(names->items[k]);

			refused |= s && strcmp(s, name) == 0 && !is_permissive(action);
		}
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct json *rule = rules->items[i];
		const char *action = json_get_str(rule, "action");

		if (!take_name(rule, name))
			continue;
		if (!is_permissive(action))
			r = copy_rule(rt, rules, rule, name, action, !open);
		else if (!open && !refused)
			r = copy_rule(rt, rules, rule, name, NOTIFY, true);
		else if (!open)
			r = copy_rule(rt, rules, rule, name, action, true);
	}
	if (r == 0 && open && !refused)
		r = json_append(&rt->arena, rules, new_rule(rt, name, NOTIFY));
	return r;
}

/* Rules that have lost all their names. */
static void drop_empty(struct json *profile)
{
	struct json *rules = json_get(profile, "syscalls");

	for (size_t i = rules ? rules->n : 0; i-- > 0;) {
		const struct json *names = json_get(rules->items[i], "names");

		if (json_is(names, JSON_ARRAY) && names->n == 0)
			json_remove(rules, i);
	}
}

static int new_profile(struct runtime *rt, struct json **ret)
{
	struct json *profile =
		json_need(&rt->arena, json_need(&rt->arena, rt->spec, "linux", JSON_OBJECT),
			  "seccomp", JSON_OBJECT);
	struct json *list =
		profile ? json_need(&rt->arena, profile, "architectures", JSON_ARRAY) : NULL;
	int r = list ? json_set(&rt->arena, profile, "defaultAction",
				json_new_str(&rt->arena, ALLOW))
		     : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(arches); i++)
		r = json_append(&rt->arena, list, json_new_str(&rt->arena, arches[i]));
	*ret = profile;
	return r;
}

/* So that a signal does not end a call that gabion-vet has begun (Linux 5.19). crun passes flags
 * on that it does not know; runc refuses them. */
static int wait_killable(struct runtime *rt, struct json *profile)
{
	struct json *flags;

	if (strncmp(strrchr(rt->lower, '/') + 1, "crun", 4) != 0)
		return 0;
	flags = json_need(&rt->arena, profile, "flags", JSON_ARRAY);
	return flags ? json_append(&rt->arena, flags,
				   json_new_str(&rt->arena,
						"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"))
		     : -ENOMEM;
}

int edit_seccomp(struct runtime *rt, struct err *err)
{
	struct json *profile = json_at(rt->spec, "linux.seccomp");
	char socket[PATH_MAX];
	struct stat st;
	int r = 0;

	(void)snprintf(socket, sizeof(socket), "%s/vet.sock", rt->inst.run);
	/* Outside of an instance there is nobody to ask, and the kernel alone decides. */
	if (!oci_process_has_cap(rt->spec, "CAP_SYS_ADMIN") || stat(socket, &st) < 0)
		return 0;
	if (!json_is(profile, JSON_OBJECT))
		r = new_profile(rt, &profile);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(vetted); i++)
		r = ask(rt, profile, vetted[i]);
	if (r == 0) {
		drop_empty(profile);
		r = json_set(&rt->arena, profile, "listenerPath", json_new_str(&rt->arena, socket));
	}
	if (r == 0)
		r = json_set(&rt->arena, profile, "listenerMetadata",
			     json_new_str(&rt->arena, rt->args.id));
	if (r == 0)
		r = wait_killable(rt, profile);
	return r < 0 ? err_errno(err, r, "system call filter") : 0;
}
