# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the tests of packages share. The machine is one from the first test to the last, over all files here.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
# shellcheck source=/dev/null
. /kftp/tests/guest/hosts.env

# What outlives a boot, and belongs to the tests.
OWN=/var/tests
# shellcheck disable=SC2034 # for the tests
GOT=/srv/got
# shellcheck disable=SC2034
JOBS=/etc/kftp/jobs

# The guest has no network and no apt. What it would get is there already, or is a file.
apt-get() { # install package|file...
	local what files=()
	[[ $1 == install ]]
	shift
	for what; do
		if [[ $what == */* ]]; then
			files+=("$what")
		else
			dpkg -s "$what" >/dev/null
		fi
	done
	[[ ${#files[@]} == 0 ]] || dpkg -i "${files[@]}"
}

# What README's section "Install" has root type, with packages or without, as it stands there.
readme() { # 1|2
	local block=0 inside='' line there=
	LINES_OF=()
	while IFS= read -r line; do
		case $line in
		'## Install') there=1 ;;
		'## '*) there= ;;
		esac
		if [[ $line != '    '* ]]; then
			inside=
			continue
		fi
		[[ -n $inside || -z $there ]] || ((++block))
		inside=1
		if [[ -n $there && $line == '    # '* ]] && ((block == $1)); then
			LINES_OF+=("${line#    # }")
		fi
	done </kftp/README.md
	((${#LINES_OF[@]} > 1)) || fail "README has nothing to type in its block $1"
}

wait_for() { # seconds command...
	local until=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < until)) || fail "never: $*"
		sleep 0.3
	done
}

# How fast the server can send, in bits a second; or as fast as it is.
line() { # rate|free
	if [[ $1 == free ]]; then
		tc -n "$SERVER_NS" qdisc del dev eth0 root
	else
		tc -n "$SERVER_NS" qdisc add dev eth0 root tbf rate "$1" burst 32k latency 1s
	fi
}

state() { # job file
	read -r REPLY <"/sys/class/kftp/$1/$2"
}

# There is some of it, and much is to come.
in_transfer() { # job [bytes]
	[[ -d /sys/class/kftp/$1 ]] || return 1
	state "$1" phase
	[[ $REPLY == transfer ]] || return 1
	state "$1" bytes
	((REPLY >= ${2-1}))
}

unit_is() { # unit state
	[[ $(systemctl is-active "$1") == "$2" ]]
}

unit_says() { # unit property value
	run -0 systemctl show -P "$2" "$1"
	assert_output "$3"
}

# Every file of the machine but those that are no package's affair:
#	/proc, /sys, /dev, /run, /tmp, /scratch	no files of this disk
#	/kftp, /packages, /var/tests, /srv	the tests' own
#	/root, /var/log, /var/cache, /var/tmp	what programs remember, and how they got on
#	/var/lib/dpkg				that a package was there is known by its lists
#	/var/lib/systemd/timers, random-seed	when they ran last, and what for
#	/var/lib/dkms/mok.*			the keys that DKMS makes for itself once
files() { # file
	find / -xdev \
		\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /scratch \
		-o -path /kftp -o -path /packages -o -path "$OWN" -o -path /srv \
		-o -path /root -o -path /var/log -o -path /var/cache -o -path /var/tmp \
		-o -path /var/lib/dpkg -o -path /var/lib/systemd/timers \
		-o -path /var/lib/systemd/random-seed -o -path '/var/lib/dkms/mok.*' \) -prune \
		-o -printf '%p %y %m %u\n' | sort >"$1"
	# Whose lists of units and modules name it is not rid of it.
	grep -rl kftp /lib/modules/*/modules.* /etc /var/lib/systemd >>"$1" || :
}

# Nothing is there that was not there at first, and nothing is missing.
assert_files_as_before() {
	files "$OWN/after"
	run diff "$OWN/before" "$OWN/after"
	assert_output ''
	run ! systemctl cat kftp@x.service kftp-jobs.target
	[[ ! -d /sys/module/kftp ]]
	run -0 systemctl list-units --all --plain --no-legend 'kftp@*' 'kftp-done@*' kftp-jobs.target
	assert_output ''
}
