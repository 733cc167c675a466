/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure: what a request's JSON body asks for, whether that may be, and the body written afresh.
 *
 * Bodies are read as the engine reads them or more strictly (json/shape.h): keys folded, duplicates
 * refused at every depth, one document, valid UTF-8, no NUL.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "control/proto.h"
#include "http/target.h"
#include "policy/route.h"
#include "json/shape.h"

enum edit_result {
	EDIT_OK = 0,
	EDIT_DENIED = 1, /* `rule` and the text in err say why; 403 */
	EDIT_BAD = 2,	 /* not what the engine would take; 400 */
};

#define EDIT_OTHERS_MAX 32
#define EDIT_SOURCES_MAX 256
#define EDIT_VOLUMES_MAX 256

/* A path of the host that the container is to have, or a device-cgroup rule. */
struct edit_source {
	struct slice path; /* absolute, or a rule, as the client wrote it; in the arena */
	unsigned flags;	   /* enum control_path_flags */
};

/* A volume that the body names. */
struct edit_volume {
	struct slice name; /* in the arena */
	struct slice make; /* own: JSON that has the engine make it, or find it; null: not needed */
};

/* What the body names beside what it creates. */
struct edit {
	const char *rule;   /* EDIT_DENIED */
	const char *hint;   /* EDIT_DENIED: the way out; may be NULL */
	struct slice image; /* ROUTE_CREATE: Image */
	bool binds;	    /* create: paths of the host, or what others have of them */
	bool compose;	    /* what is made gets labels of compose's */
	bool names_user;    /* exec: User is a name, which the engine looks up in the container */
	size_t nothers; /* containers whose mounts or namespaces it asks for, or that it names */
	size_t nfrom;	/* of these, the first ones: whose mounts */
	struct slice others[EDIT_OTHERS_MAX]; /* in the arena */
	size_t nnetworks; /* where the names of own ones are wanted: each once, and no predefined */
	struct slice networks[EDIT_OTHERS_MAX]; /* in the arena */
	size_t nvolumes;			/* that it mounts or makes, each once */
	struct edit_volume *volumes;		/* in the arena; NULL: none */
	size_t nsources;			/* each path once */
	struct edit_source *sources;		/* in the arena; NULL: none */
};

/* How a body is judged and written. All zero: by every rule, names stay. */
struct edit_how {
	bool plain; /* isolation is off: namespaces and mounts are not judged */
	bool own;   /* every container that is named is wanted, since only some may be (family.h) */
	bool known; /* own: what stands below is known of all that are named */
	/* Ids that stand for names in the body that is written. */
	size_t n;
	const struct slice *names;
	const struct slice *ids;
	/* The same for networks; of one that everybody has it is the name. */
	size_t nnetworks;
	const struct slice *networks;
	const struct slice *network_ids;
	struct slice maker; /* own: who makes volumes and networks (maker.h) */
};

/* text: the body as it came. out: as it is sent; may be NULL. */
int edit_body(enum route_kind kind, struct arena *a, struct slice text, const struct edit_how *how,
	      struct edit *ret, struct buf *out, struct err *err);

/* The arguments of ps(1), which the engine starts as root of the host: GET /containers/{}/top. */
int edit_top(const struct http_target *t, const struct edit_how *how, struct edit *ret,
	     struct err *err);

/* Parameters that decide: POST /build. */
int edit_query(enum route_kind kind, const struct http_target *t, const struct edit_how *how,
	       struct edit *ret, struct err *err);

/* The parameter `filters` of GET /containers/json, whose "before" and "since" name containers. out:
 * as it is sent; may be NULL. */
int edit_filters(struct arena *a, struct slice text, const struct edit_how *how, struct edit *ret,
		 struct buf *out, struct err *err);

/* Between edit.c and edit-filters.c: notes the container, and writes its id into *name where that
 * is known. EDIT_BAD: there are too many. */
int edit_other(struct edit *e, const struct edit_how *how, struct slice *name, struct err *err);

/* A volume that has these options, or is to have them: the engine's own driver mounts whatever they
 * say, as root of the host, and copies there what an image has. */
int edit_volume_options(const char *driver, const struct json *options, struct edit *e,
			struct err *err);

/* Between edit.c and edit-shape.c: what a body of that kind is decoded into. */
extern const struct shape edit_shape_host_config;
const struct shape *edit_shape_of(enum route_kind kind);

/* Between edit.c and edit-host.c: */

/* Notes what gabiond has to judge: flags are enum control_path_flags. EDIT_BAD: too many. */
int edit_source(struct arena *a, const struct edit_how *how, struct edit *e, struct slice path,
		unsigned flags, struct err *err);
/* What a canonical HostConfig asks of the host beside paths and namespaces: devices, what the
 * engine's log drivers connect to, security options. */
int edit_host(struct arena *a, const struct json *hc, const struct edit_how *how, struct edit *e,
	      struct err *err);
/* A driver of volumes, networks, addresses or logs. */
int edit_driver(struct slice name, struct edit *e, struct err *err);
/* The parent of its control group. */
int edit_cgroup_parent(struct slice parent, struct edit *e, struct err *err);
extern const struct shape edit_shape_devices;
extern const struct shape edit_shape_blkio;
extern const struct shape edit_shape_requests;
extern const struct shape edit_shape_log;

/* Between edit.c and edit-things.c: */

/* The label of a volume or a network that is to be made. */
int edit_label(struct arena *a, struct json *o, const struct edit_how *how, struct edit *e,
	       struct err *err);
/* own: what connects a container to a network, which is the first of how->networks if it is known.
 * A container that does not run remembers what the endpoint says, and its start goes by that. */
int edit_joined(struct arena *a, struct json *doc, const struct edit_how *how, struct err *err);
/* own: a network that is to be made. */
int edit_own_network(struct arena *a, struct json *doc, struct edit *e, struct err *err);
/* Notes the network. */
int edit_network(const struct edit_how *how, struct edit *e, struct slice name, struct err *err);
/* Notes the volume. */
int edit_volume(struct arena *a, struct edit *e, struct edit_volume v, struct err *err);
/* A creation's volumes and networks. */
int edit_things(struct arena *a, struct json *doc, const struct json *hc,
		const struct edit_how *how, struct edit *e, struct err *err);
extern const struct shape edit_shape_endpoint;
extern const struct shape edit_shape_networking;

/* The text about shared namespaces (design: "Texts that are part of the interface"). */
extern const char edit_network_text[];
