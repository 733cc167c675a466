/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the kernel whether it knows something, by calls that change nothing. Each returns 0 for yes
 * or the -errno with which the kernel said no. */
#pragma once

int probe_openat2(void);
int probe_pidfd(void);
int probe_peer_pidfd(void); /* of whoever connected (6.5) */

/* A flag of seccomp(2)'s SECCOMP_SET_MODE_FILTER. */
int probe_seccomp_flag(unsigned long flag);

/* SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (Linux 6.6); a child installs a filter that allows all. */
int probe_notify_sync_wake_up(void);
