# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the tests say to kftp and ask of it. A process costs a guest without KVM more than a whole transfer does, so
# these are builtins wherever they can be, and a function that finds something out leaves it in REPLY. None may be
# called where the shell would not end at a failed command (before && or ||, or in a condition): they rely on it.
# bats looks at every command, which is most of what a command costs here. After set +T, which the functions that a
# test begins with say, it looks at the test's own, and not at those of the functions that it calls.

bats_require_minimum_version 1.5.0
# What bats_load_library would load, without its process for each file, for each test.
for REPLY in "${BATS_LIB_PATH%%:*}"/bats-{support,assert}/src/*.bash; do
	# shellcheck source=/dev/null
	. "$REPLY"
done
# shellcheck source=/dev/null
. "$KFTP_TESTS/guest/hosts.env"

CONFIG=/sys/kernel/config/kftp
STATE=/sys/class/kftp
MAX_ACTIVE=/sys/module/kftp/parameters/max_active
# Where a job's file goes unless the test says otherwise; on tmpfs.
DIR=${BATS_TEST_TMPDIR-$BATS_FILE_TMPDIR}

declare -gA ERRNO_OF=(
	["Operation not permitted"]=EPERM ["No such file or directory"]=ENOENT ["Permission denied"]=EACCES
	["Device or resource busy"]=EBUSY ["File exists"]=EEXIST ["No such device"]=ENODEV
	["Not a directory"]=ENOTDIR ["Is a directory"]=EISDIR ["Invalid argument"]=EINVAL
	["File too large"]=EFBIG ["Read-only file system"]=EROFS ["Numerical result out of range"]=ERANGE
	["File name too long"]=ENAMETOOLONG ["Too many levels of symbolic links"]=ELOOP
	["No data available"]=ENODATA ["Operation not supported"]=EOPNOTSUPP ["Address already in use"]=EADDRINUSE
	["Cannot allocate memory"]=ENOMEM ["Input/output error"]=EIO ["Stale file handle"]=ESTALE
	["Invalid cross-device link"]=EXDEV ["Network is unreachable"]=ENETUNREACH ["Text file busy"]=ETXTBSY
	["No such device or address"]=ENXIO ["No space left on device"]=ENOSPC ["Disk quota exceeded"]=EDQUOT
)

# What the scripted server sends, unless its case says otherwise.
# shellcheck disable=SC2034
printf -v PAYLOAD 'kftp%.0s' {1..1024}

# How many connections a case of the scripted server had before this test.
declare -gA LOG_FROM=()

exec {NEVER}<>"$KFTP_DIR/never"

nap() { # seconds
	read -r -t "$1" -u "$NEVER" _ || :
}

# Milliseconds since some moment in the past.
now() {
	REPLY=${EPOCHREALTIME/./}
	REPLY=${REPLY::-3}
}

# Has the helper do something, and waits for its answer; or in two steps, to do something else meanwhile.
ask() { # request...
	request "$@"
	answer
}

request() { # request...
	printf '%s\n' "$*" >"$KFTP_DIR/ask"
}

answer() {
	read -r -t 60 REPLY <"$KFTP_DIR/answer" || fail "the helper does not answer"
}

# Writes a line; REPLY is 0, or the name of the errno that came of it.
try() { # file text
	set +T
	local said
	REPLY=0
	if { printf '%s\n' "$2" >"$1"; } 2>"$KFTP_DIR/said"; then
		return
	fi
	read -r said <"$KFTP_DIR/said"
	said=${said##*: }
	REPLY=${ERRNO_OF[$said]-$said}
}

# The whole of a small file, line ends and all.
whole() { # file
	set +T
	REPLY=
	IFS= read -r -d '' REPLY <"$1" || [[ -n $REPLY || -e $1 ]]
}

# Configuring

set_attr() { # job attribute value
	try "$CONFIG/$1/$2" "$3"
	[[ $REPLY == 0 ]] || fail "$1/$2 refused '${3::80}': $REPLY"
}

assert_attr() { # job attribute value
	whole "$CONFIG/$1/$2"
	[[ $REPLY == "$3"$'\n' ]] || fail "$1/$2 is '$REPLY', not '$3'"
}

# An attribute that takes each value, and shows it.
takes() { # job attribute value...
	local job=$1 attribute=$2 value
	shift 2
	for value; do
		set_attr "$job" "$attribute" "$value"
		assert_attr "$job" "$attribute" "$value"
	done
}

# An attribute that refuses each value with one errno, and keeps what it had.
refuses() { # errno job attribute value...
	local errno=$1 job=$2 attribute=$3 before value
	shift 3
	whole "$CONFIG/$job/$attribute"
	before=$REPLY
	for value; do
		try "$CONFIG/$job/$attribute" "$value"
		[[ $REPLY == "$errno" ]] || fail "$attribute: '${value::80}' got $REPLY, not $errno"
		whole "$CONFIG/$job/$attribute"
		[[ $REPLY == "$before" ]] || fail "$attribute: a refused '${value::80}' made it '$REPLY'"
	done
}

# A job for the small file of vsftpd, with what else the test says.
job() { # name attribute=value...
	set +T
	local name=$1 pair
	shift
	mkdir "$CONFIG/$name"
	for pair in "host=$SERVER4" "port=$FTP_PORT" "user=$FTP_USER" "pass=$FTP_PASS" src=pub/small "dst=$DIR/$name" "$@"; do
		set_attr "$name" "${pair%%=*}" "${pair#*=}"
	done
}

# A job for a case of the scripted server.
play() { # case name attribute=value...
	set +T
	local case=$1
	shift
	from_now_on "$case"
	port_of "$case"
	job "$1" "port=$REPLY" "user=$1" "${@:2}"
}

# Lets a job of the case "gated" go on.
release() { # name
	: >"$KFTP_DIR/script/go/$1"
}

# Has a case of the scripted server do badly as many times, and then well.
spoil() { # user times
	printf '%s' "$2" >"$KFTP_DIR/script/go/spoil-$1"
}

# From now on the server's file is another.
renew() { # user
	: >"$KFTP_DIR/script/go/new-$1"
}

port_of() { # case
	read -r REPLY <"$KFTP_DIR/script/port/$1"
}

start() { # job...
	local job
	for job; do
		try "$CONFIG/$job/start" 1
		[[ $REPLY == 0 ]] || fail "$job did not start: $REPLY"
	done
}

# A start that is refused, and leaves the state as it was.
refuse_start() { # errno job
	local status run
	state "$2" status
	status=$REPLY
	state "$2" run
	run=$REPLY
	try "$CONFIG/$2/start" 1
	[[ $REPLY == "$1" ]] || fail "start of $2 got $REPLY, not $1"
	assert_state "$2" status "$status"
	assert_state "$2" run "$run"
}

cancel() { # job
	try "$CONFIG/$1/cancel" 1
	[[ $REPLY == 0 ]] || fail "cancel of $1 got $REPLY"
}

# The user's tools

# All that "make install" brings but the module, once a guest.
install_tools() {
	[[ -x /usr/bin/kftp ]] || make -s -C "${KFTP_TESTS%/*}" install-tools >&2
}

# For whom it is the subject: tests/guest/suites stops it.
start_udev() {
	systemctl start systemd-udevd
}

stop_udev() {
	systemctl stop 'systemd-udevd*'
}

# Runs the command: what it is to exit with, and its arguments. Its messages are in $stderr.
kftp_exits() { # status argument...
	local status_wanted=$1
	shift
	run --separate-stderr kftp "$@"
	# shellcheck disable=SC2154
	[[ $status == "$status_wanted" ]] || fail "kftp $* exits with $status, not $status_wanted: $output $stderr"
}

# The command's one message.
assert_said() { # pattern
	# shellcheck disable=SC2053
	[[ $stderr == $1 && $stderr != *$'\n'* ]] || fail "not '$1', but: $stderr"
}

assert_no_jobs() {
	local jobs=("$CONFIG"/*/)
	[[ ! -d ${jobs[0]} ]] || fail "left behind: ${jobs[*]}"
}

