// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs at each point of the dialogue, and what may happen to them there:
 *
 *	matrix [--rounds N] [--seed N] [--point NAME] [--action NAME]
 *
 * A round is a job at each of the points, side by side, and one action for all
 * of them after a time that chance decides. What it decided is told by the seed
 * alone: round N of seed S is round 0 of seed S + N. KFTP_SLOW is how much slower
 * than usual the machine is.
 *
 * It is its own /sbin/request-key's helper, too: matrix --upcall.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "job.h"
#include "kftp.h"
#include "server.h"
#include "tap.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define KIB		1024UL
#define SELF		"/kftp/build/stress/matrix"
#define MODULE		"/kftp/module/kftp.ko"
#define MAX_ACTIVE	"/sys/module/kftp/parameters/max_active"
#define TMPFS		"/tmp/kftp-matrix"
#define LAZY		"/tmp/kftp-matrix-lazy"
#define DISK		"/scratch/kftp-matrix"
#define SOURCE		TMPFS "/source"
#define LARGE_SOURCE	TMPFS "/large-source"
#define UPCALLS		"/run/kftp-matrix"
#define UPCALLS_CONF	"/etc/request-key.d/kftp-matrix.conf"
#define OLD_SIZE	777UL
#define SMALL		20000UL
#define LARGE		(3072 * KIB)
#define FILE_MAX	(4096 * KIB)
#define BASE_SIZE	500UL
#define BADS_MAX	20

/* Points of the dialogue */

#define OVER		EOD, SAY("226 that was all")
#define BEGIN		CONNECT, SAY("150 here it comes")
#define ATTRS(...)	(const char *const []){ __VA_ARGS__, NULL }
#define PUT		"direction", "put"

struct point {
	const char *name;
	const struct server_verb *verbs;
	const char *const *attrs;	/* names and values */
	size_t size;			/* if it is not SMALL */
	const char *phase;		/* where it is, if no HOLD tells */
	bool deaf, v6, disk;		/* where it goes to, and comes from */
	bool put, half;			/* the server has half of it already */
	bool queued;			/* and will not be run */
	bool name_only;			/* is what it knows of the server */
	bool stays;			/* whatever the server does */
	bool may_end;			/* before anybody acts */
	bool told;			/* that the server has all of it */
	bool done;			/* all that is left is the farewell */
	bool race;			/* the server goes on as we act */
	bool keeps;			/* what has come, for another run */
};

