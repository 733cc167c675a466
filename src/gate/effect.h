/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure: what the engine made of a creation, judged once more. The gate has read the body as the
 * engine reads it; this is for an engine that reads something in another way.
 */
#pragma once

#include "base/arena.h"
#include "gate/edit.h"
#include "json/json.h"

/* made: what the engine says of the container (GET /containers/ID/json). asked: what the body was
 * found to ask for, whose sources have been judged. NULL: nothing else; or what it is that was not
 * asked for and may not be, in the arena or a literal. */
const char *effect_judge(const struct json *made, const struct edit *asked, struct arena *a);
