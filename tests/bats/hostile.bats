#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What no good server does. A job for each of the scripted server's cases runs beside the others, started once for
# the whole file; each test looks at how some of them ended. Every destination holds an old file beforehand.

load kftp

setup_file() {
	sockets
	export SOCKETS_BEFORE=$REPLY
	begin_all
}

begin_all() {
	local case port job jobs=() directories=() crowd=() timed=()
	# What the cases need that the others do not.
	declare -A with=(
		[another-code-at-the-end-for-ever]=timeout_sec=3
		[reply-without-end-slow]=deadline_sec=4
		[drip-greeting]='timeout_sec=2 deadline_sec=4'
		[drip-data]='timeout_sec=2 deadline_sec=4'
		[slow-but-steady]=timeout_sec=3
		[slow-greeting]=timeout_sec=3
		[never-connects]=timeout_sec=3
		[never-150]=timeout_sec=3
		[never-226]=timeout_sec=3
		[226-and-never-connects]=timeout_sec=3
		[third-only]=timeout_sec=4
		[third-only-then-226]=timeout_sec=4
		[endless]='timeout_sec=3 deadline_sec=6'
		[endless-without-size]=max_size=300000
		[pass-530-echo]=pass=hush-hush
		[pass-530-echo-lines]=pass=hush-hush
		[retr-550-echo]=pass=hush-hush
	)
	printf '300\n' >"$MAX_ACTIVE"
	for case in "$KFTP_DIR"/script/port/*; do
		case=${case##*/}
		port_of "$case"
		port=$REPLY
		case $case in
		hold-* | gated* | steady | flood) continue ;;
		# Those of other files.
		rest-* | early-* | spoilt-* | store | store-* | time-*) continue ;;
		stall-quit*) ;;
		stall-*) : "${with[$case]:=timeout_sec=3}" ;;
		eprt-*) with[$case]=host=$SERVER6 ;;
		esac
		jobs+=("$case $port ${with[$case]-}")
		case $case in
		plain | segments-of-one-byte | connect-* | third-* | second-connection | 226-before-data | never-connects | \
			port-500 | 150-then-425 | data-reset | half-close)
			jobs+=("$case-v6 $port host=$SERVER6 ${with[$case]-}")
			;;
		esac
	done
	for job in "${jobs[@]}"; do
		directories+=("$CONFIG/${job%% *}")
	done
	mkdir "${directories[@]}"
	for job in "${jobs[@]}"; do
		# shellcheck disable=SC2086
		configure $job
	done
	for job in "${jobs[@]}"; do
		case $job in
		*_sec=*) timed+=("${job%% *}") ;;
		*) crowd+=("${job%% *}") ;;
		esac
	done
	# The crowd takes its time, and would take that of those whose time is looked at.
	run_all "${crowd[@]}"
	run_all "${timed[@]}"
}

run_all() { # job...
	local job
	start "$@"
	for job; do
		wait_end "$job" 150
	done
}

teardown_file() {
	clean_up
}

configure() { # job port attribute=value...
	local job=$1 pair
	for pair in "host=$SERVER4" "port=$2" "user=$job" pass=wonder src=some/file "dst=$BATS_FILE_TMPDIR/$job" \
		timeout_sec=60 deadline_sec=120 "${@:3}"; do
		set_attr "$job" "${pair%%=*}" "${pair#*=}"
	done
	printf 'old\n' >"$BATS_FILE_TMPDIR/$job"
}

succeed() { # job...
	local job
	for job; do
		expect_done "$job"
		assert_content "$BATS_FILE_TMPDIR/$job" "$PAYLOAD"
		assert_no_part "$BATS_FILE_TMPDIR/$job"
		assert_state "$job" bytes 4096
	done
}

failed_with() { # errno job...
	local errno=$1 job
	shift
	for job; do
		expect_failed "$job" "$errno"
		assert_content "$BATS_FILE_TMPDIR/$job" $'old\n'
		assert_no_part "$BATS_FILE_TMPDIR/$job"
	done
}

# What fails without waiting for anything: these jobs' timeout is a minute.
failed_at_once_with() { # errno job...
	local job
	failed_with "$@"
	shift
	for job; do
		assert_took "$job" 0 45000
	done
}

took() { # least most job...
	local job
	for job in "${@:3}"; do
		assert_took "$job" "$1" "$2"
	done
}

