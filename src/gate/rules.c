/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/rules.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"
#include "gate/gate.h"

/* Takes a policy out of its text, or the defaults where p is NULL; one that cannot be read leaves
 * the one in force. */
static int take(struct rules *r, struct slice text)
{
	struct arena arena = ARENA_INIT(POLICY_ARENA_MAX);
	struct err err = ERR_INIT;
	struct policy p;
	int e = text.p ? policy_parse(&arena, text, "policy.json", &p, &err)
		       : policy_defaults(&arena, profile_default(), &p);

	if (e < 0) {
		log_error("the policy of generation %llu stays in force: %s",
			  (unsigned long long)r->policy.generation, err.text);
		arena_done(&arena);
		return e;
	}
	arena_done(&r->arena);
	r->arena = arena;
	r->policy = p;
	return 0;
}

static void on_open(struct ask_call *call, int result, struct slice body)
{
	CLEANUP_BUF struct buf text = BUF_INIT(POLICY_FILE_MAX);
	struct rules *r = CONTAINER_OF(call, struct rules, call);
	int fd = r->gate->ask.got;
	int e;

	if (result < 0 || (result == CONTROL_DONE && fd < 0)) {
		log_error("policy: %.*s", SLICE_ARG(body));
		return;
	}
	if (result != CONTROL_DONE)
		return;
	e = file_read_fd(fd, &text);
	if (e < 0)
		log_error("policy.json: %s", strerror(-e));
	else
		(void)take(r, buf_slice(&text));
}

void rules_load(struct rules *r)
{
	struct control_request *q = ask_new(CONTROL_OPEN);

	ask_cancel(&r->call); /* its answer may be of an older one */
	if (q) {
		q->size = sizeof(q->file);
		memset(q->file.id, '0', CONTROL_ID_LEN);
		q->file.which = CONTROL_FILE_POLICY;
	}
	if (ask_start(&r->gate->ask, &r->call, q, -EBADF, on_open) < 0)
		log_error("gabiond cannot be asked for the policy");
}

int rules_init(struct rules *r, struct gate *g)
{
	*r = (struct rules){ .gate = g, .arena = ARENA_INIT(0) };
	r->call.fd = -EBADF;
	return take(r, SLICE_NULL);
}

void rules_done(struct rules *r)
{
	ask_cancel(&r->call);
	arena_done(&r->arena);
}
