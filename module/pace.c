// SPDX-License-Identifier: GPL-2.0
/*
 * No more bytes a second than were asked for. Each batch of bytes puts off the
 * next by as long as it may take; each attempt that fails, the next by twice as
 * long as the one before. Pure: see pure.h.
 */
#include "kftp.h"
#include "pace.h"

#define NS_PER_SEC	1000000000ULL

/* What is moved at once takes so long at most: smooth to whoever watches */
#define KFTP_PACE_SLICE_NS	(NS_PER_SEC / 20)

/* Who was late by more than this does not make up for it */
#define KFTP_PACE_LATE_NS	(NS_PER_SEC / 5)

/**
 * kftp_pace_init - begin to keep a pace
 * @pace: the pace
 * @rate: bytes a second, 0 for no limit
 * @now: nanoseconds
 */
void kftp_pace_init(struct kftp_pace *pace, u64 rate, u64 now)
{
	pace->rate = rate;
	pace->next = now;
}

/**
 * kftp_pace_left - how long to wait
 * @pace: the pace
 * @now: nanoseconds
 *
 * Return: nanoseconds until bytes may be moved, 0 if they may now.
 */
u64 kftp_pace_left(const struct kftp_pace *pace, u64 now)
{
	return pace->rate && pace->next > now ? pace->next - now : 0;
}

/**
 * kftp_pace_most - how many bytes may be moved at once
 * @pace: the pace
 *
 * Return: bytes, at least one.
 */
size_t kftp_pace_most(const struct kftp_pace *pace)
{
	u64 most = div64_u64(pace->rate, NS_PER_SEC / KFTP_PACE_SLICE_NS);

	if (!pace->rate || most > KFTP_PACE_MOST)
		return KFTP_PACE_MOST;
	return most ? most : 1;
}

/**
 * kftp_pace_moved - bytes were moved
 * @pace: the pace
 * @bytes: not more than kftp_pace_most()
 * @now: nanoseconds
 */
void kftp_pace_moved(struct kftp_pace *pace, size_t bytes, u64 now)
{
	if (!pace->rate)
		return;
	if (pace->next + KFTP_PACE_LATE_NS < now)
		pace->next = now;
	pace->next += div64_u64(bytes * NS_PER_SEC, pace->rate);
}

/**
 * kftp_pace_retry - how long to wait before another attempt
 * @delay: seconds after the first
 * @attempts: how many there were
 *
 * Return: seconds, which are doubled each time up to KFTP_RETRY_DELAY_DOUBLED.
 */
u64 kftp_pace_retry(u64 delay, u64 attempts)
{
	while (attempts-- > 1 && delay < KFTP_RETRY_DELAY_DOUBLED) {
		delay *= 2;
		if (delay > KFTP_RETRY_DELAY_DOUBLED)
			delay = KFTP_RETRY_DELAY_DOUBLED;
	}
	return delay;
}
