/* SPDX-License-Identifier: GPL-2.0 */
/* What a get and a put have in common once they are logged in */
#ifndef _KFTP_DIALOGUE_H
#define _KFTP_DIALOGUE_H

#include "control.h"
#include "data.h"
#include "pace.h"
#include "session.h"

/* How many 1yz replies a server may send where one is due */
#define KFTP_PRELIMINARY_MAX	8

/**
 * struct dialogue - a session while it runs
 * @session: which
 * @config: the session's
 * @wait: the session's
 * @state: the session's
 * @control: the control connection
 * @data: the data connection
 * @pace: when bytes may be moved
 * @version: of the server's file
 * @offset: the first byte that is moved
 * @expect: how many bytes there will be in all, or -1 if the server does not say
 * @bytes: that there are, those before @offset included
 * @append: the server is told APPE
 * @sends: the command under way moves bytes to the server
 * @preliminary: 1yz replies to the command that moves data
 * @ended: all bytes are moved
 * @complete: the 2yz reply to that command is there
 * @unsure: and a reset, before the server's host had acknowledged all
 * @doubtful: what is there already is not what it should be
 * @again: without what is there already it may go better
 */
struct dialogue {
	struct kftp_session *session;
	const struct kftp_config *config;
	struct kftp_wait *wait;
	struct kftp_state *state;
	struct kftp_control control;
	struct kftp_data data;
	struct kftp_pace pace;
	struct kftp_version version;
	loff_t offset;
	s64 expect;
	s64 bytes;
	bool append;
	bool sends;
	unsigned int preliminary;
	bool ended;
	bool complete;
	bool unsure;
	bool doubtful;
	bool again;
};

int kftp_dialogue_size(struct dialogue *d, const char *path, s64 *size);
int kftp_dialogue_time(struct dialogue *d, const char *path,
		       struct timespec64 *time);
int kftp_dialogue_port(struct dialogue *d);
int kftp_dialogue_rest(struct dialogue *d, loff_t offset);
int kftp_dialogue_open(struct dialogue *d, const char *verb, const char *path);
int kftp_dialogue_watch(struct dialogue *d);
int kftp_dialogue_transfer(struct dialogue *d);
int kftp_dialogue_digest(struct dialogue *d, struct shash_desc *digest);
int kftp_dialogue_check_size(struct dialogue *d, s64 size);

int kftp_get(struct dialogue *d);
int kftp_put_check(struct dialogue *d);
int kftp_put(struct dialogue *d);

/**
 * want_2yz - turn a reply into a result
 * @code: what kftp_control_command() returned
 *
 * Return: 0 for a reply 2yz, else a negative errno.
 */
static inline int want_2yz(int code)
{
	if (code < 0)
		return code;
	/* 221 is a farewell, and confirms nothing */
	return code / 100 == 2 && code != 221 ? 0 : kftp_reply_errno(code);
}

/**
 * is_get - which way do bytes go?
 * @d: a dialogue
 *
 * Return: true if they come from the server.
 */
static inline bool is_get(const struct dialogue *d)
{
	return d->config->direction == KFTP_GET;
}

#endif /* _KFTP_DIALOGUE_H */
