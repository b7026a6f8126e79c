#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Files from real servers, over IPv4 and IPv6, and the dialogue in which they are fetched.

# Each test is a subshell, and meant to be.
# shellcheck disable=SC2030,SC2031

load kftp

setup() {
	SPACE=/scratch/kftp-transfer
	mkdir -p "$SPACE"
}

teardown() {
	clean_up
	ask vacate
	[[ -z ${OFFLOADED-} ]] || offload 0 1 1
	rm -rf "$SPACE"
}

# Fetches one file of the server's, and compares it.
fetch() { # name attribute=value...
	local file=$1
	shift
	job a "src=pub/$file" "dst=$SPACE/got" "$@"
	start a
	expect_done a 120
	cmp "$FTP_ROOT/pub/$file" "$SPACE/got"
	assert_no_part "$SPACE/got"
}

@test "an empty file arrives from vsftpd" {
	fetch empty
	[[ -f $SPACE/got && ! -s $SPACE/got ]]
	assert_state a bytes 0
	assert_state a size 0
}

@test "a file of one byte arrives from vsftpd" {
	fetch one
	assert_state a bytes 1
}

@test "a file of 4 KiB arrives from vsftpd over IPv6" {
	fetch small "host=$SERVER6"
	assert_state a bytes 4096
}

# bats test_tags=long
@test "a file of 100 MiB arrives from vsftpd" {
	fetch big
	assert_state a bytes 104857600
	assert_state a size 104857600
}

@test "a file of 100 MiB arrives from vsftpd over IPv6, on tmpfs" {
	SPACE=$BATS_TEST_TMPDIR
	fetch big "host=$SERVER6"
}

@test "an empty file and one of one byte arrive from pyftpdlib" {
	fetch empty "port=$PYFTP_PORT"
	rmdir "$CONFIG/a"
	fetch one "port=$PYFTP_PORT" "host=$SERVER6"
}

@test "a file of 4 KiB arrives from pyftpdlib" {
	fetch small "port=$PYFTP_PORT"
}

# bats test_tags=long
@test "a file of 100 MiB arrives from pyftpdlib over IPv6" {
	fetch big "port=$PYFTP_PORT" "host=$SERVER6"
}

@test "an anonymous user needs neither user nor pass" {
	mkdir "$CONFIG/a"
	set_attr a host "$SERVER4"
	set_attr a src pub/small
	set_attr a dst "$SPACE/got"
	start a
	expect_done a
	cmp "$FTP_ROOT/pub/small" "$SPACE/got"
}

# What the network card at this end of the wire does by itself, and that before it.
offload() { # gro tso sg
	OFFLOADED=$*
	ask offload /proc/self/ns/net "$CLIENT_IF" gro "$1"
	assert_equal "$REPLY" 0
	ask offload /run/netns/wire client tso "$2"
	assert_equal "$REPLY" 0
	ask offload /run/netns/wire client sg "$3"
	assert_equal "$REPLY" 0
}

