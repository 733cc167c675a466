/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "gate/edit.h"
#include "policy/cdi.h"
#include "policy/cgroup.h"
#include "policy/texts.h"

static const struct shape_member device_members[] = {
	{ "PathOnHost", &shape_string },
	{ "PathInContainer", &shape_string },
	{ "CgroupPermissions", &shape_string },
};
static const struct shape device = SHAPE_STRUCT_OF(device_members);
const struct shape edit_shape_devices = SHAPE_LIST_OF(&device);

static const struct shape_member blkio_members[] = {
	{ "Path", &shape_string },
};
static const struct shape blkio = SHAPE_STRUCT_OF(blkio_members);
const struct shape edit_shape_blkio = SHAPE_LIST_OF(&blkio);

static const struct shape string_lists = SHAPE_LIST_OF(&shape_strings);
static const struct shape_member request_members[] = {
	{ "Driver", &shape_string },	  { "Count", &shape_int },
	{ "DeviceIDs", &shape_strings },  { "Capabilities", &string_lists },
	{ "Options", &shape_string_map },
};
static const struct shape request = SHAPE_STRUCT_OF(request_members);
const struct shape edit_shape_requests = SHAPE_LIST_OF(&request);

static const struct shape_member log_members[] = {
	{ "Type", &shape_string },
	{ "Config", &shape_string_map },
};
const struct shape edit_shape_log = SHAPE_STRUCT_OF(log_members);

static int deny(struct edit *e, const char *rule, const char *hint)
{
	e->rule = rule;
	e->hint = hint;
	return EDIT_DENIED;
}

/* --- devices --- */

static int take_devices(struct arena *a, const struct json *list, const struct edit_how *how,
			struct edit *e, struct err *err)
{
	int r = EDIT_OK;

	for (size_t i = 0; list && i < list->n && r == EDIT_OK; i++) {
		const struct json *path = json_get(list->items[i], "PathOnHost");

		/* The engine would look from wherever it was started. */
		if (!path || path->text.n == 0 || path->text.p[0] != '/') {
			(void)err_set(err, -EINVAL, "the device path \"%.*s\" is not absolute",
				      path ? (int)path->text.n : 0, path ? path->text.p : "");
			return EDIT_BAD;
		}
		r = edit_source(a, how, e, path->text, CONTROL_PATH_DEVICE, err);
	}
	return r;
}

static int take_rules(struct arena *a, const struct json *list, const struct edit_how *how,
		      struct edit *e, struct err *err)
{
	int r = EDIT_OK;

	for (size_t i = 0; list && i < list->n && r == EDIT_OK; i++) {
		if (list->items[i]->text.n == 0) {
			(void)err_set(err, -EINVAL, "invalid device cgroup rule format: ''");
			return EDIT_BAD;
		}
		r = edit_source(a, how, e, list->items[i]->text, CONTROL_PATH_RULE, err);
	}
	return r;
}

/* CDI devices, of which gabiond judges the names, and nothing else. */
static int take_requests(struct arena *a, const struct json *list, const struct edit_how *how,
			 struct edit *e, struct err *err)
{
	int r = EDIT_OK;

	for (size_t i = 0; list && i < list->n && r == EDIT_OK; i++) {
		const struct json *names;
		int read = cdi_request_read(list->items[i], &names, err);

		if (read == CDI_REQUEST_BAD)
			return EDIT_BAD;
		if (read == CDI_REQUEST_FOREIGN) {
			(void)err_set(err, -EPERM, "%s", cdi_foreign_text);
			return deny(
				e, "device-request",
				"ask for CDI devices with --device vendor.com/class=name, which an "
				"administrator can allow in \"cdiDevices\" of gabion.json");
		}
		for (size_t k = 0; names && k < names->n && r == EDIT_OK; k++)
			r = edit_source(a, how, e, names->items[k]->text, CONTROL_PATH_CDI, err);
	}
	return r;
}

/* Of a privileged container the engine gives gabion-runc all nodes and rules, and that leaves the
 * ones which every container may have. */
static int check_devices(struct arena *a, const struct json *hc, const struct edit_how *how,
			 struct edit *e, struct err *err)
{
	int r = take_requests(a, json_get(hc, "DeviceRequests"), how, e, err);

