// SPDX-License-Identifier: GPL-2.0
/*
 * Where a local file is, as the caller of start sees it: the directory, held,
 * and the name in it. What is a get's destination and a put's source is found
 * and refused alike.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs_struct.h>
#include <linux/namei.h>
#include <linux/slab.h>

#include "aside.h"
#include "compat.h"
#include "place.h"

#include "fault.h"

static struct workqueue_struct *kftp_walk_wq;

/* A path walk, made aside */
struct kftp_walk {
	struct kftp_aside aside;
	const struct cred *cred;
	struct path root;
	struct path found;
	unsigned int flags;
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
				    walk->flags | LOOKUP_NO_MAGICLINKS,
				    &walk->found);
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
 * Find what is called @name as the caller sees it.
 *
 * A walk that leads into configfs may need the lock with which rmdir waits for
 * start, so it is made aside, and given up when rmdir comes: then that gets on,
 * and the walk after it.
 */
static int place_walk(struct kftp_wait *wait, const char *name, size_t len,
		      unsigned int flags, struct inode *job_dir,
		      struct path *found)
{
	struct kftp_walk *walk;
	int err;

	walk = kzalloc(struct_size(walk, name, len + 1), GFP_KERNEL);
	if (!walk)
		return -ENOMEM;
	memcpy(walk->name, name, len);
	walk->flags = flags;
	walk->cred = get_current_cred();
	get_fs_root(current->fs, &walk->root);
	walk->aside.call = walk_call;
	walk->aside.release = walk_release;
	kftp_aside_start(&walk->aside, kftp_walk_wq, wait);

	err = kftp_store_wait(wait->queue, kftp_aside_done(&walk->aside),
			      job_dir) ?:
	      walk->err;
	if (!err) {
		*found = walk->found;
		path_get(found);
	}
	kftp_aside_leave(&walk->aside);
	return err;
}

/*
 * Kernel interfaces that look like directories but keep no files. Those in
 * which nothing can be created are known by that; these are the others, and
 * what is better refused by name than by luck.
 */
static bool place_is_interface(const struct path *path)
{
	static const char *const interfaces[] = {
		"autofs", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2",
		"configfs", "debugfs", "devpts", "efivarfs", "functionfs",
		"fusectl", "hugetlbfs", "mqueue", "nfsd", "ocfs2_dlmfs", "proc", "pstore",
		"resctrl", "rpc_pipefs", "securityfs", "selinuxfs", "smackfs",
		"sysfs", "tracefs",
	};

	return match_string(interfaces, ARRAY_SIZE(interfaces),
			    path->dentry->d_sb->s_type->name) >= 0;
}

/**
 * kftp_place_type - is this a regular file?
 * @inode: what is at a place
 *
 * Return: 0 if it is, or the errno that its type gets.
 */
int kftp_place_type(const struct inode *inode)
{
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		return 0;
	case S_IFDIR:
		return -EISDIR;
	case S_IFLNK:
		return -ELOOP;
	default:
		return -EINVAL;
	}
}

/* Its last component may say of itself that it is a directory */
static int place_check_path(const char *path)
{
	const char *name = kftp_place_name(path);

	if (path[0] != '/')
		return -EINVAL;
	return *name && strcmp(name, ".") && strcmp(name, "..") ? 0 : -EISDIR;
}

/**
 * kftp_place_result - a local file's errno
 * @err: what the file system said
 *
 * Return: the same, unless that says of a socket that it may go better.
 */
int kftp_place_result(int err)
{
	return err == -EAGAIN || err == -EPIPE ? -EIO : err;
}

/**
 * kftp_place_find - find a path's directory and what the path names in it
 * @wait: the run's wait
 * @path: an absolute path, as the caller sees it
 * @job_dir: the job's configfs directory
 * @dir: set on success: the directory; the caller puts it
 * @target: set on success: what is called so, perhaps negative; the caller
 *	puts it
 *
 * The last component is not followed. Kernel interfaces are no places.
 *
 * Context: the caller's, inside a configfs store; may block on the file system.
 *
 * Return: 0 or a negative errno.
 */
int kftp_place_find(struct kftp_wait *wait, const char *path,
		    struct inode *job_dir, struct path *dir,
		    struct dentry **target)
{
	const char *name = kftp_place_name(path);
	int err;

	err = place_check_path(path) ?:
	      place_walk(wait, path, max_t(size_t, name - path - 1, 1),
			 LOOKUP_FOLLOW | LOOKUP_DIRECTORY, job_dir, dir);
	if (err)
		return err;

	*target = ERR_PTR(-EACCES);
	if (!place_is_interface(dir))
		*target = lookup_one_unlocked(kftp_mnt_idmap(dir->mnt), name,
					      dir->dentry, strlen(name));
	if (!IS_ERR(*target))
		return 0;
	path_put(dir);
	*dir = (struct path){};
	return PTR_ERR(*target);
}

/**
 * kftp_place_existing - find the regular file that a path names
 * @wait: the run's wait
 * @path: an absolute path, as the caller sees it
 * @job_dir: the job's configfs directory
 * @found: set on success; the caller puts it
 *
 * The last component is not followed, but what is mounted there is what is seen.
 *
 * Context: as kftp_place_find().
 *
 * Return: 0 or a negative errno.
 */
int kftp_place_existing(struct kftp_wait *wait, const char *path,
			struct inode *job_dir, struct path *found)
{
	int err;

	err = place_check_path(path) ?:
	      place_walk(wait, path, strlen(path), 0, job_dir, found);
	if (err)
		return err;
	err = kftp_place_type(d_inode(found->dentry));
	if (!err && place_is_interface(found))
		err = -EACCES;
	if (err)
		path_put(found);
	return err;
}

/**
 * kftp_file_close - drop a reference on a file
 * @file: the file, or NULL
 *
 * In a run the file is closed for good on return, so that an unmount after the
 * job's end finds it gone; in a caller's context on its return to user space.
 */
void kftp_file_close(struct file *file)
{
	if (!file)
		return;
	if (current->flags & PF_KTHREAD)
		__fput_sync(file);
	else
		fput(file);
}

/**
 * kftp_place_init - set up for path walks
 *
 * Return: 0 or -ENOMEM.
 */
int kftp_place_init(void)
{
	kftp_walk_wq = alloc_workqueue("kftp_walk", WQ_UNBOUND, 0);
	return kftp_walk_wq ? 0 : -ENOMEM;
}

/**
 * kftp_place_exit - wait for walks that were left behind
 */
void kftp_place_exit(void)
{
	destroy_workqueue(kftp_walk_wq);
}
