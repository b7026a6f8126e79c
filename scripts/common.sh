# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the scripts beside this file share. Sourced, with $top set to the
# project's top directory.

# A person's has no mke2fs.
PATH=$PATH:/usr/sbin:/sbin

# The kernels that are built for and tested: Debian 12 has packages of both.
kernels='6.1 6.12'

# Those that are built for their checks, from the source of the newer one.
# shellcheck disable=SC2034 # for those who source this
debug_kernels='kasan kcsan'

# shellcheck disable=SC2034 # for those who source this
cache=${KFTP_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/kftp}

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "$@"
	exit 1
}

debug_kernel()
{
	case " $debug_kernels " in
	*" $1 "*) ;;
	*) return 1 ;;
	esac
}

known_kernel()
{
	case " $kernels $debug_kernels " in
	*" $1 "*) ;;
	*) die "unknown kernel '$1': one of $kernels, $debug_kernels is wanted" ;;
	esac
}

# image_meta KERNEL: the package that depends on that kernel's newest image.
image_meta()
{
	case $1 in
	6.1) echo linux-image-cloud-amd64 ;;
	*) echo "linux-image-$1-cloud-amd64" ;;
	esac
}

# kernel_release KERNEL: "RELEASE VERSION" of the image that apt would install
# (as in 6.1.0-56-cloud-amd64 6.1.192-2); of the guest's image, where apt has no
# lists of packages; or nothing.
kernel_release()
{
	_found=$(apt-cache show --no-all-versions "$(image_meta "$1")" 2>/dev/null |
		sed -n 's/^Depends: linux-image-\([^ ]*\) (= \([^)]*\)).*/\1 \2/p')
	[ -n "$_found" ] ||
		_found=$(cat "$cache"/image-*/description 2>/dev/null |
			sed -n "s/^$1 //p" | sort -V | tail -n 1)
	[ -z "$_found" ] || echo "$_found"
}

# lock: no other run changes the images or headers in the cache until this one ends.
lock()
{
	lock_as lock
}

# lock_as NAME: the same of what is built for hours.
lock_as()
{
	mkdir -p "$cache"
	exec 9>"$cache/$1"
	flock -n 9 && return
	say 'waiting for another run'
	flock 9
}

# record SUITE WHERE PASSED FAILED SKIPPED SECONDS [HOW-MUCH]: for scripts/report.
record()
{
	# shellcheck disable=SC2154 # as above
	_report=$top/build/report
	mkdir -p "$_report"
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$5" "$6" \
		"$(date +%F)" "${7-}" >"$_report/$1-$2"
}
