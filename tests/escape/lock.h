/* SPDX-License-Identifier: Apache-2.0 */
/* The same with the system calls of other ABIs of this processor: int 0x80 and x32. ENOSYS
 * elsewhere. */
#pragma once

void old_umount(const char *target);
void old_remount(const char *target);
void old_proc(const char *file);
void x32_remount(const char *target);
