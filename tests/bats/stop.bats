#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Whatever a job is doing, it can be stopped within a second.

# Each test is a subshell, and meant to be.
# shellcheck disable=SC2030,SC2031

load kftp

# Frames to it go out, and nobody answers.
SILENT=192.0.2.9

setup_file() {
	ip neigh replace "$SILENT" lladdr 02:00:00:00:00:99 dev "$CLIENT_IF" nud permanent
}

teardown_file() {
	ip neigh del "$SILENT" dev "$CLIENT_IF"
}

teardown() {
	thaw
	[[ -z ${MUTE-} ]] || kill "$MUTE" || :
	if [[ -n ${VANISHED-} ]]; then
		ip -n wire link set dev "$VANISHED" master br0 || :
	fi
	clean_up
	unmount_all
	ip netns del kftp-lone 2>/dev/null || :
}

# An ext4 of its own, at $DIR/mount.
mount_disk() {
	truncate -s 16M "$DIR/image"
	mkfs.ext4 -q "$DIR/image"
	mkdir "$DIR/mount"
	mount -o loop "$DIR/image" "$DIR/mount"
}

freeze() {
	FROZEN=$DIR/mount
	fsfreeze -f "$FROZEN"
}

thaw() {
	[[ -z ${FROZEN-} ]] || fsfreeze -u "$FROZEN" || :
	FROZEN=
}

# Has a process of its own start a job; it is STARTER.
start_beside() { # job
	bash -c "echo 1 >'$CONFIG/$1/start'" 3>&- &
	STARTER=$!
	# Now it waits.
	nap 1
}

# Two jobs in the same phase: one is cancelled and one removed, each within a second, and the server sees both go.
stop_in() { # phase case attribute=value...
	local before phase=$1 case=$2
	shift 2
	printf 'old\n' >"$DIR/a"
	play "$case" a "$@"
	play "$case" b "$@"
	start a b
	wait_state a phase "$phase"
	wait_state b phase "$phase"
	nap 0.2
	assert_state a phase "$phase"

	cancel_at_once a
	assert_state a phase "$phase"
	assert_content "$DIR/a" $'old\n'
	assert_no_part "$DIR/a"

	now
	before=$REPLY
	rmdir "$CONFIG/b"
	now
	((REPLY - before < 1000)) || fail "removed after $((REPLY - before)) ms"
	[[ ! -e $STATE/b ]]
	part_of "$DIR/b"
	while [[ -e $REPLY ]]; do
		now
		((REPLY - before < 2000)) || fail "the temporary file is still there"
		part_of "$DIR/b"
	done
	[[ ! -e $DIR/b ]]
}

# The server has seen both connections end.
both_gone() { # case
	local until=$((SECONDS + 2))
	REPLY=0
	while ((REPLY < 2)); do
		((SECONDS <= until)) || fail "$(printf '%s\n' "${LOG[@]}")"
		server_log "$1"
		count_log 'end: *'
	done
}

@test "cancel and rmdir act while connecting" {
	stop_in connect plain "host=$SILENT"
}

@test "cancel and rmdir act while the greeting is waited for" {
	play stall-greeting c
	start c
	wait_log stall-greeting 'from *'
	cancel_at_once c
	start c
	wait_log stall-greeting 'from *' 2
	assert_state c run 2
	rmdir "$CONFIG/c"
	both_gone stall-greeting
}

@test "cancel and rmdir act while logging in" {
	stop_in login hold-login
	both_gone hold-login
}

@test "cancel and rmdir act while negotiating" {
	stop_in negotiate hold-negotiate
	both_gone hold-negotiate
}

@test "cancel and rmdir act while the server's connection is waited for" {
	stop_in accept hold-accept
	both_gone hold-accept
}

@test "cancel and rmdir act while data are waited for" {
	stop_in transfer hold-transfer
	both_gone hold-transfer
}

@test "cancel and rmdir act while data flow" {
	stop_in transfer steady
}

@test "cancel and rmdir act while data flow as fast as they can, to a disk" {
	local before
	mkdir -p /scratch/kftp-stop
	play flood a dst=/scratch/kftp-stop/a
	play flood b dst=/scratch/kftp-stop/b
	start a b
	wait_state a bytes '[0-9]{8,}'
	wait_state b bytes '[0-9]{8,}'
	now
	before=$REPLY
	cancel a
	expect_cancelled a
	now
	((REPLY - before < 2000)) || fail "cancelled after $((REPLY - before)) ms"
	now
	before=$REPLY
	rmdir "$CONFIG/b"
	now
	((REPLY - before < 1000)) || fail "removed after $((REPLY - before)) ms"
	wait_no_part /scratch/kftp-stop/b
	[[ -z $(ls -A /scratch/kftp-stop) ]]
	rm -r /scratch/kftp-stop
}

