// SPDX-License-Identifier: GPL-2.0
/* Tests of module/reply.c */
#include "unit.h"
#include "reply.h"

struct result {
	int ret;
	bool complete;
	struct kftp_reply reply;
};

/*
 * Feed @len bytes in segments of @first and then @rest bytes. Each goes into a
 * block of just its size, so that ASan sees a read beyond it.
 */
static struct result feed(const char *bytes, size_t len, size_t first,
			  size_t rest)
{
	struct result r = {};
	size_t pos = 0, n = first;

	/* memory that was something else before */
	memset(&r.reply, '7', sizeof(r.reply));
	kftp_reply_init(&r.reply);
	while (pos < len && r.ret >= 0 && !r.complete) {
		char *segment;

		if (n > len - pos)
			n = len - pos;
		segment = malloc(n ? n : 1);
		memcpy(segment, bytes + pos, n);
		r.complete = true;
		r.ret = kftp_reply_feed(&r.reply, segment, n, &r.complete);
		free(segment);
		if (r.ret < 0) {
			r.complete = false;
		} else {
			assert_true((size_t)r.ret <= n);
			assert_true(r.complete || (size_t)r.ret == n);
			pos += r.ret;
		}
		n = rest;
	}
	if (r.ret >= 0)
		r.ret = pos;
	return r;
}

struct row {
	const char *what;
	const char *bytes;
	int code;		/* 0: incomplete, -EPROTO: malformed */
	const char *text;
	size_t left;		/* bytes that belong to the next reply */
};

static const struct row rows[] = {
	{ "a plain reply", "220 hello\r\n", 220, "hello" },
	{ "no text", "226 \r\n", 226, "" },
	{ "no text and no space", "226\r\n", 226, "" },
	{ "a bare LF", "331 name ok\n", 331, "name ok" },
	{ "a CR that ends nothing", "200 a\rb\r\n", 200, "a\rb" },
	{ "two CRs at the end", "200 a\r\r\n", 200, "a\r" },
	{ "a preliminary reply", "150 (12 bytes)\r\n", 150, "(12 bytes)" },
	{ "two replies in one segment", "150 a\r\n226 b\r\n", 150, "a", 7 },
	{ "a multi-line reply", "230-one\r\n230 two\r\n", 230, "one\ntwo" },
	{ "a first line without text", "220-\r\n220 b\r\n", 220, "\nb" },
	{ "a last line without text", "220-a\r\n220 \r\n", 220, "a\n" },
	{ "lines as long as a code", "220-a\r\nabc\r\nabcd\r\n220 b\r\n", 220,
	  "a\nabc\nabcd\nb" },
	{ "the code alone behind a longer line",
	  "220-a\r\nxyz\x20\r\n220\r\n220 b\r\n", 220,
	  "a\nxyz\x20\n220\nb" },
	{ "lines between", "230-one\r\nmiddle\r\n230 two\r\n", 230,
	  "one\nmiddle\ntwo" },
	{ "an inner line that looks like another reply",
	  "220-a\r\n226 no\r\n220 b\r\n", 220, "a\n226 no\nb" },
	{ "an inner line with a space before the code",
	  "220-a\r\n 220 x\r\n220 b\r\n", 220, "a\n 220 x\nb" },
	{ "an inner line with the code and a dash",
	  "220-a\r\n220-x\r\n220 b\r\n", 220, "a\n220-x\nb" },
	{ "an inner line with the code alone",
	  "220-a\r\n220\r\n220 b\r\n", 220, "a\n220\nb" },
	{ "an inner line with the code and a digit",
	  "220-a\r\n2201 x\r\n220 b\r\n", 220, "a\n2201 x\nb" },
	{ "inner lines with no code and a space",
	  "220-a\r\nabc x\r\n22x y\r\n620 z\r\n220 b\r\n", 220,
	  "a\nabc x\n22x y\n620 z\nb" },
	{ "empty and short inner lines", "220-a\r\n\r\nxy\r\n220 b\r\n", 220,
	  "a\n\nxy\nb" },
	{ "a multi-line reply that goes on", "220-a\r\n221 b\r\n", 0, NULL },
	{ "telnet bytes are text", "220 \xff\xfbhi\r\n", 220, "\xff\xfbhi" },
	{ "no end yet", "220 hel", 0, NULL },
	{ "half an end", "220 hel\r", 0, NULL },
	{ "an empty line", "\r\n", -EPROTO, NULL },
	{ "two digits", "22\r\n", -EPROTO, NULL },
	{ "two digits and text", "22 hello\r\n", -EPROTO, NULL },
	{ "four digits", "2200 hello\r\n", -EPROTO, NULL },
	{ "a code below 100", "099 hello\r\n", -EPROTO, NULL },
	{ "a code above 599", "600 hello\r\n", -EPROTO, NULL },
	{ "the lowest code", "100 x\r\n", 100, "x" },
	{ "the highest code", "599 x\r\n", 599, "x" },
	{ "no digit in the middle", "2x0 a\r\n", -EPROTO, NULL },
	{ "less than a digit in the middle", "2/0 a\r\n", -EPROTO, NULL },
	{ "more than a digit in the middle", "2:0 a\r\n", -EPROTO, NULL },
	{ "no digit at the end", "22x a\r\n", -EPROTO, NULL },
	{ "less than a digit at the end", "22/ a\r\n", -EPROTO, NULL },
	{ "more than a digit at the end", "22: a\r\n", -EPROTO, NULL },
	{ "a letter behind the code, and no more", "226x\r\n", -EPROTO, NULL },
	{ "letters", "hello\r\n", -EPROTO, NULL },
	{ "a space before the code", " 220 hello\r\n", -EPROTO, NULL },
	{ "a tab behind the code", "220\thello\r\n", -EPROTO, NULL },
};

