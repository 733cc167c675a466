# SPDX-License-Identifier: Apache-2.0
"""A private instance for the tests of gabiond, and what must not be left of it."""

import contextlib
import glob
import io
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("GABION_BUILD", os.path.join(ROOT, "build"))
DOCKER = os.environ.get("GABION_E2E_DOCKER", "/usr/bin/docker")
BUSYBOX = "/usr/bin/busybox"
APPLETS = ("sh", "sleep", "cat", "ls", "id", "ip", "nc", "wget", "httpd", "true", "touch", "echo")
SERVICES = ("holder", "nodes", "containerd", "network", "engine", "gate")


def program(name):
    found = [p for p in glob.glob(f"{BUILD}/**/{name}", recursive=True)
             if os.path.isfile(p) and os.access(p, os.X_OK)]
    assert found, f"{name} is not below {BUILD}: build it first, or set GABION_BUILD"
    return min(found, key=len)


def wait_until(condition, seconds=20, what="condition"):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come true within {seconds} s"
        time.sleep(0.05)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def family(ip):
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def is_free(port, kind=socket.SOCK_STREAM, ip="::"):
    """Whether nothing has the port: "::" is every address here, IPv4 too."""
    with socket.socket(family(ip), kind) as s:
        if kind == socket.SOCK_STREAM:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((ip, port))
            if kind == socket.SOCK_STREAM:
                s.listen(1)
        except OSError:
            return False
        return True


def free_port(low=20000, high=32000):
    """One that nothing has, outside of those that the kernel gives away."""
    while True:
        port = random.randrange(low, high)
        if is_free(port) and is_free(port, socket.SOCK_DGRAM):
            return port


def processes():
    """{pid: (command line, cgroups)} of everything that lives; zombies are gone."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[0] in "ZX":
                continue
            line = read(f"/proc/{pid}/cmdline").replace("\0", " ")
            found[int(pid)] = (line, read(f"/proc/{pid}/cgroup"))
    return found


def image():
    """A root file system with a static busybox, as a tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "tmp", "dev", "proc", "sys", "etc"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(info)
        tar.add(BUSYBOX, "bin/busybox")
        for name in APPLETS:
            info = tarfile.TarInfo(f"bin/{name}")
            info.type, info.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(info)
    return out.getvalue()


