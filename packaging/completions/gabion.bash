# SPDX-License-Identifier: Apache-2.0
# bash completion for gabion

_gabion() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local command='' options='' word

	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		--) return ;; # what follows is dockerd's
		-*) ;;
		*) command=${command:-$word} ;;
		esac
	done
	case $prev in
	--state-dir)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--create | --body)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--user)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur")
		return
		;;
	esac
	case $command in
	'') options='up down status ps events explain images settings policy doctor unshare migrate --help --version' ;;
	up) options='--state-dir --detach --limit --help --' ;;
	down) options='--state-dir --help' ;;
	ps) options='--state-dir --all --json --help' ;;
	events) options='--state-dir --follow --since --json --help' ;;
	explain) options='--state-dir --image --container --create --request --body --last --json --help --' ;;
	images) options='--state-dir --json --help refresh check' ;;
	settings)
		options='list get validate schema --state-dir --json --help'
		case $cur in
		-*) ;;
		*)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur"; compgen -f -- "$cur")
			return
			;;
		esac
		;;
	policy) options='suggest --state-dir --since --container --json --help' ;;
	status | doctor) options='--state-dir --json --help' ;;
	unshare) options='--user --help --' ;;
	migrate)
		options='--user --help'
		case $cur in
		-*) ;;
		*)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur"; compgen -d -- "$cur")
			return
			;;
		esac
		;;
	*) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}

complete -F _gabion gabion
