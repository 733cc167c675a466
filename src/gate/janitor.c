/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/janitor.h"

#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "gate/door.h"
#include "gate/images.h"
#include "json/json.h"

/* {"type":["container","image"],"event":["destroy", …]}: what is done to images, too. */
#define EVENTS                                                                                     \
	"/events?filters=%7B%22type%22%3A%5B%22container%22%2C%22image%22%5D%2C%22event%22%3A%5B"  \
	"%22destroy%22%2C%22create%22%2C%22delete%22%2C%22import%22%2C%22load%22%2C%22pull%22%2C%" \
	"22push%22%2C"                                                                             \
	"%22tag%22%2C%22untag%22%5D%7D"
#define CONTAINERS "/containers/json?all=1"
#define LINE_MAX_BYTES (1u << 20)
#define RECORDS_MAX 200000u
#define AGAIN_MAX_SECONDS 30u
/* After the engine's first byte, until it has surely begun to collect events for us. */
#define SETTLE_MS 500u

static void list_next(struct janitor *j);
static void connect_again(struct janitor *j);

/* --- forgetting --- */

static void forget_next(struct janitor *j);

static void on_forgotten(struct ask_call *call, int result, struct slice body)
{
	(void)result; /* it will be found again by the next sweep */
	(void)body;
	forget_next(CONTAINER_OF(call, struct janitor, call));
}

static void forget_next(struct janitor *j)
{
	struct control_request *q;

	if (ask_is_open(&j->call) || j->gone.n < CONTROL_ID_LEN)
		return;
	q = ask_new(CONTROL_FORGET);
	if (q) {
		q->size = sizeof(q->id);
		memcpy(q->id.id, j->gone.p, CONTROL_ID_LEN);
	}
	buf_consume(&j->gone, CONTROL_ID_LEN);
	if (j->gone.n == 0)
		buf_done(&j->gone);
	(void)ask_start(&j->gate->ask, &j->call, q, -EBADF, on_forgotten);
}

static void forget(struct janitor *j, const char id[CONTROL_ID_LEN])
{
	struct door *d = door_find(j->gate, id);

	if (d)
		door_close(d);
	kin_bury(&j->gate->kin, id);
	buf_add(&j->gone, id, CONTROL_ID_LEN);
	if (!buf_ok(&j->gone))
		buf_done(&j->gone);
	forget_next(j);
}

/* --- sweep --- */

static void sweep_drop(struct janitor *j)
{
	free(j->ids);
	free(j->alive);
	j->ids = NULL;
	j->alive = NULL;
	j->n = 0;
	j->tail_n = 0;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, CONTROL_ID_LEN);
}

/* Any 64 hexadecimal digits count as a living container, wherever they stand: better a record too
 * many than one too few. */
static void search(struct janitor *j, struct slice s)
{
	size_t run = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		const struct control_id *hit;

		run = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ? run + 1 : 0;
		if (run < CONTROL_ID_LEN)
			continue;
		hit = bsearch(s.p + i + 1 - CONTROL_ID_LEN, j->ids, j->n, sizeof(*j->ids), by_id);
		if (hit)
			j->alive[hit - j->ids] = true;
	}
}

static void on_containers_piece(struct fetch *f, struct slice piece)
{
	struct janitor *j = CONTAINER_OF(f, struct janitor, containers);
	char seam[sizeof(j->tail) + CONTROL_ID_LEN];
	size_t n = MIN(piece.n, (size_t)CONTROL_ID_LEN);

	/* An id may lie across two pieces. */
	memcpy(seam, j->tail, j->tail_n);
	memcpy(seam + j->tail_n, piece.p, n);
	search(j, (struct slice){ seam, j->tail_n + n });
	search(j, piece);
	if (piece.n >= sizeof(j->tail)) {
		j->tail_n = sizeof(j->tail);
		memcpy(j->tail, piece.p + piece.n - j->tail_n, j->tail_n);
		return;
	}
	n = MIN(j->tail_n, sizeof(j->tail) - piece.n);
	memmove(j->tail, j->tail + j->tail_n - n, n);
	memcpy(j->tail + n, piece.p, piece.n);
	j->tail_n = n + piece.n;
}

static void on_containers(struct fetch *f, bool ok)
{
	struct janitor *j = CONTAINER_OF(f, struct janitor, containers);
	size_t gone = 0;

	for (size_t i = 0; ok && i < j->n; i++) {
		if (j->alive[i])
			continue;
		forget(j, j->ids[i].id);
		gone++;
	}
	if (gone)
		log_info("forgetting who asked for %zu containers that are gone", gone);
	sweep_drop(j);
}

static void list_containers(struct janitor *j)
{
	j->alive = calloc(MAX(j->n, (size_t)1), sizeof(*j->alive));
	if (!j->alive || j->n == 0 ||
	    fetch_start(&j->containers, j->gate, CONTAINERS, NULL, on_containers_piece,
			on_containers) < 0)
		sweep_drop(j);
}

