/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor-facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAMES_SHOWN 5 /* of overlapping owners; the rest is counted */

const struct kernel_hole kernel_holes[] = {
	{ "CVE-2022-0185", "fsconfig overflow", { 5, 17, 0 }, { { 5, 16, 2 }, { 5, 15, 16 } } },
	{ "CVE-2022-0492", "cgroup release_agent", { 5, 17, 0 }, { { 5, 16, 6 }, { 5, 15, 20 } } },
	{ "CVE-2022-0847", "dirty pipe", { 5, 17, 0 }, { { 5, 16, 11 }, { 5, 15, 25 } } },
	{ "CVE-2023-0386",
	  "overlay copy-up of setuid",
	  { 6, 2, 0 },
	  { { 6, 1, 9 }, { 5, 15, 91 } } },
	{ "CVE-2023-32233",
	  "nf_tables anonymous sets",
	  { 6, 4, 0 },
	  { { 6, 3, 2 }, { 6, 2, 15 }, { 6, 1, 28 }, { 5, 15, 111 } } },
	{ "CVE-2024-1086",
	  "nf_tables verdicts",
	  { 6, 8, 0 },
	  { { 6, 7, 3 }, { 6, 6, 15 }, { 6, 1, 76 }, { 5, 15, 149 } } },
};
const size_t kernel_holes_count = ARRAY_SIZE(kernel_holes);

static const struct {
	const char *name;
	unsigned bit;
} controllers[] = {
	{ "cpu", CGROUP_CPU },	     { "devices", CGROUP_DEVICES }, { "freezer", CGROUP_FREEZER },
	{ "memory", CGROUP_MEMORY }, { "pids", CGROUP_PIDS },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Takes a number off the front; false when there is none. */
static bool take_number(struct slice *s, uint32_t *ret)
{
	size_t n = 0;

	while (n < s->n && is_digit(s->p[n]))
		n++;
	if (n == 0 || num_parse_u32((struct slice){ s->p, n }, ret) != 0)
		return false;
	*s = slice_from(*s, n);
	return true;
}

static bool take_dot_number(struct slice *s, uint32_t *ret)
{
	struct slice rest = *s;

	if (rest.n == 0 || rest.p[0] != '.')
		return false;
	rest = slice_from(rest, 1);
	if (!take_number(&rest, ret))
		return false;
	*s = rest;
	return true;
}

/* Whether a word may start at `at`: "v1.2" starts at the digit. */
static bool starts_at(struct slice text, size_t at)
{
	if (at == 0)
		return true;
	if (text.p[at - 1] == 'v')
		return at == 1 || !is_word(text.p[at - 2]);
	return !is_word(text.p[at - 1]) && text.p[at - 1] != '.';
}

int version_find(struct slice text, struct version *ret)
{
	for (size_t i = 0; i < text.n; i++) {
		struct slice rest = slice_from(text, i);
		struct version v = { 0 };

		if (!is_digit(text.p[i]) || !starts_at(text, i))
			continue;
		if (!take_number(&rest, &v.major) || !take_dot_number(&rest, &v.minor))
			continue;
		(void)take_dot_number(&rest, &v.patch);
		*ret = v;
		return 0;
	}
	return -ENOENT;
}

static int compare(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

int version_compare(struct version a, struct version b)
{
	if (a.major != b.major)
		return compare(a.major, b.major);
	if (a.minor != b.minor)
		return compare(a.minor, b.minor);
	return compare(a.patch, b.patch);
}

/* Index one past the first `word` in s, or 0. */
static size_t after(struct slice s, const char *word)
{
	size_t n = strlen(word);
	const char *p = s.n >= n ? memmem(s.p, s.n, word, n) : NULL;

	return p ? (size_t)(p - s.p) + n : 0;
}

int kernel_base_version(struct slice release, struct slice uname_version, struct slice signature,
			struct version *ret)
{
	size_t at = after(uname_version, "Debian ");
	struct slice last = SLICE_NULL;
	struct slice rest = signature;

	if (at > 0 && version_find(slice_from(uname_version, at), ret) == 0)
		return 0;
	while (rest.p) {
		struct slice word;

		if (slice_split(&rest, ' ', &word) && word.n > 0)
			last = word;
	}
	if (last.n > 0 && version_find(last, ret) == 0)
		return 0;
	return version_find(release, ret);
}

int wsl_generation(struct slice release)
{
	if (after(release, "WSL2") || after(release, "microsoft-standard"))
		return 2;
	return after(release, "Microsoft") ? 1 : 0;
}

bool kernel_hole_fixed(const struct kernel_hole *hole, struct version kernel)
{
	if (version_compare(kernel, hole->fixed) >= 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(hole->branches); i++) {
		struct version branch = hole->branches[i];

		if (branch.major == kernel.major && branch.minor == kernel.minor)
			return kernel.patch >= branch.patch;
	}
	return false;
}

/* Whether a comma-separated list has this word. */
static bool has_option(struct slice list, const char *word)
{
	struct slice item;

	while (slice_split(&list, ',', &item))
		if (slice_eq_str(item, word))
			return true;
	return false;
}

void cgroup_note(struct cgroup_layout *layout, const struct mountinfo_entry *mount)
{
	if (strcmp(mount->type, "cgroup") == 0) {
		layout->v1 = true;
		layout->controllers |= cgroup_controllers(mount->super);
	} else if (strcmp(mount->type, "cgroup2") == 0) {
		layout->v2 = true;
		layout->nsdelegate |= has_option(mount->super, "nsdelegate");
		if (layout->unified[0] == '\0')
			(void)snprintf(layout->unified, sizeof(layout->unified), "%s",
				       mount->point);
	}
}

enum cgroup_mode cgroup_mode(const struct cgroup_layout *layout)
{
	if (layout->v1)
		return layout->v2 ? CGROUP_HYBRID : CGROUP_V1;
	return layout->v2 ? CGROUP_V2 : CGROUP_NONE;
}

unsigned cgroup_controllers(struct slice list)
{
	unsigned found = 0;
	size_t start = 0;

	for (size_t i = 0; i <= list.n; i++) {
		if (i < list.n && !strchr(" ,\n", list.p[i]))
			continue;
		for (size_t c = 0; c < ARRAY_SIZE(controllers); c++)
			if (slice_eq_str((struct slice){ list.p + start, i - start },
					 controllers[c].name))
				found |= controllers[c].bit;
		start = i + 1;
	}
	return found;
}

void cgroup_names(unsigned bits, struct buf *out)
{
	const char *between = "";

	for (size_t c = 0; c < ARRAY_SIZE(controllers); c++) {
		if (!(bits & controllers[c].bit))
			continue;
		buf_printf(out, "%s%s", between, controllers[c].name);
		between = ", ";
	}
}

static bool is_comment(struct slice line)
{
	return line.n == 0 || line.p[0] == '#';
}

int subid_line(struct slice line, struct slice *ret_name, struct range *ret)
{
	struct slice field[3];
	struct slice rest = line;
	struct range range;

	if (is_comment(line))
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(field); i++)
		if (!slice_split(&rest, ':', &field[i]))
			return -EINVAL;
	if (rest.p || field[0].n == 0 || num_parse_u32(field[1], &range.start) != 0 ||
	    num_parse_u32(field[2], &range.count) != 0)
		return -EINVAL;
	*ret_name = field[0];
	*ret = range;
	return 0;
}

int account_line(struct slice line, struct slice *ret_name, uint32_t *ret)
{
	struct slice field[3];
	struct slice rest = line;

	if (is_comment(line))
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(field); i++)
		if (!slice_split(&rest, ':', &field[i]))
			return -EINVAL;
	if (field[0].n == 0 || num_parse_u32(field[2], ret) != 0)
		return -EINVAL;
	*ret_name = field[0];
	return 0;
}

