// SPDX-License-Identifier: GPL-2.0
/*
 * Direct I/O: what the network received goes to the disk, past the page cache.
 *
 * Of three buffers one is filled from the network while the others are on their
 * way to the disk. Larger ones were measured to cost less, but a disk that takes
 * small requests holds up who submits, and so the network, for longer than the
 * receive buffer makes up for. What direct I/O cannot take, above all a file's
 * last few bytes, goes through the page cache.
 */
#include <linux/bvec.h>
#include <linux/ioprio.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "direct.h"
#include "pause.h"

#include "fault.h"

#define KFTP_BUFFERS		3
#define KFTP_BUFFER_BYTES	(896 * 1024)

/* Larger pieces make shorter lists, where memory is not in crumbs */
#define KFTP_PIECE_ORDER	get_order(64 * 1024)
#define KFTP_PIECES_MAX		DIV_ROUND_UP(KFTP_BUFFER_BYTES, PAGE_SIZE)

/*
 * Space is asked for in steps of this: writes into it need not wait for the
 * file to grow, and a server's word is never good for more.
 */
#define KFTP_ALLOCATE_BYTES	(64 * 1024 * 1024)

/* All buffers of all jobs; a module parameter */
unsigned int kftp_buffers_mib = KFTP_BUFFERS_MIB_DEFAULT;
static atomic_long_t kftp_buffers_used = ATOMIC_LONG_INIT(0);

/**
 * struct direct_buffer - pages that are filled or written
 * @iocb: of the write
 * @direct: whose it is
 * @pieces: its pages
 * @nr: how many pieces
 * @filled: bytes received
 * @pos: where they go in the file
 * @busy: with the disk, until direct_reap()
 * @done: the write has ended; set under the lock of the run's wait queue
 * @result: then, what it returned
 */
struct direct_buffer {
	struct kiocb iocb;
	struct kftp_direct *direct;
	struct bio_vec *pieces;
	unsigned int nr;
	size_t filled;
	loff_t pos;
	bool busy;
	bool done;
	long result;
};

/**
 * struct kftp_direct - a file that is written directly
 * @file: the file; the sink's reference
 * @wait: the run's wait, whose queue a write's end wakes
 * @buffers: filled and written in turn
 * @current_buffer: the one that is being filled
 * @pos: where its first byte goes
 * @end: where the file will end, or at most
 * @allocated: up to where space was asked for
 * @written: everything below it is in the file
 * @error: the first that a write ended with; no more is written then
 * @incapable: the file system refused direct I/O
 * @unallocated: the file system does not allocate ahead
 */
struct kftp_direct {
	struct file *file;
	struct kftp_wait *wait;
	struct direct_buffer buffers[KFTP_BUFFERS];
	unsigned int current_buffer;
	loff_t pos;
	loff_t end;
	loff_t allocated;
	loff_t written;
	int error;
	bool incapable;
	bool unallocated;
};

static void buffer_free(struct direct_buffer *buffer)
{
	unsigned int i;

	for (i = 0; i < buffer->nr; i++)
		__free_pages(buffer->pieces[i].bv_page,
			     get_order(buffer->pieces[i].bv_len));
	kfree(buffer->pieces);
}

static int buffer_alloc(struct direct_buffer *buffer)
{
	unsigned int order = KFTP_PIECE_ORDER;
	size_t bytes = 0;
	struct page *page;

	buffer->pieces = kcalloc(KFTP_PIECES_MAX, sizeof(*buffer->pieces),
				 GFP_KERNEL);
	if (!buffer->pieces)
		return -ENOMEM;
	while (bytes < KFTP_BUFFER_BYTES) {
		page = alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_COMP |
				   (order ? __GFP_NORETRY : 0), order);
		if (!page && order) {
			order = 0;
			continue;
		}
		if (!page)
			return -ENOMEM;
		buffer->pieces[buffer->nr++] = (struct bio_vec) {
			.bv_page = page,
			.bv_len = PAGE_SIZE << order,
		};
		bytes += PAGE_SIZE << order;
	}
	return 0;
}

static void buffer_iter(struct direct_buffer *buffer, unsigned int direction,
			size_t from, size_t to, struct iov_iter *iter)
{
	iov_iter_bvec(iter, direction, buffer->pieces, buffer->nr, to);
	iov_iter_advance(iter, from);
}

/* Often in interrupt context */
static void direct_complete(struct kiocb *iocb, long result)
{
	struct direct_buffer *buffer =
		container_of(iocb, struct direct_buffer, iocb);
	wait_queue_head_t *queue = &buffer->direct->wait->queue;
	int fault = kftp_fault(KFTP_FAULT_FILE, __func__, "ki_complete");
	unsigned long flags;

	kiocb_end_write(iocb);
	kftp_pause_leave();

	spin_lock_irqsave(&queue->lock, flags);
	buffer->result = fault ?: result;
	buffer->done = true;
	wake_up_all_locked(queue);
	/* the run may be gone as soon as the lock is */
	spin_unlock_irqrestore(&queue->lock, flags);
}

