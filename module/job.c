// SPDX-License-Identifier: GPL-2.0
/*
 * A job and its runs: from start, through the queue and the session, to the end.
 */
#include <linux/cred.h>
#include <linux/nodemask.h>
#include <linux/nsproxy.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/topology.h>
#include <net/net_namespace.h>

#include "aside.h"
#include "digest.h"
#include "job.h"
#include "pace.h"
#include "value.h"

#include "fault.h"

/* How many runs may be active; a module parameter */
unsigned int kftp_max_active = KFTP_MAX_ACTIVE_DEFAULT;

/*
 * No work queue runs more than WQ_MAX_ACTIVE works at once, and each NUMA node has
 * but a share of these, so there are some, of which none is given more works than
 * the smallest node's share: all may come from there.
 */
static struct kftp_lane {
	struct workqueue_struct *wq;
	unsigned int active;
} *kftp_lanes;

static unsigned int kftp_nr_lanes;
static unsigned int kftp_lane_share;

/* The least that Linux leaves to a node */
#define KFTP_LANE_SHARE_MIN	8

/*
 * Runs that wait for their turn, in the order in which they began to, among them
 * those that wait for their next attempt; those that have theirs, but no worker
 * yet; and how many have theirs. The lock protects all of them, each lane's share,
 * and the membership of a run.
 */
static LIST_HEAD(kftp_queue);
static LIST_HEAD(kftp_ready);
static unsigned int kftp_active;
static DEFINE_SPINLOCK(kftp_queue_lock);

/* For what ends a run without its turn, which must not wait for one */
static struct workqueue_struct *kftp_tidy_wq;

static void queue_expire(struct work_struct *work);
static DECLARE_DELAYED_WORK(kftp_queue_expire, queue_expire);

static struct kftp_lane *queue_lane(void)
{
	struct kftp_lane *lane = kftp_lanes;

	while (lane->active == kftp_lane_share)
		lane++;
	return lane;
}

/**
 * kftp_queue_kick - let runs begin, as many as may be active
 *
 * Context: process.
 */
void kftp_queue_kick(void)
{
	struct kftp_run *run, *next;

	spin_lock(&kftp_queue_lock);
	list_for_each_entry_safe(run, next, &kftp_queue, queued) {
		if (kftp_active >= READ_ONCE(kftp_max_active))
			break;
		if (run->due)
			continue;
		list_move_tail(&run->queued, &kftp_ready);
		run->lane = queue_lane();
		run->lane->active++;
		kftp_active++;
		queue_work(run->lane->wq, &run->work);
	}
	spin_unlock(&kftp_queue_lock);
}

/* The run's turn is over, if it had one */
static void queue_leave(struct kftp_run *run)
{
	lockdep_assert_held(&kftp_queue_lock);
	if (!run->lane)
		return;
	run->lane->active--;
	run->lane = NULL;
	kftp_active--;
}

/*
 * A run that has to end without its turn, or before there was a worker for it:
 * its work only tidies up.
 */
static bool queue_withdraw(struct kftp_run *run)
{
	lockdep_assert_held(&kftp_queue_lock);
	if (list_empty(&run->queued) ||
	    (run->lane && !cancel_work(&run->work)))
		return false;
	list_del_init(&run->queued);
	queue_leave(run);
	queue_work(kftp_tidy_wq, &run->work);
	return true;
}

/* Returns when to look at these again */
static u64 queue_look(struct list_head *runs, u64 now)
{
	struct kftp_run *run, *next;
	u64 first = U64_MAX;

	lockdep_assert_held(&kftp_queue_lock);
	list_for_each_entry_safe(run, next, runs, queued) {
		u64 deadline = run->session.wait.deadline;

		if (deadline <= now) {
			queue_withdraw(run);
			continue;
		}
		first = min(first, deadline);
		if (run->due > now) {
			first = min(first, run->due);
		} else if (run->due) {
			/* behind those that were started meanwhile */
			run->due = 0;
			list_move_tail(&run->queued, runs);
		}
	}
	return first;
}

/*
 * Deadlines count from start: end what has waited too long. Let what has waited
 * for its next attempt wait for its turn. Come back in time.
 */
