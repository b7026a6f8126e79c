// SPDX-License-Identifier: GPL-2.0
/*
 * The local file that a get writes: all of it or nothing.
 *
 * kftp_sink_open() runs in the caller's context, the rest in the run's, with
 * the caller's credentials; each step is checked as if the caller took it, or was
 * asked about when the sink was opened.
 */
#include <linux/backing-dev.h>
#include <linux/cred.h>
#include <linux/mount.h>
#include <linux/mutex.h>
#include <linux/namei.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/slab.h>

#include "compat.h"
#include "digest.h"
#include "direct.h"
#include "kftp.h"
#include "pause.h"
#include "place.h"
#include "sink.h"

#include "fault.h"

/* Write-back is started after so many bytes, so that fsync finds little to do */
#define KFTP_FLUSH_BYTES	(8 * 1024 * 1024)

/* Where the file is to be resumed, it is made durable as often as this */
#define KFTP_SAVE_BYTES		(64 * 1024 * 1024)
#define KFTP_SAVE_TIME		(2 * HZ)

/* A smaller file is as well kept in the page cache: somebody wants to read it */
#define KFTP_DIRECT_MIN		(4 * 1024 * 1024)

/* What is digested before it is written is copied, so much at a time */
#define KFTP_COPY_BYTES		(64 * 1024)

/* What is in the way of the temporary file is removed, but not for ever */
#define KFTP_MAKE_TRIES		3

/*
 * All sinks from kftp_sink_open() to kftp_sink_close(). The lock protects the
 * list, and @file and @published of its members while they are being set; @dir
 * and @name do not change while a sink is in the list.
 */
static LIST_HEAD(kftp_sinks);
static DEFINE_MUTEX(kftp_sinks_lock);

static int sink_check_dir(const struct path *dir)
{
	struct super_block *sb = dir->dentry->d_sb;
	struct inode *inode = d_inode(dir->dentry);

	/* a kernel interface that looks like a directory but keeps no files */
	if (!inode->i_op->create)
		return sb_rdonly(sb) ? -EROFS : -EACCES;
	/* nothing could be renamed there, nor the temporary file removed */
	return IS_APPEND(inode) ? -EPERM : 0;
}

static bool sink_is_live_locked(const struct inode *inode)
{
	struct kftp_sink *other;

	lockdep_assert_held(&kftp_sinks_lock);
	list_for_each_entry(other, &kftp_sinks, live)
		if (other->file && !other->published &&
		    file_inode(other->file) == inode)
			return true;
	return false;
}

static bool sink_is_live(const struct inode *inode)
{
	bool live;

	mutex_lock(&kftp_sinks_lock);
	live = sink_is_live_locked(inode);
	mutex_unlock(&kftp_sinks_lock);
	return live;
}

/* May what is called so be replaced by a regular file of the caller's? */
static int sink_check_target(const struct path *dir, struct dentry *target)
{
	/* start looks without the directory's lock: it may appear meanwhile */
	struct inode *inode = d_inode_rcu(target);
	struct path path = { .mnt = dir->mnt, .dentry = target };
	int err;

	if (!inode)
		return 0;
	err = kftp_place_type(inode);
	if (err)
		return err;
	/*
	 * Another job's temporary file by another spelling is that job's. What
	 * anybody has mounted there in a namespace of his own is no matter; what
	 * is mounted there in the first one, by another way, the rename refuses.
	 */
	if (path_is_mountpoint(&path) || sink_is_live(inode))
		return -EBUSY;
	/* what the rename would refuse is better known before the transfer */
	if (IS_APPEND(inode) || IS_SWAPFILE(inode) ||
	    check_sticky(kftp_mnt_idmap(dir->mnt), d_inode(dir->dentry), inode))
		return -EPERM;
	return inode_permission(kftp_mnt_idmap(dir->mnt), inode, MAY_WRITE);
}

/*
 * Two sinks must never have one destination, as their temporary file is the same,
 * nor one as its destination what is the other's temporary file. There are
 * directories to which that is the same in capitals.
 */
