// SPDX-License-Identifier: GPL-2.0
/*
 * The local file that a get writes: all of it or nothing.
 *
 * kftp_sink_open() runs in the caller's context, the rest in the run's, with
 * the caller's credentials; each step is checked as if the caller took it.
 */
#include <linux/cred.h>
#include <linux/fs_struct.h>
#include <linux/mount.h>
#include <linux/mutex.h>
#include <linux/namei.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/slab.h>

#include "aside.h"
#include "compat.h"
#include "kftp.h"
#include "pause.h"
#include "sink.h"

/* Write-back is started after so many bytes, so that fsync finds little to do */
#define KFTP_FLUSH_BYTES	(8 * 1024 * 1024)

/* How often start looks whether its job is being removed, and how sure it is */
#define KFTP_WALK_POLL		(HZ / 50)
#define KFTP_WALK_LOCKED	5

/*
 * All sinks from kftp_sink_open() to kftp_sink_close(). The lock protects the
 * list, and @file of its members while it is being set; @dir and @name do not
 * change while a sink is in the list.
 */
static LIST_HEAD(kftp_sinks);
static DEFINE_MUTEX(kftp_sinks_lock);

static struct workqueue_struct *kftp_walk_wq;

/* A path walk, made aside */
struct kftp_walk {
	struct kftp_aside aside;
	const struct cred *cred;
	struct path root;
	struct path found;
	int err;
	char name[];
};

static void walk_call(struct kftp_aside *aside)
{
	struct kftp_walk *walk = container_of(aside, struct kftp_walk, aside);
	const struct cred *old = override_creds(walk->cred);

	/*
	 * The caller's root and credentials are its view. A magic link of proc
	 * would be this thread's instead, so none is followed.
	 */
	walk->err = vfs_path_lookup(walk->root.dentry, walk->root.mnt,
				    walk->name,
				    LOOKUP_FOLLOW | LOOKUP_DIRECTORY |
				    LOOKUP_NO_MAGICLINKS, &walk->found);
	revert_creds(old);
}

static void walk_release(struct kftp_aside *aside)
{
	struct kftp_walk *walk = container_of(aside, struct kftp_walk, aside);

	path_put(&walk->found);
	path_put(&walk->root);
	put_cred(walk->cred);
	kfree(walk);
}

/*
 * Find the directory @name as the caller sees it.
 *
 * start runs inside a configfs store, which rmdir of the job waits for with
 * the job's directory locked. A walk that leads into configfs may need that
 * very lock, so it is made aside, and given up once the lock stays taken: then
 * rmdir gets on, and the walk after it.
 */
static int sink_walk(struct kftp_wait *wait, const char *name, size_t len,
		     struct inode *job_dir, struct path *dir)
{
	struct kftp_walk *walk;
	int locked = 0;
	int err = 0;

	walk = kzalloc(struct_size(walk, name, len + 1), GFP_KERNEL);
	if (!walk)
		return -ENOMEM;
	memcpy(walk->name, name, len);
	walk->cred = get_current_cred();
	get_fs_root(current->fs, &walk->root);
	walk->aside.call = walk_call;
	walk->aside.release = walk_release;
	kftp_aside_start(&walk->aside, kftp_walk_wq, wait);

	while (!wait_event_idle_timeout(wait->queue,
					kftp_aside_done(&walk->aside),
					KFTP_WALK_POLL)) {
		locked = inode_is_locked(job_dir) ? locked + 1 : 0;
		if (locked >= KFTP_WALK_LOCKED)
			err = -EBUSY;
		else if (fatal_signal_pending(current))
			err = -EINTR;
		if (err)
			break;
	}
	if (!err)
		err = walk->err;
	if (!err) {
		*dir = walk->found;
		path_get(dir);
	}
	kftp_aside_leave(&walk->aside);
	return err;
}

/*
 * Kernel interfaces that look like directories but keep no files. Those in
 * which nothing can be created are known by that; these are the others, and
 * what is better refused by name than by luck.
 */
static int sink_check_dir(const struct path *dir)
{
	static const char *const interfaces[] = {
		"autofs", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2",
		"configfs", "debugfs", "devpts", "efivarfs", "functionfs",
		"fusectl", "hugetlbfs", "mqueue", "nfsd", "ocfs2_dlmfs", "proc", "pstore",
		"resctrl", "rpc_pipefs", "securityfs", "selinuxfs", "smackfs",
		"sysfs", "tracefs",
	};
	struct super_block *sb = dir->dentry->d_sb;
	struct inode *inode = d_inode(dir->dentry);

	if (match_string(interfaces, ARRAY_SIZE(interfaces),
			 sb->s_type->name) >= 0)
		return -EACCES;
	if (!inode->i_op->create)
		return sb_rdonly(sb) ? -EROFS : -EACCES;
	/* nothing could be renamed there, nor the temporary file removed */
	return IS_APPEND(inode) ? -EPERM : 0;
}

