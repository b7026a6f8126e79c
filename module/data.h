/* SPDX-License-Identifier: GPL-2.0 */
/* The data connection: listen, accept, check the peer, pump */
#ifndef _KFTP_DATA_H
#define _KFTP_DATA_H

#include <linux/bvec.h>

#include "net.h"
#include "sink.h"
#include "source.h"

/* Bytes passed in one go, and in how many pieces */
#define KFTP_BATCH_BYTES	(256 * 1024)
#define KFTP_BATCH_PIECES	256

/* Pages for bytes that cannot be passed on by reference: 64 KiB, or one */
#define KFTP_BATCH_COPIES	DIV_ROUND_UP(64 * 1024, PAGE_SIZE)

/**
 * struct kftp_batch - bytes on their way from the socket to the file
 * @pieces: where they are; a reference on each page
 * @nr: how many pieces
 * @bytes: in all of them
 * @most: that are wanted
 * @pinned: memory that these references keep from being freed, at most
 * @copies: pages of our own, for what has no page to refer to
 * @copied: bytes in @copies; in use until the batch is empty
 */
struct kftp_batch {
	struct bio_vec pieces[KFTP_BATCH_PIECES];
	unsigned int nr;
	size_t bytes;
	size_t most;
	size_t pinned;
	struct page *copies[KFTP_BATCH_COPIES];
	size_t copied;
};

/**
 * struct kftp_data - a data connection
 * @listener: until the server has connected
 * @conn: after that
 * @server: whose connection is taken; the port does not matter
 * @peer: the other end of @conn
 * @acked: how far the server has acknowledged what was sent, when last looked at
 * @end: how far it will have, when it has all
 * @strangers: connections closed because they came from somewhere else
 * @batch: on its way
 */
struct kftp_data {
	struct kftp_sock listener;
	struct kftp_sock conn;
	struct kftp_addr server;
	struct kftp_addr peer;
	u32 acked;
	u32 end;
	unsigned int strangers;
	struct kftp_batch batch;
};

int kftp_data_accept(struct kftp_data *data);
ssize_t kftp_data_pump(struct kftp_data *data, struct kftp_sink *sink,
		       size_t most);
ssize_t kftp_data_send(struct kftp_data *data, struct kftp_source *source,
		       size_t most);
bool kftp_data_idle(const struct kftp_data *data);
void kftp_data_acked(struct kftp_data *data);
void kftp_data_end(struct kftp_data *data);
bool kftp_data_taken(const struct kftp_data *data);
void kftp_data_close(struct kftp_data *data);

#endif /* _KFTP_DATA_H */
