/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which images may have the engine's socket: the policy in force, what registries said of its
 * images, and checks of single images by it (policy/imagelist.h decides).
 *
 * The gate opens no file: policy and digests come from gabiond, and go there to be kept. Registries
 * are asked through the engine (GET /distribution/…), so that its mirrors and certificates count,
 * with the credentials of credentials.h; every ten minutes they are asked again about entries with
 * a tag, and about digests that are or were good for name:* and patterns, those longest not asked
 * about first and not too many at once.
 */
#pragma once

#include "gate/bases.h"
#include "gate/credentials.h"
#include "gate/fetch.h"
#include "gate/layers.h"
#include "gate/locals.h"
#include "policy/command.h"
#include "settings/digests.h"
#include "settings/grant.h"
#include "settings/policy.h"

#define IMAGES_WAIT_SECONDS 5u /* for registries, in one check */

struct images_check;

/* Who waits for a refresh to be over. */
struct images_wait {
	struct images_wait *next;
	void (*done)(struct images_wait *w);
};

/* The command lists of one layer (commands.h). */
struct commands_layer {
	struct command_list list;
	struct command_list *of_entries; /* as its images: their own lists, or `list` */
};

/* A GET whose body is read whole. */
struct images_fetch {
	struct images *images;
	struct fetch fetch;
	struct buf body;   /* of an answer of 200; of others where a registry is asked */
	struct buf target; /* of a question to a registry, which may have to be asked again */
	struct buf host;   /* the registry; empty: none is asked */
	struct buf name;   /* what it is asked about: the reference of an entry, or a repository */
	struct buf digest; /* in that repository; empty: which one has the reference? */
	uint64_t with;	   /* serial of the credential that went along; 0: none */
	void (*done)(struct images_fetch *f, bool ok);
};

struct images {
	struct gate *gate;
	bool loaded;	    /* policy and digests are here */
	struct arena arena; /* of the policy */
	struct policy policy;
	struct imagelist lists[POLICY_LAYERS_MAX];	   /* as policy.sockets */
	struct commands_layer commands[POLICY_LAYERS_MAX]; /* the same */
	uint64_t
		generation; /* grows with each policy and each refresh; 0: there is no policy yet */
	struct digests digests;
	struct ask_call call; /* OPEN */
	struct loop_timer refresh;
	struct images_fetch fetch; /* of the refresh */
	size_t at_layer;	   /* of the refresh */
	size_t at_entry;
	size_t claims; /* so many may still be asked about in it */
	struct images_wait *waits;
	bool again; /* another refresh is wanted soon */
	struct credentials credentials;
	struct layers layers; /* of local images */
	struct bases bases;   /* of derived ones */
	/* Grows when something has changed that decisions rest on and that is not looked up for
	 * each; never 0. */
	uint64_t facts;
	bool listening; /* the engine says what happens to its images */
	bool has_store;
	enum imagelist_store store; /* of the engine that is listened to */
	char *auth_trouble; /* owned: why registry-auth.json is not used; NULL: nothing is wrong */
};

void images_init(struct images *m, struct gate *g);
/* Loads, then refreshes from time to time. Without gabiond (tests): the defaults. */
void images_start(struct images *m);
void images_done(struct images *m);

/* gabiond says that there is a new policy. */
void images_reload(struct images *m);
/* The engine is heard from now on, or not any more: then it may be another one that comes. */
void images_listening(struct images *m, bool on);
/* Images have come, gone or got other names. */
void images_changed(struct images *m);
/* Asks about every entry now. */
void images_refresh(struct images *m);

/* The same, and done() runs once when all have answered or not; never from within this call. */
void images_wait(struct images *m, struct images_wait *w);
void images_wait_stop(struct images *m, struct images_wait *w);

/* Is there an entry about images of that registry? */
bool images_wants(const struct images *m, struct slice host);
/* A client had these credentials with it when the engine spoke with that registry. */
void images_learn(struct images *m, const struct registryauth *r);

/* Isolation is off: rules about namespaces and mounts do not apply. (design: "The runtime") */
static inline bool images_plain(const struct images *m)
{
	return !m->policy.isolation;
}

/* That, for who asks why something is allowed. */
#define IMAGES_PLAIN                                                                  \
	"isolation is off (enhancedContainerIsolation.value): image lists, command "  \
	"lists and the rules about paths, devices and namespaces of the host do not " \
	"apply"

/* Seconds since 1970. */
uint64_t images_now(void);

enum images_result {
	IMAGES_ALLOWED,
	IMAGES_DENIED,	/* v says why */
	IMAGES_MISSING, /* the engine has no such image, or takes no such name */
	IMAGES_FAILED,	/* the engine did not say, or gabiond did not keep it */
};

/* One check; everything in it belongs to it. */
struct images_check {
	struct images *images;
	struct arena arena;
	struct images_fetch fetch;
	struct loop_timer timer;
	struct ask_call call; /* KEEP */
	bool open;
	bool late; /* registries are not asked any more */
	unsigned rounds;
	unsigned nlayers;   /* images whose layers were asked for */
	struct arena known; /* of this round: what registries said */
	size_t layer;	    /* that is being decided on */
	const char *name;   /* of the image, for the engine */
	struct imagelist_facts facts;
	struct imagelist_image image;
	struct imagelist_image *locals;
	uint64_t facts_at; /* images->facts when others were asked for; 0: they were not */
	/* Of a derived image: the id of the base that is looked at first, or that allows. */
	struct slice base;
	bool base_tried; /* one that is known from before, if there is any */
	bool base_only;	 /* `locals` is that one */
	/* `locals` are some (locals.h): those with names, and those with digests of `looked`. */
	bool narrow;
	bool narrow_tried;
	struct slice looked[LOCALS_DIGESTS_MAX];
	size_t nlooked;
	struct imagelist_question question; /* the one that is being asked, of those of `v` */
	enum images_result result;
	struct slice by[POLICY_LAYERS_MAX]; /* IMAGES_ALLOWED: the entry of each layer, expanded */
	struct imagelist_verdict v;	    /* of the last layer that was decided on */
	struct grant grant;		    /* IMAGES_ALLOWED: what to keep with the container */
	void (*done)(struct images_check *k);
};

/* Starts one. image: name or id as the engine knows it; asked: what it is called in messages.
 * done() runs once, never from within this call, unless images_check_stop() comes first. */
int images_check_start(struct images *m, struct images_check *k, struct slice image,
		       struct slice asked, void (*done)(struct images_check *k));
/* Of a container that has a grant: by its facts, without asking the engine which image it is. */
int images_recheck_start(struct images *m, struct images_check *k, const struct grant *g,
			 void (*done)(struct images_check *k));
/* Ends it and frees what it holds; also after done(). */
void images_check_stop(struct images_check *k);

/* By that check, IMAGES_ALLOWED, a container gets the engine's socket. */
void images_used(struct images *m, const struct images_check *k);

/* What is known now, without asking anybody: may a container with that grant have the socket, and
 * by which entry of each layer (IMAGELIST_NONE where none)? */
bool images_allow_now(struct images *m, const struct grant *g, size_t entries[POLICY_LAYERS_MAX]);
