// SPDX-License-Identifier: GPL-2.0
/*
 * Fails the 1st, the 2nd, the nth call of each kind that a job makes, until one
 * run passes untouched, and looks after each at what came of it:
 *
 *	torture [--flow NAME] [--kind NAME] [--nth N] [--verbose]
 *
 * A flow is a job and a server for it, which come to a good end or a bad one. A
 * kind is what fails: the module's own fault points, if it was built with them
 * (module/fault.h), and all allocations that have the module on their stack, if
 * the kernel has failslab and fail_page_alloc. KFTP_SLOW is how much slower
 * than usual the machine is.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "kftp.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define KIB		1024UL

#define ROOT		"/tmp/torture"
#define PARAMETERS	"/sys/module/kftp/parameters/"
#define DEBUG		"/sys/kernel/debug/"
#define TIME		"20200102030405"
#define TIME_SECONDS	1577934245

static unsigned int slow = 1;
static bool verbose;

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(2);
}

static void nap(long usec)
{
	struct timespec ts = { usec / 1000000, usec % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Returns 0 or a negative errno, that of the write if it comes so far */
static int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void must_write(const char *path, const char *text)
{
	errno = -file_write(path, text);
	if (errno)
		die(path);
}

/* One line of text, without its end; empty if there is no such file */
static const char *file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = 0;

	if (fd >= 0) {
		n = read(fd, buf, size - 1);
		close(fd);
	}
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

static long file_number(const char *path)
{
	char buf[64];

	return strtol(file_read(path, buf, sizeof(buf)), NULL, 0);
}

/* Bytes of the old file, of the new one, of what was sent before */
static void fill(char *buf, size_t len, char kind)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = (char)(kind + i % 251 + i / 4096 % 13);
}

/* The server: one session at a time */

/* Where it is not what servers usually are */
struct script {
	const char *verb;	/* instead of the usual answer to this one: */
	const char *say;	/* that; NULL is silence, "" hangs up */
	bool once;		/* in the first session only */
	size_t cut;		/* a RETR sends so much, if not 0, and then: */
	const char *after;	/* that; NULL waits for the client to end it */
	bool third;		/* somebody else connects first */
};

static struct {
	int listener;
	unsigned short port;
	const struct script *script;
	pthread_mutex_t lock;	/* protects all below */
	unsigned int sessions;
	unsigned int farewells;
	bool busy;
	char *file;
	size_t size;
} server = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct session {
	FILE *in;
	int control;
	struct sockaddr_in data_addr;
	size_t rest;
};

static void say(struct session *s, const char *format, ...)
{
	char line[256];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line) - 2, format, args);
	va_end(args);
	memcpy(line + len, "\r\n", 2);
	send(s->control, line, len + 2, MSG_NOSIGNAL);
}

static int data_connect(const struct session *s, const char *from)
{
	struct sockaddr_in source = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, from, &source.sin_addr);
	if (bind(fd, (struct sockaddr *)&source, sizeof(source)) ||
	    connect(fd, (const struct sockaddr *)&s->data_addr,
		    sizeof(s->data_addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Until the client has ended the connection */
static void drain(int fd)
{
	char buf[4096];

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
}

/* What a script wants said; returns false if the session is over */
static bool say_scripted(struct session *s, const char *text)
{
	if (!text)
		drain(s->control);
	else if (*text)
		say(s, "%s", text);
	return text && *text;
}

static bool serve_retr(struct session *s)
{
	const struct script *script = server.script;
	size_t end = server.size;
	int third = -1, fd;
	ssize_t n;

	if (script->third)
		third = data_connect(s, "127.0.0.2");
	fd = data_connect(s, "127.0.0.1");
	say(s, "150 here it comes");
	if (script->cut && script->cut < end)
		end = script->cut;
	while (s->rest < end) {
		n = send(fd, server.file + s->rest, end - s->rest,
			 MSG_NOSIGNAL);
		if (n < 0)
			break;
		s->rest += n;
	}
	s->rest = 0;
	if (third >= 0)
		close(third);
	if (script->cut && !script->after)
		drain(fd);
	close(fd);
	if (!script->cut)
		say(s, "226 that was all");
	else if (script->after)
		say(s, "%s", script->after);
	return true;
}

static void serve_stor(struct session *s, size_t at)
{
	int fd = data_connect(s, "127.0.0.1");
	char buf[16384];
	ssize_t n;

	say(s, "150 go on");
	pthread_mutex_lock(&server.lock);
	server.size = at;
	pthread_mutex_unlock(&server.lock);
	s->rest = 0;
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		pthread_mutex_lock(&server.lock);
		server.file = realloc(server.file, server.size + n);
		memcpy(server.file + server.size, buf, n);
		server.size += n;
		pthread_mutex_unlock(&server.lock);
	}
	close(fd);
	say(s, "226 I have it");
}

static bool serve_command(struct session *s, const char *line)
{
	const struct script *script = server.script;
	unsigned int h[4], p[2];

	if (script->verb && !strncmp(line, script->verb, 4) &&
	    (!script->once || server.sessions == 1))
		return say_scripted(s, script->say);

	if (!strncmp(line, "USER", 4)) {
		say(s, "331 and the password?");
	} else if (!strncmp(line, "PASS", 4)) {
		say(s, "230 welcome");
	} else if (sscanf(line, "PORT %u,%u,%u,%u,%u,%u", &h[0], &h[1], &h[2],
			  &h[3], &p[0], &p[1]) == 6) {
		s->data_addr.sin_family = AF_INET;
		s->data_addr.sin_addr.s_addr =
			htonl(h[0] << 24 | h[1] << 16 | h[2] << 8 | h[3]);
		s->data_addr.sin_port = htons(p[0] << 8 | p[1]);
		say(s, "200 fine");
	} else if (sscanf(line, "REST %zu", &s->rest) == 1) {
		say(s, "350 from there");
	} else if (!strncmp(line, "SIZE", 4)) {
		say(s, "213 %zu", server.size);
	} else if (!strncmp(line, "MDTM", 4)) {
		say(s, "213 " TIME);
	} else if (!strncmp(line, "RETR", 4)) {
		return serve_retr(s);
	} else if (!strncmp(line, "STOR", 4)) {
		serve_stor(s, s->rest);
	} else if (!strncmp(line, "APPE", 4)) {
		serve_stor(s, server.size);
	} else if (!strncmp(line, "QUIT", 4)) {
		say(s, "221 bye");
		server.farewells++;
	} else {
		say(s, "200 fine");
	}
	return strncmp(line, "QUIT", 4);
}

static void serve(int fd)
{
	struct session s = { .control = fd, .in = fdopen(fd, "r") };
	char line[5000];
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	say(&s, "220 ready");
	while (fgets(line, sizeof(line), s.in) && serve_command(&s, line))
		;
	fclose(s.in);
}

static void *server_thread(void *unused)
{
	int fd;

	(void)unused;
	for (;;) {
		fd = accept(server.listener, NULL, NULL);
		if (fd < 0)
			die("accept");
		pthread_mutex_lock(&server.lock);
		server.sessions++;
		server.busy = true;
		pthread_mutex_unlock(&server.lock);
		serve(fd);
		pthread_mutex_lock(&server.lock);
		server.busy = false;
		pthread_mutex_unlock(&server.lock);
	}
	return NULL;
}

static void server_start(void)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	pthread_t thread;

	server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server.listener, (struct sockaddr *)&addr, len) ||
	    listen(server.listener, 16) ||
	    getsockname(server.listener, (struct sockaddr *)&addr, &len))
		die("the server's socket");
	server.port = ntohs(addr.sin_port);
	if (pthread_create(&thread, NULL, server_thread, NULL))
		die("the server's thread");
}

