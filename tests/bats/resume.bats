#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# A get or a put that ended in the middle goes on where it ended, or begins again: the file is right in the end,
# whatever the server does and whatever became of the machine meanwhile.

# Each test is a subshell, and meant to be.
# shellcheck disable=SC2030,SC2031

load kftp

SPACE=/scratch/kftp-resume
BODY=$KFTP_DIR/script/body
TRACING=/sys/kernel/tracing
EVENTS=(kprobes/kftp_record ext4/ext4_sync_file_exit)

setup() {
	mkdir -p "$SPACE" "$DIR/mount"
}

teardown() {
	[[ -d $CONFIG ]] || insmod "$KFTP_MODULE"
	fsfreeze --unfreeze "$DIR/mount" 2>/dev/null || :
	clean_up
	untrace
	unmount_all
	umount "$SPACE/here" "$SPACE/.a.kftp-part" 2>/dev/null || :
	rm -rf "$SPACE" "$KFTP_DIR"/script/go/* "$KFTP_DIR"/script/store/*
}

untrace() {
	local event
	for event in "${EVENTS[@]}"; do
		if [[ -e $TRACING/events/$event/enable ]]; then
			printf '0\n' >"$TRACING/events/$event/enable"
		fi
	done
	if [[ -e $TRACING/kprobe_events ]]; then
		printf '\n' >"$TRACING/kprobe_events"
		printf '\n' >"$TRACING/trace"
	fi
}

# A resumable get of a case of the scripted server.
get() { # case name attribute=value...
	play "$1" "$2" resume=1 src=medium "dst=$SPACE/$2" "${@:3}"
}

# Fetches some of it, more than is compared later, and stops.
begin() { # job...
	local job
	for job; do
		# The more there are, the later is the last one looked at.
		set_attr "$job" rate_limit $((1000000 / (1 + $#)))
		printf 'old\n' >"$SPACE/$job"
		start "$job"
	done
	for job; do
		wait_state "$job" bytes '[2-9][0-9]{5}|[0-9]{7}'
		cancel "$job"
	done
	for job; do
		expect_cancelled "$job"
		set_attr "$job" rate_limit 0
		assert_content "$SPACE/$job" $'old\n'
	done
}

has_part() { # job...
	local job
	for job; do
		part_of "$SPACE/$job"
		[[ -s $REPLY ]] || fail "no $REPLY: $(describe "$job")"
	done
}

# What a run has resumed: something, and not all of it.
assert_resumed() { # job
	state "$1" resumed
	((REPLY >= 65536)) || fail "$1 has not resumed: $(describe "$1")"
	((REPLY % 4096 == 0)) || fail "$1 has resumed from $REPLY"
}

# Ends well, with the server's file.
ends_right() { # job [file]
	local job=$1
	expect_done "$job" 60
	same "${2-$BODY/medium}" "$SPACE/$job"
	assert_no_part "$SPACE/$job"
}

# What is known of a job's part, as hex.
record_of() { # job
	part_of "$SPACE/$1"
	python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], "trusted.kftp").hex())' "$REPLY"
}

reverse() { # file to
	python3 -c 'import sys; open(sys.argv[2], "wb").write(open(sys.argv[1], "rb").read()[::-1])' "$1" "$2"
}

@test "a cancelled get goes on where it ended, and asks for no more than 64 KiB again" {
	local had resumed
	get rest-good a
	begin a
	state a bytes
	had=$REPLY
	has_part a
	assert_mode "$SPACE/.a.kftp-part" 600
	touch -a -d 2020-01-01 "$SPACE/.a.kftp-part"
	start a
	expect_done a
	# That it was compared does not count as having been read.
	assert_equal "$(stat -c %x "$SPACE/a")" "$(date -d 2020-01-01 '+%F %T.%N %z')"
	ends_right a
	assert_resumed a
	state a resumed
	resumed=$REPLY
	((resumed <= had && resumed + 65536 + 4096 > had)) || fail "$resumed of $had bytes resumed"
	assert_state a bytes 1048579
	assert_state a size 1048579
	assert_state a attempts 1
	server_log rest-good
	assert_log "< REST $resumed"
	assert_log '< REST *' 1
	assert_log '< RETR *' 2
	# Nothing of it is on the file that came of it.
	run getfattr_of "$SPACE/a"
	assert_output 'no data'
	assert_mode "$SPACE/a" 644
	set_attr a port 9
	start a
	expect_failed a ECONNREFUSED
	assert_state a resumed 0
}

# Two gets, one by the page cache and one by direct I/O, that are cancelled and go on, over an old file.
go_on_in() { # directory directory-as-root-may-write-it [setpriv-option...]
	local dir=$1 below=$2 cache
	shift 2
	for cache in keep bypass; do
		printf 'old\n' >"$below/$cache"
		play rest-good "$cache" resume=1 src=medium "dst=$dir/$cache" "cache=$cache" rate_limit=500000
		start_as "$cache" "$@"
	done
	for cache in keep bypass; do
		wait_state "$cache" bytes '[2-9][0-9]{5}|[0-9]{7}'
		cancel "$cache"
	done
	for cache in keep bypass; do
		expect_cancelled "$cache"
		assert_content "$dir/$cache" $'old\n'
		set_attr "$cache" rate_limit 0
		start_as "$cache" "$@"
		expect_done "$cache"
		assert_resumed "$cache"
		assert_no_part "$dir/$cache"
		same "$BODY/medium" "$dir/$cache"
	done
	assert_state keep io buffered
	assert_state bypass io direct
}

@test "an overlay keeps what is to be resumed, and goes direct, as what is beneath it does" {
	local name
	modprobe overlay
	mkdir "$SPACE"/{lower,upper,work}
	for name in keep bypass; do
		printf 'lower\n' >"$SPACE/lower/$name"
	done
	mount -t overlay overlay -o "lowerdir=$SPACE/lower,upperdir=$SPACE/upper,workdir=$SPACE/work" "$DIR/mount"
	go_on_in "$DIR/mount" "$DIR/mount"
	for name in keep bypass; do
		same "$BODY/medium" "$SPACE/upper/$name"
		assert_content "$SPACE/lower/$name" $'lower\n'
	done
	# And the other way, a file that was below all the time.
	printf 'from below\n' >"$SPACE/lower/c"
	play store c direction=put "src=$DIR/mount/c" dst=c
	start c
	expect_done c
	assert_content "$KFTP_DIR/script/store/c" $'from below\n'
}

@test "on an idmapped mount it is the caller's, there, that goes on, and nobody else writes" {
	local users
	mkdir -p "$SPACE/here" "$SPACE/mapped/"{open,closed}
	chown 1000:1000 "$SPACE/mapped/closed"
	unshare --user sleep 300 3>&- &
	users=$!
	until [[ $(readlink "/proc/$users/ns/user") != "$(readlink /proc/self/ns/user)" ]]; do
		nap 0.05
	done
	# Root's on the disk is user 1000's here, and what is user 1000's there is nobody's.
	printf '0 1000 1\n' >"/proc/$users/uid_map"
	printf '0 1000 1\n' >"/proc/$users/gid_map"
	python3 - "$SPACE/mapped" "$SPACE/here" "/proc/$users/ns/user" <<-'END'
		import ctypes, os, struct, sys
		libc = ctypes.CDLL(None, use_errno=True)
		def call(*arguments):
		    result = libc.syscall(*arguments)
		    if result < 0:
		        sys.exit(f"{arguments[0]}: {os.strerror(ctypes.get_errno())}")
		    return result
		source, target, users = map(os.fsencode, sys.argv[1:])
		tree = call(428, -100, source, 1)
		attributes = struct.pack("4Q", 0x100000, 0, 0, os.open(users, os.O_RDONLY))
		call(442, tree, b"", 0x1000, attributes, len(attributes))
		call(429, tree, b"", -100, target, 4)
	END
	kill "$users"
	go_on_in "$SPACE/here/open" "$SPACE/mapped/open" "${LIMITED[@]}"
	assert_equal "$(stat -c %u "$SPACE/mapped/open/keep" "$SPACE/here/open/keep" | tr '\n' ' ')" '0 1000 '
	job closed "dst=$SPACE/here/closed/x"
	run start_as closed "${LIMITED[@]}"
	assert_failure
	assert_output --partial 'Permission denied'
	printf 'mine\n' >"$SPACE/mapped/secret"
	chmod 600 "$SPACE/mapped/secret"
	chown 1000 "$SPACE/mapped/secret"
	job secret direction=put "src=$SPACE/here/secret" dst=secret
	run start_as secret "${LIMITED[@]}"
	assert_failure
	assert_output --partial 'Permission denied'
	assert_state secret run 0
}

getfattr_of() { # file
	python3 -c '
import os, sys
try:
    print(os.getxattr(sys.argv[1], "trusted.kftp").hex())
except OSError as error:
    print("no data" if error.errno == 61 else error)' "$1"
}

@test "a cancelled get of a large file goes on by direct I/O, and one without resume begins again" {
	# Whether its time is kept has nothing to do with that.
	get rest-good a src=large mtime=0
	get rest-good b src=large resume=0
	begin a b
	has_part a
	assert_no_part "$SPACE/b"
	start a b
	ends_right a "$BODY/large"
	ends_right b "$BODY/large"
	assert_resumed a
	assert_state a io direct
	assert_state b resumed 0
}

@test "a get from vsftpd and from pyftpdlib is resumed" {
	local job
	job a resume=1 src=pub/big "dst=$SPACE/a"
	job b resume=1 src=pub/big "dst=$SPACE/b" "port=$PYFTP_PORT" "host=$SERVER6"
	begin a b
	start a b
	for job in a b; do
		ends_right $job "$FTP_ROOT/pub/big"
		assert_resumed $job
	done
}

@test "a get is cancelled and resumed again and again" {
	local before=0
	get rest-good a
	for _ in 1 2 3; do
		begin a
		state a resumed
		((REPLY >= before)) || fail "resumed $REPLY after $before"
		before=$REPLY
		rm "$SPACE/a"
	done
	set_attr a rate_limit 0
	start a
	ends_right a
	assert_resumed a
}

@test "a removed job leaves its part, and one of another name goes on with it" {
	local part
	get rest-good a
	set_attr a rate_limit 500000
	start a
	wait_state a bytes '[2-9][0-9]{5}|[0-9]{7}'
	rmdir "$CONFIG/a"
	part_of "$SPACE/a"
	part=$REPLY
	[[ -s $part ]]
	get rest-good b user=a "dst=$SPACE/a"
	for _ in {1..50}; do
		try "$CONFIG/b/start" 1
		[[ $REPLY == EBUSY ]] || break
		nap 0.05
	done
	assert_equal "$REPLY" 0
	expect_done b
	assert_resumed b
	same "$BODY/medium" "$SPACE/a"
	[[ ! -e $part ]]
}

@test "what is kept of a get is on its disk, should the power go" {
	truncate -s 32M "$SPACE/image"
	mkfs.ext4 -q -J size=4 "$SPACE/image"
	# What a file is called and has beside its bytes is on the disk soon; its bytes may be for half a minute to come.
	mount -o loop,commit=1 "$SPACE/image" "$DIR/mount"
	get rest-good a "dst=$DIR/mount/a" cache=keep rate_limit=500000
	start a
	wait_state a bytes '[2-9][0-9]{5}|[0-9]{7}'
	cancel a
	expect_cancelled a
	nap 2.5
	cp --sparse=always "$SPACE/image" "$SPACE/then"
	umount "$DIR/mount"
	mount -o loop "$SPACE/then" "$DIR/mount"
	set_attr a rate_limit 0
	start a
	expect_done a
	same "$BODY/medium" "$DIR/mount/a"
	state a resumed
	((REPLY >= 100000)) || fail "what was kept is lost"
	umount "$DIR/mount"
}

@test "what is said to be on its disk is there before that is said" {
	local event inode line seen=
	mountpoint -q "$TRACING" || mount -t tracefs tracefs "$TRACING"
	printf '\n' >"$TRACING/trace"
	printf 'p:kftp_record vfs_setxattr\n' >"$TRACING/kprobe_events"
	for event in "${EVENTS[@]}"; do
		printf '1\n' >"$TRACING/events/$event/enable"
	done
	get rest-good a
	begin a
	part_of "$SPACE/a"
	inode=$(stat -c %i "$REPLY")
	while read -r line; do
		case $line in
		*' kftp_record: '*) seen+='record ' ;;
		*' ext4_sync_file_exit: '*" ino $inode "*) seen+='sync ' ;;
		esac
	done <"$TRACING/trace"
	# The first one says that there is nothing yet.
	[[ $seen =~ ^'record '('sync record ')+$ ]] || fail "$seen"
}

@test "a part whose record is taken away while it grows is published, and its file system is free" {
	truncate -s 16M "$SPACE/image"
	mkfs.ext4 -q "$SPACE/image"
	mount -o loop "$SPACE/image" "$DIR/mount"
	play gated a resume=1 "dst=$DIR/mount/a"
	start a
	wait_state a bytes 1024
	part_of "$DIR/mount/a"
	python3 -c 'import os, sys; os.removexattr(sys.argv[1], "trusted.kftp")' "$REPLY"
	release a
	expect_done a
	assert_content "$DIR/mount/a" "$PAYLOAD"
	fsfreeze --freeze "$DIR/mount"
	fsfreeze --unfreeze "$DIR/mount"
	umount "$DIR/mount"
}

@test "what is known of a part is taken back before it changes" {
	local before
	get rest-time-moves a
	begin a
	before=$(record_of a)
	renew a
	# It is recorded anew only after a while.
	set_attr a rate_limit 100000
	start a
	wait_state a phase transfer
	wait_state a bytes '[1-9][0-9]*'
	[[ $(record_of a) != "$before" ]] || fail "the record still is $before"
	cancel a
	expect_cancelled a
}

@test "a part outlives the module, and an unmount" {
	truncate -s 32M "$SPACE/image"
	mkfs.ext4 -q "$SPACE/image"
	mount -o loop "$SPACE/image" "$DIR/mount"
	get rest-good a
	begin a
	get rest-good b "dst=$DIR/mount/b" rate_limit=500000
	start b
	wait_state b bytes '[2-9][0-9]{5}|[0-9]{7}'
	cancel b
	expect_cancelled b
	umount "$DIR/mount"
	rmdir "$CONFIG/a" "$CONFIG/b"
	rmmod kftp
	insmod "$KFTP_MODULE"
	mount -o loop "$SPACE/image" "$DIR/mount"
	get rest-good a
	get rest-good b "dst=$DIR/mount/b"
	start a b
	ends_right a
	assert_resumed a
	expect_done b
	assert_resumed b
	same "$BODY/medium" "$DIR/mount/b"
	umount "$DIR/mount"
}

@test "a get that failed in the middle keeps its part, by whatever it failed" {
	local case
	for case in early-426 early-451 early-421 early-reset early-hang-up early-stall; do
		get "$case" "$case" timeout_sec=2
		spoil "$case" 1
		start "$case"
	done
	for case in early-426 early-451 early-421 early-reset early-hang-up early-stall; do
		wait_end "$case"
		assert_state "$case" status failed
		has_part "$case"
	done
	for case in early-426 early-451 early-421 early-reset early-hang-up early-stall; do
		start "$case"
	done
	for case in early-426 early-451 early-421 early-reset early-hang-up early-stall; do
		ends_right "$case"
		assert_resumed "$case"
	done
}

@test "a part of no more than is compared is not kept" {
	get early-451 a src=small rate_limit=30000
	set_attr a src medium
	start a
	wait_state a bytes '[1-9][0-9]+'
	cancel a
	expect_cancelled a
	assert_no_part "$SPACE/a"
	set_attr a rate_limit 0
	start a
	ends_right a
	assert_state a resumed 0
}

# What servers do to REST

@test "a server that takes REST and sends something else never makes a wrong file" {
	local case cases=(rest-ignored rest-a-byte-before rest-a-byte-after rest-wrong-bytes rest-zeros
		rest-wrong-last-byte rest-fewer rest-more rest-nothing)
	printf '20\n' >"$MAX_ACTIVE"
	for case in "${cases[@]}"; do
		get "$case" "$case"
	done
	begin "${cases[@]}"
	start "${cases[@]}"
	for case in "${cases[@]}"; do
		ends_right "$case"
		# It began again, and that was one attempt.
		assert_state "$case" resumed 0
		assert_state "$case" attempts 1
		server_log "$case"
		assert_log '< REST *' 1
		assert_log '< RETR *' 3
	done
}

@test "a server that refuses REST, or RETR after it, sends all of it" {
	local case cases=(rest-501 rest-502 rest-504 rest-550 rest-554 rest-then-451 rest-then-501
		rest-then-551 rest-then-554)
	printf '20\n' >"$MAX_ACTIVE"
	for case in "${cases[@]}"; do
		get "$case" "$case"
	done
	begin "${cases[@]}"
	start "${cases[@]}"
	for case in "${cases[@]}"; do
		ends_right "$case"
		assert_state "$case" resumed 0
		assert_state "$case" attempts 1
	done
	# Who refuses REST is not asked twice for the file.
	for case in rest-501 rest-502 rest-504 rest-550 rest-554; do
		server_log "$case"
		assert_log '< RETR *' 2
	done
}

@test "421 to REST and 450 or 550 to RETR after it fail, and what was there is kept" {
	local case
	for case in rest-421 rest-then-450 rest-then-550; do
		get "$case" "$case"
	done
	begin rest-421 rest-then-450 rest-then-550
	start rest-421 rest-then-450 rest-then-550
	expect_failed rest-421 EAGAIN
	expect_failed rest-then-450 EAGAIN
	expect_failed rest-then-550 ENOENT
	for case in rest-421 rest-then-450 rest-then-550; do
		assert_content "$SPACE/$case" $'old\n'
	done
	has_part rest-421 rest-then-450
}

@test "450 to SIZE or MDTM fails, and what was there is kept" {
	local case
	for case in rest-size-450 rest-time-450; do
		get "$case" "$case"
	done
	begin rest-size-450 rest-time-450
	for case in rest-size-450 rest-time-450; do
		spoil "$case" 1
		start "$case"
		expect_failed "$case" EAGAIN
		has_part "$case"
		start "$case"
		ends_right "$case"
		assert_resumed "$case"
	done
}

@test "what had come but for its place is its owner's alone, and gone on with" {
	get gated-226-large a src=large
	start a
	wait_state a bytes 6291461
	mkdir "$SPACE/a"
	release a
	expect_failed a EISDIR
	assert_mode "$SPACE/.a.kftp-part" 600
	rmdir "$SPACE/a"
	release a
	start a
	ends_right a "$BODY/large"
	assert_resumed a
}

@test "a disk that stands still for longer than timeout_sec, when all begins anew, is no stalled server" {
	truncate -s 32M "$SPACE/image"
	mkfs.ext4 -q "$SPACE/image"
	mount -o loop "$SPACE/image" "$DIR/mount"
	get rest-good a "dst=$DIR/mount/a" timeout_sec=2 rate_limit=500000
	start a
	wait_state a bytes '[2-9][0-9]{5}|[0-9]{7}'
	cancel a
	expect_cancelled a
	set_attr a rate_limit 0
	renew a
	fsfreeze --freeze "$DIR/mount"
	start a
	nap 3.5
	fsfreeze --unfreeze "$DIR/mount"
	expect_done a
	assert_took a 3000 20000
	reverse "$BODY/medium" "$DIR/new"
	same "$DIR/new" "$DIR/mount/a"
	umount "$DIR/mount"
}

@test "a file that changed is fetched from its beginning" {
	local case cases=(rest-good rest-time-moves rest-size-moves)
	for case in "${cases[@]}"; do
		get "$case" "$case"
	done
	begin "${cases[@]}"
	for case in "${cases[@]}"; do
		renew "$case"
		start "$case"
	done
	reverse "$BODY/medium" "$DIR/new"
	head -c 1048572 "$DIR/new" >"$DIR/shorter"
	ends_right rest-good "$DIR/new"
	ends_right rest-time-moves "$DIR/new"
	ends_right rest-size-moves "$DIR/shorter"
	for case in "${cases[@]}"; do
		assert_state "$case" resumed 0
	done
	# It would have been compared, had it not been seen before.
	for case in rest-time-moves rest-size-moves; do
		server_log "$case"
		assert_log '< REST *' 0
	done
}

@test "a file whose change only a digest can tell is right with a digest" {
	local digest
	digest=$(sha256sum "$BODY/medium")
	get rest-wrong-after a "sha256=${digest%% *}"
	begin a
	start a
	ends_right a
	assert_state a sha256 "${digest%% *}"
	assert_state a resumed 0
}

@test "without the server's time or size nothing is kept, and nothing resumed" {
	local case cases=(rest-no-time rest-no-time-550 rest-junk-time rest-no-size)
	for case in "${cases[@]}"; do
		get "$case" "$case"
	done
	begin "${cases[@]}"
	for case in "${cases[@]}"; do
		assert_no_part "$SPACE/$case"
	done
	start "${cases[@]}"
	for case in "${cases[@]}"; do
		ends_right "$case"
		assert_state "$case" resumed 0
		server_log "$case"
		assert_log '< REST *' 0
	done
}

# Which parts are trusted

@test "a part is not trusted for another src, host, port or user" {
	local name
	for name in src host port user; do
		get rest-good "$name"
	done
	get rest-good both src=x/medium
	begin src host port user both
	has_part src host port user both
	set_attr src src ./medium
	set_attr host host "$SERVER6"
	port_of rest-good-too
	set_attr port port "$REPLY"
	set_attr user user somebody
	# One after the other, they are the same letters.
	set_attr both user bothx
	set_attr both src /medium
	start src host port user both
	for name in src host port user both; do
		ends_right "$name"
		assert_state "$name" resumed 0
	done
}

@test "a part without a record, or with a wrong one, is not trusted" {
	local name names=(none short long format durable copied)
	for name in "${names[@]}"; do
		get rest-good "$name"
	done
	begin "${names[@]}"
	python3 - "$SPACE" <<-'END'
		import os, struct, sys
		def part(name):
		    return f"{sys.argv[1]}/.{name}.kftp-part"
		def change(name, how):
		    record = bytearray(os.getxattr(part(name), "trusted.kftp"))
		    os.setxattr(part(name), "trusted.kftp", bytes(how(record)))
		os.removexattr(part("none"), "trusted.kftp")
		change("short", lambda record: record[:-1])
		change("long", lambda record: record + b"\0")
		change("format", lambda record: b"\xff" + record[1:])
		# More is durable than there is.
		change("durable", lambda record: record[:-8] + struct.pack("<Q", 1048579))
		# The record of one, and bytes of another.
		size = os.path.getsize(part("copied"))
		with open(part("copied"), "r+b") as file:
		    file.write(b"x" * size)
	END
	# The server's file is larger than what it claims is durable.
	start "${names[@]}"
	for name in "${names[@]}"; do
		ends_right "$name"
		assert_state "$name" resumed 0
	done
}

@test "a part of somebody else, or with two names, or a link is not trusted, and what it leads to not touched" {
	local name
	for name in owner linked link directory; do
		get rest-good "$name"
	done
	begin owner linked link directory
	chown 1000 "$SPACE/.owner.kftp-part"
	ln "$SPACE/.linked.kftp-part" "$SPACE/other"
	cp "$SPACE/other" "$DIR/before"
	mv "$SPACE/.link.kftp-part" "$SPACE/elsewhere"
	ln -s elsewhere "$SPACE/.link.kftp-part"
	cp "$SPACE/elsewhere" "$DIR/elsewhere"
	rm "$SPACE/.directory.kftp-part"
	mkdir "$SPACE/.directory.kftp-part"
	start owner linked
	ends_right owner
	ends_right linked
	assert_state owner resumed 0
	assert_state linked resumed 0
	same "$DIR/before" "$SPACE/other"
	try "$CONFIG/link/start" 1
	if [[ $REPLY == 0 ]]; then
		ends_right link
		assert_state link resumed 0
	fi
	same "$DIR/elsewhere" "$SPACE/elsewhere"
	try "$CONFIG/directory/start" 1
	[[ $REPLY != 0 ]] || fail "it started"
	assert_content "$SPACE/directory" $'old\n'
}

@test "another user's caller does not go on with root's part" {
	get rest-good a
	begin a
	chmod 777 "$SPACE"
	chmod 666 "$SPACE/a" "$SPACE/.a.kftp-part"
	chmod 755 /scratch
	start_as a "${LIMITED[@]}"
	ends_right a
	assert_state a resumed 0
	assert_equal "$(stat -c %u "$SPACE/a")" 1000
}

@test "a part that is removed, renamed or cut between runs or in one does no harm" {
	local name
	for name in removed renamed cut longer; do
		get rest-good "$name"
	done
	begin removed renamed cut longer
	rm "$SPACE/.removed.kftp-part"
	mv "$SPACE/.renamed.kftp-part" "$SPACE/renamed-part"
	truncate -s 70000 "$SPACE/.cut.kftp-part"
	printf '%70000s' x >>"$SPACE/.longer.kftp-part"
	start removed renamed cut longer
	for name in removed renamed cut longer; do
		ends_right "$name"
	done
	assert_state removed resumed 0
	assert_state renamed resumed 0
	assert_state cut resumed 0
	[[ -s $SPACE/renamed-part ]]
	begin removed
	set_attr removed rate_limit 1000000
	start removed
	wait_state removed phase transfer
	rm "$SPACE/.removed.kftp-part"
	wait_end removed
	assert_state removed status failed
	assert_content "$SPACE/removed" $'old\n'
	set_attr removed rate_limit 0
	start removed
	ends_right removed
}

@test "a part that is cut while it is compared is fetched anew, and not kept" {
	get rest-gated a
	get rest-held b
	begin a b
	start a b
	wait_log rest-gated '< REST*'
	wait_log rest-held '< REST*'
	wait_state a phase transfer
	wait_state b phase transfer
	truncate -s 100 "$SPACE/.a.kftp-part" "$SPACE/.b.kftp-part"
	release a
	ends_right a
	cancel b
	expect_cancelled b
	assert_content "$SPACE/b" $'old\n'
	assert_no_part "$SPACE/b"
}

@test "a part that is cut before it is digested is fetched anew" {
	get spoilt-rest a sha256=compute retries=1 retry_delay_sec=3
	begin a
	spoil a 1
	start a
	wait_state a phase retry
	truncate -s 100 "$SPACE/.a.kftp-part"
	ends_right a
	assert_state a resumed 0
}

@test "a part that something is mounted over is EBUSY at start, not at the end" {
	get rest-good a
	begin a
	: >"$DIR/other"
	mount --bind "$DIR/other" "$SPACE/.a.kftp-part"
	refuse_start EBUSY a
	umount "$SPACE/.a.kftp-part"
	start a
	ends_right a
	assert_resumed a
}

@test "resume on a file system that cannot keep records is EOPNOTSUPP at start, and leaves nothing" {
	mount -t ramfs ramfs "$DIR/mount"
	get rest-good a "dst=$DIR/mount/a"
	refuse_start EOPNOTSUPP a
	[[ -z $(ls -A "$DIR/mount") ]]
	set_attr a resume 0
	start a
	expect_done a
	same "$BODY/medium" "$DIR/mount/a"
}

@test "a full disk keeps the part, and with room the get ends right" {
	local cache
	truncate -s 16M "$SPACE/image"
	mkfs.ext4 -q -m 0 "$SPACE/image"
	mount -o loop "$SPACE/image" "$DIR/mount"
	for cache in keep bypass; do
		printf 'old\n' >"$DIR/mount/a$cache"
		fallocate -l 8M "$DIR/mount/filler"
		get rest-good "a$cache" src=large "dst=$DIR/mount/a$cache" cache=$cache
		start "a$cache"
		expect_failed "a$cache" ENOSPC
		assert_content "$DIR/mount/a$cache" $'old\n'
		part_of "$DIR/mount/a$cache"
		[[ -s $REPLY ]] || fail "$cache: nothing is kept"
		rm "$DIR/mount/filler"
		start "a$cache"
		expect_done "a$cache"
		assert_resumed "a$cache"
		same "$BODY/large" "$DIR/mount/a$cache"
		rm "$DIR/mount/a$cache"
	done
	rmdir "$CONFIG"/*/
	umount "$DIR/mount"
}

