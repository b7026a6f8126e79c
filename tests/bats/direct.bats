#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Files that go to the disk past the page cache, on each file system, and what comes of it when the disk is full,
# slow or broken; and of the same when they go through the page cache.

# Each test is a subshell, and meant to be.
# shellcheck disable=SC2030,SC2031

load kftp

SPACE=/scratch/kftp-direct
BODY=$KFTP_DIR/script/body
BUFFERS=/sys/module/kftp/parameters/buffers_mib
MIB=1048576

# The server has files of these sizes, called after them.
make_file() { # size...
	local size
	for size; do
		head -c "$size" "$FTP_ROOT/pub/big" >"$FTP_ROOT/pub/sizes/$size"
	done
}

setup_file() {
	local fs size
	modprobe -a loop dm-mod xfs btrfs
	for fs in ext4 xfs btrfs; do
		mkdir -p "$SPACE/$fs"
		truncate -s 400M "$SPACE/$fs.img"
	done
	mkfs.ext4 -q -m 0 "$SPACE/ext4.img"
	mkfs.xfs -q -K "$SPACE/xfs.img"
	mkfs.btrfs -q -K --mixed "$SPACE/btrfs.img"
	mount -o loop "$SPACE/ext4.img" "$SPACE/ext4"
	mount -o loop,uquota "$SPACE/xfs.img" "$SPACE/xfs"
	mount -o loop "$SPACE/btrfs.img" "$SPACE/btrfs"
	mkdir -p "$FTP_ROOT/pub/sizes"
	for size in 4096 $MIB $((2 * MIB)) $((4 * MIB)); do
		make_file $((size - 1)) "$size" $((size + 1))
	done
}

teardown_file() {
	umount "$SPACE/ext4" "$SPACE/xfs" "$SPACE/btrfs"
	rm -rf "$SPACE" "$FTP_ROOT/pub/sizes"
}

setup() {
	read -r BUFFERS_BEFORE <"$BUFFERS"
	mkdir -p "$DIR/mount"
}

