/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only place that knows how kernels differ. Kbuild looks for each feature
 * in the kernel's headers and defines KFTP_HAS_...
 */
#ifndef _KFTP_COMPAT_H
#define _KFTP_COMPAT_H

#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/uio.h>
#include <net/sock.h>
#ifdef KFTP_HAS_FILELOCK
#include <linux/filelock.h>
#endif

/* Which way an iterator goes had no names of its own */
#ifndef ITER_SOURCE
#define ITER_SOURCE	1
#define ITER_DEST	0
#endif

/* Exported by all kernels, declared in a public header only by newer ones */
#ifndef KFTP_HAS_PATH_LOOKUP
int vfs_path_lookup(struct dentry *dentry, struct vfsmount *mnt,
		    const char *name, unsigned int flags, struct path *path);
#endif

/* Since 6.3 a mount has an idmap where it had a user namespace before */
#ifdef KFTP_HAS_MNT_IDMAP
#define kftp_mnt_idmap(mnt)	mnt_idmap(mnt)
#define old_kftp_idmap		old_mnt_idmap
#define new_kftp_idmap		new_mnt_idmap
#else
#define kftp_mnt_idmap(mnt)	mnt_user_ns(mnt)
#define old_kftp_idmap		old_mnt_userns
#define new_kftp_idmap		new_mnt_userns
#endif

/* Since 6.3 a class's uevent callback gets its device const */
#ifdef KFTP_HAS_CONST_UEVENT
#define kftp_uevent_const	const
#else
#define kftp_uevent_const
#endif

/*
 * vfs_iter_write() takes the file system's freeze protection by itself since
 * 6.8; splice_file_range() came with the same series.
 */
static inline ssize_t kftp_iter_write(struct file *file, struct iov_iter *from,
				      loff_t *pos)
{
#ifdef KFTP_HAS_WRITE_PROTECTS
	return vfs_iter_write(file, from, pos, 0);
#else
	ssize_t n;

	file_start_write(file);
	n = vfs_iter_write(file, from, pos, 0);
	file_end_write(file);
	return n;
#endif
}

/*
 * Freeze protection that another context gives up; lockdep is not to miss it here.
 * Some of the older kernels have these, too.
 */
#ifndef KFTP_HAS_KIOCB_START_WRITE
static inline void kiocb_start_write(struct kiocb *iocb)
{
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;

	sb_start_write(sb);
	__sb_writers_release(sb, SB_FREEZE_WRITE);
}

static inline void kiocb_end_write(struct kiocb *iocb)
{
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;

	__sb_writers_acquired(sb, SB_FREEZE_WRITE);
	sb_end_write(sb);
}
#endif

/* Of vfs_iocb_iter_write() the same is true; a write that is queued keeps it */
static inline ssize_t kftp_iocb_write(struct file *file, struct kiocb *iocb,
				      struct iov_iter *from)
{
#ifdef KFTP_HAS_WRITE_PROTECTS
	return vfs_iocb_iter_write(file, iocb, from);
#else
	ssize_t n;

	kiocb_start_write(iocb);
	n = vfs_iocb_iter_write(file, iocb, from);
	if (n != -EIOCBQUEUED)
		kiocb_end_write(iocb);
	return n;
#endif
}

/*
 * Have the socket keep what it copies to, and not the current task: before it
 * could be told so, a socket that must not wait for file systems did.
 */
static inline void kftp_sock_own_frag(struct sock *sk)
{
#ifdef KFTP_HAS_TASK_FRAG
	sk->sk_use_task_frag = false;
#else
	sk->sk_allocation &= ~__GFP_FS;
#endif
}

#endif /* _KFTP_COMPAT_H */
