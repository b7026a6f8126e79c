#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What a job costs in memory, while it waits and while it runs.

load kftp

# Where the large disk is.
SPACE=/scratch/memory

setup() {
	mkdir -p "$SPACE/mount"
}

teardown() {
	fsfreeze --unfreeze "$SPACE/mount" 2>/dev/null || :
	clean_up
	umount "$SPACE/mount" 2>/dev/null || :
	rm -rf "$SPACE"
}

# All slab, in KiB, without what nobody uses and when nothing is on its way to be freed.
slab() {
	local line
	sync
	nap 1
	printf '2\n' >/proc/sys/vm/drop_caches
	nap 1
	while read -r line; do
		if [[ $line == Slab:* ]]; then
			line=${line#Slab:}
			REPLY=${line%kB}
		fi
	done </proc/meminfo
}

make_queued() { # name...
	local job
	mkdir "${@/#/$CONFIG/}"
	for job; do
		printf '%s\n' "$SERVER4" >"$CONFIG/$job/host"
		printf 'pub/small\n' >"$CONFIG/$job/src"
		printf '%s\n' "$SPACE/$job" >"$CONFIG/$job/dst"
		printf '1\n' >"$CONFIG/$job/start"
	done
}

# bats test_tags=long
@test "1000 queued jobs take at most 24 KiB of slab each, and give it back" {
	set +T
	local before with
	printf '1\n' >"$MAX_ACTIVE"
	play hold-accept first
	start first
	wait_state first phase accept
	# What the first ones leave in caches is not a job's.
	make_queued w{1..100}
	rmdir "$CONFIG"/w*
	slab
	before=$REPLY
	make_queued q{1..1000}
	slab
	with=$REPLY
	assert_state q1000 status queued
	echo "# $(((with - before) / 1000)) KiB a queued job" >&3
	((with - before <= 24 * 1000)) || fail "$((with - before)) KiB for 1000 queued jobs"
	rmdir "$CONFIG"/q*
	# rmdir does not wait for what each has to put away.
	wait_no_part "$SPACE"/q{1..1000}
	nap 1
	slab
	((REPLY - before <= 4 * 1000)) || fail "$((REPLY - before)) KiB are left of 1000 jobs"
}

# What a run has at most besides: 16 pages of its own, 512 KiB by reference, and 16 KiB of its own structures.
# bats test_tags=long
@test "a job whose disk stands still keeps at most 1.5 MiB" {
	local before rest
	truncate -s 256M "$SPACE/image"
	mkfs.ext4 -q -F "$SPACE/image"
	mount -o loop "$SPACE/image" "$SPACE/mount"
	job a src=pub/big "dst=$SPACE/mount/a"
	start a
	wait_state a phase transfer
	fsfreeze --freeze "$SPACE/mount"
	# The server sends until nobody takes it any more.
	nap 2
	state a bytes
	before=$REPLY
	nap 1
	assert_state a bytes "$before"
	((before < 104857600)) || fail "all came before the disk stood still"
	rest=$(ss -tmnH state established src "$CLIENT4" dst "$SERVER4" dport = :20)
	[[ $rest =~ skmem:\(r([0-9]+),rb([0-9]+), ]] || fail "no data connection: $rest"
	echo "# $((BASH_REMATCH[1] / 1024)) KiB in the socket" >&3
	((BASH_REMATCH[1] <= 896 * 1024)) || fail "$((BASH_REMATCH[1] / 1024)) KiB in the socket"
	((BASH_REMATCH[2] <= 768 * 1024)) || fail "up to $((BASH_REMATCH[2] / 1024)) KiB in the socket"
	fsfreeze --unfreeze "$SPACE/mount"
	expect_done a 60
	cmp "$SPACE/mount/a" "$FTP_ROOT/pub/big"
}

# Of a job's connections that the filter lets through: how much room each has for what it receives into ROOM, and what
# the fullest has in it.
received() { # ss-filter...
	local line most=0
	ROOM=()
	while read -r line; do
		[[ $line =~ skmem:\(r([0-9]+),rb([0-9]+), ]] || continue
		((BASH_REMATCH[1] <= most)) || most=${BASH_REMATCH[1]}
		ROOM+=("${BASH_REMATCH[2]}")
	done < <(ss -tmnH state established src "$CLIENT4" dst "$SERVER4" "$@")
	REPLY=$most
}

@test "what a server says while nobody listens takes little, and so does what it sends during a put" {
	local room port before=0 try
	cp "$KFTP_DIR/script/body/large" "$DIR/large"
	play babble a
	play store-hold b direction=put "src=$DIR/large" dst=b
	start a b
	wait_state a phase transfer
	wait_state b bytes '[1-9][0-9]{5,}'
	port_of babble
	port=$REPLY
	# Until no more comes.
	for ((try = 0; try < 20; try++)); do
		nap 2
		received "dport = :$port"
		((REPLY <= 32 * 1024 || REPLY > before)) || break
		before=$REPLY
	done
	((REPLY > 32 * 1024)) || fail "only $REPLY bytes came of what it says"
	((REPLY <= 256 * 1024)) || fail "$((REPLY / 1024)) KiB of what it says"
	port_of store-hold
	received "not dport = :$REPLY and not dport = :$port"
	# Those of the get, whose data are to come in its own pace, and of the put.
	assert_equal "${#ROOM[@]}" 2
	for room in "${ROOM[@]}"; do
		((room <= 128 * 1024 || room == 768 * 1024)) || fail "room for ${ROOM[*]} bytes"
	done
	[[ ${ROOM[*]} == *$((128 * 1024))* ]] || fail "room for ${ROOM[*]} bytes"
}
