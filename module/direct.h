/* SPDX-License-Identifier: GPL-2.0 */
/* Direct I/O: what the network received goes to the disk, past the page cache */
#ifndef _KFTP_DIRECT_H
#define _KFTP_DIRECT_H

#include <linux/fs.h>
#include <linux/uio.h>

#include "net.h"

/* Where direct I/O may begin: no logical block is larger */
#define KFTP_DIRECT_ALIGN	max(4096, PAGE_SIZE)

#define KFTP_BUFFERS_MIB_DEFAULT	64
#define KFTP_BUFFERS_MIB_MAX		65536

struct kftp_direct;

bool kftp_direct_suits(const struct file *file);
struct kftp_direct *kftp_direct_open(struct file *file, struct kftp_wait *wait,
				     loff_t pos, loff_t end);
int kftp_direct_room(struct kftp_direct *direct, size_t most,
		     struct iov_iter *to);
int kftp_direct_filled(struct kftp_direct *direct, size_t n);
int kftp_direct_drain(struct kftp_direct *direct);
int kftp_direct_finish(struct kftp_direct *direct);
loff_t kftp_direct_written(const struct kftp_direct *direct);
void kftp_direct_close(struct kftp_direct *direct);

extern unsigned int kftp_buffers_mib;

#endif /* _KFTP_DIRECT_H */
