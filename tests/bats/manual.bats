#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The manual pages, held against the command and the kernel that they tell of.

load kftp

TOOLS=${KFTP_TESTS%/*}/scripts/tools
PARAMETERS=/sys/module/kftp/parameters

setup() {
	set +T
}

teardown() {
	clean_up
	printf '64\n' >"$PARAMETERS/buffers_mib"
}

# A page as its reader sees it, but with long lines and without bold type, in PAGE.
page() { # file
	local text
	text=$(mandoc -T ascii -O width=1000 "$TOOLS/man/$1" 2>/dev/null)
	text=${text//?$'\b'/}
	mapfile -t PAGE <<<"$text"
}

# The lines of a page from one heading to another into LINES_OF.
section() { # from to
	local line there=
	LINES_OF=()
	for line in "${PAGE[@]}"; do
		case ${line#   } in
		"$1") there=1 ;;
		"$2") there= ;;
		*) [[ -z $there ]] || LINES_OF+=("$line") ;;
		esac
	done
	((${#LINES_OF[@]} > 0)) || fail "no section '$1' before '$2'"
}

# The entries of a list in LINES_OF whose tags match, with whatever is on the tag's own line: ENTRY[tag]=text. A tag
# without a text of its own shares the next one's.
entries() { # tag-pattern
	local line tag tags=() begun=''
	unset ENTRY
	declare -gA ENTRY=()
	for line in "${LINES_OF[@]}"; do
		if [[ $line =~ ^\ {5}$1(.*)$ ]]; then
			[[ -z $begun ]] || tags=()
			tag=${BASH_REMATCH[1]}
			tags+=("$tag")
			ENTRY[$tag]=${BASH_REMATCH[2]}
			begun=${ENTRY[$tag]%%[! ]*}
		elif [[ $line == '      '* ]]; then
			for tag in "${tags[@]}"; do
				ENTRY[$tag]+=" ${line#"${line%%[! ]*}"}"
			done
			begun=1
		elif [[ -n $line ]]; then
			tags=()
		fi
	done
	((${#ENTRY[@]} > 0)) || fail "no entries like $1"
}

# That two lists have the same words, in whatever order.
same_words() { # what these those
	local -A these=() those=()
	local word
	for word in $2; do these[$word]=1; done
	for word in $3; do those[$word]=1; done
	for word in "${!these[@]}"; do
		[[ -v those[$word] ]] || fail "$1: $word is there only in the first of: $2; $3"
	done
	for word in "${!those[@]}"; do
		[[ -v these[$word] ]] || fail "$1: $word is there only in the second of: $2; $3"
	done
}

# A number's range "A to B" in a text: the kernel takes both ends, and nothing beyond.
holds_range() { # text file
	local file=$2 low high over
	[[ $1 =~ ([0-9]+)\ to\ ([0-9]+) ]] || fail "$file: no range in '$1'"
	low=${BASH_REMATCH[1]} high=${BASH_REMATCH[2]}
	printf -v over %u $((high + 1))
	for REPLY in "$low" "$high"; do
		try "$file" "$REPLY"
		[[ $REPLY == 0 ]] || fail "$file: $low to $high does not hold: $REPLY"
	done
	for over in "$over" $((low - 1)); do
		try "$file" "$over"
		[[ $REPLY == "${3-ERANGE}" ]] || fail "$file: $low to $high, but $over got $REPLY"
	done
}

# Every exit status that a shell script has in it, in REPLY.
codes_of() { # script
	local rest
	REPLY=
	while IFS= read -r rest; do
		while [[ $rest =~ (die|exit|return|code=|bad=)\ ?([0-9]+)(.*)$ ]]; do
			REPLY+=" ${BASH_REMATCH[2]}"
			rest=${BASH_REMATCH[3]}
		done
	done <"$1"
}

@test "kftp(8) has the commands that kftp help lists, and so has its synopsis" {
	local said line commands='' synopsis='' there=''
	said=$("$TOOLS/kftp" help)
	while IFS= read -r line; do
		[[ ! $line =~ ^\ \ ([a-z]+) ]] || commands+=" ${BASH_REMATCH[1]}"
		[[ ! $line =~ ,\ ([a-z]+)$ ]] || commands+=" ${BASH_REMATCH[1]}"
	done <<<"$said"
	page kftp.8
	section SYNOPSIS DESCRIPTION
	for line in "${LINES_OF[@]}"; do
		[[ ! $line =~ ^\ *kftp\ ([a-z]+) ]] || synopsis+=" ${BASH_REMATCH[1]}"
	done
	section 'One transfer' URLs
	for line in "${LINES_OF[@]}"; do
		[[ ! $line =~ ^\ {5}([a-z]+)(\ |$) ]] || there+=" ${BASH_REMATCH[1]}"
	done
	same_words 'help and page' "$commands" "$there"
	same_words 'help and synopsis' "$commands" "$synopsis"
	for line in $commands; do
		run -0 "$TOOLS/kftp" help "$line"
		assert_output --partial "kftp $line"
	done
}

@test "kftp(8) has the options that kftp help lists" {
	local said line options='' there=''
	said=$("$TOOLS/kftp" help)
	while IFS= read -r line; do
		[[ ! $line =~ ^\ \ (--?[a-z-]+) ]] || options+=" ${BASH_REMATCH[1]}"
	done <<<"$said"
	page kftp.8
	section 'One transfer' 'Jobs in files'
	for line in "${LINES_OF[@]}"; do
		[[ ! $line =~ ^\ {5}(--?[a-z-]+) ]] || there+=" ${BASH_REMATCH[1]}"
	done
	same_words 'help and page' "$options" "$there"
}

@test "kftp(8) has each exit status that kftp can have, and no other" {
	local line codes there=''
	codes_of "$TOOLS/kftp"
	codes=$REPLY
	page kftp.8
	section 'EXIT STATUS' EXAMPLES
	for line in "${LINES_OF[@]}"; do
		[[ ! $line =~ ^\ {5}([0-9]+)\ +[^\ ] ]] || there+=" ${BASH_REMATCH[1]}"
	done
	same_words 'script and page' "$codes" "$there"
}

@test "kftp(8) has messages that kftp has" {
	local line
	page kftp.8
	whole "$TOOLS/kftp"
	section DIAGNOSTICS 'SEE ALSO'
	local said=0
	for line in "${LINES_OF[@]}"; do
		line=${line#     }
		[[ $line == 'kftp: '[a-z]* ]] || continue
		line=${line#kftp: }
		line=${line%%  *}
		line=${line% ...}
		[[ $REPLY == *"$line"* ]] || fail "kftp does not say '$line'"
		said=$((said + 1))
	done
	assert_equal "$said" 3
}

@test "kftp(8) has the units that there are" {
	local file text
	page kftp.8
	section systemd Initramfs
	text=" ${LINES_OF[*]} "
	for file in "$TOOLS"/systemd/kftp*.{service,target}; do
		file=${file##*/}
		[[ $text == *" ${file/@/@name} "* ]] || fail "not in the page: $file"
	done
	while [[ $text =~ (kftp[a-z-]*@?)(name)?(\.service|\.target)(.*)$ ]]; do
		text=${BASH_REMATCH[4]}
		[[ -e $TOOLS/systemd/${BASH_REMATCH[1]}${BASH_REMATCH[3]} ]] || fail "no such unit: ${BASH_REMATCH[0]}"
	done
}

