/* SPDX-License-Identifier: Apache-2.0 */
/* The tables follow the Go types of the runtime spec's specs-go/config.go, version 1.2, and the few
 * keys of 1.3 that lower runtimes already read. */
#include "base/util.h"
#include "oci/spec.h"

static const struct shape shape_any_map = SHAPE_MAP_OF(&shape_any);

/* process */

static const struct shape_member box_members[] = {
	{ "height", &shape_uint },
	{ "width", &shape_uint },
};
static const struct shape box_ptr = SHAPE_POINTER_TO(box_members);

static const struct shape list_uint32 = SHAPE_LIST_OF(&shape_uint32);

static const struct shape_member user_members[] = {
	{ "uid", &shape_uint32 },	{ "gid", &shape_uint32 },
	{ "umask", &shape_uint32_ptr }, { "additionalGids", &list_uint32 },
	{ "username", &shape_string },
};
static const struct shape user = SHAPE_STRUCT_OF(user_members);

static const struct shape_member capabilities_members[] = {
	{ "bounding", &shape_strings },	   { "effective", &shape_strings },
	{ "inheritable", &shape_strings }, { "permitted", &shape_strings },
	{ "ambient", &shape_strings },
};
static const struct shape capabilities_ptr = SHAPE_POINTER_TO(capabilities_members);

static const struct shape_member rlimit_members[] = {
	{ "type", &shape_string },
	{ "hard", &shape_uint },
	{ "soft", &shape_uint },
};
static const struct shape rlimit = SHAPE_STRUCT_OF(rlimit_members);
static const struct shape rlimits = SHAPE_LIST_OF(&rlimit);

static const struct shape_member scheduler_members[] = {
	{ "policy", &shape_string }, { "nice", &shape_int32 },	 { "priority", &shape_int32 },
	{ "flags", &shape_strings }, { "runtime", &shape_uint }, { "deadline", &shape_uint },
	{ "period", &shape_uint },
};
static const struct shape scheduler_ptr = SHAPE_POINTER_TO(scheduler_members);

static const struct shape_member io_priority_members[] = {
	{ "class", &shape_string },
	{ "priority", &shape_int },
};
static const struct shape io_priority_ptr = SHAPE_POINTER_TO(io_priority_members);

static const struct shape_member cpu_affinity_members[] = {
	{ "initial", &shape_string },
	{ "final", &shape_string },
};
static const struct shape cpu_affinity_ptr = SHAPE_POINTER_TO(cpu_affinity_members);

static const struct shape_member process_members[] = {
	{ "terminal", &shape_bool },
	{ "consoleSize", &box_ptr },
	{ "user", &user },
	{ "args", &shape_strings },
	{ "commandLine", &shape_string },
	{ "env", &shape_strings },
	{ "cwd", &shape_string },
	{ "capabilities", &capabilities_ptr },
	{ "rlimits", &rlimits },
	{ "noNewPrivileges", &shape_bool },
	{ "apparmorProfile", &shape_string },
	{ "oomScoreAdj", &shape_int_ptr },
	{ "scheduler", &scheduler_ptr },
	{ "selinuxLabel", &shape_string },
	{ "ioPriority", &io_priority_ptr },
	{ "execCPUAffinity", &cpu_affinity_ptr },
};
const struct shape oci_process_shape = SHAPE_POINTER_TO(process_members);

/* root, mounts, hooks */

static const struct shape_member root_members[] = {
	{ "path", &shape_string },
	{ "readonly", &shape_bool },
};
static const struct shape root_ptr = SHAPE_POINTER_TO(root_members);

static const struct shape_member id_mapping_members[] = {
	{ "containerID", &shape_uint32 },
	{ "hostID", &shape_uint32 },
	{ "size", &shape_uint32 },
};
static const struct shape id_mapping = SHAPE_STRUCT_OF(id_mapping_members);
static const struct shape id_mappings = SHAPE_LIST_OF(&id_mapping);

static const struct shape_member mount_members[] = {
	{ "destination", &shape_string }, { "type", &shape_string },
	{ "source", &shape_string },	  { "options", &shape_strings },
	{ "uidMappings", &id_mappings },  { "gidMappings", &id_mappings },
};
static const struct shape mount = SHAPE_STRUCT_OF(mount_members);
static const struct shape mounts = SHAPE_LIST_OF(&mount);

static const struct shape_member hook_members[] = {
	{ "path", &shape_string },
	{ "args", &shape_strings },
	{ "env", &shape_strings },
	{ "timeout", &shape_int_ptr },
};
static const struct shape hook = SHAPE_STRUCT_OF(hook_members);
static const struct shape hook_list = SHAPE_LIST_OF(&hook);

static const struct shape_member hooks_members[] = {
	{ "prestart", &hook_list },	   { "createRuntime", &hook_list },
	{ "createContainer", &hook_list }, { "startContainer", &hook_list },
	{ "poststart", &hook_list },	   { "poststop", &hook_list },
};
static const struct shape hooks_ptr = SHAPE_POINTER_TO(hooks_members);

