#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# A file beyond what 32 bits count.

load kftp

teardown() {
	clean_up
	rm -f /scratch/kftp-huge
}

# bats test_tags=long
@test "a file of 4 GiB and 4097 bytes arrives whole" {
	"$KFTP_TESTS/guest/hosts" huge
	job a src=pub/huge dst=/scratch/kftp-huge
	start a
	expect_done a 300
	assert_state a bytes 4294971393
	assert_state a size 4294971393
	cmp "$FTP_ROOT/pub/huge" /scratch/kftp-huge
}
