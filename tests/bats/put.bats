#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Files that go to a server: put, and append to what is there.

# Each test is a subshell, and meant to be.
# shellcheck disable=SC2030,SC2031

load kftp

SPACE=/scratch/kftp-put
# The user's own directory at the real servers.
THERE=$FTP_HOME/up

setup_file() {
	local size
	mkdir -p "$SPACE" "$THERE"
	chown "$FTP_USER:" "$THERE"
	for size in 0 1 4095 4096 65537 1048579; do
		head -c "$size" "$FTP_ROOT/pub/big" >"$SPACE/$size"
	done
	ln "$KFTP_DIR/script/body/large" "$SPACE/large" 2>/dev/null || cp "$KFTP_DIR/script/body/large" "$SPACE/large"
	# Not younger than what has come of it.
	touch -d '2020-01-01' "$SPACE"/*
}

teardown_file() {
	rm -rf "$SPACE" "$THERE"
}

setup() {
	mkdir -p "$DIR/mount"
}

teardown() {
	tc qdisc del dev "$CLIENT_IF" root 2>/dev/null || :
	clean_up
	unmount_all
	rm -rf "${THERE:?}"/* "$KFTP_DIR"/script/store/* "$KFTP_DIR"/script/go/*
}

# A job that puts a file to vsftpd.
put() { # name attribute=value...
	job "$1" direction=put "src=$SPACE/4096" "dst=up/$1" "${@:2}"
}

# A job that puts a file to a case of the scripted server.
store() { # case name attribute=value...
	play "$1" "$2" direction=put "src=$SPACE/1048579" "dst=up/$2" "${@:3}"
}

# What the scripted server has of a user.
stored() { # user
	REPLY=$KFTP_DIR/script/store/$1
}

# Files of all sizes, one job each, beside each other.
put_all() { # attribute=value...
	local size
	for size in 0 1 4095 4096 65537 1048579; do
		put "n$size" "src=$SPACE/$size" "$@"
		start "n$size"
	done
	for size in 0 1 4095 4096 65537 1048579; do
		expect_done "n$size"
		assert_state "n$size" bytes "$size"
		assert_state "n$size" size "$size"
		assert_state "n$size" resumed 0
		assert_state "n$size" io splice
		same "$SPACE/$size" "$THERE/n$size"
	done
}

@test "files of 0 bytes to 1 MiB + 3 come whole to vsftpd" {
	put_all
	assert_state n4096 reply_code 226
	state n4096 peer
	[[ $REPLY == "$SERVER4":20 ]] || fail "peer is $REPLY"
}

@test "files of 0 bytes to 1 MiB + 3 come whole to vsftpd over IPv6" {
	put_all "host=$SERVER6"
}

# pyftpdlib forgets a client now and then when there are many at once.
@test "files of 0 bytes to 1 MiB + 3 come whole to pyftpdlib" {
	printf '1\n' >"$MAX_ACTIVE"
	put_all "port=$PYFTP_PORT"
}

@test "files of 0 bytes to 1 MiB + 3 come whole to pyftpdlib over IPv6" {
	printf '1\n' >"$MAX_ACTIVE"
	put_all "port=$PYFTP_PORT" "host=$SERVER6"
}

# bats test_tags=long
@test "a file of 100 MiB comes whole to vsftpd over IPv4, and to pyftpdlib over IPv6" {
	put a "src=$FTP_ROOT/pub/big"
	put b "src=$FTP_ROOT/pub/big" "port=$PYFTP_PORT" "host=$SERVER6"
	start a b
	expect_done a 120
	expect_done b 120
	same "$FTP_ROOT/pub/big" "$THERE/a"
	same "$FTP_ROOT/pub/big" "$THERE/b"
}

@test "a put replaces what is there, longer or shorter" {
	printf 'old\n' >"$THERE/a"
	cp "$SPACE/65537" "$THERE/b"
	chown "$FTP_USER:" "$THERE/a" "$THERE/b"
	put a
	put b
	start a b
	expect_done a
	expect_done b
	same "$SPACE/4096" "$THERE/a"
	same "$SPACE/4096" "$THERE/b"
}

@test "a range of one port serves one put after another" {
	store store a port_min=40060 port_max=40060
	for _ in 1 2 3; do
		start a
		expect_done a
	done
	server_log store
	assert_log "< PORT ${CLIENT4//./,},156,124" 3
}

@test "a port on which a connection is open is not free for another" {
	play gated a port_min=40061 port_max=40061
	start a
	wait_state a phase transfer
	store store b port_min=40061 port_max=40061
	start b
	expect_failed b EADDRINUSE
	set_attr b port_max 40062
	start b
	expect_done b
	release a
	expect_done a
	set_attr b port_max 40061
	start b
	expect_done b
}

@test "what waits to be sent is at most 1 MiB" {
	local line
	truncate -s 32M "$SPACE/sparse"
	# A long way, which a sender that may would fill.
	modprobe sch_netem
	tc qdisc add dev "$CLIENT_IF" root netem delay 30ms limit 10000
	store store-hold-late a "src=$SPACE/sparse"
	start a
	wait_log store-hold-late 'data taken: *' 1 30
	nap 0.3
	run -0 ss -tmnH state established dst "$SERVER4"
	for line in "${lines[@]}"; do
		[[ ! $line =~ ,tb([0-9]+), ]] || ((BASH_REMATCH[1] <= 1048576)) || fail "$line"
	done
	[[ $output == *,tb1048576,* ]] || fail "no data connection: $output"
	cancel a
	expect_cancelled a
}

@test "append adds to what is there, and makes what is not" {
	local port size
	for port in "$FTP_PORT" "$PYFTP_PORT"; do
		printf 'old\n' >"$THERE/old"
		chown "$FTP_USER:" "$THERE/old"
		for size in 0 1 65537; do
			put "a$size" direction=append "src=$SPACE/$size" dst=up/old "port=$port"
			start "a$size"
			expect_done "a$size"
			assert_state "a$size" bytes "$size"
			assert_state "a$size" size "$size"
			assert_state "a$size" io splice
		done
		cat - "$SPACE/0" "$SPACE/1" "$SPACE/65537" <<<old | cmp - "$THERE/old"
		put new direction=append "src=$SPACE/1048579" "port=$port" "host=$SERVER6"
		start new
		expect_done new
		same "$SPACE/1048579" "$THERE/new"
		rmdir "$CONFIG"/*/
		rm "$THERE"/*
	done
}

@test "the dialogue of a put is USER, PASS, TYPE I, PORT, STOR, SIZE and QUIT, that of an append has SIZE first" {
	local direction line said
	for direction in put append; do
		store store $direction direction=$direction dst=some/file "src=$SPACE/1"
		start $direction
		expect_done $direction
		wait_log store 'end: *'
		said=
		for line in "${LOG[@]}"; do
			case $line in
			'< PORT'*) said+='PORT ' ;;
			'<'*) said+="${line#< } " ;;
			esac
		done
		if [[ $direction == put ]]; then
			assert_equal "$said" "USER put PASS $FTP_PASS TYPE I PORT STOR some/file SIZE some/file QUIT "
		else
			assert_equal "$said" \
				"USER append PASS $FTP_PASS TYPE I SIZE some/file PORT APPE some/file SIZE some/file QUIT "
		fi
	done
}

@test "a src that is no regular file is refused, without blocking" {
	local before pair
	mkdir "$DIR/directory"
	mkfifo "$DIR/fifo"
	ln -s "$SPACE/4096" "$DIR/link"
	mknod "$DIR/null" c 1 3
	mknod "$DIR/disk" b 7 0
	ask socket "$DIR/socket"
	put a
	now
	before=$REPLY
	cd "$SPACE"
	for pair in "EISDIR $DIR/directory" "EISDIR $DIR/directory/" "EISDIR /" "EISDIR $DIR/." "ELOOP $DIR/link" \
		"EISDIR $SPACE/4096/" "EISDIR $SPACE/4096/." "EISDIR $DIR/missing/" \
		"EINVAL $DIR/fifo" "EINVAL $DIR/null" "EINVAL $DIR/disk" "EINVAL /dev/null" "EINVAL $DIR/socket" \
		"EINVAL 4096" "EINVAL ./4096" "ENOENT $DIR/missing" "ENOENT $DIR/missing/x" "ENOTDIR $SPACE/4096/x"; do
		set_attr a src "${pair#* }"
		refuse_start "${pair%% *}" a
	done
	set_attr a direction append
	set_attr a src "$DIR/fifo"
	refuse_start EINVAL a
	now
	((REPLY - before < 5000)) || fail "it took $((REPLY - before)) ms"
}

@test "a src on which something is mounted is what is seen there" {
	put a "src=$DIR/mount"
	mount -t tmpfs -o size=1m tmpfs "$DIR/mount"
	refuse_start EISDIR a
	umount "$DIR/mount"
	: >"$DIR/file"
	mount --bind "$SPACE/4096" "$DIR/file"
	set_attr a src "$DIR/file"
	try "$CONFIG/a/start" 1
	[[ $REPLY == 0 ]] || fail "a bound file got $REPLY"
	expect_done a
	umount "$DIR/file"
	same "$SPACE/4096" "$THERE/a"
}

@test "a src in proc, sysfs or configfs is EACCES" {
	local src
	put a
	for src in /proc/version /proc/self/mem /proc/self/environ /proc/kmsg /sys/kernel/uevent_seqnum \
		"$STATE/a/status" "$CONFIG/a/host" "$CONFIG/a/pass" "$CONFIG/a/start"; do
		set_attr a src "$src"
		refuse_start EACCES a
	done
	# And none is held on to.
	mount -t proc proc "$DIR/mount"
	set_attr a src "$DIR/mount/version"
	refuse_start EACCES a
	umount "$DIR/mount"
}

@test "a src that the caller may not read is EACCES, though root could" {
	local open=/tmp/kftp-open
	mkdir -m 755 "$open" "$open/closed"
	cp "$SPACE/4096" "$open/secret"
	cp "$SPACE/4096" "$open/open"
	cp "$SPACE/4096" "$open/closed/x"
	chmod 600 "$open/secret"
	chmod 644 "$open/open" "$open/closed/x"
	chmod 700 "$open/closed"
	put a "src=$open/secret"
	run start_as a "${LIMITED[@]}"
	assert_failure
	assert_output --partial "Permission denied"
	set_attr a src "$open/closed/x"
	run start_as a "${LIMITED[@]}"
	assert_failure
	assert_output --partial "Permission denied"
	assert_state a run 0
	set_attr a src "$open/open"
	start_as a "${LIMITED[@]}"
	expect_done a
	set_attr a src "$open/secret"
	start a
	expect_done a
	rm -r "$open"
}

@test "a src larger than max_size is EFBIG at start, one of that size is not" {
	put a max_size=4095
	refuse_start EFBIG a
	set_attr a direction append
	refuse_start EFBIG a
	set_attr a max_size 4096
	start a
	expect_done a
}

@test "a src whose change no cache of its file system knows of yet is EIO all the same" {
	mount_faulty
	store store a "src=$DIR/mount/aged-1"
	start a
	expect_failed a EIO
	store store b "src=$DIR/mount/aged-0"
	start b
	expect_done b
	umount "$DIR/mount"
}

@test "a src that grows, shrinks or is rewritten meanwhile is EIO, and the log says why" {
	local how
	mark_log
	for how in grow shrink shrink-to-sent rewrite touch same; do
		cp "$SPACE/1048579" "$DIR/$how"
		touch -d 2020-01-01 "$DIR/$how"
		store store $how "src=$DIR/$how" rate_limit=250000
	done
	start grow shrink shrink-to-sent rewrite touch same
	for how in grow shrink shrink-to-sent rewrite touch same; do
		wait_state $how bytes '[1-9][0-9]+'
	done
	printf 'more' >>"$DIR/grow"
	truncate -s 1048578 "$DIR/shrink"
	truncate -s 1 "$DIR/shrink-to-sent"
	printf 'other' | dd "of=$DIR/rewrite" conv=notrunc bs=1 seek=1000000 status=none
	touch -d 2021-01-01 "$DIR/touch"
	expect_failed grow EIO
	expect_failed shrink EIO
	expect_failed shrink-to-sent EIO
	expect_failed rewrite EIO
	expect_failed touch EIO
	expect_done same
	# And the server does not take it for the whole.
	for how in grow shrink shrink-to-sent rewrite touch; do
		server_log store $how
		assert_log 'data not taken: ECONNRESET'
	done
	assert_took same 2000 20000
	logged 6
	for how in "${LOGGED[@]}"; do
		[[ $how == *"same: done"* || $how == *"failed: EIO in phase"*", the source changed" ]] || fail "$how"
	done
}

@test "a src that is rewritten after it was sent, before the server has said so, is EIO" {
	cp "$SPACE/1048579" "$DIR/a"
	store store-gated-226 a "src=$DIR/a"
	start a
	wait_log store-gated-226 'data taken: 1048579'
	# As late in the same second as anything could be.
	touch -d "$(stat -c %y "$DIR/a" | sed 's/\.[0-9]*/.999999999/')" "$DIR/a"
	release a
	expect_failed a EIO
}

