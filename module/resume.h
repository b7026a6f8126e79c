/* SPDX-License-Identifier: GPL-2.0 */
/* What outlives a run, so that another can go on where it ended */
#ifndef _KFTP_RESUME_H
#define _KFTP_RESUME_H

#include <crypto/sha2.h>
#include <linux/fs.h>
#include <linux/mount.h>

#include "reply.h"

/* So much of what is there is compared with the other side's, before it is resumed */
#define KFTP_COMPARE_BYTES	(64 * 1024)

/**
 * struct kftp_version - which version of a file a server has
 * @size: bytes, or -1
 * @time: the text of its reply to MDTM, or empty
 */
struct kftp_version {
	s64 size;
	char time[KFTP_REPLY_TIME];
};

/**
 * struct kftp_resume - what is known of a temporary file
 * @origin: digest of where the server's file is
 * @version: which version its bytes are from
 * @durable: how many of them are on the disk, from the beginning
 */
struct kftp_resume {
	u8 origin[SHA256_DIGEST_SIZE];
	struct kftp_version version;
	loff_t durable;
};

/**
 * kftp_version_known - can it be told from another?
 * @version: a version
 *
 * Return: true if both size and time are known.
 */
static inline bool kftp_version_known(const struct kftp_version *version)
{
	return version->size >= 0 && version->time[0];
}

/**
 * kftp_version_same - is it the same version, as far as that can be known?
 * @a: a version
 * @b: another
 *
 * Return: true if size and time are known, and equal.
 */
static inline bool kftp_version_same(const struct kftp_version *a,
				     const struct kftp_version *b)
{
	return kftp_version_known(a) && a->size == b->size &&
	       !strcmp(a->time, b->time);
}

int kftp_resume_load(const struct path *part, struct kftp_resume *resume);
int kftp_resume_save(struct file *part, const struct kftp_resume *resume);
int kftp_resume_forget(struct file *part);

#endif /* _KFTP_RESUME_H */
