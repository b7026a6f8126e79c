#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The machine has booted again, with another kernel.

load machine

@test "the jobs of all files have run at boot" {
	wait_for 180 unit_is kftp-jobs.target active
	unit_says kftp@small.service Result success
	cmp "$FTP_ROOT/pub/small" "$GOT/small"
}

@test "the transfer that the shutdown ended went on from where it was" {
	unit_says kftp@big.service Result success
	cmp "$FTP_ROOT/pub/big" "$GOT/big"
	[[ ! -e $GOT/.big.kftp-part ]]
	state big resumed
	((REPLY >= 8000000)) || fail "only $REPLY bytes were there"
	rm "$GOT/big" "$GOT/small"
}

@test "an upgrade leaves a running job alone, and says when it counts" {
	local next=$VERSION.1 pid invocation
	# It was seen above that all kernels are built for.
	mv /lib/modules/6.1.*/build "$OWN/build"
	printf '%s\n' "host=$SERVER4" src=pub/big "dst=$GOT/slow" >"$JOBS/slow.conf"
	printf '%s\n' "host=$SERVER4" src=pub/small dst=/run/small >/etc/kftp/initramfs/early.conf
	line 500kbit
	systemctl --no-block start kftp@slow.service
	wait_for 30 in_transfer slow 100000
	pid=$(systemctl show -P MainPID kftp@slow.service)
	invocation=$(systemctl show -P InvocationID kftp@slow.service)

	run -0 dpkg -i /packages/next/kftp-*.deb
	assert_line --partial "jobs go on with the module that is loaded; $next is used once that was unloaded"
	# An initramfs has its own copy of it all.
	assert_line --partial 'Processing triggers for initramfs-tools'
	run -0 --separate-stderr dkms status kftp
	assert_output "kftp/$next, $(uname -r), x86_64: installed"

	unit_says kftp@slow.service ActiveState activating
	unit_says kftp@slow.service MainPID "$pid"
	unit_says kftp@slow.service InvocationID "$invocation"
	state slow status
	assert_equal "$REPLY" running
	state slow run
	assert_equal "$REPLY" 1

	line free
	wait_for 60 unit_is kftp@slow.service inactive
	unit_says kftp@slow.service Result success
	cmp "$FTP_ROOT/pub/big" "$GOT/slow"
	rm "$GOT/slow"

	kftp rm small big slow
	modprobe -r kftp
	modprobe kftp
	run -0 kftp get "ftp://$SERVER4/pub/small" "$GOT/small"
	run -0 kftp version
	assert_output "kftp $next"
	mv "$OWN/build" /lib/modules/6.1.*/
}

@test "what is purged stops its jobs, unloads the module and leaves nothing" {
	line 500kbit
	systemctl --no-block start kftp@slow.service
	wait_for 30 in_transfer slow 100000
	run -0 kftp run -q small
	# This order is the harder one: the module is in use when it is purged.
	run -0 dpkg -P kftp-dkms kftp-tools
	line free
	[[ ! -e $GOT/slow && ! -e $GOT/.slow.kftp-part ]]
	assert_files_as_before
}

@test "a tree that is installed by hand does the same, and leaves nothing when uninstalled" {
	local line
	cd "$BATS_TEST_TMPDIR"
	tar -xf "/packages/build/deb/kftp_$VERSION.tar.xz"
	cd "kftp-$VERSION"
	readme 2
	export MAKEFLAGS=-j2
	for line in "${LINES_OF[@]}"; do
		run eval "$line"
		assert_success
	done
	run -0 kftp version
	assert_output "kftp $VERSION"
	printf '%s\n' "host=$SERVER4" src=pub/small "dst=$GOT/hand" >"$JOBS/hand.conf"
	run -0 systemctl start kftp@hand.service
	cmp "$FTP_ROOT/pub/small" "$GOT/hand"

	kftp rm hand
	modprobe -r kftp
	rm "$JOBS/hand.conf"
	run -0 make uninstall
	assert_files_as_before
}