# How many segments of TCP have come.
segments() {
	whole /proc/net/snmp
	REPLY=${REPLY##*Tcp: }
	read -r _ _ _ _ _ _ _ _ _ REPLY _ <<<"$REPLY"
}

@test "a file is right however the network puts its bytes together" {
	local before features gathered number=0
	# Many fragments and many buffers to a segment; each of them in one piece; and none gathered at all.
	for features in "1 0 1" "1 0 0" "0 0 1" "0 0 0"; do
		# shellcheck disable=SC2086 # words
		offload $features
		for REPLY in host=$SERVER4,cache=keep host=$SERVER6,cache=keep host=$SERVER4,cache=bypass; do
			play rest-good "a$((++number))" src=large "dst=$SPACE/a$number" "${REPLY%,*}" "${REPLY#*,}"
			segments
			before=$REPLY
			start "a$number"
			expect_done "a$number"
			segments
			gathered=$((6 * 1024 * 1024 / (REPLY - before)))
			if [[ $features == 1* ]]; then
				((gathered > 3000)) || fail "with $features segments have but $gathered bytes"
			else
				((gathered < 1500)) || fail "with $features segments have $gathered bytes"
			fi
			same "$KFTP_DIR/script/body/large" "$SPACE/a$number"
			rm "$SPACE/a$number"
		done
	done
}

@test "a link-local address with its scope is reached" {
	fetch small "host=$SERVER_LL%$CLIENT_IF"
	state a peer
	[[ $REPLY == "[$SERVER_LL"* ]] || fail "peer is $REPLY"
	play plain b "host=$SERVER_LL%$CLIENT_IF"
	start b
	expect_done b
	server_log plain
	assert_log "< EPRT |2|$CLIENT_LL|*|"
	# An interface's number is as good as its name, if it is one's.
	read -r REPLY <"/sys/class/net/$CLIENT_IF/ifindex"
	set_attr b host "$SERVER_LL%$REPLY"
	start b
	expect_done b
	for REPLY in nosuch 99999; do
		set_attr b host "$SERVER_LL%$REPLY"
		refuse_start EINVAL b
	done
}

@test "a host that a router lets nobody reach is EHOSTUNREACH, and tried again" {
	local server=(nsenter "--net=/run/netns/$SERVER_NS")
	ip -6 route add 2001:db8:77::/64 via "$SERVER6"
	"${server[@]}" ip -6 route add prohibit 2001:db8:77::/64
	"${server[@]}" sysctl -q net.ipv6.conf.all.forwarding=1
	job a host=2001:db8:77::1 retries=1 retry_delay_sec=0
	start a
	wait_end a
	"${server[@]}" sysctl -q net.ipv6.conf.all.forwarding=0
	"${server[@]}" ip -6 route del prohibit 2001:db8:77::/64
	ip -6 route del 2001:db8:77::/64
	expect_failed a EHOSTUNREACH
	assert_state a attempts 2
}

@test "an IPv4-mapped address is IPv4, with PORT" {
	play plain a "host=::ffff:$SERVER4"
	start a
	expect_done a
	server_log plain
	assert_log '< PORT *'
	assert_log '< EPRT *' 0
	state a peer
	[[ $REPLY == "$SERVER4":* ]] || fail "peer is $REPLY"
}

@test "a name with a space, and one with anything else, is sent as it is" {
	local name=$'odd "name" \'of\' $(it) \\ * %s \xff\xe9\x1b '
	local line
	fetch 'with space'
	play plain b "src=$name"
	start b
	expect_done b
	server_log plain
	for line in "${LOG[@]}"; do
		if [[ $line == "< RETR $name" ]]; then
			return
		fi
	done
	fail "$(printf '%q\n' "${LOG[@]}")"
}

@test "a name of 244 bytes arrives under the same name" {
	assert_equal "${#LONG_NAME}" 244
	job a "src=pub/$LONG_NAME" "dst=$SPACE/$LONG_NAME"
	start a
	expect_done a
	cmp "$FTP_ROOT/pub/$LONG_NAME" "$SPACE/$LONG_NAME"
	assert_no_part "$SPACE/$LONG_NAME"
}

@test "a file that is not there is ENOENT from both servers" {
	job a src=pub/missing
	job b src=pub/missing "port=$PYFTP_PORT"
	start a b
	expect_failed a ENOENT
	expect_failed b ENOENT
	[[ ! -e $DIR/a && ! -e $DIR/b ]]
}

@test "a wrong password is EACCES from both servers" {
	job a pass=wrong
	job b pass=wrong "port=$PYFTP_PORT"
	start a b
	expect_failed a EACCES
	expect_failed b EACCES
	assert_state a reply_code 530
}

@test "a port on which nobody listens is ECONNREFUSED" {
	job a port=9
	job b port=9 "host=$SERVER6"
	start a b
	expect_failed a ECONNREFUSED
	expect_failed b ECONNREFUSED
}

@test "an address that nobody has is EHOSTUNREACH" {
	job a host=192.0.2.8 timeout_sec=20
	start a
	expect_failed a EHOSTUNREACH 25
}

@test "an address that is no host's is ENETUNREACH, and one that is any of its own ECONNREFUSED" {
	local address number=0
	for address in 255.255.255.255 192.0.2.255 224.0.0.1 "ff02::1%$CLIENT_IF" 0.0.0.0 ::; do
		job "a$((++number))" "host=$address" port=9
		start "a$number"
	done
	for number in {1..4}; do
		expect_failed "a$number" ENETUNREACH
	done
	expect_failed a5 ECONNREFUSED
	expect_failed a6 ECONNREFUSED
}

@test "the dialogue is USER, PASS, TYPE I, SIZE, MDTM, PORT, RETR and QUIT, each once" {
	play plain a user=bob pass=uncle src=some/file
	start a
	expect_done a
	wait_log plain 'end: *'
	local line said=
	for line in "${LOG[@]}"; do
		case $line in
		'< PORT'*) said+='< PORT'$'\n' ;;
		'<'* | end*) said+=$line$'\n' ;;
		esac
	done
	assert_equal "$said" '< USER bob
