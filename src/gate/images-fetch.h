/* SPDX-License-Identifier: Apache-2.0 */
/* Between images.c and images-check.c: what is asked of the engine and of registries through it. */
#pragma once

#include "gate/images.h"

/* Those that start a GET return 0, or -errno and done() does not run. */
int images_fetch_start(struct images *m, struct images_fetch *f, const char *target,
		       void (*done)(struct images_fetch *f, bool ok));
void images_fetch_stop(struct images_fetch *f);

/* Did the registry want credentials, or other ones? */
bool images_refused(const struct images_fetch *f);

/* Did no registry answer? */
bool images_unreachable(const struct images_fetch *f, bool ok);

/* Makes it a question to a registry: which digests has the reference of that entry? Or: is that
 * digest in that repository? */
int images_about_entry(struct images *m, const struct imagelist_entry *e, struct images_fetch *f);
int images_about_digest(struct images *m, const struct reference *repository, struct slice digest,
			struct images_fetch *f);
int images_ask(struct images_fetch *f, void (*done)(struct images_fetch *f, bool ok));
/* What came of it, into the known digests. */
void images_take(struct images_fetch *f, bool ok);

/* Has gabiond keep what is known; -ENOENT: there is none. */
int images_keep(struct images *m, struct ask_call *call,
		void (*answered)(struct ask_call *c, int result, struct slice body));