static void check_row(const struct row *row, const struct result *r, size_t cut)
{
	int code = r->ret < 0 ? r->ret : r->complete ? r->reply.code : 0;

	if (code != row->code)
		fail_msg("%s, cut at %zu: %d, not %d", row->what, cut, code,
			 row->code);
	if (!row->text)
		return;
	assert_int_equal(r->ret, strlen(row->bytes) - row->left);
	assert_int_equal(r->reply.text_len, strlen(row->text));
	assert_memory_equal(r->reply.text, row->text, r->reply.text_len);
}

static void replies_cut_at_every_byte(void **state)
{
	size_t i, cut;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].bytes);

		for (cut = 0; cut <= len; cut++) {
			struct result r = feed(rows[i].bytes, len, cut, len);

			check_row(&rows[i], &r, cut);
		}
	}
}

static void replies_a_byte_at_a_time(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct result r = feed(rows[i].bytes, strlen(rows[i].bytes), 1, 1);

		check_row(&rows[i], &r, 1);
	}
}

static void nul_bytes_are_text(void **state)
{
	struct result r = feed("220 a\0b\r\n", 9, 9, 9);

	(void)state;
	assert_int_equal(r.reply.code, 220);
	assert_int_equal(r.reply.text_len, 3);
	assert_memory_equal(r.reply.text, "a\0b", 3);
}

/* A line of @len bytes, code and space included, with CR LF if @end */
static struct result long_line(size_t len, bool end, size_t segment)
{
	char *bytes = malloc(len + 2);
	struct result r;

	memset(bytes, 'x', len);
	memcpy(bytes, "220 ", 4);
	memcpy(bytes + len, "\r\n", 2);
	r = feed(bytes, len + (end ? 2 : 0), segment, segment);
	free(bytes);
	return r;
}

static void the_longest_line_is_taken(void **state)
{
	struct result r = long_line(KFTP_REPLY_LINE_MAX, true, 512);

	(void)state;
	assert_true(r.complete);
	assert_int_equal(r.reply.text_len, KFTP_REPLY_TEXT);
}

static void a_longer_line_is_refused(void **state)
{
	(void)state;
	assert_int_equal(long_line(KFTP_REPLY_LINE_MAX + 1, true, 512).ret,
			 -EPROTO);
	assert_int_equal(long_line(KFTP_REPLY_LINE_MAX + 1, false, 1).ret,
			 -EPROTO);
}

/* A CR is text as soon as something else than LF is behind it */
static void a_cr_may_be_a_byte_too_many(void **state)
{
	char bytes[KFTP_REPLY_LINE_MAX + 3];
	struct result r;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "220 ", 4);
	bytes[KFTP_REPLY_LINE_MAX] = '\r';
	r = feed(bytes, KFTP_REPLY_LINE_MAX + 1, 512, 512);
	assert_int_equal(r.ret, KFTP_REPLY_LINE_MAX + 1);
	assert_false(r.complete);
	bytes[KFTP_REPLY_LINE_MAX + 1] = '\r';
	r = feed(bytes, KFTP_REPLY_LINE_MAX + 2, 512, 512);
	assert_int_equal(r.ret, -EPROTO);
	bytes[KFTP_REPLY_LINE_MAX + 1] = '\n';
	r = feed(bytes, KFTP_REPLY_LINE_MAX + 2, 512, 512);
	assert_true(r.complete);
}