static const struct point points[] = {
	{ "resolving", .phase = "resolve", .name_only = true, .stays = true },
	{ "connecting", .deaf = true, .phase = "connect", .stays = true },
	{ "before the greeting",
	  .verbs = VERBS(ON("greeting", HOLD, SAY("220 at last"))) },
	{ "in the greeting's line",
	  .verbs = VERBS(ON("greeting", PUSH("220 wel"), HOLD, SAY("come"))) },
	{ "between lines",
	  .verbs = VERBS(ON("greeting", SAY("220-one"), HOLD, SAY("220 two"))) },
	{ "USER", .verbs = VERBS(ON("USER", HOLD, SAY("331 and?"))) },
	{ "PASS", .verbs = VERBS(ON("PASS", HOLD, SAY("230 in"))) },
	{ "TYPE", .verbs = VERBS(ON("TYPE", HOLD, SAY("200 binary"))) },
	{ "SIZE", .verbs = VERBS(ON("SIZE", HOLD, SAY("213 %size"))) },
	{ "MDTM", .verbs = VERBS(ON("MDTM", HOLD, SAY("213 20200102030405"))) },
	{ "PORT", .verbs = VERBS(ON("PORT", HOLD, SAY("200 there"))) },
	{ "EPRT", .verbs = VERBS(ON("EPRT", HOLD, SAY("200 there"))), .v6 = true },
	{ "before 150", .verbs = VERBS(ON("RETR", HOLD, BEGIN, SEND(ALL), OVER)) },
	{ "before the connection",
	  .verbs = VERBS(ON("RETR", SAY("150 soon"), HOLD, CONNECT, SEND(ALL), OVER)) },
	{ "connected, before 150",
	  .verbs = VERBS(ON("RETR", CONNECT, HOLD, SAY("150 now"), SEND(ALL), OVER)) },
	{ "after a stranger",
	  .verbs = VERBS(ON("RETR", STRANGER("127.0.0.2"), SAY("150 soon"), HOLD,
		   CONNECT, SEND(ALL), OVER)) },
	{ "no data yet", .verbs = VERBS(ON("RETR", BEGIN, HOLD, SEND(ALL), OVER)) },
	{ "data flow", .verbs = VERBS(ON("RETR", BEGIN, SEND_SLOWLY(ALL, 1000), OVER)),
	  .size = 2048 * KIB, .phase = "transfer", .may_end = true },
	{ "data stalled",
	  .verbs = VERBS(ON("RETR", BEGIN, SEND(50000), HOLD, SEND(ALL), OVER)),
	  .size = 100000, .v6 = true },
	{ "direct I/O, data flow",
	  .verbs = VERBS(ON("RETR", BEGIN, SEND_SLOWLY(ALL, 2000), OVER)),
	  .attrs = ATTRS("cache", "bypass"), .size = 1800 * KIB + 77,
	  .phase = "transfer", .disk = true, .may_end = true },
	{ "direct I/O, data stalled",
	  .verbs = VERBS(ON("RETR", BEGIN, SEND(1200 * KIB), HOLD, SEND(ALL), OVER)),
	  .attrs = ATTRS("cache", "bypass"), .size = 1800 * KIB, .disk = true },
	{ "limited rate", .verbs = VERBS(ON("RETR", BEGIN, SEND(ALL), OVER)),
	  .attrs = ATTRS("rate_limit", "2000"), .size = 100000, .phase = "transfer",
	  .stays = true },
	{ "resumed", .verbs = VERBS(ON("RETR", BEGIN, SEND(30000), HOLD, SEND(ALL), OVER)),
	  .attrs = ATTRS("resume", "1"), .size = 250000, .disk = true,
	  .keeps = true },
	{ "data ended",
	  .verbs = VERBS(ON("RETR", BEGIN, SEND(ALL), EOD, HOLD, SAY("226 all"))) },
	{ "as 226 comes",
	  .verbs = VERBS(ON("RETR", BEGIN, SEND(ALL), EOD, HOLD, SAY("226 all"))),
	  .may_end = true, .race = true },
	{ "as 226 comes, on a disk",
	  .verbs = VERBS(ON("RETR", BEGIN, SEND(ALL), EOD, HOLD, SAY("226 all"))),
	  .attrs = ATTRS("sha256", "compute"), .disk = true, .may_end = true,
	  .race = true },
	{ "QUIT", .verbs = VERBS(ON("QUIT", HOLD, SAY("221 bye"), HANG_UP)),
	  .may_end = true, .done = true },
	{ "put, before 150",
	  .verbs = VERBS(ON("STOR", HOLD, BEGIN, RECEIVE(ALL), OVER)),
	  .attrs = ATTRS(PUT), .put = true },
	{ "put, data flow",
	  .verbs = VERBS(ON("STOR", BEGIN, RECEIVE_SLOWLY(ALL, 1000), OVER)),
	  .attrs = ATTRS(PUT), .put = true, .size = LARGE, .phase = "transfer",
	  .may_end = true },
	{ "put, no window",
	  .verbs = VERBS(ON("STOR", BEGIN, HOLD, RECEIVE(ALL), OVER)),
	  .attrs = ATTRS(PUT), .put = true, .size = LARGE },
	{ "put, before 226",
	  .verbs = VERBS(ON("STOR", BEGIN, RECEIVE(ALL), EOD, HOLD, SAY("226 all"))),
	  .attrs = ATTRS(PUT), .put = true },
	{ "put, SIZE afterwards", .verbs = VERBS(ON("SIZE", HOLD, SAY("213 %size"))),
	  .attrs = ATTRS(PUT), .put = true, .told = true },
	{ "put, compared", .verbs = VERBS(ON("RETR", BEGIN, HOLD, SEND(ALL), OVER)),
	  .attrs = ATTRS(PUT, "resume", "1"), .put = true, .half = true },
	{ "append", .verbs = VERBS(ON("APPE", BEGIN, RECEIVE(9999), HOLD, RECEIVE(ALL),
			     OVER)),
	  .attrs = ATTRS("direction", "append"), .put = true },
	{ "waiting for a retry", .verbs = VERBS(ON("TYPE", SAY("421 not now"))),
	  .attrs = ATTRS("retries", "9", "retry_delay_sec", "60"),
	  .phase = "retry", .stays = true },
	{ "as an attempt fails", .verbs = VERBS(ON("TYPE", HOLD, SAY("421 no"))),
	  .attrs = ATTRS("retries", "9", "retry_delay_sec", "60"),
	  .race = true, .stays = true },
	{ "anywhere",
	  .verbs = VERBS(ON("greeting", NAP(-3000), SAY("220 ready")),
		ON("USER", NAP(-3000), SAY("331 and?")),
		ON("PASS", NAP(-3000), SAY("230 in")),
		ON("TYPE", NAP(-3000), SAY("200 binary")),
		ON("SIZE", NAP(-3000), SAY("213 %size")),
		ON("RETR", CONNECT, NAP(-3000), SAY("150 now"),
		   SEND_SLOWLY(ALL, -3000), EOD, NAP(-3000), SAY("226 all")),
		ON("QUIT", NAP(-3000), SAY("221 bye"), HANG_UP)),
	  .may_end = true },
	/* last, as those that come later are so, too */
	{ "queued", .verbs = VERBS(ON("greeting", HOLD, SAY("220 now"))),
	  .queued = true, .stays = true },
};

