/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netns_move() by rtnetlink(7): links, addresses and routes of the one namespace are read before
 * anything moves, since the kernel forgets the latter two with the move; then they are made again
 * from what was read, with the index that the link has got.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "linux/netns.h"

#define LINKS_MAX 64
#define DUMP_MAX (4u << 20)
#define RECEIVE_MAX 65536
#define MESSAGE_MAX 8192

struct link {
	int old;
	int now; /* 0: not in the other namespace */
	bool up;
	bool loopback;
	char name[IF_NAMESIZE];
};

struct links {
	struct link l[LINKS_MAX];
	size_t n;
};

/* A message to be sent; at the first attribute that does not fit it becomes useless. */
struct message {
	union {
		struct nlmsghdr h;
		unsigned char raw[MESSAGE_MAX];
	};
	bool full;
};

struct attr {
	uint16_t type;
	struct slice data;
};

/* ── messages ───────────────────────────────────────────────────────────────────────────────────
 */

static void message_add(struct message *m, const void *p, size_t n)
{
	size_t at = NLMSG_ALIGN(m->h.nlmsg_len);

	if (n > sizeof(m->raw) || at + NLMSG_ALIGN(n) > sizeof(m->raw)) {
		m->full = true;
		return;
	}
	memcpy(m->raw + at, p, n);
	m->h.nlmsg_len = (uint32_t)(at + n);
}

static void message_start(struct message *m, uint16_t type, unsigned flags, const void *head,
			  size_t n)
{
	memset(m, 0, sizeof(*m));
	m->h.nlmsg_len = NLMSG_HDRLEN;
	m->h.nlmsg_type = type;
	m->h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	message_add(m, head, n);
}

static void message_attr(struct message *m, uint16_t type, struct slice data)
{
	struct rtattr a = { .rta_type = type, .rta_len = (uint16_t)(sizeof(a) + data.n) };

	if (data.n > MESSAGE_MAX) {
		m->full = true;
		return;
	}
	message_add(m, &a, sizeof(a));
	message_add(m, data.p, data.n);
}

static void message_attr_u32(struct message *m, uint16_t type, uint32_t v)
{
	message_attr(m, type, (struct slice){ (const char *)&v, sizeof(v) });
}

static bool next_message(struct slice *rest, struct nlmsghdr *ret, struct slice *ret_payload)
{
	if (rest->n < sizeof(*ret))
		return false;
	memcpy(ret, rest->p, sizeof(*ret));
	if (ret->nlmsg_len < NLMSG_HDRLEN || ret->nlmsg_len > rest->n)
		return false;
	*ret_payload = (struct slice){ rest->p + NLMSG_HDRLEN, ret->nlmsg_len - NLMSG_HDRLEN };
	*rest = slice_from(*rest, MIN((size_t)NLMSG_ALIGN(ret->nlmsg_len), rest->n));
	return true;
}

static bool next_attr(struct slice *rest, struct attr *ret)
{
	struct rtattr a;

	if (rest->n < sizeof(a))
		return false;
	memcpy(&a, rest->p, sizeof(a));
	if (a.rta_len < sizeof(a) || a.rta_len > rest->n)
		return false;
	ret->type = a.rta_type & NLA_TYPE_MASK;
	ret->data = (struct slice){ rest->p + sizeof(a), a.rta_len - sizeof(a) };
	*rest = slice_from(*rest, MIN((size_t)RTA_ALIGN(a.rta_len), rest->n));
	return true;
}

/* The fixed part of a payload; what follows are attributes. */
static bool take_head(struct slice *payload, void *head, size_t n)
{
	if (payload->n < n)
		return false;
	memcpy(head, payload->p, n);
	*payload = slice_from(*payload, MIN(NLMSG_ALIGN(n), payload->n));
	return true;
}

static uint32_t attr_u32(const struct attr *a)
{
	uint32_t v = 0;

	if (a->data.n == sizeof(v))
		memcpy(&v, a->data.p, sizeof(v));
	return v;
}

