/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine would decode of a body, as far as anything in the gate depends on it. */
#include "gate/edit.h"
#include "json/shape.h"

static const struct shape_member driver_members[] = {
	{ "Name", &shape_string },
	{ "Options", &shape_string_map },
};
static const struct shape driver = SHAPE_POINTER_TO(driver_members);

static const struct shape_member volume_options_members[] = {
	{ "Labels", &shape_string_map },
	{ "DriverConfig", &driver },
};
static const struct shape volume_options = SHAPE_POINTER_TO(volume_options_members);

static const struct shape_member bind_options_members[] = {
	{ "NonRecursive", &shape_bool },
	{ "CreateMountpoint", &shape_bool },
};
static const struct shape bind_options = SHAPE_POINTER_TO(bind_options_members);

static const struct shape_member mount_members[] = {
	{ "Type", &shape_string },
	{ "Source", &shape_string },
	{ "Target", &shape_string },
	{ "BindOptions", &bind_options },
	{ "VolumeOptions", &volume_options },
};
static const struct shape mount = SHAPE_STRUCT_OF(mount_members);
static const struct shape mounts = SHAPE_LIST_OF(&mount);

static const struct shape_member host_config_members[] = {
	{ "Binds", &shape_strings },
	{ "VolumeDriver", &shape_string },
	{ "Mounts", &mounts },
	{ "VolumesFrom", &shape_strings },
	{ "Runtime", &shape_string },
	{ "UsernsMode", &shape_string },
	{ "PidMode", &shape_string },
	{ "IpcMode", &shape_string },
	{ "UTSMode", &shape_string },
	{ "NetworkMode", &shape_string },
	{ "CgroupnsMode", &shape_string },
	{ "Privileged", &shape_bool },
	{ "Devices", &edit_shape_devices },
	{ "CapAdd", &shape_strslice },
	{ "SecurityOpt", &shape_strings },
	{ "Links", &shape_strings },
	{ "DeviceCgroupRules", &shape_strings },
	{ "DeviceRequests", &edit_shape_requests },
	{ "LogConfig", &edit_shape_log },
	{ "CgroupParent", &shape_string },
	{ "BlkioWeightDevice", &edit_shape_blkio },
	{ "BlkioDeviceReadBps", &edit_shape_blkio },
	{ "BlkioDeviceWriteBps", &edit_shape_blkio },
	{ "BlkioDeviceReadIOps", &edit_shape_blkio },
	{ "BlkioDeviceWriteIOps", &edit_shape_blkio },
};
const struct shape edit_shape_host_config = SHAPE_POINTER_TO(host_config_members);

static const struct shape_member create_members[] = {
	{ "Image", &shape_string },
	{ "User", &shape_string },
	{ "HostConfig", &edit_shape_host_config },
	{ "NetworkingConfig", &edit_shape_networking },
};
static const struct shape create_shape = SHAPE_STRUCT_OF(create_members);

static const struct shape_member exec_members[] = {
	{ "User", &shape_string },
	{ "Privileged", &shape_bool },
};
static const struct shape exec_shape = SHAPE_STRUCT_OF(exec_members);

static const struct shape_member volume_members[] = {
	{ "Name", &shape_string },
	{ "Driver", &shape_string },
	{ "DriverOpts", &shape_string_map },
	{ "Labels", &shape_string_map },
};
static const struct shape volume_shape = SHAPE_STRUCT_OF(volume_members);

static const struct shape_member config_from_members[] = {
	{ "Network", &shape_string },
};
static const struct shape config_from = SHAPE_POINTER_TO(config_from_members);
static const struct shape_member pool_members[] = {
	{ "Subnet", &shape_string },
};
static const struct shape pool = SHAPE_STRUCT_OF(pool_members);
static const struct shape pools = SHAPE_LIST_OF(&pool);
static const struct shape_member ipam_members[] = {
	{ "Driver", &shape_string },
	{ "Config", &pools },
};
static const struct shape ipam = SHAPE_POINTER_TO(ipam_members);
static const struct shape_member network_members[] = {
	{ "Name", &shape_string },	 { "CheckDuplicate", &shape_bool },
	{ "Driver", &shape_string },	 { "IPAM", &ipam },
	{ "ConfigOnly", &shape_bool },	 { "Options", &shape_string_map },
	{ "Labels", &shape_string_map }, { "ConfigFrom", &config_from },
};
static const struct shape network_shape = SHAPE_STRUCT_OF(network_members);

static const struct shape_member join_members[] = {
	{ "Container", &shape_string },
	{ "Force", &shape_bool },
	{ "EndpointConfig", &edit_shape_endpoint },
};
static const struct shape join_shape = SHAPE_STRUCT_OF(join_members);

const struct shape *edit_shape_of(enum route_kind kind)
{
	switch (kind) {
	case ROUTE_CREATE:
		return &create_shape;
	case ROUTE_EXEC:
		return &exec_shape;
	case ROUTE_VOLUME:
		return &volume_shape;
	case ROUTE_NETWORK:
		return &network_shape;
	case ROUTE_JOIN:
		return &join_shape;
	case ROUTE_RELAY:
	case ROUTE_REFUSE:
	case ROUTE_EXEC_ID:
	case ROUTE_COMMIT:
	case ROUTE_ARCHIVE:
	case ROUTE_BUILD:
	case ROUTE_LIST:
		return &shape_any;
	}
	return &shape_any;
}
