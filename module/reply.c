// SPDX-License-Identifier: GPL-2.0
/*
 * The reply parser, RFC 959 section 4.2. Pure: see pure.h.
 *
 * A server may cut its replies into segments as it likes, so the parser takes
 * bytes and keeps its place. It never fails to terminate and never grows.
 */
#include "reply.h"

/**
 * kftp_reply_init - make ready for a new reply
 * @reply: the parser
 */
void kftp_reply_init(struct kftp_reply *reply)
{
	memset(reply, 0, sizeof(*reply));
}

static void reply_keep(struct kftp_reply *reply, char c)
{
	if (reply->text_len < sizeof(reply->text))
		reply->text[reply->text_len++] = c;
}

static bool reply_code_of(const char *head, size_t len, int *code)
{
	if (len < 3 || head[0] < '1' || head[0] > '5' ||
	    !isdigit((unsigned char)head[1]) || !isdigit((unsigned char)head[2]))
		return false;
	*code = (head[0] - '0') * 100 + (head[1] - '0') * 10 + (head[2] - '0');
	return true;
}

/*
 * Is the line under way the first, or can it be the last, so that what stands
 * in its first four bytes is code and separator, not text?
 */
static bool reply_line_has_code(const struct kftp_reply *reply)
{
	int code;

	if (!reply->multi)
		return true;
	return reply->line_len >= 4 && reply->head[3] == ' ' &&
	       reply_code_of(reply->head, 4, &code) && code == reply->code;
}

/* The four bytes that might have been a code turned out to be text, or not */
static void reply_head_done(struct kftp_reply *reply)
{
	size_t len = min_t(size_t, reply->line_len, 4);
	size_t i;

	if (reply->lines)
		reply_keep(reply, '\n');
	if (reply_line_has_code(reply))
		return;
	for (i = 0; i < len; i++)
		reply_keep(reply, reply->head[i]);
}

static int reply_byte(struct kftp_reply *reply, char c)
{
	if (reply->line_len >= KFTP_REPLY_LINE_MAX)
		return -EPROTO;
	if (reply->line_len < 4)
		reply->head[reply->line_len] = c;
	reply->line_len++;
	if (reply->line_len == 4)
		reply_head_done(reply);
	else if (reply->line_len > 4)
		reply_keep(reply, c);
	return 0;
}

static int reply_line_end(struct kftp_reply *reply, bool *complete)
{
	bool last = reply_line_has_code(reply);
	char after = reply->line_len >= 4 ? reply->head[3] : ' ';

	if (reply->line_len < 4)
		reply_head_done(reply);
	reply->lines++;

	if (!reply->multi) {
		if (!reply_code_of(reply->head, reply->line_len, &reply->code))
			return -EPROTO;
		if (after != ' ' && after != '-')
			return -EPROTO;
		reply->multi = after == '-';
		*complete = !reply->multi;
	} else {
		*complete = last;
	}
	if (!*complete && reply->lines >= KFTP_REPLY_LINES_MAX)
		return -EPROTO;
	reply->line_len = 0;
	return 0;
}

/**
 * kftp_reply_feed - take bytes of a reply
 * @reply: the parser, made ready by kftp_reply_init()
 * @buf: bytes from the control connection
 * @len: how many
 * @complete: set to whether the reply ended with the last byte taken
 *
 * Lines end with CR LF or a bare LF; any other byte is text. A multi-line
 * reply ends only with its own code and a space.
 *
 * Return: how many bytes were taken, all of them unless the reply is complete;
 * -EPROTO if this cannot be a reply or is longer than one may be, after which
 * @reply is good for nothing but kftp_reply_init().
 */
int kftp_reply_feed(struct kftp_reply *reply, const char *buf, size_t len,
		    bool *complete)
{
	size_t i;
	int err;

	*complete = false;
	for (i = 0; i < len && !*complete; i++) {
		if (++reply->bytes > KFTP_REPLY_BYTES_MAX)
			return -EPROTO;
		if (buf[i] == '\n') {
			reply->cr = false;
			err = reply_line_end(reply, complete);
			if (err)
				return err;
			continue;
		}
		if (reply->cr) {
			err = reply_byte(reply, '\r');
			if (err)
				return err;
		}
		reply->cr = buf[i] == '\r';
		if (!reply->cr) {
			err = reply_byte(reply, buf[i]);
			if (err)
				return err;
		}
	}
	return i;
}

/**
 * kftp_reply_may_be - can a reply that has begun still become that one?
 * @reply: the parser, with a reply under way
 * @code: the reply hoped for
 *
 * Return: false as soon as its first bytes say something else.
 */
bool kftp_reply_may_be(const struct kftp_reply *reply, int code)
{
	const char digits[3] = { '0' + code / 100, '0' + code / 10 % 10,
				 '0' + code % 10 };
	size_t len = min_t(size_t, reply->line_len, 3);

	if (reply->lines)
		return reply->code == code;
	/* text, unless a line ends there, and then there was no code in it */
	if (reply->cr && len < 3)
		return false;
	return !memcmp(reply->head, digits, len);
}

/**
 * kftp_reply_errno - what a reply that was not hoped for means to the job
 * @code: the reply's code, 100 to 599
 *
 * Return: a negative errno. Positive replies get here only where they were not
 * expected.
 */
int kftp_reply_errno(int code)
{
	switch (code) {
	case 332:
	case 530:
		return -EACCES;
	case 452:
	case 552:
		return -ENOSPC;
	case 550:
		return -ENOENT;
	case 553:
		return -EPERM;
	}
	return code / 100 == 4 ? -EAGAIN : -EPROTO;
}