/* Returns false if the last session does not end */
static bool server_idle(void)
{
	double end = now() + 5 * slow;
	bool busy;

	do {
		pthread_mutex_lock(&server.lock);
		busy = server.busy;
		pthread_mutex_unlock(&server.lock);
		if (!busy)
			return true;
		nap(500);
	} while (now() < end);
	return false;
}

/* What fails, and how it is told to */

struct kind {
	const char *name;
	const char *points;	/* fault_kind, if they are the module's */
	const char *debug;	/* where they are, if they are the kernel's */
	int error;		/* what comes of it */
	unsigned long count;	/* failslab's, as far as it is known */
};

/* Errnos that nobody else has a use for tell where a failure came from */
static struct kind kinds[] = {
	{ .name = "socket", .error = ENETRESET, .points = "socket" },
	{ .name = "file", .error = EUCLEAN, .points = "file" },
	/* says nothing against what is there already */
	{ .name = "room", .error = ENOSPC, .points = "file" },
	{ .name = "alloc", .error = ENOMEM, .points = "alloc" },
	{ .name = "host", .error = EBADRQC, .points = "host" },
	{ .name = "slab", .error = ENOMEM, .debug = DEBUG "failslab/" },
	{ .name = "page", .error = ENOMEM, .debug = DEBUG "fail_page_alloc/" },
};

static void debug_write(const struct kind *kind, const char *name,
			unsigned long value)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "%s%s", kind->debug, name);
	snprintf(text, sizeof(text), "%lu", value);
	must_write(path, text);
}

static long debug_read(const struct kind *kind, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", kind->debug, name);
	return file_number(path);
}

static bool kind_is_there(const struct kind *kind)
{
	return !access(kind->debug ?: PARAMETERS "fault_nth", F_OK);
}

/* Only what has the module on its stack, and all of that */
static void debug_setup(const struct kind *kind)
{
	unsigned long from, size = 0;
	char line[256], text[64];
	FILE *modules;

	from = strtoul(file_read("/sys/module/kftp/sections/.text", text,
				 sizeof(text)), NULL, 16);
	modules = fopen("/proc/modules", "r");
	while (fgets(line, sizeof(line), modules))
		if (sscanf(line, "kftp %lu", &size) == 1)
			break;
	fclose(modules);
	if (!from || !size)
		die("where the module is");
	debug_write(kind, "require-start", from);
	debug_write(kind, "require-end", from + size);
	debug_write(kind, "stacktrace-depth", 32);
	debug_write(kind, "times", 0);
	debug_write(kind, "probability", 100);
	debug_write(kind, "verbose", 0);
	debug_write(kind, "task-filter", 0);
	debug_write(kind, "ignore-gfp-wait", 0);
	if (strstr(kind->debug, "slab"))
		debug_write(kind, "cache-filter", 0);
	else
		debug_write(kind, "min-order", 0);
}

/*
 * The kernel counts only while something is to fail, and lets that fail whose
 * number the interval divides.
 */
