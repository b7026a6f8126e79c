// SPDX-License-Identifier: GPL-2.0
/*
 * The data connection of active mode, RFC 959 section 3.2: the server connects
 * to us, and its bytes go to the sink, or the source's to it.
 *
 * There is one copy on the way to the page cache: the pages that the network
 * received bytes in are handed to the file system by reference, but for those
 * that are digested. There is one on the way past it, too, as the disk takes none
 * but whole blocks. Writing happens outside of the socket's lock, so that
 * acknowledgements go out meanwhile.
 */
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "data.h"

#include "fault.h"

/* Returns how many bytes of the page were taken, 0 if the batch is full */
static size_t batch_add(struct kftp_batch *batch, struct page *page,
			size_t offset, size_t len)
{
	struct page *head = compound_head(page);
	struct bio_vec *last = NULL;
	size_t pins = page_size(head);

	if (batch->nr)
		last = &batch->pieces[batch->nr - 1];
	len = min_t(size_t, len, batch->most - batch->bytes);
	if (!len)
		return 0;

	if (last && last->bv_page == page &&
	    last->bv_offset + last->bv_len == offset) {
		last->bv_len += len;
		batch->bytes += len;
		return len;
	}
	if (last && compound_head(last->bv_page) == head)
		pins = 0;
	/* small pieces of large pages keep more memory than they carry */
	if (batch->nr == KFTP_BATCH_PIECES ||
	    (pins && batch->nr && batch->pinned + pins > 2 * KFTP_BATCH_BYTES))
		return 0;

	get_page(page);
	batch->pieces[batch->nr++] = (struct bio_vec) {
		.bv_page = page,
		.bv_offset = offset,
		.bv_len = len,
	};
	batch->bytes += len;
	batch->pinned += pins;
	return len;
}

/* Bytes in the skb's head have no page that we could keep */
static int batch_copy(struct kftp_batch *batch, struct sk_buff *skb,
		      size_t offset, size_t len)
{
	size_t done = 0;

	while (done < len && batch->copied < KFTP_BATCH_COPIES * PAGE_SIZE) {
		struct page **page = &batch->copies[batch->copied / PAGE_SIZE];
		size_t at = offset_in_page(batch->copied);
		size_t n = min(len - done, PAGE_SIZE - at);

		if (!*page)
			*page = alloc_page(GFP_KERNEL);
		if (!*page)
			return done ?: -ENOMEM;
		n = batch_add(batch, *page, at, n);
		if (!n)
			break;
		/* in the head, so this cannot fail */
		skb_copy_bits(skb, offset + done, page_address(*page) + at, n);
		batch->copied += n;
		done += n;
	}
	return done;
}

static int batch_add_skb(struct kftp_batch *batch, struct sk_buff *skb,
			 size_t offset, size_t len)
{
	size_t start = skb_headlen(skb);
	struct sk_buff *part;
	size_t done = 0, n;
	int i, taken;

	if (offset < start) {
		n = min(len, start - offset);
		taken = batch_copy(batch, skb, offset, n);
		if (taken < 0)
			return taken;
		done = taken;
		if (done < n)
			return done;
	}

	for (i = 0; i < skb_shinfo(skb)->nr_frags && done < len; i++) {
		skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		size_t skip = offset + done - start;

		start += skb_frag_size(frag);
		if (skip >= skb_frag_size(frag))
			continue;
		/* device memory, which a server cannot choose for us */
		if (!skb_frag_page(frag))
			return done ?: -EFAULT;
		n = min_t(size_t, len - done, skb_frag_size(frag) - skip);
		taken = batch_add(batch, skb_frag_page(frag),
				  skb_frag_off(frag) + skip, n);
		done += taken;
		if (taken < n)
			return done;
	}

	skb_walk_frags(skb, part) {
		size_t skip = offset + done - start;

		if (done == len)
			break;
		start += part->len;
		if (skip >= part->len)
			continue;
		n = min_t(size_t, len - done, part->len - skip);
		taken = batch_add_skb(batch, part, skip, n);
		if (taken < 0)
			return done ?: taken;
		done += taken;
		if (taken < n)
			break;
	}
	return done;
}

