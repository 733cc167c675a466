# SPDX-License-Identifier: Apache-2.0
# Sourced: what both boots need of a private instance below /srv/cage.

STATE=/srv/cage
export DOCKER_HOST=unix://$STATE/run/docker.sock
MAP='^ +0 +[1-9][0-9]{5,} +65536$'

# Prints one word of the container's uid_map: 2 is the base.
map_of() { # CONTAINER WORD
	docker exec "$1" cat /proc/self/uid_map | awk -v w="$2" '{ print $w }'
}

prints() { # PATTERN COMMAND…
	pattern=$1
	shift
	"$@" 2>&1 | tee /run/gabion-test.text
	grep -Eq -- "$pattern" /run/gabion-test.text
}

refused() { # PATTERN COMMAND…: it must fail, and say so
	pattern=$1
	shift
	if "$@" >/run/gabion-test.text 2>&1; then
		echo "it succeeded"
		return 1
	fi
	cat /run/gabion-test.text
	grep -Eq -- "$pattern" /run/gabion-test.text
}

engine_answers() {
	docker version
}

# Owner of a file of the image layer or the writable layer, on the host's disk.
upper_owner() { # CONTAINER PATH
	stat -c %u:%g "$(docker inspect -f '{{.GraphDriver.Data.UpperDir}}' "$1")/$2"
}

instance_pid() { # PROGRAM: the one of our instance; the host has an engine too
	for dir in /proc/[0-9]*; do
		[ "$(basename "$(readlink "$dir/exe")")" = "$1" ] || continue
		case $1 in
		gabion*) ;;
		*) tr '\0' ' ' <"$dir/cmdline" | grep -q "$STATE" || continue ;;
		esac
		basename "$dir"
		return 0
	done
	ps -ef
	return 1
}

# What an instance must not leave behind.
left_overs() {
	grep -h " $STATE/" /proc/self/mountinfo
	grep -l "$STATE" /proc/[0-9]*/cmdline 2>/dev/null | grep -v "/proc/$$/" | while read -r file; do
		tr '\0' ' ' <"$file" && echo
	done
	find /sys/fs/cgroup -type d -name '*gabion*' ! -name 'guest-test*' ! -path '*guest-test*'
	ip -o link | grep -vE ': (lo|docker0|eth|en)' || :
}
