/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image that a Dockerfile names as its frontend ("# syntax=") tells the engine's BuildKit what
 * to do, in gRPC on its standard streams, past the gate: before 0.28.1 it could have files of the
 * host written (CVE-2026-33747). gabion-frontend is put in between and reads along.
 */
#pragma once

#include "base/err.h"

struct runtime;

/* Where the container is a frontend, starts gabion-frontend, which takes over standard input and
 * output; this process, and so the container, gets pipes in their place. */
int frontend_relay(const struct runtime *rt, struct err *err);
