/* SPDX-License-Identifier: GPL-2.0 */
/* FTP replies, RFC 959 section 4.2: a byte at a time, in bounded space */
#ifndef _KFTP_REPLY_H
#define _KFTP_REPLY_H

#include "kftp.h"
#include "pure.h"

/* What one reply may have at most; anything beyond is malformed */
#define KFTP_REPLY_LINE_MAX	4096
#define KFTP_REPLY_LINES_MAX	256
#define KFTP_REPLY_BYTES_MAX	65536

/* How much of the text is shown */
#define KFTP_REPLY_SHOWN	1000

/*
 * How much is kept: enough that a password which starts in the shown part is
 * there to its last byte, and so can be masked.
 */
#define KFTP_REPLY_TEXT		(KFTP_REPLY_SHOWN + KFTP_PASS_MAX)

/* A time as MDTM tells it, YYYYMMDDHHMMSS.sss, and the end of the string */
#define KFTP_REPLY_TIME		32

/**
 * struct kftp_reply - a reply while it is read, and after
 * @code: the three digits, once the first line is complete
 * @text_len: bytes in @text
 * @text: the text without the codes of the first and the last line, lines
 *	separated by LF, cut at its end to what fits; not terminated
 * @lines: lines completed
 * @bytes: bytes seen
 * @line_len: bytes of the line under way, without its end
 * @head: the first four of them
 * @cr: a CR was seen and it is not known yet whether it ends the line
 * @multi: between the first and the last line of a multi-line reply
 */
struct kftp_reply {
	int code;
	size_t text_len;
	char text[KFTP_REPLY_TEXT];

	unsigned int lines;
	size_t bytes;
	size_t line_len;
	char head[4];
	bool cr;
	bool multi;
};

void kftp_reply_init(struct kftp_reply *reply);
int kftp_reply_feed(struct kftp_reply *reply, const char *buf, size_t len,
		    bool *complete);
bool kftp_reply_may_be(const struct kftp_reply *reply, int code);
int kftp_reply_errno(int code);
s64 kftp_reply_size(const struct kftp_reply *reply);
bool kftp_reply_time(const struct kftp_reply *reply,
		     char text[KFTP_REPLY_TIME], s64 *seconds, u32 *nanoseconds);
s64 kftp_reply_announced(const struct kftp_reply *reply);
size_t kftp_reply_masked(const struct kftp_reply *reply, const char *secret,
			 char text[KFTP_REPLY_SHOWN]);

#endif /* _KFTP_REPLY_H */
