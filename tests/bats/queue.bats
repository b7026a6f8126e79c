#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Jobs beyond max_active wait, in the order in which they were started; and a job may run again.

load kftp

# How many of the jobs whose turn has come the kernel gives a worker.
WORKERS=/sys/devices/virtual/workqueue/kftp/max_active

teardown() {
	if [[ -n ${WORKERS_BEFORE-} ]]; then
		printf '%s' "$WORKERS_BEFORE" >"$WORKERS"
	fi
	clean_up
}

# A job that keeps one place until it is released.
occupy() { # name
	play gated "$1"
	start "$1"
	wait_state "$1" phase transfer
}

@test "max_active is 8, and the ninth job waits" {
	local number
	whole "$MAX_ACTIVE"
	assert_equal "$REPLY" $'8\n'
	for number in {1..8}; do
		play hold-accept "n$number"
		start "n$number"
	done
	job n9
	start n9
	for number in {1..8}; do
		wait_state "n$number" phase accept
	done
	assert_state n9 status queued
	assert_state n9 phase none
	assert_state n9 run 1
	cancel n5
	expect_done n9
	assert_state n4 status running
}

@test "jobs run in the order in which they were started" {
	local job line order=
	printf '1\n' >"$MAX_ACTIVE"
	occupy first
	for job in b e a d c; do
		play plain $job
	done
	# As play left it for the last, so for all of them.
	start d a e c b
	assert_state d status queued
	assert_state b status queued
	release first
	for job in b e a d c; do
		expect_done $job
	done
	server_log plain
	for line in "${LOG[@]}"; do
		if [[ $line == '< USER '* ]]; then
			order+=${line#< USER }
		fi
	done
	assert_equal "$order" daecb
}

@test "a queued job's time counts, and its deadline ends it in the queue" {
	printf '1\n' >"$MAX_ACTIVE"
	occupy first
	play plain a deadline_sec=1 timeout_sec=1
	start a
	expect_failed a ETIMEDOUT
	assert_took a 1000 2500
	assert_state first status running
	connections plain
	assert_equal "$REPLY" "${LOG_FROM[plain]}"
}

@test "a deadline in the queue holds also behind those of others that are later" {
	printf '1\n' >"$MAX_ACTIVE"
	occupy first
	job a deadline_sec=3600
	job b deadline_sec=1
	job c deadline_sec=2
	start a b c
	expect_failed b ETIMEDOUT
	assert_took b 1000 2500
	expect_failed c ETIMEDOUT
	assert_took c 2000 3500
	assert_state a status queued
	release first
	expect_done a
}

@test "timeout_sec does not count in the queue" {
	printf '1\n' >"$MAX_ACTIVE"
	occupy first
	job a timeout_sec=1
	start a
	nap 1.5
	assert_state a status queued
	release first
	expect_done a
}

@test "cancel ends a queued job at once" {
	local before
	printf '1\n' >"$MAX_ACTIVE"
	occupy first
	play plain a
	play plain b
	start a b
	now
	before=$REPLY
	cancel a
	expect_cancelled a
	now
	((REPLY - before < 500)) || fail "after $((REPLY - before)) ms"
	assert_state first status running
	assert_no_part "$DIR/a"
	release first
	expect_done b
	server_log plain
	assert_log '< USER a' 0
}

@test "rmdir ends a queued job at once" {
	printf '1\n' >"$MAX_ACTIVE"
	occupy first
	job a
	job b
	start a b
	rmdir "$CONFIG/a"
	[[ ! -e $STATE/a ]]
	assert_no_part "$DIR/a"
	release first
	expect_done b
	[[ ! -e $DIR/a ]]
}

@test "max_active takes 1 to 1024, and buffers_mib 0 to 65536, and nothing else" {
	local pair file before first last low high value
	for pair in "max_active 1 1024 0 1025" "buffers_mib 0 65536 -1 65537"; do
		read -r file first last low high <<<"$pair"
		file=/sys/module/kftp/parameters/$file
		whole "$file"
		before=$REPLY
		for value in "$first" "$last"; do
			try "$file" "$value"
			assert_equal "$REPLY" 0
		done
		for value in "$low" "$high" x '' 4294967297; do
			try "$file" "$value"
			[[ $REPLY == E@(INVAL|RANGE) ]] || fail "$file: $value got $REPLY"
		done
		assert_content "$file" "$last"$'\n'
		printf '%s' "$before" >"$file"
	done
}

# Linux has a share of a work queue's workers for each NUMA node.
# bats test_tags=race
@test "600 jobs run at once, when so many may, wherever they are started" {
	set +T
	local number running=0 jobs=("$CONFIG"/n{1..600})
	printf '600\n' >"$MAX_ACTIVE"
	# Connecting to it takes them for ever: frames go out, and nobody answers.
	ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:99 dev "$CLIENT_IF" nud permanent
	mkdir "${jobs[@]}"
	for number in {1..600}; do
		printf '192.0.2.9\n' >"$CONFIG/n$number/host"
		printf 'x\n' >"$CONFIG/n$number/src"
		printf '%s\n' "$DIR/n$number" >"$CONFIG/n$number/dst"
		printf '1\n' >"$CONFIG/n$number/start"
	done
	wait_state n600 phase connect
	for number in {1..600}; do
		state "n$number" phase
		[[ $REPLY != connect ]] || running=$((running + 1))
	done
	assert_equal "$running" 600
	rmdir "${jobs[@]}"
	ip neigh del 192.0.2.9 dev "$CLIENT_IF"
	wait_no_part "$DIR"/n{1..600}
}

@test "max_active raised lets waiting jobs go" {
	printf '1\n' >"$MAX_ACTIVE"
	occupy first
	job a
	start a
	assert_state a status queued
	printf '2\n' >"$MAX_ACTIVE"
	expect_done a
	assert_state first status running
}

@test "max_active lowered stops nobody who runs" {
	occupy a
	occupy b
	printf '1\n' >"$MAX_ACTIVE"
	job c
	start c
	nap 0.3
	assert_state a status running
	assert_state b status running
	assert_state c status queued
	release a
	expect_done a
	nap 0.3
	assert_state c status queued
	release b
	expect_done b
	expect_done c
}

@test "start is EBUSY while the job runs, and while it waits" {
	printf '1\n' >"$MAX_ACTIVE"
	occupy first
	job a
	start a
	refuse_start EBUSY first
	refuse_start EBUSY a
}

@test "a job that is done, failed or cancelled can be started again" {
	job a
	start a
	expect_done a
	start a
	expect_done a
	assert_state a run 2
	set_attr a src pub/missing
	start a
	expect_failed a ENOENT
	set_attr a src pub/one
	start a
	expect_done a
	assert_state a run 4
	assert_state a bytes 1
	play hold-accept b
	start b
	wait_state b phase accept
	cancel b
	expect_cancelled b
	set_attr b port "$FTP_PORT"
	set_attr b user "$FTP_USER"
	start b
	expect_done b
	assert_state b run 2
}

@test "cancel is a no-op on a job that is idle or has ended" {
	job a
	cancel a
	assert_state a status idle
	start a
	expect_done a
	cancel a
	cancel a
	assert_state a status 'done'
	assert_state a error 0
	assert_state a run 1
	start a
	expect_done a
}

# bats test_tags=long
@test "cancel of a queued job returns when that has ended, though it is started again at once" {
	local others
	printf '1\n' >"$MAX_ACTIVE"
	occupy first
	job a
	taskset -c 1 bash -c "while :; do echo 1; done >'$CONFIG/a/start' 2>/dev/null" 3>&- &
	others=$!
	# Who cancels is slow to see the end.
	taskset -c 0 bash -c "while :; do :; done" 3>&- &
	others+=" $!"
	run -0 timeout -s KILL 30 nice -n 19 taskset -c 0 bash -c "for i in {1..50}; do echo 1 >'$CONFIG/a/cancel'; done"
	# shellcheck disable=SC2086
	kill $others
}

# bats test_tags=long
@test "what is cancelled the moment it is started is queued no more" {
	job a
	python3 - "$CONFIG/a" "$STATE/a/status" <<-'END'
		import os, sys
		start, cancel = (os.open(f"{sys.argv[1]}/{name}", os.O_WRONLY) for name in ("start", "cancel"))
		status = os.open(sys.argv[2], os.O_RDONLY)
		for run in range(300):
		    os.pwrite(start, b"1\n", 0)
		    os.pwrite(cancel, b"1\n", 0)
		    if os.pread(status, 16, 0) == b"queued\n":
		        sys.exit(f"run {run} is queued yet")
		    while os.pread(status, 16, 0) in (b"queued\n", b"running\n"):
		        pass
	END
}

# bats test_tags=long
@test "who cancels beside a start stops it, if only the next time, though it is not its turn" {
	printf '1\n' >"$MAX_ACTIVE"
	occupy first
	job a
	run timeout -s KILL 60 python3 - "$CONFIG/a" "$STATE/a/status" <<-'END'
		import os, sys, time
		start, cancel = (os.open(f"{sys.argv[1]}/{name}", os.O_WRONLY) for name in ("start", "cancel"))
		status = os.open(sys.argv[2], os.O_RDONLY)
		other = os.fork()
		while not other:
		    os.pwrite(cancel, b"1\n", 0)
		try:
		    for run in range(500):
		        os.pwrite(start, b"1\n", 0)
		        until = time.monotonic() + 5
		        while os.pread(status, 16, 0) in (b"queued\n", b"running\n"):
		            if time.monotonic() > until:
		                sys.exit(f"run {run} is still queued")
		finally:
		    os.kill(other, 9)
	END
	assert_success
	assert_state first status running
}

@test "what is stored beside a start is what that goes by, or EBUSY" {
	printf '1\n' >"$MAX_ACTIVE"
	occupy first
	mkdir "$DIR/here"
	job a "dst=$DIR/here/one"
	run timeout -s KILL 60 python3 - "$CONFIG/a" "$DIR/here" <<-'END'
		import os, sys
		start, cancel, dst = (os.open(f"{sys.argv[1]}/{name}", os.O_RDWR if name == "dst" else os.O_WRONLY)
		                      for name in ("start", "cancel", "dst"))
		names = [sys.argv[2] + "/one", sys.argv[2] + "/two"]
		run = 0
		said = set()
		other = os.fork()
		while not other:
		    for name in names:
		        try:
		            os.pwrite(dst, name.encode(), 0)
		        except OSError:
		            pass
		try:
		    # And until both were seen to get in.
		    while run < 100 or said != set(names):
		        run += 1
		        os.pwrite(start, b"1\n", 0)
		        goes = [name for name in os.listdir(sys.argv[2]) if name.endswith(".kftp-part")]
		        with open(f"{sys.argv[1]}/dst") as file:
		            says = file.read().strip()
		        os.pwrite(cancel, b"1\n", 0)
		        if goes != [f".{os.path.basename(says)}.kftp-part"]:
		            sys.exit(f"run {run} goes to {goes}, and dst is {says}")
		        said.add(says)
		finally:
		    os.kill(other, 9)
	END
	assert_success
	assert_state first status running
}

@test "a run is not cancelled by what was said before it" {
	play plain a
	for _ in 1 2 3; do
		cancel a
		start a
		expect_done a
	done
}

# bats test_tags=long
@test "100 jobs at once bring 100 files, each one whole" {
	local number names=()
	for number in {1..100}; do
		names+=("$CONFIG/n$number")
	done
	mkdir "${names[@]}"
	printf '100\n' >"$MAX_ACTIVE"
	for number in {1..100}; do
		set_attr "n$number" host "$SERVER4"
		set_attr "n$number" src pub/small
		set_attr "n$number" dst "$DIR/n$number"
		set_attr "n$number" timeout_sec 120
	done
	for number in {1..100}; do
		start "n$number"
	done
	whole "$FTP_ROOT/pub/small"
	local small=$REPLY
	for number in {1..100}; do
		expect_done "n$number" 120
		if [[ -n $small ]]; then
			whole "$DIR/n$number"
			[[ $REPLY == "$small" ]] || fail "n$number has other bytes"
		fi
		assert_no_part "$DIR/n$number"
	done
}

@test "12 jobs share one destination's directory and 8 places, and all are done" {
	local number
	for number in {1..12}; do
		job "n$number" src=pub/one
		start "n$number"
	done
	for number in {1..12}; do
		expect_done "n$number" 60
		[[ -s $DIR/n$number ]]
	done
}

# bats test_tags=race
@test "of many starts at the same moment one is taken, and of as many cancels all" {
	local round
	play hold-transfer a
	for round in {1..8}; do
		ask race "$CONFIG/a/start" 310a 12
		assert_equal "$REPLY" "0 1, EBUSY 11"
		assert_state a run "$round"
		ask race "$CONFIG/a/cancel" 310a 12
		assert_equal "$REPLY" "0 12"
		expect_cancelled a 2
		assert_no_part "$DIR/a"
	done
}

@test "a job whose turn has come, but not its worker, is stopped within a second, or by its deadline" {
	local before
	# As few workers as when there is no memory for more.
	whole "$WORKERS"
	WORKERS_BEFORE=$REPLY
	printf '1\n' >"$WORKERS"
	play hold-transfer a
	job b
	job c
	job e deadline_sec=1
	start a
	wait_state a phase transfer
	start b c e
	nap 0.3
	assert_state b status queued
	assert_state c status queued
	assert_state e status queued
	expect_failed e ETIMEDOUT 3
	now
	before=$REPLY
	cancel b
	rmdir "$CONFIG/c"
	expect_cancelled b 1
	now
	((REPLY - before < 1000)) || fail "stopped after $((REPLY - before)) ms"
	wait_no_part "$DIR/b" "$DIR/c"
	assert_state a status running
	job d
	start d
	cancel a
	expect_done d
}
