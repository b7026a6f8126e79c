// SPDX-License-Identifier: GPL-2.0
/*
 * Attribute values: taken whole, or refused. Pure: see pure.h.
 */
#include "value.h"

/**
 * kftp_value_text - check a line of text
 * @page: what was written, not terminated
 * @count: bytes of it
 * @max: how long the text may be
 *
 * One newline at the end belongs to echo. CR and LF anywhere else would let
 * the writer smuggle in FTP commands, NUL would hide what follows it.
 *
 * Return: the text's length, perhaps 0, or -EINVAL.
 */
int kftp_value_text(const char *page, size_t count, size_t max)
{
	size_t i;

	if (count >= KFTP_VALUE_CUT)
		return -EINVAL;
	if (count && page[count - 1] == '\n')
		count--;
	if (count > max)
		return -EINVAL;
	for (i = 0; i < count; i++)
		if (page[i] == '\r' || page[i] == '\n' || page[i] == '\0')
			return -EINVAL;
	return count;
}

/**
 * kftp_value_number - parse a decimal number
 * @page: what was written, not terminated
 * @count: bytes of it
 * @min: smallest value allowed
 * @max: largest value allowed
 * @number: set on success
 *
 * Return: 0, -EINVAL if it is no number, -ERANGE if it is outside its range.
 */
int kftp_value_number(const char *page, size_t count, u64 min, u64 max,
		      u64 *number)
{
	bool negative, huge = false;
	int len = kftp_value_text(page, count, KFTP_VALUE_CUT);
	u64 value = 0;
	int i;

	if (len <= 0)
		return -EINVAL;
	negative = page[0] == '-';
	if (negative && len == 1)
		return -EINVAL;
	for (i = negative; i < len; i++) {
		if (!isdigit((unsigned char)page[i]))
			return -EINVAL;
		if (value > div_u64(U64_MAX - (u64)(page[i] - '0'), 10))
			huge = true;
		value = value * 10 + (page[i] - '0');
	}
	if (huge || (negative && value) || value < min || value > max)
		return -ERANGE;
	*number = value;
	return 0;
}

/**
 * kftp_value_choice - which of the choices was written?
 * @page: what was written, not terminated
 * @count: bytes of it
 * @choices: their names; ends in NULL
 *
 * Return: the choice's index, or -EINVAL.
 */
int kftp_value_choice(const char *page, size_t count,
		      const char *const *choices)
{
	int len = kftp_value_text(page, count, KFTP_VALUE_CUT);
	int i;

	/* none is as long as an error's number would be */
	for (i = 0; choices[i]; i++)
		if (strlen(choices[i]) == (size_t)len &&
		    !memcmp(page, choices[i], len))
			return i;
	return -EINVAL;
}

/* isalnum() would let Latin-1 letters pass in the kernel */
static bool is_of_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || isdigit((unsigned char)c) ||
	       c == '.' || c == '-' || c == '_';
}

/**
 * kftp_value_host - check a host's characters and tell what it means to be
 * @host: text without CR, LF, NUL
 * @len: its length, not 0
 *
 * What contains a colon must be an IPv6 address, what is made of digits and
 * dots an IPv4 address; whether they really are is for inet_pton to say.
 *
 * Return: enum kftp_host_kind, or -EINVAL.
 */
int kftp_value_host(const char *host, size_t len)
{
	const char *scope = memchr(host, '%', len);
	size_t addr_len = scope ? (size_t)(scope - host) : len;
	bool numeric = true;
	size_t i;

	if (memchr(host, ':', addr_len)) {
		if (addr_len + 1 == len)
			return -EINVAL;
		return KFTP_HOST_IPV6;
	}

	for (i = 0; i < len; i++) {
		if (!is_of_name(host[i]))
			return -EINVAL;
		numeric = numeric && (isdigit((unsigned char)host[i]) ||
				      host[i] == '.');
	}
	if (numeric)
		return KFTP_HOST_IPV4;
	/* the resolver's key type takes nothing shorter */
	return len < 3 ? -EINVAL : KFTP_HOST_NAME;
}

/**
 * kftp_value_sha256 - check a digest
 * @text: what was written
 *
 * Return: 0 if it is a SHA-256 in hexadecimal or asks for one to be computed,
 * or -EINVAL.
 */
int kftp_value_sha256(const char *text)
{
	size_t i;

	if (!strcmp(text, KFTP_SHA256_COMPUTE))
		return 0;
	for (i = 0; isxdigit((unsigned char)text[i]); i++)
		;
	return !text[i] && i == KFTP_SHA256_MAX ? 0 : -EINVAL;
}

/**
 * kftp_value_job_name - may a job be called this?
 * @name: the directory's name
 *
 * Return: true if it is 1 to 64 of A-Z a-z 0-9 . _ - and does not start with
 * a dot.
 */
bool kftp_value_job_name(const char *name)
{
	size_t i;

	if (name[0] == '.')
		return false;
	for (i = 0; name[i]; i++)
		if (i >= KFTP_JOB_NAME_MAX || !is_of_name(name[i]))
			return false;
	return i > 0;
}
