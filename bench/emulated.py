# SPDX-License-Identifier: Apache-2.0
"""Rows about emulated files: open, read and close, by a process in a cgroup with limits, of gabion-vfs and of
lxcfs, both mounted at the same time. bench/README.md says what each row is."""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "tests", "vfs"))

import vfs  # noqa: E402

FILES = ("meminfo", "stat", "uptime")
READS = 400  # of which the median is one measurement


class Lxcfs:
    def __init__(self, bench):
        self.dir = str(bench.work / "lxcfs")
        os.makedirs(self.dir)
        self.process = subprocess.Popen([bench.need("lxcfs"), "--foreground", "--pidfile", str(bench.work / "lxcfs.pid"), self.dir],
                                        stdout=bench.errors, stderr=bench.errors)
        while not os.path.exists(f"{self.dir}/proc/meminfo"):
            if self.process.poll() is not None:
                raise SystemExit("bench: lxcfs does not start")
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        vfs.unmount(self.dir)


def measure(bench, table, args):
    program = bench.compile("readfile")
    with vfs.Vfs() as ours, vfs.Cgroup() as cgroup, Lxcfs(bench) as lxcfs:
        cgroup.memory(512 << 20)
        cgroup.quota(100)
        box = ours.put("box", cgroup=cgroup.view())

        def one(folder, name):
            done = subprocess.run([program, f"{folder}/proc/{name}", str(READS)], preexec_fn=cgroup.join, stdout=subprocess.PIPE,
                                  text=True, check=True)
            return int(done.stdout)

        for name in FILES:
            table.ratio(f"/proc/{name}: open, read, close, over lxcfs", bench.pairs(
                args.rounds, lambda n=name: one(box, n), lambda n=name: one(lxcfs.dir, n)), 0.5)