static int sink_claim(struct kftp_sink *sink)
{
	struct kftp_sink *other;
	int err = 0;

	mutex_lock(&kftp_sinks_lock);
	list_for_each_entry(other, &kftp_sinks, live)
		if (d_inode(other->dir.dentry) == d_inode(sink->dir.dentry) &&
		    (!strcmp(other->name, sink->name) ||
		     !strcasecmp(other->name, sink->part) ||
		     !strcasecmp(other->part, sink->name)))
			err = -EBUSY;
	if (!err)
		list_add(&sink->live, &kftp_sinks);
	mutex_unlock(&kftp_sinks_lock);
	return err;
}

static struct dentry *sink_lookup(const struct kftp_sink *sink, const char *name)
{
	return lookup_one(kftp_mnt_idmap(sink->dir.mnt), name, sink->dir.dentry,
			  strlen(name));
}

/*
 * Whoever looked before it was known whose it is may have taken it away, or has
 * renamed it, as it was his. He did so with the directory locked.
 */
static int sink_check_part(struct kftp_sink *sink)
{
	struct inode *dir = d_inode(sink->dir.dentry);
	struct dentry *part;
	int err;

	inode_lock_shared(dir);
	part = sink_lookup(sink, sink->part);
	err = PTR_ERR_OR_ZERO(part);
	if (!err) {
		if (d_inode(part) != file_inode(sink->file))
			err = -EBUSY;
		dput(part);
	}
	inode_unlock_shared(dir);
	return err;
}

/*
 * Between the look and here another job may have come to the same file by another
 * spelling of its name: only one of them may have it. Takes @file in any case.
 */
static int sink_set_file(struct kftp_sink *sink, struct file *file)
{
	bool live;

	/* what is compared or digested was not read by anybody */
	file->f_flags |= O_NOATIME;
	mutex_lock(&kftp_sinks_lock);
	live = sink_is_live_locked(file_inode(file));
	if (!live)
		sink->file = file;
	mutex_unlock(&kftp_sinks_lock);
	if (live) {
		fput(file);
		return -EBUSY;
	}
	/* an overlay's pages are those of the file below */
	sink->mapping = d_real_inode(file->f_path.dentry)->i_mapping;
	return sink_check_part(sink);
}

static bool sink_is_ours(const struct kftp_sink *sink, struct inode *inode)
{
	return vfsuid_eq_kuid(i_uid_into_vfsuid(kftp_mnt_idmap(sink->dir.mnt),
						inode), current_fsuid());
}

/* Nothing is known against what is there: it stays */
static void sink_drop_file(struct kftp_sink *sink)
{
	struct file *file = sink->file;

	mutex_lock(&kftp_sinks_lock);
	sink->file = NULL;
	mutex_unlock(&kftp_sinks_lock);
	if (file)
		fput(file);
}

/*
 * What an earlier run left, if it is known what of it can be trusted: a file of
 * the caller's own that nobody else has another name for.
 */
static int sink_adopt(struct kftp_sink *sink, struct dentry *part,
		      struct inode *inode)
{
	struct path path = { .mnt = sink->dir.mnt, .dentry = part };
	struct file *file;
	int err;

	if (!sink->keep || !S_ISREG(inode->i_mode) || inode->i_nlink != 1 ||
	    IS_APPEND(inode) || !sink_is_ours(sink, inode) ||
	    sink_is_live(inode))
		return -ENODATA;
	/* it could be resumed, and not be renamed */
	if (path_is_mountpoint(&path))
		return -EBUSY;
	err = inode_permission(kftp_mnt_idmap(path.mnt), inode,
			       MAY_READ | MAY_WRITE) ?:
	      kftp_resume_load(&path, &sink->resume);
	if (err)
		return err;
	if (i_size_read(inode) < sink->resume.durable)
		return -ENODATA;
	file = dentry_open(&path, O_RDWR | O_LARGEFILE, current_cred());
	if (IS_ERR(file))
		return PTR_ERR(file);

