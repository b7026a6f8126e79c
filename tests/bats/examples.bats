#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The examples, run as they stand.

load kftp

EXAMPLES=${KFTP_TESTS%/*}/examples

setup_file() {
	install_tools
	start_udev
}

teardown_file() {
	stop_udev
}

# Whatever the examples put into place.
teardown() {
	local files=(/etc/kftp/{jobs,credentials,done.d}/* /etc/systemd/system/{by-hand,list-,kftp@,kftp-outbox}*
		/etc/systemd/system/*.wants/{kftp@,kftp-outbox}* /usr/local/sbin/kftp-outbox)
	systemctl stop 'kftp@*' 'kftp-outbox*' 'kftp-done@*' 'list-*'
	clean_up
	unmount_all
	rm -rf "${files[@]}" /tmp/small /srv/{small,by-hand,nightly,list*,outbox*} \
		/run/kftp/done /var/log/kftp-small
	systemctl daemon-reload
	systemctl reset-failed
}

# The lines of a text that are meant to be typed, or of a section of it, into LINES_OF.
typed() { # file [heading]
	local line there=
	[[ -n ${2-} ]] || there=1
	LINES_OF=()
	while IFS= read -r line; do
		case $line in
		"## ${2-}") there=1 ;;
		'## '*) [[ -z ${2-} ]] || there= ;;
		'    # '*) [[ -z $there ]] || LINES_OF+=("${line#    # }") ;;
		esac
	done <"$1"
	((${#LINES_OF[@]} > 0)) || fail "$1 has no lines to type ${2-}"
}

# Does what an example's text says, up to a line; the next call goes on from there. What that prints is in SAID.
follow() { # example [last-pattern]
	local line
	if [[ $1 != "${FOLLOWED-}" ]]; then
		FOLLOWED=$1 FOLLOWED_TO=0
	fi
	typed "$EXAMPLES/$1/README.md"
	cd "$EXAMPLES/$1" || return
	: >"$DIR/said"
	for line in "${LINES_OF[@]:FOLLOWED_TO}"; do
		FOLLOWED_TO=$((FOLLOWED_TO + 1))
		eval "$line" >>"$DIR/said"
		# shellcheck disable=SC2053
		[[ $line != ${2-} ]] || break
	done
	cd /
	whole "$DIR/said"
	SAID=$REPLY
}

# Waits until a file is there, and has something in it.
appears() { # file [seconds]
	local until=$((SECONDS + ${2-20}))
	until [[ -s $1 ]]; do
		((SECONDS <= until)) || fail "$1 never came: $(systemctl --no-pager --failed)"
		nap 0.1
	done
}

vanishes() { # file [seconds]
	local until=$((SECONDS + ${2-20}))
	while [[ -e $1 ]]; do
		((SECONDS <= until)) || fail "$1 never went: $(systemctl --no-pager --failed)"
		nap 0.1
	done
}

# The messages of a unit, systemd's included, into REPLY, until a pattern is among them.
journal() { # unit pattern
	local until=$((SECONDS + 20))
	while :; do
		REPLY=$(journalctl --no-pager -o cat --unit "$1")
		# shellcheck disable=SC2053
		[[ $REPLY != $2 ]] || return 0
		((SECONDS <= until)) || fail "no '$2' in the journal of $1: $REPLY"
		nap 0.5
	done
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

# bats test_tags=long
@test "systemd: a job as a unit, whose password is a credential, in plain or encrypted" {
	follow systemd 'ls *'
	cmp "$FTP_ROOT/pub/small" /srv/small
	[[ $SAID == *'kftp: small: done, 4096 bytes in '*' /srv/small'* ]] || fail "$SAID"
	rm /srv/small
	follow systemd
	cmp "$FTP_ROOT/pub/small" /srv/small
	assert_state small run 2
}

# bats test_tags=long
@test "plain-unit: a unit of nothing but mkdir, echo and cat" {
	follow plain-unit
	[[ $SAID == *status:done*error:0*bytes:4096*' /srv/by-hand'* ]] || fail "$SAID"
	cmp "$FTP_ROOT/pub/small" /srv/by-hand
	assert_no_jobs
	# It fails where the transfer does, and can be stopped.
	printf 'wrong\n' >/etc/kftp/credentials/by-hand
	run ! systemctl start by-hand.service
	journal by-hand.service '*error:EACCES*'
	assert_no_jobs
	systemctl start --no-block by-hand.service
	systemctl stop by-hand.service
	assert_no_jobs
}

# bats test_tags=long
@test "timer: a job at its time of the day" {
	local next
	follow timer
	[[ $SAID == *'kftp@nightly.timer kftp@nightly.service'* ]] || fail "$SAID"
	# Between 3:00 and 3:30, whatever day that is.
	next=$(systemctl show -P NextElapseUSecRealtime kftp@nightly.timer)
	[[ $next == *' 03:'[0-2][0-9]:* ]] || fail "$next"
	[[ ! -e /srv/nightly ]]
	# The rest of the night is not waited for.
	mkdir /etc/systemd/system/kftp@nightly.timer.d
	printf '%s\n' '[Timer]' RandomizedDelaySec=0 OnCalendar= 'OnCalendar=*:*:0/5' AccuracySec=1 \
		>/etc/systemd/system/kftp@nightly.timer.d/soon.conf
	systemctl daemon-reload
	systemctl restart kftp@nightly.timer
	appears /srv/nightly 60
	cmp "$FTP_ROOT/pub/small" /srv/nightly
	systemctl disable --now kftp@nightly.timer
}

# bats test_tags=long
@test "path: each file that appears is sent" {
	follow path
	vanishes /srv/outbox/hello
	assert_content "$FTP_ROOT/pub/hello" $'hello\n'
	# The next ones, and one that does not go.
	mkdir /srv/outbox/directory
	printf 'again\n' >'/srv/outbox/-a name'
	vanishes '/srv/outbox/-a name'
	assert_content "$FTP_ROOT/pub/-a name" $'again\n'
	vanishes /srv/outbox/directory
	[[ -d /srv/outbox-failed/directory ]]
	journal kftp-outbox.service '*kftp-outbox: directory was not sent*'
	printf 'last\n' >/srv/outbox/last
	vanishes /srv/outbox/last
	assert_content "$FTP_ROOT/pub/last" $'last\n'
	rm "$FTP_ROOT"/pub/{hello,last,'-a name'}
	systemctl disable --now kftp-outbox.path
	assert_no_jobs
}

# bats test_tags=long
@test "chain: a unit after the transfer, another one if it failed" {
	local sum
	follow chain 'systemctl start *'
	appears /srv/list.sha256
	follow chain
	sum=$(sha256sum </srv/list)
	[[ $SAID == "${sum%% *}  /srv/list"* ]] || fail "$SAID"
	cmp "$FTP_ROOT/pub/small" /srv/list
	rm /srv/list.sha256
	printf 'src=pub/missing\n' | cat - <(grep -v '^src' "$EXAMPLES/chain/list.conf") >/etc/kftp/jobs/list.conf
	run ! systemctl start kftp@list.service
	journal list-failed.service '*kftp@list.service: exit-code 78*'
	[[ ! -e /srv/list.sha256 ]]
	# Nor is a transfer that was stopped a success.
	printf 'src=pub/big\nrate_limit=65536\n' | cat - <(grep -v '^src' "$EXAMPLES/chain/list.conf") >/etc/kftp/jobs/list.conf
	# The job of before is still there.
	systemctl start --no-block kftp@list.service
	wait_state list phase transfer
	systemctl stop kftp@list.service
	journal list-failed.service '*kftp@list.service: signal TERM*'
	[[ ! -e /srv/list.sha256 ]]
}

@test "udev: something to do whenever a job has ended" {
	follow udev 'kftp run *'
	appears /var/log/kftp-small
	follow udev
	[[ $SAID == *' small, run 1: done, error 0, 4096 bytes'$'\n' ]] || fail "$SAID"
}
