/* SPDX-License-Identifier: Apache-2.0 */
/* Which containers were made by which others over the engine's socket: the records' lines. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/serve-channel.h"
#include "settings/asker.h"
#include "settings/records.h"

/* Records that one question looks at: gabiond answers others in between. */
#define LOOKED_AT_MAX 500u

static_assert(sizeof(((struct asker *)NULL)->line) == sizeof(((struct control_kin *)NULL)->line),
	      "lines");

/* False: it has no room there. */
static bool add_kin(const char *lib, const char id[RECORDS_ID_LEN], struct buf *b)
{
	struct control_kin kin = { 0 };
	char text[RECORDS_ID_LEN + 1] = { 0 };
	struct err err = ERR_INIT;
	struct asker a;
	size_t n;
	int r;

	memcpy(text, id, RECORDS_ID_LEN);
	r = asker_load(lib, text, &a, &err);
	if (r < 0)
		log_error("who made container %.12s is not known: %s", text, err.text);
	if (r != ASKER_OK || a.nline == 0)
		return true;
	memcpy(kin.id, id, RECORDS_ID_LEN);
	kin.n = (uint32_t)a.nline;
	memcpy(kin.line, a.line, a.nline * sizeof(a.line[0]));
	n = offsetof(struct control_kin, line) + a.nline * sizeof(kin.line[0]);
	if (b->max - b->n < n)
		return false;
	buf_add(b, &kin, n);
	return true;
}

void serve_kin(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	CLEANUP_BUF struct buf kin = BUF_INIT(CONTROL_ANSWER_MAX);
	CLEANUP_FREE char(*ids)[RECORDS_ID_LEN] = NULL;
	const char *lib = ch->serve->instance->lib;
	size_t n = 0;
	size_t i = 0;

	(void)fd_close(take_fd);
	if (records_list(lib, RECORDS_ASKERS, q->id.id, &ids, &n) < 0) {
		serve_answer(ch, &q->header, -ENOMEM, SLICE_LIT("out of memory"));
		return;
	}
	n = MIN(n, (size_t)LOOKED_AT_MAX);
	if (n > 0)
		buf_add(&kin, ids[0], RECORDS_ID_LEN); /* its place, for the last one */
	while (i < n && add_kin(lib, ids[i], &kin))
		i++;
	if (!buf_ok(&kin)) {
		serve_answer(ch, &q->header, -ENOMEM, SLICE_LIT("out of memory"));
		return;
	}
	if (i > 0)
		memcpy(kin.p, ids[i - 1], RECORDS_ID_LEN);
	serve_answer(ch, &q->header, CONTROL_DONE, buf_slice(&kin));
}
