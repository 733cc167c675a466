/* SPDX-License-Identifier: Apache-2.0 */
/* The words of verdicts, and the lists of the specification's examples with what comes of them. */
#include "policy/test-imagelist.h"

static void assert_says(const char *text, const char *want)
{
	if (!strstr(text, want))
		fail_msg("\"%s\" does not say \"%s\"", text, want);
}

/* 000:20, 004:21: nothing before it and nothing after it; the name expanded, without tag. */
static void test_message(void **state)
{
	static const struct {
		const char *profile, *asked, *want;
	} cases[] = {
		{ "docker", "docker:cli",
		  "enhanced container isolation: docker socket mount denied for container with "
		  "image "
		  "\"docker.io/library/docker\"; image is not in the allowed list; if you wish to "
		  "allow "
		  "it, configure the docker socket image list in the Docker Desktop settings." },
		{ "iechor", "iechor:cli",
		  "enhanced container isolation: iechor socket mount denied for container with "
		  "image "
		  "\"iechor.io/library/iechor\"; image is not in the allowed list; if you wish to "
		  "allow "
		  "it, configure the iechor socket image list in the iEchor Desktop settings." },
		{ "docker",
		  "localhost:5000/a/b:c@sha256:"
		  "0000000000000000000000000000000000000000000000000000000000000001",
		  "enhanced container isolation: docker socket mount denied for container with "
		  "image "
		  "\"localhost:5000/a/b\"; image is not in the allowed list; if you wish to allow "
		  "it, "
		  "configure the docker socket image list in the Docker Desktop settings." },
	};
	struct imagelist_image *i;
	struct world w;

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
		world_init(&w, cases[k].profile);
		i = image(&w, IMAGELIST_CLASSIC, 1);
		denied(&w, i, cases[k].asked, IMAGELIST_LOCAL_ONLY);
		assert_string_equal(w.v.verdict.message, cases[k].want);
		world_done(&w);
	}
}

/* Asked for by id, or by what may be the beginning of one: its own name, else the id. */
static void test_name_in_message(void **state)
{
	const char *id = "sha256:cafe000000000000000000000000000000000000000000000000000000000001";
	struct imagelist_image *i;
	struct world w;

	(void)state;
	world_init(&w, "docker");
	i = image(&w, IMAGELIST_CLASSIC, 1);
	i->id = slice_str(id);
	denied(&w, i, id, IMAGELIST_LOCAL_ONLY);
	assert_says(w.v.verdict.message, "image \"sha256:cafe0");
	denied(&w, i, "cafe", IMAGELIST_LOCAL_ONLY);
	assert_says(w.v.verdict.message, "image \"sha256:cafe0");
	tag(&w, i, "mine:1");
	denied(&w, i, "cafe", IMAGELIST_LOCAL_ONLY);
	assert_says(w.v.verdict.message, "image \"docker.io/library/mine\"");
	tag(&w, i, "cafe:2");
	denied(&w, i, "cafe", IMAGELIST_LOCAL_ONLY);
	assert_says(w.v.verdict.message, "image \"docker.io/library/cafe\"");
	/* what was asked for when the container was made, though it is called otherwise now */
	denied(&w, i, "other:1", IMAGELIST_LOCAL_ONLY);
	assert_says(w.v.verdict.message, "image \"docker.io/library/other\"");
	world_done(&w);
}

/* A domain can be of any length; a message cannot. */
static void test_long_name(void **state)
{
	static char name[5000];
	struct imagelist_image *i;
	struct world w;

	(void)state;
	world_init(&w, "docker");
	i = image(&w, IMAGELIST_CLASSIC, 1);
	memset(name, 'a', sizeof(name) - 1);
	for (size_t k = 50; k < 4900; k += 50)
		name[k] = '.';
	name[4900] = '/';
	denied(&w, i, name, IMAGELIST_LOCAL_ONLY);
	assert_int_equal(strlen(w.v.verdict.message), sizeof(w.v.verdict.message) - 1);
	list(&w, name);
	tag(&w, i, name);
	denied(&w, i, name, IMAGELIST_OTHER_DIGEST);
	assert_int_equal(strlen(w.v.verdict.reason), sizeof(w.v.verdict.reason) - 1);
	world_done(&w);
}

