/* SPDX-License-Identifier: Apache-2.0 */
/* What gabion-vet keeps of root: the capabilities that entering containers' namespaces needs, and
 * the system calls of base/sandbox.h's third stage. */
#pragma once

#include "base/err.h"

int privileges_drop(struct err *err);
