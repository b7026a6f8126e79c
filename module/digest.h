/* SPDX-License-Identifier: GPL-2.0 */
/* SHA-256, by the kernel's crypto */
#ifndef _KFTP_DIGEST_H
#define _KFTP_DIGEST_H

#include <crypto/hash.h>
#include <crypto/sha2.h>
#include <linux/fs.h>
#include <linux/uio.h>

#include "net.h"

struct shash_desc *kftp_digest_open(void);
int kftp_digest_start(struct shash_desc *digest);
int kftp_digest_update(struct shash_desc *digest, const void *data, size_t len);
int kftp_digest_update_iter(struct shash_desc *digest,
			    const struct iov_iter *from);
int kftp_digest_update_file(struct shash_desc *digest, struct file *file,
			    loff_t end, struct kftp_wait *wait);
int kftp_digest_end(struct shash_desc *digest, u8 out[SHA256_DIGEST_SIZE]);
void kftp_digest_close(struct shash_desc *digest);

#endif /* _KFTP_DIGEST_H */
