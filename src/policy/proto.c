/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/proto.h"

#include <errno.h>
#include <stdbool.h>

#include "base/util.h"

struct field {
	uint32_t number;
	enum proto_wire wire;
	uint64_t value;	    /* PROTO_VARINT */
	struct slice bytes; /* PROTO_BYTES */
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
	ret->wire = (enum proto_wire)(tag & 7);
	switch (ret->wire) {
	case PROTO_VARINT:
		return take_varint(s, &ret->value);
	case PROTO_64:
		return take_bytes(s, 8, &ret->bytes);
	case PROTO_32:
		return take_bytes(s, 4, &ret->bytes);
	case PROTO_BYTES:
		return take_varint(s, &tag) && take_bytes(s, tag, &ret->bytes);
	}
	return false; /* groups */
}

int proto_read(struct slice s, const struct proto_reader *table, size_t n, uint32_t newest,
	       const char **why)
{
	struct field f;

	while (s.n > 0) {
		const struct proto_reader *r = NULL;

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

int proto_read_pair(struct slice s, struct slice *key, struct slice *value)
{
	struct slice parts[] = { SLICE_LIT(""), SLICE_LIT("") };
	unsigned seen = 0;
	struct field f;

	while (s.n > 0) {
		if (!take_field(&s, &f) || f.wire != PROTO_BYTES || f.number < 1 || f.number > 2 ||
		    (seen & 1u << f.number))
			return -EPROTO;
		seen |= 1u << f.number;
		parts[f.number - 1] = f.bytes;
	}
	*key = parts[0];
	*value = parts[1];
	return 0;
}
