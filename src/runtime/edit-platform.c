/* SPDX-License-Identifier: Apache-2.0 */
/* A spec for another operating system has no user namespace to be put into: refused. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

#define KNOWN_VERSION "1.0.2"

static const char *const others[] = { "windows", "solaris", "vm", "zos", "freebsd" };

/* Newer engines write 1.2. Versions of one major number differ only by additions, which a runtime
 * that does not know them passes over; but the crun of Debian 12 refuses every number above 1.0. */
static bool is_newer(const char *version)
{
	return version && strncmp(version, "1.", 2) == 0 && strncmp(version, "1.0.", 4) != 0;
}

static int lower_version(struct runtime *rt)
{
	if (!is_newer(json_get_str(rt->spec, "ociVersion")))
		return 0;
	return json_set(&rt->arena, rt->spec, "ociVersion",
			json_new_str(&rt->arena, KNOWN_VERSION));
}

int platform_plain(struct runtime *rt, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(SPEC_MAX);
	CLEANUP_BUF struct buf out = BUF_INIT(SPEC_MAX);
	struct json_limits limits = JSON_LIMITS;
	const struct json *version;
	struct json *doc;
	size_t literal;
	int r = file_read(rt->config, &text);

	if (r < 0)
		return err_errno(err, r, "spec %s", rt->config);
	/* What cannot be read here the lower runtime judges by itself. */
	if (json_parse(&rt->arena, buf_slice(&text), &limits, &doc, NULL, NULL) < 0)
		return 0;
	version = json_get(doc, "ociVersion");
	literal = version ? version->text.n + 2 : 0;
	if (!is_newer(json_str(version)) || version->at + literal > text.n ||
	    text.p[version->at + literal - 1] != '"')
		return 0;
	buf_add(&out, text.p, version->at);
	buf_add_str(&out, "\"" KNOWN_VERSION "\"");
	buf_add_slice(&out, slice_from(buf_slice(&text), version->at + literal));
	r = buf_ok(&out) ? file_replace_at(AT_FDCWD, rt->config, buf_slice(&out), 0600, false)
			 : -ENOMEM;
	return r < 0 ? err_errno(err, r, "spec %s", rt->config) : 0;
}

int edit_platform(struct runtime *rt, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (json_get(rt->spec, others[i]))
			return err_set(err, -EINVAL,
				       "not a linux container spec: it has a \"%s\" section",
				       others[i]);
	if (!json_is(json_get(rt->spec, "linux"), JSON_OBJECT))
		return err_set(err, -EINVAL,
			       "not a linux container spec: it has no \"linux\" section");
	if (!json_is(json_get(rt->spec, "root"), JSON_OBJECT))
		return err_set(err, -EINVAL, "the spec has no \"root\" section");
	if (lower_version(rt) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}
