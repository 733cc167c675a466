/* SPDX-License-Identifier: Apache-2.0 */
#include "cp/facts.h"

#include <sys/stat.h>

#include "base/util.h"

/* Go's os.FileMode (io/fs) bits. */
enum go_mode {
	GO_DIR = 1u << 31,
	GO_SYMLINK = 1u << 27,
	GO_DEVICE = 1u << 26,
	GO_FIFO = 1u << 25,
	GO_SOCKET = 1u << 24,
	GO_SETUID = 1u << 23,
	GO_SETGID = 1u << 22,
	GO_CHAR_DEVICE = 1u << 21,
	GO_STICKY = 1u << 20,
};

static const struct {
	mode_t type;
	uint32_t go;
} types[] = {
	{ S_IFREG, 0 },
	{ S_IFDIR, GO_DIR },
	{ S_IFLNK, GO_SYMLINK },
	{ S_IFBLK, GO_DEVICE },
	{ S_IFCHR, GO_DEVICE | GO_CHAR_DEVICE },
	{ S_IFIFO, GO_FIFO },
	{ S_IFSOCK, GO_SOCKET },
};

uint32_t facts_go_mode(mode_t mode)
{
	uint32_t go = mode & 0777;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if ((mode & S_IFMT) == types[i].type)
			go |= types[i].go;
	if (mode & S_ISUID)
		go |= GO_SETUID;
	if (mode & S_ISGID)
		go |= GO_SETGID;
	if (mode & S_ISVTX)
		go |= GO_STICKY;
	return go;
}

/* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z */
#define YEAR_0 (-62167219200)
#define YEAR_9999_END 253402300799
#define DAY 86400

struct date {
	int64_t year;
	int64_t month;
	int64_t day;
};

/*
 * The calendar without the C library: gmtime() reads /etc/localtime on first use, which is the
 * container's by then. Years are counted from March, so that the leap day is a year's last; day 0
 * is 0000-03-01.
 */
static struct date date_of(int64_t days_since_1970)
{
	int64_t days = days_since_1970 + 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097; /* 400 years each */
	int64_t doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t month = (5 * doy + 2) / 153; /* 0 is March */
	struct date d = { .year = yoe + era * 400,
			  .month = month < 10 ? month + 3 : month - 9,
			  .day = doy - (153 * month + 2) / 5 + 1 };

	if (d.month <= 2)
		d.year++;
	return d;
}

void facts_go_time(struct buf *out, int64_t sec, uint32_t nsec)
{
	int64_t days;
	int64_t left;
	struct date d;

	if (sec < YEAR_0) {
		sec = YEAR_0;
		nsec = 0;
	}
	if (sec > YEAR_9999_END) {
		sec = YEAR_9999_END;
		nsec = 0;
	}
	days = (sec >= 0 ? sec : sec - (DAY - 1)) / DAY;
	left = sec - days * DAY;
	d = date_of(days);
	buf_printf(out, "%04ld-%02ld-%02ldT%02ld:%02ld:%02ld", (long)d.year, (long)d.month,
		   (long)d.day, (long)(left / 3600), (long)(left / 60 % 60), (long)(left % 60));
	if (nsec > 0) {
		int width = 9;

		while (nsec % 10 == 0) {
			nsec /= 10;
			width--;
		}
		buf_printf(out, ".%0*u", width, nsec);
	}
	buf_add_char(out, 'Z');
}
