/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "control/proto.h"
#include "json/json.h"

#define RECORD_MAX 65536u
#define ASK_TIMEOUT_MS 5000
#define STAT_STATE_FIELD 3
#define STAT_START_FIELD 22

uint64_t state_birth(struct slice stat)
{
	/* The second field is a name in parentheses and may hold anything, so count from its end.
	 */
	const char *end = stat.n > 0 ? memrchr(stat.p, ')', stat.n) : NULL;
	struct slice rest;
	struct slice field;
	uint64_t birth;

	if (!end)
		return 0;
	rest = slice_from(stat, (size_t)(end - stat.p) + 2);
	for (int i = STAT_STATE_FIELD; slice_split(&rest, ' ', &field); i++) {
		if (i == STAT_STATE_FIELD && (slice_eq_str(field, "Z") || slice_eq_str(field, "X")))
			return 0;
		if (i == STAT_START_FIELD)
			return num_parse_u64(field, UINT64_MAX, &birth) == 0 ? birth : 0;
	}
	return 0;
}

static bool lives(pid_t pid, uint64_t birth)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return pid > 0 && birth > 0 && file_read(path, &b) == 0 &&
	       state_birth(buf_slice(&b)) == birth;
}

static pid_t get_pid(const struct json *obj)
{
	uint64_t v = 0;

	(void)json_get_u64(obj, "pid", &v);
	return v <= INT_MAX ? (pid_t)v : 0;
}

/* Every member that is an object with a state is a service. */
static void add_services(struct arena *a, const struct json *doc, struct state *ret)
{
	for (size_t i = 0; i < doc->n && ret->nservices < STATE_SERVICES_MAX; i++) {
		const struct json_member *m = &doc->members[i];
		const char *state = json_get_str(m->value, "state");
		uint64_t birth = 0;

		if (!state)
			continue;
		(void)json_get_u64(m->value, "birth", &birth);
		ret->services[ret->nservices++] = (struct state_service){
			.name = arena_must(arena_dup(a, m->key.p, m->key.n)),
			.state = state,
			.pid = get_pid(m->value),
			.birth = birth,
		};
	}
}

static struct finding get_finding(const struct json *v, enum finding_kind kind)
{
	const char *file = json_get_str(v, "file");
	const char *key = json_get_str(v, "key");
	const char *text = json_get_str(v, "text");
	uint64_t line = 0;
	uint64_t column = 0;

	(void)json_get_u64(v, "line", &line);
	(void)json_get_u64(v, "column", &column);
	return (struct finding){ .kind = kind,
				 .file = file ? file : "?",
				 .key = key ? key : "",
				 .text = text ? text : "?",
				 .place = { .line = line, .column = column } };
}

static struct finding *get_findings(struct arena *a, const struct json *list,
				    enum finding_kind kind, size_t *ret_n)
{
	struct finding *found;

	*ret_n = json_is(list, JSON_ARRAY) ? list->n : 0;
	found = arena_must(arena_array(a, *ret_n + 1, sizeof(*found)));
	for (size_t i = 0; i < *ret_n; i++)
		found[i] = get_finding(list->items[i], kind);
	return found;
}

static void add_policy(struct arena *a, const struct json *v, struct state_policy *ret)
{
	const struct json *files = json_get(v, "files");

	if (json_get_u64(v, "generation", &ret->generation) != 0)
		return;
	ret->isolation = json_get_bool(v, "isolation", true);
	ret->stale = json_get_bool(v, "stale", false);
	for (size_t i = 0; json_is(files, JSON_ARRAY) && i < files->n && i < POLICY_FILES_MAX; i++)
		if (json_str(files->items[i]))
			ret->files[ret->nfiles++] = json_str(files->items[i]);
	ret->errors = get_findings(a, json_get(v, "errors"), FINDING_ERROR, &ret->nerrors);
	ret->warnings = get_findings(a, json_get(v, "warnings"), FINDING_WARNING, &ret->nwarnings);
}