@test "cancel and rmdir act while the 226 is waited for" {
	play hold-226 a
	play hold-226 b
	start a b
	wait_state a bytes 4096
	wait_state b bytes 4096
	cancel a
	expect_cancelled a 1
	rmdir "$CONFIG/b"
	both_gone hold-226
	nap 0.2
	assert_no_part "$DIR/a"
	assert_no_part "$DIR/b"
	[[ ! -e $DIR/a && ! -e $DIR/b ]]
}

@test "a server that does not answer QUIT is waited for but a moment, though timeout_sec is long" {
	play stall-quit a
	play stall-quit-of-failure b
	start a b
	expect_done a
	expect_failed b ENOENT
	assert_took a 0 2000
	assert_took b 0 2000
}

@test "timeout and deadline act while connecting" {
	job a "host=$SILENT" timeout_sec=1
	job b "host=$SILENT" timeout_sec=60 deadline_sec=2
	start a b
	expect_failed a ETIMEDOUT
	expect_failed b ETIMEDOUT
	assert_took a 1000 2500
	assert_took b 2000 3500
	assert_state a phase connect
}

@test "the deadline acts in the phases login, negotiate, accept and transfer" {
	local phase
	for phase in login negotiate accept transfer; do
		play hold-$phase $phase deadline_sec=2
		start $phase
	done
	for phase in login negotiate accept transfer; do
		expect_failed $phase ETIMEDOUT
		assert_state $phase phase $phase
		assert_took $phase 2000 4000
	done
}

@test "timeout_sec acts in the phases login, negotiate, accept and transfer" {
	local phase
	for phase in login negotiate accept transfer; do
		play hold-$phase $phase timeout_sec=1
		start $phase
	done
	for phase in login negotiate accept transfer; do
		expect_failed $phase ETIMEDOUT
		assert_state $phase phase $phase
		assert_took $phase 1000 4000
	done
}

@test "rmdir does not wait for a file system that does not answer, nor does a cancelled job publish" {
	local before
	mount_disk
	printf 'old\n' >"$DIR/mount/a"
	play gated-226 a "dst=$DIR/mount/a"
	play gated-226 b "dst=$DIR/mount/b"
	start a b
	wait_state a bytes 4096
	wait_state b bytes 4096
	freeze
	release a
	release b
	wait_state a phase commit
	wait_state b phase commit
	cancel a
	now
	before=$REPLY
	rmdir "$CONFIG/b"
	now
	((REPLY - before < 1000)) || fail "removed after $((REPLY - before)) ms"
	thaw
	expect_cancelled a
	assert_content "$DIR/mount/a" $'old\n'
	wait_no_part "$DIR/mount/a" "$DIR/mount/b"
	[[ ! -e $DIR/mount/b ]]
	rmdir "$CONFIG/a"
	# Its directory is let go of after that.
	nap 0.3
	umount "$DIR/mount"
}

@test "a cancel that waits for a file system which does not answer does not hold up an rmdir, nor other jobs" {
	local before canceller
	mount_disk
	play hold-transfer a
	job b "dst=$DIR/mount/b"
	printf '1\n' >"$MAX_ACTIVE"
	start a
	wait_state a phase transfer
	start b
	freeze
	bash -c "echo 1 >'$CONFIG/b/cancel'" 3>&- &
	canceller=$!
	# Its file is still there, and so it has not ended.
	nap 0.5
	assert_state b status queued
	[[ -e /proc/$canceller ]]
	now
	before=$REPLY
	rmdir "$CONFIG/b"
	mkdir "$CONFIG/c"
	now
	((REPLY - before < 1000)) || fail "removed after $((REPLY - before)) ms"
	wait "$canceller"
	thaw
	wait_no_part "$DIR/mount/b"
	# Its directory is let go of after that.
	nap 0.3
	umount "$DIR/mount"
}

@test "a disk that takes longer than timeout_sec at the end is no stalled server" {
	mount_disk
	play gated-226 a "dst=$DIR/mount/a" timeout_sec=2
	play gated-226 b "dst=$DIR/mount/b" deadline_sec=4
	start a b
	wait_state a bytes 4096
	wait_state b bytes 4096
	freeze
	release a
	release b
	wait_state a phase commit
	wait_state b phase commit
	nap 4.5
	thaw
	expect_done a
	assert_content "$DIR/mount/a" "$PAYLOAD"
	# But the deadline holds, up to the rename.
	expect_failed b ETIMEDOUT
	[[ ! -e $DIR/mount/b ]]
	assert_no_part "$DIR/mount/b"
	umount "$DIR/mount"
}

