// SPDX-License-Identifier: GPL-2.0
/*
 * No file is changed or sent while the system hibernates.
 *
 * A process that writes is frozen before the image of memory is made; a work
 * item is not, and goes on while the image is saved. What it wrote then would
 * be unknown to the file system of the image, and damage it on resume; what it
 * sent would be unknown to the job, and be appended once more. To freeze the work
 * queue would not do: it waits for a work item's end.
 */
#include <linux/notifier.h>
#include <linux/suspend.h>
#include <linux/wait.h>

#include "pause.h"

#include "fault.h"

/* How long to wait for a call that is under way; as long as for a process */
#define KFTP_PAUSE_WAIT		(20 * HZ)

/*
 * The lock of the queue protects both counters: calls into file systems that
 * are under way, and whether new ones have to wait.
 */
static DECLARE_WAIT_QUEUE_HEAD(kftp_pause);
static unsigned int kftp_writing;
static bool kftp_paused;

/**
 * kftp_pause_enter - begin to change files
 *
 * Context: process; waits for as long as the system hibernates.
 */
void kftp_pause_enter(void)
{
	spin_lock_irq(&kftp_pause.lock);
	/* no signals in a work item; and who starts a job is frozen before */
	wait_event_interruptible_locked_irq(kftp_pause, !kftp_paused);
	kftp_writing++;
	kftp_held(1);
	spin_unlock_irq(&kftp_pause.lock);
}

/**
 * kftp_pause_wait - before a little of a file is sent
 *
 * Nobody waits for the end of that, so that a file system that hangs while it is
 * read does not keep the system from falling asleep.
 *
 * Context: a work item; waits for as long as the system hibernates.
 */
void kftp_pause_wait(void)
{
	wait_event_idle(kftp_pause, !READ_ONCE(kftp_paused));
}

/**
 * kftp_pause_leave - end what kftp_pause_enter() began
 *
 * Context: any.
 */
void kftp_pause_leave(void)
{
	unsigned long flags;

	spin_lock_irqsave(&kftp_pause.lock, flags);
	kftp_writing--;
	kftp_held(-1);
	wake_up_all_locked(&kftp_pause);
	spin_unlock_irqrestore(&kftp_pause.lock, flags);
}

static int pause_notify(struct notifier_block *nb, unsigned long event,
			void *data)
{
	long left;
	int err = 0;

	spin_lock_irq(&kftp_pause.lock);
	switch (event) {
	case PM_HIBERNATION_PREPARE:
	case PM_SUSPEND_PREPARE:
	case PM_RESTORE_PREPARE:
		kftp_paused = true;
		spin_unlock_irq(&kftp_pause.lock);
		/* nobody begins any more; a file system that hangs ends nothing */
		left = wait_event_interruptible_timeout(kftp_pause,
							!READ_ONCE(kftp_writing),
							KFTP_PAUSE_WAIT);
		spin_lock_irq(&kftp_pause.lock);
		if (left > 0)
			break;
		err = left ?: -EBUSY;
		fallthrough;
	case PM_POST_HIBERNATION:
	case PM_POST_SUSPEND:
	case PM_POST_RESTORE:
		kftp_paused = false;
		wake_up_all_locked(&kftp_pause);
		break;
	}
	spin_unlock_irq(&kftp_pause.lock);
	return notifier_from_errno(err);
}

static struct notifier_block kftp_pause_nb = {
	.notifier_call = pause_notify,
};

/**
 * kftp_pause_init - be told when the system hibernates
 *
 * Return: 0 or a negative errno.
 */
int kftp_pause_init(void)
{
	return register_pm_notifier(&kftp_pause_nb);
}

/**
 * kftp_pause_exit - no more
 */
void kftp_pause_exit(void)
{
	unregister_pm_notifier(&kftp_pause_nb);
}
