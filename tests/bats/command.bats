#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The command: one transfer, and jobs that are there.

load kftp

# run --separate-stderr sets it.
: "${stderr=}"

setup_file() {
	install_tools
}

teardown() {
	clean_up
}

URL=ftp://$SERVER4/pub/small

# A URL of a case of the scripted server.
url_of() { # case [path]
	from_now_on "$1"
	port_of "$1"
	REPLY=ftp://$SERVER4:$REPLY/${2-x}
}

password_file() { # mode
	(umask 077 && printf '%s\n' "$FTP_PASS" >"$DIR/password")
	chmod "$1" "$DIR/password"
}

# Getting and sending

@test "get fetches a file, says so on stderr alone, and leaves no job" {
	kftp_exits 0 get "$URL" "$DIR/got"
	assert_output ''
	# It is no terminal: a line or more, the last of which is the end.
	[[ ${stderr##*$'\n'} == 'kftp: get-'*': done, 4096 bytes in '*' s' ]] || fail "$stderr"
	cmp "$FTP_ROOT/pub/small" "$DIR/got"
	assert_no_part "$DIR/got"
	assert_no_jobs
}

@test "get -q says nothing" {
	kftp_exits 0 get -q "$URL" "$DIR/got"
	assert_equal "$output$stderr" ''
	cmp "$FTP_ROOT/pub/small" "$DIR/got"
}

@test "get takes a directory and a relative name for what they are here" {
	cd "$DIR"
	mkdir 'a directory'
	kftp_exits 0 get -q "$URL" 'a directory'
	cmp "$FTP_ROOT/pub/small" "$DIR/a directory/small"
	kftp_exits 0 get -q "$URL" .
	cmp "$FTP_ROOT/pub/small" "$DIR/small"
	kftp_exits 0 get -q "$URL" 'a directory/other'
	cmp "$FTP_ROOT/pub/small" "$DIR/a directory/other"
}

# bats test_tags=long
@test "a URL is decoded: blanks, an absolute path, its type, IPv6, a name, a user" {
	local url
	password_file 600
	for url in "ftp://$SERVER4/pub/with%20space" "FTP://$SERVER4:$FTP_PORT/%2Fpub/with%20sp%61ce;type=i" \
		"ftp://[$SERVER6]/pub/with%20space" "ftp://ftp.kftp.test/pub/with%20space" \
		"ftp://%61lice@$SERVER4:$PYFTP_PORT//pub/with%20space"; do
		rm -f "$DIR/got"
		kftp_exits 0 get -q -p "$DIR/password" "$url" "$DIR/got"
		cmp "$FTP_ROOT/pub/with space" "$DIR/got"
	done
}

@test "what is in a URL goes to the server byte by byte" {
	url_of plain '%5Ca%09%e4%25%27%24%28x%29%3Btype=i'
	kftp_exits 0 get -q "$REPLY" "$DIR/got"
	server_log plain
	assert_log $'< RETR \\\\a\t\xe4%\'$(x);type=i'
}

# bats test_tags=long
@test "put sends a file, and a path that ends in a slash takes its name" {
	password_file 600
	cp "$FTP_ROOT/pub/small" "$DIR/sent"
	cd "$DIR"
	kftp_exits 0 put -p password sent "ftp://alice@$SERVER4/pub/sent-as"
	[[ ${stderr##*$'\n'} == 'kftp: put-'*': done, 4096 bytes in '* ]] || fail "$stderr"
	kftp_exits 0 put -q -p password "$DIR/sent" "ftp://alice@$SERVER4/pub/"
	cmp "$DIR/sent" "$FTP_ROOT/pub/sent-as"
	cmp "$DIR/sent" "$FTP_ROOT/pub/sent"
	kftp_exits 0 put -q -p password -o direction=append sent "ftp://alice@$SERVER4/pub/sent"
	assert_equal "$(stat -c %s "$FTP_ROOT/pub/sent")" 8192
	rm "$FTP_ROOT"/pub/sent*
	assert_no_jobs
}

@test "-o sets any attribute, the last one counts, and the job has them" {
	url_of hold-transfer
	kftp_exits 0 get -b -j named -o timeout_sec=7 -o retries=9 -oretries=3 -o src=other "$REPLY" "$DIR/got"
	assert_output named
	assert_attr named timeout_sec 7
	assert_attr named retries 3
	assert_attr named src other
	assert_attr named dst "$DIR/got"
}

@test "options may stand anywhere, and -- ends them" {
	job -x
	kftp_exits 0 get "$URL" "$DIR/got" -q
	assert_equal "$output$stderr" ''
	kftp_exits 0 status -- -x
	assert_line --regexp '^status: *idle'
	kftp_exits 102 status -- -x --json
	assert_equal "$stderr" 'kftp: there is no job --json'
	job a
	kftp_exits 0 status a --json
	assert_output --partial '"job"'
	kftp_exits 0 start -- -x
	kftp_exits 0 wait -q -- -x
	kftp_exits 0 rm -- -x
	[[ ! -d $CONFIG/-x ]]
}

# Passwords

# bats test_tags=long
@test "the password is taken from a file, standard input, a netrc file and systemd's credentials" {
	local way
	password_file 600
	printf '%s' "$FTP_PASS" >"$DIR/pass"
	chmod 600 "$DIR/pass"
	printf 'machine other login x password y\nmachine %s\n\tlogin %s password %s\nmacdef init\nls machine\n\ndefault login anonymous password a@b\n' \
		"$SERVER4" "$FTP_USER" "$FTP_PASS" >"$DIR/.netrc"
	chmod 600 "$DIR/.netrc"
	for way in "-p $DIR/password" "-p $DIR/pass" "-p-" "-n" "--netrc-file $DIR/.netrc"; do
		rm -f "$DIR/got"
		# shellcheck disable=SC2086
		HOME=$DIR kftp_exits 0 get -q $way "ftp://alice@$SERVER4/pub/small" "$DIR/got" <<<"$FTP_PASS"
		cmp "$FTP_ROOT/pub/small" "$DIR/got"
	done
	rm "$DIR/got"
	CREDENTIALS_DIRECTORY=$DIR kftp_exits 0 get -q "ftp://alice@$SERVER4/pub/small" "$DIR/got"
	cmp "$FTP_ROOT/pub/small" "$DIR/got"
	# The user comes from there too.
	url_of hold-transfer
	kftp_exits 0 get -b -j a --netrc-file "$DIR/.netrc" "$REPLY" "$DIR/got"
	assert_attr a user "$FTP_USER"
	# And another user's password is not his.
	kftp_exits 67 get -q --netrc-file "$DIR/.netrc" "ftp://bob@$SERVER4/pub/small" "$DIR/other"
}

# bats test_tags=long
@test "a netrc file is read as curl reads it" {
	netrc() { # format argument...
		# shellcheck disable=SC2059
		(umask 077 && printf "$@" >"$DIR/netrc")
		rm -f "$DIR/got"
	}
	netrc 'MACHINE\n'
	kftp_exits 104 get --netrc-file "$DIR/netrc" "$URL" "$DIR/got"
	assert_said "kftp: $DIR/netrc:1: *"
	# Quotes, another case of the name, line ends of another system, a comment.
	netrc 'machine V4.KFTP.test login "%s" password "w\\onder-land-7" # mine\r\n' "$FTP_USER"
	kftp_exits 0 get -q --netrc-file "$DIR/netrc" ftp://v4.kftp.test/pub/small "$DIR/got"
	# The one of two entries that has the user; an entry without a password ends the search.
	netrc 'machine %s login bob password x\nmachine %s login alice password %s\n' "$SERVER4" "$SERVER4" "$FTP_PASS"
	kftp_exits 0 get -q --netrc-file "$DIR/netrc" "ftp://alice@$SERVER4/pub/small" "$DIR/got"
	kftp_exits 67 get -q --netrc-file "$DIR/netrc" "$URL" "$DIR/other"
	url_of hold-transfer
	local url=$REPLY
	netrc 'machine %s login alice\ndefault login anonymous password a@b\n' "$SERVER4"
	kftp_exits 0 get -b -j a --netrc-file "$DIR/netrc" "$url" "$DIR/got"
	assert_attr a user alice
	# What -o says of host and user counts for whose password it is.
	netrc 'machine %s login alice password secret-3\n' "$SERVER4"
	kftp_exits 0 get -b -j b -o "host=$SERVER6" -o user=bob --netrc-file "$DIR/netrc" "$url" "$DIR/b"
	wait_state b phase transfer
	server_log hold-transfer bob
	assert_log '< PASS '
}

@test "a password that is typed is not shown" {
	local tries
	url_of hold-transfer
	tmux -L kftp new-session -d -x 100 -y 10 "kftp get -j a -p - -o user=bob $REPLY $DIR/got; sleep 60"
	for ((tries = 0; tries < 50; tries++)); do
		tmux -L kftp capture-pane -p >"$DIR/screen"
		whole "$DIR/screen"
		[[ $REPLY != *Password:* ]] || break
		nap 0.2
	done
	tmux -L kftp send-keys top-secret-8 Enter
	while [[ ! -e $STATE/a ]]; do
		nap 0.1
	done
	wait_state a phase transfer
	tmux -L kftp capture-pane -p >"$DIR/screen"
	tmux -L kftp kill-server
	whole "$DIR/screen"
	[[ $REPLY == *Password:* && $REPLY != *top-secret* ]] || fail "$REPLY"
	server_log hold-transfer bob
	assert_log '< PASS top-secret-8'
}

@test "no password is in the arguments or the environment of any process" {
	local file pid
	(umask 077 && echo top-secret-9 >"$DIR/password")
	url_of hold-transfer
	# Not even if there was a variable of such a name.
	password=1 trim=1 _value=1 kftp get -j a -q -p "$DIR/password" -o user=bob "$REPLY" "$DIR/got" 3>&- &
	pid=$!
	while [[ ! -e $STATE/a ]]; do
		nap 0.1
	done
	wait_state a phase transfer
	for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do
		if { whole "$file"; } 2>/dev/null && [[ $REPLY == *top-secret-9* ]]; then
			fail "the password is in $file"
		fi
	done
	kill -TERM "$pid"
	wait "$pid" || :
	server_log hold-transfer
	assert_log '< PASS top-secret-9'
}

@test "a file with a password that others can read is refused" {
	password_file 644
	kftp_exits 104 get -p "$DIR/password" "$URL" "$DIR/got"
	assert_said "kftp: $DIR/password: others can read this, *chmod o= *"
	kftp_exits 104 get --netrc-file "$DIR/password" "$URL" "$DIR/got"
	assert_said "kftp: $DIR/password: others can read this, *"
	kftp_exits 104 get -p "$DIR/nothing" "$URL" "$DIR/got"
	assert_said "kftp: $DIR/nothing: No such file or directory"
	kftp_exits 104 get -p "$DIR" "$URL" "$DIR/got"
	assert_said "kftp: $DIR: a directory is not what is wanted here"
	assert_no_jobs
}

# What is refused

# bats test_tags=long
@test "a URL that is none is refused in one line, before there is a job" {
	local status_wanted url pattern
	while IFS='|' read -r status_wanted url pattern; do
		kftp_exits "$status_wanted" get "$(printf '%b' "$url")" "$DIR/got"
		assert_said "kftp: $pattern"
		[[ $stderr != *secret* ]]
	done <<-'END'
	1|http://h/x|*no http://, only ftp://
	1|ftps://h/x|*no ftps://*
	2|ftp://alice:secret@h/x|*password*
	3|alice:secret@h/x|*no URL*
	3|h/x|*no URL*
	3|ftp:///x|*no host*
	3|ftp://@h/x|*no user*
	3|ftp://h/|*directory*
	3|ftp://h|*directory*
	3|ftp://h/x/|*directory*
	3|ftp://h/x\nDELE y|*CR or LF*
	3|ftp://h/x\ry|*CR or LF*
	3|ftp://h/x%0D%0ADELE%20y|*NUL, CR or LF*
	3|ftp://a%0ab@h/x|*NUL, CR or LF*
	3|ftp://h/x%00|*NUL, CR or LF*
	3|ftp://h/x%4|*two hexadecimal digits*
	3|ftp://h/x%g0|*two hexadecimal digits*
	3|ftp://h/x#y|*%23*
	3|ftp://h:port/x|*port*
	3|ftp://2001:db8::1/x|*brackets*
	3|ftp://h/x;type=a|*;type=i*
	3|ftp://h/x;type=d|*;type=i*
	2|ftp://192.0.2.1:0/x|*port: the number is out of range*
	2|ftp://192.0.2.1:65536/x|*port: the number is out of range*
	2|ftp://under score/x|*host does not take this value*
	END
	assert_no_jobs
	[[ ! -e $DIR/got ]]
}

# bats test_tags=long
@test "wrong usage is said in a line, with the right one" {
	local arguments
	for arguments in get put 'get ftp://h/x' 'get -z ftp://h/x y' 'get -p' 'get ftp://h/x y z' show 'show a b' start cancel \
		rm 'list x' 'status -x' 'wait -x' apply run 'run a b' check 'metrics x' 'version x'; do
		# shellcheck disable=SC2086
		kftp_exits 2 $arguments
		assert_said "kftp: wrong usage: kftp ${arguments%% *}*"
	done
	kftp_exits 2 frobnicate
	assert_said "kftp: there is no command 'frobnicate'*"
	kftp_exits 2
	kftp_exits 2 get -o nonsense=1 "$URL" x
	assert_said "kftp: there is no attribute 'nonsense'*"
	kftp_exits 2 get -o start=1 "$URL" x
	kftp_exits 2 get -o pass=x "$URL" x
	assert_said 'kftp: a password among the arguments*'
	kftp_exits 2 get -o resume "$URL" x
	kftp_exits 2 get -o timeout_sec=x "$URL" "$DIR/x"
	assert_said 'kftp: *timeout_sec does not take this value*'
	kftp_exits 2 status --json --watch
	assert_no_jobs
}

# bats test_tags=long
@test "a name that no job can have is refused, and one that no job has" {
	local command name
	for command in show start cancel rm status wait; do
		for name in a/b ../kftp .a '' 'a b' "${LONG_NAME::65}"; do
			kftp_exits 2 "$command" "$name"
			assert_said 'kftp: * no name for a job*'
		done
		kftp_exits 102 "$command" nobody
		assert_said 'kftp: there is no job nobody'
	done
	kftp_exits 2 get -j a/b "$URL" "$DIR/got"
	kftp_exits 2 run .a
	job a
	kftp_exits 103 get -j a "$URL" "$DIR/got"
	assert_said 'kftp: there is a job a already*'
	[[ -d $CONFIG/a ]]
	# One of several that is not there: nothing is done to the others.
	kftp_exits 102 rm a nobody
	[[ -d $CONFIG/a ]]
}

# How it ends

# A get that fails with an exit status, and what it says.
fails() { # status pattern argument...
	local pattern=$2
	kftp_exits "$1" get -q "${@:3}" "$DIR/got"
	assert_said "kftp: get-*: failed in phase $pattern"
	[[ ! -e $DIR/got ]]
	assert_no_part "$DIR/got"
	assert_no_jobs
}

# bats test_tags=long
@test "each failure has its words, and the exit status that curl has for it" {
	fails 6 'resolve: EHOSTUNREACH, the host is not known' ftp://nobody.kftp.test/x
	fails 7 'connect: ECONNREFUSED, nobody listens at that port' "ftp://$SERVER4:9/x"
	fails 7 'connect: EHOSTUNREACH, there is no way to the host' "ftp://$UNUSED4/x"
	fails 67 'login: EACCES, the log-in was refused*530*' "ftp://alice@$SERVER4/x"
	fails 78 'accept: ENOENT, the server has no such file*550*' "ftp://$SERVER4/pub/missing"
	fails 63 'negotiate: EFBIG, the file is too large*' -o max_size=9 "$URL"
	fails 105 '*: EBADMSG, the file has another digest*' -o "sha256=$(printf '0%.0s' {1..64})" "$URL"
	url_of user-550-tls
	fails 67 'login: ENOENT, the log-in was refused*550*' "$REPLY"
	url_of never-connects
	fails 12 'accept: ETIMEDOUT, the server made no data connection in time*' -o timeout_sec=1 "$REPLY"
	url_of stall-in-data
	fails 28 'transfer: ETIMEDOUT, the time was over*' -o timeout_sec=1 "$REPLY"
	url_of fewer-bytes
	fails 18 'transfer: EIO, * bytes came through of *' "$REPLY"
	url_of reset-in-data
	fails 18 'transfer: ECONNRESET*' "$REPLY"
	url_of greeting-hang-up
	fails 56 '*: ECONNRESET, the connection was lost*' "$REPLY"
	url_of greeting-421
	fails 8 '*: EAGAIN, not now, says the server*421*' "$REPLY"
	url_of greeting-of-ssh
	fails 8 '*: EPROTO*' "$REPLY"
	url_of 552-after-data
	fails 70 '*: ENOSPC, no space left on the server*' "$REPLY"
}

@test "a destination that cannot be is a failure to write, a source a failure to read" {
	local dst
	mkfifo "$DIR/fifo"
	ln -s x "$DIR/link"
	for dst in /proc/x "$DIR/fifo" "$DIR/link" "$DIR/nowhere/x" "$DIR/x/"; do
		kftp_exits 23 get -q "$URL" "$dst"
		assert_said "kftp: get-*: not started: $dst: *"
	done
	kftp_exits 26 put -q "$DIR/nothing" "ftp://$SERVER4/"
	assert_said "kftp: put-*: not started: $DIR/nothing: No such file or directory"
	kftp_exits 63 put -q -o max_size=1 "$FTP_ROOT/pub/small" "ftp://$SERVER4/"
	kftp_exits 104 get -q -o port_min=2 -o port_max=1 "$URL" "$DIR/got"
	assert_said 'kftp: get-*: not started: port_min is above port_max'
	kftp_exits 9 put -q "$FTP_ROOT/pub/small" "ftp://$SERVER4/pub/not-for-anonymous"
	assert_no_jobs
}

@test "what a server says is shown without what a terminal would obey" {
	url_of odd-bytes-in-a-refusal
	kftp_exits 78 get -q "$REPLY" "$DIR/got"
	[[ $stderr != *[![:print:]]* ]] || fail "$stderr"
}

@test "a signal cancels a get, and ends it" {
	local signal pid status
	for signal in INT TERM HUP; do
		url_of hold-transfer
		# A shell has what it starts in the background ignore SIGINT.
		python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' kftp get -j "$signal" "$REPLY" "$DIR/$signal" 2>"$DIR/said" 3>&- &
		pid=$!
		while [[ ! -e $STATE/$signal ]]; do
			nap 0.1
		done
		wait_state "$signal" phase transfer
		kill -s "$signal" "$pid"
		status=0
		wait "$pid" || status=$?
		assert_equal "$status" $((128 + $(kill -l "$signal")))
		whole "$DIR/said"
		[[ $REPLY == *"kftp: $signal: cancelled in phase transfer"* ]] || fail "$REPLY"
		assert_no_jobs
		assert_no_part "$DIR/$signal"
	done
}

@test "a job is not left behind because nobody reads what is said of it" {
	kftp get -j a "$URL" "$DIR/got" 2>&1 | true
	assert_no_jobs
	cmp "$FTP_ROOT/pub/small" "$DIR/got"
	run kftp get -q "$URL" "$DIR/got" 2>/dev/full
	assert_success
	run kftp rm nobody 2>/dev/full
	assert_equal "$status" 102
	# Nor a job whose name could not be told.
	url_of hold-transfer
	run bash -c 'kftp get -b "$@" >/dev/full' - "$REPLY" "$DIR/b"
	assert_failure
	assert_no_jobs
}

@test "a job that cannot be waited for is cancelled" {
	local status=0
	url_of hold-transfer
	kftp get -q -j a "$REPLY" "$DIR/got" 2>"$DIR/said" 3>&- &
	local pid=$!
	while [[ ! -e $STATE/a ]]; do
		nap 0.1
	done
	wait_state a phase transfer
	pkill -KILL -P "$pid" -x kftp-state
	wait "$pid" || status=$?
	assert_equal "$status" 1
	whole "$DIR/said"
	[[ $REPLY == *'kftp: a: cancelled, as it cannot be waited for'* ]] || fail "$REPLY"
	assert_no_jobs
	assert_no_part "$DIR/got"
}

@test "a get that somebody else cancels exits with 42" {
	local pid status=0
	url_of hold-transfer
	kftp get -q -j a "$REPLY" "$DIR/got" 3>&- &
	pid=$!
	while [[ ! -e $STATE/a ]]; do
		nap 0.1
	done
	wait_state a phase transfer
	kftp_exits 0 cancel a
	wait "$pid" || status=$?
	assert_equal "$status" 42
	assert_no_jobs
}

@test "a terminal has a progress line, and the end after it" {
	local tries
	play gated a
	tmux -L kftp new-session -d -x 70 -y 10 "kftp start a; kftp wait a; sleep 60"
	wait_state a phase 'accept|transfer'
	release a
	for ((tries = 0; tries < 50; tries++)); do
		tmux -L kftp capture-pane -p >"$DIR/screen"
		whole "$DIR/screen"
		[[ $REPLY != *'a: done, '* ]] || break
		nap 0.2
	done
	tmux -L kftp kill-server
	[[ $REPLY == *'kftp: a: done, '*' bytes in '* ]] || fail "$REPLY"
}

# Jobs

@test "get -b leaves a job, which wait waits for and rm takes away" {
	kftp_exits 0 get -b "$URL" "$DIR/got"
	[[ $output == get-* && -d $CONFIG/$output ]]
	local job=$output
	kftp_exits 0 wait "$job"
	[[ ${stderr##*$'\n'} == "kftp: $job: done, "* ]] || fail "$stderr"
	cmp "$FTP_ROOT/pub/small" "$DIR/got"
	kftp_exits 0 rm "$job"
	assert_no_jobs
	# But not one that did not start.
	kftp_exits 23 get -b "$URL" /proc/x
	assert_output ''
	assert_no_jobs
}

@test "start starts, wait says how each has ended, and exits as the first that failed" {
	job a
	job b src=pub/missing
	job c user=bob
	kftp_exits 2 wait a
	assert_said 'kftp: a was never started'
	kftp_exits 0 start a b c
	kftp_exits 78 wait -q a b c
	[[ $stderr == 'kftp: b: failed'*$'\n''kftp: c: failed'* ]] || fail "$stderr"
	kftp_exits 67 wait -q c b a
	kftp_exits 0 wait
	assert_equal "$output$stderr" ''
	play hold-transfer d
	kftp_exits 0 start d
	kftp_exits 103 start d
	assert_said 'kftp: d: not started: it is running already'
	mkdir "$CONFIG/e"
	kftp_exits 104 start e
	assert_said 'kftp: e: not started: not set: host, src, dst'
	kftp_exits 0 cancel a d e
	kftp_exits 42 wait d
	assert_said 'kftp: d: cancelled in phase *'
}

@test "wait without a job waits for all that run" {
	play gated a
	play gated b
	job idle
	start a b
	kftp wait 2>"$DIR/said" 3>&- &
	local pid=$!
	nap 1
	[[ -e /proc/$pid ]]
	release a
	release b
	wait "$pid"
	whole "$DIR/said"
	[[ $REPLY == *'kftp: a: done'*'kftp: b: done'* && $REPLY != *idle* ]] || fail "$REPLY"
}

@test "a wait whose job goes away says so" {
	play hold-transfer a
	start a
	kftp wait -q a 2>"$DIR/said" 3>&- &
	local pid=$! status=0
	nap 1
	kftp_exits 0 rm a
	wait "$pid" || status=$?
	assert_equal "$status" 102
}

@test "list, status and metrics show jobs to everybody" {
	job b
	job a src=pub/missing
	start a
	wait_end a
	run -0 setpriv --reuid 1000 --clear-groups kftp list
	assert_output $'a\nb'
	run -0 setpriv --reuid 1000 --clear-groups kftp status
	assert_line --regexp '^a +failed +accept .*ENOENT'
	assert_line --regexp '^b +idle '
	run -0 setpriv --reuid 1000 --clear-groups kftp status a
	assert_line --regexp '^error: *ENOENT$'
	run -0 setpriv --reuid 1000 --clear-groups kftp status --json a
	assert_output --partial '"ENOENT"'
	run -0 setpriv --reuid 1000 --clear-groups kftp metrics
	assert_output --partial 'kftp_failures{error="ENOENT"} 1'
}

# What is missing

@test "without the right, all that takes it says so" {
	local command
	job a
	for command in "get $URL $DIR/got" 'show a' 'start a' 'cancel a' 'rm a' "apply $DIR"; do
		# shellcheck disable=SC2086
		run --separate-stderr setpriv --reuid 1000 --clear-groups kftp $command
		assert_equal "$status" 101
		assert_said 'kftp: this takes root with CAP_SYS_ADMIN: use sudo'
	done
	run --separate-stderr setpriv --bounding-set -sys_admin kftp get "$URL" "$DIR/got"
	assert_equal "$status" 101
	assert_said 'kftp: get-*: a job takes CAP_SYS_ADMIN: use sudo'
	run --separate-stderr setpriv --bounding-set -sys_admin kftp start a
	assert_equal "$status" 101
	run --separate-stderr setpriv --bounding-set -sys_admin kftp cancel a
	assert_equal "$status" 101
}

@test "without the module or configfs, the message names the command that helps" {
	umount /sys/kernel/config
	run --separate-stderr kftp get "$URL" "$DIR/got"
	mount -t configfs none /sys/kernel/config
	assert_equal "$status" 100
	assert_said 'kftp: configfs is not mounted: mount -t configfs none /sys/kernel/config mounts it'
	rmmod kftp
	local command
	for command in "get $URL $DIR/got" list status wait 'show a' "apply $DIR"; do
		# shellcheck disable=SC2086
		run --separate-stderr kftp $command
		[[ $status == 100 && $stderr == 'kftp: the module kftp is not loaded: modprobe kftp loads it' ]] ||
			fail "$command: $status, $stderr"
	done
	run -0 kftp metrics
	assert_line 'kftp_up 0'
	insmod "$KFTP_MODULE"
}

# bats test_tags=long
@test "help, version and each command's usage are there" {
	local command commands
	kftp_exits 0 help
	mapfile -t commands < <(grep -oE '^  [a-z]+ ' <<<"$output")
	((${#commands[@]} >= 13)) || fail "${commands[*]}"
	for command in "${commands[@]//[ ,]/}" help version; do
		kftp_exits 0 help "$command"
		[[ $output == "kftp $command"* ]]
	done
	kftp_exits 0 --help
	kftp_exits 0 version
	assert_output --regexp '^kftp [0-9]+\.[0-9]+'
}
