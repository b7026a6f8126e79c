// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets, resolving, and the one wait.
 *
 * All sockets are non-blocking. A work item gets no signals, and a shutdown of
 * a socket that is not connected yet is forgotten, so nothing could end a
 * blocking call; instead the run sleeps in kftp_wait_for() alone, and each
 * socket wakes it through an entry in its own wait queue.
 */
#include <linux/time64.h>
#include <linux/dns_resolver.h>
#include <linux/file.h>
#include <linux/inet.h>
#include <linux/math64.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "aside.h"
#include "compat.h"
#include "kftp.h"
#include "net.h"

#include "fault.h"

/* Upcalls that may be under way at once, those left behind included */
#define KFTP_RESOLVES_MAX	16

/* Connections that may wait to be looked at, third parties' among them */
#define KFTP_BACKLOG		16

/* In seconds, of the control connection while data flow: NAT forgets sooner */
#define KFTP_KEEPALIVE		60

/*
 * The kernel accounts twice this for buffers and their overhead. Fixed, as
 * autotuning would let one job have tcp_rmem[2], 6 MiB by default.
 */
#define KFTP_RCVBUF		(384 * 1024)
#define KFTP_RCVBUF_MIN		(16 * 1024)

/* Where only replies come, or what a put compares */
#define KFTP_RCVBUF_FEW		(64 * 1024)

/* So many bytes are worth waking up for, where there may be more soon */
#define KFTP_RCVLOWAT		(256 * 1024)

/* Farther away the window is what limits the speed, and had better be open */
#define KFTP_NEAR_USEC		1000

/* Bytes that wait to be acknowledged, for the same reason */
#define KFTP_SNDBUF		(1024 * 1024)
#define KFTP_SNDBUF_MIN		(32 * 1024)

static struct workqueue_struct *kftp_resolve_wq;

/* The jiffy under way is not a whole one: never too early, so one more */
static u64 jiffies_after(u64 left)
{
	return get_jiffies_64() + left + 1;
}

/**
 * kftp_wait_init - a wait for a new run
 * @wait: the wait
 * @timeout_sec: seconds without any progress
 * @deadline_sec: seconds from now to the end, 0 for none
 */
void kftp_wait_init(struct kftp_wait *wait, u64 timeout_sec, u64 deadline_sec)
{
	init_waitqueue_head(&wait->queue);
	wait->cancelled = false;
	wait->timeout = timeout_sec * HZ;
	wait->deadline = U64_MAX;
	if (deadline_sec)
		wait->deadline = jiffies_after(deadline_sec * HZ);
	kftp_wait_progress(wait);
}

/**
 * kftp_wait_progress - something happened: @timeout counts from now
 * @wait: the wait
 */
void kftp_wait_progress(struct kftp_wait *wait)
{
	wait->stall = jiffies_after(wait->timeout);
}

/**
 * kftp_wait_share - give one of several attempts its share of the time left
 * @wait: the wait
 * @stall: when all attempts together will have taken too long
 * @shares: attempts left, this one included
 */
void kftp_wait_share(struct kftp_wait *wait, u64 stall, unsigned int shares)
{
	u64 now = get_jiffies_64();

	wait->stall = now + (stall > now ? div_u64(stall - now, shares) : 0);
}

/**
 * kftp_wait_limit - end the run's waits soon
 * @wait: the wait
 * @left: jiffies from now; an earlier deadline stays
 *
 * Return: the deadline that was, to be put back.
 */
u64 kftp_wait_limit(struct kftp_wait *wait, unsigned long left)
{
	u64 deadline = wait->deadline;

	wait->deadline = min(deadline, jiffies_after(left));
	return deadline;
}

/**
 * kftp_wait_cancel - end the run's waits, now and for ever
 * @wait: the wait
 *
 * Context: any.
 */
void kftp_wait_cancel(struct kftp_wait *wait)
{
	WRITE_ONCE(wait->cancelled, true);
	wake_up_all(&wait->queue);
}

/**
 * kftp_wait_left - how long the run may still sleep
 * @wait: the wait
 * @until: 64-bit jiffies, when it wants to be awake
 *
 * Return: jiffies, 0 if it may not.
 */
long kftp_wait_left(const struct kftp_wait *wait, u64 until)
{
	u64 now = get_jiffies_64();
	u64 end = min3(wait->stall, wait->deadline, until);

	return end > now ? min_t(u64, end - now, MAX_SCHEDULE_TIMEOUT - 1) : 0;
}

/**
 * kftp_wait_check - does the run have to end?
 * @wait: the wait
 *
 * For loops that find work to do each time, and so would never sleep.
 *
 * Return: 0, -ECANCELED, or -ETIMEDOUT.
 */
