/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/llb.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "policy/proto.h"

#define FILE_NAME "http.filename"

static const char file_name[] = "a file name that leads out of the build (" FILE_NAME ")";
static const char nested[] = "a build within the build (BuildOp)";

/* An entry of SourceOp.attrs. */
static int read_attribute(struct slice bytes, uint64_t number, const char **what)
{
	struct slice key;
	struct slice value;
	int r = proto_read_pair(bytes, &key, &value);

	(void)number;
	if (r == 0 && slice_eq_str(key, FILE_NAME) &&
	    (slice_find(value, '/') < value.n || slice_eq_str(value, "..")))
		*what = file_name;
	return r;
}

int llb_read_source(struct slice source, const char **what)
{
	static const struct proto_reader table[] = { { 2, PROTO_BYTES, read_attribute } };

	return proto_read(source, table, ARRAY_SIZE(table), UINT32_MAX, what);
}

static int read_source(struct slice bytes, uint64_t number, const char **what)
{
	(void)number;
	return llb_read_source(bytes, what);
}

static int read_build(struct slice bytes, uint64_t number, const char **what)
{
	(void)bytes;
	(void)number;
	*what = nested;
	return 0;
}

static int read_op(struct slice bytes, uint64_t number, const char **what)
{
	static const struct proto_reader table[] = { { 3, PROTO_BYTES, read_source },
						     { 5, PROTO_BYTES, read_build } };

	(void)number;
	return proto_read(bytes, table, ARRAY_SIZE(table), UINT32_MAX, what);
}

int llb_read(struct slice definition, const char **what)
{
	static const struct proto_reader table[] = { { 1, PROTO_BYTES, read_op } };

	return proto_read(definition, table, ARRAY_SIZE(table), UINT32_MAX, what);
}

void llb_read_policy(struct slice policy, const char **what)
{
	if (policy.n > 0 && memmem(policy.p, policy.n, FILE_NAME, strlen(FILE_NAME)))
		*what = file_name;
}
