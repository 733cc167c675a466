/* SPDX-License-Identifier: Apache-2.0 */
/* Any message, its first byte the number of descriptors: refused with a text, or what the protocol
 * says of its operation holds. The message is in memory of its own size. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "control/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_paths(const struct control_path *p)
{
	const char *path;
	unsigned flags;
	size_t at = 0;
	uint32_t n = 0;

	while (control_path_next(p, &at, &path, &flags)) {
		must(strlen(path) > 0 && strlen(path) < CONTROL_PATH_MAX && flags < 64);
		must(path[0] == '/' || (flags & ~CONTROL_PATH_PREDICT) == CONTROL_PATH_RULE ||
		     (flags & ~CONTROL_PATH_PREDICT) == CONTROL_PATH_CDI);
		must(!(flags & CONTROL_PATH_DEVICE) ||
		     (flags & ~CONTROL_PATH_PREDICT) == CONTROL_PATH_DEVICE);
		n++;
	}
	must(at == p->size && n == p->n && n > 0 && n <= CONTROL_PATHS_MAX);
}

static void check_child(const struct control_child *c, size_t size)
{
	must(c->n > 0 && c->n <= CONTROL_LINE_MAX && size == 4180 + 64 * (size_t)c->n);
	for (size_t i = 0; i < c->n; i++)
		must(control_id_ok(c->line[i]));
	must(c->asker.ngroups <= CONTROL_GROUPS_MAX && c->asker.uid != UINT32_MAX);
}

/* The same bytes as an answer to CONTROL_KIN. */
static void check_kin(struct slice rest)
{
	CLEANUP_FREE struct control_kin *k = calloc(1, sizeof(*k));
	size_t before = rest.n;
	int r;

	must(k != NULL);
	while ((r = control_kin_next(&rest, k)) == 1) {
		must(k->n > 0 && k->n <= CONTROL_LINE_MAX && control_id_ok(k->id));
		for (size_t i = 0; i < k->n; i++)
			must(control_id_ok(k->line[i]));
		must(before - rest.n == 68 + 64 * (size_t)k->n);
		before = rest.n;
	}
	must((r == 0) == (rest.n == 0) || r == -EPROTO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_FREE struct control_request *q = calloc(1, sizeof(*q));
	struct err err = ERR_INIT;
	size_t nfds;
	int r;

	must(q != NULL);
	if (n == 0 || n - 1 > sizeof(*q))
		return 0;
	check_kin((struct slice){ (const char *)data + 1, n - 1 });
	nfds = data[0] % 3;
	memset(q, 'a', sizeof(*q)); /* what was there before a shorter message came */
	memcpy(q, data + 1, n - 1);
	r = control_request_check(q, n - 1, nfds, &err);
	must(r == 0 || (r == -EPROTO && err.text[0] != '\0'));
	if (r < 0)
		return 0;
	must(n - 1 == 24 + (size_t)q->size && nfds <= 1);
	must(q->header.magic == CONTROL_MAGIC && q->header.version == CONTROL_VERSION);
	must(q->size == 0 || control_id_ok(q->id.id));
	if (q->header.op == CONTROL_RECORD)
		must(q->asker.ngroups <= CONTROL_GROUPS_MAX && q->asker.uid != UINT32_MAX);
	if (q->header.op == CONTROL_CHILD)
		check_child(&q->child, q->size);
	if (q->header.op == CONTROL_COPY)
		must(q->copy.path[0] && strlen(q->copy.path) < CONTROL_PATH_MAX &&
		     strlen(q->copy.user) < CONTROL_USER_MAX && (q->copy.mode == 0) == (nfds == 0));
	if (q->header.op == CONTROL_GRANT || q->header.op == CONTROL_AUDIT)
		must(q->text.size > 0 && q->text.size <= CONTROL_TEXT_MAX &&
		     68 + q->text.size == q->size);
	if (q->header.op == CONTROL_PATH)
		check_paths(&q->path);
	if (q->header.op == CONTROL_KEEP)
		must(nfds == 1 && q->file.which == CONTROL_FILE_DIGESTS);
	return 0;
}
