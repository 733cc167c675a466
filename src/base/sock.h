/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets: listen, connect, peers, descriptors. */
#pragma once

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SOCK_GROUPS_MAX 1024
#define SOCK_FDS_MAX 4

/* Who is at the other end, as the kernel knew it when the connection was made. */
struct sock_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	size_t ngroups;
	gid_t groups[SOCK_GROUPS_MAX];
};

/* Creates a listening SOCK_STREAM or SOCK_SEQPACKET socket at path, replacing a stale one: bound
 * beside it with `mode` and `gid` (-1: unchanged), then renamed over it, so that no client ever
 * sees it with other rights. Returns the descriptor (non-blocking) or -errno. */
int sock_listen(const char *path, int type, mode_t mode, gid_t gid);

/* Connects to path (longer ones than sun_path are reached through /proc/self/fd). Blocking. */
int sock_connect(const char *path, int type);

/* SO_PEERCRED (unix(7)) and SO_PEERGROUPS (4.13). -E2BIG when the peer has more groups than fit. */
int sock_peer(int fd, struct sock_peer *ret);

/* A pidfd of whoever made the connection (SO_PEERPIDFD, 6.5), which is of that process and of no
 * later one with its number. Returns the caller's descriptor or -errno. */
int sock_peer_process(int fd);

/* sendmsg/recvmsg with descriptors. Received ones are close-on-exec; *nfds says how many came,
 * at most max; a message with more of them or with truncated data is -EMSGSIZE and they are closed.
 * Both return bytes or -errno. */
ssize_t sock_send_fds(int fd, const void *data, size_t n, const int *fds, size_t nfds);
ssize_t sock_recv_fds(int fd, void *data, size_t n, int *fds, size_t max, size_t *nfds);
/* The same for data that lies in several places. */
ssize_t sock_sendv_fds(int fd, struct iovec *iov, size_t niov, const int *fds, size_t nfds);
ssize_t sock_recvv_fds(int fd, struct iovec *iov, size_t niov, int *fds, size_t max, size_t *nfds);
