/* SPDX-License-Identifier: GPL-2.0 */
/* A call that may block for as long as it likes, made aside and left behind */
#ifndef _KFTP_ASIDE_H
#define _KFTP_ASIDE_H

#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "net.h"

/**
 * struct kftp_aside - a blocking call that another thread waits for
 * @work: makes the call
 * @call: what to do; runs on the work queue that kftp_aside_start() was given
 * @release: frees the object that embeds this one, once neither the caller nor
 *	the work needs it
 * @refs: two: the caller's, dropped by kftp_aside_leave(), and the work's
 * @lock: protects @wait
 * @wait: whom to wake; NULL once the caller left
 * @done: @call has returned
 */
struct kftp_aside {
	struct work_struct work;
	void (*call)(struct kftp_aside *aside);
	void (*release)(struct kftp_aside *aside);
	refcount_t refs;
	spinlock_t lock;	/* protects wait */
	struct kftp_wait *wait;
	bool done;
};

int kftp_store_yield(struct inode *dir, int *locked);

/* How often a store looks whether its job is being removed */
#define KFTP_STORE_POLL		max(HZ / 50, 1)

/**
 * kftp_store_wait - wait inside a configfs store
 * @queue: who makes @condition true wakes it
 * @condition: what is waited for
 * @dir: the job's configfs directory
 *
 * Ends, too, when the caller is killed or frozen, and when somebody removes the
 * job.
 *
 * Return: 0, or what kftp_store_yield() said.
 */
#define kftp_store_wait(queue, condition, dir)				\
({									\
	int _locked = 0, _err = 0;					\
									\
	while (!_err && !wait_event_idle_timeout(queue, condition,	\
						 KFTP_STORE_POLL))	\
		_err = kftp_store_yield(dir, &_locked);			\
	_err;								\
})

void kftp_aside_start(struct kftp_aside *aside, struct workqueue_struct *wq,
		      struct kftp_wait *wait);
void kftp_aside_leave(struct kftp_aside *aside);

/**
 * kftp_aside_done - has the call returned?
 * @aside: the call
 *
 * Return: true once its results may be read.
 */
static inline bool kftp_aside_done(struct kftp_aside *aside)
{
	/* pairs with the release in aside_work(): results before done */
	return smp_load_acquire(&aside->done);
}

#endif /* _KFTP_ASIDE_H */
