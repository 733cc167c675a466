/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/cdi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

const char cdi_foreign_text[] =
	"device requests of the engine's drivers (--gpus) are not supported by gabion: the engine "
	"would add devices, mounts and hooks that nobody has judged; ask for CDI devices instead "
	"(--device nvidia.com/gpu=all), which an administrator can allow in \"cdiDevices\" of "
	"gabion.json";

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

/* Letters and digits, between them those of `inner` as well (CDI's SPEC.md, "Kind", "Name"). */
static bool is_word(struct slice s, const char *inner)
{
	if (s.n == 0 || !is_alnum(s.p[0]) || !is_alnum(s.p[s.n - 1]))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && !memchr(inner, s.p[i], strlen(inner)))
			return false;
	return true;
}

static bool is_kind(struct slice kind)
{
	struct slice rest = kind;
	struct slice vendor;

	return slice_split(&rest, '/', &vendor) && rest.p && is_word(vendor, "_-.") &&
	       is_letter(vendor.p[0]) && is_word(rest, "_-.") && is_letter(rest.p[0]);
}

static bool split(struct slice text, struct slice *ret_kind, struct slice *ret_name)
{
	struct slice rest = text;
	struct slice kind;

	if (!slice_split(&rest, '=', &kind) || !rest.p || !is_kind(kind))
		return false;
	*ret_kind = kind;
	*ret_name = rest;
	return true;
}

bool cdi_name_split(struct slice text, struct slice *ret_kind, struct slice *ret_name)
{
	struct slice kind;
	struct slice name;

	if (!split(text, &kind, &name) || !is_word(name, "_-.:"))
		return false;
	if (ret_kind)
		*ret_kind = kind;
	if (ret_name)
		*ret_name = name;
	return true;
}

bool cdi_pattern_ok(struct slice text)
{
	struct slice kind;
	struct slice name;

	return split(text, &kind, &name) && (slice_eq_str(name, "*") || is_word(name, "_-.:"));
}

static bool matches(struct slice pattern, struct slice name)
{
	struct slice kind;
	struct slice last;

	if (!split(pattern, &kind, &last))
		return false;
	if (slice_eq_str(last, "*"))
		return slice_starts(name, (struct slice){ pattern.p, pattern.n - 1 });
	return slice_eq(pattern, name);
}

void cdi_judge(struct slice name, const char *const *patterns, size_t n, const char *etc,
	       struct verdict *ret)
{
	*ret = (struct verdict){ .kind = VERDICT_ALLOW, .rule = "cdi-device-open" };
	for (size_t i = 0; cdi_name_split(name, NULL, NULL) && i < n; i++)
		if (matches(slice_str(patterns[i]), name))
			return;
	*ret = (struct verdict){ .kind = VERDICT_DENY, .rule = "cdi-device" };
	(void)snprintf(ret->message, sizeof(ret->message),
		       "CDI device %.*s is not for containers; an administrator can allow it in "
		       "\"cdiDevices\" of %s/gabion.json",
		       (int)MIN(name.n, (size_t)256), name.p, etc);
}

/* Moby's daemon/devices.go and daemon/cdi.go, 25 to 29: with this driver, capabilities do not
 * matter; a count and options are errors. Without a driver it is capabilities that choose one, and
 * from 29 on that may be CDI, under names that the request does not say. */
int cdi_request_read(const struct json *request, const struct json **ret_names, struct err *err)
{
	const char *driver = json_get_str(request, "Driver");
	const struct json *names = json_get(request, "DeviceIDs");
	const struct json *options = json_get(request, "Options");
	int64_t count = 0;

	if (!driver || strcmp(driver, "cdi") != 0)
		return CDI_REQUEST_FOREIGN;
	if (json_get_i64(request, "Count", &count) < 0 || count != 0) {
		(void)err_set(err, -EINVAL, "unexpected count in CDI device request");
		return CDI_REQUEST_BAD;
	}
	if (options && options->kind != JSON_NULL && options->n > 0) {
		(void)err_set(err, -EINVAL, "unexpected options in CDI device request");
		return CDI_REQUEST_BAD;
	}
	*ret_names = json_is(names, JSON_ARRAY) ? names : NULL;
	for (size_t i = 0; *ret_names && i < names->n; i++) {
		const char *name = json_str(names->items[i]);

		if (name && cdi_name_split(slice_str(name), NULL, NULL))
			continue;
		(void)err_set(err, -EINVAL,
			      "\"%.200s\" is not the name of a CDI device (vendor.com/class=name)",
			      name ? name : "");
		return CDI_REQUEST_BAD;
	}
	return CDI_REQUEST_OK;
}
