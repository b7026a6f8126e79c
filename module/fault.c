// SPDX-License-Identifier: GPL-2.0
/*
 * Which fault point fails: of all points of a kind that are passed from now on,
 * the nth. How many things the module holds. In a build for tests only; see
 * fault.h.
 */
#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/moduleparam.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "fault.h"

static const char *const fault_kinds[] = {
	[KFTP_FAULT_SOCKET]	= "socket",
	[KFTP_FAULT_FILE]	= "file",
	[KFTP_FAULT_ALLOC]	= "alloc",
	[KFTP_FAULT_HOST]	= "host",
};

static DEFINE_SPINLOCK(fault_lock);
static int fault_kind;
static int fault_errno = EIO;
static unsigned int fault_nth;
static char fault_hit[80];
static unsigned int fault_since;
static atomic_t fault_held = ATOMIC_INIT(0);

static int fault_kind_set(const char *val, const struct kernel_param *kp)
{
	int kind = sysfs_match_string(fault_kinds, val);

	if (kind < 0)
		return kind;
	fault_kind = kind;
	return 0;
}

static int fault_kind_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", fault_kinds[fault_kind]);
}

static const struct kernel_param_ops fault_kind_ops = {
	.set = fault_kind_set,
	.get = fault_kind_get,
};

static int fault_held_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%d\n", atomic_read(&fault_held));
}

/* The module goes, or could not come; nobody is left to give anything back */
static void fault_held_free(void *arg)
{
	int held = atomic_read(&fault_held);

	WARN(held, "kftp: holds %d things when it goes\n", held);
}

static const struct kernel_param_ops fault_held_ops = {
	.get = fault_held_get,
	.free = fault_held_free,
};

module_param_cb(fault_kind, &fault_kind_ops, NULL, 0644);
MODULE_PARM_DESC(fault_kind, "What fails: socket, file, alloc or host");
module_param(fault_errno, int, 0644);
MODULE_PARM_DESC(fault_errno, "With which errno, but for alloc");
module_param(fault_nth, uint, 0644);
MODULE_PARM_DESC(fault_nth, "At how many points from now on, 0 once it has");
module_param_string(fault_hit, fault_hit, sizeof(fault_hit), 0444);
MODULE_PARM_DESC(fault_hit, "Where it did: the caller, a colon and the call");
module_param(fault_since, uint, 0444);
MODULE_PARM_DESC(fault_since, "How many points of its kind came after it");
module_param_cb(fault_held, &fault_held_ops, NULL, 0444);
MODULE_PARM_DESC(fault_held, "Memory and references taken and not given back");

/**
 * kftp_fault - a point where something may be told to fail
 * @kind: what fails
 * @caller: who would notice
 * @call: what it calls
 *
 * Context: any.
 *
 * Return: 0, or the negative errno to fail with.
 */
int kftp_fault(enum kftp_fault_kind kind, const char *caller, const char *call)
{
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&fault_lock, flags);
	fault_since += kind == fault_kind && !fault_nth;
	if (kind == fault_kind && fault_nth && !--fault_nth) {
		fault_since = 0;
		scnprintf(fault_hit, sizeof(fault_hit), "%s:%s", caller, call);
		err = kind == KFTP_FAULT_ALLOC ? -ENOMEM : -fault_errno;
	}
	spin_unlock_irqrestore(&fault_lock, flags);
	return err;
}

/**
 * kftp_held - something was taken, or given back
 * @n: 1 or -1
 *
 * Context: any.
 */
void kftp_held(int n)
{
	atomic_add(n, &fault_held);
}
