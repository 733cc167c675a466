#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# failsys itself: test-failsys.sh FAILSYS
set -u
failsys=$(realpath "$1")
dir=$(mktemp -d /tmp/gabion-failsys-XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0 bad=0

check() { # NAME WANT GOT
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		bad=$((bad + 1))
		printf 'not ok %s - %s\n# want: %s\n# got:  %s\n' "$n" "$1" "$2" "$3"
	fi
}

out=$("$failsys" mkdir=ENOSPC -- mkdir a 2>&1)
check "the command's own exit code" 1 $?
check "every call fails" "mkdir: cannot create directory ‘a’: No space left on device" "$(echo "$out" | sed "s/'a'/‘a’/")"
check "nothing was made" "" "$(ls)"

"$failsys" -r report mkdir=EIO:2 -- sh -c 'mkdir a; mkdir b; mkdir c' 2>/dev/null
check "only the second call fails" "a c report" "$(echo *)"
check "it is reported" "mkdir 2 mkdir" "$(cat report)"
rm -rf a c report

"$failsys" mkdir=EIO:2+ -- sh -c 'mkdir a; mkdir b; mkdir c' 2>/dev/null
check "the second and later calls fail" "a" "$(echo *)"
rm -rf a

"$failsys" -x mkdir mkdir=EIO -- sh -c 'mkdir a; busybox mkdir b' 2>/dev/null
check "only the program named fails" "b" "$(echo *)"
rm -rf b

"$failsys" mkdir=EIO -- sh -c 'kill -9 $$'
check "a signal" 137 $?
"$failsys" mkdir=EIO -- ./missing 2>/dev/null
check "no such command" 125 $?
"$failsys" mkdir=ENOTHING -- true 2>/dev/null
check "unknown errno" 125 $?
"$failsys" nothing=EIO -- true 2>/dev/null
check "unknown system call" 125 $?

# A process that outlives the command goes on under the supervisor, which ends with it.
"$failsys" mkdir=EIO:2 -- sh -c '(until [ -e go ]; do :; done; mkdir late; echo $? >done) >/dev/null 2>&1 &'
touch go
until [ -s done ]; do :; done
check "a process that is left behind" 0 "$(cat done)"

echo "1..$n"
exit "$((bad != 0))"
