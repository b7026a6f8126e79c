// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration of jobs:
 *
 *	/sys/kernel/config/kftp/
 *	└── <job>/		mkdir makes a job, rmdir cancels and forgets it
 *	    ├── host		and what else kftp_job_attrs lists
 *	    └── ...
 *
 * All attributes are shown and stored by the same few functions; what differs
 * is in their struct kftp_field.
 */
#include <linux/capability.h>
#include <linux/configfs.h>
#include <linux/if.h>
#include <linux/inet.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "configfs.h"
#include "job.h"
#include "kftp.h"
#include "sysfs.h"
#include "value.h"

#include "fault.h"

/**
 * struct kftp_field - what one attribute is
 * @show: writes the value to @page
 * @store: takes a value that the job is free to take; called with its lock held
 * @act: instead of @store: does what a 1 asks for; called without the lock
 * @offset: of the value in struct kftp_config
 * @min: smallest number
 * @max: largest number, or longest text
 * @check: further checks of a text that is not empty
 * @empty: what an empty text does
 * @initial: shown for a text that is not set
 * @choices: the names of the values from 0 on, of which one is taken; ends in
 *	NULL
 */
struct kftp_field {
	ssize_t (*show)(const struct kftp_field *field, const void *value,
			char *page);
	int (*store)(const struct kftp_field *field, void *value,
		     const char *page, size_t count);
	int (*act)(struct kftp_job *job, struct inode *dir);
	size_t offset;
	u64 min;
	u64 max;
	int (*check)(const char *text);
	enum { EMPTY_UNSETS, EMPTY_IS_REFUSED, EMPTY_IS_A_VALUE } empty;
	const char *initial;
	const char *const *choices;
};

static struct kftp_job *to_job(struct config_item *item)
{
	return container_of(item, struct kftp_job, item);
}

static ssize_t text_show(const struct kftp_field *field, const void *value,
			 char *page)
{
	const char *text = *(char *const *)value ?: field->initial;

	return sysfs_emit(page, "%s\n", text ?: "");
}

static int text_store(const struct kftp_field *field, void *value,
		      const char *page, size_t count)
{
	int len = kftp_value_text(page, count, field->max);
	char *text = NULL;
	char **old = value;
	int err;

	if (len < 0)
		return len;
	if (!len && field->empty == EMPTY_IS_REFUSED)
		return -EINVAL;
	if (len || field->empty == EMPTY_IS_A_VALUE) {
		text = kmemdup_nul(page, len, GFP_KERNEL);
		if (!text)
			return -ENOMEM;
	}
	err = len && field->check ? field->check(text) : 0;
	if (err) {
		kfree_sensitive(text);
		return err;
	}
	kfree_sensitive(*old);
	*old = text;
	return 0;
}

static ssize_t number_show(const struct kftp_field *field, const void *value,
			   char *page)
{
	return sysfs_emit(page, "%llu\n", *(const u64 *)value);
}

static int number_store(const struct kftp_field *field, void *value,
			const char *page, size_t count)
{
	return kftp_value_number(page, count, field->min, field->max, value);
}

static const char *const direction_names[] = {
	[KFTP_GET]	= "get",
	[KFTP_PUT]	= "put",
	[KFTP_APPEND]	= "append",
	NULL
};

static const char *const cache_names[] = {
	[KFTP_CACHE_AUTO]	= "auto",
	[KFTP_CACHE_KEEP]	= "keep",
	[KFTP_CACHE_BYPASS]	= "bypass",
	NULL
};

static ssize_t choice_show(const struct kftp_field *field, const void *value,
			   char *page)
{
	return sysfs_emit(page, "%s\n", field->choices[*(const u64 *)value]);
}

static int choice_store(const struct kftp_field *field, void *value,
			const char *page, size_t count)
{
	int choice = kftp_value_choice(page, count, field->choices);

	if (choice < 0)
		return choice;
	*(u64 *)value = choice;
	return 0;
}

/* Scopes name interfaces of the caller's namespace: start looks them up */
static int host_check(const char *host)
{
	u8 addr[sizeof(struct in6_addr)];
	size_t len = strlen(host);
	int kind = kftp_value_host(host, len);
	char text[INET_ADDRSTRLEN];

	switch (kind) {
	case KFTP_HOST_IPV4:
		if (!in4_pton(host, -1, addr, -1, NULL))
			return -EINVAL;
		/* a number that begins with 0 is octal to others */
		snprintf(text, sizeof(text), "%pI4", addr);
		return strcmp(text, host) ? -EINVAL : 0;
	case KFTP_HOST_IPV6:
		/* inet_pton_with_scope() takes no more, or not all of it */
		return len <= INET6_ADDRSTRLEN &&
		       strlen(strchrnul(host, '%')) <= IFNAMSIZ &&
		       in6_pton(host, -1, addr, '%', NULL) ? 0 : -EINVAL;
	case KFTP_HOST_NAME:
		return 0;
	default:
		return kind;
	}
}

