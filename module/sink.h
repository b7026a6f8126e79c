/* SPDX-License-Identifier: GPL-2.0 */
/* The local file that a get writes */
#ifndef _KFTP_SINK_H
#define _KFTP_SINK_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/path.h>
#include <linux/uio.h>

#include "net.h"
#include "resume.h"

struct kftp_direct;
struct shash_desc;

/* What a get may leave in the page cache */
enum kftp_cache {
	KFTP_CACHE_AUTO,
	KFTP_CACHE_KEEP,
	KFTP_CACHE_BYPASS,
};

/**
 * struct kftp_sink - a destination, and the temporary file beside it
 * @live: in the list of live sinks, from the start until the run is over
 * @wait: the run's wait
 * @dir: the destination's parent; a reference
 * @name: the destination's last component; owned
 * @part: the temporary file's name; owned, in one allocation with @name
 * @file: the temporary file; a reference
 * @mapping: where its pages are
 * @direct: writes it past the page cache, from kftp_sink_begin() to
 *	kftp_sink_end(); or NULL
 * @digest: of what was written; owned; NULL if nobody asked
 * @digested: how much of what is there @digest is of, -1 once more has come
 * @pos: where the next byte goes
 * @have: the file has the server's bytes up to here; if that is beyond @pos,
 *	they come again
 * @flushed: up to where write-back was started
 * @limit: the largest file that the caller may write (RLIMIT_FSIZE)
 * @mode: of the published file
 * @has_mtime: the published file's time of change is @mtime
 * @mtime: what the server says
 * @keep: the temporary file may be resumed by another run
 * @resume: what is recorded of it
 * @saved: when, in 64-bit jiffies
 * @failed: the file system failed to take what it was given
 * @published: the temporary file was renamed
 * @dir_error: 0, or why the rename may not be durable yet
 */
struct kftp_sink {
	struct list_head live;
	struct kftp_wait *wait;
	struct path dir;
	char *name;
	char *part;
	struct file *file;
	struct address_space *mapping;
	struct kftp_direct *direct;
	struct shash_desc *digest;
	loff_t digested;
	loff_t pos;
	loff_t have;
	loff_t flushed;
	loff_t limit;
	umode_t mode;
	bool has_mtime;
	struct timespec64 mtime;
	bool keep;
	struct kftp_resume resume;
	u64 saved;
	bool failed;
	bool published;
	int dir_error;
};

int kftp_sink_open(struct kftp_sink *sink, struct kftp_wait *wait,
		   const char *dst, struct inode *job_dir, const u8 *origin);
int kftp_sink_check(struct kftp_sink *sink);
loff_t kftp_sink_offset(const struct kftp_sink *sink,
			const struct kftp_version *version);
int kftp_sink_begin(struct kftp_sink *sink, loff_t offset,
		    const struct kftp_version *version, enum kftp_cache cache);
int kftp_sink_write(struct kftp_sink *sink, struct iov_iter *from);
int kftp_sink_room(struct kftp_sink *sink, size_t most, struct iov_iter *to);
int kftp_sink_wrote(struct kftp_sink *sink, struct iov_iter *at, size_t n);
int kftp_sink_end(struct kftp_sink *sink);
void kftp_sink_discard(struct kftp_sink *sink);
int kftp_sink_publish(struct kftp_sink *sink, struct kftp_wait *wait);
void kftp_sink_close(struct kftp_sink *sink);

/**
 * kftp_sink_again - how many bytes come that are there already
 * @sink: begun
 *
 * Return: bytes, 0 if the next one is new.
 */
static inline size_t kftp_sink_again(const struct kftp_sink *sink)
{
	return sink->pos < sink->have ? sink->have - sink->pos : 0;
}

/**
 * kftp_sink_most - how many bytes to have come at a time
 * @sink: begun
 * @most: how many at most
 *
 * What is there already is compared by itself, and what the caller's limit leaves
 * is written before the byte comes that is beyond it.
 *
 * Return: bytes, @most or fewer.
 */
static inline size_t kftp_sink_most(const struct kftp_sink *sink, size_t most)
{
	loff_t left = kftp_sink_again(sink) ?: sink->limit - sink->pos;

	return min_t(u64, most, max_t(loff_t, left, 1));
}

#endif /* _KFTP_SINK_H */
