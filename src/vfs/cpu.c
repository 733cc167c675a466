/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "vfs/views.h"

#define NS 1000000000ull
#define TICK_NS (NS / 100) /* USER_HZ, which is 100 everywhere */
#define SMALL 4096
#define USAGE_SIZE 65536

/* A number in a small file of the cgroup; PARSE_NO_LIMIT where there is none. */
static uint64_t limit_of(struct host *h, struct box *box, enum cg_file file, unsigned int level)
{
	char text[128];
	ssize_t n = cg_read(&h->cg, &box->cg, file, level, text, sizeof(text));
	uint64_t v;

	return n > 0 && parse_limit((struct slice){ text, (size_t)n }, &v) == 0 ? v
										: PARSE_NO_LIMIT;
}

/* How many CPUs the quota of one cgroup pays for, rounded up. */
static uint64_t quota_at(struct host *h, struct box *box, int version, unsigned int level)
{
	uint64_t quota = PARSE_NO_LIMIT;
	uint64_t period = 0;
	char text[128];
	ssize_t n;

	if (version == 1) {
		quota = limit_of(h, box, CG_CPU_QUOTA, level);
		if (quota != PARSE_NO_LIMIT)
			period = limit_of(h, box, CG_CPU_PERIOD, level);
	} else {
		n = cg_read(&h->cg, &box->cg, CG_CPU_MAX, level, text, sizeof(text));
		if (n > 0)
			(void)parse_cpu_max((struct slice){ text, (size_t)n }, &quota, &period);
	}
	if (quota == PARSE_NO_LIMIT || period == 0 || period == PARSE_NO_LIMIT)
		return CPUS_MAX;
	return MAX(quota / period + (quota % period != 0), 1u);
}

int view_cpus(struct host *h, struct box *box, struct cpus *ret)
{
	int version = cg_version(&h->cg, &box->cg, CG_CPU);
	unsigned int levels = cg_levels(&h->cg, &box->cg, CG_CPU);
	struct cpus cpus = { 0 };
	uint64_t most = CPUS_MAX;
	char text[SMALL];
	ssize_t n = cg_read(&h->cg, &box->cg, CG_CPUS, 0, text, sizeof(text));

	if (n > 0)
		(void)parse_cpus((struct slice){ text, (size_t)n }, &cpus);
	if (cpus_count(&cpus) == 0) {
		n = host_read(h->online, text, sizeof(text));
		if (n < 0)
			return (int)n;
		if (parse_cpus((struct slice){ text, (size_t)n }, &cpus) < 0)
			return -EIO;
	}
	for (unsigned int level = 0; level < levels; level++)
		most = MIN(most, quota_at(h, box, version, level));
	cpus_keep(&cpus, (unsigned int)most);
	*ret = cpus;
	return 0;
}

/* Of each CPU where the kernel says so (cgroup v1), else only the sum, and *ret_each is false. */
static int used_each(struct host *h, struct box *box, struct cpu_use each[CPUS_MAX], bool *ret_each,
		     struct cpu_use *ret)
{
	struct cpu_use sum = { 0 };
	uint64_t usec = 0;
	UNCLEARED char text[USAGE_SIZE];
	ssize_t n = cg_read(&h->cg, &box->cg, CG_CPU_USED, 0, text, sizeof(text));
	struct slice s = { text, n > 0 ? (size_t)n : 0 };

	*ret_each = cg_version(&h->cg, &box->cg, CG_CPUACCT) == 1 && n > 0;
	if (*ret_each) {
		if (parse_usage_all(s, each) < 0)
			return -EIO;
		for (size_t i = 0; i < CPUS_MAX; i++) {
			sum.user_ns += each[i].user_ns;
			sum.system_ns += each[i].system_ns;
		}
	} else if (n > 0) {
		if (parse_key(s, "user_usec", &usec) == 0)
			sum.user_ns = usec * 1000;
		if (parse_key(s, "system_usec", &usec) == 0)
			sum.system_ns = usec * 1000;
	}
	*ret = sum;
	return 0;
}

uint64_t view_busy(struct host *h, struct box *box)
{
	char text[SMALL];
	ssize_t n = cg_read(&h->cg, &box->cg, CG_CPU_BUSY, 0, text, sizeof(text));
	struct slice s = { text, n > 0 ? (size_t)n : 0 };
	uint64_t v = 0;

	if (cg_version(&h->cg, &box->cg, CG_CPUACCT) == 1)
		return parse_number(&s, &v) ? v : 0;
	return parse_key(s, "usage_usec", &v) == 0 ? v * 1000 : 0;
}

uint64_t view_uptime(const struct box *box)
{
	uint64_t now = host_boottime();

	return now > box->start_ns ? now - box->start_ns : 0;
}

uint64_t view_idle(struct box *box, uint64_t uptime_ns, unsigned int cpus, uint64_t busy)
{
	uint64_t all = uptime_ns * cpus;

	box->idle_ns = MAX(box->idle_ns, all > busy ? all - busy : 0);
	return box->idle_ns;
}