static int data_actor(read_descriptor_t *desc, struct sk_buff *skb,
		      unsigned int offset, size_t len)
{
	return batch_add_skb(desc->arg.data, skb, offset, len);
}

static void batch_empty(struct kftp_batch *batch)
{
	while (batch->nr)
		put_page(batch->pieces[--batch->nr].bv_page);
	batch->bytes = 0;
	batch->pinned = 0;
	batch->copied = 0;
}

/* Nothing came out of the socket, whose lock is held: why? */
static int data_end(struct sock *sk)
{
	int err;

	/* urgent data have no meaning here, and end what tcp_read_sock() passes */
	if (tcp_sk(sk)->urg_data)
		return -EPROTO;
	/* only a FIN is an end; whatever tore it down after that is no matter */
	if (sock_flag(sk, SOCK_DONE))
		return 0;
	err = sock_error(sk);
	if (err)
		return err;
	if (sk->sk_shutdown & RCV_SHUTDOWN || sk->sk_state == TCP_CLOSE)
		return -ECONNRESET;
	return -EAGAIN;
}

/**
 * kftp_data_accept - take the server's connection, if it is there
 * @data: with a listener and the server's address
 *
 * Anybody may connect to a port that listens (RFC 2577 section 4), so what
 * does not come from the server is closed. The first that does is kept, and
 * the listener closed.
 *
 * Return: 0 if @data has its connection now, -EAGAIN if not yet, or another
 * negative errno.
 */
int kftp_data_accept(struct kftp_data *data)
{
	int err;

	err = kftp_sock_accept(&data->listener, &data->conn, &data->peer);
	/* who comes from port 0, which is none, is not said to be anybody */
	if (err && err != -ENOTCONN)
		return err;
	if (err || !kftp_addr_same_host(&data->peer, &data->server)) {
		kftp_sock_close(&data->conn);
		data->strangers++;
		/* the next one may be there already, and so on */
		cond_resched();
		return -EAGAIN;
	}
	kftp_sock_close(&data->listener);
	kftp_wait_progress(data->conn.wait);
	return 0;
}

/* By reference, for the page cache; and what is only compared */
static ssize_t data_pump_batch(struct kftp_data *data, struct kftp_sink *sink,
			       size_t most)
{
	struct sock *sk = data->conn.sock->sk;
	struct kftp_batch *batch = &data->batch;
	read_descriptor_t desc = { .arg.data = batch, .count = 1 };
	struct iov_iter from;
	int n, err;

	batch->most = min_t(size_t, most, KFTP_BATCH_BYTES);
	lock_sock(sk);
	n = tcp_read_sock(sk, &desc, data_actor);
	if (!n)
		n = data_end(sk);
	release_sock(sk);
	if (n <= 0)
		return n;

	iov_iter_bvec(&from, ITER_SOURCE, batch->pieces, batch->nr,
		      batch->bytes);
	err = kftp_sink_write(sink, &from);
	batch_empty(batch);
	return err ?: n;
}

/* Copied, into the sink's own pages: the disk wants them whole */
static ssize_t data_pump_direct(struct kftp_data *data, struct kftp_sink *sink,
				size_t most)
{
	struct sock *sk = data->conn.sock->sk;
	struct iov_iter to;
	ssize_t n;
	int err;

	err = kftp_sink_room(sink, most, &to);
	if (err)
		return err;
	/* an urgent byte is in its place, but has no meaning here */
	if (READ_ONCE(tcp_sk(sk)->urg_data))
		return -EPROTO;
	n = kftp_sock_recv_iter(&data->conn, &to);
	if (n == -EAGAIN)
		return n;
	if (n <= 0 || READ_ONCE(tcp_sk(sk)->urg_data)) {
		lock_sock(sk);
		err = n < 0 ? n : data_end(sk);
		release_sock(sk);
		return err;
	}
	return kftp_sink_wrote(sink, &to, n) ?: n;
}

