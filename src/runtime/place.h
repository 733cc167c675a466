/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about paths of the host, gathered for policy/hostmount.h. */
#pragma once

#include "base/err.h"
#include "policy/hostmount.h"

struct runtime;

/* Everything the policy wants to know of what fd refers to. */
int place_of(struct runtime *rt, int fd, struct hostmount_place *ret, struct err *err);

/* Rules, exceptions and allow-list of this host: the policy's tables, the instance's own folders,
 * gabion.json, engine sockets; as far as they exist. In the runtime's arena. */
int place_policy(struct runtime *rt, struct hostmount_policy *ret, struct err *err);
