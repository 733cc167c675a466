/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's own endpoints, for the `gabion` command of the same version and for nobody else:
 *
 *   GET  /gabion/images               the image lists, and what is known of their images
 *   POST /gabion/images/refresh       the same, after the registries have been asked
 *   GET  /gabion/images/check?image=  may a container of that image have the engine's socket, why
 *
 * No engine has anything below /gabion/. Users of the host only: containers need not know the list.
 */
#pragma once

#include "gate/conn.h"

struct own_work;

/* False when the request is none of these; else it has been answered or will be. */
bool own_begin(struct conn *c);

/* The request is over. */
void own_stop(struct conn *c);