@test "a put leaves no trace on its src, not even the time of access" {
	local before
	touch -d 2020-01-01 "$SPACE/4096"
	before=$(stat -c '%x %y %z' "$SPACE/4096")
	put a
	start a
	expect_done a
	assert_equal "$(stat -c '%x %y %z' "$SPACE/4096")" "$before"
}

@test "a src that is removed or renamed meanwhile is sent all the same" {
	local job
	for job in a b; do
		cp "$SPACE/1048579" "$DIR/$job"
		store store $job "src=$DIR/$job" rate_limit=1000000
		start $job
		wait_state $job bytes '[1-9][0-9]+'
	done
	rm "$DIR/a"
	mv "$DIR/b" "$DIR/c"
	expect_done a
	expect_done b
	same "$SPACE/1048579" "$KFTP_DIR/script/store/a"
	same "$SPACE/1048579" "$KFTP_DIR/script/store/b"
}

@test "cancel and rmdir act within a second while data are sent, and while the server takes none" {
	local before case sockets
	sockets
	sockets=$REPLY
	printf '20\n' >"$MAX_ACTIVE"
	for case in store store-zero-window store-hold store-hold-accept store-never-226; do
		store $case a-$case "src=$SPACE/large"
		store $case b-$case "src=$SPACE/large"
		if [[ $case == store ]]; then
			set_attr a-$case rate_limit 500000
			set_attr b-$case rate_limit 500000
		fi
		start a-$case b-$case
	done
	for case in store store-zero-window store-hold store-never-226; do
		wait_state a-$case phase transfer
		wait_state b-$case phase transfer
	done
	wait_state a-store-hold-accept phase accept
	nap 1
	for case in store store-zero-window store-hold store-hold-accept store-never-226; do
		now
		before=$REPLY
		cancel a-$case
		expect_cancelled a-$case
		now
		((REPLY - before < 1000)) || fail "$case: cancelled after $((REPLY - before)) ms"
		now
		before=$REPLY
		rmdir "$CONFIG/b-$case"
		now
		((REPLY - before < 1000)) || fail "$case: removed after $((REPLY - before)) ms"
	done
	no_more_sockets "$sockets"
}