static bool buffer_done(struct direct_buffer *buffer)
{
	wait_queue_head_t *queue = &buffer->direct->wait->queue;
	bool done;

	/* not before direct_complete() has let go of the queue */
	spin_lock_irq(&queue->lock);
	done = buffer->done;
	spin_unlock_irq(&queue->lock);
	return done;
}

/* Through the page cache, what is left of a buffer from @from on */
static int buffer_write(struct direct_buffer *buffer, size_t from)
{
	loff_t pos = buffer->pos + from;
	struct iov_iter iter;
	ssize_t n;

	buffer_iter(buffer, ITER_SOURCE, from, buffer->filled, &iter);
	while (iov_iter_count(&iter)) {
		n = kftp_iter_write(buffer->direct->file, &iter, &pos);
		if (n <= 0)
			return n ?: -EIO;
	}
	return 0;
}

/*
 * Wait for a buffer's write, which only the disk can end, and not cancel: its
 * pages are in use until then.
 */
static void direct_reap(struct kftp_direct *direct, struct direct_buffer *buffer)
{
	long n;

	if (!buffer->busy)
		return;
	wait_event(direct->wait->queue, buffer_done(buffer));
	buffer->busy = false;

	n = buffer->result;
	if (n == -EINVAL || n == -EOPNOTSUPP || n == -ENOTBLK) {
		direct->incapable = true;
		n = 0;
	}
	/* the rest by the page cache, or the reason why not */
	if (n >= 0 && n < buffer->filled && !direct->error) {
		kftp_pause_enter();
		n = buffer_write(buffer, n);
		kftp_pause_leave();
	}
	if (n < 0 && !direct->error)
		direct->error = n;
	/* buffers are reaped in the order of their positions */
	if (!direct->error)
		direct->written = buffer->pos + buffer->filled;
	buffer->filled = 0;
	/* what a slow disk took is no stall of the server's */
	kftp_wait_progress(direct->wait);
}

/* Space for @len bytes more, and if it can be had for what comes after them */
static int direct_allocate(struct kftp_direct *direct, size_t len)
{
	loff_t need = direct->pos + len;
	loff_t step = direct->end - direct->allocated;
	int err;

	if (direct->unallocated || need <= direct->allocated)
		return 0;
	step = clamp_t(loff_t, step, need - direct->allocated,
		       KFTP_ALLOCATE_BYTES);
	err = vfs_fallocate(direct->file, 0, direct->allocated, step);
	if (err == -ENOSPC || err == -EDQUOT) {
		step = need - direct->allocated;
		err = vfs_fallocate(direct->file, 0, direct->allocated, step);
	}
	if (err == -EOPNOTSUPP) {
		direct->unallocated = true;
		return 0;
	}
	if (!err)
		direct->allocated += step;
	return err;
}

/* By whoever else may write to the file: it would have zeros in its middle */
static bool direct_was_cut(const struct kftp_direct *direct)
{
	return !direct->unallocated &&
	       i_size_read(file_inode(direct->file)) < direct->allocated;
}

static int direct_submit(struct kftp_direct *direct)
{
	struct direct_buffer *buffer = &direct->buffers[direct->current_buffer];
	size_t aligned = round_down(buffer->filled, KFTP_DIRECT_ALIGN);
	struct iov_iter from;
	ssize_t ret = 0;
	int err;

	buffer->pos = direct->pos;
	kftp_pause_enter();
	err = direct_was_cut(direct) ? -ESTALE :
				       direct_allocate(direct, buffer->filled);
	if (err) {
		kftp_pause_leave();
		direct->error = err;
		return err;
	}

	buffer->busy = true;
	buffer->done = false;
	buffer->iocb = (struct kiocb) {
		.ki_filp = direct->file,
		.ki_pos = buffer->pos,
		.ki_complete = direct_complete,
		.ki_flags = IOCB_DIRECT | IOCB_WRITE,
		.ki_ioprio = get_current_ioprio(),
	};
	if (aligned && !direct->incapable) {
		buffer_iter(buffer, ITER_SOURCE, 0, aligned, &from);
		ret = kftp_iocb_write(direct->file, &buffer->iocb, &from);
	}
	if (ret != -EIOCBQUEUED) {
		/* over already; direct_complete() is not called */
		kftp_pause_leave();
		buffer->result = ret;
		buffer->done = true;
	}

	direct->pos += buffer->filled;
	direct->current_buffer = (direct->current_buffer + 1) % KFTP_BUFFERS;
	return 0;
}

/**
 * kftp_direct_suits - is direct I/O a gain here?
 * @file: a regular file
 *
 * Others may do it, but grow a file by writing zeroes into it first, or have
 * never been tried.
 *
 * Return: true if the file system can allocate space ahead for it at no cost.
 */
