/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/leases.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define TABLE_MAGIC 0x326c6267u /* "gbl2" */
#define RECORDS_MAX 8192u
#define RECLAIM_AT 1024u  /* live-looking records before the first look at /proc */
#define ADOPT_STEPS 500	  /* of 10 ms: how long a start of another version is waited for */
#define LOCK_TABLE 0	  /* byte locked while the table is changed */
#define LOCK_RECORDS 4096 /* byte LOCK_RECORDS + index is locked while a container is made */

struct header {
	uint32_t magic;
	uint32_t records; /* how many follow */
	uint32_t used;	  /* of them with size != 0 */
	uint32_t reclaim; /* look at /proc when used reaches this */
	uint64_t next;	  /* first id to try */
	char boot[40];	  /* /proc/sys/kernel/random/boot_id */
	uint64_t pidns;	  /* inode of the pid namespace whose /proc shows all who use the table */
	char pad[128 - 72];
};

struct record {
	uint32_t base;
	uint32_t size; /* 0: free */
	char id[LEASE_ID_MAX];
	char pad[128 - 88];
};

_Static_assert(sizeof(struct header) == 128 && sizeof(struct record) == 128,
	       "one record, one write");

struct table {
	int fd;
	bool foreign; /* another version of gabion wrote it: what it says is unknown */
	struct header h;
	struct record *r; /* h.records of them, room for RECORDS_MAX */
};

static off_t record_at(uint32_t index)
{
	return (off_t)sizeof(struct header) + (off_t)index * (off_t)sizeof(struct record);
}

#define LOCK_BUSY 1 /* somebody else has it */

static int lock_bytes(int fd, int cmd, short type, off_t at, off_t n)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = n };

	while (fcntl(fd, cmd, &l) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return LOCK_BUSY;
		if (errno != EINTR)
			return -errno;
	}
	return cmd == F_OFD_GETLK && l.l_type != F_UNLCK ? LOCK_BUSY : 0;
}

static int lock_byte(int fd, int cmd, short type, off_t at)
{
	return lock_bytes(fd, cmd, type, at, 1);
}

static int read_boot_id(char ret[40])
{
	CLEANUP_BUF struct buf b = BUF_INIT(128);
	int r = file_read("/proc/sys/kernel/random/boot_id", &b);

	if (r < 0)
		return r;
	if (b.n < 36)
		return -EINVAL;
	memset(ret, 0, 40);
	memcpy(ret, b.p, 36);
	return 0;
}

static void table_done(struct table *t)
{
	t->fd = fd_close(t->fd);
	free(t->r);
	t->r = NULL;
}

#define TABLE_INIT ((struct table){ .fd = -EBADF })

