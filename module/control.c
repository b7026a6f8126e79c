// SPDX-License-Identifier: GPL-2.0
/*
 * Lines over the control connection, RFC 959 chapters 4 and 5.
 *
 * A reply answers the last command sent, so a reply that is there before its
 * command means that both ends have lost count: the session is given up before
 * anything is taken for an answer that it is not.
 */
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "control.h"

/* How long a server is given to answer QUIT */
#define KFTP_QUIT_WAIT		(HZ / 2)

/**
 * kftp_control_init - prepare for a connection
 * @control: zeroed
 * @state: where final replies are shown
 * @pass: what must not be shown; lives as long as @control
 * @listener: of the session's data connections; lives as long
 */
void kftp_control_init(struct kftp_control *control, struct kftp_state *state,
		       const char *pass, struct kftp_sock *listener)
{
	control->state = state;
	control->pass = pass;
	control->listener = listener;
	control->fresh = true;
}

/* Receive once, if the parser has nothing left */
static int control_fill(struct kftp_control *control)
{
	int n;

	if (control->in_pos < control->in_len)
		return 0;
	n = kftp_sock_recv(&control->sock, control->in, sizeof(control->in));
	if (n <= 0)
		return n ?: -ECONNRESET;
	control->in_pos = 0;
	control->in_len = n;
	return 0;
}

static int control_parse(struct kftp_control *control, bool *complete)
{
	int n;

	if (control->fresh) {
		kftp_reply_init(&control->reply);
		control->fresh = false;
	}
	n = kftp_reply_feed(&control->reply, control->in + control->in_pos,
			    control->in_len - control->in_pos, complete);
	if (n < 0)
		return n;
	control->in_pos += n;
	control->fresh = *complete;
	return 0;
}

/**
 * kftp_control_try_reply - read a reply as far as it is there
 * @control: a connected control connection
 *
 * Return: the code of a complete reply; 0 if more is to come; -ECONNRESET if
 * the connection has ended, -EPROTO if that is no reply, or another errno.
 */
int kftp_control_try_reply(struct kftp_control *control)
{
	bool complete = false;
	int err;

	while (!complete) {
		err = kftp_wait_check(control->sock.wait) ?:
		      control_fill(control);
		if (err == -EAGAIN)
			return 0;
		err = err ?: control_parse(control, &complete);
		if (err)
			return err;
	}
	return control->reply.code;
}

/**
 * kftp_control_show - let sysfs show the last reply, if it is a final one
 * @control: after kftp_control_try_reply() returned a code
 */
void kftp_control_show(struct kftp_control *control)
{
	size_t len;

	if (control->reply.code < 200)
		return;
	len = kftp_reply_masked(&control->reply, control->pass, control->shown);
	kftp_state_reply(control->state, control->reply.code, control->shown,
			 len);
}

static int control_wait_reply(struct kftp_control *control)
{
	int code, err;

	do {
		err = kftp_wait_for(control->sock.wait,
				    kftp_control_ready(control));
		if (err)
			return err;
		code = kftp_control_try_reply(control);
	} while (!code);
	return code;
}

/**
 * kftp_control_reply - wait for a reply and show it if it is final
 * @control: a connected control connection
 *
 * Return: its code, or a negative errno as kftp_control_try_reply(), or of
 * kftp_wait_for().
 */
int kftp_control_reply(struct kftp_control *control)
{
	int code = control_wait_reply(control);

	if (code > 0)
		kftp_control_show(control);
	return code;
}

/*
 * Nothing may be there before a command. A server that is about to go may say
 * so at any time, though: then that is the reason to stop.
 */
static int control_in_step(struct kftp_control *control)
{
	int code;

	if (control->in_pos == control->in_len && control->fresh &&
	    !kftp_sock_readable(&control->sock))
		return 0;

	code = kftp_control_try_reply(control);
	if (!code && kftp_reply_may_be(&control->reply, 421)) {
		/* what connects meanwhile would wait with all that it sends */
		kftp_sock_close(control->listener);
		code = control_wait_reply(control);
	}
	if (code < 0)
		return code;
	if (code != 421)
		return -EPROTO;
	kftp_control_show(control);
	return kftp_reply_errno(code);
}

static int control_send(struct kftp_control *control, const char *verb,
			const char *arg)
{
	int err, len;

	len = snprintf(control->out, sizeof(control->out), "%s%s%s\r\n", verb,
		       arg ? " " : "", arg ?: "");
	if (WARN_ON_ONCE(len >= sizeof(control->out)))
		return -EINVAL;
	err = kftp_sock_send(&control->sock, control->out, len);
	memzero_explicit(control->out, len);
	return err == -EPIPE ? -ECONNRESET : err;
}

/**
 * kftp_control_send - send a command
 * @control: a connected control connection
 * @verb: the command
 * @arg: its argument, sent as it is, or NULL
 *
 * Return: 0 or a negative errno, -EPROTO if a reply is there before it.
 */
int kftp_control_send(struct kftp_control *control, const char *verb,
		      const char *arg)
{
	return control_in_step(control) ?: control_send(control, verb, arg);
}

/**
 * kftp_control_command - send a command and wait for its reply
 * @control: a connected control connection
 * @verb: the command
 * @arg: its argument, sent as it is, or NULL
 *
 * Return: the reply's code, or a negative errno.
 */
int kftp_control_command(struct kftp_control *control, const char *verb,
			 const char *arg)
{
	return kftp_control_send(control, verb, arg) ?:
	       kftp_control_reply(control);
}

/**
 * kftp_control_ask - send a command that changes nothing, and wait
 * @control: a connected control connection
 * @verb: the command
 * @arg: its argument, sent as it is, or NULL
 *
 * The reply is not shown, which would hide what is of more interest, but for a
 * farewell.
 *
 * Return: the reply's code, or a negative errno.
 */
int kftp_control_ask(struct kftp_control *control, const char *verb,
		     const char *arg)
{
	int code;

	code = kftp_control_send(control, verb, arg) ?:
	       control_wait_reply(control);
	if (code == 421)
		kftp_control_show(control);
	return code;
}

/**
 * kftp_control_close - take leave of the server, without depending on it
 * @control: a control connection, perhaps not connected
 *
 * QUIT is sent unless something is there that was not asked for. The answer is
 * neither shown nor needed. It and the server's end of the connection are waited
 * for but a moment, so that a server which keeps to RFC 959 sees no reset.
 */
void kftp_control_close(struct kftp_control *control)
{
	struct kftp_wait *wait = control->sock.wait;
	u64 deadline;
	int err;

	if (!control->sock.sock)
		return;
	if (control->fresh && !kftp_control_ready(control)) {
		deadline = kftp_wait_limit(wait, KFTP_QUIT_WAIT);
		err = control_send(control, "QUIT", NULL);
		while (!err)
			err = min(control_wait_reply(control), 0);
		wait->deadline = deadline;
		kftp_sock_shutdown(&control->sock);
	}
	kftp_sock_close(&control->sock);
}
