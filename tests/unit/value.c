// SPDX-License-Identifier: GPL-2.0
/* Tests of module/value.c */
#include "unit.h"
#include "value.h"

/* A copy of just its size, without a terminator, so that ASan sees overreads */
static char *exactly(const char *bytes, size_t len)
{
	char *copy = malloc(len ? len : 1);

	memcpy(copy, bytes, len);
	return copy;
}

static int text(const char *bytes, size_t len, size_t max)
{
	char *copy = exactly(bytes, len);
	int ret = kftp_value_text(copy, len, max);

	free(copy);
	return ret;
}

#define TEXT(bytes, max) text(bytes, sizeof(bytes) - 1, max)

static void texts(void **state)
{
	(void)state;
	assert_int_equal(TEXT("abc", 10), 3);
	assert_int_equal(TEXT("abc\n", 10), 3);
	assert_int_equal(TEXT("abc\n", 3), 3);
	assert_int_equal(TEXT("", 10), 0);
	assert_int_equal(TEXT("\n", 10), 0);
	assert_int_equal(TEXT(" \xff\t", 10), 3);
	assert_int_equal(TEXT("abcd", 3), -EINVAL);
	assert_int_equal(TEXT("abcd\n", 3), -EINVAL);
	assert_int_equal(TEXT("abc\n\n", 10), -EINVAL);
	assert_int_equal(TEXT("\nabc", 10), -EINVAL);
	assert_int_equal(TEXT("a\nb", 10), -EINVAL);
	assert_int_equal(TEXT("abc\r\n", 10), -EINVAL);
	assert_int_equal(TEXT("a\rb", 10), -EINVAL);
	assert_int_equal(TEXT("a\0b", 10), -EINVAL);
	assert_int_equal(TEXT("abc\0", 10), -EINVAL);
}

static void what_configfs_may_have_cut_is_refused(void **state)
{
	char bytes[KFTP_VALUE_CUT];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(text(bytes, KFTP_VALUE_CUT - 1, KFTP_VALUE_CUT),
			 KFTP_VALUE_CUT - 1);
	assert_int_equal(text(bytes, KFTP_VALUE_CUT, KFTP_VALUE_CUT), -EINVAL);
	bytes[KFTP_VALUE_CUT - 1] = '\n';
	assert_int_equal(text(bytes, KFTP_VALUE_CUT, KFTP_VALUE_CUT), -EINVAL);
}

static void check_number(const char *bytes, u64 min, u64 max, int ret, u64 value)
{
	size_t len = strlen(bytes);
	char *copy = exactly(bytes, len);
	u64 number = 4711;

	if (kftp_value_number(copy, len, min, max, &number) != ret)
		fail_msg("'%s'", bytes);
	assert_true(number == (ret ? 4711 : value));
	free(copy);
}

static void numbers(void **state)
{
	(void)state;
	check_number("0", 0, 10, 0, 0);
	check_number("10\n", 0, 10, 0, 10);
	check_number("007", 0, 10, 0, 7);
	check_number("-0", 0, 10, 0, 0);
	check_number("18446744073709551615", 0, U64_MAX, 0, U64_MAX);
	check_number("11", 0, 10, -ERANGE, 0);
	check_number("0", 1, 10, -ERANGE, 0);
	check_number("-1", 0, 10, -ERANGE, 0);
	check_number("-5", 0, U64_MAX, -ERANGE, 0);
	check_number("18446744073709551616", 0, U64_MAX, -ERANGE, 0);
	check_number("18446744073709551620", 0, U64_MAX, -ERANGE, 0);
	check_number("99999999999999999999999", 0, U64_MAX, -ERANGE, 0);
	check_number("", 0, 10, -EINVAL, 0);
	check_number("\n", 0, 10, -EINVAL, 0);
	check_number("-", 0, 10, -EINVAL, 0);
	check_number("--1", 0, 10, -EINVAL, 0);
	check_number("+1", 0, 10, -EINVAL, 0);
	check_number(" 1", 0, 10, -EINVAL, 0);
	check_number("1 ", 0, 10, -EINVAL, 0);
	check_number("0x1", 0, 10, -EINVAL, 0);
	check_number("1a", 0, 10, -EINVAL, 0);
	check_number("1.0", 0, 10, -EINVAL, 0);
	check_number("1\r\n", 0, 10, -EINVAL, 0);
	check_number("99999999999999999999999x", 0, 10, -EINVAL, 0);
}

static void check_choice(const char *bytes, int choice)
{
	static const char *const names[] = { NULL, "get", "getter", "put", NULL };
	size_t len = strlen(bytes);
	char *copy = exactly(bytes, len);

	if (kftp_value_choice(copy, len, names + 1) != choice)
		fail_msg("'%s'", bytes);
	free(copy);
}