bool kftp_direct_suits(const struct file *file)
{
	static const char *const tried[] = { "btrfs", "ext4", "xfs" };

	return match_string(tried, ARRAY_SIZE(tried),
			    file_inode(file)->i_sb->s_type->name) >= 0;
}

/**
 * kftp_direct_open - prepare to write a file directly
 * @file: open for writing
 * @wait: the run's wait
 * @pos: where, a multiple of KFTP_DIRECT_ALIGN
 * @end: where the file will end, or the largest position that it may have
 *
 * Return: what kftp_direct_close() frees, or NULL: there is no memory, or all
 * jobs' buffers together would be more than the module parameter allows.
 */
struct kftp_direct *kftp_direct_open(struct file *file, struct kftp_wait *wait,
				     loff_t pos, loff_t end)
{
	const long bytes = KFTP_BUFFERS * KFTP_BUFFER_BYTES;
	const u64 budget = (u64)READ_ONCE(kftp_buffers_mib) << 20;
	struct kftp_direct *direct;
	int i;

	if (atomic_long_add_return(bytes, &kftp_buffers_used) > budget)
		goto over_budget;
	direct = kzalloc(sizeof(*direct), GFP_KERNEL);
	if (!direct)
		goto over_budget;
	direct->file = file;
	direct->wait = wait;
	direct->pos = pos;
	direct->written = pos;
	direct->allocated = pos;
	direct->end = end;
	direct->unallocated = !kftp_direct_suits(file);
	for (i = 0; i < KFTP_BUFFERS; i++) {
		direct->buffers[i].direct = direct;
		if (buffer_alloc(&direct->buffers[i])) {
			kftp_direct_close(direct);
			return NULL;
		}
	}
	return direct;

over_budget:
	atomic_long_sub(bytes, &kftp_buffers_used);
	return NULL;
}

/**
 * kftp_direct_room - where to receive
 * @direct: from kftp_direct_open()
 * @most: bytes that are wanted at most
 * @to: set on success
 *
 * Waits for the disk if all buffers are with it.
 *
 * Return: 0, or the errno of a write that failed.
 */
int kftp_direct_room(struct kftp_direct *direct, size_t most,
		     struct iov_iter *to)
{
	struct direct_buffer *buffer = &direct->buffers[direct->current_buffer];

	direct_reap(direct, buffer);
	if (direct->error)
		return direct->error;
	buffer_iter(buffer, ITER_DEST, buffer->filled, KFTP_BUFFER_BYTES, to);
	iov_iter_truncate(to, most);
	return 0;
}

/**
 * kftp_direct_filled - bytes were received where kftp_direct_room() said
 * @direct: from kftp_direct_open()
 * @n: how many
 *
 * A full buffer is on its way to the disk on return.
 *
 * Return: 0 or a negative errno.
 */
int kftp_direct_filled(struct kftp_direct *direct, size_t n)
{
	struct direct_buffer *buffer = &direct->buffers[direct->current_buffer];

	buffer->filled += n;
	if (buffer->filled < KFTP_BUFFER_BYTES)
		return 0;
	return direct_submit(direct);
}

/**
 * kftp_direct_drain - wait until all that was submitted is written
 * @direct: from kftp_direct_open()
 *
 * Return: 0 or the errno of a write that failed.
 */
int kftp_direct_drain(struct kftp_direct *direct)
{
	unsigned int i, oldest = direct->current_buffer;

	for (i = 0; i < KFTP_BUFFERS; i++)
		direct_reap(direct,
			    &direct->buffers[(oldest + i) % KFTP_BUFFERS]);
	return direct->error;
}

/**
 * kftp_direct_finish - write what is in the buffers, and wait for it
 * @direct: from kftp_direct_open()
 *
 * Return: 0 or the errno of a write that failed.
 */
int kftp_direct_finish(struct kftp_direct *direct)
{
	struct direct_buffer *buffer = &direct->buffers[direct->current_buffer];

	if (!direct->error && !buffer->busy && buffer->filled)
		direct_submit(direct);
	return kftp_direct_drain(direct);
}

/**
 * kftp_direct_written - how far the file is written without a gap
 * @direct: from kftp_direct_open(), with nothing under way
 *
 * Return: a position in the file, whatever its size may say.
 */
loff_t kftp_direct_written(const struct kftp_direct *direct)
{
	return direct->written;
}

/**
 * kftp_direct_close - wait for what is under way, and free the buffers
 * @direct: from kftp_direct_open(), or NULL
 */
void kftp_direct_close(struct kftp_direct *direct)
{
	int i;

	if (!direct)
		return;
	kftp_direct_drain(direct);
	for (i = 0; i < KFTP_BUFFERS; i++)
		buffer_free(&direct->buffers[i]);
	kfree(direct);
	atomic_long_sub(KFTP_BUFFERS * KFTP_BUFFER_BYTES, &kftp_buffers_used);
}