static bool find_attr(struct slice attrs, uint16_t type, struct attr *ret)
{
	while (next_attr(&attrs, ret))
		if (ret->type == type)
			return true;
	return false;
}

/* ── talking to the kernel ──────────────────────────────────────────────────────────────────────
 */

/* A socket belongs to the namespace in which it was made. */
static int open_in(int ns)
{
	CLEANUP_FD int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int fd = -EBADF;

	if (own < 0 || setns(ns, CLONE_NEWNET) < 0)
		return -errno;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (setns(own, CLONE_NEWNET) < 0)
		_exit(1); /* in a foreign network: nothing sensible can follow */
	return fd < 0 ? -errno : TAKE_FD(fd);
}

static int send_message(int fd, const struct message *m)
{
	if (m->full)
		return -EMSGSIZE;
	return send(fd, m->raw, m->h.nlmsg_len, 0) < 0 ? -errno : 0;
}

/* The kernel's answer to what h is; 1: it is not an answer. */
static int answer(const struct nlmsghdr *h, struct slice payload)
{
	struct nlmsgerr e;

	if (h->nlmsg_type == NLMSG_DONE)
		return 0;
	if (h->nlmsg_type != NLMSG_ERROR)
		return 1;
	return take_head(&payload, &e, sizeof(e)) ? e.error : -EBADMSG;
}

/* Receives until the answer; messages that are none go to `keep` (may be NULL). */
static int receive(int fd, struct buf *keep)
{
	CLEANUP_BUF struct buf b = BUF_INIT(RECEIVE_MAX);
	int r = 1;

	while (r == 1) {
		char *at;
		ssize_t n;
		struct slice rest;
		struct slice payload;
		struct nlmsghdr h;

		buf_reset(&b);
		at = buf_reserve(&b, RECEIVE_MAX);
		if (!at)
			return -ENOMEM;
		n = recv(fd, at, RECEIVE_MAX, 0);
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		rest = (struct slice){ at, (size_t)n };
		while (r == 1 && next_message(&rest, &h, &payload)) {
			r = answer(&h, payload);
			if (r == 1 && keep) {
				buf_add(keep, payload.p - NLMSG_HDRLEN, h.nlmsg_len);
				while (buf_ok(keep) && keep->n % NLMSG_ALIGNTO)
					buf_add_char(keep, '\0');
			}
		}
	}
	return r < 0 ? r : keep && !buf_ok(keep) ? -ENOBUFS : 0;
}

static int ask(int fd, struct message *m)
{
	int r;

	m->h.nlmsg_flags |= NLM_F_ACK;
	r = send_message(fd, m);
	return r < 0 ? r : receive(fd, NULL);
}

static int dump(int fd, uint16_t type, struct buf *ret)
{
	/* As long as the longest of the heads: an older kernel looks no further than the family. */
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct message m;
	int r;

	message_start(&m, type, NLM_F_DUMP, &head, sizeof(head));
	r = send_message(fd, &m);
	return r < 0 ? r : receive(fd, ret);
}

/* ── links ──────────────────────────────────────────────────────────────────────────────────────
 */

static int read_links(int fd, struct links *ret)
{
	CLEANUP_BUF struct buf text = BUF_INIT(DUMP_MAX);
	struct slice payload;
	struct nlmsghdr h;
	struct slice rest;
	int r = dump(fd, RTM_GETLINK, &text);

	ret->n = 0;
	rest = buf_slice(&text);
	while (r == 0 && next_message(&rest, &h, &payload)) {
		struct link *l = &ret->l[ret->n];
		struct ifinfomsg head;
		struct attr name;

		if (h.nlmsg_type != RTM_NEWLINK || !take_head(&payload, &head, sizeof(head)))
			continue;
		if (!find_attr(payload, IFLA_IFNAME, &name) || name.data.n > sizeof(l->name))
			continue;
		if (ret->n == LINKS_MAX)
			return -E2BIG;
		*l = (struct link){ .old = head.ifi_index,
				    .up = head.ifi_flags & IFF_UP,
				    .loopback = head.ifi_flags & IFF_LOOPBACK };
		memcpy(l->name, name.data.p, name.data.n);
		l->name[sizeof(l->name) - 1] = '\0';
		ret->n++;
	}
	return r;
}

