/* SPDX-License-Identifier: Apache-2.0 */
/* Our side of tests/differential/run-references. Protocol: README.md. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "policy/reference.h"

#define REQUEST_MAX (1u << 20)

static void print(const struct profile *p, const struct reference *r, struct buf *b)
{
	struct reference wanted = *r;

	if (r->kind == REFERENCE_ID) {
		buf_add_str(b, "id\n");
		reference_add(r, b);
		return;
	}
	buf_add_str(b, "name\n");
	buf_add_slice(b, r->domain);
	buf_add_char(b, '\n');
	if (r->space.n) {
		buf_add_slice(b, r->space);
		buf_add_char(b, '/');
	}
	buf_add_slice(b, r->path);
	buf_add_char(b, '\n');
	buf_add_slice(b, r->tag);
	buf_add_char(b, '\n');
	buf_add_slice(b, r->digest);
	buf_add_char(b, '\n');
	reference_add(r, b);
	buf_add_char(b, '\n');
	wanted.tag = reference_tag(r);
	reference_add(&wanted, b);
	buf_add_char(b, '\n');
	reference_add_short(p, r, b);
}

static void reply(struct slice text)
{
	const struct profile *p = profile_find(SLICE_LIT("docker"));
	CLEANUP_BUF struct buf b = BUF_INIT(8 * REQUEST_MAX);
	struct err err = ERR_INIT;
	struct reference r;
	uint32_t n;

	if (reference_parse(p, text, &r, &err) == 0) {
		buf_add_char(&b, '+');
		print(p, &r, &b);
	} else {
		buf_printf(&b, "-%s", err.text);
	}
	if (!buf_ok(&b))
		abort();
	n = htonl((uint32_t)b.n);
	(void)fwrite(&n, sizeof(n), 1, stdout);
	(void)fwrite(b.p, 1, b.n, stdout);
}

int main(void)
{
	uint32_t n;

	while (fread(&n, sizeof(n), 1, stdin) == 1) {
		CLEANUP_FREE char *request = NULL;

		n = ntohl(n);
		if (n == 0 || n > REQUEST_MAX)
			return 2;
		request = malloc(n);
		if (!request || fread(request, 1, n, stdin) != n)
			return 2;
		reply((struct slice){ request + 1, n - 1 });
	}
	return fflush(stdout) == 0 && feof(stdin) ? 0 : 1;
}
