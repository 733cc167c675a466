/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's answer to POST /containers/{}/start. Where the program cannot be run, the words are
 * the lower runtime's, and clients look for runc's: `docker run` ends with 127 or 126 by them.
 */
#pragma once

#include "gate/conn.h"

/* The engine's answer has been collected in c->x: done() of exchange_ask(). */
void start_answered(struct conn *c);
