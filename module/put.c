// SPDX-License-Identifier: GPL-2.0
/*
 * A put, RFC 959's STOR and APPE: what the server has already, the bytes, and
 * whether it has them all.
 */
#include <linux/mm.h>

#include "dialogue.h"
#include "digest.h"

#include "fault.h"

/**
 * kftp_put_check - is the source what it should be?
 * @d: a dialogue that is not connected
 *
 * Before the server is asked for anything: nothing there can be taken back.
 *
 * Return: 0, -EBADMSG if the digest is another, or another negative errno.
 */
int kftp_put_check(struct dialogue *d)
{
	struct kftp_source *source = &d->session->source;
	int err;

	/* once a run: a source that changes later is found out */
	if (!source->digest)
		return 0;
	err = kftp_digest_start(source->digest) ?:
	      kftp_digest_update_file(source->digest, source->file,
				      source->size, d->wait);
	if (err && !kftp_wait_check(d->wait))
		return kftp_source_failed(source, err);
	err = err ?: kftp_dialogue_digest(d, source->digest);
	if (!err) {
		kftp_digest_close(source->digest);
		source->digest = NULL;
	}
	return err;
}

/* Fetch the last bytes of what the server has, and compare. Returns 1 if same */
static int put_compare(struct dialogue *d, s64 size)
{
	struct kftp_source *source = &d->session->source;
	size_t len = min_t(s64, size, KFTP_COMPARE_BYTES), got = 0;
	struct kftp_data *data = &d->data;
	loff_t pos = size - len;
	char *theirs, *ours;
	int n = 0, err;

	err = kftp_dialogue_port(d);
	if (err)
		return err;
	n = pos ? kftp_dialogue_rest(d, pos) : 1;
	if (n <= 0) {
		kftp_data_close(data);
		return n;
	}
	err = kftp_dialogue_open(d, "RETR", d->config->dst);
	if (err) {
		kftp_data_close(data);
		/* 451 as in refuses_offset(): it cannot begin there */
		if (!d->complete || kftp_wait_check(d->wait) ||
		    (err == -EAGAIN &&
		     !(pos && d->control.reply.code == 451 && !d->preliminary)))
			return err;
		/* it may take files and not give them; the STOR is from 0 on */
		return pos ? min(kftp_dialogue_rest(d, 0), 0) : 0;
	}

	theirs = kvmalloc(2 * len + 1, GFP_KERNEL);
	if (!theirs)
		return -ENOMEM;
	ours = theirs + len + 1;
	/* one byte more than there should be: it may have grown */
	while (!err && (!d->ended || !d->complete)) {
		err = kftp_wait_for(d->wait,
				    (!d->complete &&
				     kftp_control_ready(&d->control)) ||
				    (!d->ended &&
				     kftp_sock_readable(&data->conn)));
		if (!err && !d->ended) {
			n = kftp_sock_recv(&data->conn, theirs + got,
					   len + 1 - got);
			d->ended = !n;
			/* who lingers says nothing until we end it, too */
			if (d->ended)
				kftp_data_end(data);
			if (n > 0)
				got += n;
			/* not what it was: no use to take in all of it */
			d->again = got > len;
			if (d->again || (n < 0 && n != -EAGAIN))
				err = n < 0 ? n : -EIO;
		}
		err = err ?: kftp_dialogue_watch(d);
	}
	kftp_data_close(data);
	if (err && d->complete && err != -EAGAIN && !kftp_wait_check(d->wait)) {
		/* as good as refused: the STOR is from 0 on, in this session */
		err = 0;
		d->again = false;
	} else if (!err && got == len) {
		n = kernel_read(source->file, ours, len, &pos);
		/* a slow disk is no stalled server */
		kftp_wait_progress(d->wait);
		err = n < 0 ? kftp_source_failed(source, n) :
			      n == len && !memcmp(ours, theirs, len);
	}
	kvfree(theirs);
	return err;
}

/*
 * How long the server's file is, or -1 if nobody knows: only a 550 may mean that
 * there is none.
 */
static s64 put_there(const struct dialogue *d)
{
	s64 size = d->version.size;

	return size < 0 && d->control.reply.code == 550 ? 0 : size;
}

/*
 * May a put go on where the server's file ends? It has to end in what the source
 * has there, and to be younger than the source, unless this very run sent it.
 * Returns 1 if so.
 */
static int put_may_resume(struct dialogue *d)
{
	struct kftp_session *session = d->session;
	struct timespec64 time = {};
	s64 size = d->version.size;
	int err;

	if (session->fresh)
		return 0;
	if (!session->sent)
		session->before = put_there(d);
	if (size <= 0 || size > session->source.size)
		return 0;
	if (!session->sent) {
		if (!d->config->resume)
			return 0;
		err = kftp_dialogue_time(d, d->config->dst, &time);
		if (err)
			return err;
		if (!d->version.time[0] ||
		    time.tv_sec <= session->source.mtime.tv_sec)
			return 0;
	} else if (session->before < 0 || size == session->before ||
		   size > session->sent) {
		/* perhaps what was there before, and we had no part in */
		return 0;
	}
	return put_compare(d, size);
}

