// SPDX-License-Identifier: GPL-2.0
/*
 * What a get and a put have in common once they are logged in: questions about
 * the server's file, the data connection, and bytes until both sides agree that
 * there are no more.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "dialogue.h"
#include "digest.h"

/*
 * What nobody wakes us for is looked for as often as this: bytes that are too
 * few, and acknowledgements
 */
#define KFTP_LOOK_TIME		(HZ / 2)

/* At least what a receive buffer holds; a server may go on for ever */
#define KFTP_SALVAGE_BYTES		(1024 * 1024)

/* How long a server that refuses data has to say why */
#define KFTP_BLAME_WAIT		(2 * HZ)

/**
 * kftp_dialogue_check_size - may a file be so large?
 * @d: a dialogue
 * @size: bytes, or -1
 *
 * Return: 0 or -EFBIG.
 */
int kftp_dialogue_check_size(struct dialogue *d, s64 size)
{
	u64 max_size = d->config->max_size;

	if (!is_get(d))
		return 0;
	if (max_size && size > (s64)max_size)
		return -EFBIG;
	return size > d->session->sink.limit ? -EFBIG : 0;
}

/*
 * A question that a server need not know, nor answer well. Returns 1 if there is
 * an answer, 0 if there is none.
 */
static int dialogue_ask(struct dialogue *d, const char *verb, const char *path)
{
	int code;

	code = kftp_control_ask(&d->control, verb, path);
	if (code < 0)
		return code;
	if (code == 213)
		return 1;
	if (code == 421)
		return kftp_reply_errno(code);
	return code >= 400 ? 0 : -EPROTO;
}

/**
 * kftp_dialogue_size - ask for a file's size, RFC 3659 section 4
 * @d: a dialogue that is logged in
 * @path: the file
 * @size: set to bytes, or to -1 if the server does not say
 *
 * Return: 0 or a negative errno.
 */
int kftp_dialogue_size(struct dialogue *d, const char *path, s64 *size)
{
	int answer = dialogue_ask(d, "SIZE", path);

	*size = answer > 0 ? kftp_reply_size(&d->control.reply) : -1;
	return min(answer, 0);
}

/**
 * kftp_dialogue_time - ask when a file was changed, RFC 3659 section 3
 * @d: a dialogue that is logged in; the text goes into its version, empty if
 *	the server does not say
 * @path: the file
 * @time: set to that time if the server says it
 *
 * Return: 0 or a negative errno.
 */
int kftp_dialogue_time(struct dialogue *d, const char *path,
		       struct timespec64 *time)
{
	int answer = dialogue_ask(d, "MDTM", path);
	u32 nsec;

	d->version.time[0] = '\0';
	if (answer <= 0 ||
	    !kftp_reply_time(&d->control.reply, d->version.time, &time->tv_sec,
			     &nsec))
		return min(answer, 0);
	time->tv_nsec = nsec;
	return 0;
}

/* Take the server's connection, if it is there, and close what is not its own */
static int dialogue_accept(struct dialogue *d)
{
	int err;

	if (!kftp_sock_readable(&d->data.listener))
		return 0;
	err = kftp_data_accept(&d->data);
	if (!err)
		kftp_state_peer(d->state, &d->data.peer);
	return err == -EAGAIN ? 0 : err;
}

/*
 * A command while there is a listener. Some servers connect before they answer
 * it; if others do, they must not fill the queue in which the server's
 * connection is to wait.
 */
static int dialogue_command(struct dialogue *d, const char *verb,
			    const char *arg)
{
	struct kftp_control *control = &d->control;
	int code, err;

	code = kftp_control_send(control, verb, arg);
	while (!code) {
		err = kftp_wait_for(d->wait, kftp_control_ready(control) ||
				    kftp_sock_readable(&d->data.listener)) ?:
		      dialogue_accept(d);
		code = err ?: kftp_control_try_reply(control);
	}
	if (code > 0)
		kftp_control_show(control);
	return code;
}

