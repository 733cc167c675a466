/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of serve: channels, and the work that takes longer than one call. */
#pragma once

#include <sys/types.h>

#include "base/slice.h"
#include "control/proto.h"
#include "daemon/serve.h"

/* An answer that the socket would not take yet. */
struct serve_answer {
	struct serve_answer *next;
	struct control_header to;
	int result;
	int fd; /* owned; -EBADF: none */
	size_t size;
	char body[];
};

struct serve_channel {
	struct serve *serve;
	size_t slot; /* in serve->channels */
	enum serve_kind kind;
	struct loop_fd watch;
	int fd;	   /* owned */
	uid_t uid; /* SERVE_CLIENT: who connected */
	bool dead;
	struct loop_deferred later;	    /* frees it */
	struct serve_answer *first, **last; /* unsent ones; nothing is read meanwhile */
};

/* Sends or queues; a peer that does not read is dropped in the end. ch may be dead. */
void serve_answer(struct serve_channel *ch, const struct control_header *to, int result,
		  struct slice body);
/* The same, DONE with a descriptor and nothing else. */
void serve_answer_fd(struct serve_channel *ch, const struct control_header *to, int take_fd);
/* The same with a text. */
void serve_answer_err(struct serve_channel *ch, const struct control_header *to,
		      const struct err *err);

/* serve-copy.c: starts gabion-cp; the answers follow. take_fd: the stream's end, or -EBADF. */
void serve_copy_start(struct serve_channel *ch, const struct control_request *q, int take_fd);
/* The channel is going: its copies are killed. */
void serve_copy_drop(struct serve_channel *ch);
/* At the end: all have been killed; waits for each and frees it. */
void serve_copy_reap(struct serve *s);

/* serve-path.c: may these paths be mounted? The answer follows. */
void serve_path_ask(struct serve_channel *ch, const struct control_request *q, int take_fd);
/* The channel is going: nobody waits for those answers any more. */
void serve_path_drop(const struct serve_channel *ch);
/* At the end: kills what runs. */
void serve_paths_done(struct serve *s);

/* serve-grant.c: containers that may have the engine's socket; files that the gate reads or has
 * kept. */
void serve_grant(struct serve_channel *ch, const struct control_request *q, int take_fd);
void serve_socket(struct serve_channel *ch, const struct control_request *q, int take_fd);
void serve_open(struct serve_channel *ch, const struct control_request *q, int take_fd);
void serve_keep(struct serve_channel *ch, const struct control_request *q, int take_fd);
/* The container is gone: its grant and its socket too. */
int serve_grant_forget(struct serve *s, const char id[CONTROL_ID_LEN + 1], struct err *err);
void serve_grants_done(struct serve *s);

/* serve-audit.c: a line of the audit log. */
void serve_audit(struct serve_channel *ch, const struct control_request *q, int take_fd);

/* serve-kin.c: which containers were made by which others. */
void serve_kin(struct serve_channel *ch, const struct control_request *q, int take_fd);

/* serve-box.c: what run/containers/ID.json says of a container, see runtime/record.h. */
struct serve_box {
	uint32_t base;
	uint32_t size;
	bool plain;	 /* runs without isolation */
	char view[4096]; /* "" where there is none */
	char pid_file[4096];
};

/* 0; CONTROL_NONE: there is no such container here; -errno. */
int serve_box_load(const struct instance *inst, const char id[CONTROL_ID_LEN],
		   struct serve_box *ret, struct err *err);
/* Remounts the view read-only, so that the engine sees files as they are now. 0; CONTROL_NONE:
 * there is no view; CONTROL_PLAIN; -errno. */
int serve_box_refresh(const struct serve_box *box, struct err *err);
/* The container's first process, if it has this container's ids. 0, CONTROL_NONE, -errno. */
int serve_box_pid(const struct serve_box *box, pid_t *ret, struct err *err);
