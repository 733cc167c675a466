/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of hostpath: facts about paths of the host, gathered for policy/hostmount.h. */
#pragma once

#include "base/err.h"
#include "policy/hostmount.h"

struct hostpath;

/* Everything the policy wants to know of what fd refers to. */
int place_of(struct hostpath *h, int fd, struct hostmount_place *ret, struct err *err);

/* Of a path; 1 when it does not exist or cannot be reached. */
int place_of_path(struct hostpath *h, const char *path, struct hostmount_place *ret,
		  struct err *err);

/* Rules, exceptions and allow-list of this host: the policy's tables, the instance's own folders,
 * gabion.json, engine sockets; as far as they exist. */
int rules_load(struct hostpath *h, struct hostmount_policy *ret, struct err *err);
