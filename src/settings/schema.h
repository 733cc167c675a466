/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of Settings Management as one table: where it stands, what it may be, what it is when
 * it is not there, what it means, and whether anything here enforces it yet. The reader of
 * admin-settings.json, the policy snapshot, `gabion settings` and the documentation all go by it.
 *
 * A path names keys from the top, separated by dots; "[]" stands for every element of a list:
 * "enhancedContainerIsolation.dockerSocketMount.imageList.images[].image".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "policy/profile.h"
#include "json/json.h"

/* What a value may be; several bits: any of these. */
enum schema_type {
	SCHEMA_BOOL = 1u << 0,
	SCHEMA_INT = 1u << 1, /* a number without fraction and exponent */
	SCHEMA_STRING = 1u << 2,
	SCHEMA_LIST = 1u << 3,
	SCHEMA_OBJECT = 1u << 4,
};

enum schema_state {
	SCHEMA_ENFORCED,
	SCHEMA_PENDING,	  /* of the specification; read, kept, not enforced yet */
	SCHEMA_ELSEWHERE, /* of the specification; means nothing to an engine on Linux */
};

enum schema_flags {
	SCHEMA_VALUE = 1u << 0,	   /* a setting: what `get` answers, one row of the snapshot */
	SCHEMA_OURS = 1u << 1,	   /* not of the specification */
	SCHEMA_LOCKABLE = 1u << 2, /* an object that may have "locked": true, for all in it */
	SCHEMA_BINDS = 1u << 3,	   /* a value that has no lock and always is as if locked */
	SCHEMA_REQUIRED = 1u << 4, /* a member that its object must have */
	SCHEMA_UNIT = 1u << 5,	   /* an object that stands as a whole: what it does not say has its
				      default, whatever another file says */
};

/* What a setting is when the host's file binds a private instance that has a file of its own. */
enum schema_merge {
	SCHEMA_MERGE_LOCK,   /* the host's where it is locked, else the instance's */
	SCHEMA_MERGE_TRUE,   /* true if a binding file says so */
	SCHEMA_MERGE_LAYERS, /* every file has its say: what one of them forbids is forbidden */
};

/* What the text of a string is, for checks that a table cannot make (entries.h). */
enum schema_text {
	SCHEMA_TEXT_ANY,
	SCHEMA_TEXT_IMAGE,   /* an entry of an image list */
	SCHEMA_TEXT_COMMAND, /* the name of a command of the engine's command line */
	SCHEMA_TEXT_FOLDER,  /* a folder of the host, may begin with a variable */
};

struct schema_key {
	const char *path;
	unsigned types; /* enum schema_type */
	enum schema_state state;
	unsigned flags; /* enum schema_flags */
	enum schema_merge merge;
	enum schema_text text;
	const char *const *allowed; /* NULL-terminated: the texts that a string or number may have;
				       NULL: any */
	const char *fallback;	    /* what it is when no file has it, as JSON; NULL: nothing */
	const char *socket;	    /* only for engine profiles with this key; NULL: all */
	const char *meaning;	    /* one sentence for people */
};

extern const struct schema_key schema_keys[];
extern const size_t schema_keys_n;

/* "locked" of every object that may have it. */
extern const struct schema_key schema_locked;

/* Whether an engine of that profile has the key at all. */
bool schema_applies(const struct schema_key *key, const struct profile *profile);

/* By its whole path, or NULL. */
const struct schema_key *schema_find(const char *path);

/* The member of an object, or of the top level (NULL), that a key of a file is: exactly so spelled,
 * or as Go folds it. NULL when it is unknown. */
const struct schema_key *schema_child(const struct schema_key *parent, struct slice key);
/* What the elements of a list are; never NULL for a list of the table. */
const struct schema_key *schema_element(const struct schema_key *list);

/* The object that this key is a member of, or NULL at the top and for elements of lists. */
const struct schema_key *schema_parent(const struct schema_key *key);
/* That object or one above it that may be locked, or NULL. */
const struct schema_key *schema_lock_of(const struct schema_key *key);

/* What the path ends with: "images", "" for an element of a list. */
const char *schema_name(const struct schema_key *key);

/* For an unknown member of `parent`: the path of the only place where a key of exactly that name
 * belongs (then *ret_elsewhere), else a known member that is spelled much the same (its name);
 * NULL: no idea. */
const char *schema_hint(const struct schema_key *parent, struct slice key, bool *ret_elsewhere);

/* The same for a whole path, as a person typed it; NULL: no idea. */
const char *schema_hint_path(struct slice path);

/* "true or false", "a string or a list", … */
void schema_type_text(unsigned types, struct buf *b);

/* Whether the value is of one of the types. */
bool schema_type_fits(unsigned types, const struct json *v);

/* Whether the text of a string or number is among the allowed ones. */
bool schema_allows(const struct schema_key *key, const struct json *v);

/* The default, parsed, or NULL where there is none (or no memory). */
struct json *schema_fallback(struct arena *a, const struct schema_key *key);

/* "enforced", "pending", "elsewhere": names for people and for JSON. */
const char *schema_state_name(enum schema_state state);
