/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe tries one known technique of breaking out of a container and says how far it came, in one
 * word. Each runs in a process of its own with an alarm and ends by say(), say_errno() or worked().
 * None does harm where it succeeds: it writes back what it read, opens without writing, passes
 * arguments that are refused behind the permission check, or acts on files made for this.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	PROBE_MOUNTS =
		1u
		<< 0, /* changes mounts: in a mount namespace of its own, where it may have one */
	PROBE_ASKED = 1u << 1, /* only when asked for by id: needs a container made for it */
};

struct probe {
	const char *id;	  /* of a row of rows.tsv */
	const char *part; /* what tells the row's probes apart; "" for a single one */
	unsigned flags;	  /* PROBE_… */
	void (*call)(const char *arg);
	const char *arg;
};

/* Each ends in an entry without an id. */
extern const struct probe probes_proc[], probes_sys[], probes_mount[], probes_lock[],
	probes_device[], probes_call[], probes_kernel[], probes_race[], probes_watch[];

/* End the process. A word is an errno's name if and only if the kernel refused. */
_Noreturn void say(const char *word, const char *detail);
/* The errno of the step that failed; one that only shows that the permission check was passed is
 * REACHED. */
_Noreturn void say_errno(const char *step);
_Noreturn void say_reached(const char *step, int errno_behind_the_check);

/* Whether values may be changed: in a cage, where the host's must stay as they are. Else they are
 * written back. */
bool may_change(void);

/* The file's first bytes, as text; negative: nothing (errno). Pseudo files have no size. */
int read_text(const char *path, char *text, size_t size);

/* What the harness binds: a folder of the host, read-only and writable; the writable one is for
 * files of ours. */
#define RO_BIND "/ro"
#define RW_BIND "/rw"
/* A folder made for this probe, in the container's own files. */
const char *own_folder(const char *name);

/* Makes a file in a folder of the host that is bound read-only: WRITTEN, else the errno. Where
 * values may be changed the file is left for the harness to find. */
_Noreturn void write_in(const char *folder);
