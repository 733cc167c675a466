/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gate/maker.h"

#include "base/util.h"

struct fixture {
	struct arena arena;
	struct buf out;
	struct edit edit;
	struct err err;
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .arena = ARENA_INIT(1u << 20), .out = BUF_INIT(1u << 20) };
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_done(&f->arena);
	buf_done(&f->out);
	return 0;
}

static const struct edit_how usual = { .plain = false };

static int run(struct fixture *f, enum route_kind kind, const char *text,
	       const struct edit_how *how)
{
	buf_reset(&f->out);
	arena_done(&f->arena);
	return edit_body(kind, &f->arena, slice_str(text), how ? how : &usual, &f->edit, &f->out,
			 &f->err);
}

/* From body to body. */
static void test_create(void **state)
{
	static const char *const cases[][2] = {
		{ "{}", "{}" },
		{ "null", "{}" },
		{ "{\"Image\":\"x\"}", "{\"Image\":\"x\"}" },
		{ "{\"image\":null}", "{}" },
		{ "{\"HostConfig\":null}", "{}" },
		{ "{\"HostConfig\":{\"Runtime\":\"runc\",\"Init\":true}}",
		  "{\"HostConfig\":{\"Init\":true}}" },
		{ "{\"HostConfig\":{\"UsernsMode\":\"host\"}}", "{\"HostConfig\":{}}" },
		{ "{\"HostConfig\":{\"UsernsMode\":\"private\"}}",
		  "{\"HostConfig\":{\"UsernsMode\":\"private\"}}" },
		{ "{\"hostConfig\":{\"network\\u004dode\":\"x\"}}",
		  "{\"HostConfig\":{\"NetworkMode\":\"x\"}}" },
		/* what dockerode's run() always sends */
		{ "{\"Volumes\":{},\"VolumesFrom\":[],\"Image\":\"x\"}",
		  "{\"Volumes\":{},\"Image\":\"x\"}" },
		{ "{\"volumesfrom\":null,\"Devices\":{},\"Privileged\":false,\"PidMode\":\"\","
		  "\"Mounts\":[],\"Memory\":0}",
		  "{\"Memory\":0}" },
		{ "{\"HostConfig\":{\"Memory\":1e3},\"New\":{\"a\":[1.50]}}",
		  "{\"HostConfig\":{\"Memory\":1e3},\"New\":{\"a\":[1.50]}}" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = run(f, ROUTE_CREATE, cases[i][0], NULL);

		if (r != EDIT_OK || strcmp(f->out.p, cases[i][1]) != 0)
			fail_msg("%s: %d %s", cases[i][0], r, r ? f->err.text : f->out.p);
	}
}

/* Some engines would heed it, where there is no HostConfig. */
static void test_top_level(void **state)
{
	static const char *const cases[] = {
		"{\"VolumesFrom\":[\"x\"]}",
		"{\"volumesFrom\":[null]}",
		"{\"Privileged\":true}",
		"{\"PidMode\":\"host\"}",
		"{\"Devices\":1}",
		"{\"Devices\":-0}",
		"{\"Image\":\"x\",\"Mounts\":[{}]}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (run(f, ROUTE_CREATE, cases[i], NULL) != EDIT_BAD ||
		    !strstr(f->err.text, " belongs into HostConfig"))
			fail_msg("%s: %s", cases[i], f->err.text);
}

/* Not taken for a label that says nothing. */
static void test_bind_owner(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, ROUTE_CREATE, "{\"Labels\":{\"gabion.bind-owner\":\"user\"}}",
			     NULL),
			 EDIT_OK);
	assert_int_equal(run(f, ROUTE_CREATE, "{\"labels\":{\"gabion.bind-owner\":\"me\"}}", NULL),
			 EDIT_BAD);
	assert_string_equal(f->err.text,
			    "the label gabion.bind-owner is \"root\" or \"user\", not \"me\"");
}

static void test_others(void **state)
{
	static const struct slice names[] = { { "web", 3 }, { "db", 2 } };
	static const struct slice ids[] = { { "ID1", 3 }, { "ID2", 3 } };
	static const struct edit_how with = { .n = 2, .names = names, .ids = ids };
	static const char body[] = "{\"HostConfig\":{\"VolumesFrom\":[\"web:ro\",\"db\",\"etc\"],"
				   "\"PidMode\":\"container:db\",\"IpcMode\":\"private\","
				   "\"NetworkMode\":\"container:\"}}";
	struct fixture *f = *state;

	assert_int_equal(run(f, ROUTE_CREATE, body, NULL), EDIT_OK);
	assert_int_equal(f->edit.nothers, 5);
	assert_int_equal(f->edit.nfrom, 3);
	assert_true(slice_eq_str(f->edit.others[0], "web"));
	assert_true(slice_eq_str(f->edit.others[3], "db"));
	assert_int_equal(f->edit.others[4].n, 0);
	assert_int_equal(run(f, ROUTE_CREATE, body, &with), EDIT_OK);
	assert_string_equal(f->out.p,
			    "{\"HostConfig\":{\"VolumesFrom\":[\"ID1:ro\",\"ID2\",\"etc\"],"
			    "\"PidMode\":\"container:ID2\",\"IpcMode\":\"private\","
			    "\"NetworkMode\":\"container:\"}}");
}