static void queue_expire(struct work_struct *work)
{
	u64 now = get_jiffies_64();
	u64 first;

	spin_lock(&kftp_queue_lock);
	first = min(queue_look(&kftp_queue, now), queue_look(&kftp_ready, now));
	/* whoever adds a run after this look has it come back at once, and not later */
	if (first != U64_MAX)
		mod_delayed_work(system_unbound_wq, &kftp_queue_expire,
				 min_t(u64, first - now, MAX_JIFFY_OFFSET));
	spin_unlock(&kftp_queue_lock);
	kftp_queue_kick();
}

/*
 * It never blocks: not on the tidying work queue, whose workers a file system that
 * hangs can hold.
 */
static void queue_expire_now(void)
{
	mod_delayed_work(system_unbound_wq, &kftp_queue_expire, 0);
}

/*
 * Whoever adds a run has no more to do with it: it may run, and be over, at once,
 * even if its own work function added it, as another queue may execute it then.
 */
static void queue_add(struct kftp_run *run)
{
	spin_lock(&kftp_queue_lock);
	queue_leave(run);
	list_add_tail(&run->queued, &kftp_queue);
	spin_unlock(&kftp_queue_lock);
	kftp_queue_kick();
}

static void queue_begin(struct kftp_run *run)
{
	spin_lock(&kftp_queue_lock);
	list_del_init(&run->queued);
	spin_unlock(&kftp_queue_lock);
}

static void queue_done(struct kftp_run *run)
{
	spin_lock(&kftp_queue_lock);
	queue_leave(run);
	spin_unlock(&kftp_queue_lock);
	kftp_queue_kick();
}

/* Double the delay each time; jitter, lest many come back at the same moment */
static u64 run_delay(const struct kftp_run *run)
{
	/* at most a day */
	u32 delay = kftp_pace_retry(run->session.config->retry_delay_sec,
				    run->attempts) * HZ;

	return delay + get_random_u32() % (delay / 4 + 1);
}

/*
 * Put the run back into the queue, for another attempt after a while. Its turn
 * is others' meanwhile. Returns false if it has to end, else it is not ours any
 * more.
 */
static bool run_again(struct kftp_run *run, int *error)
{
	struct kftp_session *session = &run->session;
	struct kftp_job *job = run->job;

	run->attempts++;
	if (!*error || run->attempts > session->config->retries ||
	    !kftp_session_may_retry(session, *error))
		return false;
	run->due = get_jiffies_64() + run_delay(run);

	/* cancel finds it in the queue, or has come before */
	mutex_lock(&job->lock);
	if (READ_ONCE(session->wait.cancelled))
		*error = -ECANCELED;
	if (*error == -ECANCELED || session->wait.deadline <= run->due) {
		mutex_unlock(&job->lock);
		return false;
	}
	kftp_state_phase(&job->state, KFTP_PHASE_RETRY);
	get_device(&job->dev);
	queue_add(run);
	mutex_unlock(&job->lock);
	put_device(&job->dev);
	queue_expire_now();
	return true;
}

/**
 * kftp_job_busy - is there anything that the job's attributes must not change?
 * @job: a job, with its lock held
 *
 * Return: true from the beginning of a start to the end of its run.
 */
bool kftp_job_busy(struct kftp_job *job)
{
	lockdep_assert_held(&job->lock);
	return job->starting || kftp_state_busy(&job->state);
}

static void job_forget_pass(struct kftp_job *job)
{
	kfree_sensitive(job->config.pass);
	job->config.pass = NULL;
}

/* Wake who polls; tell udev too if @event */
static void job_notify(struct kftp_job *job, bool event)
{
	lockdep_assert_held(&job->lock);
	if (job->removed)
		return;
	kernfs_notify(job->status_node);
	if (event)
		kobject_uevent(&job->dev.kobj, KOBJ_CHANGE);
}

/*
 * The run's one line in the log: neither a path nor a credential is in it. With
 * the device, who reads the log finds the lines of a job.
 */
