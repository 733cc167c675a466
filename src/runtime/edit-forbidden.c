/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that reach beyond any namespace, and that Docker's own profile of today refuses.
 * Older engines' and --privileged let them through:
 *   request_key       makes the kernel start /sbin/request-key as root of the host (request_key(2))
 *   socket(AF_VSOCK)  knows no network namespaces: it reaches the hypervisor and its guests
 * (vsock(7)) socket(AF_ALG)    the kernel's cryptography, of use to nobody but those who attack it
 * A rule that is there about one of these under a condition is left as it is.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/edit.h"
#include "runtime/profile.h"
#include "runtime/runtime.h"

#define FAMILY_BITS 0xffffffffu /* the kernel looks at no more of the argument (int) */
#define FAMILIES 46		/* AF_MAX of Linux 6.18 */

static const struct {
	unsigned family;
	unsigned error;
} families[] = { { AF_ALG, EAFNOSUPPORT }, { AF_VSOCK, EAFNOSUPPORT } };

static bool is_forbidden(unsigned family)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (families[i].family == family)
			return true;
	return false;
}

/* Adds "and its first argument is this family". */
static int add_family(struct runtime *rt, struct json *rule, unsigned family)
{
	struct json *args = json_need(&rt->arena, rule, "args", JSON_ARRAY);
	struct json *arg = json_new(&rt->arena, JSON_OBJECT);
	int r = args && arg ? json_set(&rt->arena, arg, "index", json_new_uint(&rt->arena, 0))
			    : -ENOMEM;

	if (r == 0)
		r = json_set(&rt->arena, arg, "value", json_new_uint(&rt->arena, FAMILY_BITS));
	if (r == 0)
		r = json_set(&rt->arena, arg, "valueTwo", json_new_uint(&rt->arena, family));
	if (r == 0)
		r = json_set(&rt->arena, arg, "op", json_new_str(&rt->arena, "SCMP_CMP_MASKED_EQ"));
	return r == 0 ? json_append(&rt->arena, args, arg) : r;
}

static int add_refusal(struct runtime *rt, struct json *rules, const char *name, unsigned error,
		       int family)
{
	struct json *rule = profile_rule(rt, name, PROFILE_ERRNO);
	int r = rule ? json_set(&rt->arena, rule, "errnoRet", json_new_uint(&rt->arena, error))
		     : -ENOMEM;

	if (r == 0 && family >= 0)
		r = add_family(rt, rule, (unsigned)family);
	return r == 0 ? json_append(&rt->arena, rules, rule) : r;
}

static bool is_named(const struct json *rules, const char *name)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct json *names = json_get(rules->items[i], "names");

		for (size_t k = 0; json_is(names, JSON_ARRAY) && k < names->n; k++) {
			const char *s = json_str(names->items[k]);

			if (s && strcmp(s, name) == 0)
				return true;
		}
	}
	return false;
}

/* Where all is allowed that is not refused. */
static int refuse(struct runtime *rt, struct json *rules)
{
	bool sockets = is_named(rules, "socket");
	int r = is_named(rules, "request_key") ? 0
					       : add_refusal(rt, rules, "request_key", ENOSYS, -1);

	for (size_t i = 0; r == 0 && !sockets && i < ARRAY_SIZE(families); i++)
		r = add_refusal(rt, rules, "socket", families[i].error, (int)families[i].family);
	return r;
}

/* Where all is refused that is not allowed: every family but those. */
static int narrow(struct runtime *rt, struct json *rules)
{
	size_t n = rules->n;

	for (size_t i = 0; i < n; i++) {
		struct json *rule = rules->items[i];

		if (!profile_permits(json_get_str(rule, "action")) || json_get(rule, "args") ||
		    !profile_take_name(rule, "socket"))
			continue;
		for (unsigned family = 0; family < FAMILIES; family++) {
			struct json *one = is_forbidden(family)
						   ? NULL
						   : profile_rule(rt, "socket", PROFILE_ALLOW);

			if (is_forbidden(family))
				continue;
			if (!one || add_family(rt, one, family) < 0 ||
			    json_append(&rt->arena, rules, one) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

int edit_forbidden(struct runtime *rt, struct err *err)
{
	struct json *profile;
	struct json *rules;
	int r = profile_need(rt, &profile);

	rules = r == 0 ? json_need(&rt->arena, profile, "syscalls", JSON_ARRAY) : NULL;
	if (r == 0)
		r = !rules						      ? -ENOMEM
		    : profile_permits(json_get_str(profile, "defaultAction")) ? refuse(rt, rules)
									      : narrow(rt, rules);
	if (r == 0)
		profile_drop_empty(profile);
	return r < 0 ? err_errno(err, r, "system call filter") : 0;
}