	/* from here on it is nobody else's, who may have had it until then */
	err = sink_set_file(sink, file) ?:
	      kftp_resume_load(&file->f_path, &sink->resume);
	if (!err && i_size_read(inode) < sink->resume.durable)
		err = -ENODATA;
	if (err) {
		sink_drop_file(sink);
		return err == -ENODATA ? -EBUSY : err;
	}
	sink->have = round_down(sink->resume.durable, KFTP_DIRECT_ALIGN);
	return 0;
}

/*
 * Unlink the temporary file: our own, or with no @file yet what a crash left.
 * A file system that ignores case may show us another job's: hands off. Whether
 * the caller may was asked by start: security modules that judge by path would
 * judge a kernel thread.
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
		err = vfs_unlink(kftp_mnt_idmap(sink->dir.mnt), dir, part, NULL);
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
	int err;

	file = file_open_root(&sink->dir, sink->part,
			      O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
			      O_LARGEFILE, 0600);
	err = PTR_ERR_OR_ZERO(file);
	if (err) {
		/* it may have been made, and then could not be opened */
		if (err != -EEXIST)
			sink_unlink_part(sink);
		return err;
	}
	err = sink_set_file(sink, file);
	/* better to know now whether records can be kept here */
	if (!err && sink->keep)
		err = kftp_resume_save(file, &sink->resume);
	return err;
}

/* Returns -ENODATA if what is there is in the way */
static int sink_make(struct kftp_sink *sink, struct dentry *part)
{
	struct inode *inode;
	int err;

	/* who may not take it away is told so, if possible, before it is there */
	err = security_path_unlink(&sink->dir, part);
	if (err)
		return err;
	/* without the directory's lock: it may appear meanwhile, or go */
	inode = d_inode_rcu(part);
	if (!inode)
		return sink_create(sink);
	err = sink_adopt(sink, part, inode);
	/* whatever else goes wrong says nothing against what is there */
	return err == -ENOENT ? -ENODATA : err;
}

static int sink_make_part(struct kftp_sink *sink, struct inode *job_dir)
{
	int tries = KFTP_MAKE_TRIES;
	struct dentry *part;
	int err;

	do {
		sink->resume.version.size = -1;
		sink->resume.durable = 0;
		err = kftp_place_look(sink->wait, &sink->dir, sink->part,
				      job_dir, &part);
		if (err)
			return err;
		err = sink_make(sink, part);
		dput(part);
		if (sink->file)
			break;
		if (err == -ENODATA) {
			err = sink_unlink_part(sink);
			if (!err || err == -ENOENT)
				err = -EEXIST;
		}
	} while (err == -EEXIST && --tries);
	if (err)
		return err == -EEXIST && !sink->file ? -EBUSY : err;
	return sink->file->f_mode & FMODE_CAN_WRITE &&
	       sink->file->f_op->write_iter ? 0 : -EACCES;
}

/*
 * Security modules that judge by path judge the current task: ask them now about
 * what a kernel thread will do. Some judge only what is there.
 */
static int sink_ask(struct kftp_sink *sink, struct dentry *target)
{
	struct dentry *part = sink->file->f_path.dentry;

	return security_path_unlink(&sink->dir, part) ?:
	       security_path_rename(&sink->dir, part, &sink->dir, target, 0);
}

static int sink_names(struct kftp_sink *sink, const char *dst)
{
	const char *name = kftp_place_name(dst);
	size_t len = strlen(name);

	if (len > KFTP_DST_NAME_MAX)
		return -ENAMETOOLONG;
	sink->name = kasprintf(GFP_KERNEL, "%s%c" KFTP_PART_PREFIX "%s"
			       KFTP_PART_SUFFIX, name, '\0', name);
	if (!sink->name)
		return -ENOMEM;
	sink->part = sink->name + len + 1;
	return 0;
}

static int sink_open(struct kftp_sink *sink, const char *dst,
		     struct inode *job_dir)
{
	struct dentry *target;
	int err;

