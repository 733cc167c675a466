# SPDX-License-Identifier: Apache-2.0
. ./guest-gabion.sh

t "gabion up after a reboot" gabion up --state-dir $STATE --detach
t "the instance answers" wait_for 120 engine_answers
[ "$LAST" = 0 ] || return 0
running() {
	[ "$(docker inspect -f '{{.State.Running}}' stays)" = true ]
}
t "the container came back" wait_for 60 running
t "isolated" prints "$MAP" docker exec stays cat /proc/self/uid_map
t_is "its file has the owner it had" 33:33 docker exec stays stat -c %u:%g /mine
t_is "its file in the volume too" 33:33 docker exec stays stat -c %u:%g /data/mine
t_is "on disk too" "33:33" upper_owner stays mine
t_is "docker diff" "A /mine" sh -c "docker diff stays | grep mine"
t "it writes to both" docker exec stays touch /after /data/after
t "also as a user" docker exec -u www stays touch /mine /data/mine
t_is "root's file is root's on disk" 0:0 upper_owner stays after
t_is "and in the volume" 0:0 stat -c %u:%g $STATE/lib/engine/volumes/data/_data/after
t_is "the volume's owners on disk" "33:33" stat -c %u:%g $STATE/lib/engine/volumes/data/_data/mine

t "stop, start" sh -c 'docker restart -t 1 stays && docker exec stays true'
t "gabion down" gabion down --state-dir $STATE
t_is "nothing is left" "" left_overs
