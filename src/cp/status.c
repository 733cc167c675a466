/* SPDX-License-Identifier: Apache-2.0 */
#include "cp/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "cp/facts.h"
#include "cp/stream.h"
#include "json/json.h"

#define LINE_MAX_BYTES 65536u
#define PATH_SHOWN 800 /* bytes of a path in a message, so that the reason still fits */

static const struct {
	int code;
	const char *word;
} words[] = {
	{ -ENOENT, "not-found" }, { -ENOTDIR, "not-dir" }, { -EEXIST, "exists" },
	{ -EROFS, "read-only" },  { -ENOSPC, "no-space" }, { -EDQUOT, "no-space" },
	{ -EPERM, "denied" },	  { -EACCES, "denied" },   { -EBADMSG, "bad-archive" },
	{ -ESRCH, "gone" },
};

const char *status_word(int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].code == code)
			return words[i].word;
	return "internal";
}

/* Go's errno texts begin in lower case; the rest is the C library's. */
int status_fail(struct err *err, int code, const char *op, const char *path)
{
	/* "not-dir" is what the destination itself is not. A file where a directory is looked for
	 * on the way is nothing special to moby. */
	int known = code == -ENOTDIR ? -EINVAL : code;
	char why[128];

	(void)snprintf(why, sizeof(why), "%s", strerror(-code));
	if (why[0] >= 'A' && why[0] <= 'Z' && !(why[1] >= 'A' && why[1] <= 'Z'))
		why[0] = (char)(why[0] - 'A' + 'a');
	return err_set(err, known, "%s %.*s%s: %s", op, PATH_SHOWN, path,
		       strlen(path) > PATH_SHOWN ? "..." : "", why);
}

static int send_line(int fd, const struct json *obj)
{
	CLEANUP_BUF struct buf line = BUF_INIT(LINE_MAX_BYTES);

	if (!obj)
		return -ENOMEM;
	json_emit(obj, &line);
	buf_add_char(&line, '\n');
	if (!buf_ok(&line))
		return -ENOMEM;
	return stream_write(fd, line.p, line.n);
}

int status_facts(int fd, const struct status_facts *f)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(LINE_MAX_BYTES);
	CLEANUP_BUF struct buf mtime = BUF_INIT(64);
	struct json *obj = json_new(&a, JSON_OBJECT);
	int r = 0;

	facts_go_time(&mtime, f->st.st_mtim.tv_sec, (uint32_t)f->st.st_mtim.tv_nsec);
	if (!obj || !buf_ok(&mtime))
		return -ENOMEM;
	r |= json_set(&a, obj, "name", json_new_slice(&a, f->name));
	r |= json_set(&a, obj, "size", json_new_int(&a, f->st.st_size));
	r |= json_set(&a, obj, "mode", json_new_uint(&a, facts_go_mode(f->st.st_mode)));
	r |= json_set(&a, obj, "mtime", json_new_slice(&a, buf_slice(&mtime)));
	r |= json_set(&a, obj, "linkTarget", json_new_str(&a, f->link_target));
	return r < 0 ? -ENOMEM : send_line(fd, obj);
}

int status_done(int fd)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(LINE_MAX_BYTES);

	return send_line(fd, json_new(&a, JSON_OBJECT));
}

int status_error(int fd, const struct err *err)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(LINE_MAX_BYTES);
	struct json *obj = json_new(&a, JSON_OBJECT);
	int r = 0;

	if (!obj)
		return -ENOMEM;
	r |= json_set(&a, obj, "error", json_new_str(&a, status_word(err->code)));
	r |= json_set(&a, obj, "message", json_new_str(&a, err->text));
	return r < 0 ? -ENOMEM : send_line(fd, obj);
}
