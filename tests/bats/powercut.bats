#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The power goes in the middle of gets that are to be resumed: what the disks have at that moment is copied, at many
# moments, and each copy is mounted, as after a boot, and the gets in it brought to their end.

load kftp

SPACE=/scratch/kftp-powercut
FILE=$FTP_ROOT/pub/power

setup_file() {
	modprobe -a loop dm-mod xfs
	mkdir -p "$SPACE/ext4" "$SPACE/xfs" "$SPACE/copies"
	head -c 8388613 "$FTP_ROOT/pub/big" >"$FILE"
}

teardown_file() {
	rm -rf "$SPACE" "$FILE"
}

teardown() {
	local fs
	clean_up
	unmount_all
	for fs in "${!LOOP[@]}"; do
		umount "$SPACE/$fs" || :
		dmsetup remove --noudevsync "kftp-$fs" || :
		losetup -d "${LOOP[$fs]}"
	done
}

declare -gA LOOP

make_disk() { # fs MiB
	local sectors=$(($2 * 2048))
	truncate -s "$2M" "$SPACE/$1.img"
	LOOP[$1]=$(losetup -f --show "$SPACE/$1.img")
	dmsetup create --noudevsync "kftp-$1" --table "0 $sectors linear ${LOOP[$1]} 0"
	REPLY=/dev/$(dmsetup info -c --noheadings -o blkdevname "kftp-$1")
	case $1 in
	ext4) mkfs.ext4 -q -J size=4 "$REPLY" ;;
	xfs) mkfs.xfs -q -K "$REPLY" ;;
	esac
	mount "$REPLY" "$SPACE/$1"
}

get() { # name dst attribute=value...
	job "$1" src=pub/power "dst=$2" resume=1 "${@:3}"
}

# What a disk would have if nobody ever wrote to it again.
cut_power() { # fs number
	dmsetup suspend --noudevsync --nolockfs --noflush "kftp-$1"
	cp --sparse=always "$SPACE/$1.img" "$SPACE/copies/$1-$2"
	dmsetup resume --noudevsync "kftp-$1"
}

# Brings the gets on a copy to their end. Counts them in ENDED, and those that had to fetch only a part in RESUMED.
end_all() { # copy job...
	local job name
	local options=loop
	# The file system that it is a copy of is mounted.
	[[ $1 != */xfs-* ]] || options=loop,nouuid
	mount -o $options "$1" "$DIR/mount"
	for job in "${@:2}"; do
		name=$DIR/mount/$job
		whole "$name"
		[[ $REPLY == $'old\n' ]] || cmp "$FILE" "$name" || fail "${1##*/}: $job is neither the old file nor the new"
		set_attr "$job" dst "$name"
		start "$job"
	done
	for job in "${@:2}"; do
		expect_done "$job" 60
		cmp "$FILE" "$DIR/mount/$job" || fail "${1##*/}: $job is wrong: $(describe "$job")"
		assert_no_part "$DIR/mount/$job"
		ENDED=$((ENDED + 1))
		state "$job" resumed
		((REPLY == 0)) || RESUMED=$((RESUMED + 1))
	done
	umount "$DIR/mount"
	rm "$1"
}

@test "what is done is there when the power goes at once" {
	mkdir -p "$DIR/mount"
	make_disk ext4 48
	job a "dst=$SPACE/ext4/a"
	printf 'old\n' >"$SPACE/ext4/a"
	sync -f "$SPACE/ext4"
	start a
	expect_done a
	cut_power ext4 0
	mount -o loop "$SPACE/copies/ext4-0" "$DIR/mount"
	cmp "$FTP_ROOT/pub/small" "$DIR/mount/a"
	umount "$DIR/mount"
	rm "$SPACE/copies/ext4-0"
}

# bats test_tags=long
@test "whenever the power goes, a get ends right, and most need not begin again" {
	set +T
	local job number
	mkdir -p "$DIR/mount"
	make_disk ext4 48
	make_disk xfs 300
	get direct "$SPACE/ext4/direct" rate_limit=500000
	get buffered "$SPACE/ext4/buffered" rate_limit=500000 cache=keep
	get on-xfs "$SPACE/xfs/on-xfs" rate_limit=500000
	for job in ext4/direct ext4/buffered xfs/on-xfs; do
		printf 'old\n' >"$SPACE/$job"
	done
	sync -f "$SPACE/ext4"
	sync -f "$SPACE/xfs"
	start direct buffered on-xfs
	for number in {1..22}; do
		nap "0.$((RANDOM % 8))$((RANDOM % 10))"
		cut_power ext4 "$number"
		if ((number % 2)); then
			cut_power xfs "$number"
		fi
	done
	for job in direct buffered on-xfs; do
		state "$job" elapsed_ms
		echo "# $job: $REPLY ms" >&3
		wait_end "$job" 60
		assert_state "$job" status 'done'
		set_attr "$job" rate_limit 0
	done
	assert_state direct io direct
	assert_state buffered io buffered
	ENDED=0 RESUMED=0
	for number in {1..22}; do
		end_all "$SPACE/copies/ext4-$number" direct buffered
		if ((number % 2)); then
			end_all "$SPACE/copies/xfs-$number" on-xfs
		fi
	done
	echo "# $ENDED ended right, $RESUMED of them resumed" >&3
	((ENDED >= 50 && RESUMED >= 10)) || fail "$ENDED ended, $RESUMED resumed"
}
