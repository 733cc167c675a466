/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the audit log, which the gate writes and gabiond appends. They end with what the gate
 * cannot find out: which file the process executes that made the connection. It is looked up for
 * lines only, so that requests which leave none cost nothing.
 */
#include <errno.h>
#include <limits.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/process.h"
#include "daemon/serve-channel.h"
#include "settings/auditfile.h"
#include "json/json.h"

#define ARENA_BYTES 16384u
#define EXE_BYTES 8192u /* its members, every byte escaped */

/* The text is the gate's and is not read: an object that has members gets one or two more. */
static void add_exe(const struct serve *s, int pidfd, struct buf *line)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_BYTES);
	struct process_exe exe;
	struct json *text;

	if (line->n < 3 || line->p[0] != '{' || line->p[line->n - 1] != '}' ||
	    process_exe(pidfd, s->host_mnt, &exe) < 0)
		return;
	text = json_new_str(&a, exe.path);
	if (!text)
		return;
	line->n--;
	buf_add_str(line, ",\"exe\":");
	json_emit(text, line);
	buf_add_str(line, exe.elsewhere ? ",\"exeElsewhere\":true}" : "}");
}

void serve_audit(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	CLEANUP_BUF struct buf line = BUF_INIT(CONTROL_TEXT_MAX + EXE_BYTES);
	CLEANUP_FD int pidfd = take_fd;
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	int r;

	buf_add(&line, q->text.text, q->text.size);
	if (pidfd >= 0)
		add_exe(ch->serve, pidfd, &line);
	buf_add_char(&line, '\n');
	r = buf_ok(&line) ? auditfile_append(ch->serve->instance->lib, buf_slice(&line)) : -ENOMEM;
	if (r < 0) {
		auditfile_path(ch->serve->instance->lib, 0, path);
		(void)err_errno(&err, r, "%s", path);
		log_error("%s; not written: %.*s", err.text, (int)q->text.size, q->text.text);
		serve_answer_err(ch, &q->header, &err);
		return;
	}
	serve_answer(ch, &q->header, CONTROL_DONE, SLICE_NULL);
}