@test "kftp(8) has the metrics that there are" {
	local what name metrics=''
	job bad src=pub/missing
	start bad
	expect_failed bad ENOENT
	while read -r _ what name _; do
		[[ $what != TYPE ]] || metrics+=" $name"
	done < <("${KFTP_TESTS%/*}/build/kftp-state" metrics)
	page kftp.8
	section Metrics ENVIRONMENT
	entries '(kftp_[a-z_]+)\ '
	same_words 'helper and page' "$metrics" "${!ENTRY[*]}"
}

@test "kftp.conf(5) has each attribute of a job, with its default and its limits" {
	local file key value text max long keys='' required
	mkdir "$CONFIG/fresh"
	page kftp.conf.5
	section Keys FILES
	[[ ${LINES_OF[*]} =~ ([a-z,\ ]+)\ are\ required\. ]]
	required=" ${BASH_REMATCH[1]//,/} "
	entries '([a-z0-9_]+)='
	for file in "$CONFIG"/fresh/*; do
		key=${file##*/}
		[[ $key != start && $key != cancel ]] || continue
		keys+=" $key"
		[[ -v ENTRY[$key] ]] || fail "not in the page: $key"
		text=${ENTRY[$key]}
		if [[ $key != pass ]]; then
			whole "$file"
			value=${REPLY%$'\n'}
			if [[ $required == *" $key "* ]]; then
				assert_equal "$value" ''
			else
				[[ $text == *"The default is ${value:-empty}"[.,]* ]] ||
					fail "$key is '$value': $text"
			fi
		fi
		case $key in
		host | sha256) continue ;;
		esac
		if [[ $text =~ ^([a-z0-9]+(\ \|\ [a-z0-9]+)+) ]]; then
			for text in ${BASH_REMATCH[1]//|/}; do
				takes fresh "$key" "$text"
			done
			refuses "$([[ $key == [cd]* ]] && echo EINVAL || echo ERANGE)" fresh "$key" 2
		elif [[ $text =~ at\ most\ ([0-9]+)\ bytes ]]; then
			max=${BASH_REMATCH[1]}
			printf -v long %0"$max"d 0
			set_attr fresh "$key" "$long"
			try "$file" "0$long"
			[[ $REPLY == EINVAL ]] || fail "$key took more than $max bytes: $REPLY"
		else
			holds_range "$text" "$file"
		fi
	done
	same_words 'attributes and page' "$keys" "${!ENTRY[*]}"
}

