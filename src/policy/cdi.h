/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which CDI devices (Container Device Interface) a container may ask for: those that gabion.json
 * names in "cdiDevices". Device requests of other drivers of the engine are for none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"
#include "policy/verdict.h"
#include "json/json.h"

/* VENDOR/CLASS=NAME: what engines take for a fully qualified name. *ret_kind and *ret_name may be
 * NULL. */
bool cdi_name_split(struct slice text, struct slice *ret_kind, struct slice *ret_name);
/* The same, where NAME may also be a star: every device of that vendor and class. */
bool cdi_pattern_ok(struct slice text);

/* May it be had? patterns: n entries of "cdiDevices"; etc: the folder of gabion.json. */
void cdi_judge(struct slice name, const char *const *patterns, size_t n, const char *etc,
	       struct verdict *ret);

enum cdi_request {
	CDI_REQUEST_OK = 0,	 /* *ret_names: an array of strings, or NULL */
	CDI_REQUEST_FOREIGN = 1, /* of another driver: nobody knows what it would bring in */
	CDI_REQUEST_BAD = 2,	 /* what engines do not take; err says why */
};

/* One entry of HostConfig.DeviceRequests in the engine's own spelling. */
int cdi_request_read(const struct json *request, const struct json **ret_names, struct err *err);

/* The denial of a request of another driver. */
extern const char cdi_foreign_text[];
