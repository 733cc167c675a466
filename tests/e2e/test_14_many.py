# SPDX-License-Identifier: Apache-2.0
"""Many containers at once, while what serves them is killed."""

import concurrent.futures
import copy
import json
import os

import pytest

import bundle
import support
from support import read, run, wait_until

pytestmark = pytest.mark.long

FIFTY, FIVE_HUNDRED = 50, 500

# A number of its own, in an emulated file; and mounts that are vetted and show it as well.
LOOP = """
number() { [ "$(cat "$1")" = "$2" ]; }
mkdir -p /mnt
until [ -e /host/go ]; do sleep 1; done
echo $1 >/proc/sys/kernel/panic || echo write >>/bad
while :; do
    number /proc/sys/kernel/panic $1 || echo kept >>/bad
    grep -q ^MemTotal: /proc/meminfo || echo read >>/bad
    mount -t proc p /mnt || echo mount >>/bad
    number /mnt/sys/kernel/panic $1 || echo mounted >>/bad
    umount /mnt || echo umount >>/bad
    echo >>/turns
    sleep 2
done"""


def need_gabiond(instance):
    if getattr(instance, "kind", "") != "gabion":
        pytest.skip("needs gabiond; GABION_E2E_ENGINE=bare has none")


def kill_and_wait(instance, *services):
    old = {service: instance.pid(service) for service in services}
    instance.kill(*services)
    wait_until(lambda: all(instance.pid(s) not in (0, None, old[s]) for s in services), 20, f"others than {old}")


def test_fifty_while_daemons_die(instance, folder):
    """kill -9 of gabion-vet, of gabion-vfs, of both, and of gabiond with them: no call fails, no value is lost."""
    need_gabiond(instance)
    boxes = [instance.start("--privileged", "-v", f"{folder}:/host:ro", cmd=("sh", "-c", LOOP, "sh", str(i + 1))) for i in range(FIFTY)]

    def turns():
        return [len(read(f"/proc/{pid}/root/turns")) if os.path.exists(f"/proc/{pid}/root/turns") else 0 for pid in pids]

    pids = [box.pid for box in boxes]
    support.write(f"{folder}/go", "")
    wait_until(lambda: min(turns()) > 0, 60, "all containers at work")
    for services in (("vetting",), ("nodes",), ("vetting", "nodes")):
        before = turns()
        kill_and_wait(instance, *services)
        wait_until(lambda b=before: all(now > was for now, was in zip(turns(), b)), 60, f"work after the end of {services}")
    instance.kill("gabiond", "vetting", "nodes")
    instance.take_over()
    before = turns()
    wait_until(lambda: all(now > was for now, was in zip(turns(), before)), 60, "work after a takeover")
    lost = {i + 1: read(f"/proc/{pid}/root/bad") for i, pid in enumerate(pids) if os.path.exists(f"/proc/{pid}/root/bad")}
    assert not lost
    assert [read(f"/proc/{pid}/root/proc/sys/kernel/panic").strip() for pid in pids] == [str(i + 1) for i in range(FIFTY)]
    assert all(box.running for box in boxes)


class Runtime:
    """The instance's runtime without its engine, which would take a minute for each hundred."""

    def __init__(self, instance, folder):
        self.folder = folder
        self.argv = ["nsenter", "-m", "-t", str(instance.pid("containerd")), support.program("gabion-runc"), "--root", f"{folder}/state"]
        self.env = {"GABION_STATE_DIR": instance.dir}
        self.name = os.path.basename(folder)
        os.makedirs(f"{folder}/rootfs")
        run(support.MAKE_IMAGES, "probe", timeout=300)
        run("tar", "-C", f"{folder}/rootfs", "-xf", f"{support.CACHE}/images/probe.tar")

    def __call__(self, *args, **how):
        return run(*self.argv, *args, env=self.env, timeout=300, **how)

    def start(self, i):
        spec = copy.deepcopy(bundle.SPEC)
        spec["process"]["args"] = ["sh", "-c", "mount -t proc p /mnt && umount /mnt && echo $1 >/proc/sys/kernel/panic; exec sleep 1000", "sh", str(i)]
        spec["process"]["capabilities"] = {k: [*bundle.CAPS, "CAP_SYS_ADMIN"] for k in ("bounding", "effective", "permitted")}
        spec["linux"]["cgroupsPath"] = f"/{self.name}/{i}"
        spec["linux"]["readonlyPaths"] = []
        spec["root"] = {"path": f"{self.folder}/rootfs", "readonly": True}
        path = f"{self.folder}/{i}"
        os.mkdir(path)
        support.write(f"{path}/config.json", json.dumps(spec))
        ident = f"{self.name}-{i}"
        # init keeps the output open: not a pipe of ours
        run("sh", "-c", 'exec "$@" >"$0" 2>&1 </dev/null', f"{path}/out", *self.argv, "create", "--bundle", path,
            "--pid-file", f"{path}/pid", ident, env=self.env, timeout=300)
        self("start", ident)
        return int(read(f"{path}/pid"))


def test_five_hundred_at_once(instance, folder):
    """Each has what is its own, and nothing stays behind."""
    need_gabiond(instance)
    runtime = Runtime(instance, folder)
    held = len(os.listdir(f"/proc/{instance.pid('holder')}/fd"))
    try:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            pids = list(pool.map(runtime.start, range(1, FIVE_HUNDRED + 1)))
        wanted = [str(i) for i in range(1, FIVE_HUNDRED + 1)]
        wait_until(lambda: [read(f"/proc/{pid}/root/proc/sys/kernel/panic").strip() for pid in pids] == wanted, 120, "500 values")
        assert len({support.map_of(pid)[0][1] for pid in pids}) == FIVE_HUNDRED
        kill_and_wait(instance, "vetting", "nodes")
        assert [read(f"/proc/{pid}/root/proc/sys/kernel/panic").strip() for pid in pids] == wanted
        assert run("nsenter", "-t", str(pids[-1]), "-m", "-p", "-U", "-S", "0", "-G", "0", "cat", "/proc/1/comm").out == "sleep"
    finally:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda i: runtime("delete", "--force", f"{runtime.name}-{i}", check=False), range(1, FIVE_HUNDRED + 1)))
    wait_until(lambda: len(os.listdir(f"/proc/{instance.pid('holder')}/fd")) <= held, 60, "the holder lets go of 500 listeners")
    for parent in support.cgroup_dirs(runtime.name):
        os.rmdir(parent)  # the lower runtime's; it is empty
