// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions with a server that has lost its mind: each plays a recorded one, but
 * bytes and events were changed at random, and looks at what came of it.
 *
 *	dialogue [--count N] [--seed S] [--workers N] [--verbose]
 *
 * What a session does depends on its own seed alone, which is printed if it
 * goes wrong: --count 1 --seed THAT plays it again. The seed of the nth session
 * is S + n. KFTP_SLOW is how much slower than usual the machine is.
 *
 * A worker has a job and the job's server, both in one thread, so that whatever
 * happens between them is in order; many workers go on beside each other.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "job.h"
#include "kftp.h"
#include "tap.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define MEMORY		"/tmp/dialogue"
#define DISK		"/scratch/dialogue"
#define USER		"somebody"
#define THERE		"pub/there"
#define SERVER4		"127.0.0.1"
#define STRANGER4	"127.0.0.2"
#define SERVER6		"fd00::1"
#define STRANGER6	"fd00::2"

/* What a get keeps to go on with is more than this */
#define WORTHWHILE	(72 * 1024)

/* Seconds: for a job whose server may stall, and for one whose does not */
#define TIMEOUT		1
#define DEADLINE	3
#define PATIENCE	20
/* How late a job may see what came, and what it takes to end */
#define GATHER		0.5
#define GRACE		1

static bool verbose;

/* Chance, the same for the same seed on every machine: splitmix64 */

struct chance {
	uint64_t state;
};

