/* SPDX-License-Identifier: GPL-2.0 */
/* What the outside may see of a job */
#ifndef _KFTP_STATE_H
#define _KFTP_STATE_H

#include <crypto/sha2.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>

#include "addr.h"
#include "reply.h"

enum kftp_status {
	KFTP_IDLE,
	KFTP_QUEUED,
	KFTP_RUNNING,
	KFTP_DONE,
	KFTP_FAILED,
	KFTP_CANCELLED,
};

enum kftp_phase {
	KFTP_PHASE_NONE,
	KFTP_PHASE_RESOLVE,
	KFTP_PHASE_CONNECT,
	KFTP_PHASE_LOGIN,
	KFTP_PHASE_NEGOTIATE,
	KFTP_PHASE_ACCEPT,
	KFTP_PHASE_TRANSFER,
	KFTP_PHASE_COMMIT,
	KFTP_PHASE_RETRY,
};

/* By which way the bytes go */
enum kftp_io {
	KFTP_IO_NONE,
	KFTP_IO_BUFFERED,
	KFTP_IO_DIRECT,
	KFTP_IO_SPLICE,
};

/**
 * struct kftp_state - the state of a job's last run
 * @lock: protects all members; innermost, and the only lock that a
 *	sysfs show takes
 * @status: where the run stands
 * @phase: where it is in its dialogue, or where it ended
 * @error: 0 or the negative errno it ended with
 * @bytes: how many are there: moved, or found to be there by a resume
 * @resumed: how many of them were there when the last attempt began
 * @attempts: how many times the run tried
 * @io: by which way the bytes go
 * @sha256: the file's digest, in hexadecimal digits, or empty
 * @size: what the server says the file has, or -1
 * @reply_code: the last final reply's code, or 0
 * @reply: its text, escaped and masked; NULL until a run needed it, then kept
 * @peer: of the data connection; AF_UNSPEC before
 * @run: how many runs were started
 * @started: when the run was
 * @ended: when it was over; meaningful once @status says so
 */
struct kftp_state {
	spinlock_t lock;	/* protects all the rest */
	enum kftp_status status;
	enum kftp_phase phase;
	int error;
	u64 bytes;
	u64 resumed;
	u64 attempts;
	enum kftp_io io;
	char sha256[2 * SHA256_DIGEST_SIZE + 1];
	s64 size;
	int reply_code;
	char *reply;
	struct kftp_addr peer;
	u64 run;
	ktime_t started;
	ktime_t ended;
};

extern const char *const kftp_status_names[];
extern const char *const kftp_phase_names[];
extern const char *const kftp_io_names[];

void kftp_state_init(struct kftp_state *state);
void kftp_state_free(struct kftp_state *state);
int kftp_state_prepare(struct kftp_state *state);
void kftp_state_queued(struct kftp_state *state, ktime_t started);
void kftp_state_running(struct kftp_state *state);
void kftp_state_ended(struct kftp_state *state, int error);
void kftp_state_phase(struct kftp_state *state, enum kftp_phase phase);
void kftp_state_size(struct kftp_state *state, s64 size);
void kftp_state_attempt(struct kftp_state *state);
void kftp_state_begin(struct kftp_state *state, u64 resumed, enum kftp_io io);
void kftp_state_sha256(struct kftp_state *state,
		       const u8 digest[SHA256_DIGEST_SIZE]);
u64 kftp_state_moved(struct kftp_state *state, u64 bytes);
void kftp_state_peer(struct kftp_state *state, const struct kftp_addr *peer);
void kftp_state_reply(struct kftp_state *state, int code, const char *text,
		      size_t len);
u64 kftp_state_elapsed_ms(const struct kftp_state *state);
const char *kftp_state_error(int error, char *buf, size_t size);

/* Room for the name of any errno, with its sign */
#define KFTP_ERROR_MAX	24

bool kftp_state_is_over(struct kftp_state *state, u64 run);

static inline bool kftp_state_busy(const struct kftp_state *state)
{
	return READ_ONCE(state->status) == KFTP_QUEUED ||
	       READ_ONCE(state->status) == KFTP_RUNNING;
}

#endif /* _KFTP_STATE_H */
