// SPDX-License-Identifier: GPL-2.0
/* An FTP server that does what a script says */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host.h"
#include "server.h"
#include "tap.h"

#define CHUNK	16384

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct session {
	struct server *server;
	int control;
	int data;
	union address target;
	size_t pos;		/* in the file */
	bool over;
	char line[5000];	/* what has come of commands */
	size_t len;
};

/* What happens at most verbs */
static const struct server_verb usual[] = {
	ON("greeting", SAY("220 ready")),
	ON("USER", SAY("331 and the password?")),
	ON("PASS", SAY("230 welcome")),
	ON("SIZE", SAY("213 %size")),
	ON("MDTM", SAY("213 20200102030405")),
	ON("REST", SAY("350 from there")),
	ON("RETR", CONNECT, SAY("150 here it comes"), SEND(ALL), EOD,
	   SAY("226 that was all")),
	ON("STOR", CONNECT, SAY("150 go on"), RECEIVE(ALL), EOD,
	   SAY("226 I have it")),
	ON("APPE", CONNECT, SAY("150 go on"), RECEIVE(ALL), EOD,
	   SAY("226 I have it")),
	ON("QUIT", SAY("221 bye"), HANG_UP),
	{ .verb = NULL }
};

static const struct server_step fine[] = {
	SAY("200 fine"), { .act = STEP_END }
};

static void server_set(struct server *server, bool *what, bool value)
{
	pthread_mutex_lock(&server->lock);
	*what = value;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

static bool gate_open(const struct server *server)
{
	struct pollfd gate = { .fd = server->gate, .events = POLLIN };

	return poll(&gate, 1, 0) > 0;
}

/*
 * Until something can be done with a descriptor of the session, or none, or the
 * time is up, of now(), or the gate opens, if that is asked for. Returns false,
 * and the session is over, if the server stops or the client has gone.
 */
static bool await(struct session *s, int fd, short events, double until,
		  bool gate)
{
	struct pollfd fds[] = {
		{ .fd = s->server->stop, .events = POLLIN },
		{ .fd = s->control, .events = POLLRDHUP },
		{ .fd = gate ? s->server->gate : -1, .events = POLLIN },
		{ .fd = fd, .events = events },
	};
	struct timespec left = { 0 };
	double seconds = until - now();

	if (seconds > 0) {
		left.tv_sec = (time_t)seconds;
		left.tv_nsec = (seconds - (double)left.tv_sec) * 1e9;
	}
	ppoll(fds, 4, until < 0 ? NULL : &left, NULL);
	s->over |= fds[0].revents || fds[1].revents;
	return !s->over;
}

#define FOREVER	-1.0

static void close_data(struct session *s)
{
	if (s->data >= 0)
		close(s->data);
	s->data = -1;
}

static void abort_connection(int fd)
{
	struct linger now_or_never = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now_or_never,
		   sizeof(now_or_never));
}

static void push(struct session *s, const char *text, size_t len)
{
	if (send(s->control, text, len, MSG_NOSIGNAL) < 0)
		s->over = true;
}

static void say(struct session *s, const char *text)
{
	const char *size = strstr(text, "%size");
	char line[256];
	int len;

	if (size)
		len = snprintf(line, sizeof(line), "%.*s%zu\r\n",
			       (int)(size - text), text, s->server->size);
	else
		len = snprintf(line, sizeof(line), "%s\r\n", text);
	push(s, line, len);
}

static socklen_t address_len(const union address *address)
{
	return address->sa.sa_family == AF_INET ? sizeof(address->in) :
						  sizeof(address->in6);
}

