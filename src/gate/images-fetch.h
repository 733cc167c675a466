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

/* Which digests has the reference of that entry? */
int images_ask_digest(struct images *m, const struct imagelist_entry *e, struct images_fetch *f,
		      void (*done)(struct images_fetch *f, bool ok));
void images_take_digest(struct images *m, const struct imagelist_entry *e,
			const struct images_fetch *f, bool ok);
/* Is that digest in that repository? */
int images_ask_belongs(struct images *m, const struct reference *repository, struct slice digest,
		       struct images_fetch *f, void (*done)(struct images_fetch *f, bool ok));
void images_take_belongs(struct images *m, const struct reference *repository, struct slice digest,
			 const struct images_fetch *f, bool ok);

/* Has gabiond keep what is known; -ENOENT: there is none. */
int images_keep(struct images *m, struct ask_call *call,
		void (*answered)(struct ask_call *c, int result, struct slice body));
