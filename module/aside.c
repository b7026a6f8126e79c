// SPDX-License-Identifier: GPL-2.0
/*
 * Some calls cannot be interrupted: the resolver's upcall, and a path walk that
 * may need a lock whose owner waits for us. They are made by a work item, so
 * that the caller can wait for cancel and time beside them, and go.
 */
#include <linux/freezer.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>

#include "aside.h"

/* How sure a store is that its job is being removed */
#define KFTP_STORE_LOCKED	5

/**
 * kftp_store_yield - does somebody wait for the end of a configfs store?
 * @dir: the job's configfs directory
 * @locked: how often in a row it was locked; 0 at first
 *
 * rmdir of the job waits for the store with the directory and its parent locked.
 * What the store waits for may need these very locks, or take for ever while
 * nobody can make or remove another job.
 *
 * Return: 0, -EBUSY once the lock stays taken, -ERESTARTNOINTR if the system
 * falls asleep, -EINTR if the caller was killed.
 */
int kftp_store_yield(struct inode *dir, int *locked)
{
	/* who only reads the directory does not stand in the way */
	if (inode_trylock_shared(dir)) {
		inode_unlock_shared(dir);
		*locked = 0;
	} else if (++*locked >= KFTP_STORE_LOCKED) {
		return -EBUSY;
	}
	/* the system falls asleep, and we would hold it up: once more, later */
	if (freezing(current) && signal_pending(current))
		return -ERESTARTNOINTR;
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static void aside_put(struct kftp_aside *aside)
{
	if (refcount_dec_and_test(&aside->refs))
		aside->release(aside);
}

static void aside_work(struct work_struct *work)
{
	struct kftp_aside *aside = container_of(work, struct kftp_aside, work);

	aside->call(aside);

	spin_lock(&aside->lock);
	/* pairs with the acquire in kftp_aside_done() */
	smp_store_release(&aside->done, true);
	if (aside->wait)
		wake_up(&aside->wait->queue);
	spin_unlock(&aside->lock);
	aside_put(aside);
}

/**
 * kftp_aside_start - begin the call
 * @aside: with @call and @release set, the rest is initialised here
 * @wq: where it may block; its owner drains it before the module goes
 * @wait: woken when the call returns; must live until kftp_aside_leave()
 */
void kftp_aside_start(struct kftp_aside *aside, struct workqueue_struct *wq,
		      struct kftp_wait *wait)
{
	INIT_WORK(&aside->work, aside_work);
	refcount_set(&aside->refs, 2);
	spin_lock_init(&aside->lock);
	aside->wait = wait;
	aside->done = false;
	queue_work(wq, &aside->work);
}

/**
 * kftp_aside_leave - drop the caller's reference, whether the call is done or not
 * @aside: the call; may be freed on return
 *
 * A call that has not begun is not made any more.
 */
void kftp_aside_leave(struct kftp_aside *aside)
{
	spin_lock(&aside->lock);
	aside->wait = NULL;
	spin_unlock(&aside->lock);

	if (cancel_work(&aside->work))
		aside_put(aside);
	aside_put(aside);
}