teardown() {
	ulimit -S -f unlimited
	fsfreeze --unfreeze "$SPACE/ext4" 2>/dev/null || :
	printf '%s\n' "$BUFFERS_BEFORE" >"$BUFFERS"
	[[ -z ${DISK-} ]] || dmsetup resume --noudevsync kftp-disk || :
	clean_up
	unmount_all
	if [[ -n ${DISK-} ]]; then
		dmsetup remove --noudevsync kftp-disk || :
		losetup -d "$DISK"
	fi
	rm -rf "$SPACE"/{ext4,xfs,btrfs}/[!l]* "$SPACE"/{ext4,xfs,btrfs}/.*.kftp-part "$SPACE/disk" "$KFTP_DIR"/script/go/*
}

# A get of a case of the scripted server's, of more than 4 MiB.
get() { # case name attribute=value...
	play "$1" "$2" src=large "dst=$SPACE/ext4/$2" "${@:3}"
}

# How many bytes of a file are in the page cache.
cached() { # file
	REPLY=$(fincore -nb -o RES "$1")
}

# Soon as many as wanted: file systems may take their time with what was removed.
free_blocks() { # directory [wanted]
	local until=$((SECONDS + 5))
	while :; do
		sync -f "$1"
		REPLY=$(stat -f -c %f "$1")
		((REPLY < ${2-0} && SECONDS <= until)) || break
		nap 0.2
	done
}

# The run failed, and nothing is there of it.
nothing_of() { # job errno [seconds]
	local dst
	expect_failed "$@"
	read -r dst <"$CONFIG/$1/dst"
	assert_content "$dst" $'old\n'
	assert_no_part "$dst"
}

@test "a large file goes direct on ext4, xfs and btrfs, and not on tmpfs" {
	local fs
	for fs in ext4 xfs btrfs; do
		get rest-good $fs "dst=$SPACE/$fs/x"
	done
	get rest-good tmpfs "dst=$DIR/x"
	get rest-good tmpfs-bypass "dst=$DIR/y" cache=bypass
	start ext4 xfs btrfs tmpfs tmpfs-bypass
	for fs in ext4 xfs btrfs; do
		expect_done $fs
		assert_state $fs io direct
		same "$BODY/large" "$SPACE/$fs/x"
	done
	for fs in tmpfs tmpfs-bypass; do
		expect_done $fs
		assert_state $fs io buffered
	done
	same "$BODY/large" "$DIR/x"
	same "$BODY/large" "$DIR/y"
}

@test "a file goes direct from 4 MiB on, by cache=bypass from its first byte, and by cache=keep never" {
	local job
	job below "src=pub/sizes/$((4 * MIB - 1))" "dst=$SPACE/ext4/below"
	job just "src=pub/sizes/$((4 * MIB))" "dst=$SPACE/ext4/just"
	job empty src=pub/empty "dst=$SPACE/ext4/empty" cache=bypass
	job one src=pub/one "dst=$SPACE/ext4/one" cache=bypass
	get rest-good keep cache=keep
	# Whoever does not know the size guesses small.
	get rest-no-size unknown
	get rest-no-size unknown-bypass cache=bypass
	start below just empty one keep unknown unknown-bypass
	for job in below just empty one keep unknown unknown-bypass; do
		expect_done $job
		state $job io
		case $job in
		just | empty | one | unknown-bypass) [[ $REPLY == direct ]] || fail "$job is $REPLY" ;;
		*) [[ $REPLY == buffered ]] || fail "$job is $REPLY" ;;
		esac
	done
	same "$FTP_ROOT/pub/one" "$SPACE/ext4/one"
	[[ -f $SPACE/ext4/empty && ! -s $SPACE/ext4/empty ]]
	same "$BODY/large" "$SPACE/ext4/unknown-bypass"
	assert_equal "$(stat -c %s "$SPACE/ext4/unknown-bypass")" 6291461
}

# Its size is what it should be, and it takes no more space than it needs.
right() { # file fs
	same "$FTP_ROOT/pub/sizes/$1" "$SPACE/$2/$1"
	read -r size blocks <<<"$(stat -c '%s %b' "$SPACE/$2/$1")"
	((size == $1)) || fail "$1 has $size bytes"
	((blocks * 512 <= $1 + 128 * 1024)) || fail "$1 takes $((blocks * 512)) bytes on $2"
}

@test "files around 4 KiB, 1, 2 and 4 MiB are right to the byte on ext4, whichever way" {
	local cache size sizes=()
	for size in "$FTP_ROOT"/pub/sizes/*; do
		sizes+=("${size##*/}")
	done
	assert_equal "${#sizes[@]}" 12
	for cache in bypass keep; do
		for size in "${sizes[@]}"; do
			job "$cache-$size" "src=pub/sizes/$size" "dst=$SPACE/ext4/$size" cache=$cache
			start "$cache-$size"
		done
		for size in "${sizes[@]}"; do
			expect_done "$cache-$size" 60
			right "$size" ext4
			rm "$SPACE/ext4/$size"
		done
	done
}

