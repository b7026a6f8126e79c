# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the scripts beside this file share. Sourced, with $top set to the
# project's top directory.

# The kernels that are built for and tested: Debian 12 has packages of both.
kernels='6.1 6.12'

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

known_kernel()
{
	case " $kernels " in
	*" $1 "*) ;;
	*) die "unknown kernel '$1': one of $kernels is wanted" ;;
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
# (as in 6.1.0-56-cloud-amd64 6.1.192-2). Where apt has no package lists, the
# newest headers that are installed say it; nothing is printed where neither is.
kernel_release()
{
	_found=$(apt-cache show --no-all-versions "$(image_meta "$1")" 2>/dev/null |
		sed -n 's/^Depends: linux-image-\([^ ]*\) (= \([^)]*\)).*/\1 \2/p')
	if [ -z "$_found" ]; then
		_found=$(dpkg-query -W \
			-f '${db:Status-Abbrev}${Package} ${Version}\n' \
			"linux-headers-$1.*-cloud-amd64" 2>/dev/null |
			sed -n 's/^ii *linux-headers-//p' |
			sort -V | tail -n 1)
	fi
	[ -z "$_found" ] || echo "$_found"
}
