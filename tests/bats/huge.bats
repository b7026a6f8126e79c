#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# A file beyond what 32 bits count.

load kftp

teardown() {
	clean_up
	rm -f /scratch/kftp-huge /scratch/.kftp-huge.kftp-part
}

# bats test_tags=long
@test "a file of 4 GiB and 4097 bytes arrives whole, in two runs of which one goes on beyond 2 GiB" {
	"$KFTP_TESTS/guest/hosts" huge
	job a src=pub/huge dst=/scratch/kftp-huge resume=1
	start a
	wait_state a bytes '2[2-9][0-9]{8}|[34][0-9]{9}' 300
	cancel a
	expect_cancelled a 120
	start a
	expect_done a 300
	state a resumed
	((REPLY > 1 << 31)) || fail "it went on from $REPLY"
	assert_state a bytes 4294971393
	assert_state a size 4294971393
	cmp "$FTP_ROOT/pub/huge" /scratch/kftp-huge
}