@test "the job files of kftp.conf(5) are good ones" {
	local line name='' files=0
	page kftp.conf.5
	section EXAMPLES 'SEE ALSO'
	for line in "${LINES_OF[@]}"; do
		case $line in
		'     /etc/kftp/jobs/'*)
			name=${line#*/jobs/}
			name=${name%%.conf*}
			: >"$DIR/$name.conf"
			files=$((files + 1))
			;;
		'     To run it:') name= ;;
		'           '*) [[ -z $name ]] || printf '%s\n' "${line#           }" >>"$DIR/$name.conf" ;;
		esac
	done
	assert_equal "$files" 2
	run -0 "$TOOLS/kftp" check "$DIR"
	assert_output ''
	run -0 "$TOOLS/kftp" apply "$DIR"
	assert_line 'backup: made'
	assert_line 'mirror: made'
	assert_attr backup src '/var/backups/all of it.tar'
	assert_attr mirror retries 10
}

@test "kftp(4) has each attribute of a job, with its values and its default" {
	local line before file key value values default values_at default_at keys='' there=''
	mkdir "$CONFIG/fresh"
	page kftp.4
	section Attributes 'Starting and stopping'
	for line in "${LINES_OF[@]}"; do
		if [[ $line == '     File '* ]]; then
			before=${line%Values*}
			values_at=${#before}
			before=${line%Default*}
			default_at=${#before}
			continue
		fi
		[[ -v values_at ]] || continue
		[[ -n $line ]] || break
		key=${line:5}
		key=${key%% *}
		there+=" $key"
		values=${line:values_at:default_at - values_at}
		default=${line:default_at}
		file=$CONFIG/fresh/$key
		[[ -e $file ]] || fail "a job has no $key"
		if [[ $values == *'write only'* ]]; then
			assert_equal "$(stat -c %a "$file")" 200
			continue
		fi
		whole "$file"
		value=${REPLY%$'\n'}
		case $key in
		host | src | dst) value=${value:-required} ;;
		esac
		assert_equal "$default" "${value:-empty}"
		case $values in
		*bytes* | *address* | *digits*) ;;
		*', '*)
			for value in ${values//,/}; do
				takes fresh "$key" "$value"
			done
			;;
		*) holds_range "$values" "$file" ;;
		esac
	done
	for file in "$CONFIG"/fresh/*; do
		keys+=" ${file##*/}"
	done
	same_words 'attributes and page' "$keys" "$there"
}

@test "kftp(4) has each file of a job's state" {
	local file files=''
	mkdir "$CONFIG/fresh"
	page kftp.4
	section State Waiting
	entries '([a-z0-9_]+)\ '
	for file in "$STATE"/fresh/*; do
		[[ ! -f $file || $file == */uevent ]] || files+=" ${file##*/}"
	done
	same_words 'sysfs and page' "$files" "${!ENTRY[*]}"
}

@test "kftp(4) has each parameter of the module, with its default and its range" {
	local file names=''
	page kftp.4
	section 'Module parameters' 'What a job promises'
	entries '([a-z_]+)\ '
	for file in "$PARAMETERS"/*; do
		names+=" ${file##*/}"
		whole "$file"
		[[ ${ENTRY[${file##*/}]} == *"The default is ${REPLY%$'\n'}."* ]] ||
			fail "${file##*/} is $REPLY: ${ENTRY[${file##*/}]}"
		holds_range "${ENTRY[${file##*/}]}" "$file" EINVAL
	done
	same_words 'module and page' "$names" "${!ENTRY[*]}"
}
