/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/util.h"
#include "cp/facts.h"
#include "cp/job.h"
#include "cp/mounts.h"
#include "cp/status.h"

/* uint32(os.FileMode) as Go 1.19 prints it for a file of that mode. */
static const struct {
	mode_t mode;
	uint32_t go;
} modes[] = {
	{ S_IFREG | 0644, 420 },	  { S_IFREG | 0, 0 },
	{ S_IFDIR | 0755, 2147484141u },  { S_IFLNK | 0777, 134218239u },
	{ S_IFBLK | 0660, 67109296u },	  { S_IFCHR | 0666, 69206454u },
	{ S_IFIFO | 0600, 33554816u },	  { S_IFSOCK | 0755, 16777709u },
	{ S_IFREG | 04755, 8389101u },	  { S_IFREG | 02755, 4194797u },
	{ S_IFDIR | 01777, 2148532735u }, { S_IFREG | 07777, 13631999u },
};

static void test_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		assert_int_equal(facts_go_mode(modes[i].mode), modes[i].go);
}

/* time.Unix(sec, nsec).UTC().Format(time.RFC3339Nano) */
static const struct {
	int64_t sec;
	uint32_t nsec;
	const char *text;
} times[] = {
	{ 0, 0, "1970-01-01T00:00:00Z" },
	{ 1, 500000000, "1970-01-01T00:00:01.5Z" },
	{ 1700000000, 1, "2023-11-14T22:13:20.000000001Z" },
	{ 1709164800, 120, "2024-02-29T00:00:00.00000012Z" },
	{ 951827696, 0, "2000-02-29T12:34:56Z" },
	{ 4107542399, 999999999, "2100-02-28T23:59:59.999999999Z" },
	{ 4107542400, 0, "2100-03-01T00:00:00Z" },
	{ -1, 0, "1969-12-31T23:59:59Z" },
	{ -2208988800, 0, "1900-01-01T00:00:00Z" },
	{ -62135596800, 0, "0001-01-01T00:00:00Z" },
	{ -62167219200, 0, "0000-01-01T00:00:00Z" },
	{ -62167219201, 7, "0000-01-01T00:00:00Z" },
	{ 253402300799, 0, "9999-12-31T23:59:59Z" },
	{ 253402300800, 5, "9999-12-31T23:59:59Z" },
	{ INT64_MAX, 5, "9999-12-31T23:59:59Z" },
	{ INT64_MIN, 5, "0000-01-01T00:00:00Z" },
};

static void test_times(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(64);

		facts_go_time(&b, times[i].sec, times[i].nsec);
		assert_true(buf_ok(&b));
		assert_string_equal(b.p, times[i].text);
	}
}

static const char mountinfo[] = "24 1 8:1 / / rw,relatime - overlay overlay rw\n"
				"30 24 0:28 / /dev rw,nosuid - tmpfs tmpfs rw\n"
				"31 24 0:29 / /data rw,relatime,idmapped - tmpfs tmpfs rw\n"
				"32 24 0:29 /sub /part rw,relatime shared:3 - tmpfs tmpfs rw\n"
				"33 24 0:29\n"
				"x 24 0:29 / /y rw - tmpfs tmpfs rw\n"
				"34 24 0:30 / /notidmapped rw,idmappedx - tmpfs tmpfs rw";

