/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the gate of an instance, and its answer. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "settings/instance.h"

struct gateway_request {
	const char *method;
	const char *target;  /* with its query, escaped */
	const char *explain; /* value of the field Gabion-Explain; NULL: none */
	struct slice body;   /* JSON; p is NULL: none */
};

/* Appends the answer's body. Returns its status, or -errno with a text: the gate cannot be asked or
 * its answer makes no sense. */
int gateway_ask(const struct instance *inst, const struct gateway_request *q, struct buf *body,
		struct err *err);
