#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The examples, run as they stand.

load kftp

EXAMPLES=${KFTP_TESTS%/*}/examples

teardown() {
	clean_up
	unmount_all
	rm -f /tmp/small
}

# Whatever became of it, an example leaves no job behind.
assert_no_jobs() {
	local jobs=("$CONFIG"/*/)
	[[ ! -d ${jobs[0]} ]] || fail "left behind: ${jobs[*]}"
}

fetch() { # argument...
	run --separate-stderr "$EXAMPLES/shell/fetch" "$@"
	assert_output ''
	assert_no_jobs
}

@test "the session by hand works as written" {
	run -0 "$EXAMPLES/shell/session"
	assert_line status:done
	assert_line error:0
	assert_line bytes:4096
	assert_line run:1
	cmp "$FTP_ROOT/pub/small" /tmp/small
	assert_no_jobs
}

@test "fetch brings a file to an anonymous user" {
	fetch "$SERVER4" pub/small "$DIR/got"
	assert_success
	# shellcheck disable=SC2154
	[[ $stderr == *"done: 4096 bytes in "*" ms" ]] || fail "$stderr"
	cmp "$FTP_ROOT/pub/small" "$DIR/got"
	assert_no_part "$DIR/got"
}

@test "fetch logs in with a password from a file, with or without a newline" {
	printf '%s\n' "$FTP_PASS" >"$DIR/password"
	fetch -P "$PYFTP_PORT" -u "$FTP_USER" -p "$DIR/password" "$SERVER6" 'pub/with space' "$DIR/got"
	assert_success
	cmp "$FTP_ROOT/pub/with space" "$DIR/got"
	printf '%s' "$FTP_PASS" >"$DIR/password"
	fetch -u "$FTP_USER" -p "$DIR/password" "$SERVER4" pub/empty "$DIR/got"
	assert_success
	[[ ! -s $DIR/got ]]
}

@test "fetch logs in with a password from standard input" {
	fetch -u "$FTP_USER" -p - "$SERVER4" pub/one "$DIR/got" <<<"$FTP_PASS"
	assert_success
	assert_content "$DIR/got" 1
}

@test "fetch -r asks for what can be resumed" {
	fetch -r "$SERVER4" pub/small "$DIR/got"
	assert_success
	cmp "$FTP_ROOT/pub/small" "$DIR/got"
	assert_no_part "$DIR/got"
	# A ramfs keeps no extended attributes.
	mkdir "$DIR/mount"
	mount -t ramfs ramfs "$DIR/mount"
	fetch "$SERVER4" pub/small "$DIR/mount/got"
	assert_success
	fetch -r "$SERVER4" pub/small "$DIR/mount/got"
	assert_failure 1
	[[ $stderr == *'/start: Operation not supported' ]] || fail "$stderr"
	assert_no_part "$DIR/mount/got"
}

@test "fetch says why a transfer failed" {
	fetch "$SERVER4" pub/missing "$DIR/got"
	assert_failure 1
	[[ $stderr == *"failed: ENOENT in phase accept, the server said: 550 "* ]] || fail "$stderr"
	[[ ! -e $DIR/got ]]
	fetch -u "$FTP_USER" -p - "$SERVER4" pub/small "$DIR/got" <<<wrong
	assert_failure 1
	[[ $stderr == *"failed: EACCES in phase login, the server said: 530 "* ]] || fail "$stderr"
}

@test "fetch says why a job was refused" {
	fetch "$SERVER4" pub/small "$DIR"
	assert_failure 1
	[[ $stderr == *'/start: Is a directory' ]] || fail "$stderr"
	fetch 1.2.3 pub/small "$DIR/got"
	assert_failure 1
	[[ $stderr == *'/host: Invalid argument' ]] || fail "$stderr"
	fetch "$SERVER4" pub/small
	assert_failure 2
}

@test "a fetch that is terminated takes its job and its password along" {
	local file name pid status=0
	from_now_on hold-transfer
	port_of hold-transfer
	"$EXAMPLES/shell/fetch" -P "$REPLY" -u bob -p - "$SERVER4" x "$DIR/got" <<<top-secret-9 2>"$DIR/said" 3>&- &
	pid=$!
	name=fetch-$pid
	while [[ ! -e $STATE/$name ]]; do
		nap 0.1
	done
	wait_state "$name" phase transfer
	for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do
		if { whole "$file"; } 2>/dev/null && [[ $REPLY == *top-secret-9* ]]; then
			fail "the password is in $file"
		fi
	done
	kill -TERM "$pid"
	wait "$pid" || status=$?
	assert_equal "$status" 143
	assert_no_jobs
	nap 1
	assert_no_part "$DIR/got"
	[[ ! -e $DIR/got ]]
}

# The lines of a section of README that are meant to be typed.
readme() { # heading
	local line there=
	LINES_OF=()
	while IFS= read -r line; do
		case $line in
		"## $1") there=1 ;;
		'## '*) there= ;;
		'    # '*) [[ -z $there ]] || LINES_OF+=("${line#    # }") ;;
		esac
	done <"$EXAMPLES/../README.md"
	((${#LINES_OF[@]} > 0)) || fail "README has no lines to type in '$1'"
}

@test "README's lines to send and to fetch do so as they stand" {
	local line
	readme 'Sending, and a transfer that has to arrive'
	for line in "${LINES_OF[@]}"; do
		eval "$line" >>"$DIR/said"
		case $line in
		'echo 1 >start') expect_done "${PWD##*/}" 60 ;;
		esac
	done
	cmp "/boot/vmlinuz-$(uname -r)" "$FTP_ROOT/pub/vmlinuz"
	cmp "/boot/vmlinuz-$(uname -r)" /scratch/vmlinuz
	grep -q 'fetch/status:done' "$DIR/said"
	cd /
	rm /scratch/vmlinuz "$FTP_ROOT/pub/vmlinuz"
}
