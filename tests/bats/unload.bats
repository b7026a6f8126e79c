#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The module goes when no job is left, and nothing of it stays.

load kftp

teardown() {
	clean_up
	[[ -d /sys/module/kftp ]] || insmod "$KFTP_MODULE"
}

refuse_rmmod() {
	run rmmod kftp
	assert_failure
	assert_output --partial "in use"
}

@test "rmmod is refused while a job exists, idle or ended" {
	job a
	refuse_rmmod
	start a
	expect_done a
	refuse_rmmod
	assert_state a status 'done'
}

@test "rmmod is refused while a job waits or runs, and stops nobody" {
	printf '1\n' >"$MAX_ACTIVE"
	play gated a
	job b
	start a b
	wait_state a phase transfer
	refuse_rmmod
	assert_state a status running
	assert_state b status queued
	release a
	expect_done a
	expect_done b
}

@test "rmmod is refused while a removed job's attribute is open, and not while its state is" {
	local attribute status
	job a
	exec {attribute}>"$CONFIG/a/user" {status}<"$STATE/a/status"
	rmdir "$CONFIG/a"
	refuse_rmmod
	exec {attribute}>&-
	rmmod kftp
	[[ ! -e /sys/module/kftp ]]
	run read -r -u "$status"
	assert_failure
	exec {status}<&-
}

@test "rmmod works when the last job is gone, and leaves nothing behind" {
	job a
	start a
	expect_done a
	rmdir "$CONFIG/a"
	rmmod kftp
	[[ ! -e $CONFIG && ! -e $STATE && ! -e /sys/module/kftp && ! -e /sys/devices/virtual/kftp ]]
	run grep -l kftp /proc/modules /proc/slabinfo
	assert_output ''
	run -0 find /sys/devices/virtual/workqueue /sys/kernel/debug -maxdepth 1 -name '*kftp*'
	assert_output ''
}

@test "rmmod right after rmdir waits for runs that are still ending" {
	local number before
	for number in {1..8}; do
		play hold-transfer "n$number"
		start "n$number"
	done
	for number in {1..8}; do
		wait_state "n$number" phase transfer
	done
	rmdir "$CONFIG"/n*
	now
	before=$REPLY
	rmmod kftp
	now
	((REPLY - before < 3000)) || fail "rmmod took $((REPLY - before)) ms"
	[[ ! -e /sys/module/kftp ]]
	for number in {1..8}; do
		assert_no_part "$DIR/n$number"
	done
}

@test "rmmod after rmdir works while jobs were waiting and connecting too" {
	printf '1\n' >"$MAX_ACTIVE"
	job a host=192.0.2.8
	job b
	job c
	start a b c
	rmdir "$CONFIG"/*
	rmmod kftp
	[[ ! -e /sys/module/kftp ]]
}

@test "no timer of a deadline or a retry outlives the module" {
	printf '1\n' >"$MAX_ACTIVE"
	job a port=9 retries=1 retry_delay_sec=2
	start a
	wait_state a phase retry
	play hold-transfer b
	job c deadline_sec=2
	start b c
	wait_state b phase transfer
	assert_state c status queued
	rmdir "$CONFIG"/*
	rmmod kftp
	# It would be the end of the machine.
	nap 3
	[[ ! -e /sys/module/kftp ]]
}

@test "the module can be loaded and unloaded again and again" {
	local round
	for round in 1 2 3; do
		rmmod kftp
		insmod "$KFTP_MODULE"
		job a "dst=$DIR/$round"
		start a
		expect_done a
		rmdir "$CONFIG/a"
	done
}

@test "max_active can be given when the module is loaded" {
	rmmod kftp
	insmod "$KFTP_MODULE" max_active=1
	whole "$MAX_ACTIVE"
	assert_equal "$REPLY" $'1\n'
	play gated a
	job b
	start a b
	wait_state a phase transfer
	assert_state b status queued
	release a
	expect_done b
}