static void fault_arm(const struct kind *kind, unsigned int nth)
{
	char text[32];

	if (kind->debug) {
		debug_write(kind, "interval", kind->count + nth);
		debug_write(kind, "times", 1);
		return;
	}
	must_write(PARAMETERS "fault_kind", kind->points);
	snprintf(text, sizeof(text), "%d", kind->error);
	must_write(PARAMETERS "fault_errno", text);
	snprintf(text, sizeof(text), "%u", nth);
	must_write(PARAMETERS "fault_nth", text);
}

/* Did it fail? Where to, if that is known */
static bool fault_happened(struct kind *kind, unsigned int nth, char hit[80])
{
	hit[0] = '\0';
	if (kind->debug) {
		if (debug_read(kind, "times"))
			return false;
		/* with an interval of 1 nothing is counted */
		if (kind->count + nth > 1)
			kind->count += nth;
		return true;
	}
	if (file_number(PARAMETERS "fault_nth"))
		return false;
	file_read(PARAMETERS "fault_hit", hit, 80);
	return true;
}

static void fault_disarm(const struct kind *kind)
{
	if (kind->debug)
		debug_write(kind, "times", 0);
	else
		must_write(PARAMETERS "fault_nth", "0");
}

/* What may fail without anybody being the worse for it, and why */
static const struct {
	const char *hit;	/* a caller, or a caller and its call */
	int error;		/* the run's, then; 0: as if nothing had */
	int only;		/* if it fails with that */
	bool leaves;		/* a temporary file that nobody asked for */
} excused[] = {
	/* only how fast and how long a connection works */
	{ .hit = "kftp_sock_connect:tcp_sock_set_nodelay" },
	{ .hit = "kftp_sock_connect:sock_set_keepalive" },
	{ .hit = "kftp_sock_connect:tcp_sock_set_keepidle" },
	{ .hit = "kftp_sock_connect:tcp_sock_set_keepintvl" },
	{ .hit = "sock_prepare_data:sock_set_rcvbuf" },
	{ .hit = "sock_listen:sock_set_reuseaddr" },
	{ .hit = "sock_listen:tcp_sock_set_syncnt" },
	/* closed next in any case; but a put's server does not see the end */
	{ .hit = "kftp_sock_shutdown:kernel_sock_shutdown" },
	{ .hit = "kftp_sock_shutdown:kernel_sock_shutdown",
	  .error = ETIMEDOUT },
	/* the file is in its place; the log tells */
	{ .hit = "sink_sync_dir:dentry_open" },
	{ .hit = "sink_sync_dir:vfs_fsync" },
	/* the page cache will do */
	{ .hit = "kftp_direct_open:real_kzalloc" },
	{ .hit = "buffer_alloc:real_kcalloc" },
	{ .hit = "buffer_alloc:real_alloc_pages" },
	/* less will do */
	{ .hit = "direct_allocate:vfs_fallocate", .only = ENOSPC },
	/* what cannot be compared is sent anew */
	{ .hit = "put_compare:kernel_read" },
	/* it has failed already, and cannot be cleaned up */
	{ .hit = "sink_unlink_part", .leaves = true },
	{ .hit = "sink_lookup", .leaves = true },
	/* names for what the contract has one */
	{ .hit = "resolve_call:dns_query", .error = EHOSTUNREACH },
	{ .hit = "kftp_sysfs_add:sysfs_get_dirent", .error = ENOENT },
};

/*
 * The control connection's errors do not matter once the file is in its place:
 * when the server is told farewell, which it is not then, and when its answer
 * and the end of the connection are received.
 */
static bool was_farewell(const char *hit, unsigned int *receives)
{
	if (!strcmp(hit, "kftp_sock_send:kernel_sendmsg"))
		return server.farewells < server.sessions;
	if (!strcmp(hit, "kftp_sock_recv:kernel_recvmsg"))
		return ++*receives <= 3 * server.sessions;
	return false;
}

/* Flows */

enum place { MEMORY, SMALL, DISK, PLACES };

static const char *const places[] = { "memory", "small", "disk" };

struct flow {
	const char *name;
	enum place place;
	const char *const *attrs;	/* names and values */
	size_t size;			/* of the new file */
	size_t old;			/* and of the old one, 0 for none */
	size_t there;			/* so much of the new one is there */
	int error;			/* how it ends if nothing fails */
	bool cancel;			/* once bytes have come */
	bool host;			/* in the host's network namespace */
	bool tardy;			/* ends by its time limit */
	const char *io;			/* how the bytes go, if it matters */
	struct script script;
};

#define ATTRS(...)	((const char *const []){ __VA_ARGS__, NULL })
#define GET		"direction", "get"
#define PUT		"direction", "put"
#define APPEND		"direction", "append"
#define OTHER_SHA256	\
	"0123456789012345678901234567890123456789012345678901234567890123"