class Instance:
    """One state directory below /var/tmp. Use it in a `with`; at its end nothing may be left."""

    def __init__(self, name="", wrap=(), below="/var/tmp"):
        self.dir = tempfile.mkdtemp(prefix=f"gabion-updown-{name}", dir=below)
        os.chmod(self.dir, 0o755)
        self.wrap = list(wrap)
        self.cgroup = None
        self.process = None
        self.links = self._links()
        self.mounts = self._mounts()
        self.tables = self._tables()

    # What the host has.

    @staticmethod
    def _links():
        return set(os.listdir("/sys/class/net"))

    def _mounts(self):
        return {line.split()[4] for line in read("/proc/self/mountinfo").splitlines()
                if self.dir in line}

    @staticmethod
    def _tables():
        done = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False)
        return set(done.stdout.splitlines())

    def leftovers(self):
        """Everything of this instance that is still there, as text; empty: nothing."""
        left = []
        for pid, (line, cgroups) in processes().items():
            if self.dir in line or (self.cgroup and f"/{self.cgroup}" in cgroups):
                left.append(f"process {pid}: {line}")
        left += [f"mount {m}" for m in self._mounts() - self.mounts]
        left += [f"link {n}" for n in self._links() - self.links if n.startswith(("docker", "tap", "br-", "veth"))]
        left += [f"nft {t}" for t in self._tables() - self.tables]
        if self.cgroup:
            left += [f"cgroup {p}" for p in glob.glob(f"/sys/fs/cgroup/{self.cgroup}")]
            left += [f"cgroup {p}" for p in glob.glob(f"/sys/fs/cgroup/*/{self.cgroup}")]
        if os.path.exists(f"{self.dir}/run"):
            left.append(f"folder {self.dir}/run: {os.listdir(self.dir + '/run')}")
        return left

    def assert_clean(self):
        # Zombies of another parent and a network namespace that is being torn down take a moment.
        end = time.monotonic() + 5
        while self.leftovers() and time.monotonic() < end:
            time.sleep(0.1)
        assert not self.leftovers()

    # The instance.

    def env(self):
        env = dict(os.environ)
        env["DOCKER_HOST"] = f"unix://{self.dir}/run/docker.sock"
        for name in ("GABION_STATE_DIR", "DOCKER_CONTEXT"):
            env.pop(name, None)
        return env

    def gabion(self, *args, check=True, timeout=150, **more):
        done = subprocess.run([*self.wrap, program("gabion"), *args], capture_output=True, text=True,
                              timeout=timeout, env=self.env(), check=False, stdin=subprocess.DEVNULL, **more)
        if check:
            assert done.returncode == 0, done
        return done

    def up(self, *engine_args, check=True, options=(), **more):
        done = self.gabion("up", "--state-dir", self.dir, "--detach", *options, "--", *engine_args, check=check, **more)
        if done.returncode == 0:
            self.cgroup = self.record()["cgroup"]
        return done

    def up_foreground(self, *engine_args):
        """Starts it as a person at a terminal does; returns when it is ready."""
        self.process = subprocess.Popen(
            [*self.wrap, program("gabion"), "up", "--state-dir", self.dir, "--", *engine_args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env(),
            stdin=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        assert line == f"DOCKER_HOST=unix://{self.dir}/run/docker.sock\n", self.process.stderr.read()
        self.cgroup = self.record()["cgroup"]
        return self.process

    def down(self, check=True):
        return self.gabion("down", "--state-dir", self.dir, check=check)

    def record(self):
        return json.loads(read(f"{self.dir}/run/instance.json"))

    def pid(self, service):
        return self.record()["pid"] if service == "gabiond" else self.record()[service]["pid"]

    def docker(self, *args, check=True, input=None, timeout=120):
        done = subprocess.run([DOCKER, *args], capture_output=True, timeout=timeout, env=self.env(),
                              check=False, input=input)
        done.stdout = done.stdout.decode(errors="replace").strip()
        done.stderr = done.stderr.decode(errors="replace").strip()
        if check:
            assert done.returncode == 0, done
        return done

    def load(self):
        self.docker("import", "-", "box", input=image())
        return self

    def start(self, name, *command, options=()):
        self.docker("run", "-d", "--name", name, *options, "box", *(command or ("sleep", "1000")))
        return self.pid_of(name)

    def pid_of(self, name):
        return int(self.docker("inspect", "-f", "{{.State.Pid}}", name).stdout)

    def shims(self):
        return [p for p, (line, _) in processes().items()
                if "containerd-shim" in line and self.is_member(p)]

    def is_member(self, pid):
        with contextlib.suppress(OSError):
            return f"/{self.cgroup}/" in read(f"/proc/{pid}/cgroup")
        return False

    def kill(self, service):
        """kill -9, and waits until it is dead."""
        pids = self.shims() if service == "shim" else [self.pid(service)]
        assert pids
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not set(pids) & set(processes()), 5, f"the end of {service}")

    def wait_restarted(self, service, old_pid):
        def again():
            now = self.record()[service]
            return now["state"] == "up" and now["pid"] != old_pid
        wait_until(again, 30, f"a new {service}")

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        # A test that failed leaves things behind: clear them away, and report the failure only.
        done = self.down(check=False)
        left = self.leftovers()
        if not left:
            shutil.rmtree(self.dir, ignore_errors=True)
        if failure[0] is None:
            assert done.returncode == 0, done
            self.assert_clean()
            shutil.rmtree(self.dir, ignore_errors=True)
