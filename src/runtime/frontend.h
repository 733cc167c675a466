/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image that a Dockerfile names as its frontend ("# syntax=") tells the engine's BuildKit what
 * to do, past the gate: before 0.28.1 it can have files of the host written (CVE-2026-33747),
 * before 0.31.1 steps without a seccomp filter (GHSA-7236-3392-c5c6). So it is not started unless
 * gabion.json says so. BuildKit shows nobody what a runtime says about that; it listens to gRPC on
 * the frontend's output, so that is how it is told why.
 */
#pragma once

#include "base/err.h"

struct runtime;

/* -EPERM and why: it is one that may not be started. */
int frontend_check(const struct runtime *rt, struct err *err);

/* Tells BuildKit in the frontend's place, on standard output, and waits for its answer, not for
 * long. */
void frontend_tell(const char *why);
