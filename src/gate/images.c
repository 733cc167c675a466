/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/images.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "gate/commands.h"
#include "gate/door.h"
#include "gate/doorman.h"
#include "gate/images-fetch.h"

#define AGAIN_SECONDS 1u /* not as often as clients have new credentials */
#define AUTH_ARENA_MAX (4u << 20)
#define CLAIMS_AT_ONCE 32u	/* registries count what they are asked */
#define CLAIMS_WANTED_MAX 1024u /* when somebody waits for it */
#define CLAIMS_KEPT_SECONDS (30u * 24u * 3600u)
#define GRANT_ARENA_MAX (4u << 20)

uint64_t images_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec;
}

/* --- policy --- */

static int make_list(struct images *m, const struct policy *p, size_t layer, struct imagelist *ret)
{
	const struct policy_socket *s = &p->sockets[layer];
	struct imagelist_entry *entries =
		arena_array(&m->arena, MAX(s->nimages, (size_t)1), sizeof(*entries));
	struct err err = ERR_INIT;

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < s->nimages; i++) {
		int r = imagelist_parse_entry(p->profile, slice_str(s->images[i].text), &entries[i],
					      &err);

		if (r < 0) { /* gabiond has looked at it */
			log_error("policy: image list: %s", err.text);
			return r;
		}
	}
	*ret = (struct imagelist){ .profile = p->profile,
				   .entries = entries,
				   .nentries = s->nimages,
				   .derived = s->allow_derived,
				   .keep_previous = s->keep_previous,
				   .refetch_s = 60 };
	return 0;
}

/* In the place of the one in force, which stays if this one cannot be. */
static int take_policy(struct images *m, struct slice text)
{
	struct arena old = m->arena;
	struct imagelist lists[POLICY_LAYERS_MAX];
	struct commands_layer commands[POLICY_LAYERS_MAX];
	struct err err = ERR_INIT;
	struct policy p;
	int r;

	m->arena = ARENA_INIT(POLICY_ARENA_MAX);
	r = text.p ? policy_parse(&m->arena, text, "policy.json", &p, &err)
		   : policy_defaults(&m->arena, profile_default(), &p);
	if (r == 0)
		for (size_t i = 0; r == 0 && i < p.nsockets; i++)
			r = make_list(m, &p, i, &lists[i]);
	for (size_t i = 0; r == 0 && i < p.nsockets; i++)
		r = commands_make(&m->arena, &p, i, &commands[i]);
	if (r < 0) {
		log_error("the policy of generation %llu stays in force: %s",
			  (unsigned long long)m->policy.generation, err.text);
		arena_done(&m->arena);
		m->arena = old;
		return r;
	}
	arena_done(&old);
	m->policy = p;
	memcpy(m->lists, lists, p.nsockets * sizeof(*lists));
	memcpy(m->commands, commands, p.nsockets * sizeof(*commands));
	m->has_store = false; /* it depends on the profile */
	m->generation++;
	m->facts++;
	return 0;
}

/* --- files --- */

static void open_file(struct images *m, enum control_which which,
		      void (*answered)(struct ask_call *c, int result, struct slice body))
{
	struct control_request *q = ask_new(CONTROL_OPEN);

	if (q) {
		q->size = sizeof(q->file);
		memset(q->file.id, '0', CONTROL_ID_LEN);
		q->file.which = which;
	}
	if (ask_start(&m->gate->ask, &m->call, q, -EBADF, answered) < 0)
		log_error("gabiond cannot be asked for the policy");
}

static int read_got(struct images *m, struct buf *b)
{
	return m->gate->ask.got < 0 ? -ENOENT : file_read_fd(m->gate->ask.got, b);
}

static void begin(struct images *m)
{
	m->loaded = true;
	images_refresh(m);
}

static void on_digests(struct ask_call *call, int result, struct slice body)
{
	CLEANUP_BUF struct buf text = BUF_INIT(DIGESTS_FILE_MAX);
	struct images *m = CONTAINER_OF(call, struct images, call);
	struct err err = ERR_INIT;

	if (result < 0)
		log_error("known digests of images: %.*s", SLICE_ARG(body));
	else if (result == CONTROL_DONE &&
		 (read_got(m, &text) < 0 || digests_parse(&m->digests, buf_slice(&text), &err) < 0))
		log_error("known digests of images are asked for anew: digests.json: %s", err.text);
	begin(m);
}

