/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as Go's unicode/utf8 reads and writes it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define UTF8_REPLACEMENT 0xfffdu
#define UTF8_MAX 4u /* most bytes that utf8_encode() writes */

/* First character of s, which must not be empty. Returns how many bytes it takes. Invalid bytes
 * (overlong forms, surrogates, beyond U+10FFFF, cut off) give 0: Go then steps over one byte and
 * takes it for U+FFFD, and so does *ret. */
size_t utf8_decode(struct slice s, uint32_t *ret);

/* Writes c (a scalar value) to `to`; returns the count. */
size_t utf8_encode(uint32_t c, char *to);