/* What may happen to all jobs of a round */

enum action {
	CANCEL, RMDIR, RMMOD, NETNS, EXIT, UNMOUNT, HAMMER, AGAIN, ACTIONS
};

static const char *const actions[ACTIONS] = {
	"cancel", "rmdir", "rmmod", "netns", "exit", "unmount", "hammer",
	"again"
};

/* The round */

struct subject {
	const struct point *point;
	char job[16];
	char dir[64];		/* of what is local */
	char local[80];
	char part[96];
	bool made;
	bool takes_part;
	bool at_point;		/* when it was acted upon */
	bool cut;		/* its server was stopped */
	bool removed;		/* its directory was, by somebody else */
	bool went_on;		/* its server did */
	int dir_fd;		/* where it was unmounted */
	double acted;
	struct server home, away;
	struct server *server;	/* one of them */
	char host[40];
	unsigned short port;	/* what the job was told */
};

static struct subject subjects[ARRAY_SIZE(points)];
static char *new, *old, *source;
static int first_ns, own_ns, round_ns, upcalls = -1;
static unsigned int rng;
static unsigned long round_seed;
static enum action action;
static unsigned int bads, upcall_names;

static struct {
	unsigned int rounds, jobs, at_point, bads;
	double slowest;
	const char *slowest_at;
	char first_bad[160];
} tally[ACTIONS];

static struct {
	unsigned int jobs, at_point, done;
} reached[ARRAY_SIZE(points)];

#define for_each(s)							\
	for (s = subjects; s < subjects + ARRAY_SIZE(subjects); s++)	\
		if (s->takes_part)

static unsigned int chance(unsigned int n)
{
	return rand_r(&rng) / 7 % n;
}

static bool bad(const struct subject *s, const char *what)
{
	char status[16], phase[16], error[32];

	bads++;
	if (!tally[action].bads++)
		snprintf(tally[action].first_bad, sizeof(tally[action].first_bad),
			 "; seed %lu, %s: %s", round_seed,
			 s ? s->point->name : "the whole", what);
	return because("seed %lu, %s, %s: %s (%s, %s, %s)", round_seed,
		       actions[action], s ? s->point->name : "the whole", what,
		       s ? job_state(s->job, "status", status, 16) : "",
		       s ? job_state(s->job, "phase", phase, 16) : "",
		       s ? job_state(s->job, "error", error, 32) : "");
}

static size_t size_of(const struct point *point)
{
	return point->size ?: SMALL;
}

static const char *source_of(const struct point *point)
{
	return size_of(point) == LARGE ? LARGE_SOURCE : SOURCE;
}

static void prepare_server(const struct point *point, struct server *server)
{
	server->family = point->v6 ? AF_INET6 : AF_INET;
	server->verbs = point->verbs;
	server->deaf = point->deaf;
	server->size = size_of(point);
	server->file = new;
	if (point->put) {
		server->file = malloc(FILE_MAX);
		server->room = FILE_MAX;
	}
}

/* What the server has before the round */
static void refill(struct subject *s)
{
	struct server *server = s->server;

	if (!s->point->put)
		return;
	pthread_mutex_lock(&server->lock);
	server->size = s->point->half ? SMALL / 2 : BASE_SIZE;
	memcpy(server->file, s->point->half ? source : old, server->size);
	pthread_mutex_unlock(&server->lock);
}

static bool server_has_it(struct subject *s)
{
	struct server *server = s->server;
	size_t base = strcmp(s->point->attrs[1], "append") ? 0 : BASE_SIZE;
	size_t sent = size_of(s->point), size;
	bool right;

	pthread_mutex_lock(&server->lock);
	size = server->size;
	/* what was cut off before is not taken back */
	if (base && action == AGAIN && size >= base + sent)
		base = size - sent;
	right = size == base + sent &&
		!memcmp(server->file, old,
			base < BASE_SIZE ? base : BASE_SIZE) &&
		!memcmp(server->file + base, source, sent);
	pthread_mutex_unlock(&server->lock);
	return right;
}