/* 0, or the sweep is over. */
static int take_list(struct janitor *j, struct slice body)
{
	size_t n = body.n / sizeof(struct control_id);
	struct control_id *more;

	if (j->n + n > RECORDS_MAX)
		return -E2BIG;
	more = reallocarray(j->ids, MAX(j->n + n, (size_t)1), sizeof(*j->ids));
	if (!more)
		return -ENOMEM;
	j->ids = more;
	if (n)
		memcpy(j->ids + j->n, body.p, n * sizeof(*j->ids));
	j->n += n;
	return 0;
}

static void on_list(struct ask_call *call, int result, struct slice body)
{
	struct janitor *j = CONTAINER_OF(call, struct janitor, call);

	if (result != CONTROL_DONE || take_list(j, body) < 0)
		sweep_drop(j);
	else if (body.n == CONTROL_LIST_MAX * sizeof(struct control_id))
		list_next(j);
	else
		list_containers(j);
	forget_next(j);
}

static void list_next(struct janitor *j)
{
	struct control_request *q = ask_new(CONTROL_LIST);

	if (q) {
		q->size = sizeof(q->id);
		memset(q->id.id, '0', CONTROL_ID_LEN);
		if (j->n > 0)
			q->id = j->ids[j->n - 1];
	}
	if (ask_start(&j->gate->ask, &j->call, q, -EBADF, on_list) < 0)
		sweep_drop(j);
}

static void sweep(struct janitor *j)
{
	if (ask_is_open(&j->call) || side_is_open(&j->containers.side))
		return;
	sweep_drop(j);
	list_next(j);
}

/* --- events --- */

static void on_event(struct janitor *j, struct slice line)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(16u << 20);
	struct json_limits limits = JSON_LIMITS;
	struct json *v;
	const char *type, *action, *id;

	if (json_parse(&tree, line, &limits, &v, NULL, NULL) < 0)
		return;
	type = json_get_str(v, "Type");
	if (type && strcmp(type, "image") == 0) {
		images_changed(j->gate->images);
		return;
	}
	action = json_get_str(v, "Action");
	if (!action || strcmp(action, "destroy") != 0)
		return; /* the filter has no pairs: a container's "create" comes, too */
	id = json_get_str(json_get(v, "Actor"), "ID");
	if (id && strlen(id) == CONTROL_ID_LEN && control_id_ok(id))
		forget(j, id);
}

static void on_events_piece(struct fetch *f, struct slice piece)
{
	struct janitor *j = CONTAINER_OF(f, struct janitor, events);

	j->failures = 0;
	buf_add_slice(&j->line, piece);
	if (!buf_ok(&j->line)) {
		fetch_stop(&j->events);
		connect_again(j);
		return;
	}
	for (;;) {
		struct slice all = buf_slice(&j->line);
		size_t n = slice_find(all, '\n');

		if (n == all.n)
			break;
		on_event(j, (struct slice){ all.p, n });
		buf_consume(&j->line, n + 1);
	}
	if (j->line.n == 0)
		buf_done(&j->line);
}

static void on_events_ended(struct fetch *f, bool ok)
{
	(void)ok;
	connect_again(CONTAINER_OF(f, struct janitor, events));
}

/* --- life --- */

static void on_settled(struct loop_timer *t)
{
	struct janitor *j = CONTAINER_OF(t, struct janitor, again);

	images_listening(j->gate->images, true);
	sweep(j);
}

static void on_again(struct loop_timer *t)
{
	struct janitor *j = CONTAINER_OF(t, struct janitor, again);

	if (fetch_start(&j->events, j->gate, EVENTS, NULL, on_events_piece, on_events_ended) < 0)
		connect_again(j);
	else
		loop_timer_in(&j->gate->loop, &j->again, SETTLE_MS * LOOP_NSEC_PER_MSEC,
			      on_settled);
}

static void connect_again(struct janitor *j)
{
	unsigned seconds = MIN(1u << MIN(j->failures, 5u), AGAIN_MAX_SECONDS);

	j->failures++;
	images_listening(j->gate->images, false);
	buf_done(&j->line);
	loop_timer_in(&j->gate->loop, &j->again, seconds * LOOP_NSEC_PER_SEC, on_again);
}

void janitor_init(struct janitor *j, struct gate *g)
{
	*j = (struct janitor){ .gate = g, .events = FETCH_INIT, .containers = FETCH_INIT };
	j->line = BUF_INIT(LINE_MAX_BYTES);
	j->gone = BUF_INIT(RECORDS_MAX * CONTROL_ID_LEN);
	j->call.fd = -EBADF;
}

void janitor_start(struct janitor *j)
{
	loop_timer_in(&j->gate->loop, &j->again, 0, on_again);
}

void janitor_done(struct janitor *j)
{
	loop_timer_stop(&j->gate->loop, &j->again);
	ask_cancel(&j->call);
	fetch_stop(&j->events);
	fetch_stop(&j->containers);
	sweep_drop(j);
	buf_done(&j->line);
	buf_done(&j->gone);
}
