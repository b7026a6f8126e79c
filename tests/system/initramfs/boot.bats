#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# In a second guest: what has come of the jobs of the initramfs that make.bats made, and that this one was booted with.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

@test "the example's file was fetched in early boot, and is there" {
	cmp <(seq 60000) /run/early
	# As the example says to find out.
	cd /kftp/examples/initramfs
	. "$BATS_TEST_DIRNAME/typed.bash"
	typed 'the next boot:' '' >"$BATS_TEST_TMPDIR/said"
	run -0 cat "$BATS_TEST_TMPDIR/said"
	assert_line --partial '] kftp: early: done, 348894 bytes in '
	assert_line --regexp '^-rw-r--r-- 1 root root 348894 .* /run/early$'
	assert_equal "${#lines[@]}" 2
}

@test "a file was fetched with a password and a digest" {
	cmp <(seq 60000) '/run/with  space'
	run -0 grep -c 'OK LOGIN.*wonder-land-7' /run/vsftpd.log
	assert_output 1
	run -0 grep kftp: <(dmesg)
	assert_line --partial '] kftp: secret: done, 348894 bytes in '
	run -1 grep wonder-land <(dmesg; journalctl -b)
}

@test "what failed was said, and did not stop the boot" {
	run -0 grep kftp: <(dmesg)
	assert_line --partial '] kftp: initramfs: absent: failed: ENOENT in phase accept, last reply 550'
	assert_line --partial '] kftp: initramfs: relative: cannot be started: Invalid argument'
	refute_line --partial '] kftp: initramfs: early'
	refute_line --partial '] kftp: initramfs: secret'
	[[ ! -e /run/absent ]]
	# Neither is there a temporary file.
	run -0 find /run -name '.*.kftp-part'
	assert_output ''
}

@test "the network was brought up for it as ip= said" {
	run -0 cat /run/net-dummy0.conf
	assert_line --regexp "^IPV4ADDR='?192\.0\.2\.1"
}

@test "no job, mount or module of it was left to the system that was booted" {
	# As init-bottom found it.
	run -0 cat /run/initramfs-end
	assert_line --partial ' /root ext4 '
	assert_line --regexp '^dns_resolver '
	assert_line nvme
	refute_line --partial ' configfs '
	refute_line --partial kftp
	# As it is now: at most the mount that systemd made.
	[[ ! -e /sys/module/kftp && ! -e /sys/class/kftp ]]
	run grep -c ' configfs ' /proc/mounts
	((output <= 1))
}