static const struct flow flows[] = {
	{ .name = "get", .attrs = ATTRS(GET, "sha256", "compute"),
	  .size = 100 * KIB, .old = 5000 },
	{ .name = "get-new", .attrs = ATTRS(GET, "mtime", "0"), .size = 10 },
	{ .name = "get-direct", .place = DISK,
	  .attrs = ATTRS(GET, "cache", "bypass"),
	  .size = 1800 * KIB + 77, .old = 5000, .io = "direct" },
	{ .name = "get-buffered", .place = DISK,
	  .attrs = ATTRS(GET, "cache", "keep"),
	  .size = 9216 * KIB, .old = 5000, .io = "buffered" },
	{ .name = "get-resumed", .place = DISK,
	  .attrs = ATTRS(GET, "resume", "1", "sha256", "compute"),
	  .size = 300 * KIB + 5, .old = 5000, .there = 200 * KIB },
	{ .name = "get-leftover", .attrs = ATTRS(GET),
	  .size = 1000, .old = 5000, .there = 500 },
	{ .name = "get-again",
	  .attrs = ATTRS(GET, "retries", "1", "retry_delay_sec", "0"),
	  .size = 20 * KIB, .old = 5000,
	  .script = { .verb = "TYPE", .say = "421 not now", .once = true } },
	{ .name = "put", .attrs = ATTRS(PUT, "sha256", "compute"),
	  .size = 100 * KIB, .old = 5000 },
	{ .name = "put-resumed", .attrs = ATTRS(PUT, "resume", "1"),
	  .size = 300 * KIB, .there = 100 * KIB },
	{ .name = "append", .attrs = ATTRS(APPEND),
	  .size = 100 * KIB, .old = 5000 },
	{ .name = "third", .attrs = ATTRS(GET), .size = 10 * KIB, .old = 5000,
	  .script = { .third = true } },
	{ .name = "password", .attrs = ATTRS(GET, "user", "me", "pass", "x"),
	  .size = 1000, .old = 5000, .error = EACCES,
	  .script = { .verb = "PASS", .say = "530 you are not" } },
	{ .name = "not-there", .attrs = ATTRS(GET),
	  .size = 1000, .old = 5000, .error = ENOENT,
	  .script = { .verb = "RETR", .say = "550 no such file" } },
	{ .name = "port-refused", .attrs = ATTRS(GET),
	  .size = 1000, .old = 5000, .error = EPROTO,
	  .script = { .verb = "PORT", .say = "500 not there" } },
	{ .name = "cut", .attrs = ATTRS(GET),
	  .size = 100 * KIB, .old = 5000, .error = EAGAIN,
	  .script = { .cut = 50 * KIB, .after = "426 that is all" } },
	{ .name = "cut-direct", .place = DISK,
	  .attrs = ATTRS(GET, "cache", "bypass"),
	  .size = 1800 * KIB, .old = 5000, .error = EAGAIN,
	  .script = { .cut = 1000 * KIB, .after = "426 that is all" } },
	{ .name = "cut-resumable", .place = DISK,
	  .attrs = ATTRS(GET, "resume", "1"), .size = 300 * KIB + 5,
	  .old = 5000, .there = 150 * KIB, .error = EAGAIN,
	  .script = { .cut = 250 * KIB, .after = "426 that is all" } },
	{ .name = "short", .attrs = ATTRS(GET),
	  .size = 10 * KIB, .old = 5000, .error = EIO,
	  .script = { .cut = 5 * KIB, .after = "226 that is all" } },
	{ .name = "hang-up", .attrs = ATTRS(GET),
	  .size = 1000, .old = 5000, .error = ECONNRESET,
	  .script = { .verb = "USER", .say = "" } },
	{ .name = "full", .place = SMALL, .attrs = ATTRS(GET),
	  .size = 300 * KIB, .old = 5000, .error = ENOSPC },
	{ .name = "digest",
	  .attrs = ATTRS(GET, "sha256", OTHER_SHA256),
	  .size = 1000, .old = 5000, .error = EBADMSG },
	{ .name = "no-name", .attrs = ATTRS(GET, "host", "nobody.invalid"),
	  .size = 1000, .old = 5000, .error = EHOSTUNREACH, .host = true },
	{ .name = "cancel", .attrs = ATTRS(GET),
	  .size = 900 * KIB, .old = 5000, .error = ECANCELED,
	  .cancel = true, .script = { .cut = 700 * KIB } },
	{ .name = "silence", .attrs = ATTRS(GET, "timeout_sec", "1"),
	  .size = 1000, .old = 5000, .error = ETIMEDOUT,
	  .tardy = true, .script = { .verb = "TYPE" } },
	{ .name = "put-refused", .attrs = ATTRS(PUT),
	  .size = 1000, .old = 5000, .error = EPERM,
	  .script = { .verb = "STOR", .say = "553 not here" } },
};

static struct {
	const struct flow *flow;
	char dir[64];
	char local[80];		/* the destination, or the source */
	char part[80];		/* the temporary file */
	char config[80];
	char state[80];
	bool get;
	bool keeps;		/* what is there may be resumed */
	char *new, *old;
	char record[256];	/* of the temporary file, to be resumed */
	ssize_t record_size;
	struct {
		long sockets;
		long references;	/* on the module */
		long held;		/* by the module, if it counts that */
	} before;
} job;

struct outcome {
	int error;		/* of start, or of the run */
	bool done;
	char where[32];		/* start, or the phase */
	char io[32];
};

/* A line that says why, below the one that says whether; returns false */
static bool because(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	return false;
}

static void file_fill(const char *path, const char *bytes, size_t size)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		die(path);
	close(fd);
}

static bool file_holds(const char *path, const char *bytes, size_t size)
{
	char buf[65536];
	size_t done = 0;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return false;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		if (done + n > size || memcmp(buf, bytes + done, n))
			break;
		done += n;
	}
	close(fd);
	return !n && done == size;
}

