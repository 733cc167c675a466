/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the docker command with a field of our own on each of its requests (HttpHeaders of its
 * config.json), for `gabion explain -- …`. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* socket: of the engine. words: what follows `docker`. Its output goes nowhere, its errors
 * (standard error) are appended to `errors`. Returns its exit status, or -errno with a text. */
int client_run(const char *socket, char *const words[], const char *field, const char *value,
	       struct buf *errors, struct err *err);
