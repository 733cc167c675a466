# SPDX-License-Identifier: Apache-2.0
# For the steps of the apps: what they print is compared, so it must not depend on times or names.
set -eu

# until_ok COMMAND…: waits for its success, for at most half a minute; prints what it printed then.
until_ok() {
	n=0
	while ! out=$("$@" 2>/dev/null); do
		n=$((n + 1))
		if [ $n -gt 150 ]; then
			echo "never succeeded: $*"
			"$@" || true
			return 1
		fi
		sleep 0.2
	done
	if [ -n "$out" ]; then printf '%s\n' "$out"; fi
}

up() {
	docker-compose --no-ansi up -d "$@" >up.log 2>&1 || {
		cat up.log
		return 1
	}
}

on() { # SERVICE COMMAND…
	docker-compose exec -T "$@"
}
