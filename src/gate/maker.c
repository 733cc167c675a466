/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/maker.h"

#include "base/util.h"

void maker_print(const char (*line)[CONTROL_ID_LEN], size_t n, struct buf *b)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_add_char(b, ',');
		buf_add(b, line[i], CONTROL_ID_LEN);
	}
}

bool maker_own(const struct json *o, const char who[CONTROL_ID_LEN])
{
	const struct json *label = json_get(json_get(o, "Labels"), MAKER_LABEL);
	struct slice rest = label && json_is(label, JSON_STRING) ? label->text : SLICE_NULL;
	struct slice id;

	while (slice_split(&rest, ',', &id))
		if (slice_eq(id, (struct slice){ who, CONTROL_ID_LEN }))
			return true;
	return false;
}

bool maker_predefined(struct slice network)
{
	static const char *const names[] = { "", "default", "bridge", "none", "host" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (slice_eq_str(network, names[i]))
			return true;
	return false;
}

bool maker_anonymous(struct slice volume)
{
	for (size_t i = 0; i < volume.n; i++)
		if (!memchr("0123456789abcdef", volume.p[i], 16))
			return false;
	return volume.n == 64;
}
