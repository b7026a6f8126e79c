/* SPDX-License-Identifier: GPL-2.0 */
/* /sys/class/kftp */
#ifndef _KFTP_SYSFS_H
#define _KFTP_SYSFS_H

#include "job.h"

int kftp_sysfs_add(struct kftp_job *job, const char *name);
void kftp_sysfs_remove(struct kftp_job *job);

int kftp_sysfs_init(void);
void kftp_sysfs_exit(void);

#endif /* _KFTP_SYSFS_H */
