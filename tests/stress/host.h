/* SPDX-License-Identifier: GPL-2.0 */
/* The machine: time, files, the module, and what is in use of it */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stddef.h>

/* How much slower than usual the machine is, KFTP_SLOW: multiplies limits */
extern unsigned int slow;

double now(void);
void nap(long usec);

/* Returns 0 or a negative errno, that of the write if it comes so far */
int file_write(const char *path, const char *text);
void must_write(const char *path, const char *text);
/* One line of text, without its end; empty if there is no such file */
const char *file_read(const char *path, char *buf, size_t size);
long file_number(const char *path);

/* Bytes that tell where they belong, and of which file they are */
void fill(char *buf, size_t len, char kind);
void file_fill(const char *path, const char *bytes, size_t size);
bool file_holds(const char *path, const char *bytes, size_t size);

/* What the module stands on: file systems and modules, where they are missing */
void host_prepare(void);
/* Return 0 or a negative errno */
int module_load(const char *path, const char *parameters);
int module_unload(void);

/* The calling thread's network namespace becomes a new one, with a loopback */
void netns_new(void);
/* Of the calling thread, to come back to with setns() */
int netns_open(void);

/*
 * What is in use, of which nothing may be left in the end. Some of it others
 * use, too, and come and go.
 */
enum account {
	REFERENCES, SOCKETS, NAMESPACES, OBJECTS, KWORKERS_STUCK,
	CREDS, FILES, INODES, MOUNTS, KMALLOC_1K, KMALLOC_2K, ACCOUNTS
};

struct accounts {
	long in_use[ACCOUNTS];	/* -1: this machine does not tell */
};

long account(enum account what);
void accounts_take(struct accounts *accounts);
/* A test for each: as before, or little more after so many rounds */
void accounts_check(const struct accounts *before, unsigned int rounds);

#endif
