/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/hostmount.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"

#define DENIED "can't mount %s because it's configured as a restricted host mount"

const char *const hostmount_protected[] = {
	"/etc",
	"/usr",
	"/bin",
	"/sbin",
	"/lib",
	"/lib32",
	"/lib64",
	"/libx32",
	"/boot",
	"/proc",
	"/sys",
	"/dev",
	"/run",
	"/var/run",
	"/var/lib/docker",
	"/var/lib/containerd",
	"/var/lib/containers",
	"/var/lib/gabion",
	"/var/lib/gabion-ids",
	"/var/lib/kubelet",
	"/opt/containerd",
	NULL,
};

/* Everyday sources, harmless to read. */
const struct hostmount_exception_name hostmount_exceptions[] = {
	{ "/etc/localtime", false },
	{ "/etc/timezone", false },
	{ "/etc/ssl/certs", false },
	{ "/etc/ca-certificates", false },
	{ "/etc/passwd", false },
	{ "/etc/group", false },
	{ "/etc/hosts", false },
	{ "/etc/resolv.conf", false },
	{ "/usr/share/zoneinfo", false },
	{ "/usr/share/ca-certificates", false },
	{ "/usr/local/share/ca-certificates", false },
	{ "/usr/share/fonts", false },
	{ "/usr/share/icons", false },
	{ "/usr/share/themes", false },
	{ "/lib/modules", false },
	{ "/usr/src", false },
	/* Nodes that every container has anyway: to hide a file behind /dev/null is an old custom.
	 */
	{ "/dev/null", true },
	{ "/dev/zero", true },
	{ "/dev/full", true },
	{ "/dev/random", true },
	{ "/dev/urandom", true },
	{ NULL, false },
};

const char hostmount_made_in[] = "/lib";
const char hostmount_made[] = "modules";