/* NULL: nothing is wrong. Said once. */
static void auth_trouble(struct images *m, const char *text)
{
	bool told = text && m->auth_trouble && strcmp(text, m->auth_trouble) == 0;

	free(m->auth_trouble);
	m->auth_trouble = text ? strdup(text) : NULL;
	if (text && !told)
		log_error("no credentials of " REGISTRYAUTH_NAME " are used: %s", text);
}

static void take_auth(struct images *m)
{
	CLEANUP_BUF_WIPE struct buf text = BUF_INIT(REGISTRYAUTH_FILE_MAX);
	CLEANUP_ARENA_WIPE struct arena a = ARENA_INIT(AUTH_ARENA_MAX);
	struct registryauth_list list = { 0 };
	struct err err = ERR_INIT;
	int r = buf_reserve(&text, REGISTRYAUTH_FILE_MAX) ? read_got(m, &text) : -ENOMEM;

	if (r < 0)
		r = err_errno(&err, r, REGISTRYAUTH_NAME);
	else
		r = registryauth_parse(&a, buf_slice(&text), REGISTRYAUTH_NAME, m->policy.profile,
				       &list, &err);
	if (r == 0 && credentials_take_file(&m->credentials, &list, m->policy.profile) < 0)
		r = err_set(&err, -ENOMEM,
			    REGISTRYAUTH_NAME ": some are too long for a request to the engine");
	auth_trouble(m, r < 0 ? err.text : NULL);
}

static void on_auth(struct ask_call *call, int result, struct slice body)
{
	struct images *m = CONTAINER_OF(call, struct images, call);
	CLEANUP_BUF struct buf text = BUF_INIT(CONTROL_ANSWER_MAX);

	(void)credentials_take_file(&m->credentials, &(struct registryauth_list){ 0 },
				    m->policy.profile);
	if (result == CONTROL_DONE) {
		take_auth(m);
	} else {
		buf_add_slice(&text, body);
		auth_trouble(m, result == CONTROL_NONE ? NULL : text.p);
	}
	digests_forgive(&m->digests);
	if (m->loaded)
		images_refresh(m);
	else
		open_file(m, CONTROL_FILE_DIGESTS, on_digests);
}

static bool wanted(void *ctx, struct slice host)
{
	return images_wants(ctx, host);
}

static void on_policy(struct ask_call *call, int result, struct slice body)
{
	CLEANUP_BUF struct buf text = BUF_INIT(POLICY_FILE_MAX);
	struct images *m = CONTAINER_OF(call, struct images, call);

	if (result < 0)
		log_error("policy: %.*s", SLICE_ARG(body));
	else if (result == CONTROL_NONE)
		(void)take_policy(m, SLICE_NULL);
	else if (read_got(m, &text) < 0)
		log_error("policy.json cannot be read");
	else
		(void)take_policy(m, buf_slice(&text));
	if (m->generation == 0)
		return; /* nothing is allowed */
	credentials_trim(&m->credentials, wanted, m);
	open_file(m, CONTROL_FILE_REGISTRY_AUTH, on_auth);
}

void images_reload(struct images *m)
{
	ask_cancel(&m->call);
	open_file(m, CONTROL_FILE_POLICY, on_policy);
}

/* --- the engine's images --- */

void images_changed(struct images *m)
{
	m->facts++;
}

void images_listening(struct images *m, bool on)
{
	m->listening = on;
	m->has_store = false;
	m->facts++;
}

/* --- refreshing --- */

static void refresh_next(struct images *m);

static void on_keep(struct ask_call *call, int result, struct slice body)
{
	if (result != CONTROL_DONE)
		log_error("digests of images could not be kept: %.*s", SLICE_ARG(body));
	(void)call;
}

