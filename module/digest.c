// SPDX-License-Identifier: GPL-2.0
/*
 * SHA-256, by the kernel's crypto.
 */
#include <linux/bvec.h>
#include <linux/slab.h>

#include "digest.h"

#include "fault.h"

/* Read at once, so that cancel need not wait for more */
#define KFTP_DIGEST_READ	(64 * 1024)

/**
 * kftp_digest_open - prepare to compute digests
 *
 * Return: what kftp_digest_close() frees, or an ERR_PTR(): -ENOENT if the kernel
 * has no SHA-256.
 */
struct shash_desc *kftp_digest_open(void)
{
	struct crypto_shash *tfm = crypto_alloc_shash("sha256", 0, 0);
	struct shash_desc *digest;

	if (IS_ERR(tfm))
		return ERR_CAST(tfm);
	digest = kzalloc(sizeof(*digest) + crypto_shash_descsize(tfm),
			 GFP_KERNEL);
	if (!digest) {
		crypto_free_shash(tfm);
		return ERR_PTR(-ENOMEM);
	}
	digest->tfm = tfm;
	return digest;
}

/**
 * kftp_digest_start - begin a digest, and forget one that was not ended
 * @digest: from kftp_digest_open()
 *
 * Return: 0 or a negative errno.
 */
int kftp_digest_start(struct shash_desc *digest)
{
	return crypto_shash_init(digest);
}

/**
 * kftp_digest_update - take in bytes
 * @digest: begun
 * @data: the bytes
 * @len: how many
 *
 * Return: 0 or a negative errno.
 */
int kftp_digest_update(struct shash_desc *digest, const void *data, size_t len)
{
	return crypto_shash_update(digest, data, len);
}

/**
 * kftp_digest_update_iter - take in bytes that are in pages
 * @digest: begun
 * @from: an iterator over bio_vecs, which stays where it is
 *
 * Return: 0 or a negative errno.
 */
int kftp_digest_update_iter(struct shash_desc *digest,
			    const struct iov_iter *from)
{
	struct bvec_iter at = {
		.bi_size = iov_iter_count(from),
		.bi_bvec_done = from->iov_offset,
	};
	struct bio_vec piece;
	int err = 0;

	for_each_bvec(piece, from->bvec, at, at) {
		void *data = bvec_kmap_local(&piece);

		err = crypto_shash_update(digest, data, piece.bv_len);
		kunmap_local(data);
		if (err)
			break;
		cond_resched();
	}
	return err;
}

/**
 * kftp_digest_update_file - take in a file's beginning
 * @digest: begun
 * @file: open for reading
 * @end: up to where
 * @wait: the run's wait, which may end this
 *
 * Return: 0, -EIO if the file is shorter, or another negative errno.
 */
int kftp_digest_update_file(struct shash_desc *digest, struct file *file,
			    loff_t end, struct kftp_wait *wait)
{
	loff_t pos = 0;
	ssize_t n;
	int err = 0;
	char *buf;

	buf = kvmalloc(KFTP_DIGEST_READ, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	while (!err && pos < end) {
		n = kernel_read(file, buf,
				min_t(loff_t, end - pos, KFTP_DIGEST_READ),
				&pos);
		if (n <= 0)
			err = n ?: -EIO;
		else
			err = crypto_shash_update(digest, buf, n);
		/* a slow disk is no stalled server */
		kftp_wait_progress(wait);
		err = err ?: kftp_wait_check(wait);
		cond_resched();
	}
	kvfree(buf);
	return err;
}

/**
 * kftp_digest_end - end a digest
 * @digest: begun
 * @out: for the digest
 *
 * Return: 0 or a negative errno.
 */
int kftp_digest_end(struct shash_desc *digest, u8 out[SHA256_DIGEST_SIZE])
{
	return crypto_shash_final(digest, out);
}

/**
 * kftp_digest_close - be done with digests
 * @digest: from kftp_digest_open(), or NULL
 */
void kftp_digest_close(struct shash_desc *digest)
{
	struct crypto_shash *tfm;

	if (!digest)
		return;
	tfm = digest->tfm;
	kfree_sensitive(digest);
	crypto_free_shash(tfm);
}
