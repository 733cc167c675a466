# SPDX-License-Identifier: Apache-2.0
"""`gabion up` in a chroot with the engine of another Debian release: newer dockerd, containerd, crun and
runc; a root directory that is no mount; a host without any folder of an engine."""

import os
import shutil
import socket
import subprocess
import tempfile

import pytest

from instance import free_port, image, processes, program, read

CACHE = os.environ.get("GABION_TEST_CACHE", "/var/cache/gabion-tests")
PROGRAMS = ("gabion", "gabiond", "gabion-gate", "gabion-cp", "gabion-port", "gabion-hold", "gabion-vet", "gabion-vfs", "gabion-frontend", "gabion-runc")
LIBRARIES = ("libslirp.so.0", "libseccomp.so.2", "libarchive.so.13", "libglib-2.0.so.0", "libnghttp2.so.14", "libz.so.1")
HOST_LIB = "/usr/lib/x86_64-linux-gnu"

# Run in a mount namespace of its own, so that all mounts end with it. The overlay keeps the cached
# tree as it is; the tree is a folder of it, so its root is no mount.
OUTER = """
mount -t overlay overlay -o lowerdir=$CACHE,upperdir=$WORK/upper,workdir=$WORK/work $WORK/root
R=$WORK/root/engine-$SUITE
mkdir -p $R/state $R/programs
mount --bind $WORK/state $R/state
mount -t proc proc $R/proc
mount --rbind /sys $R/sys
mount --rbind /dev $R/dev
cp $PROGRAMS $R/programs/
cp /usr/bin/slirp4netns $R/usr/bin/ || :
for l in $LIBRARIES; do cp -n $HOST_LIB/$l $R/usr/lib/x86_64-linux-gnu/ || :; done
cp /etc/resolv.conf $R/etc/resolv.conf
find $R/run $R/opt $R/etc/docker $R/var/lib/docker $R/var/lib/containerd 2>/dev/null | sort > $WORK/before
chroot $R sh -ec "$INNER"
find $R/run $R/opt $R/etc/docker $R/var/lib/docker $R/var/lib/containerd 2>/dev/null | sort > $WORK/after
"""

INNER = r"""
export GABION_LIBEXEC=/programs GABION_IDS_DIR=/state/ids PATH=/programs:/state:/usr/sbin:/usr/bin
export DOCKER_HOST=unix:///state/x/run/docker.sock
trap 'gabion down --state-dir /state/x 2>/dev/null' EXIT
gabion up --state-dir /state/x --detach
docker version -f 'engine {{.Server.Version}}'
docker import /state/box.tar box
docker run --rm box cat /proc/self/uid_map
docker run -d --name one box sleep 1000
kill -9 $(cut -d ' ' -f 1 /state/x/run/gabiond.lock)
gabion up --state-dir /state/x --detach
docker exec one echo exec works

# Published ports. Newer engines bind them themselves, inside, before they start gabion-port.
patiently() {
	for i in $(seq 200); do
		got=$("$@" 2>/dev/null) && test -n "$got" && echo "$got" && return
		sleep 0.1
	done
	return 1
}
datagram() {
	bash -c 'exec 3<>/dev/udp/127.0.0.1/$0; printf hello >&3; timeout 1 head -c 5 <&3' $1
}
udp='use IO::Socket::INET; $s = IO::Socket::INET->new(Proto => "udp", LocalPort => 53); $s->send($d) while defined $s->recv($d, 9)'
serve="echo page >/tmp/index.html; exec httpd -f -p 80 -h /tmp"
docker run -d --name web -p $PORT:80 -p $PORT:53/udp -p $ADDRESS:$OTHER:80 box sh -c "$serve"
echo "v4 $(patiently ask 127.0.0.1 $PORT)"
echo "v6 $(ask ::1 $PORT)"
echo "address $(ask $ADDRESS $OTHER)"
echo "inside $(nsenter -n -t $(cat /state/x/run/dockerd.pid) ask 127.0.0.1 $PORT)"
nsenter -n -t $(docker inspect -f {{.State.Pid}} web) perl -e "$udp" &
echo "udp $(patiently datagram $PORT)"
kill $!
kill -9 $(cat /state/x/run/dockerd.pid)
echo "restored $(patiently ask 127.0.0.1 $PORT)"
patiently docker version -f '{{.Server.Version}}' >/dev/null
docker run --rm -p $TAKEN:80 box true || :
docker run --rm -p 203.0.113.7:$OTHER:80 box true || :
for name in first second; do
	docker run -d --name $name -P --expose 80 box sh -c "$serve"
	at=$(docker port $name 80 | head -n 1)
	echo "$name $(patiently ask 127.0.0.1 ${at##*:})"
done
docker rm -f web
echo "gone $(ask 127.0.0.1 $PORT)"

gabion down --state-dir /state/x
test ! -e /state/x/run
"""

ASK = r"""#!/bin/bash
exec 3<>/dev/tcp/$1/$2 && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && tail -n 1 <&3
"""


def own_address():
    """One of the host's that is not its loopback's, if there is one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.2"
        return s.getsockname()[0]


@pytest.mark.parametrize("suite, engine", [("trixie", "26."), ("forky", "28.")])
def test_newer_engine_in_a_chroot(suite, engine):
    if not os.path.exists(f"{CACHE}/engine-{suite}.done"):
        pytest.skip(f"no tree {CACHE}/engine-{suite}: `tests/engines/engine-rootfs {suite}` makes it")
    work = tempfile.mkdtemp(prefix="gabion-updown-chroot-", dir="/var/tmp")
    os.chmod(work, 0o755)
    try:
        for name in ("upper", "work", "root", "state", "state/x"):
            os.mkdir(f"{work}/{name}")
        with open(f"{work}/state/box.tar", "wb") as f:
            f.write(image())
        with open(f"{work}/state/ask", "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o755)) as f:
            f.write(ASK)
        port, other = free_port(), free_port()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            env = dict(os.environ, CACHE=CACHE, WORK=work, SUITE=suite, INNER=INNER, HOST_LIB=HOST_LIB,
                       PROGRAMS=" ".join(program(p) for p in PROGRAMS), LIBRARIES=" ".join(LIBRARIES),
                       PORT=str(port), OTHER=str(other), ADDRESS=own_address(), TAKEN=str(taken.getsockname()[1]))
            done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-ec", OUTER], env=env,
                                  capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, (done.stdout, done.stderr)
        assert f"engine {engine}" in done.stdout
        uid_map = [line.split() for line in done.stdout.splitlines() if line.endswith(" 65536")]
        assert len(uid_map) == 1 and int(uid_map[0][1]) >= 100000
        assert "taking over" in done.stderr and "exec works" in done.stdout
        for way in ("v4", "v6", "address", "inside", "restored", "first", "second"):
            assert f"\n{way} page\n" in done.stdout, way
        assert "\nudp hello\n" in done.stdout and "\ngone \n" in done.stdout
        assert f"listen tcp4 0.0.0.0:{env['TAKEN']}: bind: address already in use" in done.stderr
        assert f"listen tcp4 203.0.113.7:{other}: bind: cannot assign requested address" in done.stderr
        assert read(f"{work}/after") == read(f"{work}/before")
        assert not [line for line, _ in processes().values() if "/state/x/" in line]
    finally:
        shutil.rmtree(work, ignore_errors=True)
