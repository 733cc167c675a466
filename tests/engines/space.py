# SPDX-License-Identifier: Apache-2.0
"""Container engines of this machine and of other Debian releases, each in a space of its own.

A Space is a state folder with a keeper: root folder, mount and network namespaces, programs. A Docker
is one with containerd and dockerd whose runtime is gabion-runc; it answers the calls of
tests/e2e/support.Engine, with the client that came with the engine.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import support  # noqa: E402
from support import read, run, wait_until, write  # noqa: E402

HOST = "bookworm"  # the release of this machine: no folder


def small_layer(n):
    """A layer with files of its own number."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as t:
        for path in (f"layer-{n}", "last"):
            info = tarfile.TarInfo(path)
            info.uid = info.gid = n
            info.size = len(str(n)) + 1
            t.addfile(info, io.BytesIO(f"{n}\n".encode()))
    return data.getvalue()


def write_image(path, name, count=0):
    """The archive (docker load, ctr image import) of an image: alpine and `count` layers more."""
    run(support.MAKE_IMAGES, "alpine", timeout=900)
    with open(f"{support.CACHE}/images/alpine.tar", "rb") as f:
        layers = [f.read()]
    layers += [small_layer(n) for n in range(count)]
    names = [f"l{n}/layer.tar" for n in range(len(layers))]
    config = {"architecture": "amd64", "os": "linux",
              "config": {"Cmd": ["sh"], "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(x).hexdigest() for x in layers]},
              "history": [{"created_by": n} for n in names]}
    files = {"config.json": json.dumps(config).encode(), **dict(zip(names, layers)),
             "manifest.json": json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": names}]).encode()}
    with tarfile.open(path, "w") as t:
        for file, data in files.items():
            info = tarfile.TarInfo(file)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))


def root_of(suite):
    """The root folder of a release, made when it is not there; None for this machine's own."""
    if suite == HOST:
        return None
    return run(f"{HERE}/engine-rootfs", suite, timeout=1200).lines[-1]


def running(made, *images):
    """For a fixture: that engine, up and with images; swept and gone at the end."""
    try:
        made.up()
        made.need(*images)
        yield made
        made.sweep()
    finally:
        made.close()


class Space:
    """Keeper, folder, commands. Programs: [(name, argv, path that appears)]."""

    def __init__(self, suite, kind, lower, facts=None):
        self.suite, self.lower = suite, lower
        self.root = root_of(suite)
        self.dir = tempfile.mkdtemp(prefix=f"gabion-engine-{kind}-", dir="/var/tmp")
        os.chmod(self.dir, 0o755)
        for name in ("bin", "etc", "lib", "run"):
            os.makedirs(f"{self.dir}/{name}", mode=0o711)
        self.runtime = f"{self.dir}/bin/gabion-runc"
        shutil.copy(support.program("gabion-runc"), self.runtime)
        for name in ("runc", "sysbox-runc"):
            os.symlink("gabion-runc", f"{self.dir}/bin/{name}")
        write(f"{self.dir}/etc/gabion.json", json.dumps({"lowerRuntime": lower, **(facts or {})}))
        self.env = {"PATH": f"{self.dir}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "GABION_STATE_DIR": self.dir, "DOCKER_BUILDKIT_RUNC_COMMAND": f"{self.dir}/bin/runc",
                    "LC_ALL": "C.UTF-8"}
        self.keeper = None

    def launch(self, programs):
        write(f"{self.dir}/space.json", json.dumps({
            "dir": self.dir, "root": self.root, "env": self.env, "share": [f"{support.CACHE}/images"],
            "programs": [{"name": n, "argv": a, "ready": r} for n, a, r in programs]}))
        with open(f"{self.dir}/keeper.log", "wb") as log:
            self.keeper = subprocess.Popen([f"{HERE}/keeper", f"{self.dir}/space.json"], stdout=log, stderr=log,
                                           stdin=subprocess.DEVNULL, start_new_session=True)
        self._wait_ready()

    def _wait_ready(self):
        ready = f"{self.dir}/ready"
        wait_until(lambda: os.path.exists(ready) or self.keeper.poll() is not None, 90, "a ready engine")
        assert self.keeper.poll() is None, self.logs()

    def logs(self):
        return "\n".join(f"{name}: {read(f'{self.dir}/{name}')[-3000:]}" for name in sorted(os.listdir(self.dir))
                         if name.endswith(".log"))

    def argv(self, *argv):
        """A command line that runs in the space."""
        return ["nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt", f"--net=/proc/{self.keeper.pid}/ns/net", "--",
                *argv]

    def inside(self, *argv, env=None, **how):
        """Runs a command in the space, with the environment of its programs."""
        how.setdefault("cwd", "/")
        return run(*self.argv(*argv), env={**self.env, **(env or {})}, **how)

    def pid_of(self, name):
        """The process of a program that the keeper started."""
        for pid in support.processes():
            try:
                stat = read(f"/proc/{pid}/stat")
                argv = read(f"/proc/{pid}/cmdline").split("\0")
            except OSError:
                continue
            if int(stat.rsplit(")", 1)[1].split()[1]) == self.keeper.pid and os.path.basename(argv[0]) == name:
                return pid
        return None

    def revive(self, *names):
        """kill -9 of programs at once; then they start again."""
        pids = [self.pid_of(name) for name in names]
        assert all(pids), (names, pids)
        os.unlink(f"{self.dir}/ready")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        # Until the keeper has seen it: the socket of a dead program is still there.
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}/fd/0") for pid in pids), 10)
        self.keeper.send_signal(signal.SIGHUP)
        self._wait_ready()

    @contextlib.contextmanager
    def facts(self, **changes):
        """Other settings in gabion.json for a while; gabion-runc reads them at each start."""
        path = f"{self.dir}/etc/gabion.json"
        before = read(path)
        now = {**json.loads(before), **changes}
        write(path, json.dumps({k: v for k, v in now.items() if v is not None}))
        try:
            yield
        finally:
            write(path, before)

    def left(self):
        """What is there of us on the host: {} when all is gone."""
        found = {"processes": support.processes_of(self.dir),
                 "mounts": [m for m in read("/proc/self/mountinfo").splitlines() if self.dir in m],
                 "cgroups": [d for i in getattr(self, "seen", ()) for d in support.cgroup_dirs(i)]}
        return {k: v for k, v in found.items() if v}

    def close(self):
        """Ends everything and asserts that nothing is left."""
        try:
            self.stop()
            wait_until(lambda: not self.left(), 10)
        except AssertionError:
            raise AssertionError(f"left behind by {self.suite}, {self.lower}: {self.left()}") from None
        finally:
            self.remove()

    def stop(self):
        if self.keeper:
            self.keeper.terminate()
            self.keeper.wait(90)
        # What a command in the space left behind is no descendant of the keeper (podman's conmon).
        for pid in support.processes_of(self.dir):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def remove(self):
        for _ in range(40):
            shutil.rmtree(self.dir, ignore_errors=True)
            if not os.path.exists(self.dir):
                return
            support.time.sleep(0.1)
        raise AssertionError(f"{self.dir} cannot be removed: {support.processes_of(self.dir)}")


