/* SPDX-License-Identifier: Apache-2.0 */
/* What the gate learns from requests that the engine answers well. */
#pragma once

#include "gate/conn.h"

/* The engine has answered 200: credentials that went along to a registry of the imageList are kept
 * for questions about its entries (credentials.h). */
void learn_credentials(const struct conn *c);