@test "a src of just 4 GiB is not taken for an empty one" {
	truncate -s 4G "$SPACE/whole"
	store store-hold a "src=$SPACE/whole"
	start a
	wait_state a bytes '[1-9].*'
	assert_state a size 4294967296
	cancel a
	expect_cancelled a
	# Nor is one of which just as much is left to be digested.
	set_attr a sha256 compute
	start a
	nap 1
	assert_state a status running
	cancel_at_once a
}

@test "the source's file system can be unmounted as soon as a put is done, failed, cancelled or refused" {
	local case
	mount -t tmpfs -o size=8m tmpfs "$DIR/mount"
	cp "$SPACE/1048579" "$DIR/mount/x"
	for case in store store-552-then-reset store-hold; do
		store $case $case "src=$DIR/mount/x"
		start $case
		if [[ $case == store-hold ]]; then
			wait_state $case bytes '[1-9][0-9]+'
			run umount "$DIR/mount"
			assert_failure
			cancel $case
		fi
		wait_end $case
		umount "$DIR/mount"
		mount -t tmpfs -o size=8m tmpfs "$DIR/mount"
		cp "$SPACE/1048579" "$DIR/mount/x"
	done
	set_attr store max_size 1
	refuse_start EFBIG store
	mkdir "$DIR/mount/sub"
	set_attr store src "$DIR/mount/sub"
	refuse_start EISDIR store
	umount "$DIR/mount"
}

