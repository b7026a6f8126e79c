// SPDX-License-Identifier: GPL-2.0
/*
 * The FTP dialogue of RFC 959, from top to bottom: connect, greeting, log-in,
 * type; then what a get or a put asks for, the data, the end.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "control.h"
#include "data.h"
#include "digest.h"
#include "pace.h"
#include "session.h"

/* How many 1yz replies a server may send where one is due */
#define KFTP_PRELIMINARY_MAX	8

/* Bytes that are too few to be woken for are looked for as often as this */
#define KFTP_GATHER_TIME		(HZ / 2)

/* How long a server that refuses data has to say why */
#define KFTP_BLAME_WAIT		(2 * HZ)

/* So much of what a server has is compared with the source, before it is resumed */
#define KFTP_TAIL_BYTES		(64 * 1024)

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
	bool doubtful;
	bool again;
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
	const struct kftp_config *config = d->config;
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

static bool is_get(const struct dialogue *d)
{
	return d->config->direction == KFTP_GET;
}

static int check_size(struct dialogue *d, s64 size)
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

/* RFC 3659 section 4 */
static int dialogue_size(struct dialogue *d, const char *path, s64 *size)
{
	int answer = dialogue_ask(d, "SIZE", path);

	*size = answer > 0 ? kftp_reply_size(&d->control.reply) : -1;
	return min(answer, 0);
}

/* RFC 3659 section 3 */
static int dialogue_time(struct dialogue *d, const char *path,
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

/*
 * Listen on the address that the server already knows us by, before it can
 * connect: some servers do so before they answer.
 */
static int dialogue_port(struct dialogue *d)
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
			       config->rate_limit);
	if (err)
		return err;
	err = kftp_addr_command(&local, command, sizeof(command));
	if (err < 0)
		return err;
	return want_2yz(kftp_control_command(&d->control, command, NULL));
}

/*
 * RFC 959 section 4.1.3 and RFC 3659 section 5. Returns 1 if the server will
 * begin at @offset, 0 if it cannot.
 */
static int dialogue_rest(struct dialogue *d, loff_t offset)
{
	char arg[24];
	int code;

	snprintf(arg, sizeof(arg), "%lld", offset);
	code = kftp_control_command(&d->control, "REST", arg);
	if (code < 0)
		return code;
	/* not now, which is no reason to do without */
	if (code / 100 == 4 || code == 530)
		return kftp_reply_errno(code);
	return code == 350;
}

/* Look at what the server says to the last command, if it says anything */
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
	/* it cannot have all of what was not sent yet */
	if (code < 300 && (!d->preliminary || (d->sends && !d->ended)))
		return -EPROTO;
	/* the file is there, but not from where we wanted it */
	if (d->offset && !d->preliminary && code >= 500 && code != 530 &&
	    code != 550)
		d->doubtful = true;
	d->complete = true;
	return want_2yz(code);
}

/*
 * The command that moves data. The connection and the 150 come in any order,
 * and 226 may overtake both.
 */
static int dialogue_open(struct dialogue *d, const char *verb, const char *path)
{
	struct kftp_data *data = &d->data;
	int err;

	kftp_state_phase(d->state, KFTP_PHASE_ACCEPT);
	d->preliminary = 0;
	d->ended = false;
	d->complete = false;
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
	return check_size(d, d->bytes);
}

static int data_ended(struct dialogue *d)
{
	int err = is_get(d) ? 0 : kftp_source_check(&d->session->source);

	if (err)
		return err;
	d->ended = true;
	kftp_sock_shutdown(&d->data.conn);
	return 0;
}

/* A server that has no room resets the connection, and says why on the other */
static int data_failed(struct dialogue *d, int error)
{
	u64 until = get_jiffies_64() + KFTP_BLAME_WAIT;
	int err = 0;

	if (error != -EPIPE && error != -ECONNRESET)
		return error;
	while (!is_get(d) && !err && !d->complete &&
	       !kftp_wait_reached(until)) {
		err = kftp_wait_until(d->wait, until,
				      kftp_control_ready(&d->control));
		if (!err)
			err = watch_control(d);
	}
	return err ?: -ECONNRESET;
}