@test "two jobs do not go on with one part" {
	get rest-good a
	begin a
	get rest-good b user=a "dst=$SPACE/a"
	set_attr a rate_limit 500000
	start a
	refuse_start EBUSY b
	[[ -s $SPACE/.a.kftp-part ]]
	cancel a
	expect_cancelled a
	start b
	expect_done b
	assert_resumed b
	same "$BODY/medium" "$SPACE/a"
}

# put

# A resumable put to a case of the scripted server, of a file that is older than what it becomes.
put() { # case name attribute=value...
	[[ -e $SPACE/source ]] || cp -p "$BODY/medium" "$SPACE/source"
	touch -d 2020-01-01 "$SPACE/source"
	play "$1" "$2" direction=put resume=1 "src=$SPACE/source" "dst=$2" "${@:3}"
}

put_right() { # job
	expect_done "$1"
	same "$BODY/medium" "$KFTP_DIR/script/store/$1"
}

@test "a put goes on where it ended, by APPE, and where nothing can be compared it begins anew" {
	local case
	put store-without-rest few
	head -c 50000 "$BODY/medium" >"$KFTP_DIR/script/store/few"
	start few
	put_right few
	assert_state few resumed 50000
	server_log store-without-rest
	assert_log '< APPE few'
	assert_log '< STOR *' 0
	for case in store-early-426 store-early-hang-up store-early-reset store-without-rest; do
		put "$case" "$case"
		spoil "$case" 1
		start "$case"
	done
	for case in store-early-426 store-early-hang-up store-early-reset store-without-rest; do
		wait_end "$case"
		assert_state "$case" status failed
		start "$case"
	done
	for case in store-early-426 store-early-hang-up store-early-reset store-without-rest; do
		put_right "$case"
	done
	for case in store-early-426 store-early-hang-up store-early-reset; do
		assert_state "$case" resumed 700000
		server_log "$case"
		assert_log "< APPE $case" 1
		assert_log "data taken: 348579"
	done
	assert_state store-without-rest resumed 0
}