@test "src is what the caller's mount namespace and root show" {
	cp "$SPACE/4096" "$DIR/mount/x"
	store store a "src=$DIR/mount/x"
	unshare -m bash -c "mount --bind '$SPACE' '$DIR/mount' && cp '$SPACE/1' '$SPACE/x' && echo 1 >'$CONFIG/a/start'"
	expect_done a
	same "$SPACE/1" "$KFTP_DIR/script/store/a"
	set_attr a src /x
	ask chroot "$DIR/mount" "$CONFIG/a/start" 310a
	assert_equal "$REPLY" 0
	expect_done a
	same "$SPACE/4096" "$KFTP_DIR/script/store/a"
	rm "$SPACE/x"
}

@test "two puts of one src go at once" {
	store store a "src=$SPACE/large"
	store store b "src=$SPACE/large"
	start a b
	expect_done a
	expect_done b
	same "$SPACE/large" "$KFTP_DIR/script/store/a"
	same "$SPACE/large" "$KFTP_DIR/script/store/b"
}

@test "each refusal of STOR and of APPE has its errno, from real servers too" {
	local code pair job
	for pair in 450:EAGAIN 452:ENOSPC 532:EPROTO 550:ENOENT 552:ENOSPC 553:EPERM; do
		code=${pair%:*}
		store "store-$code" "put-$code"
		store "store-$code" "append-$code" direction=append
		start "put-$code" "append-$code"
		for job in "put-$code" "append-$code"; do
			expect_failed "$job" "${pair#*:}"
			assert_state "$job" reply_code "$code"
			assert_took "$job" 0 20000
		done
	done
	# vsftpd and pyftpdlib of a directory that is not there.
	put a dst=missing/x
	put b dst=missing/x "port=$PYFTP_PORT"
	# Anonymous may write nothing.
	put c user=anonymous pass=x dst=pub/x
	start a b c
	expect_failed a EPERM
	expect_failed b ENOENT
	wait_end c
	assert_state c status failed
	[[ ! -e $FTP_ROOT/pub/x ]]
}

