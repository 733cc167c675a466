/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One seccomp listener: of a container's processes, or of those that one `exec` brought in. It has
 * a thread while it is in use, so that no container waits for another, and none while it is not.
 */
#pragma once

#include <stdbool.h>

#include "control/hold.h"
#include "vet/stuck.h"

struct session;
struct slots;

struct sessions {
	int epoll_fd;	   /* listeners that wait for a call, and connections, one shot each */
	const char *views; /* folder of records (view/record.h) */
	struct slots *slots;
	struct session *first;
	struct stuck stuck; /* of all listeners that there was no thread for */
	/* A runtime has sent something; the descriptor is closed afterwards. */
	void (*arrived)(int fd, void *data);
	/* There will be no calls any more on the listener of that name. */
	void (*ended)(const char *name, void *data);
	void *data;
};

/* Makes epoll_fd; the rest is the caller's to set. */
int sessions_init(struct sessions *s);

/* A listener that the holder keeps under this name: "vet/RANDOM/ID". Takes the descriptor. */
int session_add(struct sessions *s, const char *name, int take_fd);

/* Answers the calls that an earlier gabion-vet took from listeners that were added since, and did
 * not finish. */
void sessions_resume(struct sessions *s);

/* A runtime's connection: it comes at the beginning of a creation, what it sends at the end. */
int session_expect(struct sessions *s, int take_fd);

/* Waits for calls, arrivals and ends. Also returns (0) when one of the others can be read or has
 * ended. */
int sessions_wait(struct sessions *s, const int others[2]);

/* All of them, one call each. */
void sessions_each(struct sessions *s, void (*one)(const char *name, int fd, void *data),
		   void *data);

#define SESSION_PREFIX "vet/"
