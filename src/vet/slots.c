/* SPDX-License-Identifier: Apache-2.0 */
#include "vet/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "linux/at.h"

#define LOCK_MS 5000 /* as long as a process of ours may take */
#define LOCK_STEP_MS 2
#define MAGIC 0x6776657400000001u /* "gvet", version 1 */

struct file {
	uint64_t magic;
	struct slot slots[CONTROL_HOLD_MAX];
};

static bool is_ours(int fd)
{
	struct stat st;
	uint64_t magic;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_size == (off_t)sizeof(struct file) &&
	       pread(fd, &magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) && magic == MAGIC;
}

static int make(void)
{
	static const uint64_t magic = MAGIC;
	CLEANUP_FD int fd = memfd_create("gabion-vet", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)sizeof(struct file)) < 0 ||
	    pwrite(fd, &magic, sizeof(magic), 0) != (ssize_t)sizeof(magic))
		return -errno;
	return TAKE_FD(fd);
}

/* The lock belongs to the open file, which children have as well (flock(2)). */
static int lock(int fd)
{
	CLEANUP_FD int own = -EBADF;
	char path[AT_FD_PATH_MAX];

	at_fd_path(fd, path);
	own = open(path, O_RDWR | O_CLOEXEC);
	for (int waited = 0; own >= 0 && flock(own, LOCK_EX | LOCK_NB) < 0;
	     waited += LOCK_STEP_MS) {
		if (waited >= LOCK_MS) {
			log_warning("a process of the former gabion-vet does not end");
			break;
		}
		(void)poll(NULL, 0, LOCK_STEP_MS);
	}
	return own < 0 ? -errno : TAKE_FD(own);
}

int slots_open(struct slots *s, int take_fd, struct err *err)
{
	CLEANUP_FD int fd = take_fd;
	CLEANUP_FD int locked = -EBADF;
	struct seccomp_notif_sizes sizes;
	struct file *file;

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		return err_errno(err, -errno, "seccomp notifications");
	if (sizes.seccomp_notif > SLOT_NOTIF_MAX)
		return err_set(err, -ENOTSUP, "seccomp notifications of %u bytes",
			       (unsigned)sizes.seccomp_notif);
	if (!is_ours(fd)) {
		(void)fd_close(fd);
		fd = make();
		if (fd < 0)
			return err_errno(err, fd, "memory for calls");
	}
	locked = lock(fd);
	if (locked < 0)
		return err_errno(err, locked, "locking the memory for calls");
	file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		return err_errno(err, -errno, "memory for calls");
	*s = (struct slots){ .v = file->slots, .fd = TAKE_FD(fd), .lock = TAKE_FD(locked) };
	return 0;
}

struct slot *slots_of(struct slots *s, const char *name)
{
	struct slot *unused = NULL;

	for (size_t i = 0; i < CONTROL_HOLD_MAX; i++) {
		struct slot *slot = &s->v[i];

		if (strncmp(slot->name, name, sizeof(slot->name)) == 0)
			return slot;
		if (!unused && slot->name[0] == '\0')
			unused = slot;
	}
	if (unused) {
		slot_empty(unused);
		(void)snprintf(unused->name, sizeof(unused->name), "%s", name);
	}
	return unused;
}

void slot_free(struct slot *slot)
{
	slot_empty(slot);
	memset(slot->name, 0, sizeof(slot->name));
}

bool slot_is_full(const struct slot *slot)
{
	return slot->notif.id != 0;
}

void slot_empty(struct slot *slot)
{
	memset(slot->room, 0, sizeof(slot->room));
	slot->outcome.result = 0;
	slot->outcome.mark = 0;
	__atomic_store_n(&slot->outcome.done, 0, __ATOMIC_RELEASE);
}
