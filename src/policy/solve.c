/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/solve.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"
#include "policy/llb.h"
#include "policy/proto.h"

/* As Go's strconv.ParseBool() does. */
static bool is_false(struct slice s)
{
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (slice_eq_str(s, no[i]))
			return true;
	return false;
}

bool solve_exporter_known(struct slice type)
{
	static const char *const known[] = { "cacheonly", "docker", "image", "local",
					     "moby",	  "oci",    "tar" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (slice_eq_str(type, known[i]))
			return true;
	return false;
}

bool solve_attribute_pushes(struct slice key, struct slice value)
{
	return slice_starts(key, SLICE_LIT("push")) && !is_false(value);
}

/* --- what it says --- */

static int read_attribute(struct slice bytes, uint64_t number, const char **why)
{
	struct slice key;
	struct slice value;
	int r = proto_read_pair(bytes, &key, &value);

	(void)number;
	if (r == 0 && solve_attribute_pushes(key, value))
		*why = "an exporter that pushes";
	return r;
}

static int read_exporter_type(struct slice bytes, uint64_t number, const char **why)
{
	(void)number;
	if (bytes.n > 0 && !solve_exporter_known(bytes))
		*why = "an exporter that gabion does not know";
	return 0;
}

static int read_exporter(struct slice bytes, uint64_t number, const char **why)
{
	static const struct proto_reader table[] = { { 1, PROTO_BYTES, read_exporter_type },
						     { 2, PROTO_BYTES, read_attribute } };

	(void)number;
	return proto_read(bytes, table, ARRAY_SIZE(table), 3, why);
}

static int read_cache_type(struct slice bytes, uint64_t number, const char **why)
{
	(void)number;
	if (bytes.n > 0 && !slice_eq_str(bytes, "inline") && !slice_eq_str(bytes, "local"))
		*why = "a cache that is exported to a registry or another service";
	return 0;
}

static int read_cache_export(struct slice bytes, uint64_t number, const char **why)
{
	static const struct proto_reader table[] = { { 1, PROTO_BYTES, read_cache_type } };

	(void)number;
	return proto_read(bytes, table, ARRAY_SIZE(table), 2, why);
}

static int read_cache_reference(struct slice bytes, uint64_t number, const char **why)
{
	(void)number;
	if (bytes.n > 0)
		*why = "a cache that is exported to a registry";
	return 0;
}

static int read_cache(struct slice bytes, uint64_t number, const char **why)
{
	static const struct proto_reader table[] = { { 1, PROTO_BYTES, read_cache_reference },
						     { 4, PROTO_BYTES, read_cache_export } };

	(void)number;
	return proto_read(bytes, table, ARRAY_SIZE(table), 5, why);
}

/* The client would be asked for exporters after the build. */
static int read_session_exporter(struct slice bytes, uint64_t number, const char **why)
{
	(void)bytes;
	if (number != 0)
		*why = "exporters that are told later (EnableSessionExporter)";
	return 0;
}

/* --- what it builds --- */

static int read_definition(struct slice bytes, uint64_t number, const char **what)
{
	(void)number;
	return llb_read(bytes, what);
}

static int read_input(struct slice bytes, uint64_t number, const char **what)
{
	struct slice name;
	struct slice definition;
	int r = proto_read_pair(bytes, &name, &definition);

	(void)number;
	return r < 0 ? r : llb_read(definition, what);
}

static int read_policy(struct slice bytes, uint64_t number, const char **what)
{
	(void)number;
	llb_read_policy(bytes, what);
	return 0;
}

static int read_source(struct slice bytes, uint64_t number, const char **what)
{
	(void)number;
	return llb_read_source(bytes, what);
}

/* The client would be asked for policies during the build. */
static int read_policy_session(struct slice bytes, uint64_t number, const char **what)
{
	(void)number;
	if (bytes.n > 0)
		*what = "source policies that are told later (SourcePolicySession)";
	return 0;
}

/* SolveRequest of api/services/control/control.proto, v0.8 to v0.28. */
int solve_read(struct slice message, struct solve *ret)
{
	static const struct proto_reader pushes[] = {
		{ 3, PROTO_BYTES, read_exporter_type },
		{ 4, PROTO_BYTES, read_attribute },
		{ 8, PROTO_BYTES, read_cache },
		{ 13, PROTO_BYTES, read_exporter },
		{ 14, PROTO_VARINT, read_session_exporter },
	};
	static const struct proto_reader reaches[] = {
		{ 2, PROTO_BYTES, read_definition },
		{ 10, PROTO_BYTES, read_input },
		{ 12, PROTO_BYTES, read_policy },
		{ 15, PROTO_BYTES, read_policy_session },
	};
	int r;

	*ret = (struct solve){ 0 };
	r = proto_read(message, pushes, ARRAY_SIZE(pushes), 15, &ret->pushes);
	return r < 0 ? r
		     : proto_read(message, reaches, ARRAY_SIZE(reaches), UINT32_MAX, &ret->reaches);
}

/* The rest is of frontend/gateway/pb/gateway.proto, v0.8 to v0.28. */

int solve_read_bridge(struct slice message, struct solve *ret)
{
	static const struct proto_reader reaches[] = {
		{ 1, PROTO_BYTES, read_definition },
		{ 13, PROTO_BYTES, read_input },
		{ 15, PROTO_BYTES, read_policy },
	};

	*ret = (struct solve){ 0 };
	return proto_read(message, reaches, ARRAY_SIZE(reaches), 31, &ret->reaches);
}

/* ResolveSourceMetaRequest: newer BuildKits fetch what an http source's name says. */
static int read_meta(struct slice message, struct solve *ret)
{
	static const struct proto_reader reaches[] = {
		{ 1, PROTO_BYTES, read_source },
		{ 8, PROTO_BYTES, read_policy },
	};

	*ret = (struct solve){ 0 };
	return proto_read(message, reaches, ARRAY_SIZE(reaches), UINT32_MAX, &ret->reaches);
}

/* ResolveImageConfigRequest. */
static int read_config(struct slice message, struct solve *ret)
{
	static const struct proto_reader reaches[] = { { 8, PROTO_BYTES, read_policy } };

	*ret = (struct solve){ 0 };
	return proto_read(message, reaches, ARRAY_SIZE(reaches), UINT32_MAX, &ret->reaches);
}

solve_fn *solve_reader(struct slice path)
{
	static const struct {
		const char *path;
		solve_fn *read;
	} calls[] = {
		{ SOLVE_PATH, solve_read },
		/* What a client asks for that is its own frontend, as buildx is. */
		{ "/moby.buildkit.v1.frontend.LLBBridge/Solve", solve_read_bridge },
		{ "/moby.buildkit.v1.frontend.LLBBridge/ResolveSourceMeta", read_meta },
		{ "/moby.buildkit.v1.frontend.LLBBridge/ResolveImageConfig", read_config },
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (slice_eq_str(path, calls[i].path))
			return calls[i].read;
	return NULL;
}
