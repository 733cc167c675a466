/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol between gabiond and whoever asks it for what needs privilege: the gate over a socket
 * pair that it inherits, the command line over run/control.sock. One SOCK_SEQPACKET message is one
 * request or one answer; docs/protocol-control.md specifies every byte, the asserts in proto.c hold
 * the two together. Numbers are in the machine's byte order: both ends run on one kernel.
 *
 * A request is a header, the size of its body, and the body that its op has, and nothing else. An
 * answer is a struct control_answer followed by `size` bytes, whose meaning depends on the op and
 * the result. An answer carries the serial of its request; the order of answers is free.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/slice.h"

#define CONTROL_MAGIC 0x43424147u /* "GABC" */
#define CONTROL_VERSION 3
#define CONTROL_ID_LEN 64	    /* a container's full id, lower-case hex, no NUL */
#define CONTROL_GROUPS_MAX 1024	    /* as many as sock_peer() knows */
#define CONTROL_PATH_MAX 4096	    /* bytes of a path with its NUL */
#define CONTROL_USER_MAX 256	    /* bytes of a container's Config.User with its NUL */
#define CONTROL_ANSWER_MAX 65536    /* bytes after a struct control_answer */
#define CONTROL_TEXT_MAX 32768	    /* bytes of a text in a request */
#define CONTROL_FILE_MAX (8u << 20) /* bytes of a file that the gate has kept */
#define CONTROL_LIST_MAX 1000	    /* ids in one answer */
#define CONTROL_PATHS_MAX 256	    /* paths in one question */
#define CONTROL_ITEMS_MAX 32768	    /* bytes of those paths with their flags and NULs */
#define CONTROL_LINE_MAX 64	    /* containers in a line of descent */

enum control_op {
	CONTROL_PING = 1, /* no body; answer: empty */
	CONTROL_STATUS,	  /* no body; answer: JSON object */
	CONTROL_DOWN,	  /* no body; answer: empty, sent before the instance goes down */
	CONTROL_RECORD,	  /* struct control_asker; answer: empty, once it is on disk */
	CONTROL_FORGET,	  /* struct control_id; answer: empty, also when there was none */
	CONTROL_ASKER,	  /* struct control_id; answer: struct control_asker, or CONTROL_NONE */
	CONTROL_REFRESH,  /* struct control_id; answer: empty, or CONTROL_NONE */
	CONTROL_COPY,	  /* struct control_copy and, but for CONTROL_COPY_STAT, a descriptor */
	CONTROL_LIST,	  /* struct control_id; answer: the ids of records that sort after it, in
			     order, at most CONTROL_LIST_MAX; fewer means that these were all */
	CONTROL_PATH,	  /* struct control_path; answer: empty, all of them may be mounted; or
			     CONTROL_IS_SOCKET */
	CONTROL_GRANT,	  /* struct control_text: lib/grants/ID has this text, once it is on disk;
			     answer: empty */
	CONTROL_GRANTS,	  /* struct control_id; like CONTROL_LIST, of lib/grants */
	CONTROL_SOCKET,	  /* struct control_id; answer: a descriptor, the listening socket
			     run/sock/ID/docker.sock; CONTROL_NONE: it has no grant */
	CONTROL_OPEN,	/* struct control_file; answer: a descriptor for reading, or CONTROL_NONE */
	CONTROL_KEEP,	/* struct control_file and a descriptor (a memfd): the file has its bytes,
			   once they are on disk; answer: empty */
	CONTROL_AUDIT,	/* struct control_text (id: 64 zeros): one line of lib/audit.log; and, where
			   it may say what that process runs, a pidfd; answer: empty */
	CONTROL_POLICY, /* never asked: gabiond's own word that run/policy.json is another one,
			   in the form of an answer with serial 0; struct control_policy */
	CONTROL_CHILD,	/* struct control_child: like CONTROL_RECORD, of a container that another
			   one has made over its socket */
	CONTROL_KIN,	/* struct control_id; answer: nothing, no record sorts after it; or a struct
			   control_id, the last record that was looked at, and a struct control_kin
			   for each of these that has a line of descent, in order */
	CONTROL_OPS,
};

/* Result of an answer: negative is -errno with one line of text after it, zero is done, positive is
 * one of these. */