/* Over when the data have ended, and the server has said that it agrees */
static int dialogue_transfer(struct dialogue *d)
{
	bool gathers = is_get(d) && !d->config->rate_limit;
	bool again = false;
	u64 left, until;
	ssize_t n;
	int err;

	kftp_state_phase(d->state, KFTP_PHASE_TRANSFER);
	kftp_pace_init(&d->pace, d->config->rate_limit, ktime_get_ns());
	if (gathers)
		kftp_sock_gather(&d->data.conn);
	while (!d->ended || !d->complete) {
		left = d->ended ? 0 : kftp_pace_left(&d->pace, ktime_get_ns());
		until = U64_MAX;
		if (left)
			until = get_jiffies_64() + nsecs_to_jiffies64(left) + 1;
		else if (again)
			until = get_jiffies_64() + 1;
		else if (gathers && !d->ended)
			until = get_jiffies_64() + KFTP_GATHER_TIME;
		err = kftp_wait_until(d->wait, until,
				      (!d->complete &&
				       kftp_control_ready(&d->control)) ||
				      (!d->ended && !left && !again &&
				       data_ready(d)));
		if (err)
			return err;
		err = watch_control(d);
		if (err)
			return err;
		/* that we took our time is no stall of the server's */
		if (left)
			kftp_wait_progress(d->wait);
		if (left || d->ended)
			continue;

		n = data_move(d, kftp_pace_most(&d->pace));
		/* ready and yet not so: memory is short, and nobody will say */
		again = n == -EAGAIN;
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
	if (d->expect < 0 || d->bytes == d->expect)
		return 0;
	d->doubtful = true;
	return -EIO;
}

/* Is it the digest that was asked for? */
static int check_digest(struct dialogue *d, struct shash_desc *digest)
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

/* Bytes go into the file from @offset on */
static int get_begin(struct dialogue *d, loff_t offset)
{
	struct kftp_sink *sink = &d->session->sink;
	int err;

	err = kftp_sink_begin(sink, offset, &d->version, d->config->cache);
	if (err)
		return err;
	d->offset = offset;
	d->bytes = offset;
	kftp_state_begin(d->state, offset,
			 sink->direct ? KFTP_IO_DIRECT : KFTP_IO_BUFFERED);
	return 0;
}

/* What is there already is not given up for want of an answer just now */
static int get_not_now(struct dialogue *d)
{
	return d->session->sink.have && d->control.reply.code / 100 == 4 ?
	       -EAGAIN : 0;
}

/* Which version of the file the server has, and what of it there is already */
static int get_prepare(struct dialogue *d)
{
	const struct kftp_config *config = d->config;
	struct kftp_sink *sink = &d->session->sink;
	struct timespec64 time = {};
	int err;

	err = dialogue_size(d, config->src, &d->version.size);
	if (err)
		return err;
	d->expect = d->version.size;
	kftp_state_size(d->state, d->version.size);
	err = check_size(d, d->version.size) ?: get_not_now(d);
	if (err)
		return err;
	if (config->mtime || config->resume || config->retries) {
		err = dialogue_time(d, config->src, &time) ?: get_not_now(d);
		if (err)
			return err;
	}
	sink->has_mtime = config->mtime && d->version.time[0];
	sink->mtime = time;
	return get_begin(d, kftp_sink_offset(sink, &d->version));
}

static int get_rest(struct dialogue *d)
{
	int there;

	if (!d->offset)
		return 0;
	there = dialogue_rest(d, d->offset);
	if (there)
		return min(there, 0);
	return get_begin(d, 0);
}

static int get_commit(struct dialogue *d)
{
	struct kftp_sink *sink = &d->session->sink;
	int err;

	kftp_state_phase(d->state, KFTP_PHASE_COMMIT);
	err = kftp_sink_end(sink);
	if (!err && sink->digest)
		err = check_digest(d, sink->digest);
	if (err == -EBADMSG)
		d->doubtful = true;
	return err ?: kftp_sink_publish(sink, d->wait);
}

static int dialogue_get(struct dialogue *d)
{
	return get_prepare(d) ?:
	       dialogue_port(d) ?:
	       get_rest(d) ?:
	       dialogue_open(d, "RETR", d->config->src) ?:
	       dialogue_transfer(d) ?:
	       get_commit(d);
}

/* Before the server is asked for anything: nothing there can be taken back */
static int put_digest(struct dialogue *d)
{
	struct kftp_source *source = &d->session->source;
	int err;

	/* once a run: a source that changes later is found out */
	if (!source->digest)
		return 0;
	err = kftp_digest_start(source->digest) ?:
	      kftp_digest_update_file(source->digest, source->file,
				      source->size, d->wait) ?:
	      check_digest(d, source->digest);
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
	size_t len = min_t(s64, size, KFTP_TAIL_BYTES), got = 0;
	struct kftp_data *data = &d->data;
	loff_t pos = size - len;
	char *theirs, *ours;
	int n = 0, err;

	err = dialogue_port(d);
	if (err)
		return err;
	n = pos ? dialogue_rest(d, pos) : 1;
	if (n <= 0) {
		kftp_sock_close(&data->listener);
		return n;
	}
	err = dialogue_open(d, "RETR", d->config->dst);
	if (err) {
		kftp_data_close(data);
		if (!d->complete || err == -EAGAIN)
			return err;
		/* it may take files and not give them; the STOR is from 0 on */
		return pos ? min(dialogue_rest(d, 0), 0) : 0;
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
			if (n > 0)
				got += n;
			/* not what it was: no use to take in all of it */
			d->again = got > len;
			if (d->again || (n < 0 && n != -EAGAIN))
				err = n < 0 ? n : -EIO;
		}
		err = err ?: watch_control(d);
	}
	kftp_data_close(data);
	if (!err)
		err = got == len &&
		      kernel_read(source->file, ours, len, &pos) == len &&
		      !memcmp(ours, theirs, len);
	kvfree(theirs);
	return err;
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

	if (session->fresh || size < 0)
		return 0;
	err = dialogue_time(d, d->config->dst, &time);
	if (err)
		return err;
	if (!session->sent) {
		session->before = d->version;
		if (!d->config->resume || !d->version.time[0] ||
		    time.tv_sec <= session->source.mtime.tv_sec)
			return 0;
	} else if (size > session->sent ||
		   (size == session->before.size &&
		    !strcmp(d->version.time, session->before.time))) {
		/* what was there before, and we had no part in */
		return 0;
	}
	if (!size || size > session->source.size)
		return 0;
	return put_compare(d, size);
}