replied() { # code job...
	local job
	for job in "${@:2}"; do
		assert_state "$job" reply_code "$1"
	done
}

unsized() { # job...
	local job
	for job; do
		assert_state "$job" size -1
	done
}

said() { # case job
	server_log "$1" "${2-$1}"
}

# Where a reply ends

@test "a plain dialogue succeeds, over IPv4 and IPv6" {
	succeed plain plain-v6
}

@test "replies cut to one byte a segment make no difference" {
	succeed segments-of-one-byte segments-of-one-byte-v6
}

@test "several replies in one segment are consumed in order" {
	succeed replies-in-one-segment
	assert_state replies-in-one-segment reply_code 226
}

@test "a multi-line reply ends only at its code and a space, whatever its inner lines look like" {
	succeed inner-lines-like-replies
}

@test "a multi-line reply with another code at its end goes on until its own" {
	succeed another-code-at-the-end
	took 1000 45000 another-code-at-the-end
	failed_with ETIMEDOUT another-code-at-the-end-for-ever
	took 3000 8000 another-code-at-the-end-for-ever
}

@test "a reply line of just under 4 KiB is accepted" {
	succeed line-of-4000
}

@test "a reply line over 4 KiB is EPROTO, with an end or without" {
	failed_at_once_with EPROTO line-too-long line-too-long-inside line-without-end line-without-end-flood
}

@test "a reply of 250 lines or of 56 KiB is accepted" {
	succeed reply-of-250-lines reply-of-56-kib
}

@test "a reply of 300 lines or of 80 KiB is EPROTO" {
	failed_at_once_with EPROTO reply-of-300-lines reply-of-80-kib
}

@test "a multi-line reply that never ends is EPROTO when it is fast" {
	failed_at_once_with EPROTO reply-without-end-flood
}

@test "a multi-line reply that never ends, one line a second, is ended by the deadline" {
	failed_with ETIMEDOUT reply-without-end-slow
	took 4000 9000 reply-without-end-slow
}

@test "preliminary replies without end are EPROTO" {
	failed_at_once_with EPROTO preliminary-for-ever greeting-120-for-ever
}

@test "a bare LF ends a line" {
	succeed bare-lf
}

@test "telnet bytes, 8-bit text and terminal escapes in replies are only text" {
	succeed odd-bytes
}

@test "unprintable bytes of a reply are shown escaped, in one line" {
	failed_at_once_with ENOENT odd-bytes-in-a-refusal
	replied 550 odd-bytes-in-a-refusal
	whole "$STATE/odd-bytes-in-a-refusal/reply"
	[[ ${REPLY%$'\n'} != *[![:print:]]* ]] || fail "$(printf '%q' "$REPLY")"
	[[ $REPLY == 'no '*'[31mred'*'caf'*'end'$'\n' ]] || fail "$REPLY"
}

@test "a refusal of many lines is shown in one" {
	failed_at_once_with ENOENT refusal-of-many-lines
	replied 550 refusal-of-many-lines
	whole "$STATE/refusal-of-many-lines/reply"
	[[ ${REPLY%$'\n'} != *[![:print:]]* ]] || fail "$(printf '%q' "$REPLY")"
	[[ $REPLY == 'no'*'such thing'*'here'$'\n' ]] || fail "$REPLY"
}

# The greeting

@test "a greeting of 120 is waited out" {
	succeed greeting-120
	took 1000 45000 greeting-120
}

@test "a greeting of 421 is EAGAIN" {
	failed_at_once_with EAGAIN greeting-421
	replied 421 greeting-421
}

@test "a greeting of 100 lines is fine" {
	succeed greeting-of-100-lines
}

@test "a greeting that refuses is EACCES for 530 and EPROTO for other 5yz" {
	failed_at_once_with EACCES greeting-530
	failed_at_once_with EPROTO greeting-554
}

@test "a greeting that is no greeting is EPROTO, and nothing is sent" {
	failed_at_once_with EPROTO greeting-331 greeting-of-ssh greeting-of-http greeting-empty-line \
		greeting-code-999 greeting-code-099 greeting-code-22 greeting-code-2200 greeting-code-22a
	local case
	for case in greeting-of-ssh greeting-code-999 greeting-331; do
		said $case ''
		assert_log '< USER*' 0
		assert_log '< PASS*' 0
	done
}

