# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0

# Runs the lines of README.md that are meant to be typed, between the lines that end so; each must succeed.
typed() { # from to
	local line count=0 there=
	[[ -n $1 ]] || there=1
	while IFS= read -r line; do
		if [[ -n $1 && $line == *"$1" ]]; then
			there=1
		elif [[ -n $2 && $line == *"$2" ]]; then
			there=
		elif [[ -n $there && $line == '    # '* ]]; then
			eval "${line#    # }" 2>&1
			count=$((count + 1))
		fi
	done <README.md
	((count > 0)) || fail "README.md has no lines to type between '$1' and '$2'"
}
