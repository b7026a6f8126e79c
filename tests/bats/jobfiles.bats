#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Job files: what apply makes of them, and what run does.

load kftp

# run --separate-stderr sets it.
: "${stderr=}"

setup_file() {
	install_tools
}

setup() {
	mkdir -p "$DIR/jobs"
	cd "$DIR/jobs" || exit
	umask 022
}

teardown() {
	clean_up
	rm -rf /etc/kftp/jobs/test-*.conf
}

# A job file for the small file of vsftpd, and more lines.
job_file() { # name line...
	printf '%s\n' "host=$SERVER4" src=pub/small "dst=$DIR/$1" "${@:2}" >"$1.conf"
}

# A file of these lines alone is refused, and this is said of it.
wrong() { # pattern line...
	printf '%b\n' "${@:2}" >wrong.conf
	kftp_exits 104 check wrong.conf
	# shellcheck disable=SC2053
	[[ $stderr == $1 ]] || fail "not '$1', but: $stderr"
	kftp_exits 104 apply wrong.conf
	assert_no_jobs
}

@test "the command knows just the attributes that a job has, and their defaults" {
	local key known
	known=$(sed -n "/^attributes='/,/'\$/p" /usr/bin/kftp)
	known=${known#*\'}
	known=${known%\'}
	mkdir "$CONFIG/a"
	for key in $known; do
		assert_attr a "${key%%=*}" "${key#*=}"
	done
	run -0 ls "$CONFIG/a"
	assert_equal "$(printf '%s\n' "${lines[@]}" | grep -vE '^(pass|start|cancel)$')" \
		"$(printf '%s\n' "${known//[[:space:]]/$'\n'}" | sed 's/=.*//' | sort)"
}

@test "apply makes a job of a file, and then has nothing to do" {
	job_file a '# a comment' '; and another' '' '  timeout_sec = 7	' 'retries=3' user=alice
	kftp_exits 0 apply a.conf
	assert_output 'a: made'
	assert_attr a host "$SERVER4"
	assert_attr a src pub/small
	assert_attr a dst "$DIR/a"
	assert_attr a timeout_sec 7
	assert_attr a retries 3
	assert_attr a user alice
	assert_state a status idle
	kftp_exits 0 apply a.conf
	assert_output 'a: unchanged'
	kftp_exits 0 apply -q a.conf
	assert_output ''
}

@test "what a file no longer says has its default again" {
	job_file a timeout_sec=7 user=alice resume=1 cache=keep
	kftp_exits 0 apply -q a.conf
	job_file a resume=1 port_max=9
	kftp_exits 0 apply a.conf
	assert_output 'a: changed'
	assert_attr a timeout_sec 60
	assert_attr a user anonymous
	assert_attr a cache auto
	assert_attr a resume 1
	assert_attr a port_max 9
}

@test "an old password is not left to a file without one" {
	port_of plain
	local port=$REPLY
	job_file a "port=$port" user=bob pass=secret-1
	chmod 600 a.conf
	from_now_on plain
	kftp_exits 0 run -q "$PWD/a.conf"
	job_file a "port=$port" user=bob
	kftp_exits 0 run -q "$PWD/a.conf"
	job_file a "port=$port"
	kftp_exits 0 run -q "$PWD/a.conf"
	server_log plain
	assert_log '< PASS secret-1' 1
	assert_log '< PASS ' 1
	assert_log '< PASS anonymous@' 1
}

@test "blanks in quotes count, and quotes inside do not matter" {
	job_file a 'user=" bob "' 'src = "x"y" ' 'retries = "4"' 'sha256=""'
	sed -i 2d a.conf
	kftp_exits 0 apply -q a.conf
	assert_attr a user ' bob '
	assert_attr a src 'x"y'
	assert_attr a retries 4
}

@test "show prints what apply takes" {
	printf '%s\n' "host=$SERVER6" 'src=" a b"' 'dst=/scratch/x	' 'user="\"q\""' 'port=2121' direction=append sha256=compute >a.conf
	kftp_exits 0 apply -q a.conf
	kftp_exits 0 show a
	printf '%s\n' "$output" >b.conf
	kftp_exits 0 apply -q b.conf
	local key
	for key in host src dst user port direction sha256 timeout_sec; do
		whole "$CONFIG/a/$key"
		assert_attr b "$key" "${REPLY%$'\n'}"
	done
	assert_attr b src ' a b'
	kftp_exits 0 rm a
	mv b.conf a.conf
	kftp_exits 0 apply a.conf
	assert_output 'a: made'
	kftp_exits 0 apply a.conf
	assert_output 'a: unchanged'
}

# bats test_tags=long
@test "what is wrong in a file is said with its line, all of it" {
	wrong "kftp: wrong.conf:2: there is no key 'hots'*" src=x hots=h dst=/x host=h
	wrong "kftp: wrong.conf:1: there is no key 'start'*" start=1 src=x dst=/x host=h
	wrong "kftp: wrong.conf:4: key=value is wanted" src=x dst=/x host=h '[Job]'
	wrong "kftp: wrong.conf:4: there is no key ''*" src=x dst=/x host=h =y
	wrong "kftp: wrong.conf:4: there is no key 'a b'*" src=x dst=/x host=h 'a b=y'
	wrong "kftp: wrong.conf:4: src is in line 1 already" src=x dst=/x host=h src=x
	wrong "kftp: wrong.conf:2: there is a carriage return in it" src=x 'dst=/x\ry' host=h
	wrong "kftp: wrong.conf: there is a NUL byte in it" src=x 'dst=/x\0000y' host=h
	wrong "kftp: wrong.conf:4: port is a number" src=x dst=/x host=h port=ftp
	wrong "kftp: wrong.conf:4: timeout_sec is a number" src=x dst=/x host=h timeout_sec=-1
	wrong "kftp: wrong.conf:4: direction is get, put or append" src=x dst=/x host=h direction=up
	wrong "kftp: wrong.conf: there is no src in it"$'\n'"kftp: wrong.conf: there is no dst in it" host=h
	wrong "kftp: wrong.conf:1: *"$'\n'"kftp: wrong.conf:2: *" a=b c=d
	wrong "kftp: wrong.conf: there is no host in it"* ''
}

@test "what only the kernel can tell is said with its line, and leaves no job" {
	job_file a timeout_sec=0
	kftp_exits 104 apply a.conf
	assert_said 'kftp: a.conf:4: timeout_sec: the number is out of range*'
	job_file a sha256=12
	kftp_exits 104 apply a.conf
	assert_said 'kftp: a.conf:4: sha256 does not take this value*'
	job_file a host=1.2.3
	sed -i 1d a.conf
	kftp_exits 104 apply a.conf
	assert_said 'kftp: a.conf:3: host does not take this value*'
	assert_no_jobs
}

@test "a file that cannot be taken leaves the job as it was" {
	job_file a timeout_sec=7 retries=1 cache=keep
	kftp_exits 0 apply -q a.conf
	job_file a timeout_sec=8 retries=2 mtime=2 user=bob
	kftp_exits 104 apply a.conf
	assert_said 'kftp: a.conf:6: mtime: the number is out of range*'
	assert_attr a timeout_sec 7
	assert_attr a retries 1
	assert_attr a cache keep
	assert_attr a mtime 1
	assert_attr a user anonymous
}

@test "a job that runs is left in peace: the same file is fine, another is refused" {
	port_of hold-transfer
	local port=$REPLY
	job_file a "port=$port"
	kftp_exits 0 apply -q a.conf
	kftp_exits 0 start a
	wait_state a phase transfer
	kftp_exits 0 apply a.conf
	assert_output 'a: unchanged'
	job_file a "port=$port" retries=2
	kftp_exits 103 apply a.conf
	assert_said 'kftp: a: the job is queued or running: *'
	assert_state a status running
	kftp_exits 103 run "$PWD/a.conf"
	job_file a "port=$port"
	kftp_exits 103 run "$PWD/a.conf"
	assert_said 'kftp: a: not started: it is running already'
	assert_state a status running
	job_file a "port=$port" pass=secret-4
	chmod 600 a.conf
	kftp_exits 0 apply a.conf
	assert_output 'a: unchanged, its password left as it is while it runs'
	assert_state a status running
}

@test "apply takes a directory: each file for itself" {
	job_file a
	job_file b timeout_sec=never
	job_file c
	touch notes.txt .hidden.conf
	kftp_exits 104 apply .
	assert_output $'a: made\nc: made'
	assert_said 'kftp: ./b.conf:4: timeout_sec is a number'
	kftp_exits 104 check .
	rm b.conf
	kftp_exits 0 apply .
	assert_output $'a: unchanged\nc: unchanged'
	kftp_exits 0 check .
	mkdir empty
	kftp_exits 0 apply empty
}

@test "a job file has a job's name and .conf, and is a file" {
	job_file a
	mv a.conf 'a b.conf'
	kftp_exits 104 apply 'a b.conf'
	assert_said "kftp: a b.conf: 'a b' is no name for a job*"
	mv 'a b.conf' a
	kftp_exits 104 apply ./a
	assert_said "kftp: ./a: a job file's name ends in .conf"
	kftp_exits 104 apply nothing.conf
	assert_said 'kftp: nothing.conf: No such file or directory'
	mkdir "$DIR/dir.conf"
	mkfifo "$DIR/fifo.conf"
	kftp_exits 104 run "$DIR/dir.conf"
	assert_no_jobs
}

@test "a job file with a password that others can read is refused" {
	job_file a pass=secret-2
	kftp_exits 104 apply a.conf
	assert_said 'kftp: a.conf: others can read this, and it has a password: chmod o= a.conf'
	assert_no_jobs
	chmod 640 a.conf
	kftp_exits 0 apply a.conf
	assert_output 'a: made'
	kftp_exits 0 apply a.conf
	assert_output 'a: unchanged, password written'
	kftp_exits 0 show a
	[[ $output != *secret-2* ]]
}

# bats test_tags=long
@test "run starts what /etc/kftp/jobs declares, waits, and leaves the job" {
	job_file test-a
	mv test-a.conf /etc/kftp/jobs/
	kftp_exits 0 run test-a
	[[ ${stderr##*$'\n'} == 'kftp: test-a: done, 4096 bytes in '* ]] || fail "$stderr"
	cmp "$FTP_ROOT/pub/small" "$DIR/test-a"
	assert_state test-a run 1
	kftp_exits 0 run -q test-a
	assert_equal "$stderr" ''
	assert_state test-a run 2
	# With the password that its unit would have.
	printf '%s\n' "src=pub/small" "dst=$DIR/test-a" "host=$SERVER4" "user=$FTP_USER" >/etc/kftp/jobs/test-a.conf
	kftp_exits 67 run -q test-a
	(umask 077 && printf '%s\n' "$FTP_PASS" >/etc/kftp/credentials/test-a)
	kftp_exits 0 run -q test-a
	cp /etc/kftp/jobs/test-a.conf .
	kftp_exits 67 run -q ./test-a.conf
	rm /etc/kftp/credentials/test-a
	kftp_exits 104 run test-b
	assert_said 'kftp: /etc/kftp/jobs/test-b.conf: No such file or directory'
}

@test "run fails as its job does" {
	job_file a
	sed -i 's|^src=.*|src=pub/missing|' a.conf
	kftp_exits 78 run -q ./a.conf
	assert_said 'kftp: a: failed in phase accept: ENOENT, *550*'
	assert_state a status failed
}

@test "a signal to run cancels its job, which stays" {
	local pid status=0
	port_of hold-transfer
	job_file a "port=$REPLY"
	kftp run -q ./a.conf 3>&- &
	pid=$!
	while [[ ! -e $STATE/a ]]; do
		nap 0.1
	done
	wait_state a phase transfer
	kill -TERM "$pid"
	wait "$pid" || status=$?
	assert_equal "$status" 143
	assert_state a status cancelled
	assert_no_part "$DIR/a"
}