/* 0 where it cannot be known: then nothing is ever freed. */
static uint64_t own_pidns(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

/* A table of another boot is as good as empty: no process of it lives. */
static void table_reset(struct table *t, const char boot[40])
{
	t->h = (struct header){ .magic = TABLE_MAGIC, .reclaim = RECLAIM_AT };
	memcpy(t->h.boot, boot, sizeof(t->h.boot));
	t->h.pidns = own_pidns();
}

static int table_read(struct table *t)
{
	char boot[40];
	size_t want;
	ssize_t n;
	int r = read_boot_id(boot);

	if (r < 0)
		return r;
	n = pread(t->fd, &t->h, sizeof(t->h), 0);
	if (n < 0)
		return -errno;
	t->foreign = n > 0 && ((size_t)n != sizeof(t->h) || t->h.magic != TABLE_MAGIC ||
			       t->h.records > RECORDS_MAX);
	if (n == 0 || t->foreign || memcmp(t->h.boot, boot, sizeof(boot)) != 0)
		table_reset(t, boot);
	t->r = calloc(RECORDS_MAX, sizeof(*t->r)); /* memory is what is touched of it */
	if (!t->r)
		return -ENOMEM;
	want = t->h.records * sizeof(*t->r);
	n = want ? pread(t->fd, t->r, want, record_at(0)) : 0;
	if (n < 0)
		return -errno;
	/* Written after its record, the header cannot count more than there are; were it so, a
	 * missing record would be a range somebody may have: refuse. */
	return (size_t)n == want ? 0 : -EUCLEAN;
}

static int table_open(const char *dir, int flags, struct table *t, struct err *err)
{
	char path[INSTANCE_PATH_MAX];

	if (flags & O_CREAT) {
		int r = file_mkdirs(dir, 0755);

		if (r < 0)
			return err_errno(err, r, "folder of id leases %s", dir);
	}
	(void)snprintf(path, sizeof(path), "%s/table", dir);
	t->fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (t->fd < 0)
		return err_errno(err, -errno, "id leases %s", path);
	/* Who may read it can lock it, and hold up every start. */
	if ((flags & O_CREAT) && fchmod(t->fd, 0600) < 0)
		return err_errno(err, -errno, "id leases %s", path);
	return 0;
}

static int write_at(int fd, const void *p, size_t n, off_t at)
{
	ssize_t w = pwrite(fd, p, n, at);

	if (w < 0)
		return -errno;
	return (size_t)w == n ? 0 : -ENOSPC;
}

/* The ids of the host that a process has, those of the first line of its map; 0, or NO_IDS for one
 * that is gone, or -errno: a process that cannot be looked at may be using any range. */
#define NO_IDS 1

static int outer_ids(int proc, const char *pid, struct range *ret)
{
	char path[NAME_MAX + sizeof("/uid_map")];
	char text[64];
	CLEANUP_FD int fd = -EBADF;
	struct slice rest;
	struct slice word;
	uint32_t v[3];
	size_t got = 0;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/uid_map", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -errno : fd_read_full(fd, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT || n == -ESRCH ? NO_IDS : (int)n;
	if (n == 0) /* a user namespace without a map: it has no ids */
		return NO_IDS;
	rest = (struct slice){ text, slice_find((struct slice){ text, (size_t)n }, '\n') };
	while (got < 3 && slice_split(&rest, ' ', &word)) {
		if (word.n > 0 && num_parse_u32(word, &v[got++]) < 0)
			return -EUCLEAN;
	}
	if (got < 3)
		return -EUCLEAN;
	*ret = (struct range){ .start = v[1], .count = v[2] };
	return 0;
}

/* Calls fn with the ids of every process; what it returns ends it. */
static int each_process(int (*fn)(const struct range *ids, void *data), void *data)
{
	CLEANUP_DIR DIR *proc = opendir("/proc");
	struct dirent *e;

	if (!proc)
		return -errno;
	while ((e = readdir(proc))) {
		struct range ids;
		int r = isdigit((unsigned char)e->d_name[0])
				? outer_ids(dirfd(proc), e->d_name, &ids)
				: NO_IDS;

		if (r == 0)
			r = fn(&ids, data);
		if (r < 0)
			return r;
	}
	return 0;
}

struct marks {
	const struct table *t;
	bool *live;
};

static int mark_live(const struct range *ids, void *data)
{
	const struct marks *m = data;

	for (uint32_t i = 0; i < m->t->h.records; i++)
		if (ids->start >= m->t->r[i].base &&
		    ids->start < (uint64_t)m->t->r[i].base + m->t->r[i].size)
			m->live[i] = true;
	return 0;
}

/* Frees every record that nobody is making and no process uses. The locks are looked at first: a
 * container whose lock was gone then had its process before that. */
static int reclaim(struct table *t)
{
	CLEANUP_FREE bool *live = calloc(t->h.records + 1, sizeof(*live));
	struct marks marks = { .t = t, .live = live };
	int r;

	if (!live)
		return -ENOMEM;
	if (t->h.pidns == 0 || t->h.pidns != own_pidns())
		return 0; /* our /proc does not show everybody */
	for (uint32_t i = 0; i < t->h.records; i++) {
		r = t->r[i].size ? lock_byte(t->fd, F_OFD_GETLK, F_WRLCK, LOCK_RECORDS + i) : 0;
		if (r < 0)
			return r;
		live[i] = r == LOCK_BUSY;
	}
	r = each_process(mark_live, &marks);
	if (r < 0)
		return r;
	t->h.used = 0;
	for (uint32_t i = 0; i < t->h.records; i++) {
		if (t->r[i].size && !live[i]) {
			t->r[i] = (struct record){ .size = 0 };
			r = write_at(t->fd, &t->r[i], sizeof(t->r[i]), record_at(i));
			if (r < 0)
				return r;
		}
		t->h.used += t->r[i].size != 0;
	}
	t->h.reclaim = MIN(MAX(RECLAIM_AT, t->h.used * 2), RECORDS_MAX);
	return 0;
}

/* The first id after a record that overlaps [start, start+size), or 0. */
static uint64_t record_hit(const struct table *t, uint64_t start, uint32_t size)
{
	for (uint32_t i = 0; i < t->h.records; i++) {
		uint64_t end = (uint64_t)t->r[i].base + t->r[i].size;

		if (t->r[i].size && start < end && t->r[i].base < start + size)
			return end;
	}
	return 0;
}

/* First free place at or after `from` in one range of the pool. */
static bool find_in(const struct table *t, const struct ranges *taken, const struct range *in,
		    uint64_t from, uint32_t size, uint64_t *ret)
{
	uint64_t end = (uint64_t)in->start + in->count;
	uint64_t at = MAX(from, (uint64_t)in->start);

	while (at + size <= end) {
		uint64_t skip = record_hit(t, at, size);

		if (!skip && !ranges_hit(taken, (uint32_t)at, size, &skip)) {
			*ret = at;
			return true;
		}
		at = skip;
	}
	return false;
}

static bool find_free(const struct table *t, const struct ranges *pool, const struct ranges *taken,
		      uint32_t size, uint64_t *ret)
{
	for (int pass = 0; pass < 2; pass++) {
		uint64_t from = pass == 0 ? t->h.next : 0;

		for (size_t i = 0; i < pool->n; i++)
			if (find_in(t, taken, &pool->r[i], from, size, ret))
				return true;
	}
	return false;
}

/* Puts a record in a place at or behind the end. Those between may hold what another version wrote.
 */
static int put_record(struct table *t, const struct record *rec, uint32_t at)
{
	int r = 0;

	for (uint32_t i = t->h.records; r == 0 && i < at; i++)
		r = write_at(t->fd, &t->r[i], sizeof(t->r[i]), record_at(i));
	if (r == 0)
		r = write_at(t->fd, rec, sizeof(*rec), record_at(at));
	if (r < 0)
		return r;
	t->r[at] = *rec;
	t->h.records = MAX(t->h.records, at + 1);
	t->h.used++;
	return 0;
}

/* A free record whose lock is ours now. A byte can be locked though its record is free, by whoever
 * inherited the descriptor of a lease that was given back, or by another version: then the next
 * one. LOCK_BUSY when there is none. */
static int lock_free_record(const struct table *t, uint32_t *ret)
{
	for (uint32_t i = t->h.used < t->h.records ? 0 : t->h.records; i < RECORDS_MAX; i++) {
		int r = t->r[i].size ? LOCK_BUSY
				     : lock_byte(t->fd, F_OFD_SETLK, F_WRLCK, LOCK_RECORDS + i);

		if (r == LOCK_BUSY)
			continue;
		*ret = i;
		return r;
	}
	return LOCK_BUSY;
}

struct adoption {
	struct table *t;
	const struct ranges *pool;
};

static int adopt_one(const struct range *ids, void *data)
{
	struct adoption *a = data;
	struct table *t = a->t;
	struct record rec = { .base = ids->start, .size = ids->count, .id = "another version's" };
	uint64_t end;

	if (ids->count > INT32_MAX || !ranges_hit(a->pool, ids->start, ids->count, &end))
		return 0;
	for (uint32_t i = 0; i < t->h.records; i++)
		if (t->r[i].base <= ids->start &&
		    (uint64_t)ids->start + ids->count <= (uint64_t)t->r[i].base + t->r[i].size)
			return 0;
	return t->h.records < RECORDS_MAX ? put_record(t, &rec, t->h.records) : -ENOSPC;
}

/*
 * The table was written by another version: no word of it can be relied on, but its containers run.
 * Whose process has ids of the pool gets a record. One that is only being started has no process
 * yet, and shows by the lock that all versions hold meanwhile: that is waited for, with an end,
 * since whoever holds it for long has its processes.
 */
static int adopt(struct table *t, const struct ranges *pool)
{
	static const struct timespec step = { .tv_nsec = 10000000 };
	struct adoption a = { .t = t, .pool = pool };

	for (int i = 0; i < ADOPT_STEPS; i++) {
		int r = lock_bytes(t->fd, F_OFD_GETLK, F_WRLCK, LOCK_RECORDS, RECORDS_MAX);

		if (r < 0)
			return r;
		if (r == 0)
			break;
		(void)nanosleep(&step, NULL);
	}
	return each_process(adopt_one, &a);
}

static int used_up(const struct table *t, const struct ranges *pool, uint32_t size, struct err *err)
{
	uint64_t all = 0;

	for (size_t i = 0; i < pool->n; i++)
		all += pool->r[i].count;
	return err_set(
		err, -ENOSPC,
		"no %u ids are free: the range for containers (%llu ids from %u) is used by %u "
		"containers; stop some, or give gabion a larger range in /etc/subuid and "
		"/etc/subgid (gabion:START:COUNT)",
		size, (unsigned long long)all, pool->n ? pool->r[0].start : 0, t->h.used);
}

/* With the table locked: picks, records, locks the record. */
static int take_locked(struct table *t, const struct ranges *pool, const struct ranges *taken,
		       uint32_t size, const char *id, struct lease *ret, struct err *err)
{
	struct record rec = { .size = size };
	uint64_t base;
	uint32_t i;
	int r;

	r = table_read(t);
	if (r == 0 && t->foreign)
		r = adopt(t, pool);
	if (r == 0 && t->h.used >= t->h.reclaim)
		r = reclaim(t);
	if (r == 0 && !find_free(t, pool, taken, size, &base)) {
		r = reclaim(t);
		if (r == 0 && !find_free(t, pool, taken, size, &base))
			return used_up(t, pool, size, err);
	}
	if (r < 0)
		return err_errno(err, r, "id leases");
	if (t->h.used >= RECORDS_MAX)
		return used_up(t, pool, size, err);
	rec.base = (uint32_t)base;
	(void)snprintf(rec.id, sizeof(rec.id), "%s", id);
	r = lock_free_record(t, &i);
	if (r == LOCK_BUSY)
		return err_set(err, -EBUSY,
			       "id leases: every free record is locked by other processes (lslocks "
			       "shows by which)");
	if (r == 0)
		r = put_record(t, &rec, i);
	t->h.next = base + size;
	if (r == 0)
		r = write_at(t->fd, &t->h, sizeof(t->h), 0);
	if (r < 0)
		return err_errno(err, r, "id leases: cannot write");
	*ret = (struct lease){ .fd = -EBADF, .index = i, .base = rec.base, .size = size };
	return 0;
}

int lease_take(const char *dir, const struct ranges *pool, const struct ranges *taken,
	       uint32_t size, const char *id, struct lease *ret, struct err *err)
{
	struct table t = TABLE_INIT;
	int r;

	r = table_open(dir, O_RDWR | O_CREAT, &t, err);
	if (r == 0) {
		r = lock_byte(t.fd, F_OFD_SETLKW, F_WRLCK, LOCK_TABLE);
		if (r < 0)
			(void)err_errno(err, r, "id leases: cannot lock");
	}
	if (r == 0)
		r = take_locked(&t, pool, taken, size, id, ret, err);
	if (r == 0) {
		(void)lock_byte(t.fd, F_OFD_SETLK, F_UNLCK, LOCK_TABLE);
		ret->fd = TAKE_FD(t.fd);
	}
	table_done(&t);
	return r;
}

void lease_drop(struct lease *l)
{
	struct table t = TABLE_INIT;

	if (l->fd < 0)
		return;
	t.fd = l->fd;
	if (lock_byte(t.fd, F_OFD_SETLKW, F_WRLCK, LOCK_TABLE) == 0 && table_read(&t) == 0 &&
	    l->index < t.h.records && t.r[l->index].base == l->base) {
		struct record empty = { .size = 0 };

		t.h.used -= t.h.used > 0;
		if (write_at(t.fd, &empty, sizeof(empty), record_at(l->index)) == 0)
			(void)write_at(t.fd, &t.h, sizeof(t.h), 0);
	}
	/* Not by its end: a child may have inherited the descriptor. */
	(void)lock_byte(t.fd, F_OFD_SETLK, F_UNLCK, LOCK_TABLE);
	table_done(&t);
	l->fd = -EBADF;
}

void lease_done(struct lease *l)
{
	l->fd = fd_close(l->fd);
}

int lease_each(const char *dir, int (*fn)(const struct lease_info *l, void *data), void *data,
	       struct err *err)
{
	struct table t = TABLE_INIT;
	int r;

	r = table_open(dir, O_RDONLY, &t, err);
	if (r == -ENOENT)
		return 0;
	if (r == 0) {
		r = table_read(&t);
		if (r < 0)
			(void)err_errno(err, r, "id leases");
	}
	for (uint32_t i = 0; r == 0 && i < t.h.records; i++) {
		struct lease_info info = { .base = t.r[i].base, .size = t.r[i].size };

		if (info.size == 0)
			continue;
		info.starting = lock_byte(t.fd, F_OFD_GETLK, F_RDLCK, LOCK_RECORDS + i) > 0;
		(void)snprintf(info.id, sizeof(info.id), "%.*s", LEASE_ID_MAX - 1, t.r[i].id);
		r = fn(&info, data);
	}
	table_done(&t);
	return r;
}
