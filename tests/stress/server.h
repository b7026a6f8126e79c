/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An FTP server that does what a script says: each is a thread with a port of
 * its own, which has one session at a time.
 */
#ifndef SERVER_H
#define SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum server_act {
	STEP_END, STEP_SAY, STEP_PUSH, STEP_CONNECT, STEP_SEND, STEP_RECEIVE,
	STEP_EOD, STEP_ABORT, STEP_WAIT_EOD, STEP_HOLD, STEP_NAP, STEP_HANG_UP,
	STEP_RESET
};

struct server_step {
	enum server_act act;
	const char *text;
	size_t n;
	long nap;
};

/*
 * What to do when a command has come. HOLD is until server_go(), or the end of
 * the control connection; after server_go() it is nothing, and so are naps.
 * Those take some microseconds, or at random up to so many if it is negative.
 */
#define SAY(line)	{ .act = STEP_SAY, .text = (line) } /* %size is known */
#define PUSH(bytes)	{ .act = STEP_PUSH, .text = (bytes) }
#define CONNECT		{ .act = STEP_CONNECT } /* to where PORT or EPRT said */
#define STRANGER(from)	{ .act = STEP_CONNECT, .text = (from) }
#define SEND_SLOWLY(bytes, usec) /* a nap before each 16 KiB */ \
			{ .act = STEP_SEND, .n = (bytes), .nap = (usec) }
#define SEND(bytes)	SEND_SLOWLY(bytes, 0)
#define RECEIVE_SLOWLY(bytes, usec) \
			{ .act = STEP_RECEIVE, .n = (bytes), .nap = (usec) }
#define RECEIVE(bytes)	RECEIVE_SLOWLY(bytes, 0)
#define ALL		0 /* to the end of the file */
#define EOD		{ .act = STEP_EOD } /* the data connection is closed */
#define ABORT		{ .act = STEP_ABORT } /* it is reset */
#define WAIT_EOD	{ .act = STEP_WAIT_EOD } /* the client closes it */
#define HOLD		{ .act = STEP_HOLD }
#define NAP(usec)	{ .act = STEP_NAP, .nap = (usec) }
#define HANG_UP		{ .act = STEP_HANG_UP }
#define RESET		{ .act = STEP_RESET } /* the control connection is */

/* Instead of the usual answer to @verb; "greeting" is a verb, too */
struct server_verb {
	const char *verb;
	const struct server_step *steps;	/* the last one is STEP_END */
	bool once;				/* in the first session only */
};

#define ON(what, ...)	{ .verb = (what), .steps = \
	(const struct server_step []){ __VA_ARGS__, { .act = STEP_END } } }
#define ONCE(what, ...)	{ .verb = (what), .once = true, .steps = \
	(const struct server_step []){ __VA_ARGS__, { .act = STEP_END } } }
#define VERBS(...) (const struct server_verb []){ __VA_ARGS__, { .verb = NULL } }

struct server {
	/* for server_start() */
	int family;
	const struct server_verb *verbs;	/* the last one is empty */
	bool deaf;			/* does not hear who connects */
	char *file;			/* what there is to be had */
	size_t size;
	size_t room;			/* for what is stored there */

	/* what has come of it, under @lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int sessions;
	unsigned int farewells;
	unsigned int resumed;		/* that began in the middle */
	bool whole;			/* the client ended what it sent, of its own */
	bool busy;			/* in a session */
	bool held;			/* at a HOLD */

	unsigned short port;
	int listener;
	int gate;
	int stop;
	pthread_t thread;
};

/* In the calling thread's network namespace */
void server_start(struct server *server);
/* Its session, if any, is cut off */
void server_stop(struct server *server);

void server_go(struct server *server);
void server_hold(struct server *server);

/* Return false if it does not come to that by then, of now() */
bool server_wait_held(struct server *server, double until);
bool server_wait_idle(struct server *server, double until);

#endif