/* The registry did answer: that it wants credentials. It was asked about a tag, or a digest. */
static void test_wants_credentials(void **state)
{
	static const char *const entries[] = { "docker:cli", "docker:*" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		struct imagelist_image *cli;
		struct world w;

		world_init(&w, "docker");
		cli = pulled(&w, "docker", "cli", 1, 0xc);
		list(&w, entries[i]);
		w.offline = true;
		denied(&w, cli, "docker:cli", IMAGELIST_NOT_KNOWN);
		assert_says(w.v.verdict.reason, "registry unreachable, or not asked yet");
		w.known[0].refused = i == 0;
		for (size_t k = 0; k < w.facts.nanswers; k++)
			w.answers[k].refused = true;
		denied(&w, cli, "docker:cli", IMAGELIST_NOT_KNOWN);
		assert_says(w.v.verdict.reason, "its registry wants (other) credentials");
		assert_says(w.v.verdict.way_out, "`docker login`");
		assert_says(w.v.verdict.way_out, "registry-auth.json");
		world_done(&w);
	}
}

/* A tag's registry has another image there. */
static const struct imagelist_good another = { .digest = SLICE_LIT("sha256:0") };
static const struct imagelist_known has_another = {
	.state = IMAGELIST_KNOWN, .age_s = 3600 * 5, .goods = &another, .ngoods = 1
};

static void test_reasons(void **state)
{
	struct imagelist_image *cli, *mine, *child;
	struct world w;

	(void)state;
	world_init(&w, "docker");
	cli = pulled(&w, "docker", "cli", 1, 0xc);
	layer(&w, cli, 1);
	mine = image(&w, IMAGELIST_CLASSIC, 2);
	tag(&w, mine, "mine:1");
	child = image(&w, IMAGELIST_CLASSIC, 3);
	tag(&w, child, "child:1");
	layer(&w, child, 1);
	layer(&w, child, 2);

	denied(&w, cli, "docker:cli", IMAGELIST_NO_ENTRY);
	assert_string_equal(w.v.verdict.rule, "socket-image-unlisted");
	assert_string_equal(w.v.verdict.reason,
			    "no entry of the image list is for docker.io/library/docker");
	assert_string_equal(w.v.verdict.way_out,
			    "to allow it, add \"docker:cli\" to "
			    "enhancedContainerIsolation.dockerSocketMount.imageList.images");
	denied(&w, mine, "mine:1", IMAGELIST_LOCAL_ONLY);
	assert_says(w.v.verdict.way_out, "push it to a registry");
	assert_says(w.v.verdict.way_out, "\"sha256:00");
	assert_says(w.v.verdict.way_out, "allowDerivedImages");

	list(&w, "docker:cli");
	w.offline = true;
	denied(&w, cli, "docker:cli", IMAGELIST_NOT_KNOWN);
	assert_says(w.v.verdict.reason, "registry unreachable");
	assert_says(w.v.verdict.reason, "entry \"docker:cli\"");
	assert_says(w.v.verdict.way_out, "gabion images refresh");
	w.offline = false;
	w.known[0] = has_another;
	denied(&w, cli, "docker:cli", IMAGELIST_OTHER_DIGEST);
	assert_string_equal(
		w.v.verdict.reason,
		"entry \"docker:cli\" is for the name of this image, but its registry has "
		"another image there (asked 5 h ago)");
	assert_string_equal(
		w.v.verdict.way_out,
		"remove the local image and pull it again: docker image rm docker:cli && "
		"docker pull docker:cli");
	w.list.nentries = 0;
	list(&w, "docker:*");
	denied(&w, cli, "docker:cli", IMAGELIST_OTHER_DIGEST);
	w.answers[0].age_s = 90;
	denied(&w, cli, "docker:cli", IMAGELIST_OTHER_DIGEST);
	assert_string_equal(
		w.v.verdict.reason,
		"entry \"docker:*\" is for the name of this image, but its registry does "
		"not have this image there (asked 90 s ago)");
	w.list.nentries = 0;
	list(&w, "docker:cli");
	w.known[0].state = IMAGELIST_UNASKED;
	push(&w, "docker.io/library/docker", "cli", 0xc);
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_TAG);
	assert_string_equal(w.v.verdict.rule, "socket-image-tag");
	assert_says(w.v.verdict.reason, "entry \"docker:cli\": sha256:00");
	push(&w, "docker.io/library/docker", "cli", 0xcc);
	learn_tag(&w, &(struct imagelist_question){ .entry = 0 });
	denied(&w, cli, "docker:cli", IMAGELIST_MOVED_ON);
	assert_says(w.v.verdict.way_out, "keepPreviousDigests");
	w.list.keep_previous = true;
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_PREVIOUS);
	assert_says(w.v.verdict.reason, "until its registry moved on (keepPreviousDigests)");
	w.facts.has_locals = true;
	w.given[0].has_layers = w.given[2].has_layers = true;
	denied(&w, child, "child:1", IMAGELIST_DERIVED_OFF);
	assert_says(w.v.verdict.reason, "built from docker:cli (sha256:00");
	assert_says(w.v.verdict.way_out, "dockerSocketMount.imageList.allowDerivedImages");
	w.list.derived = true;
	allowed(&w, child, "child:1", IMAGELIST_BY_DERIVED);
	assert_says(w.v.verdict.reason, "built from docker:cli (sha256:00");
	w.list.keep_previous = false;
	denied(&w, child, "child:1", IMAGELIST_PARENT_DENIED);
	assert_says(w.v.verdict.way_out, "docker pull docker:cli");
	world_done(&w);
}

