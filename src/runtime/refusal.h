/* SPDX-License-Identifier: Apache-2.0 */
/* What gabion-runc refuses by policy, in the instance's audit log: a start without a request (a
 * restart policy, a boot) passes no gate that would write it. */
#pragma once

struct runtime;
struct err;

/* Writes the line when err is a refusal (-EPERM) of a container or a process. */
void refusal_audit(const struct runtime *rt, const struct err *err);
