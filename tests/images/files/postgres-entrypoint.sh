#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Does what the well-known image's entry point does: as root, give the data folder to postgres and
# start again as postgres; make the cluster the first time and run the scripts of initdb.d.
set -eu

PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
: "${PGDATA:=/var/lib/postgresql/data}" "${POSTGRES_USER:=postgres}"
: "${POSTGRES_DB:=$POSTGRES_USER}"
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
	POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
fi
export PATH PGDATA

if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA" /var/run/postgresql
	chmod 700 "$PGDATA"
	chmod 3775 /var/run/postgresql
	chown postgres:postgres /var/run/postgresql
	find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
	exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi

if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
	: "${POSTGRES_PASSWORD:?superuser password is not specified}"
	pwfile=$(mktemp)
	echo "$POSTGRES_PASSWORD" >"$pwfile"
	initdb --username="$POSTGRES_USER" --pwfile="$pwfile" -N >/dev/null
	rm -f "$pwfile"
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
	pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start >/dev/null
	if [ "$POSTGRES_DB" != postgres ]; then
		createdb -U "$POSTGRES_USER" --maintenance-db postgres "$POSTGRES_DB"
	fi
	for f in /docker-entrypoint-initdb.d/*.sql; do
		if [ -e "$f" ]; then
			psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -f "$f"
		fi
	done
	pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
	echo 'PostgreSQL init process complete; ready for start up.'
fi
if [ "$1" = postgres ]; then
	shift
	exec postgres -c listen_addresses='*' "$@"
fi
exec "$@"
