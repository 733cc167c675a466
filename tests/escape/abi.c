// SPDX-License-Identifier: Apache-2.0
/* System calls of i386 from a 64-bit process: its pointers have to be below 4 GiB. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lock.h"
#include "probe.h"

enum { I386_MOUNT = 21, I386_UMOUNT = 22, X32_BIT = 0x40000000 };

/* The text at an address that fits into 32 bits. */
static uint32_t low(const char *text)
{
	static char *page;
	size_t n = strlen(text) + 1;
	char *place;

	if (!page) {
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		if (page == MAP_FAILED)
			say_errno("mmap");
	}
	place = page;
	memcpy(place, text, n);
	page += n;
	return (uint32_t)(uintptr_t)place;
}

/* Kernels without the ABI, and some hypervisors, answer the instruction with this signal. */
static void no_abi(int signal)
{
	(void)signal;
	say("ENOSYS", "int 0x80");
}

static long call32(long number, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e)
{
#ifdef __x86_64__
	struct sigaction action = { .sa_handler = no_abi };
	long result;

	sigaction(SIGSEGV, &action, NULL);
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"((uint64_t)a), "c"((uint64_t)b), "d"((uint64_t)c),
			   "S"((uint64_t)d), "D"((uint64_t)e)
			 : "memory", "r8", "r9", "r10", "r11");
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
#else
	(void)number, (void)a, (void)b, (void)c, (void)d, (void)e;
	errno = ENOSYS;
	return -1;
#endif
}

void old_umount(const char *target)
{
	if (call32(I386_UMOUNT, low(target), 0, 0, 0, 0) < 0)
		say_errno("umount");
	say("UMOUNTED", target);
}

void old_remount(const char *target)
{
	if (call32(I386_MOUNT, low("none"), low(target), low(""), MS_REMOUNT | MS_BIND, 0) < 0)
		say_errno("mount");
	write_in(target);
}

/* One that is new comes with the masks that the container's own has, and goes again. */
void old_proc(const char *file)
{
	const char *target = own_folder("proc");
	char path[256], text[64];
	int n;

	if (call32(I386_MOUNT, low("proc"), low(target), low("proc"), 0, 0) < 0)
		say_errno("mount");
	snprintf(path, sizeof(path), "%s/%s", target, file);
	n = read_text(path, text, sizeof(text));
	if (call32(I386_UMOUNT, low(target), 0, 0, 0, 0) < 0)
		say_errno("umount");
	say(n > 0 ? "READ_OK" : "MASKED", path);
}

void x32_remount(const char *target)
{
	if (syscall(SYS_mount | X32_BIT, "none", target, NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
		say_errno("mount");
	write_in(target);
}
