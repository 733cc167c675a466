/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry of an image list and one image, on what is known. Nothing is asked here.
 *
 * What must never happen: MATCH_YES without a digest of the image among the good ones, in a
 * repository that its registry vouches for, or equal to the listed id. A `struct hit` is filled in
 * nowhere but where one of these was just compared; `*` excepted.
 */
#pragma once

#include "policy/imagelist-view.h"

enum match {
	MATCH_NO,
	MATCH_OPEN, /* an answer is missing */
	MATCH_YES,
};

/* Why an entry allows. */
struct hit {
	size_t entry;
	struct slice digest;
	enum imagelist_source source;
	uint64_t age_s;
};

/* Why nothing does, as near to a yes as it came. */
struct miss {
	enum imagelist_reason reason;
	size_t entry;
	uint64_t age_s;
	const struct imagelist_image *parent;
};

#define MISS_NONE ((struct miss){ .reason = IMAGELIST_NO_ENTRY, .entry = IMAGELIST_NONE })

struct decision {
	const struct imagelist *list;
	const struct imagelist_facts *facts;
	struct imagelist_verdict *ret; /* takes the questions */
};

/* hit is written on MATCH_YES, miss when the entry came nearer than what is in it. */
enum match match_entry(const struct decision *d, const struct view *v, size_t entry,
		       struct hit *hit, struct miss *miss);

/* Makes that reason the miss if it is nearer. */
void match_come_near(struct miss *miss, enum imagelist_reason reason, size_t entry, uint64_t age_s);

/* Order among entries that match: from the most specific form on; a source that is less sure comes
 * after. */
unsigned match_rank(const struct imagelist *list, size_t entry, enum imagelist_source source);

/* Is the name one that the entry is for? */
bool match_fits(const struct imagelist_entry *e, const struct reference *name);

/* What is known about the digest in that repository, or NULL. */
const struct imagelist_answer *match_answer(const struct decision *d, struct slice digest,
					    const struct reference *name);

/* Should the registry be asked (again)? a: what match_answer() found. */
bool match_is_open(const struct decision *d, const struct imagelist_answer *a);

/* What the entries are about, as bits of hashes, so that the many local images that no entry is
 * about need not be matched with each entry. */
struct match_filter {
	uint64_t bits[256]; /* two for each name or digest */
	bool patterns;	    /* there are some, which have no hash */
};

void match_filter_init(const struct decision *d, struct match_filter *ret);

/* Could an entry match the image, be open for it or be for its name? False: none is. `*` is left
 * out. */
bool match_filter_may(const struct decision *d, const struct match_filter *f, const struct view *v);
