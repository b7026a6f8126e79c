#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What bash completes on a command line of kftp: by what the function answers, and by what a Tab makes of a line.

load kftp

TOOLS=${KFTP_TESTS%/*}/scripts/tools
PANE=(tmux -L kftp-completion)

setup_file() {
	[[ ! -e /etc/kftp ]] || mv /etc/kftp "$BATS_FILE_TMPDIR/etc"
}

teardown_file() {
	rm -rf /etc/kftp
	[[ ! -e $BATS_FILE_TMPDIR/etc ]] || mv "$BATS_FILE_TMPDIR/etc" /etc/kftp
}

setup() {
	set +T
	# shellcheck source=/dev/null
	. "$TOOLS/completion"
	# Outside of a completion there is nothing to tell it; what it is told is in OPTED.
	# shellcheck disable=SC2317 # called by what is tested
	compopt() {
		OPTED=" ${*:2}"
	}
}

teardown() {
	clean_up
	"${PANE[@]}" kill-server 2>/dev/null || :
	rm -rf /etc/kftp
}

# Asks the function as bash would, with the cursor at the end of the line, which is cut into words at blanks, ":" and
# "=". A line that ends in a blank has an empty last word. The answers are joined by blanks in REPLY.
complete_line() { # line
	set +T
	local rest=$1
	COMP_WORDS=()
	while [[ $rest =~ ^[[:blank:]]*([=:]+|[^=:[:blank:]]+)(.*)$ ]]; do
		COMP_WORDS+=("${BASH_REMATCH[1]}")
		rest=${BASH_REMATCH[2]}
	done
	[[ $1 != *[[:blank:]] ]] || COMP_WORDS+=("")
	COMP_LINE=$1 COMP_POINT=${#1} COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) OPTED=
	_kftp
	REPLY=${COMPREPLY[*]}
}

completes() { # line answer...
	complete_line "$1"
	[[ $REPLY == "${*:2}" ]] || fail "'$1': '$REPLY', not '${*:2}'"
}

# That what is left of the line is readline's to complete, as a file's name.
completes_files() { # line
	completes "$1"
	[[ $OPTED == ' default' ]] || fail "'$1': not left to readline"
}

@test "commands are completed, and they are those that help lists" {
	local -a commands
	mapfile -t commands < <("$TOOLS/kftp" help)
	complete_line 'kftp '
	assert_equal "${#COMPREPLY[@]}" 15
	local command
	for command in $REPLY; do
		[[ " ${commands[*]} " =~ [\ ,]${command}[\ ,] ]] || fail "help has no $command"
	done
	completes 'kftp st' status start
	completes 'kftp help st' status start
	completes 'kftp sta' status start
	completes 'kftp version '
	completes 'kftp nonsense '
}

@test "jobs are completed where a job is wanted" {
	local command
	completes 'kftp cancel '
	job one
	job other
	job two.3_-x
	for command in start status wait cancel rm show; do
		completes "kftp $command " one other two.3_-x
		completes "kftp $command o" one other
	done
	completes 'kftp status --json t' two.3_-x
	# Nobody wants one twice.
	completes 'kftp cancel other ' one two.3_-x
	completes 'kftp show one '
	completes 'kftp list '
}

@test "options are completed before the arguments" {
	completes 'kftp get -' -b -j -n -o -p -q --netrc-file
	completes 'kftp put -q --' --netrc-file
	completes 'kftp get ftp://host/x -'
	completes 'kftp status -' --json --watch
	completes 'kftp run -' -q
	completes 'kftp apply -' -q
	completes 'kftp wait -' -q
	completes 'kftp rm -'
}

@test "-o completes each attribute that a job has" {
	local file
	local -A keys=()
	job fresh
	complete_line 'kftp get -o '
	assert_equal "$OPTED" ' nospace'
	for file in $REPLY; do
		[[ $file == *= && -e $CONFIG/fresh/${file%=} ]] || fail "no attribute: $file"
		keys[${file%=}]=1
	done
	for file in "$CONFIG"/fresh/*; do
		case ${file##*/} in
		pass | start | cancel) ;;
		*) [[ -v keys[${file##*/}] ]] || fail "not completed: $file" ;;
		esac
	done
	completes 'kftp get -o re' resume= retries= retry_delay_sec=
	completes 'kftp put -q -o cac' cache=
	completes 'kftp get -o pass'
}

@test "-o completes values, and the kernel takes them" {
	local key value
	job fresh
	completes 'kftp get -o cache=' auto keep bypass
	completes 'kftp get -o cache=k' keep
	completes 'kftp put -o direction=' get put append
	completes 'kftp get -o resume=' 0 1
	completes 'kftp get -o mtime=' 0 1
	completes 'kftp get -o resume=1 -o sha256=c' compute
	completes 'kftp get -o retries='
	for key in cache direction resume mtime sha256; do
		complete_line "kftp get -o $key="
		for value in $REPLY; do
			takes fresh "$key" "$value"
		done
	done
	# The whole word is replaced where "=" does not end one.
	COMP_WORDBREAKS=${COMP_WORDBREAKS//=/}
	COMP_WORDS=(kftp get -o 'cache=b') COMP_CWORD=3 COMP_LINE='kftp get -o cache=b' COMP_POINT=19
	_kftp
	assert_equal "${COMPREPLY[*]}" cache=bypass
}

@test "a URL is begun, and a file is where a file is wanted" {
	completes 'kftp get ' ftp://
	assert_equal "$OPTED" ' nospace'
	completes 'kftp get -q -j job -o resume=1 -p file f' ftp://
	completes 'kftp get -o sha256= f' ftp://
	# What is before the colon stays.
	completes 'kftp get ftp:' //
	completes 'kftp get ftp:/' //
	completes 'kftp get ftp://host:21/x'
	completes 'kftp put file ' ftp://
	completes 'kftp put file ftp://host/ '
	completes_files 'kftp get ftp://alice@host:21/x%20y '
	completes_files 'kftp get -q ftp://host/x /tmp/'
	completes_files 'kftp put '
	completes_files 'kftp put -b ./'
	completes_files 'kftp get -p '
	completes_files 'kftp get --netrc-file '
	completes_files 'kftp get --netrc-file='
	completes_files 'kftp put -o resume=1 -o dst=/sr'
	completes 'kftp get -j '
	completes_files 'kftp apply '
	completes_files 'kftp check /etc/'
}

@test "run completes the names of job files, and with a slash files" {
	completes 'kftp run '
	mkdir -p /etc/kftp/jobs
	: >/etc/kftp/jobs/mirror.conf
	: >/etc/kftp/jobs/mail.conf
	: >/etc/kftp/jobs/mail.conf.dpkg-old
	completes 'kftp run ' mail mirror
	completes 'kftp run -q mi' mirror
	completes_files 'kftp run ./m'
}

@test "what is behind the cursor does not count" {
	COMP_WORDS=(kftp get -o cache '=' auto ftp : //host/x /tmp/x) COMP_CWORD=3
	COMP_LINE='kftp get -o cache=auto ftp://host/x /tmp/x' COMP_POINT=14
	_kftp
	assert_equal "${COMPREPLY[*]}" cache=
}

@test "completing starts no process" {
	local before line
	job one
	for line in 'kftp ' 'kftp cancel ' 'kftp get -o cache=' 'kftp get ' 'kftp get ftp://h/x /' 'kftp run '; do
		# Others may start some meanwhile, but hardly each time.
		for _ in {1..10}; do
			whole /proc/stat
			before=${REPLY#*processes }
			complete_line "$line"
			whole /proc/stat
			[[ ${REPLY#*processes } != "${before%%$'\n'*}"$'\n'* ]] || continue 2
		done
		fail "'$line' started one each time"
	done
}

# An interactive shell in a terminal, and what it makes of the line that is typed, up to a Tab.
shell() { # shell's-first-line
	"${PANE[@]}" -f /dev/null new-session -d -x 120 -y 30 'exec bash --norc --noprofile' 3>&- 4>&-
	"${PANE[@]}" send-keys -l "$1; cd '$DIR'; PS1='READY> '; clear"
	"${PANE[@]}" send-keys Enter
	shown 'READY> '
}

tab() { # typed line
	"${PANE[@]}" send-keys C-u
	"${PANE[@]}" send-keys -l "$1"
	"${PANE[@]}" send-keys Tab
	shown "READY> $2"
	# Whether a blank follows shows only when something else does.
	"${PANE[@]}" send-keys -l '|'
	shown "READY> $2|"
}

shown() { # line
	local until=$((SECONDS + 30))
	while :; do
		REPLY=$("${PANE[@]}" capture-pane -p -J)
		[[ $'\n'$REPLY$'\n' != *$'\n'"$1"* ]] || return 0
		((SECONDS <= until)) || fail "the terminal never had '$1': $REPLY"
		nap 0.1
	done
}

# bats test_tags=long
@test "a Tab does it in a terminal, without the package bash-completion" {
	job mirror
	: >"$DIR/a b"
	: >"$DIR/abc.conf"
	shell ". '$TOOLS/completion'"
	tab 'kftp ca' 'kftp cancel '
	tab 'kftp cancel mi' 'kftp cancel mirror '
	tab 'kftp get -o cach' 'kftp get -o cache='
	tab 'kftp get -o cache=b' 'kftp get -o cache=bypass '
	tab 'kftp get -o resume=1 f' 'kftp get -o resume=1 ftp://'
	tab 'kftp get ftp:' 'kftp get ftp://'
	tab 'kftp get ftp://host:21/x a\ ' 'kftp get ftp://host:21/x a\ b '
	tab 'kftp apply abc' 'kftp apply abc.conf '
	tab 'kftp get -o dst=./abc' 'kftp get -o dst=./abc.conf '
}

@test "a Tab does it in a terminal, loaded by the package bash-completion" {
	job mirror
	mkdir -p "$DIR/user/completions"
	ln -s "$TOOLS/completion" "$DIR/user/completions/kftp"
	shell "BASH_COMPLETION_USER_DIR='$DIR/user'; . /usr/share/bash-completion/bash_completion"
	tab 'kftp cancel mi' 'kftp cancel mirror '
	tab 'kftp get -o cache=b' 'kftp get -o cache=bypass '
	tab 'sudo kftp get ftp:' 'sudo kftp get ftp://'
}
