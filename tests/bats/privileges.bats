#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Callers of little power, callers in a container, and callers whom AppArmor confines. What a caller may do as another
# user is in caller.bats.

load kftp

setup_file() {
	export PROFILES=$BATS_FILE_TMPDIR/profiles
	# The way to bats' own directories is not a profile's affair.
	export OPEN=/tmp/kftp-open
	cat >"$PROFILES" <<-END
		abi <abi/3.0>,
		profile kftp-allows { capability, network, file, }
		profile kftp-no-network { capability, file, }
		profile kftp-closed { capability, network, file, deny $OPEN/closed/** w, }
		profile kftp-no-part { capability, network, file, deny $OPEN/closed/.* w, }
		profile kftp-no-rename { capability, network, file, deny $OPEN/closed/a w, }
		profile kftp-only { capability, network, $CONFIG/** rw, /{,usr/}{bin,lib,lib64,sbin}/** rmix, /dev/** rw,
			/etc/** r, / r, $OPEN/his/ r, $OPEN/his/** rw, }
		profile kftp-unread { capability, network, file, deny $OPEN/closed/** r, }
		profile kftp-powerless { capability, deny capability sys_admin, network, file, }
	END
	apparmor_parser --replace --skip-cache --quiet "$PROFILES"
}

teardown_file() {
	apparmor_parser --remove --quiet "$PROFILES"
}

setup() {
	umask 022
	mkdir -m 755 "$OPEN" "$OPEN/his" "$OPEN/closed"
	chown 1000:1000 "$OPEN/his"
}

teardown() {
	clean_up
	rm -rf "$OPEN"
}

# What the shell of the last run said of a start, as an errno.
assert_refused() { # errno
	local said=${output##*: }
	[[ $status != 0 ]] || fail "it started"
	[[ ${ERRNO_OF[$said]-$said} == "$1" ]] || fail "not $1, but: $output"
}

# A start by a shell under a profile.
start_under() { # profile job
	aa-exec -p "$1" -- bash -c "echo 1 >$CONFIG/$2/start"
}

# Writes to each attribute of job a through a descriptor that root has opened, in one shell that a command begins.
store_all_by() { # command...
	local file n=0 numbers=() value
	for file in "$CONFIG"/a/*; do
		# From 30 on nobody else's.
		eval "exec $((30 + n))>\"\$file\""
		case ${file##*/} in
		host) value=192.0.2.9 ;;
		direction) value=put ;;
		cache) value=keep ;;
		sha256) value=compute ;;
		user | pass | src | dst) value=/x ;;
		*) value=1 ;;
		esac
		numbers+=("$((30 + n)):$value")
		n=$((n + 1))
	done
	# shellcheck disable=SC2016
	run "$@" bash -c 'for pair; do echo "${pair#*:}" >&"${pair%%:*}"; done 2>&1' bash "${numbers[@]}"
	for ((n--; n >= 0; n--)); do
		eval "exec $((30 + n))>&-"
	done
	assert_equal "${#lines[@]}" "${#numbers[@]}"
	for value in "${lines[@]}"; do
		[[ $value == *"Operation not permitted" ]] || fail "$value"
	done
	assert_attr a host "$SERVER4"
	assert_attr a src pub/small
	assert_attr a dst "$DIR/a"
	assert_attr a timeout_sec 60
	assert_state a status idle
	assert_state a run 0
}

@test "root without CAP_SYS_ADMIN may not store through a descriptor that was opened before, nor start" {
	job a
	store_all_by setpriv --inh-caps -sys_admin --bounding-set -sys_admin
	# All the others would not do.
	run setpriv --inh-caps -sys_admin --bounding-set -sys_admin mkdir "$CONFIG/b"
	assert_refused EPERM
	start a
	expect_done a
	run setpriv --inh-caps -sys_admin --bounding-set -sys_admin bash -c "echo 1 >$CONFIG/a/start"
	assert_refused EPERM
	assert_state a run 1
}

@test "root of a user namespace may not store through a descriptor that was opened before, nor start" {
	job a
	store_all_by unshare --user --map-root-user
	run unshare --user --map-root-user mkdir "$CONFIG/b"
	[[ $status != 0 && ! -e $STATE/b ]]
}

@test "root of a user namespace with a mount namespace of its own cannot make a job in a bind mount either" {
	mkdir "$OPEN/his/jobs"
	# shellcheck disable=SC2016
	run unshare --user --map-root-user --mount bash -c 'mount --bind "$0" "$1" && mkdir "$1/b"' \
		"$CONFIG" "$OPEN/his/jobs"
	[[ $status != 0 && ! -e $STATE/b ]] || fail "$output"
	# Nobody that configfs knows has made a directory.
	assert_no_jobs
}

@test "a job goes on, and cannot be stopped, when its caller has lost CAP_SYS_ADMIN" {
	play gated a
	# shellcheck disable=SC2016
	run setpriv --inh-caps +sys_admin bash -c '
		echo 1 >"$0/start" && exec setpriv --inh-caps -sys_admin --bounding-set -sys_admin bash -c "
			echo 1 >$0/cancel"' "$CONFIG/a"
	assert_refused EPERM
	release a
	expect_done a
}

