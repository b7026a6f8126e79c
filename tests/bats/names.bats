#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Names are resolved by the host's resolver, and literals never ask it.

load kftp

teardown() {
	wake_dns
	clean_up
}

# The DNS server answers nothing until it is woken; what it is asked meanwhile is answered then.
stop_dns() {
	DNS_STOPPED=1
	kill -STOP "$(dns_pid)"
}

wake_dns() {
	if [[ -n ${DNS_STOPPED-} ]]; then
		kill -CONT "$(dns_pid)"
		DNS_STOPPED=
	fi
}

dns_pid() {
	local pid name
	for pid in /proc/[0-9]*; do
		{ read -r name <"$pid/comm"; } 2>/dev/null || continue
		if [[ $name == dnsmasq ]]; then
			printf '%s' "${pid#/proc/}"
			return
		fi
	done
	return 1
}

fetch_from() { # host
	job a "host=$1"
	start a
	expect_done a
	cmp "$FTP_ROOT/pub/small" "$DIR/a"
}

@test "a name with both kinds of address is reached" {
	fetch_from ftp.kftp.test
}

@test "a name with an IPv4 address is reached over IPv4" {
	fetch_from v4.kftp.test
	state a peer
	[[ $REPLY == "$SERVER4":* ]] || fail "peer is $REPLY"
}

@test "a name with an IPv6 address is reached over IPv6" {
	fetch_from v6.kftp.test
	state a peer
	[[ $REPLY == "[$SERVER6]":* ]] || fail "peer is $REPLY"
}

@test "a name that is an alias is reached" {
	fetch_from cname.kftp.test
}

@test "a name of /etc/hosts is reached" {
	fetch_from hosts.kftp.test
}

@test "the next address is tried when one is dead" {
	fetch_from multi.kftp.test
	state a peer
	[[ $REPLY == "$SERVER4":* ]] || fail "peer is $REPLY"
}

@test "an address that cannot be used here hides no reason to try again" {
	job a host=mixed.kftp.test port=1 retries=1 retry_delay_sec=1
	start a
	expect_failed a ECONNREFUSED
	assert_state a attempts 2
}

# bats test_tags=long
@test "each address has its share of the time, and a server that is there has all of it again" {
	# Frames to it go out, and nobody answers.
	ip neigh replace "$UNUSED4" lladdr 02:00:00:00:00:99 dev "$CLIENT_IF" nud permanent
	play late-greeting a host=multi.kftp.test timeout_sec=4
	start a
	wait_end a
	ip neigh del "$UNUSED4" dev "$CLIENT_IF"
	expect_done a
	assert_took a 5000 9000
}

@test "a name with more addresses than are tried is EHOSTUNREACH when nobody is at any of them" {
	job a host=many.kftp.test
	start a
	expect_failed a EHOSTUNREACH
	assert_state a phase connect
}

@test "a name that nobody knows is EHOSTUNREACH, and so it is again" {
	job a host=nosuch.kftp.test
	start a
	expect_failed a EHOSTUNREACH
	assert_state a phase resolve
	start a
	expect_failed a EHOSTUNREACH
	assert_state a run 2
}

@test "a name is EOPNOTSUPP from another network namespace, a literal is not" {
	job a host=v4.kftp.test
	run nsenter --net="/run/netns/$THIRD_NS" bash -c "echo 1 >$CONFIG/a/start"
	assert_failure
	assert_output --partial "Operation not supported"
	assert_state a run 0
	set_attr a host "$SERVER4"
	nsenter --net="/run/netns/$THIRD_NS" bash -c "echo 1 >$CONFIG/a/start"
	expect_done a
}

@test "a literal never asks the resolver" {
	job a
	job b "host=$SERVER6"
	stop_dns
	start a b
	expect_done a 10
	expect_done b 10
}

@test "a resolver that does not answer is ETIMEDOUT, in the phase resolve" {
	job a host=slow1.kftp.test timeout_sec=1
	job b host=slow2.kftp.test timeout_sec=60 deadline_sec=2
	stop_dns
	start a b
	expect_failed a ETIMEDOUT
	expect_failed b ETIMEDOUT
	assert_state a phase resolve
	assert_state b phase resolve
	assert_took a 1000 2000
	assert_took b 2000 3000
}

@test "a job is cancelled within a second while the resolver does not answer" {
	job a host=slow3.kftp.test
	stop_dns
	start a
	wait_state a phase resolve
	cancel_at_once a
	assert_state a phase resolve
}

@test "a job is removed within a second while the resolver does not answer, and its name may be used again" {
	local before
	job a host=slow4.kftp.test
	stop_dns
	start a
	wait_state a phase resolve
	now
	before=$REPLY
	rmdir "$CONFIG/a"
	now
	((REPLY - before < 1000)) || fail "removed after $((REPLY - before)) ms"
	job a
	start a
	expect_done a
}

# bats test_tags=long
# How many objects there are of those that kmalloc() makes. Where the kernel checks them, as here, it knows exactly.
objects() {
	local name count sum=0
	sync
	printf '2\n' >/proc/sys/vm/drop_caches
	nap 1
	while read -r name count _; do
		[[ $name != kmalloc-* ]] || sum=$((sum + count))
	done </proc/slabinfo
	REPLY=$sum
}

# Runs 50 jobs as many times, the N in whose host's name is each one's number.
run_many() { # times host attribute=value...
	local number time pair jobs=()
	for number in {1..50}; do
		[[ -d $CONFIG/m$number ]] || job "m$number"
		for pair in "host=${2//N/$number}" "${@:3}"; do
			set_attr "m$number" "${pair%%=*}" "${pair#*=}"
		done
		jobs+=("m$number")
	done
	for ((time = 0; time < $1; time++)); do
		start "${jobs[@]}"
		for number in "${jobs[@]}"; do
			wait_end "$number" 20
		done
	done
}

# bats test_tags=long
@test "nothing stays in memory of names, those that were answered and those that were not" {
	local before
	# What is kept from the first time on is no matter.
	run_many 6 v4.kftp.test port=9
	objects
	before=$REPLY
	run_many 6 v4.kftp.test
	objects
	echo "# $((REPLY - before)) objects more" >&3
	((REPLY - before < 150)) || fail "$((REPLY - before)) objects more after 300 answers"
	# Most wait behind those that are being asked for.
	printf '64\n' >"$MAX_ACTIVE"
	stop_dns
	run_many 3 slow-N.kftp.test timeout_sec=1
	wake_dns
	nap 2
	objects
	before=$REPLY
	stop_dns
	run_many 6 slow-N.kftp.test
	wake_dns
	nap 2
	objects
	echo "# $((REPLY - before)) objects more" >&3
	((REPLY - before < 100)) || fail "$((REPLY - before)) objects more after 300 names without an answer"
}

@test "many jobs left behind by a resolver that does not answer do no harm" {
	local number jobs=()
	for number in {1..24}; do
		job "n$number" "host=slow-$number.kftp.test" timeout_sec=2
		jobs+=("n$number")
	done
	printf '24\n' >"$MAX_ACTIVE"
	stop_dns
	start "${jobs[@]}"
	nap 1
	for number in {1..12}; do
		cancel "n$number"
	done
	# Some may be refused as too many; none may stay.
	for number in {1..24}; do
		wait_end "n$number" 10
		[[ $REPLY == cancelled || $REPLY == failed ]] || fail "$(describe "n$number")"
	done
	wake_dns
	job a
	start a
	expect_done a
}