/* The registry was asked before it had the image; pulling does not help, asking again does. */
static void test_asked_too_early(void **state)
{
	static const char *const entries[] = { "late:1", "late:*" };
	struct imagelist_image *late;
	struct world w;

	(void)state;
	world_init(&w, "docker");
	late = pulled(&w, "late", "1", 1, 0xc);
	list(&w, entries[0]);
	w.list.refetch_s = 60;
	w.known[0] = (struct imagelist_known){ .state = IMAGELIST_KNOWN, .age_s = 10 };
	denied(&w, late, "late:1", IMAGELIST_OTHER_DIGEST);
	assert_string_equal(w.v.verdict.reason,
			    "entry \"late:1\" is for the name of this image, but its registry "
			    "has no such tag (asked 10 s ago)");
	assert_string_equal(w.v.verdict.way_out,
			    "see that the registry has it, then `gabion images refresh`");
	w.known[0] = has_another;
	w.known[0].age_s = 10;
	denied(&w, late, "late:1", IMAGELIST_OTHER_DIGEST);
	assert_says(w.v.verdict.reason, "has another image there (asked 10 s ago)");
	assert_says(w.v.verdict.way_out,
		    "if it is newer than that answer, `gabion images refresh`; else remove");
	world_done(&w);

	world_init(&w, "docker");
	late = pulled(&w, "late", "1", 1, 0xc);
	list(&w, entries[1]);
	w.list.refetch_s = 60;
	denied(&w, late, "late:1", IMAGELIST_OTHER_DIGEST);
	assert_says(w.v.verdict.reason, "does not have this image there (asked 0 s ago)");
	assert_says(w.v.verdict.way_out, "`gabion images refresh`; else remove");
	world_done(&w);
}

/* What a profile does not have is not offered. */
static void test_way_out_of_profile(void **state)
{
	struct imagelist_image *mine;
	struct world w;

	(void)state;
	world_init(&w, "iechor");
	mine = image(&w, IMAGELIST_CLASSIC, 2);
	tag(&w, mine, "mine:1");
	denied(&w, mine, "mine:1", IMAGELIST_LOCAL_ONLY);
	assert_string_equal(w.v.verdict.way_out,
			    "push it to a registry and add its name there to "
			    "enhancedContainerIsolation.iechorSocketMount.imageList.images");
	world_done(&w);
}

