/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device requests. The spec does not say where its devices, mounts and hooks came from; the
 * engine's own record of the container does. Requests of other drivers than CDI, and CDI devices
 * that gabion.json does not name, are refused, whatever they brought in: they have come past the
 * gate, or the setting has changed since.
 */
#include <errno.h>

#include "policy/cdi.h"
#include "runtime/cdi.h"
#include "runtime/dockerdata.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

static int judge(struct runtime *rt, const struct json *names, struct err *err)
{
	for (size_t i = 0; i < names->n; i++) {
		struct verdict v;

		cdi_judge(names->items[i]->text, (const char *const *)rt->facts.cdi.items,
			  rt->facts.cdi.n, rt->inst.etc, &v);
		if (v.kind == VERDICT_DENY)
			return err_set(err, -EPERM, "%s", v.message);
	}
	return 0;
}

static int take_request(struct runtime *rt, const struct json *request, struct err *err)
{
	const struct json *names = NULL;
	int read = cdi_request_read(request, &names, err);
	int r;

	if (read == CDI_REQUEST_BAD)
		return -EINVAL;
	if (read == CDI_REQUEST_FOREIGN)
		return err_set(err, -EPERM, "%s", cdi_foreign_text);
	if (!names || names->n == 0)
		return 0;
	r = judge(rt, names, err);
	return r == 0 ? cdi_load(&rt->arena, cdi_folders, names, &rt->cdi, err) : r;
}

int edit_cdi(struct runtime *rt, struct err *err)
{
	const struct json *requests;
	int r = dockerdata_requests(rt, &requests, err);

	for (size_t i = 0; r == 0 && requests && i < requests->n; i++)
		r = take_request(rt, requests->items[i], err);
	return r;
}