/* May what is called so be replaced by a regular file of the caller's? */
static int sink_check_target(const struct path *dir, struct dentry *target)
{
	struct inode *inode = d_inode(target);

	if (d_is_negative(target))
		return 0;
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		break;
	case S_IFDIR:
		return -EISDIR;
	case S_IFLNK:
		return -ELOOP;
	default:
		return -EINVAL;
	}
	if (d_mountpoint(target))
		return -EBUSY;
	/* what the rename would refuse is better known before the transfer */
	if (IS_APPEND(inode) || IS_SWAPFILE(inode) ||
	    check_sticky(kftp_mnt_idmap(dir->mnt), d_inode(dir->dentry), inode))
		return -EPERM;
	return inode_permission(kftp_mnt_idmap(dir->mnt), inode, MAY_WRITE);
}

/* Two sinks must never have one destination: their temporary file is the same */
static int sink_claim(struct kftp_sink *sink)
{
	struct kftp_sink *other;
	int err = 0;

	mutex_lock(&kftp_sinks_lock);
	list_for_each_entry(other, &kftp_sinks, live)
		if (d_inode(other->dir.dentry) == d_inode(sink->dir.dentry) &&
		    !strcmp(other->name, sink->name))
			err = -EBUSY;
	if (!err)
		list_add(&sink->live, &kftp_sinks);
	mutex_unlock(&kftp_sinks_lock);
	return err;
}

static bool sink_is_live(const struct inode *inode)
{
	struct kftp_sink *other;
	bool live = false;

	mutex_lock(&kftp_sinks_lock);
	list_for_each_entry(other, &kftp_sinks, live)
		if (other->file && file_inode(other->file) == inode)
			live = true;
	mutex_unlock(&kftp_sinks_lock);
	return live;
}

static struct dentry *sink_lookup(const struct kftp_sink *sink, const char *name)
{
	return lookup_one(kftp_mnt_idmap(sink->dir.mnt), name, sink->dir.dentry,
			  strlen(name));
}

/*
 * Unlink the temporary file: our own, or with no @file yet what a crash left.
 * A file system that ignores case may show us another job's: hands off.
 */
static int sink_unlink_part(struct kftp_sink *sink)
{
	struct inode *dir = d_inode(sink->dir.dentry);
	struct inode *inode = NULL;
	struct dentry *part;
	int err;

	err = mnt_want_write(sink->dir.mnt);
	if (err)
		return err;
	inode_lock_nested(dir, I_MUTEX_PARENT);
	part = sink_lookup(sink, sink->part);
	if (IS_ERR(part)) {
		err = PTR_ERR(part);
		goto out;
	}
	/* a large file takes long to free: not with the directory locked */
	inode = d_inode(part);
	if (inode)
		ihold(inode);
	if (d_is_negative(part))
		err = 0;
	else if (sink->file && d_inode(part) != file_inode(sink->file))
		err = -ESTALE;
	else if (!sink->file && sink_is_live(d_inode(part)))
		err = -EBUSY;
	else
		err = security_path_unlink(&sink->dir, part) ?:
		      vfs_unlink(kftp_mnt_idmap(sink->dir.mnt), dir, part, NULL);
	dput(part);
out:
	inode_unlock(dir);
	iput(inode);
	mnt_drop_write(sink->dir.mnt);
	return err;
}

static int sink_create(struct kftp_sink *sink)
{
	struct file *file;
	int tries, err;

	for (tries = 0; ; tries++) {
		file = file_open_root(&sink->dir, sink->part,
				      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
				      O_LARGEFILE, 0600);
		err = PTR_ERR_OR_ZERO(file);
		if (err != -EEXIST || tries)
			break;
		err = sink_unlink_part(sink);
		if (err)
			break;
	}
	if (err)
		return err;

	mutex_lock(&kftp_sinks_lock);
	sink->file = file;
	mutex_unlock(&kftp_sinks_lock);
	/* an overlay's pages are those of the file below */
	sink->mapping = d_real_inode(file->f_path.dentry)->i_mapping;
	return file->f_mode & FMODE_CAN_WRITE && file->f_op->write_iter ?
	       0 : -EACCES;
}

/*
 * Security modules that judge by path judge the current task: ask them now
 * about the rename that a kernel thread will do.
 */
