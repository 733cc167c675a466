/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/util.h"

enum follows {
	NOTHING,
	NAME,
	DATA, /* as many bytes as struct fuse_write_in says */
};

static const struct {
	uint32_t opcode;
	size_t arg;
	enum follows follows;
} known[] = {
	{ FUSE_LOOKUP, 0, NAME },
	{ FUSE_GETATTR, sizeof(struct fuse_getattr_in), NOTHING },
	{ FUSE_SETATTR, sizeof(struct fuse_setattr_in), NOTHING },
	{ FUSE_OPEN, sizeof(struct fuse_open_in), NOTHING },
	{ FUSE_READ, sizeof(struct fuse_read_in), NOTHING },
	{ FUSE_WRITE, sizeof(struct fuse_write_in), DATA },
	{ FUSE_STATFS, 0, NOTHING },
	{ FUSE_RELEASE, sizeof(struct fuse_release_in), NOTHING },
	{ FUSE_INIT, offsetof(struct fuse_init_in, flags2), NOTHING },
	{ FUSE_READDIR, sizeof(struct fuse_read_in), NOTHING },
	{ FUSE_READDIRPLUS, sizeof(struct fuse_read_in), NOTHING },
	{ FUSE_ACCESS, sizeof(struct fuse_access_in), NOTHING },
	{ FUSE_DESTROY, 0, NOTHING },
};

/* Numbers of nodes are computed, so nothing is forgotten; and nothing takes long enough to be
 * interrupted. */
static const uint32_t silent[] = { FUSE_FORGET, FUSE_BATCH_FORGET, FUSE_INTERRUPT };

static const uint32_t changes[] = { FUSE_SYMLINK, FUSE_MKNOD,  FUSE_MKDIR, FUSE_UNLINK,
				    FUSE_RMDIR,	  FUSE_RENAME, FUSE_LINK,  FUSE_CREATE,
				    FUSE_RENAME2, FUSE_TMPFILE };

static bool is_in(uint32_t opcode, const uint32_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == opcode)
			return true;
	return false;
}

static int take_rest(struct wire *q, enum follows follows)
{
	const struct fuse_write_in *w = q->arg;
	const char *nul;

	switch (follows) {
	case NOTHING:
		q->rest = SLICE_NULL;
		break;
	case NAME:
		nul = memchr(q->rest.p, '\0', q->rest.n);
		if (!nul || nul == q->rest.p)
			return -EINVAL;
		q->rest.n = (size_t)(nul - q->rest.p);
		break;
	case DATA:
		if (w->size > q->rest.n)
			return -EINVAL;
		q->rest.n = w->size;
		break;
	}
	return 0;
}

int wire_parse(const void *p, size_t room, struct wire *ret)
{
	struct wire q = { .head = p };
	const char *after = (const char *)p + sizeof(*q.head);

	*ret = (struct wire){ .head = NULL };
	if (room < sizeof(*q.head) || q.head->len < sizeof(*q.head) || q.head->len > room)
		return -EINVAL;
	ret->head = q.head;
	if (is_in(q.head->opcode, silent, ARRAY_SIZE(silent)))
		return WIRE_SILENT;
	if (is_in(q.head->opcode, changes, ARRAY_SIZE(changes)))
		return WIRE_CHANGE;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		size_t n = q.head->len - sizeof(*q.head);
		int r;

		if (q.head->opcode != known[i].opcode)
			continue;
		if (n < known[i].arg)
			return -EINVAL;
		q.arg = known[i].arg > 0 ? after : NULL;
		q.rest = (struct slice){ after + known[i].arg, n - known[i].arg };
		r = take_rest(&q, known[i].follows);
		if (r == 0)
			*ret = q;
		return r;
	}
	return WIRE_OTHER;
}
