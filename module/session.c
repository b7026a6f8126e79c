// SPDX-License-Identifier: GPL-2.0
/*
 * The FTP dialogue of RFC 959, from top to bottom: connect, greeting, log-in,
 * type, size, port, retrieve, the data, the end.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "control.h"
#include "data.h"
#include "session.h"

/* How many 1yz replies a server may send where one is due */
#define KFTP_PRELIMINARY_MAX	8

/**
 * struct dialogue - a session while it runs
 * @session: which
 * @wait: the session's
 * @state: the session's
 * @control: the control connection
 * @data: the data connection
 * @expect: bytes that will come, or -1 if the server does not say
 * @bytes: that came
 * @preliminary: 1yz replies to RETR
 * @complete: the 2yz reply to RETR is there
 */
struct dialogue {
	struct kftp_session *session;
	struct kftp_wait *wait;
	struct kftp_state *state;
	struct kftp_control control;
	struct kftp_data data;
	s64 expect;
	s64 bytes;
	unsigned int preliminary;
	bool complete;
};

static const char *config_user(const struct kftp_config *config)
{
	return config->user ?: KFTP_USER_DEFAULT;
}

static const char *config_pass(const struct kftp_config *config)
{
	if (config->pass)
		return config->pass;
	return strcmp(config_user(config), KFTP_USER_DEFAULT) ?
	       "" : KFTP_PASS_DEFAULT;
}

/* @code is what kftp_control_command() returned */
static int want_2yz(int code)
{
	if (code < 0)
		return code;
	return code / 100 == 2 ? 0 : kftp_reply_errno(code);
}

/* The time for connecting is shared by all addresses that are left */
static int dialogue_connect(struct dialogue *d)
{
	const struct kftp_config *config = d->session->config;
	struct kftp_addr addrs[KFTP_ADDRS_MAX] = { d->session->server };
	int i, n = 1, err = -EHOSTUNREACH;
	u64 stall;

	if (addrs[0].sa.sa_family == AF_UNSPEC) {
		kftp_state_phase(d->state, KFTP_PHASE_RESOLVE);
		n = kftp_net_resolve(d->wait, config->host, config->port, addrs);
		if (n < 0)
			return n;
	}

	kftp_state_phase(d->state, KFTP_PHASE_CONNECT);
	stall = d->wait->stall;
	for (i = 0; i < n; i++) {
		kftp_wait_share(d->wait, stall, n - i);
		err = kftp_sock_connect(&d->control.sock, d->wait,
					d->session->net, &addrs[i]);
		if (!err)
			return kftp_sock_peer(&d->control.sock, &d->data.server);
		if (err == -ECANCELED || err == -ENOMEM)
			return err;
	}
	return err;
}

static int dialogue_greeting(struct dialogue *d)
{
	int code, tries = 0;

	kftp_state_phase(d->state, KFTP_PHASE_LOGIN);
	do {
		code = kftp_control_reply(&d->control);
	} while (code >= 100 && code < 200 && ++tries < KFTP_PRELIMINARY_MAX);
	return want_2yz(code);
}

/* An account (332, ACCT) is nothing that a job could name */
static int dialogue_login(struct dialogue *d)
{
	const struct kftp_config *config = d->session->config;
	int code;

	code = kftp_control_command(&d->control, "USER",
				    config_user(config));
	if (code == 331)
		code = kftp_control_command(&d->control, "PASS",
					    config_pass(config));
	return want_2yz(code);
}

static int dialogue_type(struct dialogue *d)
{
	kftp_state_phase(d->state, KFTP_PHASE_NEGOTIATE);
	return want_2yz(kftp_control_command(&d->control, "TYPE", "I"));
}

static int check_size(struct dialogue *d, s64 size)
{
	u64 max_size = d->session->config->max_size;

	if (max_size && size > (s64)max_size)
		return -EFBIG;
	return size > d->session->sink.limit ? -EFBIG : 0;
}

/* RFC 3659 section 4; a server need not know SIZE, nor answer it well */
static int dialogue_size(struct dialogue *d)
{
	int code;

	code = kftp_control_command(&d->control, "SIZE", d->session->config->src);
	if (code < 0)
		return code;
	if (code == 421)
		return kftp_reply_errno(code);
	if (code != 213)
		return code >= 400 ? 0 : -EPROTO;
	d->expect = kftp_reply_size(&d->control.reply);
	kftp_state_size(d->state, d->expect);
	return check_size(d, d->expect);
}

/*
 * Listen on the address that the server already knows us by, before it can
 * connect: some servers do so before they answer.
 */
static int dialogue_port(struct dialogue *d)
{
	const struct kftp_config *config = d->session->config;
	char command[KFTP_ADDR_COMMAND_MAX];
	struct kftp_addr local;
	int err;

	err = kftp_sock_local(&d->control.sock, &local);
	if (err)
		return err;
	err = kftp_sock_listen(&d->data.listener, d->wait, d->session->net,
			       &local, config->port_min, config->port_max);
	if (err)
		return err;
	err = kftp_addr_command(&local, command, sizeof(command));
	if (err < 0)
		return err;
	return want_2yz(kftp_control_command(&d->control, command, NULL));
}

