/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure: whose a container's binds say that the asker's files are. They are root's in there, or the
 * first process's where it has the asker's number (runtime/asks.h); but who starts a container as
 * root in order to work in it as another user, who has been given the asker's number, says so:
 *   - the label gabion.bind-owner=user, or =root for root's, whatever else is said;
 *   - development containers (containers.dev): the label devcontainer.local_folder, and a
 * remoteUser other than root in the label devcontainer.metadata, else a containerUser, else the
 * user of the container. Their tools give that user the number of whoever starts them
 *     (updateRemoteUserUID);
 *   - the asker's number in the environment, under a name by which images are told whose files they
 *     write (PUID of linuxserver.io's, NB_UID of Jupyter's, …).
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "json/json.h"

#define NUMBER_LABEL "gabion.bind-owner"

/* made: what the engine says of the container (GET /containers/ID/json), for the asker with that
 * uid. The arena is for what is read meanwhile. */
bool number_is_own(const struct json *made, uid_t asker, struct arena *a);

/* Whether that may be the label's value: "user" or "root". */
bool number_label_ok(const char *value);
