/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "vfs/views.h"

#define SECTOR 512u
#define DISKS_MAX 128u
#define TEXT_SIZE 65536

struct disks {
	size_t n;
	struct disk_use v[DISKS_MAX];
};

static struct disk_use *disk_of(struct disks *d, uint32_t major, uint32_t minor)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].major == major && d->v[i].minor == minor)
			return &d->v[i];
	if (d->n == DISKS_MAX)
		return NULL;
	d->v[d->n] = (struct disk_use){ .major = major, .minor = minor };
	return &d->v[d->n++];
}

static void take_blkio(struct disks *d, struct slice text, bool bytes)
{
	struct slice line;

	while (slice_split(&text, '\n', &line)) {
		enum parse_io_what what;
		struct disk_use *disk;
		uint32_t major;
		uint32_t minor;
		uint64_t v;

		if (parse_blkio(line, &major, &minor, &what, &v) < 0 || what == PARSE_IO_OTHER)
			continue;
		disk = disk_of(d, major, minor);
		if (!disk)
			return;
		if (what == PARSE_IO_READ)
			*(bytes ? &disk->read_bytes : &disk->reads) = v;
		else if (what == PARSE_IO_WRITE)
			*(bytes ? &disk->written_bytes : &disk->writes) = v;
		else
			*(bytes ? &disk->discarded_bytes : &disk->discards) = v;
	}
}

static void take_io_stat(struct disks *d, struct slice text)
{
	struct slice line;

	while (d->n < DISKS_MAX && slice_split(&text, '\n', &line))
		if (parse_io_stat(line, &d->v[d->n]) == 0)
			d->n++;
}

static void take_disks(struct host *h, struct box *box, struct disks *d)
{
	bool old = cg_version(&h->cg, &box->cg, CG_BLKIO) == 1;
	UNCLEARED char text[TEXT_SIZE];
	ssize_t n = cg_read(&h->cg, &box->cg, CG_IO, 0, text, sizeof(text));

	d->n = 0;
	if (n > 0 && !old)
		take_io_stat(d, (struct slice){ text, (size_t)n });
	if (n > 0 && old)
		take_blkio(d, (struct slice){ text, (size_t)n }, true);
	n = old ? cg_read(&h->cg, &box->cg, CG_IO_OPS, 0, text, sizeof(text)) : 0;
	if (n > 0)
		take_blkio(d, (struct slice){ text, (size_t)n }, false);
}

/* Of the host's devices, those that the container has used, with its share. What the cgroup does
 * not count (merges, times, requests in flight) is 0. */
int view_diskstats(const struct node *n, struct host *h, struct box *box, struct buf *out)
{
	UNCLEARED struct disks used;
	UNCLEARED char text[TEXT_SIZE];
	ssize_t got = host_read(h->diskstats, text, sizeof(text));
	struct slice rest = { text, got > 0 ? (size_t)got : 0 };
	struct slice line;

	(void)n;
	take_disks(h, box, &used);
	while (used.n > 0 && slice_split(&rest, '\n', &line)) {
		struct slice name;
		uint64_t major;
		uint64_t minor;

		if (!parse_number(&line, &major) || !parse_number(&line, &minor) ||
		    !parse_word(&line, &name))
			continue;
		for (size_t i = 0; i < used.n; i++) {
			const struct disk_use *d = &used.v[i];

			if (d->major != major || d->minor != minor)
				continue;
			buf_printf(out,
				   "%4u %7u %.*s %llu 0 %llu 0 %llu 0 %llu 0 0 0 0 %llu 0 %llu 0 0 "
				   "0\n",
				   d->major, d->minor, SLICE_ARG(name),
				   (unsigned long long)d->reads,
				   (unsigned long long)(d->read_bytes / SECTOR),
				   (unsigned long long)d->writes,
				   (unsigned long long)(d->written_bytes / SECTOR),
				   (unsigned long long)d->discards,
				   (unsigned long long)(d->discarded_bytes / SECTOR));
		}
	}
	return 0;
}