@test "when the caller has exited, his user is who writes, and his limit holds" {
	play odd-flood a "dst=$OPEN/his/a"
	play odd-flood b "dst=$OPEN/his/b" cache=keep
	play gated c "dst=$OPEN/his/c"
	# The limit is of this subshell, which is gone.
	(
		ulimit -f 2048
		start_as a "${LIMITED[@]}"
		start_as b "${LIMITED[@]}"
		start_as c "${LIMITED[@]}"
	)
	expect_failed a EFBIG
	expect_failed b EFBIG
	assert_state a bytes 2097152
	assert_state b bytes 2097152
	# The destination's owner takes it away from him.
	wait_state c phase transfer
	chown 0:0 "$OPEN/his"
	release c
	expect_failed c EACCES
	[[ ! -e $OPEN/his/a && ! -e $OPEN/his/b && ! -e $OPEN/his/c ]]
	# Nor is it anybody else who cleans up.
	assert_no_part "$OPEN/his/a"
	assert_no_part "$OPEN/his/b"
	part_of "$OPEN/his/c"
	[[ -e $REPLY ]] || fail "$REPLY is gone, where he may not remove it"
}

@test "a caller with a limit of no bytes at all gets EFBIG, and no signal" {
	play plain a
	run bash -c "ulimit -f 0; trap 'echo signal' XFSZ; echo 1 >$CONFIG/a/start; sleep 1; echo alive"
	[[ $output != *signal* && $output == *alive ]] || fail "$output"
	expect_failed a EFBIG
}

# A root of its own, with the jobs bound into it, as a container has: the commands run there, and can wait for what a file
# of job a's state says.
contained() { # commands
	mkdir "$OPEN/root"
	# shellcheck disable=SC2016
	unshare --mount --pid --fork --ipc --uts bash -c '
		set -e
		root=$0 config=$1
		mount -t tmpfs tmpfs "$root"
		cd "$root"
		mkdir usr etc proc sys jobs out old
		for name in bin sbin lib lib64; do
			ln -s "usr/$name" "$name"
		done
		mount --bind /usr usr
		mount --rbind /sys sys
		mount -t proc proc proc
		mount --bind "$config" jobs
		pivot_root . old
		umount -l /old
		becomes() {
			for _ in {1..200}; do
				read -r got <"/sys/class/kftp/a/$1"
				[[ $got != "$2" ]] || return 0
				sleep 0.1
			done
			echo "$1 is $got, not $2"
			return 1
		}
		eval "$2"' "$OPEN/root" "$CONFIG" "$1"
}

@test "in a container that has the jobs bound into it, the destination is the container's" {
	mkdir -p "$OPEN/out"
	job a dst=/out/x
	job b "dst=$OPEN/out/x"
	# shellcheck disable=SC2016
	run contained '
		echo 1 >/jobs/a/start
		becomes status done
		stat -c "%s %u" /out/x
		echo 1 >/jobs/b/start || echo "status $?"'
	[[ $output == "$(stat -c %s "$FTP_ROOT/pub/small") 0"* ]] || fail "$output"
	[[ $output == *"No such file or directory"*"status 1" ]] || fail "$output"
	[[ ! -e /out ]]
	assert_no_part "$OPEN/out/x"
	assert_state a status 'done'
	assert_state b run 0
}

@test "in a container, jobs are made and removed, and a destination beneath the jobs is refused" {
	# shellcheck disable=SC2016
	run contained '
		mkdir /jobs/c
		echo '"$SERVER4"' >/jobs/c/host
		echo pub/small >/jobs/c/src
		for dst in /jobs/c/x /jobs/x /jobs/c/dst /sys/kernel/config/kftp/c/dst /proc/sys/kernel/x; do
			echo $dst >/jobs/c/dst
			echo 1 >/jobs/c/start || echo refused
		done
		rmdir /jobs/c
		echo over'
	[[ $status == 0 && $output == *over ]] || fail "$output"
	[[ $(grep -c ^refused <<<"$output") == 5 ]] || fail "$output"
	assert_no_jobs
}

@test "a job outlives the container that started it, whose file it finishes" {
	play gated a dst=/out/x
	# shellcheck disable=SC2016
	run contained '
		echo 1 >/jobs/a/start
		becomes phase transfer
		ls -A /out'
	assert_output .x.kftp-part
	release a
	expect_done a
	[[ ! -e /out && -z $(ls -A "$OPEN/root") ]]
}

@test "a container that may not write there is refused: EROFS" {
	job a dst=/usr/kftp-x
	run contained 'mount -o remount,bind,ro /usr; echo 1 >/jobs/a/start'
	assert_refused EROFS
	[[ ! -e /usr/kftp-x && ! -e /usr/.kftp-x.kftp-part ]]
}

