/* SPDX-License-Identifier: GPL-2.0 */
/* Jobs of the module, by their names. Errors are negative errnos. */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stddef.h>

int job_make(const char *job);
int job_remove(const char *job);
bool job_exists(const char *job);

int job_store(const char *job, const char *attr, const char *value);
int job_start(const char *job);
int job_cancel(const char *job);

/* Dies if that cannot be stored */
void job_must_store(const char *job, const char *attr, const char *value);
void job_must_store_number(const char *job, const char *attr,
			   unsigned long long value);

/* A file of its state, without the line's end; empty if there is no job */
const char *job_state(const char *job, const char *name, char *buf,
		      size_t size);
bool job_is(const char *job, const char *status);

/* Neither queued nor running, or not there at all */
bool job_is_over(const char *job);

/* Returns false if it is not over at that time, of now() */
bool job_wait(const char *job, double until);

/* The errno of the last run, as a positive number, or 0 */
int job_error(const char *job);

#endif