static void choices(void **state)
{
	(void)state;
	check_choice("get", 0);
	check_choice("getter\n", 1);
	check_choice("put\n", 2);
	check_choice("", -EINVAL);
	check_choice("\n", -EINVAL);
	check_choice("ge", -EINVAL);
	check_choice("gett", -EINVAL);
	check_choice("pot", -EINVAL);
	check_choice("get\n\n", -EINVAL);
	check_choice("get\r\n", -EINVAL);
	check_choice(" get", -EINVAL);
	check_choice("GET", -EINVAL);
	check_choice("puts", -EINVAL);
}

static void digests(void **state)
{
	char text[KFTP_SHA256_MAX + 2] = "";
	size_t i;

	(void)state;
	assert_int_equal(kftp_value_sha256(KFTP_SHA256_COMPUTE), 0);
	assert_int_equal(kftp_value_sha256("Compute"), -EINVAL);
	assert_int_equal(kftp_value_sha256("compute "), -EINVAL);
	for (i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(kftp_value_sha256(text),
				 i == KFTP_SHA256_MAX ? 0 : -EINVAL);
		text[i] = "09afAF"[i % 6];
	}
	assert_int_equal(kftp_value_sha256(text), -EINVAL);
	text[KFTP_SHA256_MAX] = 'x';
	assert_int_equal(kftp_value_sha256(text), -EINVAL);
	text[KFTP_SHA256_MAX] = '\0';
	for (i = 0; i < KFTP_SHA256_MAX; i++) {
		char digit = text[i];

		text[i] = "/:@G`g\xff"[i % 7];
		assert_int_equal(kftp_value_sha256(text), -EINVAL);
		text[i] = digit;
	}
}

static void check_host(const char *host, int kind)
{
	size_t len = strlen(host);
	char *copy = exactly(host, len);

	if (kftp_value_host(copy, len) != kind)
		fail_msg("'%s'", host);
	free(copy);
}

static void hosts(void **state)
{
	(void)state;
	check_host("192.0.2.1", KFTP_HOST_IPV4);
	check_host("1", KFTP_HOST_IPV4);
	check_host("...", KFTP_HOST_IPV4);
	check_host("2001:db8::1", KFTP_HOST_IPV6);
	check_host("fe80::1%eth0", KFTP_HOST_IPV6);
	check_host(":", KFTP_HOST_IPV6);
	check_host("ftp.example.org", KFTP_HOST_NAME);
	check_host("my_host-1.", KFTP_HOST_NAME);
	check_host("3com", KFTP_HOST_NAME);
	check_host("abc", KFTP_HOST_NAME);
	check_host("fe80::1%", -EINVAL);
	check_host("eth0%a:b", -EINVAL);
	check_host("%", -EINVAL);
	check_host("ab", -EINVAL);
	check_host("a b", -EINVAL);
	check_host("a/b", -EINVAL);
	check_host("[::1]", KFTP_HOST_IPV6);	/* which inet_pton refuses */
	check_host("ftp\xfc", -EINVAL);
	check_host("name%eth0", -EINVAL);
}

static void characters_of_names(void **state)
{
	static const char names[] =
		"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
	char host[] = "abc", job[] = "ab";
	int c;

	(void)state;
	for (c = 1; c < 256; c++) {
		host[1] = c;
		job[1] = c;
		if (c != ':' && c != '%')
			check_host(host, strchr(names, c) ? KFTP_HOST_NAME :
							    -EINVAL);
		assert_int_equal(kftp_value_job_name(job), !!strchr(names, c));
	}
}

static void job_names(void **state)
{
	char name[KFTP_JOB_NAME_MAX + 2];

	(void)state;
	assert_true(kftp_value_job_name("job"));
	assert_true(kftp_value_job_name("A-Z_0.9"));
	assert_true(kftp_value_job_name("-"));
	assert_true(kftp_value_job_name("a.."));
	assert_false(kftp_value_job_name(""));
	assert_false(kftp_value_job_name(".hidden"));
	assert_false(kftp_value_job_name("a b"));
	assert_false(kftp_value_job_name("a!b"));
	assert_false(kftp_value_job_name("a@b"));
	assert_false(kftp_value_job_name("\xe4"));

	memset(name, 'x', sizeof(name));
	name[KFTP_JOB_NAME_MAX] = '\0';
	assert_true(kftp_value_job_name(name));
	name[KFTP_JOB_NAME_MAX] = 'x';
	name[KFTP_JOB_NAME_MAX + 1] = '\0';
	assert_false(kftp_value_job_name(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(what_configfs_may_have_cut_is_refused),
		cmocka_unit_test(numbers),
		cmocka_unit_test(choices),
		cmocka_unit_test(digests),
		cmocka_unit_test(hosts),
		cmocka_unit_test(characters_of_names),
		cmocka_unit_test(job_names),
	};

	return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
