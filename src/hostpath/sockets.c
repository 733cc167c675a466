/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "hostpath/hostpath.h"
#include "hostpath/place.h"
#include "linux/at.h"

static void add(struct hostpath_sockets *s, const char *path)
{
	CLEANUP_FD int fd = open(path, O_PATH | O_CLOEXEC);
	struct at_ident ident;

	if (fd < 0 || at_identify(fd, &ident) < 0 || !S_ISSOCK(ident.mode))
		return;
	assert(s->n < HOSTPATH_SOCKETS_MAX);
	s->nodes[s->n++] = place_node(&ident);
}

void hostpath_sockets_find(const struct instance *inst, const struct profile *profile,
			   struct hostpath_sockets *ret)
{
	char path[PATH_MAX];

	ret->n = 0;
	(void)snprintf(path, sizeof(path), "%s/docker.sock", inst->run);
	add(ret, path);
	for (size_t i = 0; profile->sockets[i]; i++)
		add(ret, profile->sockets[i]);
}

bool hostpath_sockets_have(const struct hostpath_sockets *s, int fd)
{
	struct hostmount_node node;
	struct at_ident ident;

	if (at_identify(fd, &ident) < 0 || !S_ISSOCK(ident.mode))
		return false;
	node = place_node(&ident);
	for (size_t i = 0; i < s->n; i++)
		if (s->nodes[i].dev == node.dev && s->nodes[i].ino == node.ino)
			return true;
	return false;
}