/* Says who, for the first few. */
static void show(struct buf *out, size_t already, struct slice name, uint32_t first, uint32_t count)
{
	if (already >= NAMES_SHOWN)
		return;
	buf_printf(out, "%s%.*s %u", already > 0 ? ", " : "", SLICE_ARG(name), first);
	if (count > 0)
		buf_printf(out, "+%u", count);
}

static void show_rest(struct buf *out, size_t n)
{
	if (n > NAMES_SHOWN)
		buf_printf(out, " and %zu more", n - NAMES_SHOWN);
}

size_t subid_others(struct slice text, const char *name, const struct ranges *pool, struct buf *out)
{
	struct range other;
	struct slice line;
	struct slice owner;
	uint64_t end;
	size_t n = 0;

	while (slice_split(&text, '\n', &line)) {
		if (subid_line(line, &owner, &other) != 0 || slice_eq_str(owner, name))
			continue;
		if (other.count > 0 && ranges_hit(pool, other.start, other.count, &end))
			show(out, n++, owner, other.start, other.count);
	}
	show_rest(out, n);
	return n;
}

size_t accounts_within(struct slice text, const struct ranges *pool, struct buf *out)
{
	struct slice line;
	struct slice name;
	uint64_t end;
	uint32_t id;
	size_t n = 0;

	while (slice_split(&text, '\n', &line)) {
		if (account_line(line, &name, &id) != 0)
			continue;
		if (ranges_hit(pool, id, 1, &end))
			show(out, n++, name, id, 0);
	}
	show_rest(out, n);
	return n;
}
