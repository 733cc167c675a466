/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/box.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "linux/at.h"
#include "vfs/nodes.h"
#include "json/json.h"

#define VIEW_MAX 262144u
#define ARENA_MAX (1024u * 1024u)
#define SUFFIX ".json"
#define SWEEP_MIN 256u
#define HASH_MASK ((UINT64_C(1) << BOX_HASH_BITS) - 1)

bool box_is_id(struct slice s)
{
	if (s.n == 0 || s.n > BOX_ID_MAX || s.p[0] == '.')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '-' || c == '.' || c == '+'))
			return false;
	}
	return true;
}

/* FNV-1a over what tells one start of one container from any other. */
static uint64_t hash_of(struct slice id, const struct stat *st)
{
	const uint64_t file[] = { (uint64_t)st->st_ino, (uint64_t)st->st_mtim.tv_sec,
				  (uint64_t)st->st_mtim.tv_nsec };
	const unsigned char *more = (const unsigned char *)file;
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < id.n + sizeof(file); i++) {
		h ^= i < id.n ? (unsigned char)id.p[i] : more[i - id.n];
		h *= 0x100000001b3u;
	}
	h = (h ^ h >> BOX_HASH_BITS) & HASH_MASK;
	return h ? h : 1;
}

static int take_paths(struct box *box, const struct json *cgroup, struct err *err)
{
	for (enum cg_controller c = 0; c < CG_CONTROLLERS; c++) {
		const char *path = json_get_str(cgroup, cg_name(c));

		if (!path && c == CG_CPUACCT)
			path = json_get_str(cgroup, cg_name(CG_CPU));
		if (!path)
			continue;
		if (path[0] != '/' || strlen(path) >= PATH_MAX)
			return err_set(err, -EINVAL, "cgroup.%s: not an absolute path", cg_name(c));
		box->cg.path[c] = strdup(path);
		if (!box->cg.path[c])
			return err_errno(err, -ENOMEM, "cgroup.%s", cg_name(c));
	}
	return 0;
}

static int take_view(struct box *box, const struct json *v, struct err *err)
{
	uint64_t base;

	if (json_get_u64(v, "base", &base) != 0 || base >= UINT32_MAX)
		return err_set(err, -EINVAL, "base: not a user of the host");
	if (json_get_u64(v, "start", &box->start_ns) != 0)
		return err_set(err, -EINVAL, "start: not a time");
	box->base = (uint32_t)base;
	return take_paths(box, json_get(v, "cgroup"), err);
}

int box_parse(struct cg_host *cg, struct slice id, struct slice text, struct box **ret,
	      struct err *err)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	struct json *v;
	struct box *box;
	int r = json_parse(&a, text, &JSON_LIMITS, &v, NULL, err);

	if (r < 0)
		return r;
	box = calloc(1, sizeof(*box));
	if (!box)
		return err_errno(err, -ENOMEM, "container");
	(void)pthread_mutex_init(&box->lock, NULL);
	memcpy(box->id, id.p, MIN(id.n, (size_t)BOX_ID_MAX));
	r = take_view(box, v, err);
	if (r < 0) {
		box_free(cg, box);
		return r;
	}
	*ret = box;
	return 0;
}

void box_free(struct cg_host *cg, struct box *box)
{
	if (!box)
		return;
	cg_done(cg, &box->cg);
	values_done(&box->values);
	(void)pthread_mutex_destroy(&box->lock);
	free(box);
}

void boxes_init(struct boxes *b, int views, struct cg_host *cg)
{
	*b = (struct boxes){ .views = views, .cg = cg, .sweep_at = SWEEP_MIN };
	(void)pthread_mutex_init(&b->lock, NULL);
}

/* Out of its bucket. The table is locked. */
static void remove_at(struct boxes *b, struct box **at)
{
	struct box *box = *at;

	*at = box->next;
	b->n--;
	box->gone = true;
	if (box->refs == 0)
		box_free(b->cg, box);
}

void boxes_done(struct boxes *b)
{
	for (size_t i = 0; i < BOX_BUCKETS; i++)
		while (b->buckets[i])
			remove_at(b, &b->buckets[i]);
	(void)pthread_mutex_destroy(&b->lock);
}

void boxes_put(struct boxes *b, struct box *box)
{
	if (!box)
		return;
	(void)pthread_mutex_lock(&b->lock);
	box->refs--;
	if (box->gone && box->refs == 0)
		box_free(b->cg, box);
	(void)pthread_mutex_unlock(&b->lock);
}

static void load_values(const struct boxes *b, struct box *box)
{
	CLEANUP_BUF struct buf text = BUF_INIT(VALUES_FILE_MAX);
	char name[BOX_ID_MAX + sizeof(".values")];
	CLEANUP_FD int fd = -EBADF;

	(void)snprintf(name, sizeof(name), "%s.values", box->id);
	fd = at_open_plain(b->views, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd >= 0 && file_read_fd(fd, &text) == 0)
		(void)values_parse(&box->values, box->start_ns, buf_slice(&text), nodes_known);
}