@test "a job is busy while its start waits for the file system" {
	mount_disk
	job a "dst=$DIR/mount/a"
	freeze
	start_beside a
	assert_state a status idle
	try "$CONFIG/a/src" other
	assert_equal "$REPLY" EBUSY
	try "$CONFIG/a/start" 1
	assert_equal "$REPLY" EBUSY
	thaw
	wait "$STARTER"
	expect_done a
	umount "$DIR/mount"
}

@test "a start on whose way nobody answers can be killed, and does not hold up an rmdir" {
	local before killed=0
	mkdir "$DIR/mount"
	modprobe fuse
	# Whatever the kernel asks of it stays without an answer; it goes with the process.
	python3 - "$DIR/mount" 3>&- <<-'END' &
		import ctypes, os, sys, time
		fd = os.open("/dev/fuse", os.O_RDWR)
		if ctypes.CDLL(None).mount(b"mute", sys.argv[1].encode(), b"fuse", 0,
		                           f"fd={fd},rootmode=40000,user_id=0,group_id=0".encode()):
		    sys.exit("not mounted")
		time.sleep(60)
	END
	MUTE=$!
	until grep -q " $DIR/mount fuse " /proc/mounts; do
		nap 0.1
	done
	job a "dst=$DIR/mount/way/a"
	start_beside a
	kill -KILL "$STARTER"
	now
	before=$REPLY
	# Not killed, it would end with the mute file system, a minute later.
	wait "$STARTER" || killed=$?
	now
	assert_equal "$killed" 137
	((REPLY - before < 1000)) || fail "killed, and there for $((REPLY - before)) ms"
	assert_state a run 0
	start_beside a
	now
	before=$REPLY
	rmdir "$CONFIG/a"
	now
	((REPLY - before < 1000)) || fail "removed after $((REPLY - before)) ms"
}

# bats test_tags=long
@test "jobs cancelled after random delays are done whole or leave nothing" {
	local number round
	for number in {1..12}; do
		if ((number % 2)); then
			job "n$number"
		else
			play plain "n$number"
		fi
	done
	for round in 1 2; do
		for number in {1..12}; do
			start "n$number"
		done
		for number in {1..12}; do
			nap "0.0$((RANDOM % 50 + 10))"
			cancel "n$number"
		done
		for number in {1..12}; do
			wait_end "n$number" 5
			assert_no_part "$DIR/n$number"
			state "n$number" status
			case $REPLY in
			done) [[ -s $DIR/n$number ]] ;;
			cancelled) ((round > 1)) || [[ ! -e $DIR/n$number ]] ;;
			*) fail "$(describe "n$number")" ;;
			esac
		done
	done
}

# bats test_tags=long
@test "jobs removed after random delays leave nothing" {
	local number round
	for round in 1 2 3; do
		for number in {1..6}; do
			play segments-of-one-byte "n$number" "dst=$DIR/$round-$number"
			start "n$number"
		done
		nap "0.0$((RANDOM % 90 + 10))"
		rmdir "$CONFIG"/n*
		[[ ! -e $STATE/n1 && ! -e $STATE/n6 ]]
	done
	nap 1
	for REPLY in "$DIR"/.*.kftp-part; do
		[[ ! -e $REPLY ]] || fail "$REPLY is still there"
	done
}

@test "jobs that are removed the moment they start leave nothing" {
	local number
	for number in {1..10}; do
		job a "dst=$DIR/$number"
		start a
		rmdir "$CONFIG/a"
	done
	nap 1
	for REPLY in "$DIR"/.*.kftp-part; do
		[[ ! -e $REPLY ]] || fail "$REPLY is still there"
	done
}

# Each socket of a job is ended by force, by whoever may: what the job was waiting for is over.
@test "a socket that is killed ends its job within a second" {
	local case
	modprobe -a tcp_diag inet_diag
	for case in hold-login hold-accept hold-transfer; do
		play $case $case
		start $case
	done
	job connecting "host=$SILENT"
	start connecting
	wait_state connecting phase connect
	wait_state hold-login phase login
	wait_state hold-accept phase accept
	wait_state hold-transfer phase transfer
	port_of hold-login
	ss -tK dst "$SERVER4" and dport = ":$REPLY" >/dev/null
	state hold-transfer peer
	ss -tK dst "$SERVER4" and dport = ":${REPLY##*:}" >/dev/null
	ss -tK state listening src "$CLIENT4" >/dev/null
	ss -tK state syn-sent dst "$SILENT" >/dev/null
	for case in connecting hold-login hold-accept hold-transfer; do
		wait_state $case status failed 2
		state $case error
		[[ $REPLY == E@(CONNABORTED|CONNRESET|INVAL) ]] || fail "$(describe $case)"
		assert_no_part "$DIR/$case"
	done
}

