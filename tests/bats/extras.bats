#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What a job can be asked for besides: a digest, the server's time, a pace.

# Each test is a subshell, and meant to be.
# shellcheck disable=SC2030,SC2031

load kftp

SPACE=/scratch/kftp-extras
BODY=$KFTP_DIR/script/body
WRONG=0000000000000000000000000000000000000000000000000000000000000000

setup_file() {
	mkdir -p "$SPACE"
	read -r MEDIUM _ < <(sha256sum "$BODY/medium")
	read -r LARGE _ < <(sha256sum "$BODY/large")
	export MEDIUM LARGE
}

teardown_file() {
	rm -rf "$SPACE"
}

teardown() {
	clean_up
	rm -rf "${SPACE:?}"/* "$SPACE"/.*.kftp-part "$KFTP_DIR"/script/store/* "$KFTP_DIR"/script/go/*
}

get() { # name attribute=value...
	play rest-good "$1" src=medium "dst=$SPACE/$1" "${@:2}"
}

put() { # name attribute=value...
	play store "$1" direction=put "src=$BODY/medium" "dst=$1" "${@:2}"
}

# digest

@test "a file with the digest that was asked for is published, by each way and however it is written" {
	local job
	get a "sha256=$MEDIUM"
	get b "sha256=${MEDIUM^^}"
	get c src=large "sha256=$LARGE"
	get d src=large "sha256=$LARGE" cache=keep
	get e src=large "sha256=$LARGE" "dst=$DIR/e"
	job f src=pub/empty "dst=$SPACE/f" \
		sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
	start a b c d e f
	for job in a b c d e f; do
		expect_done $job
	done
	assert_state a sha256 "$MEDIUM"
	assert_state b sha256 "$MEDIUM"
	assert_state c sha256 "$LARGE"
	assert_state c io direct
	assert_state d sha256 "$LARGE"
	same "$BODY/medium" "$SPACE/b"
	same "$BODY/large" "$SPACE/c"
}

@test "a file with another digest is EBADMSG, and not published" {
	local job
	get a "sha256=$WRONG"
	get b src=large "sha256=${LARGE%?}0"
	[[ $LARGE != *0 ]] || set_attr b sha256 "${LARGE%?}1"
	get c src=large "sha256=$MEDIUM" cache=keep resume=1
	for job in a b c; do
		printf 'old\n' >"$SPACE/$job"
		start $job
	done
	for job in a b c; do
		expect_failed $job EBADMSG
		assert_content "$SPACE/$job" $'old\n'
		assert_no_part "$SPACE/$job"
		assert_state $job phase commit
	done
	# What it has is told.
	assert_state a sha256 "$MEDIUM"
	assert_state b sha256 "$LARGE"
}

@test "the digest is computed when asked for, and not told of an earlier run" {
	get a
	start a
	expect_done a
	assert_state a sha256 ''
	set_attr a sha256 compute
	start a
	expect_done a
	assert_state a sha256 "$MEDIUM"
	set_attr a sha256 ''
	start a
	expect_done a
	assert_state a sha256 ''
}

@test "the digest of a resumed get is that of the whole file, by each way" {
	local job
	get a resume=1 sha256=compute
	get b resume=1 "sha256=$LARGE" src=large
	get c resume=1 "sha256=$LARGE" src=large cache=keep
	get d resume=1 "sha256=$WRONG" src=large
	for job in a b c d; do
		set_attr $job rate_limit 300000
		start $job
	done
	for job in a b c d; do
		wait_state $job bytes '[2-9][0-9]{5}|[0-9]{7}'
		cancel $job
		expect_cancelled $job
		assert_state $job sha256 ''
		set_attr $job rate_limit 0
		start $job
	done
	for job in a b c; do
		expect_done $job
		state $job resumed
		((REPLY > 0)) || fail "$(describe $job)"
	done
	assert_state a sha256 "$MEDIUM"
	assert_state b sha256 "$LARGE"
	assert_state c sha256 "$LARGE"
	same "$BODY/large" "$SPACE/c"
	expect_failed d EBADMSG
	[[ ! -e $SPACE/d ]]
	assert_no_part "$SPACE/d"
}

# bats test_tags=race
@test "what was digested is what is published, whatever the server still does to what it has sent" {
	local digest
	play send-changing a src=large "dst=$DIR/a" sha256=compute cache=keep
	for _ in {1..4}; do
		start a
		expect_done a
		read -r digest _ < <(sha256sum "$DIR/a")
		assert_state a sha256 "$digest"
	done
}

@test "a put of a file with the digest goes, with another never reaches the server" {
	put a "sha256=$MEDIUM"
	put b sha256=compute direction=append
	put c "sha256=$WRONG"
	start a b
	expect_done a
	expect_done b
	assert_state a sha256 "$MEDIUM"
	assert_state b sha256 "$MEDIUM"
	same "$BODY/medium" "$KFTP_DIR/script/store/b"
	from_now_on store
	start c
	expect_failed c EBADMSG
	server_log store
	assert_log '< *' 0
	[[ ! -e $KFTP_DIR/script/store/c ]]
}

@test "a src that has become shorter before its digest was computed is EIO" {
	printf '1\n' >"$MAX_ACTIVE"
	cp "$BODY/medium" "$DIR/medium"
	play hold-accept first
	put a "src=$DIR/medium" sha256=compute
	start first a
	truncate -s 1000 "$DIR/medium"
	cancel first
	expect_failed a EIO
	assert_state a sha256 ''
}

@test "the digest of a large file is no stall, and can be cancelled" {
	truncate -s 64G "$DIR/large"
	put a "src=$DIR/large" sha256=compute timeout_sec=1
	start a
	nap 2
	assert_state a status running
	cancel_at_once a
}

# time

@test "the server's time is kept, to the fraction, in UTC" {
	local job
	play time-plain a
	play time-fraction b
	play time-leap c
	play time-old d
	TZ=America/New_York start a b c d
	for job in a b c d; do
		expect_done $job
	done
	run -0 stat -c '%Y %y' "$DIR/a" "$DIR/b" "$DIR/c" "$DIR/d"
	assert_line --index 0 --partial "981173106 2001-02-03 04:05:06.000000000"
	assert_line --index 1 --partial "981173106 2001-02-03 04:05:06.789000000"
	assert_line --index 2 --partial "1483228800 2017-01-01 00:00:00.000000000"
	assert_line --index 3 --partial "0 1970-01-01"
}

@test "the times of files from vsftpd and pyftpdlib are theirs" {
	job a
	job b "port=$PYFTP_PORT" "dst=$SPACE/b"
	start a b
	expect_done a
	expect_done b
	run -0 stat -c %Y "$FTP_ROOT/pub/small" "$DIR/a" "$SPACE/b"
	assert_equal "${lines[1]} ${lines[2]}" "${lines[0]} ${lines[0]}"
}

@test "with mtime=0 the time is that of the transfer, and MDTM is not asked for" {
	local before=$EPOCHSECONDS
	play time-plain a mtime=0
	start a
	expect_done a
	(($(stat -c %Y "$DIR/a") >= before - 1)) || fail "$(stat -c %y "$DIR/a")"
	server_log time-plain
	assert_log '< MDTM*' 0
	# Nor is it kept when it is asked for to retry.
	set_attr a retries 1
	start a
	expect_done a
	server_log time-plain
	assert_log '< MDTM*' 1
	(($(stat -c %Y "$DIR/a") >= before - 1)) || fail "$(stat -c %y "$DIR/a")"
}

@test "a time that is none is ignored, and 421 is not" {
	local name names=(y2k-bug month-13 60-digits short letters empty dot sign spaces two 550) before=$EPOCHSECONDS
	for name in "${names[@]}"; do
		play "time-$name" "$name"
	done
	start "${names[@]}"
	for name in "${names[@]}"; do
		expect_done "$name"
		assert_content "$DIR/$name" "$PAYLOAD"
	done
	for name in $(stat -c %Y:%n "${names[@]/#/$DIR/}"); do
		((${name%%:*} >= before - 1)) || fail "$name"
	done
	# The year 0 is no time either, or long ago; never one to come.
	play time-year-0 year-0
	start year-0
	expect_done year-0
	(($(stat -c %Y "$DIR/year-0") <= EPOCHSECONDS)) || fail "$(stat -c %y "$DIR/year-0")"
	play time-421 421
	start 421
	expect_failed 421 EAGAIN
}

# pace

# Running time of all tasks so far, in milliseconds.
running() {
	local line sum=0
	while read -r -a line; do
		[[ ${line[0]} != cpu* ]] || sum=$((sum + line[7]))
	done </proc/schedstat
	REPLY=$((sum / 1000000))
}

# How many bytes of a job passed in 10 s, and how they did, in steps of 0.5 s: into BYTES, MS, and STEPS.
sample() { # job seconds
	local from begun last
	now
	begun=$REPLY
	state "$1" bytes
	from=$REPLY
	last=$from
	STEPS=()
	MS=0
	while ((MS < $2 * 1000)); do
		nap 0.5
		state "$1" bytes
		STEPS+=($((REPLY - last)))
		last=$REPLY
		now
		MS=$((REPLY - begun))
	done
	BYTES=$((last - from))
}

assert_pace() { # rate
	local step mean=$((BYTES * 1000 / MS))
	echo "# $mean bytes a second, not $1: ${STEPS[*]}" >&3
	((mean * 20 >= $1 * 19 && mean * 20 <= $1 * 21)) || fail "$mean bytes a second, not $1"
	# A sample is taken up to 50 ms after another, and a slow machine's later; a job that stood still would show 0.
	for step in "${STEPS[@]}"; do
		((step * 4 >= $1 && step <= $1)) || fail "not smooth: ${STEPS[*]}"
	done
}

# bats test_tags=long
@test "a get keeps its pace within 5 % over 10 s, smoothly, and hardly costs anything" {
	local before
	job a src=pub/big "dst=$SPACE/a" rate_limit=1000000
	start a
	wait_state a bytes '[1-9][0-9]+'
	running
	before=$REPLY
	sample a 10
	running
	echo "# $((REPLY - before)) ms of running time" >&3
	((REPLY - before < 4000)) || fail "$((REPLY - before)) ms of running time"
	cancel a
	expect_cancelled a
	assert_pace 1000000
}

# bats test_tags=long
@test "a put keeps its pace within 5 % over 10 s, smoothly, and hardly costs anything" {
	local before
	put a "src=$FTP_ROOT/pub/big" rate_limit=300000
	start a
	wait_state a bytes '[1-9][0-9]+'
	running
	before=$REPLY
	sample a 10
	running
	echo "# $((REPLY - before)) ms of running time" >&3
	((REPLY - before < 4000)) || fail "$((REPLY - before)) ms of running time"
	cancel a
	expect_cancelled a
	assert_pace 300000
}

# bats test_tags=long
@test "a whole transfer takes as long as its pace says, for rates large and small" {
	get a rate_limit=500000
	put b rate_limit=500000
	play plain c rate_limit=1000
	play plain d rate_limit=9223372036854775807
	get e src=large rate_limit=3000000
	start a b c d e
	expect_done d
	expect_done a
	expect_done b
	expect_done c
	expect_done e
	assert_took a 1990 3500
	assert_took b 1990 3500
	assert_took c 3890 5500
	assert_took d 0 2000
	assert_took e 1990 3500
	assert_content "$DIR/c" "$PAYLOAD"
}

# bats test_tags=long
@test "a paced job is no stalled one: timeout_sec does not end it" {
	play plain a rate_limit=800 timeout_sec=1
	put b rate_limit=400000 timeout_sec=1
	start a b
	expect_done a
	expect_done b
	assert_took a 4800 8000
}

@test "a paced job is cancelled at once, and its deadline holds" {
	play plain a rate_limit=1
	play plain b rate_limit=1 deadline_sec=2
	start a b
	wait_state a bytes '[1-9][0-9]*'
	cancel_at_once a
	expect_failed b ETIMEDOUT
	assert_took b 2000 4000
}
