// SPDX-License-Identifier: GPL-2.0
/*
 * kftp-state: what the kernel says of kftp's jobs, and how one waits for them.
 * It is the part of kftp(8) that a shell cannot do, or not fast enough, and is
 * called by it alone; only kftp's own manual is a promise.
 *
 *	kftp-state table [JOB]...	columns, a line a job
 *	kftp-state detail JOB...	"file: value", a line a file
 *	kftp-state json [JOB]...	an array, an object a job
 *	kftp-state metrics		Prometheus' text format
 *	kftp-state watch [JOB]...	the table, again whenever it changes
 *	kftp-state wait [-q] JOB...	sleeps until all have ended
 *
 * Without a JOB it is about all there are, sorted by name; one that goes away
 * meanwhile is left out. A job that is named and not there is said on standard
 * error, and the others are shown.
 *
 * Columns are JOB STATUS PHASE BYTES SIZE % TIME ERROR. None is ever empty: what
 * there is not, or what is not known, is "-".
 *
 * An object has the key "job", and one a state file, by its name. What there is
 * not (error 0, size -1, an empty line) is null; a file that may not be read,
 * as reply by anybody but root, has no key.
 *
 * Metrics call a job "name": the label "job" belongs to Prometheus itself, which
 * would rename ours. Of jobs that were never started there are only the status
 * and the runs. That the module is not loaded is no error here: kftp_up is 0.
 *
 * watch, on a terminal, draws the table anew; elsewhere it prints a line a change
 * of status or phase, of the same columns, with the status "removed" for a job
 * that went. It ends when all jobs that were named have ended, or gone; if none
 * was named, when it is killed.
 *
 * wait shows how a single job comes on, on a terminal's standard error; else it
 * prints a line when a job's phase has changed, and every ten seconds. It looks
 * once a second then, so that a short job has no line. Whatever -q says, systemd
 * (NOTIFY_SOCKET) is told by STATUS=. A job that is started again while it is
 * waited for has ended before.
 *
 * Exit status: 0; 1 what should not happen; 2 wrong usage, or waiting for a job
 * that was never started; 3 a named job is not there, or went while it was waited
 * for; 4 the module is not loaded.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <kftp.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
/* As the kernel calls it, which has it in a header */
#define __printf(fmt, args) __attribute((format(printf, fmt, args)))

enum {
	EXIT_USAGE = 2,
	EXIT_NO_JOB = 3,
	EXIT_NO_MODULE = 4,
};

/* No sysfs file has more than a page; this is more than any of kftp's has */
#define FILE_MAX 4096

/* Milliseconds between looks, and between lines of one phase */
#define TICK_TERMINAL 200
#define TICK_PLAIN 1000
#define PLAIN_EVERY 10000
/* How often it is looked for new jobs */
#define TICK_SCAN 1000

/* Rates are of about the last so many milliseconds */
#define RATE_OVER 3000

#define BAR_MIN 8
#define BAR_MAX 50

/* What can be wanted of a job beside what its file "uevent" has */
enum { PHASE_FILE, SIZE_FILE, TIME_FILE, ATTEMPTS_FILE, RESUMED_FILE };

static const char * const wanted_files[] = {
	[PHASE_FILE] = "phase",
	[SIZE_FILE] = "size",
	[TIME_FILE] = "elapsed_ms",
	[ATTEMPTS_FILE] = "attempts",
	[RESUMED_FILE] = "resumed",
};

enum {
	WANT_TABLE = 1 << PHASE_FILE | 1 << SIZE_FILE | 1 << TIME_FILE,
	WANT_METRICS = 1 << SIZE_FILE | 1 << TIME_FILE | 1 << ATTEMPTS_FILE,
	WANT_ALL = (1 << ARRAY_SIZE(wanted_files)) - 1,
};

/**
 * struct rate - how fast bytes come of late
 * @bytes: bytes, and @ms the milliseconds that they took, which both count less
 *	   the longer they are ago
 * @ms: see @bytes
 * @last_bytes: how many had come at the last look
 * @last_ms: when that was
 * @attempts: in which attempt
 */
struct rate {
	double bytes;
	double ms;
	unsigned long long last_bytes;
	long long last_ms;
	unsigned long long attempts;
};

/**
 * struct job - a job, as it was when it was looked at
 * @name: its name; up to @size it is what the state files say
 * @dir: its directory, as the name may become another job's; or -1
 * @status_fd: its file "status", to be polled; or -1
 * @gone: it was removed
 * @ended: the run that is waited for has ended
 * @awaited: which run is waited for
 * @said: what the last line about it said
 * @said_ms: when that was
 * @rate: how fast its bytes come
 */
struct job {
	char name[KFTP_JOB_NAME_MAX + 1];
	char status[16];
	char phase[16];
	char error[24];
	unsigned long long bytes;
	unsigned long long run;
	unsigned long long attempts;
	unsigned long long resumed;
	unsigned long long elapsed_ms;
	long long size;
	int dir;
	int status_fd;
	bool gone;
	bool ended;
	unsigned long long awaited;
	char said[40];
	long long said_ms;
	struct rate rate;
};

struct jobs {
	struct job *job;
	size_t count;
	size_t room;
	struct pollfd *poll;
	long long looked_ms;
};

/* Text that is put together piece by piece; what is too much is cut off */
struct text {
	char s[512];
	size_t len;
};

enum kind { TEXT, NUMBER };

static const struct {
	const char *name;
	enum kind kind;
} files[] = {
	{ "status", TEXT },
	{ "phase", TEXT },
	{ "error", TEXT },
	{ "reply_code", NUMBER },
	{ "reply", TEXT },
	{ "bytes", NUMBER },
	{ "size", NUMBER },
	{ "resumed", NUMBER },
	{ "io", TEXT },
	{ "peer", TEXT },
	{ "sha256", TEXT },
	{ "run", NUMBER },
	{ "attempts", NUMBER },
	{ "elapsed_ms", NUMBER },
};

/* The class's directory */
static int class_dir = -1;

/* How many characters of a terminal's line are drawn, and not ended yet */
static atomic_int drawn;

