// SPDX-License-Identifier: Apache-2.0
/* Devices: nodes that are there, nodes that are made, terminals. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ops.h"

struct node {
	mode_t type;
	unsigned major, minor;
};

static struct node parse(const char *text)
{
	char *end;
	struct node n = { .type = text[0] == 'b' ? S_IFBLK : S_IFCHR };

	n.major = (unsigned)strtoul(text + 2, &end, 10);
	n.minor = (unsigned)strtoul(end + 1, NULL, 10);
	return n;
}

static void make(const char *text, const char *path)
{
	struct node n = parse(text);

	if (mknod(path, n.type | 0600, makedev(n.major, n.minor)) < 0)
		say_errno("mknod");
}

/* A node that is made is opened for reading; a device without a driver behind the check is ENXIO.
 */
static void mknod_open(const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/node", own_folder("dev"));
	make(text, path);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		say_reached("open", ENXIO);
	say("OPEN_OK", text);
}

/* In a folder of the host, where the node would stay. */
static void mknod_bind(const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), RW_BIND "/node-%d", (int)getpid());
	make(text, path);
	unlink(path);
	say("MKNOD_OK", text);
}

static void whiteout(const char *arg)
{
	char path[256];

	(void)arg;
	snprintf(path, sizeof(path), "%s/whiteout", own_folder("dev"));
	make("c:0:0", path);
	if (open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) < 0)
		say_reached("open", ENXIO);
	say("OPEN_OK", "");
}

static const char *const harmless[] = { "null",	  "zero",    "full", "random", "urandom",
					"tty",	  "console", "ptmx", "fuse",   "stdin",
					"stdout", "stderr",  "fd",   "core",   "pts",
					"shm",	  "mqueue",  "net",  NULL };

/* Any other node below /dev is opened for reading. */
static void foreign_nodes(const char *arg)
{
	DIR *dir = opendir("/dev");
	struct dirent *entry;
	char path[512];

	(void)arg;
	if (!dir)
		say_errno("opendir");
	while ((entry = readdir(dir))) {
		struct stat st;
		bool known = false;

		for (size_t i = 0; harmless[i]; i++)
			known |= strcmp(entry->d_name, harmless[i]) == 0;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		if (known || lstat(path, &st) < 0 || !(S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode)))
			continue;
		say("NODES", path);
	}
	say("NONE", "");
}

/* Characters put into the input of a terminal of one's own: legacy_tiocsti, Linux 6.2. */
static void stuff(const char *arg)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	const char *name;
	int slave;

	(void)arg;
	if (master < 0)
		say_errno("openpt");
	name = grantpt(master) == 0 && unlockpt(master) == 0 ? ptsname(master) : NULL;
	if (!name)
		say_errno("ptsname");
	setsid();
	slave = open(name, O_RDWR | O_CLOEXEC);
	if (slave < 0)
		say_errno("open");
	if (ioctl(slave, TIOCSTI, "#") < 0)
		say_errno("TIOCSTI");
	say("STUFFED", "");
}

static void fuse(const char *arg)
{
	char data[64];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	(void)arg;
	if (fd < 0)
		say_errno("open");
	snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("escape", own_folder("fuse"), "fuse", 0, data) < 0)
		say_errno("mount");
	say("MOUNTED", "");
}

const struct probe probes_device[] = {
	{ "D01", "loop", 0, mknod_open, "b:7:77" },
	{ "D01", "disk", 0, mknod_open, "b:8:0" },
	{ "D01", "mem", 0, mknod_open, "c:1:1" },
	{ "D01", "kmsg", 0, mknod_open, "c:1:11" },
	{ "D01", "loop-control", 0, mknod_open, "c:10:237" },
	{ "D03", "", 0, whiteout, NULL },
	{ "D05", "disk", 0, mknod_bind, "b:7:77" },
	{ "D05", "kmsg", 0, mknod_bind, "c:1:11" },
	{ "D07", "mem", 0, op_open_read, "/dev/mem" },
	{ "D07", "port", 0, op_open_read, "/dev/port" },
	{ "D07", "nvram", 0, op_open_read, "/dev/nvram" },
	{ "D07", "msr", 0, op_open_read, "/dev/cpu/0/msr" },
	{ "D07", "kmsg", 0, op_open_read, "/dev/kmsg" },
	{ "D07", "kvm", 0, op_open_read, "/dev/kvm" },
	{ "D09", "", 0, foreign_nodes, NULL },
	{ "D09", "loop-control", 0, op_open_read, "/dev/loop-control" },
	{ "D11", "", 0, stuff, NULL },
	{ "M13", "", PROBE_MOUNTS, fuse, NULL },
	{ .id = NULL },
};