static uint64_t chance_any(struct chance *c)
{
	uint64_t z = c->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* One of 0 to n - 1 */
static size_t chance_of(struct chance *c, size_t n)
{
	return n ? chance_any(c) % n : 0;
}

/* Recorded sessions */

enum what {
	END,
	AWAIT,		/* a line of the client's, whatever it is */
	SAY,		/* bytes */
	CONNECT,	/* data */
	STRANGER,	/* connects for data, from somewhere else */
	SEND,		/* so many bytes of the file from where REST said */
	THROW,		/* bytes, over the data connection */
	ARRIVE,		/* until the client's side has all that was sent */
	FINISH,		/* the data connection */
	RECEIVE,	/* until it is finished by the other side */
	/* what is in no recording */
	HANG_UP,	/* the control connection */
	HALF_CLOSE,	/* it, too: but still listen */
	RESET,		/* it */
	RESET_DATA,
	URGENT,		/* a byte, over the control connection */
	URGENT_DATA,
	PAUSE,		/* so many milliseconds */
	STALL,		/* for ever */
};

/* In an event's number: as many bytes as are left, or as were there before */
#define ALL	-1
#define HAD	-2

struct recorded {
	enum what what;
	/* {size} and {had} are bytes of the whole file, and what was there */
	const char *bytes;
	long n;
};

#define DO(it)		{ .what = it }
#define SAYING(text)	{ .what = SAY, .bytes = text "\r\n" }
#define SENDING(most)	{ .what = SEND, .n = most }
#define ANSWER(text)	DO(AWAIT), SAYING(text)

#define LOGIN								\
	ANSWER("331 Please specify the password."),			\
	ANSWER("230 Login successful."),				\
	ANSWER("200 Switching to Binary mode.")

#define GREETING	SAYING("220 (vsFTPd 3.0.3)")

#define LONG_GREETING							\
	SAYING("220-This is a server,\r\n"				\
	       " 220 not that one.\r\n"					\
	       "230 Nor are you in yet.\r\n"				\
	       "220 Now it is your turn.")

#define SIZE_IS(text)	ANSWER("213 " text)
#define TIME_IS(text)	ANSWER("213 " text)
#define PORT		ANSWER("200 PORT command successful.")
#define REST		ANSWER("350 Restart position accepted.")
#define COMPLETE	SAYING("226 Transfer complete.")
#define GOODBYE		ANSWER("221 Goodbye."), DO(HANG_UP), DO(END)

#define RETR(most)							\
	DO(AWAIT), DO(CONNECT),						\
	SAYING("150 Opening BINARY mode data connection for there"	\
	       " ({size} bytes)."),					\
	SENDING(most), DO(FINISH), COMPLETE

#define STOR								\
	DO(AWAIT), DO(CONNECT), SAYING("150 Ok to send data."),		\
	DO(RECEIVE), DO(FINISH), COMPLETE

static const struct recorded get[] = {
	GREETING, LOGIN, SIZE_IS("{size}"), PORT, RETR(ALL), GOODBYE
};

/* It connects as soon as it knows where to, and has no SIZE */
static const struct recorded get_early[] = {
	LONG_GREETING, LOGIN,
	ANSWER("500 What?"),
	DO(AWAIT), DO(CONNECT), SAYING("200 Active connection."),
	ANSWER("125-Data connection already open.\r\n"
	       " Transfer starting.\r\n"
	       "125 Now."),
	SENDING(ALL), DO(FINISH), COMPLETE, GOODBYE
};

static const struct recorded put[] = {
	GREETING, LOGIN, PORT, STOR, SIZE_IS("{size}"), GOODBYE
};

static const struct recorded append[] = {
	GREETING, LOGIN, SIZE_IS("1000"), PORT, STOR, SIZE_IS("{more}"),
	GOODBYE
};

/* What is left behind is what the next session goes on with */
static const struct recorded get_cut[] = {
	GREETING, LOGIN, SIZE_IS("{size}"), TIME_IS("20200102030405"), PORT,
	DO(AWAIT), DO(CONNECT), SAYING("150 Here it comes."),
	SENDING(HAD), DO(ARRIVE), DO(FINISH),
	SAYING("426 That is all for now."), GOODBYE
};

static const struct recorded get_on[] = {
	GREETING, LOGIN, SIZE_IS("{size}"), TIME_IS("20200102030405"), PORT,
	REST, RETR(ALL), GOODBYE
};

static const struct recorded get_anew[] = {
	GREETING, LOGIN, SIZE_IS("{size}"), TIME_IS("20200102030405"), PORT,
	RETR(ALL), GOODBYE
};

static const struct recorded put_on[] = {
	GREETING, LOGIN, SIZE_IS("{had}"), TIME_IS("20300102030405"),
	PORT, RETR(HAD), PORT, STOR, SIZE_IS("{size}"), GOODBYE
};

static const struct recorded put_anew[] = {
	GREETING, LOGIN, SIZE_IS("{had}"), PORT, STOR, SIZE_IS("{size}"),
	GOODBYE
};

static const struct kind {
	const char *name;
	const char *direction;
	const struct recorded *session;
	/* played as it is before, so that there is something to go on with */
	const struct recorded *before;
	/* played as it is if the client wants to begin once more */
	const struct recorded *again;
} kinds[] = {
	{ .name = "get", .direction = "get", .session = get },
	{ .name = "get, connected early", .direction = "get",
	  .session = get_early },
	{ .name = "put", .direction = "put", .session = put },
	{ .name = "append", .direction = "append", .session = append },
	{ .name = "resumed get", .direction = "get", .session = get_on,
	  .before = get_cut, .again = get_anew },
	{ .name = "resumed put", .direction = "put", .session = put_on,
	  .again = put_anew },
};

/* A session, as it is played */

struct event {
	enum what what;
	char *bytes;
	size_t len;
	long n;
	size_t piece;		/* so many bytes at a time, 0 for all */
};

#define EVENTS_MAX	400

struct script {
	struct event events[EVENTS_MAX];
	size_t count;
};

/* A data connection, and what became of it */
struct data {
	int fd;			/* -1 once it is closed */
	bool stranger;
	bool finished;		/* by us, in order, and not by a reset */
	bool ended;		/* by the client, and we have all it sent */
	bool urgent;		/* bytes of no meaning were among it */
	unsigned short port;	/* ours */
	char *bytes;		/* of the file, either way */
	size_t len;
};

#define DATA_MAX	16

struct worker {
	pthread_t thread;
	unsigned int number;
	char job[24];
	int status;		/* the file of its state */
	int listener[2];	/* IPv4, IPv6 */
	unsigned short port[2];
	unsigned long runs;

	/* the session */
	uint64_t seed;
	struct chance chance;
	const struct kind *kind;
	bool v6;
	bool get;
	bool changed;		/* not as it was recorded */
	bool late;		/* not over when it should be */
	unsigned int timeout;	/* seconds, as above */
	unsigned int deadline;
	char pass[40];
	char dir[64];
	char local[96];
	char part[96];
	char old[64];		/* in the destination, empty for none */
	char *file;		/* what is to be moved */
	size_t size;
	size_t had;		/* of it, on the other side */
	char log[2000];		/* what was changed */
	char why[600];		/* it is wrong, or empty */

	/* and its server */
	struct script script;
	size_t at;		/* the event under way */
	size_t done;		/* bytes of it */
	double resume_at;	/* when its pause is over */
	int control;
	char line[8192];
	size_t line_len;
	bool deaf;		/* the client has ended the connection */
	unsigned int passes;	/* how many passwords it has sent */
	struct sockaddr_storage where;	/* where data should go, or none */
	size_t rest;
	struct data data[DATA_MAX];
	size_t datas;
	double acted;		/* when it did something the client can see */
};

/* Returns false, so that a check can return it */
static bool wrong(struct worker *w, const char *format, ...)
{
	va_list args;

	/* the first reason is the best one */
	if (w->why[0])
		return false;
	va_start(args, format);
	vsnprintf(w->why, sizeof(w->why), format, args);
	va_end(args);
	return false;
}

static void note(struct worker *w, const char *format, ...)
{
	size_t len = strlen(w->log);
	va_list args;

	va_start(args, format);
	vsnprintf(w->log + len, sizeof(w->log) - len, format, args);
	va_end(args);
}

/* Scripts, and what is changed in them */

static void script_drop(struct script *s, size_t i)
{
	free(s->events[i].bytes);
	memmove(&s->events[i], &s->events[i + 1],
		(--s->count - i) * sizeof(s->events[0]));
}

static struct event *script_insert(struct script *s, size_t i, enum what what,
				   const char *bytes, size_t len)
{
	struct event *event = &s->events[i];

	/* there is always room for what a few changes add */
	if (s->count == EVENTS_MAX) {
		errno = E2BIG;
		die("a script");
	}
	memmove(event + 1, event, (s->count++ - i) * sizeof(*event));
	*event = (struct event){ .what = what, .len = len };
	if (bytes) {
		event->bytes = malloc(len + 1);
		memcpy(event->bytes, bytes, len);
		event->bytes[len] = '\0';
	}
	return event;
}

static void script_clear(struct script *s)
{
	while (s->count)
		script_drop(s, s->count - 1);
}

static void script_add(struct worker *w, const struct recorded *r)
{
	const char *in = r->bytes ?: "";
	struct event *event;
	char text[512];
	size_t len = 0;

	while (*in && len < sizeof(text) - 32) {
		size_t value = w->size;

		if (*in != '{') {
			text[len++] = *in++;
			continue;
		}
		if (!strncmp(in, "{had}", 5))
			value = w->had;
		else if (!strncmp(in, "{more}", 6))
			value = w->size + 1000;
		len += sprintf(text + len, "%zu", value);
		in = strchr(in, '}') + 1;
	}
	event = script_insert(&w->script, w->script.count, r->what,
			      r->bytes ? text : NULL, len);
	event->n = r->n;
}

static void script_load(struct worker *w, const struct recorded *recorded)
{
	script_clear(&w->script);
	for (; recorded->what != END; recorded++)
		script_add(w, recorded);
	w->at = 0;
	w->done = 0;
	w->resume_at = 0;
}

/* An event of that kind, or any if there is none */
static size_t script_find(struct worker *w, enum what what)
{
	size_t start = chance_of(&w->chance, w->script.count);
	size_t i, n = w->script.count;

	for (i = 0; i < n; i++)
		if (w->script.events[(start + i) % n].what == what)
			return (start + i) % n;
	return start;
}

static size_t script_text(struct worker *w)
{
	return script_find(w, SAY);
}

/* Where the event has bytes; returns false if it has none */
static bool event_place(struct worker *w, struct event *event, size_t *place)
{
	if (!event->bytes || !event->len)
		return false;
	*place = chance_of(&w->chance, event->len);
	return true;
}

static void event_splice(struct event *event, size_t at, size_t gone,
			 const char *bytes, size_t len)
{
	size_t rest = event->len - at - gone;
	char *text = malloc(event->len - gone + len + 1);

	memcpy(text, event->bytes, at);
	memcpy(text + at, bytes, len);
	memcpy(text + at + len, event->bytes + at + gone, rest);
	free(event->bytes);
	event->bytes = text;
	event->len += len - gone;
	text[event->len] = '\0';
}

static void change_bit(struct worker *w)
{
	size_t i = script_text(w), place;
	struct event *event = &w->script.events[i];
	unsigned int bit = chance_of(&w->chance, 8);

	if (!event_place(w, event, &place))
		return;
	event->bytes[place] ^= 1 << bit;
	note(w, " bit %u of byte %zu in %zu", bit, place, i);
}

static void change_byte(struct worker *w)
{
	static const char bytes[] = "\0\r\n\xff\x1b- 0159(\\\x7f\x80\t";
	size_t i = script_text(w), place;
	struct event *event = &w->script.events[i];

	if (!event_place(w, event, &place))
		return;
	event->bytes[place] = bytes[chance_of(&w->chance, sizeof(bytes) - 1)];
	note(w, " byte %zu in %zu is %#x", place, i,
	     (unsigned char)event->bytes[place]);
}

static void change_cut(struct worker *w)
{
	size_t i = script_text(w), place;
	struct event *event = &w->script.events[i];

	if (!event_place(w, event, &place))
		return;
	event->len = place;
	note(w, " %zu ends at %zu", i, place);
}

static void change_double(struct worker *w)
{
	size_t i = chance_of(&w->chance, w->script.count);
	struct event *event = &w->script.events[i];
	struct event *twin = script_insert(&w->script, i + 1, event->what,
					   event->bytes, event->len);

	twin->n = event->n;
	note(w, " %zu twice", i);
}

static void change_order(struct worker *w)
{
	size_t i = chance_of(&w->chance, w->script.count);
	size_t j = chance_of(&w->chance, 3) ?
		   (i + 1) % w->script.count :
		   chance_of(&w->chance, w->script.count);
	struct event event = w->script.events[i];

	w->script.events[i] = w->script.events[j];
	w->script.events[j] = event;
	note(w, " %zu and %zu swapped", i, j);
}

static void change_drop(struct worker *w)
{
	size_t i = chance_of(&w->chance, w->script.count);

	script_drop(&w->script, i);
	note(w, " without %zu", i);
}

static void change_foreign(struct worker *w)
{
	static const char *const replies[] = {
		"421 Closing.\r\n", "530 Not logged in.\r\n",
		"226 That was all.\r\n", "150 About to.\r\n",
		"332 Your account?\r\n", "120 In a moment.\r\n",
		"425 Cannot open data connection.\r\n", "426 Aborted.\r\n",
		"450 Busy.\r\n", "452 Full.\r\n", "550 No such file.\r\n",
		"552 Too large.\r\n", "553 Not by that name.\r\n",
		"213 -1\r\n", "213 18446744073709551616\r\n", "213 \r\n",
		"500 What?\r\n", "202 No need.\r\n", "350 Go on.\r\n",
		"999 What?\r\n", "000 What?\r\n", "22\r\n", "\r\n", "\n",
		"226-\r\n", "226-a\r\n226\r\n226-b\r\n226 \r\n",
		"150 x (5 bytes).\r\n", "150 x (99999999999999 bytes).\r\n",
		"230 In.\n230 In.\n", "\377\364\377\362220 Hello.\r\n",
		"220 \x1b[2J\x07\x80\xff%s%n\r\n",
	};
	size_t i = chance_of(&w->chance, w->script.count + 1);
	const char *reply = replies[chance_of(&w->chance,
					      ARRAY_SIZE(replies))];

	script_insert(&w->script, i, SAY, reply, strlen(reply));
	note(w, " %.3s before %zu", reply, i);
}

static void change_code(struct worker *w)
{
	size_t i = script_text(w), place;
	struct event *event = &w->script.events[i];

	if (!event->bytes || event->len < 4)
		return;
	place = chance_of(&w->chance, 3);
	event->bytes[place] = '0' + chance_of(&w->chance, place ? 10 : 7);
	note(w, " %zu is %.3s", i, event->bytes);
}

/* Another number, where one stands behind the code */
static void change_number(struct worker *w)
{
	static const char *const numbers[] = {
		"0", "1", "-1", "-0", "007", "2147483648", "4294967296",
		"9223372036854775807", "9223372036854775808",
		"18446744073709551615", "18446744073709551617", "1e3", "0x10",
		"99999999999999999999999999999999999", "",
	};
	size_t i = script_text(w), at = 4, len = 0, n;
	struct event *event = &w->script.events[i];
	const char *number;
	char text[32];

	if (!event->bytes || event->len < 5)
		return;
	while (at < event->len && !isdigit((unsigned char)event->bytes[at]))
		at++;
	while (at + len < event->len &&
	       isdigit((unsigned char)event->bytes[at + len]))
		len++;
	if (!len)
		return;
	n = strtoull(event->bytes + at, NULL, 10);
	number = numbers[chance_of(&w->chance, ARRAY_SIZE(numbers))];
	if (chance_of(&w->chance, 2)) {
		n += chance_of(&w->chance, 2) ? 1 : -1;
		snprintf(text, sizeof(text), "%zd", (ssize_t)n);
		number = text;
	}
	event_splice(event, at, len, number, strlen(number));
	note(w, " %zu has %s", i, number);
}

static void change_pieces(struct worker *w)
{
	size_t i = script_text(w);

	w->script.events[i].piece = 1 + chance_of(&w->chance, 3);
	note(w, " %zu in pieces", i);
}

static void change_time(struct worker *w)
{
	size_t i = chance_of(&w->chance, w->script.count + 1);
	long n = 1 + chance_of(&w->chance,
			       chance_of(&w->chance, 8) ? 30 : 950);

	script_insert(&w->script, i, PAUSE, NULL, 0)->n = n;
	note(w, " %ld ms before %zu", n, i);
}

static void change_end(struct worker *w)
{
	static const enum what ends[] = {
		HANG_UP, HALF_CLOSE, RESET, RESET_DATA, RESET_DATA, FINISH,
	};
	static const char *const names[] = {
		"hangs up", "half closes", "resets", "resets data",
		"resets data", "finishes",
	};
	size_t i = chance_of(&w->chance, w->script.count + 1);
	size_t end = chance_of(&w->chance, ARRAY_SIZE(ends));

	script_insert(&w->script, i, ends[end], NULL, 0);
	note(w, " %s before %zu", names[end], i);
}

static void change_connect(struct worker *w)
{
	size_t i = script_find(w, CONNECT);
	bool stranger = chance_of(&w->chance, 2);

	switch (chance_of(&w->chance, 3)) {
	case 0:
		script_drop(&w->script, i);
		break;
	case 1:
		w->script.events[i].what = stranger ? STRANGER : CONNECT;
		break;
	default:
		i += chance_of(&w->chance, 2);
		script_insert(&w->script, i, stranger ? STRANGER : CONNECT,
			      NULL, 0);
	}
	note(w, " %s at %zu", stranger ? "stranger" : "connection", i);
}

static void change_length(struct worker *w)
{
	size_t i = script_find(w, SEND);
	struct event *event = &w->script.events[i];
	static char zeros[5000];

	if (event->what != SEND || chance_of(&w->chance, 2)) {
		size_t n = 1 + chance_of(&w->chance, sizeof(zeros));

		i += chance_of(&w->chance, 2);
		script_insert(&w->script, i, THROW, zeros, n);
		note(w, " %zu more bytes at %zu", n, i);
	} else {
		event->n = chance_of(&w->chance, w->size + 2);
		note(w, " %ld bytes at %zu", event->n, i);
	}
}

static void change_stall(struct worker *w)
{
	size_t i = chance_of(&w->chance, w->script.count + 1);

	script_insert(&w->script, i, STALL, NULL, 0);
	note(w, " stalls before %zu", i);
}

/* The password, as some servers cannot keep it to themselves */
static void change_echo(struct worker *w)
{
	size_t i = script_text(w), place, n;
	struct event *event = &w->script.events[i];

	if (!event->bytes || event->len < 5)
		return;
	n = 1 + chance_of(&w->chance, 3);
	note(w, " password in %zu", i);
	while (n--) {
		place = 4 + chance_of(&w->chance, event->len - 4);
		event_splice(event, place, 0, w->pass, strlen(w->pass));
		note(w, " at %zu", place);
	}
}

static void change_noise(struct worker *w)
{
	static const char letters[] = "\r\n\n -0123456789aA\xff";
	size_t i = chance_of(&w->chance, w->script.count + 1);
	size_t n = chance_of(&w->chance, chance_of(&w->chance, 4) ? 60 : 9000);
	bool text = chance_of(&w->chance, 2);
	char noise[9000];
	size_t j;

	for (j = 0; j < n; j++)
		noise[j] = text ? letters[chance_of(&w->chance,
						    sizeof(letters) - 1)] :
				  (char)chance_any(&w->chance);
	script_insert(&w->script, i, SAY, noise, n);
	note(w, " %zu bytes of noise before %zu", n, i);
}

/* A long line or many lines, where one was */
static void change_longer(struct worker *w)
{
	size_t i = script_text(w), n;
	struct event *event = &w->script.events[i];
	char text[20000];

	if (!event->bytes || event->len < 5)
		return;
	n = 1 + chance_of(&w->chance, chance_of(&w->chance, 2) ? 300 :
						sizeof(text) / 2);
	if (chance_of(&w->chance, 2)) {
		memset(text, 'x', n);
	} else {
		size_t j;

		for (j = 0; j < n; j++)
			text[j] = j % 2 ? '\n' : 'x';
		event->bytes[3] = '-';
	}
	event_splice(event, 4, 0, text, n);
	note(w, " %zu is longer by %zu", i, n);
}

static void change_urgent(struct worker *w)
{
	size_t i = chance_of(&w->chance, w->script.count + 1);
	bool data = chance_of(&w->chance, 2);

	if (data)
		i = script_find(w, SEND) + chance_of(&w->chance, 2);
	script_insert(&w->script, i, data ? URGENT_DATA : URGENT, NULL, 0);
	note(w, " urgent%s before %zu", data ? " data" : "", i);
}

/* As if it had been another session from there on */
static void change_session(struct worker *w)
{
	const struct kind *kind = &kinds[chance_of(&w->chance,
						   ARRAY_SIZE(kinds))];
	size_t i = chance_of(&w->chance, w->script.count), len = 0, from;

	while (kind->session[len].what != END)
		len++;
	from = chance_of(&w->chance, 2) ? i : chance_of(&w->chance, len);
	while (w->script.count > i)
		script_drop(&w->script, i);
	for (; from < len; from++)
		script_add(w, &kind->session[from]);
	note(w, " %s from %zu on", kind->name, i);
}

static void (*const changes[])(struct worker *w) = {
	change_bit, change_byte, change_cut, change_double, change_order,
	change_drop, change_foreign, change_foreign, change_code, change_number,
	change_number, change_pieces, change_time, change_end, change_connect,
	change_length, change_stall, change_echo, change_noise, change_longer,
	change_urgent, change_session,
};

static void script_change(struct worker *w)
{
	size_t n;

	/* some are left as they are, to know that those go well */
	if (!chance_of(&w->chance, 16))
		return;
	w->changed = true;
	n = 1 + chance_of(&w->chance, 1 + chance_of(&w->chance, 5));
	while (n-- && w->script.count)
		changes[chance_of(&w->chance, ARRAY_SIZE(changes))](w);
}

/* The server */

static void unblock(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void close_by_reset(int fd)
{
	struct linger now_and_here = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now_and_here,
		   sizeof(now_and_here));
	close(fd);
}

static socklen_t address(const char *text, unsigned short port,
			 struct sockaddr_storage *addr)
{
	struct sockaddr_in *in = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;

	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return sizeof(*in);
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		return 0;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	return sizeof(*in6);
}

static unsigned short port_of(int fd)
{
	/* it is at the same place in both */
	struct sockaddr_in6 addr = { 0 };
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len))
		die("getsockname");
	return ntohs(addr.sin6_port);
}