# A host that is gone does not say so.
@test "a server's host that vanishes is ETIMEDOUT, whichever way the bytes went, and leaves no socket" {
	local before
	sockets
	before=$REPLY
	play hold-transfer get timeout_sec=2
	play store-hold put direction=put "src=$KFTP_DIR/script/body/large" dst=x timeout_sec=2
	play gated-226 226 timeout_sec=2
	start get put 226
	wait_state get bytes 1024
	wait_state put phase transfer
	wait_state 226 bytes 4096
	ip -n wire link set dev server nomaster
	VANISHED=server
	expect_failed get ETIMEDOUT 6
	expect_failed put ETIMEDOUT 6
	expect_failed 226 ETIMEDOUT 6
	no_more_sockets "$before"
	ip -n wire link set dev server master br0
	VANISHED=
	job a
	start a
	expect_done a
}

@test "a network namespace lives until the run in it ends, and is gone a second after" {
	local until
	# One pair leads to the server; of the other, what is here is gone when the namespace is.
	ip netns add kftp-lone
	ip link add kftp-lone0 netns kftp-lone type veth peer name kftp-lone1 netns "$SERVER_NS"
	ip link add kftp-lone2 netns kftp-lone type veth peer name kftp-canary
	ip -n kftp-lone address add 198.51.100.2/24 dev kftp-lone0
	ip -n kftp-lone link set kftp-lone0 up
	ip -n "$SERVER_NS" address add 198.51.100.1/24 dev kftp-lone1
	ip -n "$SERVER_NS" link set kftp-lone1 up
	play hold-transfer a host=198.51.100.1
	nsenter --net=/run/netns/kftp-lone bash -c "echo 1 >$CONFIG/a/start"
	wait_state a phase transfer
	ip netns del kftp-lone
	nap 1
	assert_state a status running
	[[ -e /sys/class/net/kftp-canary ]]
	cancel a
	expect_cancelled a 1
	until=$((SECONDS + 2))
	while [[ -e /sys/class/net/kftp-canary ]]; do
		((SECONDS <= until)) || fail "the namespace is still there"
		nap 0.05
	done
}

@test "of a network namespace with a peer that has fallen silent nothing is left once that is known" {
	local until
	ip netns add kftp-lone
	ip link add kftp-lone0 netns kftp-lone type veth peer name kftp-lone1 netns "$SERVER_NS"
	ip link add kftp-lone2 netns kftp-lone type veth peer name kftp-canary
	ip -n kftp-lone address add 198.51.100.2/24 dev kftp-lone0
	ip -n kftp-lone link set kftp-lone0 up
	ip -n "$SERVER_NS" address add 198.51.100.1/24 dev kftp-lone1
	ip -n "$SERVER_NS" link set kftp-lone1 up
	# The resets are packets of the namespace, and wait for its neighbour as long as any: for three times this.
	ip netns exec kftp-lone sysctl -qw net.ipv4.neigh.kftp-lone0.retrans_time_ms=100
	play hold-transfer a host=198.51.100.1
	nsenter --net=/run/netns/kftp-lone bash -c "echo 1 >$CONFIG/a/start"
	wait_state a phase transfer
	ip -n "$SERVER_NS" link set kftp-lone1 down
	ip netns del kftp-lone
	cancel_at_once a
	until=$((SECONDS + 2))
	while [[ -e /sys/class/net/kftp-canary ]]; do
		((SECONDS <= until)) || fail "the namespace is still there"
		nap 0.05
	done
}

@test "a network namespace that is removed lets a transfer in it come to its end" {
	ip netns add kftp-lone
	ip link add kftp-lone0 netns kftp-lone type veth peer name kftp-lone1 netns "$SERVER_NS"
	ip -n kftp-lone address add 198.51.100.2/24 dev kftp-lone0
	ip -n kftp-lone link set kftp-lone0 up
	ip -n "$SERVER_NS" address add 198.51.100.1/24 dev kftp-lone1
	ip -n "$SERVER_NS" link set kftp-lone1 up
	play gated a host=198.51.100.1
	nsenter --net=/run/netns/kftp-lone bash -c "echo 1 >$CONFIG/a/start"
	wait_state a phase transfer
	ip netns del kftp-lone
	release a
	expect_done a
}
