/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references, understood as the engine understands them.
 *
 * The engine has two grammars in use: that of github.com/docker/distribution 2 (Docker 20.10 to 24)
 * and that of github.com/distribution/reference 0.6 (later ones). The later one takes all that the
 * earlier one takes, with the same meaning, and besides: host names told by a capital letter
 * (`Host/name`), IPv6 addresses (`[::1]:5000/name`), and 255 bytes for the path alone where the
 * earlier one counts the host too. We parse the later one; what an older engine refuses it refuses.
 * tests/differential/run-references shows both halves of that sentence for the earlier one.
 *
 * A name is kept in parts, as slices into the text or into the profile, and normalised: `docker`,
 * `docker.io/docker`, `index.docker.io/library/docker` have the same parts. Nothing is allocated,
 * so a reference lives as long as the text that it was parsed from.
 *
 * A name proves nothing. Whoever may tag gives an image any name, and the engine's own lists print
 * short ones that read in two ways: docker.io/localhost/x is listed as `localhost/x`.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "policy/profile.h"

#define REFERENCE_PATH_MAX 255 /* bytes of a path, with the default folder */
#define REFERENCE_TAG_MAX 128

enum reference_kind {
	REFERENCE_NAME, /* a name, perhaps with tag, digest or both */
	REFERENCE_ID,	/* 64 hex digits, or a digest alone: one image whatever its names */
};

struct reference {
	enum reference_kind kind;
	/* REFERENCE_NAME: the text could also be the beginning of an id (`cafe`, `sha256:cafe`).
	 * The engine takes it for a name if it has an image of that name, else for an id: only the
	 * engine can tell. */
	bool maybe_id;
	/* REFERENCE_NAME: host and port. Empty for the few names that the engine reads as a path
	 * although their first part has a dot (`a_b.c/d`, which can be no host name). */
	struct slice domain;
	struct slice space; /* the registry's default folder (`library`), when the name is in it */
	struct slice path;  /* what comes after */
	struct slice tag;   /* as written; empty when there is none (reference_tag) */
	/* algorithm:hex, lower case. REFERENCE_ID: hex alone if that is how it was written. */
	struct slice digest;
};

/* -EINVAL when the engine would refuse the text, and the error says why. */
int reference_parse(const struct profile *p, struct slice text, struct reference *ret,
		    struct err *err);

/* The same for a name without tag and digest in which one part of the path may be `*`. A `*` never
 * stands for a host, and not for the first folder of the default registry, where anybody can have
 * one. */
int reference_parse_pattern(const struct profile *p, struct slice text, struct reference *ret,
			    struct err *err);

/* Is it a repository that the pattern means? `*` is exactly one part of the path, never two. */
bool reference_matches(const struct reference *pattern, const struct reference *name);

/* Are both names of the same repository, tag and digest aside? False for ids. */
bool reference_same_name(const struct reference *a, const struct reference *b);
/* Equal in all that was written, normalised. */
bool reference_equal(const struct reference *a, const struct reference *b);

/* A full digest that the engine takes: sha256, sha384 or sha512 and as many lower hex digits. */
bool reference_is_digest(struct slice text);
/* sha256:… */
bool reference_is_id(struct slice text);
/* Is `id` (sha256:…) the id? REFERENCE_ID only, else false. */
bool reference_is_image(const struct reference *r, struct slice id);

/* The tag that the engine looks up: `latest` where none is written. With a digest there is none
 * that counts: the digest wins, and what is returned is empty. */
struct slice reference_tag(const struct reference *r);

/* Printing. The expanded name without tag, as messages have it: docker.io/library/docker. An id
 * is printed as sha256:… . */
void reference_add_name(const struct reference *r, struct buf *b);
/* Expanded, with the tag and digest that are written. Parses to an equal reference. */
void reference_add(const struct reference *r, struct buf *b);
/* What the engine looks up, in words that it understands in the same way whichever engine it is: as
 * short as can be (`docker:cli`), the digest instead of the tag where there are both, the default
 * tag where there is neither. */
void reference_add_short(const struct profile *p, const struct reference *r, struct buf *b);