int kftp_wait_check(const struct kftp_wait *wait)
{
	if (READ_ONCE(wait->cancelled))
		return -ECANCELED;
	return kftp_wait_left(wait, U64_MAX) ? 0 : -ETIMEDOUT;
}

/* Called with the lock of the socket's wait queue held, often in softirq */
static int sock_wake(wait_queue_entry_t *entry, unsigned int mode, int sync,
		     void *key)
{
	struct kftp_sock *ks = container_of(entry, struct kftp_sock, entry);

	wake_up(&ks->wait->queue);
	return 0;
}

static void sock_attach(struct kftp_sock *ks, struct socket *sock,
			struct kftp_wait *wait)
{
	ks->sock = sock;
	ks->wait = wait;
	init_waitqueue_func_entry(&ks->entry, sock_wake);
	add_wait_queue(sk_sleep(sock->sk), &ks->entry);
}

static int sock_open(struct kftp_sock *ks, struct kftp_wait *wait,
		     struct net *net, int family)
{
	struct socket *sock;
	int err;

	/*
	 * Not a kernel socket: those do not hold the network namespace and lose
	 * their timers when closed.
	 */
	err = __sock_create(net, family, SOCK_STREAM, IPPROTO_TCP, &sock, 0);
	if (err)
		return err;
	sock_attach(ks, sock, wait);
	return 0;
}

/**
 * kftp_sock_poll - what could be done with the socket without blocking?
 * @ks: a socket
 *
 * Return: as poll(2).
 */
__poll_t kftp_sock_poll(struct kftp_sock *ks)
{
	return ks->sock->ops->poll(NULL, ks->sock, NULL);
}

static int sock_address(struct kftp_addr *addr, int len)
{
	if (len < 0)
		return len;
	kftp_addr_unmap(addr);
	return 0;
}

/**
 * kftp_sock_local - the socket's own address
 * @ks: a bound or connected socket
 * @addr: set on success
 *
 * Return: 0 or a negative errno.
 */
int kftp_sock_local(struct kftp_sock *ks, struct kftp_addr *addr)
{
	struct sockaddr_storage ss = {};
	int len = kernel_getsockname(ks->sock, (struct sockaddr *)&ss);

	memcpy(addr, &ss, sizeof(*addr));
	return sock_address(addr, len);
}

/**
 * kftp_sock_peer - the address of the other end
 * @ks: a socket that is or was connected
 * @addr: set on success
 *
 * Return: 0 or a negative errno.
 */
int kftp_sock_peer(struct kftp_sock *ks, struct kftp_addr *addr)
{
	struct sockaddr_storage ss = {};
	/* 2: also of a connection that was reset before we came to look */
	int len = kftp_fault(KFTP_FAULT_SOCKET, __func__, "getname") ?:
		  ks->sock->ops->getname(ks->sock, (struct sockaddr *)&ss, 2);

	memcpy(addr, &ss, sizeof(*addr));
	return sock_address(addr, len);
}

/**
 * kftp_sock_connect - open a connection
 * @ks: set on success
 * @wait: the run's wait; also bounds the attempt
 * @net: the caller's network namespace
 * @addr: where to
 *
 * Return: 0 or a negative errno; then @ks has no socket.
 */
int kftp_sock_connect(struct kftp_sock *ks, struct kftp_wait *wait,
		      struct net *net, const struct kftp_addr *addr)
{
	struct kftp_addr to = *addr;
	struct sock *sk;
	int err;

	err = sock_open(ks, wait, net, to.sa.sa_family);
	if (err)
		return err;
	sk = ks->sock->sk;
	/*
	 * What is sent is copied to pages that are kept for what is sent next: by
	 * the socket, and freed with it, not by a worker that outlives it.
	 */
	kftp_sock_own_frag(sk);
	/* nobody reads while a disk is waited for, nor after the last reply */
	sock_set_rcvbuf(sk, KFTP_RCVBUF_FEW);
	/* each command is a small segment that the server waits for */
	tcp_sock_set_nodelay(sk);
	sock_set_keepalive(sk);
	tcp_sock_set_keepidle(sk, KFTP_KEEPALIVE);
	tcp_sock_set_keepintvl(sk, KFTP_KEEPALIVE);