static struct data *data_last(struct worker *w)
{
	size_t i = w->datas;

	while (i--)
		if (w->data[i].fd >= 0 && !w->data[i].stranger)
			return &w->data[i];
	return NULL;
}

static void data_close(struct data *data, bool reset)
{
	if (data->fd < 0)
		return;
	data->finished = !reset;
	if (reset)
		close_by_reset(data->fd);
	else
		close(data->fd);
	data->fd = -1;
}

static void data_connect(struct worker *w, bool stranger)
{
	const char *from = w->v6 ? stranger ? STRANGER6 : SERVER6 :
				   stranger ? STRANGER4 : SERVER4;
	struct data *data = &w->data[w->datas];
	struct sockaddr_storage addr;
	socklen_t len = address(from, 0, &addr);

	if (w->where.ss_family != addr.ss_family || w->datas == DATA_MAX)
		return;
	w->datas++;
	memset(data, 0, sizeof(*data));
	data->stranger = stranger;
	data->fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (data->fd < 0 || bind(data->fd, (struct sockaddr *)&addr, len))
		die("a data connection");
	data->port = port_of(data->fd);
	/* on the loopback, it is there or refused before this returns */
	if (connect(data->fd, (struct sockaddr *)&w->where, len))
		data_close(data, true);
	else
		unblock(data->fd);
}

