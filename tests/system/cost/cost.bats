#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What the command, and a job by hand, cost, in a guest that counts instructions, of which each is a nanosecond: beside
# curl, the running time of all tasks, the kernel's included, but for the server's, for a file of 4 KiB on tmpfs; and the
# command's own where there are many jobs.

load ../../bats/kftp

setup_file() {
	install_tools
}

teardown() {
	clean_up
}

ROUNDS=12

# The running time of all tasks so far but the FTP server's, in microseconds.
running() {
	local name sum=0 ran stat
	# Its sessions have ended, and it has noticed.
	nap 0.5
	while read -r name _ _ _ _ _ _ ran _; do
		[[ $name != cpu* ]] || sum=$((sum + ran))
	done </proc/schedstat
	read -r stat <"/proc/$VSFTPD/stat"
	# shellcheck disable=SC2206
	stat=(${stat##*) })
	# Its own and its children's, in user mode and in the kernel, in hundredths of a second.
	REPLY=$((sum / 1000 - (stat[11] + stat[12] + stat[13] + stat[14]) * 10000))
}

# What a command costs: the least of three goes of ROUNDS of it, for one.
cost() { # command...
	local least=0 before go round
	"$@"
	for go in 1 2 3; do
		running
		before=$REPLY
		for ((round = 0; round < ROUNDS; round++)); do
			"$@"
		done
		running
		REPLY=$(((REPLY - before) / ROUNDS))
		if ((go == 1 || REPLY < least)); then
			least=$REPLY
		fi
	done
	REPLY=$least
}

by_curl() {
	curl -sS -P - -o "$DIR/curl" "ftp://$SERVER4/pub/small"
}

by_kftp() {
	kftp get -q "ftp://$SERVER4/pub/small" "$DIR/kftp"
}

# As a running shell does it, and need not wait for.
by_hand() {
	set +T
	HAND=$((HAND + 1))
	mkdir "$CONFIG/$HAND"
	echo "$SERVER4" >"$CONFIG/$HAND/host"
	echo pub/small >"$CONFIG/$HAND/src"
	echo "$DIR/$HAND" >"$CONFIG/$HAND/dst"
	echo 1 >"$CONFIG/$HAND/start"
}

@test "a get costs at most three times what curl does, and mkdir and echo at most a third" {
	local curl kftp hand HAND=0
	VSFTPD=$(pgrep -o -x vsftpd)
	cost by_curl
	curl=$REPLY
	cost by_kftp
	kftp=$REPLY
	cost by_hand
	hand=$REPLY
	echo "# curl $curl us, kftp get $kftp us, mkdir and echo $hand us" >&3
	cmp "$DIR/curl" "$DIR/kftp"
	for ((; HAND > 0; HAND--)); do
		expect_done "$HAND"
		cmp "$DIR/curl" "$DIR/$HAND"
	done
	((kftp <= 3 * curl)) || fail "$kftp us, and curl $curl us"
	((3 * hand <= curl)) || fail "by hand $hand us, and curl $curl us"
}

# A command takes no more milliseconds, its own and the kernel's for it; what it says is in $DIR/out.
assert_cheap() { # most command...
	local most=$1 user system
	shift
	TIMEFORMAT='%U %S'
	{ time "$@" >"$DIR/out" 2>"$DIR/err"; } 2>"$DIR/time"
	read -r user system <"$DIR/time"
	user=${user/./} system=${system/./}
	REPLY=$((10#$user + 10#$system))
	echo "# ${*##*/}: $REPLY ms" >&3
	[[ ! -s $DIR/err ]] || fail "$(<"$DIR/err")"
	((REPLY <= most)) || fail "$* took $REPLY ms"
}

@test "a thousand jobs are told within 400 ms of CPU" {
	local helper=${KFTP_TESTS%/*}/build/kftp-state
	many_failed 1000
	assert_cheap 200 "$helper" table
	mapfile -t lines <"$DIR/out"
	assert_equal "${#lines[@]}" 1001
	assert_cheap 400 "$helper" json
	assert_cheap 200 "$helper" metrics
}
