/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is allowed and works, but against what the specification recommends (000 "Recommendations"
 * and the paragraphs about derived images and "*"; 001 "Security recommendations"): warnings for
 * `gabion settings validate`. gabiond has no use for them.
 */
#pragma once

#include "settings/admin.h"

/* Adds them; the file was ADMIN_READ. -ENOMEM or 0. */
int advice_add(const struct admin_file *file, const struct profile *profile,
	       struct findings *found);
