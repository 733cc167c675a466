/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of hostpath: facts about paths of the host, gathered for policy/hostmount.h. */
#pragma once

#include "base/err.h"
#include "linux/at.h"
#include "policy/hostmount.h"

struct hostpath;

/* Everything the policy wants to know of what fd refers to. */
int place_of(const struct hostpath *h, int fd, struct hostmount_place *ret, struct err *err);

/* Of a path; 1 when it does not exist or cannot be reached. */
int place_of_path(const struct hostpath *h, const char *path, struct hostmount_place *ret,
		  struct err *err);

struct hostmount_node place_node(const struct at_ident *ident);
