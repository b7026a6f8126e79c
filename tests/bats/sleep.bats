#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# No file is changed while the machine falls asleep: a file system in the image of its memory would not know of it.

# Each test is a subshell, and meant to be.
# shellcheck disable=SC2030,SC2031

load kftp

# What the kernel has for tests of just this: who comes after kftp refuses to sleep.
REFUSAL=/sys/kernel/debug/notifier-error-inject/pm/actions/PM_SUSPEND_PREPARE/error

setup() {
	modprobe pm-notifier-error-inject priority=-1
	printf '%s\n' -16 >$REFUSAL
	printf '0\n' >/sys/power/sync_on_suspend
	mkdir "$DIR/mount"
	truncate -s 16M "$DIR/image"
	mkfs.ext4 -q "$DIR/image"
	mount -o loop "$DIR/image" "$DIR/mount"
}

teardown() {
	fsfreeze --unfreeze "$DIR/mount" 2>/dev/null || :
	clean_up
	unmount_all
	rmmod pm-notifier-error-inject
}

# Job a is in the middle of a write, which its disk holds up, as the machine falls asleep because of SLEEPER; and b has
# something to write from then on.
fall_asleep() {
	play gated a "dst=$DIR/mount/a"
	play gated b
	start a b
	wait_state a bytes 1024
	wait_state b bytes 1024
	fsfreeze --freeze "$DIR/mount"
	release a
	wait_log gated '> 226 sent'
	nap 0.3
	bash -c "echo freeze >/sys/power/state" 2>/dev/null 3>&- &
	SLEEPER=$!
	nap 1
	[[ -e /proc/$SLEEPER ]] || fail "it does not wait for the write"
	release b
	nap 1
	assert_state b status running
	[[ ! -e $DIR/b ]]
}

@test "nothing is written while the machine falls asleep, and all goes on when it is awake again" {
	fall_asleep
	fsfreeze --unfreeze "$DIR/mount"
	# All that it waited for has ended by now, and it is refused.
	expect_done a 5
	expect_done b 5
	if wait "$SLEEPER"; then
		fail "it slept"
	fi
	assert_content "$DIR/mount/a" "$PAYLOAD"
	assert_content "$DIR/b" "$PAYLOAD"
}

@test "all goes on when somebody gives up to have the machine sleep" {
	fall_asleep
	kill "$SLEEPER"
	expect_done b 5
	fsfreeze --unfreeze "$DIR/mount"
	expect_done a 5
}
