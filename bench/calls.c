/* SPDX-License-Identifier: Apache-2.0 */
/* calls mount|ask|getppid|open N: makes that call so often; mount: a tmpfs on the current
 * directory's folder m, and unmounts it; ask: a mount that fails without a look at anything. Prints
 * the median of one, in nanoseconds. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH 200 /* calls that are too short to be timed alone */

static int pair(void)
{
	return mount("t", "m", "tmpfs", 0, NULL) < 0 || umount2("m", 0) < 0 ? -1 : 0;
}

static int ask(void)
{
	(void)mount(NULL, "m", NULL, MS_PRIVATE, NULL); /* EINVAL: it is no mount */
	return 0;
}

static int one_getppid(void)
{
	return syscall(SYS_getppid) < 0 ? -1 : 0;
}

static int one_open(void)
{
	int fd = open("/", O_PATH);

	return fd < 0 ? -1 : close(fd);
}

static const struct {
	const char *name;
	int (*call)(void);
	int batch;
} kinds[] = { { "mount", pair, 1 },
	      { "ask", ask, 1 },
	      { "getppid", one_getppid, BATCH },
	      { "open", one_open, BATCH } };

static int compare(const void *a, const void *b)
{
	const long *x = a;
	const long *y = b;

	return (*x > *y) - (*x < *y);
}

static int measure(int (*call)(void), int batch, size_t n)
{
	long *times = calloc(n + 1, sizeof(*times));
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	(void)sched_setaffinity(0, sizeof(one),
				&one); /* moves between processors cost more than the calls */
	for (size_t i = 0; times && i < n; i++) {
		struct timespec a;
		struct timespec b;

		(void)clock_gettime(CLOCK_MONOTONIC, &a);
		for (int k = 0; k < batch; k++)
			if (call() < 0) {
				perror("call");
				return 1;
			}
		(void)clock_gettime(CLOCK_MONOTONIC, &b);
		times[i] = ((b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec) / batch;
	}
	if (!times)
		return 1;
	qsort(times, n, sizeof(*times), compare);
	(void)printf("%ld\n", times[n / 2]);
	free(times);
	return 0;
}

int main(int argc, char **argv)
{
	size_t n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	(void)mkdir("m", 0755);
	for (size_t i = 0; n > 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			return measure(kinds[i].call, kinds[i].batch, n);
	return 2;
}
