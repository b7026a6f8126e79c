/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * kftp: names and limits that user space shares with the module.
 *
 * Jobs are directories of KFTP_CONFIGFS_DIR, their state is in KFTP_SYSFS_DIR.
 */
#ifndef _UAPI_LINUX_KFTP_H
#define _UAPI_LINUX_KFTP_H

#define KFTP_NAME		"kftp"
#define KFTP_CONFIGFS_DIR	"/sys/kernel/config/kftp"
#define KFTP_SYSFS_DIR		"/sys/class/kftp"

/* Longest values, in bytes, without the newline and the terminating NUL */
#define KFTP_JOB_NAME_MAX	64
#define KFTP_HOST_MAX		253
#define KFTP_USER_MAX		1000
#define KFTP_PASS_MAX		1000
#define KFTP_PATH_MAX		4000

/* Defaults (RFC 1635 for the anonymous user) */
#define KFTP_PORT_DEFAULT	21
#define KFTP_USER_DEFAULT	"anonymous"
#define KFTP_PASS_DEFAULT	"anonymous@"
#define KFTP_TIMEOUT_DEFAULT	60
#define KFTP_RETRY_DELAY_DEFAULT	5

/* Instead of a digest: compute it, whatever it is */
#define KFTP_SHA256_COMPUTE	"compute"

/* Largest numbers; the smallest is 1 for port and timeout_sec, else 0 */
#define KFTP_PORT_MAX		65535
#define KFTP_TIMEOUT_MAX	86400
#define KFTP_DEADLINE_MAX	31536000
#define KFTP_SIZE_MAX		0x7fffffffffffffffULL
#define KFTP_RETRIES_MAX	1000
#define KFTP_RETRY_DELAY_MAX	86400

/* Delays between retries are doubled up to this, or remain what they are */
#define KFTP_RETRY_DELAY_DOUBLED	3600

/* While a file arrives it is called PREFIX name SUFFIX, beside its destination */
#define KFTP_PART_PREFIX	"."
#define KFTP_PART_SUFFIX	".kftp-part"
#define KFTP_DST_NAME_MAX	244

/* What is known of a file that was left to be resumed: its extended attribute */
#define KFTP_RESUME_XATTR	"trusted.kftp"

/* Keys of the "change" uevent */
#define KFTP_UEVENT_STATUS	"KFTP_STATUS"
#define KFTP_UEVENT_ERROR	"KFTP_ERROR"
#define KFTP_UEVENT_BYTES	"KFTP_BYTES"
#define KFTP_UEVENT_RUN		"KFTP_RUN"

#endif /* _UAPI_LINUX_KFTP_H */
