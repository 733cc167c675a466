/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/answer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "gate/explain.h"
#include "gate/request.h"
#include "json/json.h"

bool answer_is_last(const struct conn *c)
{
	if (c->x.last || c->client.eof || !c->req || !request_keeps_alive(c->req))
		return true;
	/* What is left of the request's body would be taken for the next request. */
	if (c->state == CONN_RELAY || c->state == CONN_COPY)
		return !c->x.up_done;
	return c->req->head.body != HTTP_BODY_NONE && !c->req->body_read;
}

static void begin(struct conn *c, unsigned status, bool last, struct buf *b)
{
	buf_printf(b, "HTTP/1.1 %u %s\r\nServer: gabion\r\n", status, http_status_text(status));
	if (last)
		buf_add_str(b, "Connection: close\r\n");
	(void)c;
}

static void end(struct conn *c, bool last, const struct buf *b)
{
	if (side_send_buf(&c->client, b) < 0)
		conn_kill(c);
	else if (last)
		conn_finish(c);
	else
		conn_next_request(c);
}

static int body_of(const struct answer *a, const char *message, struct buf *b)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(65536);
	struct json *obj = json_new(&arena, JSON_OBJECT);
	int r;

	if (!obj)
		return -ENOMEM;
	r = json_set(&arena, obj, "message", json_new_str(&arena, message));
	if (r < 0 || a->quiet) {
		json_emit(obj, b);
		return r;
	}
	if (a->rule)
		r = json_set(&arena, obj, "rule", json_new_str(&arena, a->rule));
	if (r == 0 && a->reason && *a->reason)
		r = json_set(&arena, obj, "reason", json_new_str(&arena, a->reason));
	if (r == 0 && a->hint && *a->hint)
		r = json_set(&arena, obj, "hint", json_new_str(&arena, a->hint));
	if (r == 0)
		json_emit(obj, b);
	return r;
}

static void send_body(struct conn *c, unsigned status, const struct buf *body)
{
	CLEANUP_BUF struct buf b = BUF_INIT(2u * GATE_BODY_MAX);
	bool last = answer_is_last(c);

	begin(c, status, last, &b);
	if (status == 204)
		buf_add_str(&b, "\r\n");
	else
		buf_printf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
			   body->n);
	if (status != 204 && (!c->req || !request_is_head(c->req)))
		buf_add_slice(&b, buf_slice(body));
	end(c, last, &b);
}

void answer_nonsense(struct conn *c)
{
	answer_text(c, &(struct answer){ .status = 502 }, "the engine's answer makes no sense");
}

void answer_json(struct conn *c, unsigned status, const struct json *doc)
{
	CLEANUP_BUF struct buf body = BUF_INIT(GATE_BODY_MAX);

	json_emit(doc, &body);
	if (buf_ok(&body))
		send_body(c, status, &body);
	else
		conn_kill(c);
}

void answer_text(struct conn *c, const struct answer *a, const char *fmt, ...)
{
	CLEANUP_BUF struct buf body = BUF_INIT(65536);
	char message[8192];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (explain_wanted(c)) {
		explain_denied(c, a, message);
		return;
	}
	if (a->rule) {
		conn_log(c, a->rule, message);
		audit_conn(c, &(struct audit_event){ .verdict = "deny",
						     .rule = a->rule,
						     .message = message,
						     .reason = a->reason,
						     .subject = a->subject,
						     .hint = a->hint });
	}
	if (body_of(a, message, &body) < 0) {
		conn_kill(c);
		return;
	}
	send_body(c, a->status, &body);
}

void answer_empty(struct conn *c, unsigned status, const char *fields)
{
	CLEANUP_BUF struct buf head = BUF_INIT(131072);
	bool last = answer_is_last(c);

	begin(c, status, last, &head);
	buf_add_str(&head, fields);
	buf_add_str(&head, "Content-Length: 0\r\n\r\n");
	end(c, last, &head);
}

void answer_begin_chunks(struct conn *c, const char *content_type, const char *fields)
{
	CLEANUP_BUF struct buf head = BUF_INIT(131072);

	c->x.last = answer_is_last(c);
	begin(c, 200, c->x.last, &head);
	buf_printf(&head, "Content-Type: %s\r\n%sTransfer-Encoding: chunked\r\n\r\n", content_type,
		   fields);
	if (side_send_buf(&c->client, &head) < 0)
		conn_kill(c);
}
