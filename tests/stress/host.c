// SPDX-License-Identifier: GPL-2.0
/* The machine: time, files, the module, and what is in use of it */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "tap.h"

#define DEBUG_SLAB	"/sys/kernel/debug/slab"

unsigned int slow = 1;

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

void nap(long usec)
{
	struct timespec ts = { usec / 1000000, usec % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

void must_write(const char *path, const char *text)
{
	errno = -file_write(path, text);
	if (errno)
		die(path);
}

const char *file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	if (fd >= 0) {
		n = read(fd, buf, size - 1);
		close(fd);
	}
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

long file_number(const char *path)
{
	char buf[64];

	return strtol(file_read(path, buf, sizeof(buf)), NULL, 0);
}

void fill(char *buf, size_t len, char kind)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = (char)(kind + i % 251 + i / 4096 % 13);
}

void file_fill(const char *path, const char *bytes, size_t size)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		die(path);
	close(fd);
}

bool file_holds(const char *path, const char *bytes, size_t size)
{
	char buf[65536];
	size_t done = 0;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

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

static void mount_if_missing(const char *type, const char *mark,
			     const char *where)
{
	if (access(mark, F_OK) && mount(type, where, type, 0, NULL))
		die(where);
}

void host_prepare(void)
{
	const char *factor = getenv("KFTP_SLOW");

	if (factor)
		slow = strtoul(factor, NULL, 10) ?: 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if ((access("/sys/kernel/config/.", F_OK) ||
	     access("/sys/module/dns_resolver", F_OK)) &&
	    system("modprobe -qa configfs dns_resolver 2>/dev/null"))
		because("there is no modprobe, or nothing for it to do");
	mount_if_missing("configfs", "/sys/kernel/config/.",
			 "/sys/kernel/config");
	mount_if_missing("debugfs", DEBUG_SLAB, "/sys/kernel/debug");
}

int module_load(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		die(path);
	if (syscall(SYS_finit_module, fd, parameters, 0))
		err = -errno;
	close(fd);
	return err;
}

int module_unload(void)
{
	return syscall(SYS_delete_module, "kftp", O_NONBLOCK) ? -errno : 0;
}

void netns_new(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET))
		die("a network namespace");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo))
		die("lo");
	close(fd);
}

int netns_open(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("/proc/thread-self/ns/net");
	return fd;
}

/* All network namespaces' TCP sockets, those of the server included */
static long count_sockets(void)
{
	char buf[512], *alloc;
	int fd = open("/proc/thread-self/net/sockstat", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	alloc = strstr(buf, " alloc ");
	return alloc ? strtol(alloc + 7, NULL, 10) : -1;
}

/*
 * Objects that are allocated. The kernel is exact about it only where it checks
 * them (slub_debug=F), as it keeps no others in reserve then; and where it finds
 * out by itself what is lost (KASAN), what is free is not so for a while.
 */
static long count_slab(const char *cache, const char *alias)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	char line[256], name[64], path[128];
	long n = -1, m;

	while (file && n < 0 && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %ld", name, &m) != 2 ||
		    (strcmp(name, cache) && (!alias || strcmp(name, alias))))
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/sanity_checks",
			 name);
		if (file_number(path) == 1)
			n = m;
	}
	if (file)
		fclose(file);
	return n;
}

/* Objects that the module allocated itself, where the kernel keeps whose */
static long count_objects(void)
{
	DIR *caches = opendir(DEBUG_SLAB);
	struct dirent *cache;
	char line[512];
	long sum = -1, n;
	FILE *traces;
	char *rest;

	while (caches && (cache = readdir(caches))) {
		snprintf(line, sizeof(line), DEBUG_SLAB "/%s/alloc_traces",
			 cache->d_name);
		traces = fopen(line, "r");
		if (!traces)
			continue;
		if (sum < 0)
			sum = 0;
		/* "     12 function+0x1/0x2 [kftp] age=...", then its stack */
		while (fgets(line, sizeof(line), traces)) {
			n = strtol(line, &rest, 10);
			if (rest != line && strstr(rest, "age=") &&
			    strstr(rest, "[kftp]"))
				sum += n;
		}
		fclose(traces);
	}
	if (caches)
		closedir(caches);
	return sum;
}

/* Workers that cannot be killed and do not run */
static long count_stuck(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *process;
	char path[300], line[256], *state;
	long n = 0;

	while (proc && (process = readdir(proc))) {
		if (process->d_name[0] < '1' || process->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", process->d_name);
		file_read(path, line, sizeof(line));
		state = strrchr(line, ')');
		if (strstr(line, "(kworker/") && state && state[2] == 'D')
			n++;
	}
	if (proc)
		closedir(proc);
	return n;
}

static long count_references(void)
{
	return access("/sys/module/kftp/refcnt", R_OK) ? -1 :
	       file_number("/sys/module/kftp/refcnt");
}

static const struct {
	const char *name;
	long (*count)(void);
	const char *cache;	/* instead of that */
	const char *alias;	/* what older kernels call it */
	bool shared;		/* others use it, too */
} names[ACCOUNTS] = {
	[REFERENCES] = { "references on the module", count_references },
	[SOCKETS] = { "TCP sockets of all namespaces", count_sockets },
	[NAMESPACES] = { "network namespaces", .cache = "net_namespace" },
	[OBJECTS] = { "objects of the module's", count_objects },
	[KWORKERS_STUCK] = { "workers that wait in the kernel", count_stuck },
	[CREDS] = { "credentials", .cache = "cred", .alias = "cred_jar",
		    .shared = true },
	[FILES] = { "open files", .cache = "filp", .shared = true },
	[INODES] = { "sockets' inodes", .cache = "sock_inode_cache",
		     .shared = true },
	[MOUNTS] = { "mounts", .cache = "mnt_cache", .shared = true },
	[KMALLOC_1K] = { "kmalloc-1k", .cache = "kmalloc-1k", .shared = true },
	[KMALLOC_2K] = { "kmalloc-2k", .cache = "kmalloc-2k", .shared = true },
};

long account(enum account what)
{
	return names[what].cache ? count_slab(names[what].cache, names[what].alias) :
				   names[what].count();
}

void accounts_take(struct accounts *accounts)
{
	int i;

	for (i = 0; i < ACCOUNTS; i++)
		accounts->in_use[i] = account(i);
}

void accounts_check(const struct accounts *before, unsigned int rounds)
{
	double limit = now() + 5 * slow;
	long most, least, n;
	int i;

	for (i = 0; i < ACCOUNTS; i++) {
		if (before->in_use[i] < 0) {
			because("this kernel does not tell: %s", names[i].name);
			continue;
		}
		/* workers come and go; one lost in each tenth round is more */
		most = before->in_use[i] +
		       (names[i].shared ? 8 + rounds / 20 : 0);
		n = account(i);
		least = n;
		while (n > most && now() < limit) {
			nap(50000);
			n = account(i);
			if (n < least)
				least = n;
		}
		verdict(n <= most, "%s: %ld, and %ld before", names[i].name,
			least, before->in_use[i]);
	}
}
