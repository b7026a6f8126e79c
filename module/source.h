/* SPDX-License-Identifier: GPL-2.0 */
/* The local file that a put reads */
#ifndef _KFTP_SOURCE_H
#define _KFTP_SOURCE_H

#include <linux/fs.h>
#include <linux/time64.h>

#include "net.h"

struct shash_desc;

/**
 * struct kftp_source - a file that is sent
 * @file: a reference
 * @size: bytes, when it was opened
 * @mtime: when it was changed, by then
 * @pos: sent up to here
 * @failed: the file system failed to give what there was
 * @changed: it is not what it was when it was opened
 * @digest: owned; NULL if nobody asked
 */
struct kftp_source {
	struct file *file;
	loff_t size;
	struct timespec64 mtime;
	loff_t pos;
	bool failed;
	bool changed;
	struct shash_desc *digest;
};

int kftp_source_open(struct kftp_source *source, struct kftp_wait *wait,
		     const char *src, struct inode *job_dir);
int kftp_source_failed(struct kftp_source *source, int err);
int kftp_source_check(struct kftp_source *source);
ssize_t kftp_source_send(struct kftp_source *source, struct file *to,
			 size_t most);
void kftp_source_close(struct kftp_source *source);

#endif /* _KFTP_SOURCE_H */
