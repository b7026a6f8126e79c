#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Who may drive kftp, and whose eyes and rights a job has: those of the one who started it.

load kftp

setup() {
	umask 022
	# The way to bats' own directories is closed to others.
	OPEN=/tmp/kftp-open
	mkdir -m 755 "$OPEN" "$OPEN/his"
	chown 1000:1000 "$OPEN/his"
}

teardown() {
	clean_up
	rm -rf "$OPEN"
}

@test "without CAP_SYS_ADMIN no job can be made" {
	run setpriv --inh-caps -sys_admin --bounding-set -sys_admin mkdir "$CONFIG/a"
	assert_failure
	assert_output --partial "Operation not permitted"
	[[ ! -e $STATE/a ]]
}

@test "without CAP_SYS_ADMIN every store is EPERM, and stores nothing" {
	local pair
	job a
	printf '%s\n' host=192.0.2.9 port=22 user=bob pass=x src=y dst=/tmp/y direction=put timeout_sec=1 deadline_sec=1 \
		port_min=1 port_max=2 max_size=1 cache=keep resume=1 retries=1 retry_delay_sec=1 sha256=compute mtime=0 \
		rate_limit=1 start=1 cancel=1 >"$DIR/pairs"
	# shellcheck disable=SC2016
	run setpriv --inh-caps -sys_admin --bounding-set -sys_admin bash -c '
		while IFS== read -r file value; do
			printf "%s\n" "$value" >"$0/$file"
		done <"$1" 2>&1' "$CONFIG/a" "$DIR/pairs"
	assert_equal "${#lines[@]}" 21
	for pair in "${lines[@]}"; do
		[[ $pair == *"Operation not permitted" ]] || fail "$pair"
	done
	assert_attr a host "$SERVER4"
	assert_attr a direction get
	assert_state a status idle
}