/* -EINVAL: a device that cannot leave its namespace. Every namespace has those of itself. */
static int move_link(int from, int to, const struct link *l, struct err *err)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = l->old };
	struct message m;
	int r;

	if (l->loopback)
		return 0;
	message_start(&m, RTM_NEWLINK, 0, &head, sizeof(head));
	message_attr_u32(&m, IFLA_NET_NS_FD, (uint32_t)to);
	r = ask(from, &m);
	return r == 0 || (r == -EINVAL && !l->up)
		       ? 0
		       : err_errno(err, r, "moving the network interface %s", l->name);
}

static int set_up(int fd, const struct link *l, struct err *err)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC,
				  .ifi_index = l->now,
				  .ifi_flags = IFF_UP,
				  .ifi_change = IFF_UP };
	struct message m;
	int r;

	message_start(&m, RTM_NEWLINK, 0, &head, sizeof(head));
	r = ask(fd, &m);
	return r < 0 ? err_errno(err, r, "network interface %s", l->name) : 0;
}

/* Links of the new namespace are known again by their names. */
static int match(int fd, struct links *links, struct err *err)
{
	struct links now;
	int r = read_links(fd, &now);

	if (r < 0)
		return err_errno(err, r, "network interfaces");
	for (size_t i = 0; i < links->n; i++)
		for (size_t j = 0; j < now.n; j++)
			if (strcmp(links->l[i].name, now.l[j].name) == 0)
				links->l[i].now = now.l[j].old;
	return 0;
}

static int index_now(const struct links *links, int old)
{
	for (size_t i = 0; i < links->n; i++)
		if (links->l[i].old == old)
			return links->l[i].now;
	return 0;
}

/* ── addresses and routes ───────────────────────────────────────────────────────────────────────
 */

static int add_address(int fd, const struct links *links, struct slice payload)
{
	struct ifaddrmsg head;
	struct message m;
	struct attr a;
	uint32_t flags;

	if (!take_head(&payload, &head, sizeof(head)))
		return -EBADMSG;
	flags = find_attr(payload, IFA_FLAGS, &a) ? attr_u32(&a) : head.ifa_flags;
	head.ifa_index = (uint32_t)index_now(links, (int)head.ifa_index);
	if (!(flags & IFA_F_PERMANENT) || head.ifa_index == 0 || head.ifa_scope == RT_SCOPE_HOST)
		return 0; /* the last: 127.0.0.1 and ::1, which come of themselves */
	flags &= IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN | IFA_F_HOMEADDRESS;
	if (head.ifa_family == AF_INET6)
		flags |= IFA_F_NODAD; /* it was found to be unique before */
	head.ifa_flags = 0;
	message_start(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &head, sizeof(head));
	while (next_attr(&payload, &a))
		if (a.type == IFA_LOCAL || a.type == IFA_ADDRESS || a.type == IFA_BROADCAST ||
		    a.type == IFA_LABEL || a.type == IFA_RT_PRIORITY)
			message_attr(&m, a.type, a.data);
	message_attr_u32(&m, IFA_FLAGS, flags);
	return ask(fd, &m);
}

/* The next hops of a multipath route, with their links' new indexes. */
static int add_hops(struct message *m, const struct links *links, struct slice hops)
{
	unsigned char text[MESSAGE_MAX];
	struct rtnexthop hop;
	size_t at = 0;

	if (hops.n > sizeof(text))
		return -EMSGSIZE;
	memcpy(text, hops.p, hops.n);
	while (hops.n - at >= sizeof(hop)) {
		memcpy(&hop, text + at, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > hops.n - at)
			return -EBADMSG;
		hop.rtnh_ifindex = index_now(links, hop.rtnh_ifindex);
		hop.rtnh_flags &= RTNH_F_ONLINK;
		memcpy(text + at, &hop, sizeof(hop));
		at += MIN((size_t)RTNH_ALIGN(hop.rtnh_len), hops.n - at);
	}
	message_attr(m, RTA_MULTIPATH, (struct slice){ (const char *)text, hops.n });
	return 0;
}

