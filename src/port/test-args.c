/* SPDX-License-Identifier: Apache-2.0 */
/* The forms are those that dockerd 20.10, 26.1 and 28.5 write, and those that their own proxy
 * takes. */
#include "port/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/util.h"

#define WORDS_MAX 24
#define REST "-host-port 80 -container-ip 172.17.0.2 -container-port 8080"

/* Cuts a line at its spaces; the program's name comes first. */
static int parse(const char *line, struct args *ret, struct err *err)
{
	char text[512];
	char *argv[WORDS_MAX + 1] = { (char *)"gabion-port" };
	char *p = text;
	int argc = 1;

	assert_true(strlen(line) < sizeof(text));
	memcpy(text, line, strlen(line) + 1);
	while (*p) {
		assert_true(argc < WORDS_MAX);
		argv[argc++] = p;
		p += strcspn(p, " ");
		if (*p)
			*p++ = '\0';
	}
	return args_parse(argc, argv, ret, err);
}

static void test_forms(void **state)
{
	static const struct {
		const char *line, *host, *container;
		enum args_proto proto;
		bool fd;
	} rows[] = {
		/* 20.10 and 26.1 */
		{ "-proto tcp -host-ip 0.0.0.0 " REST, "0.0.0.0:80", "172.17.0.2:8080", ARGS_TCP,
		  false },
		{ "-proto udp -host-ip :: " REST, "[::]:80", "172.17.0.2:8080", ARGS_UDP, false },
		{ "-proto sctp -host-ip 127.0.0.1 " REST, "127.0.0.1:80", "172.17.0.2:8080",
		  ARGS_SCTP, false },
		/* 28.5 */
		{ "-proto tcp -host-ip 0.0.0.0 " REST " -use-listen-fd", "0.0.0.0:80",
		  "172.17.0.2:8080", ARGS_TCP, true },
		/* what the engine's own takes, too */
		{ "--proto=udp --host-ip=2001:db8::1 " REST " --use-listen-fd=true",
		  "[2001:db8::1]:80", "172.17.0.2:8080", ARGS_UDP, true },
		{ "-host-ip=192.0.2.1 -use-listen-fd=0 " REST, "192.0.2.1:80", "172.17.0.2:8080",
		  ARGS_TCP, false },
		{ "-use-listen-fd=T -host-ip ::ffff:192.0.2.1 " REST, "192.0.2.1:80",
		  "172.17.0.2:8080", ARGS_TCP, true },
		{ "-host-ip 192.0.2.1 -host-port 65535 -container-ip fd00::2 -container-port 1",
		  "192.0.2.1:65535", "[fd00::2]:1", ARGS_TCP, false },
		{ "-host-ip 192.0.2.1 -host-ip 192.0.2.2 " REST, "192.0.2.2:80", "172.17.0.2:8080",
		  ARGS_TCP, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		char text[ADDR_TEXT_MAX];
		struct args a;

		if (parse(rows[i].line, &a, &err) != 0)
			fail_msg("%s: %s", rows[i].line, err.text);
		addr_print(&a.host, text);
		assert_string_equal(text, rows[i].host);
		addr_print(&a.container, text);
		assert_string_equal(text, rows[i].container);
		assert_int_equal(a.proto, rows[i].proto);
		assert_int_equal(a.use_listen_fd, rows[i].fd);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *text;
	} rows[] = {
		{ "", "-host-ip and -host-port are needed" },
		{ "-host-ip 0.0.0.0 -host-port 80", "-container-ip and -container-port are" },
		{ "-proto icmp -host-ip 0.0.0.0 " REST, "unsupported protocol icmp" },
		{ "-proto TCP -host-ip 0.0.0.0 " REST, "unsupported protocol TCP" },
		{ "-host-ip localhost " REST, "-host-ip: \"localhost\" is no address" },
		{ "-host-ip= " REST, "-host-ip: \"\" is no address" },
		{ "-host-ip 0.0.0.0 -container-ip x -container-port 1 -host-port 1",
		  "-container-ip" },
		{ "-host-ip 0.0.0.0 -container-ip ::1 -container-port 1 -host-port 0", "no port" },
		{ "-host-ip 0.0.0.0 -container-ip ::1 -container-port 1 -host-port 65536",
		  "no port" },
		{ "-host-ip 0.0.0.0 -container-ip ::1 -container-port 1 -host-port -1", "no port" },
		{ "-host-ip 0.0.0.0 -container-ip ::1 -container-port +1 -host-port 1", "no port" },
		{ REST " -host-ip", "-host-ip needs a value" },
		{ "-host-ip 0.0.0.0 -use-listen-fd=maybe " REST, "neither true nor false" },
		{ "-host-ip 0.0.0.0 -listen 1 " REST, "does not know \"-listen\"" },
		{ "-host-ip 0.0.0.0 " REST " word", "does not know \"word\"" },
		{ "-host-ip 0.0.0.0 " REST " -use-listen-fd true", "does not know \"true\"" },
		{ "---host-ip 0.0.0.0 " REST, "does not know \"---host-ip\"" },
		{ "-- " REST, "does not know \"--\"" },
		{ "- " REST, "does not know \"-\"" },
		{ "-host- 0.0.0.0 " REST, "does not know" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct args a;

		assert_int_equal(parse(rows[i].line, &a, &err), -EINVAL);
		if (!strstr(err.text, rows[i].text))
			fail_msg("\"%s\": \"%s\", not \"%s\"", rows[i].line, err.text,
				 rows[i].text);
	}
}

static void test_empty_word(void **state)
{
	char *argv[] = { (char *)"gabion-port", (char *)"", NULL };
	struct err err = ERR_INIT;
	struct args a;

	assert_int_equal(args_parse(2, argv, &a, &err), -EINVAL);
	assert_int_equal(args_parse(0, argv, &a, &err), -EINVAL);
}

static void test_help(void **state)
{
	struct err err = ERR_INIT;
	struct args a;

	assert_int_equal(parse("-h", &a, &err), ARGS_HELP);
	assert_int_equal(parse("--help", &a, &err), ARGS_HELP);
	assert_int_equal(parse("-v", &a, &err), ARGS_VERSION);
	assert_int_equal(parse("-version", &a, &err), ARGS_VERSION);
	assert_int_equal(parse("-version=false", &a, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_empty_word),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
