/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May a container of this image have the engine's socket? The imageList of
 * enhancedContainerIsolation.dockerSocketMount, decided (spec 000 "Image list" ff., issue 3).
 *
 * An image is what its digests say, never what it is called: anybody may tag. So the decision needs
 * facts that only registries and the engine have. It is pure all the same: it is given what is
 * known, and where something is missing it answers with questions. The caller finds out what it can
 * in the time it has and decides again:
 *
 *	imagelist_decide(list, &facts, &v);
 *	while (imagelist_needs(&v) && there is time) {
 *		answer v.questions into facts;
 *		imagelist_decide(list, &facts, &v);
 *	}
 *	act on v.verdict
 *
 * The verdict that comes with questions stands when they stay unanswered: it denies, with a reason.
 * Every answer, "could not find out" included, removes its question, so the loop ends.
 *
 * What an image is. Its digests are those that cover its content, so that another image cannot have
 * them: its id; the manifest that the container runs; and, where the store got them from pulling
 *and pushing (enum imagelist_store), the digests of RepoDigests. Names in RepoDigests and RepoTags
 *are claims: they say which registry is worth asking, and nothing else. The other manifests of an
 *index that the local image may be do not count: whoever makes an index can list a good manifest in
 *it and have another one run. Good digests, on the other hand, are those of the registry's index
 *and of all its manifests, and the ids of local images that were seen with one of these.
 *
 * Rules, by the form of the entry:
 *
 *	name[:tag]	A good digest of that tag is one of the image (000:122 "checks if the
 *			container's image digest matches one of the allowed digests"); whatever the
 *			image is called. No tag: latest (000:81).
 *			Registry not reachable: the last known good ones (issue 3 "Offline").
 *			Registry moved on: denied (000:319), unless keepPreviousDigests is on and
 *the digest was a good one before (issue 3).
 *	name@digest	It is that digest, or that of a manifest in that index (000:82). No network.
 *	name:*		One of the image's digests is in that repository, whose registry says so
 *			(000:81 "any tag for that image"). Only an image that claims the name is
 *			asked about. Not reachable, moved on: as with a tag.
 *	a/ * /b:*	(without the blanks) The same for each name of the image in which `*` is
 *exactly one part of the path, as 001:791 and 001:810 use it. Never a host, never the first folder
 *of the default registry: anybody can have one there. sha256:…	The image has this id (issue 3:
 *local-only images, which 000:326 leaves out). *		Every image (000:209).
 *
 * Derived images (000:139-204), if allowDerivedImages is on and the profile knows it: the image was
 * never on a registry (000:189), its chain of layers begins with all layers of a base that is
 *present locally (000:193), and an entry allows the base itself, in whatever form (000:198-204).
 *Equal chains count, too: FROM with ENV or CMD alone adds no layer, and whoever may build may add
 *one that changes nothing. A base of which all layers are empty is none: every image begins like
 *it. The base of a base counts, a derived image does not count as a base.
 *
 * When it is not known whether the image is on a registry, the registries of its names are asked,
 *and one that cannot be reached has not got it. This is the only doubt that does not deny. It
 *protects nothing: a build on top of the image, or saving and loading it, makes a local-only one;
 *and the ephemeral images that derived images exist for (000:149) have names of registries that are
 *not there.
 *
 * If several entries allow an image, the verdict names the most specific: in the order sha256:…,
 * name@digest, name:tag, name:*, pattern, *; then one that is good now before one that was good;
 *then the first in the list. An allowing verdict can come with questions, too: entries that are
 *more specific than the one that it names and not decided yet. Who does not care does not ask.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/profile.h"
#include "policy/reference.h"
#include "policy/verdict.h"

/* --- the list --- */

struct imagelist_entry {
	enum profile_form form;
	struct slice text;    /* as it was written */
	struct reference ref; /* nothing for PROFILE_FORM_EVERYTHING; PROFILE_FORM_ID: the id */
};

/* One entry of `images`. -EINVAL when it is none, and the error says what is wrong with it and
 * which forms there are. The result borrows the text. */
int imagelist_parse_entry(const struct profile *p, struct slice text, struct imagelist_entry *ret,
			  struct err *err);

/* Expanded: docker.io/library/docker:cli. */
void imagelist_add_entry(const struct imagelist_entry *e, struct buf *b);

struct imagelist {
	const struct profile *profile;
	const struct imagelist_entry *entries;
	size_t nentries;
	bool derived;	    /* allowDerivedImages */
	bool keep_previous; /* keepPreviousDigests */
	/* What a registry denied longer ago than this is asked again when an image comes that
	 * claims to be what it has: the image may be newer than the answer. 0: never. */
	uint64_t refetch_s;
};

/* --- what is known --- */

enum imagelist_source {
	IMAGELIST_NOW,	    /* as the registry said when it was last asked */
	IMAGELIST_CACHED,   /* last known good; the registry could not be asked since */
	IMAGELIST_PREVIOUS, /* was good until the registry moved on */
};

struct imagelist_good {
	struct slice digest; /* of an index, a manifest, or a local image's id: all count alike */
	enum imagelist_source source;
	uint64_t age_s; /* since the registry said so */
};

enum imagelist_state {
	IMAGELIST_UNASKED,
	IMAGELIST_KNOWN,       /* the registry answered, "no such tag" included */
	IMAGELIST_UNREACHABLE, /* it was asked and did not answer, or not that */
};

/* The good digests of one entry with a tag; of one with a digest, the manifests in that index. */
struct imagelist_known {
	enum imagelist_state state;
	bool refused;	/* IMAGELIST_UNREACHABLE: because it wanted (other) credentials */
	uint64_t age_s; /* IMAGELIST_KNOWN: of that answer */
	const struct imagelist_good *goods;
	size_t ngoods;
};

enum imagelist_belongs {
	IMAGELIST_ELSEWHERE, /* the registry has no such digest in that repository, and never had */
	IMAGELIST_BELONGS,   /* it has one, or had: IMAGELIST_PREVIOUS */
	IMAGELIST_UNANSWERED, /* it was asked and did not answer, or not that */
};

/* Is that digest in that repository? */
struct imagelist_answer {
	struct slice digest;
	struct slice repository; /* expanded: docker.io/library/docker */
	enum imagelist_belongs belongs;
	bool failed;		      /* it could not be asked since that answer */
	bool refused;		      /* because it wanted (other) credentials */
	enum imagelist_source source; /* IMAGELIST_BELONGS */
	uint64_t age_s;		      /* since the registry said so */
	uint64_t asked_s;	      /* since its last answer, whatever it was */
};

enum imagelist_store {
	IMAGELIST_CONTAINERD, /* RepoDigests are made of tags: they prove nothing */
	IMAGELIST_CLASSIC,    /* Docker's graph drivers: RepoDigests are of pulls and pushes only */
	IMAGELIST_PODMAN, /* digests are of the image, names are of tags, built images have some */
};

enum imagelist_origin {
	IMAGELIST_ORIGIN_UNKNOWN, /* decided from what else is known */
	IMAGELIST_ORIGIN_LOCAL,
	IMAGELIST_ORIGIN_REGISTRY,
};

/* An image of this machine. */
struct imagelist_image {
	struct slice id; /* sha256:…: of a container its .Image, never what a name means now */
	/* The manifest that the container runs (ImageManifestDescriptor.digest of the container);
	 * empty when not known. Never one that the image only has. */
	struct slice manifest;
	enum imagelist_store store;
	enum imagelist_origin origin; /* what the engine vouches for (Identity), else unknown */
	bool has_layers;
	const struct slice *layers; /* diff ids, lowest first */
	size_t nlayers;
	const struct slice *tags; /* RepoTags as the engine prints them */
	size_t ntags;
	const struct slice *repo_digests; /* RepoDigests as the engine prints them */
	size_t nrepo_digests;
};

struct imagelist_facts {
	struct slice asked; /* what the container's image was called when it was asked for */
	const struct imagelist_image *image;
	const struct imagelist_known *known; /* one for each entry; NULL: nothing was asked yet */
	const struct imagelist_answer
		*answers; /* those about digests of these images, in any order */
	size_t nanswers;
	bool has_locals;
	const struct imagelist_image *locals; /* all images of this machine */
	size_t nlocals;
	/* Once it was decided that no registry has the image: where there is no answer, so it
	 * stays. */
	bool was_local;
};

/* --- the verdict --- */

enum imagelist_how {
	IMAGELIST_BY_ID,
	IMAGELIST_BY_DIGEST,
	IMAGELIST_BY_TAG,
	IMAGELIST_BY_WILDCARD,
	IMAGELIST_BY_PATTERN,
	IMAGELIST_BY_EVERYTHING,
	IMAGELIST_BY_PREVIOUS, /* a tag's, repository's or pattern's, before the registry moved on
				*/
	IMAGELIST_BY_DERIVED,  /* `parent` is what the entry allows */
};

/* Why not; nearest to a yes first. */
enum imagelist_reason {
	IMAGELIST_NO_IMAGE,	  /* the engine did not say which image it is */
	IMAGELIST_TOO_MUCH,	  /* imagelist_give_up() */
	IMAGELIST_MOVED_ON,	  /* it was good until the registry moved on */
	IMAGELIST_DERIVED_REMOTE, /* derived from an allowed one, but it is on a registry */
	IMAGELIST_DERIVED_OFF,	  /* derived from an allowed one, which is not enough here */
	IMAGELIST_NOT_KNOWN,	 /* an entry is for its name, but the registry could not be asked */
	IMAGELIST_OTHER_DIGEST,	 /* an entry is for its name, but it is another image */
	IMAGELIST_PARENT_DENIED, /* `parent` has the name of an entry, but is not allowed itself */
	IMAGELIST_NO_PARENT,	 /* local-only, and no allowed image is its base */
	IMAGELIST_LOCAL_ONLY,	 /* local-only, and derived images are not allowed */
	IMAGELIST_NO_ENTRY,	 /* none for its name */
};

enum imagelist_ask {
	IMAGELIST_ASK_DIGEST,  /* which digests has the tag of `entry`? → known[] of that entry */
	IMAGELIST_ASK_BELONGS, /* is `digest` in `repository`? → answers */
	IMAGELIST_ASK_LAYERS,  /* which layers has `image`? → its layers, empty if it is gone */
	IMAGELIST_ASK_LOCALS,  /* which images are there? → locals */
};

struct imagelist_question {
	enum imagelist_ask ask;
	size_t entry;
	struct slice digest;
	struct reference repository; /* borrows from the list or the facts */
	const struct imagelist_image *image;
};

#define IMAGELIST_QUESTIONS 64
#define IMAGELIST_NONE SIZE_MAX

struct imagelist_verdict {
	/* Denies as long as nothing allows. The message is the text of design 4.4; rule, reason and
	 * way out say the rest. */
	struct verdict verdict;
	enum imagelist_how how;	      /* VERDICT_ALLOW */
	enum imagelist_reason reason; /* VERDICT_DENY */
	size_t entry;	     /* that allows, or that the reason is about; or IMAGELIST_NONE */
	struct slice digest; /* VERDICT_ALLOW: by which digest, if any */
	enum imagelist_source source; /* VERDICT_ALLOW: how that is known */
	uint64_t age_s;		      /* of that, or of the answer that the reason rests on */
	const struct imagelist_image *parent; /* the base, or NULL */
	/* Answers may change the verdict; those that matter most first. When there are more than
	 * fit, the others come in later rounds. */
	struct imagelist_question questions[IMAGELIST_QUESTIONS];
	size_t nquestions;
};

void imagelist_decide(const struct imagelist *list, const struct imagelist_facts *facts,
		      struct imagelist_verdict *ret);

/* Not all questions of that verdict can be asked: it is denied for that. */
void imagelist_give_up(const struct imagelist *list, const struct imagelist_facts *facts,
		       struct imagelist_verdict *v);

/* Is it denied for now only? */
static inline bool imagelist_needs(const struct imagelist_verdict *v)
{
	return v->verdict.kind == VERDICT_DENY && v->nquestions > 0;
}
