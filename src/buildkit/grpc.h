/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder's tunnel (POST /grpc): HTTP/2 with gRPC calls to BuildKit, read as it goes by, so
 * that a build which pushes by itself is judged like a push, and one that could reach the host is
 * refused. Pure: bytes in, bytes out.
 *
 * Only calls that solve_reader() knows are looked into. The frame with which such a call
 * is complete waits for the verdict, which is asked for at once; if it is no, the engine is told
 * that the call is cancelled (RST_STREAM), and the client gets the text with PERMISSION_DENIED
 * (gRPC over HTTP/2, "Trailers-Only"), between two frames of the engine. Everything else passes
 * unchanged.
 *
 * Who reads along must read as the engine does. So what gRPC clients do not do ends the tunnel:
 * other frames within a header block, stream ids that do not grow, PUSH_PROMISE, compressed calls
 * of Solve, bytes after its one message (RFC 9113, RFC 7541 by libnghttp2).
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

struct grpc;

struct solve;

/* A build is asked for. True: no, and `text` says why. */
typedef bool grpc_verdict_fn(void *data, const struct solve *solve, struct buf *text);

/* NULL: out of memory. */
struct grpc *grpc_new(grpc_verdict_fn *verdict, void *data);
void grpc_free(struct grpc *g);

/* Bytes of the client, to be sent to the engine, and what the client is told. -EPROTO: the tunnel
 * must end; -ENOMEM. */
int grpc_up(struct grpc *g, struct slice in, struct buf *engine, struct buf *client);
/* Bytes of calls that are not complete, which it holds. */
size_t grpc_held(const struct grpc *g);
/* Bytes of the engine, to be sent to the client. */
int grpc_down(struct grpc *g, struct slice in, struct buf *client);