int images_keep(struct images *m, struct ask_call *call,
		void (*answered)(struct ask_call *c, int result, struct slice body))
{
	CLEANUP_BUF struct buf text = BUF_INIT(DIGESTS_FILE_MAX);
	CLEANUP_FD int fd = -EBADF;
	struct control_request *q;

	if (m->gate->ask.fd < 0)
		return -ENOENT;
	digests_print(&m->digests, &text);
	fd = memfd_create("digests", MFD_CLOEXEC);
	if (fd < 0 || !buf_ok(&text))
		return fd < 0 ? -errno : -ENOMEM;
	if (write(fd, text.p, text.n) != (ssize_t)text.n)
		return -EIO;
	q = ask_new(CONTROL_KEEP);
	if (q) {
		q->size = sizeof(q->file);
		memset(q->file.id, '0', CONTROL_ID_LEN);
		q->file.which = CONTROL_FILE_DIGESTS;
	}
	m->digests.dirty = false;
	m->digests.used = false;
	return ask_start(&m->gate->ask, call, q, TAKE_FD(fd), answered);
}

static void refresh_again(struct loop_timer *t)
{
	images_refresh(CONTAINER_OF(t, struct images, refresh));
}

static void tell_waiting(struct images *m)
{
	struct images_wait *w;

	while ((w = m->waits)) {
		m->waits = w->next;
		w->done(w);
	}
}

static void needed(struct images *m, const struct grant *g)
{
	digests_needed(&m->digests, m->policy.profile, &g->image, images_now());
	if (g->derived)
		digests_needed(&m->digests, m->policy.profile, &g->parent, images_now());
}

/* What a container's grant rests on stays; as long as not all of these are known, everything. */
static void trim(struct images *m)
{
	const struct doorman *doorman = m->gate->doorman;
	uint64_t now = images_now();

	for (const struct door *d = m->gate->doors; d; d = d->next)
		if (door_is_container(d))
			needed(m, &d->grant);
	digests_trim(&m->digests, m->lists, m->policy.nsockets,
		     doorman && doorman->done && now > CLAIMS_KEPT_SECONDS
			     ? now - CLAIMS_KEPT_SECONDS
			     : 0);
}

static void refresh_over(struct images *m)
{
	uint32_t wait = m->again ? AGAIN_SECONDS : MAX(m->gate->limits.refresh_seconds, 1u);

	trim(m);
	m->generation++;
	m->facts++;
	if ((m->digests.dirty || m->digests.used) && !ask_is_open(&m->call))
		(void)images_keep(m, &m->call, on_keep);
	tell_waiting(m);
	loop_timer_in(&m->gate->loop, &m->refresh, wait * LOOP_NSEC_PER_SEC, refresh_again);
	m->again = false;
}

static void on_refreshed(struct images_fetch *f, bool ok)
{
	struct images *m = f->images;

	images_take(f, ok);
	if (f->digest.n > 0 && images_unreachable(f, ok))
		digests_skip_due(&m->digests, buf_slice(&f->host));
	refresh_next(m);
}

/* Begins the next question about a claim, if there is one. */
static bool refresh_claim(struct images *m)
{
	const struct digests_claim *c;

	while (m->claims > 0 && (c = digests_next_due(&m->digests))) {
		struct slice name = slice_str(c->repository);
		struct slice digest = slice_str(c->digest);
		struct reference r;

		m->claims--;
		if (reference_parse(m->policy.profile, name, &r, NULL) == 0 &&
		    images_about_digest(m, &r, digest, &m->fetch) == 0 &&
		    images_ask(&m->fetch, on_refreshed) == 0)
			return true;
		(void)digests_unclaimed(&m->digests, name, digest, images_now(), false);
	}
	return false;
}

static void refresh_next(struct images *m)
{
	for (; m->at_layer < m->policy.nsockets; m->at_layer++, m->at_entry = 0) {
		const struct imagelist *list = &m->lists[m->at_layer];

		while (m->at_entry < list->nentries) {
			const struct imagelist_entry *e = &list->entries[m->at_entry++];

			if (e->form == PROFILE_FORM_TAG &&
			    images_about_entry(m, e, &m->fetch) == 0 &&
			    images_ask(&m->fetch, on_refreshed) == 0)
				return;
		}
	}
	if (!refresh_claim(m))
		refresh_over(m);
}

