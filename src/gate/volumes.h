/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes that a creation mounts are looked at: one that was made before there were rules may be
 * mounted from anywhere, and the engine copies there, as root, what the image has. Where there are
 * many, in one list of all volumes that there are.
 *
 * And ownChildrenOnly, of volumes. A volume is one's own by the label that it was made with
 * (maker.h). One without a name of its own is its containers', as long as no other one has it.
 *
 * Volumes have no ids: another one may have the name at any time that no container holds it. So
 *
 *   - those of a creation are looked at, made last where they are missing (the engine would make
 *     them without the label), and looked at once more when the new container holds them
 *   - a container that was created with --volumes-from holds those volumes only once it has run:
 *     they are looked at again before it starts or is copied from, and are not removed before
 *   - the answer that was judged is the one that the client gets
 */
#pragma once

#include "gate/conn.h"
#include "json/json.h"

struct subject;

/* Looks at the one that is in question; it may be missing. Then next(), or the client has been
 * told. */
void volumes_look(struct conn *c, const struct subject *s);

/* Makes the next one that is missing. False: there is none; else next() runs. */
bool volumes_make(struct conn *c, void (*next)(struct conn *c));

/* The engine's answer to POST /volumes/create. */
void volumes_made(struct conn *c);

/* A container has been created: then next(), with the answer as it was, or forbidden() where it has
 * got one that is not its maker's, which volumes_refuse() tells the client. */
void volumes_confirm(struct conn *c, void (*next)(struct conn *c),
		     void (*forbidden)(struct conn *c));
void volumes_refuse(struct conn *c);

/* The request starts this container, or has the engine look into it. Its volumes of other
 * containers become subjects. False: there is no memory for them. */
bool volumes_lent(struct conn *c, const struct json *container);
