/* SPDX-License-Identifier: Apache-2.0 */
#include "cp/inodes.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/util.h"

#define NAMES_MAX (256u << 20)
#define FIRST_SIZE 256u

struct inodes_slot {
	dev_t dev;
	ino_t ino;
	size_t name; /* where in names, plus one; 0: free */
};

void inodes_init(struct inodes *t)
{
	*t = (struct inodes){ .names = BUF_INIT(NAMES_MAX) };
}

void inodes_done(struct inodes *t)
{
	free(t->slots);
	buf_done(&t->names);
	inodes_init(t);
}

/* Where (dev, ino) is, or belongs. Numbers come from a file system, not from an enemy who could
 * choose them all to collide; and if, it only takes longer. */
static struct inodes_slot *slot_of(struct inodes_slot *slots, size_t size, dev_t dev, ino_t ino)
{
	uint64_t h = ((uint64_t)ino ^ (uint64_t)dev << 32) * 0x9e3779b97f4a7c15u;
	size_t i = (size_t)(h >> 32) & (size - 1);

	while (slots[i].name != 0 && (slots[i].dev != dev || slots[i].ino != ino))
		i = (i + 1) & (size - 1);
	return &slots[i];
}

static int grow(struct inodes *t)
{
	size_t size = MAX(t->size * 2, (size_t)FIRST_SIZE);
	struct inodes_slot *slots = calloc(size, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->size; i++)
		if (t->slots[i].name != 0)
			*slot_of(slots, size, t->slots[i].dev, t->slots[i].ino) = t->slots[i];
	free(t->slots);
	t->slots = slots;
	t->size = size;
	return 0;
}

int inodes_name(struct inodes *t, dev_t dev, ino_t ino, const char *name, const char **ret)
{
	struct inodes_slot *slot;

	if (t->n * 2 >= t->size && grow(t) < 0)
		return -ENOMEM;
	slot = slot_of(t->slots, t->size, dev, ino);
	if (slot->name != 0) {
		*ret = t->names.p + slot->name - 1;
		return 0;
	}
	*slot = (struct inodes_slot){ .dev = dev, .ino = ino, .name = t->names.n + 1 };
	buf_add(&t->names, name, strlen(name) + 1);
	if (!buf_ok(&t->names))
		return -ENOMEM;
	t->n++;
	*ret = NULL;
	return 0;
}