/* @lines lines of @len bytes with their ends; the last ends the reply if @end */
static struct result many_lines(size_t lines, size_t len, bool end)
{
	char *bytes = malloc(lines * len);
	struct result r;
	size_t i;

	memset(bytes, 'x', lines * len);
	memcpy(bytes, "220-", 4);
	for (i = 1; i <= lines; i++)
		bytes[i * len - 1] = '\n';
	if (end)
		memcpy(bytes + (lines - 1) * len, "220 ", 4);
	r = feed(bytes, lines * len, 512, 512);
	free(bytes);
	return r;
}

static void the_most_lines_are_taken(void **state)
{
	struct result r = many_lines(KFTP_REPLY_LINES_MAX, 10, true);

	(void)state;
	assert_int_equal(r.ret, KFTP_REPLY_LINES_MAX * 10);
	assert_true(r.complete);
}

static void more_lines_are_refused(void **state)
{
	(void)state;
	assert_int_equal(many_lines(KFTP_REPLY_LINES_MAX + 1, 10, true).ret,
			 -EPROTO);
	assert_int_equal(many_lines(KFTP_REPLY_LINES_MAX, 10, false).ret,
			 -EPROTO);
}

/* A reply of @bytes bytes, in the longest lines */
static struct result many_bytes(size_t bytes)
{
	const size_t line = KFTP_REPLY_LINE_MAX + 1;
	char *reply = malloc(bytes);
	struct result r;
	size_t i;

	memset(reply, 'x', bytes);
	memcpy(reply, "220-", 4);
	/* the last line has what is left, which is enough for a code */
	for (i = line; i + 5 <= bytes; i += line) {
		reply[i - 1] = '\n';
		memcpy(reply + i, "220 ", i + line + 5 > bytes ? 4 : 0);
	}
	reply[bytes - 1] = '\n';
	r = feed(reply, bytes, 512, 512);
	free(reply);
	return r;
}

static void the_longest_reply_is_taken(void **state)
{
	struct result r = many_bytes(KFTP_REPLY_BYTES_MAX);

	(void)state;
	assert_int_equal(r.ret, KFTP_REPLY_BYTES_MAX);
	assert_true(r.complete);
}

static void a_longer_reply_is_refused(void **state)
{
	(void)state;
	assert_int_equal(many_bytes(KFTP_REPLY_BYTES_MAX + 1).ret, -EPROTO);
}