	if (r != EDIT_OK || json_get_bool(hc, "Privileged", false))
		return r;
	r = take_devices(a, json_get(hc, "Devices"), how, e, err);
	return r == EDIT_OK ? take_rules(a, json_get(hc, "DeviceCgroupRules"), how, e, err) : r;
}

/* The engine asks for the numbers of devices by their paths, and says what it finds: that is not
 * for paths anywhere. */
static bool is_device_path(struct slice path)
{
	static const char *const never[] = { "..", ".",	    "",	      "shm",   "mqueue",
					     "fd", "stdin", "stdout", "stderr" };
	struct slice rest = slice_from(path, 5);
	struct slice part;

	if (!slice_starts(path, SLICE_LIT("/dev/")))
		return false;
	while (slice_split(&rest, '/', &part))
		for (size_t i = 0; i < ARRAY_SIZE(never); i++)
			if (slice_eq_str(part, never[i]))
				return false;
	return true;
}

static int check_blkio(const struct json *hc, struct edit *e, struct err *err)
{
	static const char *const keys[] = { "BlkioWeightDevice", "BlkioDeviceReadBps",
					    "BlkioDeviceWriteBps", "BlkioDeviceReadIOps",
					    "BlkioDeviceWriteIOps" };

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		const struct json *list = json_get(hc, keys[k]);

		for (size_t i = 0; list && i < list->n; i++) {
			const char *path = json_get_str(list->items[i], "Path");

			if (is_device_path(slice_str(path ? path : "")))
				continue;
			(void)err_set(err, -EPERM,
				      "%s of \"%s\" is not supported by gabion: that is no device "
				      "below /dev",
				      keys[k], path ? path : "");
			return deny(e, "blkio-path", "name the device by its path below /dev");
		}
	}
	return EDIT_OK;
}

/* --- drivers --- */

/* The engine takes a driver that it does not have for a plugin, and the name for a part of a path
 * below /run/docker/plugins: "../" leads it to anybody's socket, whose answers it obeys as root. */
int edit_driver(struct slice name, struct edit *e, struct err *err)
{
	bool ok = name.n == 0 || isalnum((unsigned char)name.p[0]);

	for (size_t i = 0; i < name.n; i++)
		ok &= isalnum((unsigned char)name.p[i]) || memchr("_.-", name.p[i], 3);
	if (ok)
		return EDIT_OK;
	(void)err_set(err, -EPERM,
		      "driver \"%.*s\" is not supported by gabion: the engine would obey whoever "
		      "listens on a socket of that name",
		      (int)MIN(name.n, (size_t)256), name.p);
	return deny(e, "driver-name", "use a driver of the engine's own");
}

/* --- what log drivers connect to, and read --- */