@test "a server that goes away at the greeting is ECONNRESET" {
	failed_at_once_with ECONNRESET greeting-hang-up greeting-half-then-hang-up greeting-reset
}

# The log-in

@test "230 straight after USER is logged in, without a password" {
	succeed user-230
	said user-230
	assert_log '< PASS*' 0
}

@test "202 after PASS is logged in" {
	succeed pass-202
}

@test "332 is EACCES, after USER and after PASS, and no account is sent" {
	failed_at_once_with EACCES user-332 pass-332
	said user-332
	assert_log '< PASS*' 0
	assert_log '< ACCT*' 0
	said pass-332
	assert_log '< ACCT*' 0
}

@test "530 to USER is EACCES, and the password is not sent" {
	failed_at_once_with EACCES user-530
	replied 530 user-530
	said user-530
	assert_log '< PASS*' 0
}

@test "530 to PASS is EACCES, and the password is not sent twice" {
	failed_at_once_with EACCES pass-530
	replied 530 pass-530
	said pass-530
	assert_log '< PASS*' 1
	assert_log '< USER*' 1
	assert_log 'from *' 1
}

@test "a password that the server echoes is not shown" {
	local job
	failed_at_once_with EACCES pass-530-echo pass-530-echo-lines
	failed_at_once_with ENOENT retr-550-echo
	for job in pass-530-echo pass-530-echo-lines retr-550-echo; do
		whole "$STATE/$job/reply"
		[[ $REPLY != *hush* ]] || fail "$REPLY"
	done
	state pass-530-echo reply
	[[ $REPLY == 'not '*' surely' ]] || fail "$REPLY"
}

@test "another 331 to PASS is EPROTO, and the password is not sent twice" {
	failed_at_once_with EPROTO pass-331
	said pass-331
	assert_log '< PASS*' 1
}

@test "a server that goes away at PASS is ECONNRESET" {
	failed_at_once_with ECONNRESET pass-hang-up
}

@test "421 is EAGAIN at any stage" {
	local cases=(421-to-user 421-to-pass 421-to-type 421-to-size 421-to-port 421-to-retr 421-for-226 150-then-421)
	failed_at_once_with EAGAIN "${cases[@]}"
	replied 421 "${cases[@]}"
}

@test "an unasked-for reply before a command is EPROTO, and the command is not sent" {
	local pair
	for pair in greeting:USER user:PASS pass:TYPE type:SIZE size:PORT port:RETR; do
		failed_at_once_with EPROTO "unasked-after-${pair%:*}"
		said "unasked-after-${pair%:*}" ''
		assert_log "< ${pair#*:}*" 0
	done
	failed_at_once_with EPROTO unasked-half-line
}

@test "an unasked-for 421 is EAGAIN like any 421" {
	failed_at_once_with EAGAIN unasked-421
}

# Silence

@test "a stall is ETIMEDOUT after timeout_sec, at any stage of the dialogue" {
	local cases=(stall-greeting stall-user stall-pass stall-type stall-size stall-port stall-retr stall-in-line)
	failed_with ETIMEDOUT "${cases[@]}"
	took 3000 7000 "${cases[@]}"
}

@test "a stall is ETIMEDOUT after timeout_sec, at any stage of the data connection" {
	local cases=(stall-retr-connected stall-data stall-in-data)
	failed_with ETIMEDOUT "${cases[@]}"
	took 3000 8000 "${cases[@]}"
}

@test "a server that does not answer QUIT keeps nobody waiting" {
	succeed stall-quit
	failed_with ENOENT stall-quit-of-failure
	took 0 45000 stall-quit stall-quit-of-failure
	said stall-quit-of-failure
	assert_log '< QUIT'
}

@test "a byte every so often is progress, and only the deadline ends it" {
	failed_with ETIMEDOUT drip-greeting drip-data
	took 4000 9000 drip-greeting drip-data
	succeed slow-but-steady slow-greeting
	took 5000 60000 slow-but-steady
	took 3500 60000 slow-greeting
}

# When the server connects

@test "a connection before PORT is answered is held and used" {
	succeed connect-before-port-reply connect-before-port-reply-v6 sent-before-150
}

@test "a connection before the 150 is held and used" {
	succeed connect-before-150 connect-before-150-v6
}

@test "a connection after the 150 is waited for" {
	succeed connect-after-150 connect-after-150-v6
}