	err = sink_names(sink, dst) ?:
	      kftp_place_find(sink->wait, dst, job_dir, &sink->dir, &target);
	if (err)
		return err;
	err = sink_check_dir(&sink->dir) ?:
	      sink_check_target(&sink->dir, target) ?:
	      sink_claim(sink) ?:
	      sink_make_part(sink, job_dir) ?:
	      sink_ask(sink, target);
	dput(target);
	return err;
}

/**
 * kftp_sink_open - check a destination and make its temporary file
 * @sink: zeroed but for its digest; to be closed by kftp_sink_close() if this
 *	succeeds
 * @wait: the run's wait
 * @dst: an absolute path, as the caller sees it
 * @job_dir: the job's configfs directory
 * @origin: if the temporary file may be resumed, of what; or NULL
 *
 * Context: the caller's, inside a configfs store; may block on the file system.
 *
 * Return: 0 or a negative errno, after which nothing is left of the attempt;
 * -EOPNOTSUPP if the file system cannot keep what resuming needs.
 */
int kftp_sink_open(struct kftp_sink *sink, struct kftp_wait *wait,
		   const char *dst, struct inode *job_dir, const u8 *origin)
{
	unsigned long limit = rlimit(RLIMIT_FSIZE);
	int err;

	INIT_LIST_HEAD(&sink->live);
	sink->wait = wait;
	if (origin) {
		sink->keep = true;
		memcpy(sink->resume.origin, origin, sizeof(sink->resume.origin));
	}
	sink->limit = limit == RLIM_INFINITY ? LLONG_MAX :
					       min_t(u64, limit, LLONG_MAX);
	sink->mode = 0666 & ~current_umask();
	err = sink_open(sink, dst, job_dir);
	if (err)
		kftp_sink_close(sink);
	return err;
}

/**
 * kftp_sink_offset - from where on is the server's file wanted?
 * @sink: an open sink
 * @version: which version the server has
 *
 * A little of what is there already is asked for again and compared: a server
 * need not do what it says it does.
 *
 * Return: an offset, 0 if nothing that is there is of use.
 */
loff_t kftp_sink_offset(const struct kftp_sink *sink,
			const struct kftp_version *version)
{
	if (sink->have <= KFTP_COMPARE_BYTES || sink->have > version->size ||
	    !kftp_version_same(&sink->resume.version, version))
		return 0;
	return sink->have - KFTP_COMPARE_BYTES;
}

static int sink_setattr(struct kftp_sink *sink, struct iattr *attr)
{
	struct dentry *dentry = sink->file->f_path.dentry;
	int err;

	err = mnt_want_write_file(sink->file);
	if (err)
		return err;
	inode_lock(d_inode(dentry));
	err = notify_change(kftp_mnt_idmap(sink->dir.mnt), dentry, attr, NULL);
	inode_unlock(d_inode(dentry));
	mnt_drop_write_file(sink->file);
	return err;
}

/*
 * What the file system once said about a failed write or sync it may not say
 * again, so that nothing that it says afterwards can be trusted.
 */
static int sink_result(struct kftp_sink *sink, int err)
{
	/* want of room or memory says nothing against what came before */
	if (err && err != -ENOSPC && err != -EDQUOT && err != -EFBIG &&
	    err != -ENOMEM)
		sink->failed = true;
	return kftp_place_result(err);
}

static int sink_sync(struct kftp_sink *sink, int datasync)
{
	int err = vfs_fsync(sink->file, datasync);

	/* even want of room: it is found out too late here */
	if (err)
		sink->failed = true;
	return err;
}

/* Whatever is there is worthless: say so on the disk before it changes */
static int sink_restart(struct kftp_sink *sink)
{
	struct iattr empty = { .ia_valid = ATTR_SIZE };
	int err = 0;

	if (sink->keep && sink->resume.durable) {
		sink->resume.durable = 0;
		err = kftp_resume_save(sink->file, &sink->resume) ?:
		      sink_sync(sink, 0);
	}
	sink->have = 0;
	if (!err && i_size_read(file_inode(sink->file)))
		err = sink_setattr(sink, &empty);
	return err;
}