@test "a server that has no room in the middle says so: ENOSPC, whichever comes first" {
	local job
	store store-552-then-reset a "src=$SPACE/large"
	store store-reset-then-552 b "src=$SPACE/large"
	start a b
	for job in a b; do
		expect_failed $job ENOSPC
		assert_state $job reply_code 552
		assert_took $job 0 10000
	done
}

@test "a data connection that is reset or closed in the middle fails" {
	store store-reset a "src=$SPACE/large"
	store store-closed-in-middle b "src=$SPACE/large"
	start a b
	expect_failed a ECONNRESET
	wait_end b
	assert_state b status failed
	state b error
	[[ $REPLY == E@(PROTO|CONNRESET|IO) ]] || fail "$(describe b)"
	assert_took a 0 10000
	assert_took b 0 10000
}

@test "a server that stops reading is ETIMEDOUT after timeout_sec" {
	store store-zero-window a "src=$SPACE/large" timeout_sec=3
	start a
	expect_failed a ETIMEDOUT
	assert_took a 3000 12000
	assert_state a phase transfer
}

@test "226 before the data have ended is EPROTO" {
	store store-226-early a "src=$SPACE/large" rate_limit=2000000
	start a
	expect_failed a EPROTO
}

@test "all data and no 226 ever is ETIMEDOUT, and 451 after them EAGAIN" {
	store store-never-226 a timeout_sec=2
	store store-451-after b
	start a b
	expect_failed a ETIMEDOUT
	expect_failed b EAGAIN
}

@test "a file that has another size than was sent is EIO, and one without a size is done" {
	store store-size-less a
	store store-size-more b
	store store-no-size c
	store store-no-size d direction=append
	# What is appended to is not there yet.
	store store-size-less e direction=append
	start a b c d e
	expect_failed a EIO
	expect_failed b EIO
	expect_failed e EIO
	expect_done c
	expect_done d
	assert_state a phase commit
	same "$SPACE/1048579" "$KFTP_DIR/script/store/c"
}

@test "a put tells its size, and its bytes as they go" {
	local before
	store store a rate_limit=500000
	start a
	wait_state a bytes '[1-9][0-9]+'
	assert_state a size 1048579
	state a bytes
	before=$REPLY
	nap 1
	state a bytes
	((REPLY > before)) || fail "bytes stay at $before"
	expect_done a
	assert_state a bytes 1048579
}
