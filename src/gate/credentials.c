/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static void forget(struct credentials *c, size_t i)
{
	buf_wipe(&c->list[i].field);
	free(c->list[i].host);
	c->n--;
	if (i < c->n)
		c->list[i] = c->list[c->n];
	c->list[c->n] = (struct credential){ 0 };
}

void credentials_done(struct credentials *c)
{
	while (c->n > 0)
		forget(c, c->n - 1);
}

/* --- adding --- */

static int make_field(const struct registryauth *r, const struct profile *p, struct buf *ret)
{
	*ret = BUF_INIT(REGISTRYAUTH_HEADER_MAX);
	if (buf_reserve(ret, REGISTRYAUTH_HEADER_MAX))
		registryauth_field(r, p, ret);
	if (buf_ok(ret))
		return 0;
	buf_wipe(ret);
	return -ENOMEM;
}

static int add(struct credentials *c, struct slice host, struct buf *take_field, bool of_file)
{
	struct credential *to = &c->list[c->n];

	if (c->n >= ARRAY_SIZE(c->list))
		return -ENOMEM;
	to->host = strndup(host.p, host.n);
	if (!to->host)
		return -ENOMEM;
	to->field = *take_field;
	*take_field = BUF_INIT(0);
	to->of_file = of_file;
	to->serial = ++c->serial;
	c->n++;
	return 0;
}

int credentials_take_file(struct credentials *c, const struct registryauth_list *list,
			  const struct profile *p)
{
	int r = 0;

	for (size_t i = c->n; i-- > 0;)
		if (c->list[i].of_file)
			forget(c, i);
	for (size_t i = 0; i < list->n && i < REGISTRYAUTH_HOSTS_MAX; i++) {
		CLEANUP_BUF_WIPE struct buf field = BUF_INIT(0);

		if (make_field(&list->items[i], p, &field) < 0 ||
		    add(c, list->items[i].host, &field, true) < 0)
			r = -ENOMEM;
	}
	return r;
}

/* The oldest of the users', of one registry or of all; counts them. */
static size_t oldest(const struct credentials *c, const struct slice *host, size_t *ret_at)
{
	size_t count = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct credential *e = &c->list[i];

		if (e->of_file || (host && !slice_eq_str(*host, e->host)))
			continue;
		if (count == 0 || e->serial < c->list[*ret_at].serial)
			*ret_at = i;
		count++;
	}
	return count;
}

static struct credential *same(struct credentials *c, struct slice host, struct slice field)
{
	for (size_t i = 0; i < c->n; i++)
		if (!c->list[i].of_file && slice_eq_str(host, c->list[i].host) &&
		    slice_eq(buf_slice(&c->list[i].field), field))
			return &c->list[i];
	return NULL;
}

bool credentials_learn(struct credentials *c, const struct registryauth *r, const struct profile *p)
{
	CLEANUP_BUF_WIPE struct buf field = BUF_INIT(0);
	struct credential *known;
	size_t at = 0;

	if (make_field(r, p, &field) < 0)
		return false;
	known = same(c, r->host, buf_slice(&field));
	if (known) {
		known->serial = ++c->serial;
		return false;
	}
	if (oldest(c, &r->host, &at) >= CREDENTIALS_PER_HOST ||
	    oldest(c, NULL, &at) >= CREDENTIALS_SEEN_MAX)
		forget(c, at);
	return add(c, r->host, &field, false) == 0;
}

/* --- using --- */

const struct credential *credentials_find(const struct credentials *c, struct slice host)
{
	const struct credential *best = NULL;

	for (size_t i = 0; i < c->n; i++) {
		const struct credential *e = &c->list[i];

		if (!slice_eq_str(host, e->host))
			continue;
		if (e->of_file)
			return e;
		if (!best || e->serial > best->serial)
			best = e;
	}
	return best;
}

bool credentials_refused(struct credentials *c, uint64_t serial)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->list[i].serial == serial && !c->list[i].of_file) {
			forget(c, i);
			return true;
		}
	return false;
}

void credentials_trim(struct credentials *c, bool (*wanted)(void *ctx, struct slice host),
		      void *ctx)
{
	for (size_t i = c->n; i-- > 0;)
		if (!c->list[i].of_file && !wanted(ctx, slice_str(c->list[i].host)))
			forget(c, i);
}
