/* SPDX-License-Identifier: GPL-2.0 */
/* /sys/kernel/config/kftp */
#ifndef _KFTP_CONFIGFS_H
#define _KFTP_CONFIGFS_H

int kftp_configfs_init(void);
void kftp_configfs_exit(void);

#endif /* _KFTP_CONFIGFS_H */
