/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/idmap.h"

#include <errno.h>
#include <string.h>

#include "base/slice.h"
#include "base/util.h"

static bool overlap(uint32_t a, uint32_t an, uint32_t b, uint32_t bn)
{
	return a < (uint64_t)b + bn && b < (uint64_t)a + an;
}

int idmap_add(struct idmap *m, uint32_t inside, uint32_t outside, uint32_t count)
{
	if (count == 0)
		return 0;
	/* (uid_t)-1 is no id. */
	if ((uint64_t)inside + count > UINT32_MAX || (uint64_t)outside + count > UINT32_MAX)
		return -ERANGE;
	if (m->n == IDMAP_EXTENTS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < m->n; i++)
		if (overlap(m->e[i].inside, m->e[i].count, inside, count) ||
		    overlap(m->e[i].outside, m->e[i].count, outside, count))
			return -EEXIST;
	m->e[m->n++] = (struct idmap_extent){ inside, outside, count };
	return 0;
}

/* The extent with the lowest inside id at or above `from`, or NULL. */
static const struct idmap_extent *next_extent(const struct idmap *m, size_t n, uint32_t from)
{
	const struct idmap_extent *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (m->e[i].inside >= from && (!best || m->e[i].inside < best->inside))
			best = &m->e[i];
	return best;
}

int idmap_fill_ghost(struct idmap *m, uint32_t limit, uint32_t ghost)
{
	size_t given = m->n;
	uint32_t at = 0;

	while (at < limit) {
		const struct idmap_extent *e = next_extent(m, given, at);
		uint32_t end = e ? MIN(e->inside, limit) : limit;
		uint32_t after = e ? e->inside + e->count : limit;
		int r = idmap_add(m, at, ghost + at, end - at);

		if (r < 0)
			return r;
		at = after;
	}
	return 0;
}

void idmap_print(const struct idmap *m, struct buf *b)
{
	for (size_t i = 0; i < m->n; i++)
		buf_printf(b, "%u %u %u\n", m->e[i].inside, m->e[i].outside, m->e[i].count);
}

static int parse_extent(struct slice line, struct idmap *ret)
{
	uint32_t v[3];
	size_t got = 0;
	struct slice word;

	while (slice_split(&line, ' ', &word)) {
		if (word.n == 0)
			continue;
		if (got == ARRAY_SIZE(v) || num_parse_u32(word, &v[got]) < 0)
			return -EINVAL;
		got++;
	}
	if (got != ARRAY_SIZE(v) || ret->n == IDMAP_EXTENTS_MAX)
		return -EINVAL;
	ret->e[ret->n++] = (struct idmap_extent){ v[0], v[1], v[2] };
	return 0;
}

int idmap_parse(struct slice text, struct idmap *ret)
{
	struct slice line;

	ret->n = 0;
	while (slice_split(&text, '\n', &line)) {
		if (line.n == 0)
			continue;
		if (parse_extent(line, ret) < 0)
			return -EINVAL;
	}
	return 0;
}

bool idmap_outside(const struct idmap *m, uint32_t inside, uint32_t *ret)
{
	for (size_t i = 0; i < m->n; i++) {
		if (inside >= m->e[i].inside && inside - m->e[i].inside < m->e[i].count) {
			*ret = m->e[i].outside + (inside - m->e[i].inside);
			return true;
		}
	}
	return false;
}

bool idmap_equal(const struct idmap *a, const struct idmap *b)
{
	return a->n == b->n && memcmp(a->e, b->e, a->n * sizeof(a->e[0])) == 0;
}
