/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/hostmount.h"

#include <stdio.h>
#include <string.h>

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

/* The exception that lifts a rule for this request: it must lie inside of what the rule protects,
 * so that a more special rule inside the exception still holds. */
static const struct hostmount_exception *lifted_by(const struct hostmount_policy *policy,
						   const struct hostmount_request *req,
						   const struct hostmount_rule *rule)
{
	for (size_t i = 0; i < policy->nexceptions; i++) {
		const struct hostmount_exception *e = &policy->exceptions[i];

		if (within(&req->place, &e->place) && within(&e->place, &rule->place))
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

void hostmount_decide(const struct hostmount_policy *policy, const struct hostmount_request *req,
		      struct verdict *ret)
{
	bool excepted = false;

	*ret = (struct verdict){ .kind = VERDICT_ALLOW, .rule = "hostmount-open" };
	for (size_t i = 0; i < policy->nrules; i++) {
		const struct hostmount_rule *rule = &policy->rules[i];

		/* What holds something protected is never excepted: an engine's socket may lie in
		 * it. */
		if (within(&rule->place, &req->place) &&
		    (rule->kind == HOSTMOUNT_ABOVE || !same(&rule->place, &req->place))) {
			hostmount_deny(ret, "hostmount-above", req->asked);
			return;
		}
	}
	for (size_t i = 0; i < policy->nrules; i++) {
		const struct hostmount_rule *rule = &policy->rules[i];
		const struct hostmount_exception *e;
		bool hit = rule->kind == HOSTMOUNT_TREE ? within(&req->place, &rule->place)
							: same(&req->place, &rule->place);

		if (!hit)
			continue;
		e = lifted_by(policy, req, rule);
		if (!e) {
			hostmount_deny(ret, "hostmount-protected", req->asked);
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
