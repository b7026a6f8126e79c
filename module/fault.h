/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fault points, in a build for tests: make KFTP_FAULTS=1.
 *
 * Whoever includes this, after all else, makes the calls below pass a point
 * where they can be told to fail, without being made; and has counted what he
 * takes and gives back, memory and references alike. Of any other build it is no
 * part: what is named here is then the kernel's own.
 */
#ifndef _KFTP_FAULT_H
#define _KFTP_FAULT_H

enum kftp_fault_kind {
	KFTP_FAULT_SOCKET,
	KFTP_FAULT_FILE,
	KFTP_FAULT_ALLOC,
	KFTP_FAULT_HOST,
};

#ifndef KFTP_FAULTS

/**
 * kftp_fault - a point where something may be told to fail
 * @kind: what fails
 * @caller: who would notice
 * @call: what it calls
 *
 * For what is called by a pointer, and so cannot be named below.
 *
 * Return: 0, or the negative errno to fail with.
 */
static inline int kftp_fault(enum kftp_fault_kind kind, const char *caller,
			     const char *call)
{
	return 0;
}

/**
 * kftp_held - something was taken, or given back
 * @n: 1 or -1
 *
 * For what no call below does.
 */
static inline void kftp_held(int n)
{
}

#else

#include <crypto/hash.h>
#include <linux/configfs.h>
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/dns_resolver.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/gfp.h>
#include <linux/inet.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/net.h>
#include <linux/pagemap.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/suspend.h>
#include <linux/sysfs.h>
#include <linux/tcp.h>
#include <linux/workqueue.h>
#include <linux/xattr.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "compat.h"

int kftp_fault(enum kftp_fault_kind kind, const char *caller,
	       const char *call);
void kftp_held(int n);

static inline void *fault_got(const void *p)
{
	if (!IS_ERR_OR_NULL(p))
		kftp_held(1);
	return (void *)p;
}

static inline int fault_took(int ret)
{
	if (ret >= 0)
		kftp_held(1);
	return ret;
}

static inline const void *fault_gives(const void *p)
{
	if (p)
		kftp_held(-1);
	return p;
}

