// SPDX-License-Identifier: GPL-2.0
/*
 * Values: what is taken is what was written, and in its range; what is refused
 * has a reason.
 *
 * The input is what is written into an attribute, see expand(); all of them are
 * tried.
 */
#include <arpa/inet.h>

#include "fuzz.h"
#include "value.h"

static const size_t texts[] = {
	KFTP_HOST_MAX, KFTP_USER_MAX, KFTP_PASS_MAX, KFTP_PATH_MAX,
	KFTP_SHA256_MAX, KFTP_VALUE_CUT, 3, 0
};

static const struct { u64 min, max; } numbers[] = {
	{ 1, 1 }, { 0, 1 }, { 1, KFTP_PORT_MAX }, { 0, KFTP_PORT_MAX },
	{ 1, KFTP_TIMEOUT_MAX }, { 0, KFTP_DEADLINE_MAX },
	{ 0, KFTP_RETRIES_MAX }, { 0, KFTP_RETRY_DELAY_MAX },
	{ 0, KFTP_SIZE_MAX }, { 0, U64_MAX }
};

static const char *const choices[] = { "get", "put", "append", "auto", NULL };

static const char alnum[] =
	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char digits[] = "0123456789";

/* Are all @len bytes among @a or @b? */
static bool all_of(const char *bytes, size_t len, const char *a, const char *b)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!bytes[i] || (!strchr(a, bytes[i]) && !strchr(b, bytes[i])))
			return false;
	return true;
}

/* Its length without the newline at its end, or -EINVAL */
static int text_of(const char *page, size_t count, size_t max)
{
	size_t len = count && page[count - 1] == '\n' ? count - 1 : count;

	if (count >= KFTP_VALUE_CUT || len > max || memchr(page, '\0', len) ||
	    memchr(page, '\r', len) || memchr(page, '\n', len))
		return -EINVAL;
	return len;
}

static void check_texts(const char *page, size_t count)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		int len = kftp_value_text(page, count, texts[i]);
		int model = text_of(page, count, texts[i]);

		HOLDS(len == model, "%zu of %zu bytes: %d, not %d", count,
		      texts[i], len, model);
	}
}

/* -EINVAL, -ERANGE, or 0 and @number */
static int number_of(const char *page, size_t count, u64 min, u64 max,
		     u64 *number)
{
	unsigned __int128 value = 0;
	int len = text_of(page, count, KFTP_VALUE_CUT);
	int i, sign;

	if (len <= 0)
		return -EINVAL;
	sign = page[0] == '-';
	if (len == sign || !all_of(page + sign, len - sign, digits, ""))
		return -EINVAL;
	for (i = sign; i < len && value <= U64_MAX; i++)
		value = 10 * value + page[i] - '0';
	if (value < min || value > max || (sign && value))
		return -ERANGE;
	*number = value;
	return 0;
}

static void check_numbers(const char *page, size_t count)
{
	char text[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		u64 min = numbers[i].min, max = numbers[i].max;
		u64 number = 4711, again = 0, expected = 4711;
		int ret = kftp_value_number(page, count, min, max, &number);
		int model = number_of(page, count, min, max, &expected);
		int len;

		HOLDS(ret == model, "%d, not %d", ret, model);
		HOLDS(number == expected, "%llu, not %llu",
		      (unsigned long long)number, (unsigned long long)expected);
		if (ret)
			continue;
		HOLDS(number >= min && number <= max, "out of range");
		/* what is shown can be stored, and is the same then */
		len = snprintf(text, sizeof(text), "%llu\n",
			       (unsigned long long)number);
		HOLDS(!kftp_value_number(text, len, min, max, &again), "%s",
		      text);
		HOLDS(again == number, "%s", text);
	}
}

static void check_choice(const char *page, size_t count)
{
	int choice = kftp_value_choice(page, count, choices);
	int len = text_of(page, count, KFTP_VALUE_CUT);
	size_t i;

	HOLDS(choice == -EINVAL ||
	      (choice >= 0 && choice < (int)ARRAY_SIZE(choices) - 1), "%d",
	      choice);
	for (i = 0; choices[i]; i++) {
		bool same = len == (int)strlen(choices[i]) &&
			    !memcmp(page, choices[i], len);

		HOLDS(same == (choice == (int)i), "%s: %d", choices[i], choice);
	}
}

/* What is left of a value when it is text, as the stores see it */
static void check_host(const char *host, size_t len)
{
	int kind = kftp_value_host(host, len);
	u8 addr[16];

	switch (kind) {
	case KFTP_HOST_IPV4:
		HOLDS(all_of(host, len, digits, "."), "'%s'", host);
		break;
	case KFTP_HOST_IPV6:
		HOLDS(strchr(host, ':'), "'%s'", host);
		HOLDS(host[len - 1] != '%' || strchr(host, '%') != &host[len - 1],
		      "'%s' has an empty scope", host);
		HOLDS(strcspn(host, "%") > strcspn(host, ":"), "'%s'", host);
		break;
	case KFTP_HOST_NAME:
		HOLDS(len >= 3, "'%s'", host);
		HOLDS(all_of(host, len, alnum, ".-_"), "'%s'", host);
		HOLDS(!all_of(host, len, digits, "."), "'%s'", host);
		break;
	default:
		HOLDS(kind == -EINVAL, "%d", kind);
		HOLDS(len < 3 || !all_of(host, len, alnum, ".-_"), "'%s'", host);
	}
	HOLDS(inet_pton(AF_INET, host, addr) != 1 || kind == KFTP_HOST_IPV4,
	      "'%s' is an IPv4 address", host);
	HOLDS(inet_pton(AF_INET6, host, addr) != 1 || kind == KFTP_HOST_IPV6,
	      "'%s' is an IPv6 address", host);
}

static void check_sha256(const char *text, size_t len)
{
	bool good = !strcmp(text, "compute") ||
		    (len == 64 && all_of(text, len, digits, "abcdefABCDEF"));
	int ret = kftp_value_sha256(text);

	HOLDS(ret == (good ? 0 : -EINVAL), "'%s': %d", text, ret);
}

static void check_job_name(const char *name, size_t len)
{
	bool good = len && len <= KFTP_JOB_NAME_MAX && name[0] != '.' &&
		    all_of(name, len, alnum, "._-");

	HOLDS(kftp_value_job_name(name) == good, "'%s' is %s", name,
	      good ? "refused" : "taken");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static char bytes[KFTP_VALUE_CUT + 1];
	size_t count = expand(data, size, bytes, sizeof(bytes));
	char *page = exactly(bytes, count);
	char *text;
	int len;

	check_texts(page, count);
	check_numbers(page, count);
	check_choice(page, count);

	len = text_of(page, count, KFTP_VALUE_CUT);
	if (len >= 0) {
		text = strndup(page, len);
		if (len)
			check_host(text, len);
		check_sha256(text, len);
		check_job_name(text, len);
		free(text);
	}
	free(page);
	return 0;
}