static bool sink_goes_direct(const struct kftp_sink *sink, s64 size,
			     enum kftp_cache cache)
{
	if (cache == KFTP_CACHE_KEEP ||
	    !(sink->file->f_mode & FMODE_CAN_ODIRECT))
		return false;
	/* memory is all that this file system has: tmpfs says it could */
	if (!mapping_can_writeback(sink->mapping))
		return false;
	return cache == KFTP_CACHE_BYPASS ||
	       (size - sink->have >= KFTP_DIRECT_MIN &&
		kftp_direct_suits(sink->file));
}

/*
 * Whoever may write to it can cut it: zeros would take the place of what came. A
 * size that is kept elsewhere, by a server or a daemon, may be late.
 */
static bool sink_was_cut(const struct kftp_sink *sink, loff_t end)
{
	return !(sink->file->f_path.dentry->d_flags & DCACHE_OP_REVALIDATE) &&
	       i_size_read(file_inode(sink->file)) < end;
}

/* Of all that is there already, too */
static int sink_digest_begin(struct kftp_sink *sink)
{
	int err;

	err = kftp_digest_start(sink->digest) ?:
	      kftp_digest_update_file(sink->digest, sink->file, sink->have,
				      sink->wait);
	sink->digested = sink->have;
	return kftp_wait_check(sink->wait) ?: sink_result(sink, err);
}

/**
 * kftp_sink_check - look at what is there already, before each attempt
 * @sink: an open sink
 *
 * To digest it takes long if it is much: longer than a server waits that has been
 * asked for anything.
 *
 * Return: 0 or a negative errno.
 */
int kftp_sink_check(struct kftp_sink *sink)
{
	if (sink_was_cut(sink, sink->have))
		sink->have = 0;
	return sink->digest ? sink_digest_begin(sink) : 0;
}

/**
 * kftp_sink_begin - prepare for bytes to come
 * @sink: an open sink; ended by kftp_sink_end()
 * @offset: which byte of the server's file is the first: 0, or what
 *	kftp_sink_offset() returned
 * @version: which version of the file that is
 * @cache: what may be left in the page cache
 *
 * Return: 0 or a negative errno.
 */
int kftp_sink_begin(struct kftp_sink *sink, loff_t offset,
		    const struct kftp_version *version, enum kftp_cache cache)
{
	loff_t end = version->size >= 0 ? version->size : sink->limit;
	int err = 0;

	/* begun before, for an offset that the server did not take */
	kftp_direct_close(sink->direct);
	sink->direct = NULL;
	if (!offset) {
		kftp_pause_enter();
		err = sink_result(sink, sink_restart(sink));
		kftp_pause_leave();
		/* a slow disk is no stalled server */
		kftp_wait_progress(sink->wait);
	}
	if (!err && sink->digest && sink->digested != sink->have)
		err = sink_digest_begin(sink);
	if (err)
		return err;
	/* of more than that, from here on */
	sink->digested = -1;
	sink->resume.version = *version;
	sink->pos = offset;
	sink->flushed = sink->have;
	sink->saved = get_jiffies_64();
	if (sink_goes_direct(sink, version->size, cache))
		sink->direct = kftp_direct_open(sink->file, sink->wait,
						sink->have, end);
	return 0;
}

/* Nobody could tell later whether the server's file is the same without these */
static bool sink_is_recorded(const struct kftp_sink *sink)
{
	return sink->keep && kftp_version_known(&sink->resume.version);
}

/* All of it is in the file, up to @to: make that durable, and then known */
static int sink_save(struct kftp_sink *sink, loff_t to)
{
	struct kftp_resume resume = sink->resume;
	int err;

	/* where the next run may write directly */
	to = round_down(to, KFTP_DIRECT_ALIGN);
	if (!sink_is_recorded(sink) || to <= sink->resume.durable ||
	    sink->failed)
		return 0;
	resume.durable = to;
	err = sink_sync(sink, 1) ?: kftp_resume_save(sink->file, &resume);
	if (!err)
		sink->resume.durable = to;
	return err;
}