@test "whoever may open an attribute, as its mode was changed, is EPERM all the same" {
	local line
	job a
	chmod 666 "$CONFIG/a"/*
	# shellcheck disable=SC2016
	run setpriv --reuid 1000 --regid 1000 --clear-groups bash -c '
		for file in host pass src start cancel; do
			printf "1\n" >"$0/$file"
		done 2>&1' "$CONFIG/a"
	assert_equal "${#lines[@]}" 5
	for line in "${lines[@]}"; do
		[[ $line == *"Operation not permitted" ]] || fail "$line"
	done
	assert_attr a src pub/small
	assert_state a status idle
}

@test "root of a user namespace is EPERM" {
	job a
	run unshare --user --map-root-user bash -c "echo 1 >$CONFIG/a/start"
	assert_failure
	[[ $output == *"Operation not permitted" || $output == *"Permission denied" ]] || fail "$output"
	run unshare --user --map-root-user bash -c "echo x >&9" 9>"$CONFIG/a/src"
	assert_failure
	assert_output --partial "Operation not permitted"
	run unshare --user --map-root-user mkdir "$CONFIG/b"
	assert_failure
	assert_attr a src pub/small
	assert_state a status idle
	[[ ! -e $STATE/b ]]
}

@test "another user cannot read the configuration, nor a reply" {
	job a
	run setpriv --reuid 1000 --regid 1000 --clear-groups cat "$CONFIG/a/user"
	assert_failure
	run setpriv --reuid 1000 --regid 1000 --clear-groups cat "$STATE/a/reply"
	assert_failure
	run -0 setpriv --reuid 1000 --regid 1000 --clear-groups cat "$STATE/a/status"
	assert_output idle
}

@test "a caller who may not write in a directory is EACCES, though root could" {
	job a "dst=$OPEN/a"
	run start_as a "${LIMITED[@]}"
	assert_failure
	assert_output --partial "Permission denied"
	assert_state a run 0
	[[ ! -e $OPEN/a && ! -e $OPEN/.a.kftp-part ]]
	start a
	expect_done a
}

@test "a caller who may not search a directory on the way is EACCES" {
	mkdir -p "$OPEN/closed/open"
	chmod 777 "$OPEN/closed/open"
	chmod 700 "$OPEN/closed"
	job a "dst=$OPEN/closed/open/a"
	run start_as a "${LIMITED[@]}"
	assert_failure
	assert_output --partial "Permission denied"
	assert_state a run 0
}

@test "a caller who may not write the old file is EACCES, though the directory is his" {
	printf 'old\n' >"$OPEN/his/a"
	chmod 644 "$OPEN/his/a"
	job a "dst=$OPEN/his/a"
	run start_as a "${LIMITED[@]}"
	assert_failure
	assert_output --partial "Permission denied"
	assert_content "$OPEN/his/a" $'old\n'
	assert_no_part "$OPEN/his/a"
}

@test "an old file that is read-only is EACCES for its owner too" {
	printf 'old\n' >"$OPEN/his/a"
	chown 1000:1000 "$OPEN/his/a"
	chmod 444 "$OPEN/his/a"
	job a "dst=$OPEN/his/a"
	run start_as a "${LIMITED[@]}"
	assert_failure
	assert_output --partial "Permission denied"
	assert_content "$OPEN/his/a" $'old\n'
}

@test "what a limited caller may write is his" {
	job a "dst=$OPEN/his/a"
	start_as a "${LIMITED[@]}"
	expect_done a
	run -0 stat -c '%u %g %a' "$OPEN/his/a"
	assert_output '1000 1000 644'
	cmp "$FTP_ROOT/pub/small" "$OPEN/his/a"
}

@test "in a sticky directory another's file is refused" {
	mkdir "$OPEN/sticky"
	chmod 1777 "$OPEN/sticky"
	printf 'old\n' >"$OPEN/sticky/a"
	chmod 666 "$OPEN/sticky/a"
	job a "dst=$OPEN/sticky/a"
	run start_as a "${LIMITED[@]}"
	# At the start, or at the latest when it is to be renamed.
	if ((status == 0)); then
		wait_end a
		assert_state a status failed
		state a error
		[[ $REPLY == EPERM || $REPLY == EACCES ]] || fail "$REPLY"
	fi
	assert_content "$OPEN/sticky/a" $'old\n'
	assert_no_part "$OPEN/sticky/a"
}

@test "a job made by one is run as another who starts it" {
	job a "dst=$OPEN/his/a"
	start a
	expect_done a
	run -0 stat -c %u "$OPEN/his/a"
	assert_output 0
	rm "$OPEN/his/a"
	start_as a "${LIMITED[@]}"
	expect_done a
	run -0 stat -c %u "$OPEN/his/a"
	assert_output 1000
}

@test "what the caller may not do any more at the end is not done for him" {
	play gated a "dst=$OPEN/his/a"
	start_as a "${LIMITED[@]}"
	wait_state a phase transfer
	chown 0:0 "$OPEN/his"
	release a
	expect_failed a EACCES
	[[ ! -e $OPEN/his/a ]]
	# Not even to clean up after him.
	[[ -e $OPEN/his/.a.kftp-part ]]
}

@test "a job goes on when the process that started it is gone" {
	play gated a
	bash -c "echo 1 >$CONFIG/a/start"
	release a
	expect_done a
}

@test "the destination is in the caller's mount namespace, and stays there when he has left" {
	mkdir "$DIR/mount"
	play gated a "dst=$DIR/mount/x"
	job b "dst=$DIR/mount/y"
	# shellcheck disable=SC2016
	run -0 unshare --mount bash -c '
		mount -t tmpfs tmpfs "$1" && echo 1 >"$0/a/start" && echo 1 >"$0/b/start" &&
		while ! read -r status <"$2/b/status" || [[ $status != done ]]; do sleep 0.1; done
		ls -A "$1"' "$CONFIG" "$DIR/mount" "$STATE"
	assert_output $'.x.kftp-part\ny'
	release a
	expect_done a
	[[ -z $(ls -A "$DIR/mount") ]]
}

@test "the destination is beneath the caller's root" {
	mkdir -p "$DIR/root/sub"
	job a dst=/sub/x
	ask chroot "$DIR/root" "$CONFIG/a/start" 310a
	assert_equal "$REPLY" 0
	expect_done a
	cmp "$FTP_ROOT/pub/small" "$DIR/root/sub/x"
	[[ ! -e /sub ]]
	set_attr a dst /x
	ask chroot "$DIR/root" "$CONFIG/a/start" 310a
	assert_equal "$REPLY" 0
	expect_done a
	cmp "$FTP_ROOT/pub/small" "$DIR/root/x"
	[[ ! -e /x ]]
}

@test "no number of dots leads out of the caller's root" {
	mkdir -p "$DIR/root/tmp"
	job a dst=/../../../../../../tmp/kftp-escaped
	ask chroot "$DIR/root" "$CONFIG/a/start" 310a
	assert_equal "$REPLY" 0
	expect_done a
	[[ -f $DIR/root/tmp/kftp-escaped && ! -e /tmp/kftp-escaped ]]
}

@test "what is missing beneath the caller's root is ENOENT, though it is there for others" {
	mkdir "$DIR/root"
	job a "dst=$DIR/x"
	ask chroot "$DIR/root" "$CONFIG/a/start" 310a
	assert_equal "$REPLY" ENOENT
	[[ ! -e $DIR/x ]]
}

@test "the connection is made in the caller's network namespace" {
	play plain a
	nsenter --net="/run/netns/$THIRD_NS" bash -c "echo 1 >$CONFIG/a/start"
	expect_done a
	server_log plain
	assert_log "from $THIRD4 *"
	assert_log "< PORT ${THIRD4//./,},*"
}

@test "a scope is an interface of the caller's network namespace" {
	job a "host=$SERVER_LL%eth0"
	try "$CONFIG/a/start" 1
	[[ $REPLY != 0 ]] || fail "it started where there is no eth0"
	assert_state a run 0
	nsenter --net="/run/netns/$THIRD_NS" bash -c "echo 1 >$CONFIG/a/start"
	expect_done a
}

@test "a namespace without a network is ENETUNREACH" {
	job a
	unshare --net bash -c "echo 1 >$CONFIG/a/start"
	expect_failed a ENETUNREACH
	assert_state a attempts 1
	# There may be one soon.
	set_attr a retries 1
	set_attr a retry_delay_sec 1
	unshare --net bash -c "echo 1 >$CONFIG/a/start"
	expect_failed a ENETUNREACH
	assert_state a attempts 2
}