static int job_store(const char *attr, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", job.config, attr);
	return file_write(path, value);
}

static void job_must_store(const char *attr, const char *value)
{
	errno = -job_store(attr, value);
	if (errno)
		die(attr);
}

static const char *job_state(const char *name, char *buf, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", job.state, name);
	return file_read(path, buf, size);
}

static bool job_is_over(char *status)
{
	job_state("status", status, 16);
	return strcmp(status, "queued") && strcmp(status, "running");
}

static int errno_of(const char *name)
{
	int i;

	for (i = 1; i < 200; i++)
		if (strerrorname_np(i) && !strcmp(strerrorname_np(i), name))
			return i;
	return strcmp(name, "0") ? -1 : 0;
}

/* Sockets of this network namespace */
static long count_sockets(void)
{
	char line[128];

	file_read("/proc/self/net/sockstat", line, sizeof(line));
	return strtol(line + strcspn(line, "0123456789"), NULL, 10);
}

static long count_references(void)
{
	return file_number("/sys/module/kftp/refcnt");
}

static long count_held(void)
{
	return file_number(PARAMETERS "fault_held");
}

static int first_ns, own_ns;

static struct outcome run(const struct flow *flow)
{
	struct pollfd status = { .events = POLLPRI };
	struct outcome outcome = { 0 };
	double end = now() + 20 * slow;
	char text[32], path[128];

	if (flow->host && setns(first_ns, CLONE_NEWNET))
		die("the host's namespace");
	outcome.error = -job_store("start", "1");
	if (flow->host && setns(own_ns, CLONE_NEWNET))
		die("our namespace");
	if (outcome.error) {
		memcpy(outcome.where, "start", sizeof("start"));
		return outcome;
	}

	snprintf(path, sizeof(path), "%s/status", job.state);
	status.fd = open(path, O_RDONLY);
	while (read(status.fd, text, sizeof(text)) > 0 && !job_is_over(text)) {
		if (flow->cancel &&
		    strcmp(job_state("bytes", text, sizeof(text)), "0"))
			job_store("cancel", "1");
		if (now() > end) {
			because("it does not end: it is cancelled");
			job_store("cancel", "1");
			end += 20 * slow;
		}
		poll(&status, 1, flow->cancel ? 1 : 100);
		lseek(status.fd, 0, SEEK_SET);
	}
	close(status.fd);
	outcome.done = !strcmp(job_state("status", text, sizeof(text)), "done");
	outcome.error = errno_of(job_state("error", text, sizeof(text)));
	job_state("phase", outcome.where, sizeof(outcome.where));
	job_state("io", outcome.io, sizeof(outcome.io));
	return outcome;
}

static void set_time(const char *path, time_t seconds)
{
	struct timespec times[2] = { { seconds, 0 }, { seconds, 0 } };

	if (utimensat(AT_FDCWD, path, times, 0))
		die(path);
}

/* What either side has before a run */
static void prepare(const struct flow *flow)
{
	const char *bytes = job.get || flow->there ? job.new : job.old;
	size_t size = job.get ? flow->size : flow->there ?: flow->old;

	pthread_mutex_lock(&server.lock);
	server.script = &flow->script;
	server.sessions = 0;
	server.farewells = 0;
	server.file = realloc(server.file, size + 1);
	memcpy(server.file, bytes, size);
	server.size = size;
	pthread_mutex_unlock(&server.lock);

	if (!job.get) {
		file_fill(job.local, job.new, flow->size);
		set_time(job.local, TIME_SECONDS - 1000);
		return;
	}
	unlink(job.part);
	unlink(job.local);
	if (flow->old)
		file_fill(job.local, job.old, flow->old);
	if (flow->there)
		file_fill(job.part, job.new, flow->there);
	if (job.record_size && setxattr(job.part, KFTP_RESUME_XATTR, job.record,
					job.record_size, 0))
		die("the record of what may be resumed");
}

static bool check_get(const struct flow *flow, const struct outcome *outcome,
		      bool leaves, bool loses)
{
	bool there = !access(job.part, F_OK);
	struct stat st;

	if (!outcome->done) {
		if (flow->old ? !file_holds(job.local, job.old, flow->old) :
				!access(job.local, F_OK))
			return because("the old file is not what it was");
		if (there && !job.keeps && !leaves)
			return because("a temporary file is left");
		if (!there && job.keeps && !loses)
			return because("what could be resumed is gone");
		return true;
	}
	if (!file_holds(job.local, job.new, flow->size))
		return because("the new file is not what it should be");
	if (stat(job.local, &st) || (st.st_mode & 07777) != 0644)
		return because("the new file's mode is %o", st.st_mode);
	if (strcmp(flow->attrs[2] ?: "", "mtime") &&
	    st.st_mtime != TIME_SECONDS)
		return because("the new file's time is not the server's");
	if (there)
		return because("the temporary file is still there");
	if (listxattr(job.local, NULL, 0) > 0)
		return because("the record of the resume is still there");
	return true;
}

