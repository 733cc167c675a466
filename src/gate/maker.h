/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure: whose volumes and networks are (family.h). A container that is limited has what it makes
 * marked by the gate with a label, which no client may set: the ids of the container that made it,
 * of that one's maker, and so on, with commas between. The engine keeps it as long as the volume or
 * network itself, and another one of the same name has it not.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "control/proto.h"
#include "json/json.h"

#define MAKER_LABEL "gabion.made-by"
/* The setting that all this is about, and the rule that refusals name. */
#define FAMILY_RULE "ownChildrenOnly"

/* The label's value for what the first of a line makes. */
void maker_print(const char (*line)[CONTROL_ID_LEN], size_t n, struct buf *b);

/* o: a volume or a network as the engine shows it. Is it one of who's own? */
bool maker_own(const struct json *o, const char who[CONTROL_ID_LEN]);

/* One that the engine has itself, for everybody: it lets nobody make one of that name. */
bool maker_predefined(struct slice network);

/* Could it be a volume that has no name but the one that the engine made up? */
bool maker_anonymous(struct slice volume);
