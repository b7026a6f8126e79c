/* SPDX-License-Identifier: GPL-2.0 */
/* No more bytes a second than were asked for, and attempts ever later */
#ifndef _KFTP_PACE_H
#define _KFTP_PACE_H

#include "pure.h"

/* Bytes, however fast; their time in nanoseconds does not overflow */
#define KFTP_PACE_MOST		(1024 * 1024 * 1024)

/**
 * struct kftp_pace - when bytes may be moved
 * @rate: bytes a second, 0 for as many as there are
 * @next: when the next byte is due, in nanoseconds of some clock
 */
struct kftp_pace {
	u64 rate;
	u64 next;
};

void kftp_pace_init(struct kftp_pace *pace, u64 rate, u64 now);
u64 kftp_pace_left(const struct kftp_pace *pace, u64 now);
size_t kftp_pace_most(const struct kftp_pace *pace);
void kftp_pace_moved(struct kftp_pace *pace, size_t bytes, u64 now);
u64 kftp_pace_retry(u64 delay, u64 attempts);

#endif /* _KFTP_PACE_H */
