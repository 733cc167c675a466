/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends of a tar stream. Whether the descriptor is non-blocking is its other holders' business:
 * it is waited for either way, and never changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Writes all n bytes. 0 or -errno. */
int stream_write(int fd, const void *data, size_t n);
/* Reads some bytes: their number, 0 at the end, or -errno. */
ssize_t stream_read(int fd, void *data, size_t n);

/*
 * Where an archive comes from: bytes in order, decompressed. What the first bytes say about
 * compression decides (gzip, bzip2, xz, zstd as moby knows them, else none); the libraries do it in
 * this process, never a program.
 */
struct source;

int source_open(int fd, struct source **ret, struct err *err);
/* The same from memory, which must outlive it. NULL when out of memory. */
struct source *source_open_memory(const void *data, size_t n);
struct source *source_free(struct source *s);

/* The bytes that are there: at least one, and 0 only at the end. Valid until the next call. Returns
 * 0; -EBADMSG when what is compressed is broken, -errno when reading fails. */
int source_peek(struct source *s, const char **ret, size_t *ret_n, struct err *err);
/* Steps over n of the bytes that the last peek showed. */
void source_skip(struct source *s, size_t n);
/* Reads away what follows the archive, so that its writer need not notice where we stopped; gives
 * up when nothing comes for a while. */
void source_drain(struct source *s);

/* Where an archive goes: collected into large writes. */
struct sink {
	int fd;
	char *p; /* owned */
	size_t n;
	size_t size;
};

int sink_init(struct sink *s, int fd);
void sink_done(struct sink *s);
int sink_add(struct sink *s, const void *data, size_t n);
/* Room for at least one byte, flushed if need be; sink_commit() says how many came. */
int sink_room(struct sink *s, char **ret, size_t *ret_n);
void sink_commit(struct sink *s, size_t n);
int sink_zeros(struct sink *s, uint64_t n);
int sink_flush(struct sink *s);
