/* SPDX-License-Identifier: GPL-2.0 */
/* What cmocka wants included before it, and what all tests need */
#ifndef _KFTP_UNIT_H
#define _KFTP_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif /* _KFTP_UNIT_H */
