/* SPDX-License-Identifier: GPL-2.0 */
/* The FTP dialogue */
#ifndef _KFTP_SESSION_H
#define _KFTP_SESSION_H

#include "net.h"
#include "sink.h"
#include "source.h"
#include "state.h"

enum kftp_direction {
	KFTP_GET,
	KFTP_PUT,
	KFTP_APPEND,
};

/**
 * struct kftp_config - what a job was told
 * @host: address or name of the server
 * @user: the name to log in with, or NULL for the default
 * @pass: the password, or NULL for the default of that user
 * @src: where the bytes come from
 * @dst: where the bytes go
 * @port: the server's port
 * @direction: an enum kftp_direction
 * @timeout_sec: seconds without progress
 * @deadline_sec: seconds for the whole job, or 0
 * @port_min: the data port's range
 * @port_max: the data port's range
 * @max_size: bytes, or 0
 * @cache: an enum kftp_cache
 * @resume: go on where an earlier run ended
 * @retries: how often to try again
 * @retry_delay_sec: seconds before the first time
 * @sha256: the file's digest in hexadecimal digits, KFTP_SHA256_COMPUTE, or NULL
 * @mtime: the file gets the time of the server's
 * @rate_limit: bytes a second, or 0
 *
 * Strings are owned by the job, and constant while it is queued or running.
 */
struct kftp_config {
	char *host;
	char *user;
	char *pass;
	char *src;
	char *dst;
	u64 port;
	u64 direction;
	u64 timeout_sec;
	u64 deadline_sec;
	u64 port_min;
	u64 port_max;
	u64 max_size;
	u64 cache;
	u64 resume;
	u64 retries;
	u64 retry_delay_sec;
	char *sha256;
	u64 mtime;
	u64 rate_limit;
};

/**
 * struct kftp_session - one transfer
 * @config: the job's
 * @state: the job's
 * @wait: what ends it
 * @net: the caller's network namespace; the run holds it
 * @server: the control connection's other end; AF_UNSPEC if @config->host is a
 *	name
 * @sink: a get's destination
 * @source: a put's
 * @sent: how many of the source's bytes the server may have, from the beginning
 * @before: how many bytes its file had before that, -1 if nobody knows
 * @base: how many bytes the file had that is appended to, -1 if nobody knows
 * @fresh: what the server or the sink has is of no use
 * @passing: @fresh is for this attempt only
 * @strangers: connections that came from somewhere else
 */
struct kftp_session {
	const struct kftp_config *config;
	struct kftp_state *state;
	struct kftp_wait wait;
	struct net *net;
	struct kftp_addr server;
	struct kftp_sink sink;
	struct kftp_source source;
	loff_t sent;
	s64 before;
	s64 base;
	bool fresh;
	bool passing;
	unsigned int strangers;
};

int kftp_session_run(struct kftp_session *session);
void kftp_session_close(struct kftp_session *session);
bool kftp_session_may_retry(const struct kftp_session *session, int error);

#endif /* _KFTP_SESSION_H */