static bool is_file_option(struct slice key)
{
	static const char *const keys[] = { "syslog-tls-ca-cert", "syslog-tls-cert",
					    "syslog-tls-key", "splunk-capath" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (slice_eq_str(key, keys[i]))
			return true;
	return false;
}

/* A URL whose scheme is unix, unixgram or the like, with a path: one slash is enough for Go's
 * url.Parse(), which folds the case of a scheme, and some drivers only want a "://" anywhere
 * ("unix:/run/x.sock?://"). */
static bool is_socket(struct slice address)
{
	size_t end;

	while (address.n > 0 && address.p[0] >= 0 && address.p[0] <= ' ')
		address = slice_from(address, 1);
	end = slice_find(address, ':');
	if (end < 4 || !slice_starts(slice_from(address, end), SLICE_LIT(":/")) ||
	    !slice_eq_nocase((struct slice){ address.p, 4 }, SLICE_LIT("unix")))
		return false;
	for (size_t i = 4; i < end; i++)
		if (!isalnum((unsigned char)address.p[i]) && !strchr("+-.", address.p[i]))
			return false;
	return true;
}

static int check_log(const struct json *log, struct edit *e, struct err *err)
{
	const struct json *options = json_get(log, "Config");
	const struct json *type = json_get(log, "Type");
	int r = type ? edit_driver(type->text, e, err) : EDIT_OK;

	if (r != EDIT_OK)
		return r;
	for (size_t i = 0; options && i < options->n; i++) {
		struct slice key = options->members[i].key;
		struct slice value = options->members[i].value->text;

		if (value.n > 0 && (value.p[0] == '/' || is_file_option(key))) {
			(void)err_set(
				err, -EPERM,
				"log option %.*s is not supported by gabion: the engine would "
				"read that file as root of the host",
				(int)MIN(key.n, (size_t)64), key.p);
			return deny(e, "log-file",
				    "an administrator can give it to the engine: "
				    "gabion up ... -- --log-opt");
		}
		if (!is_socket(value))
			continue;
		(void)err_set(err, -EPERM,
			      "log option %.*s=%.*s is not supported by gabion: the engine would "
			      "connect to that socket as root of the host",
			      (int)MIN(options->members[i].key.n, (size_t)64),
			      options->members[i].key.p, (int)MIN(value.n, (size_t)256), value.p);
		return deny(e, "log-socket", "send logs to a tcp:// or udp:// address");
	}
	return EDIT_OK;
}

/* --- control groups --- */

int edit_cgroup_parent(struct slice parent, struct edit *e, struct err *err)
{
	struct verdict v;

	cgroup_judge_parent(parent, true, &v);
	if (v.kind != VERDICT_DENY)
		return EDIT_OK;
	(void)err_set(err, -EPERM, "%s", v.message);
	return deny(e, v.rule, "name a group of your own with --cgroup-parent");
}

/* --- security options --- */

static bool is_false(struct slice s)
{
	static const char *const words[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (slice_eq_str(s, words[i]))
			return true;
	return false;
}

/* An option in the form "NAME", "NAME=VALUE", or in the old style "NAME:VALUE". */
static bool is_option(struct slice option, const char *name, struct slice *ret_value)
{
	size_t n = strlen(name);

	*ret_value = slice_from(option, n + 1);
	return slice_starts(option, slice_str(name)) &&
	       (option.n == n || option.p[n] == '=' || option.p[n] == ':');
}

/* The text of a seccomp profile, which the client has read; other values are names. */
static int check_profile(struct arena *a, struct slice text, struct edit *e, struct err *err)
{
	static const struct shape_member members[] = { { "listenerPath", &shape_string } };
	static const struct shape profile = SHAPE_STRUCT_OF(members);
	static const struct shape_options keep = { .unknown = SHAPE_UNKNOWN_KEEP };
	struct json_limits limits = JSON_LIMITS;
	const char *listener;
	struct json *v;

	if (slice_find(text, '{') == text.n)
		return EDIT_OK;
	if (json_parse(a, text, &limits, &v, NULL, err) < 0 ||
	    json_canon(a, v, &profile, &keep, &v, err) < 0) {
		(void)err_wrap(err, "seccomp profile");
		return EDIT_BAD;
	}
	listener = json_get_str(v, "listenerPath");
	if (!listener || !*listener)
		return EDIT_OK;
	(void)err_set(err, -EPERM, TEXT_SECCOMP_LISTENER, listener);
	return deny(e, "seccomp-listener", "take \"listenerPath\" out of the profile");
}

static int check_security(struct arena *a, const struct json *list, struct edit *e, struct err *err)
{
	int r = EDIT_OK;

	for (size_t i = 0; list && i < list->n && r == EDIT_OK; i++) {
		struct slice option = list->items[i]->text;
		struct slice value;

		if (is_option(option, "seccomp", &value))
			r = check_profile(a, value, e, err);
		if (!is_option(option, "writable-cgroups", &value) || is_false(value))
			continue;
		(void)err_set(err, -EPERM,
			      "security option %.*s is not supported by gabion: cgroups of the "
			      "host are not for containers",
			      (int)MIN(option.n, (size_t)64), option.p);
		return deny(e, "writable-cgroups",
			    "--privileged gives a container a cgroup of its own to write to");
	}
	return r;
}

int edit_host(struct arena *a, const struct json *hc, const struct edit_how *how, struct edit *e,
	      struct err *err)
{
	const struct json *parent = json_get(hc, "CgroupParent");
	int r;

	if (how->plain)
		return EDIT_OK;
	r = check_devices(a, hc, how, e, err);
	if (r == EDIT_OK)
		r = check_blkio(hc, e, err);
	if (r == EDIT_OK && json_get(hc, "VolumeDriver"))
		r = edit_driver(json_get(hc, "VolumeDriver")->text, e, err);
	if (r == EDIT_OK)
		r = check_log(json_get(hc, "LogConfig"), e, err);
	if (r == EDIT_OK && parent)
		r = edit_cgroup_parent(parent->text, e, err);
	return r == EDIT_OK ? check_security(a, json_get(hc, "SecurityOpt"), e, err) : r;
}
