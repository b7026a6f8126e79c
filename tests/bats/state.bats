#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What /sys/class/kftp/<job> says, and how one learns that it changed.

load kftp

teardown() {
	clean_up
}

@test "a new job's state is exactly the documented files, readable by all but for reply" {
	local line seen=
	job a
	run -0 stat -L -c '%A %U %n' "$STATE"/a/*
	for line in "${lines[@]}"; do
		case ${line##*/} in
		# What every device of a class has.
		device | power | subsystem | uevent | waiting_for_supplier) ;;
		*) seen+="${line%% *} ${line##*/}"$'\n' ;;
		esac
	done
	assert_equal "$seen" '-r--r--r-- attempts
-r--r--r-- bytes
-r--r--r-- elapsed_ms
-r--r--r-- error
-r--r--r-- io
-r--r--r-- peer
-r--r--r-- phase
-r-------- reply
-r--r--r-- reply_code
-r--r--r-- resumed
-r--r--r-- run
-r--r--r-- sha256
-r--r--r-- size
-r--r--r-- status
'
}

@test "a new job is idle" {
	local pair
	job a
	for pair in status=idle phase=none bytes=0 size=-1 error=0 reply_code=0 reply= peer= run=0 elapsed_ms=0 \
		resumed=0 io=none attempts=0 sha256=; do
		whole "$STATE/a/${pair%%=*}"
		[[ $REPLY == "${pair#*=}"$'\n' ]] || fail "${pair%%=*} is '$REPLY'"
	done
}

@test "no state file can be written" {
	local file
	job a
	for file in status phase bytes size error reply_code reply peer run elapsed_ms resumed io attempts sha256; do
		try "$STATE/a/$file" 1
		[[ $REPLY != 0 ]] || fail "$file was written"
	done
}

@test "the state goes with the job, and the name is free at once" {
	local round
	for round in 1 2 3 4 5; do
		mkdir "$CONFIG/a"
		[[ -d $STATE/a ]]
		rmdir "$CONFIG/a"
		[[ ! -e $STATE/a ]] || fail "round $round: the state is still there"
	done
}

@test "the name is free at once though the old job was running" {
	local round
	for round in 1 2 3; do
		play hold-transfer a "dst=$DIR/$round"
		start a
		wait_state a phase transfer
		rmdir "$CONFIG/a"
		[[ ! -e $STATE/a ]] || fail "round $round: the state is still there"
	done
	job a "dst=$DIR/1"
	assert_state a status idle
	assert_state a run 0
	start a
	expect_done a
}