static bool check_put(const struct flow *flow, bool done)
{
	size_t base = strcmp(flow->attrs[1], "append") ? 0 : flow->old;
	bool right;

	if (!done)
		return true;
	pthread_mutex_lock(&server.lock);
	right = server.size == base + flow->size &&
		!memcmp(server.file, job.old, base) &&
		!memcmp(server.file + base, job.new, flow->size);
	pthread_mutex_unlock(&server.lock);
	return right ? true : because("the server has not got what was sent");
}

/* What is let go of after the job's end is given a moment */
static bool comes_back(const char *what, long (*count)(void), long before)
{
	double limit = now() + 2 * slow;
	long n;

	while ((n = count()) != before && now() < limit)
		nap(1000);
	return n == before ? true : because("%s: %ld, where there were %ld",
					    what, n, before);
}

static bool check_leaks(void)
{
	return comes_back("sockets", count_sockets, job.before.sockets) &
	       comes_back("references on the module", count_references,
			  job.before.references) &
	       comes_back("what the module holds", count_held,
			  job.before.held);
}

/*
 * Is this how it may end? @hit is where it failed, empty if nobody knows; @kind
 * is what failed, NULL if nothing did.
 */
static bool check(const struct flow *flow, const struct kind *kind,
		  const char *hit, const struct outcome *outcome,
		  unsigned int *receives)
{
	bool usual = outcome->error == flow->error;
	bool injected = kind && outcome->error == kind->error;
	bool fine = kind ? injected : usual;
	/* what start has not come to is another's */
	bool leaves = flow->there && !strcmp(outcome->where, "start");
	/* to publish it begins with taking its record away */
	bool loses = kind && !strcmp(outcome->where, "commit") &&
		     (kind->error != ENOSPC ||
		      !strcmp(hit, "sink_sync:vfs_fsync"));
	size_t i, len;

	for (i = 0; kind && i < ARRAY_SIZE(excused); i++) {
		len = strlen(excused[i].hit);
		if (strncmp(hit, excused[i].hit, len) ||
		    (hit[len] && hit[len] != ':') ||
		    (excused[i].only && excused[i].only != kind->error))
			continue;
		if (excused[i].leaves)
			leaves = true;
		else if (excused[i].error)
			fine |= outcome->error == excused[i].error;
		else
			fine |= usual;
	}
	/* what has failed already fails with that */
	if (kind && flow->error)
		fine |= usual;
	/* what goes on without an allocation is nobody's fault */
	if (kind && kind->debug)
		fine |= usual || outcome->error == ENOBUFS;
	if (!server_idle())
		return because("the session does not end");
	if (kind && usual && was_farewell(hit, receives))
		fine = true;
	if (outcome->done != !outcome->error)
		return because("the error is %s, and yet it is%s done",
			       strerrorname_np(outcome->error),
			       outcome->done ? "" : " not");
	if (!kind && flow->io && strcmp(outcome->io, flow->io))
		return because("its bytes go %s, not %s", outcome->io,
			       flow->io);
	if (!fine)
		return because("it ended in %s, with %s", outcome->where,
			       strerrorname_np(outcome->error) ?: "success");
	return (job.get ? check_get(flow, outcome, leaves, loses) :
			  check_put(flow, outcome->done)) && check_leaks();
}

/* What a run that was cut off leaves, to be put there again and again */
static void record(const struct flow *flow)
{
	struct flow first = *flow;
	struct outcome outcome;

	first.script = (struct script){
		.cut = flow->there, .after = "426 that is all"
	};
	prepare(&first);
	outcome = run(&first);
	job.record_size = getxattr(job.part, KFTP_RESUME_XATTR, job.record,
				   sizeof(job.record));
	if (outcome.error != EAGAIN || job.record_size <= 0)
		die("what should be resumed");
}

static void mount_place(enum place place)
{
	const char *options = place == SMALL ? "size=128k" : "size=64m";
	int err;

	snprintf(job.dir, sizeof(job.dir), ROOT "/%s", places[place]);
	mkdir(job.dir, 0755);
	mkdir("/scratch/torture", 0755);
	if (place == DISK)
		err = mount("/scratch/torture", job.dir, NULL, MS_BIND, NULL);
	else
		err = mount("torture", job.dir, "tmpfs", 0, options);
	if (err)
		die(job.dir);
}

static void make_job(const char *name)
{
	snprintf(job.config, sizeof(job.config), KFTP_CONFIGFS_DIR "/%s", name);
	snprintf(job.state, sizeof(job.state), KFTP_SYSFS_DIR "/%s", name);
	if (mkdir(job.config, 0755))
		die(job.config);
}

static bool keeps(const struct flow *flow)
{
	const char *const *attr;

	for (attr = flow->attrs; *attr; attr += 2)
		if (!strcmp(attr[0], "resume"))
			return true;
	return false;
}

