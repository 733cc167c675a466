#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# As root: give the data folder to mysql and start again as mysql; fill it the first time.
set -eu

data=/var/lib/mysql
if [ "$1" = mariadbd ] && [ "$(id -u)" = 0 ]; then
	mkdir -p /run/mysqld
	chown mysql:mysql /run/mysqld
	find "$data" \! -user mysql -exec chown mysql:mysql '{}' +
	exec setpriv --reuid mysql --regid mysql --init-groups "$0" "$@"
fi
if [ "$1" = mariadbd ] && [ ! -d "$data/mysql" ]; then
	: "${MARIADB_ROOT_PASSWORD:?password is not specified}"
	mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal \
		--skip-test-db >/dev/null
	{
		echo 'FLUSH PRIVILEGES;'
		echo "ALTER USER 'root'@'localhost' IDENTIFIED BY '$MARIADB_ROOT_PASSWORD';"
		echo "CREATE USER 'root'@'%' IDENTIFIED BY '$MARIADB_ROOT_PASSWORD';"
		echo "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;"
		if [ -n "${MARIADB_DATABASE:-}" ]; then
			echo "CREATE DATABASE \`$MARIADB_DATABASE\`;"
		fi
	} | mariadbd --datadir="$data" --bootstrap
	echo 'MariaDB init process done.'
fi
if [ "$1" = mariadbd ]; then
	shift
	exec mariadbd --datadir="$data" --bind-address=0.0.0.0 "$@"
fi
exec "$@"