static void test_too_many_others(void **state)
{
	struct fixture *f = *state;
	struct buf b = BUF_INIT(65536);

	buf_add_str(&b, "{\"HostConfig\":{\"VolumesFrom\":[\"a\"");
	for (size_t i = 0; i < EDIT_OTHERS_MAX; i++)
		buf_add_str(&b, ",\"a\"");
	buf_add_str(&b, "]}}");
	assert_int_equal(run(f, ROUTE_CREATE, b.p, NULL), EDIT_BAD);
	buf_done(&b);
}

/* What would be paths of the host for the engine, each once. */
static void test_sources(void **state)
{
	static const struct {
		const char *config; /* of HostConfig */
		size_t n;
		const char *path; /* of the first */
		unsigned flags;
	} cases[] = {
		{ "\"Binds\":[\"/a:/b\"]", 1, "/a", 3 },
		{ "\"binds\":[\"/a:/b:ro,z\"]", 1, "/a", 3 },
		{ "\"Binds\":[\"/a:/b\",\"/a:/c\",\"/a/:/d\"]", 2, "/a", 3 },
		{ "\"Binds\":[\"v:/b\",\"/b\",\"\",\":/b\",\"./a:/b\"]", 0, NULL, 0 },
		{ "\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\"}]", 1, "/a", 2 },
		{ "\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\",\"BindOptions\":"
		  "{\"nonrecursive\":true}}]",
		  1, "/a", 0 },
		{ "\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\",\"BindOptions\":"
		  "{\"CreateMountpoint\":true,\"NonRecursive\":true}}]",
		  1, "/a", 1 },
		{ "\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\",\"BindOptions\":"
		  "{\"NonRecursive\":true}}],\"Binds\":[\"/a:/b\"]",
		  1, "/a", 3 },
		{ "\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"a\"},{\"Type\":\"bind\"},"
		  "{\"Type\":\"Bind\",\"Source\":\"/a\"},{\"Type\":\"volume\",\"Source\":\"/a\"}]",
		  0, NULL, 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char body[512];

		(void)snprintf(body, sizeof(body), "{\"HostConfig\":{%s}}", cases[i].config);
		if (run(f, ROUTE_CREATE, body, NULL) != EDIT_OK || f->edit.nsources != cases[i].n)
			fail_msg("%s: %zu paths", body, f->edit.nsources);
		if (cases[i].n == 0)
			continue;
		assert_true(f->edit.binds);
		assert_true(slice_eq_str(f->edit.sources[0].path, cases[i].path));
		assert_int_equal(f->edit.sources[0].flags, cases[i].flags);
	}
}

static const struct {
	enum route_kind kind;
	const char *body, *rule;
} refused[] = {
	{ ROUTE_CREATE, "{\"HostConfig\":{\"PidMode\":\"host\"}}", "host-namespaces" },
	{ ROUTE_CREATE, "{\"HostConfig\":{\"NetworkMode\":\"host\"}}", "host-network" },
	{ ROUTE_CREATE,
	  "{\"HostConfig\":{\"Mounts\":[{\"VolumeOptions\":{\"DriverConfig\":"
	  "{\"Options\":{\"device\":\"/\"}}}}]}}",
	  "volume-options" },
	{ ROUTE_VOLUME, "{\"DriverOpts\":{\"type\":\"none\"}}", "volume-options" },
	{ ROUTE_CREATE, "{\"HostConfig\":{\"DeviceRequests\":[{\"Count\":-1}]}}",
	  "device-request" },
	{ ROUTE_CREATE, "{\"hostconfig\":{\"devicerequest\u017f\":[null],\"Privileged\":true}}",
	  "device-request" },
	{ ROUTE_CREATE,
	  "{\"HostConfig\":{\"LogConfig\":{\"Type\":\"syslog\",\"Config\":"
	  "{\"syslog-address\":\"unix:///x\"}}}}",
	  "log-socket" },
	{ ROUTE_CREATE,
	  "{\"HostConfig\":{\"LogConfig\":{\"config\":{\"a\":\"b\",\"tag\":"
	  "\" uNixGram://\"}}}}",
	  "log-socket" },
	{ ROUTE_CREATE,
	  "{\"HostConfig\":{\"LogConfig\":{\"Type\":\"fluentd\",\"Config\":"
	  "{\"fluentd-address\":\"unix:/run/engine.sock?x=://\"}}}}",
	  "log-socket" },
	{ ROUTE_CREATE, "{\"HostConfig\":{\"cgroupparent\":\"/engine/x\"}}", "cgroup-parent" },
	{ ROUTE_CREATE,
	  "{\"HostConfig\":{\"CgroupParent\":\"/0123456789abcdef0123456789abcdef"
	  "0123456789abcdef0123456789abcdef\"}}",
	  "cgroup-parent" },
	{ ROUTE_CREATE,
	  "{\"HostConfig\":{\"SecurityOpt\":[\"seccomp={\\\"defaultAction\\\":\\\"x\\\","
	  "\\\"listenerpath\\\":\\\"/x\\\"}\"]}}",
	  "seccomp-listener" },
	{ ROUTE_CREATE,
	  "{\"HostConfig\":{\"securityopt\":[\"a\",\"seccomp: {\\\"li\u017ftenerPath\\\":"
	  "\\\"/x\\\"}\"]}}",
	  "seccomp-listener" },
	{ ROUTE_CREATE, "{\"HostConfig\":{\"SecurityOpt\":[\"writable-cgroups\"]}}",
	  "writable-cgroups" },
	{ ROUTE_CREATE, "{\"HostConfig\":{\"SecurityOpt\":[\"a\",\"writable-cgroups:T\"]}}",
	  "writable-cgroups" },
	{ ROUTE_VOLUME, "{\"Driver\":\"../../../home/x/plug\"}", "driver-name" },
	{ ROUTE_VOLUME, "{\"driver\":\"a/b\",\"DriverOpts\":{\"a\":\"b\"}}", "driver-name" },
	{ ROUTE_VOLUME, "{\"Driver\":\".\"}", "driver-name" },
	{ ROUTE_VOLUME, "{\"Driver\":\"vieux/sshfs:latest\"}", "driver-name" },
	{ ROUTE_NETWORK, "{\"Driver\":\"../../../home/x/plug\"}", "driver-name" },
	{ ROUTE_NETWORK, "{\"IPAM\":{\"driver\":\"../../../home/x/plug\"}}", "driver-name" },
	{ ROUTE_NETWORK,
	  "{\"IPAM\":{\"Config\":[{\"Subnet\":\"192.168.7.0/24\"},{\"subnet\":\"10.0.2.0/"
	  "29\"}]}}",
	  "network-subnet" },
	{ ROUTE_CREATE, "{\"HostConfig\":{\"VolumeDriver\":\"../../../home/x/plug\"}}",
	  "driver-name" },
	{ ROUTE_CREATE, "{\"HostConfig\":{\"LogConfig\":{\"Type\":\"../../../home/x/plug\"}}}",
	  "driver-name" },
	{ ROUTE_CREATE,
	  "{\"HostConfig\":{\"Mounts\":[{\"Type\":\"volume\",\"VolumeOptions\":{"
	  "\"DriverConfig\":{\"name\":\"../../../home/x/plug\"}}}]}}",
	  "driver-name" },
	{ ROUTE_CREATE,
	  "{\"HostConfig\":{\"LogConfig\":{\"Config\":{\"syslog-tls-ca-cert\":\"x\"}}}}",
	  "log-file" },
	{ ROUTE_CREATE,
	  "{\"HostConfig\":{\"LogConfig\":{\"Config\":{\"of-tomorrow\":\"/dev/zero\"}}}}",
	  "log-file" },
	{ ROUTE_CREATE,
	  "{\"HostConfig\":{\"BlkioDeviceReadBps\":[{\"Path\":\"/dev/sda\"},{\"path\":\"/"
	  "root/x\"}]}}",
	  "blkio-path" },
	{ ROUTE_CREATE, "{\"HostConfig\":{\"blkioweightdevice\":[{\"Path\":\"/dev/../root/x\"}]}}",
	  "blkio-path" },
	{ ROUTE_CREATE, "{\"HostConfig\":{\"BlkioDeviceWriteIOps\":[{\"Path\":\"/dev/shm/x\"}]}}",
	  "blkio-path" },
	{ ROUTE_VOLUME, "{\"driver\":\"local\",\"driveropts\":{\"o\":\"bind\"}}",
	  "volume-options" },
};

static void test_denied(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		int r = run(f, refused[i].kind, refused[i].body, NULL);

		if (r != EDIT_DENIED)
			fail_msg("%s: %d", refused[i].body, r);
		assert_string_equal(f->edit.rule, refused[i].rule);
		assert_true(*f->err.text);
		if (!f->edit.hint)
			fail_msg("%s: no way out", refused[i].body);
		assert_int_equal(f->out.n, 0);
	}
	/* Option keys are a map's: they have case, and the engine does not know these. */
	assert_int_equal(run(f, ROUTE_VOLUME, "{\"DriverOpts\":{\"TYPE\":\"none\"}}", NULL),
			 EDIT_OK);
	assert_int_equal(run(f, ROUTE_VOLUME,
			     "{\"Driver\":\"nfs-plugin\",\"DriverOpts\":"
			     "{\"device\":\"x\"}}",
			     NULL),
			 EDIT_OK);
}