static void job_log(struct kftp_job *job, const struct kftp_session *session)
{
	const struct kftp_state *state = &job->state;
	const struct device *dev = &job->dev;
	const char *phase = kftp_phase_names[state->phase];
	char error[KFTP_ERROR_MAX];
	char more[128] = "";
	int len = 0;

	if (state->attempts > 1)
		len = scnprintf(more, sizeof(more), ", %llu attempts",
				state->attempts);
	if (session->strangers)
		len += scnprintf(more + len, sizeof(more) - len,
				 ", %u connections from elsewhere refused",
				 session->strangers);
	if (session->source.changed)
		len += scnprintf(more + len, sizeof(more) - len,
				 ", the source changed");
	if (session->sink.dir_error)
		scnprintf(more + len, sizeof(more) - len,
			  ", directory not synced: %pe",
			  ERR_PTR(session->sink.dir_error));

	switch (state->status) {
	case KFTP_DONE:
		dev_printk_emit(LOGLEVEL_INFO, dev,
				"kftp: %s: done, %llu bytes in %lld ms%s\n",
				dev_name(dev), state->bytes,
				ktime_ms_delta(state->ended, state->started),
				more);
		break;
	case KFTP_CANCELLED:
		dev_printk_emit(LOGLEVEL_INFO, dev,
				"kftp: %s: cancelled in phase %s%s\n",
				dev_name(dev), phase, more);
		break;
	default:
		dev_printk_emit(LOGLEVEL_WARNING, dev,
				"kftp: %s: failed: %s in phase %s, last reply %d%s\n",
				dev_name(dev),
				kftp_state_error(state->error, error,
						 sizeof(error)),
				phase, state->reply_code, more);
	}
}

static void job_ended(struct kftp_job *job, const struct kftp_session *session,
		      int err)
{
	mutex_lock(&job->lock);
	job->run = NULL;
	if (job->removed)
		job_forget_pass(job);
	kftp_state_ended(&job->state, err);
	job_log(job, session);
	job_notify(job, true);
	wake_up_all(&job->ended);
	mutex_unlock(&job->lock);
}

static void run_free(struct kftp_run *run)
{
	put_net_track(run->session.net, &run->net_tracker);
	put_cred(run->cred);
	put_device(&run->job->dev);
	kfree(run);
}

static void run_work(struct work_struct *work)
{
	struct kftp_run *run = container_of(work, struct kftp_run, work);
	struct kftp_session *session = &run->session;
	struct kftp_job *job = run->job;
	const struct cred *old;
	int err;

	queue_begin(run);
	if (run->lane && !run->attempts) {
		kftp_state_running(&job->state);
		mutex_lock(&job->lock);
		job_notify(job, false);
		mutex_unlock(&job->lock);
	}
	/* waiting in the queue was no stall */
	kftp_wait_progress(&session->wait);

	old = override_creds(run->cred);
	err = kftp_session_run(session);
	revert_creds(old);
	/* a file system may call it so, but nobody cancelled the job */
	if (err == -ECANCELED && !READ_ONCE(session->wait.cancelled))
		err = -EIO;
	if (run_again(run, &err))
		return;

	old = override_creds(run->cred);
	kftp_session_close(session);
	revert_creds(old);

	/* all is closed and gone by now: say so */
	job_ended(job, session, err);
	queue_done(run);
	run_free(run);
}

/* What tells one server's file from another: the job's name does not */
static int run_origin(const struct kftp_config *config,
		      u8 origin[SHA256_DIGEST_SIZE])
{
	const char *user = config->user ?: KFTP_USER_DEFAULT;
	struct shash_desc *digest = kftp_digest_open();
	char where[16];
	int err;

	if (IS_ERR(digest))
		return PTR_ERR(digest);
	snprintf(where, sizeof(where), "%llu", config->port);
	/* the end of each string belongs to it */
	err = kftp_digest_start(digest) ?:
	      kftp_digest_update(digest, config->host,
				 strlen(config->host) + 1) ?:
	      kftp_digest_update(digest, where, strlen(where) + 1) ?:
	      kftp_digest_update(digest, user, strlen(user) + 1) ?:
	      kftp_digest_update(digest, config->src,
				 strlen(config->src) + 1) ?:
	      kftp_digest_end(digest, origin);
	kftp_digest_close(digest);
	return err;
}

static int run_digest(const struct kftp_config *config,
		      struct shash_desc **digest)
{
	struct shash_desc *new;

	if (!config->sha256)
		return 0;
	new = kftp_digest_open();
	if (IS_ERR(new))
		return PTR_ERR(new);
	*digest = new;
	return 0;
}

static int run_open_sink(struct kftp_run *run, struct inode *dir)
{
	struct kftp_session *session = &run->session;
	const struct kftp_config *config = session->config;
	u8 origin[SHA256_DIGEST_SIZE];
	int err;

	err = config->resume ? run_origin(config, origin) : 0;
	if (err)
		return err;
	err = run_digest(config, &session->sink.digest);
	if (err)
		return err;
	return kftp_sink_open(&session->sink, &session->wait, config->dst, dir,
			      config->resume ? origin : NULL);
}