/* linux.resources */

static const struct shape_member device_rule_members[] = {
	{ "allow", &shape_bool },    { "type", &shape_string },	  { "major", &shape_int_ptr },
	{ "minor", &shape_int_ptr }, { "access", &shape_string },
};
static const struct shape device_rule = SHAPE_STRUCT_OF(device_rule_members);
static const struct shape device_rules = SHAPE_LIST_OF(&device_rule);

static const struct shape_member memory_members[] = {
	{ "limit", &shape_int_ptr },
	{ "reservation", &shape_int_ptr },
	{ "swap", &shape_int_ptr },
	{ "kernel", &shape_int_ptr },
	{ "kernelTCP", &shape_int_ptr },
	{ "swappiness", &shape_uint_ptr },
	{ "disableOOMKiller", &shape_bool_ptr },
	{ "useHierarchy", &shape_bool_ptr },
	{ "checkBeforeUpdate", &shape_bool_ptr },
};
static const struct shape memory_ptr = SHAPE_POINTER_TO(memory_members);

static const struct shape_member cpu_members[] = {
	{ "shares", &shape_uint_ptr },
	{ "quota", &shape_int_ptr },
	{ "burst", &shape_uint_ptr },
	{ "period", &shape_uint_ptr },
	{ "realtimeRuntime", &shape_int_ptr },
	{ "realtimePeriod", &shape_uint_ptr },
	{ "cpus", &shape_string },
	{ "mems", &shape_string },
	{ "idle", &shape_int_ptr },
};
static const struct shape cpu_ptr = SHAPE_POINTER_TO(cpu_members);

static const struct shape_member pids_members[] = {
	{ "limit", &shape_int_ptr }, /* a plain int64 before 1.3 */
};
static const struct shape pids_ptr = SHAPE_POINTER_TO(pids_members);

static const struct shape_member weight_members[] = {
	{ "major", &shape_int },
	{ "minor", &shape_int },
	{ "weight", &shape_uint16_ptr },
	{ "leafWeight", &shape_uint16_ptr },
};
static const struct shape weight = SHAPE_STRUCT_OF(weight_members);
static const struct shape weights = SHAPE_LIST_OF(&weight);

static const struct shape_member throttle_members[] = {
	{ "major", &shape_int },
	{ "minor", &shape_int },
	{ "rate", &shape_uint },
};
static const struct shape throttle = SHAPE_STRUCT_OF(throttle_members);
static const struct shape throttles = SHAPE_LIST_OF(&throttle);

static const struct shape_member block_io_members[] = {
	{ "weight", &shape_uint16_ptr },
	{ "leafWeight", &shape_uint16_ptr },
	{ "weightDevice", &weights },
	{ "throttleReadBpsDevice", &throttles },
	{ "throttleWriteBpsDevice", &throttles },
	{ "throttleReadIOPSDevice", &throttles },
	{ "throttleWriteIOPSDevice", &throttles },
};
static const struct shape block_io_ptr = SHAPE_POINTER_TO(block_io_members);

static const struct shape_member hugepage_members[] = {
	{ "pageSize", &shape_string },
	{ "limit", &shape_uint },
};
static const struct shape hugepage = SHAPE_STRUCT_OF(hugepage_members);
static const struct shape hugepages = SHAPE_LIST_OF(&hugepage);

static const struct shape_member net_priority_members[] = {
	{ "name", &shape_string },
	{ "priority", &shape_uint32 },
};
static const struct shape net_priority = SHAPE_STRUCT_OF(net_priority_members);
static const struct shape net_priorities = SHAPE_LIST_OF(&net_priority);

static const struct shape_member network_members[] = {
	{ "classID", &shape_uint32_ptr },
	{ "priorities", &net_priorities },
};
static const struct shape network_ptr = SHAPE_POINTER_TO(network_members);

static const struct shape_member rdma_members[] = {
	{ "hcaHandles", &shape_uint32_ptr },
	{ "hcaObjects", &shape_uint32_ptr },
};
static const struct shape rdma = SHAPE_STRUCT_OF(rdma_members);
static const struct shape rdma_map = SHAPE_MAP_OF(&rdma);

static const struct shape_member resources_members[] = {
	{ "devices", &device_rules },
	{ "memory", &memory_ptr },
	{ "cpu", &cpu_ptr },
	{ "pids", &pids_ptr },
	{ "blockIO", &block_io_ptr },
	{ "network", &network_ptr },
	{ "hugepageLimits", &hugepages },
	{ "rdma", &rdma_map },
	{ "unified", &shape_string_map },
};
const struct shape oci_resources_shape = SHAPE_POINTER_TO(resources_members);

/* linux */

static const struct shape_member namespace_members[] = {
	{ "type", &shape_string },
	{ "path", &shape_string },
};
static const struct shape namespace = SHAPE_STRUCT_OF(namespace_members);
static const struct shape namespaces = SHAPE_LIST_OF(&namespace);

