/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "json/json.h"

#define RECORD_MAX 65536u
#define ARENA_MAX (1024u * 1024u)

int record_boot(char *ret)
{
	CLEANUP_BUF struct buf b = BUF_INIT(64);
	int r = file_read("/proc/sys/kernel/random/boot_id", &b);

	if (r < 0)
		return r;
	(void)snprintf(ret, 40, "%.*s", (int)slice_find(buf_slice(&b), '\n'), b.p ? b.p : "");
	return 0;
}

static uint64_t number(const struct json *obj, const char *key)
{
	uint64_t v = 0;

	(void)json_get_u64(obj, key, &v);
	return v;
}

static void text(const struct json *obj, const char *key, char *ret, size_t size)
{
	const char *s = json_get_str(obj, key);

	(void)snprintf(ret, size, "%s", s ? s : "");
}

static uint64_t hex(const struct json *obj, const char *key)
{
	const char *s = json_get_str(obj, key);
	uint64_t v = 0;

	for (; s && *s; s++) {
		const char *digits = "0123456789abcdef";
		const char *at = strchr(digits, *s);

		if (!at)
			return 0;
		v = v << 4 | (uint64_t)(at - digits);
	}
	return v;
}

int record_read(const char *path, struct record *ret, struct err *err)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	CLEANUP_BUF struct buf b = BUF_INIT(RECORD_MAX);
	struct record rec = { .pid = 0 };
	struct json *doc;
	char boot[40];
	int r;

	r = file_read(path, &b);
	if (r == -ENOENT)
		return 1;
	if (r < 0)
		return err_errno(err, r, "%s", path);
	r = json_parse(&a, buf_slice(&b), &JSON_LIMITS, &doc, NULL, err);
	if (r < 0)
		return err_wrap(err, "%s", path);
	r = record_boot(boot);
	if (r < 0)
		return err_errno(err, r, "boot id");
	text(doc, "boot", rec.boot, sizeof(rec.boot));
	if (strcmp(boot, rec.boot) != 0)
		return 1;
	text(doc, "cgroup", rec.cgroup, sizeof(rec.cgroup));
	text(doc, "started", rec.started, sizeof(rec.started));
	text(doc, "subnet", rec.subnet, sizeof(rec.subnet));
	rec.mnt = number(doc, "mntns");
	rec.net = number(doc, "netns");
	rec.pid = (pid_t)number(doc, "pid");
	rec.birth = number(doc, "birth");
	for (enum service_id i = 0; i < SERVICE_COUNT; i++) {
		const struct json *s = json_get(doc, service_name(i));

		rec.services[i].pid = (pid_t)number(s, "pid");
		rec.services[i].birth = number(s, "birth");
		rec.services[i].config = hex(s, "config");
	}
	*ret = rec;
	return 0;
}

void record_print(const struct record *rec, struct buf *b)
{
	/* None of these texts holds a character that JSON escapes. */
	buf_printf(b,
		   "{\"boot\":\"%s\",\"cgroup\":\"%s\",\"mntns\":%llu,\"netns\":%llu,\"pid\":%ld,"
		   "\"birth\":%llu,\"started\":\"%s\",\"subnet\":\"%s\"",
		   rec->boot, rec->cgroup, (unsigned long long)rec->mnt,
		   (unsigned long long)rec->net, (long)rec->pid, (unsigned long long)rec->birth,
		   rec->started, rec->subnet);
	for (enum service_id i = 0; i < SERVICE_COUNT; i++) {
		const struct record_service *s = &rec->services[i];

		buf_printf(b,
			   ",\"%s\":{\"pid\":%ld,\"birth\":%llu,\"config\":\"%llx\","
			   "\"state\":\"%s\"}",
			   service_name(i), (long)s->pid, (unsigned long long)s->birth,
			   (unsigned long long)s->config, service_state_name(s->state));
	}
	buf_add_str(b, "}\n");
}

int record_write(const char *path, const struct record *rec)
{
	CLEANUP_BUF struct buf b = BUF_INIT(RECORD_MAX);

	record_print(rec, &b);
	if (!buf_ok(&b))
		return -ENOMEM;
	return file_replace_at(AT_FDCWD, path, buf_slice(&b), 0644, false);
}
