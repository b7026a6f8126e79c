// SPDX-License-Identifier: GPL-2.0
/* Tests of module/pace.c */
#include "unit.h"
#include "kftp.h"
#include "pace.h"

#define SEC	1000000000ULL

/* Moves as much as may be, whenever it may be, for so long; returns how much */
static u64 run(struct kftp_pace *pace, u64 *now, u64 time)
{
	u64 until = *now + time, bytes = 0;

	while (*now < until) {
		u64 left = kftp_pace_left(pace, *now);

		if (left) {
			*now += left;
			continue;
		}
		bytes += kftp_pace_most(pace);
		kftp_pace_moved(pace, kftp_pace_most(pace), *now);
	}
	return bytes;
}

static const u64 rates[] = {
	1, 2, 19, 20, 21, 1000, 4095, 65536, 1000003, 100000000, 10000000000ULL
};

static void no_rate_is_no_limit(void **state)
{
	struct kftp_pace pace;

	(void)state;
	kftp_pace_init(&pace, 0, 5 * SEC);
	assert_int_equal(kftp_pace_most(&pace), KFTP_PACE_MOST);
	kftp_pace_moved(&pace, 1 << 20, 5 * SEC);
	assert_int_equal(kftp_pace_left(&pace, 5 * SEC), 0);
	assert_int_equal(kftp_pace_left(&pace, 0), 0);
}

static void the_first_bytes_need_not_wait(void **state)
{
	struct kftp_pace pace;

	(void)state;
	kftp_pace_init(&pace, 1, 7 * SEC);
	assert_int_equal(kftp_pace_left(&pace, 7 * SEC), 0);
	assert_int_equal(kftp_pace_left(&pace, 7 * SEC + 1), 0);
}

static void a_batch_puts_off_the_next_by_its_time(void **state)
{
	struct kftp_pace pace;

	(void)state;
	kftp_pace_init(&pace, 1000, SEC);
	kftp_pace_moved(&pace, 10, SEC);
	assert_int_equal(kftp_pace_left(&pace, SEC), SEC / 100);
	assert_int_equal(kftp_pace_left(&pace, SEC + 1), SEC / 100 - 1);
	assert_int_equal(kftp_pace_left(&pace, SEC + SEC / 100 - 1), 1);
	assert_int_equal(kftp_pace_left(&pace, SEC + SEC / 100), 0);
	/* once more before it is due counts all the same */
	kftp_pace_moved(&pace, 10, SEC);
	assert_int_equal(kftp_pace_left(&pace, SEC), 2 * SEC / 100);
}

static void a_rate_is_kept(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		struct kftp_pace pace;
		u64 now = 123 * SEC, bytes;

		kftp_pace_init(&pace, rates[i], now);
		bytes = run(&pace, &now, 100 * SEC);
		if (bytes * 100 < rates[i] * 99 * 100 ||
		    bytes > rates[i] * 100 + kftp_pace_most(&pace))
			fail_msg("%llu: %llu in 100 s",
				 (unsigned long long)rates[i],
				 (unsigned long long)bytes);
	}
}

/* Each batch takes a twentieth of a second at most, or is a byte */
static void a_rate_is_smooth(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		struct kftp_pace pace;

		kftp_pace_init(&pace, rates[i], 0);
		assert_int_equal(kftp_pace_most(&pace),
				 rates[i] < 20 ? 1 : rates[i] / 20);
	}
}

static void a_second_is_a_second(void **state)
{
	struct kftp_pace pace;

	(void)state;
	kftp_pace_init(&pace, SEC, 0);
	kftp_pace_moved(&pace, SEC, 0);
	assert_int_equal(kftp_pace_left(&pace, 0), SEC);
}

/* A fifth of a second is made up for, no more */
static void what_is_late_at_most(void **state)
{
	struct kftp_pace pace;

	(void)state;
	kftp_pace_init(&pace, 1000, SEC);
	kftp_pace_moved(&pace, 1000, SEC + SEC / 5);
	assert_int_equal(kftp_pace_left(&pace, SEC + SEC / 5), SEC * 4 / 5);
	kftp_pace_init(&pace, 1000, SEC);
	kftp_pace_moved(&pace, 1000, SEC + SEC / 5 + 1);
	assert_int_equal(kftp_pace_left(&pace, SEC + SEC / 5 + 1), SEC);
}

