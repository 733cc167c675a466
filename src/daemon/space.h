/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespaces of a private instance: a mount and a network namespace that gabiond, the engine
 * and everything they start share, and that end with the last of these processes. So no mount,
 * link, address or packet filter of ours is ever seen on the host, and none can be left behind.
 *
 * The mount namespace is a slave of the host's: what the host mounts and unmounts later is seen,
 * nothing goes the other way. Inside it mounts are shared, as on any host with systemd, so that
 * rshared and rslave binds are accepted. In it the instance has, privately:
 *   /run/docker      is DIR/run/exec        (dockerd's exec root; 20.10 has its name compiled in)
 *   /run/containerd  is DIR/run/containerd  (the shims' sockets; the name is compiled in)
 *   /run/docker.sock is DIR/run/docker.sock (what `-v /var/run/docker.sock:…` means here), and so
 *                    is the name that the engine profile's documents have (/run/iechor.sock)
 *   /etc/resolv.conf is DIR/run/resolv.conf (when there is a way out through slirp4netns)
 *   DIR/run/host-net is the host's network namespace (hostnet.h)
 * and not the cgroup2 of a hybrid host, which crun refuses.
 *
 * The process may be in a chroot: then the chroot becomes the root of the namespace, because
 * container runtimes cannot pivot_root(2) from one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "daemon/hostnet.h"
#include "policy/profile.h"
#include "settings/instance.h"

struct space {
	int host_mnt; /* namespaces and root directory that we came from */
	int host_net;
	int host_root;
	struct hostnet_ports host_ports;
	bool inside;  /* this process is in the instance's namespaces */
	uint64_t mnt; /* inode numbers of the instance's namespaces; 0: none */
	uint64_t net;
};

#define SPACE_INIT ((struct space){ .host_mnt = -EBADF, .host_net = -EBADF, .host_root = -EBADF })

/* Remembers where this process is. */
int space_open(struct space *s, struct err *err);
void space_done(struct space *s);

/* Makes new namespaces and moves this process there. DIR/run/exec and DIR/run/containerd have to
 * be there; with `resolv`, DIR/run/resolv.conf too. */
int space_new(struct space *s, const struct instance *inst, const struct profile *profile,
	      bool resolv, struct err *err);

enum space_show {
	SPACE_SHOWN = 0,
	/* Not under a name of the profile, because the instance was started with another one:
	 * there is nothing to mount on. *err says so. */
	SPACE_NOT_EVERYWHERE = 1,
};

/* Puts DIR/run/docker.sock at its places in the instance, also again after it was made anew. This
 * process has to be inside. One of these, or -errno. */
int space_show_socket(const struct instance *inst, const struct profile *profile, struct err *err);

/* Whether process pid is in both namespaces mnt and net. */
bool space_has(pid_t pid, uint64_t mnt, uint64_t net);
/* Moves this process into the namespaces of process pid, which have to be these. */
int space_join(struct space *s, pid_t pid, uint64_t mnt, uint64_t net, struct err *err);

/* Moves this process back to where it came from. */
int space_leave(struct space *s, struct err *err);

/* Whether the root directory that we came from is a mount, so that pivot_root(2) works there; it is
 * none in a chroot. */
bool space_host_is_mount(const struct space *s);

/* For a forked child: the same, without a message. */
int space_leave_child(const struct space *s);