	err = kernel_connect(ks->sock, &to.sa, kftp_addr_len(&to), O_NONBLOCK);
	if (err == -EINPROGRESS) {
		err = kftp_wait_for(wait, kftp_sock_writable(ks));
		/* the second call tells how the first went */
		if (!err)
			err = kernel_connect(ks->sock, &to.sa,
					     kftp_addr_len(&to), O_NONBLOCK);
		/* a router's refusal, as IPv6 has it; a policy's came before */
		if (err == -EACCES)
			err = -EHOSTUNREACH;
	}
	if (err)
		kftp_sock_close(ks);
	else
		kftp_wait_progress(wait);
	return err;
}

static void sock_set_reuse(struct sock *sk, unsigned char reuse)
{
	lock_sock(sk);
	sk->sk_reuse = reuse;
	release_sock(sk);
}

/*
 * This is inherited by the connection; the receive buffer has to be set before there is
 * one, for its window scale to be in. At a limited rate they hold half a second
 * of it, lest the far end see bursts.
 */
static void sock_prepare_data(struct sock *sk, u64 rate, bool receives)
{
	u64 half = rate ? rate / 2 : U64_MAX;

	sock_set_rcvbuf(sk, clamp_t(u64, half, KFTP_RCVBUF_MIN,
				    receives ? KFTP_RCVBUF : KFTP_RCVBUF_FEW));
	lock_sock(sk);
	/* no byte may be missing, not even one that is called urgent */
	sock_set_flag(sk, SOCK_URGINLINE);
	sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	WRITE_ONCE(sk->sk_sndbuf,
		   clamp_t(u64, half, KFTP_SNDBUF_MIN, KFTP_SNDBUF));
	release_sock(sk);
}

static int sock_listen(struct kftp_sock *ks, struct kftp_wait *wait,
		       struct net *net, struct kftp_addr *addr, u64 rate,
		       bool receives)
{
	int err;

	err = sock_open(ks, wait, net, addr->sa.sa_family);
	if (err)
		return err;
	/* a port is free if what had it is in TIME_WAIT */
	sock_set_reuse(ks->sock->sk, SK_CAN_REUSE);
	sock_prepare_data(ks->sock->sk, rate, receives);
	/* half-open connections keep a closed listener until their next timer */
	tcp_sock_set_syncnt(ks->sock->sk, 1);

	err = kernel_bind(ks->sock, &addr->sa, kftp_addr_len(addr));
	if (!err)
		err = kernel_listen(ks->sock, KFTP_BACKLOG);
	if (!err)
		err = kftp_sock_local(ks, addr);
	if (err)
		kftp_sock_close(ks);
	return err;
}

/**
 * kftp_sock_listen - listen on an address and a port out of a range
 * @ks: set on success
 * @wait: the run's wait
 * @net: the caller's network namespace
 * @addr: the address; its port is set on success
 * @port_min: the range's first port
 * @port_max: its last; 0 for whatever port is free
 * @rate: bytes a second that its connection will carry, 0 for no limit
 * @receives: a whole file may come, and not just some of it
 *
 * The search starts anywhere in the range, lest the next port be guessed.
 *
 * Return: 0 or a negative errno, -EADDRINUSE if no port of the range is free.
 */
int kftp_sock_listen(struct kftp_sock *ks, struct kftp_wait *wait,
		     struct net *net, struct kftp_addr *addr,
		     u16 port_min, u16 port_max, u64 rate, bool receives)
{
	u32 first, count, start, i;
	int err = -EADDRINUSE;

	if (!port_max) {
		kftp_addr_set_port(addr, 0);
		return sock_listen(ks, wait, net, addr, rate, receives);
	}

	first = max_t(u32, port_min, 1);
	count = port_max - first + 1;
	start = get_random_u32() % count;
	for (i = 0; i < count && err == -EADDRINUSE; i++) {
		err = kftp_wait_check(wait);
		if (err)
			return err;
		kftp_addr_set_port(addr, first + (start + i) % count);
		err = sock_listen(ks, wait, net, addr, rate, receives);
		cond_resched();
	}
	return err;
}

/**
 * kftp_sock_accept - take a connection, if there is one
 * @listener: where it waits
 * @ks: set on success
 * @peer: set on success
 *
 * Return: 0, -EAGAIN if there is none, or another negative errno.
 */
int kftp_sock_accept(struct kftp_sock *listener, struct kftp_sock *ks,
		     struct kftp_addr *peer)
{
	struct socket *sock;
	int err;

	err = kernel_accept(listener->sock, &sock, O_NONBLOCK);
	if (err)
		return err;
	sock_attach(ks, sock, listener->wait);
	/*
	 * Its port is not free: a server whose own port is always the same could not
	 * connect to it a second time.
	 */
	sock_set_reuse(sock->sk, SK_NO_REUSE);
	err = kftp_sock_peer(ks, peer);
	if (err)
		kftp_sock_close(ks);
	return err;
}

