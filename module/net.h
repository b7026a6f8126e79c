/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets, resolving, and the one wait */
#ifndef _KFTP_NET_H
#define _KFTP_NET_H

#include <linux/jiffies.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include "addr.h"

#define KFTP_ADDRS_MAX	8

/**
 * struct kftp_wait - everything that can end a wait of a run
 * @queue: where the run sleeps; woken by its sockets' own wait queues, by
 *	kftp_wait_cancel() and by struct kftp_aside
 * @cancelled: the run was told to stop; never goes back to false
 * @timeout: how long, in jiffies, nothing may happen
 * @stall: when, in 64-bit jiffies, nothing has happened for so long; touched by
 *	the run alone
 * @deadline: when the run has to be over, or U64_MAX
 */
struct kftp_wait {
	wait_queue_head_t queue;
	bool cancelled;
	u64 timeout;
	u64 stall;
	u64 deadline;
};

void kftp_wait_init(struct kftp_wait *wait, u64 timeout_sec, u64 deadline_sec);
void kftp_wait_progress(struct kftp_wait *wait);
void kftp_wait_share(struct kftp_wait *wait, u64 stall, unsigned int shares);
u64 kftp_wait_limit(struct kftp_wait *wait, unsigned long left);
void kftp_wait_cancel(struct kftp_wait *wait);
int kftp_wait_check(const struct kftp_wait *wait);
long kftp_wait_left(const struct kftp_wait *wait, u64 until);

/**
 * kftp_wait_reached - is it that late?
 * @when: 64-bit jiffies, U64_MAX for never
 *
 * Return: true once the time has come.
 */
static inline bool kftp_wait_reached(u64 when)
{
	u64 now = get_jiffies_64();

	return now >= when;
}

/**
 * kftp_wait_until - sleep until something is the case, or a time has come, or
 * the run has to end
 * @wait: the run's wait
 * @until: 64-bit jiffies
 * @condition: evaluated again after each wake-up of @wait's queue
 *
 * The only place where a run sleeps on the network. Nothing but what is named
 * here and at struct kftp_wait ends it: kernel threads get no signals.
 *
 * Return: 0 if @condition is true or @until has come, -ECANCELED, or
 * -ETIMEDOUT.
 */
#define kftp_wait_until(wait, until, condition)				\
({									\
	struct kftp_wait *__w = (wait);					\
	u64 __until = (until);						\
	int __err = kftp_wait_check(__w);				\
									\
	if (!__err &&							\
	    !wait_event_idle_timeout(__w->queue,			\
				     READ_ONCE(__w->cancelled) ||	\
				     (condition),			\
				     kftp_wait_left(__w, __until)) &&	\
	    !kftp_wait_reached(__until))				\
		__err = -ETIMEDOUT;					\
	if (!__err && READ_ONCE(__w->cancelled))			\
		__err = -ECANCELED;					\
	__err;								\
})

/* The same without a time of its own */
#define kftp_wait_for(wait, condition)					\
	kftp_wait_until(wait, U64_MAX, condition)

/**
 * struct kftp_sock - a TCP socket of a run
 * @sock: never blocks; NULL if there is none
 * @wait: woken whenever the state of @sock changes
 * @entry: in the wait queue of @sock, from opening to closing
 */
struct kftp_sock {
	struct socket *sock;
	struct kftp_wait *wait;
	wait_queue_entry_t entry;
};

int kftp_sock_connect(struct kftp_sock *ks, struct kftp_wait *wait,
		      struct net *net, const struct kftp_addr *addr);
int kftp_sock_listen(struct kftp_sock *ks, struct kftp_wait *wait,
		     struct net *net, struct kftp_addr *addr,
		     u16 port_min, u16 port_max, u64 rate, bool receives);
int kftp_sock_accept(struct kftp_sock *listener, struct kftp_sock *ks,
		     struct kftp_addr *peer);
int kftp_sock_local(struct kftp_sock *ks, struct kftp_addr *addr);
int kftp_sock_peer(struct kftp_sock *ks, struct kftp_addr *addr);
int kftp_sock_send(struct kftp_sock *ks, const char *buf, size_t len);
int kftp_sock_recv(struct kftp_sock *ks, char *buf, size_t size);
__poll_t kftp_sock_poll(struct kftp_sock *ks);
ssize_t kftp_sock_recv_iter(struct kftp_sock *ks, struct iov_iter *to);
bool kftp_sock_gather(struct kftp_sock *ks, struct kftp_sock *other);
int kftp_sock_open_file(struct kftp_sock *ks);
void kftp_sock_shutdown(struct kftp_sock *ks);
void kftp_sock_close(struct kftp_sock *ks);

/**
 * kftp_sock_readable - would a read or an accept get on?
 * @ks: a socket, perhaps none
 *
 * Return: true if there are bytes, a connection, the end of the stream or an
 * error to be had.
 */
static inline bool kftp_sock_readable(struct kftp_sock *ks)
{
	return ks->sock && kftp_sock_poll(ks) &
			   (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
}

/**
 * kftp_sock_writable - would a write get on?
 * @ks: a socket, perhaps none
 *
 * Return: true if there is room, or an error to be had.
 */
static inline bool kftp_sock_writable(struct kftp_sock *ks)
{
	return ks->sock &&
	       kftp_sock_poll(ks) & (EPOLLOUT | EPOLLHUP | EPOLLERR);
}

int kftp_net_literal(struct net *net, const char *host, u16 port,
		     struct kftp_addr *addr);
int kftp_net_resolve(struct kftp_wait *wait, const char *host, u16 port,
		     struct kftp_addr *addrs);

int kftp_net_init(void);
void kftp_net_exit(void);

#endif /* _KFTP_NET_H */
