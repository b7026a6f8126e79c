#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# kftp-state, by which the command kftp reads jobs' state and waits for them.

load kftp

HELPER=${KFTP_TESTS%/*}/build/kftp-state
SOMEBODY=(setpriv --reuid 1000 --regid 1000 --clear-groups)
TMUX_SOCKET=$DIR/tmux

teardown() {
	local pid
	for pid in ${WAITER-}; do
		kill "$pid" 2>/dev/null || :
	done
	[[ ! -S $TMUX_SOCKET ]] || tmux -S "$TMUX_SOCKET" kill-server || :
	[[ -d /sys/module/kftp ]] || insmod "$KFTP_MODULE"
	clean_up
}

# Runs the helper, whose exit status is to be that.
helper() { # status argument...
	local wanted=$1
	shift
	run --separate-stderr "$HELPER" "$@"
	# shellcheck disable=SC2154
	[[ $status == "$wanted" ]] || fail "exit status $status, not $wanted: $output $stderr"
}

# Waits for jobs in the background; what it says is in $DIR/said.
begin_wait() { # argument...
	"$HELPER" wait "$@" </dev/null >"$DIR/said" 2>&1 3>&- &
	WAITER=$!
}

# The exit status of the helper in the background.
end_wait() { # status
	local status=0
	wait "$WAITER" || status=$?
	WAITER=
	assert_equal "$status" "$1"
}

# Until the helper in the background sleeps in poll(2).
asleep() {
	local until=$((SECONDS + 10))
	REPLY=
	while [[ $REPLY != *poll* ]]; do
		((SECONDS <= until)) || fail "it does not sleep, but is in '$REPLY'"
		nap 0.05
		read -r REPLY <"/proc/$WAITER/wchan" || :
	done
}

# How often the helper in the background has run, and for how many nanoseconds.
ran() {
	local ns times
	read -r ns _ times <"/proc/$WAITER/schedstat"
	REPLY="$times times for $ns ns"
}

# The table

@test "table shows all jobs, sorted by name, in columns that are never empty" {
	local header titles
	play gated c
	job b src=pub/missing
	job d
	job a
	start a b c
	wait_end a
	wait_end b
	wait_state c bytes 1024
	helper 0 table
	[[ $stderr == '' ]]
	read -ra titles <<<"${lines[0]}"
	assert_equal "${titles[*]}" 'JOB STATUS PHASE BYTES SIZE % TIME ERROR'
	assert_equal "${#lines[@]}" 5
	assert_line --index 1 --regexp '^a +done +commit +4096 +4096 +100 +[0-9]+\.[0-9]s  -$'
	assert_line --index 2 --regexp '^b +failed +accept +0 +- +- +[0-9]+\.[0-9]s  ENOENT$'
	assert_line --index 3 --regexp '^c +running +transfer +1024 +4096 +25 +[0-9]+\.[0-9]s  -$'
	assert_line --index 4 --regexp '^d +idle +- +- +- +- +-  -$'
	# A column begins where its title does.
	header=${lines[0]%%STATUS*}
	[[ ${lines[1]:${#header}:4} == 'done' && ${lines[3]:${#header}:7} == running ]] || fail "$output"
	release c
	expect_done c
}

@test "table shows the named jobs, and says which are not there" {
	job a
	job b
	helper 0 table b
	assert_equal "${#lines[@]}" 2
	helper 3 table none a
	assert_equal "${#lines[@]}" 2
	assert_line --index 1 --partial a
	assert_equal "$stderr" 'kftp: there is no job none'
	helper 3 table none
	assert_output ''
	helper 3 detail none
	assert_output ''
}

@test "without a job the table has its titles alone, json is an empty array" {
	helper 0 table
	assert_equal "${#lines[@]}" 1
	helper 0 json
	assert_output '[]'
}

# All of a job

@test "detail has a line for every state file, as it is" {
	local file expected=
	job a
	job b src=pub/missing
	start a b
	wait_end a
	wait_end b
	helper 0 detail a b
	for file in "$STATE"/b/*; do
		file=${file##*/}
		case $file in
		device | power | subsystem | uevent | waiting_for_supplier) continue ;;
		esac
		state b "$file"
		assert_line "$file:${REPLY:+ $REPLY}"
		expected+=x
	done
	assert_line --index 0 'job: a'
	[[ $output == *$'\n\njob: b\nstatus: failed\n'* ]] || fail "$output"
	# Both jobs have so many lines, and one for the name.
	assert_equal "${#lines[@]}" $((2 * (${#expected} + 1)))
}

@test "json has every state file of every job, and null for what is not there" {
	local file
	job a
	job b src=pub/missing
	# A directory on the server, whose refusal has quotes in it, is not to be had; so the server is a scripted one.
	play pass-530-echo-lines c
	start a b c
	wait_end a
	wait_end b
	wait_end c
	job d
	"$HELPER" json >"$DIR/json"
	python3 -m json.tool "$DIR/json" >/dev/null
	python3 - "$DIR/json" "$STATE" <<-'END'
		import json, os, sys
		jobs = json.load(open(sys.argv[1]))
		assert [job["job"] for job in jobs] == ["a", "b", "c", "d"], jobs
		for job in jobs:
		    where = os.path.join(sys.argv[2], job.pop("job"))
		    others = {"device", "power", "subsystem", "uevent", "waiting_for_supplier"}
		    assert set(job) == set(os.listdir(where)) - others, job
		    for key, value in job.items():
		        text = open(os.path.join(where, key)).read().removesuffix("\n")
		        none = text == "" or key == "size" and text == "-1" or key == "error" and text == "0"
		        number = key in ("reply_code", "bytes", "size", "resumed", "run", "attempts", "elapsed_ms")
		        assert value == (None if none else int(text) if number else text), (where, key, value, text)
		assert jobs[0]["size"] == 4096 and jobs[0]["error"] is None
		assert jobs[1]["error"] == "ENOENT"
		assert "\\n" in jobs[2]["reply"], jobs[2]
		assert jobs[3]["size"] is None and jobs[3]["peer"] is None and jobs[3]["run"] == 0
	END
	helper 3 json none b
	[[ $stderr == 'kftp: there is no job none' && $output == *'"job":"b"'*']' && $output != *'"none","status"'* ]] || fail "$output"
}

@test "who may not read reply is shown the rest" {
	job a src=pub/missing
	start a
	wait_end a
	run -0 "${SOMEBODY[@]}" "$HELPER" json a
	python3 -m json.tool <<<"$output" >/dev/null
	[[ $output == *'"error":"ENOENT","reply_code":550,"bytes":0'* ]] || fail "$output"
	run -0 "${SOMEBODY[@]}" "$HELPER" detail a
	assert_line 'reply_code: 550'
	refute_line --partial 'reply:'
	run -0 "${SOMEBODY[@]}" "$HELPER" table
	assert_line --partial ENOENT
	run -0 "${SOMEBODY[@]}" "$HELPER" metrics
	assert_line 'kftp_failures{error="ENOENT"} 1'
	run -0 "${SOMEBODY[@]}" "$HELPER" wait a
}

# For Prometheus

@test "metrics are what promtool likes, and tell of every job" {
	job a
	job b src=pub/missing
	job c src=pub/missing
	job d port=9
	job e
	play gated f
	start a b c d f
	wait_end a
	wait_end b
	wait_end c
	wait_end d
	wait_state f bytes 1024
	cancel f
	wait_end f
	start a
	wait_end a
	helper 0 metrics
	run promtool check metrics <<<"$output"
	[[ $status == 0 && $output == '' ]] || fail "$output"
	helper 0 metrics
	assert_line 'kftp_up 1'
	assert_line 'kftp_jobs{status="idle"} 1'
	assert_line 'kftp_jobs{status="queued"} 0'
	assert_line 'kftp_jobs{status="running"} 0'
	assert_line 'kftp_jobs{status="done"} 1'
	assert_line 'kftp_jobs{status="failed"} 3'
	assert_line 'kftp_jobs{status="cancelled"} 1'
	assert_line 'kftp_failures{error="ENOENT"} 2'
	assert_line 'kftp_failures{error="ECONNREFUSED"} 1'
	refute_line --partial ECANCELED
	assert_line 'kftp_job_status{name="e",status="idle"} 1'
	assert_line 'kftp_job_failed{name="b",error="ENOENT"} 1'
	refute_line --partial 'kftp_job_failed{name="a"'
	assert_line 'kftp_job_bytes{name="a"} 4096'
	assert_line 'kftp_job_bytes{name="f"} 1024'
	assert_line 'kftp_job_size_bytes{name="f"} 4096'
	refute_line --partial 'kftp_job_size_bytes{name="b"'
	assert_line --regexp '^kftp_job_duration_seconds\{name="a"\} [0-9]+\.[0-9]{3}$'
	assert_line 'kftp_job_attempts{name="d"} 1'
	assert_line 'kftp_job_runs_total{name="a"} 2'
	assert_line 'kftp_job_runs_total{name="e"} 0'
	refute_line --partial 'kftp_job_bytes{name="e"'
}

@test "without the module everything says so, but for metrics, which are still metrics" {
	local command
	rmmod kftp
	for command in table 'table a' 'detail a' json 'watch a' 'wait a'; do
		# shellcheck disable=SC2086
		helper 4 $command
		assert_output ''
		assert_equal "$stderr" 'kftp: the module kftp is not loaded: modprobe kftp loads it'
	done
	helper 0 metrics
	assert_line 'kftp_up 0'
	run -0 promtool check metrics <<<"$output"
	assert_output ''
}

@test "metrics of no job are still metrics" {
	helper 0 metrics
	assert_line 'kftp_jobs{status="done"} 0'
	run -0 promtool check metrics <<<"$output"
	assert_output ''
}

# Wrong usage

@test "what is no job's name is refused by every command, whatever there is of that path" {
	local name command
	job a
	for command in detail json watch wait; do
		helper 2 "$command" a ../kftp/a
		assert_output ''
		assert_equal "$stderr" "kftp: no job can be called '../kftp/a'"
	done
	for name in a/ . .. '' 'a b' $'a\nb' "$(printf 'n%.0s' {1..65})" .a '*'; do
		helper 2 table -- a "$name"
		assert_output ''
		[[ $stderr == "kftp: no job can be called '"* && $stderr != *$'\n'* ]] || fail "$name: $stderr"
	done
}

@test "a job may be called as an option is" {
	mkdir "$CONFIG/-q"
	helper 0 table -q
	assert_line --partial 'idle'
	helper 2 wait -- -q
	assert_equal "$stderr" 'kftp: -q was never started'
}

@test "other usage than there is is said" {
	local arguments
	for arguments in '' what detail wait 'wait -q' 'metrics a'; do
		# shellcheck disable=SC2086
		helper 2 $arguments
		[[ $stderr == usage:* && $output == '' ]] || fail "$arguments: $stderr"
	done
}

@test "what cannot be written is a failure" {
	job a
	run bash -c '"$1" table >/dev/full' - "$HELPER"
	assert_failure 1
	assert_output 'kftp: standard output: No space left on device'
}

# Waiting

@test "wait returns at once for a job that has ended, however it did" {
	job a
	job b src=pub/missing
	start a b
	wait_end a
	wait_end b
	helper 0 wait a b
	[[ $output == '' && $stderr == '' ]] || fail "$output $stderr"
}

@test "wait refuses a job that was never started, or is not there" {
	job a
	helper 2 wait a
	assert_equal "$stderr" 'kftp: a was never started'
	helper 3 wait none
	assert_equal "$stderr" 'kftp: there is no job none'
}

@test "a waiting process takes no CPU, and the end wakes it at once" {
	local before ended
	play gated a
	start a
	wait_state a bytes 1024
	begin_wait -q a
	asleep
	ran
	before=$REPLY
	nap 2
	ran
	assert_equal "$REPLY" "$before"
	release a
	wait_end a
	now
	ended=$REPLY
	end_wait 0
	now
	((REPLY - ended < 400)) || fail "it returned $((REPLY - ended)) ms after the end"
	assert_content "$DIR/said" ''
}

@test "wait -q waits for all of several jobs" {
	play gated a
	play gated b
	job c
	start a b c
	begin_wait -q a b c
	asleep
	release b
	wait_end b
	wait_end c
	nap 0.3
	kill -0 "$WAITER" || fail "it did not wait for a"
	release a
	end_wait 0
	assert_state a status 'done'
}

@test "a removed job ends the waiting, which says so" {
	play hold-transfer a
	start a
	wait_state a phase transfer
	begin_wait -q a
	asleep
	rmdir "$CONFIG/a"
	end_wait 3
	assert_content "$DIR/said" $'kftp: a was removed\n'
}

@test "a job that was started again has ended before" {
	play hold-transfer a
	start a
	wait_state a phase transfer
	begin_wait -q a
	asleep
	# Both happen while it cannot look.
	kill -STOP "$WAITER"
	cancel a
	wait_end a
	start a
	wait_state a phase transfer
	kill -CONT "$WAITER"
	end_wait 0
	assert_state a status running
}

@test "a signal ends the waiting, SIGINT also where a shell had it ignored" {
	local signal
	play hold-transfer a
	start a
	wait_state a phase transfer
	for signal in INT TERM; do
		begin_wait a
		asleep
		kill "-$signal" "$WAITER"
		end_wait $((128 + $(kill -l "$signal")))
	done
	assert_state a status running
}

@test "elsewhere than on a terminal lines say where a job is" {
	local line last n=0
	play steady a
	start a
	begin_wait a
	wait_state a phase transfer
	nap 4
	cancel a
	end_wait 0
	# One for the phase that it was in after a second, and no other within ten.
	while read -r line; do
		[[ $line =~ ^'kftp: a: '(resolve|connect|login|negotiate|accept|transfer)($|,) ]] || fail "$line"
		n=$((n + 1)) last=$line
	done <"$DIR/said"
	((n >= 1 && n <= 3)) || fail "$n lines: $(<"$DIR/said")"
	[[ $last =~ ^'kftp: a: transfer, '[0-9]+'% ('[0-9.]+' of 62.5 MiB)' ]] || fail "$last"
}

@test "several jobs are told apart, and of one that only waits there is one line" {
	printf '1\n' >"$MAX_ACTIVE"
	play gated a
	job b
	start a b
	wait_state a bytes 1024
	begin_wait a b
	nap 3
	# Neither comes to a phase in which a look may find it.
	cancel b
	cancel a
	end_wait 0
	run grep -c . "$DIR/said"
	assert_output 2
	run sort "$DIR/said"
	assert_output 'kftp: a: transfer, 25% (1.0 of 4.0 KiB), 0 B/s
kftp: b: queued'
}

# Telling systemd

# Has a process of its own receive what wait tells, a line a datagram; prints what else it says.
told() { # address argument...
	python3 - "$HELPER" "$@" <<-'END'
		import os, socket, subprocess, sys, time
		helper, address, *arguments = sys.argv[1:]
		receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		receiver.bind(address.replace("@", "\0"))
		receiver.settimeout(0.1)
		process = subprocess.Popen([helper, "wait", *arguments], env={"NOTIFY_SOCKET": address})
		begun = time.monotonic()
		ended = False
		while not ended:
		    ended = process.poll() is not None
		    while True:
		        try:
		            text = receiver.recv(4096).decode()
		        except TimeoutError:
		            break
		        print(int((time.monotonic() - begun) * 1000), text, flush=True)
		sys.exit(process.returncode)
	END
}

@test "systemd is told how a job comes on, also with -q, at most once a second" {
	local address line rate last ms n ended all
	for address in "$DIR/notify" @kftp-notify; do
		play steady "a${#address}"
		start "a${#address}"
		wait_state "a${#address}" phase transfer
		: >"$DIR/told"
		told "$address" -q "a${#address}" >>"$DIR/told" 2>&1 3>&- &
		WAITER=$!
		for ((n = 0; n < 100; n++)); do
			mapfile -t all <"$DIR/told"
			((${#all[@]} < 4)) || break
			nap 0.2
		done
		cancel "a${#address}"
		end_wait 0
		n=0 last=-1000 rate=0 ended=''
		while read -r ms line; do
			# The end is told when it comes, and last.
			if [[ $line == STATUS=cancelled ]]; then
				ended=1
				continue
			fi
			[[ -z $ended ]] || fail "after the end: $line"
			[[ $line =~ ^'STATUS=transfer, '[0-9]+'% ('[0-9.]+' of 62.5 MiB)'(', '[0-9.]+' KiB/s, '[0-9:]+( s)?' left')?$ ]] ||
				fail "$line"
			# A moment for the way.
			((ms - last >= 800)) || fail "again after $((ms - last)) ms: $(<"$DIR/told")"
			n=$((n + 1)) last=$ms
			[[ ! $line =~ ([0-9]+)\.[0-9]' KiB/s' ]] || rate=${BASH_REMATCH[1]}
		done <"$DIR/told"
		((n >= 3)) && [[ -n $ended ]] || fail "$(<"$DIR/told")"
		# The server sends 640 KiB a second.
		((rate > 300 && rate < 900)) || fail "$(<"$DIR/told")"
	done
}

@test "that nobody listens to what systemd is told is no failure" {
	job a
	start a
	NOTIFY_SOCKET=$DIR/nobody helper 0 wait a
	NOTIFY_SOCKET=relative helper 0 wait -q a
	play gated b
	start b
	NOTIFY_SOCKET=$DIR/nobody begin_wait -q b
	asleep
	release b
	end_wait 0
	assert_content "$DIR/said" ''
}

# A terminal

# A shell in a terminal, which is asked for nothing else.
terminal() { # columns
	tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x "$1" -y 12 "PS1='\$ ' bash --norc --noprofile" 3>&-
	screen_until '\$'
}

typed() { # text
	tmux -S "$TMUX_SOCKET" send-keys "$@"
}

# What the terminal shows, without empty lines at its end.
screen() {
	REPLY=$(tmux -S "$TMUX_SOCKET" capture-pane -p)
}

screen_until() { # regular-expression [seconds]
	local until=$((SECONDS + ${2-20}))
	screen
	while [[ ! $REPLY =~ $1 ]]; do
		((SECONDS <= until)) || fail "the terminal never showed $1, but: $REPLY"
		nap 0.1
		screen
	done
}

@test "a terminal has a line that moves, and is complete at the end" {
	play gated-large a src=large
	start a
	wait_state a bytes 1048576
	terminal 80
	typed "$HELPER wait a; echo status \$?" Enter
	screen_until 'a  16% \[=+> +\] 1\.0 of 6\.0 MiB'
	release a
	screen_until 'status 0'
	local done=$'\na 100% \\[=+\\] 6\\.0 of 6\\.0 MiB +[0-9.]+ [KM]iB/s  in [0-9.]+ s *\nstatus 0'
	[[ $REPLY =~ $done ]] || fail "$REPLY"
	[[ $REPLY != *16%* ]] || fail "$REPLY"
}

@test "the line has the rate and the time left, and fits the terminal" {
	local line
	play steady long-name-of-a-job-that-takes-much-room
	start long-name-of-a-job-that-takes-much-room
	wait_state long-name-of-a-job-that-takes-much-room phase transfer
	terminal 100
	typed "clear; exec $HELPER wait long-name-of-a-job-that-takes-much-room" Enter
	screen_until 'long-name-of-a-job-that-takes-muc +[0-9]+% \[=*> +\] +[0-9.]+ of 62.5 MiB +[0-9.]+ KiB/s +1:[0-9]+ left'
	tmux -S "$TMUX_SOCKET" resize-window -x 40
	# What a narrower terminal wrapped is its own; what is drawn then is one line.
	screen_until $'long-name-of-\ +[0-9]+% +[0-9.]+ of'
	read -r line <<<"${REPLY##*$'\n'}"
	((${#line} < 40)) || fail "$line"
}

@test "before the transfer the line says the phase, and of no size there is no bar" {
	play hold-login a
	start a
	wait_state a phase login
	terminal 80
	typed "$HELPER wait a" Enter
	screen_until $'\na  login'
	rmdir "$CONFIG/a"
	screen_until $'\nkftp: a was removed'
	[[ $REPLY != *login* ]] || fail "$REPLY"
	play flood b "dst=/dev/shm/flood"
	start b
	typed "$HELPER wait b" Enter
	screen_until $'\nb  [0-9.]+ MiB +[0-9.]+ [KMG]iB/s'
	[[ $REPLY != *[%\[]* ]] || fail "$REPLY"
	cancel b
	wait_end b
	# Nothing is left of the line of a job that was not done.
	screen_until $'wait b\n\\$'
}

@test "a line that is interrupted is ended, and so is the waiting" {
	play hold-transfer a
	start a
	wait_state a bytes 1024
	terminal 80
	typed "$HELPER wait a" Enter
	screen_until 'a  25% \[=+> +\] 1\.0 of 4\.0 KiB'
	typed C-c
	# The shell ends a line that it finds, too. The terminal echoes ^C once the signal
	# is sent, which is before or after the line is ended.
	screen_until $'KiB[^\n]*(\\^C\n+|\n+\\^C\n+)\\$'
	typed 'echo status $?' Enter
	screen_until 'status 130'
	assert_state a status running
}

@test "wait -q draws nothing on a terminal" {
	play hold-transfer a
	start a
	wait_state a bytes 1024
	terminal 80
	typed "$HELPER wait -q a" Enter
	nap 1
	screen
	[[ $REPLY == '$ '*'wait -q a' ]] || fail "$REPLY"
}

# Watching

@test "watch prints a line a change, and ends when all that were named have" {
	local line seen=
	play gated a
	job b
	"$HELPER" watch a b </dev/null >"$DIR/said" 2>&1 3>&- &
	WAITER=$!
	asleep
	start a
	wait_state a bytes 1024
	nap 0.5
	release a
	wait_end a
	rmdir "$CONFIG/b"
	end_wait 0
	run -0 cat "$DIR/said"
	assert_line --index 0 --regexp '^JOB +STATUS +PHASE +BYTES +SIZE +% +TIME +ERROR$'
	assert_line --regexp '^a +idle +- '
	assert_line --regexp '^b +idle +- '
	assert_line --regexp '^a +running +transfer +(0|1024) +4096 +[0-9]+ '
	assert_line --regexp '^a +done +commit +4096 +4096 +100 '
	assert_line --regexp '^b +removed '
	# No line is there twice.
	for line in "${lines[@]}"; do
		read -r REPLY <<<"${line::32}"
		[[ $seen != *"<$REPLY>"* ]] || fail "twice: $line"
		seen+="<$REPLY>"
	done
}

@test "watch of all jobs sees new ones, and takes no CPU to speak of while nothing happens" {
	local before
	job a
	"$HELPER" watch </dev/null >"$DIR/said" 2>&1 3>&- &
	WAITER=$!
	asleep
	job b
	nap 1.5
	run -0 cat "$DIR/said"
	assert_line --regexp '^b +idle '
	read -r before _ <"/proc/$WAITER/schedstat"
	nap 3
	read -r REPLY _ <"/proc/$WAITER/schedstat"
	((REPLY - before < 60000000)) || fail "it took $((REPLY - before)) ns in 3 s"
	rmdir "$CONFIG/a"
	nap 1.5
	run -0 cat "$DIR/said"
	assert_line --regexp '^a +removed '
}

@test "watch redraws the table on a terminal" {
	play gated a
	job b
	start a
	wait_state a bytes 1024
	terminal 80
	typed "$HELPER watch a b" Enter
	screen_until $'^JOB +STATUS [^\n]*ERROR *\na +running +transfer +1024 +4096 +25 [^\n]*\nb +idle [^\n]*$'
	release a
	screen_until $'^JOB +STATUS [^\n]*ERROR *\na +done +commit +4096 +4096 +100 [^\n]*\nb +idle [^\n]*$'
	rmdir "$CONFIG/b"
	screen_until $'\nb +removed [^\n]*\n\\$'
}

# Many

# bats test_tags=long
@test "a thousand jobs are told, and those that go are left out" {
	local n
	many_failed 1000
	helper 0 table
	assert_equal "${#lines[@]}" 1001
	assert_line --index 1000 --regexp '^many-1000 +failed +connect +0 +- +- .* ECONNREFUSED$'
	"$HELPER" json | python3 -m json.tool >/dev/null
	"$HELPER" metrics | promtool check metrics >"$DIR/said" 2>&1 || fail "$(<"$DIR/said")"
	[[ ! -s $DIR/said ]] || fail "$(<"$DIR/said")"
	# More than a process can usually have open.
	printf 'many-%04d\n' {1..1000} >"$DIR/names"
	mapfile -t lines <"$DIR/names"
	(
		ulimit -S -n 256
		"$HELPER" wait "${lines[@]}"
	)
	rmdir "$CONFIG"/many-* &
	for ((n = 0; n < 5; n++)); do
		"$HELPER" table >"$DIR/out" 2>"$DIR/err"
		[[ ! -s $DIR/err ]] || fail "$(<"$DIR/err")"
		"$HELPER" json | python3 -m json.tool >/dev/null
	done
	wait
}

@test "watch shows what is under way first when not all jobs fit" {
	local name
	play gated zz
	start zz
	wait_state zz bytes 1024
	mkdir "$CONFIG"/j{1..20}
	terminal 80
	typed "$HELPER watch" Enter
	screen_until $'^JOB [^\n]*\nzz +running [^\n]*\nj1 +idle [^\n]*\n.*\nand 12 more'
	typed C-c
	release zz
	expect_done zz
}
