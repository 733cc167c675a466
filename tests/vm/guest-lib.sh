# SPDX-License-Identifier: Apache-2.0
# Sourced by the guest's tests: one line a check, TAP-like.
#
#	t NAME COMMAND…          passes when COMMAND succeeds; its output is shown when it does not
#	t_not NAME COMMAND…      passes when COMMAND fails
#	t_is NAME WANT COMMAND…  passes when COMMAND prints exactly WANT on standard output
#	done_testing             prints the plan

COUNT=0
LAST=0 # status of the last check
STARTED=$(date +%s)
OUT=/run/gabion-test.out

report() { # STATUS NAME
	COUNT=$((COUNT + 1))
	LAST=$1
	took=$(($(date +%s) - STARTED))
	STARTED=$(date +%s)
	if [ "$1" = 0 ]; then
		echo "ok $COUNT - $2 # $took s"
	else
		echo "not ok $COUNT - $2 # $took s"
		sed -e 's/^/# /' "$OUT" | tail -n 30
	fi
}

t() {
	name=$1
	shift
	"$@" >"$OUT" 2>&1
	report $? "$name"
}

t_not() {
	name=$1
	shift
	if "$@" >"$OUT" 2>&1; then
		echo "(succeeded)" >>"$OUT"
		report 1 "$name"
	else
		report 0 "$name"
	fi
}

t_is() {
	name=$1 want=$2
	shift 2
	got=$("$@" 2>"$OUT.err")
	if [ "$got" = "$want" ]; then
		report 0 "$name"
	else
		{ echo "want: $want"; echo "got:  $got"; cat "$OUT.err"; } >"$OUT"
		report 1 "$name"
	fi
}

# Until COMMAND succeeds, at most SECONDS.
wait_for() { # SECONDS COMMAND…
	left=$1
	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 1
	done
}

done_testing() {
	echo "1..$COUNT"
}
