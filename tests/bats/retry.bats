#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What is transient is tried again, after a while, and goes on where it ended; what is not, is not.

# Each test is a subshell, and meant to be.
# shellcheck disable=SC2030,SC2031

load kftp

BODY=$KFTP_DIR/script/body

setup() {
	mkdir -p "$DIR/mount"
}

teardown() {
	[[ -d $CONFIG ]] || insmod "$KFTP_MODULE"
	clean_up
	unmount_all
	rm -rf "$KFTP_DIR"/script/go/* "$KFTP_DIR"/script/store/*
}

# A get that is tried again at once.
get() { # case name attribute=value...
	play "$1" "$2" retries=5 retry_delay_sec=0 src=medium "${@:3}"
}

put() { # case name attribute=value...
	[[ -e $DIR/source ]] || cp "$BODY/medium" "$DIR/source"
	play "$1" "$2" direction=put retries=5 retry_delay_sec=0 "src=$DIR/source" "dst=$2" "${@:3}"
}

# Puts a job into the wait between two attempts, for long.
wait_long() { # name attribute=value...
	play spoilt-greeting "$1" retries=5 retry_delay_sec=1000 "${@:2}"
	start "$1"
	wait_state "$1" phase retry
}

@test "without retries there is one attempt" {
	play spoilt-login a
	spoil a 1
	start a
	expect_failed a EAGAIN
	assert_state a attempts 1
	start a
	expect_done a
	assert_state a attempts 1
}

# bats test_tags=long
@test "what is transient is tried again, and attempts are counted" {
	local case
	get spoilt-login spoilt-login src=x
	get spoilt-450 spoilt-450 src=x
	spoil spoilt-login 3
	spoil spoilt-450 2
	for case in early-426 early-451 early-421 early-reset early-hang-up early-stall; do
		get $case $case timeout_sec=2
		spoil $case 2
	done
	start spoilt-login spoilt-450 early-426 early-451 early-421 early-reset early-hang-up early-stall
	expect_done spoilt-login
	expect_done spoilt-450
	assert_state spoilt-login attempts 4
	assert_state spoilt-450 attempts 3
	for case in early-426 early-451 early-421 early-reset early-hang-up early-stall; do
		expect_done $case
		assert_state $case attempts 3
		assert_state $case run 1
		same "$BODY/medium" "$DIR/$case"
		assert_no_part "$DIR/$case"
		# It did not begin again.
		state $case resumed
		((REPLY >= 300000)) || fail "$(describe $case)"
		server_log $case
		assert_log '< REST *' 2
	done
}

@test "a host that cannot be reached or refuses is tried again" {
	job a port=9 retries=2 retry_delay_sec=0
	job b host=192.0.2.8 retries=1 retry_delay_sec=0 timeout_sec=10
	start a b
	expect_failed a ECONNREFUSED
	expect_failed b EHOSTUNREACH
	assert_state a attempts 3
	assert_state b attempts 2
}

@test "a get begins again from a server that tells no time, by which to know its file" {
	get early-hang-up-without-time a
	spoil a 1
	start a
	expect_done a
	assert_state a attempts 2
	assert_state a resumed 0
	server_log early-hang-up-without-time
	assert_log '< REST *' 0
	same "$BODY/medium" "$DIR/a"
}

@test "the last attempt's error is the run's, and retries are as many as were asked for" {
	get early-451 a retries=2
	spoil a 9
	start a
	expect_failed a EAGAIN
	assert_state a attempts 3
	assert_state a reply_code 451
	assert_no_part "$DIR/a"
}

@test "what is not transient is not tried again: 530, 550, a wrong digest, a full disk, a wrong size" {
	local job
	get pass-530 login
	get retr-550 missing
	get retr-553 forbidden
	get retr-552 full
	get plain digest "sha256=$(printf '%064d' 0)"
	get rest-good large max_size=1000
	get fewer-bytes size
	put store-550 put
	mount -t tmpfs -o size=256k tmpfs "$DIR/mount"
	get rest-good disk "dst=$DIR/mount/x"
	start login missing forbidden full digest large size put disk
	expect_failed login EACCES
	expect_failed missing ENOENT
	expect_failed forbidden EPERM
	expect_failed full ENOSPC
	expect_failed digest EBADMSG
	expect_failed large EFBIG
	expect_failed size EIO
	expect_failed put ENOENT
	expect_failed disk ENOSPC
	for job in login missing forbidden full digest large size put disk; do
		assert_state $job attempts 1
	done
	assert_no_part "$DIR/digest"
	[[ ! -e $DIR/digest ]]
	rmdir "$CONFIG"/*/
	umount "$DIR/mount"
}

