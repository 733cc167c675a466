/* SPDX-License-Identifier: Apache-2.0 */
/* The snapshot: written, read, refused; and the files that hold it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/test-dir.h"
#include "settings/compose.h"

#define CAP (8u << 20)

struct fixture {
	struct arena arena;
	struct findings found;
	struct policy policy;
	struct buf text;
	struct err err;
	char dir[TEST_DIR_MAX];
	struct instance inst;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->arena = ARENA_INIT(CAP);
	f->text = BUF_INIT(POLICY_FILE_MAX);
	test_dir_new(f->dir);
	if (instance_find(&f->inst, f->dir, NULL) < 0)
		return -1;
	test_mkdir(f->dir, "run");
	test_mkdir(f->dir, "lib");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	test_dir_remove(f->dir);
	buf_done(&f->text);
	arena_done(&f->arena);
	free(f);
	return 0;
}

#define WITH(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

/* A policy with two layers and everything in it, of generation 7. */
static void make(struct fixture *f)
{
	static const char host_text[] =
		"{\"enhancedContainerIsolation\":{\"value\":true,\"locked\":true,"
		"\"dockerSocketMount\":{\"imageList\":{\"images\":[\"a:*\"]}}},"
		"\"filesharingAllowedDirectories\":[\"$HOME\"]}";
	static const char own_text[] =
		"{\"enhancedContainerIsolation\":{\"dockerSocketMount\":{\"imageList\":{\"images\":"
		"["
		"\"a:1\",{\"image\":\"a:2\",\"commandList\":{\"type\":\"allow\",\"commands\":"
		"[\"ps\"]}}]},\"commandList\":{\"commands\":[\"push\"]}}},"
		"\"filesharingAllowedDirectories\":[{\"path\":\"/srv\",\"sharedByDefault\":true}],"
		"\"blockDockerLoad\":{\"value\":true}}";
	struct admin_file host;
	struct admin_file own;

	f->found = FINDINGS_INIT(&f->arena);
	assert_int_equal(admin_parse(&f->arena, slice_str(host_text), "/host\"s", profile_default(),
				     &f->found, &host),
			 ADMIN_READ);
	assert_int_equal(admin_parse(&f->arena, slice_str(own_text), "/own", profile_default(),
				     &f->found, &own),
			 ADMIN_READ);
	assert_int_equal(compose(&f->arena, profile_default(), &host, &own, &f->found, &f->policy),
			 0);
	f->policy.generation = 7;
	buf_reset(&f->text);
	policy_print(&f->policy, &f->text);
	assert_true(buf_ok(&f->text));
}

static void same_commands(const struct policy_commands *a, const struct policy_commands *b)
{
	assert_int_equal(a->allow, b->allow);
	assert_int_equal(a->report_only, b->report_only);
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_string_equal(a->names[i], b->names[i]);
}

static void same_socket(const struct policy_socket *a, const struct policy_socket *b)
{
	assert_int_equal(a->nimages, b->nimages);
	for (size_t i = 0; i < a->nimages; i++) {
		assert_string_equal(a->images[i].text, b->images[i].text);
		assert_int_equal(!a->images[i].commands, !b->images[i].commands);
		if (a->images[i].commands)
			same_commands(a->images[i].commands, b->images[i].commands);
	}
	assert_int_equal(a->allow_derived, b->allow_derived);
	assert_int_equal(a->keep_previous, b->keep_previous);
	assert_int_equal(a->own_children, b->own_children);
	same_commands(&a->commands, &b->commands);
}

static void same(const struct policy *a, const struct policy *b)
{
	assert_int_equal(a->generation, b->generation);
	assert_ptr_equal(a->profile, b->profile);
	assert_int_equal(a->isolation, b->isolation);
	assert_int_equal(a->nfiles, b->nfiles);
	for (size_t i = 0; i < a->nfiles; i++)
		assert_string_equal(a->files[i], b->files[i]);
	assert_int_equal(a->nsockets, b->nsockets);
	for (size_t i = 0; i < a->nsockets; i++)
		same_socket(&a->sockets[i], &b->sockets[i]);
	assert_int_equal(a->nsharing, b->nsharing);
	for (size_t i = 0; i < a->nsharing; i++) {
		assert_int_equal(a->sharing[i].n, b->sharing[i].n);
		for (size_t j = 0; j < a->sharing[i].n; j++)
			assert_string_equal(a->sharing[i].paths[j], b->sharing[i].paths[j]);
	}
}