static bool sink_save_due(struct kftp_sink *sink)
{
	if (!sink_is_recorded(sink) ||
	    (sink->pos - sink->resume.durable < KFTP_SAVE_BYTES &&
	     time_before64(get_jiffies_64(), sink->saved + KFTP_SAVE_TIME)))
		return false;
	sink->saved = get_jiffies_64();
	return true;
}

static int sink_write(struct kftp_sink *sink, struct iov_iter *from)
{
	ssize_t n;

	if (sink_was_cut(sink, sink->pos))
		return -ESTALE;
	while (iov_iter_count(from)) {
		n = kftp_iter_write(sink->file, from, &sink->pos);
		if (n < 0)
			return n;
		if (!n)
			return -EIO;
	}
	sink->have = sink->pos;
	if (sink_save_due(sink))
		return sink_save(sink, sink->have);
	if (sink->pos - sink->flushed >= KFTP_FLUSH_BYTES) {
		sink->flushed = sink->pos;
		return filemap_flush(sink->mapping);
	}
	return 0;
}

/*
 * What is digested has to be what is written: a server on this very host may have
 * sent pages of its own, as sendfile(2) does, and still change them.
 */
static int sink_write_digested(struct kftp_sink *sink, struct iov_iter *from)
{
	size_t size = min_t(size_t, iov_iter_count(from), KFTP_COPY_BYTES);
	struct iov_iter own;
	struct kvec vec;
	int err = 0;

	vec.iov_base = kvmalloc(size, GFP_KERNEL);
	if (!vec.iov_base)
		return -ENOMEM;
	while (!err && iov_iter_count(from)) {
		vec.iov_len = copy_from_iter(vec.iov_base, size, from);
		err = kftp_digest_update(sink->digest, vec.iov_base,
					 vec.iov_len);
		if (err)
			break;
		iov_iter_kvec(&own, ITER_SOURCE, &vec, 1, vec.iov_len);
		err = sink_write(sink, &own);
	}
	kvfree(vec.iov_base);
	return err;
}

/* What came again has to be what is there */
static int sink_compare(struct kftp_sink *sink, struct iov_iter *from)
{
	size_t len = iov_iter_count(from);
	loff_t end = sink->pos + len;
	char *ours, *theirs;
	ssize_t n;
	int err = 0;

	ours = kvmalloc(2 * len, GFP_KERNEL);
	if (!ours)
		return -ENOMEM;
	theirs = ours + len;
	/* advances the position */
	n = kernel_read(sink->file, ours, len, &sink->pos);
	if (n < 0 || (n < len && !sink_was_cut(sink, end)))
		err = sink_result(sink, n < 0 ? n : -EIO);
	else if (copy_from_iter(theirs, len, from) != len)
		err = -EFAULT;
	else if (n != len || memcmp(ours, theirs, len))
		err = -ESTALE;
	kvfree(ours);
	return err;
}

/**
 * kftp_sink_write - append bytes to the temporary file
 * @sink: begun, and not direct but for what is compared
 * @from: bytes in pages: at most 1 MiB of them, as cancel waits for the call
 *	to end, and not more than kftp_sink_again() if that is not 0
 *
 * Return: 0 if all was written, -ESTALE if a byte that came again is not what
 * it was or somebody has cut the file, or another negative errno.
 */
int kftp_sink_write(struct kftp_sink *sink, struct iov_iter *from)
{
	int err;

	if (kftp_sink_again(sink))
		return sink_compare(sink, from);
	if (iov_iter_count(from) > sink->limit - sink->pos)
		return -EFBIG;
	kftp_pause_enter();
	err = sink->digest ? sink_write_digested(sink, from) :
			     sink_write(sink, from);
	kftp_pause_leave();
	return sink_result(sink, err);
}