/* A row of tests/spec/examples.tsv: its list, and what it says of images. */
static const struct {
	const char *row, *profile;
	const char *entries[4];
	bool derived;
	struct {
		const char *name, *tag;
		bool allowed;
	} images[5];
} examples[] = {
	{ "000:89",
	  "docker",
	  { "docker.io/localstack/localstack:*", "docker.io/testcontainers/ryuk:*", "docker:cli" },
	  false,
	  { { "localstack/localstack", "3", true },
	    { "testcontainers/ryuk", "0.5.1", true },
	    { "docker", "cli", true },
	    { "docker", "dind", false },
	    { "alpine", "latest", false } } },
	{ "000:165",
	  "docker",
	  { "paketobuildpacks/builder:base" },
	  true,
	  { { "paketobuildpacks/builder", "base", true }, { "alpine", "latest", false } } },
	{ "000:212", "docker", { "*" }, false, { { "alpine", "latest", true } } },
	{ "001:673",
	  "docker",
	  { "docker.io/testcontainers/ryuk:*", "docker:cli", "alpine:latest" },
	  false,
	  { { "testcontainers/ryuk", "0.5.1", true },
	    { "docker", "cli", true },
	    { "alpine", "latest", true },
	    { "alpine", "3", false } } },
	{ "001:786",
	  "docker",
	  { "docker.io/testcontainers/ryuk:*", "testcontainers/*:*" },
	  false,
	  { { "testcontainers/ryuk", "0.5.1", true }, { "testcontainers/sshd", "1.1.0", true } } },
	{ "001:805",
	  "docker",
	  { "docker:cli", "your-registry.com/ci-tools/*:*" },
	  false,
	  { { "docker", "cli", true },
	    { "your-registry.com/ci-tools/lint", "2", true },
	    { "your-registry.com/other", "1", false } } },
	{ "001:824",
	  "docker",
	  { "docker:dind", "docker:cli" },
	  false,
	  { { "docker", "dind", true },
	    { "docker", "cli", true },
	    { "docker", "latest", false } } },
	{ "004:82",
	  "iechor",
	  { "iechor.io/localstack/localstack:*", "iechor.io/testcontainers/ryuk:*", "iechor:cli" },
	  false,
	  { { "localstack/localstack", "3", true },
	    { "iechor", "cli", true },
	    { "iechor", "dind", false } } },
};

/* Each image is in its registry under its name, and was pulled from there. */
static void test_examples(void **state)
{
	(void)state;
	for (size_t e = 0; e < ARRAY_SIZE(examples); e++) {
		struct imagelist_image *images[5];
		struct world w;
		size_t n = 0;

		world_init(&w, examples[e].profile);
		w.list.derived = examples[e].derived;
		for (size_t i = 0; i < 4 && examples[e].entries[i]; i++)
			list(&w, examples[e].entries[i]);
		for (; n < 5 && examples[e].images[n].name; n++) {
			CLEANUP_BUF struct buf b = BUF_INIT(4096);
			struct reference r;

			assert_int_equal(reference_parse(w.list.profile,
							 slice_str(examples[e].images[n].name), &r,
							 NULL),
					 0);
			reference_add_name(&r, &b);
			push(&w, arena_must(arena_dup(&w.arena, b.p, b.n)),
			     examples[e].images[n].tag, 0x100 + (unsigned)n);
			images[n] =
				pulled(&w, examples[e].images[n].name, examples[e].images[n].tag,
				       0x200 + (unsigned)n, 0x100 + (unsigned)n);
		}
		for (size_t i = 0; i < n; i++) {
			decide(&w, images[i], images[i]->tags[0].p);
			if ((w.v.verdict.kind == VERDICT_ALLOW) != examples[e].images[i].allowed)
				fail_msg("%s: %s: %s", examples[e].row, images[i]->tags[0].p,
					 w.v.verdict.reason);
		}
		world_done(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_name_in_message),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_wants_credentials),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_asked_too_early),
		cmocka_unit_test(test_way_out_of_profile),
		cmocka_unit_test(test_examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
