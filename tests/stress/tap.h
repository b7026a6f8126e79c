/* SPDX-License-Identifier: GPL-2.0 */
/* What was found, as TAP */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>

/* A line that says why, above the one that says whether; returns false */
bool because(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One test; returns @ok */
bool verdict(bool ok, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The plan, at the end; returns the exit status */
int verdicts(void);

/* Nothing more can be done: says what went wrong with errno, and exits */
void die(const char *what) __attribute__((noreturn));

#endif