int boxes_save_values(struct boxes *b, struct box *box)
{
	CLEANUP_BUF struct buf text = BUF_INIT(VALUES_FILE_MAX);
	char name[BOX_ID_MAX + sizeof(".values")];

	(void)snprintf(name, sizeof(name), "%s.values", box->id);
	values_print(&box->values, box->start_ns, &text);
	if (!buf_ok(&text))
		return -ENOSPC;
	return file_replace_at(b->views, name, buf_slice(&text), 0600, false);
}

/* Of a container of that name: what its file is now. Returns its descriptor. */
static int open_view(const struct boxes *b, const char *id, struct stat *ret)
{
	char name[BOX_ID_MAX + sizeof(SUFFIX)];
	CLEANUP_FD int fd = -EBADF;

	(void)snprintf(name, sizeof(name), "%s" SUFFIX, id);
	fd = at_open_plain(b->views, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, ret) < 0)
		return -errno;
	return S_ISREG(ret->st_mode) ? TAKE_FD(fd) : -ENOENT;
}

static struct box **bucket_of(struct boxes *b, uint64_t hash)
{
	return &b->buckets[hash % BOX_BUCKETS];
}

static struct box *look(struct boxes *b, uint64_t hash)
{
	struct box *box = *bucket_of(b, hash);

	while (box && box->hash != hash)
		box = box->next;
	return box;
}

/* Forgets those whose file has gone or is another one. */
static void sweep(struct boxes *b)
{
	for (size_t i = 0; i < BOX_BUCKETS; i++)
		for (struct box **at = &b->buckets[i]; *at;) {
			struct box *box = *at;
			struct stat st;
			CLEANUP_FD int fd = open_view(b, box->id, &st);

			if (fd < 0 || hash_of(slice_str(box->id), &st) != box->hash)
				remove_at(b, at);
			else
				at = &box->next;
		}
	b->sweep_at = MAX(2 * b->n, (size_t)SWEEP_MIN);
}

/* Opens the container's file and finds or makes what is known of it. The table is locked. */
static struct box *load_locked(struct boxes *b, const char *id)
{
	CLEANUP_BUF struct buf text = BUF_INIT(VIEW_MAX);
	struct stat st;
	CLEANUP_FD int fd = open_view(b, id, &st);
	struct box *box;
	uint64_t hash;

	if (fd < 0)
		return NULL;
	hash = hash_of(slice_str(id), &st);
	box = look(b, hash);
	if (box) /* of another one with the same number, there is none: never mix them up */
		return strcmp(box->id, id) == 0 ? box : NULL;
	if (file_read_fd(fd, &text) < 0 ||
	    box_parse(b->cg, slice_str(id), buf_slice(&text), &box, NULL) < 0)
		return NULL;
	if (b->n >= b->sweep_at)
		sweep(b);
	box->hash = hash;
	load_values(b, box);
	box->next = *bucket_of(b, hash);
	*bucket_of(b, hash) = box;
	b->n++;
	return box;
}

/* Those that nobody is just reading lose their descriptors, one bucket after the other, until half
 * are free. The table is locked, so nobody begins meanwhile. */
static void trim(struct boxes *b)
{
	size_t most = b->cg->most;

	if (!cg_crowded(b->cg))
		return;
	b->cg->most = most / 2;
	for (size_t i = 0; i < BOX_BUCKETS && cg_crowded(b->cg); i++) {
		b->trimmed = (b->trimmed + 1) % BOX_BUCKETS;
		for (struct box *box = b->buckets[b->trimmed]; box; box = box->next)
			if (box->refs == 0)
				cg_close(b->cg, &box->cg);
	}
	b->cg->most = most;
}

struct box *boxes_find(struct boxes *b, struct slice id)
{
	char name[BOX_ID_MAX + 1];
	struct box *box;

	if (!box_is_id(id))
		return NULL;
	(void)snprintf(name, sizeof(name), "%.*s", SLICE_ARG(id));
	(void)pthread_mutex_lock(&b->lock);
	trim(b);
	box = load_locked(b, name);
	if (box)
		box->refs++;
	(void)pthread_mutex_unlock(&b->lock);
	return box;
}

/* The name of the container with that number, from run/views. */
static bool search(const struct boxes *b, uint64_t hash, char ret[BOX_ID_MAX + 1])
{
	int fd = at_open_plain(b->views, ".", O_RDONLY | O_DIRECTORY, 0);
	CLEANUP_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		(void)fd_close(fd);
		return false;
	}
	for (e = readdir(dir); e; e = readdir(dir)) {
		struct slice id = slice_str(e->d_name);
		struct stat st;

		if (!slice_ends(id, SLICE_LIT(SUFFIX)))
			continue;
		id.n -= sizeof(SUFFIX) - 1;
		if (!box_is_id(id) || fstatat(b->views, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    hash_of(id, &st) != hash)
			continue;
		(void)snprintf(ret, BOX_ID_MAX + 1, "%.*s", SLICE_ARG(id));
		return true;
	}
	return false;
}

struct box *boxes_of(struct boxes *b, uint64_t hash)
{
	char id[BOX_ID_MAX + 1];
	struct box *box;

	(void)pthread_mutex_lock(&b->lock);
	trim(b);
	box = look(b, hash);
	if (!box && search(b, hash, id)) {
		box = load_locked(b, id);
		if (box && box->hash != hash)
			box = NULL;
	}
	if (box)
		box->refs++;
	(void)pthread_mutex_unlock(&b->lock);
	return box;
}
