#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The units: a job as a unit, all jobs as a target, and what follows when a run has ended.

load kftp

SYSTEM=/usr/lib/systemd/system

setup_file() {
	local updates
	install_tools
	# So that modprobe finds the module.
	updates=/lib/modules/$(uname -r)/updates
	if [[ ! -e $updates/kftp.ko ]]; then
		install -D -m 644 "$KFTP_MODULE" "$updates/kftp.ko"
		depmod
	fi
	start_udev
}

teardown_file() {
	stop_udev
}

teardown() {
	local files=(/etc/kftp/{jobs,credentials,done.d}/* /run/systemd/system/* /var/log/kftp-*)
	systemctl stop 'kftp@*' 'kftp-done@*' kftp-jobs.target
	clean_up
	rm -rf "${files[@]}" /run/kftp /etc/kftp-test /boot/kftp-test /home/kftp-test /srv/kftp-test /var/tmp/kftp-test
	systemctl daemon-reload
	systemctl reset-failed
}

# The job file for the small file of vsftpd, with what else the test says; the last one of a key counts.
job_file() { # name key=value...
	set +T
	local pair
	local -A pairs=()
	for pair in "host=$SERVER4" src=pub/small "dst=$DIR/$1" "${@:2}"; do
		pairs[${pair%%=*}]=$pair
	done
	printf '%s\n' "${pairs[@]}" >"/etc/kftp/jobs/$1.conf"
}

# A job of a case of the scripted server.
script_file() { # name case key=value...
	set +T
	from_now_on "$2"
	port_of "$2"
	job_file "$1" "port=$REPLY" src=x "user=$1" "${@:3}"
}

credential() { # name password
	(umask 077 && printf '%s\n' "$2" >"/etc/kftp/credentials/$1")
}

shown() { # unit property
	REPLY=$(systemctl show --value --property "$2" "$1")
}

assert_shown() { # unit property value
	shown "$1" "$2"
	[[ $REPLY == "$3" ]] || fail "$1: $2 is '$REPLY', not '$3'"
}

# What was said of a job since the test began.
messages() { # job
	journalctl --sync
	REPLY=$(journalctl --no-pager -o cat --since "@$SINCE" "KFTP_JOB=$1")
}

setup() {
	SINCE=$EPOCHREALTIME
}

# Starts a unit, and waits until its job transfers.
begin() { # job
	local until=$((SECONDS + 20))
	systemctl start --no-block "kftp@$1.service"
	while [[ ! -e $STATE/$1 ]]; do
		((SECONDS <= until)) || fail "kftp@$1.service makes no job: $(systemctl --no-pager status "kftp@$1.service")"
		nap 0.1
	done
	wait_state "$1" phase transfer
}

# A unit that starts and fails, with a reason in its status and in the journal.
unit_fails() { # job exit-status pattern
	run ! systemctl start "kftp@$1.service"
	assert_shown "kftp@$1.service" Result exit-code
	assert_shown "kftp@$1.service" ExecMainStatus "$2"
	messages "$1"
	# It may have told before how far it was.
	# shellcheck disable=SC2053
	[[ $REPLY == ?(*$'\n')$3 ]] || fail "not '$3' in the journal, but: $REPLY"
	# Its exit status tells that the unit has failed.
	run systemctl --no-pager --full status "kftp@$1.service"
	# shellcheck disable=SC2053
	[[ $output == *$3* ]] || fail "not '$3' in its status, but: $output"
	[[ ! -e $DIR/$1 ]]
	assert_no_part "$DIR/$1"
}

# Waits until something can be said of a unit.
wait_shown() { # unit property pattern [seconds]
	local until=$((SECONDS + ${4-20}))
	while :; do
		shown "$1" "$2"
		# shellcheck disable=SC2053
		[[ $REPLY != $3 ]] || return 0
		((SECONDS <= until)) || fail "$1: $2 never became '$3', but is '$REPLY'"
		nap 0.2
	done
}

wait_file() { # file [lines]
	local until=$((SECONDS + 20)) lines=()
	while :; do
		[[ ! -e $1 ]] || mapfile -t lines <"$1"
		((${#lines[@]} < ${2-1})) || break
		((SECONDS <= until)) || fail "$1 has ${#lines[@]} lines, not ${2-1}: ${lines[*]}"
		nap 0.1
	done
}

# The running time of all tasks so far, in milliseconds.
running() {
	local name sum=0 ran
	while read -r name _ _ _ _ _ _ ran _; do
		[[ $name != cpu* ]] || sum=$((sum + ran))
	done </proc/schedstat
	REPLY=$((sum / 1000000))
}

# One unit

@test "a unit is there until its job is done" {
	job_file a
	systemctl start kftp@a.service
	cmp "$FTP_ROOT/pub/small" "$DIR/a"
	assert_mode "$DIR/a" 644
	assert_shown kftp@a.service ActiveState inactive
	assert_shown kftp@a.service Result success
	assert_state a status 'done'
	messages a
	[[ $REPLY == *'kftp: a: done, 4096 bytes in '* ]] || fail "$REPLY"
	# And once more.
	systemctl start kftp@a.service
	assert_state a run 2
}

# bats test_tags=long
@test "a unit that fails has the reason in its status and in the journal" {
	job_file resolve host=nowhere.kftp.test
	unit_fails resolve 6 'kftp: resolve: failed in phase resolve: EHOSTUNREACH, the host is not known'
	job_file login user=alice
	credential login wrong
	unit_fails login 67 'kftp: login: failed in phase login: EACCES, the log-in was refused; *530 *'
	job_file find src=pub/missing
	unit_fails find 78 'kftp: find: failed in phase *: ENOENT, the server has no such file*550 *'
	job_file write "dst=$DIR/none/write"
	unit_fails write 23 "kftp: write: not started: $DIR/none/write: No such file or directory*"
	printf 'bad line\n' >/etc/kftp/jobs/file.conf
	unit_fails file 104 'kftp: /etc/kftp/jobs/file.conf:1: *'
	unit_fails missing 104 'kftp: /etc/kftp/jobs/missing.conf: No such file or directory*'
}

# bats test_tags=long
@test "a unit's status tells how far its job is" {
	job_file a src=pub/big rate_limit=2000000
	begin a
	wait_shown kftp@a.service StatusText '*[1-9]*MiB*'
	# Its exit status says that the unit is not active yet.
	run -3 systemctl --no-pager status kftp@a.service
	[[ $output == *'Status: "'*MiB* ]] || fail "$output"
}

@test "a unit that is stopped cancels its job" {
	local before
	job_file a src=pub/big rate_limit=2000000
	begin a
	part_of "$DIR/a"
	[[ -e $REPLY ]]
	state a elapsed_ms
	before=$REPLY
	systemctl stop kftp@a.service
	assert_state a status cancelled
	# Within a second, and systemctl has its own time.
	state a elapsed_ms
	((REPLY - before < 2000)) || fail "it took $((REPLY - before)) ms"
	assert_no_part "$DIR/a"
	[[ ! -e $DIR/a ]]
	assert_shown kftp@a.service Result signal
	messages a
	[[ $REPLY == *'kftp: a: cancelled in phase transfer' ]] || fail "$REPLY"
}

# bats test_tags=long
@test "a unit whose kftp is killed leaves no job that goes on" {
	job_file a src=pub/big rate_limit=2000000
	begin a
	systemctl kill --signal KILL kftp@a.service
	expect_cancelled a 5
	assert_no_part "$DIR/a"
	wait_shown kftp@a.service ActiveState failed
}

# bats test_tags=long
@test "a unit whose job is at work for somebody else fails, and leaves it alone" {
	script_file a hold-transfer
	kftp apply -q /etc/kftp/jobs/a.conf
	kftp start a
	wait_state a phase transfer
	run ! systemctl start kftp@a.service
	assert_shown kftp@a.service ExecMainStatus 103
	assert_state a status running
}

@test "a password is in nobody's arguments or environment, nor in what systemd shows" {
	local file
	script_file a hold-transfer
	credential a top-secret-9
	begin a
	for file in /proc/[0-9]*/{cmdline,environ}; do
		if { whole "$file"; } 2>/dev/null && [[ $REPLY == *top-secret-9* ]]; then
			fail "the password is in $file"
		fi
	done
	run -0 systemctl show kftp@a.service
	refute_output --partial top-secret-9
	server_log hold-transfer
	assert_log '< PASS top-secret-9'
	messages a
	[[ $REPLY != *top-secret-9* ]] || fail "$REPLY"
}

# bats test_tags=long
@test "a job that needs no password has its own, if any" {
	script_file a plain
	systemctl start kftp@a.service
	script_file b plain pass=from-the-file
	chmod 600 /etc/kftp/jobs/b.conf
	systemctl start kftp@b.service
	server_log plain b
	assert_log '< PASS from-the-file'
}

# bats test_tags=long
@test "the journal has a job's messages by its name" {
	job_file a
	job_file a-b src=pub/missing
	systemctl start kftp@a.service
	run ! systemctl start kftp@a-b.service
	messages a
	[[ $REPLY == *'kftp: a: done'* && $REPLY != *a-b* ]] || fail "$REPLY"
	messages a-b
	[[ $REPLY == *'kftp: a-b: failed '* && $REPLY != *'a: '* ]] || fail "$REPLY"
}

# bats test_tags=long
@test "a unit writes wherever files are kept, and elsewhere if a drop-in says so" {
	local dir
	for dir in /srv /home /var/tmp; do
		job_file a "dst=$dir/kftp-test"
		systemctl start kftp@a.service
		cmp "$FTP_ROOT/pub/small" "$dir/kftp-test"
	done
	# Somebody else's, where only its owner may replace it.
	install -d -m 1777 "$DIR/sticky"
	: >"$DIR/sticky/theirs"
	chown 1000 "$DIR/sticky/theirs"
	job_file a "dst=$DIR/sticky/theirs"
	systemctl start kftp@a.service
	cmp "$FTP_ROOT/pub/small" "$DIR/sticky/theirs"

	for dir in /usr /etc /boot; do
		job_file b "dst=$dir/kftp-test"
		unit_fails b 23 "kftp: b: not started: $dir/kftp-test: Read-only file system*"
		[[ ! -e $dir/kftp-test ]]
	done
	# A directory below, or one of them and not the others, as kftp@.service has it.
	mkdir -p /run/systemd/system/kftp@{b,c}.service.d /etc/kftp-test
	printf '[Service]\nReadWritePaths=/etc/kftp-test\n' >/run/systemd/system/kftp@b.service.d/etc.conf
	printf '[Service]\nProtectSystem=no\nReadOnlyPaths=/usr /etc\n' >/run/systemd/system/kftp@c.service.d/boot.conf
	systemctl daemon-reload
	job_file b dst=/etc/kftp-test/file
	systemctl start kftp@b.service || fail "$(systemctl --no-pager --full status kftp@b.service)"
	cmp "$FTP_ROOT/pub/small" /etc/kftp-test/file
	job_file c dst=/etc/kftp-test/other
	unit_fails c 23 "kftp: c: not started: /etc/kftp-test/other: Read-only file system*"
	job_file c dst=/boot/kftp-test
	systemctl start kftp@c.service || fail "$(systemctl --no-pager --full status kftp@c.service)"
	cmp "$FTP_ROOT/pub/small" /boot/kftp-test
}

# Many of them

# bats test_tags=long
@test "the first of many units loads the module, and all of them find it" {
	local units=() n
	rmmod kftp
	for n in {1..50}; do
		job_file "m$n"
		units+=("kftp@m$n.service")
	done
	systemctl start "${units[@]}"
	for n in {1..50}; do
		assert_state "m$n" status 'done'
		same "$FTP_ROOT/pub/small" "$DIR/m$n"
	done
	run -0 journalctl --no-pager -o cat --since "@$SINCE" --unit modprobe@kftp.service
	assert_equal "$(grep -c '^Starting' <<<"$output")" 1
}

# bats test_tags=long
@test "what many units cost is systemd's affair" {
	local base=$SYSTEM/kftp@.service units=() others=() before whole n
	# The same in everything, but that it runs no kftp.
	sed 's|^ExecStart=.*|ExecStart=/bin/true|' "$base" >/run/systemd/system/true@.service
	systemctl daemon-reload
	for n in {1..10}; do
		job_file "m$n"
		units+=("kftp@m$n.service")
		others+=("true@m$n.service")
	done
	systemctl start kftp@m1.service true@m1.service
	running
	before=$REPLY
	systemctl start "${units[@]}"
	running
	whole=$((REPLY - before))
	before=$REPLY
	systemctl start "${others[@]}"
	running
	printf '# a unit of kftp takes %d ms, of which systemd %d ms\n' $((whole / 10)) $(((REPLY - before) / 10)) >&3
	((whole < 2 * (REPLY - before))) || fail "$whole ms, and $((REPLY - before)) ms with no kftp"
	for n in {1..10}; do
		assert_state "m$n" status 'done'
	done
}

# bats test_tags=long
@test "kftp-jobs.target runs every job file, and waits for the last one" {
	job_file a
	job_file b.c-d_e
	job_file slow src=pub/big rate_limit=50000000
	job_file bad src=pub/missing
	: >'/etc/kftp/jobs/no name.conf'
	: >/etc/kftp/jobs/.hidden.conf
	: >/etc/kftp/jobs/other.txt
	systemctl daemon-reload
	systemctl start kftp-jobs.target
	assert_state a status 'done'
	assert_state b.c-d_e status 'done'
	assert_state slow status 'done'
	assert_state bad status failed
	run -0 kftp list
	assert_output "$(printf '%s\n' a b.c-d_e bad slow)"
	# It does so each time.
	systemctl start kftp-jobs.target
	assert_state slow status 'done'
	assert_state slow run 2
	assert_state bad run 2
}

@test "kftp-jobs.target does not hold up the boot" {
	job_file a
	systemctl --quiet enable kftp-jobs.target
	shown multi-user.target Wants
	[[ " $REPLY " == *' kftp-jobs.target '* ]] || fail "$REPLY"
	shown kftp-jobs.target Wants
	[[ " $REPLY " == *' kftp@a.service '* ]] || fail "$REPLY"
	shown multi-user.target After
	[[ $REPLY != *kftp-jobs* && $REPLY != *kftp@* ]] || fail "$REPLY"
	systemctl --quiet disable kftp-jobs.target
}

@test "the generator wants nothing where there are no jobs" {
	local dir=$DIR/generated
	mkdir "$dir"
	run -0 /usr/lib/systemd/system-generators/kftp-generator "$dir" "$dir" "$dir"
	assert_output ''
	assert_content "$dir/kftp-jobs.target.d/jobs.conf" $'[Unit]\n'
}

# What follows

hook() { # job
	cat >"/etc/kftp/done.d/$1" <<-'EOT'
		#!/bin/sh
		echo "$KFTP_JOB $KFTP_STATUS $KFTP_ERROR $KFTP_BYTES $KFTP_RUN" >>"/var/log/kftp-$KFTP_JOB"
	EOT
	chmod 755 "/etc/kftp/done.d/$1"
}

@test "the end of a run starts a unit, each time, however it ends" {
	local lines
	hook a
	job a "dst=$DIR/a"
	start a
	wait_file /var/log/kftp-a 1
	set_attr a src pub/missing
	start a
	wait_file /var/log/kftp-a 2
	set_attr a src pub/big
	set_attr a rate_limit 65536
	start a
	wait_state a phase transfer
	cancel a
	wait_file /var/log/kftp-a 3
	mapfile -t lines </var/log/kftp-a
	assert_equal "${lines[0]}" 'a done 0 4096 1'
	assert_equal "${lines[1]}" 'a failed ENOENT 0 2'
	[[ ${lines[2]} == 'a cancelled ECANCELED '*' 3' ]] || fail "${lines[2]}"
	# udev is told of the same once more.
	udevadm trigger --action change --settle "/sys/class/kftp/a"
	systemctl daemon-reload
	nap 1
	mapfile -t lines </var/log/kftp-a
	assert_equal "${#lines[@]}" 3
}

@test "the end of a job that is taken away at once starts a unit" {
	hook a
	kftp get -q -j a "ftp://$SERVER4/pub/small" "$DIR/a"
	wait_file /var/log/kftp-a
	assert_content /var/log/kftp-a $'a done 0 4096 1\n'
}

@test "the end of a run starts an administrator's own unit" {
	cat >/run/systemd/system/kftp-done@a.service <<-EOT
		[Service]
		Type=oneshot
		EnvironmentFile=/run/kftp/done/a
		ExecStart=/bin/sh -c 'echo \$KFTP_STATUS >/var/log/kftp-own'
	EOT
	systemctl daemon-reload
	job a
	start a
	wait_file /var/log/kftp-own
	assert_content /var/log/kftp-own $'done\n'
}

@test "the end of a job that nothing follows is not systemd's business" {
	local n
	hook other
	job a
	for n in {1..5}; do
		start a
		expect_done a
	done
	udevadm settle
	run -0 journalctl --no-pager -o cat --since "@$SINCE" --unit 'kftp-done@*'
	refute_output --partial kftp-done
	[[ ! -e /run/kftp/done/a ]]
}

# Cleanliness

@test "systemd-analyze has nothing to say about any unit" {
	local units=("$SYSTEM"/kftp* "$SYSTEM/modprobe@.service" "${KFTP_TESTS%/*}"/examples/*/*.{service,timer,path}) unit
	# What the examples' units run is there once they are in place.
	install -m 755 "${KFTP_TESTS%/*}/examples/path/outbox" /usr/local/sbin/kftp-outbox
	cp "${KFTP_TESTS%/*}"/examples/*/*.{service,timer,path} /run/systemd/system/
	# Manual pages are not kept in the guest.
	for unit in "${units[@]}"; do
		unit=${unit##*/}
		run -0 systemd-analyze verify --man=no "${unit/@./@a.}"
		assert_output ''
	done
	rm /usr/local/sbin/kftp-outbox
}

@test "systemd-analyze finds the units exposed no more than they have to be" {
	systemd-analyze security --no-pager --offline=true --threshold=26 "$SYSTEM/kftp@.service" >"$DIR/said" ||
		fail "$(tail -n 1 "$DIR/said")"
	systemd-analyze security --no-pager --offline=true --threshold=45 "$SYSTEM/kftp-done@.service" >"$DIR/said" ||
		fail "$(tail -n 1 "$DIR/said")"
}
