/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel prints in files of cgroups and of /proc. Anything unexpected is an error or is
 * passed over, never guessed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define PARSE_NO_LIMIT UINT64_MAX
#define CPUS_MAX 1024u

struct cpus {
	uint64_t bits[CPUS_MAX / 64];
};

static inline bool cpus_has(const struct cpus *c, unsigned int cpu)
{
	return cpu < CPUS_MAX && (c->bits[cpu / 64] >> (cpu % 64) & 1);
}
void cpus_add(struct cpus *c, unsigned int cpu);
unsigned int cpus_count(const struct cpus *c);
/* Keeps the n lowest. */
void cpus_keep(struct cpus *c, unsigned int n);

/* A number, "max" or a negative one (no limit), with white space after it. */
int parse_limit(struct slice s, uint64_t *ret);

/* cpu.max of cgroup v2: "QUOTA PERIOD". */
int parse_cpu_max(struct slice s, uint64_t *ret_quota, uint64_t *ret_period);

/* "0-2,7": 0 or -EINVAL; an empty list is no error. CPUs from CPUS_MAX on are passed over. */
int parse_cpus(struct slice s, struct cpus *ret);

/* The number in the line "KEY NUMBER" or "KEY: NUMBER kB" (as it stands there), or 1 without one.
 */
int parse_key(struct slice text, const char *key, uint64_t *ret);

/* The next word of *rest, which are separated by blanks; false when there is none. */
bool parse_word(struct slice *rest, struct slice *ret);
bool parse_number(struct slice *rest, uint64_t *ret);

/* cpuacct.usage_all: nanoseconds in user and system mode on each CPU. */
struct cpu_use {
	uint64_t user_ns;
	uint64_t system_ns;
};
int parse_usage_all(struct slice text, struct cpu_use ret[CPUS_MAX]);

/* The CPU that a block of /proc/cpuinfo is about; false when it says none. */
bool parse_cpuinfo_block(struct slice block, uint64_t *ret_cpu);
/* Takes the next block, up to and with its empty line, off *rest. */
bool parse_block(struct slice *rest, struct slice *ret);

/* One device's transfers. */
struct disk_use {
	uint32_t major;
	uint32_t minor;
	uint64_t read_bytes, written_bytes, discarded_bytes;
	uint64_t reads, writes, discards;
};

/* io.stat of cgroup v2, one line. */
int parse_io_stat(struct slice line, struct disk_use *ret);

/* blkio.throttle.io_serviced_recursive and …service_bytes…, one line: "8:0 Read 123". */
enum parse_io_what {
	PARSE_IO_READ,
	PARSE_IO_WRITE,
	PARSE_IO_DISCARD,
	PARSE_IO_OTHER,
};
int parse_blkio(struct slice line, uint32_t *ret_major, uint32_t *ret_minor,
		enum parse_io_what *ret_what, uint64_t *ret_value);
