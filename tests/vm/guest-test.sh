#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs inside the machine of tests/vm/run, as root, once a boot; the kernel command line says which
# boot it is (gabion.boot=first|second).
cd /opt/gabion-test || exit 1
. ./guest-lib.sh

boot=$(sed -n 's/.*gabion\.boot=\([a-z]*\).*/\1/p' /proc/cmdline)
export HOME=/root LC_ALL=C
echo "GABION-VM BEGIN $boot $(uname -r)"
[ -e "./guest-$boot.sh" ] && . "./guest-$boot.sh"
done_testing
sync
echo "GABION-VM END $boot"
