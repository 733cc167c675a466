/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes in a slot: they are refused, or answered within bounds. There is no container. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vfs/session.h"

#define ROOM 8192u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static struct session *session(void)
{
	static struct session s;
	static bool ready;

	if (!ready) {
		for (enum cg_controller c = 0; c < CG_CONTROLLERS; c++)
			s.host.cg.root[c] = -EBADF;
		session_init(&s, -EBADF, -EBADF);
		ready = true;
	}
	return &s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static _Alignas(8) char slot[ROOM];
	struct buf out = BUF_INIT(SESSION_ANSWER_MAX);
	const char *end = slot + ROOM;
	struct wire q;
	int r;

	if (n > ROOM)
		return 0;
	memset(slot, 0, ROOM);
	memcpy(slot, data, n);
	r = wire_parse(slot, ROOM, &q);
	must(r == -EINVAL || (r >= 0 && r <= WIRE_SILENT));
	if (r == WIRE_OK) {
		must(!q.arg || ((const char *)q.arg > slot && (const char *)q.arg < end));
		must(q.rest.n == 0 || (q.rest.p > slot && q.rest.p + q.rest.n <= end));
		r = session_handle(session(), &q, &out);
		must(r <= 0 && r > -4096);
		must(buf_ok(&out));
		if ((q.head->opcode == FUSE_READDIR || q.head->opcode == FUSE_READDIRPLUS) &&
		    r == 0)
			must(out.n <= ((const struct fuse_read_in *)q.arg)->size);
	}
	buf_done(&out);
	return 0;
}
