/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hold.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "linux/mnt.h"
#include "linux/mountinfo.h"
#include "runtime/runtime.h"

#define MOUNTINFO_MAX (16u << 20)
#define PROPAGATION "rootfsPropagation"

/* Makes the spec ask for what clears "unbindable", and is the default of crun. False where the
 * spec wants mounts of the host to come in: that is lost with it. */
static bool becomes_private(struct runtime *rt)
{
	struct json *spec_linux = json_get(rt->spec, "linux");
	const char *asked = json_get_str(spec_linux, PROPAGATION);

	if (asked && *asked && strcmp(asked, "rprivate") != 0)
		return false;
	arena_must(json_set(&rt->arena, spec_linux, PROPAGATION,
			    json_new_str(&rt->arena, "rprivate")) == 0
			   ? spec_linux
			   : NULL);
	return true;
}

static int look_read_only(const struct mountinfo_entry *m, void *data)
{
	const char *path = data;
	size_t n = strlen(path);

	return m->read_only && strncmp(m->point, path, n) == 0 &&
	       (m->point[n] == '\0' || m->point[n] == '/');
}

/* Whether any mount at `path` or below it is read-only: 1 or 0. */
static int has_read_only(const char *path, struct err *err)
{
	CLEANUP_BUF struct buf info = BUF_INIT(MOUNTINFO_MAX);
	int r = mountinfo_read(&info, err);

	return r < 0 ? r : mountinfo_each(buf_slice(&info), look_read_only, (void *)path, err);
}

int hold_lock(struct runtime *rt, const struct bind *b, int mnt, const char *path, struct err *err)
{
	struct mnt_attr attr = { .userns = -EBADF, .propagation = MS_UNBINDABLE };
	int r;

	if (!b->follows && becomes_private(rt)) {
		r = mnt_prepare(mnt, &attr);
		return r < 0 ? err_errno(err, r, "%s: unbindable", b->asked) : 0;
	}
	r = has_read_only(path, err);
	if (r <= 0)
		return r;
	return err_set(
		err, -EOPNOTSUPP,
		"can't mount %s on %s: what is read-only in it could be made writable there, "
		"on a file system of the container's own, since %s; mount it elsewhere, or "
		"without :slave and :shared on any mount",
		b->asked, json_get_str(b->mount, "destination"),
		b->follows ? "it is to follow mounts of the host"
			   : "another mount is to follow those of the host");
}
