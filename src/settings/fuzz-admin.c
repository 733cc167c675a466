/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any two settings files, for any engine: each is taken or has errors, which stand where they say;
 * what is taken makes a policy, whose snapshot is read as the same. The first byte chooses the
 * engine; a byte 0xff parts the host's file from the instance's own.
 */
#include <errno.h>
#include <stdlib.h>

#include "policy/imagelist.h"
#include "settings/advice.h"
#include "settings/compose.h"
#include "settings/entries.h"

#define CAP (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_findings(const struct findings *found, size_t from, struct slice text)
{
	size_t lines = 1;

	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	for (size_t i = from; i < found->n; i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(65536);
		const struct finding *f = &found->list[i];

		must(f->place.line >= 1 && f->place.line <= lines && f->place.column >= 1 &&
		     f->place.column <= text.n + 1);
		must(*f->text != '\0');
		finding_print(f, &b);
		must(buf_ok(&b) && strstr(b.p, f->file) == b.p);
	}
}

/* What the table says of a value, without looking into it. */
static void check_settings(const struct admin_file *file)
{
	for (size_t i = 0; i < file->n; i++) {
		const struct admin_setting *s = &file->settings[i];

		must((s->key->flags & SCHEMA_VALUE) && schema_type_fits(s->key->types, s->value) &&
		     schema_allows(s->key, s->value) && s->place.line > 0);
		must(admin_find(file, s->key) == s); /* once */
	}
}

/* The file, or NULL where it has errors (or memory is out). */
static const struct admin_file *read_one(struct arena *a, struct slice text, const char *name,
					 const struct profile *profile, struct findings *found,
					 struct admin_file *ret)
{
	size_t from = found->n;
	size_t errors = found->errors;
	int r = admin_parse(a, text, name, profile, found, ret);

	if (r < 0)
		return NULL;
	must((r == ADMIN_BROKEN) == (found->errors > errors));
	check_findings(found, from, text);
	if (r == ADMIN_BROKEN)
		return NULL;
	check_settings(ret);
	must(advice_add(ret, profile, found) <= 0);
	must(found->errors == errors || found->no_memory);
	return ret;
}

static void check_policy(struct arena *a, struct policy *p)
{
	CLEANUP_BUF struct buf text = BUF_INIT(16u << 20);
	CLEANUP_BUF struct buf again = BUF_INIT(16u << 20);
	struct err err = ERR_INIT;
	struct policy q;

	must(p->nsockets >= 1 && p->nsockets <= POLICY_LAYERS_MAX);
	must(p->nsharing <= POLICY_LAYERS_MAX);
	p->generation = 1;
	policy_print(p, &text);
	if (!buf_ok(&text))
		return;
	if (policy_parse(a, buf_slice(&text), "X", &q, &err) < 0) {
		must(err.code == -ENOMEM);
		return;
	}
	policy_print(&q, &again);
	must(slice_eq(buf_slice(&text), buf_slice(&again)));
	must(p->isolation == q.isolation && p->nsockets == q.nsockets &&
	     p->nsharing == q.nsharing && p->sockets[0].nimages == q.sockets[0].nimages);
}

/* The gate makes the same lists, and has no policy when it cannot. */
static void check_commands(struct arena *a, const struct profile *profile,
			   const struct policy_commands *c)
{
	struct command_list list = entries_command_list(profile, c->allow, c->report_only);
	struct slice *names = arena_array(a, c->n + 1, sizeof(*names));
	struct command_problems problems;

	if (!names)
		return;
	for (size_t i = 0; i < c->n; i++)
		names[i] = slice_str(c->names[i]);
	must(command_list_parse(a, names, c->n, &list, &problems) != COMMAND_BAD);
}

static void check_lists(struct arena *a, const struct policy *p)
{
	for (size_t i = 0; i < p->nsockets; i++) {
		const struct policy_socket *s = &p->sockets[i];

		check_commands(a, p->profile, &s->commands);
		for (size_t k = 0; k < s->nimages; k++) {
			struct imagelist_entry entry;
			struct err err = ERR_INIT;

			must(imagelist_parse_entry(p->profile, slice_str(s->images[k].text), &entry,
						   &err) == 0);
			if (s->images[k].commands)
				check_commands(a, p->profile, s->images[k].commands);
		}
	}
}

/* What a binding file forbids is not allowed by another. */
static void check_bound(const struct admin_file *host, const struct policy *p)
{
	const struct admin_setting *s = admin_find(host, schema_find("enhancedContainerIsolation."
								     "value"));
	const struct admin_setting *folders =
		admin_find(host, schema_find("filesharingAllowedDirectories"));

	must(!s || !s->locked || !s->value->boolean || p->isolation);
	must(!folders || (p->nsharing >= 1 && p->sharing[0].n == folders->value->n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct findings found = FINDINGS_INIT(&a);
	const struct profile *profile;
	const struct admin_file *host = NULL;
	const struct admin_file *own;
	struct admin_file files[2];
	struct policy p;
	struct slice text;
	struct slice first;

	if (n == 0)
		return 0;
	profile = &profiles[data[0] % nprofiles];
	text = (struct slice){ (const char *)data + 1, n - 1 };
	first = (struct slice){ text.p, slice_find(text, '\xff') };
	if (first.n < text.n) {
		host = read_one(&a, first, "HOST", profile, &found, &files[0]);
		text = slice_from(text, first.n + 1);
	}
	own = read_one(&a, text, "OWN", profile, &found, &files[1]);
	if (found.no_memory || compose(&a, profile, host, own, &found, &p) < 0)
		return 0;
	if (host)
		check_bound(host, &p);
	check_lists(&a, &p);
	check_policy(&a, &p);
	return 0;
}
