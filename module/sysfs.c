// SPDX-License-Identifier: GPL-2.0
/*
 * The state of jobs: /sys/class/kftp/<job>/, and the uevents' variables.
 *
 * A show takes the state's lock and no other: device_del() waits for it.
 */
#include <linux/device.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "kftp.h"
#include "sysfs.h"

#include "fault.h"

static struct kftp_job *to_job(const struct device *dev)
{
	return container_of(dev, struct kftp_job, dev);
}

/* A file of the device, whose one line is written under the state's lock */
#define KFTP_STATE_ATTR(_name, _mode, ...)				\
static ssize_t _name##_show(struct device *dev,				\
			    struct device_attribute *attr, char *buf)	\
{									\
	struct kftp_state *state = &to_job(dev)->state;			\
	ssize_t len;							\
									\
	spin_lock(&state->lock);					\
	len = sysfs_emit(buf, __VA_ARGS__);				\
	spin_unlock(&state->lock);					\
	return len;							\
}									\
static DEVICE_ATTR(_name, _mode, _name##_show, NULL)

/* Long enough for the name of any errno, and for [address]:port */
struct kftp_text {
	char s[80];
};

static const char *error_text(const struct kftp_state *state,
			      struct kftp_text *text)
{
	lockdep_assert_held(&state->lock);
	return kftp_state_error(state->error, text->s, sizeof(text->s));
}

static const char *peer_text(const struct kftp_state *state,
			     struct kftp_text *text)
{
	if (state->peer.sa.sa_family != AF_UNSPEC)
		snprintf(text->s, sizeof(text->s), "%pISpc", &state->peer.sa);
	return text->s;
}

KFTP_STATE_ATTR(status, 0444, "%s\n", kftp_status_names[state->status]);
KFTP_STATE_ATTR(phase, 0444, "%s\n", kftp_phase_names[state->phase]);
KFTP_STATE_ATTR(bytes, 0444, "%llu\n", state->bytes);
KFTP_STATE_ATTR(resumed, 0444, "%llu\n", state->resumed);
KFTP_STATE_ATTR(io, 0444, "%s\n", kftp_io_names[state->io]);
KFTP_STATE_ATTR(sha256, 0444, "%s\n", state->sha256);
KFTP_STATE_ATTR(attempts, 0444, "%llu\n", state->attempts);
KFTP_STATE_ATTR(size, 0444, "%lld\n", state->size);
KFTP_STATE_ATTR(error, 0444, "%s\n", error_text(state, &(struct kftp_text){}));
KFTP_STATE_ATTR(reply_code, 0444, "%d\n", state->reply_code);
KFTP_STATE_ATTR(reply, 0400, "%s\n", state->reply ?: "");
KFTP_STATE_ATTR(peer, 0444, "%s\n", peer_text(state, &(struct kftp_text){}));
KFTP_STATE_ATTR(run, 0444, "%llu\n", state->run);
KFTP_STATE_ATTR(elapsed_ms, 0444, "%llu\n", kftp_state_elapsed_ms(state));

static struct attribute *kftp_attrs[] = {
	&dev_attr_status.attr,
	&dev_attr_phase.attr,
	&dev_attr_bytes.attr,
	&dev_attr_resumed.attr,
	&dev_attr_io.attr,
	&dev_attr_sha256.attr,
	&dev_attr_attempts.attr,
	&dev_attr_size.attr,
	&dev_attr_error.attr,
	&dev_attr_reply_code.attr,
	&dev_attr_reply.attr,
	&dev_attr_peer.attr,
	&dev_attr_run.attr,
	&dev_attr_elapsed_ms.attr,
	NULL,
};
ATTRIBUTE_GROUPS(kftp);

static int kftp_uevent(kftp_uevent_const struct device *dev,
		       struct kobj_uevent_env *env)
{
	struct kftp_state *state = &to_job(dev)->state;
	struct kftp_text text;
	int err;

	spin_lock(&state->lock);
	err = add_uevent_var(env, KFTP_UEVENT_STATUS "=%s",
			     kftp_status_names[state->status]) ?:
	      add_uevent_var(env, KFTP_UEVENT_ERROR "=%s",
			     error_text(state, &text)) ?:
	      add_uevent_var(env, KFTP_UEVENT_BYTES "=%llu",
			     state->bytes) ?:
	      add_uevent_var(env, KFTP_UEVENT_RUN "=%llu", state->run);
	spin_unlock(&state->lock);
	return err;
}

/* Devices whose memory is not free yet */
static atomic_t kftp_devices = ATOMIC_INIT(0);

static void kftp_dev_release(struct device *dev)
{
	kftp_job_free(to_job(dev));
	if (atomic_dec_and_test(&kftp_devices))
		wake_up_var(&kftp_devices);
}

static struct class kftp_class = {
	.name = KFTP_NAME,
	.dev_groups = kftp_groups,
	.dev_uevent = kftp_uevent,
	.dev_release = kftp_dev_release,
};

/**
 * kftp_sysfs_add - give a new job its device
 * @job: a job straight from kftp_job_create()
 * @name: the job's
 *
 * Return: 0 or a negative errno; either way @job->dev has one reference.
 */
int kftp_sysfs_add(struct kftp_job *job, const char *name)
{
	struct device *dev = &job->dev;
	int err;

	atomic_inc(&kftp_devices);
	device_initialize(dev);
	dev->class = &kftp_class;
	/* nothing to suspend: spare each job the files that say so */
	device_set_pm_not_required(dev);

	err = dev_set_name(dev, "%s", name) ?: device_add(dev);
	if (err)
		return err;
	job->status_node = sysfs_get_dirent(dev->kobj.sd, "status");
	if (!job->status_node) {
		device_del(dev);
		return -ENOENT;
	}
	return 0;
}

/**
 * kftp_sysfs_remove - take the device away; its name is free at once
 * @job: a removed job
 */
void kftp_sysfs_remove(struct kftp_job *job)
{
	device_del(&job->dev);
	/* kernfs does not wake who polls a file that goes */
	kernfs_notify(job->status_node);
}

/**
 * kftp_sysfs_init - register the class
 *
 * Return: 0 or a negative errno.
 */
int kftp_sysfs_init(void)
{
	return class_register(&kftp_class);
}

/**
 * kftp_sysfs_exit - unregister the class, when the last job's device is gone
 *
 * All directories are gone, so all runs are cancelled; each ends before its device
 * does. With CONFIG_DEBUG_KOBJECT_RELEASE that may be seconds after its last put.
 *
 * A run may wait for the system to have awoken, or for a process that is frozen
 * meanwhile, so whoever waits here for the run can be frozen, too.
 */
void kftp_sysfs_exit(void)
{
	___wait_var_event(&kftp_devices, !atomic_read(&kftp_devices),
			  (TASK_UNINTERRUPTIBLE | TASK_FREEZABLE), 0, 0,
			  schedule());
	class_unregister(&kftp_class);
}