static void begin(const struct flow *flow)
{
	const char *const *attr;
	char port[8];
	long held = 0;
	int i;

	memset(&job, 0, sizeof(job));
	job.flow = flow;
	job.get = !strcmp(flow->attrs[1], "get");
	mount_place(flow->place);
	snprintf(job.local, sizeof(job.local), "%s/file", job.dir);
	snprintf(job.part, sizeof(job.part), "%s/" KFTP_PART_PREFIX "file"
		 KFTP_PART_SUFFIX, job.dir);
	job.new = malloc(flow->size + 1);
	job.old = malloc(flow->old + 1);
	fill(job.new, flow->size, 'n');
	fill(job.old, flow->old, 'o');

	make_job("torture");
	snprintf(port, sizeof(port), "%u", server.port);
	job_must_store("host", "127.0.0.1");
	job_must_store("port", port);
	job_must_store("src", job.get ? "there" : job.local);
	job_must_store("dst", job.get ? job.local : "there");
	snprintf(port, sizeof(port), "%u", 5 * slow);
	job_must_store("timeout_sec", port);
	for (attr = flow->attrs; *attr; attr += 2)
		job_must_store(attr[0], attr[1]);
	/* once, for what the job keeps from its first run on */
	prepare(flow);
	run(flow);
	if (!server_idle())
		die("the first session does not end");
	for (i = 0; i < 5; i++) {
		held = count_held();
		nap(10000 * slow);
		if (held != count_held())
			i = 0;
	}
	job.before.sockets = count_sockets();
	job.before.references = count_references();
	job.before.held = held;
	job.keeps = job.get && flow->there && keeps(flow);
	if (job.keeps)
		record(flow);
}

static bool end(void)
{
	double limit = now() + 2 * slow;
	int err;

	if (rmdir(job.config))
		die("rmdir");
	unlink(job.local);
	unlink(job.part);
	free(job.new);
	free(job.old);
	/* whoever still holds a file or a path there keeps it from going */
	while ((err = umount(job.dir)) && now() < limit)
		nap(1000);
	if (err)
		umount2(job.dir, MNT_DETACH);
	return err ? because("%s cannot be unmounted: %s", job.dir,
			     strerror(errno)) : true;
}

static unsigned int tests, failures;

