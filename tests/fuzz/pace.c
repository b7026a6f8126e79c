// SPDX-License-Identifier: GPL-2.0
/*
 * Pace: never more bytes than the rate allows, whoever is late and by how much,
 * and no longer a wait than the bytes are worth.
 *
 * The input is a rate, a time to begin at, and steps: how late to be, how many
 * of the bytes to move that may be, and how.
 */
#include "fuzz.h"
#include "kftp.h"
#include "pace.h"

#define SEC	1000000000ULL
#define LATE	(SEC / 5)
#define STEPS	48

#define u128	unsigned __int128

/* Bytes times nanoseconds a second are no more than the rate has for a time */
static void check_sum(u64 rate, u128 bytes, u64 time, size_t steps)
{
	/* each step's time is rounded down to a nanosecond */
	HOLDS(bytes * SEC <= (u128)rate * (time + steps),
	      "%llu bytes in %llu ns at %llu", (unsigned long long)bytes,
	      (unsigned long long)time, (unsigned long long)rate);
}

static void check_rate(struct kftp_pace *pace, u64 rate, u64 begin,
		       struct input *in)
{
	u64 when[STEPS], now = begin, left;
	u128 before[STEPS], sum = 0;
	size_t most = kftp_pace_most(pace), n, i, j;
	u64 owed, worth;
	u32 late;
	u16 share;
	u8 flags;

	for (i = 0; i < STEPS && in->size; i++) {
		take(in, &late, sizeof(late));
		take(in, &share, sizeof(share));
		take(in, &flags, sizeof(flags));
		left = kftp_pace_left(pace, now);
		HOLDS(!left || !kftp_pace_left(pace, now + left),
		      "%llu is no wait", (unsigned long long)left);
		HOLDS(left < 2 || kftp_pace_left(pace, now + 1) == left - 1,
		      "%llu", (unsigned long long)left);
		now += left;
		/* timers are late, hosts are suspended */
		now += (u64)late << (flags & 7);
		n = (u64)most * share / 0xffff;
		HOLDS(kftp_pace_most(pace) == most, "%zu", most);

		when[i] = now;
		before[i] = sum;
		check_sum(rate, sum, now - begin, 2 * i);
		for (j = 0; j < i; j++)
			check_sum(rate, sum - before[j], now - when[j] + LATE,
				  2 * (i - j));

		owed = kftp_pace_left(pace, now);
		HOLDS(!owed, "late, and yet to wait");
		kftp_pace_moved(pace, n, now);
		sum += n;
		left = kftp_pace_left(pace, now);
		worth = (u128)n * SEC / rate;
		HOLDS(left <= worth, "%llu ns for what is worth %llu",
		      (unsigned long long)left, (unsigned long long)worth);
		/* once more before it is due counts, too */
		if (flags & 8) {
			kftp_pace_moved(pace, n, now);
			sum += n;
			HOLDS(kftp_pace_left(pace, now) <= left + worth,
			      "more than twice");
			HOLDS(!left || kftp_pace_left(pace, now) == left + worth,
			      "not twice");
		}
	}
}

static void check_retry(u64 delay, u64 attempts)
{
	u64 then = kftp_pace_retry(delay, attempts), model = delay;

	/* twelve times are enough for a second */
	if (delay < KFTP_RETRY_DELAY_DOUBLED) {
		model = delay << (attempts > 12 ? 12 : attempts - 1);
		if (model > KFTP_RETRY_DELAY_DOUBLED)
			model = KFTP_RETRY_DELAY_DOUBLED;
	}
	HOLDS(then == model, "%llu, not %llu", (unsigned long long)then,
	      (unsigned long long)model);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct kftp_pace pace;
	u64 rate, now;
	size_t most;

	take(&in, &rate, sizeof(rate));
	take(&in, &now, sizeof(now));
	/* as the attribute's range is; and a clock that runs for 100 years */
	rate &= KFTP_SIZE_MAX;
	now &= (1ULL << 62) - 1;

	check_retry(rate % (KFTP_RETRY_DELAY_MAX + 1), now % KFTP_RETRIES_MAX + 1);
	kftp_pace_init(&pace, rate, now);
	HOLDS(!kftp_pace_left(&pace, now), "the first bytes wait");
	most = kftp_pace_most(&pace);
	HOLDS(most >= 1 && most <= KFTP_PACE_MOST, "%zu", most);
	if (rate) {
		/* what is moved at once takes a twentieth of a second at most */
		HOLDS(most == 1 || most <= rate / 20, "%zu at %llu", most,
		      (unsigned long long)rate);
		check_rate(&pace, rate, now, &in);
	} else {
		HOLDS(most == KFTP_PACE_MOST, "%zu", most);
		kftp_pace_moved(&pace, most, now);
		HOLDS(!kftp_pace_left(&pace, now), "no rate, and yet to wait");
		HOLDS(!kftp_pace_left(&pace, 0), "no rate, and yet to wait");
	}
	return 0;
}
