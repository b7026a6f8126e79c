// SPDX-License-Identifier: GPL-2.0
/*
 * The local file that a put reads. It is sent as it was when it was opened, or
 * the put fails, as far as size and time of change tell: who changes a file and
 * sets its time back is not found out.
 */
#include <linux/cred.h>
#include <linux/poll.h>
#include <linux/security.h>
#include <linux/splice.h>

#include "compat.h"
#include "digest.h"
#include "pause.h"
#include "place.h"
#include "source.h"

#include "fault.h"

/* By what a file that has changed is known */
#define KFTP_SOURCE_STAT	(STATX_SIZE | STATX_MTIME)

static int source_open(struct kftp_source *source, const struct path *path)
{
	struct inode *inode = d_inode(path->dentry);
	struct kstat stat;
	int err;

	err = inode_permission(kftp_mnt_idmap(path->mnt), inode, MAY_READ);
	if (err)
		return err;
	source->file = dentry_open(path, O_RDONLY | O_LARGEFILE,
				   current_cred());
	err = PTR_ERR_OR_ZERO(source->file);
	if (err) {
		source->file = NULL;
		return err;
	}
	/* nothing is changed while the system hibernates, not even that */
	source->file->f_flags |= O_NOATIME;
	if (!(source->file->f_mode & FMODE_CAN_READ) ||
	    !source->file->f_op->splice_read)
		return -EACCES;
	err = vfs_getattr(&source->file->f_path, &stat, KFTP_SOURCE_STAT,
			  AT_STATX_FORCE_SYNC);
	if (err)
		return err;
	source->size = stat.size;
	source->mtime = stat.mtime;
	return 0;
}

/**
 * kftp_source_open - check and open the file to send
 * @source: zeroed; to be closed by kftp_source_close() if this succeeds
 * @wait: the run's wait
 * @src: an absolute path, as the caller sees it
 * @job_dir: the job's configfs directory
 *
 * Context: the caller's, inside a configfs store; may block on the file system.
 *
 * Return: 0 or a negative errno.
 */
int kftp_source_open(struct kftp_source *source, struct kftp_wait *wait,
		     const char *src, struct inode *job_dir)
{
	struct path path;
	int err;

	err = kftp_place_existing(wait, src, job_dir, &path);
	if (err)
		return err;
	err = source_open(source, &path);
	path_put(&path);
	if (err)
		kftp_source_close(source);
	return err;
}

/**
 * kftp_source_failed - it was the file that failed, and not the connection
 * @source: an open source
 * @err: what the file system said
 *
 * Return: what to fail with; it is not tried again.
 */
int kftp_source_failed(struct kftp_source *source, int err)
{
	source->failed = true;
	return kftp_place_result(err);
}

/* An errno of splicing is the file's if reading alone has one, too */
static ssize_t source_blame(struct kftp_source *source, struct file *to,
			    ssize_t err)
{
	loff_t pos = source->pos;
	ssize_t n;
	char byte;

	if (err == -EAGAIN && !(vfs_poll(to, NULL) & EPOLLOUT))
		return err;
	n = kernel_read(source->file, &byte, 1, &pos);
	return n < 0 ? kftp_source_failed(source, n) : err;
}

/**
 * kftp_source_check - is the file still what it was when it was opened?
 * @source: an open source
 *
 * Return: 0, -EIO if its size or time of change is another, or another negative
 * errno.
 */
int kftp_source_check(struct kftp_source *source)
{
	struct kstat stat;
	int err;

	/*
	 * Whether the caller may know was asked when it was opened: security
	 * modules that judge by path would judge a kernel thread. What another
	 * host did to it is not yet in a network file system's cache.
	 */
	err = vfs_getattr_nosec(&source->file->f_path, &stat, KFTP_SOURCE_STAT,
				AT_STATX_FORCE_SYNC);
	if (err)
		return kftp_source_failed(source, err);
	if (stat.size == source->size &&
	    timespec64_equal(&stat.mtime, &source->mtime))
		return 0;
	source->changed = true;
	return -EIO;
}

/**
 * kftp_source_send - send more of the file, as sendfile(2) does
 * @source: an open source
 * @to: a socket's file, which does not block
 * @most: bytes to send at most
 *
 * The pages of the page cache are sent, not copies of them.
 *
 * Return: bytes, 0 at the end of the file, -EAGAIN if the socket takes none, or
 * another negative errno.
 */
ssize_t kftp_source_send(struct kftp_source *source, struct file *to,
			 size_t most)
{
	loff_t left = max_t(loff_t, source->size - source->pos, 0);
	loff_t ignored = 0;
	ssize_t n;

	most = min_t(loff_t, most, left);
	if (!most)
		return 0;
	n = rw_verify_area(READ, source->file, &source->pos, most);
	if (n < 0)
		return kftp_source_failed(source, n);
	kftp_pause_wait();
	n = do_splice_direct(source->file, &source->pos, to, &ignored, most, 0);
	if (n)
		return n < 0 ? source_blame(source, to, n) : n;
	/* the file was to have more */
	return kftp_source_check(source) ?: -EIO;
}

/**
 * kftp_source_close - let go of the file
 * @source: opened; may be closed twice
 */
void kftp_source_close(struct kftp_source *source)
{
	kftp_file_close(source->file);
	source->file = NULL;
	kftp_digest_close(source->digest);
	source->digest = NULL;
}