/* Look at what the server says to RETR, if it says anything */
static int watch_control(struct dialogue *d)
{
	int code;

	if (d->complete || !kftp_control_ready(&d->control))
		return 0;
	code = kftp_control_try_reply(&d->control);
	if (code <= 0)
		return code;
	kftp_control_show(&d->control);

	if (code < 200) {
		if (++d->preliminary > KFTP_PRELIMINARY_MAX)
			return -EPROTO;
		/* what SIZE said counts more */
		if (d->expect < 0)
			d->expect = kftp_reply_announced(&d->control.reply);
		return check_size(d, d->expect);
	}
	if (!d->preliminary && code < 300)
		return -EPROTO;
	d->complete = true;
	return want_2yz(code);
}

/* The connection and the 150 come in any order, and 226 may overtake both */
static int dialogue_retrieve(struct dialogue *d)
{
	struct kftp_data *data = &d->data;
	int err;

	kftp_state_phase(d->state, KFTP_PHASE_ACCEPT);
	err = kftp_control_send(&d->control, "RETR", d->session->config->src);
	if (err)
		return err;

	while (!data->conn.sock || !d->preliminary) {
		err = kftp_wait_for(d->wait,
				    (!d->complete &&
				     kftp_control_ready(&d->control)) ||
				    kftp_sock_readable(&data->listener));
		if (err)
			return err;
		err = watch_control(d);
		if (err)
			return err;
		if (!kftp_sock_readable(&data->listener))
			continue;
		err = kftp_data_accept(data);
		if (!err)
			kftp_state_peer(d->state, &data->peer);
		else if (err != -EAGAIN)
			return err;
	}
	return 0;
}

static int count_bytes(struct dialogue *d, size_t more)
{
	d->bytes = kftp_state_moved(d->state, more);
	if (d->expect >= 0 && d->bytes > d->expect)
		return -EIO;
	return check_size(d, d->bytes);
}

/* Over when the data have ended and the server has said that it sent them all */
static int dialogue_transfer(struct dialogue *d)
{
	struct kftp_data *data = &d->data;
	bool ended = false;
	ssize_t n;
	int err;

	kftp_state_phase(d->state, KFTP_PHASE_TRANSFER);
	while (!ended || !d->complete) {
		err = kftp_wait_for(d->wait,
				    (!d->complete &&
				     kftp_control_ready(&d->control)) ||
				    (!ended && kftp_sock_readable(&data->conn)));
		if (err)
			return err;
		err = watch_control(d);
		if (err)
			return err;
		if (ended)
			continue;

		n = kftp_data_pump(data, &d->session->sink);
		if (n > 0)
			err = count_bytes(d, n);
		else if (n != -EAGAIN)
			err = n;
		if (err)
			return err;
		if (!n) {
			ended = true;
			kftp_sock_shutdown(&data->conn);
		}
		cond_resched();
	}
	return d->expect >= 0 && d->bytes != d->expect ? -EIO : 0;
}

static int dialogue_commit(struct dialogue *d)
{
	kftp_state_phase(d->state, KFTP_PHASE_COMMIT);
	return kftp_sink_publish(&d->session->sink, d->wait);
}

/**
 * kftp_session_run - fetch the file
 * @session: complete, with an open sink
 *
 * Context: a work item with the caller's credentials; sleeps in
 * kftp_wait_for() and on the sink's file system.
 *
 * Return: 0 if the file is in its place, or a negative errno. All sockets are
 * closed, the sink is not.
 */
int kftp_session_run(struct kftp_session *session)
{
	struct dialogue *d;
	int err;

	err = kftp_wait_check(&session->wait) ?:
	      kftp_state_prepare(session->state);
	if (err)
		return err;
	d = kvzalloc(sizeof(*d), GFP_KERNEL);
	if (!d)
		return -ENOMEM;
	d->session = session;
	d->wait = &session->wait;
	d->state = session->state;
	d->expect = -1;
	kftp_control_init(&d->control, session->state,
			  config_pass(session->config));

	err = dialogue_connect(d) ?:
	      dialogue_greeting(d) ?:
	      dialogue_login(d) ?:
	      dialogue_type(d) ?:
	      dialogue_size(d) ?:
	      dialogue_port(d) ?:
	      dialogue_retrieve(d) ?:
	      dialogue_transfer(d) ?:
	      dialogue_commit(d);

	session->strangers = d->data.strangers;
	kftp_data_close(&d->data);
	kftp_control_close(&d->control);
	/* commands and replies may have held the password */
	kvfree_sensitive(d, sizeof(*d));
	return err;
}