static void set_place(struct subject *s, const char *top)
{
	const struct point *point = s->point;

	snprintf(s->dir, sizeof(s->dir), "%s/%s", top, s->job);
	snprintf(s->local, sizeof(s->local), "%s/file", s->dir);
	snprintf(s->part, sizeof(s->part), "%s/" KFTP_PART_PREFIX "file"
		 KFTP_PART_SUFFIX, s->dir);
	if (mkdir(s->dir, 0755) && errno != EEXIST)
		die(s->dir);
	if (!point->put && !file_holds(s->local, old, OLD_SIZE))
		file_fill(s->local, old, OLD_SIZE);
	if (s->made)
		job_must_store(s->job, point->put ? "src" : "dst",
			       point->put ? source_of(point) : s->local);
}

static void make(struct subject *s)
{
	const struct point *point = s->point;
	const char *const *attr;

	errno = -job_make(s->job);
	if (errno)
		die(s->job);
	s->made = true;
	s->port = 0;
	job_must_store(s->job, "host", point->v6 ? "::1" : "127.0.0.1");
	job_must_store(s->job, "pass", "matrix");
	job_must_store(s->job, "src", point->put ? source_of(point) : "there");
	job_must_store(s->job, "dst", point->put ? "there" : s->local);
	job_must_store_number(s->job, "timeout_sec", 60 * slow);
	for (attr = point->attrs; attr && *attr; attr += 2)
		job_must_store(s->job, attr[0], attr[1]);
}

/* The calling thread's are the same as before, but nobody else's */
static void new_credentials(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) ||
	    syscall(SYS_capset, &header, data))
		die("credentials");
}

/*
 * In the network namespace where it is to run, for who has to know; with
 * credentials of its own, lest those that are lost be the same ones each time.
 */
static int start(struct subject *s)
{
	int err;

	new_credentials();
	if (s->point->queued)
		must_write(MAX_ACTIVE, "1");
	if (!s->point->name_only)
		return job_start(s->job);
	if (setns(first_ns, CLONE_NEWNET))
		die("the first namespace");
	err = job_start(s->job);
	if (setns(round_ns, CLONE_NEWNET))
		die("the round's namespace");
	return err;
}

static void must_start(struct subject *s)
{
	int err = start(s);

	if (err) {
		bad(s, strerrorname_np(-err));
		s->takes_part = false;
	}
}

/* Who started them all is somebody else, and ends later */
static pid_t start_by_child(void)
{
	struct subject *s;
	int started[2];
	char failed = 0;
	pid_t child;

	if (pipe2(started, O_CLOEXEC))
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		if (unshare(CLONE_NEWNS))
			failed = 1;
		for_each(s)
			if (start(s))
				failed = 1;
		if (write(started[1], &failed, 1) == 1)
			pause();
		_exit(1);
	}
	close(started[1]);
	if (read(started[0], &failed, 1) != 1 || failed)
		bad(NULL, "a child cannot start the jobs");
	close(started[0]);
	return child;
}

static bool at_point(struct subject *s)
{
	char text[16];
	bool held;

	if (s->point->queued)
		return job_is(s->job, "queued");
	if (s->point->phase)
		return !strcmp(job_state(s->job, "phase", text, sizeof(text)),
			       s->point->phase);
	pthread_mutex_lock(&s->server->lock);
	held = s->server->held;
	pthread_mutex_unlock(&s->server->lock);
	return held;
}

static void wait_for_points(void)
{
	double limit = now() + 5 * slow;
	struct subject *s;

	for_each(s) {
		if (!s->point->phase && !s->point->queued && !s->point->may_end)
			server_wait_held(s->server, limit);
		while (!at_point(s) && !s->point->may_end && now() < limit)
			nap(500);
		if (!at_point(s) && !s->point->may_end)
			bad(s, "it does not come to its point");
	}
}

/* What a file of the job's is told while the job lives, and read of it */
static bool hammering;