static void a_reply_under_way_may_be_what_is_hoped_for(void **state)
{
	static const struct { const char *bytes; bool may; } begun[] = {
		{ "", true }, { "4", true }, { "42", true }, { "421", true },
		{ "421 bye", true }, { "421-bye\r\n", true },
		{ "421-bye\r\n220 no", true }, { "421\r", true },
		{ "\r", false }, { "\r421", false }, { "42\r", false },
		{ "5", false }, { "43", false }, { "422", false },
		{ "220-hi\r\n421 no", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(begun); i++) {
		size_t len = strlen(begun[i].bytes);
		struct result r = feed(begun[i].bytes, len, len, 1);

		if (kftp_reply_may_be(&r.reply, 421) != begun[i].may)
			fail_msg("'%s'", begun[i].bytes);
	}
}

static void each_code_may_be_hoped_for(void **state)
{
	char bytes[16];
	int code, other;

	(void)state;
	for (code = 100; code < 600; code++) {
		for (other = 100; other < 600; other++) {
			struct kftp_reply reply;
			bool complete, may;

			kftp_reply_init(&reply);
			snprintf(bytes, sizeof(bytes), "%d x", other);
			kftp_reply_feed(&reply, bytes, 5, &complete);
			may = other == code;
			if (kftp_reply_may_be(&reply, code) != may)
				fail_msg("%d for %d", other, code);
		}
	}
}

static void codes_mean_errnos(void **state)
{
	static const int means[][2] = {
		{ 421, -EAGAIN }, { 425, -EAGAIN }, { 426, -EAGAIN },
		{ 450, -EAGAIN }, { 451, -EAGAIN }, { 499, -EAGAIN },
		{ 452, -ENOSPC }, { 552, -ENOSPC }, { 530, -EACCES },
		{ 332, -EACCES }, { 532, -EPROTO }, { 550, -ENOENT },
		{ 553, -EPERM }, { 500, -EPROTO }, { 502, -EPROTO },
		{ 551, -EPROTO }, { 120, -EPROTO }, { 200, -EPROTO },
		{ 331, -EPROTO }, { 350, -EPROTO },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(means); i++)
		assert_int_equal(kftp_reply_errno(means[i][0]), means[i][1]);
}

static struct kftp_reply reply_of(const char *bytes)
{
	struct result r = feed(bytes, strlen(bytes), strlen(bytes), 1);

	assert_true(r.complete);
	return r.reply;
}

/* The same reply, whose text ended before its last @left bytes */
static struct kftp_reply ended_before(const struct kftp_reply *reply, size_t left)
{
	struct kftp_reply cut = *reply;

	assert_true(left <= reply->text_len);
	cut.text_len -= left;
	return cut;
}

/* What stands behind the end of a text does not belong to it */
static void texts_end_where_they_end(void **state)
{
	struct kftp_reply size = reply_of("213 1234\r\n");
	struct kftp_reply time = reply_of("213 20010203040506.78\r\n");
	struct kftp_reply announced = reply_of("150 a (12 bytes)\r\n");
	static const int prefixes[] = { -1, 1, 12, 123, 1234 };
	char text[KFTP_REPLY_TIME];
	u32 nanoseconds;
	s64 seconds;
	size_t left;

	(void)state;
	assert_int_equal(size.text_len, ARRAY_SIZE(prefixes) - 1);
	for (left = 0; left < ARRAY_SIZE(prefixes); left++) {
		struct kftp_reply reply = ended_before(&size, left);

		assert_int_equal(kftp_reply_size(&reply),
				 prefixes[ARRAY_SIZE(prefixes) - 1 - left]);
	}
	for (left = 0; left <= time.text_len; left++) {
		struct kftp_reply reply = ended_before(&time, left);
		size_t len = reply.text_len;

		assert_int_equal(kftp_reply_time(&reply, text, &seconds,
						 &nanoseconds),
				 len == 14 || len > 15);
	}
	for (left = 0; left <= announced.text_len; left++) {
		struct kftp_reply reply = ended_before(&announced, left);

		assert_int_equal(kftp_reply_announced(&reply), left ? -1 : 12);
	}
}

static void sizes(void **state)
{
	static const struct { const char *bytes; s64 size; } sizes[] = {
		{ "213 0\r\n", 0 },
		{ "213 12345\r\n", 12345 },
		{ "213 9223372036854775807\r\n", S64_MAX },
		{ "213 9223372036854775808\r\n", -1 },
		{ "213 18446744073709551616\r\n", -1 },
		{ "213 99999999999999999999999999\r\n", -1 },
		{ "213 -1\r\n", -1 },
		{ "213 +1\r\n", -1 },
		{ "213 \r\n", -1 },
		{ "213\r\n", -1 },
		{ "213 0x10\r\n", -1 },
		{ "213 12 bytes\r\n", -1 },
		{ "213-12\r\n213 13\r\n", -1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kftp_reply reply = reply_of(sizes[i].bytes);

		if (kftp_reply_size(&reply) != sizes[i].size)
			fail_msg("%s", sizes[i].bytes);
	}
}

/* What is kept of a number that is longer than that is another number */
static void a_size_that_was_cut_is_none(void **state)
{
	size_t zeros;

	(void)state;
	for (zeros = KFTP_REPLY_TEXT - 6; zeros < KFTP_REPLY_TEXT + 3; zeros++) {
		static const char end[] = "1234\r\n";
		char bytes[KFTP_REPLY_TEXT + 32] = "213 ";
		struct kftp_reply reply;

		memset(bytes + 4, '0', zeros);
		memcpy(bytes + 4 + zeros, end, sizeof(end));
		reply = reply_of(bytes);
		assert_int_equal(kftp_reply_size(&reply),
				 zeros + 4 < KFTP_REPLY_TEXT ? 1234 : -1);
	}
}

/* Each day that a month may have, and none that it has not */
static void days_of_months(void **state)
{
	static const struct { int year, mon, days; } months[] = {
		{ 2001, 1, 31 }, { 2001, 2, 28 }, { 2001, 3, 31 },
		{ 2001, 4, 30 }, { 2001, 5, 31 }, { 2001, 6, 30 },
		{ 2001, 7, 31 }, { 2001, 8, 31 }, { 2001, 9, 30 },
		{ 2001, 10, 31 }, { 2001, 11, 30 }, { 2001, 12, 31 },
		{ 2000, 2, 29 }, { 2004, 2, 29 }, { 1900, 2, 28 },
		{ 2100, 2, 28 }, { 2024, 3, 31 }, { 2024, 1, 31 },
	};
	char bytes[32], text[KFTP_REPLY_TIME];
	u32 nanoseconds;
	s64 seconds;
	size_t i;
	int day;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(months); i++) {
		for (day = 0; day < 40; day++) {
			struct kftp_reply reply;
			bool there = day >= 1 && day <= months[i].days;

			snprintf(bytes, sizeof(bytes),
				 "213 %04d%02d%02d120000\r\n", months[i].year,
				 months[i].mon, day);
			reply = reply_of(bytes);
			if (kftp_reply_time(&reply, text, &seconds,
					    &nanoseconds) != there)
				fail_msg("%s", bytes);
		}
	}
}

static void times(void **state)
{
	static const struct {
		const char *bytes;
		s64 seconds;
		u32 nanoseconds;
	} good[] = {
		{ "213 19700101000000\r\n", 0, 0 },
		{ "213 20010203040506\r\n", 981173106, 0 },
		{ "213 20010203040506.7\r\n", 981173106, 700000000 },
		{ "213 20010203040506.789\r\n", 981173106, 789000000 },
		{ "213 20010203040506.007\r\n", 981173106, 7000000 },
		{ "213 20010203040506.123456789\r\n", 981173106, 123456789 },
		/* finer than anybody keeps */
		{ "213 20010203040506.1234567899999999\r\n", 981173106,
		  123456789 },
		{ "213 20240229235959\r\n", 1709251199, 0 },
		/* a leap second is the next minute's first */
		{ "213 20161231235960\r\n", 1483228800, 0 },
		{ "213 19691231235959\r\n", -1, 0 },
		{ "213 00010101000000\r\n", -62135596800, 0 },
		{ "213 20380119031408\r\n", 2147483648, 0 },
		{ "213 99991231235959\r\n", 253402300799, 0 },
	};
	static const char *const bad[] = {
		"213\r\n", "213 \r\n", "213 2001\r\n",
		"213 2001020304050\r\n", "213 200102030405060\r\n",
		"213 20010203040506.\r\n", "213 20010203040506,7\r\n",
		"213 20010203040506.7.8\r\n", "213 20010203040506.x\r\n",
		"213  20010203040506\r\n", "213 20010203040506 \r\n",
		"213 2001020304050x\r\n", "213 x0010203040506\r\n",
		"213 -2001020304050\r\n", "213 +2001020304050\r\n",
		/* as servers of the year 2000 wrote it */
		"213 19100010203040506\r\n",
		"213 00000101000000\r\n",
		"213 20010003040506\r\n", "213 20011303040506\r\n",
		"213 20010200040506\r\n", "213 20010232040506\r\n",
		"213 20010203240506\r\n", "213 20010203046006\r\n",
		"213 20010203040561\r\n",
		"213 2222222222222222222222222222222222222222222222222222222222222\r\n",
		"213 20010203040506.0000000000000000000000000\r\n",
		"213-20010203040506\r\n213 20010203040506\r\n",
		"213 20010203040506\t\r\n", "213 yesterday\r\n",
	};
	char text[KFTP_REPLY_TIME];
	u32 nanoseconds;
	s64 seconds;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		struct kftp_reply reply = reply_of(good[i].bytes);

		memset(text, 'x', sizeof(text));
		if (!kftp_reply_time(&reply, text, &seconds, &nanoseconds) ||
		    seconds != good[i].seconds ||
		    nanoseconds != good[i].nanoseconds)
			fail_msg("%s: %lld.%09u", good[i].bytes,
				 (long long)seconds, nanoseconds);
		assert_int_equal(strlen(text), reply.text_len);
		assert_memory_equal(text, reply.text, reply.text_len);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct kftp_reply reply = reply_of(bad[i]);

		if (kftp_reply_time(&reply, text, &seconds, &nanoseconds))
			fail_msg("%s", bad[i]);
	}
}

