# SPDX-License-Identifier: Apache-2.0
"""`gabion up` in a chroot with the engine of another Debian release: newer dockerd, containerd, crun and
runc; a root directory that is no mount; a host without any folder of an engine."""

import os
import shutil
import subprocess
import tempfile

import pytest

from instance import image, processes, program, read

CACHE = os.environ.get("GABION_TEST_CACHE", "/var/cache/gabion-tests")
PROGRAMS = ("gabion", "gabiond", "gabion-gate", "gabion-cp", "gabion-runc")
LIBRARIES = ("libslirp.so.0", "libseccomp.so.2", "libarchive.so.13", "libglib-2.0.so.0")
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

INNER = """
export GABION_LIBEXEC=/programs GABION_IDS_DIR=/state/ids PATH=/programs:/usr/sbin:/usr/bin
export DOCKER_HOST=unix:///state/x/run/docker.sock
gabion up --state-dir /state/x --detach
docker version -f 'engine {{.Server.Version}}'
docker import /state/box.tar box
docker run --rm box cat /proc/self/uid_map
docker run -d --name one box sleep 1000
kill -9 $(cut -d ' ' -f 1 /state/x/run/gabiond.lock)
gabion up --state-dir /state/x --detach
docker exec one echo exec works
gabion down --state-dir /state/x
test ! -e /state/x/run
"""


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
        env = dict(os.environ, CACHE=CACHE, WORK=work, SUITE=suite, INNER=INNER, HOST_LIB=HOST_LIB,
                   PROGRAMS=" ".join(program(p) for p in PROGRAMS), LIBRARIES=" ".join(LIBRARIES))
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-ec", OUTER], env=env,
                              capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done
        assert f"engine {engine}" in done.stdout
        uid_map = [line.split() for line in done.stdout.splitlines() if line.endswith(" 65536")]
        assert len(uid_map) == 1 and int(uid_map[0][1]) >= 100000
        assert "taking over" in done.stderr and "exec works" in done.stdout
        assert read(f"{work}/after") == read(f"{work}/before")
        assert not [line for line, _ in processes().values() if "/state/x/" in line]
    finally:
        shutil.rmtree(work, ignore_errors=True)
