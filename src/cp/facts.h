/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about a file in the form that the engine's clients know them, as pure functions. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

/* Go's os.FileMode of a file mode: nine permission bits and Go's own bits for type and setuid,
 * setgid, sticky. */
uint32_t facts_go_mode(mode_t mode);

/* A time as RFC 3339 in UTC, with as many decimals as it needs (Go's RFC3339Nano). Years outside
 * 0 to 9999, for which Go has no such text, are cut to the ends of that range. */
void facts_go_time(struct buf *out, int64_t sec, uint32_t nsec);
