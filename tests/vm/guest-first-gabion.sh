# SPDX-License-Identifier: Apache-2.0
# Sourced in the first boot, after plain docker was seen to work.
. ./guest-gabion.sh

host_mounts() { # without the instance's own, and what differs from before
	grep -v " $STATE" /proc/self/mountinfo | cut -d' ' -f 4- | sort >/run/gabion-test.mounts.now
	[ -e /run/gabion-test.mounts ] || cp /run/gabion-test.mounts.now /run/gabion-test.mounts
	diff /run/gabion-test.mounts /run/gabion-test.mounts.now
}
host_mounts
t "gabion up, beside the host's engine" gabion up --state-dir $STATE --detach --limit engine-mib=256
t_is "the host's mounts are what they were" "" host_mounts
t "the instance answers" wait_for 120 engine_answers
[ "$LAST" = 0 ] || return 0 # all else would only say so again
t "gabion doctor finds no problem" gabion doctor --state-dir $STATE
t_not "it is an engine of its own" docker image inspect test
t "image is imported" make_image

t "run: root inside is nobody outside" prints "$MAP" docker run --rm test cat /proc/self/uid_map
[ ! -s /srv/cage/run/log/runtime.log ] || sed 's/^/# /' /srv/cage/run/log/runtime.log # crun does not say what a hook said
t "run --privileged" prints "$MAP" docker run --rm --privileged test cat /proc/self/uid_map
t_is "AppArmor profile is kept" "docker-default (enforce)" docker run --rm test cat /proc/self/attr/current
t_is "memory limit holds" 67108864 docker run --rm -m 64m test cat /sys/fs/cgroup/memory.max
t "time begins with the container" docker run --rm test awk '{ exit !($22 < 6000) }' /proc/self/stat
t "refused: the host's pid namespace" refused "sysbox containers can't share namespaces \[pid\] with the host" \
	docker run --rm --pid=host test true
t "refused: the host's root" refused "restricted host mount" docker run --rm -v /:/host test true
t_not "the kernel's settings cannot be written" docker run --rm --privileged test \
	sh -c 'cat /proc/sys/kernel/core_pattern >/proc/sys/kernel/core_pattern'
t_not "no disk of the host" docker run --rm --privileged test sh -c 'head -c 1 /dev/vda'

# Before Linux 6.5 a connection does not say later who made it. It stays until its line has been written.
denied_perl() {
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => shift) or die;
		print $s "GET /debug/vm HTTP/1.1\r\nHost: x\r\n\r\n";
		$s->flush;
		sleep 100' $STATE/run/docker.sock &
	wait_for 60 sh -c "gabion events --state-dir $STATE | grep /debug/vm"
	gabion events --state-dir $STATE | grep /debug/vm
	kill $!
}
t "events: the program that asked" prints ' exe="/usr/bin/perl[^"]*" GET /debug/vm' denied_perl

# A layer that is the host's disk: the engine, root, would open it, and `docker save` give it away.
disk_as_layer() {
	d=$(mktemp -d) id=$(printf 'a%.0s' $(seq 64)) &&
		mkdir "$d/$id" && echo 1.0 >"$d/$id/VERSION" && printf '{"stolen":{"latest":"%s"}}' "$id" >"$d/repositories" &&
		printf '{"id":"%s","architecture":"amd64","os":"linux","created":"2020-01-01T00:00:00Z"}' "$id" >"$d/$id/json" &&
		mknod "$d/$id/layer.tar" b $(stat -c '0x%t 0x%T' /dev/vda) && tar -C "$d" -cf /var/tmp/disk.tar .
}
t "a layer that is a disk" disk_as_layer
t "refused: opened by the engine" refused "operation not permitted" docker load -i /var/tmp/disk.tar

# Kept over the reboot: keeps running, and its data has owners that must be the same afterwards.
t "a container that restarts" docker run -d --name stays --restart=always -v data:/data test \
	sh -c 'touch /data/mine && chown 33:33 /data/mine && touch /mine && chown 33:33 /mine && exec sleep 1000000'
t "exec" prints "$MAP" docker exec stays cat /proc/self/uid_map
t_is "exec as a user" 33 docker exec -u www stays id -u
t_is "owners inside" "33:33" docker exec stays stat -c %u:%g /mine
t_is "owners on disk" "33:33" upper_owner stays mine
t_is "owners in the volume on disk" "33:33" stat -c %u:%g $STATE/lib/engine/volumes/data/_data/mine
t_is "docker diff" "A /mine" sh -c "docker diff stays | grep mine"

