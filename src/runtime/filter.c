/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/filter.h"

#include <ctype.h>
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/util.h"

#define PREFIX "SCMP_ARCH_"
#define ARGS_MAX 6

static const char *const parts[] = { "defaultAction", "defaultErrnoRet", "architectures",
				     "syscalls" };

void filter_key(const struct json *profile, struct buf *ret)
{
	const struct scmp_version *v = seccomp_version();

	buf_printf(ret, "libseccomp %u.%u.%u", v->major, v->minor, v->micro);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const struct json *part = json_get(profile, parts[i]);

		buf_printf(ret, "\n%s ", parts[i]);
		if (part)
			json_emit(part, ret);
	}
}

/* holder[key]: the error of an action that has one, EPERM where it does not say. */
static int read_errno(const struct json *holder, const char *key, bool wanted, uint16_t *ret)
{
	uint64_t v = EPERM;

	if (json_get(holder, key) &&
	    (!wanted || json_get_u64(holder, key, &v) != 0 || v > UINT16_MAX))
		return -ENOTSUP;
	*ret = (uint16_t)v;
	return 0;
}

static int read_action(const struct json *holder, const char *key, const char *errno_key,
		       uint32_t *ret)
{
	const char *name = json_get_str(holder, key);
	uint16_t code;
	static const struct {
		const char *name;
		uint32_t action;
	} plain[] = {
		{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
		{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
		{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
		{ "SCMP_ACT_KILL", SCMP_ACT_KILL },
		{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
		{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY },
	};
	bool is_errno = name && strcmp(name, "SCMP_ACT_ERRNO") == 0;
	bool is_trace = name && strcmp(name, "SCMP_ACT_TRACE") == 0;
	int r = name ? read_errno(holder, errno_key, is_errno || is_trace, &code) : -ENOTSUP;

	if (r < 0)
		return r;
	if (is_errno || is_trace) {
		*ret = is_errno ? SCMP_ACT_ERRNO(code) : SCMP_ACT_TRACE(code);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		if (strcmp(name, plain[i].name) == 0) {
			*ret = plain[i].action;
			return 0;
		}
	return -ENOTSUP;
}

static int add_arches(scmp_filter_ctx ctx, const struct json *list)
{
	if (!list)
		return 0;
	if (!json_is(list, JSON_ARRAY))
		return -ENOTSUP;
	for (size_t i = 0; i < list->n; i++) {
		const char *name = json_str(list->items[i]);
		char lower[32] = "";
		uint32_t arch;
		int r;

		if (!name || strncmp(name, PREFIX, strlen(PREFIX)) != 0 ||
		    strlen(name) - strlen(PREFIX) >= sizeof(lower))
			return -ENOTSUP;
		name += strlen(PREFIX);
		for (size_t k = 0; name[k]; k++)
			lower[k] = (char)tolower((unsigned char)name[k]);
		arch = seccomp_arch_resolve_name(lower);
		r = arch == 0 ? -ENOTSUP : seccomp_arch_add(ctx, arch);
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return 0;
}

static int read_op(const char *name, enum scmp_compare *ret)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} ops[] = {
		{ "SCMP_CMP_NE", SCMP_CMP_NE },
		{ "SCMP_CMP_LT", SCMP_CMP_LT },
		{ "SCMP_CMP_LE", SCMP_CMP_LE },
		{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
		{ "SCMP_CMP_GE", SCMP_CMP_GE },
		{ "SCMP_CMP_GT", SCMP_CMP_GT },
		{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	};

	for (size_t i = 0; name && i < ARRAY_SIZE(ops); i++)
		if (strcmp(name, ops[i].name) == 0) {
			*ret = ops[i].op;
			return 0;
		}
	return -ENOTSUP;
}

/* *ret_each: an argument is looked at twice, which stands for so many rules. */
static int read_args(const struct json *list, struct scmp_arg_cmp ret[ARGS_MAX], unsigned *ret_n,
		     bool *ret_each)
{
	unsigned seen = 0;

	*ret_n = 0;
	*ret_each = false;
	if (!list)
		return 0;
	if (!json_is(list, JSON_ARRAY) || list->n > ARGS_MAX)
		return -ENOTSUP;
	for (size_t i = 0; i < list->n; i++) {
		const struct json *arg = list->items[i];
		struct scmp_arg_cmp *to = &ret[i];
		uint64_t index;
		uint64_t two = 0;

		if (json_get_u64(arg, "index", &index) != 0 || index >= ARGS_MAX ||
		    json_get_u64(arg, "value", &to->datum_a) != 0 ||
		    (json_get(arg, "valueTwo") && json_get_u64(arg, "valueTwo", &two) != 0) ||
		    read_op(json_get_str(arg, "op"), &to->op) < 0)
			return -ENOTSUP;
		to->arg = (unsigned)index;
		to->datum_b = two;
		*ret_each |= (seen & 1u << index) != 0;
		seen |= 1u << index;
	}
	*ret_n = (unsigned)list->n;
	return 0;
}

static int add_rule(scmp_filter_ctx ctx, const struct json *rule, uint32_t otherwise)
{
	const struct json *names = json_get(rule, "names");
	struct scmp_arg_cmp args[ARGS_MAX];
	uint32_t action;
	unsigned n;
	bool each;
	int r = read_action(rule, "action", "errnoRet", &action);

	if (r == 0)
		r = read_args(json_get(rule, "args"), args, &n, &each);
	if (r < 0 || !json_is(names, JSON_ARRAY))
		return -ENOTSUP;
	if (action == otherwise)
		return 0;
	for (size_t i = 0; r == 0 && i < names->n; i++) {
		const char *name = json_str(names->items[i]);
		int nr = name ? seccomp_syscall_resolve_name(name) : __NR_SCMP_ERROR;

		if (!name)
			return -ENOTSUP;
		/* Newer than this library, and perhaps not than the lower runtime's: what is not
		 * allowed shall not be forgotten. */
		if (nr == __NR_SCMP_ERROR && action != SCMP_ACT_ALLOW && action != SCMP_ACT_LOG)
			return -ENOTSUP;
		if (nr == __NR_SCMP_ERROR)
			continue;
		if (!each)
			r = seccomp_rule_add_array(ctx, action, nr, n, args);
		for (unsigned k = 0; each && r == 0 && k < n; k++)
			r = seccomp_rule_add_array(ctx, action, nr, 1, &args[k]);
	}
	return r;
}

static int export(scmp_filter_ctx ctx, struct buf *ret)
{
	CLEANUP_FD int fd = memfd_create("filter", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);

	if (r < 0)
		return r;
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : file_read_fd(fd, ret);
}

int filter_compile(const struct json *profile, struct buf *ret)
{
	const struct json *rules = json_get(profile, "syscalls");
	scmp_filter_ctx ctx;
	uint32_t otherwise;
	int r = read_action(profile, "defaultAction", "defaultErrnoRet", &otherwise);

	if (r < 0 || (rules && !json_is(rules, JSON_ARRAY)))
		return -ENOTSUP;
	ctx = seccomp_init(otherwise);
	if (!ctx)
		return -ENOTSUP;
	r = add_arches(ctx, json_get(profile, "architectures"));
	for (size_t i = 0; r == 0 && rules && i < rules->n; i++)
		r = add_rule(ctx, rules->items[i], otherwise);
	if (r == 0)
		r = export(ctx, ret);
	seccomp_release(ctx);
	return r;
}