static int run_open_source(struct kftp_run *run, struct inode *dir)
{
	struct kftp_session *session = &run->session;
	const struct kftp_config *config = session->config;
	int err;

	err = kftp_source_open(&session->source, &session->wait, config->src,
			       dir);
	if (err)
		return err;
	if (config->max_size && session->source.size > (s64)config->max_size)
		err = -EFBIG;
	else
		err = run_digest(config, &session->source.digest);
	if (err)
		kftp_source_close(&session->source);
	return err;
}

/* In the caller's context: what is wrong with the local side is seen here */
static struct kftp_run *run_create(struct kftp_job *job, struct inode *dir)
{
	const struct kftp_config *config = &job->config;
	struct kftp_session *session;
	struct kftp_run *run;
	int err;

	run = kzalloc(sizeof(*run), GFP_KERNEL);
	if (!run)
		return ERR_PTR(-ENOMEM);
	INIT_WORK(&run->work, run_work);
	INIT_LIST_HEAD(&run->queued);
	run->job = job;
	get_device(&job->dev);
	run->cred = get_current_cred();
	session = &run->session;
	session->config = config;
	session->state = &job->state;
	session->net = get_net_track(current->nsproxy->net_ns,
				     &run->net_tracker, GFP_KERNEL);
	kftp_wait_init(&session->wait, config->timeout_sec,
		       config->deadline_sec);

	if (kftp_value_host(config->host, strlen(config->host)) != KFTP_HOST_NAME)
		err = kftp_net_literal(session->net, config->host, config->port,
				       &session->server);
	else	/* the resolver is that of the first namespace */
		err = net_eq(session->net, &init_net) ? 0 : -EOPNOTSUPP;
	if (!err)
		err = config->direction == KFTP_GET ? run_open_sink(run, dir) :
						      run_open_source(run, dir);
	if (err) {
		run_free(run);
		return ERR_PTR(err);
	}
	return run;
}

static int job_check(const struct kftp_config *config)
{
	if (!config->host || !config->src || !config->dst)
		return -ENODATA;
	if (config->port_min > config->port_max)
		return -EINVAL;
	return 0;
}

/**
 * kftp_job_start - check, capture the caller's context, queue
 * @job: a job
 * @dir: its configfs directory
 *
 * Context: the caller's, inside a configfs store; may block on the destination's
 * file system.
 *
 * Return: 0, -EBUSY if the job is queued or running, or another negative errno;
 * then nothing has changed.
 */
int kftp_job_start(struct kftp_job *job, struct inode *dir)
{
	ktime_t started = ktime_get();
	struct kftp_run *run;
	bool expires;
	int err;

	mutex_lock(&job->lock);
	expires = job->config.deadline_sec;
	err = kftp_job_busy(job) ? -EBUSY : job_check(&job->config);
	if (!err)
		job->starting = true;
	mutex_unlock(&job->lock);
	if (err)
		return err;

	run = run_create(job, dir);

	mutex_lock(&job->lock);
	if (!IS_ERR(run)) {
		job->run = run;
		kftp_state_queued(&job->state, started);
		job_notify(job, true);
	}
	job->starting = false;
	if (!IS_ERR(run))
		queue_add(run);
	mutex_unlock(&job->lock);

	if (IS_ERR(run))
		return PTR_ERR(run);
	if (expires)
		queue_expire_now();
	return 0;
}

/* Returns true if the run was waiting for its turn, or for another attempt */
static bool job_cancel(struct kftp_job *job)
{
	bool waited;

	lockdep_assert_held(&job->lock);
	if (!job->run)
		return false;
	kftp_wait_cancel(&job->run->session.wait);
	spin_lock(&kftp_queue_lock);
	waited = queue_withdraw(job->run);
	spin_unlock(&kftp_queue_lock);
	return waited;
}

/**
 * kftp_job_cancel - stop the job, if it is queued or running
 * @job: a job
 * @dir: its configfs directory
 *
 * A job that waits, for its turn or for another attempt, has ended on return,
 * unless it is being removed, or the system falls asleep; one that runs will soon.
 *
 * Context: the caller's, inside a configfs store.
 *
 * Return: 0, or -EINTR if the caller was killed.
 */
