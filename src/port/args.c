/* SPDX-License-Identifier: Apache-2.0 */
#include "port/args.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"
#include "base/util.h"

static const char *const protos[] = {
	[ARGS_TCP] = "tcp",
	[ARGS_UDP] = "udp",
	[ARGS_SCTP] = "sctp",
};
static_assert(ARRAY_SIZE(protos) == ARGS_PROTO_COUNT, "a protocol has no name");

enum option_id {
	OPTION_PROTO,
	OPTION_HOST_IP,
	OPTION_HOST_PORT,
	OPTION_CONTAINER_IP,
	OPTION_CONTAINER_PORT,
	OPTION_NEEDS_VALUE, /* those above do */
	OPTION_USE_LISTEN_FD = OPTION_NEEDS_VALUE,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_COUNT,
};

static const struct {
	const char *name;
	enum option_id id;
} options[] = {
	{ "proto", OPTION_PROTO },
	{ "host-ip", OPTION_HOST_IP },
	{ "host-port", OPTION_HOST_PORT },
	{ "container-ip", OPTION_CONTAINER_IP },
	{ "container-port", OPTION_CONTAINER_PORT },
	{ "use-listen-fd", OPTION_USE_LISTEN_FD },
	{ "h", OPTION_HELP },
	{ "help", OPTION_HELP },
	{ "v", OPTION_VERSION },
	{ "version", OPTION_VERSION },
};

/* What was given; the last of several counts. */
struct given {
	const char *values[OPTION_COUNT]; /* NULL: not given */
};

const char *args_proto_name(enum args_proto proto)
{
	return protos[proto];
}

static int find_option(struct slice name, enum option_id *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (slice_eq_str(name, options[i].name)) {
			*ret = options[i].id;
			return 0;
		}
	return -ENOENT;
}

/* Reads the option at argv[*at] and steps over it and its value. */
static int take_option(int argc, char *const *argv, int *at, struct given *g, struct err *err)
{
	const char *arg = argv[(*at)++];
	size_t dashes = arg[0] != '-' ? 0 : arg[1] != '-' ? 1 : 2;
	struct slice rest = slice_str(arg + dashes);
	const char *value = NULL;
	enum option_id id;
	struct slice name;

	if (dashes == 0 || !slice_split(&rest, '=', &name) || find_option(name, &id) < 0)
		return err_set(err, -EINVAL, "gabion-port does not know \"%s\"", arg);
	if (rest.p)
		value = rest.p;
	else if (id >= OPTION_NEEDS_VALUE)
		value = "true";
	else if (*at < argc)
		value = argv[(*at)++];
	if (!value)
		return err_set(err, -EINVAL, "%s needs a value", arg);
	g->values[id] = value;
	return 0;
}

static int read_switch(const struct given *g, enum option_id id, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
	const char *value = g->values[id];
	bool found = !value;

	*ret = false;
	for (size_t i = 0; i < ARRAY_SIZE(yes) && !found; i++) {
		*ret = strcmp(value, yes[i]) == 0;
		found = *ret || strcmp(value, no[i]) == 0;
	}
	return found ? 0 : -EINVAL;
}

static int read_proto(const char *value, enum args_proto *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		if (strcmp(protos[i], value) == 0) {
			*ret = (enum args_proto)i;
			return 0;
		}
	return err_set(err, -EINVAL, "unsupported protocol %s", value);
}

static int read_addr(const char *what, const char *ip, const char *port, struct addr *ret,
		     struct err *err)
{
	uint64_t number;

	if (!ip || !port)
		return err_set(err, -EINVAL, "-%s-ip and -%s-port are needed", what, what);
	if (num_parse_u64(slice_str(port), UINT16_MAX, &number) < 0 || number == 0)
		return err_set(err, -EINVAL, "-%s-port: \"%s\" is no port", what, port);
	if (addr_parse(ip, (uint16_t)number, ret) < 0)
		return err_set(err, -EINVAL, "-%s-ip: \"%s\" is no address", what, ip);
	return 0;
}

int args_parse(int argc, char *const *argv, struct args *ret, struct err *err)
{
	struct given g = { .values = { [OPTION_PROTO] = "tcp" } };
	struct args a = { .proto = ARGS_TCP };
	bool help;
	bool version;
	int at = 1;
	int r = 0;

	while (r == 0 && at < argc)
		r = take_option(argc, argv, &at, &g, err);
	if (r < 0)
		return r;
	if (read_switch(&g, OPTION_HELP, &help) < 0 ||
	    read_switch(&g, OPTION_VERSION, &version) < 0 ||
	    read_switch(&g, OPTION_USE_LISTEN_FD, &a.use_listen_fd) < 0)
		return err_set(err, -EINVAL, "a switch is neither true nor false");
	if (help || version)
		return help ? ARGS_HELP : ARGS_VERSION;
	r = read_proto(g.values[OPTION_PROTO], &a.proto, err);
	if (r == 0)
		r = read_addr("host", g.values[OPTION_HOST_IP], g.values[OPTION_HOST_PORT], &a.host,
			      err);
	if (r == 0)
		r = read_addr("container", g.values[OPTION_CONTAINER_IP],
			      g.values[OPTION_CONTAINER_PORT], &a.container, err);
	if (r == 0)
		*ret = a;
	return r;
}
