// SPDX-License-Identifier: GPL-2.0
/*
 * Replies: however a stream of them is cut, they are what a model says that sees
 * all of it at once.
 *
 * The input's first line are the lengths of the segments that the stream is cut
 * into, over and over (a space counts 1), its second a password, the rest is the
 * stream; see expand() for its long lines.
 */
#define _GNU_SOURCE
#include "fuzz.h"
#include "reply.h"

/* A reply that is too long, and a line */
#define STREAM_MAX	(KFTP_REPLY_BYTES_MAX + 2 * KFTP_REPLY_LINE_MAX)

/* What a reply is, by its model */
struct model {
	enum { INCOMPLETE, MALFORMED, COMPLETE } is;
	int code;
	unsigned int lines;
	size_t bytes;
	char text[KFTP_REPLY_BYTES_MAX];
	size_t len;
};

static void model_text(struct model *m, const char *bytes, size_t len)
{
	memcpy(m->text + m->len, bytes, len);
	m->len += len;
}

static int code_of(const char *line, size_t len)
{
	char digits[4] = "";

	if (len < 3)
		return -1;
	memcpy(digits, line, 3);
	if (strspn(digits, "0123456789") < 3)
		return -1;
	return atoi(digits);
}

/* The first reply of the @len bytes at @stream */
static void model_of(struct model *m, const char *stream, size_t len)
{
	size_t at = 0;

	m->lines = 0;
	m->len = 0;
	m->code = 0;
	m->is = MALFORMED;
	for (;;) {
		const char *line = stream + at;
		const char *end = memchr(line, '\n', len - at);
		size_t line_len = end ? (size_t)(end - line) : len - at;
		int code;

		at += line_len + !!end;
		if (line_len && line[line_len - 1] == '\r')
			line_len--;
		if (line_len > KFTP_REPLY_LINE_MAX || at > KFTP_REPLY_BYTES_MAX)
			return;
		if (!end) {
			m->is = INCOMPLETE;
			return;
		}
		m->lines++;
		m->bytes = at;
		code = code_of(line, line_len);
		if (m->lines == 1) {
			if (code < 100 || code > 599)
				return;
			m->code = code;
			if (line_len == 3 || line[3] == ' ')
				m->is = COMPLETE;
			else if (line[3] != '-')
				return;
			if (line_len > 3)
				model_text(m, line + 4, line_len - 4);
		} else {
			model_text(m, "\n", 1);
			if (code == m->code && line_len > 3 && line[3] == ' ') {
				m->is = COMPLETE;
				line += 4;
				line_len -= 4;
			}
			model_text(m, line, line_len);
		}
		if (m->is == COMPLETE || m->lines == KFTP_REPLY_LINES_MAX)
			return;
	}
}