/**
 * kftp_dialogue_port - tell the server where to connect to
 * @d: a dialogue that is logged in
 *
 * Listen on the address that the server already knows us by, before it can
 * connect: some servers do so before they answer.
 *
 * Return: 0 or a negative errno.
 */
int kftp_dialogue_port(struct dialogue *d)
{
	const struct kftp_config *config = d->config;
	char command[KFTP_ADDR_COMMAND_MAX];
	struct kftp_addr local;
	int err;

	err = kftp_sock_local(&d->control.sock, &local);
	if (err)
		return err;
	err = kftp_sock_listen(&d->data.listener, d->wait, d->session->net,
			       &local, config->port_min, config->port_max,
			       config->rate_limit, is_get(d));
	if (err)
		return err;
	err = kftp_addr_command(&local, command, sizeof(command));
	if (err < 0)
		return err;
	return want_2yz(dialogue_command(d, command, NULL));
}

/**
 * kftp_dialogue_rest - RFC 959 section 4.1.3 and RFC 3659 section 5
 * @d: a dialogue that is logged in
 * @offset: where the next transfer should begin
 *
 * Return: 1 if the server will begin there, 0 if it cannot, or a negative errno.
 */
int kftp_dialogue_rest(struct dialogue *d, loff_t offset)
{
	char arg[24];
	int code;

	snprintf(arg, sizeof(arg), "%lld", offset);
	code = dialogue_command(d, "REST", arg);
	if (code < 0)
		return code;
	/* not now, which is no reason to do without */
	if (code / 100 == 4 || code == 530)
		return kftp_reply_errno(code);
	return code == 350;
}

/*
 * Is it nothing against the file itself, but from where we wanted it? 451 can
 * mean that it may be tried again from the beginning. If it does not, then at
 * worst what is there already is sent once more.
 */
static bool refuses_offset(const struct dialogue *d, int code)
{
	int err = kftp_reply_errno(code);

	if (!d->offset)
		return false;
	if (code == 451)
		return !d->preliminary;
	if (code < 500 || (d->preliminary && !is_get(d)))
		return false;
	/* who may not add to a file may yet replace it */
	return err == -EPROTO ||
	       (d->append && (err == -ENOENT || err == -EPERM));
}

/**
 * kftp_dialogue_watch - look at what the server says meanwhile, if anything
 * @d: a dialogue after kftp_dialogue_open() began
 *
 * Return: 0, or a negative errno if it says that it has failed.
 */
int kftp_dialogue_watch(struct dialogue *d)
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
		/* what SIZE said counts more, and a name is no size */
		if (d->expect < 0 && !strstr(d->config->src, " bytes"))
			d->expect = kftp_reply_announced(&d->control.reply);
		return kftp_dialogue_check_size(d, d->expect);
	}
	/* it cannot have all of what was not sent yet */
	if (code < 300 && (!d->preliminary || (d->sends && !d->ended)))
		return -EPROTO;
	if (refuses_offset(d, code))
		d->again = true;
	d->complete = true;
	return want_2yz(code);
}

/**
 * kftp_dialogue_open - send the command that moves data, and wait for both the
 * connection and the 150
 * @d: a dialogue after kftp_dialogue_port()
 * @verb: RETR, STOR or APPE
 * @path: the file
 *
 * They come in any order, and 226 may overtake them.
 *
 * Return: 0 or a negative errno.
 */
int kftp_dialogue_open(struct dialogue *d, const char *verb, const char *path)
{
	struct kftp_data *data = &d->data;
	int err;

	kftp_state_phase(d->state, KFTP_PHASE_ACCEPT);
	d->preliminary = 0;
	d->ended = false;
	d->complete = false;
	d->unsure = false;
	err = kftp_control_send(&d->control, verb, path);
	if (err)
		return err;

	while (!data->conn.sock || !d->preliminary) {
		err = kftp_wait_for(d->wait,
				    (!d->complete &&
				     kftp_control_ready(&d->control)) ||
				    kftp_sock_readable(&data->listener));
		if (err)
			return err;
		err = kftp_dialogue_watch(d) ?: dialogue_accept(d);
		if (err)
			return err;
	}
	return 0;
}

