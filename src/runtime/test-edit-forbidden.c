/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that reach beyond any namespace are refused, whatever the profile; what it says otherwise
 * stays. */
#include <string.h>

#include "runtime/test-runtime.h"

#define FAMILY(n)                                                      \
	"\"args\":[{\"index\":0,\"value\":4294967295,\"valueTwo\":" #n \
	",\"op\":\"SCMP_CMP_MASKED_EQ\"}]"
#define REFUSED(n) \
	"{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":97," FAMILY(n) "}"
#define ALLOWED(condition) "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\"," condition "}"
#define CONDITION(op, n) "\"args\":[{\"index\":0,\"value\":" #n ",\"op\":\"SCMP_CMP_" op "\"}]"
#define OTHER_ARGUMENT "\"args\":[{\"index\":1,\"value\":3,\"op\":\"SCMP_CMP_NE\"}]"
#define KILLED                       \
	ALLOWED(CONDITION("NE", 40)) \
	",{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_KILL\"," CONDITION("EQ", 40) "}"
#define BLOCK(mask, value)                                                        \
	ALLOWED("\"args\":[{\"index\":0,\"value\":" #mask ",\"valueTwo\":" #value \
		",\"op\":\"SCMP_CMP_MASKED_EQ\"}]")
/* All but 38 and 40. */
#define OTHERS                                                                                   \
	BLOCK(4294967264, 0)                                                                     \
	"," BLOCK(4294967292, 32) "," BLOCK(4294967294, 36) "," BLOCK(4294967295, 39) "," BLOCK( \
		4294967295, 41) "," BLOCK(4294967294, 42) "," BLOCK(4294967292,                  \
								    44) "," BLOCK(4294967280, 48)
#define LIST(rules) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" rules "]}"
#define CALLS                                                                          \
	"{\"names\":[\"request_key\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38}," \
	"{\"names\":[\"syslog\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1}"
#define SECCOMP(profile) "{\"linux\":{\"seccomp\":" profile "}}"

/* --privileged has no profile. */
static void test_none(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1u << 20);
	struct runtime rt;

	(void)state;
	test_runtime(&rt, "{}");
	assert_int_equal(edit_forbidden(&rt, NULL), 0);
	json_emit(json_at(rt.spec, "linux.seccomp"), &b);
	assert_non_null(strstr(b.p, "\"defaultAction\":\"SCMP_ACT_ALLOW\""));
	assert_non_null(strstr(b.p, "\"architectures\":[\"SCMP_ARCH_"));
	assert_non_null(strstr(b.p, "\"syscalls\":[" CALLS "," REFUSED(38) "," REFUSED(40) "]"));
	runtime_done(&rt);
}

static void test_list_of_refused(void **state)
{
	(void)state;
	test_edit(edit_forbidden, SECCOMP("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}"),
		  SECCOMP("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" CALLS
			  "," REFUSED(38) "," REFUSED(40) "]}"));
	/* It has said something: that is left as it is. */
	test_edit(edit_forbidden,
		  SECCOMP("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
			  "\"socket\",\"syslog\","
			  "\"request_key\"],\"action\":\"SCMP_ACT_KILL\"}]}"),
		  SECCOMP("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
			  "\"socket\",\"syslog\","
			  "\"request_key\"],\"action\":\"SCMP_ACT_KILL\"}]}"));
}

static void test_list_of_allowed(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1u << 20);
	struct runtime rt;

	(void)state;
	/* Refused as it is, or allowed under a condition of its own. */
	test_edit(edit_forbidden, SECCOMP("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[]}"),
		  SECCOMP("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[]}"));
	test_edit(edit_forbidden, SECCOMP(LIST(ALLOWED(OTHER_ARGUMENT))),
		  SECCOMP(LIST(ALLOWED(OTHER_ARGUMENT))));
	test_edit(edit_forbidden, SECCOMP(LIST(KILLED)), SECCOMP(LIST(KILLED)));
	/* Docker 23's and 29's: a filter sees 64 bits, so that 2^32 + 40 is not 40. */
	test_edit(edit_forbidden, SECCOMP(LIST(ALLOWED(CONDITION("NE", 40)))),
		  SECCOMP(LIST(OTHERS)));
	test_edit(edit_forbidden,
		  SECCOMP(LIST(ALLOWED(CONDITION("LT", 38)) "," ALLOWED(
			  CONDITION("EQ", 39)) "," ALLOWED(CONDITION("GT", 40)))),
		  SECCOMP(LIST(OTHERS)));
	test_edit(edit_forbidden,
		  SECCOMP(LIST("{\"names\":[\"syslog\",\"read\",\"request_key\"],"
			       "\"action\":\"SCMP_ACT_ALLOW\"}")),
		  SECCOMP(LIST("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}")));
	/* One family is permitted, and one that must not be. */
	test_edit(edit_forbidden, SECCOMP(LIST(ALLOWED(CONDITION("EQ", 2)))),
		  SECCOMP(LIST(BLOCK(4294967295, 2))));
	test_edit(edit_forbidden, SECCOMP(LIST(ALLOWED(CONDITION("EQ", 38)))), SECCOMP(LIST("")));
	/* Docker 20.10's: every family but those. */
	test_runtime(&rt, SECCOMP("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":["
				  "\"read\",\"socket\"],"
				  "\"action\":\"SCMP_ACT_ALLOW\"}]}"));
	assert_int_equal(edit_forbidden(&rt, NULL), 0);
	json_emit(json_at(rt.spec, "linux.seccomp.syscalls"), &b);
	assert_string_equal(b.p,
			    "[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}," OTHERS "]");
	runtime_done(&rt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_list_of_refused),
		cmocka_unit_test(test_list_of_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
