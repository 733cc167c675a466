/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a verdict of imagelist_decide(): rule, message, reason and way out. */
#pragma once

#include "policy/imagelist-view.h"

/* Everything else in `ret` is there. image: of the container. */
void imagelist_say(const struct imagelist *list, const struct imagelist_facts *facts,
		   const struct view *image, struct imagelist_verdict *ret);
