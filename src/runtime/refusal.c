/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/refusal.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/runtime.h"
#include "settings/auditfile.h"
#include "json/json.h"

#define ARENA_BYTES 65536u
#define LINE_BYTES 16384u

static void add(struct arena *a, struct json *o, const char *key, struct json *value)
{
	(void)json_set(a, o, key, value);
}

void refusal_audit(const struct runtime *rt, const struct err *err)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_BYTES);
	CLEANUP_BUF struct buf line = BUF_INIT(LINE_BYTES);
	struct json *o = json_new(&a, JSON_OBJECT);
	char now[AUDITFILE_TIME_MAX];
	int r;

	if (err->code != -EPERM || !rt->args.makes_process || !rt->inst.lib[0])
		return;
	auditfile_now(now);
	add(&a, o, "time", json_new_str(&a, now));
	add(&a, o, "verdict", json_new_str(&a, "deny"));
	add(&a, o, "rule", json_new_str(&a, "runtime"));
	add(&a, o, "uid", json_new_uint(&a, rt->has_asker ? rt->asker.uid : 0));
	if (rt->args.id)
		add(&a, o, "subject", json_new_str(&a, rt->args.id));
	add(&a, o, "message", json_new_str(&a, err->text));
	json_emit(o, &line);
	buf_add_char(&line, '\n');
	r = buf_ok(&line) ? auditfile_append(rt->inst.lib, buf_slice(&line)) : -ENOMEM;
	if (r < 0 && r != -ENOENT) /* without a folder there never was an instance */
		log_warning("audit log of %s: %s", rt->inst.lib, strerror(-r));
}
