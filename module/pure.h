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
#include <linux/types.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#define U64_MAX	UINT64_MAX
#define S64_MAX	INT64_MAX

#endif /* __KERNEL__ */

#endif /* _KFTP_PURE_H */
