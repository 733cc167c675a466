/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, RFC 4648. */
#pragma once

#include "base/buf.h"

enum base64_set {
	BASE64_STD, /* section 4: + and / */
	BASE64_URL, /* section 5: - and _ */
};

/* With padding. */
void base64_encode(enum base64_set set, struct slice in, struct buf *b);

/* Of either set, with its padding or without any. Returns 0; -EINVAL with nothing written when it
 * is none: other bytes, a length or last bits that no encoder leaves. */
int base64_decode(struct slice in, struct buf *b);
