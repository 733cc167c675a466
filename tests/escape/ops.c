// SPDX-License-Identifier: Apache-2.0
#include "ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		say_errno("open");
	if (write(fd, text, strlen(text)) < 0)
		say_errno("write");
	close(fd);
}

void op_write_back(const char *path)
{
	char text[4096];

	if (read_text(path, text, sizeof(text)) < 0) {
		/* what cannot be read can be tried to be opened */
		op_open_write(path);
	}
	write_text(path, text);
	say("WRITE_OK", path);
}

void op_change(const char *path)
{
	char text[256], now[256];

	if (!may_change())
		op_write_back(path);
	if (read_text(path, text, sizeof(text)) < 0)
		say_errno("read");
	if (strspn(text, "0123456789") > 0)
		snprintf(text, sizeof(text), "%ld", strtol(text, NULL, 10) + 1);
	else
		snprintf(text, sizeof(text), "escape");
	write_text(path, text);
	if (read_text(path, now, sizeof(now)) < 0)
		say_errno("read again");
	say("VIRT", now);
}

void op_open_write(const char *path)
{
	if (open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK) < 0)
		say_errno("open");
	say("OPEN_OK", path);
}

void op_open_read(const char *path)
{
	if (open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) < 0)
		say_errno("open");
	say("OPEN_OK", path);
}

void op_read(const char *path)
{
	char text[256];
	int n = read_text(path, text, sizeof(text));

	if (n < 0) {
		errno = -n;
		say_errno("read");
	}
	say(n > 0 ? "READ" : "EMPTY", "");
}

void op_value(const char *path)
{
	char text[256];
	int n = read_text(path, text, sizeof(text));

	if (n < 0) {
		errno = -n;
		say_errno("read");
	}
	say(n > 0 ? "VALUE" : "EMPTY", text);
}

void op_list(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		say_errno("opendir");
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			say("LISTED", entry->d_name);
	say("EMPTY", path);
}

void op_mount(const char *type)
{
	if (mount("none", own_folder(type), type, 0, NULL) < 0)
		say_errno("mount");
	say("MOUNTED", type);
}
