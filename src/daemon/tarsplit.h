/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure: what the engine keeps of a layer's archive, to put it together again (tar-split.json.gz, by
 * github.com/vbatts/tar-split): a line for each piece of the archive. The files' contents are not
 * in it: the engine, root, reads them below the layer's folder, by the names that the archive had,
 * just as they were. "../../etc/shadow" was unpacked below that folder and is read above it.
 */
#pragma once

#include "base/buf.h"

#define TARSPLIT_LINE_MAX (4u << 20) /* names are in heads of at most 1 MiB (archive/tar of Go) */

struct tarsplit {
	struct buf line; /* owned: what has come of it */
	bool skips;	 /* a line without a name that is longer */
};

#define TARSPLIT_INIT ((struct tarsplit){ .line = BUF_INIT(TARSPLIT_LINE_MAX) })

void tarsplit_done(struct tarsplit *t);

enum {
	/* A file that is read has a name that leads up. */
	TARSPLIT_LEADS_UP = 1,
};

/* The next bytes of the text. 0, TARSPLIT_LEADS_UP, or -errno: -EPROTO for what the engine does not
 * write. After another result than 0 nothing more must be fed. */
int tarsplit_feed(struct tarsplit *t, struct slice text);
/* Nothing more comes. The same results. */
int tarsplit_end(struct tarsplit *t);
