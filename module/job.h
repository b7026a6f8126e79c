/* SPDX-License-Identifier: GPL-2.0 */
/* A job and its runs */
#ifndef _KFTP_JOB_H
#define _KFTP_JOB_H

#include <linux/configfs.h>
#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/net_trackers.h>

#include "session.h"

#define KFTP_MAX_ACTIVE_DEFAULT	8
#define KFTP_MAX_ACTIVE_LIMIT	(2 * WQ_MAX_ACTIVE)

struct kftp_lane;
struct kftp_run;

/**
 * struct kftp_job - a directory in configfs and a device in sysfs
 * @item: the directory; holds a reference on @dev, dropped by its release
 * @dev: the device, whose reference count is the job's: one is held by @item,
 *	one by @run
 * @status_node: sysfs's "status", to wake who polls it even after it is gone;
 *	a reference, dropped with the job
 * @lock: protects all that follows but @state, and orders uevents against the
 *	device's removal; held for moments only, never while a file system or
 *	the network is waited for
 * @config: what the job was told; constant while it is busy
 * @run: the run that is queued or running, or NULL; alive while this points to
 *	it
 * @starting: kftp_job_start() is preparing a run
 * @removed: the directory is gone
 * @ended: woken when a run is over
 * @state: what is shown; has its own lock
 */
struct kftp_job {
	struct config_item item;
	struct device dev;
	struct kernfs_node *status_node;
	struct mutex lock;	/* protects config, run, starting, removed */
	struct kftp_config config;
	struct kftp_run *run;
	bool starting;
	bool removed;
	wait_queue_head_t ended;
	struct kftp_state state;
};

/**
 * struct kftp_run - a job from start to end
 * @job: a reference, dropped by the run's end
 * @work: the session
 * @queued: in the queue until its turn has come, and then until a worker has
 * @lane: where its turn has come, and it counts as active; or NULL
 * @due: it waits for its next attempt, which is not before this, in 64-bit
 *	jiffies; or 0. Protected by the queue's lock while it is queued
 * @attempts: that have failed
 * @cred: the caller's; a reference
 * @net_tracker: of the reference on @session.net
 * @session: the transfer
 */
struct kftp_run {
	struct kftp_job *job;
	struct work_struct work;
	struct list_head queued;
	struct kftp_lane *lane;
	u64 due;
	unsigned int attempts;
	const struct cred *cred;
	netns_tracker net_tracker;
	struct kftp_session session;
};

struct kftp_job *kftp_job_create(void);
void kftp_job_free(struct kftp_job *job);
bool kftp_job_busy(struct kftp_job *job);
int kftp_job_start(struct kftp_job *job, struct inode *dir);
int kftp_job_cancel(struct kftp_job *job, struct inode *dir);
void kftp_job_remove(struct kftp_job *job);

extern unsigned int kftp_max_active;
void kftp_queue_kick(void);

int kftp_job_init(void);
void kftp_job_exit(void);

#endif /* _KFTP_JOB_H */
