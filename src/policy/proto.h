/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol buffers, read more strictly than Go's decoders do: tags over 32 bits and groups are
 * refused. A field that occurs several times is read each time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum proto_wire {
	PROTO_VARINT = 0,
	PROTO_64 = 1,
	PROTO_BYTES = 2,
	PROTO_32 = 5,
};

/* A table row for each field that has a say; others have none. read: 0 or negative. */
struct proto_reader {
	uint32_t number;
	enum proto_wire wire;
	int (*read)(struct slice bytes, uint64_t value, const char **why);
};

/* newest: fields above it set *why. 0; -EPROTO: that is no message, or a field has another type. */
int proto_read(struct slice s, const struct proto_reader *table, size_t n, uint32_t newest,
	       const char **why);

/* An entry of map<string, …>, key and value in any order; what is not there is empty. 0; -EPROTO:
 * that is no such entry, or one of them stands there twice, where readers differ. */
int proto_read_pair(struct slice s, struct slice *key, struct slice *value);
