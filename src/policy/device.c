/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

const struct device device_standard[] = {
	{ 'c', 1, 3 }, { 'c', 1, 5 }, { 'c', 1, 7 }, { 'c', 1, 8 },
	{ 'c', 1, 9 }, { 'c', 5, 0 }, { 'c', 5, 2 }, { 'c', 136, DEVICE_ANY },
};
const size_t device_standard_n = ARRAY_SIZE(device_standard);

static const struct device harmless[] = {
	{ 'c', 10, 229 }, /* /dev/fuse */
	{ 'c', 10, 200 }, /* /dev/net/tun */
};

static bool is_in(const struct device *table, size_t n, const struct device *d)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].type == d->type && table[i].major == d->major &&
		    (table[i].minor == DEVICE_ANY || table[i].minor == d->minor))
			return true;
	return false;
}

bool device_is_standard(const struct device *d)
{
	return is_in(device_standard, device_standard_n, d);
}

bool device_is_harmless(const struct device *d)
{
	return is_in(harmless, ARRAY_SIZE(harmless), d);
}

void device_deny(struct verdict *ret, const char *path, const struct device *d, const char *etc)
{
	*ret = (struct verdict){ .kind = VERDICT_DENY, .rule = "device" };
	(void)snprintf(ret->message, sizeof(ret->message),
		       "device %s (%c %lld:%lld) of the host is not for containers; an "
		       "administrator can allow it in \"devices\" of %s/gabion.json",
		       path, d->type, (long long)d->major, (long long)d->minor, etc);
}

void device_deny_rule(struct verdict *ret, const char *rule, const char *etc)
{
	*ret = (struct verdict){ .kind = VERDICT_DENY, .rule = "device" };
	(void)snprintf(ret->message, sizeof(ret->message),
		       "device-cgroup rule \"%.64s\" opens devices of the host that are not for "
		       "containers; an administrator can allow single ones in \"devices\" of "
		       "%s/gabion.json",
		       rule, etc);
}

static int parse_number(struct slice s, int64_t *ret)
{
	uint32_t n = 0;
	int r = 0;

	*ret = DEVICE_ANY;
	if (slice_eq_str(s, "*"))
		return 0;
	r = num_parse_u32(s, &n);
	if (r == 0)
		*ret = n;
	return r;
}

/* Moby's opts/opts.go and daemon: ^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$ */
int device_rule_parse(struct slice text, struct device *ret, bool *ret_opens)
{
	struct slice rest = text;
	struct slice type;
	struct slice numbers;
	struct slice major;
	int r;

	if (!slice_split(&rest, ' ', &type) || !slice_split(&rest, ' ', &numbers) || !rest.p)
		return -EINVAL;
	if (type.n != 1 || !memchr("acb", type.p[0], 3) || rest.n == 0 || rest.n > 3)
		return -EINVAL;
	*ret_opens = false;
	for (size_t i = 0; i < rest.n; i++) {
		if (!memchr("rwm", rest.p[i], 3))
			return -EINVAL;
		*ret_opens |= rest.p[i] != 'm';
	}
	ret->type = type.p[0];
	if (!slice_split(&numbers, ':', &major) || !numbers.p)
		return -EINVAL;
	r = parse_number(major, &ret->major);
	return r == 0 ? parse_number(numbers, &ret->minor) : r;
}
