/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BuildKit's low-level builds (solver/pb/ops.proto), as far as they could reach the host: before
 * 0.28.1 the file of an http source is written where its name leads, by the engine, as root of the
 * host (CVE-2026-33747, GHSA-4c29-8rgm-jvjj). A build within a build hides its sources from who
 * reads along. Nothing that clients send needs either.
 */
#pragma once

#include "base/slice.h"

/* A message Definition. -EPROTO: that is none; *what (static): what is not for clients; else it is
 * left alone. */
int llb_read(struct slice definition, const char **what);

/* A message SourceOp; the same. */
int llb_read_source(struct slice source, const char **what);

/* A source policy, which changes sources: none may be about files' names. */
void llb_read_policy(struct slice policy, const char **what);
