/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabiond's answers to the control protocol (control/proto.h, docs/protocol-control.md): who asked
 * for which container, fresh views, copies, status, down. Plugged into gabiond's loop; never blocks
 * but for the sync of a record.
 *
 * What a channel may ask is a table in serve.c: the gate's socket pair everything that is about
 * containers and files; a connection to run/control.sock PING and STATUS, and DOWN when the peer is
 * root or the user that owns a private instance's folder.
 */
#pragma once

#include "base/buf.h"
#include "base/loop.h"
#include "control/holdclient.h"
#include "settings/instance.h"

#define SERVE_CHANNELS_MAX 64
#define SERVE_COPIES_MAX 64

enum serve_kind {
	SERVE_GATE,   /* a SOCK_SEQPACKET socket pair whose other end the gate has */
	SERVE_LISTEN, /* the listening SOCK_SEQPACKET socket run/control.sock */
	SERVE_CLIENT, /* a connection accepted on it; made by serve itself */
};

struct serve_channel;
struct serve_copy;
struct serve_path;
struct serve_path_user;
struct serve_grant;

struct serve {
	struct loop *loop;
	const struct instance *instance;
	/* Set by the owner after serve_init(); NULL means "nothing to say". */
	void *data;
	/* Appends a JSON object. */
	void (*status)(void *data, struct buf *json);
	/* Asked to go down by somebody who may; the answer has been sent. */
	void (*down)(void *data);
	/* The other end of a SERVE_GATE channel has gone (the gate died); the channel is removed.
	 */
	void (*gate_gone)(void *data);

	/* A descriptor that gabion-hold has under another name than those of sockets; take_fd is
	 * the owner's. */
	void (*left)(void *data, const char *name, int take_fd);
	/* gabion-hold is to be given what else there is. */
	void (*keep)(void *data, struct hold *h);

	int host_mnt; /* mount namespace of users of the host; borrowed, -EBADF: not known */
	uid_t owner;  /* of a private instance's folder */
	struct serve_channel *channels[SERVE_CHANNELS_MAX];
	struct serve_copy *copies[SERVE_COPIES_MAX];
	struct serve_path *paths;	    /* being judged, or waiting for it, oldest first */
	struct serve_path_user *path_users; /* whose they are; who is first is next */
	unsigned path_places;		    /* of children that judge */
	unsigned paths_waiting;		    /* of others than root */
	uint64_t path_ns;		    /* how long judging may take */
	gid_t socket_group;		    /* of containers' sockets, as of DIR/run/docker.sock */
	struct serve_grant *grants; /* containers' listening sockets, which outlive every gate … */
	struct hold hold;	    /* … and gabiond */
};

/* instance is borrowed and must outlive s. Returns 0 or -errno. */
int serve_init(struct serve *s, struct loop *l, const struct instance *instance);
/* Tells the gate, if there is one, that another policy is in force. */
void serve_tell_policy(struct serve *s, uint64_t generation);
enum serve_taken {
	SERVE_TAKEN,
	SERVE_NO_HOLDER,
	SERVE_BAD_HOLDER, /* has another version, or does not answer: it has to be replaced */
};

/* Takes the containers' sockets that a former gabiond left with gabion-hold. */
enum serve_taken serve_take_sockets(struct serve *s);
/* gabion-hold is up: it is given every container's socket, now and whenever there is another one.
 */
void serve_hold(struct serve *s);
/* Makes the other sockets of all containers that have a grant: they have to be there before the
 * engine starts such a container again. socket_group: -1 leaves it. Returns 0 or -errno. */
int serve_open_sockets(struct serve *s, gid_t socket_group, struct err *err);
/* Closes every channel and kills the copies that run. */
void serve_done(struct serve *s);

/* take_fd is closed also on failure. Returns 0 or -errno. */
int serve_add_channel(struct serve *s, int take_fd, enum serve_kind kind);