enum control_result {
	CONTROL_DONE = 0,
	CONTROL_NONE = 1,   /* there is no such record, view or running container */
	CONTROL_MORE = 2,   /* CONTROL_COPY: JSON follows, and later another answer */
	CONTROL_FAILED = 3, /* CONTROL_COPY: JSON of the worker, {"error":…,"message":…} */
	CONTROL_DENIED = 4, /* this channel or this peer may not ask that; text follows */
	CONTROL_PLAIN = 5,  /* CONTROL_REFRESH: it runs without isolation, as the engine made it */
	CONTROL_IS_SOCKET = 6, /* CONTROL_PATH: the path with the index that follows (uint32_t) is
				  the engine's socket; those before it are fine, those after it
				  have not been looked at */
};

enum control_flags {
	CONTROL_GROUPS_TRUNCATED = 1u << 0, /* control_asker: there were more groups */
	CONTROL_HAS_BINDS = 1u << 1,	    /* control_asker: the container has paths of the host */
	CONTROL_OWN_NUMBER = 1u << 2,	    /* control_asker: its files keep its number in there */
};

enum control_path_flags {
	CONTROL_PATH_MAKE = 1u << 0,	  /* a missing folder is made, as the asker */
	CONTROL_PATH_RECURSIVE = 1u << 1, /* what is mounted below it comes along */
	CONTROL_PATH_DEVICE = 1u << 2,	  /* a device node or a folder of them, for --device */
	CONTROL_PATH_PREDICT = 1u << 3,	  /* with MAKE: the same answer, and nothing is made */
	CONTROL_PATH_RULE = 1u << 4,	  /* no path but a device-cgroup rule */
	CONTROL_PATH_CDI = 1u << 5,	  /* no path but the name of a CDI device */
};

enum control_copy_mode {
	CONTROL_COPY_STAT = 0,
	CONTROL_COPY_GET = 1, /* the worker writes a tar stream to the descriptor */
	CONTROL_COPY_PUT = 2, /* the worker reads a tar stream from it */
};

enum control_copy_flags {
	CONTROL_COPY_NO_OVERWRITE_DIR = 1u << 0, /* noOverwriteDirNonDir=1 */
	CONTROL_COPY_UIDGID = 1u << 1,		 /* copyUIDGID=1 */
};

/* Files that the gate reads or has kept; it opens none itself. */
enum control_which {
	CONTROL_FILE_POLICY = 0,  /* run/policy.json: the snapshot in force; never kept */
	CONTROL_FILE_DIGESTS = 1, /* lib/digests.json: what is known of allowed images */
	CONTROL_FILE_GRANT = 2,	  /* lib/grants/ID; kept by CONTROL_GRANT */
	/* etc/registry-auth.json: credentials of registries, -EACCES where others than
	   root or the instance's owner could read or write it; never kept */
	CONTROL_FILE_REGISTRY_AUTH = 3,
	CONTROL_FILE_SUBUID = 4, /* /etc/subuid of the host; never kept */
	CONTROL_FILES,
};

struct control_header {
	uint32_t magic;
	uint16_t version;
	uint16_t op;
	uint64_t serial; /* the asker's, echoed */
};

struct control_id {
	char id[CONTROL_ID_LEN];
};

struct control_asker {
	char id[CONTROL_ID_LEN];
	uint32_t uid;
	uint32_t gid;
	uint32_t flags; /* enum control_flags */
	uint32_t ngroups;
	uint32_t groups[CONTROL_GROUPS_MAX]; /* supplementary ones; zero beyond ngroups */
};

/* Whoever made a container over its socket, first its maker, then the maker's maker, and so on, the
 * nearest ones where there are more. Only the first `n` ids are sent. */
struct control_child {
	struct control_asker asker;
	uint32_t n; /* at least one */
	char line[CONTROL_LINE_MAX][CONTROL_ID_LEN];
};

/* In the answer to CONTROL_KIN; the same, and nothing is sent beyond the ids. */
struct control_kin {
	char id[CONTROL_ID_LEN];
	uint32_t n;
	char line[CONTROL_LINE_MAX][CONTROL_ID_LEN];
};