int state_parse(struct arena *a, struct slice text, struct slice boot, struct state *ret,
		uint64_t *ret_birth, struct err *err)
{
	struct json_limits limits = JSON_LIMITS;
	const char *record_boot;
	struct json *doc;
	int r = json_parse(a, text, &limits, &doc, NULL, err);

	if (r < 0)
		return r;
	*ret = (struct state){ .pid = get_pid(doc), .started = json_get_str(doc, "started") };
	*ret_birth = 0;
	(void)json_get_u64(doc, "birth", ret_birth);
	record_boot = json_get_str(doc, "boot");
	if (!json_is(doc, JSON_OBJECT) || !record_boot || ret->pid == 0)
		return err_set(err, -EINVAL, "this is not the record of an instance");
	add_services(a, doc, ret);
	add_policy(a, json_get(doc, "policy"), &ret->policy);
	return slice_eq_str(boot, record_boot) ? 0 : 1;
}

/* This machine's boot id in b, without the newline. */
static int read_boot(struct buf *b)
{
	int r = file_read("/proc/sys/kernel/random/boot_id", b);

	while (r == 0 && b->n > 0 && b->p[b->n - 1] == '\n')
		b->n--;
	return r;
}

/* Nobody tells us any more which of the services live. */
static void look_at_services(struct state *s)
{
	for (size_t i = 0; i < s->nservices; i++) {
		struct state_service *v = &s->services[i];

		if (v->pid == 0 || lives(v->pid, v->birth))
			continue;
		v->state = "gone";
		v->pid = 0;
	}
}

/* slirp4netns ("network") is outside of the instance's namespaces. */
static pid_t find_inside(const struct state *s)
{
	if (s->pid > 0)
		return s->pid;
	for (size_t i = 0; i < s->nservices; i++)
		if (s->services[i].pid > 0 && strcmp(s->services[i].name, "network") != 0)
			return s->services[i].pid;
	return 0;
}

static int load_record(struct arena *a, const struct instance *inst, struct slice boot,
		       struct state *ret, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(RECORD_MAX);
	char path[PATH_MAX];
	uint64_t birth;
	int r;

	(void)snprintf(path, sizeof(path), "%s/instance.json", inst->run);
	r = file_read(path, &b);
	if (r == 0) {
		r = state_parse(a, buf_slice(&b), boot, ret, &birth, err);
		if (r < 0)
			(void)err_wrap(err, "%s", path);
		if (r == 0 && !lives(ret->pid, birth)) {
			ret->pid = 0;
			look_at_services(ret);
		}
	} else {
		r = r == -ENOENT || r == -ENOTDIR ? 1 : err_errno(err, r, "%s", path);
	}
	return r;
}

static int load(struct arena *a, const struct instance *inst, struct state *ret, struct err *err)
{
	CLEANUP_BUF struct buf boot = BUF_INIT(128);
	char *answer = arena_must(arena_alloc(a, CONTROL_ANSWER_MAX + 1));
	char path[PATH_MAX];
	uint64_t birth;
	int r = read_boot(&boot);

	*ret = (struct state){ .pid = 0 };
	if (r < 0)
		return err_errno(err, r, "boot id");
	(void)snprintf(path, sizeof(path), "%s/control.sock", inst->run);
	r = control_ask(path, CONTROL_STATUS, ASK_TIMEOUT_MS, answer, err);
	if (r == -EACCES || r == -EPERM)
		return r;
	if (r == CONTROL_DENIED)
		return err_set(err, -EACCES, "%s", answer);
	if (r != 0)
		return load_record(a, inst, buf_slice(&boot), ret, err);
	r = state_parse(a, slice_str(answer), buf_slice(&boot), ret, &birth, err);
	if (r < 0)
		return err_wrap(err, "answer of gabiond");
	ret->answered = true;
	return 0;
}

int state_load(struct arena *a, const struct instance *inst, struct state *ret, struct err *err)
{
	int r = load(a, inst, ret, err);

	if (r != 0)
		*ret = (struct state){ .pid = 0 };
	ret->inside = find_inside(ret);
	return r;
}
