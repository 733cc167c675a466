/* SPDX-License-Identifier: Apache-2.0 */
/* Any text in the place of a file of a cgroup, of /proc, of run/views, or of what is written to a
 * node. What is taken can be printed and is taken again. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vfs/box.h"
#include "vfs/nodes.h"
#include "vfs/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void try_values(struct slice text)
{
	struct values v = { .n = 0 };
	struct values again = { .n = 0 };
	struct buf out = BUF_INIT(2 * VALUES_FILE_MAX);

	if (values_parse(&v, 1, text, nodes_known) == 0 && v.n > 0) {
		values_print(&v, 1, &out);
		must(buf_ok(&out));
		must(values_parse(&again, 1, buf_slice(&out), nodes_known) == 0);
		must(again.n == v.n);
	}
	values_done(&v);
	values_done(&again);
	buf_done(&out);
}

static void try_knobs(struct slice text)
{
	char once[VALUE_MAX];
	char twice[VALUE_MAX];

	for (size_t i = 0; i < nodes_count(); i++)
		if (nodes[i].knob && knob_check(nodes[i].knob, text, once, sizeof(once)) == 0) {
			must(knob_check(nodes[i].knob, slice_str(once), twice, sizeof(twice)) == 0);
			must(strcmp(once, twice) == 0);
		}
}

static void try_view(struct slice text)
{
	static struct cg_host cg;
	struct box *box;
	struct err err = ERR_INIT;

	if (box_parse(&cg, SLICE_LIT("box"), text, &box, &err) == 0) {
		must(box->base < UINT32_MAX);
		box_free(&cg, box);
	} else {
		must(err.text[0] != '\0');
	}
}

static void try_lines(struct slice text)
{
	static struct cpu_use use[CPUS_MAX];
	struct slice rest = text;
	struct slice line;
	struct disk_use disk;
	enum parse_io_what what;
	uint32_t a;
	uint32_t b;
	uint64_t v;
	size_t all = 0;

	(void)parse_usage_all(text, use);
	while (slice_split(&rest, '\n', &line)) {
		(void)parse_io_stat(line, &disk);
		(void)parse_blkio(line, &a, &b, &what, &v);
	}
	rest = text;
	while (parse_block(&rest, &line)) {
		must(line.n > 0);
		all += line.n;
		(void)parse_cpuinfo_block(line, &v);
	}
	must(all == text.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice text = { (const char *)data, n };
	struct cpus cpus;
	uint64_t v;
	uint64_t w;

	if (n > 65536)
		return 0;
	(void)parse_limit(text, &v);
	(void)parse_cpu_max(text, &v, &w);
	(void)parse_key(text, "MemTotal", &v);
	if (parse_cpus(text, &cpus) == 0) {
		cpus_keep(&cpus, 3);
		must(cpus_count(&cpus) <= 3);
	}
	(void)box_is_id(text);
	try_lines(text);
	try_values(text);
	try_knobs(text);
	try_view(text);
	return 0;
}
