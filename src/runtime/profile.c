/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/profile.h"

#include <errno.h>
#include <string.h>

#include "runtime/runtime.h"

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

bool profile_permits(const char *action)
{
	return action &&
	       (strcmp(action, PROFILE_ALLOW) == 0 || strcmp(action, "SCMP_ACT_LOG") == 0);
}

struct json *profile_rule(struct runtime *rt, const char *name, const char *action)
{
	struct json *rule = json_new(&rt->arena, JSON_OBJECT);
	struct json *names = json_new(&rt->arena, JSON_ARRAY);

	if (!rule || !names || json_append(&rt->arena, names, json_new_str(&rt->arena, name)) < 0 ||
	    json_set(&rt->arena, rule, "names", names) < 0 ||
	    json_set(&rt->arena, rule, "action", json_new_str(&rt->arena, action)) < 0)
		return NULL;
	return rule;
}

bool profile_has_name(const struct json *rule, const char *name)
{
	const struct json *names = json_get(rule, "names");

	for (size_t i = 0; json_is(names, JSON_ARRAY) && i < names->n; i++) {
		const char *s = json_str(names->items[i]);

		if (s && strcmp(s, name) == 0)
			return true;
	}
	return false;
}

/* Takes the name out of a rule: true when it was in there. */
bool profile_take_name(struct json *rule, const char *name)
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
int profile_copy_rule(struct runtime *rt, struct json *rules, const struct json *rule,
		      const char *name, const char *action, bool conditions)
{
	static const char *const parts[] = { "args", "errnoRet" };
	struct json *copy = profile_rule(rt, name, action);
	int r = copy ? 0 : -ENOMEM;

	for (size_t i = conditions ? 0 : 1; r == 0 && i < ARRAY_SIZE(parts); i++) {
		struct json *part = json_get(rule, parts[i]);

		if (part && !(i == 1 && strcmp(action, PROFILE_NOTIFY) == 0))
			r = json_set(&rt->arena, copy, parts[i], part);
	}
	return r == 0 ? json_append(&rt->arena, rules, copy) : r;
}

/* Rules that have lost all their names. */
void profile_drop_empty(struct json *profile)
{
	struct json *rules = json_get(profile, "syscalls");

	for (size_t i = rules ? rules->n : 0; i-- > 0;) {
		const struct json *names = json_get(rules->items[i], "names");

		if (json_is(names, JSON_ARRAY) && names->n == 0)
			json_remove(rules, i);
	}
}

int profile_need(struct runtime *rt, struct json **ret)
{
	struct json *profile = json_at(rt->spec, "linux.seccomp");
	struct json *list;
	int r;

	*ret = profile;
	if (json_is(profile, JSON_OBJECT))
		return 0;
	profile = json_need(&rt->arena, json_need(&rt->arena, rt->spec, "linux", JSON_OBJECT),
			    "seccomp", JSON_OBJECT);
	list = profile ? json_need(&rt->arena, profile, "architectures", JSON_ARRAY) : NULL;
	r = list ? json_set(&rt->arena, profile, "defaultAction",
			    json_new_str(&rt->arena, PROFILE_ALLOW))
		 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(arches); i++)
		r = json_append(&rt->arena, list, json_new_str(&rt->arena, arches[i]));
	*ret = profile;
	return r;
}
