/* SPDX-License-Identifier: GPL-2.0 */
/* What may be written into an attribute */
#ifndef _KFTP_VALUE_H
#define _KFTP_VALUE_H

#include "kftp.h"
#include "pure.h"

/*
 * configfs hands over 4095 bytes at most, and a longer value in pieces: one of
 * this length may be the first of them.
 */
#define KFTP_VALUE_CUT	4095

/* SHA-256 in hexadecimal */
#define KFTP_SHA256_MAX	64

enum kftp_host_kind {
	KFTP_HOST_NAME,
	KFTP_HOST_IPV4,
	KFTP_HOST_IPV6,
};

int kftp_value_text(const char *page, size_t count, size_t max);
int kftp_value_number(const char *page, size_t count, u64 min, u64 max,
		      u64 *number);
int kftp_value_choice(const char *page, size_t count,
		      const char *const *choices);
int kftp_value_host(const char *host, size_t len);
int kftp_value_sha256(const char *text);
bool kftp_value_job_name(const char *name);

#endif /* _KFTP_VALUE_H */