static void *hammer(void *unused)
{
	static const char *const states[] = {
		"status", "phase", "bytes", "size", "error", "reply_code",
		"reply", "peer", "run", "elapsed_ms"
	};
	static const char *const stores[][2] = {
		{ "pass", "matrix" }, { "user", "anonymous" }, { "deadline_sec", "0" },
		{ "max_size", "0" }, { "port_min", "0" },
	};
	struct subject *s;
	char text[512];
	size_t i;
	int err;

	(void)unused;
	while (__atomic_load_n(&hammering, __ATOMIC_RELAXED)) {
		for_each(s) {
			for (i = 0; i < ARRAY_SIZE(stores); i++) {
				err = job_store(s->job, stores[i][0],
						stores[i][1]);
				if (err && err != -EBUSY)
					bad(s, strerrorname_np(-err));
			}
			err = job_store(s->job, s->point->put ? "dst" : "src",
					"there");
			if (err && err != -EBUSY)
				bad(s, strerrorname_np(-err));
			for (i = 0; i < ARRAY_SIZE(states); i++)
				job_state(s->job, states[i], text,
					  sizeof(text));
		}
	}
	return NULL;
}

static void remove_rest(void)
{
	struct subject *s;

	for (s = subjects; s < subjects + ARRAY_SIZE(subjects); s++) {
		if (s->made && job_remove(s->job))
			bad(s, "it cannot be removed");
		s->made = false;
	}
}

static void begin(void)
{
	const char *top = action == UNMOUNT ? LAZY : TMPFS;
	struct subject *s;
	char host[40];

	must_write(MAX_ACTIVE, "64");
	if (upcalls >= 0 && flock(upcalls, LOCK_EX))
		die(UPCALLS);
	if (action == UNMOUNT &&
	    mount("kftp-matrix", LAZY, "tmpfs", 0, "size=64m"))
		die(LAZY);
	round_ns = own_ns;
	if (action == NETNS) {
		netns_new();
		round_ns = netns_open();
	}
	/* jobs that are not asked for would keep the module */
	if (action == RMMOD)
		remove_rest();
	for_each(s) {
		s->went_on = false;
		s->cut = false;
		s->removed = false;
		s->at_point = false;
		s->dir_fd = -1;
		s->server = &s->home;
		if (action == NETNS && !s->point->name_only) {
			s->server = &s->away;
			server_start(s->server);
		}
		server_hold(s->server);
		refill(s);
		set_place(s, s->point->disk ? DISK : top);
		if (!s->made)
			make(s);
		if (s->port != s->server->port) {
			s->port = s->server->port;
			job_must_store_number(s->job, "port", s->port);
		}
		if (s->point->name_only) {
			snprintf(host, sizeof(host), "r%u-%u.kftp-matrix.test",
				 getpid(), upcall_names++);
			job_must_store(s->job, "host", host);
		}
	}
}

/* Returns false if it is not over in time */
static bool wait_over(struct subject *s, double since)
{
	bool over = job_is_over(s->job);
	double took = 0;

	/* of those that were over before we came to look nobody knows */
	if (!over) {
		over = job_wait(s->job, since + slow);
		took = now() - since;
	}
	if (over && took > tally[action].slowest) {
		tally[action].slowest = took;
		tally[action].slowest_at = s->point->name;
	}
	if (over)
		return true;
	bad(s, "it is not over after a second");
	server_go(s->server);
	job_cancel(s->job);
	if (!job_wait(s->job, now() + 30 * slow)) {
		errno = EDEADLK;
		die("a job that does not end at all");
	}
	return false;
}

static void cancel(struct subject *s)
{
	int err;

	s->acted = now();
	err = job_cancel(s->job);
	if (err)
		bad(s, "it cannot be cancelled");
}

/* Nobody has to end them now: some end well, others are cancelled */
static void let_end(void)
{
	struct subject *s;

	for_each(s) {
		s->went_on = !s->cut && !s->point->stays && chance(2);
		if (s->went_on)
			server_go(s->server);
		else
			cancel(s);
		if (!chance(4))
			nap(chance(2000));
	}
	for_each(s) {
		if (s->went_on)
			job_wait(s->job, now() + 20 * slow);
		wait_over(s, s->went_on ? now() : s->acted);
	}
}

static bool is_local_new(const struct subject *s)
{
	char path[64];

	if (s->dir_fd < 0)
		return file_holds(s->local, new, size_of(s->point));
	snprintf(path, sizeof(path), "/proc/self/fd/%d/file", s->dir_fd);
	return file_holds(path, new, size_of(s->point));
}

static bool is_local_old(const struct subject *s)
{
	char path[64];

	if (s->dir_fd < 0)
		return file_holds(s->local, old, OLD_SIZE);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/file", s->dir_fd);
	return file_holds(path, old, OLD_SIZE);
}

static bool has_part(const struct subject *s)
{
	char path[96];

	if (s->dir_fd < 0)
		return !access(s->part, F_OK);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/" KFTP_PART_PREFIX "file"
		 KFTP_PART_SUFFIX, s->dir_fd);
	return !access(path, F_OK);
}

