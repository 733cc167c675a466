/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/containers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "linux/idmap.h"
#include "json/json.h"

#define RECORD_MAX (1u << 16)
#define SUFFIX ".json"
#define CONTAINERS_MAX 65536

const char *container_state_name(enum container_state state)
{
	switch (state) {
	case CONTAINER_RUNNING:
		return "running";
	case CONTAINER_STOPPED:
		return "stopped";
	case CONTAINER_UNKNOWN:
		break;
	}
	return "unknown";
}

/* A 32-bit number of the record. */
static int get_u32(const struct json *doc, const char *key, uint32_t *ret)
{
	uint64_t v;

	if (json_get_u64(doc, key, &v) != 0 || v > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

int container_parse(struct arena *a, struct slice text, struct container *ret,
		    const char **ret_pid_file)
{
	struct json_limits limits = JSON_LIMITS;
	struct json *doc;
	const char *bundle;

	if (json_parse(a, text, &limits, &doc, NULL, NULL) < 0 || !json_get_str(doc, "id") ||
	    get_u32(doc, "base", &ret->base) < 0 || get_u32(doc, "size", &ret->size) < 0)
		return -EINVAL;
	bundle = json_get_str(doc, "bundle");
	ret->id = json_get_str(doc, "id");
	ret->bundle = bundle ? bundle : "";
	*ret_pid_file = json_get_str(doc, "pidFile");
	return 0;
}

bool container_has_map(struct slice uid_map, uint32_t base)
{
	CLEANUP_FREE struct idmap *map = calloc(1, sizeof(*map));
	uint32_t outside;

	return map && idmap_parse(uid_map, map) == 0 && idmap_outside(map, 0, &outside) &&
	       outside == base;
}

static bool process_has_map(pid_t pid, uint32_t base)
{
	CLEANUP_BUF struct buf map = BUF_INIT(RECORD_MAX);
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	return file_read(path, &map) == 0 && container_has_map(buf_slice(&map), base);
}

/* The pid that the file names, if that process has the container's ids; 0 otherwise. The engine of
 * a private instance names its pid files as its own mount namespace shows them: `root` is the root
 * directory of a process in there, or "". */
static pid_t named_pid(const char *root, const char *pid_file, uint32_t base)
{
	CLEANUP_BUF struct buf number = BUF_INIT(64);
	char path[PATH_MAX];
	uint32_t pid;

	(void)snprintf(path, sizeof(path), "%s%s", root, pid_file);
	if (file_read(path, &number) < 0)
		return 0;
	while (number.n > 0 && number.p[number.n - 1] == '\n')
		number.n--;
	if (num_parse_u32(buf_slice(&number), &pid) != 0 || pid == 0 || pid > INT32_MAX)
		return 0;
	return process_has_map((pid_t)pid, base) ? (pid_t)pid : 0;
}

/* The first process with these ids; for build steps, which have no pid file. */
static pid_t found_pid(uint32_t base)
{
	CLEANUP_DIR DIR *proc = opendir("/proc");
	struct dirent *entry;
	uint32_t first = 0;

	while (proc && (entry = readdir(proc))) {
		uint32_t pid;

		if (num_parse_u32(slice_str(entry->d_name), &pid) != 0 || pid > INT32_MAX ||
		    (first != 0 && pid > first))
			continue;
		if (process_has_map((pid_t)pid, base))
			first = pid;
	}
	return (pid_t)first;
}

static pid_t live_pid(const char *root, const char *pid_file, uint32_t base)
{
	pid_t pid;

	if (!pid_file)
		return found_pid(base);
	pid = named_pid(root, pid_file, base);
	return pid == 0 && root[0] != '\0' ? named_pid("", pid_file, base) : pid;
}

/* One record; its name without the suffix stands in for the id of one that cannot be read. */
static int load_one(struct arena *a, const char *root, int dir, const char *name,
		    struct container *ret)
{
	CLEANUP_BUF struct buf text = BUF_INIT(RECORD_MAX);
	const char *pid_file = NULL;
	struct stat st;

	*ret = (struct container){ .state = CONTAINER_UNKNOWN, .bundle = "" };
	ret->id = arena_dup(a, name, strlen(name) - strlen(SUFFIX));
	if (!ret->id)
		return -ENOMEM;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		ret->created = st.st_mtim.tv_sec;
	if (file_read_at(dir, name, &text) < 0 ||
	    container_parse(a, buf_slice(&text), ret, &pid_file) < 0)
		return 0;
	ret->pid = live_pid(root, pid_file, ret->base);
	ret->state = ret->pid > 0 ? CONTAINER_RUNNING : CONTAINER_STOPPED;
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	const struct container *x = a;
	const struct container *y = b;

	if (x->created != y->created)
		return x->created < y->created ? 1 : -1;
	return strcmp(x->id, y->id);
}

static bool is_record(const char *name)
{
	return name[0] != '.' && slice_ends(slice_str(name), SLICE_LIT(SUFFIX));
}

int containers_load(struct arena *a, const struct instance *inst, pid_t inside,
		    struct containers *ret, struct err *err)
{
	CLEANUP_DIR DIR *dir = NULL;
	char root[64] = "";
	char path[PATH_MAX];
	struct dirent *entry;

	*ret = (struct containers){ .n = 0 };
	if (inside > 0)
		(void)snprintf(root, sizeof(root), "/proc/%d/root", inside);
	(void)snprintf(path, sizeof(path), "%s/containers", inst->run);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(err, -errno, "%s", path);
	ret->list = arena_array(a, CONTAINERS_MAX, sizeof(*ret->list));
	if (!ret->list)
		return err_set(err, -ENOMEM, "out of memory");
	while ((entry = readdir(dir)) && ret->n < CONTAINERS_MAX) {
		if (!is_record(entry->d_name))
			continue;
		if (load_one(a, root, dirfd(dir), entry->d_name, &ret->list[ret->n]) < 0)
			return err_set(err, -ENOMEM, "out of memory");
		ret->n++;
	}
	qsort(ret->list, ret->n, sizeof(*ret->list), newest_first);
	return 0;
}