/* Returns how many, 0 if not yet, or -1 if nobody is there */
static ssize_t send_some(int fd, const char *bytes, size_t len, int flags)
{
	ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL | flags);

	return n >= 0 ? n : errno == EAGAIN ? 0 : -1;
}

static void data_keep(struct data *data, const char *bytes, size_t len)
{
	data->bytes = realloc(data->bytes, data->len + len);
	memcpy(data->bytes + data->len, bytes, len);
	data->len += len;
}

/* Returns false if there is more to send, but not yet */
static bool data_send(struct worker *w, const char *bytes, size_t len)
{
	struct data *data = data_last(w);
	ssize_t n;

	while (data && w->done < len) {
		n = send_some(data->fd, bytes + w->done, len - w->done, 0);
		if (n <= 0)
			return n < 0;
		if (w->get)
			data_keep(data, bytes + w->done, n);
		w->done += n;
		w->acted = now();
	}
	return true;
}

static bool send_file(struct worker *w, long n)
{
	/* a client may ask for more than there is */
	size_t from = w->rest < w->size ? w->rest : w->size;
	size_t len = w->size - from;

	if (n == HAD)
		n = w->had > from ? w->had - from : 0;
	if (n >= 0 && (size_t)n < len)
		len = n;
	return data_send(w, w->file + from, len);
}

/* Returns false if there is more to come */
static bool receive(struct worker *w)
{
	struct data *data = data_last(w);
	char buf[16384];
	ssize_t n;

	if (!data)
		return true;
	while ((n = recv(data->fd, buf, sizeof(buf), 0)) > 0) {
		if (w->get)
			wrong(w, "the client sends data");
		else
			data_keep(data, buf, n);
		w->acted = now();
	}
	data->ended = !n;
	return n == 0 || errno != EAGAIN;
}

static bool say(struct worker *w, const struct event *event)
{
	size_t most = event->piece ?: event->len;
	ssize_t n;

	while (w->control >= 0 && w->done < event->len) {
		size_t len = event->len - w->done;

		n = send_some(w->control, event->bytes + w->done,
			      len < most ? len : most, 0);
		if (n <= 0)
			return n < 0;
		w->done += n;
		w->acted = now();
		if (event->piece && w->done < event->len) {
			w->resume_at = now() + 0.0005;
			return false;
		}
	}
	return true;
}

static void hang_up(struct worker *w, bool reset)
{
	if (w->control < 0)
		return;
	if (reset)
		close_by_reset(w->control);
	else
		close(w->control);
	w->control = -1;
}

