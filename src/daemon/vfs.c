/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define TICK_NS (200 * LOOP_NSEC_PER_MSEC)
#define LOOKS_MAX 2 /* with nothing done since the one before */

static int map_slots(struct vfs *v)
{
	struct stat st;
	void *p;

	if (fstat(v->slots, &st) < 0)
		return -errno;
	if (st.st_size != (off_t)sizeof(*v->map))
		return -EINVAL; /* another version's */
	p = mmap(NULL, sizeof(*v->map), PROT_READ, MAP_SHARED, v->slots, 0);
	if (p == MAP_FAILED)
		return -errno;
	v->map = p;
	return 0;
}

bool vfs_take(struct vfs *v, const char *name, int take_fd)
{
	int *to = strcmp(name, CONTROL_VFS_HOLD_FUSE) == 0    ? &v->fuse
		  : strcmp(name, CONTROL_VFS_HOLD_SLOTS) == 0 ? &v->slots
							      : NULL;

	if (!to || *to >= 0) {
		(void)fd_close(take_fd);
		return false;
	}
	*to = take_fd;
	return true;
}

static int make_slots(struct vfs *v, struct err *err)
{
	CLEANUP_FD int fd = memfd_create("gabion-vfs", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	/* A reader must not find it shorter than it was. */
	if (fd < 0 || ftruncate(fd, sizeof(*v->map)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_errno(err, -errno, "memory for requests of containers");
	v->slots = TAKE_FD(fd);
	r = map_slots(v);
	return r < 0 ? err_errno(err, r, "memory for requests of containers") : 0;
}

static int make_mount(struct vfs *v, const char *path, struct err *err)
{
	CLEANUP_FD int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[128];

	if (fd < 0)
		return err_errno(err, -errno,
				 "/dev/fuse, for emulated files (`modprobe fuse` makes it)");
	(void)snprintf(options, sizeof(options),
		       "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions",
		       fd);
	if (mount("gabion-vfs", path, "fuse.gabion-vfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  options) < 0)
		return err_errno(err, -errno, "mounting %s", path);
	v->fuse = TAKE_FD(fd);
	return 0;
}

int vfs_open(struct vfs *v, const struct instance *inst, struct err *err)
{
	char path[PATH_MAX];
	int r;

	if (v->fuse >= 0 && v->slots >= 0 && map_slots(v) == 0)
		return 0;
	vfs_done(v);
	(void)snprintf(path, sizeof(path), "%s/vfs", inst->run);
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		; /* a former one's, which nobody can answer for any more */
	if (mkdir(path, 0711) < 0 && errno != EEXIST)
		return err_errno(err, -errno, "%s", path);
	r = make_slots(v, err);
	if (r == 0)
		r = make_mount(v, path, err);
	if (r < 0) {
		vfs_done(v);
		return r;
	}
	return VFS_MADE;
}

void vfs_keep(const struct vfs *v, struct hold *h)
{
	if (v->fuse < 0)
		return;
	hold_keep(h, CONTROL_VFS_HOLD_FUSE, v->fuse);
	hold_keep(h, CONTROL_VFS_HOLD_SLOTS, v->slots);
}

/* Number of the request that is in a slot; 0: none. */
static uint64_t request_in(const struct control_vfs_slot *slot)
{
	struct fuse_in_header head;

	memcpy(&head, slot->request, sizeof(head));
	return head.len > 0 ? head.unique : 0;
}

bool vfs_look(struct vfs *v)
{
	struct pollfd p = { .fd = v->fuse, .events = POLLIN };
	uint64_t rounds = 0;
	bool stuck = false;

	for (size_t i = 0; i < CONTROL_VFS_WORKERS; i++) {
		const struct control_vfs_slot *slot = &v->map->slots[i];
		uint64_t request = request_in(slot);

		rounds += __atomic_load_n(&slot->rounds, __ATOMIC_ACQUIRE);
		v->stood[i] = request && request == v->request[i] ? v->stood[i] + 1 : 0;
		v->request[i] = request;
		stuck = stuck || v->stood[i] >= LOOKS_MAX;
	}
	if (rounds == v->rounds && poll(&p, 1, 0) == 1 && (p.revents & POLLIN))
		v->waited++;
	else
		v->waited = 0;
	v->rounds = rounds;
	return stuck || v->waited >= LOOKS_MAX;
}

static void forget_looks(struct vfs *v)
{
	memset(v->request, 0, sizeof(v->request));
	memset(v->stood, 0, sizeof(v->stood));
	v->waited = 0;
}

static void on_tick(struct loop_timer *t)
{
	struct vfs *v = CONTAINER_OF(t, struct vfs, tick);

	loop_timer_in(v->loop, t, TICK_NS, on_tick);
	if (!vfs_look(v))
		return;
	forget_looks(v);
	v->stuck(v);
}

void vfs_watch(struct vfs *v, struct loop *l, void (*stuck)(struct vfs *v))
{
	v->loop = l;
	v->stuck = stuck;
	forget_looks(v);
	loop_timer_in(l, &v->tick, TICK_NS, on_tick);
}

void vfs_watch_stop(struct vfs *v)
{
	if (v->loop)
		loop_timer_stop(v->loop, &v->tick);
	v->loop = NULL;
}

void vfs_done(struct vfs *v)
{
	vfs_watch_stop(v);
	if (v->map)
		(void)munmap((void *)v->map, sizeof(*v->map));
	v->map = NULL;
	v->fuse = fd_close(v->fuse);
	v->slots = fd_close(v->slots);
}
