# SPDX-License-Identifier: Apache-2.0
# The second boot: what must come back after a reboot.
t "docker answers" wait_for 180 docker version
[ -e plain ] || . ./guest-second-gabion.sh
