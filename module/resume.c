// SPDX-License-Identifier: GPL-2.0
/*
 * What outlives a run, so that another can go on where it ended: a record in an
 * extended attribute of the temporary file.
 *
 * The file system's journal changes it as a whole or not at all. It is only
 * written after what it tells of is on the disk, and taken back before that
 * changes, so it is true whenever the power goes.
 */
#include <linux/xattr.h>

#include "compat.h"
#include "kftp.h"
#include "resume.h"

#include "fault.h"

#define KFTP_RECORD_FORMAT	1

/* As it is in the attribute */
struct record {
	__le32 format;
	u8 origin[SHA256_DIGEST_SIZE];
	char time[KFTP_REPLY_TIME];
	__le64 size;
	__le64 durable;
} __packed;

/**
 * kftp_resume_load - what is known of a file that was left behind
 * @part: the file
 * @resume: its origin is what is wanted; the rest is set on success
 *
 * Return: 0, -ENODATA if there is no record or it is of another origin, or
 * another negative errno.
 */
int kftp_resume_load(const struct path *part, struct kftp_resume *resume)
{
	struct record record;
	int n;

	n = vfs_getxattr(kftp_mnt_idmap(part->mnt), part->dentry,
			 KFTP_RESUME_XATTR, &record, sizeof(record));
	if (n < 0)
		return n == -ERANGE ? -ENODATA : n;
	if (n != sizeof(record) ||
	    le32_to_cpu(record.format) != KFTP_RECORD_FORMAT ||
	    memcmp(record.origin, resume->origin, sizeof(record.origin)) ||
	    strnlen(record.time, sizeof(record.time)) == sizeof(record.time) ||
	    le64_to_cpu(record.size) > S64_MAX ||
	    le64_to_cpu(record.durable) > le64_to_cpu(record.size))
		return -ENODATA;
	resume->version.size = le64_to_cpu(record.size);
	strscpy(resume->version.time, record.time,
		sizeof(resume->version.time));
	resume->durable = le64_to_cpu(record.durable);
	return 0;
}

/**
 * kftp_resume_save - record what is known of the temporary file
 * @part: the file
 * @resume: what is true of it on the disk
 *
 * Return: 0 or a negative errno, -EOPNOTSUPP if the file system keeps no
 * extended attributes.
 */
int kftp_resume_save(struct file *part, const struct kftp_resume *resume)
{
	struct record record = {
		.format = cpu_to_le32(KFTP_RECORD_FORMAT),
		.size = cpu_to_le64(max_t(s64, resume->version.size, 0)),
		.durable = cpu_to_le64(resume->durable),
	};
	int err;

	memcpy(record.origin, resume->origin, sizeof(record.origin));
	strscpy(record.time, resume->version.time, sizeof(record.time));
	err = mnt_want_write_file(part);
	if (err)
		return err;
	err = vfs_setxattr(kftp_mnt_idmap(part->f_path.mnt), part->f_path.dentry,
			   KFTP_RESUME_XATTR, &record, sizeof(record), 0);
	mnt_drop_write_file(part);
	return err;
}

/**
 * kftp_resume_forget - remove the record
 * @part: the temporary file
 *
 * Return: 0 or a negative errno.
 */
int kftp_resume_forget(struct file *part)
{
	int err;

	err = mnt_want_write_file(part);
	if (err)
		return err;
	err = vfs_removexattr(kftp_mnt_idmap(part->f_path.mnt),
			      part->f_path.dentry, KFTP_RESUME_XATTR);
	mnt_drop_write_file(part);
	return err == -ENODATA ? 0 : err;
}