static bool may_fail(const struct subject *s, int error)
{
	switch (error) {
	case ECONNRESET:
	case ECONNREFUSED:
	case EPIPE:
		return s->cut;
	case ENOENT:
	case ESTALE:
		return s->removed;
	default:
		return false;
	}
}

/* Perhaps its first run got to its end */
static bool was_done_before(const struct subject *s)
{
	return action == AGAIN && s->point->may_end;
}

/* What it came to, as the job itself says */
static void check_outcome(struct subject *s)
{
	bool done = job_is(s->job, "done");
	int error = job_error(s->job);

	reached[s->point - points].done += done;
	if (done && error)
		bad(s, "done, and yet an error");
	else if (done && !s->went_on && !s->point->may_end &&
		 !(s->point->told && s->cut))
		bad(s, "it cannot be done");
	else if (!done && s->went_on && !s->removed)
		bad(s, "it should have ended well");
	else if (!done && s->point->done && s->at_point && action != AGAIN)
		bad(s, "the file was there, and yet it is not done");
	else if (!done && !(job_is(s->job, "cancelled") ?
			    error == ECANCELED : may_fail(s, error)))
		bad(s, "a wrong end");
	if (s->point->put) {
		if (done && !server_has_it(s))
			bad(s, "the server has not got what was sent");
	} else if (s->removed) {
		if (done && !s->point->may_end)
			bad(s, "done, into a directory that was removed");
	} else if (done ? !is_local_new(s) :
		   !is_local_old(s) && !(was_done_before(s) &&
					 is_local_new(s))) {
		bad(s, "the file is not what it should be");
	}
	if (!s->point->keeps && has_part(s))
		bad(s, "it is over, and its temporary file still there");
}

/* What can be seen of a job that is gone */
static void check_gone(struct subject *s)
{
	double limit = s->acted + slow;

	/* whatever else took its time since */
	if (limit < now() + slow / 5.0)
		limit = now() + slow / 5.0;
	while (has_part(s) && !s->point->keeps && now() < limit)
		nap(500);
	if (has_part(s) && !s->point->keeps)
		bad(s, "its temporary file is there after a second");
	if (!s->point->put && !is_local_old(s) &&
	    !(s->point->may_end && is_local_new(s)))
		bad(s, "the file is neither the old nor the new one");
	if (!server_wait_idle(s->server, limit))
		bad(s, "its connection is there after a second");
}

static void remove_all(void)
{
	struct subject *s;
	int err;

	for_each(s) {
		s->acted = now();
		err = job_remove(s->job);
		if (err)
			bad(s, "it cannot be removed");
		s->made = false;
		if (now() - s->acted > slow)
			bad(s, "its removal takes more than a second");
		if (s->point->race)
			server_go(s->server);
		if (!chance(4))
			nap(chance(1000));
	}
}

static void release_upcalls(void)
{
	if (upcalls >= 0)
		flock(upcalls, LOCK_UN);
}

/* Who waits in the kernel for the module to go gets no signal: another does */
static void unload_hangs(int signo)
{
	static const char text[] = "Bail out! the unloading does not end\n";

	(void)signo;
	_exit(write(STDOUT_FILENO, text, sizeof(text) - 1) > 0 ? 2 : 3);
}

static void reload(void)
{
	double limit;
	int err;

	release_upcalls();
	alarm(10 * slow);
	limit = now() + 2 * slow;
	while ((err = module_unload()) && now() < limit)
		sched_yield();
	alarm(0);
	if (err) {
		bad(NULL, strerrorname_np(-err));
		die("the module cannot be unloaded");
	}
	if (now() > limit)
		bad(NULL, "unloading takes more than two seconds");
	errno = -module_load(MODULE, "");
	if (errno)
		die(MODULE);
}