static ssize_t field_show(struct config_item *item,
			  const struct kftp_field *field, char *page)
{
	struct kftp_job *job = to_job(item);
	ssize_t len;

	mutex_lock(&job->lock);
	len = field->show(field, (void *)&job->config + field->offset, page);
	mutex_unlock(&job->lock);
	return len;
}

static ssize_t field_store(struct config_item *item,
			   const struct kftp_field *field, const char *page,
			   size_t count)
{
	struct kftp_job *job = to_job(item);
	u64 one;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;

	if (field->act) {
		/* no rmdir while a store runs: the directory's inode is there */
		err = kftp_value_number(page, count, 1, 1, &one) ?:
		      field->act(job, d_inode(item->ci_dentry));
		return err ?: count;
	}

	mutex_lock(&job->lock);
	if (kftp_job_busy(job))
		err = -EBUSY;
	else
		err = field->store(field, (void *)&job->config + field->offset,
				   page, count);
	mutex_unlock(&job->lock);
	return err ?: count;
}

/*
 * configfs does not wipe the page that it hands over. It may hold a password,
 * here or, by somebody's slip, in any attribute.
 */
#define KFTP_FIELD(_name, ...)						\
static const struct kftp_field kftp_field_##_name = { __VA_ARGS__ };	\
									\
static ssize_t kftp_##_name##_store(struct config_item *item,		\
				    const char *page, size_t count)	\
{									\
	ssize_t ret = field_store(item, &kftp_field_##_name, page, count); \
									\
	memzero_explicit((char *)page, count);				\
	return ret;							\
}

/* An attribute that is written and read: its name, then struct kftp_field's */
#define KFTP_ATTR(_name, ...)						\
KFTP_FIELD(_name, __VA_ARGS__)						\
									\
static ssize_t kftp_##_name##_show(struct config_item *item, char *page) \
{									\
	return field_show(item, &kftp_field_##_name, page);		\
}									\
									\
static struct configfs_attribute kftp_attr_##_name = {			\
	.ca_name = __stringify(_name),					\
	.ca_mode = 0600,						\
	.ca_owner = THIS_MODULE,					\
	.show = kftp_##_name##_show,					\
	.store = kftp_##_name##_store,					\
}

/* One that is only written */
#define KFTP_ATTR_WO(_name, ...)					\
KFTP_FIELD(_name, __VA_ARGS__)						\
									\
static struct configfs_attribute kftp_attr_##_name = {			\
	.ca_name = __stringify(_name),					\
	.ca_mode = 0200,						\
	.ca_owner = THIS_MODULE,					\
	.store = kftp_##_name##_store,					\
}

#define KFTP_TEXT(_member, _max)					\
	.show = text_show, .store = text_store, .max = (_max),		\
	.offset = offsetof(struct kftp_config, _member)

#define KFTP_NUMBER(_member, _min, _max)				\
	.show = number_show, .store = number_store,			\
	.min = (_min), .max = (_max),					\
	.offset = offsetof(struct kftp_config, _member)

#define KFTP_CHOICE(_member, _names)					\
	.show = choice_show, .store = choice_store,			\
	.choices = (_names),						\
	.offset = offsetof(struct kftp_config, _member)

KFTP_ATTR(host, KFTP_TEXT(host, KFTP_HOST_MAX), .check = host_check);
KFTP_ATTR(port, KFTP_NUMBER(port, 1, KFTP_PORT_MAX));
KFTP_ATTR(user, KFTP_TEXT(user, KFTP_USER_MAX), .empty = EMPTY_IS_REFUSED,
	  .initial = KFTP_USER_DEFAULT);
