/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/opens.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/util.h"

#define FIRST 256u

void opens_init(struct opens *o)
{
	*o = (struct opens){ .n = 0 };
	(void)pthread_mutex_init(&o->lock, NULL);
	while (getrandom(&o->nonce, sizeof(o->nonce), 0) != sizeof(o->nonce))
		;
	o->nonce |= 1;
}

void opens_done(struct opens *o)
{
	for (uint32_t i = 0; i < o->n; i++)
		free(o->v[i].text);
	free(o->v);
	(void)pthread_mutex_destroy(&o->lock);
	*o = (struct opens){ .n = 0 };
}

/* nonce, turn, place and one: 32, 16 and 16 bits. */
static uint64_t handle_of(const struct opens *o, uint32_t i)
{
	return (uint64_t)o->nonce << 32 | (o->v[i].turn & 0xffffu) << 16 | (i + 1);
}

static struct open_file *find(struct opens *o, uint64_t handle)
{
	uint32_t i = (uint32_t)(handle & 0xffffu) - 1;

	if (i >= o->n || o->v[i].owner == 0 || handle_of(o, i) != handle)
		return NULL;
	return &o->v[i];
}

static bool grow(struct opens *o)
{
	uint32_t size = MIN(MAX(2 * o->size, FIRST), OPENS_MAX);
	struct open_file *v;

	if (o->size == OPENS_MAX)
		return false;
	v = realloc(o->v, size * sizeof(*v));
	if (!v)
		return false;
	memset(v + o->size, 0, (size - o->size) * sizeof(*v));
	o->v = v;
	o->size = size;
	return true;
}

uint64_t opens_add(struct opens *o, uint64_t owner)
{
	uint64_t handle = 0;
	uint32_t i;

	(void)pthread_mutex_lock(&o->lock);
	i = o->free;
	if (i < o->n)
		o->free = o->v[i].next;
	else if (o->n < o->size || grow(o))
		o->free = ++o->n;
	else
		i = OPENS_MAX;
	if (i < OPENS_MAX) {
		o->v[i].owner = owner;
		o->v[i].length = SIZE_MAX;
		o->v[i].text = NULL;
		handle = handle_of(o, i);
	}
	(void)pthread_mutex_unlock(&o->lock);
	return handle;
}

static void drop_text(struct opens *o, struct open_file *f)
{
	if (f->text)
		o->bytes -= f->length;
	free(f->text);
	f->text = NULL;
}

void opens_drop(struct opens *o, uint64_t handle)
{
	struct open_file *f;

	(void)pthread_mutex_lock(&o->lock);
	f = find(o, handle);
	if (f) {
		drop_text(o, f);
		f->owner = 0;
		f->turn++;
		f->next = o->free;
		o->free = (uint32_t)(f - o->v);
	}
	(void)pthread_mutex_unlock(&o->lock);
}

static size_t bytes_of(const struct opens *o, uint64_t owner)
{
	size_t n = 0;

	for (uint32_t i = 0; i < o->n; i++)
		if (o->v[i].owner == owner && o->v[i].text)
			n += o->v[i].length;
	return n;
}

void opens_begin(struct opens *o, uint64_t handle, struct slice text, bool all)
{
	struct open_file *f;

	(void)pthread_mutex_lock(&o->lock);
	f = find(o, handle);
	if (f) {
		drop_text(o, f);
		if (!all && o->bytes + text.n <= OPENS_BYTES_MAX &&
		    bytes_of(o, f->owner) + text.n <= OPENS_BYTES_EACH)
			f->text = malloc(text.n);
		if (f->text) {
			memcpy(f->text, text.p, text.n);
			o->bytes += text.n;
		}
		f->length = text.n;
	}
	(void)pthread_mutex_unlock(&o->lock);
}

enum opens_piece opens_read(struct opens *o, uint64_t handle, uint64_t offset, size_t size,
			    struct buf *out)
{
	enum opens_piece r = OPENS_UNKNOWN;
	const struct open_file *f;

	(void)pthread_mutex_lock(&o->lock);
	f = find(o, handle);
	if (f && f->length != SIZE_MAX) {
		r = offset < f->length && !f->text ? OPENS_REST : OPENS_PIECE;
		if (f->text && offset < f->length)
			buf_add(out, f->text + offset, MIN(size, f->length - (size_t)offset));
	}
	(void)pthread_mutex_unlock(&o->lock);
	return r;
}