/* What is judged by gabiond, and what is nobody's to judge. */
static void test_devices(void **state)
{
	static const struct {
		const char *config; /* of HostConfig */
		int want;
		size_t n;
		const char *path; /* of the first */
		unsigned flags;
	} cases[] = {
		{ "\"Devices\":[{\"PathOnHost\":\"/dev/x\"}]", EDIT_OK, 1, "/dev/x",
		  CONTROL_PATH_DEVICE },
		{ "\"device\u017f\":[{\"pathonhost\":\"/a/../b\"}],\"Binds\":[\"/a/../b:/c\"]",
		  EDIT_OK, 2, "/a/../b", CONTROL_PATH_DEVICE },
		{ "\"DeviceCgroupRules\":[\"a *:* rwm\",\"a *:* rwm\"]", EDIT_OK, 1, "a *:* rwm",
		  CONTROL_PATH_RULE },
		{ "\"Privileged\":true,\"Devices\":[{\"PathOnHost\":\"/dev/x\"}],"
		  "\"DeviceCgroupRules\":[\"a *:* rwm\"]",
		  EDIT_OK, 0, NULL, 0 },
		{ "\"Privileged\":false,\"DeviceCgroupRules\":[\"x\"]", EDIT_OK, 1, "x",
		  CONTROL_PATH_RULE },
		{ "\"Devices\":null,\"DeviceRequests\":null,\"DeviceCgroupRules\":null,"
		  "\"LogConfig\":null,\"SecurityOpt\":null",
		  EDIT_OK, 0, NULL, 0 },
		{ "\"Devices\":[],\"DeviceRequests\":[],\"DeviceCgroupRules\":[],"
		  "\"LogConfig\":{\"Config\":null},\"SecurityOpt\":[]",
		  EDIT_OK, 0, NULL, 0 },
		{ "\"LogConfig\":{\"Config\":{\"a\":\"tcp://unix:1\",\"b\":\"unix:x\",\"c\":\"\","
		  "\"d\":\"x/unix://\",\"e\":\"uni://x\"}}",
		  EDIT_OK, 0, NULL, 0 },
		{ "\"SecurityOpt\":[\"writable-cgroups=false\",\"writable-cgroups:0\"]", EDIT_OK, 0,
		  NULL, 0 },
		{ "\"Devices\":[{\"PathOnHost\":\"dev/x\"}]", EDIT_BAD, 0, NULL, 0 },
		{ "\"Devices\":[{}]", EDIT_BAD, 0, NULL, 0 },
		{ "\"Devices\":[\"/dev/x\"]", EDIT_BAD, 0, NULL, 0 },
		{ "\"Devices\":[{\"PathOnHost\":\"/a\",\"pathOnHost\":\"/b\"}]", EDIT_BAD, 0, NULL,
		  0 },
		{ "\"DeviceRequests\":[{\"Driver\":\"cdi\",\"DeviceIDs\":[\"a/b=c\",\"a/b=d\"]}]",
		  EDIT_OK, 2, "a/b=c", CONTROL_PATH_CDI },
		{ "\"devicerequest\u017f\":[{\"driver\":\"cdi\",\"deviceid\u017f\":[\"a/b=c\"],"
		  "\"Capabilities\":[[\"gpu\"]],\"Options\":{},\"Count\":0}],\"Privileged\":true,"
		  "\"Devices\":[{\"PathOnHost\":\"/dev/x\"}]",
		  EDIT_OK, 1, "a/b=c", CONTROL_PATH_CDI },
		{ "\"DeviceRequests\":[{\"Driver\":\"cdi\"}]", EDIT_OK, 0, NULL, 0 },
		{ "\"DeviceRequests\":[{\"Driver\":\"cdi\",\"DeviceIDs\":[\"a/b=c\"],"
		  "\"deviceids\":[\"a/b=d\"]}]",
		  EDIT_BAD, 0, NULL, 0 },
		{ "\"DeviceRequests\":[{\"Driver\":\"cdi\",\"DeviceIDs\":[\"/dev/x\"]}]", EDIT_BAD,
		  0, NULL, 0 },
		{ "\"DeviceRequests\":[{\"Driver\":\"cdi\",\"DeviceIDs\":[\"a/"
		  "b=c\"],\"Count\":-1}]",
		  EDIT_BAD, 0, NULL, 0 },
		{ "\"DeviceRequests\":[{\"Driver\":\"cdi\",\"Options\":{\"a\":\"b\"}}]", EDIT_BAD,
		  0, NULL, 0 },
		{ "\"DeviceCgroupRules\":[\"\"]", EDIT_BAD, 0, NULL, 0 },
		{ "\"SecurityOpt\":[\"seccomp=unconfined\",\"seccomp=\",\"seccomp\",\"label:"
		  "disable\","
		  "\"seccomp={\\\"listenerPath\\\":\\\"\\\"}\"]",
		  EDIT_OK, 0, NULL, 0 },
		{ "\"SecurityOpt\":[\"seccomp={\"]", EDIT_BAD, 0, NULL, 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char body[512];

		(void)snprintf(body, sizeof(body), "{\"HostConfig\":{%s}}", cases[i].config);
		if (run(f, ROUTE_CREATE, body, NULL) != cases[i].want ||
		    (cases[i].want == EDIT_OK && f->edit.nsources != cases[i].n))
			fail_msg("%s: %zu, %s", body, f->edit.nsources, f->err.text);
		if (cases[i].n == 0)
			continue;
		assert_true(slice_eq_str(f->edit.sources[0].path, cases[i].path));
		assert_int_equal(f->edit.sources[0].flags, cases[i].flags);
	}
	/* Engines up to 26 would take them at the top level. */
	assert_int_equal(run(f, ROUTE_CREATE, "{\"devices\":[{}]}", NULL), EDIT_BAD);
	assert_int_equal(run(f, ROUTE_CREATE, "{\"DeviceRequests\":[null]}", NULL), EDIT_BAD);
	assert_int_equal(run(f, ROUTE_CREATE, "{\"LogConfig\":{\"Type\":\"\"}}", NULL), EDIT_BAD);
}

static void test_exec(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *body;
		bool names;
	} cases[] = {
		{ "{}", false },
		{ "{\"User\":\"\"}", false },
		{ "{\"User\":\"0\"}", false },
		{ "{\"User\":\"1000:1000\"}", false },
		{ "{\"User\":\"bob\"}", true },
		{ "{\"user\":\"1000:staff\"}", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(run(f, ROUTE_EXEC, cases[i].body, NULL), EDIT_OK);
		assert_int_equal(f->edit.names_user, cases[i].names);
	}
}

/* Volumes, as their names and what makes them; networks by name. */
static void test_things(void **state)
{
#define MADE(name, more) "{\"Name\":\"" name "\"," more "\"Labels\":{\"gabion.made-by\":\"W\"}}"
	static const struct {
		const char *body;
		const char *volumes[3][2];
		const char *networks[4];
	} cases[] = {
		{ "{}", { { 0 } }, { 0 } },
		{ "{\"HostConfig\":{\"Binds\":[\"v:/x\",\"/h:/x\",\"/t\",\"t\",\"v:/y:ro\",\"w:/"
		  "z\"],"
		  "\"volumedriver\":\"local\"}}",
		  { { "v", MADE("v", "\"Driver\":\"local\",") },
		    { "w", MADE("w", "\"Driver\":\"local\",") } },
		  { 0 } },
		{ "{\"HostConfig\":{\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"v\"},"
		  "{\"Type\":\"volume\",\"Target\":\"/t\"},{\"Type\":\"tmpfs\",\"Source\":\"n\"},"
		  "{\"type\":\"volume\",\"source\":\"w\",\"volumeoptions\":{\"labels\":{\"a\":"
		  "\"b\"},"
		  "\"DriverConfig\":{\"Name\":\"d\",\"Options\":{\"o\":\"p\"}}}}]}}",
		  { { "v", MADE("v", "") },
		    { "w",
		      "{\"Name\":\"w\",\"Driver\":\"d\",\"DriverOpts\":{\"o\":\"p\"},\"Labels\":{"
		      "\"a\":\"b\",\"gabion.made-by\":\"W\"}}" } },
		  { 0 } },
		{ "{\"HostConfig\":{\"NetworkMode\":\"bridge\"},\"NetworkingConfig\":{"
		  "\"EndpointsConfig\":"
		  "{\"none\":{},\"default\":null}}}",
		  { { 0 } },
		  { 0 } },
		{ "{\"HostConfig\":{\"NetworkMode\":\"container:x\"}}", { { 0 } }, { 0 } },
		{ "{\"HostConfig\":{\"NetworkMode\":\"n\"}}", { { 0 } }, { "n" } },
		{ "{\"hostconfig\":{\"networkmode\":\"n\"},\"networkingconfig\":{"
		  "\"endpointsconfig\":"
		  "{\"n\":{\"networkid\":\"i\"},\"m\":null,\"bridge\":{\"NetworkID\":\"k\"}}}}",
		  { { 0 } },
		  { "n", "i", "m", "k" } },
	};
	static const struct edit_how own = { .own = true, .maker = { "W", 1 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = 0;

		assert_int_equal(run(f, ROUTE_CREATE, cases[i].body, &own), EDIT_OK);
		for (; n < 3 && cases[i].volumes[n][0]; n++) {
			assert_true(n < f->edit.nvolumes);
			assert_true(slice_eq_str(f->edit.volumes[n].name, cases[i].volumes[n][0]));
			if (!slice_eq_str(f->edit.volumes[n].make, cases[i].volumes[n][1]))
				fail_msg("%.*s", SLICE_ARG(f->edit.volumes[n].make));
		}
		assert_int_equal(f->edit.nvolumes, n);
		for (n = 0; n < 4 && cases[i].networks[n]; n++) {
			assert_true(n < f->edit.nnetworks);
			assert_true(slice_eq_str(f->edit.networks[n], cases[i].networks[n]));
		}
		assert_int_equal(f->edit.nnetworks, n);
		n = f->edit.nvolumes;
		assert_int_equal(run(f, ROUTE_CREATE, cases[i].body, NULL), EDIT_OK);
		assert_int_equal(f->edit.nnetworks, 0);
		assert_int_equal(f->edit.nvolumes, n);
		for (n = 0; n < f->edit.nvolumes; n++)
			assert_int_equal(f->edit.volumes[n].make.n, 0);
	}
}

/* What is written where the networks are known. */
static void test_networks_by_id(void **state)
{
	static const struct slice names[] = { { "n", 1 }, { "everybodys", 10 } };
	static const struct slice ids[] = { { "ID", 2 }, { "none", 4 } };
	static const struct edit_how how = {
		.own = true, .known = true, .nnetworks = 2, .networks = names, .network_ids = ids
	};
	static const struct edit_how leaves = { .own = true, .known = true };
#define HC(mode) "{\"HostConfig\":{\"NetworkMode\":\"" mode "\"}"
#define NC(list) ",\"NetworkingConfig\":{\"EndpointsConfig\":{" list "}}}"
	static const char *const cases[][2] = {
		{ HC("n") "}", HC("n") NC("\"n\":{\"NetworkID\":\"ID\"}") },
		{ HC("n") ",\"NetworkingConfig\":{\"A\":1}}",
		  HC("n") ",\"NetworkingConfig\":{\"A\":1,\"EndpointsConfig\":{\"n\":{"
			  "\"NetworkID\":\"ID\"}}}}" },
		{ HC("n") NC("\"n\":null"), HC("n") NC("\"n\":{\"NetworkID\":\"ID\"}") },
		{ HC("n") NC("\"n\":{\"Aliases\":[\"a\"],\"networkID\":\"\"}"),
		  HC("n") NC("\"n\":{\"Aliases\":[\"a\"],\"NetworkID\":\"ID\"}") },
		/* The id that stands there counts, and of everybody's the name. */
		{ HC("n") NC("\"n\":{\"NetworkID\":\"bridge\"}"), HC("n") NC("\"bridge\":{}") },
		{ HC("n") NC("\"n\":{\"NetworkID\":\"everybodys\"}"), HC("n") NC("\"none\":{}") },
		{ HC("n") NC("\"everybodys\":{\"NetworkID\":\"n\"}"),
		  HC("n") NC("\"everybodys\":{\"NetworkID\":\"ID\"}") },
		{ HC("bridge") NC("\"bridge\":{\"NetworkID\":\"n\"}"),
		  HC("bridge") NC("\"bridge\":{}") },
		{ HC("n") NC("\"none\":{\"A\":1},\"everybodys\":{\"A\":2},\"n\":null"),
		  HC("n") NC("\"none\":{\"A\":1},\"n\":{\"NetworkID\":\"ID\"}") },
		{ HC("bridge") NC("\"bridge\":{\"NetworkID\":\"y\"}"),
		  HC("bridge") NC("\"bridge\":{}") },
		{ HC("bridge") "}", HC("bridge") "}" },
		{ HC("everybodys") "}", HC("none") "}" },
		{ HC("everybodys") NC("\"everybodys\":{\"A\":1}"),
		  HC("none") NC("\"none\":{\"A\":1}") },
		{ HC("container:n") "}", HC("container:n") "}" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(run(f, ROUTE_CREATE, cases[i][0], &how), EDIT_OK);
		if (strcmp(f->out.p, cases[i][1]) != 0)
			fail_msg("%s\n%s\n%s", cases[i][0], f->out.p, cases[i][1]);
	}
	/* What has not been looked at is not written. */
	assert_int_equal(run(f, ROUTE_CREATE, HC("x") "}", &how), EDIT_BAD);
	assert_int_equal(run(f, ROUTE_CREATE, HC("n") NC("\"n\":{\"NetworkID\":\"x\"}"), &how),
			 EDIT_BAD);
	assert_int_equal(run(f, ROUTE_JOIN,
			     "{\"Container\":\"c\",\"endpointconfig\":{\"networkid\":\"x\","
			     "\"A\":1}}",
			     &how),
			 EDIT_OK);
	assert_string_equal(f->out.p, "{\"Container\":\"c\",\"EndpointConfig\":{\"A\":1,"
				      "\"NetworkID\":\"ID\"}}");
	assert_int_equal(run(f, ROUTE_JOIN, "{\"Container\":\"c\",\"EndpointConfig\":null}", &how),
			 EDIT_OK);
	assert_string_equal(f->out.p,
			    "{\"Container\":\"c\",\"EndpointConfig\":{\"NetworkID\":\"ID\"}}");
	assert_int_equal(run(f, ROUTE_JOIN,
			     "{\"Container\":\"c\",\"EndpointConfig\":{\"NetworkID\":\"x\"}}",
			     &leaves),
			 EDIT_OK);
	assert_string_equal(f->out.p, "{\"Container\":\"c\",\"EndpointConfig\":{}}");
}

/* Of those that are made: what reaches into networks of others, by their interfaces, is denied. */
static void test_made_networks(void **state)
{
	static const struct {
		const char *body;
		bool ok;
	} cases[] = {
		{ "{\"Name\":\"n\",\"Driver\":\"bridge\",\"IPAM\":{\"Driver\":\"default\"}}",
		  true },
		{ "{\"driver\":\"\",\"IPAM\":null,\"Options\":null,\"ConfigOnly\":false}", true },
		{ "{\"Options\":{\"com.docker.network.driver.mtu\":\"1400\"}}", true },
		{ "{\"driver\":\"macvlan\"}", false },
		{ "{\"DRIVER\":\"ipvlan\"}", false },
		{ "{\"Driver\":\"Bridge\"}", false },
		{ "{\"ipam\":{\"driver\":\"null\"}}", false },
		{ "{\"configonly\":true}", false },
		{ "{\"Options\":{\"com.docker.network.bridge.name\":\"br-1\"}}", false },
		{ "{\"options\":{\"com.docker.network.bridge.default_bridge\":\"true\"}}", false },
		{ "{\"Options\":{\"parent\":\"br-1\"}}", false },
	};
	static const struct edit_how own = { .own = true, .maker = { "W", 1 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(run(f, ROUTE_NETWORK, cases[i].body, &own),
				 cases[i].ok ? EDIT_OK : EDIT_DENIED);
		if (cases[i].ok)
			assert_non_null(strstr(f->out.p, "\"CheckDuplicate\":true"));
		else
			assert_string_equal(f->edit.rule, FAMILY_RULE);
		assert_int_equal(run(f, ROUTE_NETWORK, cases[i].body, NULL), EDIT_OK);
		assert_null(strstr(f->out.p, "CheckDuplicate"));
	}
}

/* The instance's own interface is nobody's. */
static void test_the_way_out(void **state)
{
	static const struct {
		const char *body;
		int r;
	} cases[] = {
		{ "{\"Driver\":\"macvlan\",\"Options\":{\"parent\":\"tap0\"}}", EDIT_DENIED },
		{ "{\"ConfigOnly\":true,\"options\":{\"parent\":\"tap0.7\"}}", EDIT_DENIED },
		{ "{\"Options\":{\"a\":\"b\",\"parent\":\"tap0\"}}", EDIT_DENIED },
		{ "{\"Options\":{\"parent\":\"tap\"}}", EDIT_OK },
		{ "{\"Options\":{\"parent\":\"tap01\"}}", EDIT_OK },
		{ "{\"Options\":{\"com.docker.network.bridge.name\":\"docker0\"}}", EDIT_DENIED },
		{ "{\"Options\":{\"com.docker.network.bridge.name\":\"docker1\"}}", EDIT_OK },
		{ "{\"Options\":{\"Parent\":\"tap0\"}}",
		  EDIT_OK }, /* an option that there is not */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (run(f, ROUTE_NETWORK, cases[i].body, NULL) != cases[i].r)
			fail_msg("%s", cases[i].body);
	assert_int_equal(run(f, ROUTE_NETWORK, cases[0].body, NULL), EDIT_DENIED);
	assert_string_equal(f->edit.rule, "network-parent");
}

/* The label is the gate's. */
static void test_labels(void **state)
{
#define LABEL "{\"gabion.made-by\":\"x\"}"
	static const struct {
		enum route_kind kind;
		const char *body;
	} denied[] = {
		{ ROUTE_VOLUME, "{\"Labels\":" LABEL "}" },
		{ ROUTE_VOLUME, "{\"Name\":\"x\",\"label\u017f\":" LABEL "}" },
		{ ROUTE_NETWORK, "{\"LABELS\":" LABEL "}" },
		{ ROUTE_CREATE,
		  "{\"HostConfig\":{\"Mounts\":[{\"VolumeOptions\":{\"Labels\":" LABEL "}}]}}" },
	};
	static const struct edit_how own = { .own = true, .maker = { "W", 1 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(denied); i++) {
		assert_int_equal(run(f, denied[i].kind, denied[i].body, NULL), EDIT_DENIED);
		assert_string_equal(f->edit.rule, "label");
		assert_int_equal(run(f, denied[i].kind, denied[i].body, &own), EDIT_DENIED);
	}
	assert_int_equal(run(f, ROUTE_CREATE, "{\"Labels\":" LABEL "}", NULL),
			 EDIT_OK); /* no thing */
	assert_int_equal(run(f, ROUTE_NETWORK,
			     "{\"name\":\"n\",\"ConfigFrom\":{\"network\":\"m\"},\"X\":1}", &own),
			 EDIT_OK);
	assert_string_equal(f->out.p,
			    "{\"Name\":\"n\",\"ConfigFrom\":{\"Network\":\"m\"},\"X\":1,\"Labels\":"
			    "{\"gabion.made-by\":\"W\"},\"CheckDuplicate\":true}");
	assert_int_equal(f->edit.nnetworks, 1);
	assert_int_equal(run(f, ROUTE_VOLUME, "{\"name\":\"v\",\"Labels\":{\"a\":\"b\"}}", &own),
			 EDIT_OK);
	assert_string_equal(f->out.p,
			    "{\"Name\":\"v\",\"Labels\":{\"a\":\"b\",\"gabion.made-by\":\"W\"}}");
	assert_int_equal(f->edit.nvolumes, 1);
	assert_int_equal(f->edit.volumes[0].make.n, 0);
	assert_int_equal(run(f, ROUTE_VOLUME, "{}", &own), EDIT_OK);
	assert_int_equal(f->edit.nvolumes, 0);
	assert_int_equal(run(f, ROUTE_VOLUME, "{\"Name\":\"v\"}", NULL), EDIT_OK);
	assert_string_equal(f->out.p, "{\"Name\":\"v\"}");
}

static void test_labels_of_compose(void **state)
{
	static const struct {
		enum route_kind kind;
		const char *body;
		bool want;
	} cases[] = {
		{ ROUTE_NETWORK,
		  "{\"Name\":\"n\",\"Labels\":{\"com.docker.compose.project\":\"x\"}}", true },
		{ ROUTE_VOLUME, "{\"labels\":{\"a\":\"b\",\"com.docker.compose.volume\":\"x\"}}",
		  true },
		{ ROUTE_CREATE, "{\"Labels\":{\"com.docker.compose.service\":\"x\"}}", true },
		{ ROUTE_CREATE, "{\"Label\u017f\":{\"com.docker.compose.service\":\"x\"}}", true },
		{ ROUTE_CREATE, "{\"Labels\":{\"a\":\"com.docker.compose.service\"}}", false },
		{ ROUTE_CREATE, "{\"Labels\":null,\"Env\":[\"com.docker.compose.x=y\"]}", false },
		{ ROUTE_EXEC, "{\"Labels\":{\"com.docker.compose.service\":\"x\"}}", false },
		{ ROUTE_CREATE, "{}", false },
		{ ROUTE_CREATE, "null", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (run(f, cases[i].kind, cases[i].body, NULL) != EDIT_OK ||
		    f->edit.compose != cases[i].want)
			fail_msg("%s: %d", cases[i].body, f->edit.compose);
}

static void test_query(void **state)
{
	static const struct {
		const char *target;
		int want;
		size_t others;
	} cases[] = {
		{ "/build", EDIT_OK, 0 },
		{ "/build?networkmode=default", EDIT_OK, 0 },
		{ "/build?networkmode=host", EDIT_DENIED, 0 },
		{ "/build?networkmode=h%6fst", EDIT_DENIED, 0 },
		{ "/build?networkmode=none&networkmode=host", EDIT_BAD, 0 },
		{ "/build?networkmode=container:web", EDIT_OK, 1 },
		{ "/build?cgroupparent=/mine", EDIT_OK, 0 },
		{ "/build?cgroupparent=/a/%2e./b", EDIT_DENIED, 0 },
		{ "/build?cgroupparent=/x&cgroupparent=engine", EDIT_BAD, 0 },
		{ "/build?NetworkMode=host", EDIT_OK, 0 }, /* keys have case */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_refusal why;
		struct http_target t;

		assert_int_equal(http_target_parse(&f->arena, slice_str(cases[i].target), &t, &why),
				 HTTP_OK);
		assert_int_equal(edit_query(ROUTE_BUILD, &t, &usual, &f->edit, &f->err),
				 cases[i].want);
		assert_int_equal(f->edit.nothers, cases[i].others);
		assert_true(cases[i].want != EDIT_DENIED || f->edit.hint);
		assert_int_equal(edit_query(ROUTE_RELAY, &t, &usual, &f->edit, &f->err), EDIT_OK);
	}
}

/* Of ps, only what puts the process id where the engine looks for it. */
static void test_top(void **state)
{
	static const struct {
		const char *args;
		int want;
	} cases[] = {
		{ "", EDIT_OK },
		{ "?ps_args=", EDIT_OK },
		{ "?ps_args=aux", EDIT_OK },
		{ "?ps_args=-ef+-ww", EDIT_OK },
		{ "?ps_args=-eo+pid,comm", EDIT_OK },
		{ "?ps_args=-opid,lstart+-o+pid,args", EDIT_OK },
		{ "?ps_args=axeww", EDIT_DENIED },
		{ "?ps_args=auxe", EDIT_DENIED },
		{ "?ps_args=-orss%3DPID", EDIT_DENIED },
		{ "?ps_args=-o+pid%3DX", EDIT_DENIED },
		{ "?ps_args=-o+lstart,comm,pid", EDIT_DENIED },
		{ "?ps_args=-o+pidns,args", EDIT_DENIED },
		{ "?ps_args=-o", EDIT_DENIED },
		{ "?ps_args=-o+%25p", EDIT_DENIED },
		{ "?ps_args=-ef%0be", EDIT_DENIED },
		{ "?ps_args=-ef%c2%a0x", EDIT_DENIED },
		{ "?ps_args=--pid+1", EDIT_DENIED },
		{ "?ps_args=aux&ps_args=axeww", EDIT_BAD },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_refusal why;
		struct http_target t;
		char target[128];

		(void)snprintf(target, sizeof(target), "/containers/x/top%s", cases[i].args);
		assert_int_equal(http_target_parse(&f->arena, slice_str(target), &t, &why),
				 HTTP_OK);
		if (edit_top(&t, &usual, &f->edit, &f->err) != cases[i].want)
			fail_msg("%s", target);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Isolation is off: the rules about namespaces and mounts do not apply, the others do. */
static void test_plain(void **state)
{
	static const struct edit_how plain = { .plain = true };
	struct fixture *f = *state;
	struct http_refusal why;
	struct http_target t;

	assert_int_equal(
		run(f, ROUTE_CREATE,
		    "{\"HostConfig\":{\"PidMode\":\"host\",\"NetworkMode\":\"host\","
		    "\"Runtime\":\"x\",\"Binds\":[\"/srv/new:/x\"],\"VolumesFrom\":[\"c\"],"
		    "\"Mounts\":[{\"Type\":\"volume\",\"VolumeOptions\":{\"DriverConfig\":{"
		    "\"Options\":{\"type\":\"none\",\"o\":\"bind\",\"device\":\"/etc\"}}}}]}}",
		    &plain),
		EDIT_OK);
	assert_non_null(strstr(f->out.p, "\"PidMode\":\"host\""));
	assert_null(strstr(f->out.p, "Runtime"));
	assert_true(f->edit.binds);
	assert_int_equal(f->edit.nsources, 0); /* not judged; the engine makes it, as ever */
	assert_int_equal(f->edit.nothers, 1);
	assert_int_equal(run(f, ROUTE_VOLUME,
			     "{\"DriverOpts\":{\"type\":\"none\",\"o\":\"bind\",\"device\":\"/\"}}",
			     &plain),
			 EDIT_OK);
	assert_int_equal(run(f, ROUTE_CREATE, "{\"HostConfig\":{},\"hostconfig\":{}}", &plain),
			 EDIT_BAD);
	assert_int_equal(http_target_parse(&f->arena, SLICE_LIT("/build?networkmode=host"), &t,
					   &why),
			 HTTP_OK);
	assert_int_equal(edit_query(ROUTE_BUILD, &t, &plain, &f->edit, &f->err), EDIT_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_create),
		T(test_sources),
		T(test_bind_owner),
		T(test_others),
		T(test_too_many_others),
		T(test_top_level),
		T(test_denied),
		T(test_devices),
		T(test_exec),
		T(test_things),
		T(test_networks_by_id),
		T(test_made_networks),
		T(test_the_way_out),
		T(test_labels),
		T(test_query),
		T(test_plain),
		T(test_top),
		T(test_labels_of_compose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