# Files of these sizes on these file systems.
are_right() { # fs,... size...
	local fs size
	for fs in ${1//,/ }; do
		for size in "${@:2}"; do
			job "$fs-$size" "src=pub/sizes/$size" "dst=$SPACE/$fs/$size" cache=bypass
			start "$fs-$size"
		done
	done
	for fs in ${1//,/ }; do
		for size in "${@:2}"; do
			expect_done "$fs-$size" 60
			assert_state "$fs-$size" io direct
			right "$size" "$fs"
		done
	done
}

@test "files around 4 KiB, 2 and 4 MiB are right to the byte on xfs and btrfs" {
	are_right xfs,btrfs 4095 4097 $((2 * MIB - 1)) $((2 * MIB)) $((4 * MIB + 1))
}

# bats test_tags=long
@test "files around 64 MiB are right to the byte on ext4 and xfs" {
	local sizes=($((64 * MIB - 1)) $((64 * MIB + 1)))
	make_file "${sizes[@]}"
	are_right ext4,xfs "${sizes[@]}"
	rm "${sizes[@]/#/$FTP_ROOT/pub/sizes/}"
}

@test "no more than 64 MiB are allocated ahead, however large the file is, and they go when it is cancelled" {
	local before part size
	truncate -s 300M "$FTP_ROOT/pub/sizes/300M"
	free_blocks "$SPACE/ext4"
	before=$REPLY
	job a src=pub/sizes/300M "dst=$SPACE/ext4/a"
	part_of "$SPACE/ext4/a"
	part=$REPLY
	start a
	wait_state a bytes '[1-9][0-9]{7,}'
	assert_state a io direct
	while assert_state a status running; do
		size=$(stat -c %s "$part")
		state a bytes
		((size <= REPLY + 64 * MIB)) || fail "$size bytes are the file's when $REPLY have come"
		((REPLY < 160 * MIB)) || break
	done
	cancel a
	expect_cancelled a
	assert_no_part "$SPACE/ext4/a"
	free_blocks "$SPACE/ext4"
	assert_equal "$REPLY" "$before"
	rm "$FTP_ROOT/pub/sizes/300M"
}

@test "a file system that cannot allocate ahead is written directly all the same" {
	truncate -s 64M "$SPACE/disk"
	mkfs.ext4 -q -O ^extent,^64bit "$SPACE/disk"
	mount -o loop "$SPACE/disk" "$DIR/mount"
	get rest-good a "dst=$DIR/mount/a"
	start a
	expect_done a
	assert_state a io direct
	same "$BODY/large" "$DIR/mount/a"
	umount "$DIR/mount"
}

@test "what goes direct is not in the page cache, but for its last page; what is kept is" {
	local fs
	for fs in ext4 xfs; do
		get rest-good $fs "dst=$SPACE/$fs/x"
		get rest-good $fs-keep "dst=$SPACE/$fs/keep" cache=keep
		start $fs $fs-keep
		expect_done $fs
		expect_done $fs-keep
		cached "$SPACE/$fs/x"
		((REPLY <= 8192)) || fail "$REPLY bytes are cached on $fs"
		cached "$SPACE/$fs/keep"
		((REPLY >= 6 * MIB)) || fail "only $REPLY bytes are cached on $fs"
	done
}

@test "a slow server's bytes go direct too, and the file is right" {
	get rest-good a rate_limit=4000000
	get rest-good b rate_limit=3333333 "dst=$SPACE/xfs/b" "sha256=$(sha256sum "$BODY/large" | cut -c -64)"
	start a b
	expect_done a
	expect_done b
	assert_state a io direct
	same "$BODY/large" "$SPACE/ext4/a"
	same "$BODY/large" "$SPACE/xfs/b"
}

@test "without room in buffers_mib jobs go by the page cache, and the budget comes back" {
	printf '0\n' >"$BUFFERS"
	get rest-good a
	start a
	expect_done a
	assert_state a io buffered
	same "$BODY/large" "$SPACE/ext4/a"
	printf '3\n' >"$BUFFERS"
	get gated-large first
	get rest-good second cache=bypass
	start first
	wait_state first bytes $MIB
	assert_state first io direct
	start second
	expect_done second
	assert_state second io buffered
	same "$BODY/large" "$SPACE/ext4/second"
	release first
	expect_done first
	same "$BODY/large" "$SPACE/ext4/first"
	start second
	expect_done second
	assert_state second io direct
	start first
	wait_state first bytes $MIB
	cancel first
	expect_cancelled first
	start second
	expect_done second
	assert_state second io direct
	# Begun for the middle of the file, and again for all of it.
	get rest-501 third resume=1 rate_limit=4000000
	start third
	wait_state third bytes '[1-9][0-9]{6}'
	cancel third
	expect_cancelled third
	set_attr third rate_limit 0
	start third
	expect_done third
	assert_state third resumed 0
	assert_state third io direct
	start second
	expect_done second
	assert_state second io direct
}

# bats test_tags=long
@test "a job whose disk stands still keeps its buffers and what is in the socket: at most 4 MiB" {
	local kept rest
	# What is received at once is counted when there is a buffer for more: up to one more than is counted here.
	get gated-large a cache=bypass
	start a
	wait_state a bytes $MIB
	# What is there by now is written.
	nap 0.5
	fsfreeze --freeze "$SPACE/ext4"
	release a
	nap 2
	state a bytes
	kept=$((REPLY - MIB))
	nap 0.5
	assert_state a bytes $((MIB + kept))
	((kept <= 5 * MIB / 2)) || fail "$kept bytes were taken while nothing was written"
	rest=$(ss -tmnH state established src "$CLIENT4" dst "$SERVER4")
	[[ $rest =~ skmem:\(r([0-9]{5,}),rb([0-9]+), ]] || fail "no data connection: $rest"
	echo "# $((kept / 1024)) KiB in buffers, $((BASH_REMATCH[1] / 1024)) KiB in the socket" >&3
	((BASH_REMATCH[1] <= MIB)) || fail "${BASH_REMATCH[1]} bytes are in the socket"
	fsfreeze --unfreeze "$SPACE/ext4"
	expect_done a
	same "$BODY/large" "$SPACE/ext4/a"
}

@test "cancel and rmdir act while data go direct" {
	local before
	mkdir "$SPACE/ext4/stop"
	play flood a "dst=$SPACE/ext4/stop/a" cache=bypass
	play flood b "dst=$SPACE/ext4/stop/b" cache=bypass
	start a b
	wait_state a bytes '[0-9]{8,}'
	wait_state b bytes '[0-9]{8,}'
	assert_state a io direct
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
	wait_no_part "$SPACE/ext4/stop/b"
	[[ -z $(ls -A "$SPACE/ext4/stop") ]]
}

@test "what a cancelled get keeps takes no more space than it has" {
	get gated-large a resume=1 cache=bypass
	start a
	wait_state a bytes $MIB
	cancel a
	expect_cancelled a
	read -r size blocks <<<"$(stat -c '%s %b' "$SPACE/ext4/.a.kftp-part")"
	((blocks * 512 <= 2 * MIB)) || fail "it takes $((blocks * 512)) bytes"
	((size <= 2 * MIB)) || fail "it has $size bytes"
	release a
	start a
	expect_done a
	same "$BODY/large" "$SPACE/ext4/a"
}

@test "a full disk is ENOSPC, direct or not, on ext4, xfs and btrfs, and all space comes back" {
	local fs before cache free
	for fs in ext4 xfs btrfs; do
		# What btrfs says that it has is not all for one file.
		free=$(($(stat -f -c '%a * %S' "$SPACE/$fs") - 8 * MIB))
		[[ $fs != btrfs ]] || free=$((free - 40 * MIB))
		fallocate -l "$free" "$SPACE/$fs/filler"
		for cache in bypass keep; do
			printf 'old\n' >"$SPACE/$fs/x"
			free_blocks "$SPACE/$fs"
			before=$REPLY
			job "$fs-$cache" src=pub/big "dst=$SPACE/$fs/x" cache=$cache
			start "$fs-$cache"
			nothing_of "$fs-$cache" ENOSPC 60
			state "$fs-$cache" bytes
			((REPLY > MIB)) || fail "it ended after $REPLY bytes already"
			free_blocks "$SPACE/$fs" $((before - 256))
			((REPLY >= before - 256)) || fail "$fs, $cache: $REPLY of $before blocks came back"
		done
		rm "$SPACE/$fs/filler"
	done
	set_attr ext4-bypass src "pub/sizes/$((4 * MIB))"
	start ext4-bypass
	expect_done ext4-bypass
	same "$FTP_ROOT/pub/sizes/$((4 * MIB))" "$SPACE/ext4/x"
}

@test "a quota is EDQUOT, direct or not, and with resume what came before is kept" {
	local cache
	mkdir "$SPACE/xfs/his"
	chown 1000:1000 "$SPACE/xfs/his"
	chmod 755 /scratch "$SPACE" "$SPACE/xfs"
	xfs_quota -x -c 'limit -u bhard=4m 1000' "$SPACE/xfs"
	for cache in bypass keep; do
		printf 'old\n' >"$SPACE/xfs/his/x"
		chown 1000 "$SPACE/xfs/his/x"
		get rest-good $cache "dst=$SPACE/xfs/his/x" cache=$cache
		start_as $cache "${LIMITED[@]}"
		nothing_of $cache EDQUOT
		set_attr $cache resume 1
		start_as $cache "${LIMITED[@]}"
		expect_failed $cache EDQUOT
		[[ -s $SPACE/xfs/his/.x.kftp-part ]] || fail "nothing is kept"
		xfs_quota -x -c 'limit -u bhard=0 1000' "$SPACE/xfs"
		start_as $cache "${LIMITED[@]}"
		expect_done $cache
		state $cache resumed
		((REPLY > 0)) || fail "$(describe $cache)"
		same "$BODY/large" "$SPACE/xfs/his/x"
		rm "$SPACE/xfs/his/x"
		xfs_quota -x -c 'limit -u bhard=4m 1000' "$SPACE/xfs"
	done
	# Where there is not as much as is asked for ahead, there is what it needs.
	xfs_quota -x -c 'limit -u bhard=16m 1000' "$SPACE/xfs"
	get rest-no-size tight "dst=$SPACE/xfs/his/x" cache=bypass
	start_as tight "${LIMITED[@]}"
	expect_done tight
	same "$BODY/large" "$SPACE/xfs/his/x"
}

@test "RLIMIT_FSIZE is EFBIG in the middle, direct or not, and a file of just that size is right" {
	local cache size
	for cache in bypass keep; do
		printf 'old\n' >"$SPACE/ext4/$cache"
		get rest-no-size $cache cache=$cache
		ulimit -S -f 3000
		start $cache
		ulimit -S -f unlimited
		nothing_of $cache EFBIG
		state $cache bytes
		((REPLY > MIB && REPLY <= 3000 * 1024)) || fail "it ended at $REPLY"
		get rest-good $cache-size "dst=$SPACE/ext4/$cache" cache=$cache
		ulimit -S -f 6144
		start $cache-size
		ulimit -S -f unlimited
		nothing_of $cache-size EFBIG
		# The shell counts in KiB.
		size=$(stat -c %s "$BODY/large")
		prlimit "--fsize=$((size - 1))" bash -c "echo 1 >$CONFIG/$cache-size/start"
		nothing_of $cache-size EFBIG
		prlimit "--fsize=$size" bash -c "echo 1 >$CONFIG/$cache-size/start"
		expect_done $cache-size
		same "$BODY/large" "$SPACE/ext4/$cache"
	done
}

# A disk that can be broken: kftp-disk, with a file system at $DIR/mount.
make_disk() { # fs option...
	truncate -s 320M "$SPACE/disk"
	DISK=$(losetup -f --show "$SPACE/disk")
	dmsetup create --noudevsync kftp-disk --table "0 655360 linear $DISK 0"
	# Its name in /dev/mapper is udev's work, and comes when it comes.
	DEVICE=/dev/$(dmsetup info -c --noheadings -o blkdevname kftp-disk)
	case $1 in
	ext4) mkfs.ext4 -q -J size=4 "$DEVICE" ;;
	xfs) mkfs.xfs -q -K "$DEVICE" ;;
	esac
	mount "${@:2}" "$DEVICE" "$DIR/mount"
}

table() { # line...
	printf '%s\n' "$@" | dmsetup reload kftp-disk
	dmsetup suspend --noudevsync --nolockfs --noflush kftp-disk
	dmsetup resume --noudevsync kftp-disk
}

mend() {
	table "0 655360 linear $DISK 0"
}

@test "a file that ends while all buffers are with a disk that stands still is right" {
	local size=$((3 * 896 * 1024))
	make_disk ext4
	head -c $size "$FTP_ROOT/pub/big" >"$FTP_ROOT/pub/sizes/buffers"
	job a src=pub/sizes/buffers "dst=$DIR/mount/a" cache=bypass
	# What of the file system has to be read is read by the first run.
	start a
	expect_done a
	rm "$DIR/mount/a"
	sync -f "$DIR/mount"
	dmsetup suspend --noudevsync --nolockfs --noflush kftp-disk
	start a
	wait_state a bytes $size
	nap 0.5
	assert_state a status running
	dmsetup resume --noudevsync kftp-disk
	expect_done a
	assert_state a io direct
	same "$FTP_ROOT/pub/sizes/buffers" "$DIR/mount/a"
}

@test "a get that is cancelled while all buffers are with the disk keeps what is in them" {
	local size=$((3 * 896 * 1024))
	make_disk ext4
	play gated-buffers a src=large "dst=$DIR/mount/a" cache=bypass resume=1 rate_limit=8000000
	start a
	wait_state a bytes '[1-9][0-9]{4,}'
	dmsetup suspend --noudevsync --nolockfs --noflush kftp-disk
	wait_state a bytes $size
	cancel a
	nap 0.5
	dmsetup resume --noudevsync kftp-disk
	expect_cancelled a
	part_of "$DIR/mount/a"
	assert_equal "$(stat -c %s "$REPLY")" $size
	cmp -n $size "$REPLY" "$BODY/large"
}

@test "a file that somebody cuts in the middle of direct I/O is ESTALE, and nothing is published" {
	local fs
	for fs in ext4 xfs btrfs; do
		play gated-large $fs src=large "dst=$SPACE/$fs/cut" cache=bypass
		start $fs
	done
	for fs in ext4 xfs btrfs; do
		wait_state $fs bytes $MIB
		assert_state $fs io direct
		truncate -s 4096 "$SPACE/$fs/.cut.kftp-part"
		release $fs
		expect_failed $fs ESTALE
		[[ ! -e $SPACE/$fs/cut ]]
		assert_no_part "$SPACE/$fs/cut"
	done
}

# bats test_tags=long
@test "a disk that stands still for longer than timeout_sec in the middle of direct I/O is no stalled server" {
	make_disk ext4
	play rest-good a src=large "dst=$DIR/mount/a" resume=1 rate_limit=1000000 timeout_sec=3
	start a
	wait_state a bytes '[1-9][0-9]{4,}'
	assert_state a io direct
	# A buffer is with the disk when it is time to make durable what is there.
	dmsetup suspend --noudevsync --nolockfs --noflush kftp-disk
	nap 6.5
	assert_state a status running
	dmsetup resume --noudevsync kftp-disk
	expect_done a
	same "$BODY/large" "$DIR/mount/a"
}

# Breaks the disk where a file has one of its blocks of 4 KiB.
break_block() { # file block
	local line first last physical
	while read -r line; do
		[[ $line =~ ^[0-9]+:\ *([0-9]+)\.\.\ *([0-9]+):\ *([0-9]+)\.\. ]] || continue
		first=${BASH_REMATCH[1]} last=${BASH_REMATCH[2]} physical=${BASH_REMATCH[3]}
		((first <= $2 && $2 <= last)) || continue
		physical=$(((physical + $2 - first) * 8))
		table "0 $physical linear $DISK 0" "$physical 8 error" \
			"$((physical + 8)) $((655360 - physical - 8)) linear $DISK $((physical + 8))"
		return
	done <<<"$(filefrag -b4096 -v "$1")"
	fail "$1 has no block $2: $(filefrag -b4096 -v "$1")"
}

# A get whose disk breaks in the middle fails, and succeeds when it is mended.
broken() { # block
	printf 'old\n' >"$DIR/mount/a"
	get gated-large a "dst=$DIR/mount/a" cache=bypass
	start a
	wait_state a bytes $MIB
	break_block "$DIR/mount/.a.kftp-part" "$1"
	release a
	nothing_of a EIO
	mend
	: >"$KFTP_DIR/script/go/a"
	start a
	expect_done a
	assert_state a io direct
	same "$BODY/large" "$DIR/mount/a"
	rmdir "$CONFIG/a"
	# Nobody is in the middle of writing to it any more.
	fsfreeze --freeze "$DIR/mount"
	fsfreeze --unfreeze "$DIR/mount"
	umount "$DIR/mount"
}

@test "a disk that fails in the middle of direct I/O is EIO, on ext4" {
	make_disk ext4
	broken 700
}

@test "a disk that fails in the middle of direct I/O is EIO, on xfs" {
	make_disk xfs
	broken 1000
}

@test "a disk that fails at the last few bytes, which do not go direct, is EIO" {
	make_disk ext4
	broken 1536
}

@test "a disk that fails while the page cache is written is EIO, in the middle and at the end" {
	local block
	# Blocks are known before they are written.
	make_disk ext4 -o nodelalloc,commit=600
	for block in 700 1536; do
		printf 'old\n' >"$DIR/mount/a"
		get gated-226-large a "dst=$DIR/mount/a" cache=keep
		start a
		wait_state a bytes 6291461
		break_block "$DIR/mount/.a.kftp-part" $block
		release a
		nothing_of a EIO
		mend
		: >"$KFTP_DIR/script/go/a"
		start a
		expect_done a
		same "$BODY/large" "$DIR/mount/a"
		rmdir "$CONFIG/a"
	done
	umount "$DIR/mount"
}

@test "a disk that fails in the middle keeps what is good of a get to be resumed, and it ends right" {
	make_disk ext4
	printf 'old\n' >"$DIR/mount/a"
	get gated-large a "dst=$DIR/mount/a" resume=1
	start a
	wait_state a bytes $MIB
	break_block "$DIR/mount/.a.kftp-part" 1000
	release a
	expect_failed a EIO
	assert_content "$DIR/mount/a" $'old\n'
	mend
	: >"$KFTP_DIR/script/go/a"
	start a
	expect_done a
	same "$BODY/large" "$DIR/mount/a"
	state a resumed
	echo "# resumed from $REPLY" >&3
	rmdir "$CONFIG/a"
	umount "$DIR/mount"
}

@test "what is there of a get is digested before the server is asked, which need not wait for it" {
	local before
	make_disk ext4
	get gated-large a "dst=$DIR/mount/a" resume=1 sha256=compute cache=keep
	start a
	wait_state a bytes 1048576
	cancel a
	expect_cancelled a
	connections gated-large
	before=$REPLY
	# Nothing of it is in memory.
	sync -f "$DIR/mount"
	printf '1\n' >/proc/sys/vm/drop_caches
	table "0 655360 error"
	start a
	expect_failed a EIO
	connections gated-large
	assert_equal "$REPLY" "$before"
	mend
}

@test "a disk that is gone at fsync is an error, direct or not, and the old file is there when it comes back" {
	local cache
	for cache in bypass keep; do
		make_disk ext4
		printf 'old\n' >"$DIR/mount/a"
		sync -f "$DIR/mount"
		get gated-226-large a "dst=$DIR/mount/a" cache=$cache
		start a
		wait_state a bytes 6291461
		table "0 655360 error"
		release a
		wait_end a
		assert_state a status failed
		state a error
		[[ $REPLY == E@(IO|ROFS) ]] || fail "$(describe a)"
		rmdir "$CONFIG/a"
		umount "$DIR/mount"
		mend
		mount "$DEVICE" "$DIR/mount"
		assert_content "$DIR/mount/a" $'old\n'
		: >"$KFTP_DIR/script/go/a"
		get gated-226-large a "dst=$DIR/mount/a" cache=$cache
		start a
		expect_done a
		same "$BODY/large" "$DIR/mount/a"
		rmdir "$CONFIG/a"
		umount "$DIR/mount"
		dmsetup remove --noudevsync kftp-disk
		losetup -d "$DISK"
		DISK=
	done
}