@test "150 and no connection ever is ETIMEDOUT" {
	failed_with ETIMEDOUT never-connects never-connects-v6 226-and-never-connects
	took 3000 8000 never-connects never-connects-v6 226-and-never-connects
}

@test "all data and no 150 ever is ETIMEDOUT, not success" {
	failed_with ETIMEDOUT never-150
}

@test "226 without a 150 before it is EPROTO" {
	failed_at_once_with EPROTO 226-without-150 226-without-anything
}

@test "425, 426, 421 or 550 after the 150 fails at once, without waiting for a connection" {
	failed_at_once_with EAGAIN 150-then-425 150-then-425-v6 150-then-426 150-then-421
	failed_at_once_with ENOENT 150-then-550
	replied 425 150-then-425
	replied 426 150-then-426
	replied 550 150-then-550
}

@test "a server that goes away after the 150 is ECONNRESET" {
	failed_at_once_with ECONNRESET 150-then-hang-up
}

@test "a second preliminary reply is only that" {
	succeed 150-twice
}

# Who connects

@test "a third host that connects first is closed, and the job succeeds" {
	succeed third-first third-first-v6 third-watched third-watched-v6 third-before-port-reply third-before-port-reply-v6
	said third-watched
	assert_log 'third * closed'
	said third-watched third-watched-v6
	assert_log 'third * closed'
}

@test "a third host that connects again and again is closed each time, and the job succeeds" {
	succeed third-many third-many-v6
}

@test "a third host that connects and resets at once does not end the job" {
	succeed third-resets third-resets-v6
}

@test "a third host alone is ETIMEDOUT, and nothing of it is written" {
	failed_with ETIMEDOUT third-only third-only-v6 third-only-then-226 third-only-then-226-v6
	took 4000 9000 third-only third-only-v6
	said third-only
	assert_log 'third * closed'
	assert_state third-only bytes 0
	assert_state third-only peer ''
}

@test "the listener is closed when the server has connected: nobody comes after" {
	succeed third-later third-later-v6 second-connection second-connection-v6
	said third-later
	assert_log 'third * @(ECONNREFUSED|closed)'
	said second-connection
	assert_log 'second * @(ECONNREFUSED|closed)'
	said second-connection second-connection-v6
	assert_log 'second * @(ECONNREFUSED|closed)'
}

# How it ends

@test "226 may overtake the data: they are read to their end" {
	succeed 226-before-data 226-before-data-v6 226-before-connecting 226-then-hang-up-before-data
}

@test "another 2yz ends a transfer as well as 226" {
	succeed 250-for-226
	replied 250 250-for-226
}

@test "the end of the data and no 226 ever is ETIMEDOUT, not success" {
	failed_with ETIMEDOUT never-226
	took 3000 8000 never-226
}

@test "a server that waits for the client to close its end first sees it close" {
	succeed half-close half-close-v6
	said half-close
	assert_log 'data * closed'
}

@test "a server that goes away after its 226 has done its work" {
	succeed hang-up-after-226 reset-after-226
}

@test "a control connection closed or reset in mid-data is ECONNRESET at once" {
	failed_at_once_with ECONNRESET hang-up-in-data hang-up-in-data-kept-open reset-in-data
}

@test "a control connection closed after the data, without a 226, is ECONNRESET" {
	failed_at_once_with ECONNRESET hang-up-for-226
}

@test "a data connection reset in mid-data fails at once" {
	failed_at_once_with ECONNRESET data-reset data-reset-v6 data-reset-at-once
}

@test "urgent data are no part of the file: it comes whole, or the job fails at once" {
	wait_end urgent-data
	if [[ $REPLY == 'done' ]]; then
		succeed urgent-data
	else
		state urgent-data error
		[[ $REPLY == EIO || $REPLY == EPROTO ]] || fail "$(describe urgent-data)"
		failed_at_once_with "$REPLY" urgent-data
	fi
}

@test "426 in mid-data fails at once, whatever becomes of the data connection" {
	failed_at_once_with EAGAIN 426-then-data-reset 426-in-data 426-in-data-kept-open
	replied 426 426-in-data 426-in-data-kept-open
}

@test "a refusal after all data is that refusal, and nothing is published" {
	failed_at_once_with EAGAIN 451-after-data
	failed_at_once_with ENOSPC 552-after-data
	failed_at_once_with EPROTO 350-after-data junk-after-data
}