static bool is_set_by_somebody(const struct rtmsg *head, struct slice attrs)
{
	struct attr table;

	if ((head->rtm_flags & RTM_F_CLONED) || head->rtm_protocol == RTPROT_KERNEL ||
	    head->rtm_protocol == RTPROT_RA || head->rtm_protocol == RTPROT_REDIRECT)
		return false;
	return !find_attr(attrs, RTA_TABLE, &table) || attr_u32(&table) != RT_TABLE_LOCAL;
}

/* Routes that need no other route first, then those by way of a gateway. */
static int add_route(int fd, const struct links *links, struct slice payload, bool gateways)
{
	struct message m;
	struct rtmsg head;
	struct attr a;
	int r = 0;

	if (!take_head(&payload, &head, sizeof(head)))
		return -EBADMSG;
	if (!is_set_by_somebody(&head, payload) ||
	    gateways != (find_attr(payload, RTA_GATEWAY, &a) || find_attr(payload, RTA_VIA, &a) ||
			 find_attr(payload, RTA_MULTIPATH, &a)))
		return 0;
	head.rtm_flags &= RTNH_F_ONLINK;
	message_start(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &head, sizeof(head));
	while (r == 0 && next_attr(&payload, &a)) {
		if (a.type == RTA_OIF)
			message_attr_u32(&m, RTA_OIF,
					 (uint32_t)index_now(links, (int)attr_u32(&a)));
		else if (a.type == RTA_MULTIPATH)
			r = add_hops(&m, links, a.data);
		else if (a.type != RTA_CACHEINFO && a.type != RTA_EXPIRES)
			message_attr(&m, a.type, a.data);
	}
	return r < 0 ? r : ask(fd, &m);
}

static int add_all(int fd, const struct links *links, const struct buf *addresses,
		   const struct buf *routes, struct err *err)
{
	struct slice rest = buf_slice(addresses);
	struct slice payload;
	struct nlmsghdr h;
	int r = 0;

	while (r == 0 && next_message(&rest, &h, &payload))
		if (h.nlmsg_type == RTM_NEWADDR)
			r = add_address(fd, links, payload);
	if (r < 0)
		return err_errno(err, r, "addresses of the network interfaces");
	for (int gateways = 0; gateways < 2; gateways++) {
		rest = buf_slice(routes);
		while (r == 0 && next_message(&rest, &h, &payload))
			if (h.nlmsg_type == RTM_NEWROUTE)
				r = add_route(fd, links, payload, gateways);
	}
	return r < 0 ? err_errno(err, r, "routes of the network") : 0;
}

int netns_move(int from, int to, struct err *err)
{
	CLEANUP_BUF struct buf addresses = BUF_INIT(DUMP_MAX);
	CLEANUP_BUF struct buf routes = BUF_INIT(DUMP_MAX);
	CLEANUP_FD int old = open_in(from);
	CLEANUP_FD int now = open_in(to);
	struct links links;
	int r;

	if (old < 0 || now < 0)
		return err_errno(err, old < 0 ? old : now, "network namespace");
	r = read_links(old, &links);
	if (r == 0)
		r = dump(old, RTM_GETADDR, &addresses);
	if (r == 0)
		r = dump(old, RTM_GETROUTE, &routes);
	if (r < 0)
		return err_errno(err, r, "reading the network");
	for (size_t i = 0; r == 0 && i < links.n; i++)
		r = move_link(old, to, &links.l[i], err);
	if (r == 0)
		r = match(now, &links, err);
	for (size_t i = 0; r == 0 && i < links.n; i++)
		if (links.l[i].up && links.l[i].now)
			r = set_up(now, &links.l[i], err);
	return r < 0 ? r : add_all(now, &links, &addresses, &routes, err);
}
