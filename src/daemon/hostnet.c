/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/hostnet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "linux/mnt.h"

#define PORTS "/proc/sys/net/ipv4/ip_local_port_range"
#define PORTS_TEXT_MAX 64
#define SHARES \
	28u /* beginnings in the lower half of the range: 504 ports each of the usual 28232 */

struct hostnet_ports hostnet_ports(void)
{
	CLEANUP_BUF struct buf text = BUF_INIT(PORTS_TEXT_MAX);
	struct hostnet_ports none = { 0, 0 };
	struct hostnet_ports p;
	struct slice rest;
	struct slice first;
	struct slice last;

	if (file_read(PORTS, &text) < 0)
		return none;
	rest = buf_slice(&text);
	if (!slice_split(&rest, '\t', &first) || !slice_split(&rest, '\n', &last) ||
	    num_parse_u32(first, &p.first) < 0 || num_parse_u32(last, &p.last) < 0 ||
	    p.first > p.last || p.last > UINT16_MAX)
		return none;
	return p;
}

struct hostnet_ports hostnet_share(struct hostnet_ports host, uint64_t number)
{
	uint32_t half = (host.last - host.first + 1) / 2;
	/* Not the first: that is where an engine of the host begins. */
	uint32_t share = 1 + (uint32_t)(number % (SHARES - 1));

	/* The kernel wants its ends of different parity, and the host's are. */
	host.first += half * share / SHARES & ~1u;
	return host;
}

static bool is_namespace(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (uint32_t)fs.f_type == NSFS_MAGIC;
}

int hostnet_mount(const struct instance *inst, int host_net, struct err *err)
{
	CLEANUP_FD int point = -EBADF;
	CLEANUP_FD int tree = -EBADF;
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/host-net", inst->run);
	point = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0400);
	if (point < 0)
		return err_errno(err, -errno, "%s", path);
	if (is_namespace(point))
		return 0;
	tree = mnt_clone(host_net, false);
	if (tree < 0)
		return err_errno(err, tree, "the host's network namespace");
	r = mnt_attach(tree, point);
	return r < 0 ? err_errno(err, r, "mounting the host's network namespace on %s", path) : 0;
}

static void set(const char *path, const char *value)
{
	int r = file_write_once(path, slice_str(value));

	if (r < 0 && r != -ENOENT) /* no IPv6 */
		log_warning("%s: %s", path, strerror(-r));
}

void hostnet_tune(const struct instance *inst, struct hostnet_ports host)
{
	uint64_t number = hash_add(HASH_INIT, inst->dir, strlen(inst->dir));
	char text[PORTS_TEXT_MAX];

	set("/proc/sys/net/ipv4/ip_nonlocal_bind", "1");
	set("/proc/sys/net/ipv6/ip_nonlocal_bind", "1");
	if (host.last == 0)
		return;
	host = hostnet_share(host, number ^ number >> 32);
	(void)snprintf(text, sizeof(text), "%u %u", host.first, host.last);
	set(PORTS, text);
}
