// SPDX-License-Identifier: GPL-2.0
/* Jobs of the module, by their names */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "job.h"
#include "kftp.h"
#include "tap.h"

/* The longest name in the longest directory, with the longest attribute */
#define PATH_SIZE	160

static const char *in(char path[PATH_SIZE], const char *dir, const char *job,
		      const char *name)
{
	snprintf(path, PATH_SIZE, "%s/%s/%s", dir, job, name);
	return path;
}

int job_make(const char *job)
{
	char path[PATH_SIZE];

	return mkdir(in(path, KFTP_CONFIGFS_DIR, job, ""), 0755) ? -errno : 0;
}

int job_remove(const char *job)
{
	char path[PATH_SIZE];

	return rmdir(in(path, KFTP_CONFIGFS_DIR, job, "")) ? -errno : 0;
}

bool job_exists(const char *job)
{
	char path[PATH_SIZE];

	return !access(in(path, KFTP_CONFIGFS_DIR, job, "start"), F_OK);
}

int job_store(const char *job, const char *attr, const char *value)
{
	char path[PATH_SIZE];

	return file_write(in(path, KFTP_CONFIGFS_DIR, job, attr), value);
}

int job_start(const char *job)
{
	return job_store(job, "start", "1");
}

int job_cancel(const char *job)
{
	return job_store(job, "cancel", "1");
}

void job_must_store(const char *job, const char *attr, const char *value)
{
	errno = -job_store(job, attr, value);
	if (errno)
		die(attr);
}

void job_must_store_number(const char *job, const char *attr,
			   unsigned long long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", value);
	job_must_store(job, attr, text);
}

const char *job_state(const char *job, const char *name, char *buf,
		      size_t size)
{
	char path[PATH_SIZE];

	return file_read(in(path, KFTP_SYSFS_DIR, job, name), buf, size);
}

bool job_is(const char *job, const char *status)
{
	char text[16];

	return !strcmp(job_state(job, "status", text, sizeof(text)), status);
}

bool job_is_over(const char *job)
{
	char text[16];

	job_state(job, "status", text, sizeof(text));
	return strcmp(text, "queued") && strcmp(text, "running");
}

bool job_wait(const char *job, double until)
{
	struct pollfd status = { .events = POLLPRI };
	char path[PATH_SIZE], text[16];
	bool over = false;
	double left;
	ssize_t n;

	status.fd = open(in(path, KFTP_SYSFS_DIR, job, "status"),
			 O_RDONLY | O_CLOEXEC);
	if (status.fd < 0)
		return true;
	while ((n = pread(status.fd, text, sizeof(text), 0)) > 0) {
		over = strncmp(text, "queued", 6) && strncmp(text, "running", 7);
		left = until - now();
		if (over || left <= 0)
			break;
		poll(&status, 1, (int)(left * 1000) + 1);
	}
	close(status.fd);
	return over || n <= 0;
}

int job_error(const char *job)
{
	char text[32];
	int i;

	job_state(job, "error", text, sizeof(text));
	for (i = 1; i < 200; i++)
		if (strerrorname_np(i) && !strcmp(strerrorname_np(i), text))
			return i;
	return atoi(text);
}
