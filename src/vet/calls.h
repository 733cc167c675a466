/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that are vetted, in every ABI of this machine. */
#pragma once

#include <stdint.h>

enum vet_call {
	VET_OTHER,
	VET_MOUNT,     /* mount(2) */
	VET_UMOUNT,    /* umount2(2) */
	VET_OLDUMOUNT, /* umount(2) of 32-bit ABIs, which has no flags */
	VET_FSOPEN,    /* fsopen(2) */
};

/* arch and nr as a notification has them (seccomp(2)). */
enum vet_call vet_call_of(uint32_t arch, int nr);

/* Fills the table that it looks in. Before anything else, once. */
void vet_calls_init(void);
