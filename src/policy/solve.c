/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/solve.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/* As Go's strconv.ParseBool() does. */
static bool is_false(struct slice s)
{
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (slice_eq_str(s, no[i]))
			return true;
	return false;
}

bool solve_exporter_known(struct slice type)
{
	static const char *const known[] = { "cacheonly", "docker", "image", "local",
					     "moby",	  "oci",    "tar" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (slice_eq_str(type, known[i]))
			return true;
	return false;
}

bool solve_attribute_pushes(struct slice key, struct slice value)
{
	return slice_starts(key, SLICE_LIT("push")) && !is_false(value);
}

/* --- protocol buffers --- */

enum wire {
	WIRE_VARINT = 0,
	WIRE_64 = 1,
	WIRE_BYTES = 2,
	WIRE_32 = 5,
};

struct field {
	uint32_t number;
	enum wire wire;
	uint64_t value;	    /* WIRE_VARINT */
	struct slice bytes; /* WIRE_BYTES */
};

static bool take_varint(struct slice *s, uint64_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		unsigned char c;

		if (s->n == 0)
			return false;
		c = (unsigned char)s->p[0];
		*s = slice_from(*s, 1);
		if (shift == 63 && c > 1)
			return false;
		*ret |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return true;
	}
	return false;
}

static bool take_bytes(struct slice *s, uint64_t n, struct slice *ret)
{
	if (n > s->n)
		return false;
	*ret = (struct slice){ s->p, (size_t)n };
	*s = slice_from(*s, (size_t)n);
	return true;
}

static bool take_field(struct slice *s, struct field *ret)
{
	uint64_t tag;

	*ret = (struct field){ 0 };
	if (!take_varint(s, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
		return false;
	ret->number = (uint32_t)tag >> 3;
	ret->wire = (enum wire)(tag & 7);
	switch (ret->wire) {
	case WIRE_VARINT:
		return take_varint(s, &ret->value);
	case WIRE_64:
		return take_bytes(s, 8, &ret->bytes);
	case WIRE_32:
		return take_bytes(s, 4, &ret->bytes);
	case WIRE_BYTES:
		return take_varint(s, &tag) && take_bytes(s, tag, &ret->bytes);
	}
	return false; /* groups */
}

/* --- what it says --- */

/* A table row for each field that has a say; others have none. */
struct reader {
	uint32_t number;
	enum wire wire;
	int (*read)(struct slice bytes, uint64_t value, const char **why);
};

static int read_message(struct slice s, const struct reader *table, size_t n, uint32_t newest,
			const char **why)
{
	struct field f;

	while (s.n > 0) {
		const struct reader *r = NULL;

		if (!take_field(&s, &f))
			return -EPROTO;
		for (size_t i = 0; i < n; i++)
			if (table[i].number == f.number)
				r = &table[i];
		if (f.number > newest)
			*why = "a field that gabion does not know";
		if (!r)
			continue;
		if (r->wire != f.wire)
			return -EPROTO;
		if (r->read(f.bytes, f.value, why) < 0)
			return -EPROTO;
	}
	return 0;
}

/* An entry of map<string, string>: of several keys or values the last counts, in any order. */
static int read_pair(struct slice s, struct slice *key, struct slice *value)
{
	struct field f;

	*key = *value = SLICE_LIT("");
	while (s.n > 0) {
		if (!take_field(&s, &f) || f.wire != WIRE_BYTES)
			return -EPROTO;
		if (f.number == 1)
			*key = f.bytes;
		if (f.number == 2)
			*value = f.bytes;
	}
	return 0;
}

static int read_attribute(struct slice bytes, uint64_t number, const char **why)
{
	struct slice key;
	struct slice value;
	int r = read_pair(bytes, &key, &value);

	(void)number;
	if (r == 0 && solve_attribute_pushes(key, value))
		*why = "an exporter that pushes";
	return r;
}

static int read_exporter_type(struct slice bytes, uint64_t number, const char **why)
{
	(void)number;
	if (bytes.n > 0 && !solve_exporter_known(bytes))
		*why = "an exporter that gabion does not know";
	return 0;
}

static int read_exporter(struct slice bytes, uint64_t number, const char **why)
{
	static const struct reader table[] = { { 1, WIRE_BYTES, read_exporter_type },
					       { 2, WIRE_BYTES, read_attribute } };

	(void)number;
	return read_message(bytes, table, ARRAY_SIZE(table), 3, why);
}

static int read_cache_type(struct slice bytes, uint64_t number, const char **why)
{
	(void)number;
	if (bytes.n > 0 && !slice_eq_str(bytes, "inline") && !slice_eq_str(bytes, "local"))
		*why = "a cache that is exported to a registry or another service";
	return 0;
}

static int read_cache_export(struct slice bytes, uint64_t number, const char **why)
{
	static const struct reader table[] = { { 1, WIRE_BYTES, read_cache_type } };

	(void)number;
	return read_message(bytes, table, ARRAY_SIZE(table), 2, why);
}

static int read_cache_reference(struct slice bytes, uint64_t number, const char **why)
{
	(void)number;
	if (bytes.n > 0)
		*why = "a cache that is exported to a registry";
	return 0;
}

static int read_cache(struct slice bytes, uint64_t number, const char **why)
{
	static const struct reader table[] = { { 1, WIRE_BYTES, read_cache_reference },
					       { 4, WIRE_BYTES, read_cache_export } };

	(void)number;
	return read_message(bytes, table, ARRAY_SIZE(table), 5, why);
}

/* The client would be asked for exporters after the build. */
static int read_session_exporter(struct slice bytes, uint64_t number, const char **why)
{
	(void)bytes;
	if (number != 0)
		*why = "exporters that are told later (EnableSessionExporter)";
	return 0;
}

int solve_read(struct slice message, const char **why)
{
	/* SolveRequest of api/services/control/control.proto, v0.8 to v0.23. */
	static const struct reader table[] = {
		{ 3, WIRE_BYTES, read_exporter_type },
		{ 4, WIRE_BYTES, read_attribute },
		{ 8, WIRE_BYTES, read_cache },
		{ 13, WIRE_BYTES, read_exporter },
		{ 14, WIRE_VARINT, read_session_exporter },
	};

	*why = NULL;
	return read_message(message, table, ARRAY_SIZE(table), 15, why);
}