static const struct shape_member device_members[] = {
	{ "path", &shape_string },	   { "type", &shape_string },
	{ "major", &shape_int },	   { "minor", &shape_int },
	{ "fileMode", &shape_uint32_ptr }, { "uid", &shape_uint32_ptr },
	{ "gid", &shape_uint32_ptr },
};
static const struct shape device = SHAPE_STRUCT_OF(device_members);
static const struct shape devices = SHAPE_LIST_OF(&device);

static const struct shape_member net_device_members[] = {
	{ "name", &shape_string },
};
static const struct shape net_device = SHAPE_STRUCT_OF(net_device_members);
static const struct shape net_devices = SHAPE_MAP_OF(&net_device);

static const struct shape_member seccomp_arg_members[] = {
	{ "index", &shape_uint },
	{ "value", &shape_uint },
	{ "valueTwo", &shape_uint },
	{ "op", &shape_string },
};
static const struct shape seccomp_arg = SHAPE_STRUCT_OF(seccomp_arg_members);
static const struct shape seccomp_args = SHAPE_LIST_OF(&seccomp_arg);

static const struct shape_member syscall_members[] = {
	{ "names", &shape_strings },
	{ "action", &shape_string },
	{ "errnoRet", &shape_uint_ptr },
	{ "args", &seccomp_args },
};
static const struct shape syscall_rule = SHAPE_STRUCT_OF(syscall_members);
static const struct shape syscall_rules = SHAPE_LIST_OF(&syscall_rule);

static const struct shape_member seccomp_members[] = {
	{ "defaultAction", &shape_string },  { "defaultErrnoRet", &shape_uint_ptr },
	{ "architectures", &shape_strings }, { "flags", &shape_strings },
	{ "listenerPath", &shape_string },   { "listenerMetadata", &shape_string },
	{ "syscalls", &syscall_rules },
};
static const struct shape seccomp_ptr = SHAPE_POINTER_TO(seccomp_members);

static const struct shape_member intel_rdt_members[] = {
	{ "closID", &shape_string },	     { "schemata", &shape_any },
	{ "l3CacheSchema", &shape_string },  { "memBwSchema", &shape_string },
	{ "enableCMT", &shape_bool },	     { "enableMBM", &shape_bool },
	{ "enableMonitoring", &shape_bool },
};
static const struct shape intel_rdt_ptr = SHAPE_POINTER_TO(intel_rdt_members);

static const struct shape_member memory_policy_members[] = {
	{ "mode", &shape_string },
	{ "nodes", &shape_string },
	{ "flags", &shape_strings },
};
static const struct shape memory_policy_ptr = SHAPE_POINTER_TO(memory_policy_members);

static const struct shape_member personality_members[] = {
	{ "domain", &shape_string },
	{ "flags", &shape_strings },
};
static const struct shape personality_ptr = SHAPE_POINTER_TO(personality_members);

static const struct shape_member time_offset_members[] = {
	{ "secs", &shape_int },
	{ "nanosecs", &shape_uint32 },
};
static const struct shape time_offset = SHAPE_STRUCT_OF(time_offset_members);
static const struct shape time_offsets = SHAPE_MAP_OF(&time_offset);

static const struct shape_member linux_members[] = {
	{ "uidMappings", &id_mappings },
	{ "gidMappings", &id_mappings },
	{ "sysctl", &shape_string_map },
	{ "resources", &oci_resources_shape },
	{ "cgroupsPath", &shape_string },
	{ "namespaces", &namespaces },
	{ "devices", &devices },
	{ "netDevices", &net_devices },
	{ "seccomp", &seccomp_ptr },
	{ "rootfsPropagation", &shape_string },
	{ "maskedPaths", &shape_strings },
	{ "readonlyPaths", &shape_strings },
	{ "mountLabel", &shape_string },
	{ "intelRdt", &intel_rdt_ptr },
	{ "memoryPolicy", &memory_policy_ptr },
	{ "personality", &personality_ptr },
	{ "timeOffsets", &time_offsets },
};
static const struct shape linux_ptr = SHAPE_POINTER_TO(linux_members);

static const struct shape_member spec_members[] = {
	{ "ociVersion", &shape_string },
	{ "process", &oci_process_shape },
	{ "root", &root_ptr },
	{ "hostname", &shape_string },
	{ "domainname", &shape_string },
	{ "mounts", &mounts },
	{ "hooks", &hooks_ptr },
	{ "annotations", &shape_string_map },
	{ "linux", &linux_ptr },
	/* Other systems' parts: only whether they are there is of interest. */
	{ "solaris", &shape_any_map },
	{ "windows", &shape_any_map },
	{ "vm", &shape_any_map },
	{ "zos", &shape_any_map },
	{ "freebsd", &shape_any_map },
};
const struct shape oci_spec_shape = SHAPE_STRUCT_OF(spec_members);
