/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long one decision about an image takes (src/policy/imagelist.h), with everything known:
 * 200 entries, 60 layers, 300 local images. Prints a line a case: NAME MEDIAN_NS P99_NS.
 *
 *	bench-imagelist [ROUNDS]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "policy/imagelist.h"

#define ENTRIES 200u
#define LAYERS 60u
#define LOCALS 300u
#define ANSWERS 400u

struct setting {
	struct arena arena;
	struct imagelist list;
	struct imagelist_entry entries[ENTRIES];
	struct imagelist_known known[ENTRIES];
	struct imagelist_good goods[ENTRIES][2];
	struct imagelist_answer answers[ANSWERS];
	struct imagelist_image locals[LOCALS];
	struct slice layers[11][LAYERS + 1];
	struct imagelist_facts facts;
	struct imagelist_verdict verdict;
};

static struct slice digest(struct setting *s, unsigned n)
{
	return slice_str(arena_must(arena_printf(&s->arena, "sha256:%064x", n)));
}

static struct slice *one(struct setting *s, const char *text)
{
	struct slice *ret = arena_must(arena_alloc(&s->arena, sizeof(*ret)));

	*ret = slice_str(text);
	return ret;
}

static void add_entry(struct setting *s, const char *text)
{
	struct err err = ERR_INIT;

	if (imagelist_parse_entry(s->list.profile, slice_str(text), &s->entries[s->list.nentries++],
				  &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
}

/* Image n: team/toolN:1 with digest 1000+n, pulled by a classic engine. One of 20 is of the family
 * that shares its layers with `layers`; the others are of ten other families. */
static void make_image(struct setting *s, unsigned n)
{
	struct slice d = digest(s, 1000 + n);
	struct imagelist_image *i = &s->locals[n];

	*i = (struct imagelist_image){ .id = digest(s, 1 + n),
				       .store = IMAGELIST_CLASSIC,
				       .has_layers = true,
				       .layers = s->layers[n % 20 ? 1 + n % 10 : 0],
				       .nlayers = LAYERS - (n % 40 == 20),
				       .ntags = 1,
				       .nrepo_digests = 1 };
	i->tags = one(s, arena_must(arena_printf(&s->arena, "team/tool%u:1", n)));
	i->repo_digests =
		one(s, arena_must(arena_printf(&s->arena, "team/tool%u@%.*s", n, SLICE_ARG(d))));
}

static void make_setting(struct setting *s)
{
	s->arena = ARENA_INIT(64u << 20);
	s->list.profile = profile_default();
	s->list.entries = s->entries;
	s->list.derived = true;
	for (unsigned f = 0; f < ARRAY_SIZE(s->layers); f++)
		for (unsigned i = 0; i <= LAYERS; i++)
			s->layers[f][i] = digest(s, 0xd1ff0000u + 1000 * f + i);
	for (unsigned i = 0; i < LOCALS; i++)
		make_image(s, i);
	for (unsigned i = 0; i < ANSWERS; i++)
		s->answers[i] = (struct imagelist_answer){
			.digest = digest(s, 1000 + i),
			.repository = slice_str(
				arena_must(arena_printf(&s->arena, "docker.io/team/tool%u", i))),
			.belongs = IMAGELIST_BELONGS,
		};
	s->facts = (struct imagelist_facts){ .image = &s->locals[0],
					     .known = s->known,
					     .answers = s->answers,
					     .nanswers = ANSWERS,
					     .has_locals = true,
					     .locals = s->locals,
					     .nlocals = LOCALS };
}

/* Entries for tools `first` and on, with everything known about them. */
static void make_list(struct setting *s, unsigned first, bool wildcards)
{
	s->list.nentries = 0;
	for (unsigned i = 0; i < ENTRIES; i++) {
		add_entry(s, arena_must(arena_printf(&s->arena, "team/tool%u:%s", first + i,
						     wildcards ? "*" : "1")));
		s->goods[i][0] = (struct imagelist_good){ .digest = digest(s, 1000 + first + i) };
		s->goods[i][1] = (struct imagelist_good){ .digest = digest(s, 5000 + first + i) };
		s->known[i] = (struct imagelist_known){ .state = IMAGELIST_KNOWN,
							.goods = s->goods[i],
							.ngoods = 2 };
	}
}

static void about(struct setting *s, const struct imagelist_image *i)
{
	s->facts.image = i;
	s->facts.asked = i->tags[0];
}

/* --- measuring --- */

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* What comes out must be what the case is about. */
static void measure(struct setting *s, const char *name, unsigned rounds, const char *rule)
{
	uint64_t *took = calloc(rounds, sizeof(*took));

	if (!took)
		exit(1);
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t start = now_ns();

		imagelist_decide(&s->list, &s->facts, &s->verdict);
		took[i] = now_ns() - start;
	}
	if (strcmp(s->verdict.verdict.rule, rule) != 0) {
		(void)fprintf(stderr, "%s: %s instead of %s: %s\n", name, s->verdict.verdict.rule,
			      rule, s->verdict.verdict.reason);
		exit(1);
	}
	qsort(took, rounds, sizeof(*took), compare);
	(void)printf("%s %llu %llu\n", name, (unsigned long long)took[rounds / 2],
		     (unsigned long long)took[rounds * 99 / 100]);
	free(took);
}

int main(int argc, char **argv)
{
	static struct setting s;
	struct imagelist_image child;
	uint64_t rounds = 2000;

	if (argc > 2 || (argc == 2 && (num_parse_u64(slice_str(argv[1]), 1000000, &rounds) < 0 ||
				       rounds == 0))) {
		(void)fprintf(stderr, "usage: bench-imagelist [ROUNDS]\n");
		return 2;
	}
	make_setting(&s);

	make_list(&s, 0, false);
	about(&s, &s.locals[ENTRIES - 1]);
	measure(&s, "tag", (unsigned)rounds, "socket-image-tag");
	make_list(&s, 0, true);
	measure(&s, "wildcard", (unsigned)rounds, "socket-image-wildcard");
	child = s.locals[LOCALS - 1];
	child.nlayers--; /* else it would be derived from others of its family */
	about(&s, &child);
	measure(&s, "unlisted", (unsigned)rounds, "socket-image-unlisted");

	/* built from a listed image, which is among 300 */
	child = s.locals[0];
	child.id = digest(&s, 0xffff);
	child.nrepo_digests = 0;
	child.nlayers = LAYERS + 1;
	child.tags = one(&s, "mine:1");
	about(&s, &child);
	measure(&s, "derived", (unsigned)rounds, "socket-image-derived");
	make_list(&s, 5000, false);
	measure(&s, "not-derived", (unsigned)rounds, "socket-image-no-parent");
	/* 300 images with the same layers as the base, which no entry is about */
	for (unsigned i = 0; i < LOCALS; i++) {
		s.locals[i].layers = s.layers[0];
		s.locals[i].nlayers = LAYERS;
	}
	measure(&s, "many-bases", (unsigned)rounds, "socket-image-no-parent");
	memset(s.known, 0, sizeof(s.known)); /* nothing is known yet */
	measure(&s, "questions", (unsigned)rounds, "socket-image-no-parent");
	arena_done(&s.arena);
	return 0;
}
