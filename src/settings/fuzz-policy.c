/* SPDX-License-Identifier: Apache-2.0 */
/* Any snapshot: refused with a text that names it, or a policy that is written as it would be read
 * again. */
#include <errno.h>
#include <stdlib.h>

#include "settings/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_commands(const struct policy_commands *c)
{
	for (size_t i = 0; i < c->n; i++)
		must(c->names[i] != NULL);
}

static void check(const struct policy *p)
{
	must(p->generation > 0 && p->profile);
	must(p->nsockets >= 1 && p->nsockets <= POLICY_LAYERS_MAX);
	must(p->nsharing <= POLICY_LAYERS_MAX && p->nfiles <= POLICY_FILES_MAX);
	for (size_t i = 0; i < p->nsockets; i++) {
		for (size_t j = 0; j < p->sockets[i].nimages; j++) {
			must(p->sockets[i].images[j].text != NULL);
			if (p->sockets[i].images[j].commands)
				check_commands(p->sockets[i].images[j].commands);
		}
		check_commands(&p->sockets[i].commands);
	}
	for (size_t i = 0; i < p->nsharing; i++)
		for (size_t j = 0; j < p->sharing[i].n; j++)
			must(p->sharing[i].paths[j] != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(64u << 20);
	CLEANUP_BUF struct buf text = BUF_INIT(16u << 20);
	CLEANUP_BUF struct buf again = BUF_INIT(16u << 20);
	struct err err = ERR_INIT;
	struct policy p;
	struct policy q;

	if (policy_parse(&a, (struct slice){ (const char *)data, n }, "NAME", &p, &err) < 0) {
		must(err.code < 0 && strncmp(err.text, "NAME: ", 6) == 0);
		return 0;
	}
	check(&p);
	policy_print(&p, &text);
	if (!buf_ok(&text))
		return 0;
	if (policy_parse(&a, buf_slice(&text), "NAME", &q, &err) < 0) {
		must(err.code == -ENOMEM);
		return 0;
	}
	policy_print(&q, &again);
	must(slice_eq(buf_slice(&text), buf_slice(&again)));
	return 0;
}