/**
 * kftp_sink_room - where to receive
 * @sink: begun, and direct
 * @most: bytes that are wanted at most
 * @to: set on success
 *
 * Waits for the disk if all buffers are with it.
 *
 * Return: 0, or the errno of a write that failed.
 */
int kftp_sink_room(struct kftp_sink *sink, size_t most, struct iov_iter *to)
{
	return sink_result(sink, kftp_direct_room(sink->direct, most, to));
}

/**
 * kftp_sink_wrote - bytes were received into @sink's buffers
 * @sink: begun, and direct
 * @at: where they are
 * @n: how many
 *
 * Return: 0 or a negative errno.
 */
int kftp_sink_wrote(struct kftp_sink *sink, struct iov_iter *at, size_t n)
{
	int err;

	if (n > sink->limit - sink->pos)
		return -EFBIG;
	iov_iter_truncate(at, n);
	err = sink->digest ? kftp_digest_update_iter(sink->digest, at) : 0;
	if (err)
		return err;
	err = sink_result(sink, kftp_direct_filled(sink->direct, n));
	if (err)
		return err;
	sink->pos += n;
	if (!sink_save_due(sink))
		return 0;
	err = sink_result(sink, kftp_direct_drain(sink->direct)) ?:
	      kftp_wait_check(sink->wait);
	if (err)
		return err;
	kftp_pause_enter();
	err = sink_save(sink, kftp_direct_written(sink->direct));
	kftp_pause_leave();
	return sink_result(sink, err);
}

/**
 * kftp_sink_end - no more bytes come: they ended, or the attempt did
 * @sink: an open sink, begun or not
 *
 * Return: 0 if all bytes are in the file, -ECANCELED if they are not as nobody wants
 * them any more, or the errno of a write that failed.
 */
int kftp_sink_end(struct kftp_sink *sink)
{
	bool unwanted;
	int err = 0;

	if (sink->direct) {
		/* who is cancelled and keeps nothing need not wait for more */
		unwanted = !sink->keep && READ_ONCE(sink->wait->cancelled);
		if (unwanted)
			err = kftp_direct_drain(sink->direct);
		else
			err = kftp_direct_finish(sink->direct);
		err = sink_result(sink, err);
		if (!err && unwanted)
			err = -ECANCELED;
		sink->have = max(sink->have, kftp_direct_written(sink->direct));
		kftp_direct_close(sink->direct);
		sink->direct = NULL;
	}
	/* where the next attempt may write directly */
	sink->have = round_down(sink->have, KFTP_DIRECT_ALIGN);
	return err;
}

/**
 * kftp_sink_discard - nothing of what is there may be resumed
 * @sink: an open sink
 */
void kftp_sink_discard(struct kftp_sink *sink)
{
	sink->have = 0;
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

	/* nor would it be renamed to another name of its own */
	if (d_inode(part) != file_inode(sink->file) ||
	    d_inode(target) == file_inode(sink->file))
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
		/* unless it was refused, nobody knows whether it was renamed */
		if (err != -EACCES && err != -EPERM && err != -EBUSY &&
		    !*delegated)
			err = sink_result(sink, err);
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
	const struct cred *old = override_creds(current_real_cred());
	struct file *file;
	int err;

	/* whether the caller may list the directory is of no matter */
	file = dentry_open(&sink->dir, O_RDONLY | O_DIRECTORY, current_cred());
	revert_creds(old);
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = vfs_fsync(file, 0);
	__fput_sync(file);
	/* not every file system has this operation, or needs it */
	return err == -EINVAL ? 0 : err;
}

