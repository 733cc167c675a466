/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that this project does not use; included by every compilation (meson.build). */
#pragma once

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#undef alloca
#undef basename

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol gets
#pragma GCC poison scanf fscanf sscanf system popen mktemp tmpnam dup basename dirname
#pragma GCC poison asctime alloca

/* A member of linux/fuse.h has this name, so the word itself cannot be banned. */
char *ctime(const time_t *t) __attribute__((unavailable("banned")));