/* What is written is read as the same, and written again as the same bytes. */
static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	CLEANUP_BUF struct buf again = BUF_INIT(POLICY_FILE_MAX);
	struct policy read;

	make(f);
	assert_int_equal(f->policy.nsockets, 2);
	assert_int_equal(f->policy.nsharing, 2);
	if (policy_parse(&f->arena, buf_slice(&f->text), "X", &read, &f->err) < 0)
		fail_msg("%s", f->err.text);
	same(&f->policy, &read);
	policy_print(&read, &again);
	assert_string_equal(again.p, f->text.p);
	assert_int_equal(slice_find(buf_slice(&again), '\n'), again.n - 1);
}

static void test_defaults(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < nprofiles; i++) {
		struct policy p;
		struct policy read;

		assert_int_equal(policy_defaults(&f->arena, &profiles[i], &p), 0);
		assert_true(p.isolation);
		assert_int_equal(p.nsockets, 1);
		assert_int_equal(p.sockets[0].nimages, 0);
		assert_int_equal(p.nsharing, 0);
		p.generation = 1;
		buf_reset(&f->text);
		policy_print(&p, &f->text);
		assert_int_equal(policy_parse(&f->arena, buf_slice(&f->text), "X", &read, &f->err),
				 0);
		same(&p, &read);
	}
}

/* Replaces one text by another in the snapshot and expects a refusal that says so. */
static void refuses(struct fixture *f, const char *from, const char *to, const char *why)
{
	CLEANUP_BUF struct buf b = BUF_INIT(POLICY_FILE_MAX);
	struct policy p;
	const char *at;

	make(f);
	at = strstr(f->text.p, from);
	if (!at)
		fail_msg("no %s in the snapshot", from);
	buf_add(&b, f->text.p, (size_t)(at - f->text.p));
	buf_add_str(&b, to);
	buf_add_str(&b, at + strlen(from));
	if (policy_parse(&f->arena, buf_slice(&b), "NAME", &p, &f->err) >= 0)
		fail_msg("taken with %s", to);
	if (strncmp(f->err.text, "NAME: ", 6) != 0 || !strstr(f->err.text, why))
		fail_msg("%s: %s", to, f->err.text);
}

static void test_refuses_document(void **state)
{
	struct fixture *f = *state;

	refuses(f, "\"version\":1", "\"version\":2", "version 2, not 1");
	refuses(f, "\"version\":1", "\"version\":\"1\"", "no policy");
	refuses(f, "\"version\":1,", "", "no policy");
	refuses(f, "\"generation\":7", "\"generation\":0", "no policy of version 1");
	refuses(f, "\"generation\":7", "\"generation\":-7", "no policy of version 1");
	refuses(f, "\"generation\":7", "\"generation\":7,\"x\":1", "no policy of version 1");
	refuses(f, "\"profile\":\"docker\"", "\"profile\":\"dokcer\"", "no policy of version 1");
	refuses(f, "\"profile\":\"docker\"", "\"profile\":\"iechor\"", "is not for this engine");
	refuses(f, "\"files\":[", "\"files\":[1,", "\"files\"");
	refuses(f, "\"files\":[", "\"files\":[\"/3\",", "\"files\"");
	refuses(f, "\"settings\":[", "\"settings\":[{},", "settings[0]");
	refuses(f, "\"settings\":[", "\"settings\":{\"x\":[", "line 2");
	refuses(f, "]}\n", "]}\n{}", "the end of the text");
}

static void test_refuses_settings(void **state)
{
	struct fixture *f = *state;

	refuses(f, "Isolation.value\",\"layer\":0,\"value\":true", /* … */
		"Isolation.value\",\"layer\":0,\"value\":1", "settings[1]");
	refuses(f, "Isolation.value\",\"layer\":0", "Isolation.value\",\"layer\":1",
		"enhancedContainerIsolation.value has the wrong layers");
	refuses(f, "Isolation.value\",\"layer\":0", "Isolation.value\",\"layer\":2", "settings[1]");
	refuses(f, "Isolation.value\"", "Isolation.volue\"", "settings[1]");
	refuses(f, "Isolation.value\"", "Isolation\"", "settings[1]");
	refuses(f, "\"locked\":true", "\"locked\":1", "settings[1]");
	refuses(f, "\"locked\":true", "\"locked\":true,\"x\":1", "settings[1]");
	refuses(f, "\"locked\":true", "\"Locked\":true", "settings[1]");
	refuses(f, "\"image\":\"a:2\"", "\"Image\":\"a:2\"", "is no setting of this version");
	refuses(f, "\"image\":\"a:2\",", "", "is no setting of this version");
	refuses(f, "\"image\":\"a:2\"", "\"image\":\"a:2\",\"image\":\"*\"", "is no setting");
	refuses(f, "\"type\":\"allow\"", "\"type\":\"Allow\"", "is no setting of this version");
	refuses(f, "\"path\":\"/srv\",", "", "is no setting of this version");
}

