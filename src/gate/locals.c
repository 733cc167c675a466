/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/locals.h"

#include <errno.h>

#include "base/cleanup.h"
#include "http/target.h"
#include "json/json.h"

#define TREE_MAX (1u << 20)
#define NAMES_MAX 16384u /* bytes of the filter */

/* The engine compares it with the name as it prints it: `docker`, `a/b`, `host/c`. It is a pattern
 * of Go's path.Match(), in which `*` is one part as in ours. */
static int add_name(const struct profile *p, const struct imagelist_entry *e, struct arena *a,
		    struct json *names)
{
	CLEANUP_BUF struct buf name = BUF_INIT(2048);
	struct reference r = e->ref;
	struct slice s;

	r.tag = SLICE_LIT("x"); /* without one, it would be the default */
	r.digest = SLICE_NULL;
	reference_add_short(p, &r, &name);
	if (!buf_ok(&name))
		return -ENOMEM;
	s = (struct slice){ name.p, name.n - 2 };
	if (e->form == PROFILE_FORM_PATTERN && slice_eq_str(r.domain, p->registry))
		s = r.path; /* in the default folder, names have no other part */
	if (slice_find(s, '[') < s.n || slice_find(s, '\\') < s.n ||
	    (slice_eq_str(r.domain, p->registry) && slice_starts(s, r.domain)))
		return LOCALS_ALL;
	return json_append(a, names, json_new_slice(a, s));
}

static int add_names(const struct imagelist *list, struct arena *a, struct json *names)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->nentries; i++) {
		const struct imagelist_entry *e = &list->entries[i];

		if (e->form != PROFILE_FORM_ID && e->form != PROFILE_FORM_EVERYTHING)
			r = add_name(list->profile, e, a, names);
	}
	return r;
}

int locals_by_name(const struct imagelist *lists, size_t nlists, struct buf *target)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
	CLEANUP_BUF struct buf filter = BUF_INIT(NAMES_MAX);
	struct json *names = json_new(&a, JSON_ARRAY);
	struct json *o = json_new(&a, JSON_OBJECT);
	struct slice_pair pair = { .key = SLICE_LIT("filters") };
	struct http_target t = { .nparams = 1, .params = &pair };
	int r = names && o ? json_set(&a, o, "reference", names) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < nlists; i++)
		r = add_names(&lists[i], &a, names);
	if (r != 0)
		return r;
	json_emit(o, &filter);
	if (!buf_ok(&filter) ||
	    names->n == 0) /* no name: the filter would let everything through */
		return LOCALS_ALL;
	pair.value = buf_slice(&filter);
	buf_add_str(target, "/images/json");
	http_query_emit(&t, target);
	buf_add_char(target, '\0');
	return buf_ok(target) ? LOCALS_SOME : LOCALS_ALL;
}

static bool is_among(struct slice digest, const struct slice *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(list[i], digest))
			return true;
	return false;
}

/* Its own digest or id, then those that its registry says are good. SLICE_NULL: none is new. */
static struct slice next_of(const struct imagelist *list, const struct imagelist_entry *e,
			    struct slice name, const struct digests *d, const struct slice *looked,
			    size_t nlooked)
{
	const struct digests_tag *t = digests_find(d, name);

	if (e->form == PROFILE_FORM_ID && !is_among(name, looked, nlooked))
		return name;
	if (e->form == PROFILE_FORM_DIGEST && !is_among(e->ref.digest, looked, nlooked))
		return e->ref.digest;
	for (size_t i = 0; t && i < t->ngoods; i++)
		if ((t->goods[i].current || list->keep_previous) &&
		    !is_among(slice_str(t->goods[i].digest), looked, nlooked))
			return slice_str(t->goods[i].digest);
	return SLICE_NULL;
}

struct slice locals_next_digest(const struct imagelist *lists, size_t nlists,
				const struct digests *d, const struct slice *looked, size_t nlooked,
				struct arena *a)
{
	for (size_t i = 0; i < nlists; i++)
		for (size_t k = 0; k < lists[i].nentries; k++) {
			CLEANUP_BUF struct buf name = BUF_INIT(2048);
			struct slice next;

			imagelist_add_entry(&lists[i].entries[k], &name);
			next = next_of(&lists[i], &lists[i].entries[k], buf_slice(&name), d, looked,
				       nlooked);
			if (next.p)
				return (struct slice){ arena_dup(a, next.p, next.n), next.n };
		}
	return SLICE_NULL;
}