static void verdict(bool ok, const char *format, ...)
{
	va_list args;

	printf("%sok %u - ", ok ? "" : "not ", ++tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	failures += !ok;
}

#define BADS_SHOWN	12
#define NTH_MAX		2000

/* After how many faults a run of the same job without one has to go well */
static unsigned int follow_every(const struct flow *flow)
{
	return slow > 1 || flow->tardy ? 8 : 1;
}

/*
 * So that what is not given back is missed at once: one job at a time, and
 * memory for the direct I/O of one.
 */
static const char limits[] = "max_active=1 buffers_mib=3";

static void torture(const struct flow *flow, struct kind *kind,
		    unsigned int only)
{
	unsigned int nth, hits = 0, bads = 0;
	unsigned int receives = 0;
	bool hit, good;
	double started = now();
	struct outcome outcome;
	char where[80];

	begin(flow);
	if (kind->debug)
		debug_setup(kind);
	for (nth = only ?: 1; nth < NTH_MAX && bads < BADS_SHOWN; nth++) {
		prepare(flow);
		fault_arm(kind, nth);
		outcome = run(flow);
		hit = fault_happened(kind, nth, where);
		/* what failslab has counted is only known once it has struck */
		if (!hit && !kind->debug)
			fault_disarm(kind);
		good = check(flow, hit ? kind : NULL, where, &outcome,
			     &receives);
		if (verbose)
			because("%u: %s: %s in %s", nth, hit ? where : "none",
				strerrorname_np(outcome.error),
				outcome.where);
		if (!good)
			because("when %s %u failed, %s", kind->name, nth,
				hit ? where : "not reached");
		while (!hit && kind->debug) {
			prepare(flow);
			run(flow);
			server_idle();
			if (fault_happened(kind, nth, where))
				break;
		}
		if (hit && good && nth % follow_every(flow) == 0) {
			prepare(flow);
			outcome = run(flow);
			good = check(flow, NULL, "", &outcome, &receives);
			if (!good)
				because("in the run after %s %u failed, %s",
					kind->name, nth, where);
		}
		hits += hit;
		bads += !good;
		if (!hit || only)
			break;
	}
	if (nth == NTH_MAX)
		because("there is no end to it");
	good = end();
	verdict(!bads && good && nth < NTH_MAX, "%s, %s: %u points, %.1f s",
		flow->name, kind->name, hits, now() - started);
}

/* What comes before any run: a job that is made, a module that is loaded */

static const char *const texts[][2] = {
	{ "host", "192.0.2.1" }, { "user", "somebody" }, { "src", "there" },
	{ "dst", "/there" }, { "sha256", OTHER_SHA256 },
};

/* Each returns 0 or a negative errno, 1 if what is there then is wrong */
static int make_and_store(struct kind *kind, unsigned int nth)
{
	char path[128], before[256], after[256];
	long held = count_held();
	int err = 0;
	size_t i;

	fault_arm(kind, nth);
	if (mkdir(KFTP_CONFIGFS_DIR "/made", 0755)) {
		err = -errno;
		if (!access(KFTP_SYSFS_DIR "/made", F_OK) ||
		    !access(KFTP_CONFIGFS_DIR "/made", F_OK) ||
		    !comes_back("what the module holds", count_held, held))
			err = 1;
		return err;
	}
	for (i = 0; i < ARRAY_SIZE(texts) && !err; i++) {
		snprintf(path, sizeof(path), KFTP_CONFIGFS_DIR "/made/%s",
			 texts[i][0]);
		file_read(path, before, sizeof(before));
		err = file_write(path, texts[i][1]);
		file_read(path, after, sizeof(after));
		if (strcmp(after, err ? before : texts[i][1]))
			err = 1;
	}
	if (rmdir(KFTP_CONFIGFS_DIR "/made") ||
	    !comes_back("what the module holds", count_held, held))
		err = 1;
	return err;
}

static const char *module_path;

static int module_load(const char *parameters)
{
	int fd = open(module_path, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		die(module_path);
	if (syscall(SYS_finit_module, fd, parameters, 0))
		err = -errno;
	close(fd);
	return err;
}

static int module_unload(void)
{
	return syscall(SYS_delete_module, "kftp", O_NONBLOCK) ? -errno : 0;
}

static int load(struct kind *kind, unsigned int nth)
{
	static const char *const marks[] = {
		KFTP_CONFIGFS_DIR, KFTP_SYSFS_DIR, "/sys/module/kftp",
		"/sys/bus/workqueue/devices/kftp",
		"/sys/bus/workqueue/devices/kftp_2",
	};
	char fault[128];
	size_t i;
	int err;

	snprintf(fault, sizeof(fault),
		 "%s fault_kind=%s fault_errno=%d fault_nth=%u", limits,
		 kind->points, kind->error, nth);
	if (kind->debug)
		fault_arm(kind, nth);
	err = module_load(kind->debug ? limits : fault);
	for (i = 0; i < ARRAY_SIZE(marks); i++)
		if (!access(marks[i], F_OK) == !!err)
			return 1;
	return err;
}

static void sweep(const char *name, struct kind *kind,
		  int (*act)(struct kind *kind, unsigned int nth))
{
	unsigned int nth, hits = 0;
	bool ok = true, hit = true;
	double started = now();
	char where[80] = "";
	int err;

	for (nth = 1; hit && ok && nth < NTH_MAX; nth++) {
		if (act == load && !access("/sys/module/kftp", F_OK) &&
		    module_unload())
			die("unloading the module");
		err = act(kind, nth);
		/* a module that is not there has been hit, and cannot tell */
		hit = access("/sys/module/kftp", F_OK) ||
		      fault_happened(kind, nth, where);
		if (kind->debug && act == load && err)
			fault_happened(kind, nth, where);
		hits += hit;
		ok = err == (hit ? -kind->error : 0);
		if (!ok && hit && err == -ENOENT)
			ok = !strcmp(where, "kftp_sysfs_add:sysfs_get_dirent");
		if (!ok && hit && !err)
			ok = kind->debug;
		if (!ok)
			because("%s %u: %s: %s", kind->name, nth, where,
				err > 0 ? "something is left of it" :
				strerrorname_np(-err) ?: "success");
	}
	while (!hit && kind->debug && !fault_happened(kind, nth - 1, where)) {
		if (act == load)
			module_unload();
		act(kind, nth - 1);
	}
	if (access("/sys/module/kftp", F_OK) && module_load(limits))
		die("loading the module");
	if (!kind->debug)
		fault_disarm(kind);
	verdict(ok, "%s, %s: %u points, %.1f s", name, kind->name, hits,
		now() - started);
}

static void network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	first_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("namespaces");
	own_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		die("lo");
	close(fd);
}

static void mount_if_missing(const char *type, const char *mark,
			     const char *where)
{
	if (access(mark, F_OK) && mount(type, where, type, 0, NULL))
		die(where);
}

/* What the module stands on, where the kernel does not have it built in */
static void module_first(void)
{
	static const char *const paths[] = {
		"/kftp/module/kftp-faults.ko", "/kftp/module/kftp.ko"
	};

	if (system("modprobe -qa configfs dns_resolver 2>/dev/null"))
		because("there is no modprobe, or nothing for it to do");
	mount_if_missing("configfs", "/sys/kernel/config/.", "/sys/kernel/config");
	mount_if_missing("debugfs", DEBUG "slab", "/sys/kernel/debug");
	module_path = getenv("KFTP_MODULE") ?: paths[!!access(paths[0], F_OK)];
	if (!access("/sys/module/kftp", F_OK) && module_unload())
		die("unloading the module that was there");
	errno = -module_load(limits);
	if (errno)
		die("loading the module");
}

static bool wanted(const char *name, const char *only)
{
	return !only || !strcmp(name, only);
}

int main(int argc, char **argv)
{
	const char *only_flow = NULL, *only_kind = NULL;
	const char *factor = getenv("KFTP_SLOW");
	unsigned int nth = 0;
	size_t f, k;
	int i;

	for (i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--verbose")) {
			verbose = true;
			continue;
		}
		if (!strcmp(argv[i], "--flow"))
			only_flow = value;
		else if (!strcmp(argv[i], "--kind"))
			only_kind = value;
		else if (!strcmp(argv[i], "--nth"))
			nth = strtoul(value, NULL, 10);
		else
			die(argv[i]);
		i++;
	}
	if (factor)
		slow = strtoul(factor, NULL, 10) ?: 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	network();
	module_first();
	mkdir(ROOT, 0755);
	server_start();

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (!wanted(kinds[k].name, only_kind) ||
		    !kind_is_there(&kinds[k]))
			continue;
		for (f = 0; f < ARRAY_SIZE(flows); f++)
			if (wanted(flows[f].name, only_flow))
				torture(&flows[f], &kinds[k], nth);
		if (wanted("make", only_flow))
			sweep("make", &kinds[k], make_and_store);
		if (wanted("load", only_flow))
			sweep("load", &kinds[k], load);
	}
	verdict(!module_unload(), "the module can be unloaded");
	printf("1..%u\n", tests);
	return failures ? 1 : 0;
}
