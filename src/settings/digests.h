/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the images of an imageList: lib/digests.json. The gate fills it by asking
 * registries through the engine, and has it kept; it and gabion-runc decide by it, so that a
 * container with the engine's socket can be started again when no registry can be asked.
 *
 *   {"version":1,
 *    "tags":[{"reference":"docker.io/library/docker:cli","asked":1795881600,
 *             "goods":[{"digest":"sha256:…","seen":1795881600,"current":true}, …]}, …],
 *    "claims":[{"repository":"docker.io/library/docker","digest":"sha256:…","belongs":true,
 *               "asked":1795881600,"seen":1795881600,"needed":1795881600}, …],
 *    "uses":[{"entry":"docker.io/library/docker:cli","at":1795881600}, …]}
 *
 * Times are seconds since 1970. A good digest that is not current any more stays, for
 * keepPreviousDigests; the oldest go when there are too many. A claim of a repository that an entry
 * is for (name:*, patterns) is good in the same way: now, or until its registry moved on. It is
 * asked about again like the tags, and stays as long as a container needs it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "policy/imagelist.h"

#define DIGESTS_FILE_MAX (8u << 20)
#define DIGESTS_GOODS_MAX 64 /* of one tag */
#define DIGESTS_CLAIMS_MAX 8192

#define DIGESTS_DIGEST_SIZE 136 /* sha512:…, and a NUL */

struct digests_good {
	char digest[DIGESTS_DIGEST_SIZE];
	uint64_t seen; /* when the registry last said so */
	bool current;
};

/* A reference with a tag, or with a digest. */
struct digests_tag {
	char *reference; /* expanded */
	uint64_t asked;	 /* when the registry last answered; 0: never */
	uint64_t failed; /* when it last did not; not kept */
	bool refused;	 /* because it wanted (other) credentials */
	struct digests_good *goods;
	size_t ngoods;
};

/* Whether a digest is in a repository. */
struct digests_claim {
	char *repository; /* expanded */
	char digest[DIGESTS_DIGEST_SIZE];
	bool belongs;	 /* as it was last answered */
	uint64_t asked;	 /* when the registry last answered; 0: never */
	uint64_t seen;	 /* when it last said that it is there; 0: never */
	uint64_t needed; /* when a container last needed it, to a day; 0: never */
	uint64_t failed; /* not kept */
	bool refused;	 /* because of credentials */
	bool due;	 /* the refresh that runs has still to ask; not kept */
};

/* When an entry last gave a container the engine's socket. */
struct digests_use {
	char *entry; /* expanded */
	uint64_t at;
};

struct digests {
	struct digests_tag *tags;
	size_t ntags;
	struct digests_claim *claims;
	size_t nclaims;
	struct digests_use *uses;
	size_t nuses;
	bool dirty; /* there is something that is not kept */
	bool used;  /* only uses are not: no decision depends on them */
};

#define DIGESTS_INIT ((struct digests){ 0 })
void digests_done(struct digests *d);

/* Reads a file's text into an empty *d. -EINVAL: it is not such a file, and *d is as it was. */
int digests_parse(struct digests *d, struct slice text, struct err *err);
void digests_print(const struct digests *d, struct buf *b);

/* The registry answered: these are the digests of that reference now; none: there is no such tag.
 * Returns 0 or -ENOMEM, as the others do. */
int digests_answered(struct digests *d, struct slice reference, const struct slice *list, size_t n,
		     uint64_t now);
/* It could not be asked, or gave no answer; refused: because of credentials. */
int digests_failed(struct digests *d, struct slice reference, uint64_t now, bool refused);
/* There are other credentials: what failed may be asked again at once. */
void digests_forgive(struct digests *d);
int digests_claimed(struct digests *d, struct slice repository, struct slice digest, bool belongs,
		    uint64_t now);
int digests_unclaimed(struct digests *d, struct slice repository, struct slice digest, uint64_t now,
		      bool refused);

/* Makes those claims due that are or were good and that an entry of the lists is for. */
void digests_make_due(struct digests *d, const struct imagelist *list, size_t nlists);
/* The one of them that was asked about longest ago; NULL: none is left. An answer or a failure ends
 * that it is due. */
const struct digests_claim *digests_next_due(const struct digests *d);
/* That registry cannot be asked: nothing is due there any more. What was not asked about comes
 * before what failed, next time. */
void digests_skip_due(struct digests *d, struct slice host);

/* Is the claim of a repository that the entry, name:* or a pattern, is for? */
bool digests_is_for(const struct digests_claim *c, const struct profile *p,
		    const struct imagelist_entry *e);
/* A container of that image, which may have the engine's socket, is there. */
void digests_needed(struct digests *d, const struct profile *p, const struct imagelist_image *image,
		    uint64_t now);

/* The entry has given a container the engine's socket. */
int digests_use(struct digests *d, struct slice entry, uint64_t now);
/* When it last did; 0: it is not known that it ever did. */
uint64_t digests_used_at(const struct digests *d, struct slice entry);

const struct digests_tag *digests_find(const struct digests *d, struct slice reference);

/* Keeps only what the entries are about. Claims: those that are good for an entry and were needed
 * since `oldest`, and others that were asked about since then. */
void digests_trim(struct digests *d, const struct imagelist *list, size_t nlists, uint64_t oldest);

/* What of it the decision about a list needs: facts->known and facts->answers, in the arena. With
 * `retry_s`, a failure longer ago than that counts as not asked. */
int digests_facts(const struct digests *d, struct arena *a, const struct imagelist *list,
		  uint64_t now, uint64_t retry_s, struct imagelist_facts *facts);
