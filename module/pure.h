/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the pure files (reply.c, addr.c, value.c) need from their surroundings:
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
#include <linux/socket.h>
#include <linux/string.h>
#include <linux/types.h>

#else

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define U64_MAX	UINT64_MAX
#define S64_MAX	INT64_MAX

#endif /* __KERNEL__ */

#endif /* _KFTP_PURE_H */