/* What a new append adds to, and what one that is tried again has added */
static int append_prepare(struct dialogue *d)
{
	struct kftp_session *session = d->session;
	s64 size = d->version.size;

	d->append = true;
	/* not now, and it has to be known */
	if (size < 0 && d->control.reply.code / 100 == 4)
		return -EAGAIN;
	if (!session->sent) {
		session->base = put_there(d);
		return 0;
	}
	/* what may be there already must not be added once more */
	if (size < session->base || size - session->base > session->sent)
		return -EIO;
	d->offset = size - session->base;
	return 0;
}

/* Whether something is there already */
static int put_prepare(struct dialogue *d)
{
	const struct kftp_config *config = d->config;
	struct kftp_session *session = d->session;
	bool append = config->direction == KFTP_APPEND;
	int resumes = 0, err = 0;

	kftp_state_size(d->state, session->source.size);
	d->expect = session->source.size;
	if (append || config->resume || config->retries)
		err = kftp_dialogue_size(d, config->dst, &d->version.size);
	if (err)
		return err;
	if (append)
		err = append_prepare(d);
	else
		resumes = put_may_resume(d);
	if (err || resumes < 0)
		return err ?: resumes;
	if (resumes) {
		/*
		 * Not by REST and STOR: a server that loses what is before has
		 * the right length then, and nothing tells.
		 */
		d->offset = d->version.size;
		d->append = true;
	}
	d->sends = true;
	d->bytes = d->offset;
	session->source.pos = d->offset;
	kftp_state_begin(d->state, d->offset, KFTP_IO_SPLICE);
	return 0;
}

static int put_transfer(struct dialogue *d)
{
	int err;

	err = kftp_sock_open_file(&d->data.conn);
	return err ?: kftp_dialogue_transfer(d);
}

/* What no server says of a file's size, but of the file, after it has said 226 */
static bool put_recanted(int code)
{
	switch (code) {
	case 425:
	case 426:
	case 452:
	case 551:
	case 552:
	case 553:
		return true;
	default:
		return false;
	}
}

/*
 * Was that about SIZE, or one reply too many, about the file? The server has taken
 * TYPE before and takes it again, unless it lags behind by that reply.
 */
static int put_in_step(struct dialogue *d)
{
	int before = d->control.reply.code;
	int code;

	/* an answer, if not a good one */
	if (before == 213)
		return 0;
	code = kftp_control_ask(&d->control, "TYPE", "I");
	/* it knows no SIZE, and has done its work before it went */
	if (code == -ECONNRESET && before / 10 == 50)
		return 0;
	if (code < 0)
		return code;
	if (code == 421)
		return kftp_reply_errno(code);
	return code / 100 == 2 && code != 213 ? 0 : -EPROTO;
}

/* 226 alone is a server's word for what it did; its size is better */
static int put_commit(struct dialogue *d)
{
	struct kftp_session *session = d->session;
	s64 size;
	int err;

	kftp_state_phase(d->state, KFTP_PHASE_COMMIT);
	kftp_data_close(&d->data);
	/* its pages were sent, not copies: they may have changed on the way */
	err = kftp_source_check(&session->source);
	if (err)
		return err;
	err = kftp_dialogue_size(d, d->config->dst, &size);
	/* a server that goes away now has done its work, and does not tell more */
	if (err == -ECONNRESET && !d->offset && !d->unsure)
		return 0;
	if (err)
		return err;
	if (size < 0 && put_recanted(d->control.reply.code)) {
		kftp_control_show(&d->control);
		return kftp_reply_errno(d->control.reply.code);
	}
	if (size >= 0 && session->base >= 0) {
		if (size - session->base == session->source.size)
			return 0;
		d->doubtful = true;
		return -EIO;
	}
	/* nobody says whether the reset came before the rest or after it */
	if (d->unsure)
		return -ECONNRESET;
	if (!d->offset)
		return put_in_step(d);
	/* it did tell before, and may not have begun where it said */
	if (d->control.reply.code / 100 == 4)
		return -EAGAIN;
	d->doubtful = true;
	return -EIO;
}

/**
 * kftp_put - send the source
 * @d: a dialogue that is logged in
 *
 * Return: 0 once the server says that it has all, or a negative errno.
 */
int kftp_put(struct dialogue *d)
{
	return put_prepare(d) ?:
	       kftp_dialogue_port(d) ?:
	       kftp_dialogue_open(d, d->append ? "APPE" : "STOR", d->config->dst) ?:
	       put_transfer(d) ?:
	       put_commit(d);
}