int kftp_job_cancel(struct kftp_job *job, struct inode *dir)
{
	bool waited;
	u64 run;
	int err;

	mutex_lock(&job->lock);
	run = job->state.run;
	waited = job_cancel(job);
	if (READ_ONCE(job->state.status) == KFTP_QUEUED)
		waited = true;
	mutex_unlock(&job->lock);
	if (!waited)
		return 0;
	/* it has nothing to wind down but its file; another run is no matter */
	err = kftp_store_wait(job->ended, kftp_state_is_over(&job->state, run),
			      dir);
	/* it was told, and must not be told again: another run may be there then */
	return err == -EINTR ? err : 0;
}

/**
 * kftp_job_remove - the job's directory goes: stop the job, wait for nothing
 * @job: a job
 *
 * No uevent follows on return. The password is wiped, by the run if there is
 * one.
 *
 * Context: under the configfs subsystem's mutex.
 */
void kftp_job_remove(struct kftp_job *job)
{
	mutex_lock(&job->lock);
	job->removed = true;
	job_cancel(job);
	if (!job->run)
		job_forget_pass(job);
	mutex_unlock(&job->lock);
}

/**
 * kftp_job_create - make a job that was told nothing yet
 *
 * Return: the job, to be given a device, or NULL.
 */
struct kftp_job *kftp_job_create(void)
{
	struct kftp_job *job;

	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return NULL;
	mutex_init(&job->lock);
	init_waitqueue_head(&job->ended);
	kftp_state_init(&job->state);
	job->config.port = KFTP_PORT_DEFAULT;
	job->config.timeout_sec = KFTP_TIMEOUT_DEFAULT;
	job->config.retry_delay_sec = KFTP_RETRY_DELAY_DEFAULT;
	job->config.mtime = 1;
	return job;
}

/**
 * kftp_job_free - free a job that nobody refers to any more
 * @job: a job
 */
void kftp_job_free(struct kftp_job *job)
{
	job_forget_pass(job);
	/* somebody may have written a password to the wrong one */
	kfree_sensitive(job->config.host);
	kfree_sensitive(job->config.user);
	kfree_sensitive(job->config.src);
	kfree_sensitive(job->config.dst);
	kfree_sensitive(job->config.sha256);
	kftp_state_free(&job->state);
	kernfs_put(job->status_node);
	kfree(job);
}

static void job_destroy_lanes(void)
{
	unsigned int i;

	for (i = 0; i < kftp_nr_lanes && kftp_lanes[i].wq; i++)
		destroy_workqueue(kftp_lanes[i].wq);
	kfree(kftp_lanes);
}

static int job_create_lanes(void)
{
	unsigned int fewest = num_online_cpus();
	char name[16] = KFTP_NAME;
	unsigned int i;
	int node;

	for_each_node_state(node, N_CPU)
		fewest = min(fewest, (unsigned int)nr_cpus_node(node));
	kftp_lane_share = max(WQ_MAX_ACTIVE * fewest / num_online_cpus(),
			      (unsigned int)KFTP_LANE_SHARE_MIN);
	kftp_nr_lanes = DIV_ROUND_UP(KFTP_MAX_ACTIVE_LIMIT, kftp_lane_share);
	kftp_lanes = kcalloc(kftp_nr_lanes, sizeof(*kftp_lanes), GFP_KERNEL);
	if (!kftp_lanes)
		return -ENOMEM;
	for (i = 0; i < kftp_nr_lanes; i++) {
		if (i)
			snprintf(name, sizeof(name), KFTP_NAME "_%u", i + 1);
		kftp_lanes[i].wq = alloc_workqueue("%s", WQ_UNBOUND | WQ_SYSFS,
						   WQ_MAX_ACTIVE, name);
		if (!kftp_lanes[i].wq) {
			job_destroy_lanes();
			return -ENOMEM;
		}
	}
	return 0;
}

/**
 * kftp_job_init - set up for runs
 *
 * Return: 0 or -ENOMEM.
 */
int kftp_job_init(void)
{
	int err;

	kftp_tidy_wq = alloc_workqueue("kftp_tidy", WQ_UNBOUND, 0);
	if (!kftp_tidy_wq)
		return -ENOMEM;
	err = job_create_lanes();
	if (err)
		destroy_workqueue(kftp_tidy_wq);
	return err;
}

/**
 * kftp_job_exit - wait for the last steps of the runs of removed jobs
 *
 * All devices are gone, so all runs are over.
 */
void kftp_job_exit(void)
{
	/* the last thing that a run may do is to ask for the expiry's work */
	job_destroy_lanes();
	cancel_delayed_work_sync(&kftp_queue_expire);
	destroy_workqueue(kftp_tidy_wq);
}
