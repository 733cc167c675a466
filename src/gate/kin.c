/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/kin.h"

#include <errno.h>
#include <stdlib.h>

#include "base/util.h"

#define SIZE_MIN 64u

struct kin_entry {
	struct kin_entry *next;	     /* in the bucket */
	struct kin_entry *next_gone; /* in the list of those that are gone */
	bool gone;
	char id[CONTROL_ID_LEN];
	size_t n;
	char line[][CONTROL_ID_LEN];
};

/* The engine draws ids at random, so their first digits will do: 60 bits of them. */
static size_t hash(const char id[CONTROL_ID_LEN])
{
	size_t h = 0;

	for (size_t i = 0; i < 15; i++)
		h = h << 4 | (size_t)(id[i] <= '9' ? id[i] - '0' : id[i] - 'a' + 10);
	return h;
}

static struct kin_entry **place(const struct kin *k, const char id[CONTROL_ID_LEN])
{
	struct kin_entry **at = &k->buckets[hash(id) & (k->size - 1)];

	while (*at && memcmp((*at)->id, id, CONTROL_ID_LEN) != 0)
		at = &(*at)->next;
	return at;
}

static struct kin_entry *find(const struct kin *k, const char id[CONTROL_ID_LEN])
{
	return k->size ? *place(k, id) : NULL;
}

void kin_init(struct kin *k)
{
	*k = (struct kin){ 0 };
	k->last_gone = &k->gone;
}

void kin_done(struct kin *k)
{
	for (size_t i = 0; i < k->size; i++) {
		struct kin_entry *next;

		for (struct kin_entry *e = k->buckets[i]; e; e = next) {
			next = e->next;
			free(e);
		}
	}
	free(k->buckets);
	kin_init(k);
}

static int grow(struct kin *k)
{
	struct kin bigger = { .size = k->size ? 2 * k->size : SIZE_MIN };

	bigger.buckets = calloc(bigger.size, sizeof(*bigger.buckets));
	if (!bigger.buckets)
		return -ENOMEM;
	for (size_t i = 0; i < k->size; i++) {
		struct kin_entry *next;

		for (struct kin_entry *e = k->buckets[i]; e; e = next) {
			next = e->next;
			e->next = NULL;
			*place(&bigger, e->id) = e;
		}
	}
	free(k->buckets);
	k->buckets = bigger.buckets;
	k->size = bigger.size;
	return 0;
}

int kin_add(struct kin *k, const char id[CONTROL_ID_LEN], const char (*line)[CONTROL_ID_LEN],
	    size_t n)
{
	struct kin_entry *e;

	if (find(k, id))
		return 0;
	if (k->n >= k->size && grow(k) < 0)
		return -ENOMEM;
	e = calloc(1, sizeof(*e) + n * sizeof(e->line[0]));
	if (!e)
		return -ENOMEM;
	memcpy(e->id, id, CONTROL_ID_LEN);
	e->n = n;
	memcpy(e->line, line, n * sizeof(e->line[0]));
	*place(k, id) = e;
	k->n++;
	return 0;
}

static void forget_oldest(struct kin *k)
{
	struct kin_entry *e = k->gone;

	k->gone = e->next_gone;
	if (!k->gone)
		k->last_gone = &k->gone;
	k->ngone--;
	*place(k, e->id) = e->next;
	k->n--;
	free(e);
}

void kin_bury(struct kin *k, const char id[CONTROL_ID_LEN])
{
	struct kin_entry *e = find(k, id);

	if (!e || e->gone)
		return;
	e->gone = true;
	*k->last_gone = e;
	k->last_gone = &e->next_gone;
	k->ngone++;
	if (k->ngone > KIN_GONE_MAX)
		forget_oldest(k);
}

size_t kin_line(const struct kin *k, const char maker[CONTROL_ID_LEN],
		char ret[CONTROL_LINE_MAX][CONTROL_ID_LEN])
{
	const struct kin_entry *e = find(k, maker);
	size_t n = e ? MIN(e->n, (size_t)CONTROL_LINE_MAX - 1) : 0;

	memcpy(ret[0], maker, CONTROL_ID_LEN);
	if (n > 0)
		memcpy(ret[1], e->line, n * sizeof(e->line[0]));
	return n + 1;
}

static bool descends(const struct kin_entry *e, const char who[CONTROL_ID_LEN])
{
	for (size_t i = 0; i < e->n; i++)
		if (memcmp(e->line[i], who, CONTROL_ID_LEN) == 0)
			return true;
	return false;
}

bool kin_own(const struct kin *k, const char who[CONTROL_ID_LEN], const char id[CONTROL_ID_LEN])
{
	const struct kin_entry *e;

	if (memcmp(who, id, CONTROL_ID_LEN) == 0)
		return true;
	e = find(k, id);
	return e && !e->gone && descends(e, who);
}

bool kin_was_own(const struct kin *k, const char who[CONTROL_ID_LEN], const char id[CONTROL_ID_LEN])
{
	const struct kin_entry *e = find(k, id);

	return memcmp(who, id, CONTROL_ID_LEN) == 0 || (e && descends(e, who));
}

static bool begins(const char id[CONTROL_ID_LEN], struct slice prefix)
{
	return prefix.n > 0 && prefix.n <= CONTROL_ID_LEN && memcmp(id, prefix.p, prefix.n) == 0;
}

static size_t take(const char id[CONTROL_ID_LEN], char ret[CONTROL_ID_LEN + 1])
{
	memcpy(ret, id, CONTROL_ID_LEN);
	ret[CONTROL_ID_LEN] = '\0';
	return 1;
}

size_t kin_prefix(const struct kin *k, const char who[CONTROL_ID_LEN], struct slice prefix,
		  char ret[CONTROL_ID_LEN + 1])
{
	size_t n = begins(who, prefix) ? take(who, ret) : 0;

	for (size_t i = 0; i < k->size; i++)
		for (const struct kin_entry *e = k->buckets[i]; e; e = e->next)
			if (!e->gone && begins(e->id, prefix) && descends(e, who))
				n += take(e->id, ret);
	return n;
}