/**
 * kftp_sock_send - send all of a buffer
 * @ks: a connected socket
 * @buf: the bytes
 * @len: how many
 *
 * Return: 0 or a negative errno.
 */
int kftp_sock_send(struct kftp_sock *ks, const char *buf, size_t len)
{
	int err, n;

	while (len) {
		struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
		struct kvec vec = { .iov_base = (char *)buf, .iov_len = len };

		n = kernel_sendmsg(ks->sock, &msg, &vec, 1, len);
		if (n == -EAGAIN) {
			/* where memory is short it may be said to be writable */
			err = kftp_wait_until(ks->wait, get_jiffies_64() + 1,
					      false) ?:
			      kftp_wait_for(ks->wait, kftp_sock_writable(ks));
			if (err)
				return err;
			continue;
		}
		if (n < 0)
			return n;
		kftp_wait_progress(ks->wait);
		buf += n;
		len -= n;
	}
	return 0;
}

/**
 * kftp_sock_recv - receive what is there
 * @ks: a connected socket
 * @buf: for the bytes
 * @size: of @buf
 *
 * Return: bytes, 0 at the end of the stream, -EAGAIN if nothing is there, or
 * another negative errno.
 */
int kftp_sock_recv(struct kftp_sock *ks, char *buf, size_t size)
{
	struct msghdr msg = {};
	struct kvec vec = { .iov_base = buf, .iov_len = size };
	int n;

	n = kernel_recvmsg(ks->sock, &msg, &vec, 1, size, MSG_DONTWAIT);
	if (n > 0)
		kftp_wait_progress(ks->wait);
	return n;
}

/**
 * kftp_sock_recv_iter - receive what is there into pages
 * @ks: a connected socket
 * @to: where to
 *
 * Return: as kftp_sock_recv().
 */
ssize_t kftp_sock_recv_iter(struct kftp_sock *ks, struct iov_iter *to)
{
	struct msghdr msg = { .msg_iter = *to };
	int n;

	n = sock_recvmsg(ks->sock, &msg, MSG_DONTWAIT);
	if (n > 0)
		kftp_wait_progress(ks->wait);
	return n;
}

/**
 * kftp_sock_gather - be woken for many bytes only, or for the end
 * @ks: a connected socket
 * @other: a connection to the same host, on which there was a dialogue
 *
 * Fewer are not seen by kftp_sock_readable() then: look from time to time.
 *
 * Return: true if it is so, false if the other end is too far away for that.
 */
bool kftp_sock_gather(struct kftp_sock *ks, struct kftp_sock *other)
{
	struct sock *sk = ks->sock->sk;

	if (tcp_min_rtt(tcp_sk(other->sock->sk)) > KFTP_NEAR_USEC)
		return false;
	lock_sock(sk);
	/* never more than half of what the receive buffer has room for */
	ks->sock->ops->set_rcvlowat(sk, KFTP_RCVLOWAT);
	release_sock(sk);
	return true;
}

/**
 * kftp_sock_open_file - give a socket a file, for splicing to it
 * @ks: a connected socket; has none if this fails
 *
 * Return: 0 or a negative errno.
 */
int kftp_sock_open_file(struct kftp_sock *ks)
{
	struct socket *sock = ks->sock;
	struct file *file;

	/* what fails releases the socket, so nobody may be in its queue */
	remove_wait_queue(sk_sleep(sock->sk), &ks->entry);
	/* nor may the server take that for the end of the file */
	sock_no_linger(sock->sk);
	file = sock_alloc_file(sock, O_NONBLOCK, NULL);
	if (IS_ERR(file)) {
		ks->sock = NULL;
		return PTR_ERR(file);
	}
	add_wait_queue(sk_sleep(sock->sk), &ks->entry);
	return 0;
}

/**
 * kftp_sock_shutdown - say that nothing more will be sent
 * @ks: a connected socket
 */
void kftp_sock_shutdown(struct kftp_sock *ks)
{
	/* its port may be taken again, as it is to be in TIME_WAIT for a minute */
	sock_set_reuse(ks->sock->sk, SK_CAN_REUSE);
	kernel_sock_shutdown(ks->sock, SHUT_WR);
}

/**
 * kftp_sock_close - be done with a socket
 * @ks: a socket, or none
 *
 * Nothing stays behind in the kernel that would hold the network namespace: a
 * connection that both ends have shut down ends in peace, any other is reset.
 * Only the reset itself does, for as long as it waits for a neighbour's address.
 */
