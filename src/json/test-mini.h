/* SPDX-License-Identifier: Apache-2.0 */
/* A small likeness of the engine's container create request, for tests: every kind of shape occurs.
 * tests/differential/gojson/main.go declares the same as Go types. */
#pragma once

#include "json/shape.h"

static const struct shape mini_float32 = { .kind = SHAPE_FLOAT, .bits = 32 };
static const struct shape mini_int8 = { .kind = SHAPE_INT, .bits = 8 };
static const struct shape mini_uint16 = { .kind = SHAPE_UINT, .bits = 16 };
static const struct shape mini_string_ptr = { .kind = SHAPE_STRING, .pointer = true };
static const struct shape mini_string_ptrs = SHAPE_LIST_OF(&mini_string_ptr);
static const struct shape mini_int32s = SHAPE_LIST_OF(&shape_int32);
static const struct shape mini_bools = SHAPE_LIST_OF(&shape_bool);
static const struct shape mini_anys = SHAPE_LIST_OF(&shape_any);
static const struct shape mini_any_map = SHAPE_MAP_OF(&shape_any);
static const struct shape mini_int_map = SHAPE_MAP_OF(&shape_int);
static const struct shape mini_string_lists = SHAPE_LIST_OF(&shape_strings);

static const struct shape_member mini_bind_members[] = {
	{ "Propagation", &shape_string },
	{ "Sizes", &mini_int32s },
	{ "Labels", &shape_string_map },
};
static const struct shape mini_bind = SHAPE_STRUCT_OF(mini_bind_members);
static const struct shape mini_bind_ptr = SHAPE_POINTER_TO(mini_bind_members);

static const struct shape_member mini_mount_members[] = {
	{ "Type", &shape_string },   { "Source", &shape_string }, { "Target", &shape_string },
	{ "ReadOnly", &shape_bool }, { "Bind", &mini_bind },	  { "BindOptions", &mini_bind_ptr },
};
static const struct shape mini_mount = SHAPE_STRUCT_OF(mini_mount_members);
static const struct shape mini_mount_ptr = SHAPE_POINTER_TO(mini_mount_members);
static const struct shape mini_mounts = SHAPE_LIST_OF(&mini_mount);
static const struct shape mini_mount_ptrs = SHAPE_LIST_OF(&mini_mount_ptr);
static const struct shape mini_mount_map = SHAPE_MAP_OF(&mini_mount);
static const struct shape mini_mount_ptr_map = SHAPE_MAP_OF(&mini_mount_ptr);
static const struct shape mini_mounts_map = SHAPE_MAP_OF(&mini_mounts);

static const struct shape_member mini_host_members[] = {
	{ "Binds", &shape_strings },
	{ "Mounts", &mini_mounts },
	{ "Privileged", &shape_bool },
	{ "NetworkMode", &shape_string },
	{ "Memory", &shape_int },
	{ "PidsLimit", &shape_int_ptr },
	{ "Init", &shape_bool_ptr },
	{ "KernelMemory", &shape_uint },
	{ "Swappiness", &mini_int8 },
	{ "BlkioWeight", &mini_uint16 },
	{ "CpuPercent", &mini_float32 },
	{ "Ratio", &shape_float },
	{ "Annotations", &shape_string_map },
	{ "PortBindings", &mini_mounts_map },
	{ "Devices", &mini_mount_ptrs },
	{ "ByName", &mini_mount_map },
	{ "ByNamePtr", &mini_mount_ptr_map },
	{ "Dns_Search-1", &mini_string_ptrs },
	{ "Extra", &shape_any },
	{ "Extras", &mini_anys },
	{ "Flags", &mini_bools },
	{ "Counts", &mini_int_map },
	{ "Matrix", &mini_string_lists },
};
static const struct shape mini_host_ptr = SHAPE_POINTER_TO(mini_host_members);

static const struct shape_member mini_members[] = {
	{ "Image", &shape_string },	  { "Cmd", &shape_strslice },  { "Env", &shape_strings },
	{ "Labels", &shape_string_map },  { "Tty", &shape_bool },      { "ask", &shape_string },
	{ "HostConfig", &mini_host_ptr }, { "Opaque", &mini_any_map },
};
static const struct shape mini_shape = SHAPE_STRUCT_OF(mini_members);