static bool data_ready(struct dialogue *d)
{
	return is_get(d) ? kftp_sock_readable(&d->data.conn) :
			   kftp_sock_writable(&d->data.conn);
}

static ssize_t data_move(struct dialogue *d, size_t most)
{
	struct kftp_session *session = d->session;
	ssize_t n;

	if (is_get(d)) {
		n = kftp_data_pump(&d->data, &session->sink, most);
		if (n == -ESTALE)
			d->doubtful = true;
		return n;
	}
	n = kftp_data_send(&d->data, &session->source, most);
	session->sent = max(session->sent, session->source.pos);
	return n;
}

static int data_moved(struct dialogue *d, size_t n)
{
	kftp_pace_moved(&d->pace, n, ktime_get_ns());
	d->bytes = kftp_state_moved(d->state, n);
	if (d->expect >= 0 && d->bytes > d->expect) {
		d->doubtful = true;
		return -EIO;
	}
	return kftp_dialogue_check_size(d, d->bytes);
}

/* That we took our time is no stall of a server's that has all there was */
static void data_took_time(struct dialogue *d)
{
	if (is_get(d) || kftp_data_idle(&d->data))
		kftp_wait_progress(d->wait);
	else
		kftp_data_acked(&d->data);
}

static int data_ended(struct dialogue *d)
{
	int err = is_get(d) ? 0 : kftp_source_check(&d->session->source);

	if (err)
		return err;
	data_took_time(d);
	d->ended = true;
	kftp_data_end(&d->data);
	return 0;
}

/* Both sides agree that there is no more; 226 may come before all is taken */
static bool data_over(const struct dialogue *d)
{
	return d->ended && d->complete &&
	       (!d->sends || d->unsure || kftp_data_taken(&d->data));
}

/* A server that has no room resets the connection, and says why on the other */
static int data_failed(struct dialogue *d, int error)
{
	u64 until = get_jiffies_64() + KFTP_BLAME_WAIT;
	int err = 0;

	if (d->session->source.failed ||
	    (error != -EPIPE && error != -ECONNRESET))
		return error;
	while (d->sends && !err && !d->complete && !kftp_wait_reached(until)) {
		err = kftp_wait_until(d->wait, until,
				      kftp_control_ready(&d->control));
		if (!err)
			err = kftp_dialogue_watch(d);
	}
	/*
	 * A server that says it has all may end the connection as it likes. What
	 * a reset acknowledges does not count, though.
	 */
	if (!err && d->sends && d->ended && d->complete) {
		d->unsure = !kftp_data_taken(&d->data);
		return 0;
	}
	return err && err != -ETIMEDOUT ? err : -ECONNRESET;
}

/* What has come need not be sent again, if it is ever to be gone on with */
static void data_salvage(struct dialogue *d)
{
	size_t left = KFTP_SALVAGE_BYTES;
	ssize_t n;

	if (!is_get(d) || d->ended ||
	    (!d->config->resume && !d->config->retries))
		return;
	while (left && !kftp_wait_check(d->wait)) {
		n = data_move(d, left);
		if (n <= 0 || data_moved(d, n))
			break;
		left -= n;
	}
}

/* All is sent, and yet the server will not have it */
static bool data_broken(struct dialogue *d)
{
	return d->sends && d->ended && !data_over(d) &&
	       kftp_sock_poll(&d->data.conn) & EPOLLERR;
}

/*
 * A server may say first that all is well, and then that it is not. Who fetches,
 * and knows that this is all, need not ask; nor is 421 about the file then.
 */
