/* SPDX-License-Identifier: GPL-2.0 */
/* The control connection: commands and replies */
#ifndef _KFTP_CONTROL_H
#define _KFTP_CONTROL_H

#include "kftp.h"
#include "net.h"
#include "reply.h"
#include "state.h"

/* The longest verb, a space, a path, CR LF and the end of the string */
#define KFTP_COMMAND_MAX	(4 + 1 + KFTP_PATH_MAX + 2 + 1)

/**
 * struct kftp_control - a control connection
 * @sock: the connection
 * @state: where final replies are shown
 * @pass: the password, masked in what is shown
 * @listener: nobody is to connect to it any more when the server takes its leave
 * @reply: the reply under way, or the last one
 * @fresh: @reply is complete: the next byte begins another
 * @in: bytes received
 * @in_pos: first of them that is not parsed yet
 * @in_len: how many there are
 * @shown: the text of a reply without the password
 * @out: the command being sent
 *
 * Holds secrets: free with kfree_sensitive().
 */
struct kftp_control {
	struct kftp_sock sock;
	struct kftp_state *state;
	const char *pass;
	struct kftp_sock *listener;
	struct kftp_reply reply;
	bool fresh;
	size_t in_pos;
	size_t in_len;
	char in[512];
	char shown[KFTP_REPLY_SHOWN];
	char out[KFTP_COMMAND_MAX];
};

void kftp_control_init(struct kftp_control *control, struct kftp_state *state,
		       const char *pass, struct kftp_sock *listener);
int kftp_control_send(struct kftp_control *control, const char *verb,
		      const char *arg);
int kftp_control_command(struct kftp_control *control, const char *verb,
			 const char *arg);
int kftp_control_ask(struct kftp_control *control, const char *verb,
		     const char *arg);
int kftp_control_reply(struct kftp_control *control);
int kftp_control_try_reply(struct kftp_control *control);
void kftp_control_show(struct kftp_control *control);
void kftp_control_close(struct kftp_control *control);

/**
 * kftp_control_ready - would kftp_control_try_reply() get on?
 * @control: a connected control connection
 *
 * Return: true if there is something to parse, or the connection has ended.
 */
static inline bool kftp_control_ready(struct kftp_control *control)
{
	return control->in_pos < control->in_len ||
	       kftp_sock_readable(&control->sock);
}

#endif /* _KFTP_CONTROL_H */