static int sink_ask_rename(struct kftp_sink *sink, struct dentry *target)
{
	return security_path_rename(&sink->dir, sink->file->f_path.dentry,
				    &sink->dir, target, 0);
}

static int sink_names(struct kftp_sink *sink, const char *name)
{
	size_t len = strlen(name);

	/* the last component says of itself that it is a directory */
	if (!len || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EISDIR;
	if (len > KFTP_DST_NAME_MAX)
		return -ENAMETOOLONG;
	sink->name = kasprintf(GFP_KERNEL, "%s%c" KFTP_PART_PREFIX "%s"
			       KFTP_PART_SUFFIX, name, '\0', name);
	if (!sink->name)
		return -ENOMEM;
	sink->part = sink->name + len + 1;
	return 0;
}

static int sink_open(struct kftp_sink *sink, struct kftp_wait *wait,
		     const char *dst, struct inode *job_dir)
{
	const char *name = strrchr(dst, '/');
	struct dentry *target;
	int err;

	if (dst[0] != '/')
		return -EINVAL;
	err = sink_names(sink, name + 1);
	if (err)
		return err;
	err = sink_walk(wait, dst, max_t(size_t, name - dst, 1), job_dir,
			&sink->dir);
	if (err)
		return err;
	err = sink_check_dir(&sink->dir);
	if (err)
		return err;

	target = lookup_one_unlocked(kftp_mnt_idmap(sink->dir.mnt), sink->name,
				     sink->dir.dentry, strlen(sink->name));
	if (IS_ERR(target))
		return PTR_ERR(target);
	err = sink_check_target(&sink->dir, target) ?:
	      sink_claim(sink) ?:
	      sink_create(sink) ?:
	      sink_ask_rename(sink, target);
	dput(target);
	return err;
}

/**
 * kftp_sink_open - check a destination and make its temporary file
 * @sink: zeroed; to be closed by kftp_sink_close() if this succeeds
 * @wait: the run's wait
 * @dst: an absolute path, as the caller sees it
 * @job_dir: the job's configfs directory
 *
 * Context: the caller's, inside a configfs store; may block on the file system.
 *
 * Return: 0 or a negative errno, after which nothing is left of the attempt.
 */
int kftp_sink_open(struct kftp_sink *sink, struct kftp_wait *wait,
		   const char *dst, struct inode *job_dir)
{
	unsigned long limit = rlimit(RLIMIT_FSIZE);
	int err;

	INIT_LIST_HEAD(&sink->live);
	sink->limit = limit == RLIM_INFINITY ? LLONG_MAX :
					       min_t(u64, limit, LLONG_MAX);
	sink->mode = 0666 & ~current_umask();
	err = sink_open(sink, wait, dst, job_dir);
	if (err)
		kftp_sink_close(sink);
	return err;
}

static int sink_write(struct kftp_sink *sink, struct iov_iter *from)
{
	ssize_t n;

	while (iov_iter_count(from)) {
		n = kftp_iter_write(sink->file, from, &sink->pos);
		if (n < 0)
			return n;
		if (!n)
			return -EIO;
	}
	if (sink->pos - sink->flushed >= KFTP_FLUSH_BYTES) {
		sink->flushed = sink->pos;
		return filemap_flush(sink->mapping);
	}
	return 0;
}

/**
 * kftp_sink_write - append bytes to the temporary file
 * @sink: an open sink
 * @from: the bytes, at most 1 MiB of them, as cancel waits for the call to end
 *
 * Return: 0 if all was written, or a negative errno.
 */
int kftp_sink_write(struct kftp_sink *sink, struct iov_iter *from)
{
	int err;

	if (iov_iter_count(from) > sink->limit - sink->pos)
		return -EFBIG;
	kftp_pause_enter();
	err = sink_write(sink, from);
	kftp_pause_leave();
	return err;
}

static int sink_chmod(struct kftp_sink *sink)
{
	struct dentry *dentry = sink->file->f_path.dentry;
	struct iattr attr = {
		.ia_valid = ATTR_MODE | ATTR_CTIME,
		.ia_mode = S_IFREG | sink->mode,
	};
	int err;

	err = mnt_want_write_file(sink->file);
	if (err)
		return err;
	inode_lock(d_inode(dentry));
	err = notify_change(kftp_mnt_idmap(sink->dir.mnt), dentry, &attr, NULL);
	inode_unlock(d_inode(dentry));
	mnt_drop_write_file(sink->file);
	return err;
}

/* The directory is locked: what is looked up here is what is renamed */
static int sink_rename_locked(struct kftp_sink *sink, struct kftp_wait *wait,
			      struct inode **delegated)
{
	struct inode *dir = d_inode(sink->dir.dentry);
	struct dentry *part, *target;
	int err;

	part = sink_lookup(sink, sink->part);
	if (IS_ERR(part))
		return PTR_ERR(part);
	target = sink_lookup(sink, sink->name);
	if (IS_ERR(target)) {
		err = PTR_ERR(target);
		goto out;
	}

	if (d_inode(part) != file_inode(sink->file))
		err = -ESTALE;
	else
		err = sink_check_target(&sink->dir, target);
	/* the last look: after this there is no way back */
	if (!err)
		err = kftp_wait_check(wait);
	if (!err) {
		struct renamedata rd = {
			.old_kftp_idmap = kftp_mnt_idmap(sink->dir.mnt),
			.old_dir = dir,
			.old_dentry = part,
			.new_kftp_idmap = kftp_mnt_idmap(sink->dir.mnt),
			.new_dir = dir,
			.new_dentry = target,
			.delegated_inode = delegated,
		};

		err = vfs_rename(&rd);
	}
	dput(target);
out:
	dput(part);
	return err;
}

static int sink_rename(struct kftp_sink *sink, struct kftp_wait *wait)
{
	struct inode *delegated;
	int err;

	err = mnt_want_write(sink->dir.mnt);
	if (err)
		return err;
	do {
		delegated = NULL;
		lock_rename(sink->dir.dentry, sink->dir.dentry);
		err = sink_rename_locked(sink, wait, &delegated);
		unlock_rename(sink->dir.dentry, sink->dir.dentry);
		/* somebody holds the old file by an NFS delegation: recall it */
	} while (delegated && !(err = break_deleg_wait(&delegated)));
	mnt_drop_write(sink->dir.mnt);
	return err;
}

static int sink_sync_dir(struct kftp_sink *sink)
{
	struct file *file;
	int err;

	/* opened without asking whether the caller may list the directory */
	file = dentry_open(&sink->dir, O_RDONLY | O_DIRECTORY, current_cred());
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = vfs_fsync(file, 0);
	__fput_sync(file);
	/* not every file system has this operation, or needs it */
	return err == -EINVAL ? 0 : err;
}

static int sink_publish(struct kftp_sink *sink, struct kftp_wait *wait)
{
	int err;

	err = sink_chmod(sink) ?: vfs_fsync(sink->file, 0);
	if (err)
		return err;
	/* a slow disk is no stalled server; the deadline holds all the same */
	kftp_wait_progress(wait);
	err = sink_rename(sink, wait);
	if (err)
		return err;
	sink->published = true;
	sink->dir_error = sink_sync_dir(sink);
	return 0;
}

/**
 * kftp_sink_publish - make the file durable and put it in its place
 * @sink: an open sink, complete
 * @wait: the run's wait; looked at for the last time before the rename
 *
 * Context: the run's; blocks on the file system.
 *
 * Return: 0 or a negative errno, after which the old destination is untouched.
 */
int kftp_sink_publish(struct kftp_sink *sink, struct kftp_wait *wait)
{
	int err;

	kftp_pause_enter();
	err = sink_publish(sink, wait);
	kftp_pause_leave();
	return err;
}

/**
 * kftp_sink_close - let go of the destination
 * @sink: opened, published or not; may be closed twice
 *
 * A temporary file that was not published is removed, but only if that name is
 * still ours. In a run the file is closed for good on return, so that an
 * unmount after the job's end finds it gone; in a caller's context on its
 * return to user space.
 */
void kftp_sink_close(struct kftp_sink *sink)
{
	kftp_pause_enter();
	if (sink->file && !sink->published)
		sink_unlink_part(sink);

	mutex_lock(&kftp_sinks_lock);
	list_del_init(&sink->live);
	mutex_unlock(&kftp_sinks_lock);

	if (sink->file) {
		if (current->flags & PF_KTHREAD)
			__fput_sync(sink->file);
		else
			fput(sink->file);
		sink->file = NULL;
	}
	path_put(&sink->dir);
	kftp_pause_leave();

	sink->dir = (struct path){};
	kfree(sink->name);
	sink->name = NULL;
}

/**
 * kftp_sink_init - set up for path walks
 *
 * Return: 0 or -ENOMEM.
 */
int kftp_sink_init(void)
{
	kftp_walk_wq = alloc_workqueue("kftp_walk", WQ_UNBOUND, 0);
	return kftp_walk_wq ? 0 : -ENOMEM;
}

/**
 * kftp_sink_exit - wait for walks that were left behind
 */
void kftp_sink_exit(void)
{
	destroy_workqueue(kftp_walk_wq);
}
