#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What README says to type does what it says, as it stands there. The lines of "Install" are run by tests/system, and
# those of "By hand" by tests/guest/demo.

load kftp

setup_file() {
	install_tools
	start_udev
}

teardown_file() {
	stop_udev
}

teardown() {
	clean_up
	rm -f /tmp/small /tmp/copy /srv/small "$FTP_ROOT/pub/copy"
}

# The lines of a section that are for root to type, run in this shell; after each that starts a job, it is waited for.
type_lines() { # heading
	local line there='' count=0
	while IFS= read -r line; do
		case $line in
		"## $1") there=1 ;;
		'## '*) there= ;;
		'    # '*)
			[[ -n $there ]] || continue
			count=$((count + 1))
			line=${line#    # }
			eval "$line" >>"$DIR/said" 2>&1 || fail "$line: $(tail -n 5 "$DIR/said")"
			case $line in
			'echo 1 >start') expect_done "${PWD##*/}" 60 ;;
			esac ;;
		esac
	done <"${KFTP_TESTS%/*}/README.md"
	((count > 0)) || fail "README has no lines to type in '$1'"
	whole "$DIR/said"
}

# bats test_tags=long
@test "its lines to send and to fetch by hand" {
	type_lines 'Sending, and a transfer that has to arrive'
	[[ $REPLY == *fetch/status:done* ]]
	cmp "/boot/vmlinuz-$(uname -r)" "$FTP_ROOT/pub/vmlinuz"
	cmp "/boot/vmlinuz-$(uname -r)" /scratch/vmlinuz
	cd /
	rm /scratch/vmlinuz "$FTP_ROOT/pub/vmlinuz"
}

# bats test_tags=long
@test "its five minutes, and its lines with the command" {
	cd "${KFTP_TESTS%/*}"
	type_lines 'Five minutes'
	cmp "$FTP_ROOT/pub/small" /tmp/small
	cmp "$FTP_ROOT/pub/small" /srv/small
	[[ $REPLY == *'nightly: done, 4096 bytes in '* && $REPLY == *'kftp@nightly.timer'* ]] || fail "$REPLY"
	run -0 systemctl is-active kftp@nightly.timer
	type_lines 'The command'
	cmp "$FTP_ROOT/pub/small" "$FTP_ROOT/pub/copy"
	cmp "$FTP_ROOT/pub/small" /tmp/copy
	[[ $REPLY == *$'\nresume=1\nretries=5\n'* ]] || fail "$REPLY"
	systemctl disable --now kftp@nightly.timer
	rm /etc/systemd/system/kftp@nightly.timer /etc/kftp/jobs/nightly.conf /etc/kftp/credentials/nightly
}

# Every line to type is in a section that something runs.
@test "no line that is to be typed goes untested" {
	local line heading='' count=0
	while IFS= read -r line; do
		case $line in
		'## '*) heading=${line#\#\# } ;;
		'    # '* | '    $ '*)
			count=$((count + 1))
			case $heading in
			Install | 'Five minutes' | 'The command' | 'By hand' | 'Sending, and a transfer that has to arrive') ;;
			*) fail "nothing runs '$line' of '$heading'" ;;
			esac ;;
		esac
	done <"${KFTP_TESTS%/*}/README.md"
	((count > 40))
}
