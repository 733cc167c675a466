/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/subordinate.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"

#define FILE_MAX (16u << 20)

static int read_got(struct subordinate *s)
{
	CLEANUP_BUF struct buf text = BUF_INIT(FILE_MAX);
	int r = s->ask->got < 0 ? -EPROTO : file_read_fd(s->ask->got, &text);

	if (r < 0)
		return r;
	s->uids.n = 0;
	return ranges_parse_sub(buf_slice(&text), NULL, NULL, "root", &s->uids);
}

static void on_file(struct ask_call *call, int result, struct slice body)
{
	struct subordinate *s = CONTAINER_OF(call, struct subordinate, call);
	int r = 0;

	if (result == CONTROL_NONE)
		s->uids.n = 0;
	else if (result == CONTROL_DONE)
		r = read_got(s);
	if (result < 0 || r < 0)
		log_error("not all users' subordinate ids are known: %.*s",
			  SLICE_ARG(result < 0 ? body : slice_str(strerror(-r))));
	s->loaded(s);
}

void subordinate_init(struct subordinate *s, struct ask *ask, void (*loaded)(struct subordinate *s))
{
	s->ask = ask;
	s->call.fd = -EBADF;
	s->loaded = loaded;
}

void subordinate_load(struct subordinate *s)
{
	struct control_request *q = ask_new(CONTROL_OPEN);

	ask_cancel(&s->call);
	if (q) {
		q->size = sizeof(q->file);
		memset(q->file.id, '0', CONTROL_ID_LEN);
		q->file.which = CONTROL_FILE_SUBUID;
	}
	if (ask_start(s->ask, &s->call, q, -EBADF, on_file) < 0) {
		log_error("gabiond cannot be asked for users' subordinate ids");
		s->loaded(s);
	}
}

void subordinate_done(struct subordinate *s)
{
	ask_cancel(&s->call);
}

bool subordinate_has(const struct subordinate *s, uid_t uid)
{
	uint64_t end;

	return ranges_hit(&s->uids, uid, 1, &end);
}
