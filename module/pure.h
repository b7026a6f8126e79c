/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the pure files (reply.c, addr.c, value.c, pace.c) need from their surroundings:
 * no allocation, no locks, no kernel calls, so that unit tests and fuzzers
 * build the same files in user space.
 */
#ifndef _KFTP_PURE_H
#define _KFTP_PURE_H

#ifdef __KERNEL__

#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/types.h>

#else

#include <ctype.h>
#include <errno.h>
#include <linux/types.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#define U64_MAX	UINT64_MAX
#define S64_MAX	INT64_MAX

#define min_t(type, a, b)						\
	({ type _a = (a), _b = (b); _a < _b ? _a : _b; })

static inline u64 div_u64(u64 dividend, __u32 divisor)
{
	return dividend / divisor;
}

static inline u64 div64_u64(u64 dividend, u64 divisor)
{
	return dividend / divisor;
}

static inline s64 mktime64(unsigned int year, unsigned int mon,
			   unsigned int day, unsigned int hour,
			   unsigned int min, unsigned int sec)
{
	struct tm tm = {
		.tm_year = (int)year - 1900, .tm_mon = (int)mon - 1,
		.tm_mday = (int)day, .tm_hour = (int)hour,
		.tm_min = (int)min, .tm_sec = (int)sec,
	};

	return timegm(&tm);
}

#endif /* __KERNEL__ */

#endif /* _KFTP_PURE_H */
