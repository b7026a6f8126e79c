// SPDX-License-Identifier: GPL-2.0
/*
 * What the outside may see of a job: written by its run, read by sysfs and
 * uevents. Neither credentials nor paths are kept here.
 */
#include <linux/minmax.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string_helpers.h>

#include "state.h"

#include "fault.h"

const char *const kftp_status_names[] = {
	[KFTP_IDLE]		= "idle",
	[KFTP_QUEUED]		= "queued",
	[KFTP_RUNNING]		= "running",
	[KFTP_DONE]		= "done",
	[KFTP_FAILED]		= "failed",
	[KFTP_CANCELLED]	= "cancelled",
};

const char *const kftp_phase_names[] = {
	[KFTP_PHASE_NONE]	= "none",
	[KFTP_PHASE_RESOLVE]	= "resolve",
	[KFTP_PHASE_CONNECT]	= "connect",
	[KFTP_PHASE_LOGIN]	= "login",
	[KFTP_PHASE_NEGOTIATE]	= "negotiate",
	[KFTP_PHASE_ACCEPT]	= "accept",
	[KFTP_PHASE_TRANSFER]	= "transfer",
	[KFTP_PHASE_COMMIT]	= "commit",
	[KFTP_PHASE_RETRY]	= "retry",
};

const char *const kftp_io_names[] = {
	[KFTP_IO_NONE]		= "none",
	[KFTP_IO_BUFFERED]	= "buffered",
	[KFTP_IO_DIRECT]	= "direct",
	[KFTP_IO_SPLICE]	= "splice",
};

/**
 * kftp_state_init - the state of a job that was never started
 * @state: zeroed memory
 */
void kftp_state_init(struct kftp_state *state)
{
	spin_lock_init(&state->lock);
	state->size = -1;
}

/**
 * kftp_state_free - free what a state holds
 * @state: a state that nobody reads any more
 */
void kftp_state_free(struct kftp_state *state)
{
	kfree(state->reply);
}

/**
 * kftp_state_prepare - get the memory that a run needs to be shown
 * @state: of a job that is queued or running
 *
 * Not before it runs: a queued job is to be small.
 *
 * Return: 0 or -ENOMEM.
 */