/* A number of nothing but digits, or -1, by other means than the module's */
static s64 number_of(const char *text, size_t len)
{
	static const char largest[] = "9223372036854775807";
	char copy[sizeof(largest)];
	size_t i;

	if (!len)
		return -1;
	for (i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return -1;
	for (; len > 1 && *text == '0'; len--)
		text++;
	if (len >= sizeof(largest))
		return -1;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (len == sizeof(largest) - 1 && strcmp(copy, largest) > 0)
		return -1;
	return strtoll(copy, NULL, 10);
}

static void check_size(const struct kftp_reply *reply)
{
	s64 size = kftp_reply_size(reply);
	s64 model = number_of(reply->text, reply->text_len);

	HOLDS(size == model, "size %lld, not %lld", (long long)size,
	      (long long)model);
}

/* Looks from the end, and from a number's end to its beginning */
static s64 announced_of(const char *text, size_t len)
{
	static const char unit[] = " bytes)";
	size_t at, from;

	for (at = len; at-- > 0;) {
		if (len - at < strlen(unit) ||
		    memcmp(text + at, unit, strlen(unit)))
			continue;
		for (from = at; from > 0 && text[from - 1] >= '0' &&
		     text[from - 1] <= '9';)
			from--;
		if (from && text[from - 1] == '(' &&
		    number_of(text + from, at - from) >= 0)
			return number_of(text + from, at - from);
	}
	return -1;
}

static void check_announced(const struct kftp_reply *reply)
{
	s64 size = kftp_reply_announced(reply);
	s64 model = announced_of(reply->text, reply->text_len);

	HOLDS(size == model, "announced %lld, not %lld", (long long)size,
	      (long long)model);
}

/* What is taken for a time is one, and means the seconds that are told */
static void check_time(const struct kftp_reply *reply)
{
	char text[KFTP_REPLY_TIME], copy[KFTP_REPLY_TIME], shown[64];
	char fraction[10] = "000000000";
	s64 seconds = 4711;
	u32 nanoseconds = 4711;
	size_t len = reply->text_len, n;
	struct tm tm = {}, *then;
	time_t t;
	bool good;

	memset(text, 'x', sizeof(text));
	good = kftp_reply_time(reply, text, &seconds, &nanoseconds);
	if (!good) {
		HOLDS(seconds == 4711 && nanoseconds == 4711, "set all the same");
		HOLDS(text[0] == 'x', "text set all the same");
	}
	if (len < 14 || len >= sizeof(copy) || memchr(reply->text, '\0', len)) {
		HOLDS(!good, "a time of %zu bytes", len);
		return;
	}
	memcpy(copy, reply->text, len);
	copy[len] = '\0';
	n = strspn(copy, "0123456789");
	if (copy[n] == '.' && n == 14 && len > n + 1)
		n += 1 + strspn(copy + n + 1, "0123456789");
	if (n != len || strcspn(copy, ".") != 14 ||
	    sscanf(copy, "%4d%2d%2d%2d%2d%2d", &tm.tm_year, &tm.tm_mon,
		   &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6) {
		HOLDS(!good, "'%s' is no time", copy);
		return;
	}
	tm.tm_year -= 1900;
	tm.tm_mon--;
	if (tm.tm_sec == 60)
		tm.tm_sec = 59;
	t = timegm(&tm);
	then = gmtime(&t);
	snprintf(shown, sizeof(shown), "%04d%02d%02d%02d%02d%02d",
		 then->tm_year + 1900, then->tm_mon + 1, then->tm_mday,
		 then->tm_hour, then->tm_min, then->tm_sec);
	if (memcmp(copy + 12, "60", 2) == 0) {
		memcpy(shown + 12, "60", 2);
		t++;
	}
	if (memcmp(copy, "0000", 4) == 0 || memcmp(copy, shown, 14)) {
		HOLDS(!good, "there is no time '%s'", copy);
		return;
	}
	HOLDS(good, "'%s' is a time", copy);
	HOLDS(seconds == t, "'%s': %lld, not %lld", copy, (long long)seconds,
	      (long long)t);
	HOLDS(!strcmp(text, copy), "'%s' for '%s'", text, copy);
	if (len > 15)
		memcpy(fraction, copy + 15, len - 15 < 9 ? len - 15 : 9);
	HOLDS(nanoseconds == strtoul(fraction, NULL, 10), "'%s': %u ns", copy,
	      nanoseconds);
}

/* @m's whole text, with each @secret that begins in what is shown masked */
static void check_masked(const struct kftp_reply *reply, const struct model *m,
			 const char *secret)
{
	char *shown = malloc(KFTP_REPLY_SHOWN);
	size_t len = kftp_reply_masked(reply, secret, shown);
	size_t secret_len = strlen(secret), from = 0, to = 0;

	HOLDS(len <= KFTP_REPLY_SHOWN, "%zu", len);
	while (from < m->len && from < KFTP_REPLY_SHOWN) {
		const char *next = NULL;
		size_t until = KFTP_REPLY_SHOWN;

		if (secret_len)
			next = memmem(m->text + from, m->len - from, secret,
				      secret_len);
		if (until > m->len)
			until = m->len;
		if (next && (size_t)(next - m->text) < until)
			until = next - m->text;
		else
			next = NULL;
		HOLDS(to + until - from <= len, "%zu of %zu", len,
		      to + until - from);
		HOLDS(!memcmp(shown + to, m->text + from, until - from),
		      "other text is shown at %zu", to);
		to += until - from;
		from = until;
		if (next) {
			HOLDS(to < len && shown[to] == '*', "no mask at %zu", to);
			to++;
			from += secret_len;
		}
	}
	HOLDS(to == len, "%zu, not %zu", len, to);
	/* only an asterisk of its own may come of a mask and its neighbours */
	if (secret_len && !strchr(secret, '*'))
		HOLDS(!memmem(shown, len, secret, secret_len), "the password");
	free(shown);
}

static void check_reply(const struct kftp_reply *reply, const struct model *m,
			const char *secret)
{
	size_t len = m->len < KFTP_REPLY_TEXT ? m->len : KFTP_REPLY_TEXT;

	HOLDS(reply->code == m->code, "code %d, not %d", reply->code, m->code);
	HOLDS(reply->lines == m->lines, "%u lines, not %u", reply->lines,
	      m->lines);
	HOLDS(reply->text_len == len, "%zu bytes, not %zu", reply->text_len, len);
	HOLDS(!memcmp(reply->text, m->text, len), "another text");
	HOLDS(kftp_reply_errno(reply->code) < 0, "%d", reply->code);
	check_size(reply);
	check_time(reply);
	check_announced(reply);
	check_masked(reply, m, secret);
}

/* May the reply, of which @len bytes at @begun came, be 421? */
static void check_may_be(const struct kftp_reply *reply, const char *begun,
			 size_t len)
{
	bool may = kftp_reply_may_be(reply, 421);

	if (reply->lines)
		HOLDS(may == (reply->code == 421), "%d", reply->code);
	else
		HOLDS(may == !memcmp(begun, "421", len < 3 ? len : 3),
		      "%.3s of %zu bytes", begun, len);
}

/* All replies of @stream, in segments whose lengths @cuts has */
static void check_stream(const char *stream, size_t size, const u8 *cuts,
			 size_t cuts_len, const char *secret)
{
	static struct model m;
	struct kftp_reply reply;
	size_t begun = 0, at = 0, pos = 0, cut, n = 0, i = 0;
	bool complete;
	char *segment = NULL;
	int ret = 0;

	kftp_reply_init(&reply);
	model_of(&m, stream, size);
	for (;;) {
		if (pos == n) {
			if (at == size)
				break;
			n = size - at;
			if (cuts_len) {
				cut = 1 + (u8)(cuts[i++ % cuts_len] - ' ');
				n = cut < n ? cut : n;
			}
			free(segment);
			segment = exactly(stream + at, n);
			at += n;
			pos = 0;
		}
		ret = kftp_reply_feed(&reply, segment + pos, n - pos, &complete);
		if (ret < 0) {
			HOLDS(ret == -EPROTO, "%d", ret);
			HOLDS(m.is == MALFORMED, "refused at %zu", at);
			break;
		}
		HOLDS(reply.text_len <= sizeof(reply.text), "%zu",
		      reply.text_len);
		HOLDS((size_t)ret <= n - pos, "%d taken of %zu", ret, n - pos);
		pos += ret;
		if (!complete) {
			HOLDS(pos == n, "%zu left", n - pos);
			check_may_be(&reply, stream + begun, at - begun);
			continue;
		}
		HOLDS(m.is == COMPLETE, "complete at %zu", at - n + pos);
		HOLDS(at - n + pos - begun == m.bytes, "%zu taken, not %zu",
		      at - n + pos - begun, m.bytes);
		check_reply(&reply, &m, secret);
		begun += m.bytes;
		kftp_reply_init(&reply);
		model_of(&m, stream + begun, size - begun);
	}
	free(segment);
	HOLDS(ret < 0 || m.is == INCOMPLETE, "what should be %s is not",
	      m.is == COMPLETE ? "complete" : "malformed");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static char stream[STREAM_MAX], secret[KFTP_PASS_MAX + 1];
	const u8 *cuts = data, *end;
	size_t cuts_len, len;

	end = memchr(data, '\n', size);
	if (!end)
		return -1;
	cuts_len = end - cuts;
	size -= cuts_len + 1;
	data = end + 1;
	end = memchr(data, '\n', size);
	if (!end)
		return -1;
	len = expand(data, end - data, secret, KFTP_PASS_MAX);
	secret[len] = '\0';
	size -= end + 1 - data;
	data = end + 1;
	size = expand(data, size, stream, sizeof(stream));

	check_stream(stream, size, cuts, cuts_len, secret);
	check_stream(stream, size, NULL, 0, secret);
	return 0;
}
