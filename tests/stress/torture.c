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
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "host.h"
#include "job.h"
#include "kftp.h"
#include "server.h"
#include "tap.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define KIB		1024UL

#define ROOT		"/tmp/torture"
#define JOB		"torture"
#define PARAMETERS	"/sys/module/kftp/parameters/"
#define DEBUG		"/sys/kernel/debug/"
/* What the server says of its file */
#define TIME_SECONDS	1577934245

static bool verbose;

static struct server server = { .family = AF_INET };

/* What fails, and how it is told to */

struct kind {
	const char *name;
	const char *points;	/* fault_kind, if they are the module's */
	const char *debug;	/* where they are, if they are the kernel's */
	int error;		/* what comes of it */
	int raises;		/* what fails, if that is something else */
	unsigned long count;	/* failslab's, as far as it is known */
};

/* Errnos that nobody else has a use for tell where a failure came from */
static struct kind kinds[] = {
	{ .name = "socket", .error = ENETRESET, .points = "socket" },
	{ .name = "file", .error = EUCLEAN, .points = "file" },
	/* says nothing against what is there already */
	{ .name = "room", .error = ENOSPC, .points = "file" },
	/* errnos that mean something else to who asked the network or the disk */
	{ .name = "busy", .raises = EAGAIN, .error = EIO, .points = "file" },
	{ .name = "unable", .raises = EINVAL, .error = EINVAL, .points = "file" },
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

/* Where x86 has modules, of which such a kernel has no other */
#define MODULES_FROM	0xffffffffa0000000
#define MODULES_TO	0xfffffffffe000000

/* Only what has the module on its stack, and all of that */
static void debug_setup(const struct kind *kind)
{
	/* how far the kernel has counted, it does not tell: at boot, to 0 */
	errno = EBUSY;
	if (debug_read(kind, "interval") != 1)
		die("a second torture of a boot, which cannot count: boot again");
	debug_write(kind, "require-start", MODULES_FROM);
	debug_write(kind, "require-end", MODULES_TO);
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
	snprintf(text, sizeof(text), "%d", kind->raises ?: kind->error);
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
	bool must;		/* be as if nothing had failed */
} excused[] = {
	/* only how fast and how long a connection works */
	{ .hit = "kftp_sock_connect:tcp_sock_set_nodelay" },
	{ .hit = "kftp_sock_connect:sock_set_keepalive" },
	{ .hit = "kftp_sock_connect:tcp_sock_set_keepidle" },
	{ .hit = "kftp_sock_connect:tcp_sock_set_keepintvl" },
	{ .hit = "kftp_sock_connect:sock_set_rcvbuf" },
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
	{ .hit = "direct_submit:kftp_iocb_write", .only = EINVAL,
	  .must = true },
	{ .hit = "direct_complete:ki_complete", .only = EINVAL,
	  .must = true },
	/* the first attempt's, of bytes that came before the server gave up */
	{ .hit = "sink_write:kftp_iter_write", .error = EAGAIN },
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
	const char *kind;		/* the only one that it is for */
	const char *io;			/* how the bytes go, if it matters */
	const struct server_verb *verbs;	/* where it is unusual */
};

/* What the job is told, or NULL */
static const char *attr_of(const struct flow *flow, const char *name)
{
	const char *const *attr;

	for (attr = flow->attrs; *attr; attr += 2)
		if (!strcmp(attr[0], name))
			return attr[1];
	return NULL;
}

#define ATTRS(...)	((const char *const []){ __VA_ARGS__, NULL })
#define GET		"direction", "get"
#define PUT		"direction", "put"
#define APPEND		"direction", "append"
#define CUT(bytes, say)	\
	ON("RETR", CONNECT, SAY("150 here it comes"), SEND(bytes), EOD, \
	   SAY(say))
#define OTHER_SHA256	\
	"0123456789012345678901234567890123456789012345678901234567890123"

static const struct flow flows[] = {
	{ .name = "get", .attrs = ATTRS(GET, "sha256", "compute"),
	  .size = 100 * KIB, .old = 5000 },
	{ .name = "get-new", .attrs = ATTRS(GET, "mtime", "0"), .size = 10 },
	{ .name = "get-direct", .place = DISK,
	  .attrs = ATTRS(GET, "cache", "bypass"),
	  .size = 1800 * KIB + 77, .old = 5000, .io = "direct" },
	{ .name = "get-direct-resumed", .place = DISK,
	  .attrs = ATTRS(GET, "cache", "bypass", "resume", "1"),
	  .size = 3000 * KIB + 77, .old = 5000, .there = 200 * KIB,
	  .io = "direct" },
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
	  .verbs = VERBS(ONCE("TYPE", SAY("421 not now"))) },
	{ .name = "get-cut-again", .kind = "file",
	  .attrs = ATTRS(GET, "retries", "1", "retry_delay_sec", "0"),
	  .size = 100 * KIB, .old = 5000,
	  .verbs = VERBS(ONCE("RETR", CONNECT, SAY("150 here it comes"),
			      SEND(50 * KIB), SAY("426 no more"), EOD)) },
	{ .name = "get-unsized", .kind = "busy",
	  .attrs = ATTRS(GET, "mtime", "0"), .size = 100 * KIB, .old = 5000,
	  .verbs = VERBS(ON("SIZE", SAY("502 not here"))) },
	{ .name = "get-incapable", .place = DISK, .kind = "unable",
	  .attrs = ATTRS(GET, "cache", "bypass"),
	  .size = 1800 * KIB + 77, .old = 5000, .io = "direct" },
	{ .name = "put", .attrs = ATTRS(PUT, "sha256", "compute"),
	  .size = 100 * KIB, .old = 5000 },
	{ .name = "put-resumed", .attrs = ATTRS(PUT, "resume", "1"),
	  .size = 300 * KIB, .there = 100 * KIB },
	{ .name = "append", .attrs = ATTRS(APPEND),
	  .size = 100 * KIB, .old = 5000 },
	{ .name = "third", .attrs = ATTRS(GET), .size = 10 * KIB, .old = 5000,
	  .verbs = VERBS(ON("RETR", STRANGER("127.0.0.2"), CONNECT,
			    SAY("150 here it comes"), SEND(ALL), EOD,
			    SAY("226 that was all"))) },
	{ .name = "password", .attrs = ATTRS(GET, "user", "me", "pass", "x"),
	  .size = 1000, .old = 5000, .error = EACCES,
	  .verbs = VERBS(ON("PASS", SAY("530 you are not"))) },
	{ .name = "not-there", .attrs = ATTRS(GET),
	  .size = 1000, .old = 5000, .error = ENOENT,
	  .verbs = VERBS(ON("RETR", SAY("550 no such file"))) },
	{ .name = "port-refused", .attrs = ATTRS(GET),
	  .size = 1000, .old = 5000, .error = EPROTO,
	  .verbs = VERBS(ON("PORT", SAY("500 not there"))) },
	{ .name = "cut", .attrs = ATTRS(GET),
	  .size = 100 * KIB, .old = 5000, .error = EAGAIN,
	  .verbs = VERBS(CUT(50 * KIB, "426 no more")) },
	{ .name = "cut-direct", .place = DISK,
	  .attrs = ATTRS(GET, "cache", "bypass"),
	  .size = 1800 * KIB, .old = 5000, .error = EAGAIN,
	  .verbs = VERBS(CUT(1000 * KIB, "426 no more")) },
	{ .name = "cut-resumable", .place = DISK,
	  .attrs = ATTRS(GET, "resume", "1"), .size = 300 * KIB + 5,
	  .old = 5000, .there = 150 * KIB, .error = EAGAIN,
	  .verbs = VERBS(CUT(160 * KIB, "426 no more")) },
	{ .name = "short", .attrs = ATTRS(GET),
	  .size = 10 * KIB, .old = 5000, .error = EIO,
	  .verbs = VERBS(CUT(5 * KIB, "226 that was all")) },
	{ .name = "hang-up", .attrs = ATTRS(GET),
	  .size = 1000, .old = 5000, .error = ECONNRESET,
	  .verbs = VERBS(ON("USER", HANG_UP)) },
	{ .name = "full", .place = SMALL, .attrs = ATTRS(GET),
	  .size = 300 * KIB, .old = 5000, .error = ENOSPC },
	{ .name = "digest",
	  .attrs = ATTRS(GET, "sha256", OTHER_SHA256),
	  .size = 1000, .old = 5000, .error = EBADMSG },
	{ .name = "no-name", .attrs = ATTRS(GET, "host", "nobody.invalid"),
	  .size = 1000, .old = 5000, .error = EHOSTUNREACH, .host = true },
	{ .name = "cancel", .attrs = ATTRS(GET),
	  .size = 900 * KIB, .old = 5000, .error = ECANCELED,
	  .cancel = true,
	  .verbs = VERBS(ON("RETR", CONNECT, SAY("150 here it comes"),
			    SEND(700 * KIB), WAIT_EOD, EOD)) },
	{ .name = "silence", .attrs = ATTRS(GET, "timeout_sec", "1"),
	  .size = 1000, .old = 5000, .error = ETIMEDOUT,
	  .tardy = true, .verbs = VERBS(ON("TYPE", HOLD)) },
	{ .name = "put-refused", .attrs = ATTRS(PUT),
	  .size = 1000, .old = 5000, .error = EPERM,
	  .verbs = VERBS(ON("STOR", SAY("553 not here"))) },
};