static int dialogue_recanted(struct dialogue *d)
{
	int code;

	if (!kftp_control_ready(&d->control))
		return 0;
	code = kftp_control_try_reply(&d->control);
	if (code >= 400 && (d->sends || code != 421)) {
		kftp_control_show(&d->control);
		return want_2yz(code);
	}
	if (!d->sends)
		return 0;
	/* a put has a question left, to which this is no answer */
	if (code > 0)
		return -EPROTO;
	return code == -ECONNRESET ? 0 : code;
}

/**
 * kftp_dialogue_transfer - move bytes until there are no more
 * @d: a dialogue after kftp_dialogue_open()
 *
 * Over when the data have ended, and the server has said that it agrees, and, of
 * what was sent, when its host has acknowledged all or it cannot any more.
 *
 * Return: 0 or a negative errno.
 */
int kftp_dialogue_transfer(struct dialogue *d)
{
	bool gathers = false;
	bool again = false, ready;
	u64 left, until;
	ssize_t n;
	int err;

	kftp_state_phase(d->state, KFTP_PHASE_TRANSFER);
	kftp_pace_init(&d->pace, d->config->rate_limit, ktime_get_ns());
	if (is_get(d) && !d->config->rate_limit)
		gathers = kftp_sock_gather(&d->data.conn, &d->control.sock);
	while (!data_over(d)) {
		left = d->ended ? 0 : kftp_pace_left(&d->pace, ktime_get_ns());
		until = U64_MAX;
		if (left)
			until = get_jiffies_64() + nsecs_to_jiffies64(left) + 1;
		else if (again)
			until = get_jiffies_64() + 1;
		else if (d->sends || (gathers && !d->ended))
			until = get_jiffies_64() + KFTP_LOOK_TIME;
		/* once more when the time is up: there may be some */
		until = min(until, d->wait->stall);
		err = kftp_wait_until(d->wait, until,
				      (!d->complete &&
				       kftp_control_ready(&d->control)) ||
				      (!d->ended && !left && !again &&
				       data_ready(d)) ||
				      data_over(d) || data_broken(d));
		if (err)
			return err;
		if (d->sends)
			kftp_data_acked(&d->data);
		err = kftp_dialogue_watch(d);
		if (!err && data_broken(d))
			err = data_failed(d, -ECONNRESET);
		if (err) {
			data_salvage(d);
			return err;
		}
		if (left)
			data_took_time(d);
		if (left || d->ended)
			continue;

		ready = data_ready(d);
		/* nothing is read of a file that nobody takes */
		if (d->sends && !ready)
			continue;
		n = data_move(d, kftp_pace_most(&d->pace));
		/*
		 * Ready and yet not so: memory is short, and nobody will say.
		 * Nor will anybody of the rest of what was too little.
		 */
		again = ready ? n == -EAGAIN : n > 0;
		if (n > 0)
			err = data_moved(d, n);
		else if (!n)
			err = data_ended(d);
		else if (n != -EAGAIN)
			err = data_failed(d, n);
		if (err)
			return err;
		cond_resched();
	}
	if (d->expect >= 0 && d->bytes != d->expect) {
		d->doubtful = true;
		return -EIO;
	}
	return d->sends || d->expect < 0 ? dialogue_recanted(d) : 0;
}

/**
 * kftp_dialogue_digest - show the file's digest, and check it
 * @d: a dialogue
 * @digest: of the whole file; ended here
 *
 * Return: 0, -EBADMSG if another was asked for, or another negative errno.
 */
int kftp_dialogue_digest(struct dialogue *d, struct shash_desc *digest)
{
	u8 got[SHA256_DIGEST_SIZE], want[SHA256_DIGEST_SIZE];
	int err;

	err = kftp_digest_end(digest, got);
	if (err)
		return err;
	kftp_state_sha256(d->state, got);
	if (!strcmp(d->config->sha256, KFTP_SHA256_COMPUTE))
		return 0;
	if (hex2bin(want, d->config->sha256, sizeof(want)))
		return -EINVAL;
	return memcmp(got, want, sizeof(got)) ? -EBADMSG : 0;
}
