/* SPDX-License-Identifier: GPL-2.0 */
/* Where a local file is */
#ifndef _KFTP_PLACE_H
#define _KFTP_PLACE_H

#include <linux/fs.h>
#include <linux/path.h>
#include <linux/string.h>

#include "net.h"

/**
 * kftp_place_name - the last component of a path
 * @path: a path
 *
 * Return: what follows the last slash.
 */
static inline const char *kftp_place_name(const char *path)
{
	return kbasename(path);
}

int kftp_place_find(struct kftp_wait *wait, const char *path,
		    struct inode *job_dir, struct path *dir,
		    struct dentry **target);
int kftp_place_existing(struct kftp_wait *wait, const char *path,
			struct inode *job_dir, struct path *found);
int kftp_place_look(struct kftp_wait *wait, const struct path *dir,
		    const char *name, struct inode *job_dir,
		    struct dentry **target);
int kftp_place_type(const struct inode *inode);
int kftp_place_result(int err);
void kftp_file_close(struct file *file);

int kftp_place_init(void);
void kftp_place_exit(void);

#endif /* _KFTP_PLACE_H */