/* A row taken away: never a policy that is loose by what it lacks. */
static void test_refuses_gaps(void **state)
{
	struct fixture *f = *state;
	size_t rows;

	make(f);
	rows = f->policy.nsettings;
	for (size_t i = 0; i < rows; i++) {
		struct policy_setting out;
		struct policy p;
		int r;

		make(f);
		out = f->policy.settings[i];
		memmove(&f->policy.settings[i], &f->policy.settings[i + 1],
			(rows - i - 1) * sizeof(out));
		f->policy.nsettings--;
		buf_reset(&f->text);
		policy_print(&f->policy, &f->text);
		r = policy_parse(&f->arena, buf_slice(&f->text), "X", &p, &f->err);
		/* Folders of the second layer, and what is not enforced, may be missing. */
		if ((r < 0) == (strcmp(out.key->path, "blockDockerLoad.value") == 0 ||
				(strcmp(out.key->path, "filesharingAllowedDirectories") == 0 &&
				 out.layer == 1)))
			fail_msg("without %s of layer %zu: %s", out.key->path, out.layer,
				 r < 0 ? f->err.text : "taken");
	}
}

static void must_load(struct fixture *f, int want, struct policy *ret)
{
	int r = policy_load(&f->arena, &f->inst, ret, &f->err);

	if (r != want)
		fail_msg("%d: %s", r, f->err.text);
}

static void load_fails(struct fixture *f, const char *why)
{
	struct policy p;

	if (policy_load(&f->arena, &f->inst, &p, &f->err) >= 0)
		fail_msg("taken");
	if (!strstr(f->err.text, "policy.json") || !strstr(f->err.text, why))
		fail_msg("%s", f->err.text);
}

static void test_files(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	struct policy p;
	struct stat st;

	make(f);
	assert_int_equal(policy_store(&f->inst, buf_slice(&f->text), &f->err), 0);
	must_load(f, POLICY_OK, &p);
	same(&f->policy, &p);
	assert_int_equal(stat(test_path(path, f->dir, "run/policy.json"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(policy_load_last(&f->arena, &f->inst, &p, &f->err), POLICY_NONE);
	assert_int_equal(policy_store_last(&f->inst, buf_slice(&f->text), &f->err), 0);
	assert_int_equal(policy_load_last(&f->arena, &f->inst, &p, &f->err), POLICY_OK);
	same(&f->policy, &p);
}

/* "engines used with gabion-runc outside of an instance: no instance, no snapshot needed" */
static void test_no_instance(void **state)
{
	struct fixture *f = *state;
	struct policy p;

	must_load(f, POLICY_NONE, &p);
	assert_true(p.isolation);
	assert_int_equal(p.sockets[0].nimages, 0);
}

/* "No policy snapshot: no container starts." */
static void test_instance_without_policy(void **state)
{
	static const char *const marks[] = { "run/gabiond.lock", "run/instance.json",
					     "lib/policy.json" };
	struct fixture *f = *state;
	char path[PATH_MAX];
	struct policy p;

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		test_put(f->dir, marks[i], "");
		load_fails(f, "there is no policy");
		assert_int_equal(unlink(test_path(path, f->dir, marks[i])), 0);
		must_load(f, POLICY_NONE, &p);
	}
}

static void test_untrusted_files(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	char other[PATH_MAX];

	make(f);
	assert_int_equal(policy_store(&f->inst, buf_slice(&f->text), &f->err), 0);
	(void)test_path(path, f->dir, "run/policy.json");
	assert_int_equal(chmod(path, 0666), 0);
	load_fails(f, "others than root may write to it");
	assert_int_equal(chmod(path, 0664), 0);
	load_fails(f, "others than root may write to it");
	assert_int_equal(chmod(path, 0644), 0);
	if (test_is_root("a file of another user")) {
		assert_int_equal(chown(path, 1234, 0), 0);
		load_fails(f, "others than root may write to it");
		assert_int_equal(chown(path, 0, 0), 0);
	}
	assert_int_equal(rename(path, test_path(other, f->dir, "run/other")), 0);
	assert_int_equal(symlink("other", path), 0);
	load_fails(f, "symbolic links");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0);
	load_fails(f, "is no file");
	assert_int_equal(unlink(path), 0);
	test_put(f->dir, "run/policy.json", "{}");
	assert_int_equal(chmod(path, 0644), 0);
	load_fails(f, "no policy");
	test_put(f->dir, "run/policy.json", "");
	load_fails(f, "line 1, column 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_round_trip),	     WITH(test_defaults),
		WITH(test_refuses_document), WITH(test_refuses_settings),
		WITH(test_refuses_gaps),     WITH(test_files),
		WITH(test_no_instance),	     WITH(test_instance_without_policy),
		WITH(test_untrusted_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
