/* SPDX-License-Identifier: Apache-2.0 */
#include "vet/calls.h"

#include <seccomp.h>
#include <stddef.h>

#include "base/util.h"

static const uint32_t arches[] = { SCMP_ARCH_X86_64,  SCMP_ARCH_X86,  SCMP_ARCH_X32,
				   SCMP_ARCH_AARCH64, SCMP_ARCH_ARM,  SCMP_ARCH_RISCV64,
				   SCMP_ARCH_PPC64LE, SCMP_ARCH_S390X };

static const struct {
	const char *name;
	enum vet_call call;
} names[] = {
	{ "mount", VET_MOUNT },
	{ "umount", VET_OLDUMOUNT },
	{ "umount2", VET_UMOUNT },
	{ "fsopen", VET_FSOPEN },
};

static struct {
	uint32_t arch;
	int nr;
	enum vet_call call;
} table[ARRAY_SIZE(arches) * ARRAY_SIZE(names)];
static size_t table_n;

void vet_calls_init(void)
{
	for (size_t a = 0; a < ARRAY_SIZE(arches); a++) {
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			int nr = seccomp_syscall_resolve_name_arch(arches[a], names[i].name);

			if (nr < 0) /* none there, or one that is no number of the kernel's */
				continue;
			table[table_n].arch =
				arches[a] == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : arches[a];
			table[table_n].nr = nr;
			table[table_n++].call = names[i].call;
		}
	}
}

enum vet_call vet_call_of(uint32_t arch, int nr)
{
	for (size_t i = 0; i < table_n; i++)
		if (table[i].arch == arch && table[i].nr == nr)
			return table[i].call;
	return VET_OTHER;
}
