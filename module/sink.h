/* SPDX-License-Identifier: GPL-2.0 */
/* The local file that a get writes */
#ifndef _KFTP_SINK_H
#define _KFTP_SINK_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/path.h>
#include <linux/uio.h>

#include "net.h"

/**
 * struct kftp_sink - a destination, and the temporary file beside it
 * @live: in the list of live sinks, from the start until the run is over
 * @dir: the destination's parent; a reference
 * @name: the destination's last component; owned
 * @part: the temporary file's name; owned, in one allocation with @name
 * @file: the temporary file; a reference
 * @mapping: where its pages are
 * @pos: bytes written
 * @flushed: up to where write-back was started
 * @limit: the largest file that the caller may write (RLIMIT_FSIZE)
 * @mode: of the published file
 * @published: the temporary file was renamed
 * @dir_error: 0, or why the rename may not be durable yet
 */
struct kftp_sink {
	struct list_head live;
	struct path dir;
	char *name;
	char *part;
	struct file *file;
	struct address_space *mapping;
	loff_t pos;
	loff_t flushed;
	loff_t limit;
	umode_t mode;
	bool published;
	int dir_error;
};

int kftp_sink_open(struct kftp_sink *sink, struct kftp_wait *wait,
		   const char *dst, struct inode *job_dir);
int kftp_sink_write(struct kftp_sink *sink, struct iov_iter *from);
int kftp_sink_publish(struct kftp_sink *sink, struct kftp_wait *wait);
void kftp_sink_close(struct kftp_sink *sink);

int kftp_sink_init(void);
void kftp_sink_exit(void);

#endif /* _KFTP_SINK_H */