/* A decimal number at @text; -1 if there is none or it does not fit */
static s64 reply_number(const char *text, size_t len, size_t *digits)
{
	u64 value = 0;
	size_t i;

	for (i = 0; i < len && isdigit((unsigned char)text[i]); i++) {
		if (value > div_u64(S64_MAX - (u64)(text[i] - '0'), 10))
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	*digits = i;
	return i ? (s64)value : -1;
}

/**
 * kftp_reply_size - the number in a 213 reply to SIZE, RFC 3659 section 4
 * @reply: a complete reply
 *
 * Return: bytes, or -1 if the text is anything but one number, or was cut.
 */
s64 kftp_reply_size(const struct kftp_reply *reply)
{
	size_t digits;
	s64 size;

	if (reply->text_len == sizeof(reply->text))
		return -1;
	size = reply_number(reply->text, reply->text_len, &digits);
	return size >= 0 && digits == reply->text_len ? size : -1;
}

static unsigned int digits_at(const char *text, unsigned int len)
{
	unsigned int value = 0;

	while (len--)
		value = value * 10 + (*text++ - '0');
	return value;
}

static unsigned int days_of(unsigned int year, unsigned int mon)
{
	static const u8 days[] = { 31, 28, 31, 30, 31, 30,
				   31, 31, 30, 31, 30, 31 };

	if (mon == 2 && year % 4 == 0 && (year % 100 || year % 400 == 0))
		return 29;
	return days[mon - 1];
}

/**
 * kftp_reply_time - the time in a 213 reply to MDTM, RFC 3659 sections 2.3, 3
 * @reply: a complete reply
 * @text: set on success: the time as the server wrote it
 * @seconds: set on success: since 1970, UTC
 * @nanoseconds: set on success: the fraction, as far as it was given
 *
 * Return: true if the text is a time and nothing else.
 */
bool kftp_reply_time(const struct kftp_reply *reply,
		     char text[KFTP_REPLY_TIME], s64 *seconds, u32 *nanoseconds)
{
	/* YYYYMMDDHHMMSS */
	const size_t whole = 14;
	unsigned int year, mon, day, hour, min, sec;
	const char *t = reply->text;
	size_t i, len = reply->text_len;
	u32 unit = 100000000;

	if (len < whole || len >= KFTP_REPLY_TIME || len == whole + 1)
		return false;
	for (i = 0; i < len; i++)
		if (i == whole ? t[i] != '.' : !isdigit((unsigned char)t[i]))
			return false;
	year = digits_at(t, 4);
	mon = digits_at(t + 4, 2);
	day = digits_at(t + 6, 2);
	hour = digits_at(t + 8, 2);
	min = digits_at(t + 10, 2);
	sec = digits_at(t + 12, 2);
	/* 60 is a leap second */
	if (year < 1 || mon < 1 || mon > 12 || day < 1 ||
	    day > days_of(year, mon) || hour > 23 || min > 59 || sec > 60)
		return false;

	*seconds = mktime64(year, mon, day, hour, min, sec);
	*nanoseconds = 0;
	for (i = whole + 1; i < len; i++) {
		*nanoseconds += unit * (t[i] - '0');
		unit /= 10;
	}
	memcpy(text, t, len);
	text[len] = '\0';
	return true;
}

/**
 * kftp_reply_announced - the size that a 150 or 125 reply announces
 * @reply: a complete reply
 *
 * No RFC asks for it, but most servers write "(1234 bytes)" behind the file's
 * name. A name that has such a text in it is for the caller to see.
 *
 * Return: bytes, or -1 if the text says nothing of that form.
 */
s64 kftp_reply_announced(const struct kftp_reply *reply)
{
	static const char unit[] = " bytes)";
	size_t len = sizeof(unit) - 1;
	size_t i, left, digits;
	s64 size, last = -1;

	for (i = 0; i < reply->text_len; i++) {
		if (reply->text[i] != '(')
			continue;
		left = reply->text_len - i - 1;
		size = reply_number(&reply->text[i + 1], left, &digits);
		if (size < 0 || left - digits < len)
			continue;
		if (!memcmp(&reply->text[i + 1 + digits], unit, len))
			last = size;
	}
	return last;
}

/* How many bytes of the text from @from on are the secret */
static size_t reply_secret_at(const struct kftp_reply *reply, size_t from,
			      const char *secret, size_t len)
{
	const char *text = &reply->text[from];
	size_t left = reply->text_len - from;
	int code;

	if (left >= len && !memcmp(text, secret, len))
		return len;
	/* its first four bytes may have been taken for a line's code */
	if (len <= 4 || (from && text[-1] != '\n') ||
	    !reply_code_of(secret, len, &code) || code != reply->code ||
	    !strchr(" -", secret[3]))
		return 0;
	len -= 4;
	return left >= len && !memcmp(text, secret + 4, len) ? len : 0;
}

/**
 * kftp_reply_masked - the text to show, without a secret that the server echoes
 * @reply: a complete reply
 * @secret: what may not be seen; may be empty
 * @text: for the text, not terminated
 *
 * Each occurrence becomes one asterisk, so that not even its length is told.
 * None that begins in what is looked at is cut off by the end of what was
 * kept, see KFTP_REPLY_TEXT.
 *
 * Return: bytes of @text.
 */
size_t kftp_reply_masked(const struct kftp_reply *reply, const char *secret,
			 char text[KFTP_REPLY_SHOWN])
{
	size_t len = strlen(secret);
	size_t from = 0, to = 0, found;

	while (from < reply->text_len && from < KFTP_REPLY_SHOWN) {
		found = reply_secret_at(reply, from, secret, len);
		if (found) {
			text[to++] = '*';
			from += found;
		} else {
			text[to++] = reply->text[from++];
		}
	}
	return to;
}