# bats test_tags=long
@test "the delay is doubled each time, and has at most a quarter more" {
	play spoilt-greeting a retries=3 retry_delay_sec=1
	start a
	wait_state a phase retry
	assert_state a status running
	expect_failed a EAGAIN 40
	assert_state a attempts 4
	# 1 + 2 + 4 s, and the rest is room for a slow machine.
	assert_took a 7000 11500
}

# bats test_tags=long
@test "the delay of different jobs is different" {
	local times=() number
	printf '20\n' >"$MAX_ACTIVE"
	for number in {1..8}; do
		play spoilt-greeting "n$number" retries=1 retry_delay_sec=4
	done
	start n{1..8}
	for number in {1..8}; do
		expect_failed "n$number" EAGAIN
		assert_took "n$number" 4000 8000
		state "n$number" elapsed_ms
		times+=("$REPLY")
	done
	mapfile -t times < <(printf '%s\n' "${times[@]}" | sort -n)
	((times[7] - times[0] > 150)) || fail "${times[*]}"
}

@test "during the wait the phase is retry, the error not told yet, and there is no connection" {
	local sockets
	sockets
	sockets=$REPLY
	wait_long a
	assert_state a status running
	assert_state a error 0
	assert_state a attempts 1
	no_more_sockets "$sockets"
	try "$CONFIG/a/port" 22
	assert_equal "$REPLY" EBUSY
	try "$CONFIG/a/start" 1
	assert_equal "$REPLY" EBUSY
}

@test "cancel acts during the wait at once" {
	local before
	wait_long a
	nap 0.1
	now
	before=$REPLY
	cancel a
	wait_end a
	now
	((REPLY - before < 200)) || fail "cancelled after $((REPLY - before)) ms"
	assert_state a status cancelled
	assert_state a error ECANCELED
	assert_state a attempts 1
	assert_no_part "$DIR/a"
	start a
	wait_state a phase retry
	assert_state a run 2
}

@test "cancel acts between an attempt that has failed and the wait for the next" {
	play stall-quit-of-450 a retries=5 retry_delay_sec=1000
	start a
	# The answer is waited for a while.
	wait_log stall-quit-of-450 '< QUIT'
	cancel_at_once a
	assert_state a attempts 1
}

@test "rmdir and rmmod act during the wait at once" {
	local before
	wait_long a
	wait_long b
	now
	before=$REPLY
	rmdir "$CONFIG/a" "$CONFIG/b"
	rmmod kftp
	now
	((REPLY - before < 1000)) || fail "gone after $((REPLY - before)) ms"
	assert_no_part "$DIR/a"
	insmod "$KFTP_MODULE"
}

@test "an attempt that the deadline leaves no time for is not waited for" {
	play spoilt-greeting a retries=5 retry_delay_sec=1000 deadline_sec=60
	play spoilt-greeting b retries=5 retry_delay_sec=1 deadline_sec=7
	start a b
	expect_failed a EAGAIN
	assert_took a 0 5000
	assert_state a attempts 1
	# There is time for one second, for two, and not for four.
	expect_failed b EAGAIN
	assert_took b 3000 7000
	assert_state b attempts 3
}

@test "the deadline acts while a job that is to be tried again waits for its turn" {
	printf '1\n' >"$MAX_ACTIVE"
	play spoilt-greeting a retries=5 retry_delay_sec=1 deadline_sec=3
	play hold-transfer b
	start a
	wait_state a phase retry
	start b
	expect_failed a ETIMEDOUT
	assert_took a 3000 5000
	assert_state a attempts 1
	assert_state b status running
}

@test "a job that waits for its next attempt lets others run" {
	printf '1\n' >"$MAX_ACTIVE"
	play spoilt-login a retries=1 retry_delay_sec=6
	job b
	job c
	spoil a 1
	start a
	wait_state a phase retry
	start b c
	expect_done b 6
	expect_done c 6
	assert_state a phase retry
	expect_done a
	assert_state a attempts 2
}

@test "a wait for the next attempt that is longer than timeout_sec is no stalled server" {
	play spoilt-login a retries=1 retry_delay_sec=3 timeout_sec=2
	spoil a 1
	start a
	expect_done a
	assert_state a attempts 2
}

