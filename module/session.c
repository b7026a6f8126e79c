// SPDX-License-Identifier: GPL-2.0
/*
 * The FTP dialogue of RFC 959, from top to bottom: connect, greeting, log-in,
 * type; then a get or a put, and farewell.
 */
#include <linux/slab.h>

#include "dialogue.h"
#include "pause.h"
#include "session.h"

#include "fault.h"

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

static bool is_transient(int err)
{
	switch (err) {
	case -EAGAIN:		/* a reply 4yz */
	case -ETIMEDOUT:
	case -ECONNRESET:
	case -ECONNREFUSED:
	case -ECONNABORTED:
	case -EPIPE:
	case -EHOSTUNREACH:
	case -EHOSTDOWN:
	case -ENETUNREACH:
	case -ENETDOWN:
		return true;
	default:
		return false;
	}
}

/* The time for connecting is shared by all addresses that are left */
static int dialogue_connect(struct dialogue *d)
{
	const struct kftp_config *config = d->config;
	struct kftp_addr addrs[KFTP_ADDRS_MAX] = { d->session->server };
	int i, failed, n = 1, err = -EHOSTUNREACH;
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
		failed = kftp_sock_connect(&d->control.sock, d->wait,
					   d->session->net, &addrs[i]);
		if (!failed)
			return kftp_sock_peer(&d->control.sock, &d->data.server);
		if (failed == -ECANCELED || failed == -ENOMEM)
			return failed;
		/* who may be reached later is, though others never are from here */
		if (!i || is_transient(failed) || !is_transient(err))
			err = failed;
	}
	return err;
}

static int dialogue_greeting(struct dialogue *d)
{
	int code, tries = 0;

	kftp_state_phase(d->state, KFTP_PHASE_LOGIN);
	do {
		code = kftp_control_reply(&d->control);
	} while (code >= 100 && code < 200 && ++tries <= KFTP_PRELIMINARY_MAX);
	return want_2yz(code);
}

/* An account (332, ACCT) is nothing that a job could name */
static int dialogue_login(struct dialogue *d)
{
	const struct kftp_config *config = d->config;
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

/* Has what was there turned out to be of no use, and may it go without? */
static bool session_again(const struct dialogue *d)
{
	/* an append has no beginning of its own to begin at */
	if (d->config->direction == KFTP_APPEND || d->session->fresh ||
	    d->session->sink.failed)
		return false;
	if (d->doubtful && d->offset)
		return true;
	/* a server that sent some from there can begin there after all */
	return d->again && !(is_get(d) && d->bytes != d->offset);
}

/* Returns true if it is to be tried once more, without what was there */
static bool session_try(struct kftp_session *session, int *err)
{
	struct dialogue *d;
	int end = 0;
	bool again;

	d = kvzalloc(sizeof(*d), GFP_KERNEL);
	if (!d) {
		*err = -ENOMEM;
		return false;
	}
	d->session = session;
	d->config = session->config;
	d->wait = &session->wait;
	d->state = session->state;
	d->version.size = -1;
	d->expect = -1;
	kftp_control_init(&d->control, session->state, config_pass(d->config),
			  &d->data.listener);

	*err = (is_get(d) ? kftp_sink_check(&session->sink) :
			    kftp_put_check(d)) ?:
	       dialogue_connect(d) ?:
	       dialogue_greeting(d) ?:
	       dialogue_login(d) ?:
	       dialogue_type(d) ?:
	       (is_get(d) ? kftp_get(d) : kftp_put(d));

	session->strangers += d->data.strangers;
	kftp_data_close(&d->data);
	if (is_get(d))
		end = kftp_sink_end(&session->sink);
	/* what the local side failed at is the better reason */
	if (end && *err && *err != -ECANCELED)
		*err = end;
	kftp_control_close(&d->control);
	if (d->doubtful && is_get(d))
		kftp_sink_discard(&session->sink);
	again = session_again(d);
	if (again) {
		session->fresh = true;
		/* what was not possible just now may be another time */
		session->passing = *err == -EAGAIN;
	}
	/* commands and replies may have held the password */
	kvfree_sensitive(d, sizeof(*d));
	return again;
}

/**
 * kftp_session_run - move the file, or try to
 * @session: complete, with an open sink or source
 *
 * May be run again, if kftp_session_may_retry(): it goes on where it ended.
 *
 * Context: a work item with the caller's credentials; sleeps in
 * kftp_wait_for() and on the file system.
 *
 * Return: 0 if the file is in its place, or a negative errno. All sockets are
 * closed, sink and source are not.
 */
int kftp_session_run(struct kftp_session *session)
{
	int err;

	err = kftp_wait_check(&session->wait) ?:
	      kftp_state_prepare(session->state);
	if (err)
		return err;
	kftp_state_attempt(session->state);
	/* a sink has forgotten what was of no use, a server may have it yet */
	if (session->config->direction == KFTP_GET || session->passing)
		session->fresh = false;
	while (session_try(session, &err))
		;
	return err;
}

/**
 * kftp_session_may_retry - could it go better another time?
 * @session: that kftp_session_run() ended
 * @error: its return value
 *
 * Return: true if what ended it is transient by nature, and nothing would be
 * done twice.
 */
bool kftp_session_may_retry(const struct kftp_session *session, int error)
{
	if (session->sink.failed || session->source.failed ||
	    (session->base < 0 && session->sent))
		return false;
	return is_transient(error);
}

/**
 * kftp_session_close - let go of the local file
 * @session: that kftp_session_run() ended, for the last time
 */
void kftp_session_close(struct kftp_session *session)
{
	if (session->config->direction == KFTP_GET) {
		kftp_sink_close(&session->sink);
		return;
	}
	/* a file that has no name any more goes with whoever reads it last */
	kftp_pause_enter();
	kftp_source_close(&session->source);
	kftp_pause_leave();
}