/* "|2|::1|port|", or as numbers of bytes */
static bool take_port(struct worker *w, const char *line)
{
	char text[64];
	unsigned int h[6], port;

	if (sscanf(line, "PORT %u,%u,%u,%u,%u,%u", &h[0], &h[1], &h[2], &h[3],
		   &h[4], &h[5]) == 6) {
		snprintf(text, sizeof(text), "%u.%u.%u.%u", h[0], h[1], h[2],
			 h[3]);
		port = h[4] << 8 | h[5];
	} else if (sscanf(line, "EPRT |2|%63[^|]|%u|", text, &port) != 2) {
		return false;
	}
	return address(text, port, &w->where);
}

/* Has the client the right to say that? */
static void take_line(struct worker *w, const char *line)
{
	char text[64];
	size_t i;

	snprintf(text, sizeof(text), "PASS %s", w->pass);
	if (!strcmp(line, text)) {
		if (++w->passes > 1)
			wrong(w, "the password was sent twice");
		return;
	}
	if (sscanf(line, "REST %zu", &w->rest) == 1) {
		if (w->rest > w->size)
			wrong(w, "REST goes beyond the file's end");
		return;
	}
	if (!strncmp(line, "PORT ", 5) || !strncmp(line, "EPRT ", 5)) {
		if (!take_port(w, line))
			wrong(w, "this is no address: %s", line);
		return;
	}
	for (i = 0; i < 8; i++) {
		static const char *const lines[] = {
			"USER " USER, "TYPE I", "SIZE " THERE, "MDTM " THERE,
			"RETR " THERE, "STOR " THERE, "APPE " THERE, "QUIT",
		};

		if (!strcmp(line, lines[i]))
			return;
	}
	wrong(w, "the client said what it has no reason to: %.60s", line);
}

/* Returns false if there is none yet */
static bool await(struct worker *w)
{
	char *end = memchr(w->line, '\n', w->line_len);
	size_t len;

	if (!end)
		return w->deaf;
	len = end + 1 - w->line;
	*end = '\0';
	if (end == w->line || end[-1] != '\r' || strlen(w->line) != len - 1)
		wrong(w, "the client's line does not end as it should");
	else
		end[-1] = '\0';
	take_line(w, w->line);
	memmove(w->line, w->line + len, w->line_len - len);
	w->line_len -= len;
	return true;
}

/* Returns false if the event is not over yet */
static bool act(struct worker *w, const struct event *event)
{
	struct data *data = data_last(w);
	int left = 0;

	switch (event->what) {
	case AWAIT:
		return await(w);
	case SAY:
		return say(w, event);
	case CONNECT:
	case STRANGER:
		data_connect(w, event->what == STRANGER);
		break;
	case SEND:
		if (!send_file(w, event->n))
			return false;
		break;
	case THROW:
		if (!data_send(w, event->bytes, event->len))
			return false;
		break;
	case ARRIVE:
		if (data && !ioctl(data->fd, SIOCOUTQ, &left) && left) {
			w->resume_at = now() + 0.001;
			return false;
		}
		break;
	case FINISH:
	case RESET_DATA:
		if (data)
			data_close(data, event->what == RESET_DATA);
		w->rest = 0;
		break;
	case RECEIVE:
		return receive(w);
	case HANG_UP:
	case RESET:
		hang_up(w, event->what == RESET);
		break;
	case HALF_CLOSE:
		if (w->control >= 0)
			shutdown(w->control, SHUT_WR);
		break;
	case URGENT:
		if (w->control >= 0)
			send_some(w->control, "!", 1, MSG_OOB);
		break;
	case URGENT_DATA:
		if (data && send_some(data->fd, "!", 1, MSG_OOB) > 0)
			data->urgent = true;
		break;
	case PAUSE:
		if (!w->done++) {
			w->resume_at = now() + event->n / 1000.0;
			return false;
		}
		return true;
	case STALL:
	case END:
		return false;
	}
	w->acted = now();
	return true;
}

static void play(struct worker *w)
{
	while (w->at < w->script.count) {
		if (w->resume_at > now() ||
		    !act(w, &w->script.events[w->at]))
			return;
		w->resume_at = 0;
		w->done = 0;
		w->at++;
	}
}

/* A client that begins once more gets what it wants */
static void take_client(struct worker *w)
{
	int fd = accept4(w->listener[w->v6], NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
	int one = 1;

	if (fd < 0)
		return;
	if (w->passes || w->at || w->deaf) {
		if (!w->kind->again)
			wrong(w, "the client begins once more");
		else
			script_load(w, w->kind->again);
	}
	hang_up(w, false);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	w->control = fd;
	w->line_len = 0;
	w->deaf = false;
	w->passes = 0;
	w->rest = 0;
	w->where.ss_family = AF_UNSPEC;
	w->acted = now();
}

static void hear_client(struct worker *w)
{
	ssize_t n = recv(w->control, w->line + w->line_len,
			 sizeof(w->line) - w->line_len, 0);

	if (n > 0)
		w->line_len += n;
	else if (!n || errno != EAGAIN)
		w->deaf = true;
	if (w->line_len == sizeof(w->line)) {
		wrong(w, "the client's line is too long");
		w->line_len = 0;
	}
}

static bool over(struct worker *w)
{
	char text[16];
	ssize_t n = pread(w->status, text, sizeof(text), 0);

	if (n < 0)
		die("status");
	return strncmp(text, "queued", 6) && strncmp(text, "running", 7);
}

/* When the job has to be over: it may wait for the server for so long */
static double limit(const struct worker *w, double started)
{
	double quiet = w->acted + GATHER + (w->timeout + GRACE) * slow;
	double end = started + (w->deadline + GRACE) * slow;

	return quiet < end ? quiet : end;
}

/* What a server is waiting for, if it is not for the time */
static short data_events(const struct worker *w)
{
	if (w->at >= w->script.count)
		return 0;
	switch (w->script.events[w->at].what) {
	case SEND:
	case THROW:
		return POLLOUT;
	case RECEIVE:
		return POLLIN;
	default:
		return 0;
	}
}

/* Returns false if the job is not over when it should be */
static bool serve(struct worker *w, double started)
{
	while (!over(w)) {
		struct data *data = data_last(w);
		struct pollfd fds[] = {
			{ .fd = w->status, .events = POLLPRI },
			{ .fd = w->listener[w->v6], .events = POLLIN },
			{ .fd = w->deaf ? -1 : w->control, .events = POLLIN },
			{ .fd = data_events(w) && data ? data->fd : -1,
			  .events = data_events(w) },
		};
		double until = limit(w, started);

		if (now() > until) {
			wrong(w, "it is not over after %.3f s, %.3f of silence",
			      now() - started, now() - w->acted);
			job_cancel(w->job);
			if (!job_wait(w->job, now() + 20 * slow))
				die("it cannot be cancelled");
			return false;
		}
		if (w->resume_at && w->resume_at < until)
			until = w->resume_at;
		/* only a client that does not listen makes that take time */
		if (w->control >= 0 && w->at < w->script.count &&
		    w->script.events[w->at].what == SAY && !w->resume_at)
			fds[2].events |= POLLOUT;
		until -= now();
		poll(fds, ARRAY_SIZE(fds), until > 0 ? until * 1000 + 1 : 0);
		if (fds[1].revents)
			take_client(w);
		else if (fds[2].revents & ~POLLOUT)
			hear_client(w);
		if (w->control >= 0 || w->at)
			play(w);
	}
	return true;
}

static void server_reset(struct worker *w)
{
	size_t i;
	int fd;

	for (i = 0; i < w->datas; i++) {
		data_close(&w->data[i], false);
		free(w->data[i].bytes);
	}
	w->datas = 0;
	hang_up(w, false);
	while ((fd = accept(w->listener[w->v6], NULL, NULL)) >= 0)
		close(fd);
	w->at = 0;
	w->done = 0;
	w->resume_at = 0;
	w->line_len = 0;
	w->deaf = false;
	w->passes = 0;
	w->rest = 0;
	w->where.ss_family = AF_UNSPEC;
}

/* What came of it */

struct outcome {
	bool done;
	char status[16];
	char error[32];
	char phase[16];
	char peer[80];
	char io[16];
	char reply[8192];
	long long reply_code;
	long long size;
	long long bytes;
	long long resumed;
	long long run;
	long long elapsed;
};

static bool is_one_of(const char *text, const char *const *texts)
{
	for (; *texts; texts++)
		if (!strcmp(text, *texts))
			return true;
	return false;
}

#define ONE_OF(text, ...)	\
	is_one_of(text, (const char *const []){ __VA_ARGS__, NULL })

/* A file of the state's: one line, with its end */
static bool state_text(struct worker *w, const char *name, char *text,
		       size_t size)
{
	char path[128], buf[8192];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), KFTP_SYSFS_DIR "/%s/%s", w->job, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, buf, sizeof(buf));
	close(fd);
	text[0] = '\0';
	if (n < 1 || n > (ssize_t)size || buf[n - 1] != '\n')
		return wrong(w, "%s is no line of text", name);
	buf[n - 1] = '\0';
	memcpy(text, buf, n);
	for (n--; n--;)
		if (buf[n] < ' ' || buf[n] > '~')
			return wrong(w, "byte %zd of %s is %#x", n, name,
				     (unsigned char)buf[n]);
	return true;
}

