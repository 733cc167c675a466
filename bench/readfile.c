/* SPDX-License-Identifier: Apache-2.0 */
/* readfile FILE N: opens, reads once and closes it so often. Prints the median, in nanoseconds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
	const long *x = a;
	const long *y = b;

	return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
	static char text[65536];
	size_t n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	long *times = calloc(n + 1, sizeof(*times));

	if (n == 0 || !times)
		return 2;
	for (size_t i = 0; i < n; i++) {
		struct timespec a;
		struct timespec b;
		int fd;

		(void)clock_gettime(CLOCK_MONOTONIC, &a);
		fd = open(argv[1], O_RDONLY);
		if (fd < 0 || read(fd, text, sizeof(text)) <= 0 || close(fd) < 0) {
			perror(argv[1]);
			return 1;
		}
		(void)clock_gettime(CLOCK_MONOTONIC, &b);
		times[i] = (b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec;
	}
	qsort(times, n, sizeof(*times), compare);
	(void)printf("%ld\n", times[n / 2]);
	return 0;
}