/* The destination goes, with some of the directories in it before that */
static void unmount(void)
{
	struct subject *s;

	for_each(s) {
		if (s->point->disk || s->point->put)
			continue;
		s->dir_fd = open(s->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (s->dir_fd < 0)
			die(s->dir);
		if (chance(2))
			continue;
		s->removed = true;
		unlink(s->local);
		unlink(s->part);
		rmdir(s->dir);
	}
	if (umount2(LAZY, MNT_DETACH))
		die(LAZY);
}

static void leave_netns(void)
{
	bool cut = chance(2);
	struct subject *s;

	if (setns(own_ns, CLONE_NEWNET))
		die("our namespace");
	close(round_ns);
	if (!cut)
		return;
	for_each(s) {
		if (s->server != &s->away)
			continue;
		server_stop(s->server);
		s->cut = true;
	}
}

static void start_again(void)
{
	struct subject *s;
	double limit;
	int err;

	for_each(s) {
		cancel(s);
		limit = now() + slow;
		while ((err = start(s)) == -EBUSY && now() < limit)
			nap(200);
		if (err)
			bad(s, "it cannot be started again");
	}
	must_write(MAX_ACTIVE, "64");
	nap(chance(10000));
}

static void act(pid_t child)
{
	struct subject *s;

	for_each(s) {
		s->at_point = at_point(s);
		tally[action].jobs++;
		tally[action].at_point += s->at_point;
		reached[s->point - points].jobs++;
		reached[s->point - points].at_point += s->at_point;
	}
	switch (action) {
	case RMDIR:
	case RMMOD:
		remove_all();
		if (action == RMMOD)
			reload();
		for_each(s)
			check_gone(s);
		return;
	case NETNS:
		leave_netns();
		break;
	case EXIT:
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		break;
	case UNMOUNT:
		unmount();
		break;
	case AGAIN:
		start_again();
		break;
	default:
		break;
	}
	if (action == CANCEL || action == HAMMER) {
		for_each(s) {
			if (s->point->race && chance(2)) {
				server_go(s->server);
				nap(chance(3000));
			}
			cancel(s);
			if (s->point->race)
				server_go(s->server);
			if (!chance(4))
				nap(chance(1000));
		}
		for_each(s)
			wait_over(s, s->acted);
	} else {
		let_end();
	}
}

static void end(pthread_t hammerer)
{
	double limit = now() + slow;
	struct subject *s;
	bool is_running;

	if (action == HAMMER) {
		__atomic_store_n(&hammering, false, __ATOMIC_RELAXED);
		pthread_join(hammerer, NULL);
	}
	must_write(MAX_ACTIVE, "64");
	release_upcalls();
	for_each(s) {
		if (s->made) {
			is_running = !job_is_over(s->job);
			if (is_running)
				bad(s, "it runs, and it was over");
			check_outcome(s);
		}
		if (!s->cut && !server_wait_idle(s->server, limit))
			bad(s, "its connection is there after a second");
		if (s->server == &s->away && !s->cut)
			server_stop(s->server);
		if (s->dir_fd >= 0)
			close(s->dir_fd);
	}
}

/*
 * There are no more than before the round, soon. What goes in the meantime is what
 * others had left, and none of it comes back.
 */
static void check_account(enum account what, long *most, const char *name)
{
	double limit = now() + 2 * slow;
	char text[96];
	long is;

	while ((is = account(what)) > *most && now() < limit)
		nap(2000);
	if (is > *most) {
		snprintf(text, sizeof(text), "%s: %ld, and not %ld", name, is, *most);
		bad(NULL, text);
	}
	*most = is;
}

static void play(bool waits)
{
	pthread_t hammerer = 0;
	struct subject *s;
	pid_t child = 0;

	tally[action].rounds++;
	begin();
	if (action == HAMMER) {
		hammering = true;
		if (pthread_create(&hammerer, NULL, hammer, NULL))
			die("a thread");
	}
	if (action == EXIT)
		child = start_by_child();
	else
		for_each(s)
			must_start(s);
	if (waits)
		wait_for_points();
	nap(chance(waits ? 5000 : 30000));
	act(child);
	end(hammerer);
}

/* The resolver's upcall, which does not come back before it is told to */
static int upcall(void)
{
	int fd = open(UPCALLS, O_RDONLY | O_CLOEXEC);

	return fd < 0 || flock(fd, LOCK_SH);
}

static void prepare_upcalls(void)
{
	static const char conf[] =
		"create dns_resolver *.kftp-matrix.test * " SELF " --upcall %k\n";
	int fd;

	mkdir("/etc/request-key.d", 0755);
	fd = open(UPCALLS_CONF, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, conf, strlen(conf)) < 0)
		die(UPCALLS_CONF);
	close(fd);
	upcalls = open(UPCALLS, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (upcalls < 0)
		die(UPCALLS);
}

static void prepare(void)
{
	struct subject *s;
	struct timespec long_ago[2] = { { 1500000000, 0 }, { 1500000000, 0 } };
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, unload_hangs);
	host_prepare();
	if (access("/sys/module/kftp", F_OK)) {
		errno = -module_load(MODULE, "");
		if (errno)
			die(MODULE);
	}
	prepare_upcalls();
	first_ns = netns_open();
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("a mount namespace");
	netns_new();
	own_ns = netns_open();
	umask(022);
	mkdir(TMPFS, 0755);
	mkdir(LAZY, 0755);
	mkdir(DISK, 0755);
	if (mount("kftp-matrix", TMPFS, "tmpfs", 0, "size=64m"))
		die(TMPFS);
	new = malloc(FILE_MAX);
	old = malloc(FILE_MAX);
	source = malloc(LARGE);
	fill(new, FILE_MAX, 'n');
	fill(old, FILE_MAX, 'o');
	fill(source, LARGE, 's');
	file_fill(SOURCE, source, SMALL);
	file_fill(LARGE_SOURCE, source, LARGE);
	/* older than what the server has, which is to be gone on with */
	utimensat(AT_FDCWD, SOURCE, long_ago, 0);
	for (i = 0; i < ARRAY_SIZE(subjects); i++) {
		s = &subjects[i];
		s->point = &points[i];
		snprintf(s->job, sizeof(s->job), "matrix-%zu", i);
		prepare_server(s->point, &s->home);
		server_start(&s->home);
		s->away = s->home;
	}
}

