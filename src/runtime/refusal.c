/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/refusal.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "runtime/runtime.h"
#include "settings/auditfile.h"

void refusal_audit(const struct runtime *rt, const struct err *err)
{
	const struct auditfile_denial d = {
		.uid = rt->has_asker ? rt->asker.uid : 0,
		.subject = rt->args.id,
		.rule = "runtime",
		.message = err->text,
	};
	int r;

	if (err->code != -EPERM || !rt->args.makes_process || !rt->inst.lib[0])
		return;
	r = auditfile_deny(rt->inst.lib, &d);
	if (r < 0 && r != -ENOENT)
		log_warning("audit log of %s: %s", rt->inst.lib, strerror(-r));
}