/* Whoever stood still for long has no credit */
static void a_stall_is_not_made_up_for(void **state)
{
	struct kftp_pace pace;
	u64 now = SEC, bytes;

	(void)state;
	kftp_pace_init(&pace, 1000000, now);
	run(&pace, &now, 10 * SEC);
	now += 60 * SEC;
	bytes = run(&pace, &now, SEC);
	if (bytes > 1300000)
		fail_msg("%llu bytes in a second after a stall",
			 (unsigned long long)bytes);
	assert_true(bytes >= 950000);
}

/* Timers are late by a little, each time: the mean is right all the same */
static void being_late_a_little_is_made_up_for(void **state)
{
	struct kftp_pace pace;
	u64 now = SEC, bytes = 0;

	(void)state;
	kftp_pace_init(&pace, 1000000, now);
	while (now < 101 * SEC) {
		u64 left = kftp_pace_left(&pace, now);

		if (left) {
			now += left + SEC / 100;
			continue;
		}
		bytes += kftp_pace_most(&pace);
		kftp_pace_moved(&pace, kftp_pace_most(&pace), now);
	}
	if (bytes < 99000000 || bytes > 101000000)
		fail_msg("%llu bytes in 100 s", (unsigned long long)bytes);
}

static void the_largest_rate_does_no_harm(void **state)
{
	struct kftp_pace pace;

	(void)state;
	kftp_pace_init(&pace, KFTP_SIZE_MAX, SEC);
	assert_int_equal(kftp_pace_most(&pace), KFTP_PACE_MOST);
	kftp_pace_init(&pace, 20ULL * (KFTP_PACE_MOST + 1), SEC);
	assert_int_equal(kftp_pace_most(&pace), KFTP_PACE_MOST);
	kftp_pace_init(&pace, 20ULL * (KFTP_PACE_MOST - 1), SEC);
	assert_int_equal(kftp_pace_most(&pace), KFTP_PACE_MOST - 1);
	kftp_pace_init(&pace, KFTP_SIZE_MAX, SEC);
	kftp_pace_moved(&pace, 1 << 20, SEC);
	assert_true(kftp_pace_left(&pace, SEC) < SEC);
}

static void check_retries(u64 delay, const u64 *delays, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		assert_int_equal(kftp_pace_retry(delay, i + 1), delays[i]);
	assert_int_equal(kftp_pace_retry(delay, KFTP_RETRIES_MAX),
			 delays[n - 1]);
}

static void attempts_come_ever_later(void **state)
{
	static const u64 five[] = { 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560,
				    3600, 3600, 3600 };
	static const u64 half[] = { 1800, 3600, 3600 };
	static const u64 most[] = { 3599, 3600, 3600 };
	static const u64 hour[] = { 3600, 3600 };
	static const u64 more[] = { 3601, 3601 };
	static const u64 day[] = { 86400, 86400 };
	static const u64 none[] = { 0, 0 };

	(void)state;
	check_retries(5, five, ARRAY_SIZE(five));
	check_retries(1800, half, ARRAY_SIZE(half));
	check_retries(3599, most, ARRAY_SIZE(most));
	check_retries(3600, hour, ARRAY_SIZE(hour));
	check_retries(3601, more, ARRAY_SIZE(more));
	check_retries(KFTP_RETRY_DELAY_MAX, day, ARRAY_SIZE(day));
	check_retries(0, none, ARRAY_SIZE(none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rate_is_no_limit),
		cmocka_unit_test(the_first_bytes_need_not_wait),
		cmocka_unit_test(a_batch_puts_off_the_next_by_its_time),
		cmocka_unit_test(a_rate_is_kept),
		cmocka_unit_test(a_rate_is_smooth),
		cmocka_unit_test(a_second_is_a_second),
		cmocka_unit_test(what_is_late_at_most),
		cmocka_unit_test(a_stall_is_not_made_up_for),
		cmocka_unit_test(being_late_a_little_is_made_up_for),
		cmocka_unit_test(the_largest_rate_does_no_harm),
		cmocka_unit_test(attempts_come_ever_later),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