# Where there is version 2 alone. A file that never ends, in an archive: dockerd reads it whole, and is killed for it.
endless_archive() {
	d=$(mktemp -d) && printf '[{"Config":"c.json","RepoTags":["x:1"],"Layers":[]}]' >"$d/manifest.json" &&
		mknod "$d/c.json" c 1 9 && tar -C "$d" -cf /var/tmp/endless.tar .
}
dockerds_group() {
	cat "/proc/$(instance_pid dockerd)/cgroup" | cut -d/ -f3
}
there_again() {
	wait_for 60 engine_answers && docker exec stays true
}
t_is "dockerd has a group of its own" dockerd dockerds_group
t_is "it limits memory" 268435456 sh -c "cat /sys/fs/cgroup/gabion-*/dockerd/memory.max"
t "an archive without end" endless_archive
t "refused: taking all memory" refused "closed the connection" docker load -i /var/tmp/endless.tar
t "the engine is there again, the container still" there_again
t_is "dockerd has a group of its own" dockerd dockerds_group

cp_in_and_out() {
	echo content >/tmp/in && docker cp /tmp/in stays:/tmp/copied && docker cp stays:/tmp/copied /tmp/out &&
		cmp /tmp/in /tmp/out && [ "$(docker exec stays stat -c %u:%g /tmp/copied)" = 0:0 ]
}
t "cp in and out of a running container" cp_in_and_out

commit_and_run() {
	docker commit stays committed && [ "$(docker run --rm committed stat -c %u:%g /mine)" = 33:33 ]
}
t "commit" commit_and_run

mkdir -p /var/tmp/build
printf 'FROM test\nRUN cat /proc/self/uid_map >/map\n' >/var/tmp/build/Dockerfile
t "build, classic" env DOCKER_BUILDKIT=0 docker build -t built-classic /var/tmp/build
t "its step was isolated" prints "$MAP" docker run --rm built-classic cat /map
t "build, BuildKit" env DOCKER_BUILDKIT=1 docker build -t built-buildkit /var/tmp/build
t "its step was isolated" prints "$MAP" docker run --rm built-buildkit cat /map

bind_of_user() {
	id alice >/dev/null 2>&1 || useradd -m alice
	install -d -o alice -g alice /home/alice/project
	docker run --rm -v /home/alice/project:/p test sh -c 'touch /p/made'
	[ "$(stat -c %u:%g /home/alice/project/made)" = 0:0 ]
}
t "root's bind makes root's files" bind_of_user

mkdir -p /var/tmp/locked && touch /var/tmp/locked/there
locked_on() { # PLACE OPTION…: a bind that the lower runtime puts in its place
	place=$1
	shift
	docker run --rm --privileged "$@" -v "/var/tmp/locked:$place:ro" test sh -c \
		"[ -e $place/there ] && ! mount -o remount,bind,rw x $place && ! touch $place/made" &&
		[ "$(ls /var/tmp/locked)" = there ]
}
t "a read-only bind is locked" locked_on /b
t "a read-only bind on a tmpfs is locked" locked_on /t/b --tmpfs /t
t "a read-only bind on /dev is locked" locked_on /dev/b

# The system calls of i386, which not every machine that tests run on has (tests/escape, M16).
probe() { # WANTED: of the lines "id, part, word, detail"
	docker run --rm --privileged -v "$PWD/escape-probe:/probe:ro" -v /var/tmp/locked:/ro:ro test /probe M16 M26 | tee /run/gabion-test.text
	grep -q "$(printf "$1")" /run/gabion-test.text
}
t "i386: a read-only bind is locked" probe 'M16\t\tEPERM'
t "i386: a new procfs is mounted for the container, masked, and unmounted" probe 'M26\t\tMASKED'

# kill -9 of each part: the container goes on.
base=$(map_of stays 2)
for program in gabion-gate dockerd containerd gabiond; do
	killed() {
		pid=$(instance_pid "$program") || { echo "no $program"; return 1; }
		kill -9 "$pid"
	}
	same() {
		[ "$(map_of stays 2)" = "$base" ] && [ "$(docker exec stays stat -c %u:%g /mine)" = 33:33 ]
	}
	again() {
		wait_for 30 engine_answers || gabion up --state-dir $STATE --detach
		wait_for 60 same # what was killed has to come back first
	}
	t "kill -9 $program" killed
	t "the container is what it was" again
done

t_is "the host's mounts are what they were" "" host_mounts
t "the host's own docker was not disturbed" env -u DOCKER_HOST docker run --rm test true