struct control_copy {
	char id[CONTROL_ID_LEN];
	uint32_t mode;		     /* enum control_copy_mode */
	uint32_t flags;		     /* enum control_copy_flags */
	char path[CONTROL_PATH_MAX]; /* in the container; NUL-terminated, zero beyond */
	char user[CONTROL_USER_MAX]; /* for CONTROL_COPY_UIDGID; "": none; zero beyond */
};

/* Paths of the host that a container is to have. The asker's rights decide what can be reached, and
 * this host's rules what may be mounted. Only as many bytes of items as `size` says are sent. */
struct control_path {
	struct control_asker asker; /* its id: 64 zeros, there is no container yet */
	uint32_t n;		    /* how many, at least one */
	uint32_t size;
	char items[CONTROL_ITEMS_MAX]; /* each: a byte of flags, an absolute path or a rule, NUL */
};

/* A message that ends with its text: only `size` bytes of it are sent. */
struct control_text {
	char id[CONTROL_ID_LEN];
	uint32_t size; /* at least one byte */
	char text[CONTROL_TEXT_MAX];
};

struct control_file {
	char id[CONTROL_ID_LEN]; /* 64 zeros but for CONTROL_FILE_GRANT */
	uint32_t which;		 /* enum control_which */
};

/* What follows CONTROL_POLICY. */
struct control_policy {
	uint64_t generation; /* settings/policy.h */
};

/* A request as it arrived, checked: magic, version, op, size of the body, ids, ranges, NULs. */
struct control_request {
	struct control_header header;
	uint32_t size;	   /* bytes of the body */
	uint32_t reserved; /* 0 */
	union {
		struct control_id id;
		struct control_asker asker;
		struct control_child child;
		struct control_copy copy;
		struct control_path path;
		struct control_text text;
		struct control_file file;
	};
};

struct control_answer {
	struct control_header header; /* op and serial of the request */
	int32_t result;
	uint32_t size; /* bytes that follow */
};

/* Is this a full container id: 64 lower-case hexadecimal digits? */
bool control_id_ok(const char id[CONTROL_ID_LEN]);

/* Adds a path, or a rule, to a question that began zeroed. False: it is no absolute path (no text)
 * of less than CONTROL_PATH_MAX bytes without a NUL, or there is no more room. */
bool control_path_add(struct control_request *q, struct slice path, unsigned flags);
/* The path at *at (0: the first), which steps on to the next one; false when there is none. */
bool control_path_next(const struct control_path *p, size_t *at, const char **ret_path,
		       unsigned *ret_flags);

/* Takes the struct control_kin at the front of *rest off it; not beyond its ids, which are checked.
 * Returns 1; 0 at the end; -EPROTO. */
int control_kin_next(struct slice *rest, struct control_kin *ret);

/* Checks a message of n bytes with nfds descriptors. Returns 0; -EPROTO with a text otherwise;
 * header.serial and header.op are valid even then when the message has a header at all. */
int control_request_check(const struct control_request *q, size_t n, size_t nfds, struct err *err);

/* Sends a request: fills magic, version; the caller has set op, serial, size and the body. fd may
 * be -EBADF. Non-blocking sockets: -EAGAIN when the other side is slow. Returns 0 or -errno. */
int control_request_send(int sock, struct control_request *q, int fd);
/* Receives one request. Returns its bytes, 0 at end of file, -errno. *ret_fd is -EBADF or owned. */
ssize_t control_request_recv(int sock, struct control_request *ret, int *ret_fd, size_t *ret_nfds);

/* Answers `to`, with the descriptor fd unless it is negative. Returns 0 or -errno. */
int control_answer_send(int sock, const struct control_header *to, int result, struct slice body,
			int fd);
/* Receives one answer; body has room for CONTROL_ANSWER_MAX bytes; *ret_fd is -EBADF, or a
 * descriptor that is the caller's. 1: received, 0: end of file, -EPROTO: not an answer, -errno. */
int control_answer_recv(int sock, struct control_answer *ret, char *body, int *ret_fd);

/* One question over run/control.sock, blocking, for the command line. The answer's text or JSON
 * comes back NUL-terminated in body (room for CONTROL_ANSWER_MAX + 1 bytes). Returns the result of
 * the answer (0 or positive), or -errno with a text: the answer's own, or why there was none. */
int control_ask(const char *socket_path, enum control_op op, int timeout_ms, char *body,
		struct err *err);
