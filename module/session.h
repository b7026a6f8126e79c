/* SPDX-License-Identifier: GPL-2.0 */
/* The FTP dialogue */
#ifndef _KFTP_SESSION_H
#define _KFTP_SESSION_H

#include "net.h"
#include "sink.h"
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
};

/**
 * struct kftp_session - one transfer
 * @config: the job's
 * @state: the job's
 * @wait: what ends it
 * @net: the caller's network namespace; the run holds it
 * @server: the control connection's other end; AF_UNSPEC if @config->host is a
 *	name
 * @sink: the destination
 * @strangers: connections that came from somewhere else
 */
struct kftp_session {
	const struct kftp_config *config;
	struct kftp_state *state;
	struct kftp_wait wait;
	struct net *net;
	struct kftp_addr server;
	struct kftp_sink sink;
	unsigned int strangers;
};

int kftp_session_run(struct kftp_session *session);

#endif /* _KFTP_SESSION_H */
