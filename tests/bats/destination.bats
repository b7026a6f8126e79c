#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Where a file may go, what is there until it has come whole, and what the server or anyone else can do about it.

# Each test is a subshell, and meant to be.
# shellcheck disable=SC2030,SC2031

load kftp

setup() {
	SPACE=/scratch/kftp-destination
	mkdir -p "$SPACE" "$DIR/mount"
	umask 022
}

teardown() {
	# Who waits there holds up the removal of its job.
	[[ -z ${GATED-} ]] || ask admit
	ulimit -S -f unlimited
	fsfreeze --unfreeze "$DIR/mount" 2>/dev/null || :
	clean_up
	unmount_all
	swapoff "$SPACE/swap" 2>/dev/null || :
	chattr -R -f -a "$SPACE" || :
	rm -rf "$SPACE"
}

# A start that is refused for its destination, and leaves no temporary file.
refuse_dst() { # errno dst
	set_attr a dst "$2"
	refuse_start "$1" a
	[[ $2 != /*/* ]] || assert_no_part "$2"
}

# A tmpfs of so many KiB.
mount_small() { # KiB
	mount -t tmpfs -o "size=${1}k" tmpfs "$DIR/mount"
}

@test "a directory is EISDIR, however it is written" {
	job a
	mkdir "$DIR/directory"
	refuse_dst EISDIR "$DIR/directory"
	refuse_dst EISDIR "$DIR/directory/"
	refuse_dst EISDIR "$DIR/directory/."
	refuse_dst EISDIR "$DIR/directory/.."
	refuse_dst EISDIR "$DIR/new/"
	refuse_dst EISDIR /
	refuse_dst EISDIR /.
	refuse_dst EISDIR //
	[[ ! -e $DIR/new ]]
}

@test "a symbolic link is ELOOP, wherever it leads" {
	job a
	printf 'old\n' >"$DIR/file"
	ln -s file "$DIR/to-file"
	ln -s nowhere "$DIR/to-nothing"
	ln -s . "$DIR/to-directory"
	ln -s loop "$DIR/loop"
	refuse_dst ELOOP "$DIR/to-file"
	refuse_dst ELOOP "$DIR/to-nothing"
	refuse_dst ELOOP "$DIR/to-directory"
	refuse_dst ELOOP "$DIR/loop"
	refuse_dst ELOOP "$DIR/loop/x"
	assert_content "$DIR/file" $'old\n'
	[[ ! -e $DIR/nowhere ]]
}

@test "a symbolic link on the way is followed" {
	mkdir "$DIR/real"
	ln -s real "$DIR/link"
	job a "dst=$DIR/link/x"
	start a
	expect_done a
	[[ -f $DIR/real/x ]]
}

@test "a block or character device is EINVAL, and untouched" {
	local before
	job a
	mknod "$DIR/null" c 1 3
	mknod "$DIR/disk" b 7 0
	before=$(stat -c '%F %t %T %i' "$DIR/null" "$DIR/disk" /dev/null)
	refuse_dst EINVAL /dev/null
	refuse_dst EINVAL /dev/console
	refuse_dst EINVAL /dev/vda
	refuse_dst EINVAL "$DIR/null"
	refuse_dst EINVAL "$DIR/disk"
	assert_equal "$(stat -c '%F %t %T %i' "$DIR/null" "$DIR/disk" /dev/null)" "$before"
}

@test "a FIFO is EINVAL, without waiting for its reader" {
	local before
	job a
	mkfifo "$DIR/fifo"
	now
	before=$REPLY
	refuse_dst EINVAL "$DIR/fifo"
	now
	((REPLY - before < 1000))
}

@test "a socket is EINVAL" {
	job a
	ask socket "$DIR/socket"
	refuse_dst EINVAL "$DIR/socket"
	[[ -S $DIR/socket ]]
}

@test "a relative path is EINVAL" {
	job a
	cd "$DIR"
	refuse_dst EINVAL x
	refuse_dst EINVAL ./x
	refuse_dst EINVAL ../x
	refuse_dst EINVAL .
	[[ ! -e x ]]
}

@test "a missing directory is ENOENT, and a file for a directory ENOTDIR" {
	job a
	printf 'old\n' >"$DIR/file"
	refuse_dst ENOENT "$DIR/nowhere/x"
	refuse_dst ENOTDIR "$DIR/file/x"
	[[ ! -e $DIR/nowhere ]]
	assert_content "$DIR/file" $'old\n'
}

@test "proc, sysfs and configfs are EACCES, for what is there and for what is not" {
	local dst
	job a
	for dst in /proc/x /proc/self/x /proc/self/comm /proc/sysrq-trigger /proc/sys/kernel/hostname /proc/sys/kernel/x \
		/proc/self/mem /sys/x /sys/kernel/x /sys/kernel/mm/x /sys/class/kftp/a/status /sys/class/kftp/a/x /sys/power/state \
		/sys/kernel/config/x /sys/kernel/config/kftp/x /sys/kernel/config/kftp/a/x /sys/kernel/config/kftp/a/dst \
		/sys/kernel/config/kftp/a/start; do
		refuse_dst EACCES "$dst"
	done
	[[ ! -e $CONFIG/x && ! -e $STATE/x ]]
}

@test "every other file system that is an interface is EACCES" {
	local rest type at seen=
	job a
	mount -t mqueue mqueue "$DIR/mount"
	while read -r _ at type rest; do
		case $type in
		autofs | binfmt_misc | bpf | cgroup | cgroup2 | configfs | debugfs | devpts | efivarfs | fusectl | mqueue | \
		proc | pstore | securityfs | selinuxfs | sysfs | tracefs)
			# What waits for its first visitor would be mounted by a look.
			[[ $type != autofs ]] || continue
			[[ $at != /sys/kernel/config && $at != /proc && $at != /sys ]] || continue
			[[ -d $at ]] || continue
			set_attr a dst "$at/kftp-test"
			try "$CONFIG/a/start" 1
			[[ $REPLY == EACCES ]] || fail "$at, a $type, got $REPLY"
			[[ ! -e $at/kftp-test && ! -e $at/.kftp-test.kftp-part ]] || fail "$at: something was made"
			seen+="$type "
			;;
		esac
	done </proc/mounts
	[[ $seen == *mqueue* && $seen == *devpts* && $seen == *cgroup2* ]] || fail "seen: $seen"
}

@test "a start into configfs does not stand in the way of an rmdir" {
	for _ in {1..10}; do
		job a "dst=$CONFIG/a/x"
		job b "dst=$CONFIG/x"
		try "$CONFIG/a/start" 1 &
		try "$CONFIG/b/start" 1 &
		rmdir "$CONFIG/a"
		rmdir "$CONFIG/b"
		wait
	done
	[[ ! -e $STATE/a && ! -e $STATE/b ]]
}

# An overlay looks for a name in each of its directories, one after the other.
@test "a start into an overlay of its own configfs directory does not stand in the way of an rmdir" {
	local before late said
	modprobe overlay
	mkdir "$SPACE/faulty" "$SPACE/upper" "$SPACE/work"
	mount_faulty
	mount --bind "$DIR/mount" "$SPACE/faulty"
	umount "$DIR/mount"
	# While the destination's name is looked for, and while its temporary file's is.
	for late in 400 1200; do
		job a "dst=$DIR/mount/late-800"
		mount -t overlay overlay \
			-o "lowerdir=$SPACE/faulty:$CONFIG/a,upperdir=$SPACE/upper,workdir=$SPACE/work" "$DIR/mount"
		{
			try "$CONFIG/a/start" 1
			printf '%s\n' "$REPLY" >"$DIR/said"
		} &
		nap "$(printf '%d.%03d' $((late / 1000)) $((late % 1000)))"
		now
		before=$REPLY
		rmdir "$CONFIG/a"
		now
		((REPLY - before < 1000)) || fail "removed after $((REPLY - before)) ms"
		wait $!
		read -r said <"$DIR/said"
		assert_equal "$said" EBUSY
		# Until it is answered what was asked for aside is there.
		nap 1
		[[ -z $(ls -A "$SPACE/upper") ]]
		umount "$DIR/mount"
	done
	# Nor is it forbidden.
	job a "dst=$DIR/mount/x"
	mount -t overlay overlay -o "lowerdir=$SPACE/faulty:$CONFIG/a,upperdir=$SPACE/upper,workdir=$SPACE/work" "$DIR/mount"
	start a
	expect_done a
	same "$FTP_ROOT/pub/small" "$SPACE/upper/x"
	umount "$DIR/mount" "$SPACE/faulty"
	wait "$FAULTFS"
}

# As anybody may, and hold it for as long as he likes.
@test "who lists a job's directory is not taken for somebody who removes it" {
	local fd
	mkdir "$SPACE/late"
	mount_faulty
	mount --bind "$DIR/mount" "$SPACE/late"
	umount "$DIR/mount"
	mount_faulty
	job a "dst=$SPACE/late/late-500"
	# A shell that opens a file to write waits for the directory by itself.
	exec {fd}>"$CONFIG/a/start"
	# What is listed goes to where a page has to be read first.
	python3 - "$DIR/mount/slow-60000" "$CONFIG/a" 3>&- <<-'END' &
		import ctypes, mmap, os, sys
		page = mmap.mmap(os.open(sys.argv[1], os.O_RDONLY), 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
		directory = os.open(sys.argv[2], os.O_RDONLY | os.O_DIRECTORY)
		where = ctypes.addressof(ctypes.c_char.from_buffer(page))
		sys.exit(ctypes.CDLL(None).syscall(217, directory, ctypes.c_void_p(where), 4096) <= 0)
	END
	LISTS=$!
	until [[ $(<"/proc/$LISTS/syscall") == "217 "* ]]; do
		nap 0.1
	done
	printf '1\n' >&"$fd"
	[[ -e /proc/$LISTS ]] || fail "it was listed before"
	expect_done a
	exec {fd}>&-
	kill "$LISTS" "$FAULTFS"
	wait "$LISTS" "$FAULTFS" || :
	clean_up
	umount "$DIR/mount" "$SPACE/late"
}

@test "a magic link is not followed, as the destination or on the way to it" {
	local fd
	job a
	exec {fd}<"$DIR"
	set_attr a dst "/proc/$$/fd/$fd/x"
	try "$CONFIG/a/start" 1
	[[ $REPLY == E@(ACCES|LOOP) ]] || fail "through a directory's descriptor: $REPLY"
	set_attr a dst "/proc/$$/cwd/x"
	try "$CONFIG/a/start" 1
	[[ $REPLY == E@(ACCES|LOOP) ]] || fail "through the working directory: $REPLY"
	set_attr a dst "/proc/$$/root$DIR/x"
	try "$CONFIG/a/start" 1
	[[ $REPLY == E@(ACCES|LOOP) ]] || fail "through the root: $REPLY"
	exec {fd}<&-
	[[ ! -e $DIR/x && ! -e $DIR/.x.kftp-part ]]
}

@test "a name of 244 bytes is taken, one of 245 is ENAMETOOLONG" {
	local name
	printf -v name '%0244d' 0
	job a "dst=$DIR/$name"
	start a
	expect_done a
	[[ -f $DIR/$name ]]
	assert_no_part "$DIR/$name"
	set_attr a dst "$DIR/${name}0"
	refuse_start ENAMETOOLONG a
	set_attr a dst "$DIR/$name$name"
	refuse_start ENAMETOOLONG a
}

@test "a name of any bytes is taken" {
	local name=$' %s \xff\xe9\x1b "\\ *'
	job a "dst=$DIR/$name"
	start a
	expect_done a
	[[ -f $DIR/$name ]]
}

@test "a read-only file system is EROFS, with the old file or without" {
	mount_small 64
	printf 'old\n' >"$DIR/mount/old"
	mount -o remount,ro "$DIR/mount"
	job a
	refuse_dst EROFS "$DIR/mount/new"
	refuse_dst EROFS "$DIR/mount/old"
	assert_content "$DIR/mount/old" $'old\n'
}

@test "a full disk is ENOSPC, and the old file is as it was" {
	mount_small 256
	printf 'old\n' >"$DIR/mount/x"
	job a src=pub/big "dst=$DIR/mount/x"
	start a
	expect_failed a ENOSPC
	assert_content "$DIR/mount/x" $'old\n'
	assert_no_part "$DIR/mount/x"
	rmdir "$CONFIG/a"
	umount "$DIR/mount"
}

@test "a full disk is ENOSPC on ext4 too, and all of its space is free afterwards" {
	local before
	truncate -s 16M "$SPACE/image"
	mkfs.ext4 -q -m 0 "$SPACE/image"
	mount -o loop "$SPACE/image" "$DIR/mount"
	printf 'old\n' >"$DIR/mount/x"
	sync
	before=$(stat -f -c %f "$DIR/mount")
	job a src=pub/big "dst=$DIR/mount/x"
	start a
	expect_failed a ENOSPC
	assert_content "$DIR/mount/x" $'old\n'
	assert_no_part "$DIR/mount/x"
	sync
	assert_equal "$(stat -f -c %f "$DIR/mount")" "$before"
	umount "$DIR/mount"
}

@test "RLIMIT_FSIZE of the caller is EFBIG in mid-file, and the old file is as it was" {
	printf 'old\n' >"$DIR/x"
	job a "dst=$DIR/x"
	job b src=pub/big "dst=$SPACE/x"
	ulimit -S -f 3
	start a
	ulimit -S -f 2000
	start b
	ulimit -S -f unlimited
	expect_failed a EFBIG
	expect_failed b EFBIG
	# Nothing is fetched of what the server says is too large.
	assert_state a bytes 0
	assert_state b bytes 0
	assert_content "$DIR/x" $'old\n'
	assert_no_part "$DIR/x"
	[[ ! -e $SPACE/x ]]
	assert_no_part "$SPACE/x"
}

@test "RLIMIT_FSIZE of the caller allows a file of just that size" {
	job a
	ulimit -S -f 4
	start a
	ulimit -S -f unlimited
	expect_done a
}

@test "the new file has 0666 and not the caller's umask, whatever the old one had" {
	local mask
	job a "dst=$DIR/x"
	for mask in 022:644 077:600 000:666 027:640 777:0; do
		umask "${mask%:*}"
		start a
		umask 022
		expect_done a
		assert_mode "$DIR/x" "${mask#*:}"
	done
}

@test "the umask is that of the start, not of the end" {
	play gated a
	umask 077
	start a
	umask 000
	release a
	expect_done a
	umask 022
	assert_mode "$DIR/a" 600
}

@test "bytes go to a temporary file of mode 0600 beside the destination" {
	play hold-transfer a "dst=$DIR/x"
	printf 'old\n' >"$DIR/x"
	umask 000
	start a
	umask 022
	wait_state a bytes 1024
	assert_mode "$DIR/.x.kftp-part" 600
	assert_content "$DIR/x" $'old\n'
	cancel a
	expect_cancelled a
	assert_no_part "$DIR/x"
	assert_content "$DIR/x" $'old\n'
}

@test "the temporary file is gone, and the old file as it was, when a running job is removed" {
	printf 'old\n' >"$DIR/x"
	play hold-transfer a "dst=$DIR/x"
	start a
	wait_state a bytes 1024
	[[ -e $DIR/.x.kftp-part ]]
	rmdir "$CONFIG/a"
	part_of "$DIR/x"
	for _ in {1..10}; do
		[[ -e $REPLY ]] || break
		nap 0.1
	done
	assert_no_part "$DIR/x"
	assert_content "$DIR/x" $'old\n'
}

@test "the old file is replaced whole: who has it open still reads the old one" {
	local fd
	printf 'old\n' >"$DIR/x"
	ln "$DIR/x" "$DIR/link"
	exec {fd}<"$DIR/x"
	job a "dst=$DIR/x"
	start a
	expect_done a
	IFS= read -r REPLY <&"$fd"
	exec {fd}<&-
	assert_equal "$REPLY" old
	assert_content "$DIR/link" $'old\n'
	cmp "$FTP_ROOT/pub/small" "$DIR/x"
}

@test "an old file that is read-only is replaced for who may write it, as root may" {
	printf 'old\n' >"$DIR/x"
	chmod 444 "$DIR/x"
	job a "dst=$DIR/x"
	start a
	expect_done a
	assert_mode "$DIR/x" 644
}

@test "start refuses what nothing can be renamed over: a mount point, a swap file, what is only appended to" {
	job a
	mkdir "$SPACE/directory"
	printf 'old\n' >"$SPACE/file"
	chattr +a "$SPACE/directory" "$SPACE/file"
	refuse_dst EPERM "$SPACE/directory/x"
	refuse_dst EPERM "$SPACE/file"
	dd if=/dev/zero "of=$SPACE/swap" bs=64K count=4 status=none
	chmod 600 "$SPACE/swap"
	mkswap "$SPACE/swap" >&2
	swapon "$SPACE/swap"
	refuse_dst EPERM "$SPACE/swap"
	rmdir "$DIR/mount"
	: >"$DIR/mount"
	mount --bind "$SPACE/file" "$DIR/mount"
	refuse_dst EBUSY "$DIR/mount"
}

@test "what is mounted in somebody's own namespace does not keep a file from being replaced" {
	printf 'old\n' >"$DIR/a"
	: >"$DIR/other"
	job a "dst=$DIR/a"
	# shellcheck disable=SC2016
	unshare --mount bash -c 'mount --bind "$0" "$1"; echo there; exec sleep 60' "$DIR/other" "$DIR/a" \
		>"$DIR/said" 3>&- &
	until [[ -s $DIR/said ]]; do
		nap 0.1
	done
	[[ $(grep -c " $DIR/a " "/proc/$!/mounts") == 1 ]]
	start a
	wait_end a
	kill $!
	expect_done a
	same "$FTP_ROOT/pub/small" "$DIR/a"
}

# A directory, $DIR/mount/any, where case does not matter.
casefold() {
	truncate -s 16M "$SPACE/image"
	mkfs.ext4 -q -O casefold "$SPACE/image"
	mount -o loop "$SPACE/image" "$DIR/mount"
	mkdir "$DIR/mount/any"
	chattr +F "$DIR/mount/any"
}

@test "two jobs do not share a temporary file where case does not matter" {
	casefold
	play gated a "dst=$DIR/mount/any/x" resume=1
	start a
	wait_state a phase transfer
	port_of gated
	job b "dst=$DIR/mount/any/X" "port=$REPLY" user=a
	refuse_start EBUSY b
	# Nor is it what an earlier run left of the same file.
	set_attr b resume 1
	refuse_start EBUSY b
	# Nor is its temporary file another's destination.
	set_attr b dst "$DIR/mount/any/.X.KFTP-part"
	refuse_start EBUSY b
	release a
	expect_done a
	assert_content "$DIR/mount/any/x" "$PAYLOAD"
	# What is a capital and what is not is for the file system to say.
	set_attr a dst "$DIR/mount/any/"$'\xc3\x89'
	start a
	wait_state a phase transfer
	set_attr b dst "$DIR/mount/any/."$'\xc3\xa9'.KFTP-part
	refuse_start EBUSY b
	release a
	expect_done a
	assert_content "$DIR/mount/any/"$'\xc3\xa9' "$PAYLOAD"
	umount "$DIR/mount"
}

# Starts each job as the one before is about to open what it made or found in the directory, and waits there.
gate() { # directory job...
	local job
	GATED=("${@:2}")
	PIDS=()
	ask gate "$1"
	assert_equal "$REPLY" 0
	for job in "${GATED[@]}"; do
		rm -f "$DIR/$job.started"
		{ if printf '1\n' >"$CONFIG/$job/start"; then : >"$DIR/$job.started"; fi; } 2>/dev/null 3>&- &
		PIDS+=($!)
		ask gated 20 ${#PIDS[@]}
		assert_equal "$REPLY" "${#PIDS[@]}"
	done
}

# Lets them all go on; REPLY is who was not refused.
admit() {
	local job started=()
	ask admit
	wait "${PIDS[@]}"
	for job in "${GATED[@]}"; do
		[[ ! -e $DIR/$job.started ]] || started+=("$job")
	done
	REPLY=${started[*]}
}

@test "two that start at once do not share a temporary file where case does not matter either" {
	local any=$DIR/mount/any name
	casefold
	play rest-good a src=medium "dst=$any/x"
	port_of rest-good
	job b "port=$REPLY" user=a src=medium "dst=$any/X"
	# What the first has just made is a left-over to the second.
	gate "$any" a b
	admit
	assert_equal "$REPLY" b
	expect_done b
	same "$KFTP_DIR/script/body/medium" "$any/x"

	# Both are to go on with the same left-over.
	for name in y z; do
		play early-426 "c$name" src=medium "dst=$any/$name" resume=1
		port_of early-426
		job "d$name" "port=$REPLY" "user=c$name" src=medium "dst=$any/${name^}" resume=1
		spoil "c$name" 1
		start "c$name"
		wait_end "c$name"
		[[ -s $any/.$name.kftp-part ]] || fail "nothing is left over"
	done
	gate "$any" cy dy
	admit
	[[ $REPLY == [cd]y ]] || fail "started: $REPLY"
	expect_done "$REPLY"
	# The first has found it, and is about to open it, when the second is done.
	gate "$any" dz cz
	ask admit 2
	expect_done cz
	admit
	assert_equal "$REPLY" cz
	for name in y z; do
		same "$KFTP_DIR/script/body/medium" "$any/$name"
		assert_equal "$(stat -c %a "$any/$name")" 644
		assert_no_part "$any/$name"
	done
	umount "$DIR/mount"
}

@test "a second live job with the same destination is EBUSY, however it is written" {
	local dst
	mkdir "$DIR/sub"
	ln -s . "$DIR/link"
	mount --bind "$DIR" "$DIR/mount"
	play hold-transfer a "dst=$DIR/x"
	start a
	wait_state a phase transfer
	job b
	for dst in "$DIR/x" "$DIR//x" "$DIR/./x" "$DIR/sub/../x" "$DIR/link/x" "$DIR/mount/x"; do
		set_attr b dst "$dst"
		refuse_start EBUSY b
		[[ -e $DIR/.x.kftp-part ]] || fail "$dst took the first job's temporary file away"
	done
	# Another name, and the same in another directory, are not it.
	set_attr b dst "$DIR/sub/x"
	start b
	expect_done b
	set_attr b dst "$DIR/y"
	start b
	expect_done b
	cancel a
	expect_cancelled a
	set_attr b dst "$DIR/x"
	start b
	expect_done b
}

@test "what is another job's destination is not a job's temporary file, nor the other way round" {
	printf 'old\n' >"$DIR/.x.kftp-part"
	play hold-transfer a "dst=$DIR/.x.kftp-part"
	start a
	wait_state a phase transfer
	job b "dst=$DIR/x"
	refuse_start EBUSY b
	assert_content "$DIR/.x.kftp-part" $'old\n'
	cancel a
	expect_cancelled a
	assert_content "$DIR/.x.kftp-part" $'old\n'

	set_attr a dst "$DIR/y"
	start a
	wait_state a phase transfer
	set_attr b dst "$DIR/.y.kftp-part"
	refuse_start EBUSY b
	cancel a
	expect_cancelled a
	start b
	expect_done b
}

@test "a destination is a job's until its temporary file is gone, however long its disk takes" {
	local starter status=0 until
	truncate -s 16M "$SPACE/image"
	mkfs.ext4 -q "$SPACE/image"
	mount -o loop "$SPACE/image" "$DIR/mount"
	play gated a "dst=$DIR/mount/x"
	play gated b "dst=$DIR/mount/x"
	start a
	wait_state a bytes 1024
	fsfreeze --freeze "$DIR/mount"
	cancel a
	nap 0.5
	# If it were let past, it would wait for the disk.
	bash -c "echo 1 >'$CONFIG/b/start'" 2>"$DIR/said" 3>&- &
	starter=$!
	until=$((SECONDS + 10))
	until [[ -s $DIR/said ]] || ((SECONDS > until)); do
		nap 0.1
	done
	# Nor has it ended before its file is gone.
	assert_state a status running
	fsfreeze --unfreeze "$DIR/mount"
	wait "$starter" || status=$?
	assert_equal "$status" 1
	assert_content "$DIR/said" "bash: line 1: echo: write error: Device or resource busy"$'\n'
	expect_cancelled a
	start b
	release b
	expect_done b
	assert_content "$DIR/mount/x" "$PAYLOAD"
	umount "$DIR/mount"
}

@test "a second job is EBUSY while the first is only queued" {
	printf '1\n' >"$MAX_ACTIVE"
	play hold-accept first
	start first
	wait_state first phase accept
	job a "dst=$DIR/x"
	job b "dst=$DIR/x"
	start a
	assert_state a status queued
	refuse_start EBUSY b
	cancel a
	expect_cancelled a
	start b
	rmdir "$CONFIG/first"
	expect_done b
}

@test "a temporary file that a crash has left is replaced" {
	printf 'junk of a dead run that is longer than the file to come\n%5000s' x >"$DIR/.x.kftp-part"
	chmod 444 "$DIR/.x.kftp-part"
	job a "dst=$DIR/x"
	start a
	expect_done a
	cmp "$FTP_ROOT/pub/small" "$DIR/x"
	assert_no_part "$DIR/x"
}

@test "a left temporary file that is a link harms nothing that it leads to" {
	printf 'precious\n' >"$DIR/victim"
	ln -s victim "$DIR/.x.kftp-part"
	ln "$DIR/victim" "$DIR/.y.kftp-part"
	job a "dst=$DIR/x"
	try "$CONFIG/a/start" 1
	if [[ $REPLY == 0 ]]; then
		expect_done a
		[[ -f $DIR/x && ! -L $DIR/x ]]
	fi
	job b "dst=$DIR/y"
	start b
	expect_done b
	assert_content "$DIR/victim" $'precious\n'
}

@test "a directory with the temporary file's name is refused, and left alone" {
	mkdir "$DIR/.x.kftp-part"
	job a "dst=$DIR/x"
	try "$CONFIG/a/start" 1
	[[ $REPLY != 0 ]] || fail "it started"
	[[ -d $DIR/.x.kftp-part && ! -e $DIR/x ]]
}

@test "a temporary file that was swapped for another is ESTALE, and nothing is published" {
	printf 'old\n' >"$DIR/x"
	play gated a "dst=$DIR/x"
	start a
	wait_state a phase transfer
	printf 'evil\n' >"$DIR/evil"
	mv "$DIR/evil" "$DIR/.x.kftp-part"
	release a
	expect_failed a ESTALE
	assert_content "$DIR/x" $'old\n'
	# What is somebody else's is not removed either.
	assert_content "$DIR/.x.kftp-part" $'evil\n'
	rm "$DIR/.x.kftp-part"
}

@test "a temporary file that was cut by somebody else is ESTALE, and nothing is published" {
	local job
	# Some of what comes has been written then, or all of it.
	for job in gated gated-226; do
		printf 'old\n' >"$DIR/$job"
		play $job $job
		start $job
	done
	wait_state gated bytes 1024
	wait_state gated-226 bytes ${#PAYLOAD}
	for job in gated gated-226; do
		truncate -s 1000 "$DIR/.$job.kftp-part"
		release $job
		expect_failed $job ESTALE
		assert_content "$DIR/$job" $'old\n'
		assert_no_part "$DIR/$job"
	done
}

@test "a temporary file that was removed fails the job, and nothing is published" {
	printf 'old\n' >"$DIR/x"
	play gated a "dst=$DIR/x"
	start a
	wait_state a phase transfer
	rm "$DIR/.x.kftp-part"
	release a
	wait_end a
	assert_state a status failed
	state a error
	[[ $REPLY == ESTALE || $REPLY == ENOENT ]] || fail "$REPLY"
	assert_content "$DIR/x" $'old\n'
}

@test "a destination that became something else meanwhile is left alone" {
	local job
	printf 'precious\n' >"$DIR/victim"
	for job in directory link fifo; do
		play gated $job
	done
	start directory link fifo
	mkdir "$DIR/directory"
	ln -s victim "$DIR/link"
	mkfifo "$DIR/fifo"
	for job in directory link fifo; do
		release $job
	done
	expect_failed directory EISDIR
	expect_failed link ELOOP
	expect_failed fifo EINVAL
	[[ -d $DIR/directory && -L $DIR/link && -p $DIR/fifo ]]
	assert_content "$DIR/victim" $'precious\n'
	for job in directory link fifo; do
		assert_no_part "$DIR/$job"
	done
}

@test "a destination that became a name of the temporary file meanwhile is ESTALE, and the temporary one goes" {
	play gated a "dst=$DIR/x"
	start a
	wait_state a phase transfer
	ln "$DIR/.x.kftp-part" "$DIR/x"
	release a
	expect_failed a ESTALE
	assert_no_part "$DIR/x"
	run -0 stat -c %h "$DIR/x"
	assert_output 1
}

@test "a directory that is renamed meanwhile is followed, or the job fails" {
	mkdir "$DIR/before"
	play gated a "dst=$DIR/before/x"
	start a
	wait_state a phase transfer
	mv "$DIR/before" "$DIR/after"
	mkdir "$DIR/before"
	release a
	wait_end a
	[[ -z $(ls -A "$DIR/before") ]]
	if [[ $REPLY == 'done' ]]; then
		assert_content "$DIR/after/x" "$PAYLOAD"
		assert_no_part "$DIR/after/x"
	else
		[[ ! -e $DIR/after/x ]]
	fi
}

@test "a directory that is removed meanwhile fails the job" {
	mkdir "$DIR/sub"
	play gated a "dst=$DIR/sub/x"
	start a
	wait_state a phase transfer
	rm -r "$DIR/sub"
	release a
	wait_end a
	assert_state a status failed
	state a error
	[[ $REPLY == ESTALE || $REPLY == ENOENT ]] || fail "$REPLY"
	[[ ! -e $DIR/sub ]]
}

@test "a file system that is lazily unmounted meanwhile gets the file, and nothing else does" {
	truncate -s 16M "$SPACE/image"
	mkfs.ext4 -q "$SPACE/image"
	mount -o loop "$SPACE/image" "$DIR/mount"
	play gated a "dst=$DIR/mount/x"
	start a
	wait_state a phase transfer
	umount -l "$DIR/mount"
	release a
	wait_end a
	[[ -z $(ls -A "$DIR/mount") ]]
	[[ $REPLY == 'done' ]] || return 0
	# It is free as soon as the job has ended, and has the file.
	mount -o loop "$SPACE/image" "$DIR/mount"
	assert_content "$DIR/mount/x" "$PAYLOAD"
	umount "$DIR/mount"
}

@test "a file system can be unmounted as soon as the job is done, failed or cancelled" {
	mount_small 1024
	job a "dst=$DIR/mount/x"
	start a
	expect_done a
	umount "$DIR/mount"
	mount_small 1024
	set_attr a src pub/missing
	start a
	expect_failed a ENOENT
	umount "$DIR/mount"
	mount_small 1024
	play hold-transfer b "dst=$DIR/mount/x"
	start b
	wait_state b phase transfer
	run umount "$DIR/mount"
	assert_failure
	cancel b
	expect_cancelled b
	umount "$DIR/mount"
}

@test "a start that is refused leaves nothing behind, and the file system free" {
	mount_small 1024
	mkdir "$DIR/mount/sub"
	job a
	refuse_dst EISDIR "$DIR/mount/sub"
	set_attr a host ''
	refuse_dst ENODATA "$DIR/mount/x"
	[[ -z $(find "$DIR/mount" -type f) ]]
	umount "$DIR/mount"
}

@test "a file system's errno is told, and never taken for a server's or for a cancel" {
	local case number
	# EAGAIN, EPIPE, EDQUOT, ETIMEDOUT and ECANCELED; and ECONNRESET.
	local -A expected=([11]=EIO [32]=EIO [122]=EDQUOT [110]=ETIMEDOUT [125]=EIO)
	local -A read=([5]=EIO [11]=EIO [32]=EIO [104]=ECONNRESET [110]=ETIMEDOUT [125]=EIO)
	mount_faulty
	for case in write fsync setattr; do
		for number in "${!expected[@]}"; do
			job "$case-$number" "dst=$DIR/mount/$case-$number" retries=1 retry_delay_sec=0
			start "$case-$number"
		done
	done
	for case in rename-125 rename-122 rename-110 renamed-110; do
		job $case "dst=$DIR/mount/$case" retries=1 retry_delay_sec=0
	done
	# What cannot be compared is not replaced: it might be lost.
	head -c 2000 /dev/zero >"$KFTP_DIR/script/store/compare"
	play store compare direction=put "src=$DIR/mount/read-5" dst=x resume=1
	for number in "${!read[@]}"; do
		play store "read-$number" direction=put "src=$DIR/mount/read-$number" dst=x retries=1 retry_delay_sec=0
		play store "sum-$number" direction=put "src=$DIR/mount/read-$number" dst=x retries=1 retry_delay_sec=0 \
			sha256=compute
		start "read-$number" "sum-$number"
	done
	job good "dst=$DIR/mount/good"
	start rename-125 rename-122 rename-110 renamed-110 compare good
	for case in write fsync setattr; do
		for number in "${!expected[@]}"; do
			expect_failed "$case-$number" "${expected[$number]}"
			assert_state "$case-$number" attempts 1
			assert_no_part "$DIR/mount/$case-$number"
		done
	done
	expect_failed rename-125 EIO
	expect_failed rename-122 EDQUOT
	expect_failed rename-110 ETIMEDOUT
	assert_state rename-110 attempts 1
	# It was renamed all the same, and is nobody's temporary file any more.
	expect_failed renamed-110 ETIMEDOUT
	assert_state renamed-110 attempts 1
	[[ $(stat -c %s "$DIR/mount/renamed-110") == $(stat -c %s "$FTP_ROOT/pub/small") ]]
	expect_failed compare EIO
	assert_equal "$(stat -c %s "$KFTP_DIR/script/store/compare")" 2000
	for number in "${!read[@]}"; do
		for case in read sum; do
			expect_failed "$case-$number" "${read[$number]}"
			assert_state "$case-$number" attempts 1
		done
	done
	expect_done good
	[[ -s $DIR/mount/good ]]
	clean_up
	umount "$DIR/mount"
	wait "$FAULTFS"
}

@test "where all files are somebody else's, as on vfat, a file keeps the mode that it got, and is done" {
	mount_faulty allow_other default_permissions
	# Whose every user may make files, and nobody but root has any.
	mkdir "$SPACE/open"
	mount --bind "$DIR/mount" "$SPACE/open"
	job a "dst=$SPACE/open/a"
	start_as a "${LIMITED[@]}"
	expect_done a
	assert_mode "$SPACE/open/a" 600
	# Who may set it does, and if nobody can it is not missed.
	job b "dst=$SPACE/open/b"
	job c "dst=$SPACE/open/setattr-38"
	job d "dst=$SPACE/open/setattr-95"
	start b c d
	expect_done b
	expect_done c
	expect_done d
	assert_mode "$SPACE/open/b" 644
	assert_mode "$SPACE/open/setattr-38" 600
	clean_up
	umount "$SPACE/open" "$DIR/mount"
	wait "$FAULTFS"
}