CONTAINERD = """version = 2
root = "{dir}/lib/containerd"
state = "{dir}/run/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri"]
[grpc]
address = "{dir}/run/containerd/containerd.sock"
"""


class Containerd(Space):
    """containerd alone."""

    kind = "ctr"

    def __init__(self, suite, lower, facts=None):
        super().__init__(suite, self.kind, lower, facts)
        self.address = f"{self.dir}/run/containerd/containerd.sock"
        write(f"{self.dir}/etc/containerd.toml", CONTAINERD.format(dir=self.dir))

    def programs(self):
        return [("containerd", ["containerd", "--config", f"{self.dir}/etc/containerd.toml"], self.address)]

    def up(self):
        self.launch(self.programs())
        return self

    def ctr(self, *args, **how):
        return self.inside("ctr", "--address", self.address, *args, **how)


class Docker(Containerd, support.Engine):
    """containerd and dockerd. store: overlay2, vfs, or containerd (its image store)."""

    kind = "docker"

    def __init__(self, suite, lower, store="overlay2", facts=None):
        # There is no gate here that records who asked for a bind.
        Containerd.__init__(self, suite, lower, {"bindsWithoutRecord": "root", **(facts or {})})
        self.store = store
        self.socket = f"{self.dir}/run/docker.sock"
        self.loaded, self.seen = set(), set()
        daemon = {"features": {"containerd-snapshotter": True}} if store == "containerd" else {"storage-driver": store}
        write(f"{self.dir}/etc/daemon.json", json.dumps(daemon))

    def programs(self):
        return super().programs() + [("dockerd", [
            "dockerd", "--config-file", f"{self.dir}/etc/daemon.json", "--data-root", f"{self.dir}/lib/engine",
            "--exec-root", f"{self.dir}/run/exec", "--containerd", self.address,
            "--pidfile", f"{self.dir}/run/engine.pid", "-H", f"unix://{self.socket}",
            "--add-runtime", f"sysbox-runc={self.dir}/bin/sysbox-runc", "--default-runtime", "sysbox-runc",
            "--live-restore", "--ip6tables=false"], self.socket)]

    def docker(self, *args, env=None, **how):
        return self.inside("docker", *args, env=self.environment(env), **how)

    @property
    def version(self):
        return tuple(map(int, self.docker("version", "--format", "{{.Server.Version}}").out.split("+")[0].split(".")))

    def log(self):
        return read(f"{self.dir}/dockerd.log")

    def on_disk(self, name):
        """Where a file of this name lies in the engine's data: host paths, no mounts crossed."""
        return run("find", f"{self.dir}/lib", "-xdev", "-name", name).lines
