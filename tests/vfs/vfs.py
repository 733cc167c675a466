# SPDX-License-Identifier: Apache-2.0
"""gabion-vfs alone: this process is what gabiond is to it, and has /dev/fuse and the slots."""

import contextlib
import ctypes
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("GABION_BUILD", os.path.join(ROOT, "build"))
WORKERS, SLOT = 4, 8256
SLOTS_SIZE = 64 + WORKERS * SLOT  # struct control_vfs
MNT_DETACH = 2
CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18

libc = ctypes.CDLL(None, use_errno=True)


def program(name):
    found = [p for p in glob.glob(f"{BUILD}/**/{name}", recursive=True) if os.path.isfile(p) and os.access(p, os.X_OK)]
    assert found, f"{name} is not below {BUILD}: build it first, or set GABION_BUILD"
    return min(found, key=len)


def check(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def own_mounts():
    """A mount namespace of this process's own, so that no mount of these tests is seen or left."""
    check(libc.unshare(CLONE_NEWNS), "unshare")
    check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount")


def unmount(path):
    """What may have been done before."""
    libc.umount2(path.encode(), MNT_DETACH)


def wait_until(condition, seconds=20, what="condition"):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come true within {seconds} s"
        time.sleep(0.01)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def boottime():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Vfs:
    """A mounted file system; use it in a `with`."""

    def __init__(self, wrap=()):
        self.wrap = list(wrap)
        self.dir = tempfile.mkdtemp(prefix="gabion-vfs-", dir="/var/tmp")
        os.chmod(self.dir, 0o755)
        self.root = f"{self.dir}/vfs"
        self.views = f"{self.dir}/views"
        os.mkdir(self.root)
        self.process = None
        self.fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self.fuse},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
        check(libc.mount(b"gabion-vfs", self.root.encode(), b"fuse.gabion-vfs", 0, options.encode()), "mount")
        self.slots = os.memfd_create("slots", os.MFD_CLOEXEC)
        os.ftruncate(self.slots, SLOTS_SIZE)

    def start(self):
        self.process = subprocess.Popen(
            [*self.wrap, program("gabion-vfs"), f"--run={self.dir}", f"--fuse-fd={self.fuse}", f"--slots-fd={self.slots}"],
            pass_fds=[self.fuse, self.slots], stderr=subprocess.PIPE)
        wait_until(lambda: os.path.exists(f"{self.dir}/vfs.sock") or self.process.poll() is not None, 10, "vfs.sock")
        assert self.process.poll() is None, self.process.stderr.read()
        return self

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.dir}/vfs.sock")
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def expect_views(self):
        """The folder where a runtime leaves them."""
        os.makedirs(self.views, exist_ok=True)

    def put(self, name, base=200000, start=None, **more):
        """Writes run/views/NAME.json and returns the container's folder."""
        self.expect_views()
        view = {"id": name, "base": base, "size": 65536, "pid": os.getpid(), "start": start or boottime(), "hostname": name,
                "cgroup": {}, "masked": [], "readonly": [], **more}
        path = f"{self.views}/{name}.json"
        with open(f"{path}.new", "w", encoding="utf-8") as f:
            json.dump(view, f)
        os.rename(f"{path}.new", path)
        return f"{self.root}/{name}"

    def remove(self, name):
        os.unlink(f"{self.views}/{name}.json")

    def text(self, name, node):
        return read(f"{self.root}/{name}/{node}")

    def __enter__(self):
        return self.start()

    def __exit__(self, *failure):
        if self.process.poll() is None:
            self.process.kill()
        text = self.process.communicate()[1]
        os.close(self.fuse)
        os.close(self.slots)
        unmount(self.root)
        shutil.rmtree(self.dir)
        if failure[0] is not None:
            print(text.decode(errors="replace"))


def hierarchies():
    """{controller: mount point} of this host; version 2 is "unified"."""
    found = {}
    for line in read("/proc/self/mountinfo").splitlines():
        before, after = line.split(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            found.setdefault("unified", before.split()[4])
        if kind == "cgroup":
            for controller in options.split(","):
                found.setdefault(controller, before.split()[4])
    return found


class Cgroup:
    """A cgroup in every hierarchy, below a parent of its own."""

    def __init__(self):
        self.name = f"gabion-vfs-test-{os.getpid()}"
        self.at = hierarchies()
        self.v2 = "memory" not in self.at
        self.dirs = []
        points = [self.at["unified"]] if self.v2 else [self.at[c] for c in ("memory", "cpu", "cpuacct", "cpuset", "pids", "blkio") if c in self.at]
        for point in dict.fromkeys(points):
            for path in (f"{point}/{self.name}", f"{point}/{self.name}/box"):
                os.makedirs(path, exist_ok=True)
                self.dirs.append(path)
                self.inherit(path)
        if self.v2:
            for path in (self.at["unified"], f"{self.at['unified']}/{self.name}"):
                with open(f"{path}/cgroup.subtree_control", "w", encoding="utf-8") as f:
                    f.write("+memory +cpu +cpuset +pids +io")

    @staticmethod
    def inherit(path):
        """cpuset of version 1 begins empty."""
        for name in ("cpuset.cpus", "cpuset.mems"):
            if os.path.exists(f"{path}/{name}") and os.path.exists(f"{path}/cpuset.cpu_exclusive"):
                with open(f"{path}/{name}", "w", encoding="utf-8") as f:
                    f.write(read(f"{os.path.dirname(path)}/{name}").strip())

    def view(self):
        path = f"/{self.name}/box"
        return {"unified": path} if self.v2 else {c: path for c in ("memory", "cpu", "cpuset", "pids", "blkio") if c in self.at}

    def set(self, controller, v1, v2, value, level="/box"):
        path = f"{self.at['unified']}/{self.name}{level}/{v2}" if self.v2 else f"{self.at[controller]}/{self.name}{level}/{v1}"
        with open(path, "w", encoding="utf-8") as f:
            f.write(str(value))

    def memory(self, value, level="/box"):
        self.set("memory", "memory.limit_in_bytes", "memory.max", value, level)

    def quota(self, percent, level="/box"):
        if self.v2:
            self.set("cpu", None, "cpu.max", f"{percent * 1000} 100000", level)
        else:
            self.set("cpu", "cpu.cfs_quota_us", None, percent * 1000, level)

    def cpus(self, value):
        self.set("cpuset", "cpuset.cpus", "cpuset.cpus", value)

    def join(self):
        """For a child process: into all of them."""
        for path in self.dirs:
            if path.endswith("/box"):
                with open(f"{path}/cgroup.procs", "w", encoding="utf-8") as f:
                    f.write(str(os.getpid()))

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for path in sorted(self.dirs, key=len, reverse=True):
            wait_until(lambda p=path: self._remove(p), 10, f"the end of {path}")

    @staticmethod
    def _remove(path):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


__all__ = ["Cgroup", "Vfs", "boottime", "own_mounts", "program", "read", "signal", "unmount", "wait_until"]
