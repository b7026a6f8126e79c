// SPDX-License-Identifier: GPL-2.0
/*
 * A get, RFC 959's RETR: which version of the file the server has, what of it is
 * there already, the bytes, and the file in its place.
 */
#include "dialogue.h"
#include "digest.h"

/* Bytes go into the file from the offset on */
static int get_begin(struct dialogue *d)
{
	struct kftp_sink *sink = &d->session->sink;
	int err;

	err = kftp_sink_begin(sink, d->offset, &d->version, d->config->cache);
	if (err)
		return err;
	d->bytes = d->offset;
	kftp_state_begin(d->state, d->offset,
			 sink->direct ? KFTP_IO_DIRECT : KFTP_IO_BUFFERED);
	return 0;
}

/* What is there already is not given up for want of an answer just now */
static int get_not_now(struct dialogue *d)
{
	const struct kftp_sink *sink = &d->session->sink;

	return d->control.reply.code / 100 == 4 && sink->have &&
	       kftp_version_known(&sink->resume.version) ? -EAGAIN : 0;
}

/* Which version of the file the server has, and what of it there is already */
static int get_prepare(struct dialogue *d)
{
	const struct kftp_config *config = d->config;
	struct kftp_sink *sink = &d->session->sink;
	struct timespec64 time = {};
	int err;

	err = kftp_dialogue_size(d, config->src, &d->version.size);
	if (err)
		return err;
	d->expect = d->version.size;
	kftp_state_size(d->state, d->version.size);
	err = kftp_dialogue_check_size(d, d->version.size) ?: get_not_now(d);
	if (err)
		return err;
	if (config->mtime || config->resume || config->retries) {
		err = kftp_dialogue_time(d, config->src, &time) ?: get_not_now(d);
		if (err)
			return err;
	}
	sink->has_mtime = config->mtime && d->version.time[0];
	sink->mtime = time;
	if (!d->session->fresh)
		d->offset = kftp_sink_offset(sink, &d->version);
	return d->offset ? get_begin(d) : 0;
}

/* A server that cannot begin in the middle begins at the beginning */
static int get_rest(struct dialogue *d)
{
	int there;

	if (!d->offset)
		return 0;
	there = kftp_dialogue_rest(d, d->offset);
	if (!there)
		d->offset = 0;
	return min(there, 0);
}

static int get_commit(struct dialogue *d)
{
	struct kftp_sink *sink = &d->session->sink;
	int err;

	kftp_state_phase(d->state, KFTP_PHASE_COMMIT);
	err = kftp_sink_end(sink);
	if (!err && sink->digest)
		err = kftp_dialogue_digest(d, sink->digest);
	if (err == -EBADMSG)
		d->doubtful = true;
	return err ?: kftp_sink_publish(sink, d->wait);
}

/**
 * kftp_get - fetch the file
 * @d: a dialogue that is logged in
 *
 * Return: 0 once it is in its place, or a negative errno.
 */
int kftp_get(struct dialogue *d)
{
	return get_prepare(d) ?:
	       kftp_dialogue_port(d) ?:
	       get_rest(d) ?:
	       kftp_dialogue_open(d, "RETR", d->config->src) ?:
	       /* only now may what is there be given up */
	       (d->offset ? 0 : get_begin(d)) ?:
	       kftp_dialogue_transfer(d) ?:
	       get_commit(d);
}