static struct {
	const struct flow *flow;
	char dir[64];
	char local[80];		/* the destination, or the source */
	char part[80];		/* the temporary file */
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

static long count_sockets(void)
{
	return account(SOCKETS);
}

static long count_references(void)
{
	return account(REFERENCES);
}

static long count_held(void)
{
	return file_number(PARAMETERS "fault_held");
}

static int first_ns, own_ns;

static struct outcome run(const struct flow *flow)
{
	struct outcome outcome = { .where = "start" };
	char text[32];

	if (flow->host && setns(first_ns, CLONE_NEWNET))
		die("the host's namespace");
	outcome.error = -job_start(JOB);
	if (flow->host && setns(own_ns, CLONE_NEWNET))
		die("our namespace");
	if (outcome.error)
		return outcome;

	while (flow->cancel && !job_is_over(JOB)) {
		if (atoi(job_state(JOB, "bytes", text, sizeof(text))))
			job_cancel(JOB);
		nap(1000);
	}
	if (!job_wait(JOB, now() + 20 * slow)) {
		because("it does not end: it is cancelled");
		job_cancel(JOB);
		if (!job_wait(JOB, now() + 20 * slow))
			die("it cannot be cancelled, either");
	}
	outcome.done = job_is(JOB, "done");
	outcome.error = job_error(JOB);
	job_state(JOB, "phase", outcome.where, sizeof(outcome.where));
	job_state(JOB, "io", outcome.io, sizeof(outcome.io));
	return outcome;
}

static bool server_idle(void)
{
	return server_wait_idle(&server, now() + 5 * slow);
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
	server.verbs = flow->verbs;
	server.sessions = 0;
	server.farewells = 0;
	server.whole = false;
	server.room = flow->old + flow->size;
	server.file = realloc(server.file, server.room);
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

/* As far as its record says that it is on the disk, which is its last number */
static bool part_is_true(void)
{
	char record[sizeof(job.record)];
	uint64_t durable = 0;
	char *bytes;
	ssize_t n;
	bool same;
	int fd;

	n = getxattr(job.part, KFTP_RESUME_XATTR, record, sizeof(record));
	if (n < (ssize_t)sizeof(durable))
		return true;
	memcpy(&durable, record + n - sizeof(durable), sizeof(durable));
	durable = le64toh(durable);
	if (durable > job.flow->size)
		return false;
	bytes = malloc(durable + 1);
	fd = open(job.part, O_RDONLY | O_CLOEXEC);
	same = fd >= 0 && read(fd, bytes, durable) == (ssize_t)durable &&
	       !memcmp(bytes, job.new, durable);
	close(fd);
	free(bytes);
	return same;
}

static bool check_get(const struct flow *flow, const struct outcome *outcome,
		      bool leaves, bool loses, bool spoils)
{
	bool there = !access(job.part, F_OK);
	struct stat st;

	if (!outcome->done) {
		if (flow->old ? !file_holds(job.local, job.old, flow->old) :
				!access(job.local, F_OK))
			return because("the old file is not what it was");
		if (there && !job.keeps && !leaves)
			return because("a temporary file is left");
		if (there && spoils)
			return because("what was not synced is kept");
		if (!there && job.keeps && !loses)
			return because("what could be resumed is gone");
		if (there && !part_is_true())
			return because("what is kept is not what was sent");
		return true;
	}
	if (!file_holds(job.local, job.new, flow->size))
		return because("the new file is not what it should be");
	if (stat(job.local, &st) || (st.st_mode & 07777) != 0644)
		return because("the new file's mode is %o", st.st_mode);
	if (!attr_of(flow, "mtime") && st.st_mtime != TIME_SECONDS)
		return because("the new file's time is not the server's");
	if (there)
		return because("the temporary file is still there");
	if (listxattr(job.local, NULL, 0) > 0)
		return because("the record of the resume is still there");
	return true;
}

static bool check_put(const struct flow *flow, bool done)
{
	bool append = !strcmp(attr_of(flow, "direction"), "append");
	size_t base = append ? flow->old : 0;
	bool right;

	/* nor is it told that what it got is all, if it is not */
	if (!done && !server.whole)
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
	return comes_back("TCP sockets", count_sockets, job.before.sockets) &
	       comes_back("references on the module", count_references,
			  job.before.references) &
	       comes_back("what the module holds", count_held,
			  job.before.held);
}

/* Of sockets' buffers, of sockets, of their ports, of files in memory */
static bool is_want_of_memory(int error)
{
	return error == ENOBUFS || error == ENFILE || error == EADDRINUSE ||
	       error == ENOSPC;
}

/*
 * The control connection's errors do not matter once the file is in its place:
 * when the server is told farewell, which it is not then, and when its answer
 * and the end of the connection are received. What is left to do is to shut the
 * connection down, unless another session follows: then it can only be counted.
 * So it is with what a put receives to compare: what cannot be is sent anew.
 */
static bool was_farewell(const char *hit, unsigned int *receives)
{
	bool compares = !job.get && attr_of(job.flow, "resume");

	if (!strcmp(hit, "kftp_sock_send:kernel_sendmsg"))
		return server.farewells < server.sessions;
	if (!strcmp(hit, "kftp_sock_recv:kernel_recvmsg"))
		return file_number(PARAMETERS "fault_since") <= 1 ||
		       ++*receives <= 3 * (server.sessions - !compares);
	return false;
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
	bool injected = kind && (outcome->error == kind->error ||
				 (outcome->error == kind->raises &&
				  kind->raises));
	bool fine = kind ? injected : usual;
	/* what start has not come to is another's */
	bool leaves = flow->there && !strcmp(outcome->where, "start");
	/* to publish it begins with taking its record away */
	bool loses = kind && !strcmp(outcome->where, "commit") &&
		     (kind->error != ENOSPC ||
		      !strcmp(hit, "sink_sync:vfs_fsync"));
	/* who says that all is well after that may not know what was lost */
	bool spoils = loses && !strcmp(hit, "sink_sync:vfs_fsync");
	size_t i, len;

	for (i = 0; kind && i < ARRAY_SIZE(excused); i++) {
		len = strlen(excused[i].hit);
		if (strncmp(hit, excused[i].hit, len) ||
		    (hit[len] && hit[len] != ':') ||
		    (excused[i].only && excused[i].only != kind->error))
			continue;
		if (excused[i].leaves)
			leaves = true;
		else if (excused[i].must)
			fine = usual;
		else if (excused[i].error)
			fine |= outcome->error == excused[i].error;
		else
			fine |= usual;
	}
	/* what has failed already fails with that */
	if (kind && flow->error)
		fine |= usual;
	/* what goes on without it is as well; else the kernel has its names */
	if (kind && kind->debug)
		fine |= usual || is_want_of_memory(outcome->error);
	/* a FIN that finds no memory is not sent, nor does TCP try again */
	if (kind && kind->debug && !job.get)
		fine |= outcome->error == ETIMEDOUT &&
			!strcmp(outcome->where, "transfer");
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
	return (job.get ? check_get(flow, outcome, leaves, loses,
				    spoils) :
			  check_put(flow, outcome->done)) && check_leaks();
}

/* What a run that was cut off leaves, to be put there again and again */
static void record(const struct flow *flow)
{
	const struct server_verb cut[] = {
		CUT(flow->there, "426 no more"), { .verb = NULL }
	};
	struct flow first = *flow;
	struct outcome outcome;

	first.verbs = cut;
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

static void begin(const struct flow *flow)
{
	const char *const *attr;
	long held = 0;
	int i;

	memset(&job, 0, sizeof(job));
	job.flow = flow;
	job.get = !strcmp(attr_of(flow, "direction"), "get");
	mount_place(flow->place);
	snprintf(job.local, sizeof(job.local), "%s/file", job.dir);
	snprintf(job.part, sizeof(job.part), "%s/" KFTP_PART_PREFIX "file"
		 KFTP_PART_SUFFIX, job.dir);
	job.new = malloc(flow->size + 1);
	job.old = malloc(flow->old + 1);
	fill(job.new, flow->size, 'n');
	fill(job.old, flow->old, 'o');

	errno = -job_make(JOB);
	if (errno)
		die("a job");
	job_must_store(JOB, "host", "127.0.0.1");
	job_must_store_number(JOB, "port", server.port);
	job_must_store(JOB, "src", job.get ? "there" : job.local);
	job_must_store(JOB, "dst", job.get ? job.local : "there");
	job_must_store_number(JOB, "timeout_sec", 5 * slow);
	for (attr = flow->attrs; *attr; attr += 2)
		job_must_store(JOB, attr[0], attr[1]);
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
	job.keeps = job.get && attr_of(flow, "resume");
	if (job.keeps)
		record(flow);
}

static bool end(void)
{
	double limit = now() + 2 * slow;
	int err;

	errno = -job_remove(JOB);
	if (errno)
		die("the job's removal");
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
	err = job_make("made");
	if (err) {
		if (!access(KFTP_SYSFS_DIR "/made", F_OK) ||
		    job_exists("made") ||
		    !comes_back("what the module holds", count_held, held))
			err = 1;
		return err;
	}
	for (i = 0; i < ARRAY_SIZE(texts) && !err; i++) {
		snprintf(path, sizeof(path), KFTP_CONFIGFS_DIR "/made/%s",
			 texts[i][0]);
		file_read(path, before, sizeof(before));
		err = job_store("made", texts[i][0], texts[i][1]);
		file_read(path, after, sizeof(after));
		if (strcmp(after, err ? before : texts[i][1]))
			err = 1;
	}
	/* what is refused is not kept, either */
	if (!err) {
		err = job_store("made", "sha256", "of what?");
		err = err == -EINVAL ? 0 : err ?: 1;
	}
	if (job_remove("made") ||
	    !comes_back("what the module holds", count_held, held))
		err = 1;
	return err;
}

static const char *module_path;

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
	err = module_load(module_path, kind->debug ? limits : fault);
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
		hit = (!kind->debug && access("/sys/module/kftp", F_OK)) ||
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
	if (access("/sys/module/kftp", F_OK) && module_load(module_path, limits))
		die("loading the module");
	if (!kind->debug)
		fault_disarm(kind);
	verdict(ok, "%s, %s: %u points, %.1f s", name, kind->name, hits,
		now() - started);
}

static void module_first(void)
{
	static const char *const paths[] = {
		"/kftp/module/kftp-faults.ko", "/kftp/module/kftp.ko"
	};

	module_path = getenv("KFTP_MODULE") ?: paths[!!access(paths[0], F_OK)];
	if (!access("/sys/module/kftp", F_OK) && module_unload())
		die("unloading the module that was there");
	errno = -module_load(module_path, limits);
	if (errno)
		die("loading the module");
}

/*
 * Where all is slow, what fails by itself and what is large is left to other
 * machines, unless it is asked for.
 */
static bool affordable(const struct flow *flow, const char *only)
{
	return only || slow == 1 || (!flow->error && flow->size < 2048 * KIB);
}

/* Most kinds are for most flows */
static bool suits(const struct flow *flow, const struct kind *kind)
{
	return flow->kind ? !strcmp(flow->kind, kind->name) : !kind->raises;
}

static bool wanted(const char *name, const char *only)
{
	return !only || !strcmp(name, only);
}

int main(int argc, char **argv)
{
	const char *only_flow = NULL, *only_kind = NULL;
	unsigned int nth = 0;
	bool any = false;
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
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	host_prepare();
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("a mount namespace");
	first_ns = netns_open();
	netns_new();
	own_ns = netns_open();
	module_first();
	mkdir(ROOT, 0755);
	server_start(&server);

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (!wanted(kinds[k].name, only_kind) ||
		    !kind_is_there(&kinds[k]))
			continue;
		any = true;
		if (kinds[k].debug)
			debug_setup(&kinds[k]);
		for (f = 0; f < ARRAY_SIZE(flows); f++)
			if (wanted(flows[f].name, only_flow) &&
			    suits(&flows[f], &kinds[k]) &&
			    affordable(&flows[f], only_flow))
				torture(&flows[f], &kinds[k], nth);
		if (wanted("make", only_flow) && !kinds[k].raises)
			sweep("make", &kinds[k], make_and_store);
		if (wanted("load", only_flow) && !kinds[k].raises)
			sweep("load", &kinds[k], load);
	}
	verdict(any, "there is something that can be made to fail");
	verdict(!module_unload(), "the module can be unloaded");
	return verdicts();
}