void kftp_sock_close(struct kftp_sock *ks)
{
	if (!ks->sock)
		return;
	/* none of its wake-ups reaches @wait once this returns */
	remove_wait_queue(sk_sleep(ks->sock->sk), &ks->entry);
	sock_no_linger(ks->sock->sk);
	if (ks->sock->file)
		__fput_sync(ks->sock->file);
	else
		sock_release(ks->sock);
	ks->sock = NULL;
}

/**
 * kftp_net_literal - parse an IPv4 or IPv6 address
 * @net: the namespace whose interfaces a scope may name
 * @host: the text
 * @port: goes into @addr
 * @addr: set on success
 *
 * Return: 0 or -EINVAL.
 */
int kftp_net_literal(struct net *net, const char *host, u16 port,
		     struct kftp_addr *addr)
{
	struct sockaddr_storage ss = {};
	char service[8];
	int err;

	snprintf(service, sizeof(service), "%u", port);
	err = inet_pton_with_scope(net, AF_UNSPEC, host, service, &ss);
	if (err)
		return err;
	memcpy(addr, &ss, sizeof(*addr));
	/* a number is taken for an interface, whether there is such a one or not */
	if (addr->sa.sa_family == AF_INET6 && addr->in6.sin6_scope_id) {
		rcu_read_lock();
		if (!dev_get_by_index_rcu(net, addr->in6.sin6_scope_id))
			err = -EINVAL;
		rcu_read_unlock();
	}
	kftp_addr_unmap(addr);
	return err;
}

struct kftp_resolve {
	struct kftp_aside aside;
	int result;
	char *addresses;
	char name[];
};

static void resolve_call(struct kftp_aside *aside)
{
	struct kftp_resolve *resolve =
		container_of(aside, struct kftp_resolve, aside);

	resolve->result = dns_query(&init_net, NULL, resolve->name,
				    strlen(resolve->name), "list",
				    &resolve->addresses, NULL, false);
}

static void resolve_release(struct kftp_aside *aside)
{
	struct kftp_resolve *resolve =
		container_of(aside, struct kftp_resolve, aside);

	kfree(resolve->addresses);
	kfree(resolve);
}

/* Take what is an address of the comma-separated @list, as many as are wanted */
static int resolve_parse(char *list, u16 port, struct kftp_addr *addrs)
{
	char *one;
	int n = 0;

	while (n < KFTP_ADDRS_MAX && (one = strsep(&list, ",")))
		if (!kftp_net_literal(&init_net, one, port, &addrs[n]))
			n++;
	return n;
}

/**
 * kftp_net_resolve - ask the host's resolver
 * @wait: the run's wait
 * @host: a DNS name, or one of /etc/hosts
 * @port: goes into each address
 * @addrs: room for KFTP_ADDRS_MAX addresses
 *
 * The upcall goes to user space of the first network namespace and cannot be
 * interrupted: a run that has to end leaves it behind.
 *
 * Return: how many addresses there are, or a negative errno: -EHOSTUNREACH if
 * there is none.
 */
int kftp_net_resolve(struct kftp_wait *wait, const char *host, u16 port,
		     struct kftp_addr *addrs)
{
	struct kftp_resolve *resolve;
	int err;

	resolve = kzalloc(struct_size(resolve, name, strlen(host) + 1),
			  GFP_KERNEL);
	if (!resolve)
		return -ENOMEM;
	memcpy(resolve->name, host, strlen(host));
	resolve->aside.call = resolve_call;
	resolve->aside.release = resolve_release;

	kftp_aside_start(&resolve->aside, kftp_resolve_wq, wait);
	err = kftp_wait_for(wait, kftp_aside_done(&resolve->aside));
	if (!err) {
		kftp_wait_progress(wait);
		err = -EHOSTUNREACH;
		if (resolve->result >= 0)
			err = resolve_parse(resolve->addresses, port, addrs) ?:
			      -EHOSTUNREACH;
		else if (resolve->result == -ENOMEM)
			err = -ENOMEM;
	}
	kftp_aside_leave(&resolve->aside);
	return err;
}

/**
 * kftp_net_init - set up for resolving
 *
 * Return: 0 or -ENOMEM.
 */
int kftp_net_init(void)
{
	kftp_resolve_wq = alloc_workqueue("kftp_resolve", WQ_UNBOUND,
					  KFTP_RESOLVES_MAX);
	return kftp_resolve_wq ? 0 : -ENOMEM;
}

/**
 * kftp_net_exit - wait for upcalls that were left behind
 */
void kftp_net_exit(void)
{
	destroy_workqueue(kftp_resolve_wq);
}