< PASS uncle
< TYPE I
< SIZE some/file
< MDTM some/file
< PORT
< RETR some/file
< QUIT
end: hung up
'
}

@test "PORT has the control connection's own address, EPRT too" {
	local line
	play plain a
	play plain b "host=$SERVER6"
	start a b
	expect_done a
	expect_done b
	server_log plain
	assert_log "< PORT ${CLIENT4//./,},*"
	assert_log "< EPRT |2|$CLIENT6|*|"
	assert_log "from $CLIENT4 *"
	assert_log "from $CLIENT6 *"
}

@test "the password is by default anonymous@ for anonymous, and empty for another" {
	local job port
	from_now_on plain
	port_of plain
	port=$REPLY
	mkdir "$CONFIG/a" "$CONFIG/b" "$CONFIG/c"
	set_attr b user bob
	set_attr c pass ''
	for job in a b c; do
		set_attr $job host "$SERVER4"
		set_attr $job port "$port"
		set_attr $job src x
		set_attr $job dst "$DIR/$job"
		start $job
		expect_done $job
	done
	server_log plain
	assert_log '< PASS anonymous@'
	assert_log '< PASS*' 3
	assert_log '< PASS?( )' 2
}

@test "the control connection is kept alive while data flow" {
	play hold-transfer a
	start a
	wait_state a phase transfer
	port_of hold-transfer
	run -0 ss -tnoH state established dst "$SERVER4" dport = ":$REPLY"
	# Within a minute: what stands between the hosts forgets sooner than they do.
	[[ $output =~ timer:\(keepalive,([1-5]?[0-9](\.[0-9]+)?sec|60sec), ]] || fail "$output"
}

@test "the listening port is of the range, when there is one" {
	play plain a port_min=40000 port_max=40003
	start a
	expect_done a
	server_log plain
	assert_log "< PORT ${CLIENT4//./,},156,6[4-7]"
}

@test "nobody knows which port of a range is next" {
	local ports
	play plain a port_min=41000 port_max=41999
	for _ in {1..5}; do
		start a
		expect_done a
	done
	server_log plain
	ports=$(printf '%s\n' "${LOG[@]}" | grep '< PORT' | sort -u | wc -l)
	# Those of five could be one by chance once in 10^12 times.
	((ports > 1)) || fail "${LOG[*]}"
}

@test "a range from 0 on begins with port 1" {
	play plain a port_min=0 port_max=1
	for _ in 1 2 3 4 5; do
		start a
		expect_done a
	done
	server_log plain
	assert_log "< PORT ${CLIENT4//./,},0,1" 5
}

@test "a range of one port serves one run after another" {
	play plain a port_min=40010 port_max=40010
	for _ in 1 2 3; do
		start a
		expect_done a
	done
	server_log plain
	assert_log "< PORT ${CLIENT4//./,},156,74" 3
}

@test "a range of one port serves IPv6 too" {
	play plain a "host=$SERVER6" port_min=40010 port_max=40010
	start a
	expect_done a
	server_log plain
	assert_log "< EPRT |2|$CLIENT6|40010|"
}

@test "a port of the range that is taken is passed over" {
	local before
	ask occupy "$CLIENT4" 40020
	assert_equal "$REPLY" 0
	ask occupy "$CLIENT4" 40022
	play plain a port_min=40020 port_max=40022
	sockets alloc
	before=$REPLY
	for _ in {1..4}; do
		start a
		expect_done a
	done
	server_log plain
	assert_log "< PORT ${CLIENT4//./,},156,85" 4
	# Where the search begins is chance, so that of four one has met a port that is taken, but for once in 80 times.
	no_more_sockets "$before" alloc
}

@test "a range that is all taken is EADDRINUSE, and RETR is not sent" {
	ask occupy "$CLIENT4" 40030
	ask occupy "$CLIENT4" 40031
	play plain a port_min=40030 port_max=40031
	start a
	expect_failed a EADDRINUSE
	server_log plain
	assert_log '< RETR*' 0
	assert_log '< PORT*' 0
}

@test "cancel acts while a free port of a large range is looked for" {
	ask occupy "$CLIENT4" 20000 10000
	assert_equal "$REPLY" 0
	play plain a port_min=20000 port_max=29999
	start a
	# The last thing that is said before.
	until
		server_log plain
		count_log '< MDTM *'
		((REPLY))
	do
		assert_state a status running
	done
	cancel_at_once a
}

@test "a range used up by other jobs is EADDRINUSE too" {
	play hold-accept a port_min=40040 port_max=40040
	start a
	wait_state a phase accept
	play plain b port_min=40040 port_max=40040
	start b
	expect_failed b EADDRINUSE
}

@test "a file larger than max_size is EFBIG, one of that size is not" {
	job a max_size=4096
	job b max_size=4095
	start a b
	expect_done a
	expect_failed b EFBIG
	[[ ! -e $DIR/b ]]
	assert_no_part "$DIR/b"
}

@test "max_size holds though the server does not tell the size" {
	play size-500 a max_size=4096
	play size-500 b max_size=4095
	play flood c max_size=3000000
	start a b c
	expect_done a
	expect_failed b EFBIG
	expect_failed c EFBIG
	assert_state b size -1
	[[ ! -e $DIR/b && ! -e $DIR/c ]]
	assert_no_part "$DIR/c"
}

@test "start without host, src or dst is ENODATA" {
	local missing
	job a
	for missing in "host=$SERVER4" src=pub/small "dst=$DIR/a"; do
		set_attr a "${missing%%=*}" ''
		refuse_start ENODATA a
		set_attr a "${missing%%=*}" "${missing#*=}"
	done
	start a
	expect_done a
}

@test "start with port_min above port_max is EINVAL" {
	job a port_min=5000 port_max=4999
	refuse_start EINVAL a
	set_attr a port_max 5000
	start a
	expect_done a
}

@test "the log has one line for a run that is done" {
	job a
	mark_log
	start a
	expect_done a
	logged 1
	[[ ${LOGGED[0]} == "kftp: a: done, 4096 bytes"* ]] || fail "${LOGGED[0]}"
}

@test "the log has one line for a run that failed, and one for a run that was cancelled" {
	job a src=pub/missing
	mark_log
	start a
	expect_failed a ENOENT
	logged 1
	[[ ${LOGGED[0]} == "kftp: a: failed: ENOENT"* ]] || fail "${LOGGED[0]}"
	play hold-accept b
	mark_log
	start b
	wait_state b phase accept
	cancel b
	expect_cancelled b
	logged 1
	[[ ${LOGGED[0]} == "kftp: b: "*cancelled* ]] || fail "${LOGGED[0]}"
}

@test "the log tells of connections from elsewhere" {
	play third a
	mark_log
	start a
	expect_done a
	logged 1
	[[ ${LOGGED[0]} == *", 1 connections from elsewhere refused" ]] || fail "${LOGGED[0]}"
}

@test "a start that is refused logs nothing" {
	job a dst=/tmp
	mark_log
	refuse_start EISDIR a
	logged 0
}
