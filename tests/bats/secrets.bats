#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Credentials and paths are in none of the places where others could read them.

load kftp

# Of each secret, a part that is nowhere else.
SECRET=hUsHhUsH

setup() {
	mkdir "$DIR/$SECRET-directory"
}

teardown() {
	clean_up
}

secret_job() { # name case attribute=value...
	play "$2" "$1" "user=$SECRET-user" "pass=$SECRET-pass" "src=$SECRET-src" "dst=$DIR/$SECRET-directory/$1" "${@:3}"
}

# Runs of every kind: done, refused with the password echoed, without a connection, cancelled, refused at start.
run_all() {
	secret_job a plain
	secret_job b pass-530-echo
	secret_job c retr-550-echo
	secret_job d hold-transfer
	secret_job e plain host=192.0.2.8 deadline_sec=1
	secret_job f plain "dst=$DIR/$SECRET-nowhere/f"
	secret_job g junk-after-data
	start a b c d e g
	refuse_start ENOENT f
	wait_state d phase transfer
	cancel d
	expect_done a
	expect_failed b EACCES
	expect_failed c ENOENT
	expect_cancelled d
	wait_end e
	expect_failed g EPROTO
}

@test "no secret is in the log" {
	mark_log
	run_all
	logged 6
	[[ ${LOGGED[*]} != *"$SECRET"* ]] || fail "${LOGGED[*]}"
}

@test "no secret is in sysfs" {
	run_all
	run grep -rs "$SECRET" "$STATE"/a/ "$STATE"/b/ "$STATE"/c/ "$STATE"/d/ "$STATE"/e/ "$STATE"/f/ "$STATE"/g/ \
		/sys/module/kftp
	assert_output ''
	state b reply
	[[ -n $REPLY ]]
}

@test "no secret is in a uevent" {
	local hex
	printf -v hex '%s' "$(printf '%s' "$SECRET" | od -An -v -tx1 | tr -d ' \n')"
	ask listen
	run_all
	ask heard 5 a 3
	ask deaf
	[[ -n $REPLY && $REPLY != *"$hex"* ]]
}

# What is in the buffers as it was recorded: to have it told as text would take minutes.
traced() {
	local cpu
	for cpu in "$TRACE"/per_cpu/cpu*/trace_pipe_raw; do
		# It ends when there is no more.
		dd "if=$cpu" bs=64K iflag=nonblock status=none 2>/dev/null || :
	done
}

# bats test_tags=long
@test "no secret is in a trace, whatever events are enabled" {
	local stats canary=ca-na-ry-$RANDOM
	TRACE=/sys/kernel/tracing
	[[ -e $TRACE/trace ]] || mount -t tracefs tracefs $TRACE
	printf '32768\n' >$TRACE/buffer_size_kb
	printf '1\n' >$TRACE/tracing_on
	printf '1\n' >$TRACE/events/enable
	run_all
	printf '%s\n' "$canary" >$TRACE/trace_marker
	printf '0\n' >$TRACE/events/enable
	printf '0\n' >$TRACE/tracing_on
	for stats in "$TRACE"/per_cpu/cpu*/stats; do
		grep -q '^overrun: 0$' "$stats" || fail "not all is there: $(<"$stats")"
	done
	traced >"$DIR/traced"
	printf '1408\n' >$TRACE/buffer_size_kb
	printf '1\n' >$TRACE/tracing_on
	# What is recorded is found, and the jobs' work was.
	grep -aq "$canary" "$DIR/traced" || fail "the trace has not what was written to it"
	grep -aq kworker "$DIR/traced" || fail "no work was traced"
	! grep -aq "$SECRET" "$DIR/traced" || fail "$(grep -aob "$SECRET.\{8\}" "$DIR/traced" | head -n 3)"
}

@test "no secret is in what udev keeps" {
	start_udev
	udevadm control --ping
	run_all
	udevadm settle
	run grep -rs "$SECRET" /run/udev
	stop_udev
	assert_output ''
}

@test "the password is not shown by any attribute" {
	local file
	secret_job a plain
	for file in "$CONFIG"/a/*; do
		REPLY=
		{ read -r REPLY <"$file"; } 2>/dev/null || :
		[[ $REPLY != *"$SECRET-pass"* ]] || fail "$file shows it"
	done
}

@test "the server's own words stay out of the log" {
	mark_log
	play odd-bytes-in-a-refusal a
	start a
	expect_failed a ENOENT
	logged 1
	[[ ${LOGGED[0]} != *red* && ${LOGGED[0]} != *caf* ]] || fail "${LOGGED[0]}"
}