int kftp_state_prepare(struct kftp_state *state)
{
	char *reply;

	if (state->reply)
		return 0;
	reply = kzalloc(KFTP_REPLY_SHOWN + 1, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	spin_lock(&state->lock);
	state->reply = reply;
	spin_unlock(&state->lock);
	return 0;
}

/**
 * kftp_state_queued - a new run: forget the last one
 * @state: of a job that is neither queued nor running
 * @started: when it was asked for
 */
void kftp_state_queued(struct kftp_state *state, ktime_t started)
{
	spin_lock(&state->lock);
	WRITE_ONCE(state->status, KFTP_QUEUED);
	state->phase = KFTP_PHASE_NONE;
	state->error = 0;
	state->bytes = 0;
	state->resumed = 0;
	state->attempts = 0;
	state->io = KFTP_IO_NONE;
	state->sha256[0] = '\0';
	state->size = -1;
	state->reply_code = 0;
	if (state->reply)
		state->reply[0] = '\0';
	memset(&state->peer, 0, sizeof(state->peer));
	state->run++;
	state->started = started;
	spin_unlock(&state->lock);
}

/**
 * kftp_state_running - the run's turn has come
 * @state: of a queued job
 */
void kftp_state_running(struct kftp_state *state)
{
	spin_lock(&state->lock);
	WRITE_ONCE(state->status, KFTP_RUNNING);
	spin_unlock(&state->lock);
}

/**
 * kftp_state_ended - the run is over
 * @state: of a queued or running job
 * @error: 0 or a negative errno
 */
void kftp_state_ended(struct kftp_state *state, int error)
{
	enum kftp_status status = KFTP_DONE;

	if (error)
		status = error == -ECANCELED ? KFTP_CANCELLED : KFTP_FAILED;
	spin_lock(&state->lock);
	state->error = error;
	state->ended = ktime_get();
	WRITE_ONCE(state->status, status);
	spin_unlock(&state->lock);
}

/**
 * kftp_state_is_over - has that run ended?
 * @state: a job's
 * @run: its number
 *
 * Return: true if it has, whether or not another was started since.
 */
bool kftp_state_is_over(struct kftp_state *state, u64 run)
{
	bool over;

	spin_lock(&state->lock);
	over = state->run != run || !kftp_state_busy(state);
	spin_unlock(&state->lock);
	return over;
}

/**
 * kftp_state_phase - the dialogue came a step further
 * @state: of a running job
 * @phase: where it is now
 */
void kftp_state_phase(struct kftp_state *state, enum kftp_phase phase)
{
	spin_lock(&state->lock);
	state->phase = phase;
	spin_unlock(&state->lock);
}

/**
 * kftp_state_size - the server told the file's size
 * @state: of a running job
 * @size: bytes, or -1 if it did not
 */
void kftp_state_size(struct kftp_state *state, s64 size)
{
	spin_lock(&state->lock);
	state->size = size;
	spin_unlock(&state->lock);
}

/**
 * kftp_state_attempt - the run tries, for the first time or again
 * @state: of a running job
 */
void kftp_state_attempt(struct kftp_state *state)
{
	spin_lock(&state->lock);
	state->attempts++;
	spin_unlock(&state->lock);
}

/**
 * kftp_state_begin - bytes are about to flow
 * @state: of a running job
 * @resumed: bytes that are there already
 * @io: by which way the others go
 */
void kftp_state_begin(struct kftp_state *state, u64 resumed, enum kftp_io io)
{
	spin_lock(&state->lock);
	state->bytes = resumed;
	state->resumed = resumed;
	state->io = io;
	spin_unlock(&state->lock);
}

/**
 * kftp_state_sha256 - the file's digest is known
 * @state: of a running job
 * @digest: the digest
 */
void kftp_state_sha256(struct kftp_state *state,
		       const u8 digest[SHA256_DIGEST_SIZE])
{
	spin_lock(&state->lock);
	*bin2hex(state->sha256, digest, SHA256_DIGEST_SIZE) = '\0';
	spin_unlock(&state->lock);
}

/**
 * kftp_state_moved - bytes were moved
 * @state: of a running job
 * @bytes: how many more
 *
 * Return: how many there are in all.
 */
u64 kftp_state_moved(struct kftp_state *state, u64 bytes)
{
	spin_lock(&state->lock);
	state->bytes += bytes;
	bytes = state->bytes;
	spin_unlock(&state->lock);
	return bytes;
}

/**
 * kftp_state_peer - the data connection is there
 * @state: of a running job
 * @peer: its other end
 */
void kftp_state_peer(struct kftp_state *state, const struct kftp_addr *peer)
{
	spin_lock(&state->lock);
	state->peer = *peer;
	spin_unlock(&state->lock);
}

/**
 * kftp_state_reply - a final reply came
 * @state: of a running job, after kftp_state_prepare()
 * @code: the reply's code
 * @text: its text, masked
 * @len: of @text
 */
void kftp_state_reply(struct kftp_state *state, int code, const char *text,
		      size_t len)
{
	int n;

	spin_lock(&state->lock);
	state->reply_code = code;
	n = string_escape_mem(text, len, state->reply, KFTP_REPLY_SHOWN,
			      ESCAPE_SPACE | ESCAPE_HEX | ESCAPE_NAP, NULL);
	state->reply[min_t(size_t, n, KFTP_REPLY_SHOWN)] = '\0';
	spin_unlock(&state->lock);
}

/**
 * kftp_state_elapsed_ms - how long the last run took, or has been taking
 * @state: with its lock held
 *
 * Return: milliseconds.
 */
u64 kftp_state_elapsed_ms(const struct kftp_state *state)
{
	lockdep_assert_held(&state->lock);
	if (state->status == KFTP_IDLE)
		return 0;
	return ktime_ms_delta(kftp_state_busy(state) ? ktime_get() : state->ended,
			      state->started);
}

/**
 * kftp_state_error - an errno by its name
 * @error: 0 or a negative errno
 * @buf: for the name
 * @size: of @buf
 *
 * Return: "0", or a name like "ENOENT" in @buf.
 */
const char *kftp_state_error(int error, char *buf, size_t size)
{
	if (!error)
		return "0";
	/* %pe writes it with the sign */
	snprintf(buf, size, "%pe", ERR_PTR(error));
	return buf[0] == '-' ? buf + 1 : buf;
}