/* What a new append adds to, and what one that is tried again has added */
static int append_prepare(struct dialogue *d, s64 size)
{
	struct kftp_session *session = d->session;

	d->append = true;
	if (!session->sent) {
		/* there is no such file, or we shall never know */
		if (size < 0 && d->control.reply.code == 550)
			size = 0;
		session->base = size;
		return 0;
	}
	/* what may be there already must not be added once more */
	if (size < session->base || size - session->base > session->sent) {
		session->final = true;
		return -EIO;
	}
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
		err = dialogue_size(d, config->dst, &d->version.size);
	if (err)
		return err;
	if (append)
		err = append_prepare(d, d->version.size);
	else
		resumes = put_may_resume(d);
	if (err || resumes < 0)
		return err ?: resumes;
	if (resumes)
		d->offset = d->version.size;
	d->bytes = d->offset;
	session->source.pos = d->offset;
	kftp_state_begin(d->state, d->offset, KFTP_IO_SPLICE);
	return 0;
}

/* A server that cannot begin in the middle may yet add to the end */
static int put_rest(struct dialogue *d)
{
	int there;

	d->sends = true;
	if (!d->offset || d->append)
		return 0;
	there = dialogue_rest(d, d->offset);
	d->append = !there;
	return min(there, 0);
}

static int put_transfer(struct dialogue *d)
{
	int err;

	err = kftp_sock_open_file(&d->data.conn);
	return err ?: dialogue_transfer(d);
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
	err = kftp_source_check(&session->source) ?:
	      dialogue_size(d, d->config->dst, &size);
	if (err)
		return err;
	if (size < 0 || session->base < 0 ||
	    size == session->base + session->source.size)
		return 0;
	d->doubtful = true;
	return -EIO;
}

static int dialogue_put(struct dialogue *d)
{
	return put_prepare(d) ?:
	       dialogue_port(d) ?:
	       put_rest(d) ?:
	       dialogue_open(d, d->append ? "APPE" : "STOR", d->config->dst) ?:
	       put_transfer(d) ?:
	       put_commit(d);
}

/* Returns 1 if what was there has turned out to be of no use: once more, then */
static int session_try(struct kftp_session *session, int *err)
{
	struct dialogue *d;
	bool again;

	d = kvzalloc(sizeof(*d), GFP_KERNEL);
	if (!d) {
		*err = -ENOMEM;
		return 0;
	}
	d->session = session;
	d->config = session->config;
	d->wait = &session->wait;
	d->state = session->state;
	d->version.size = -1;
	d->expect = -1;
	kftp_control_init(&d->control, session->state, config_pass(d->config));

	*err = (is_get(d) ? 0 : put_digest(d)) ?:
	       dialogue_connect(d) ?:
	       dialogue_greeting(d) ?:
	       dialogue_login(d) ?:
	       dialogue_type(d) ?:
	       (is_get(d) ? dialogue_get(d) : dialogue_put(d));

	session->strangers += d->data.strangers;
	kftp_data_close(&d->data);
	if (is_get(d))
		kftp_sink_end(&session->sink);
	kftp_control_close(&d->control);
	if (d->doubtful && is_get(d))
		kftp_sink_discard(&session->sink);
	if (d->doubtful && d->offset && d->config->direction != KFTP_APPEND)
		d->again = true;
	again = d->again && !session->fresh;
	if (again)
		session->fresh = true;
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
	if (session->final || session->sink.failed ||
	    (session->base < 0 && session->sent))
		return false;
	switch (error) {
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

/**
 * kftp_session_close - let go of the local file
 * @session: that kftp_session_run() ended, for the last time
 */
void kftp_session_close(struct kftp_session *session)
{
	if (session->config->direction == KFTP_GET)
		kftp_sink_close(&session->sink);
	else
		kftp_source_close(&session->source);
}