static void __printf(1, 2) complain(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("kftp: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static noreturn void die_errno(const char *what)
{
	complain("%s: %s", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void *grow(void *array, size_t count, size_t size)
{
	array = reallocarray(array, count, size);
	if (!array)
		die_errno("memory");
	return array;
}

static void __printf(2, 3) add(struct text *text, const char *format, ...)
{
	size_t room = sizeof(text->s) - text->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text->s + text->len, room, format, args);
	va_end(args);
	if (len > 0)
		text->len += (size_t)len < room ? (size_t)len : room - 1;
}

static void copy(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);

	if (len > size - 1)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Reading */

static bool valid_name(const char *name)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(name);

	return len >= 1 && len <= KFTP_JOB_NAME_MAX && name[0] != '.' &&
	       strspn(name, allowed) == len;
}

/* Complains of the first name that can be no job's */
static bool valid_names(char **names)
{
	char *c;

	for (; *names; names++) {
		if (valid_name(*names))
			continue;
		for (c = *names; *c; c++)
			if (*c < ' ' || *c > '~')
				*c = '?';
		complain("no job can be called '%.100s'", *names);
		return false;
	}
	return true;
}

/*
 * Reads the one line of a file; its newline and what may come after it are left
 * off, but for the uevent file, where all lines are kept.
 *
 * Return: its length or a negative errno, which is ENODEV if the job has gone.
 */
static int read_file(int dir, const char *name, char *value, bool all)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t len;
	int err;

	if (fd < 0) {
		if (errno != ENOENT)
			return -errno;
		/* is it the file that is missing, or the job? */
		return faccessat(dir, "status", F_OK, 0) ? -ENODEV : -ENOENT;
	}
	len = read(fd, value, FILE_MAX - 1);
	err = errno;
	close(fd);
	if (len < 0)
		return -err;
	value[len] = '\0';
	if (!all)
		value[strcspn(value, "\n")] = '\0';
	return strlen(value);
}

static bool is_active(const struct job *job)
{
	return !job->gone && (!strcmp(job->status, "queued") ||
			      !strcmp(job->status, "running"));
}

static bool is_running(const struct job *job)
{
	return !job->gone && !strcmp(job->status, "running");
}

static void parse_uevent(struct job *job, char *lines)
{
	char *line, *value;

	for (line = strtok(lines, "\n"); line; line = strtok(NULL, "\n")) {
		value = strchr(line, '=');
		if (!value)
			continue;
		*value++ = '\0';
		if (!strcmp(line, KFTP_UEVENT_STATUS))
			copy(job->status, sizeof(job->status), value);
		else if (!strcmp(line, KFTP_UEVENT_ERROR))
			copy(job->error, sizeof(job->error), value);
		else if (!strcmp(line, KFTP_UEVENT_BYTES))
			job->bytes = strtoull(value, NULL, 10);
		else if (!strcmp(line, KFTP_UEVENT_RUN))
			job->run = strtoull(value, NULL, 10);
	}
}

/*
 * Reads what is wanted of a job. The uevent file has four values, of one moment.
 * They come first: what "resumed" says later includes no less than "bytes" did.
 */
static int job_read(struct job *job, unsigned int want)
{
	char value[FILE_MAX];
	size_t i;
	int err;

	err = read_file(job->dir, "uevent", value, true);
	if (err < 0)
		return err;
	parse_uevent(job, value);

	job->size = -1;
	copy(job->phase, sizeof(job->phase), "none");
	job->attempts = 0;
	job->resumed = 0;
	job->elapsed_ms = 0;
	/* of a job that was never started nothing else is to be known */
	if (!job->run)
		return 0;

	for (i = 0; i < ARRAY_SIZE(wanted_files); i++) {
		if (!(want & 1U << i))
			continue;
		err = read_file(job->dir, wanted_files[i], value, false);
		if (err < 0)
			return err;
		switch (i) {
		case PHASE_FILE:
			copy(job->phase, sizeof(job->phase), value);
			break;
		case SIZE_FILE:
			job->size = strtoll(value, NULL, 10);
			break;
		case TIME_FILE:
			job->elapsed_ms = strtoull(value, NULL, 10);
			break;
		case ATTEMPTS_FILE:
			job->attempts = strtoull(value, NULL, 10);
			break;
		case RESUMED_FILE:
			job->resumed = strtoull(value, NULL, 10);
			break;
		}
	}
	return 0;
}

static void job_close(struct job *job)
{
	if (job->dir >= 0)
		close(job->dir);
	if (job->status_fd >= 0)
		close(job->status_fd);
	job->dir = -1;
	job->status_fd = -1;
}

/* Looks at a job whose directory is open, and notes that it has gone */
static void job_look(struct job *job, unsigned int want)
{
	int err = job_read(job, want);

	if (err == -ENODEV) {
		job->gone = true;
		job_close(job);
	} else if (err) {
		errno = -err;
		die_errno(job->name);
	}
}

/* As job_look, of a job whose status is polled, which a look makes ready again */
static void job_look_polled(struct job *job, unsigned int want)
{
	char value[FILE_MAX];

	if (pread(job->status_fd, value, sizeof(value), 0) < 0 &&
	    errno != ENODEV)
		die_errno(job->name);
	job_look(job, want);
}

/* Whether there is a job of that name; it has a directory then */
static bool job_open(struct job *job, const char *name)
{
	*job = (struct job){ .dir = -1, .status_fd = -1 };
	copy(job->name, sizeof(job->name), name);
	job->dir = openat(class_dir, name,
			  O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (job->dir < 0 && errno != ENOENT && errno != ENODEV)
		die_errno(name);
	return job->dir >= 0;
}

static struct job *jobs_add(struct jobs *jobs)
{
	if (jobs->count == jobs->room) {
		jobs->room = jobs->room ? 2 * jobs->room : 16;
		jobs->job = grow(jobs->job, jobs->room, sizeof(*jobs->job));
		jobs->poll = grow(jobs->poll, jobs->room,
				  sizeof(*jobs->poll));
	}
	return &jobs->job[jobs->count++];
}

static bool open_class(void)
{
	class_dir = open(KFTP_SYSFS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (class_dir < 0 && errno != ENOENT)
		die_errno(KFTP_SYSFS_DIR);
	return class_dir >= 0;
}

static int compare_jobs(const void *a, const void *b)
{
	return strcmp(((const struct job *)a)->name,
		      ((const struct job *)b)->name);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char * const *)a, *(char * const *)b);
}

/* The names of all jobs, sorted, and NULL */
static char **all_names(void)
{
	size_t count = 0, room = 0;
	struct dirent *entry;
	char **names = NULL;
	DIR *dir;
	int fd;

	/* of its own, as reading moves on */
	fd = openat(class_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		die_errno(KFTP_SYSFS_DIR);
	for (;;) {
		if (count == room) {
			room = room ? 2 * room : 64;
			names = grow(names, room, sizeof(*names));
		}
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			break;
		if (!valid_name(entry->d_name))
			continue;
		names[count] = strdup(entry->d_name);
		if (!names[count++])
			die_errno("memory");
	}
	if (errno)
		die_errno(KFTP_SYSFS_DIR);
	closedir(dir);
	qsort(names, count, sizeof(*names), compare_names);
	names[count] = NULL;
	return names;
}

static void free_names(char **names)
{
	char **name;

	for (name = names; *name; name++)
		free(*name);
	free(names);
}

static int no_job(const char *name)
{
	complain("there is no job %s", name);
	return EXIT_NO_JOB;
}

/*
 * Looks at the jobs of these names, or at all.
 *
 * Return: 0, or EXIT_NO_JOB if one that was named is not there.
 */
static int jobs_read(struct jobs *jobs, char **named, unsigned int want)
{
	char **names = *named ? named : all_names();
	int status = EXIT_SUCCESS;
	struct job job;
	char **name;

	for (name = names; *name; name++) {
		if (job_open(&job, *name)) {
			job_look(&job, want);
			job_close(&job);
		}
		if (job.status[0] && !job.gone)
			*jobs_add(jobs) = job;
		else if (*named)
			status = no_job(*name);
	}
	if (!*named)
		free_names(names);
	return status;
}

/* Words for numbers */

static const char * const units[] = {
	"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB",
};

static unsigned int unit_of(unsigned long long bytes)
{
	unsigned int unit = 0;

	while (bytes >> (10 * unit) >= 1024)
		unit++;
	return unit;
}

/* With one decimal, rounded down, so that there is never 1024.0 of one unit */
static void in_units(char *to, size_t size, unsigned long long bytes,
		     unsigned int unit)
{
	unsigned long long tenths;

	if (!unit) {
		snprintf(to, size, "%llu", bytes);
		return;
	}
	tenths = (double)bytes / (1ULL << (10 * unit)) * 10;
	snprintf(to, size, "%llu.%llu", tenths / 10, tenths % 10);
}

static void add_size(struct text *text, unsigned long long bytes)
{
	unsigned int unit = unit_of(bytes);
	char number[24];

	in_units(number, sizeof(number), bytes, unit);
	add(text, "%s %s", number, units[unit]);
}

/* How many there are of how many, in one unit and always of the same length */
static void add_amount(struct text *text, const struct job *job, bool padded)
{
	char bytes[24], size[24];
	unsigned int unit;

	if (job->size < 0) {
		add_size(text, job->bytes);
		return;
	}
	unit = unit_of(job->size);
	in_units(bytes, sizeof(bytes), job->bytes, unit);
	in_units(size, sizeof(size), job->size, unit);
	add(text, "%*s of %s %s", padded ? (int)strlen(size) : 0, bytes, size,
	    units[unit]);
}

static void add_clock(struct text *text, unsigned long long seconds)
{
	if (seconds >= 3600)
		add(text, "%llu:%02llu:%02llu", seconds / 3600,
		    seconds / 60 % 60, seconds % 60);
	else
		add(text, "%llu:%02llu", seconds / 60, seconds % 60);
}

/* 100 only if it has all; of an unknown size, -1 */
static int percent(const struct job *job)
{
	int part;

	if (job->size < 0)
		return -1;
	if (job->bytes >= (unsigned long long)job->size)
		return 100;
	part = (double)job->bytes / job->size * 100;
	return part < 100 ? part : 99;
}

/* table */

enum { JOB, STATUS, PHASE, BYTES, SIZE, PERCENT, TIME, ERROR, COLUMNS };

static const struct {
	const char *title;
	bool right;
	int width;	/* where nothing else is known of what will come */
} columns[COLUMNS] = {
	[JOB] = { "JOB", false, 12 },
	[STATUS] = { "STATUS", false, 9 },
	[PHASE] = { "PHASE", false, 9 },
	[BYTES] = { "BYTES", true, 11 },
	[SIZE] = { "SIZE", true, 11 },
	[PERCENT] = { "%", true, 3 },
	[TIME] = { "TIME", true, 7 },
	[ERROR] = { "ERROR", false, 0 },
};

struct row {
	char cell[COLUMNS][KFTP_JOB_NAME_MAX + 1];
};

static void title_row(struct row *row)
{
	int i;

	for (i = 0; i < COLUMNS; i++)
		copy(row->cell[i], sizeof(row->cell[i]), columns[i].title);
}

static void job_row(struct row *row, const struct job *job)
{
	const size_t size = sizeof(row->cell[0]);
	struct text text = {};
	int i;

	for (i = 0; i < COLUMNS; i++)
		copy(row->cell[i], size, "-");
	copy(row->cell[JOB], size, job->name);
	copy(row->cell[STATUS], size, job->gone ? "removed" : job->status);
	if (!job->run)
		return;
	copy(row->cell[PHASE], size, job->phase);
	snprintf(row->cell[BYTES], size, "%llu", job->bytes);
	if (job->size >= 0) {
		snprintf(row->cell[SIZE], size, "%lld", job->size);
		snprintf(row->cell[PERCENT], size, "%d", percent(job));
	}
	if (job->elapsed_ms < 60000)
		add(&text, "%llu.%llus", job->elapsed_ms / 1000,
		    job->elapsed_ms / 100 % 10);
	else
		add_clock(&text, job->elapsed_ms / 1000);
	copy(row->cell[TIME], size, text.s);
	if (strcmp(job->error, "0"))
		copy(row->cell[ERROR], size, job->error);
}

/* Prints a row, of at most as many characters */
static void print_row(FILE *out, const struct row *row, const int *widths,
		      int most)
{
	struct text text = {};
	int i, width;

	for (i = 0; i < COLUMNS; i++) {
		width = columns[i].right ? widths[i] : -widths[i];
		add(&text, "%s%*s", i ? "  " : "", i == ERROR ? 0 : width,
		    row->cell[i]);
	}
	fprintf(out, "%.*s\n", most, text.s);
}

/*
 * Prints the table, of at most as many lines and columns. If there are more
 * jobs than lines, those that have something to do come first.
 */
static void print_table(FILE *out, const struct jobs *jobs, size_t lines,
			int most)
{
	const bool cut = jobs->count + 1 > lines;
	struct row *rows = grow(NULL, jobs->count + 1, sizeof(*rows));
	size_t i, room = cut ? lines - 2 : jobs->count;
	int widths[COLUMNS] = {};
	int column, len;

	title_row(&rows[0]);
	for (i = 0; i < jobs->count; i++)
		job_row(&rows[i + 1], &jobs->job[i]);
	for (i = 0; i <= jobs->count; i++) {
		for (column = 0; column < COLUMNS; column++) {
			len = strlen(rows[i].cell[column]);
			if (len > widths[column])
				widths[column] = len;
		}
	}

	print_row(out, &rows[0], widths, most);
	for (i = 0; i < jobs->count && room; i++) {
		if (cut && !is_active(&jobs->job[i]))
			continue;
		print_row(out, &rows[i + 1], widths, most);
		room--;
	}
	for (i = 0; cut && i < jobs->count && room; i++) {
		if (is_active(&jobs->job[i]))
			continue;
		print_row(out, &rows[i + 1], widths, most);
		room--;
	}
	if (cut)
		fprintf(out, "and %zu more\n", jobs->count - (lines - 2));
	free(rows);
}

static int table(char **named)
{
	struct jobs jobs = {};
	int status;

	status = jobs_read(&jobs, named, WANT_TABLE);
	/* if there is none of those that were named, there is nothing to show */
	if (jobs.count || !*named)
		print_table(stdout, &jobs, SIZE_MAX, INT_MAX);
	return status;
}

/* detail and json */

/* All state files of one job; those that may not be read are not there */
struct values {
	char text[ARRAY_SIZE(files)][FILE_MAX];
	bool there[ARRAY_SIZE(files)];
};

/* Whether a look at the job has said what is in the file */
static bool is_known(const struct job *job, const char *file, char *value)
{
	if (!strcmp(file, "status"))
		copy(value, FILE_MAX, job->status);
	else if (!strcmp(file, "error"))
		copy(value, FILE_MAX, job->error);
	else if (!strcmp(file, "bytes"))
		snprintf(value, FILE_MAX, "%llu", job->bytes);
	else if (!strcmp(file, "run"))
		snprintf(value, FILE_MAX, "%llu", job->run);
	else
		return false;
	return true;
}

/* Whether there is such a job */
static bool read_values(struct values *values, const char *name)
{
	size_t i = 0;
	struct job job;
	int len;

	if (!job_open(&job, name))
		return false;
	job_look(&job, 0);
	for (; !job.gone && i < ARRAY_SIZE(files); i++) {
		values->there[i] = true;
		if (is_known(&job, files[i].name, values->text[i]))
			continue;
		len = read_file(job.dir, files[i].name, values->text[i], false);
		if (len == -ENODEV)
			job.gone = true;
		values->there[i] = len >= 0;
	}
	job_close(&job);
	return !job.gone;
}

static int detail(char **named)
{
	static struct values values;
	int status = EXIT_SUCCESS;
	bool first = true;
	size_t i;

	for (; *named; named++) {
		if (!read_values(&values, *named)) {
			status = no_job(*named);
			continue;
		}
		printf("%sjob: %s\n", first ? "" : "\n", *named);
		first = false;
		for (i = 0; i < ARRAY_SIZE(files); i++) {
			if (!values.there[i])
				continue;
			printf("%s:%s%s\n", files[i].name,
			       values.text[i][0] ? " " : "", values.text[i]);
		}
	}
	return status;
}

static void print_string(const char *text)
{
	const unsigned char *c;

	putchar_unlocked('"');
	for (c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			printf("\\%c", *c);
		else if (*c < ' ' || *c > '~')
			printf("\\u%04x", *c);
		else
			putchar_unlocked(*c);
	}
	putchar_unlocked('"');
}

static bool is_number(const char *text)
{
	return *text && strlen(text) == strspn(text, "0123456789");
}

static void print_value(size_t i, const char *text)
{
	if (files[i].kind == NUMBER && is_number(text))
		printf("%s", text);
	else if (files[i].kind == NUMBER || !*text ||
		 (!strcmp(files[i].name, "error") && !strcmp(text, "0")))
		printf("null");
	else
		print_string(text);
}

static int json(char **named)
{
	char **names = *named ? named : all_names();
	static struct values values;
	int status = EXIT_SUCCESS;
	bool first = true;
	char **name;
	size_t i;

	putchar('[');
	for (name = names; *name; name++) {
		if (!read_values(&values, *name)) {
			if (*named)
				status = no_job(*name);
			continue;
		}
		printf("%s\n{\"job\":\"%s\"", first ? "" : ",", *name);
		first = false;
		for (i = 0; i < ARRAY_SIZE(files); i++) {
			if (!values.there[i])
				continue;
			printf(",\"%s\":", files[i].name);
			print_value(i, values.text[i]);
		}
		putchar('}');
	}
	printf("%s]\n", first ? "" : "\n");
	if (!*named)
		free_names(names);
	return status;
}

/* metrics */

static void metric(const char *name, const char *type, const char *help)
{
	printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static bool has_failed(const struct job *job)
{
	return !strcmp(job->status, "failed");
}

static void print_statuses(const struct jobs *jobs)
{
	static const char * const names[] = {
		"idle", "queued", "running", "done", "failed", "cancelled",
	};
	size_t i, k, count;

	metric("kftp_jobs", "gauge", "How many jobs there are, by status.");
	for (k = 0; k < ARRAY_SIZE(names); k++) {
		count = 0;
		for (i = 0; i < jobs->count; i++)
			count += !strcmp(jobs->job[i].status, names[k]);
		printf("kftp_jobs{status=\"%s\"} %zu\n", names[k], count);
	}
}

/* Of each error that there is, once */
static void print_failures(const struct jobs *jobs)
{
	const struct job *job = jobs->job;
	size_t i, k, count;

	metric("kftp_failures", "gauge",
	       "How many jobs failed the last time that they ran, by error.");
	for (i = 0; i < jobs->count; i++) {
		if (!has_failed(&job[i]))
			continue;
		count = 0;
		for (k = 0; k < jobs->count; k++) {
			if (!has_failed(&job[k]) ||
			    strcmp(job[k].error, job[i].error))
				continue;
			if (k < i)
				break;
			count++;
		}
		if (count)
			printf("kftp_failures{error=\"%s\"} %zu\n",
			       job[i].error, count);
	}
}

enum metric {
	JOB_STATUS, JOB_FAILED, JOB_BYTES, JOB_SIZE, JOB_DURATION, JOB_ATTEMPTS,
	JOB_RUNS, METRICS
};

static const struct {
	const char *name;
	const char *type;
	const char *help;
} job_metrics[METRICS] = {
	[JOB_STATUS] = { "kftp_job_status", "gauge",
		"1, with the job's status as a label." },
	[JOB_FAILED] = { "kftp_job_failed", "gauge",
		"1 if the job's last run failed, with the error as a label." },
	[JOB_BYTES] = { "kftp_job_bytes", "gauge",
		"How many bytes of the file there are." },
	[JOB_SIZE] = { "kftp_job_size_bytes", "gauge",
		"How many bytes the file has, if that is known." },
	[JOB_DURATION] = { "kftp_job_duration_seconds", "gauge",
		"How long the job's last run took, or has taken so far." },
	[JOB_ATTEMPTS] = { "kftp_job_attempts", "gauge",
		"How often the job's last run has tried." },
	[JOB_RUNS] = { "kftp_job_runs_total", "counter",
		"How often the job was started." },
};

/* The value, or an empty text if there is none */
static void add_value(struct text *text, enum metric which,
		      const struct job *job)
{
	if (which == JOB_STATUS || (which == JOB_FAILED && has_failed(job)))
		add(text, "1");
	else if (which == JOB_RUNS)
		add(text, "%llu", job->run);
	else if (!job->run)
		return;
	else if (which == JOB_BYTES)
		add(text, "%llu", job->bytes);
	else if (which == JOB_SIZE && job->size >= 0)
		add(text, "%lld", job->size);
	else if (which == JOB_DURATION)
		add(text, "%llu.%03llu", job->elapsed_ms / 1000,
		    job->elapsed_ms % 1000);
	else if (which == JOB_ATTEMPTS)
		add(text, "%llu", job->attempts);
}

/* Names and errors have nothing in them that would have to be escaped */
static void print_samples(const struct jobs *jobs, enum metric which)
{
	const struct job *job = jobs->job;
	struct text value;

	metric(job_metrics[which].name, job_metrics[which].type,
	       job_metrics[which].help);
	for (; job < jobs->job + jobs->count; job++) {
		value.len = 0;
		value.s[0] = '\0';
		add_value(&value, which, job);
		if (!value.len)
			continue;
		printf("%s{name=\"%s\"", job_metrics[which].name, job->name);
		if (which == JOB_STATUS)
			printf(",status=\"%s\"", job->status);
		if (which == JOB_FAILED)
			printf(",error=\"%s\"", job->error);
		printf("} %s\n", value.s);
	}
}

static int metrics(bool loaded)
{
	char *none = NULL;
	struct jobs jobs = {};
	enum metric which;

	metric("kftp_up", "gauge", "1 if the module kftp is loaded.");
	printf("kftp_up %d\n", loaded);
	if (!loaded)
		return EXIT_SUCCESS;

	jobs_read(&jobs, &none, WANT_METRICS);
	print_statuses(&jobs);
	print_failures(&jobs);
	for (which = 0; which < METRICS; which++)
		print_samples(&jobs, which);
	return EXIT_SUCCESS;
}

/* Waiting */

/* Each job that is waited for has two files open */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * Adds a job to be polled.
 *
 * Return: whether there is one of that name.
 */
static bool jobs_poll(struct jobs *jobs, const char *name, unsigned int want)
{
	struct job job;

	if (!job_open(&job, name))
		return false;
	job.status_fd = openat(job.dir, "status", O_RDONLY | O_CLOEXEC);
	if (job.status_fd < 0 && errno != ENOENT && errno != ENODEV)
		die_errno(name);
	if (job.status_fd >= 0)
		job_look_polled(&job, want);
	if (job.status_fd < 0) {
		job_close(&job);
		return false;
	}
	*jobs_add(jobs) = job;
	return true;
}

static int sooner(int a, long long b)
{
	if (b < 0)
		b = 0;
	return a < 0 || b < a ? b : a;
}

/*
 * Sleeps until a job's status has changed, or a signal was caught, or limit
 * milliseconds (-1: for ever) are over; if there is a tick, and a job runs, no
 * longer than until the next. Then looks at those jobs of which there may be
 * news: at a tick, all that run.
 */
static void jobs_sleep(struct jobs *jobs, int limit, int tick,
		       unsigned int want)
{
	long long now = now_ms();
	struct job *job;
	bool due;
	size_t i;

	for (i = 0; i < jobs->count; i++) {
		job = &jobs->job[i];
		jobs->poll[i] = (struct pollfd){
			/* those below 0 are not looked at */
			.fd = job->ended ? -1 : job->status_fd,
			.events = POLLPRI,
		};
		if (tick && !job->ended && is_running(job))
			limit = sooner(limit, jobs->looked_ms + tick - now);
	}
	if (poll(jobs->poll, jobs->count, limit) < 0) {
		if (errno != EINTR)
			die_errno("poll");
		for (i = 0; i < jobs->count; i++)
			jobs->poll[i].revents = 0;
	}

	now = now_ms();
	due = tick && now >= jobs->looked_ms + tick;
	for (i = 0; i < jobs->count; i++) {
		job = &jobs->job[i];
		if (jobs->poll[i].revents)
			job_look_polled(job, want);
		else if (due && !job->ended && is_running(job))
			job_look(job, want);
	}
	if (due)
		jobs->looked_ms = now;
}

/* How a job comes on */

static bool is_moving(const struct job *job)
{
	return is_running(job) && !strcmp(job->phase, "transfer");
}

/*
 * Notes how much has come. What was there before the first look at an attempt's
 * transfer says nothing of how fast it comes.
 */
static void rate_update(struct job *job)
{
	struct rate *rate = &job->rate;
	unsigned long long bytes = 0;
	long long now = now_ms();
	double ms, less;

	if (job->bytes > job->resumed)
		bytes = job->bytes - job->resumed;
	ms = now - rate->last_ms;
	if (!is_moving(job) || !rate->last_ms || bytes < rate->last_bytes ||
	    job->attempts != rate->attempts) {
		*rate = (struct rate){};
	} else {
		less = RATE_OVER / (RATE_OVER + ms);
		rate->bytes = rate->bytes * less + (bytes - rate->last_bytes);
		rate->ms = rate->ms * less + ms;
	}
	rate->last_bytes = bytes;
	rate->last_ms = is_moving(job) ? now : 0;
	rate->attempts = job->attempts;
}

/* Bytes a second, or -1 if that is not known yet */
static double rate_of(const struct job *job)
{
	return job->rate.ms ? job->rate.bytes * 1000 / job->rate.ms : -1;
}

/* Seconds, or -1 if that is not known, or is days */
static long long time_left(const struct job *job)
{
	double rate = rate_of(job), seconds;

	if (job->size < 0 || rate < 1)
		return -1;
	seconds = 0;
	if (job->bytes < (unsigned long long)job->size)
		seconds = (job->size - job->bytes) / rate;
	return seconds < 100 * 3600 ? (long long)seconds + 1 : -1;
}

static void add_rate(struct text *text, double rate)
{
	add_size(text, rate);
	add(text, "/s");
}

static void add_seconds(struct text *text, unsigned long long seconds)
{
	if (seconds < 60)
		add(text, "%llu s", seconds);
	else
		add_clock(text, seconds);
}

/* "transfer, 12% (1.2 of 10.0 MiB), 3.4 MiB/s, 5 s left" */
static void add_progress(struct text *text, const struct job *job)
{
	bool commit = !strcmp(job->phase, "commit");
	long long left = time_left(job);
	double rate = rate_of(job);

	if (!is_running(job)) {
		add(text, "%s", job->status);
		if (!strcmp(job->status, "failed"))
			add(text, ": %s in phase %s", job->error, job->phase);
		return;
	}
	add(text, "%s", job->phase);
	if (job->attempts > 1)
		add(text, ", attempt %llu", job->attempts);
	if (!is_moving(job) && !commit)
		return;
	if (job->size >= 0)
		add(text, ", %d%% (", percent(job));
	else
		add(text, ", ");
	add_amount(text, job, false);
	if (job->size >= 0)
		add(text, ")");
	if (rate >= 0) {
		add(text, ", ");
		add_rate(text, rate);
	}
	if (left >= 0) {
		add(text, ", ");
		add_seconds(text, left);
		add(text, " left");
	}
}

static int terminal_width(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

/* What of the line comes after the bar */
static void add_figures(struct text *text, const struct job *job, bool done)
{
	long long left = time_left(job);
	double rate = rate_of(job);
	struct text part = {};

	add_amount(text, job, true);
	if (done && job->elapsed_ms)
		rate = (double)(job->bytes > job->resumed ?
				job->bytes - job->resumed : 0) * 1000 /
		       job->elapsed_ms;
	if (rate >= 0)
		add_rate(&part, rate);
	add(text, "  %12s", part.s);

	part = (struct text){};
	if (done && job->elapsed_ms < 10000) {
		add(&part, "in %llu.%llu s", job->elapsed_ms / 1000,
		    job->elapsed_ms / 100 % 10);
	} else if (done) {
		add(&part, "in ");
		add_seconds(&part, job->elapsed_ms / 1000);
	} else if (!is_moving(job)) {
		add(&part, "%s", job->phase);
	} else if (left >= 0) {
		add_seconds(&part, left);
		add(&part, " left");
	}
	add(text, "  %-12s", part.s);
}

static void add_bar(struct text *line, int full, int length)
{
	int i;

	add(line, "[");
	for (i = 0; i < full; i++)
		add(line, "=");
	if (full < length)
		add(line, ">%*s", length - full - 1, "");
	add(line, "] ");
}

/* "name  12% [===>      ] 1.2 of 10.0 MiB  3.4 MiB/s  5 s left" */
static void progress_line(struct text *line, const struct job *job, int width)
{
	bool done = !strcmp(job->status, "done");
	struct text figures = {};
	int bar;

	/* a character in the last column may begin a new line */
	width--;
	add(line, "%.*s", width / 3, job->name);
	if (!done && !is_moving(job) && strcmp(job->phase, "commit")) {
		add(line, "  ");
		add_progress(line, job);
	} else {
		add_figures(&figures, job, done);
		if (job->size < 0) {
			add(line, "  ");
		} else {
			add(line, " %3d%% ", percent(job));
			bar = width - (int)(line->len + figures.len) - 3;
			if (bar > BAR_MAX)
				bar = BAR_MAX;
			if (bar >= BAR_MIN)
				add_bar(line, bar * percent(job) / 100, bar);
		}
		add(line, "%s", figures.s);
	}
	if (line->len > (size_t)width)
		line->len = width;
	while (line->len && line->s[line->len - 1] == ' ')
		line->len--;
	line->s[line->len] = '\0';
}

static void put(const struct text *text)
{
	/* a terminal that went is no reason not to wait */
	if (write(STDERR_FILENO, text->s, text->len) < 0)
		return;
}

/* Draws over the line that was there */
static void draw(const struct text *line)
{
	static struct text last;
	pid_t foreground = tcgetpgrp(STDERR_FILENO);
	struct text out = {};
	int rest = drawn - (int)line->len;

	/* a terminal belongs to whoever is in its foreground */
	if (foreground >= 0 && foreground != getpgrp())
		return;
	if (drawn && !strcmp(last.s, line->s))
		return;
	last = *line;
	add(&out, "\r%s", line->s);
	/* over what was longer, and back, as a ^C is echoed there */
	if (rest > 0)
		add(&out, "%*s", rest, "");
	for (; rest > 0; rest--)
		add(&out, "\b");
	put(&out);
	drawn = line->len;
}

/* Ends the line, or takes it away */
static void end_line(bool keep)
{
	struct text out = {};

	if (!drawn)
		return;
	if (keep)
		add(&out, "\n");
	else
		add(&out, "\r%*s\r", (int)drawn, "");
	put(&out);
	drawn = 0;
}

static void on_deadly_signal(int signal)
{
	/* what is drawn remains; the shell's prompt comes below */
	if (drawn && write(STDERR_FILENO, "\n", 1) < 0)
		drawn = 0;
	/* blocked until here is left, and then it is no longer caught */
	raise(signal);
}

static void on_resize(int signal)
{
	(void)signal;
}

/* So that it ends a poll(2), and all is drawn anew */
static void catch_resize(void)
{
	struct sigaction action = { .sa_handler = on_resize };

	sigaction(SIGWINCH, &action, NULL);
}

/*
 * A shell has some ignored in what it runs in the background, which is not meant
 * for us. nohup has another ignored, and means it.
 */
static void catch_signals(bool terminal)
{
	static const int deadly[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_flags = SA_RESETHAND };
	struct sigaction old;
	size_t i;

	action.sa_handler = terminal ? on_deadly_signal : SIG_DFL;
	for (i = 0; i < ARRAY_SIZE(deadly); i++) {
		sigaction(deadly[i], NULL, &old);
		if (deadly[i] != SIGHUP || old.sa_handler != SIG_IGN)
			sigaction(deadly[i], &action, NULL);
	}
	if (terminal)
		catch_resize();
}

/**
 * struct wait - waiting for jobs
 * @jobs: those jobs
 * @terminal: a line is drawn
 * @plain: lines are printed
 * @notify: systemd's socket, or -1
 * @to: its address
 * @to_len: that address' length
 * @told: what systemd was told last, and @told_phase the phase then
 * @told_ms: when that was
 * @looked_ms: when the last tick was that was shown
 * @said: lines were printed
 */
struct wait {
	struct jobs jobs;
	bool terminal;
	bool plain;
	int notify;
	struct sockaddr_un to;
	socklen_t to_len;
	struct text told;
	char told_phase[sizeof(((struct job *)NULL)->phase)];
	long long told_ms;
	long long looked_ms;
	bool said;
};

static void notify_open(struct wait *wait)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;

	wait->notify = -1;
	if (len < 2 || len >= sizeof(wait->to.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return;
	wait->to.sun_family = AF_UNIX;
	memcpy(wait->to.sun_path, path, len);
	/* one in no file system */
	if (path[0] == '@')
		wait->to.sun_path[0] = '\0';
	wait->to_len = offsetof(struct sockaddr_un, sun_path) + len;
	wait->notify = socket(AF_UNIX,
			      SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Tells systemd; a service manager that does not listen is no failure */
static void tell(struct wait *wait, size_t ended)
{
	const struct job *job = &wait->jobs.job[0];
	struct text text = {};
	const char *phase = "";

	if (wait->notify < 0)
		return;
	add(&text, "STATUS=");
	if (wait->jobs.count == 1) {
		phase = is_running(job) ? job->phase : job->status;
		add_progress(&text, job);
	} else {
		add(&text, "%zu of %zu jobs have ended", ended,
		    wait->jobs.count);
	}
	if (!strcmp(text.s, wait->told.s))
		return;
	if (wait->told_ms && now_ms() - wait->told_ms < TICK_PLAIN &&
	    !strcmp(phase, wait->told_phase))
		return;
	sendto(wait->notify, text.s, text.len, MSG_NOSIGNAL,
	       (struct sockaddr *)&wait->to, wait->to_len);
	wait->told = text;
	wait->told_ms = now_ms();
	copy(wait->told_phase, sizeof(wait->told_phase), phase);
}

/* Prints a line if it is time for one */
static void say(struct job *job)
{
	long long now = now_ms();
	struct text text = {};
	char state[sizeof(job->said)];

	snprintf(state, sizeof(state), "%s %s %llu", job->status, job->phase,
		 job->attempts);
	if (!strcmp(state, job->said) &&
	    (!is_moving(job) || now - job->said_ms < PLAIN_EVERY))
		return;
	copy(job->said, sizeof(job->said), state);
	job->said_ms = now;
	add_progress(&text, job);
	complain("%s: %s", job->name, text.s);
}

/* Shows how all come on */
static void show(struct wait *wait, size_t ended)
{
	struct text line = {};
	size_t i;

	tell(wait, ended);
	if (wait->terminal) {
		progress_line(&line, &wait->jobs.job[0],
			      terminal_width(STDERR_FILENO));
		draw(&line);
	}
	/* at a tick: what is over before the first needs no lines */
	if (wait->plain && wait->looked_ms != wait->jobs.looked_ms) {
		for (i = 0; i < wait->jobs.count; i++)
			if (!wait->jobs.job[i].ended)
				say(&wait->jobs.job[i]);
		wait->said = true;
	}
	wait->looked_ms = wait->jobs.looked_ms;
}

static int wait_for(char **named, bool quiet)
{
	const bool one = !named[1];
	struct wait wait = {
		.terminal = !quiet && one && isatty(STDERR_FILENO),
	};
	struct jobs *jobs = &wait.jobs;
	int status = EXIT_SUCCESS;
	unsigned int want = 0;
	int limit, tick = 0;
	size_t ended = 0, i;
	struct job *job;

	notify_open(&wait);
	wait.plain = !quiet && !wait.terminal;
	if (!quiet || wait.notify >= 0) {
		tick = wait.terminal ? TICK_TERMINAL : TICK_PLAIN;
		want = WANT_ALL;
	}
	catch_signals(wait.terminal);

	for (; *named; named++) {
		/* not for a few: a unit may be forbidden to */
		if (jobs->count == 100)
			raise_limit();
		if (!jobs_poll(jobs, *named, want))
			return no_job(*named);
		job = &jobs->job[jobs->count - 1];
		if (!job->run) {
			complain("%s was never started", *named);
			return EXIT_USAGE;
		}
		job->awaited = job->run;
	}
	jobs->looked_ms = now_ms();
	wait.looked_ms = jobs->looked_ms;

	for (;;) {
		for (i = 0; i < jobs->count; i++) {
			job = &jobs->job[i];
			if (job->ended)
				continue;
			rate_update(job);
			job->ended = !is_active(job) || job->run != job->awaited;
			ended += job->ended;
			if (job->gone) {
				end_line(false);
				complain("%s was removed", job->name);
				status = EXIT_NO_JOB;
			}
		}
		if (ended == jobs->count)
			break;
		show(&wait, ended);
		/* the first lines are due even if none runs, and has ticks */
		limit = -1;
		if (wait.plain && !wait.said)
			limit = sooner(limit, jobs->looked_ms + tick - now_ms());
		jobs_sleep(jobs, limit, tick, want);
	}

	/* what was told last must not outlive the job */
	tell(&wait, ended);
	job = &jobs->job[0];
	if (wait.terminal && job->run == job->awaited &&
	    !job->gone && !strcmp(job->status, "done")) {
		show(&wait, ended);
		end_line(true);
	}
	end_line(false);
	return status;
}

/* watch */

/* Whether it is among the first so many */
static bool jobs_have(const struct jobs *jobs, size_t count, const char *name)
{
	size_t first = 0, last = count, middle;
	int order;

	while (first < last) {
		middle = (first + last) / 2;
		order = strcmp(name, jobs->job[middle].name);
		if (!order)
			return true;
		if (order < 0)
			last = middle;
		else
			first = middle + 1;
	}
	return false;
}

/* Adds the jobs that are new; those that there were are sorted, and remain so */
static void jobs_scan(struct jobs *jobs)
{
	const size_t count = jobs->count;
	char **names = all_names();
	char **name;

	for (name = names; *name; name++)
		if (!jobs_have(jobs, count, *name))
			jobs_poll(jobs, *name, WANT_TABLE);
	free_names(names);
	if (!jobs->count)
		return;
	qsort(jobs->job, jobs->count, sizeof(*jobs->job), compare_jobs);
}

static void drop_gone(struct jobs *jobs)
{
	size_t i, kept = 0;

	for (i = 0; i < jobs->count; i++)
		if (!jobs->job[i].gone)
			jobs->job[kept++] = jobs->job[i];
	jobs->count = kept;
}

/* Draws the table over the one that was there, if it has become another */
static void draw_table(const struct jobs *jobs)
{
	static char *last;
	struct winsize size;
	char *all, *line, *rest;
	size_t len;
	FILE *out;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		size = (struct winsize){};
	out = open_memstream(&all, &len);
	if (!out)
		die_errno("memory");
	print_table(out, jobs, size.ws_row > 4 ? size.ws_row - 1 : 23,
		    size.ws_col > 1 ? size.ws_col - 1 : 79);
	if (fclose(out))
		die_errno("memory");
	if (last && !strcmp(last, all)) {
		free(all);
		return;
	}

	/* the first time all that was there is erased, and then what is old */
	fputs(last ? "\033[H" : "\033[H\033[2J", stdout);
	for (line = all; *line; line = rest + 1) {
		rest = strchr(line, '\n');
		printf("%.*s\033[K\n", (int)(rest - line), line);
	}
	fputs("\033[J", stdout);
	fflush(stdout);
	free(last);
	last = all;
}

/* Prints a line for each job whose status or phase is not what it was */
static void print_changes(struct jobs *jobs)
{
	static bool titled;
	int widths[COLUMNS];
	char state[sizeof(((struct job *)NULL)->said)];
	struct job *job;
	struct row row;
	size_t i;
	int column;

	for (column = 0; column < COLUMNS; column++)
		widths[column] = columns[column].width;
	if (!titled) {
		title_row(&row);
		print_row(stdout, &row, widths, INT_MAX);
		titled = true;
	}
	for (i = 0; i < jobs->count; i++) {
		job = &jobs->job[i];
		snprintf(state, sizeof(state), "%s %s",
			 job->gone ? "removed" : job->status, job->phase);
		if (!strcmp(state, job->said))
			continue;
		copy(job->said, sizeof(job->said), state);
		job_row(&row, job);
		print_row(stdout, &row, widths, INT_MAX);
	}
	if (fflush(stdout))
		die_errno("standard output");
}

static bool is_dumb(const char *term)
{
	return !term || !*term || !strcmp(term, "dumb");
}

static int watch(char **named)
{
	const bool terminal = isatty(STDOUT_FILENO) && !is_dumb(getenv("TERM"));
	const bool all = !*named;
	struct jobs jobs = { .looked_ms = now_ms() };
	long long scanned_ms = now_ms(), drawn_ms = 0;
	int status = EXIT_SUCCESS;
	size_t i, left;

	raise_limit();
	if (terminal)
		catch_resize();
	if (all)
		jobs_scan(&jobs);
	for (; *named; named++)
		if (!jobs_poll(&jobs, *named, WANT_TABLE))
			status = no_job(*named);

	while (all || jobs.count) {
		if (terminal) {
			draw_table(&jobs);
			drawn_ms = now_ms();
		} else {
			print_changes(&jobs);
		}
		if (all)
			drop_gone(&jobs);
		left = 0;
		for (i = 0; i < jobs.count; i++)
			left += is_active(&jobs.job[i]) ||
				(!jobs.job[i].gone && !jobs.job[i].run);
		if (!all && !left)
			break;

		jobs_sleep(&jobs, all ? TICK_SCAN : -1, TICK_TERMINAL,
			   WANT_TABLE);
		/* so many changes a second can be read, and no more */
		if (terminal && now_ms() - drawn_ms < TICK_TERMINAL)
			poll(NULL, 0, drawn_ms + TICK_TERMINAL - now_ms());
		if (all && now_ms() - scanned_ms >= TICK_SCAN) {
			jobs_scan(&jobs);
			scanned_ms = now_ms();
		}
	}
	return status;
}

static noreturn void die_usage(void)
{
	fputs("usage: kftp-state table | json | watch [JOB]...\n"
	      "       kftp-state detail JOB...\n"
	      "       kftp-state wait [-q] JOB...\n"
	      "       kftp-state metrics\n", stderr);
	exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	char **named = argv + 2;
	bool quiet = false, loaded;
	int status;

	if (argc < 2)
		die_usage();
	if (!strcmp(command, "wait") && *named && !strcmp(*named, "-q")) {
		quiet = true;
		named++;
	}
	/* names may begin with a -, too */
	if (*named && !strcmp(*named, "--"))
		named++;
	if (!valid_names(named))
		return EXIT_USAGE;

	loaded = open_class();
	if (!strcmp(command, "metrics") && !*named) {
		status = metrics(loaded);
		goto out;
	}
	if (!loaded) {
		complain("the module kftp is not loaded: modprobe kftp loads it");
		return EXIT_NO_MODULE;
	}

	if (!strcmp(command, "table"))
		status = table(named);
	else if (!strcmp(command, "detail") && *named)
		status = detail(named);
	else if (!strcmp(command, "json"))
		status = json(named);
	else if (!strcmp(command, "watch"))
		status = watch(named);
	else if (!strcmp(command, "wait") && *named)
		status = wait_for(named, quiet);
	else
		die_usage();
out:
	if (fflush(stdout) || ferror(stdout))
		die_errno("standard output");
	return status;
}
