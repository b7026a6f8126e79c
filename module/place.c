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

/* A path walk, and perhaps the look-up of one name more, made aside */
struct kftp_walk {
	struct kftp_aside aside;
	const struct cred *cred;
	struct path root;
	unsigned int flags;
	const char *last;
	struct path found;
	struct dentry *target;
	int err;
	char name[];
};

/* What was asked with is let go of before the answer is there to be seen */
static void walk_drop(struct kftp_walk *walk)
{
	path_put(&walk->root);
	walk->root = (struct path){};
	put_cred(walk->cred);
	walk->cred = NULL;
}

static int walk_look(struct kftp_walk *walk)
{
	struct dentry *target = ERR_PTR(-EACCES);
	int err;

	/* a magic link of proc would be this thread's: none is followed */
	err = vfs_path_lookup(walk->root.dentry, walk->root.mnt, walk->name,
			      walk->flags | LOOKUP_NO_MAGICLINKS, &walk->found);
	if (err || !walk->last)
		return err;
	if (!place_is_interface(&walk->found))
		target = lookup_one_unlocked(kftp_mnt_idmap(walk->found.mnt),
					     walk->last, walk->found.dentry,
					     strlen(walk->last));
	if (!IS_ERR(target)) {
		walk->target = target;
		return 0;
	}
	path_put(&walk->found);
	walk->found = (struct path){};
	return PTR_ERR(target);
}

static void walk_call(struct kftp_aside *aside)
{
	struct kftp_walk *walk = container_of(aside, struct kftp_walk, aside);
	/* with the root these are the caller's view */
	const struct cred *old = override_creds(walk->cred);

	walk->err = walk_look(walk);
	revert_creds(old);
	walk_drop(walk);
}

static void walk_release(struct kftp_aside *aside)
{
	struct kftp_walk *walk = container_of(aside, struct kftp_walk, aside);

	walk_drop(walk);
	dput(walk->target);
	path_put(&walk->found);
	kfree(walk);
}

/*
 * Find what is called @name, of @len bytes, from @root on; and in that, if @last
 * is not NULL, what is called so, perhaps negative. What was found is the caller's.
 *
 * A walk that leads into configfs may need the lock with which rmdir waits for
 * start, and so may a look-up in an overlay, which looks in each of its
 * directories. So both are made aside, and given up when rmdir comes: then that
 * gets on, and they after it. Who holds what was found may open or make it in the
 * store: it is not looked for again.
 */
static int place_walk(struct kftp_wait *wait, const struct path *root,
		      const char *name, size_t len, const char *last,
		      unsigned int flags, struct inode *job_dir,
		      struct path *found, struct dentry **target)
{
	size_t more = last ? strlen(last) + 1 : 0;
	struct kftp_walk *walk;
	int err;

	walk = kzalloc(struct_size(walk, name, len + 1 + more), GFP_KERNEL);
	if (!walk)
		return -ENOMEM;
	memcpy(walk->name, name, len);
	if (last)
		walk->last = memcpy(walk->name + len + 1, last, more);
	walk->flags = flags;
	walk->cred = get_current_cred();
	walk->root = *root;
	path_get(&walk->root);
	walk->aside.call = walk_call;
	walk->aside.release = walk_release;
	kftp_aside_start(&walk->aside, kftp_walk_wq, wait);

	err = kftp_store_wait(wait->queue, kftp_aside_done(&walk->aside),
			      job_dir) ?:
	      walk->err;
	if (!err) {
		*found = walk->found;
		walk->found = (struct path){};
		if (target)
			*target = walk->target;
		walk->target = NULL;
	}
	kftp_aside_leave(&walk->aside);
	return err;
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
	struct path root;
	int err;

	err = place_check_path(path);
	if (err)
		return err;
	get_fs_root(current->fs, &root);
	err = place_walk(wait, &root, path, max_t(size_t, name - path - 1, 1),
			 name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, job_dir, dir,
			 target);
	path_put(&root);
	return err;
}

/**
 * kftp_place_look - look for a name in a directory that was found
 * @wait: the run's wait
 * @dir: the directory
 * @name: one component
 * @job_dir: the job's configfs directory
 * @target: set on success: what is called so, perhaps negative; the caller
 *	puts it
 *
 * Context: as kftp_place_find().
 *
 * Return: 0 or a negative errno.
 */
int kftp_place_look(struct kftp_wait *wait, const struct path *dir,
		    const char *name, struct inode *job_dir,
		    struct dentry **target)
{
	struct path same;
	int err;

	err = place_walk(wait, dir, ".", 1, name, LOOKUP_DIRECTORY, job_dir,
			 &same, target);
	if (!err)
		path_put(&same);
	return err;
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
	struct path root;
	int err;

	err = place_check_path(path);
	if (err)
		return err;
	get_fs_root(current->fs, &root);
	err = place_walk(wait, &root, path, strlen(path), NULL, 0, job_dir,
			 found, NULL);
	path_put(&root);
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
