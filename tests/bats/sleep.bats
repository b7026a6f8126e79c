#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# No file is changed while the machine falls asleep: a file system in the image of its memory would not know of it.

# Each test is a subshell, and meant to be.
# shellcheck disable=SC2030,SC2031

load kftp

# What the kernel has for tests of just this: who comes after kftp refuses to sleep.
REFUSALS=/sys/kernel/debug/notifier-error-inject/pm/actions

setup() {
	modprobe pm-notifier-error-inject priority=-1
	printf '%s\n' -16 >$REFUSALS/PM_SUSPEND_PREPARE/error
	printf '%s\n' -16 >$REFUSALS/PM_HIBERNATION_PREPARE/error
	printf '0\n' >/sys/power/sync_on_suspend
	mkdir "$DIR/mount"
	truncate -s 16M "$DIR/image"
	mkfs.ext4 -q "$DIR/image"
	mount -o loop "$DIR/image" "$DIR/mount"
}

teardown() {
	fsfreeze --unfreeze "$DIR/mount" 2>/dev/null || :
	clean_up
	[[ -d /sys/module/kftp ]] || insmod "$KFTP_MODULE"
	unmount_all
	rmmod pm-notifier-error-inject
	rm -f "$KFTP_DIR"/script/store/*
}

# Job a is in the middle of a write, which its disk holds up, as the machine falls asleep because of SLEEPER; b has
# something to write from then on, and c a whole file to publish.
fall_asleep() { # state
	play gated a "dst=$DIR/mount/a"
	play gated b
	play gated-226 c
	start a b c
	wait_state a bytes 1024
	wait_state b bytes 1024
	wait_state c bytes 4096
	fsfreeze --freeze "$DIR/mount"
	release a
	wait_log gated '> 226 sent'
	nap 0.3
	bash -c "echo $1 >/sys/power/state" 2>/dev/null 3>&- &
	SLEEPER=$!
	nap 1
	[[ -e /proc/$SLEEPER ]] || fail "it does not wait for the write"
	release b
	release c
	nap 1
	assert_state b status running
	assert_state c status running
	[[ ! -e $DIR/b && ! -e $DIR/c ]]
}

sleep_and_wake() { # state
	fall_asleep "$1"
	fsfreeze --unfreeze "$DIR/mount"
	# All that it waited for has ended by now, and it is refused.
	expect_done a 5
	expect_done b 5
	expect_done c 5
	if wait "$SLEEPER"; then
		fail "it slept"
	fi
	assert_content "$DIR/mount/a" "$PAYLOAD"
	assert_content "$DIR/b" "$PAYLOAD"
	assert_content "$DIR/c" "$PAYLOAD"
}

@test "nothing is written while the machine falls asleep, and all goes on when it is awake again" {
	sleep_and_wake freeze
}

@test "nor is anything written while it hibernates" {
	sleep_and_wake disk
}

@test "nor is anything written while an image of the memory is read back" {
	local image
	play gated b
	play hold-transfer c
	# A file without a name is gone for good with whoever reads it last.
	printf sent | tee "$DIR/d" >"$DIR/e"
	play store-gated d direction=put "src=$DIR/d" dst=d
	play store-hold-accept e direction=put "src=$DIR/e" dst=e
	start b c d e
	rm "$DIR/e"
	wait_state b bytes 1024
	wait_state c bytes 1024
	wait_log store-gated '< STOR d'
	wait_log store-hold-accept '< STOR e'
	# Whoever opens it to write means that.
	exec {image}>/dev/snapshot
	release b
	release d
	cancel c
	cancel e
	wait_log store-gated '> 150 go on'
	nap 1
	assert_state b status running
	[[ ! -e $DIR/b ]]
	assert_state c status running
	part_of "$DIR/c"
	[[ -e $REPLY ]] || fail "$REPLY is gone"
	# What the server got now would be sent, and perhaps appended, once more by who is woken from that image.
	assert_state d bytes 0
	assert_state e status running
	exec {image}>&-
	expect_done b 5
	expect_cancelled c 5
	assert_no_part "$DIR/c"
	assert_content "$DIR/b" "$PAYLOAD"
	expect_done d 5
	expect_cancelled e 5
	assert_content "$KFTP_DIR/script/store/d" sent
}

# All processes are frozen as for an image of the memory, and thawed.
freeze_and_thaw() {
	printf '0\n' >$REFUSALS/PM_HIBERNATION_PREPARE/error
	timeout 60 python3 - <<-'END'
		import fcntl
		with open("/dev/snapshot", "rb", buffering=0) as device:
		    fcntl.ioctl(device, 0x3301)
		    fcntl.ioctl(device, 0x3302)
	END
}

@test "a start that waits for a file system does not keep the machine awake, and is made again" {
	umount "$DIR/mount"
	mount_faulty
	job a "dst=$DIR/mount/late-5000/x"
	try "$CONFIG/a/start" 1 &
	nap 0.5
	freeze_and_thaw
	[[ -e /proc/$! ]] || fail "it was not made again"
	rmdir "$CONFIG/a"
	wait $!
	until umount "$DIR/mount"; do
		nap 0.5
	done
}

@test "an rmmod that waits for a removed job's run does not keep the machine awake" {
	local remover
	umount "$DIR/mount"
	mount_faulty
	play store-gated a direction=put "src=$DIR/mount/slow-3000" dst=a
	release a
	start a
	wait_state a phase transfer
	nap 0.5
	# It reads now, and whoever would answer is frozen.
	rmdir "$CONFIG/a"
	rmmod kftp 3>&- &
	remover=$!
	nap 0.5
	[[ -e /proc/$remover ]] || fail "it did not wait"
	freeze_and_thaw
	wait "$remover"
	[[ ! -e /sys/module/kftp ]]
	umount "$DIR/mount"
}

@test "all goes on when somebody gives up to have the machine sleep" {
	fall_asleep freeze
	kill "$SLEEPER"
	expect_done b 5
	fsfreeze --unfreeze "$DIR/mount"
	expect_done a 5
}
