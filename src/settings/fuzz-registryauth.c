/* SPDX-License-Identifier: Apache-2.0 */
/* Any registry-auth.json: refused with a text that names the file, or credentials that survive
 * their way through a field; and any field. */
#include <stdlib.h>

#include "settings/registryauth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void must_be_complete(const struct registryauth *r)
{
	must((r->username.n && r->password.n) || r->identity_token.n || r->registry_token.n);
}

static void there_and_back(struct arena *a, const struct registryauth *r)
{
	CLEANUP_BUF_WIPE struct buf field = BUF_INIT(REGISTRYAUTH_HEADER_MAX);
	struct registryauth back;

	must(buf_reserve(&field, REGISTRYAUTH_HEADER_MAX));
	registryauth_field(r, profile_default(), &field);
	if (!buf_ok(&field))
		return; /* too long */
	must(registryauth_from_field(a, buf_slice(&field), &back) == 0);
	must(slice_eq(r->username, back.username) && slice_eq(r->password, back.password));
	must(slice_eq(r->identity_token, back.identity_token));
	must(slice_eq(r->registry_token, back.registry_token));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_ARENA_WIPE struct arena a = ARENA_INIT(64u << 20);
	struct slice text = { (const char *)data, n };
	struct registryauth_list l;
	struct registryauth one;
	struct err err = ERR_INIT;

	if (registryauth_from_field(&a, text, &one) == 0)
		must_be_complete(&one);
	if (registryauth_parse(&a, text, "FILE", profile_default(), &l, &err) < 0) {
		must(err.code < 0 && strstr(err.text, "FILE"));
		return 0;
	}
	must(l.n <= REGISTRYAUTH_HOSTS_MAX);
	for (size_t i = 0; i < l.n; i++) {
		must(l.items[i].host.n > 0);
		must_be_complete(&l.items[i]);
		there_and_back(&a, &l.items[i]);
	}
	return 0;
}