@test "AppArmor is what these kernels have" {
	read -r REPLY </sys/module/apparmor/parameters/enabled
	assert_equal "$REPLY" Y
	grep -q '^kftp-closed (enforce)$' /sys/kernel/security/apparmor/profiles
	# The profile is obeyed by a shell too.
	run aa-exec -p kftp-closed -- bash -c "echo >$OPEN/closed/x"
	assert_refused EACCES
}

@test "under a profile that allows it a job is done" {
	job a "dst=$OPEN/closed/a"
	start_under kftp-allows a
	expect_done a
	same "$FTP_ROOT/pub/small" "$OPEN/closed/a"
	job b "dst=$OPEN/his/b"
	start_under kftp-only b
	expect_done b
	# What is there already is replaced.
	start_under kftp-only b
	expect_done b
	same "$FTP_ROOT/pub/small" "$OPEN/his/b"
}

@test "under a profile that forbids the destination start is EACCES, and nothing is made there" {
	local profile
	job a "dst=$OPEN/closed/a"
	printf 'old\n' >"$OPEN/closed/a"
	for profile in kftp-closed kftp-no-part kftp-no-rename kftp-only kftp-unread; do
		run start_under "$profile" a
		assert_refused EACCES
		assert_content "$OPEN/closed/a" $'old\n'
		assert_no_part "$OPEN/closed/a"
	done
	rm "$OPEN/closed/a"
	for profile in kftp-closed kftp-no-part kftp-no-rename kftp-only kftp-unread; do
		run start_under "$profile" a
		assert_refused EACCES
		[[ -z $(ls -A "$OPEN/closed") ]]
	done
	assert_state a run 0
	# It was not the job.
	start a
	expect_done a
}

# A kernel thread has another mount namespace, in which the paths of this one are none.
@test "under a profile and in a mount namespace of its own a job is done, and one that is not leaves nothing" {
	play gated a "dst=$OPEN/his/a"
	job b "dst=$OPEN/his/b"
	printf 'mine\n' >"$OPEN/his/c"
	play store c direction=put "src=$OPEN/his/c" dst=x
	mark_log
	unshare --mount aa-exec -p kftp-only -- bash -c "for job in a b c; do echo 1 >$CONFIG/\$job/start; done"
	expect_done b
	expect_done c
	wait_state a phase transfer
	cancel_at_once a
	[[ ! -e $OPEN/his/a ]]
	assert_no_part "$OPEN/his/a"
	logged 3
	[[ ${LOGGED[*]} == *"b: done"* && ${LOGGED[*]} != *"not synced"* ]] || fail "${LOGGED[*]}"
}

# Begins job a with one of the rights to files, by Landlock, gone.
start_without() { # right
	python3 - "$1" 9>"$CONFIG/a/start" <<-'END'
		import ctypes, os, struct, sys
		libc = ctypes.CDLL(None)
		rules = libc.syscall(444, struct.pack("Q", 1 << int(sys.argv[1])), 8, 0)
		if rules < 0 or libc.prctl(38, 1, 0, 0, 0) or libc.syscall(446, rules, 0):
		    sys.exit("no Landlock")
		try:
		    os.write(9, b"1\n")
		except PermissionError:
		    sys.exit(13)
	END
}

@test "who may not list a directory, by Landlock, has it synced all the same" {
	job a "dst=$OPEN/a"
	mark_log
	start_without 3
	expect_done a
	logged 1
	[[ ${LOGGED[*]} != *"not synced"* ]] || fail "${LOGGED[*]}"
}

@test "who may make a file and not remove it, by Landlock, is refused before there is one" {
	local status=0
	job a "dst=$OPEN/a"
	# Of all files' rights that to remove them is gone.
	start_without 5 || status=$?
	assert_equal "$status" 13
	[[ ! -e $OPEN/a ]]
	assert_no_part "$OPEN/a"
	assert_state a run 0
	start a
	expect_done a
}

@test "under a profile that forbids it a source is EACCES" {
	printf 'mine\n' >"$OPEN/closed/a"
	job a direction=put "src=$OPEN/closed/a" dst=pub/never
	run start_under kftp-unread a
	assert_refused EACCES
	assert_state a run 0
}

@test "under a profile without the network a job is EACCES, and leaves nothing" {
	job a "dst=$OPEN/his/a"
	start_under kftp-no-network a
	expect_failed a EACCES
	[[ -z $(ls -A "$OPEN/his") ]]
}

@test "under a profile without CAP_SYS_ADMIN start is EPERM" {
	job a "dst=$OPEN/his/a"
	run start_under kftp-powerless a
	assert_refused EPERM
	assert_state a run 0
}

@test "a profile that is gone, or is replaced, while the job runs takes nothing along" {
	play gated a "dst=$OPEN/his/a"
	play gated b "dst=$OPEN/his/b"
	start_under kftp-allows a
	start_under kftp-only b
	wait_state a phase transfer
	wait_state b phase transfer
	apparmor_parser --remove --quiet "$PROFILES"
	apparmor_parser --add --skip-cache --quiet "$PROFILES"
	release a
	release b
	expect_done a
	expect_done b
	assert_content "$OPEN/his/a" "$PAYLOAD"
	assert_content "$OPEN/his/b" "$PAYLOAD"
}
