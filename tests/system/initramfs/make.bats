#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# In a first guest: initramfs-tools makes an initramfs with job files, which is handed out for boot.bats.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

HERE=$BATS_TEST_DIRNAME
TOP=${HERE%/tests/*}
JOBS=/etc/kftp/initramfs
TOOLS=/usr/share/initramfs-tools

setup_file() {
	local release
	release=$(uname -r)
	make -s -C "$TOP" install-tools
	install -D -m 644 "$TOP/module/kftp.ko" "/lib/modules/$release/updates/kftp.ko"
	depmod "$release"

	install -D "$HERE/hook" /etc/initramfs-tools/hooks/ftp-server
	install -D "$HERE/server" /etc/initramfs-tools/scripts/init-top/ftp-server
	install -D "$HERE/server" /etc/initramfs-tools/scripts/init-bottom/ftp-server
	# Every driver there is would take a minute to pack. What zstd asks for is not in the image.
	printf 'MODULES=dep\nCOMPRESS=gzip\nCOMPRESSLEVEL=1\n' >/etc/initramfs-tools/conf.d/test
}

# What boot.bats looks for, and some that are wrong.
job_files() {
	local digest
	digest=$(seq 60000 | sha256sum)
	cp "$TOP/examples/initramfs/early.conf" "$JOBS/"
	(
		umask 077
		printf '%s\n' '; a password, blanks, quotes and no newline at the end' '	host = 192.0.2.1	' \
			' port=2121' 'pass="wonder-land-7"' '' "sha256=${digest%% *}" 'src=pub/small' >"$JOBS/secret.conf"
		printf 'dst = "/run/with  space"' >>"$JOBS/secret.conf"
	)
	printf '%s\n' host=192.0.2.1 src=pub/missing dst=/run/absent >"$JOBS/absent.conf"
	printf '%s\n' host=192.0.2.1 src=pub/small dst=relative >"$JOBS/relative.conf"

	printf '%s\n' '# by name' src=pub/small ' host=ftp.kftp.test' dst=/run/named >"$JOBS/named.conf"
	printf '%s\n' host=192.0.2.1 src=pub/small dst=/run/unknown speed=1 >"$JOBS/unknown.conf"
	printf '%s\n' host=192.0.2.1 'src pub/small' dst=/run/unequal >"$JOBS/unequal.conf"
	printf '%s\n' host=192.0.2.1 src=pub/small dst=/run/name >"$JOBS/no name.conf"
	printf '%s\n' nothing >"$JOBS/not-a-job"
}

@test "an initramfs that is made without job files has nothing of kftp" {
	rm -f "$JOBS"/*
	run -0 mkinitramfs -o "$BATS_TEST_TMPDIR/initrd"
	refute_output --partial kftp
	run -0 lsinitramfs "$BATS_TEST_TMPDIR/initrd"
	assert_line scripts/init-top/ftp-server
	refute_output --partial kftp
	refute_output --partial init-premount
	refute_output --partial configfs.ko
}

@test "update-initramfs takes the job files, and the module with all that it needs" {
	job_files
	run -0 update-initramfs -c -k "$(uname -r)"
	printf '%s\n' "$output" >"$BATS_FILE_TMPDIR/said"
	unmkinitramfs "/boot/initrd.img-$(uname -r)" "$BATS_FILE_TMPDIR/initramfs"
	cd "$BATS_FILE_TMPDIR/initramfs"
	run -0 find . '(' -path '*/init-premount/kftp' -o -path './etc/kftp/*' -o -name kftp.ko -o -name configfs.ko \
		-o -name dns_resolver.ko -o -name 'sha256[-_]*.ko' ')' -type f -printf '%f\n'
	for line in kftp absent.conf early.conf relative.conf secret.conf kftp.ko configfs.ko dns_resolver.ko sha256-ssse3.ko; do
		assert_line "$line"
	done
	assert_equal "${#lines[@]}" 9
	run -0 cat "etc/kftp/initramfs/secret.conf"
	assert_line -n 0 host=192.0.2.1
	assert_line -n 2 pass=wonder-land-7
	assert_line -n 5 'dst=/run/with  space'
	assert_equal "${#lines[@]}" 6
}

@test "what is wrong with a job file is said when the initramfs is made, by its line" {
	run -0 cat "$BATS_FILE_TMPDIR/said"
	assert_line "W: kftp: $JOBS/named.conf:3: 'ftp.kftp.test' is a name, and an initramfs cannot look names up: give an address"
	assert_line --partial "kftp: $JOBS/unknown.conf:4: "
	assert_line --partial "kftp: $JOBS/unequal.conf:2: "
	assert_line --partial "kftp: $JOBS/no name.conf: "
	for name in named unknown unequal 'no name'; do
		assert_line "W: kftp: $JOBS/$name.conf is left out of the initramfs"
	done
	for name in early secret absent relative not-a-job; do
		refute_line --partial "$JOBS/$name"
	done
	refute_output --partial wonder-land
}

@test "an initramfs with a password is for root only" {
	run -0 stat -c %a "/boot/initrd.img-$(uname -r)"
	assert_output 600
	run -0 find "$BATS_FILE_TMPDIR/initramfs/etc/kftp" -perm /077
	assert_output ''
	run -0 cat "$BATS_FILE_TMPDIR/said"
	refute_output --partial UMASK
}

# The hook as mkinitramfs runs it, for an initramfs that has only kftp's script.
hook() { # kernel [busybox's directory]
	mkdir -p "$BATS_TEST_TMPDIR/root/scripts/init-premount"
	cp "$TOOLS/scripts/init-premount/kftp" "$BATS_TEST_TMPDIR/root/scripts/init-premount/"
	DESTDIR=$BATS_TEST_TMPDIR/root version=$1 MODULES=list BUSYBOX=auto BUSYBOXDIR=${2-/bin} verbose=n \
		CONFDIR=/etc/initramfs-tools MODULESDIR=/lib/modules/$1 run -0 "$TOOLS/hooks/kftp"
}

@test "that others will be able to read a password is said" {
	umask 022
	hook "$(uname -r)"
	assert_line --partial "W: kftp: $JOBS/secret.conf has a password, and everybody"
	[[ -e $BATS_TEST_TMPDIR/root/etc/kftp/initramfs/secret.conf ]]
	umask 027
	hook "$(uname -r)"
	refute_output --partial password
}

@test "that a kernel has no module kftp is said, and its initramfs has nothing of it" {
	hook 5.10.0-1-none
	assert_output "W: kftp: the jobs in $JOBS cannot run with Linux 5.10.0-1-none: it has no module kftp"
	run -0 find "$BATS_TEST_TMPDIR/root" -mindepth 1
	assert_output "$BATS_TEST_TMPDIR/root/scripts"
}

@test "that there is no busybox is said, and the initramfs has nothing of it" {
	hook "$(uname -r)" ''
	assert_output "W: kftp: the jobs in $JOBS cannot run in an initramfs without busybox: install the package busybox"
	run -0 find "$BATS_TEST_TMPDIR/root" -mindepth 1
	assert_output "$BATS_TEST_TMPDIR/root/scripts"
}

@test "the example's lines make the initramfs for the next boot" {
	rm "$JOBS"/{early,named,unknown,unequal,'no name'}.conf
	cd "$TOP/examples/initramfs"
	. "$HERE/typed.bash"
	typed '' 'the next boot:' >"$BATS_TEST_TMPDIR/said"
	run -0 cat "$BATS_TEST_TMPDIR/said"
	refute_line --partial 'W: kftp'
	assert_line etc/kftp/initramfs/early.conf
	assert_line scripts/init-premount/kftp
	cat "/boot/initrd.img-$(uname -r)" >"${disk_kept:?}"
}
