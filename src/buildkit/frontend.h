/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How gabion-runc starts gabion-frontend: `gabion-frontend LIB ID UID`, with the instance's folder
 * of the audit log, the container's id, and the user of the host whose container it is. Standard
 * input and output are what BuildKit gave the runtime, and two more descriptors are the ends of
 * pipes whose others the frontend has as its own.
 */
#pragma once

#define FRONTEND_TO_FD 3   /* the frontend's standard input */
#define FRONTEND_FROM_FD 4 /* the frontend's standard output */