# Watching

state() { # job file
	REPLY=
	{ IFS= read -r REPLY || :; } <"$STATE/$1/$2"
}

assert_state() { # job file value
	state "$1" "$2"
	[[ $REPLY == "$3" ]] || fail "$1: $2 is '$REPLY', not '$3'"
}

# Waits until a state file has one of the values; fails with what the job says when it does not.
wait_state() { # job file values [seconds]
	local until=$((SECONDS + ${4-30}))
	while :; do
		state "$1" "$2"
		[[ ! $REPLY =~ ^($3)$ ]] || return 0
		((SECONDS <= until)) || fail "$1: $2 never became $3: $(describe "$1")"
		nap 0.02
	done
}

describe() { # job
	local file text=
	for file in status phase bytes size resumed io attempts error reply_code reply peer run elapsed_ms; do
		state "$1" "$file"
		text+="$file=$REPLY "
	done
	printf '%s\n' "$text"
}

wait_end() { # job [seconds]
	wait_state "$1" status 'done|failed|cancelled' "${2-30}"
}

expect_done() { # job [seconds]
	wait_end "$@"
	[[ $REPLY == 'done' ]] || fail "$1 is not done: $(describe "$1")"
	assert_state "$1" error 0
}

expect_failed() { # job errno [seconds]
	wait_end "$1" "${3-30}"
	[[ $REPLY == failed ]] || fail "$1 did not fail: $(describe "$1")"
	state "$1" error
	[[ $REPLY == "$2" ]] || fail "$1 did not fail with $2: $(describe "$1")"
}