static bool state_number(struct worker *w, const char *name, long long *number)
{
	char text[32], again[32];

	if (!state_text(w, name, text, sizeof(text)))
		return false;
	*number = strtoll(text, NULL, 10);
	snprintf(again, sizeof(again), "%lld", *number);
	return !strcmp(text, again) || wrong(w, "%s is %s", name, text);
}

static bool read_outcome(struct worker *w, struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	if (!state_text(w, "status", o->status, sizeof(o->status)) ||
	    !state_text(w, "error", o->error, sizeof(o->error)) ||
	    !state_text(w, "phase", o->phase, sizeof(o->phase)) ||
	    !state_text(w, "peer", o->peer, sizeof(o->peer)) ||
	    !state_text(w, "io", o->io, sizeof(o->io)) ||
	    !state_text(w, "reply", o->reply, sizeof(o->reply)) ||
	    !state_number(w, "reply_code", &o->reply_code) ||
	    !state_number(w, "size", &o->size) ||
	    !state_number(w, "bytes", &o->bytes) ||
	    !state_number(w, "resumed", &o->resumed) ||
	    !state_number(w, "run", &o->run) ||
	    !state_number(w, "elapsed_ms", &o->elapsed))
		return false;
	o->done = !strcmp(o->status, "done");
	return true;
}

/* The errors that only one kind of reply can be the reason of */
static bool reply_is_reason(const struct outcome *o)
{
	int code = o->reply_code;

	if (!strcmp(o->error, "EACCES"))
		return code == 530 || code == 332;
	if (!strcmp(o->error, "ENOENT"))
		return code == 550;
	if (!strcmp(o->error, "ENOSPC"))
		return code == 452 || code == 552;
	if (!strcmp(o->error, "EPERM"))
		return code == 553;
	return true;
}

static bool check_state(struct worker *w, const struct outcome *o)
{
	if (!ONE_OF(o->status, "done", "failed"))
		return wrong(w, "its status is %s", o->status);
	if (o->done != !strcmp(o->error, "0"))
		return wrong(w, "it is %s, with %s", o->status, o->error);
	if (!ONE_OF(o->error, "0", "EAGAIN", "EACCES", "ENOENT", "ENOSPC",
		    "EPERM", "EPROTO", "EIO", "EFBIG", "ETIMEDOUT",
		    "ECONNRESET"))
		return wrong(w, "no server is the reason of %s", o->error);
	if (!reply_is_reason(o))
		return wrong(w, "%s, and the reply was %lld", o->error,
			     o->reply_code);
	if (!ONE_OF(o->phase, "connect", "login", "negotiate", "accept",
		    "transfer", "commit"))
		return wrong(w, "its phase is %s", o->phase);
	if (o->done && strcmp(o->phase, "commit"))
		return wrong(w, "it is done in %s", o->phase);
	if (!ONE_OF(o->io, "none", "buffered", "direct", "splice"))
		return wrong(w, "io is %s", o->io);
	if (o->reply_code && (o->reply_code < 200 || o->reply_code > 599))
		return wrong(w, "its reply's code is %lld", o->reply_code);
	if (!o->reply_code && o->reply[0])
		return wrong(w, "there is a reply without a code");
	if (strstr(o->reply, w->pass))
		return wrong(w, "the password is in the reply");
	if (o->size < -1 || o->bytes < 0 || o->resumed < 0 ||
	    o->resumed > o->bytes)
		return wrong(w, "size %lld, bytes %lld, resumed %lld", o->size,
			     o->bytes, o->resumed);
	if (o->done && o->size >= 0 && o->size != o->bytes)
		return wrong(w, "%lld bytes should be %lld", o->bytes, o->size);
	if (o->run != (long long)w->runs)
		return wrong(w, "run %lld should be %lu", o->run, w->runs);
	if (o->elapsed < 0 || o->elapsed > 1000 * 60 * slow)
		return wrong(w, "it took %lld ms", o->elapsed);
	return true;
}

/* The data connection that the client took; NULL if there was none */
static const struct data *check_peer(struct worker *w, const struct outcome *o)
{
	char text[80];
	size_t i = w->datas;

	if (!o->peer[0])
		return NULL;
	while (i--) {
		snprintf(text, sizeof(text), w->v6 ? "[%s]:%u" : "%s:%u",
			 w->v6 ? SERVER6 : SERVER4, w->data[i].port);
		if (!w->data[i].stranger && !strcmp(o->peer, text))
			return &w->data[i];
	}
	wrong(w, "nobody is at %s, or it is a stranger", o->peer);
	return NULL;
}

static bool check_get(struct worker *w, const struct outcome *o,
		      const struct data *data)
{
	char *bytes;
	bool right;

	if ((o->done || !w->kind->again) && !access(w->part, F_OK))
		return wrong(w, "the temporary file is still there");
	if (!o->done) {
		if (!w->old[0])
			return access(w->local, F_OK) ||
			       wrong(w, "there is a file now");
		return file_holds(w->local, w->old, strlen(w->old)) ||
		       wrong(w, "the old file is not what it was");
	}
	if (!data)
		return wrong(w, "it is done, and there was no data connection");
	if (!data->finished || data->urgent)
		return wrong(w, "it is done, and its data did not end well");
	bytes = malloc(o->resumed + data->len + 1);
	memcpy(bytes, w->file, o->resumed);
	if (data->len)
		memcpy(bytes + o->resumed, data->bytes, data->len);
	right = file_holds(w->local, bytes, o->resumed + data->len);
	free(bytes);
	return right || wrong(w, "the file is not what was sent");
}

