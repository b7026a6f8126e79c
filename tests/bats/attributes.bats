#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What may be written to each file of a job's configfs directory, and what becomes of it.

# Each test is a subshell, and meant to be.
# shellcheck disable=SC2030,SC2031

load kftp

setup() {
	mkdir "$CONFIG/a"
}

teardown() {
	clean_up
}

# Makes a job that stays in the phase transfer until it is stopped.
hold() { # name attribute=value...
	play hold-transfer "$@"
	start "$1"
	wait_state "$1" phase transfer
}

repeat() { # text times
	printf -v REPLY "%${2}s"
	REPLY=${REPLY// /$1}
}

@test "a new job has exactly the documented attributes, each with its mode" {
	run -0 stat -c '%A %U %n' "$CONFIG"/a/*
	assert_output - <<-END
		-rw------- root $CONFIG/a/cache
		--w------- root $CONFIG/a/cancel
		-rw------- root $CONFIG/a/deadline_sec
		-rw------- root $CONFIG/a/direction
		-rw------- root $CONFIG/a/dst
		-rw------- root $CONFIG/a/host
		-rw------- root $CONFIG/a/max_size
		-rw------- root $CONFIG/a/mtime
		--w------- root $CONFIG/a/pass
		-rw------- root $CONFIG/a/port
		-rw------- root $CONFIG/a/port_max
		-rw------- root $CONFIG/a/port_min
		-rw------- root $CONFIG/a/rate_limit
		-rw------- root $CONFIG/a/resume
		-rw------- root $CONFIG/a/retries
		-rw------- root $CONFIG/a/retry_delay_sec
		-rw------- root $CONFIG/a/sha256
		-rw------- root $CONFIG/a/src
		--w------- root $CONFIG/a/start
		-rw------- root $CONFIG/a/timeout_sec
		-rw------- root $CONFIG/a/user
	END
}

@test "a new job has the documented defaults" {
	local pair
	for pair in host= port=21 user=anonymous src= dst= direction=get timeout_sec=60 deadline_sec=0 \
		port_min=0 port_max=0 max_size=0 cache=auto resume=0 retries=0 retry_delay_sec=5 sha256= mtime=1 rate_limit=0; do
		assert_attr a "${pair%%=*}" "${pair#*=}"
	done
}

@test "pass, start and cancel cannot be read, by root either" {
	local file
	for file in pass start cancel; do
		if { read -r _ <"$CONFIG/a/$file"; } 2>"$KFTP_DIR/said"; then
			fail "$file was read"
		fi
		read -r REPLY <"$KFTP_DIR/said"
		assert_equal "${REPLY##*: }" "Permission denied"
	done
}

@test "a value may come with its newline or without" {
	printf 'alice' >"$CONFIG/a/user"
	assert_attr a user alice
	printf 'bob\n' >"$CONFIG/a/user"
	assert_attr a user bob
	printf '2121' >"$CONFIG/a/port"
	assert_attr a port 2121
}

@test "only one newline is stripped" {
	local file
	for file in host=v4.kftp.test user=alice pass=wonder src=pub/small dst=/tmp/x port=21 direction=get start=1; do
		printf -v REPLY '%s' "${file#*=}"
		ask write "$CONFIG/a/${file%%=*}" "$(printf '%s\n\n' "${file#*=}" | od -An -v -tx1 | tr -d ' \n')"
		[[ $REPLY == EINVAL ]] || fail "$file and two newlines got $REPLY"
	done
}

@test "CR, LF and NUL inside a value are EINVAL in every text, and nothing is stored" {
	local file byte hex
	# A value that is right but for the byte in its middle: "ab" and "cd".
	for file in host user src dst; do
		set_attr a "$file" before.it
		for byte in 0d 0a 00; do
			for hex in "6162${byte}6364" "61626364${byte}650a" "${byte}616263"; do
				ask write "$CONFIG/a/$file" "$hex"
				[[ $REPLY == EINVAL ]] || fail "$file: $hex got $REPLY"
				assert_attr a "$file" before.it
			done
		done
	done
	for byte in 0d 0a 00; do
		ask write "$CONFIG/a/pass" "6162${byte}6364"
		[[ $REPLY == EINVAL ]] || fail "pass: byte $byte got $REPLY"
	done
	# A line end of two bytes is a CR inside.
	ask write "$CONFIG/a/user" 61620d0a
	assert_equal "$REPLY" EINVAL
	assert_attr a user before.it
}

@test "CR, LF and NUL beside a number or a word are EINVAL" {
	local file byte
	for file in port=3231 timeout_sec=35 deadline_sec=35 port_min=35 port_max=35 max_size=35 direction=676574 start=31 \
		cancel=31 cache=6b656570 resume=31 retries=35 retry_delay_sec=35 mtime=31 rate_limit=35 sha256=636f6d70757465; do
		for byte in 0d 00; do
			ask write "$CONFIG/a/${file%%=*}" "${file#*=}${byte}"
			[[ $REPLY == EINVAL ]] || fail "${file%%=*}: byte $byte after it got $REPLY"
			ask write "$CONFIG/a/${file%%=*}" "${byte}${file#*=}0a"
			[[ $REPLY == EINVAL ]] || fail "${file%%=*}: byte $byte before it got $REPLY"
		done
	done
}

@test "host takes IPv4 literals" {
	takes a host 192.0.2.1 127.0.0.1 0.0.0.0 255.255.255.255 10.20.30.40
}

@test "host takes IPv6 literals, with a scope too" {
	takes a host ::1 2001:db8::1 ::ffff:192.0.2.1 fe80::1%kftp0 2001:db8:1:2:3:4:5:6 \
		fe80::1%abcdefghijklmno
}

@test "host takes DNS names of up to 253 characters" {
	repeat abcdefg. 31
	takes a host ftp.kftp.test abc a.b under_score.test with-hyphen.test UPPER.test x1.2y "${REPLY}abcde"
}

@test "host refuses what is neither an address nor a name" {
	repeat abcdefg. 31
	refuses EINVAL a host 1.2.3 1.2.3.4.5 256.1.1.1 1.2.3.400 1.2.3. 12345 ... 1..2 2001:db8::g 1:2:3 :::1 \
		0127.0.0.1 192.0.2.01 '[::1]' 'a b.test' 'ftp.test ' ' ftp.test' ftp.test/ 'ftp;test' alice@ftp.test \
		ftp.test:21 fe80::1% ab x $'caf\xc3\xa9.test' $'caf\xe9.test' $'\xc0.test' 'ex%41.test' "${REPLY}abcdef" \
		fe80::1%abcdefghijklmnop fe80:0001:0002:0003:0004:0005:0006:0007%abcdefghi
}

@test "port takes 1 to 65535 and nothing else" {
	takes a port 1 21 2121 65535
	refuses ERANGE a port 0 65536 -1 -21 4294967317 18446744073709551637 99999999999999999999999999
	refuses EINVAL a port '' ftp 21x x21 ' 21' '21 ' '2 1' +21 0x15 21.0 - --1 '1e3' 1,2 -x
}

@test "user takes up to 1000 bytes of anything but line ends" {
	repeat u 1000
	local long=$REPLY
	takes a user x alice 'with space' $'tab\tand \xff\xe9' 'USER x' "$long"
	refuses EINVAL a user "${long}u" ''
}

@test "pass takes nothing, or up to 1000 bytes" {
	repeat p 1000
	local long=$REPLY
	set_attr a pass ''
	set_attr a pass 'with space'
	set_attr a pass "$long"
	try "$CONFIG/a/pass" "${long}p"
	assert_equal "$REPLY" EINVAL
}

@test "src and dst take up to 4000 bytes of anything but line ends" {
	local file long
	repeat s 4000
	long=$REPLY
	for file in src dst; do
		takes a $file x pub/small '/with space ' $'/tab\tand \xff\xe9' 'relative' "$long"
		refuses EINVAL a $file "${long}s"
	done
}

@test "a value longer than configfs can hand over is EINVAL, not its beginning" {
	local file size
	for file in src dst user host; do
		set_attr a $file before.it
		for size in 4094 4095 4096 4097 5000 8200; do
			repeat 61 $size
			ask write "$CONFIG/a/$file" "$REPLY"
			[[ $REPLY == EINVAL ]] || fail "$file: $size bytes got $REPLY"
			assert_attr a $file before.it
		done
	done
	repeat 61 5000
	ask write "$CONFIG/a/pass" "$REPLY"
	assert_equal "$REPLY" EINVAL
	repeat 31 5000
	ask write "$CONFIG/a/start" "$REPLY"
	[[ $REPLY == EINVAL || $REPLY == ERANGE ]] || fail "start: 5000 digits got $REPLY"
}

@test "each write is a value of its own: what comes in two is never joined, and its first half not kept" {
	exec {half}>"$CONFIG/a/port"
	printf 2 >&"$half"
	assert_attr a port 2
	printf 1 >&"$half"
	assert_attr a port 1
	exec {half}>&-
	# Too long for one, so that the rest is written after a failure, if at all.
	set_attr a src before
	repeat 78 5000
	try "$CONFIG/a/src" "$REPLY"
	assert_equal "$REPLY" EINVAL
	assert_attr a src before
}

@test "an empty host, src or dst unsets it" {
	local file
	for file in host src dst; do
		set_attr a $file something
		set_attr a $file ''
		assert_attr a $file ''
	done
}

@test "direction takes get, put and append, and nothing else" {
	takes a direction put append get
	refuses EINVAL a direction '' GET fetch 'get ' ' get' gets ge getput 0
}

@test "timeout_sec takes 1 to 86400 and nothing else" {
	takes a timeout_sec 1 60 86400
	refuses ERANGE a timeout_sec 0 86401 -1 18446744073709551617
	refuses EINVAL a timeout_sec '' 1s 1.5 never ' 1' 0x1 +1
}

@test "deadline_sec takes 0 to a year's seconds and nothing else" {
	takes a deadline_sec 1 0 31536000
	refuses ERANGE a deadline_sec 31536001 -1 18446744073709551616
	refuses EINVAL a deadline_sec '' 1s 1.5 never ' 1' 0x1 +1
}

@test "port_min and port_max take 0 to 65535, in any order, and nothing else" {
	local file
	for file in port_min port_max; do
		takes a $file 1 65535 0
		refuses ERANGE a $file 65536 -1 18446744073709551616
		refuses EINVAL a $file '' any 1-2 ' 1' 0x1 +1
	done
	set_attr a port_min 6000
	set_attr a port_max 5000
}

@test "max_size takes 0 to 2^63-1 and nothing else" {
	takes a max_size 1 0 4294967296 9223372036854775807
	refuses ERANGE a max_size 9223372036854775808 18446744073709551615 18446744073709551616 -1
	refuses EINVAL a max_size '' 1k 1.5 none ' 1' 0x1 +1
}

@test "cache takes auto, keep and bypass, and nothing else" {
	takes a cache keep bypass auto
	refuses EINVAL a cache '' KEEP direct 'keep ' ' keep' kee keepx 0 1
}

@test "resume and mtime take 0 and 1, and nothing else" {
	local file
	for file in resume mtime; do
		takes a $file 1 0
		refuses ERANGE a $file 2 -1 18446744073709551617
		refuses EINVAL a $file '' yes on true ' 1' '1 ' 0x1 +1
	done
}

@test "retries takes 0 to 1000, and retry_delay_sec 0 to 86400, and nothing else" {
	takes a retries 1 1000 0
	refuses ERANGE a retries 1001 -1 18446744073709551616
	refuses EINVAL a retries '' 1x ' 1' 1.5 always 0x1
	takes a retry_delay_sec 1 86400 0
	refuses ERANGE a retry_delay_sec 86401 -1 18446744073709551616
	refuses EINVAL a retry_delay_sec '' 1s ' 1' 1.5 0x1
}

@test "rate_limit takes 0 to 2^63-1 and nothing else" {
	takes a rate_limit 1 0 4294967296 9223372036854775807
	refuses ERANGE a rate_limit 9223372036854775808 18446744073709551616 -1
	refuses EINVAL a rate_limit '' 1k 1.5 none ' 1' 0x1 +1
}

@test "sha256 takes nothing, 64 hex digits or the word compute, and nothing else" {
	local digits
	repeat 0123456789abcdef 4
	digits=$REPLY
	takes a sha256 "$digits" "${digits^^}" compute '' "${digits/a/A}"
	set_attr a sha256 compute
	refuses EINVAL a sha256 "${digits%?}" "${digits}0" "${digits%?}g" " ${digits%?}" "${digits%?} " "0x${digits%??}" \
		Compute computed compute\  comput "${digits%?}"$'\xff' "$digits$digits"
}

@test "start and cancel take 1 and nothing else" {
	local file
	for file in start cancel; do
		for REPLY in 0 2 -1 11; do
			try "$CONFIG/a/$file" "$REPLY"
			assert_equal "$REPLY" ERANGE
		done
		for REPLY in '' yes 1x ' 1' '1 ' +1; do
			try "$CONFIG/a/$file" "$REPLY"
			assert_equal "$REPLY" EINVAL
		done
	done
	assert_state a status idle
	assert_state a run 0
}

@test "every attribute is EBUSY while the job runs, and free again when it has ended" {
	local pair
	local values=(host=192.0.2.9 port=22 user=bob pass=x src=y dst=/tmp/y direction=put timeout_sec=1 deadline_sec=1
		port_min=1 port_max=2 max_size=1 cache=keep resume=1 retries=1 retry_delay_sec=1 sha256=compute mtime=0
		rate_limit=1)
	hold b
	for pair in "${values[@]}"; do
		try "$CONFIG/b/${pair%%=*}" "${pair#*=}"
		[[ $REPLY == EBUSY ]] || fail "$pair got $REPLY"
	done
	assert_attr b host "$SERVER4"
	assert_attr b src pub/small
	cancel b
	expect_cancelled b
	for pair in "${values[@]}"; do
		set_attr b "${pair%%=*}" "${pair#*=}"
	done
}

@test "every attribute is EBUSY while the job waits in the queue" {
	local pair
	printf '1\n' >"$MAX_ACTIVE"
	hold b
	job c
	start c
	assert_state c status queued
	for pair in host=192.0.2.9 port=22 user=bob pass=x src=y dst=/tmp/y direction=put timeout_sec=1 deadline_sec=1 \
		port_min=1 port_max=2 max_size=1 cache=keep resume=1 retries=1 retry_delay_sec=1 sha256=compute mtime=0 \
		rate_limit=1 start=1; do
		try "$CONFIG/c/${pair%%=*}" "${pair#*=}"
		[[ $REPLY == EBUSY ]] || fail "$pair got $REPLY"
	done
}

@test "a wrong value is wrong while the job runs too, and changes nothing" {
	hold b
	local pair
	for pair in port=x host=1.2.3 direction=GET start=2; do
		try "$CONFIG/b/${pair%%=*}" "${pair#*=}"
		[[ $REPLY == E@(BUSY|INVAL|RANGE) ]] || fail "$pair got $REPLY"
	done
	assert_state b status running
}

# bats test_tags=race
@test "a value that is read while others are written is one of them, whole" {
	python3 - "$CONFIG/a/src" <<-'END'
		import os, signal, sys, time
		values = [letter * 4000 + "\n" for letter in "ab"]
		def store(value):
		    with open(sys.argv[1], "w") as file:
		        file.write(value)
		store(values[0])
		child = os.fork()
		while not child:
		    for value in values:
		        store(value)
		until = time.monotonic() + 3
		text = values[0]
		while text in values and time.monotonic() < until:
		    with open(sys.argv[1]) as file:
		        text = file.read()
		os.kill(child, signal.SIGKILL)
		os.waitpid(child, 0)
		sys.exit(None if text in values else f"{len(text)} bytes: {text[:20]}...{text[-20:]}")
	END
}

@test "a job's name has letters, digits, dots, underscores and hyphens, up to 64 of them" {
	local name
	repeat n 64
	for name in x A-1_b.c 9 - _ -.- "$REPLY"; do
		mkdir -- "$CONFIG/$name"
		[[ -d $STATE/$name ]] || fail "$name has no state"
		rmdir -- "$CONFIG/$name"
		[[ ! -e $STATE/$name ]] || fail "$name still has state"
	done
}

@test "a job's name with anything else in it is refused" {
	local name
	repeat n 65
	for name in .x 'a b' a:b a! $'a\nb' $'caf\xc3\xa9' $'caf\xe9' $'\xc0' 'a%s' "$REPLY"; do
		run mkdir -- "$CONFIG/$name"
		assert_failure
		[[ ! -e $STATE/$name ]] || fail "$name has state"
	done
}

@test "nothing can be made or linked inside a job" {
	run mkdir "$CONFIG/a/b"
	assert_failure
	run ln -s "$CONFIG/a" "$CONFIG/a/c"
	assert_failure
	run touch "$CONFIG/a/d"
	assert_failure
	[[ -z $(find "$CONFIG/a" -mindepth 1 ! -type f) ]]
}

@test "two jobs cannot have one name" {
	run mkdir "$CONFIG/a"
	assert_failure
	assert_output --partial "File exists"
}

@test "a job cannot be renamed, nor an attribute removed, nor what all jobs are in" {
	set_attr a user before.it
	run mv -T "$CONFIG/a" "$CONFIG/b"
	assert_failure
	run mv "$CONFIG/a/host" "$CONFIG/a/user"
	assert_failure
	run rm -f "$CONFIG/a/user"
	assert_failure
	run rmdir "$CONFIG"
	assert_failure
	assert_attr a user before.it
	[[ -d $STATE/a && ! -e $STATE/b ]]
}

@test "at whatever place a file is read, nothing is there that is not there" {
	local file
	play odd-bytes-in-a-refusal b
	start b
	expect_failed b ENOENT
	for file in "$CONFIG/b/"{host,user,src,dst,port,direction,max_size,sha256} \
		"$STATE/b/"{status,error,reply,peer,bytes}; do
		ask places "$file"
		[[ $REPLY == 0 ]] || fail "$file: $REPLY"
	done
}

@test "at whatever place a file is written, it is all of the value" {
	local place
	for place in 1 5 4095 4096 4294967296 9223372036854775000; do
		set_attr a port 21
		ask place "$CONFIG/a/port" 3232 "$place"
		[[ $REPLY == 0 || $REPLY == E* ]] || fail "at $place: $REPLY"
		[[ $REPLY == 0 ]] || set_attr a port 22
		assert_attr a port 22
	done
}

# What a builtin that uses a descriptor complains of: the errno's name in REPLY, or 0.
through() { # descriptor-use
	REPLY=0
	if ! eval "$1" 2>"$KFTP_DIR/said" <&-; then
		read -r REPLY <"$KFTP_DIR/said"
		REPLY=${REPLY##*: }
		REPLY=${ERRNO_OF[$REPLY]-$REPLY}
	fi
}

@test "what was opened before an rmdir is of no use after it, nor for a new job of that name" {
	local number host status
	local -A fd
	job b deadline_sec=111
	for REPLY in user pass dst start cancel; do
		exec {number}>"$CONFIG/b/$REPLY"
		fd[$REPLY]=$number
	done
	exec {host}<"$CONFIG/b/host" {status}<"$STATE/b/status"
	for _ in 1 2; do
		rmdir "$CONFIG/b"
		for number in "${fd[@]}"; do
			through "printf '1\n' >&$number"
			[[ $REPLY == ENOENT ]] || fail "written to what is gone: $REPLY"
		done
		through "read -r -u $host REPLY"
		[[ $REPLY == ENOENT ]] || fail "read of what is gone: $REPLY"
		through "read -r -u $status REPLY"
		[[ $REPLY == ENODEV ]] || fail "state of what is gone: $REPLY"
		job b deadline_sec=222
	done
	assert_attr b deadline_sec 222
	assert_state b status idle
	assert_state b run 0
	start b
	expect_done b
	for number in "${fd[@]}" "$host" "$status"; do
		exec {number}>&-
	done
}