expect_cancelled() { # job [seconds]
	wait_end "$@"
	[[ $REPLY == cancelled ]] || fail "$1 was not cancelled: $(describe "$1")"
	assert_state "$1" error ECANCELED
}

# Cancels a job, which is over within a second.
cancel_at_once() { # job
	local before
	now
	before=$REPLY
	cancel "$1"
	expect_cancelled "$1"
	now
	((REPLY - before < 1000)) || fail "$1 was cancelled after $((REPLY - before)) ms"
}

# How long the run took, in milliseconds: at least, give or take what the kernel's clock ticks are, and less than.
assert_took() { # job least most
	state "$1" elapsed_ms
	((REPLY + 20 >= $2 && REPLY < $3)) || fail "$1 took $REPLY ms, not from $2 to $3: $(describe "$1")"
}

# How many TCP sockets this network namespace uses; or how many there are in all, those that were never bound included.
sockets() { # [alloc]
	whole /proc/net/sockstat
	if [[ ${1-} == alloc ]]; then
		REPLY=${REPLY#*TCP: inuse * alloc }
		REPLY=${REPLY%% *}
		return
	fi
	REPLY=${REPLY#*TCP: inuse }
	REPLY=${REPLY%% *}
	local four=$REPLY
	whole /proc/net/sockstat6
	REPLY=${REPLY#*TCP6: inuse }
	REPLY=$((four + ${REPLY%%[!0-9]*}))
}

no_more_sockets() { # before [alloc]
	local until=$((SECONDS + 5))
	sockets "${@:2}"
	while ((REPLY > $1)); do
		((SECONDS <= until)) || fail "$REPLY sockets, and $1 before"
		nap 0.2
		sockets "${@:2}"
	done
}

# Starts a job as somebody else, through a descriptor that root has opened.
start_as() { # job setpriv-option...
	local job=$1
	shift
	setpriv "$@" bash -c 'printf "1\n" >&9' 9>"$CONFIG/$job/start"
}

# As user 1000, who may start jobs but has no right to anybody's files.
# shellcheck disable=SC2034
LIMITED=(--reuid 1000 --regid 1000 --clear-groups --inh-caps +sys_admin --ambient-caps +sys_admin)

# Both have the same bytes.
same() { # file file
	cmp "$1" "$2" || fail "$1 and $2 differ"
}

# The temporary file of a destination.
part_of() { # file
	REPLY=${1%/*}/.${1##*/}.kftp-part
}

assert_no_part() { # file
	part_of "$1"
	[[ ! -e $REPLY && ! -L $REPLY ]] || fail "$REPLY is still there"
}

# The same in a moment: a removed job's run tidies up after the rmdir.
wait_no_part() { # file...
	local file until=$((SECONDS + 5))
	for file; do
		part_of "$file"
		while [[ -e $REPLY || -L $REPLY ]]; do
			((SECONDS <= until)) || fail "$REPLY is still there"
			nap 0.05
		done
	done
}

assert_content() { # file text
	[[ -e $1 ]] || fail "$1 is not there"
	whole "$1"
	[[ $REPLY == "$2" ]] || fail "$1 has ${#REPLY} other bytes: ${REPLY::80}"
}

assert_mode() { # file mode
	assert_equal "$(stat -c %a "$1")" "$2"
}

# The scripted server's own account

# How many connections a case has had so far.
connections() { # case
	read -r REPLY <"$KFTP_DIR/script/count/$1"
}

# What a case's log has until now is not this test's.
from_now_on() { # case
	connections "$1"
	LOG_FROM[$1]=$REPLY
}

# A case's log into LOG, without the connections' numbers: of those since from_now_on (which play says), or of those
# that a user made.
server_log() { # case [user]
	local line all
	local -A wanted
	mapfile -t all <"$KFTP_DIR/script/log/$1"
	LOG=()
	if [[ -n ${2-} ]]; then
		for line in "${all[@]}"; do
			[[ $line != *"< USER $2" ]] || wanted[${line%% *}]=1
		done
		for line in "${all[@]}"; do
			[[ ! -v wanted[${line%% *}] ]] || LOG+=("${line#* }")
		done
	else
		for line in "${all[@]}"; do
			((${line%% *} <= ${LOG_FROM[$1]-0})) || LOG+=("${line#* }")
		done
	fi
}

# How many lines of LOG match a pattern.
count_log() { # pattern
	local line
	REPLY=0
	for line in "${LOG[@]}"; do
		# shellcheck disable=SC2053
		if [[ $line == $1 ]]; then
			REPLY=$((REPLY + 1))
		fi
	done
}

assert_log() { # pattern [times]
	count_log "$1"
	((REPLY == ${2-1})) || fail "'$1' is $REPLY times in the server's log: $(printf '%s\n' "${LOG[@]}")"
}

# Waits until the log since play has a line.
wait_log() { # case pattern [times [seconds]]
	local until=$((SECONDS + ${4-10}))
	while :; do
		server_log "$1"
		count_log "$2"
		((REPLY < ${3-1})) || return 0
		((SECONDS <= until)) || fail "no '$2' in the log of $1: $(printf '%s\n' "${LOG[@]}")"
		nap 0.02
	done
}

# The log

# What the kernel logs from here on is looked at by logged.
mark_log() {
	MARK="tests were here $BATS_SUITE_TEST_NUMBER $RANDOM$RANDOM"
	printf '%s\n' "$MARK" >/dev/kmsg
}

# kftp's lines since the mark into LOGGED, as many as the test expects, without their times.
logged() { # count
	local all line until=$((SECONDS + 3))
	# What is logged at a run's end may come just after its status.
	nap 0.2
	while :; do
		all=$(dmesg)
		LOGGED=()
		while IFS= read -r line; do
			if [[ $line == *kftp* ]]; then
				LOGGED+=("${line#*] }")
			fi
		done <<<"${all##*"$MARK"}"
		((${#LOGGED[@]} < $1 && SECONDS <= until)) || break
		nap 0.2
	done
	((${#LOGGED[@]} == $1)) || fail "logged, not $1 lines: $(printf '%s\n' "${LOGGED[@]}")"
}

# Cleaning up

# Every job, however it goes; what a test itself mounted or made outside its directory is its own to take away.
clean_up() {
	local jobs=("$CONFIG"/*/)
	if [[ -d ${jobs[0]} ]]; then
		rmdir "${jobs[@]}"
	fi
	if [[ -w $MAX_ACTIVE ]]; then
		printf '8\n' >"$MAX_ACTIVE"
	fi
}

# A file system in user space, which fails as its files' names say; its process is FAULTFS.
mount_faulty() { # [option...]
	modprobe fuse
	python3 "$KFTP_TESTS/bats/faultfs.py" "$DIR/mount" "$@" </dev/null >"$KFTP_DIR/faultfs.out" 2>&1 3>&- 4>&- &
	# shellcheck disable=SC2034
	FAULTFS=$!
	until mountpoint -q "$DIR/mount"; do
		nap 0.1
	done
}

# Whatever a test mounted on its own directory "mount".
unmount_all() {
	whole /proc/mounts
	while [[ $REPLY == *" $DIR/mount "* ]]; do
		# What the module would not let go of has failed a test already.
		umount "$DIR/mount" || umount -l "$DIR/mount"
		whole /proc/mounts
	done
}

# Jobs that no server was reached for: as many as wanted, at a builtin each.
many_failed() { # count
	set +T
	local name names
	printf -v names ' many-%04d' $(seq "$1")
	for name in $names; do
		printf '%s\0' "$CONFIG/$name"
	done | xargs -0 mkdir
	for name in $names; do
		printf '%s\n' "$SERVER4" >"$CONFIG/$name/host"
		printf '9\n' >"$CONFIG/$name/port"
		printf 'x\n' >"$CONFIG/$name/src"
		printf '%s\n' "$DIR/$name" >"$CONFIG/$name/dst"
		printf '1\n' >"$CONFIG/$name/start"
	done
	for name in $names; do
		wait_end "$name"
	done
}
