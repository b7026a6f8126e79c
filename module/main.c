// SPDX-License-Identifier: GPL-2.0
/*
 * kftp: files over FTP, moved from inside the kernel.
 *
 * A directory in configfs is a job, its state is in sysfs, a work item runs its
 * session. This file puts the parts together.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>

#include "configfs.h"
#include "direct.h"
#include "job.h"
#include "net.h"
#include "pause.h"
#include "place.h"
#include "sysfs.h"

static int max_active_set(const char *val, const struct kernel_param *kp)
{
	int err = param_set_uint_minmax(val, kp, 1, KFTP_MAX_ACTIVE_LIMIT);

	if (!err)
		kftp_queue_kick();
	return err;
}

static const struct kernel_param_ops max_active_ops = {
	.set = max_active_set,
	.get = param_get_uint,
};

module_param_cb(max_active, &max_active_ops, &kftp_max_active, 0644);
MODULE_PARM_DESC(max_active, "How many jobs run at once, the rest wait (1-1024, default 8)");

static int buffers_mib_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, KFTP_BUFFERS_MIB_MAX);
}

static const struct kernel_param_ops buffers_mib_ops = {
	.set = buffers_mib_set,
	.get = param_get_uint,
};

module_param_cb(buffers_mib, &buffers_mib_ops, &kftp_buffers_mib, 0644);
MODULE_PARM_DESC(buffers_mib, "MiB for the direct I/O of all jobs, 2.625 each (0-65536, default 64)");

static int __init kftp_init(void)
{
	int err;

	err = kftp_pause_init();
	if (err)
		return err;
	err = kftp_net_init();
	if (err)
		goto pause;
	err = kftp_place_init();
	if (err)
		goto net;
	err = kftp_job_init();
	if (err)
		goto place;
	err = kftp_sysfs_init();
	if (err)
		goto job;
	err = kftp_configfs_init();
	if (err)
		goto sysfs;
	return 0;

sysfs:
	kftp_sysfs_exit();
job:
	kftp_job_exit();
place:
	kftp_place_exit();
net:
	kftp_net_exit();
pause:
	kftp_pause_exit();
	return err;
}

/* Nobody gets here while a job's directory exists: configfs holds the module */
static void __exit kftp_exit(void)
{
	kftp_configfs_exit();
	kftp_sysfs_exit();
	kftp_job_exit();
	kftp_place_exit();
	kftp_net_exit();
	kftp_pause_exit();
	/*
	 * Who called us back in a task of its own, as a file system does at the end
	 * of direct I/O, may have been preempted after its last word to us and
	 * before it was out of our text. The RCU that ends each module's removal
	 * does not wait for that.
	 */
	synchronize_rcu_tasks();
}

module_init(kftp_init);
module_exit(kftp_exit);

MODULE_AUTHOR("The kftp authors");
MODULE_DESCRIPTION("FTP transfers from inside the kernel");
MODULE_LICENSE("GPL");
