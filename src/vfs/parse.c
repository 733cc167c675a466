/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/parse.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"

void cpus_add(struct cpus *c, unsigned int cpu)
{
	if (cpu < CPUS_MAX)
		c->bits[cpu / 64] |= UINT64_C(1) << (cpu % 64);
}

unsigned int cpus_count(const struct cpus *c)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(c->bits); i++)
		n += (unsigned int)__builtin_popcountll(c->bits[i]);
	return n;
}

void cpus_keep(struct cpus *c, unsigned int n)
{
	for (unsigned int cpu = 0; cpu < CPUS_MAX; cpu++) {
		if (!cpus_has(c, cpu))
			continue;
		if (n > 0)
			n--;
		else
			c->bits[cpu / 64] &= ~(UINT64_C(1) << (cpu % 64));
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static struct slice trimmed(struct slice s)
{
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	while (s.n > 0 && is_blank(s.p[0]))
		s = slice_from(s, 1);
	return s;
}

bool parse_word(struct slice *rest, struct slice *ret)
{
	size_t n = 0;

	while (rest->n > 0 && is_blank(rest->p[0]))
		*rest = slice_from(*rest, 1);
	while (n < rest->n && !is_blank(rest->p[n]))
		n++;
	*ret = (struct slice){ rest->p, n };
	*rest = slice_from(*rest, n);
	return n > 0;
}

bool parse_number(struct slice *rest, uint64_t *ret)
{
	struct slice word;

	return parse_word(rest, &word) && num_parse_u64(word, UINT64_MAX, ret) == 0;
}

int parse_limit(struct slice s, uint64_t *ret)
{
	s = trimmed(s);
	if (slice_eq_str(s, "max") || (s.n > 1 && s.p[0] == '-')) {
		*ret = PARSE_NO_LIMIT;
		return 0;
	}
	return num_parse_u64(s, UINT64_MAX, ret) < 0 ? -EINVAL : 0;
}

int parse_cpu_max(struct slice s, uint64_t *ret_quota, uint64_t *ret_period)
{
	struct slice quota;
	uint64_t q;
	uint64_t p;

	if (!parse_word(&s, &quota) || parse_limit(quota, &q) < 0 || !parse_number(&s, &p) ||
	    p == 0)
		return -EINVAL;
	*ret_quota = q;
	*ret_period = p;
	return 0;
}

int parse_cpus(struct slice s, struct cpus *ret)
{
	struct cpus c = { 0 };
	struct slice range;

	s = trimmed(s);
	while (s.n > 0 && slice_split(&s, ',', &range)) {
		struct slice first = { range.p, slice_find(range, '-') };
		uint64_t from;
		uint64_t to;

		if (num_parse_u64(first, UINT32_MAX, &from) < 0)
			return -EINVAL;
		to = from;
		if (first.n < range.n &&
		    num_parse_u64(slice_from(range, first.n + 1), UINT32_MAX, &to) < 0)
			return -EINVAL;
		if (to < from)
			return -EINVAL;
		for (uint64_t cpu = from; cpu <= to && cpu < CPUS_MAX; cpu++)
			cpus_add(&c, (unsigned int)cpu);
	}
	*ret = c;
	return 0;
}

int parse_key(struct slice text, const char *key, uint64_t *ret)
{
	struct slice want = slice_str(key);
	struct slice line;

	while (slice_split(&text, '\n', &line)) {
		if (!slice_starts(line, want))
			continue;
		line = slice_from(line, want.n);
		if (line.n > 0 && line.p[0] == ':')
			line = slice_from(line, 1);
		else if (line.n > 0 && !is_blank(line.p[0]))
			continue;
		if (parse_number(&line, ret))
			return 0;
	}
	return 1;
}

int parse_usage_all(struct slice text, struct cpu_use ret[CPUS_MAX])
{
	struct slice line;

	memset(ret, 0, CPUS_MAX * sizeof(ret[0]));
	if (!slice_split(&text, '\n', &line) || !slice_eq_str(line, "cpu user system"))
		return -EINVAL;
	while (slice_split(&text, '\n', &line)) {
		uint64_t cpu;
		struct cpu_use use;

		if (line.n == 0)
			continue;
		if (!parse_number(&line, &cpu) || !parse_number(&line, &use.user_ns) ||
		    !parse_number(&line, &use.system_ns))
			return -EINVAL;
		if (cpu < CPUS_MAX)
			ret[cpu] = use;
	}
	return 0;
}

bool parse_block(struct slice *rest, struct slice *ret)
{
	size_t n = 0;

	if (rest->n == 0)
		return false;
	while (n < rest->n && !(rest->p[n] == '\n' && (n == 0 || rest->p[n - 1] == '\n')))
		n++;
	n = MIN(n + 1, rest->n);
	*ret = (struct slice){ rest->p, n };
	*rest = slice_from(*rest, n);
	return true;
}

bool parse_cpuinfo_block(struct slice block, uint64_t *ret_cpu)
{
	struct slice line;

	while (slice_split(&block, '\n', &line)) {
		struct slice key = { line.p, slice_find(line, ':') };
		struct slice value = trimmed(slice_from(line, key.n + 1));

		if (slice_eq_str(trimmed(key), "processor"))
			return num_parse_u64(value, UINT32_MAX, ret_cpu) == 0;
	}
	return false;
}

/* "8:0" */
static int parse_device(struct slice word, uint32_t *ret_major, uint32_t *ret_minor)
{
	struct slice major = { word.p, slice_find(word, ':') };

	if (major.n == word.n || num_parse_u32(major, ret_major) < 0 ||
	    num_parse_u32(slice_from(word, major.n + 1), ret_minor) < 0)
		return -EINVAL;
	return 0;
}

int parse_io_stat(struct slice line, struct disk_use *ret)
{
	struct disk_use d = { 0 };
	const struct {
		const char *key;
		uint64_t *to;
	} keys[] = {
		{ "rbytes=", &d.read_bytes }, { "wbytes=", &d.written_bytes },
		{ "rios=", &d.reads },	      { "wios=", &d.writes },
		{ "dios=", &d.discards },     { "dbytes=", &d.discarded_bytes },
	};
	struct slice word;

	if (!parse_word(&line, &word) || parse_device(word, &d.major, &d.minor) < 0)
		return -EINVAL;
	while (parse_word(&line, &word))
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			struct slice key = slice_str(keys[i].key);

			if (slice_starts(word, key) &&
			    num_parse_u64(slice_from(word, key.n), UINT64_MAX, keys[i].to) < 0)
				return -EINVAL;
		}
	*ret = d;
	return 0;
}

int parse_blkio(struct slice line, uint32_t *ret_major, uint32_t *ret_minor,
		enum parse_io_what *ret_what, uint64_t *ret_value)
{
	struct slice device;
	struct slice what;
	uint32_t major;
	uint32_t minor;
	uint64_t value;

	if (!parse_word(&line, &device) || !parse_word(&line, &what) ||
	    !parse_number(&line, &value) || parse_device(device, &major, &minor) < 0)
		return -EINVAL;
	*ret_what = slice_eq_str(what, "Read")	    ? PARSE_IO_READ
		    : slice_eq_str(what, "Write")   ? PARSE_IO_WRITE
		    : slice_eq_str(what, "Discard") ? PARSE_IO_DISCARD
						    : PARSE_IO_OTHER;
	*ret_major = major;
	*ret_minor = minor;
	*ret_value = value;
	return 0;
}
