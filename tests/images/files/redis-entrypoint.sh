#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# As root: give the data folder to redis and start again as redis.
set -eu

case ${1:-} in
-* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
	find . \! -user redis -exec chown redis '{}' +
	exec setpriv --reuid redis --regid redis --clear-groups "$0" "$@"
fi
if [ "$1" = redis-server ]; then
	shift
	exec redis-server --protected-mode no --bind 0.0.0.0 "$@"
fi
exec "$@"