@test "a finished job tells its whole story" {
	job a
	start a
	expect_done a
	assert_state a phase commit
	assert_state a bytes 4096
	assert_state a size 4096
	assert_state a error 0
	assert_state a reply_code 226
	assert_state a run 1
	state a reply
	[[ -n $REPLY && $REPLY != 226* ]] || fail "reply is '$REPLY'"
	state a peer
	[[ $REPLY =~ ^${SERVER4//./\\.}:[0-9]+$ ]] || fail "peer is '$REPLY'"
	assert_took a 1 30000
}

@test "peer of an IPv6 transfer has brackets" {
	job a "host=$SERVER6"
	start a
	expect_done a
	state a peer
	[[ $REPLY == "[$SERVER6]:"+([0-9]) ]] || fail "peer is '$REPLY'"
}

@test "a failed job tells why, and what the server said" {
	job a src=pub/missing
	start a
	expect_failed a ENOENT
	assert_state a reply_code 550
	assert_state a reply 'Failed to open file.'
	assert_state a bytes 0
	assert_state a peer ''
}

@test "a job that could not connect has no reply" {
	job a port=9
	start a
	expect_failed a ECONNREFUSED
	assert_state a phase connect
	assert_state a reply_code 0
	assert_state a reply ''
}

@test "reply and reply_code are of the failing reply, not of the QUIT after it" {
	play retr-451 a
	start a
	expect_failed a EAGAIN
	assert_state a reply_code 451
	assert_state a reply no
	wait_log retr-451 '> 221 bye'
	assert_state a reply_code 451
}

@test "reply_code of a finished job is of the 226, not of the QUIT after it" {
	play plain a
	start a
	expect_done a
	assert_state a reply_code 226
	assert_state a reply 'all sent'
}

@test "the state says running, with the phase, the size and the peer, while it runs" {
	play hold-transfer a
	start a
	wait_state a phase transfer
	assert_state a status running
	assert_state a size 4096
	assert_state a error 0
	assert_state a run 1
	wait_state a bytes 1024
	state a peer
	[[ $REPLY == "$SERVER4":+([0-9]) ]] || fail "peer is '$REPLY'"
}

@test "bytes moves at least once a second while they flow" {
	local before round
	play steady a
	start a
	wait_state a bytes '[1-9][0-9]*'
	for round in 1 2 3; do
		state a bytes
		before=$REPLY
		nap 1
		state a bytes
		((REPLY > before)) || fail "round $round: still $before bytes after a second"
	done
	assert_state a size 65536000
}

@test "elapsed_ms runs with the job, and stops with it" {
	local before
	play hold-accept a
	start a
	wait_state a phase accept
	state a elapsed_ms
	before=$REPLY
	nap 0.5
	state a elapsed_ms
	((REPLY >= before + 400 && REPLY < before + 3000)) || fail "$before, and half a second later $REPLY"
	cancel a
	expect_cancelled a
	state a elapsed_ms
	before=$REPLY
	nap 0.3
	assert_state a elapsed_ms "$before"
}

@test "each start is a new run, with everything reset" {
	play hold-accept a "dst=$DIR/a"
	start a
	wait_state a phase accept
	cancel a
	expect_cancelled a
	set_attr a port "$FTP_PORT"
	set_attr a user "$FTP_USER"
	start a
	expect_done a
	assert_state a run 2
	assert_state a bytes 4096
	set_attr a src pub/missing
	start a
	expect_failed a ENOENT
	assert_state a run 3
	assert_state a bytes 0
	assert_state a io none
	assert_state a size -1
	assert_state a peer ''
	# And nothing of the failure is left when the next has only begun.
	port_of stall-greeting
	set_attr a port "$REPLY"
	start a
	assert_state a run 4
	assert_state a error 0
	assert_state a reply_code 0
	assert_state a reply ''
	assert_state a bytes 0
	state a status
	[[ $REPLY == running || $REPLY == queued ]] || fail "status is $REPLY"
}

@test "poll wakes when status changes" {
	play gated a
	ask arm "$STATE/a/status"
	assert_equal "$REPLY" idle
	ask poll 0.2
	assert_equal "$REPLY" "quiet idle"
	request poll 10
	# Now it sleeps.
	nap 0.3
	start a
	answer
	[[ $REPLY == "woken "@(queued|running) ]] || fail "$REPLY"
	wait_state a phase transfer
	release a
	while [[ $REPLY != *done ]]; do
		ask poll 10
		[[ $REPLY == woken* ]] || fail "$REPLY: $(describe a)"
	done
	# What it was told of before may wake it once more.
	ask poll 0.2
	[[ $REPLY == quiet* ]] || ask poll 0.2
	assert_equal "$REPLY" "quiet done"
	ask drop
}

@test "poll wakes when a queued job's turn comes" {
	printf '1\n' >"$MAX_ACTIVE"
	play hold-accept first
	play hold-transfer a
	start first a
	ask arm "$STATE/a/status"
	assert_equal "$REPLY" queued
	request poll 10
	nap 0.3
	cancel first
	answer
	assert_equal "$REPLY" "woken running"
	ask drop
}

@test "select shows status's change as an exceptional condition" {
	play hold-accept a
	ask arm "$STATE/a/status"
	ask select 0.1
	assert_equal "$REPLY" "quiet idle"
	start a
	wait_state a phase accept
	ask select 10
	assert_equal "$REPLY" "woken running"
	request select 10
	nap 0.3
	cancel a
	answer
	assert_equal "$REPLY" "woken cancelled"
	ask drop
}

@test "poll wakes when the job is removed, and the file says ENODEV" {
	job a
	ask arm "$STATE/a/status"
	request poll 10
	nap 0.3
	rmdir "$CONFIG/a"
	answer
	assert_equal "$REPLY" "woken ENODEV"
	ask drop
}

# bats test_tags=race
@test "who polls again and again is told of a removal each time" {
	run timeout -s KILL 60 python3 - "$CONFIG/a" "$STATE/a/status" <<-'END'
		import errno, os, select, sys, threading
		for round in range(100):
		    os.mkdir(sys.argv[1])
		    status = os.open(sys.argv[2], os.O_RDONLY)
		    poller = select.poll()
		    poller.register(status, select.POLLPRI)
		    removal = threading.Thread(target=os.rmdir, args=(sys.argv[1],))
		    try:
		        while True:
		            if os.pread(status, 16, 0) != b"idle\n":
		                sys.exit(f"round {round}: not idle")
		            if not removal.ident:
		                removal.start()
		            if not poller.poll(10000):
		                sys.exit(f"round {round}: not told")
		    except OSError as error:
		        if error.errno != errno.ENODEV:
		            raise
		    removal.join()
		    os.close(status)
	END
	assert_success
}

@test "poll wakes when a running job is removed" {
	play hold-accept a
	start a
	wait_state a phase accept
	ask arm "$STATE/a/status"
	assert_equal "$REPLY" running
	request poll 10
	nap 0.3
	rmdir "$CONFIG/a"
	answer
	# It may be seen to end before it is seen to go.
	if [[ $REPLY == "woken cancelled" ]]; then
		ask poll 10
	fi
	assert_equal "$REPLY" "woken ENODEV"
	ask drop
}

@test "a uevent tells that a run was queued, and one that it ended" {
	printf '1\n' >"$MAX_ACTIVE"
	play hold-accept first
	start first
	wait_state first phase accept
	job a
	ask listen
	start a
	ask heard 5 a 1
	assert_equal "$REPLY" "change queued 0 0 1"
	rmdir "$CONFIG/first"
	ask heard 20 a 2
	assert_equal "$REPLY" "change queued 0 0 1; change done 0 4096 1"
	ask heard 0.3 a 3
	assert_equal "$REPLY" "change queued 0 0 1; change done 0 4096 1"
	ask deaf
}

@test "a uevent tells of a failure and of a cancel" {
	job a src=pub/missing
	play hold-accept b
	ask listen
	start a
	ask heard 20 a 2
	[[ $REPLY == "change "@(queued|running)" 0 0 1; change failed ENOENT 0 1" ]] || fail "$REPLY"
	start b
	wait_state b phase accept
	cancel b
	ask heard 20 b 2
	[[ $REPLY == "change "@(queued|running)" 0 0 1; change cancelled ECANCELED 0 1" ]] || fail "$REPLY"
	ask deaf
}

@test "a uevent asked for by hand tells the same, as udevadm trigger does" {
	job a
	start a
	expect_done a
	ask listen
	try "$STATE/a/uevent" change
	assert_equal "$REPLY" 0
	ask heard 5 a 1
	assert_equal "$REPLY" "change done 0 4096 1"
	ask deaf
}

@test "uevents tell that a job was made and removed" {
	ask listen
	mkdir "$CONFIG/a"
	ask heard 5 a 1
	[[ $REPLY == "add "* ]] || fail "$REPLY"
	rmdir "$CONFIG/a"
	ask heard 5 a 2
	[[ $REPLY == *"; remove "* ]] || fail "$REPLY"
	ask deaf
}

@test "no uevent follows a job's removal, though its run ends after that" {
	play hold-accept a
	start a
	wait_state a phase accept
	ask listen
	rmdir "$CONFIG/a"
	ask heard 1 a 9
	[[ $REPLY == "remove "* && $REPLY != *";"* ]] || fail "$REPLY"
	ask deaf
}

# bats test_tags=long
@test "no uevent follows a job's removal, though its run ends at that moment" {
	local round
	ask listen
	port_of plain
	run timeout -s KILL 60 python3 - "$CONFIG" "$STATE" "$DIR" "$SERVER4" "$REPLY" <<-'END'
		import os, sys, time
		config, state, directory, host, port = sys.argv[1:]

		def put(path, text):
		    with open(path, "w") as file:
		        file.write(text)

		took = 0
		for round in range(60):
		    job = f"{config}/a{round}"
		    os.mkdir(job)
		    for name, value in (("host", host), ("port", port), ("src", "x"), ("dst", f"{directory}/a{round}")):
		        put(f"{job}/{name}", value)
		    status = os.open(f"{state}/a{round}/status", os.O_RDONLY)
		    began = time.monotonic()
		    put(f"{job}/start", "1")
		    if not round % 10:
		        while os.pread(status, 16, 0) in (b"queued\n", b"running\n"):
		            pass
		        took = time.monotonic() - began
		    else:
		        time.sleep(max(0, took * (60 + round) / 120 - (time.monotonic() - began)))
		    os.rmdir(job)
	END
	assert_success
	# What comes late has a second.
	ask heard 1 none 1
	for round in {0..59}; do
		ask heard 0 "a$round" 9
		[[ $REPLY == "add "*"; remove "* && ${REPLY##*; } == "remove "* ]] || fail "$REPLY"
	done
	ask deaf
}

@test "the uevent file of the device shows the same variables" {
	job a
	whole "$STATE/a/uevent"
	[[ $REPLY == *KFTP_STATUS=idle$'\n'* && $REPLY == *KFTP_RUN=0$'\n'* ]] || fail "$REPLY"
	[[ $REPLY == *KFTP_ERROR=0$'\n'* && $REPLY == *KFTP_BYTES=0$'\n'* ]] || fail "$REPLY"
}

@test "the log's line tells journald whose it is" {
	local until=$((SECONDS + 10)) conf=/run/systemd/journald.conf.d/kmsg.conf
	# tests/guest/suites has it read nothing of the kernel's.
	rm -f "$conf"
	systemctl restart systemd-journald
	job whose
	start whose
	expect_done whose
	while :; do
		run journalctl -k -o cat _KERNEL_SUBSYSTEM=kftp _KERNEL_DEVICE=+kftp:whose
		[[ $output != 'kftp: whose: done, 4096 bytes in '* ]] || break
		((SECONDS < until)) || fail "$output"
		nap 0.2
	done
}