# How much there is

@test "226 with fewer or more bytes than SIZE said is EIO" {
	failed_at_once_with EIO fewer-bytes more-bytes no-bytes more-than-0
}

@test "a file of no bytes is an empty file" {
	expect_done zero-bytes
	assert_content "$BATS_FILE_TMPDIR/zero-bytes" ''
	assert_no_part "$BATS_FILE_TMPDIR/zero-bytes"
}

@test "data that never end are EIO, or ended by the deadline, and by max_size when the size is not known" {
	wait_end endless
	state endless error
	[[ $REPLY == EIO || $REPLY == ETIMEDOUT ]] || fail "$(describe endless)"
	failed_with "$REPLY" endless
	failed_at_once_with EFBIG endless-without-size
}

@test "SIZE refused is a size of -1, and the transfer goes on" {
	succeed size-550 size-500 size-450
	unsized size-550 size-500 size-450
}

@test "SIZE with a number that is none is a size of -1, and the transfer goes on" {
	succeed size-negative size-2-63 size-2-64 size-2-64-more size-junk size-empty size-hex
	unsized size-negative size-2-63 size-2-64 size-2-64-more size-junk size-empty size-hex
}

@test "SIZE in a reply of several lines does no harm" {
	succeed size-hidden-in-lines
}

@test "the 150 text's number counts when SIZE does not" {
	succeed 150-says-right 150-says-junk
	failed_at_once_with EIO 150-says-wrong
	unsized 150-says-right 150-says-wrong
}

@test "SIZE wins over the 150 text's number" {
	succeed 150-says-other-than-size
	assert_state 150-says-other-than-size size 4096
}

# What is refused

@test "PORT refused fails with the reply in reply, and RETR is not sent" {
	local job
	failed_at_once_with EPROTO port-500 port-500-v6 port-501
	failed_at_once_with EACCES port-530
	failed_at_once_with EAGAIN port-425
	replied 500 port-500
	assert_state port-500 reply 'Illegal PORT command.'
	assert_state port-501 reply 'that port is reserved'
	for job in port-500 port-501; do
		said $job
		assert_log '< RETR*' 0
		assert_log '< PASV*' 0
		assert_log '< PORT*' 1
	done
}

@test "EPRT refused fails with the reply in reply, and nothing else is tried" {
	failed_at_once_with EPROTO eprt-522
	assert_state eprt-522 reply_code 522
	assert_state eprt-522 reply 'use (1)'
	said eprt-522
	assert_log '< EPRT*' 1
	assert_log '< PORT*' 0
	assert_log '< RETR*' 0
}

@test "TYPE I refused fails, and never falls back to ASCII" {
	failed_at_once_with EPROTO type-504 type-421-text type-331
	said type-504
	assert_log '< TYPE*' 1
	assert_log '< RETR*' 0
	replied 500 type-421-text
}

@test "each refusal of RETR has its errno" {
	local pair
	for pair in 421:EAGAIN 425:EAGAIN 426:EAGAIN 434:EAGAIN 450:EAGAIN 451:EAGAIN 452:ENOSPC 501:EPROTO 502:EPROTO \
		530:EACCES 532:EPROTO 550:ENOENT 551:EPROTO 552:ENOSPC 553:EPERM 554:EPROTO; do
		failed_at_once_with "${pair#*:}" "retr-${pair%:*}"
		replied "${pair%:*}" "retr-${pair%:*}"
	done
	failed_at_once_with EAGAIN 425-at-once
	failed_at_once_with EPROTO retr-331 retr-000 retr-600
}

@test "after a refusal the client says QUIT, and nothing else" {
	local case last line
	for case in retr-550 type-504 port-500 pass-530 451-after-data; do
		said $case
		last=
		for line in "${LOG[@]}"; do
			if [[ $line == '<'* ]]; then
				last=$line
			fi
		done
		[[ $last == '< QUIT' ]] || fail "$case ended with $last"
		assert_log '< QUIT' 1
	done
}

# Altogether

@test "no temporary file of any job is left, and no job made another file" {
	local file
	for file in "$BATS_FILE_TMPDIR"/.*; do
		[[ ! -e $file || $file == */. || $file == */.. ]] || fail "$file"
	done
}

@test "all sockets of all jobs are closed" {
	no_more_sockets "$SOCKETS_BEFORE"
}