static bool wanted(const char *name, const char *only)
{
	return !only || !strcmp(name, only);
}

static void report(void)
{
	size_t i;

	for (i = 0; i < ACTIONS; i++)
		if (tally[i].rounds)
			verdict(!tally[i].bads,
				"%s: %u rounds, %u jobs, %u at their point; the slowest ended after %.0f ms (%s)%s",
				actions[i], tally[i].rounds, tally[i].jobs,
				tally[i].at_point, 1000 * tally[i].slowest,
				tally[i].slowest_at ?: "none",
				tally[i].first_bad);
	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (reached[i].jobs)
			because("%s: %u of %u were there, %u were done",
				points[i].name, reached[i].at_point,
				reached[i].jobs, reached[i].done);
}

int main(int argc, char **argv)
{
	const char *only_point = NULL, *only_action = NULL;
	unsigned long seed = time(NULL) % 1000000;
	unsigned int rounds = 100, i;
	struct accounts before;
	double started = now();
	long references = 0, sockets = 0, namespaces = 0;
	struct subject *s;
	int arg;

	if (argc > 1 && !strcmp(argv[1], "--upcall"))
		return upcall();
	for (arg = 1; arg + 1 < argc; arg += 2) {
		if (!strcmp(argv[arg], "--rounds"))
			rounds = strtoul(argv[arg + 1], NULL, 10);
		else if (!strcmp(argv[arg], "--seed"))
			seed = strtoul(argv[arg + 1], NULL, 10);
		else if (!strcmp(argv[arg], "--point"))
			only_point = argv[arg + 1];
		else if (!strcmp(argv[arg], "--action"))
			only_action = argv[arg + 1];
		else
			break;
	}
	if (arg < argc) {
		errno = EINVAL;
		die(argv[arg]);
	}
	for (i = 0; i < ACTIONS && !wanted(actions[i], only_action); i++)
		;
	if (i == ACTIONS) {
		errno = EINVAL;
		die(only_action);
	}
	prepare();
	because("%u rounds, seed %lu", rounds, seed);

	/* a round of each kind first, for what is kept from then on */
	for (i = 0; i < rounds + ACTIONS && bads < BADS_MAX; i++) {
		round_seed = seed + i;
		action = round_seed % ACTIONS;
		while (!wanted(actions[action], only_action))
			action = (action + 1) % ACTIONS;
		if (i == ACTIONS) {
			remove_rest();
			nap(500000 * slow);
			references = account(REFERENCES);
			sockets = account(SOCKETS);
			namespaces = account(NAMESPACES);
			accounts_take(&before);
		}
		rng = round_seed;
		for (s = subjects; s < subjects + ARRAY_SIZE(subjects); s++)
			s->takes_part = wanted(s->point->name, only_point) &&
				(!s->point->name_only ||
				 round_seed / ACTIONS % 4 == 0);
		play(chance(4));
		if (i < ACTIONS)
			continue;
		check_account(SOCKETS, &sockets, "TCP sockets");
		if (action == RMMOD)
			check_account(REFERENCES, &references, "references");
		if (action == NETNS && namespaces >= 0)
			check_account(NAMESPACES, &namespaces, "namespaces");
	}
	remove_rest();
	report();
	accounts_check(&before, rounds);
	because("%u rounds in %.0f s", i, now() - started);
	unlink(UPCALLS_CONF);
	return verdicts();
}
