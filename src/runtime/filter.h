/* SPDX-License-Identifier: Apache-2.0 */
/* A seccomp profile (OCI runtime spec, "Seccomp") as the program that the kernel runs (seccomp(2)).
 */
#pragma once

#include "base/buf.h"
#include "json/json.h"

#define FILTER_MAX (4096u * 8u) /* bytes: BPF_MAXINSNS instructions (linux/bpf_common.h) */

/* What the program depends on, in words: two profiles with the same have the same program. */
void filter_key(const struct json *profile, struct buf *ret);

/* Appends the program, an array of struct sock_filter, the one that crun makes of the
 * profile. -ENOTSUP: something in the profile that crun refuses or that this does not know. */
int filter_compile(const struct json *profile, struct buf *ret);
