/* SPDX-License-Identifier: Apache-2.0 */
/* Probes that only differ in the path they are tried on. Words: see each. */
#pragma once

#include "probe.h"

void op_write_back(const char *path); /* WRITE_OK: what was read is written again */
void op_change(
	const char *path); /* like that; where values may be changed the number plus one: VIRT */
void op_open_write(const char *path); /* OPEN_OK: opened for writing, nothing written */
void op_open_read(const char *path);  /* OPEN_OK: a device was opened for reading */
void op_read(const char *path);	      /* READ, EMPTY */
void op_value(const char *path);      /* VALUE: the harness compares the detail with the host's */
void op_list(const char *path);	      /* LISTED, EMPTY: entries of a folder */
void op_mount(const char *type);      /* MOUNTED: a file system without a source */