static void test_mounts(void **state)
{
	static const struct {
		uint64_t id;
		bool scratch;
	} cases[] = { { 30, true }, { 31, false }, { 32, false },
		      { 33, true }, { 34, true },  { 99, true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(mounts_scratch(slice_str(mountinfo), cases[i].id),
				 cases[i].scratch);
	assert_true(mounts_scratch(SLICE_NULL, 24));
}

/* What a status function writes, read back from a pipe. */
static void read_line(int fd, char *line, size_t size)
{
	ssize_t n = read(fd, line, size - 1);

	assert_true(n > 0);
	line[n] = '\0';
}

static void test_status(void **state)
{
	struct status_facts f = { .name = SLICE_LIT("a<\"\xff\n"),
				  .st = { .st_size = 5, .st_mode = S_IFLNK | 0777 },
				  .link_target = "/x" };
	struct err err = ERR_INIT;
	char line[512];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(status_facts(p[1], &f), 0);
	read_line(p[0], line, sizeof(line));
	assert_string_equal(
		line, "{\"name\":\"a\\u003c\\\"\xef\xbf\xbd\\n\",\"size\":5,\"mode\":134218239,"
		      "\"mtime\":\"1970-01-01T00:00:00Z\",\"linkTarget\":\"/x\"}\n");
	assert_int_equal(status_done(p[1]), 0);
	read_line(p[0], line, sizeof(line));
	assert_string_equal(line, "{}\n");
	assert_int_equal(status_fail(&err, -EROFS, "open", "/x"), -EROFS);
	assert_int_equal(status_error(p[1], &err), 0);
	read_line(p[0], line, sizeof(line));
	assert_string_equal(line, "{\"error\":\"read-only\",\"message\":\"open /x: read-only file "
				  "system\"}\n");
	(void)close(p[0]);
	(void)close(p[1]);
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(status_word(-ENOENT), "not-found");
	assert_string_equal(status_word(-ENOTDIR), "not-dir");
	assert_string_equal(status_word(-EEXIST), "exists");
	assert_string_equal(status_word(-EDQUOT), "no-space");
	assert_string_equal(status_word(-EACCES), "denied");
	assert_string_equal(status_word(-EBADMSG), "bad-archive");
	assert_string_equal(status_word(-ESRCH), "gone");
	assert_string_equal(status_word(-EIO), "internal");
}

#define ARGS(...) ((const char *[]){ "gabion-cp", __VA_ARGS__ })
#define PARSE(j, err, ...) \
	job_parse(ARRAY_SIZE(ARGS(__VA_ARGS__)), (char **)ARGS(__VA_ARGS__), j, err)
#define COMMON "--pid", "7", "--base", "100000", "--size", "65536", "--path", "/x"

static void test_job(void **state)
{
	struct job j;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(PARSE(&j, &err, COMMON, "--mode", "put", "--fd", "0", "--status-fd", "4",
			       "--no-overwrite-dir-non-dir", "--copy-uidgid", "--user", "app"),
			 0);
	assert_int_equal(j.pid, 7);
	assert_int_equal(j.base, 100000);
	assert_int_equal(j.size, 65536);
	assert_int_equal(j.mode, JOB_PUT);
	assert_int_equal(j.fd, 0);
	assert_int_equal(j.status_fd, 4);
	assert_int_equal(j.flags, JOB_NO_OVERWRITE_DIR | JOB_COPY_UIDGID);
	assert_string_equal(j.user, "app");
	assert_int_equal(PARSE(&j, &err, COMMON, "--mode", "stat", "--status-fd", "4"), 0);
	assert_int_equal(j.fd, -EBADF);
}

static void test_job_wrong(void **state)
{
	struct job j;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(PARSE(&j, &err, COMMON, "--mode", "get", "--status-fd", "4"), -EINVAL);
	assert_string_equal(err.text, "--fd is missing");
	assert_int_equal(PARSE(&j, &err, COMMON, "--mode", "stat"), -EINVAL);
	assert_string_equal(err.text, "--status-fd is missing");
	assert_int_equal(PARSE(&j, &err, COMMON, "--mode", "x", "--status-fd", "4"), -EINVAL);
	assert_string_equal(err.text, "--mode: bad value: x");
	assert_int_equal(j.status_fd, 4);
	assert_int_equal(PARSE(&j, &err, COMMON, "--mode", "get", "--fd", "4", "--status-fd", "4"),
			 -EINVAL);
	assert_int_equal(PARSE(&j, &err, "--base", "0"), -EINVAL);
	assert_int_equal(PARSE(&j, &err, "--pid", "-1"), -EINVAL);
	assert_int_equal(PARSE(&j, &err, "--pid", "0"), -EINVAL);
	assert_int_equal(PARSE(&j, &err, "--path", ""), -EINVAL);
	assert_int_equal(PARSE(&j, &err, "--frob"), -EINVAL);
	assert_string_equal(err.text, "unknown option: --frob");
	assert_int_equal(PARSE(&j, &err, "--fd"), -EINVAL);
	assert_string_equal(err.text, "--fd needs a value");
	assert_int_equal(PARSE(&j, &err, "--pid", "7", "--base", "4294967290", "--size", "65536",
			       "--path", "/", "--mode", "stat", "--status-fd", "3"),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),	  cmocka_unit_test(test_times),
		cmocka_unit_test(test_mounts),	  cmocka_unit_test(test_status),
		cmocka_unit_test(test_words),	  cmocka_unit_test(test_job),
		cmocka_unit_test(test_job_wrong),
	};

	return cmocka_run_group_tests_name("cp facts", tests, NULL, NULL);
}
