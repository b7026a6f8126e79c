#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The packages on a machine that has never seen kftp; the last test leaves a transfer running, for what comes after.

load machine

# The other hosts, before the network counts as there. What is served is the same in each life, also by its time.
setup_file() {
	mkdir -p "$OWN" "$GOT"
	cp -a /kftp/tests/guest "$OWN/"
	# The image was made with nothing to be started or stopped.
	rm -f /usr/sbin/policy-rc.d
	cat >/etc/systemd/system/hosts.service <<-END
	[Unit]
	Description=Other hosts
	DefaultDependencies=no
	After=sysinit.target
	Before=network-online.target shutdown.target
	Conflicts=shutdown.target

	[Service]
	Type=oneshot
	RemainAfterExit=yes
	ExecStart=$OWN/guest/hosts up
	ExecStart=touch -d 2020-01-01 $FTP_ROOT/pub/big $FTP_ROOT/pub/small

	[Install]
	WantedBy=network-online.target
	END
	systemctl enable hosts.service
	systemctl start hosts.service
	files "$OWN/before"
}

@test "both packages install, and DKMS builds for both kernels" {
	readme 1
	[[ ${LINES_OF[0]} == apt-get\ * ]]
	cd /packages
	run -0 eval "${LINES_OF[0]}"
	refute_output --partial initramfs
	# It may have a word to say about what compilers the kernels are from.
	run -0 --separate-stderr dkms status kftp
	local kernel
	for kernel in /lib/modules/*; do
		assert_line "kftp/$VERSION, ${kernel##*/}, x86_64: installed"
	done
	assert_equal "${#lines[@]}" 2
}

@test "nothing is started, loaded or enabled by it" {
	[[ ! -d /sys/module/kftp ]]
	run ! systemctl is-active kftp-jobs.target
	run ! systemctl is-enabled kftp-jobs.target
	assert_output disabled
	run -0 stat -c '%a %U' /etc/kftp/credentials
	assert_output '700 root'
}

@test "the module loads, and a file comes by kftp get" {
	readme 1
	[[ ${LINES_OF[1]} == modprobe\ * ]]
	eval "${LINES_OF[1]}"
	run -0 kftp version
	assert_output "kftp $VERSION"
	run -0 kftp get "ftp://v4.kftp.test/pub/small" "$GOT/first"
	cmp "$FTP_ROOT/pub/small" "$GOT/first"
	rm "$GOT/first"
}

@test "jobs of files are enabled for the next boot, and one is running" {
	printf '%s\n' host=ftp.kftp.test src=pub/small "dst=$GOT/small" >"$JOBS/small.conf"
	printf '%s\n' "host=$SERVER4" "user=$FTP_USER" src=pub/big "dst=$GOT/big" resume=1 >"$JOBS/big.conf"
	printf '%s\n' "$FTP_PASS" >/etc/kftp/credentials/big
	systemctl enable kftp-jobs.target
	systemctl daemon-reload

	line 40mbit
	systemctl --no-block start kftp@big.service
	wait_for 60 in_transfer big 16000000
	state big size
	assert_equal "$REPLY" "$(stat -c %s "$FTP_ROOT/pub/big")"
	[[ ! -e $GOT/big && ! -e $GOT/small ]]
}
