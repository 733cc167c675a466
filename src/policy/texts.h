/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts about the engine's socket that are part of the interface (design 4.4), word for word,
 * with the names of the engine profile. Nothing is ever appended to them: why, and what to do about
 * it, are fields of their own.
 */
#pragma once

#include "base/buf.h"
#include "policy/profile.h"

/* Between `gabion explain` and the gate (gate/explain.h): the field of a request that is only to be
 * judged, and what its answer's message begins with. */
#define TEXT_EXPLAIN_FIELD "Gabion-Explain"
#define TEXT_EXPLAIN_MARK "gabion explain: "

/* A seccomp profile that names a socket of the host; printf, with that path. */
#define TEXT_SECCOMP_LISTENER                                                                 \
	"seccomp profiles with a listenerPath (\"%.256s\") are not supported by gabion: the " \
	"runtime would connect to that socket as root of the host"

/* A build that could reach the host; printf, with what of it (solve.h). */
#define TEXT_BUILD_REACHES                                                                   \
	"a build with %s is not supported by gabion: the engine would write as root of the " \
	"host"
/* Its rule in the audit log. */
#define TEXT_BUILD_REACHES_RULE "build-reaches-host"

/* A container asked for the engine's socket. image: its image's name, expanded, without tag. */
void text_socket_denied(const struct profile *p, struct slice image, struct buf *b);

/* A container used its socket for a command that it may not have. target: as it came in the
 * request line, version, query and all. */
void text_command_denied(const char *engine, const char *product, struct slice target,
			 struct buf *b);