/* A client that listens no more is no failure of the server's */
static void connect_data(struct session *s, const char *from)
{
	union address source = { .sa.sa_family = s->target.sa.sa_family };
	int fd;

	close_data(s);
	fd = socket(s->target.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (from && s->target.sa.sa_family == AF_INET)
		inet_pton(AF_INET, from, &source.in.sin_addr);
	if (fd < 0 || bind(fd, &source.sa, address_len(&source)) ||
	    connect(fd, &s->target.sa, address_len(&s->target))) {
		if (fd >= 0)
			close(fd);
		return;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	s->data = fd;
}

static bool pause_for(struct session *s, long usec)
{
	if (usec < 0)
		usec = random() % -usec;
	return !usec || await(s, -1, 0, now() + usec / 1e6, true);
}

static void send_data(struct session *s, size_t n, long usec)
{
	size_t end = s->server->size;
	ssize_t sent;

	if (n && s->pos + n < end)
		end = s->pos + n;
	while (s->data >= 0 && s->pos < end && pause_for(s, usec) &&
	       await(s, s->data, POLLOUT, FOREVER, false)) {
		sent = send(s->data, s->server->file + s->pos,
			    end - s->pos < CHUNK ? end - s->pos : CHUNK,
			    MSG_NOSIGNAL);
		if (sent > 0)
			s->pos += sent;
		else if (errno != EAGAIN)
			close_data(s);
	}
}

static void receive_data(struct session *s, size_t n, long usec)
{
	struct server *server = s->server;
	size_t end = n ? s->pos + n : SIZE_MAX;
	char spare[CHUNK];
	ssize_t got;

	while (s->data >= 0 && s->pos < end && pause_for(s, usec) &&
	       await(s, s->data, POLLIN, FOREVER, false)) {
		got = recv(s->data, spare,
			   end - s->pos < CHUNK ? end - s->pos : CHUNK, 0);
		if (!got) {
			server_set(server, &server->whole, true);
			break;
		}
		if (got < 0) {
			if (errno != EAGAIN)
				close_data(s);
			continue;
		}
		pthread_mutex_lock(&server->lock);
		if (s->pos + got <= server->room) {
			memcpy(server->file + s->pos, spare, got);
			server->size = s->pos + got;
		}
		pthread_mutex_unlock(&server->lock);
		s->pos += got;
	}
}

static void hold(struct session *s)
{
	if (gate_open(s->server))
		return;
	server_set(s->server, &s->server->held, true);
	await(s, -1, 0, FOREVER, true);
	server_set(s->server, &s->server->held, false);
}

static void take(struct session *s, const struct server_step *step)
{
	switch (step->act) {
	case STEP_SAY:
		say(s, step->text);
		break;
	case STEP_PUSH:
		push(s, step->text, strlen(step->text));
		break;
	case STEP_CONNECT:
		connect_data(s, step->text);
		break;
	case STEP_SEND:
		send_data(s, step->n, step->nap);
		break;
	case STEP_RECEIVE:
		receive_data(s, step->n, step->nap);
		break;
	case STEP_ABORT:
		if (s->data >= 0)
			abort_connection(s->data);
		__attribute__((fallthrough));
	case STEP_EOD:
		close_data(s);
		break;
	case STEP_WAIT_EOD:
		if (s->data >= 0)
			await(s, s->data, POLLRDHUP, FOREVER, false);
		break;
	case STEP_HOLD:
		hold(s);
		break;
	case STEP_NAP:
		pause_for(s, step->nap);
		break;
	case STEP_RESET:
		abort_connection(s->control);
		__attribute__((fallthrough));
	case STEP_HANG_UP:
		s->over = true;
		break;
	case STEP_END:
		break;
	}
}

static const struct server_step *steps_of(const struct session *s,
					  const struct server_verb *verbs,
					  const char *verb)
{
	for (; verbs && verbs->verb; verbs++)
		if (!strcasecmp(verbs->verb, verb) &&
		    (!verbs->once || s->server->sessions == 1))
			return verbs->steps;
	return NULL;
}

static void play(struct session *s, const char *verb)
{
	const struct server_step *step = steps_of(s, s->server->verbs, verb);

	if (!step)
		step = steps_of(s, usual, verb);
	if (!step)
		step = fine;
	for (; step->act != STEP_END && !s->over; step++)
		take(s, step);
}

static void set_target(struct session *s, const char *line)
{
	unsigned int h[4], p[2], family;
	char host[INET6_ADDRSTRLEN];

	memset(&s->target, 0, sizeof(s->target));
	if (sscanf(line, "PORT %u,%u,%u,%u,%u,%u", &h[0], &h[1], &h[2], &h[3],
		   &p[0], &p[1]) == 6) {
		s->target.in.sin_family = AF_INET;
		s->target.in.sin_addr.s_addr =
			htonl(h[0] << 24 | h[1] << 16 | h[2] << 8 | h[3]);
		s->target.in.sin_port = htons(p[0] << 8 | p[1]);
	} else if (sscanf(line, "EPRT |%u|%45[^|]|%u|", &family, host,
			  &p[0]) == 3) {
		s->target.in6.sin6_family = AF_INET6;
		inet_pton(AF_INET6, host, &s->target.in6.sin6_addr);
		s->target.in6.sin6_port = htons(p[0]);
	}
}

static void obey(struct session *s, char *line)
{
	struct server *server = s->server;
	char verb[8];

	if (sscanf(line, "%7s", verb) != 1)
		verb[0] = '\0';
	if (!strcasecmp(verb, "PORT") || !strcasecmp(verb, "EPRT"))
		set_target(s, line);
	pthread_mutex_lock(&server->lock);
	if (!strcasecmp(verb, "REST"))
		s->pos = strtoul(line + 4, NULL, 10);
	else if (!strcasecmp(verb, "APPE"))
		s->pos = server->size;
	else if (!strcasecmp(verb, "STOR"))
		server->size = s->pos;
	else if (!strcasecmp(verb, "QUIT"))
		server->farewells++;
	if (s->pos && (!strcasecmp(verb, "RETR") || !strcasecmp(verb, "STOR")))
		server->resumed++;
	pthread_mutex_unlock(&server->lock);
	play(s, verb);
	if (strcasecmp(verb, "REST"))
		s->pos = 0;
}

/* Returns false once there are no more commands */
static bool next_command(struct session *s)
{
	char *end;
	ssize_t n;

	while (!(end = memchr(s->line, '\n', s->len))) {
		struct pollfd fds[] = {
			{ .fd = s->server->stop, .events = POLLIN },
			{ .fd = s->control, .events = POLLIN },
		};

		poll(fds, 2, -1);
		if (fds[0].revents || s->len == sizeof(s->line))
			return false;
		n = recv(s->control, s->line + s->len,
			 sizeof(s->line) - s->len, 0);
		if (n <= 0)
			return false;
		s->len += n;
	}
	*end++ = '\0';
	obey(s, s->line);
	s->len -= end - s->line;
	memmove(s->line, end, s->len);
	return !s->over;
}

static void serve(struct server *server, int fd)
{
	struct session s = { .server = server, .control = fd, .data = -1 };
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	play(&s, "greeting");
	while (!s.over && next_command(&s))
		;
	close_data(&s);
	close(fd);
}

static void *server_thread(void *arg)
{
	struct server *server = arg;
	struct pollfd fds[] = {
		{ .fd = server->stop, .events = POLLIN },
		{ .fd = server->listener, .events = POLLIN },
	};
	int fd;

	while (poll(fds, 2, -1) < 0 || !fds[0].revents) {
		pthread_mutex_lock(&server->lock);
		fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			server->sessions++;
			server->busy = true;
		}
		pthread_mutex_unlock(&server->lock);
		if (fd < 0)
			continue;
		serve(server, fd);
		server_set(server, &server->busy, false);
	}
	return NULL;
}

static void listen_on(struct server *server)
{
	/* drops all that comes for the listener: nobody answers a SYN */
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { .len = 1, .filter = &drop };
	union address addr = { .sa.sa_family = server->family };
	socklen_t len = address_len(&addr);

	if (server->family == AF_INET)
		addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		addr.in6.sin6_addr = in6addr_loopback;
	server->listener = socket(server->family, SOCK_STREAM | SOCK_CLOEXEC |
				  SOCK_NONBLOCK, 0);
	if (server->listener < 0 || bind(server->listener, &addr.sa, len) ||
	    (server->deaf && setsockopt(server->listener, SOL_SOCKET,
					SO_ATTACH_FILTER, &program,
					sizeof(program))) ||
	    listen(server->listener, 16) ||
	    getsockname(server->listener, &addr.sa, &len))
		die("the server's socket");
	server->port = ntohs(server->family == AF_INET ? addr.in.sin_port :
							 addr.in6.sin6_port);
}

void server_start(struct server *server)
{
	pthread_condattr_t clock;

	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&server->changed, &clock);
	pthread_mutex_init(&server->lock, NULL);
	server->sessions = 0;
	server->farewells = 0;
	server->resumed = 0;
	server->busy = false;
	server->held = false;
	server->gate = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->stop = eventfd(0, EFD_CLOEXEC);
	listen_on(server);
	if (pthread_create(&server->thread, NULL, server_thread, server))
		die("the server's thread");
}

void server_stop(struct server *server)
{
	eventfd_write(server->stop, 1);
	pthread_join(server->thread, NULL);
	close(server->listener);
	close(server->gate);
	close(server->stop);
}

void server_go(struct server *server)
{
	eventfd_write(server->gate, 1);
}

void server_hold(struct server *server)
{
	eventfd_t passed;

	eventfd_read(server->gate, &passed);
}

static bool server_wait(struct server *server, const bool *what, bool value,
			double until)
{
	struct timespec limit = {
		.tv_sec = (time_t)until,
		.tv_nsec = (long)((until - (double)(time_t)until) * 1e9),
	};
	int err = 0;
	bool is;

	pthread_mutex_lock(&server->lock);
	while (*what != value && !err)
		err = pthread_cond_timedwait(&server->changed, &server->lock,
					     &limit);
	is = *what == value;
	pthread_mutex_unlock(&server->lock);
	return is;
}

bool server_wait_held(struct server *server, double until)
{
	return server_wait(server, &server->held, true, until);
}

bool server_wait_idle(struct server *server, double until)
{
	return server_wait(server, &server->busy, false, until);
}