static bool same_node(const struct hostmount_node *a, const struct hostmount_node *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* `path` is `above` or below it, both absolute. */
static bool path_within(const char *path, const char *above)
{
	size_t n = strlen(above);

	if (n == 1) /* the root of a file system holds all of it */
		return true;
	return strncmp(path, above, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool within(const struct hostmount_place *p, const struct hostmount_place *above)
{
	if (above->nchain == 0)
		return false;
	for (size_t i = 0; i < p->nchain; i++)
		if (same_node(&p->chain[i], &above->chain[0]))
			return true;
	return p->fs_path && above->fs_path && p->dev == above->dev &&
	       path_within(p->fs_path, above->fs_path);
}

static bool same(const struct hostmount_place *a, const struct hostmount_place *b)
{
	return a->nchain && b->nchain && same_node(&a->chain[0], &b->chain[0]);
}

void hostmount_deny(struct verdict *ret, const char *rule, const char *asked)
{
	*ret = (struct verdict){ .kind = VERDICT_DENY, .rule = rule };
	(void)snprintf(ret->message, sizeof(ret->message), DENIED, asked);
}

/* Is it what was yet to be made when the policy was read, or has it been made since? */
static bool is_made(const struct hostmount_exception *e, const struct hostmount_request *req)
{
	const struct hostmount_place *p = &req->place;
	const char *slash = p->path ? strrchr(p->path, '/') : NULL;

	if (req->missing)
		return strcmp(req->missing, e->missing) == 0 && same(p, &e->place);
	return p->nchain > 1 && e->place.nchain > 0 &&
	       same_node(&p->chain[1], &e->place.chain[0]) && slash &&
	       strcmp(slash + 1, e->missing) == 0;
}

static bool excepts(const struct hostmount_exception *e, const struct hostmount_request *req)
{
	return e->missing ? is_made(e, req) : within(&req->place, &e->place);
}

/* The exception that lifts a rule for this request: it must lie inside of what the rule protects,
 * so that a more special rule inside the exception still holds. */
static const struct hostmount_exception *lifted_by(const struct hostmount_policy *policy,
						   const struct hostmount_request *req,
						   const struct hostmount_rule *rule)
{
	for (size_t i = 0; i < policy->nexceptions; i++) {
		const struct hostmount_exception *e = &policy->exceptions[i];

		if (excepts(e, req) && within(&e->place, &rule->place))
			return e;
	}
	return NULL;
}

static bool on_list(const struct hostmount_sharing *list, const struct hostmount_request *req)
{
	for (size_t i = 0; i < list->n; i++)
		if (within(&req->place, &list->places[i]))
			return true;
	return false;
}

static bool shared(const struct hostmount_policy *policy, const struct hostmount_request *req)
{
	for (size_t i = 0; i < policy->nsharing; i++)
		if (!on_list(&policy->sharing[i], req))
			return false;
	return true;
}

/* The same for names below one folder: "a/b" is within "a". */
static bool names_within(const char *names, const char *above)
{
	size_t n = strlen(above);

	return strncmp(names, above, n) == 0 && (names[n] == '\0' || names[n] == '/');
}

/* Both are yet to be made, in the same folder. */
static bool both_missing(const struct hostmount_rule *rule, const struct hostmount_request *req)
{
	return req->missing && rule->kind == HOSTMOUNT_ABOVE && rule->missing &&
	       same(&rule->place, &req->place);
}

/* Does what is asked for hold what the rule protects? */
static bool holds(const struct hostmount_request *req, const struct hostmount_rule *rule)
{
	if (req->missing)
		return both_missing(rule, req) && strcmp(rule->missing, req->missing) != 0 &&
		       names_within(rule->missing, req->missing);
	return within(&rule->place, &req->place) &&
	       (rule->kind == HOSTMOUNT_ABOVE || !same(&rule->place, &req->place));
}

/* Is it what the rule protects, or a part of that? */
static bool hits(const struct hostmount_request *req, const struct hostmount_rule *rule)
{
	if (rule->kind == HOSTMOUNT_TREE)
		return within(&req->place, &rule->place);
	if (req->missing)
		return both_missing(rule, req) && names_within(req->missing, rule->missing);
	return same(&req->place, &rule->place);
}

static void deny(struct verdict *ret, const struct hostmount_rule *rule, const char *name,
		 const struct hostmount_request *req)
{
	hostmount_deny(ret, rule->configured ? "hostmount-configured" : name, req->asked);
}

void hostmount_decide(const struct hostmount_policy *policy, const struct hostmount_request *req,
		      struct verdict *ret)
{
	bool excepted = false;

	*ret = (struct verdict){ .kind = VERDICT_ALLOW, .rule = "hostmount-open" };
	for (size_t i = 0; i < policy->nrules; i++) {
		/* What holds something protected is never excepted: an engine's socket may lie in
		 * it. */
		if (holds(req, &policy->rules[i])) {
			deny(ret, &policy->rules[i], "hostmount-above", req);
			return;
		}
	}
	for (size_t i = 0; i < policy->nrules; i++) {
		const struct hostmount_exception *e;

		if (!hits(req, &policy->rules[i]))
			continue;
		e = lifted_by(policy, req, &policy->rules[i]);
		/* Nothing is made in what may only be read. */
		if (!e || (req->missing && !e->writable && !e->missing)) {
			deny(ret, &policy->rules[i], "hostmount-protected", req);
			return;
		}
		ret->rule = "hostmount-exception";
		ret->read_only |= !e->writable;
		excepted = true;
	}
	if (excepted)
		return;
	if (!shared(policy, req)) {
		ret->kind = VERDICT_DENY;
		ret->rule = "hostmount-not-shared";
		(void)snprintf(ret->message, sizeof(ret->message),
			       "can't mount %s because it is not below a folder of "
			       "filesharingAllowedDirectories",
			       req->asked);
	}
}

const char *hostmount_way_out(const char *rule)
{
	static const struct {
		const char *rule;
		const char *way_out;
	} ways[] = {
		{ "hostmount-protected",
		  "protected on every host: docs/administration.md, \"Protected paths\", lists "
		  "them and what is excepted" },
		{ "hostmount-above",
		  "something protected lies in it: bind the folder below it that is needed" },
		{ "hostmount-configured",
		  "an administrator protects it by \"restrictedMounts\" in gabion.json" },
		{ "hostmount-not-shared", "an administrator can add a folder above it to "
					  "\"filesharingAllowedDirectories\"" },
		{ "hostmount-socket",
		  "sockets of engines are for no container; docs/administration.md, \"Protected "
		  "paths\"" },
		{ "hostmount-linked",
		  "it is a hard link to something protected: copy the file instead" },
		{ "hostmount-kernel",
		  "its file system is a window on the kernel; the container has its own" },
		{ "hostmount-block-device",
		  "an administrator can allow the device in \"devices\" of gabion.json, for "
		  "--device" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (strcmp(rule, ways[i].rule) == 0)
			return ways[i].way_out;
	return NULL;
}