/**
 * kftp_data_pump - move bytes that are there from the server to the sink
 * @data: with a connection
 * @sink: begun
 * @most: how many at most
 *
 * The one place where bytes pass.
 *
 * Return: how many bytes, 0 at the end of the stream, -EAGAIN if none is
 * there, or another negative errno.
 */
ssize_t kftp_data_pump(struct kftp_data *data, struct kftp_sink *sink,
		       size_t most)
{
	ssize_t n;

	most = kftp_sink_most(sink, most);
	if (sink->direct && !kftp_sink_again(sink))
		n = data_pump_direct(data, sink, most);
	else
		n = data_pump_batch(data, sink, most);
	/* what a slow disk took is no stall of the server's */
	if (n > 0)
		kftp_wait_progress(data->conn.wait);
	return n;
}

/**
 * kftp_data_send - move bytes from the source to the server
 * @data: with a connection that has a file
 * @source: an open source
 * @most: how many at most
 *
 * Return: how many bytes, 0 at the end of the file, -EAGAIN if the connection
 * takes none, or another negative errno.
 */
ssize_t kftp_data_send(struct kftp_data *data, struct kftp_source *source,
		       size_t most)
{
	bool idle = kftp_data_idle(data);
	ssize_t n;

	n = kftp_source_send(source, data->conn.sock->file,
			     min_t(size_t, most, KFTP_BATCH_BYTES));
	/* what a slow disk took is no stall of a server's that has all there was */
	if (n > 0 && idle)
		kftp_wait_progress(data->conn.wait);
	else
		kftp_data_acked(data);
	return n;
}

static const struct tcp_sock *data_tcp(const struct kftp_data *data)
{
	return tcp_sk(data->conn.sock->sk);
}

/**
 * kftp_data_idle - has the server's host acknowledged all that was sent so far?
 * @data: with a connection to which bytes are sent, and not ended
 *
 * Return: true if nothing is on its way, so that the server waits for us.
 */
bool kftp_data_idle(const struct kftp_data *data)
{
	return READ_ONCE(data_tcp(data)->snd_una) ==
	       READ_ONCE(data_tcp(data)->write_seq);
}

/**
 * kftp_data_acked - see whether the server has taken in more
 * @data: with a connection to which bytes are sent
 *
 * The send buffer may hold what a slow link takes minutes for, while nothing is
 * sent: that is no stall.
 */
void kftp_data_acked(struct kftp_data *data)
{
	u32 acked = READ_ONCE(data_tcp(data)->snd_una);

	if (acked == data->acked)
		return;
	data->acked = acked;
	kftp_wait_progress(data->conn.wait);
}

/**
 * kftp_data_end - say that there is no more
 * @data: with a connection
 */
void kftp_data_end(struct kftp_data *data)
{
	data->end = READ_ONCE(data_tcp(data)->write_seq);
	kftp_sock_shutdown(&data->conn);
}

/**
 * kftp_data_taken - has the server's host acknowledged all that was sent?
 * @data: after kftp_data_end(); the connection may have ended, too
 *
 * Whatever a server says before, it need not have what is not acknowledged yet.
 *
 * Return: true if nothing is left to be sent.
 */
bool kftp_data_taken(const struct kftp_data *data)
{
	return !before(READ_ONCE(data_tcp(data)->snd_una), data->end);
}

/**
 * kftp_data_close - be done with the data connection
 * @data: in whatever state; may be used for another
 */
void kftp_data_close(struct kftp_data *data)
{
	int i;

	kftp_sock_close(&data->conn);
	kftp_sock_close(&data->listener);
	batch_empty(&data->batch);
	for (i = 0; i < KFTP_BATCH_COPIES; i++) {
		if (data->batch.copies[i])
			__free_page(data->batch.copies[i]);
		data->batch.copies[i] = NULL;
	}
}
