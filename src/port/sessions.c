/* SPDX-License-Identifier: Apache-2.0 */
#include "port/sessions.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PER_BUCKET 2

static_assert(sizeof(struct session_key) == 2 * sizeof(struct in6_addr) + 8, "padding in a key");

static const uint64_t timeouts[] = { SESSIONS_UNANSWERED_NS, SESSIONS_SILENT_NS };

/* --- hash --- */

static uint64_t load(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static uint64_t turn(uint64_t v, unsigned int by)
{
	return v << by | v >> (64 - by);
}

static void mix(uint64_t v[4], unsigned int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = turn(v[1], 13) ^ v[0];
		v[3] = turn(v[3], 16) ^ v[2];
		v[0] = turn(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = turn(v[1], 17) ^ v[2];
		v[3] = turn(v[3], 21) ^ v[0];
		v[2] = turn(v[2], 32);
	}
}

static void take_in(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	mix(v, 2);
	v[0] ^= word;
}

uint64_t sessions_hash(const unsigned char secret[SESSIONS_KEY_SIZE], const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t k0 = load(secret, 8);
	uint64_t k1 = load(secret + 8, 8);
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
			  k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u };
	size_t left = n;

	for (; left >= 8; left -= 8, p += 8)
		take_in(v, load(p, 8));
	take_in(v, (uint64_t)n << 56 | load(p, left));
	v[2] ^= 0xff;
	mix(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* --- lists --- */

static struct session_list *list_of(struct sessions *t, const struct session *s)
{
	return &t->lists[s->answered];
}

static void unlink_session(struct session_list *l, struct session *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		l->first = s->next;
	if (s->next)
		s->next->prev = s->prev;
	else
		l->last = s->prev;
	s->prev = NULL;
	s->next = NULL;
}

static void append_session(struct session_list *l, struct session *s)
{
	s->prev = l->last;
	s->next = NULL;
	if (l->last)
		l->last->next = s;
	else
		l->first = s;
	l->last = s;
}

/* --- table --- */

int sessions_init(struct sessions *t, size_t max, const unsigned char secret[SESSIONS_KEY_SIZE])
{
	*t = (struct sessions){ .max = max, .nbuckets = 1 };
	while (t->nbuckets * PER_BUCKET < max)
		t->nbuckets *= 2;
	memcpy(t->secret, secret, SESSIONS_KEY_SIZE);
	t->buckets = calloc(t->nbuckets, sizeof(struct session *));
	return t->buckets ? 0 : -ENOMEM;
}

void sessions_done(struct sessions *t)
{
	free(t->buckets);
	t->buckets = NULL;
}

static struct session **bucket_of(const struct sessions *t, const struct session_key *key)
{
	return &t->buckets[sessions_hash(t->secret, key, sizeof(*key)) & (t->nbuckets - 1)];
}

struct session *sessions_find(const struct sessions *t, const struct session_key *key)
{
	struct session *s = *bucket_of(t, key);

	while (s && memcmp(&s->key, key, sizeof(*key)) != 0)
		s = s->chain;
	return s;
}

void sessions_add(struct sessions *t, struct session *s, uint64_t now_ns)
{
	struct session **bucket = bucket_of(t, &s->key);

	assert(!sessions_full(t));
	s->chain = *bucket;
	*bucket = s;
	s->used_ns = now_ns;
	s->answered = false;
	append_session(list_of(t, s), s);
	t->count++;
}

void sessions_touch(struct sessions *t, struct session *s, uint64_t now_ns, bool answer)
{
	unlink_session(list_of(t, s), s);
	s->used_ns = now_ns;
	s->answered = s->answered || answer;
	append_session(list_of(t, s), s);
}

void sessions_remove(struct sessions *t, struct session *s)
{
	struct session **at = bucket_of(t, &s->key);

	while (*at != s)
		at = &(*at)->chain;
	*at = s->chain;
	unlink_session(list_of(t, s), s);
	t->count--;
}

struct session *sessions_oldest(const struct sessions *t)
{
	return t->lists[0].first ? t->lists[0].first : t->lists[1].first;
}

struct session *sessions_expired(const struct sessions *t, uint64_t now_ns)
{
	for (size_t i = 0; i < 2; i++) {
		struct session *s = t->lists[i].first;

		if (s && now_ns - s->used_ns >= timeouts[i])
			return s;
	}
	return NULL;
}

uint64_t sessions_next_ns(const struct sessions *t)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < 2; i++) {
		const struct session *s = t->lists[i].first;

		if (s && s->used_ns + timeouts[i] < next)
			next = s->used_ns + timeouts[i];
	}
	return next;
}
