# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What all files share: the module, the hosts, the scripted server, and the helper for what the shell cannot do.

setup_suite() {
	local tests
	tests=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	export LC_ALL=C
	export KFTP_TESTS=$tests
	export KFTP_MODULE=${KFTP_MODULE:-${tests%/*}/module/kftp.ko}
	KFTP_DIR=$(mktemp -d /tmp/kftp-bats.XXXXXX)
	export KFTP_DIR
	mkfifo "$KFTP_DIR/never" "$KFTP_DIR/ask" "$KFTP_DIR/answer"

	"$tests/guest/hosts" up
	# shellcheck source=/dev/null
	. "$tests/guest/hosts.env"
	# That an address is nobody's takes three seconds to learn otherwise.
	printf '100\n' >"/proc/sys/net/ipv4/neigh/$CLIENT_IF/retrans_time_ms"
	modprobe -a configfs dns_resolver
	[[ -d /sys/module/kftp ]] || insmod "$KFTP_MODULE"

	nsenter --net="/run/netns/$SERVER_NS" python3 "$tests/server/ftpscript.py" serve \
		--dir "$KFTP_DIR/script" --third-netns "$THIRD_NS" \
		--third4 "$THIRD4" --third6 "$THIRD6" \
		</dev/null >"$KFTP_DIR/script.out" 2>&1 3>&- 4>&- &
	export KFTP_SERVER_PID=$!
	python3 "$tests/bats/probe.py" "$KFTP_DIR/ask" "$KFTP_DIR/answer" \
		</dev/null >"$KFTP_DIR/probe.out" 2>&1 3>&- 4>&- &
	export KFTP_PROBE_PID=$!

	local try
	for ((try = 0; try < 300; try++)); do
		[[ ! -e $KFTP_DIR/script ]] || break
		sleep 0.2
	done
	[[ -e $KFTP_DIR/script ]]
}

teardown_suite() {
	kill "$KFTP_SERVER_PID" "$KFTP_PROBE_PID" || :
	cat "$KFTP_DIR/script.out" "$KFTP_DIR/probe.out" >&2
	rm -rf "$KFTP_DIR"
}