#define FAULT(kind, call)						\
	kftp_fault(KFTP_FAULT_##kind, __func__, call)
/*
 * It returns an errno; that, or there is something to be given back; an
 * ERR_PTR() or such a thing; NULL or that; or nothing of interest
 */
#define FAULT_INT(kind, call, ...)					\
	(FAULT(kind, #call) ?: call(__VA_ARGS__))
#define FAULT_TAKE(kind, call, ...)					\
	(FAULT(kind, #call) ?: fault_took(call(__VA_ARGS__)))
#define FAULT_PTR(kind, call, ...)					\
	(ERR_PTR(FAULT(kind, #call)) ?: fault_got(call(__VA_ARGS__)))
#define FAULT_NULL(kind, call, ...)					\
	(FAULT(kind, #call) ? NULL : fault_got(call(__VA_ARGS__)))
#define FAULT_VOID(kind, call, ...)					\
	((void)(FAULT(kind, #call) ?: (call(__VA_ARGS__), 0)))

/* What cannot fail takes, by what it returns or points to; or gives back */
#define FAULT_GETS(call, ...)	fault_got(call(__VA_ARGS__))
#define FAULT_GET(call, p)	call((typeof(p))fault_got(p))
#define FAULT_PUT(call, p)	call((typeof(p))fault_gives(p))

/* What is a macro of one kernel or another has to have another name first */
static inline void *real_kzalloc(size_t size, gfp_t gfp)
{
	return kzalloc(size, gfp);
}

static inline void *real_kcalloc(size_t n, size_t size, gfp_t gfp)
{
	return kcalloc(n, size, gfp);
}

static inline void *real_kvmalloc(size_t size, gfp_t gfp)
{
	return kvmalloc(size, gfp);
}

static inline void *real_kvzalloc(size_t size, gfp_t gfp)
{
	return kvzalloc(size, gfp);
}

static inline struct page *real_alloc_pages(gfp_t gfp, unsigned int order)
{
	return alloc_pages(gfp, order);
}

static inline int real_class_register(struct class *class)
{
	return class_register(class);
}

/* What fails releases the socket */
static inline struct file *real_sock_alloc_file(struct socket *sock, int flags,
						int err)
{
	struct file *file = ERR_PTR(err);

	if (!err)
		file = sock_alloc_file(sock, flags, NULL);
	else
		sock_release(sock);
	if (IS_ERR(file))
		kftp_held(-1);
	return file;
}

static inline void real_get_fs_root(struct fs_struct *fs, struct path *root)
{
	get_fs_root(fs, root);
	kftp_held(1);
}

static inline void real_path_put(const struct path *path)
{
	fault_gives(path->dentry);
	path_put(path);
}

static inline const struct cred *real_get_current_cred(void)
{
	return get_current_cred();
}

static inline void real_free_pages(struct page *page, unsigned int order)
{
	fault_gives(page);
	__free_pages(page, order);
}

#undef kzalloc
#undef kcalloc
#undef kvmalloc
#undef kvzalloc
#undef alloc_pages
#undef alloc_page
#undef class_register
#undef get_current_cred
#undef __free_page

#define kzalloc(...)		FAULT_NULL(ALLOC, real_kzalloc, __VA_ARGS__)
#define kcalloc(...)		FAULT_NULL(ALLOC, real_kcalloc, __VA_ARGS__)
#define kvmalloc(...)		FAULT_NULL(ALLOC, real_kvmalloc, __VA_ARGS__)
#define kvzalloc(...)		FAULT_NULL(ALLOC, real_kvzalloc, __VA_ARGS__)
#define kmemdup_nul(...)	FAULT_NULL(ALLOC, kmemdup_nul, __VA_ARGS__)
#define kasprintf(...)		FAULT_NULL(ALLOC, kasprintf, __VA_ARGS__)
#define alloc_page(gfp)		FAULT_NULL(ALLOC, real_alloc_pages, gfp, 0)
#define alloc_pages(...)	FAULT_NULL(ALLOC, real_alloc_pages, __VA_ARGS__)
#define alloc_workqueue(...)	FAULT_NULL(ALLOC, alloc_workqueue, __VA_ARGS__)

#define __sock_create(...)	FAULT_TAKE(SOCKET, __sock_create, __VA_ARGS__)
#define kernel_connect(...)	FAULT_INT(SOCKET, kernel_connect, __VA_ARGS__)
#define kernel_bind(...)	FAULT_INT(SOCKET, kernel_bind, __VA_ARGS__)
#define kernel_listen(...)	FAULT_INT(SOCKET, kernel_listen, __VA_ARGS__)
#define kernel_accept(...)	FAULT_TAKE(SOCKET, kernel_accept, __VA_ARGS__)
#define kernel_getsockname(...)	\
	FAULT_INT(SOCKET, kernel_getsockname, __VA_ARGS__)
#define kernel_sendmsg(...)	FAULT_INT(SOCKET, kernel_sendmsg, __VA_ARGS__)
#define kernel_recvmsg(...)	FAULT_INT(SOCKET, kernel_recvmsg, __VA_ARGS__)
#define sock_recvmsg(...)	FAULT_INT(SOCKET, sock_recvmsg, __VA_ARGS__)
#define tcp_read_sock(...)	FAULT_INT(SOCKET, tcp_read_sock, __VA_ARGS__)
#define sock_alloc_file(sock, flags, ...) \
	real_sock_alloc_file(sock, flags, FAULT(SOCKET, "sock_alloc_file"))
#define kernel_sock_shutdown(...) \
	FAULT_VOID(SOCKET, kernel_sock_shutdown, __VA_ARGS__)
#define tcp_sock_set_nodelay(...) \
	FAULT_VOID(SOCKET, tcp_sock_set_nodelay, __VA_ARGS__)
#define sock_set_keepalive(...)	\
	FAULT_VOID(SOCKET, sock_set_keepalive, __VA_ARGS__)
#define tcp_sock_set_keepidle(...) \
	FAULT_VOID(SOCKET, tcp_sock_set_keepidle, __VA_ARGS__)
#define tcp_sock_set_keepintvl(...) \
	FAULT_VOID(SOCKET, tcp_sock_set_keepintvl, __VA_ARGS__)
#define tcp_sock_set_syncnt(...) \
	FAULT_VOID(SOCKET, tcp_sock_set_syncnt, __VA_ARGS__)
#define sock_set_rcvbuf(...)	FAULT_VOID(SOCKET, sock_set_rcvbuf, __VA_ARGS__)
#define sock_set_reuseaddr(...)	\
	FAULT_VOID(SOCKET, sock_set_reuseaddr, __VA_ARGS__)

#define vfs_path_lookup(...)	FAULT_TAKE(FILE, vfs_path_lookup, __VA_ARGS__)
#define lookup_one(...)		FAULT_PTR(FILE, lookup_one, __VA_ARGS__)
#define lookup_one_unlocked(...) \
	FAULT_PTR(FILE, lookup_one_unlocked, __VA_ARGS__)
#define inode_permission(...)	FAULT_INT(FILE, inode_permission, __VA_ARGS__)
#define security_path_rename(...) \
	FAULT_INT(FILE, security_path_rename, __VA_ARGS__)
#define security_path_unlink(...) \
	FAULT_INT(FILE, security_path_unlink, __VA_ARGS__)
#define mnt_want_write(...)	FAULT_TAKE(FILE, mnt_want_write, __VA_ARGS__)
#define mnt_want_write_file(...) \
	FAULT_TAKE(FILE, mnt_want_write_file, __VA_ARGS__)
#define file_open_root(...)	FAULT_PTR(FILE, file_open_root, __VA_ARGS__)
#define dentry_open(...)	FAULT_PTR(FILE, dentry_open, __VA_ARGS__)
#define kernel_read(...)	FAULT_INT(FILE, kernel_read, __VA_ARGS__)
#define kftp_iter_write(...)	FAULT_INT(FILE, kftp_iter_write, __VA_ARGS__)
#define kftp_iocb_write(...)	FAULT_INT(FILE, kftp_iocb_write, __VA_ARGS__)
#define filemap_flush(...)	FAULT_INT(FILE, filemap_flush, __VA_ARGS__)
#define vfs_fallocate(...)	FAULT_INT(FILE, vfs_fallocate, __VA_ARGS__)
#define vfs_fsync(...)		FAULT_INT(FILE, vfs_fsync, __VA_ARGS__)
#define vfs_getattr(...)	FAULT_INT(FILE, vfs_getattr, __VA_ARGS__)
#define vfs_getattr_nosec(...)	FAULT_INT(FILE, vfs_getattr_nosec, __VA_ARGS__)
#define notify_change(...)	FAULT_INT(FILE, notify_change, __VA_ARGS__)
#define vfs_getxattr(...)	FAULT_INT(FILE, vfs_getxattr, __VA_ARGS__)
#define vfs_setxattr(...)	FAULT_INT(FILE, vfs_setxattr, __VA_ARGS__)
#define vfs_removexattr(...)	FAULT_INT(FILE, vfs_removexattr, __VA_ARGS__)
#define vfs_rename(...)		FAULT_INT(FILE, vfs_rename, __VA_ARGS__)
#define vfs_unlink(...)		FAULT_INT(FILE, vfs_unlink, __VA_ARGS__)
#define rw_verify_area(...)	FAULT_INT(FILE, rw_verify_area, __VA_ARGS__)
/* Either end of it may be what fails */
#define do_splice_direct(...)						\
	(FAULT(FILE, "do_splice_direct") ?:				\
	 FAULT_INT(SOCKET, do_splice_direct, __VA_ARGS__))

#define crypto_alloc_shash(...)	FAULT_PTR(HOST, crypto_alloc_shash, __VA_ARGS__)
#define crypto_shash_init(...)	FAULT_INT(HOST, crypto_shash_init, __VA_ARGS__)
#define crypto_shash_update(...) \
	FAULT_INT(HOST, crypto_shash_update, __VA_ARGS__)
#define crypto_shash_final(...)	FAULT_INT(HOST, crypto_shash_final, __VA_ARGS__)
#define dns_query(...)		FAULT_TAKE(HOST, dns_query, __VA_ARGS__)
#define inet_pton_with_scope(...) \
	FAULT_INT(HOST, inet_pton_with_scope, __VA_ARGS__)
#define dev_set_name(...)	FAULT_INT(HOST, dev_set_name, __VA_ARGS__)
#define device_add(...)		FAULT_INT(HOST, device_add, __VA_ARGS__)
#define sysfs_get_dirent(...)	FAULT_NULL(HOST, sysfs_get_dirent, __VA_ARGS__)
#define class_register(...)	FAULT_INT(HOST, real_class_register, __VA_ARGS__)
#define configfs_register_subsystem(...) \
	FAULT_INT(HOST, configfs_register_subsystem, __VA_ARGS__)
#define register_pm_notifier(...) \
	FAULT_INT(HOST, register_pm_notifier, __VA_ARGS__)

#define kfree(p)		FAULT_PUT(kfree, p)
#define kvfree(p)		FAULT_PUT(kvfree, p)
#define kfree_sensitive(p)	FAULT_PUT(kfree_sensitive, p)
#define kvfree_sensitive(p, len) \
	kvfree_sensitive((typeof(p))fault_gives(p), len)
#define __free_page(page)	real_free_pages(page, 0)
#define __free_pages(page, order) real_free_pages(page, order)
#define get_page(page)		FAULT_GET(get_page, page)
#define put_page(page)		FAULT_PUT(put_page, page)
#define destroy_workqueue(wq)	FAULT_PUT(destroy_workqueue, wq)
#define crypto_free_shash(tfm)	FAULT_PUT(crypto_free_shash, tfm)
#define device_initialize(dev)	FAULT_GET(device_initialize, dev)
#define get_device(dev)		FAULT_GET(get_device, dev)
#define put_device(dev)		FAULT_PUT(put_device, dev)
#define kernfs_put(kn)		FAULT_PUT(kernfs_put, kn)
#define get_current_cred()	FAULT_GETS(real_get_current_cred)
#define put_cred(cred)		FAULT_PUT(put_cred, cred)
#define override_creds(cred)	FAULT_GETS(override_creds, cred)
#define revert_creds(cred)	FAULT_PUT(revert_creds, cred)
#define get_net_track(...)	FAULT_GETS(get_net_track, __VA_ARGS__)
#define put_net_track(ns, tracker) \
	put_net_track((typeof(ns))fault_gives(ns), tracker)
#define get_fs_root(fs, root)	real_get_fs_root(fs, root)
#define path_get(path)		FAULT_GET(path_get, path)
#define path_put(path)		real_path_put(path)
#define dput(dentry)		FAULT_PUT(dput, dentry)
#define ihold(inode)		FAULT_GET(ihold, inode)
#define iput(inode)		FAULT_PUT(iput, inode)
#define fput(file)		FAULT_PUT(fput, file)
#define __fput_sync(file)	FAULT_PUT(__fput_sync, file)
#define sock_release(sock)	FAULT_PUT(sock_release, sock)
#define mnt_drop_write(mnt)	FAULT_PUT(mnt_drop_write, mnt)
#define mnt_drop_write_file(file) FAULT_PUT(mnt_drop_write_file, file)

#endif /* KFTP_FAULTS */

#endif /* _KFTP_FAULT_H */