/* Does the connection have what the client says it sent over it? */
static bool check_put(struct worker *w, const struct outcome *o,
		      const struct data *data)
{
	size_t left = w->size - o->resumed;

	if (!file_holds(w->local, w->file, w->size))
		return wrong(w, "the source is not what it was");
	if (!data)
		return !o->done ||
		       wrong(w, "it is done, and there was no data connection");
	if (!strcmp(o->phase, "accept") || !strcmp(o->io, "none"))
		return true;
	if (o->resumed > (long long)w->size || data->len > left ||
	    (data->len && memcmp(data->bytes, w->file + o->resumed, data->len)))
		return wrong(w, "something else than the file was sent");
	if (o->done && data->ended && data->len != left)
		return wrong(w, "it is done, and %zu bytes of %zu came",
			     data->len, left);
	return true;
}

/* Nobody but the server is sent anything */
static bool check_strangers(struct worker *w)
{
	size_t i;
	char c;

	for (i = 0; i < w->datas; i++)
		if (w->data[i].stranger && w->data[i].fd >= 0 &&
		    recv(w->data[i].fd, &c, 1, MSG_DONTWAIT) > 0)
			return wrong(w, "a stranger was sent data");
	return true;
}

/* Sessions */

/* How sessions ended, for each kind: kinds, then the same over IPv6 */
static struct count {
	unsigned long sessions;
	unsigned long failures;
	struct {
		char name[32];
		unsigned long n;
	} errors[16];
} counts[2 * ARRAY_SIZE(kinds)];
static pthread_mutex_t counts_lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t first_seed = 1, sessions = 10000, next_session;
static unsigned int failures;

/*
 * Those that took too long beside all others, which may be the machine's fault:
 * they are played again, alone, when the others are over.
 */
static uint64_t late[100];
static size_t lates, next_late;
static bool alone;

#define FAILURES_SHOWN	20

static void tally(struct worker *w, const struct outcome *o)
{
	struct count *c = &counts[w->kind - kinds +
				  w->v6 * ARRAY_SIZE(kinds)];
	size_t i = 0;

	pthread_mutex_lock(&counts_lock);
	c->sessions++;
	while (i < ARRAY_SIZE(c->errors) - 1 && c->errors[i].n &&
	       strcmp(c->errors[i].name, o->error))
		i++;
	snprintf(c->errors[i].name, sizeof(c->errors[i].name), "%s", o->error);
	c->errors[i].n++;
	if (w->why[0]) {
		c->failures++;
		failures++;
	}
	if (w->why[0] || verbose)
		because("--seed %llu --count 1: %s%s, %zu bytes, %zu there;%s; "
			"%s, %s in %s after %lld ms, %lld %.60s; %s",
			(unsigned long long)w->seed, w->kind->name,
			w->v6 ? ", IPv6" : "", w->size, w->had,
			w->changed ? w->log : " as recorded", o->status,
			o->error, o->phase, o->elapsed, o->reply_code, o->reply,
			w->why[0] ? w->why : "well");
	pthread_mutex_unlock(&counts_lock);
}

/* One run of the job, with the script that is loaded */
static void run(struct worker *w, struct outcome *o)
{
	const struct data *data;
	double started;
	int err;

	w->timeout = w->changed ? TIMEOUT : PATIENCE;
	w->deadline = w->changed ? DEADLINE : PATIENCE;
	job_must_store_number(w->job, "timeout_sec", w->timeout * slow);
	job_must_store_number(w->job, "deadline_sec", w->deadline * slow);
	started = now();
	w->acted = started;
	err = job_start(w->job);
	if (err) {
		memset(o, 0, sizeof(*o));
		wrong(w, "it cannot be started: %s", strerror(-err));
		return;
	}
	w->runs++;
	w->late = !serve(w, started);
	if (read_outcome(w, o) && !w->late && check_state(w, o)) {
		data = check_peer(w, o);
		if (w->get)
			check_get(w, o, data);
		else
			check_put(w, o, data);
		check_strangers(w);
	}
	server_reset(w);
}

/* What either side has before, and what is wanted */
static void prepare(struct worker *w)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	static const size_t sizes[] = {
		0, 1, 2, 1000, 4096, 4097, 20000, 65536, 70001, 300000
	};
	struct chance *c = &w->chance;
	bool disk = !chance_of(c, 8);
	size_t i;

	w->kind = &kinds[chance_of(c, ARRAY_SIZE(kinds))];
	w->v6 = chance_of(c, 2);
	w->get = !strcmp(w->kind->direction, "get");
	for (i = 0; i < 8 + chance_of(c, 20); i++)
		w->pass[i] = letters[chance_of(c, sizeof(letters) - 1)];
	w->pass[i] = '\0';
	w->size = sizes[chance_of(c, ARRAY_SIZE(sizes))];
	w->had = 0;
	if (w->kind->again) {
		w->had = (w->get ? WORTHWHILE : 1) + chance_of(c, 50000);
		w->size += w->had + 1;
	}
	w->file = realloc(w->file, w->size + 1);
	fill(w->file, w->size, (char)chance_any(c));

	snprintf(w->dir, sizeof(w->dir), "%s/%u", disk ? DISK : MEMORY,
		 w->number);
	snprintf(w->local, sizeof(w->local), "%s/file", w->dir);
	snprintf(w->part, sizeof(w->part), "%s/" KFTP_PART_PREFIX "file"
		 KFTP_PART_SUFFIX, w->dir);
	unlink(w->part);
	unlink(w->local);
	w->old[0] = '\0';
	if (!w->get) {
		file_fill(w->local, w->file, w->size);
	} else if (chance_of(c, 4)) {
		snprintf(w->old, sizeof(w->old), "what was there before %llu",
			 (unsigned long long)w->seed);
		file_fill(w->local, w->old, strlen(w->old));
	}

	job_must_store(w->job, "host", w->v6 ? SERVER6 : SERVER4);
	job_must_store_number(w->job, "port", w->port[w->v6]);
	job_must_store(w->job, "pass", w->pass);
	job_must_store(w->job, "direction", w->kind->direction);
	job_must_store(w->job, "src", w->get ? THERE : w->local);
	job_must_store(w->job, "dst", w->get ? w->local : THERE);
	job_must_store(w->job, "resume", w->kind->again ? "1" : "0");
	job_must_store(w->job, "cache",
		       chance_of(c, 2) ? "bypass" : "keep");
}

/* Returns false if there is no other time for it */
static bool put_off(uint64_t seed)
{
	bool room;

	pthread_mutex_lock(&counts_lock);
	room = !alone && lates < ARRAY_SIZE(late);
	if (room)
		late[lates++] = seed;
	pthread_mutex_unlock(&counts_lock);
	return room;
}