@test "what is due again waits behind those that were started meanwhile" {
	local job
	printf '1\n' >"$MAX_ACTIVE"
	play spoilt-login a retries=1 retry_delay_sec=1
	spoil a 1
	for job in b c; do
		play gated $job
	done
	start a
	wait_state a phase retry
	start b c
	wait_state b phase transfer
	# That is more than its delay.
	nap 1.5
	release b
	wait_state c phase transfer
	assert_state a phase retry
	release c
	expect_done c
	expect_done a
	assert_state a attempts 2
}

@test "what waits longest for another attempt does not hold up what is due" {
	wait_long a
	play spoilt-login b retries=1 retry_delay_sec=1
	spoil b 1
	start b
	expect_done b 10
	assert_state a phase retry
}

@test "rate_limit, size and the file's name are the same at each attempt" {
	get early-451 a rate_limit=1000000
	spoil a 1
	start a
	expect_done a
	same "$BODY/medium" "$DIR/a"
	assert_state a size 1048579
	# All bytes at that rate, some of them twice.
	assert_took a 900 15000
	server_log early-451
	assert_log '< RETR medium' 2
}

@test "a put that is tried again goes on where it ended" {
	local case
	for case in store-early-426 store-early-hang-up store-early-reset; do
		put $case $case
		spoil $case 2
		start $case
	done
	put store-spoilt-450 store-spoilt-450
	put store-spoilt-login store-spoilt-login
	spoil store-spoilt-450 1
	spoil store-spoilt-login 1
	start store-spoilt-450 store-spoilt-login
	for case in store-early-426 store-early-hang-up store-early-reset; do
		expect_done $case
		same "$BODY/medium" "$KFTP_DIR/script/store/$case"
		state $case resumed
		((REPLY > 0)) || fail "$(describe $case)"
	done
	for case in store-spoilt-450 store-spoilt-login; do
		expect_done $case
		assert_state $case attempts 2
		same "$BODY/medium" "$KFTP_DIR/script/store/$case"
	done
}

@test "a put whose 226 was lost is not sent once more" {
	put store-226-lost a
	spoil a 1
	start a
	expect_done a
	assert_state a attempts 2
	assert_state a resumed 1048579
	same "$BODY/medium" "$KFTP_DIR/script/store/a"
}

@test "a put does not go on with what was there before its first attempt" {
	put store-nothing-kept a
	head -c 500000 "$BODY/medium" >"$KFTP_DIR/script/store/a"
	printf 'x' | dd "of=$KFTP_DIR/script/store/a" conv=notrunc bs=1 status=none
	spoil a 1
	start a
	expect_done a
	assert_state a attempts 2
	same "$BODY/medium" "$KFTP_DIR/script/store/a"
}

@test "a put does not go on where what was there before it ends" {
	# It ends in what the source has there, and another byte is in its middle.
	head -c 4000000 "$BODY/large" >"$KFTP_DIR/script/store/a"
	printf 'x' | dd "of=$KFTP_DIR/script/store/a" conv=notrunc bs=1 seek=3500000 status=none
	touch -d 2020-01-01 "$KFTP_DIR/script/store/a"
	cp "$BODY/large" "$DIR/source"
	put store-in-place a
	spoil a 1
	start a
	expect_done a
	assert_state a attempts 2
	server_log store-in-place
	assert_log '< STOR a' 2
	same "$BODY/large" "$KFTP_DIR/script/store/a"
}

@test "an append that is tried again adds no byte twice, and loses none" {
	local case
	for case in store-early-426 store-early-hang-up store-early-reset store-226-lost; do
		put $case $case direction=append
		printf 'old\n' >"$KFTP_DIR/script/store/$case"
		spoil $case 2
		start $case
	done
	{
		printf 'old\n'
		cat "$BODY/medium"
	} >"$DIR/wanted"
	for case in store-early-426 store-early-hang-up store-early-reset store-226-lost; do
		expect_done $case
		state $case attempts
		((REPLY >= 2)) || fail "$(describe $case)"
		same "$DIR/wanted" "$KFTP_DIR/script/store/$case"
	done
}

@test "an append that nobody can tell the end of is not tried again" {
	put store-lost-without-size a direction=append
	printf 'old\n' >"$KFTP_DIR/script/store/a"
	spoil a 1
	start a
	wait_end a
	assert_state a status failed
	assert_equal "$(stat -c %s "$KFTP_DIR/script/store/a")" 700004
}

@test "the log has one line for all attempts" {
	play spoilt-login a retries=2 retry_delay_sec=0
	spoil a 2
	mark_log
	start a
	expect_done a
	logged 1
	[[ ${LOGGED[0]} == "kftp: a: done, 4096 bytes in "*" ms, 3 attempts" ]] || fail "${LOGGED[0]}"
}
