/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "base/test-dir.h"
#include "runtime/test-runtime.h"

/* All kinds but the one named; "" is the place for more. */
#define SPEC(list) "{\"linux\":{\"namespaces\":[" list "]}}"
#define NS(type) "{\"type\":\"" type "\"}"
#define NS_AT(type, path) "{\"type\":\"" type "\",\"path\":\"" path "\"}"
#define PID NS("pid")
#define NET NS("network")
#define IPC NS("ipc")
#define UTS NS("uts")
#define MNT NS("mount")
#define CGROUP NS("cgroup")

/* design.md 4.4, verbatim. */
#define SHARE(list)                                                                            \
	"sysbox containers can't share namespaces [" list "] with the host (because they use " \
	"the linux user-namespace for isolation)"
#define SHARE_NET                                                                                \
	"sysbox containers can't share a network namespace with the host (because they use the " \
	"linux user-namespace for isolation)"

static void refused(const char *spec, const char *text)
{
	struct err err = ERR_INIT;
	struct runtime rt;

	test_runtime(&rt, spec);
	if (edit_namespaces(&rt, &err) >= 0)
		fail_msg("taken: %s", spec);
	assert_string_equal(err.text, text);
	runtime_done(&rt);
}

static void test_all_own(void **state)
{
	static const char spec[] = SPEC(MNT "," NET "," UTS "," PID "," IPC "," CGROUP);

	(void)state;
	test_edit(edit_namespaces, spec, spec);
	/* What none of the rules is about stays. */
	test_edit(edit_namespaces,
		  SPEC(MNT "," NET "," UTS "," PID "," IPC "," CGROUP "," NS("time")),
		  SPEC(MNT "," NET "," UTS "," PID "," IPC "," CGROUP "," NS("time")));
	/* An empty path is none. */
	test_edit(edit_namespaces,
		  SPEC(MNT "," NS_AT("network", "") "," UTS "," PID "," IPC "," CGROUP),
		  SPEC(MNT "," NS_AT("network", "") "," UTS "," PID "," IPC "," CGROUP));
}

/* Left out: shared with the host. */
static void test_left_out(void **state)
{
	(void)state;
	refused(SPEC(MNT "," NET "," UTS "," IPC "," CGROUP), SHARE("pid"));
	refused(SPEC(MNT "," NET "," UTS "," PID "," CGROUP), SHARE("ipc"));
	refused(SPEC(MNT "," NET "," PID "," IPC "," CGROUP), SHARE("uts"));
	refused(SPEC(NET "," UTS "," PID "," IPC "," CGROUP), SHARE("mount"));
	refused(SPEC(MNT "," UTS "," PID "," IPC "," CGROUP), SHARE_NET);
	refused(SPEC(MNT "," NET "," UTS), SHARE("pid ipc"));
	refused(SPEC(MNT "," NET), SHARE("pid ipc uts"));
	refused("{\"linux\":{}}", SHARE_NET);
}

/* Named by a path that is the host's: docker run --network=host gives
 * /var/run/docker/netns/default. */
static void test_by_path(void **state)
{
	(void)state;
	refused(SPEC(MNT "," NS_AT("network", "/proc/self/ns/net") "," UTS "," PID "," IPC
								   "," CGROUP),
		SHARE_NET);
	refused(SPEC(MNT "," NET "," UTS "," NS_AT("pid", "/proc/self/ns/pid") "," IPC "," CGROUP),
		SHARE("pid"));
	refused(SPEC(MNT "," NET "," UTS "," PID
			 "," NS_AT("ipc", "/proc/thread-self/ns/ipc") "," CGROUP),
		SHARE("ipc"));
	refused(SPEC(MNT "," NET "," NS_AT("uts", "/proc/self/ns/uts") "," PID "," IPC "," CGROUP),
		SHARE("uts"));
	refused(SPEC(NS_AT("mount", "/proc/self/ns/mnt") "," NET "," UTS "," PID "," IPC
							 "," CGROUP),
		SHARE("mount"));
	refused(SPEC(MNT "," NET "," UTS "," PID "," IPC
			 "," NS_AT("cgroup", "/proc/self/ns/cgroup")),
		SHARE("cgroup"));
	test_edit_refuses(edit_namespaces,
			  SPEC(MNT "," NS_AT("network", "/nowhere/ns") "," UTS "," PID "," IPC
								       "," CGROUP),
			  "/nowhere/ns");
}

/* Another container's: joined. */
static void test_other(void **state)
{
	char spec[512];
	int ready[2];
	char c = 0;
	pid_t pid;

	(void)state;
	if (!test_is_root("makes a network namespace"))
		skip();
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		c = unshare(CLONE_NEWNET) == 0;
		(void)!write(ready[1], &c, 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(close(ready[1]), 0);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(close(ready[0]), 0);
	(void)snprintf(spec, sizeof(spec),
		       SPEC(MNT "," NS_AT("network", "/proc/%d/ns/net") "," UTS "," PID "," IPC
									"," CGROUP),
		       pid);
	if (c)
		test_edit(edit_namespaces, spec, spec);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(test_wait(pid), 1000 + SIGKILL);
	assert_int_equal(c, 1);
}

/* Engines on cgroup version 1 leave it out: private all the same. */
static void test_cgroup_added(void **state)
{
	(void)state;
	test_edit(edit_namespaces, SPEC(MNT "," NET "," UTS "," PID "," IPC),
		  SPEC(MNT "," NET "," UTS "," PID "," IPC "," CGROUP));
}

/* --userns=host leaves it out, --userns=… puts one in: ignored in any case. */
static void test_user_dropped(void **state)
{
	(void)state;
	test_edit(edit_namespaces,
		  SPEC(NS("user") "," MNT "," NET "," UTS "," PID "," IPC "," CGROUP),
		  SPEC(MNT "," NET "," UTS "," PID "," IPC "," CGROUP));
	test_edit(edit_namespaces,
		  SPEC(MNT "," NS_AT("user", "/proc/self/ns/user") "," NET "," UTS "," PID "," IPC
								   "," CGROUP "," NS("user")),
		  SPEC(MNT "," NET "," UTS "," PID "," IPC "," CGROUP));
}

/* crun would join each entry of a type: the one that is looked at is not the only one. */
static void test_twice(void **state)
{
	(void)state;
	test_edit_refuses(edit_namespaces,
			  SPEC(NS_AT("pid", "/proc/self/ns/pid") "," MNT "," NET "," UTS "," PID
								 "," IPC),
			  "pid");
	test_edit_refuses(edit_namespaces, SPEC(MNT "," NET "," NET "," UTS "," PID "," IPC),
			  "network");
	test_edit_refuses(edit_namespaces, SPEC(MNT "," NET "," UTS "," PID "," IPC ",{}"), "type");
}

#define MAPPED(host)                                                                            \
	"{\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":" host ",\"size\":65536}]," \
	"\"namespaces\":[" MNT "," NET "," UTS "," PID "," IPC "," CGROUP "]}}"

static void test_remapped(void **state)
{
	(void)state;
	test_edit_refuses(edit_namespaces, MAPPED("100000"), "userns-remap");
	test_edit(edit_namespaces, MAPPED("0"), MAPPED("0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_own),	     cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_by_path),	     cmocka_unit_test(test_other),
		cmocka_unit_test(test_cgroup_added), cmocka_unit_test(test_user_dropped),
		cmocka_unit_test(test_twice),	     cmocka_unit_test(test_remapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
