/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that reach beyond any namespace. Docker's own profile of today refuses most of them;
 * older engines' and --privileged let them through:
 *   request_key       makes the kernel start /sbin/request-key as root of the host (request_key(2))
 *   syslog            the kernel's log is the host's (syslog(2)), for all where dmesg_restrict is 0
 *   socket(AF_VSOCK)  knows no network namespaces: it reaches the hypervisor and its guests
 * (vsock(7)) socket(AF_ALG)    the kernel's cryptography, of use to nobody but those who attack it
 * What a profile refuses it goes on refusing. Rules about socket() that look at more than its first
 * argument, or do more than permit it, are left as they are.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/edit.h"
#include "runtime/profile.h"
#include "runtime/runtime.h"

#define FAMILY_BITS 0xffffffffu /* the kernel looks at no more of the argument (int) */

#define FAMILIES 64 /* AF_MAX is 46 in Linux 6.18 */
#define FORBIDDEN (1ull << AF_ALG | 1ull << AF_VSOCK)

static const struct {
	const char *name;
	unsigned error;
} calls[] = { { "request_key", ENOSYS }, { "syslog", EPERM } };

/* As many families as differ in no bit of the mask. */
struct families {
	unsigned mask;
	unsigned value;
};

/* Adds "and its first argument is one of these families". */
static int add_families(struct runtime *rt, struct json *rule, const struct families *f)
{
	struct json *args = json_need(&rt->arena, rule, "args", JSON_ARRAY);
	struct json *arg = json_new(&rt->arena, JSON_OBJECT);
	int r = args && arg ? json_set(&rt->arena, arg, "index", json_new_uint(&rt->arena, 0))
			    : -ENOMEM;

	if (r == 0)
		r = json_set(&rt->arena, arg, "value", json_new_uint(&rt->arena, f->mask));
	if (r == 0)
		r = json_set(&rt->arena, arg, "valueTwo", json_new_uint(&rt->arena, f->value));
	if (r == 0)
		r = json_set(&rt->arena, arg, "op", json_new_str(&rt->arena, "SCMP_CMP_MASKED_EQ"));
	return r == 0 ? json_append(&rt->arena, args, arg) : r;
}

static int add_refusal(struct runtime *rt, struct json *rules, const char *name, unsigned error,
		       const struct families *f)
{
	struct json *rule = profile_rule(rt, name, PROFILE_ERRNO);
	int r = rule ? json_set(&rt->arena, rule, "errnoRet", json_new_uint(&rt->arena, error))
		     : -ENOMEM;

	if (r == 0 && f)
		r = add_families(rt, rule, f);
	return r == 0 ? json_append(&rt->arena, rules, rule) : r;
}

static bool is_named(const struct json *rules, const char *name)
{
	for (size_t i = 0; i < rules->n; i++)
		if (profile_has_name(rules->items[i], name))
			return true;
	return false;
}

/* Where all is allowed that is not refused. */
static int refuse(struct runtime *rt, struct json *rules)
{
	bool sockets = is_named(rules, "socket");
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(calls); i++)
		if (!is_named(rules, calls[i].name))
			r = add_refusal(rt, rules, calls[i].name, calls[i].error, NULL);
	for (unsigned i = 0; r == 0 && !sockets && i < FAMILIES; i++) {
		const struct families one = { FAMILY_BITS, i };

		if (FORBIDDEN & 1ull << i)
			r = add_refusal(rt, rules, "socket", EAFNOSUPPORT, &one);
	}
	return r;
}

/* The families that a rule permits: all, or what its one condition says about the argument; false
 * when it looks at something else as well. */
static bool families_of(const struct json *rule, uint64_t *ret)
{
	const struct json *args = json_get(rule, "args");
	const struct json *arg;
	const char *op;
	uint64_t index = 0;
	uint64_t value = 0;
	uint64_t two = 0;

	*ret = UINT64_MAX;
	if (!json_is(args, JSON_ARRAY) || args->n == 0)
		return true;
	arg = args->items[0];
	op = json_get_str(arg, "op");
	if (args->n > 1 || !op || json_get_u64(arg, "index", &index) != 0 || index != 0 ||
	    json_get_u64(arg, "value", &value) != 0)
		return false;
	if (json_get_u64(arg, "valueTwo", &two) != 0)
		two = 0;
	*ret = 0;
	for (uint64_t f = 0; f < FAMILIES; f++) {
		const struct {
			const char *op;
			bool holds;
		} ops[] = {
			{ "SCMP_CMP_NE", f != value },
			{ "SCMP_CMP_LT", f < value },
			{ "SCMP_CMP_LE", f <= value },
			{ "SCMP_CMP_EQ", f == value },
			{ "SCMP_CMP_GE", f >= value },
			{ "SCMP_CMP_GT", f > value },
			{ "SCMP_CMP_MASKED_EQ", (f & value) == two },
		};
		size_t i = 0;

		while (i < ARRAY_SIZE(ops) && strcmp(ops[i].op, op) != 0)
			i++;
		if (i == ARRAY_SIZE(ops))
			return false;
		*ret |= (uint64_t)ops[i].holds << f;
	}
	return true;
}

/* The largest block of families that begins with this one and is wholly in the set. */
static struct families block_at(uint64_t set, unsigned first)
{
	unsigned n = 1;

	while (n < FAMILIES / 2 && first % (2 * n) == 0 &&
	       (~set & ((1ull << (2 * n)) - 1) << first) == 0)
		n *= 2;
	return (struct families){ ~(n - 1), first };
}

/*
 * Where all is refused that is not allowed: the calls are not, and the families stay that the rules
 * permit, without those. A filter sees 64 bits of the argument, the kernel 32 (int): "not equal 40"
 * lets 2^32 + 40 through. So the permitted ones are named, in few rules, as each costs time when
 * the filter is compiled.
 */
static int narrow(struct runtime *rt, struct json *rules)
{
	uint64_t permitted = 0;
	size_t n = rules->n;
	uint64_t set;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(calls); k++)
			if (profile_permits(json_get_str(rules->items[i], "action")))
				(void)profile_take_name(rules->items[i], calls[k].name);
	for (size_t i = 0; i < n; i++) {
		struct json *rule = rules->items[i];

		if (!profile_has_name(rule, "socket"))
			continue;
		if (!profile_permits(json_get_str(rule, "action")) || !families_of(rule, &set))
			return 0; /* a profile of somebody's own */
		permitted |= set;
	}
	for (size_t i = 0; i < n; i++)
		(void)profile_take_name(rules->items[i], "socket");
	permitted &= ~FORBIDDEN;
	for (unsigned f = 0; f < FAMILIES; f++) {
		const struct families block = block_at(permitted, f);
		struct json *one;

		if (!(permitted & 1ull << f))
			continue;
		one = profile_rule(rt, "socket", PROFILE_ALLOW);
		if (!one || add_families(rt, one, &block) < 0 ||
		    json_append(&rt->arena, rules, one) < 0)
			return -ENOMEM;
		f += ~block.mask;
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
