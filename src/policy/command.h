/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lists: which commands of the engine's command line may be given over a mounted socket.
 *
 * Commands and requests are related in two ways (command-table.c): a command OWNS the classes of
 * requests that are what it is for, and NEEDS those that it makes. A deny list blocks what a listed
 * command owns, an allow list lets through what a listed command needs. Neither follows from the
 * other: run needs to start containers, and whoever denies run still lets start do so.
 *
 * An entry is a name of `docker --help` ("ps", "container ls"), a group of them ("container",
 * "buildx imagetools": all below it) or one of six wildcards. A name that means nothing is a
 * warning, a wildcard that means nothing is an error.
 */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "policy/route.h"
#include "policy/verdict.h"

enum command_list_type {
	COMMAND_LIST_DENY, /* what the specification takes when nothing is said */
	COMMAND_LIST_ALLOW,
};

enum command_list_flags {
	/* What would be blocked is let through, and the verdict says so. */
	COMMAND_LIST_REPORT_ONLY = 1u << 0,
	/* run and create may pull an image that is missing (the specification: "only the listed
	 * commands", so they may not unless pull is listed). */
	COMMAND_LIST_PULLS = 1u << 1,
	/* The caller reads what goes through the builder's tunnel, and refuses pushes there by
	 * itself. Otherwise who may not push may not use the tunnel. */
	COMMAND_LIST_TUNNEL_READ = 1u << 2,
};

/* What depends on the engine (design: "Engine profiles"). Strings live as long as the list. */
struct command_profile {
	const char *engine;	    /* "docker", in messages */
	const char *product;	    /* "Docker Desktop" */
	const char *const *unknown; /* commands that its lists do not know; NULL-terminated, or
				       NULL */
};

#define COMMAND_SET_WORDS 4

/* A set of rows of the table of commands. */
struct command_set {
	uint64_t bits[COMMAND_SET_WORDS];
};

struct command_list {
	enum command_list_type type;
	unsigned flags; /* enum command_list_flags */
	struct command_profile profile;
	struct command_set listed;
	struct route_class_set blocked; /* what follows from all of it */
};

struct command_problem {
	bool error; /* else a warning */
	size_t at;  /* which entry of the list */
	const char *text;
};

struct command_problems {
	size_t n;
	struct command_problem *items;
};

enum command_result {
	COMMAND_OK = 0,
	COMMAND_BAD = 1, /* there are errors among the problems */
};

/* Makes a list of entries. The caller has set type, flags and profile of *ret; the rest is written
 * on success. Every entry is looked at, and *problems (in the arena) says what is wrong with which,
 * also when there is no list. COMMAND_OK, COMMAND_BAD or -ENOMEM. */
int command_list_parse(struct arena *a, const struct slice *entries, size_t n,
		       struct command_list *ret, struct command_problems *problems);

/* For whoever changes type, flags or listed commands of a list that has been made. */
void command_list_settle(struct command_list *list);

/* May this request pass? list NULL: there is none, and all passes but what only a list could grant.
 * target: as the client wrote it, for the message; where that does not fit, its end is left out.
 * What is not known (m->route is NULL) is denied. */
void command_list_decide(const struct command_list *list, const struct route_match *m,
			 struct slice target, struct verdict *ret);

/* A class that the request has for what may come through the tunnel that it opens: nothing for
 * whoever reads the tunnel (COMMAND_LIST_TUNNEL_READ). */
bool command_is_in_tunnel(const struct route_match *m, enum route_class c);

enum command_answer {
	COMMAND_PASSES,	 /* what the command owns passes (what it needs, where it owns nothing) */
	COMMAND_BLOCKED, /* some of it does not */
	COMMAND_UNKNOWN, /* there is no command or group of that name */
};

/* For `gabion explain` and the validation of settings. name: a command or a group, of which each
 * must pass. */
enum command_answer command_list_ask(const struct command_list *list, struct slice name);

/* Learning: the narrowest set of commands with which an allow list would have let all of `seen`
 * through: as few classes besides them as can be, then as few commands. *ret_missed (may be NULL):
 * those that no command needs. */
void command_suggest(const struct route_class_set *seen, struct command_set *ret,
		     struct route_class_set *ret_missed);

/* The table, for tests and lists of what there is. */
#define COMMAND_OWNS_MAX 12
#define COMMAND_NEEDS_MAX 56

enum command_note {
	COMMAND_NOTE_NONE,
	COMMAND_NOTE_IDLE,   /* listing it has no effect: */
	COMMAND_NOTE_DENY,   /* denying it does more than one might think: */
	COMMAND_NOTE_TUNNEL, /* the same, unless the tunnel is read */
};

struct command {
	const char *names; /* "ps|container ls": all mean it; the first is how we call it */
	uint8_t owns[COMMAND_OWNS_MAX + 1];   /* enum route_class, up to ROUTE_CLASS_NONE */
	uint8_t needs[COMMAND_NEEDS_MAX + 1]; /* the same */
	enum command_note note;
	const char *why; /* of the note */
};

const struct command *command_table(size_t *ret_n);

static inline bool command_set_has(const struct command_set *s, size_t i)
{
	return s->bits[i / 64] >> (i % 64) & 1;
}

static inline void command_set_add(struct command_set *s, size_t i)
{
	s->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void command_set_remove(struct command_set *s, size_t i)
{
	s->bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* "ps". */
struct slice command_name(const struct command *c);

/* Does the entry name the command, or a group that it is in? */
bool command_is(const struct command *c, struct slice entry);