KFTP_ATTR_WO(pass, KFTP_TEXT(pass, KFTP_PASS_MAX), .empty = EMPTY_IS_A_VALUE);
KFTP_ATTR(src, KFTP_TEXT(src, KFTP_PATH_MAX));
KFTP_ATTR(dst, KFTP_TEXT(dst, KFTP_PATH_MAX));
KFTP_ATTR(direction, KFTP_CHOICE(direction, direction_names));
KFTP_ATTR(timeout_sec, KFTP_NUMBER(timeout_sec, 1, KFTP_TIMEOUT_MAX));
KFTP_ATTR(deadline_sec, KFTP_NUMBER(deadline_sec, 0, KFTP_DEADLINE_MAX));
KFTP_ATTR(port_min, KFTP_NUMBER(port_min, 0, KFTP_PORT_MAX));
KFTP_ATTR(port_max, KFTP_NUMBER(port_max, 0, KFTP_PORT_MAX));
KFTP_ATTR(max_size, KFTP_NUMBER(max_size, 0, KFTP_SIZE_MAX));
KFTP_ATTR(cache, KFTP_CHOICE(cache, cache_names));
KFTP_ATTR(resume, KFTP_NUMBER(resume, 0, 1));
KFTP_ATTR(retries, KFTP_NUMBER(retries, 0, KFTP_RETRIES_MAX));
KFTP_ATTR(retry_delay_sec, KFTP_NUMBER(retry_delay_sec, 0, KFTP_RETRY_DELAY_MAX));
KFTP_ATTR(sha256, KFTP_TEXT(sha256, KFTP_SHA256_MAX),
	  .check = kftp_value_sha256);
KFTP_ATTR(mtime, KFTP_NUMBER(mtime, 0, 1));
KFTP_ATTR(rate_limit, KFTP_NUMBER(rate_limit, 0, KFTP_SIZE_MAX));
KFTP_ATTR_WO(start, .act = kftp_job_start);
KFTP_ATTR_WO(cancel, .act = kftp_job_cancel);

static struct configfs_attribute *kftp_job_attrs[] = {
	&kftp_attr_host,
	&kftp_attr_port,
	&kftp_attr_user,
	&kftp_attr_pass,
	&kftp_attr_src,
	&kftp_attr_dst,
	&kftp_attr_direction,
	&kftp_attr_timeout_sec,
	&kftp_attr_deadline_sec,
	&kftp_attr_port_min,
	&kftp_attr_port_max,
	&kftp_attr_max_size,
	&kftp_attr_cache,
	&kftp_attr_resume,
	&kftp_attr_retries,
	&kftp_attr_retry_delay_sec,
	&kftp_attr_sha256,
	&kftp_attr_mtime,
	&kftp_attr_rate_limit,
	&kftp_attr_start,
	&kftp_attr_cancel,
	NULL,
};

static void kftp_job_release(struct config_item *item)
{
	put_device(&to_job(item)->dev);
}

static struct configfs_item_operations kftp_job_ops = {
	.release = kftp_job_release,
};

static const struct config_item_type kftp_job_type = {
	.ct_item_ops = &kftp_job_ops,
	.ct_attrs = kftp_job_attrs,
	.ct_owner = THIS_MODULE,
};

static struct config_item *kftp_make_item(struct config_group *group,
					  const char *name)
{
	struct kftp_job *job;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return ERR_PTR(-EPERM);
	if (!kftp_value_job_name(name))
		return ERR_PTR(-EINVAL);

	job = kftp_job_create();
	if (!job)
		return ERR_PTR(-ENOMEM);
	config_item_init_type_name(&job->item, name, &kftp_job_type);
	err = kftp_sysfs_add(job, name);
	if (err) {
		config_item_put(&job->item);
		return ERR_PTR(err);
	}
	return &job->item;
}

static void kftp_drop_item(struct config_group *group, struct config_item *item)
{
	struct kftp_job *job = to_job(item);

	kftp_job_remove(job);
	kftp_sysfs_remove(job);
	config_item_put(item);
}

static struct configfs_group_operations kftp_group_ops = {
	.make_item = kftp_make_item,
	.drop_item = kftp_drop_item,
};

static const struct config_item_type kftp_group_type = {
	.ct_group_ops = &kftp_group_ops,
	.ct_owner = THIS_MODULE,
};

static struct configfs_subsystem kftp_subsystem = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = KFTP_NAME,
			.ci_type = &kftp_group_type,
		},
	},
};

/**
 * kftp_configfs_init - make the directory of jobs appear
 *
 * Return: 0 or a negative errno.
 */
int kftp_configfs_init(void)
{
	config_group_init(&kftp_subsystem.su_group);
	mutex_init(&kftp_subsystem.su_mutex);
	return configfs_register_subsystem(&kftp_subsystem);
}

/**
 * kftp_configfs_exit - make it go; it is empty, as each job holds the module
 */
void kftp_configfs_exit(void)
{
	configfs_unregister_subsystem(&kftp_subsystem);
	mutex_destroy(&kftp_subsystem.su_mutex);
}
