# SPDX-License-Identifier: Apache-2.0
"""Rows about emulated files: open, read and close, by a process in a cgroup with limits, of gabion-vfs and of
lxcfs, both mounted at the same time. bench/README.md says what each row is."""

import contextlib
import itertools
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


@contextlib.contextmanager
def bound(bench, *folders):
    """Files where a container has them: mounted one by one, over something else. Gives {(folder, name): path}."""
    with contextlib.ExitStack() as mounts:
        paths = {}
        for folder, name in itertools.product(folders, FILES):
            path = bench.work / f"{name}-{len(paths)}"
            path.touch()
            subprocess.run(["mount", "--bind", f"{folder}/proc/{name}", path], check=True)
            mounts.callback(vfs.unmount, str(path))
            paths[folder, name] = path
        yield paths


def measure(bench, table, args):
    program = bench.compile("readfile")
    with vfs.Vfs() as ours, vfs.Cgroup() as cgroup, Lxcfs(bench) as lxcfs:
        cgroup.memory(512 << 20)
        cgroup.quota(100)
        box = ours.put("box", cgroup=cgroup.view())

        def one(path):
            done = subprocess.run([program, path, str(READS)], preexec_fn=cgroup.join, stdout=subprocess.PIPE, text=True,
                                  check=True)
            return int(done.stdout)

        with bound(bench, box, lxcfs.dir) as paths:
            for name in FILES:
                table.ratio(f"/proc/{name}: open, read, close, over lxcfs", bench.pairs(
                    args.rounds, lambda n=name: one(paths[box, n]), lambda n=name: one(paths[lxcfs.dir, n])), 0.5)