void images_refresh(struct images *m)
{
	images_fetch_stop(&m->fetch);
	m->at_layer = 0;
	m->at_entry = 0;
	m->claims = m->waits ? CLAIMS_WANTED_MAX : CLAIMS_AT_ONCE;
	digests_make_due(&m->digests, m->lists, m->policy.nsockets);
	refresh_next(m);
}

void images_wait(struct images *m, struct images_wait *w)
{
	w->next = m->waits;
	m->waits = w;
	if (!m->loaded)
		return; /* that ends with a refresh */
	/* From the loop: without entries it is over at once. */
	images_fetch_stop(&m->fetch);
	loop_timer_in(&m->gate->loop, &m->refresh, 0, refresh_again);
}

void images_wait_stop(struct images *m, struct images_wait *w)
{
	for (struct images_wait **p = &m->waits; *p; p = &(*p)->next)
		if (*p == w) {
			*p = w->next;
			return;
		}
}

/* --- credentials --- */

bool images_wants(const struct images *m, struct slice host)
{
	for (size_t i = 0; i < m->policy.nsockets; i++)
		for (size_t k = 0; k < m->lists[i].nentries; k++)
			if (host.n > 0 && slice_eq(m->lists[i].entries[k].ref.domain, host))
				return true;
	return false;
}

void images_learn(struct images *m, const struct registryauth *r)
{
	if (!credentials_learn(&m->credentials, r, m->policy.profile) || !m->loaded)
		return;
	digests_forgive(&m->digests);
	if (side_is_open(&m->fetch.fetch.side))
		m->again = true;
	else
		loop_timer_in(&m->gate->loop, &m->refresh, AGAIN_SECONDS * LOOP_NSEC_PER_SEC,
			      refresh_again);
}

/* --- what is known now --- */

void images_used(struct images *m, const struct images_check *k)
{
	for (size_t i = 0; i < POLICY_LAYERS_MAX; i++)
		if (k->by[i].p)
			(void)digests_use(&m->digests, k->by[i], images_now());
	needed(m, &k->grant);
}

bool images_allow_now(struct images *m, const struct grant *g, size_t entries[POLICY_LAYERS_MAX])
{
	CLEANUP_FREE struct imagelist_verdict *v = malloc(sizeof(*v));
	struct imagelist_facts facts;
	bool allowed = v && m->generation > 0;

	grant_facts(g, &facts);
	for (size_t i = 0; allowed && i < m->policy.nsockets; i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(GRANT_ARENA_MAX);

		if (digests_facts(&m->digests, &a, &m->lists[i], images_now(), 0, &facts) < 0)
			return false;
		imagelist_decide(&m->lists[i], &facts, v);
		allowed = v->verdict.kind == VERDICT_ALLOW;
		entries[i] = allowed ? v->entry : IMAGELIST_NONE;
	}
	return allowed;
}

/* --- life --- */

void images_init(struct images *m, struct gate *g)
{
	*m = (struct images){ .gate = g, .digests = DIGESTS_INIT, .facts = 1 };
	/* Until they are known: */
	m->policy.isolation = true;
	m->policy.profile = profile_default();
	m->arena = ARENA_INIT(POLICY_ARENA_MAX);
	m->fetch.fetch = FETCH_INIT;
	m->call.fd = -EBADF;
}

void images_start(struct images *m)
{
	if (m->gate->ask.fd >= 0)
		images_reload(m);
	else if (take_policy(m, SLICE_NULL) == 0)
		m->loaded = true;
}

void images_done(struct images *m)
{
	ask_cancel(&m->call);
	images_fetch_stop(&m->fetch);
	loop_timer_stop(&m->gate->loop, &m->refresh);
	digests_done(&m->digests);
	credentials_done(&m->credentials);
	layers_done(&m->layers);
	bases_done(&m->bases);
	free(m->auth_trouble);
	arena_done(&m->arena);
}