int view_cpuinfo(const struct node *n, struct host *h, struct box *box, struct buf *out)
{
	struct buf text = BUF_INIT(out->max);
	struct slice rest;
	struct slice block;
	struct cpus cpus;
	int r = view_cpus(h, box, &cpus);

	(void)n;
	if (r == 0)
		r = host_cpuinfo(h, &text);
	rest = buf_slice(&text);
	while (r == 0 && parse_block(&rest, &block)) {
		uint64_t cpu;

		/* A block about no CPU is about the machine. */
		if (!parse_cpuinfo_block(block, &cpu) ||
		    (cpu < CPUS_MAX && cpus_has(&cpus, (unsigned int)cpu)))
			buf_add_slice(out, block);
	}
	buf_done(&text);
	return r;
}

static void print_cpu(struct buf *out, const char *name, const struct cpu_use *use,
		      uint64_t idle_ns)
{
	buf_printf(out, "%s %llu 0 %llu %llu 0 0 0 0 0 0\n", name,
		   (unsigned long long)(use->user_ns / TICK_NS),
		   (unsigned long long)(use->system_ns / TICK_NS),
		   (unsigned long long)(idle_ns / TICK_NS));
}

/* One line for each CPU that is seen. Their shares are the kernel's where it keeps them and the
 * container sees all that it runs on, else equal ones. */
static void print_cpus(struct buf *out, const struct cpus *cpus, const struct cpu_use *each,
		       const struct cpu_use *sum, uint64_t uptime_ns)
{
	unsigned int n = cpus_count(cpus);

	for (unsigned int cpu = 0; cpu < CPUS_MAX; cpu++) {
		struct cpu_use use;
		uint64_t busy;
		char name[16];

		if (!cpus_has(cpus, cpu))
			continue;
		use = each ? each[cpu] : (struct cpu_use){ sum->user_ns / n, sum->system_ns / n };
		busy = use.user_ns + use.system_ns;
		(void)snprintf(name, sizeof(name), "cpu%u", cpu);
		print_cpu(out, name, &use, uptime_ns > busy ? uptime_ns - busy : 0);
	}
}

/* Whether all CPU time has been used on these. */
static bool covers(const struct cpus *cpus, const struct cpu_use *each)
{
	for (unsigned int cpu = 0; cpu < CPUS_MAX; cpu++)
		if (!cpus_has(cpus, cpu) && (each[cpu].user_ns || each[cpu].system_ns))
			return false;
	return true;
}

static uint64_t tasks_of(struct host *h, struct box *box)
{
	uint64_t n = limit_of(h, box, CG_PIDS_CURRENT, 0);

	return n == PARSE_NO_LIMIT || n == 0 ? 1 : n;
}

int view_stat(const struct node *n, struct host *h, struct box *box, struct buf *out)
{
	UNCLEARED struct cpu_use each[CPUS_MAX];
	struct cpu_use sum = { 0 };
	struct timespec wall;
	struct cpus cpus;
	uint64_t uptime = view_uptime(box);
	bool is_each;
	int r = view_cpus(h, box, &cpus);

	(void)n;
	if (r == 0)
		r = used_each(h, box, each, &is_each, &sum);
	if (r < 0)
		return r;
	print_cpu(out, "cpu ", &sum,
		  view_idle(box, uptime, cpus_count(&cpus), sum.user_ns + sum.system_ns));
	print_cpus(out, &cpus, is_each && covers(&cpus, each) ? each : NULL, &sum, uptime);
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	buf_printf(out,
		   "intr 0\nctxt 0\nbtime %llu\nprocesses %llu\nprocs_running 1\n"
		   "procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
		   (unsigned long long)((uint64_t)wall.tv_sec - uptime / NS),
		   (unsigned long long)tasks_of(h, box));
	return 0;
}

int view_uptime_file(const struct node *n, struct host *h, struct box *box, struct buf *out)
{
	uint64_t uptime = view_uptime(box);
	struct cpus cpus;
	uint64_t idle;
	int r = view_cpus(h, box, &cpus);

	(void)n;
	if (r < 0)
		return r;
	idle = view_idle(box, uptime, cpus_count(&cpus), view_busy(h, box));
	buf_printf(out, "%llu.%02llu %llu.%02llu\n", (unsigned long long)(uptime / NS),
		   (unsigned long long)(uptime % NS / TICK_NS), (unsigned long long)(idle / NS),
		   (unsigned long long)(idle % NS / TICK_NS));
	return 0;
}

int view_loadavg(const struct node *n, struct host *h, struct box *box, struct buf *out)
{
	uint64_t tasks = tasks_of(h, box);

	(void)n;
	load_update(&box->load, view_uptime(box), view_busy(h, box));
	buf_printf(out, "%.2f %.2f %.2f 1/%llu %llu\n", box->load.average[0], box->load.average[1],
		   box->load.average[2], (unsigned long long)tasks, (unsigned long long)tasks);
	return 0;
}

int view_cpu_list(const struct node *n, struct host *h, struct box *box, struct buf *out)
{
	const char *comma = "";
	struct cpus cpus;
	int r = view_cpus(h, box, &cpus);

	(void)n;
	for (unsigned int cpu = 0; r == 0 && cpu < CPUS_MAX; cpu++) {
		unsigned int last = cpu;

		if (!cpus_has(&cpus, cpu))
			continue;
		while (cpus_has(&cpus, last + 1))
			last++;
		buf_printf(out, "%s%u", comma, cpu);
		if (last > cpu)
			buf_printf(out, "-%u", last);
		comma = ",";
		cpu = last;
	}
	buf_add_char(out, '\n');
	return r;
}