/* Space that was allocated ahead goes, and so does what is only for resuming */
static int sink_finish(struct kftp_sink *sink)
{
	struct iattr size = { .ia_valid = ATTR_SIZE, .ia_size = sink->pos };
	struct iattr attr = {
		.ia_valid = ATTR_MODE | ATTR_CTIME,
		.ia_mode = S_IFREG | sink->mode,
	};
	struct inode *inode = file_inode(sink->file);
	int err = 0;

	if (sink_was_cut(sink, sink->pos))
		return -ESTALE;
	if (i_size_read(inode) != sink->pos)
		err = sink_setattr(sink, &size);
	if (!err && sink->keep)
		err = kftp_resume_forget(sink->file);
	if (err)
		return err;
	sink->resume.durable = 0;
	if (sink->has_mtime) {
		attr.ia_valid |= ATTR_MTIME | ATTR_MTIME_SET;
		attr.ia_mtime = sink->mtime;
	}
	err = sink_setattr(sink, &attr);
	/* a file system without modes, or owners, may say so */
	if (err == -EOPNOTSUPP || err == -ENOSYS ||
	    (err == -EPERM &&
	     !inode_owner_or_capable(kftp_mnt_idmap(sink->dir.mnt), inode)))
		err = 0;
	return err ?: sink_sync(sink, 0);
}

static int sink_publish(struct kftp_sink *sink, struct kftp_wait *wait)
{
	int err;

	err = sink_result(sink, sink_finish(sink));
	if (err)
		return err;
	/* a slow disk is no stalled server; the deadline holds all the same */
	kftp_wait_progress(wait);
	err = kftp_place_result(sink_rename(sink, wait));
	if (err)
		return err;
	mutex_lock(&kftp_sinks_lock);
	sink->published = true;
	mutex_unlock(&kftp_sinks_lock);
	sink->dir_error = sink_sync_dir(sink);
	return 0;
}

/**
 * kftp_sink_publish - make the file durable and put it in its place
 * @sink: an open sink, complete, after kftp_sink_end()
 * @wait: the run's wait; looked at for the last time before the rename
 *
 * Context: the run's; blocks on the file system.
 *
 * Return: 0 or a negative errno, after which the old destination is untouched,
 * unless the file system did rename and says otherwise.
 */
int kftp_sink_publish(struct kftp_sink *sink, struct kftp_wait *wait)
{
	int err;

	kftp_pause_enter();
	err = sink_publish(sink, wait);
	kftp_pause_leave();
	return err;
}

/* Is there anything that a later run could go on with? */
static bool sink_keeps(struct kftp_sink *sink)
{
	loff_t end = max(sink->have, sink->resume.durable);
	struct iattr size = { .ia_valid = ATTR_SIZE, .ia_size = end };
	struct iattr mode = {
		.ia_valid = ATTR_MODE | ATTR_CTIME,
		.ia_mode = S_IFREG | 0600,
	};

	if (!sink->keep || sink->have <= KFTP_COMPARE_BYTES ||
	    (sink->failed && !sink->resume.durable) || sink_was_cut(sink, end))
		return false;
	/* space that was allocated ahead is others' until then */
	if (i_size_read(file_inode(sink->file)) > end)
		sink_setattr(sink, &size);
	/* it may have been all but published */
	if (file_inode(sink->file)->i_mode != mode.ia_mode)
		sink_setattr(sink, &mode);
	/* what cannot be made durable now may have been so earlier */
	sink_save(sink, sink->have);
	return sink->resume.durable > KFTP_COMPARE_BYTES;
}

/**
 * kftp_sink_close - let go of the destination
 * @sink: opened, published or not, after kftp_sink_end(); may be closed twice
 *
 * A temporary file that was neither published nor is kept to be resumed is
 * removed, but only if that name is still ours.
 */
void kftp_sink_close(struct kftp_sink *sink)
{
	kftp_pause_enter();
	if (sink->file && !sink->published && !sink_keeps(sink))
		sink_unlink_part(sink);

	mutex_lock(&kftp_sinks_lock);
	list_del_init(&sink->live);
	mutex_unlock(&kftp_sinks_lock);

	kftp_file_close(sink->file);
	sink->file = NULL;
	path_put(&sink->dir);
	kftp_pause_leave();

	sink->dir = (struct path){};
	kfree(sink->name);
	sink->name = NULL;
	kftp_digest_close(sink->digest);
	sink->digest = NULL;
}
