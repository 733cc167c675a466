# SPDX-License-Identifier: Apache-2.0
"""gabion-runc without an engine: bundles of our own, in a mount namespace of our own.

What an engine would never write (annotations, foreign hooks, broken specs) and what must not cost an
engine's time (hundreds of starts, kill -9) is tested this way.
"""

import copy
import json
import os
import shutil
import signal
import subprocess
import tempfile

import support

CAPS = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
        "CAP_AUDIT_WRITE"]

SPEC = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "args": ["sh"],
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        "cwd": "/",
        "capabilities": {k: CAPS for k in ("bounding", "effective", "permitted")},
        "noNewPrivileges": False,
    },
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "box",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"]},
    ],
    "linux": {
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": [{"type": t} for t in ("mount", "network", "uts", "pid", "ipc")],
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
}


class Bundle:
    def __init__(self, path, ident):
        self.path, self.id = path, ident
        self.rootfs = f"{path}/rootfs"

    @property
    def spec(self):
        return json.loads(support.read(f"{self.path}/config.json"))

    @spec.setter
    def spec(self, value):
        support.write(f"{self.path}/config.json", json.dumps(value))


class Box:
    """Runs a runtime with a state folder, a lease folder and a mount namespace of its own."""

    def __init__(self, runtime, subuid=None, config=None):
        self.runtime = runtime
        self.dir = tempfile.mkdtemp(prefix="gabion-e2e-box-", dir="/var/tmp")
        os.chmod(self.dir, 0o755)
        for name in ("etc", "run", "lib", "ids", "state", "bundles"):
            os.mkdir(f"{self.dir}/{name}", 0o755)
        if config is not None:
            support.write(f"{self.dir}/etc/gabion.json", json.dumps(config))
        self.name = os.path.basename(self.dir)
        self.count = 0
        self.template = f"{self.dir}/alpine"
        os.mkdir(self.template)
        support.run(support.MAKE_IMAGES, "probe", timeout=300)
        support.run("tar", "-C", self.template, "-xf", f"{support.CACHE}/images/probe.tar")
        script = "if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi\n"
        if subuid is not None:
            support.write(f"{self.dir}/subuid", subuid)
            script += f"mount --bind {self.dir}/subuid /etc/subuid; mount --bind {self.dir}/subuid /etc/subgid\n"
        script += "echo ready; exec sleep infinity"
        self.holder = subprocess.Popen(["unshare", "--mount", "--propagation", "slave", "sh", "-euc", script],
                                       stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self.holder.stdout.readline() == b"ready\n"

    def env(self, extra=None):
        env = {"GABION_STATE_DIR": self.dir, "GABION_IDS_DIR": f"{self.dir}/ids"}
        env.update(extra or {})
        return env

    def argv(self, *args):
        return ["nsenter", "-m", "-t", str(self.holder.pid), self.runtime, "--root", f"{self.dir}/state",
                *map(str, args)]

    def rt(self, *args, check=True, env=None, **how):
        """The runtime's command line."""
        return support.run(*self.argv(*args), check=check, env=self.env(env), **how)

    def popen(self, *args, **how):
        env = dict(os.environ)
        env.update(self.env())
        how.setdefault("stdout", subprocess.DEVNULL)
        how.setdefault("stderr", subprocess.DEVNULL)
        return subprocess.Popen(self.argv(*args), stdin=subprocess.DEVNULL, env=env, **how)

    def bundle(self, cmd="true", edit=None, shared=False):
        """A bundle; cmd is a line of shell or a list; edit changes the spec in place.
        shared: all such bundles have one read-only root file system."""
        self.count += 1
        ident = f"{self.name}-{self.count}"
        path = f"{self.dir}/bundles/{self.count}"
        os.mkdir(path)
        made = Bundle(path, ident)
        spec = copy.deepcopy(SPEC)
        spec["process"]["args"] = ["sh", "-c", cmd] if isinstance(cmd, str) else list(cmd)
        spec["linux"]["cgroupsPath"] = f"/{self.name}/{self.count}"
        if shared:
            spec["root"] = {"path": self.template, "readonly": True}
        else:
            support.run("cp", "-a", self.template, made.rootfs)
        if edit:
            edit(spec)
        made.spec = spec
        return made

    def run(self, made, check=True, env=None, **how):
        """run, in the foreground."""
        return self.rt("run", "--bundle", made.path, made.id, check=check, env=env, **how)

    def create(self, made):
        """create alone; output goes to a file, since the container's init keeps it open."""
        out = open(f"{made.path}/out", "wb")
        with out, self.popen("create", "--bundle", made.path, made.id, stdout=out, stderr=out) as p:
            code = p.wait(60)
        return support.Result(p.args, code, "", support.read(f"{made.path}/out").rstrip())

    def start(self, made, **how):
        """create and start, in the background; answers the pid of the container's init."""
        out = open(f"{made.path}/out", "wb")
        with out, self.popen("create", "--bundle", made.path, made.id, stdout=out, stderr=out, **how) as p:
            assert p.wait(60) == 0, support.read(f"{made.path}/out")
        self.rt("start", made.id)
        return self.state(made)["pid"]

    def state(self, made):
        return json.loads(self.rt("state", made.id).out)

    def list(self):
        return os.listdir(f"{self.dir}/state")

    def mounts(self):
        return support.read(f"/proc/{self.holder.pid}/mountinfo").splitlines()

    def sweep(self):
        for ident in self.list():
            self.rt("delete", "--force", ident, check=False)
        for name in os.listdir(f"{self.dir}/bundles"):
            shutil.rmtree(f"{self.dir}/bundles/{name}", ignore_errors=True)

    def close(self):
        self.sweep()
        for pid in support.processes_of(self.dir):
            if pid != self.holder.pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.holder.kill()
        self.holder.wait()
        for _ in range(3):
            for path in sorted(support.cgroup_dirs(self.name), key=len, reverse=True):
                for top, _, _ in os.walk(path, topdown=False):
                    try:
                        os.rmdir(top)
                    except OSError:
                        pass
        shutil.rmtree(self.dir, ignore_errors=True)
