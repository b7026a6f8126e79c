# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What tests/bats has, without what only its own tests need.

setup_suite() {
	export LC_ALL=C KFTP_TESTS=/kftp/tests
	KFTP_DIR=$(mktemp -d)
	export KFTP_DIR
	mkfifo "$KFTP_DIR/never"
	"$KFTP_TESTS/guest/hosts" up
	modprobe -a configfs dns_resolver
	insmod /kftp/module/kftp.ko
}

teardown_suite() {
	rm -rf "$KFTP_DIR"
}