/* Returns false if there are no more */
static bool take_seed(uint64_t *seed)
{
	bool more;

	pthread_mutex_lock(&counts_lock);
	more = failures < FAILURES_SHOWN &&
	       (alone ? next_late < lates : next_session < sessions);
	if (more)
		*seed = alone ? late[next_late++] : first_seed + next_session++;
	pthread_mutex_unlock(&counts_lock);
	return more;
}

static void session(struct worker *w, uint64_t seed)
{
	struct outcome o;

	w->seed = seed;
	w->chance.state = seed;
	w->changed = false;
	w->log[0] = '\0';
	w->why[0] = '\0';
	prepare(w);
	if (w->kind->before) {
		script_load(w, w->kind->before);
		run(w, &o);
		if (strcmp(o.error, "EAGAIN") || access(w->part, F_OK))
			wrong(w, "nothing is left to go on with: %s", o.error);
	}
	if (!w->why[0]) {
		script_load(w, w->kind->session);
		script_change(w);
		run(w, &o);
		if (!w->changed && !o.done)
			wrong(w, "nothing is the matter, and it is not done");
		if (!w->changed && w->kind->again &&
		    (!o.resumed || o.resumed > (long long)w->had))
			wrong(w, "it went on from %lld", o.resumed);
	}
	script_clear(&w->script);
	if (!w->late || !put_off(seed))
		tally(w, &o);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t seed;

	while (take_seed(&seed))
		session(w, seed);
	return NULL;
}

static void make_dir(const char *path)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		die(path);
}

static void listen_at(struct worker *w, bool v6)
{
	struct sockaddr_storage addr;
	socklen_t len = address(v6 ? SERVER6 : SERVER4, 0, &addr);
	int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) ||
	    listen(fd, 8))
		die("a server");
	unblock(fd);
	w->listener[v6] = fd;
	w->port[v6] = port_of(fd);
}

static void worker_start(struct worker *w, unsigned int number)
{
	char path[64];

	w->number = number;
	snprintf(w->job, sizeof(w->job), "dialogue%u", number);
	snprintf(path, sizeof(path), MEMORY "/%u", number);
	make_dir(path);
	snprintf(path, sizeof(path), DISK "/%u", number);
	make_dir(path);
	errno = -job_make(w->job);
	if (errno)
		die(w->job);
	job_must_store(w->job, "user", USER);
	job_must_store(w->job, "mtime", "0");
	snprintf(path, sizeof(path), KFTP_SYSFS_DIR "/%s/status", w->job);
	w->status = open(path, O_RDONLY | O_CLOEXEC);
	if (w->status < 0)
		die(path);
	w->control = -1;
	listen_at(w, false);
	listen_at(w, true);
	errno = pthread_create(&w->thread, NULL, work, w);
	if (errno)
		die("a thread");
}

/* Returns whether its directories are as empty as they should be */
static bool worker_end(struct worker *w)
{
	static const char *const roots[] = { MEMORY, DISK };
	char path[64], file[96];
	bool empty = true;
	size_t i;

	pthread_join(w->thread, NULL);
	close(w->status);
	close(w->listener[0]);
	close(w->listener[1]);
	errno = -job_remove(w->job);
	if (errno)
		die(w->job);
	unlink(w->local);
	for (i = 0; i < ARRAY_SIZE(roots); i++) {
		snprintf(path, sizeof(path), "%s/%u", roots[i], w->number);
		snprintf(file, sizeof(file), "%s/file", path);
		unlink(file);
		snprintf(file, sizeof(file), "%s/" KFTP_PART_PREFIX "file"
			 KFTP_PART_SUFFIX, path);
		unlink(file);
		if (rmdir(path))
			empty = because("%s: %s", path, strerror(errno));
	}
	free(w->file);
	return empty;
}

static void own_network(void)
{
	static const char *const addresses[] = { SERVER6, STRANGER6 };
	struct {
		struct in6_addr address;
		uint32_t prefix;
		int interface;
	} request = { .prefix = 128 };
	size_t i;
	int fd;

	netns_new();
	request.interface = if_nametoindex("lo");
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		inet_pton(AF_INET6, addresses[i], &request.address);
		if (ioctl(fd, SIOCSIFADDR, &request))
			die(addresses[i]);
	}
	close(fd);
}

static void tell(double started)
{
	char text[400];
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		struct count *c = &counts[i];
		int len = 0;

		if (!c->sessions)
			continue;
		for (j = 0; j < ARRAY_SIZE(c->errors) && c->errors[j].n; j++)
			len += snprintf(text + len, sizeof(text) - len,
					", %s %lu",
					strcmp(c->errors[j].name, "0") ?
					c->errors[j].name : "done",
					c->errors[j].n);
		verdict(!c->failures, "%s, %s: %lu sessions%s",
			kinds[i % ARRAY_SIZE(kinds)].name,
			i < ARRAY_SIZE(kinds) ? "IPv4" : "IPv6",
			c->sessions, text);
	}
	because("%llu sessions in %.0f s", (unsigned long long)sessions,
		now() - started);
}

int main(int argc, char **argv)
{
	const char *module = getenv("KFTP_MODULE") ?: "/kftp/module/kftp.ko";
	unsigned int workers = 24, i;
	struct accounts before;
	struct worker *all;
	double started;
	char text[64];
	bool empty = true;

	for (i = 1; i < (unsigned int)argc; i++) {
		const char *value = i + 1 < (unsigned int)argc ?
				    argv[i + 1] : "";

		if (!strcmp(argv[i], "--verbose")) {
			verbose = true;
			continue;
		}
		if (!strcmp(argv[i], "--count"))
			sessions = strtoull(value, NULL, 10);
		else if (!strcmp(argv[i], "--seed"))
			first_seed = strtoull(value, NULL, 10);
		else if (!strcmp(argv[i], "--workers"))
			workers = strtoul(value, NULL, 10);
		else
			die(argv[i]);
		i++;
	}
	if (workers > sessions)
		workers = sessions;

	signal(SIGPIPE, SIG_IGN);
	umask(022);
	host_prepare();
	own_network();
	make_dir(MEMORY);
	if (mount("dialogue", MEMORY, "tmpfs", 0, NULL))
		die(MEMORY);
	make_dir(DISK);
	if (!access("/sys/module/kftp", F_OK) && module_unload())
		die("unloading the module that was there");
	snprintf(text, sizeof(text), "max_active=%u", workers);
	errno = -module_load(module, text);
	if (errno)
		die(module);
	accounts_take(&before);

	started = now();
	all = calloc(workers, sizeof(*all));
	if (!all)
		die("workers");
	for (i = 0; i < workers; i++)
		worker_start(&all[i], i);
	for (i = 0; i < workers; i++)
		empty &= worker_end(&all[i]);
	if (lates) {
		because("%zu sessions took too long: again, alone", lates);
		alone = true;
		memset(all, 0, sizeof(*all));
		worker_start(all, 0);
		empty &= worker_end(all);
	}
	free(all);
	tell(started);
	verdict(empty, "nothing is left beside the files");
	accounts_check(&before, sessions);
	verdict(!module_unload(), "the module can be unloaded");
	umount(MEMORY);
	return verdicts();
}
