# SPDX-License-Identifier: Apache-2.0
"""gabion-vfs in an instance: gabiond starts it, keeps what it needs, and notices when it is stuck."""

import glob
import json
import os
import signal
import subprocess

import pytest

from instance import Instance, read, wait_until
from readers import Readers
from vfs import boottime


class Box:
    def __init__(self, instance):
        self.instance = instance
        self.put("box")
        # Whatever is killed, the holder's namespace is the instance's.
        self.enter = ["nsenter", "-m", "-t", str(instance.pid("containerd"))]
        self.folder = f"{instance.dir}/run/vfs/box"

    def put(self, name):
        path = f"{self.instance.dir}/run/views/{name}.json"
        with open(f"{path}.new", "w", encoding="ascii") as f:
            json.dump({"base": 200000, "start": boottime(), "cgroup": {}}, f)
        os.rename(f"{path}.new", path)

    def sh(self, command):
        return subprocess.run([*self.enter, "sh", "-c", command], cwd="/", capture_output=True, text=True, timeout=30, check=False).stdout

    def readers(self, n):
        return Readers(n, [f"{self.folder}/proc/{name}" for name in ("meminfo", "stat", "uptime", "sys/kernel/panic")], self.enter)


@pytest.fixture
def box():
    with Instance() as instance:
        instance.up()
        yield Box(instance)


def test_killed_and_stuck(box):
    """Killed: it is back at once. Stopped, with and without a request in its hands: within a second."""
    with box.readers(4) as readers:
        for number in (signal.SIGKILL, signal.SIGSTOP) * 3:
            old = box.instance.pid("nodes")
            os.kill(old, number)
            box.instance.wait_restarted("nodes", old)
        box.instance.kill("holder")
        old = box.instance.pid("nodes")
        box.instance.kill("nodes")
        box.instance.wait_restarted("nodes", old)
    readers.assert_fine()
    assert "does not answer containers" in read(f"{box.instance.dir}/run/log/gabiond.log")


def test_gabiond_killed(box):
    """Reading goes on without a gabiond, and a new one takes over; also when gabion-vfs died meanwhile."""
    box.sh(f"echo 5 > {box.folder}/proc/sys/kernel/panic")
    served = box.instance.pid("nodes")
    with box.readers(2):
        box.instance.kill("gabiond")
        assert box.sh(f"cat {box.folder}/proc/sys/kernel/panic") == "5\n"
        done = box.instance.up()
        assert "emulated nodes is still there" in done.stderr and box.instance.pid("nodes") == served
        box.instance.kill("gabiond")
        box.instance.kill("nodes")
        box.instance.up()
    assert box.instance.pid("nodes") != served
    assert box.sh(f"cat {box.folder}/proc/sys/kernel/panic") == "5\n"
    assert glob.glob(f"{box.instance.dir}/run/values/*")


def test_all_that_had_it_killed(box):
    """Then what was mounted has ended, for whoever holds it; a new gabiond makes another one."""
    box.instance.kill("gabiond")
    for service in ("holder", "nodes"):
        box.instance.kill(service)
    assert "not connected" in box.sh(f"LC_ALL=C cat {box.folder}/proc/uptime 2>&1")
    box.instance.up()
    assert float(box.sh(f"cat {box.folder}/proc/uptime").split()[0]) > 0


def test_down_with_readers(box):
    """Who waits for an answer when the instance ends is not kept: nothing is left, see Instance."""
    reader = subprocess.Popen([*box.enter, "sh", "-c", f"while cat {box.folder}/proc/uptime >/dev/null; do :; done"],
                              stderr=subprocess.DEVNULL)
    os.kill(box.instance.pid("gabiond"), signal.SIGSTOP)
    stopped = box.instance.pid("nodes")
    os.kill(stopped, signal.SIGSTOP)
    wait_until(lambda: " T " in read(f"/proc/{stopped}/stat"), 10, "the stop")
    os.kill(box.instance.pid("gabiond"), signal.SIGKILL)
    box.instance.down()
    reader.wait(20)
