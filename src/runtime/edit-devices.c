/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device nodes and device-cgroup rules. --privileged lists every node of the host and allows all:
 * the lower runtime would make them, owned by the container's root. Left are the harmless ones and
 * those that the administrator allows, by themselves or by a CDI device; they come as nodes of our
 * own with the owner the spec asks for.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hostpath/device.h"
#include "policy/device.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

static int read_node(const struct json *entry, struct device *ret)
{
	const char *type = json_get_str(entry, "type");

	*ret = (struct device){ 'a', DEVICE_ANY, DEVICE_ANY };
	if (type && (type[0] == 'c' || type[0] == 'b' || type[0] == 'u' || type[0] == 'p' ||
		     type[0] == 'a'))
		ret->type = type[0] == 'u' ? 'c' : type[0];
	if (json_get_i64(entry, "major", &ret->major) < 0 ||
	    json_get_i64(entry, "minor", &ret->minor) < 0)
		return -EINVAL;
	return 0;
}

struct number {
	char text[24];
};

static struct number number(int64_t n)
{
	struct number ret = { "*" };

	if (n != DEVICE_ANY)
		(void)snprintf(ret.text, sizeof(ret.text), "%" PRId64, n);
	return ret;
}

/* A rule that opens everything: what --privileged asks for. */
static bool opens_all(const struct json *rules)
{
	for (size_t i = 0; json_is(rules, JSON_ARRAY) && i < rules->n; i++) {
		struct device d;

		if (json_get_bool(rules->items[i], "allow", false) &&
		    read_node(rules->items[i], &d) == 0 && d.type == 'a' && d.major == DEVICE_ANY)
			return true;
	}
	return false;
}

static int add_rule(struct runtime *rt, struct json *rules, bool allow, const struct device *d,
		    const char *access)
{
	struct json *rule = json_new(&rt->arena, JSON_OBJECT);
	char type[2] = { d ? d->type : '\0', '\0' };
	int r = rule ? json_set(&rt->arena, rule, "allow", json_new_bool(&rt->arena, allow))
		     : -ENOMEM;

	if (r == 0 && d)
		r = json_set(&rt->arena, rule, "type", json_new_str(&rt->arena, type));
	if (r == 0 && d && d->major != DEVICE_ANY)
		r = json_set(&rt->arena, rule, "major", json_new_int(&rt->arena, d->major));
	if (r == 0 && d && d->minor != DEVICE_ANY)
		r = json_set(&rt->arena, rule, "minor", json_new_int(&rt->arena, d->minor));
	if (r == 0)
		r = json_set(&rt->arena, rule, "access", json_new_str(&rt->arena, access));
	return r == 0 ? json_append(&rt->arena, rules, rule) : r;
}

/* Default-deny, nodes may be made (which a user namespace forbids anyway) but not opened, and the
 * standard ones opened. */
static int start_rules(struct runtime *rt, struct json *rules)
{
	static const struct device all[] = { { 'c', DEVICE_ANY, DEVICE_ANY },
					     { 'b', DEVICE_ANY, DEVICE_ANY } };
	int r = add_rule(rt, rules, false, NULL, "rwm");

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(all); i++)
		r = add_rule(rt, rules, true, &all[i], "m");
	for (size_t i = 0; r == 0 && i < device_standard_n; i++)
		r = add_rule(rt, rules, true, &device_standard[i], "rwm");
	return r;
}

/* What the engine's own rule for exactly this node allows (--device PATH:PATH:r). */
static const char *access_of(const struct json *given, const struct device *d)
{
	const char *access = "rwm";

	for (size_t i = 0; json_is(given, JSON_ARRAY) && i < given->n; i++) {
		const struct json *rule = given->items[i];
		struct device n;

		if (json_get_bool(rule, "allow", false) && read_node(rule, &n) == 0 &&
		    n.type == d->type && n.major == d->major && n.minor == d->minor &&
		    json_get_str(rule, "access"))
			access = json_get_str(rule, "access");
	}
	return access;
}

static int keep_node(struct runtime *rt, struct json *entry, const struct device *d,
		     const char *access, struct json *rules, struct err *err)
{
	int r = json_append(&rt->arena, rt->devices, entry);

	if (r == 0)
		r = add_rule(rt, rules, true, d, access);
	return r < 0 ? err_errno(err, r, "spec") : 0;
}

static int sort_node(struct runtime *rt, struct json *entry, const struct json *given,
		     struct json *rules, const struct device_list *configured, struct err *err)
{
	const char *path = json_get_str(entry, "path");
	const struct cdi_node *cdi;
	struct verdict verdict;
	struct device d;

	if (!path || read_node(entry, &d) < 0)
		return err_set(err, -EINVAL, "a device without path or numbers");
	if (device_is_standard(&d) || d.type == 'p')
		return 0;
	cdi = cdi_find_node(&rt->cdi, path, &d);
	if (cdi || device_list_opens(configured, &d))
		return keep_node(rt, entry, &d, cdi ? cdi->access : access_of(given, &d), rules,
				 err);
	if (opens_all(given))
		return 0;
	device_deny(&verdict, path, &d, rt->inst.etc);
	return err_set(err, -EPERM, "%s", verdict.message);
}

/* Engines open it to every container. */
static bool is_console(const struct device *d)
{
	return d->type == 'c' && d->major == 5 && d->minor == 1;
}

/* Rules for opening nodes that are not there, by --device-cgroup-rule: they would have no effect.
 * Whoever asks for them wants them to have one. */
static int check_rules(struct runtime *rt, const struct json *given,
		       const struct device_list *configured, struct err *err)
{
	for (size_t i = 0; json_is(given, JSON_ARRAY) && i < given->n; i++) {
		const struct json *rule = given->items[i];
		const char *access = json_get_str(rule, "access");
		struct verdict verdict;
		struct device d;
		char text[64];

		if (!json_get_bool(rule, "allow", false) || (access && !strpbrk(access, "rw")) ||
		    read_node(rule, &d) < 0 || device_list_opens(configured, &d) ||
		    cdi_opens(&rt->cdi, &d) || is_console(&d))
			continue;
		(void)snprintf(text, sizeof(text), "%c %s:%s %.8s", d.type, number(d.major).text,
			       number(d.minor).text, access ? access : "rwm");
		device_deny_rule(&verdict, text, rt->inst.etc);
		return err_set(err, -EPERM, "%s", verdict.message);
	}
	return 0;
}

int edit_devices(struct runtime *rt, struct err *err)
{
	struct json *spec_linux = json_get(rt->spec, "linux");
	struct json *devices = json_get(spec_linux, "devices");
	struct json *resources = json_need(&rt->arena, spec_linux, "resources", JSON_OBJECT);
	struct json *rules = json_new(&rt->arena, JSON_ARRAY);
	const struct json *given = json_get(resources, "devices");
	struct device_list configured;
	int r;

	rt->devices = json_new(&rt->arena, JSON_ARRAY);
	if (!resources || !rules || !rt->devices)
		return err_set(err, -EINVAL, "linux.resources is not an object");
	device_list_load(&rt->arena, &rt->facts, &configured);
	r = start_rules(rt, rules);
	for (size_t i = 0; r == 0 && json_is(devices, JSON_ARRAY) && i < devices->n; i++) {
		r = sort_node(rt, devices->items[i], given, rules, &configured, err);
		if (r < 0)
			return r;
	}
	if (r == 0 && !opens_all(given)) {
		r = check_rules(rt, given, &configured, err);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = json_set(&rt->arena, resources, "devices", rules);
	(void)json_del(spec_linux, "devices");
	return r < 0 ? err_errno(err, r, "spec") : 0;
}