@test "a put does not go on with what is another file's, or older than the source, or longer" {
	local job
	for job in other older as-old longer same; do
		put store $job
		head -c 500000 "$BODY/medium" >"$KFTP_DIR/script/store/$job"
	done
	printf 'x' | dd "of=$KFTP_DIR/script/store/other" conv=notrunc bs=1 seek=499999 status=none
	touch -d 2019-01-01 "$KFTP_DIR/script/store/older"
	touch -r "$SPACE/source" "$KFTP_DIR/script/store/as-old"
	cat "$BODY/medium" "$BODY/medium" >"$KFTP_DIR/script/store/longer"
	start other older as-old longer same
	for job in other older as-old longer same; do
		put_right $job
	done
	assert_state other resumed 0
	assert_state older resumed 0
	assert_state as-old resumed 0
	assert_state longer resumed 0
	assert_state same resumed 500000
}

@test "a server that replaces what it is to add to never keeps a wrong file unnoticed" {
	put store-replaces a
	spoil a 1
	start a
	wait_end a
	start a
	put_right a
}

@test "a put to vsftpd and to pyftpdlib is resumed" {
	local job
	mkdir -p "$FTP_HOME/up"
	chown "$FTP_USER:" "$FTP_HOME/up"
	cp "$BODY/large" "$SPACE/source"
	touch -d 2020-01-01 "$SPACE/source"
	job a direction=put resume=1 "src=$SPACE/source" dst=up/a rate_limit=1500000
	job b direction=put resume=1 "src=$SPACE/source" dst=up/b rate_limit=1500000 "port=$PYFTP_PORT" "host=$SERVER6"
	start a b
	for job in a b; do
		wait_state $job bytes '[5-9][0-9]{5}|[0-9]{7}'
		cancel $job
		expect_cancelled $job
		set_attr $job rate_limit 0
	done
	nap 0.5
	start a b
	for job in a b; do
		expect_done $job
		same "$BODY/large" "$FTP_HOME/up/$job"
		state $job resumed
		((REPLY > 0)) || fail "$job has not resumed"
	done
	rm -r "$FTP_HOME/up"
}