/* The text is copied as it is, so two of different length are not the same */
static void the_longest_time_fits(void **state)
{
	char bytes[64], text[KFTP_REPLY_TIME];
	u32 nanoseconds;
	s64 seconds;
	int digits;

	(void)state;
	for (digits = 1; digits < 30; digits++) {
		struct kftp_reply reply;
		bool taken;

		snprintf(bytes, sizeof(bytes), "213 20010203040506.%0*d\r\n",
			 digits, 0);
		reply = reply_of(bytes);
		taken = kftp_reply_time(&reply, text, &seconds, &nanoseconds);
		assert_int_equal(taken, 15 + digits < KFTP_REPLY_TIME);
		if (taken)
			assert_int_equal(strlen(text), 15 + digits);
	}
}

static void announced_sizes(void **state)
{
	static const struct { const char *bytes; s64 size; } sizes[] = {
		{ "150 Opening BINARY mode data connection for x (4096 bytes).\r\n",
		  4096 },
		{ "150 (7 bytes)\r\n", 7 },
		{ "150 (0 bytes)\r\n", 0 },
		{ "150 (9223372036854775807 bytes)\r\n", S64_MAX },
		{ "150 (12 octets)\r\n", -1 },
		{ "150 (12 byteS)\r\n", -1 },
		{ "150 (12 bytes]\r\n", -1 },
		{ "150 for a (b) (7 bytes)\r\n", 7 },
		{ "150 for (12 of 13 bytes) (14 bytes)\r\n", 14 },
		{ "150 for (1 bytes) (5 bytes).\r\n", 5 },
		{ "150-one\r\n150 two (7 bytes)\r\n", 7 },
		{ "125 Data connection already open. Transfer starting.\r\n", -1 },
		{ "150 (bytes)\r\n", -1 },
		{ "150 ( bytes)\r\n", -1 },
		{ "150 (-1 bytes)\r\n", -1 },
		{ "150 (12 bytes\r\n", -1 },
		{ "150 (12\r\n", -1 },
		{ "150 (\r\n", -1 },
		{ "150 (9223372036854775808 bytes)\r\n", -1 },
		{ "150\r\n", -1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kftp_reply reply = reply_of(sizes[i].bytes);

		if (kftp_reply_announced(&reply) != sizes[i].size)
			fail_msg("%s", sizes[i].bytes);
	}
}

/* No byte is looked at behind the most that is kept */
static void a_full_text_announces_what_is_in_it(void **state)
{
	char bytes[KFTP_REPLY_TEXT + 6];
	size_t len = KFTP_REPLY_TEXT, i;
	struct result r;

	(void)state;
	for (i = 0; i < 12; i++) {
		memset(bytes, '(', sizeof(bytes));
		memcpy(bytes, "150 ", 4);
		memcpy(bytes + 4 + len - i, "(123 bytes)", i < 11 ? i : 11);
		memcpy(bytes + 4 + len, "\r\n", 2);
		r = feed(bytes, 4 + len + 2, 512, 512);
		assert_true(r.complete);
		assert_int_equal(r.reply.text_len, len);
		assert_int_equal(kftp_reply_announced(&r.reply),
				 i < 11 ? -1 : 123);
	}
}

static void check_masked(const struct kftp_reply *reply, const char *secret,
			 const char *text)
{
	char *shown = malloc(KFTP_REPLY_SHOWN);
	size_t len = kftp_reply_masked(reply, secret, shown);

	assert_int_equal(len, strlen(text));
	assert_memory_equal(shown, text, len);
	free(shown);
}

static void secrets_are_masked(void **state)
{
	static const struct { const char *bytes, *secret, *text; } masks[] = {
		{ "530 no hunter2 here\r\n", "hunter2", "no * here" },
		{ "530 hunter2\r\n", "hunter2", "*" },
		{ "530 hunter2hunter2\r\n", "hunter2", "**" },
		{ "530 hunter\r\n", "hunter2", "hunter" },
		{ "530-hunter2\r\n530 hunter2\r\n", "hunter2", "*\n*" },
		{ "530 aaa\r\n", "aa", "*a" },
		{ "530 hunter2\r\n", "", "hunter2" },
		{ "530\r\n", "x", "" },
		/* what looks like a line of a reply is one to the parser */
		{ "530 hunter2\r\n", "530 hunter2", "*" },
		{ "530-no:\r\n530 hunter2\r\n", "530 hunter2", "no:\n*" },
		{ "530-hunter2\r\n530 no\r\n", "530-hunter2", "*\nno" },
		{ "530 530 hunter2\r\n", "530 hunter2", "*" },
		{ "530 hunter2\r\n", "550 hunter2", "hunter2" },
		{ "530 hunter2\r\n", "530xhunter2", "hunter2" },
		{ "530 hunter2\r\n", "wordhunter2", "hunter2" },
		{ "530 hunter3\r\n", "530 hunter2", "hunter3" },
		{ "530 hunter\r\n", "530 hunter2", "hunter" },
		{ "530 a hunter2\r\n", "530 hunter2", "a hunter2" },
		{ "530 no\r\n", "530 ", "no" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(masks); i++) {
		struct kftp_reply reply = reply_of(masks[i].bytes);

		check_masked(&reply, masks[i].secret, masks[i].text);
	}
}

static void what_is_shown_ends_where_it_should(void **state)
{
	char text[KFTP_REPLY_SHOWN + 2];
	struct result r = long_line(KFTP_REPLY_LINE_MAX, true, 512);
	struct kftp_reply reply = reply_of("530 no hunter2\r\n");

	(void)state;
	memset(text, 'x', sizeof(text));
	text[KFTP_REPLY_SHOWN] = '\0';
	check_masked(&r.reply, "secret", text);
	reply = ended_before(&reply, 1);
	check_masked(&reply, "hunter2", "no hunter");
}

/* @lead bytes of text, then secrets of @len bytes each, to the longest line */
static struct kftp_reply reply_of_secrets(size_t lead, size_t len,
					  char secret[KFTP_PASS_MAX + 1])
{
	char bytes[KFTP_REPLY_LINE_MAX + 2];
	struct result r;
	size_t i;

	memset(secret, 's', len);
	secret[0] = 'S';
	secret[len] = '\0';
	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "530 ", 4);
	for (i = 4 + lead; i + len <= KFTP_REPLY_LINE_MAX; i += len)
		memcpy(bytes + i, secret, len);
	memcpy(bytes + KFTP_REPLY_LINE_MAX, "\r\n", 2);
	r = feed(bytes, sizeof(bytes), 512, 512);
	assert_true(r.complete);
	return r.reply;
}

/* However secrets lie about the end of what is shown or kept, none shows */
static void secrets_at_the_edges_are_masked(void **state)
{
	static const size_t lens[] = { 1, 3, 8, 600, KFTP_PASS_MAX };
	char secret[KFTP_PASS_MAX + 1], shown[KFTP_REPLY_SHOWN];
	size_t i, lead, len;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		for (lead = 0; lead <= KFTP_REPLY_SHOWN; lead += 37) {
			struct kftp_reply reply =
				reply_of_secrets(lead, lens[i], secret);

			len = kftp_reply_masked(&reply, secret, shown);
			assert_true(len <= sizeof(shown));
			assert_null(memchr(shown, 's', len));
			assert_null(memchr(shown, 'S', len));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_cut_at_every_byte),
		cmocka_unit_test(replies_a_byte_at_a_time),
		cmocka_unit_test(nul_bytes_are_text),
		cmocka_unit_test(the_longest_line_is_taken),
		cmocka_unit_test(a_longer_line_is_refused),
		cmocka_unit_test(a_cr_may_be_a_byte_too_many),
		cmocka_unit_test(the_most_lines_are_taken),
		cmocka_unit_test(more_lines_are_refused),
		cmocka_unit_test(the_longest_reply_is_taken),
		cmocka_unit_test(a_longer_reply_is_refused),
		cmocka_unit_test(a_reply_under_way_may_be_what_is_hoped_for),
		cmocka_unit_test(each_code_may_be_hoped_for),
		cmocka_unit_test(codes_mean_errnos),
		cmocka_unit_test(texts_end_where_they_end),
		cmocka_unit_test(sizes),
		cmocka_unit_test(a_size_that_was_cut_is_none),
		cmocka_unit_test(days_of_months),
		cmocka_unit_test(times),
		cmocka_unit_test(the_longest_time_fits),
		cmocka_unit_test(announced_sizes),
		cmocka_unit_test(a_full_text_announces_what_is_in_it),
		cmocka_unit_test(secrets_are_masked),
		cmocka_unit_test(what_is_shown_ends_where_it_should),
		cmocka_unit_test(secrets_at_the_edges_are_masked),
	};

	return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
