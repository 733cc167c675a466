# SPDX-License-Identifier: Apache-2.0
"""Bundles for the benchmarks: a busybox root file system and a config.json with what an engine asks
for by default (capabilities, mounts, masks, device rules, a seccomp filter of usual size)."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUSYBOX = next((p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p)), None)
CGROUP = f"gabion-bench-{os.getpid()}"  # the parent of our containers' cgroups
USERNS_BASE = 1_000_000_000  # the peer's range where it runs with a user namespace
USERNS_SIZE = 65536

CAPABILITIES = ["CAP_" + c for c in (
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID"
    " SETPCAP SETUID SYS_CHROOT").split()]

MOUNTS = [
    ("/proc", "proc", "proc", "nosuid noexec nodev"),
    ("/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k"),
    ("/dev/pts", "devpts", "devpts", "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5"),
    ("/sys", "sysfs", "sysfs", "nosuid noexec nodev ro"),
    ("/sys/fs/cgroup", "cgroup", "cgroup", "ro nosuid noexec nodev"),
    ("/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev"),
    ("/dev/shm", "tmpfs", "shm", "nosuid noexec nodev mode=1777 size=67108864"),
]

MASKED = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

# type, major, minor (None: any), access
DEVICES = [("c", 1, 5), ("c", 1, 3), ("c", 1, 9), ("c", 1, 8), ("c", 5, 0), ("c", 5, 1), ("c", 1, 7)]


def seccomp():
    header = pathlib.Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h").read_text()
    deny = {line.strip() for line in (HERE / "seccomp-deny.txt").read_text().splitlines()}
    names = [n for n in re.findall(r"^#define __NR_(\w+)", header, re.M) if n not in deny]
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"}],
    }


def device_rules():
    rules = [{"allow": False, "access": "rwm"}]
    rules += [{"allow": True, "type": t, "major": a, "minor": b, "access": "rwm"} for t, a, b in DEVICES]
    rules += [{"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"}]
    return rules


def spec(rootfs, userns=False):
    linux = {
        "resources": {"devices": device_rules(), "memory": {}, "cpu": {"shares": 0}, "blockIO": {"weight": 0}},
        "namespaces": [{"type": t} for t in ("mount", "network", "uts", "pid", "ipc", "cgroup")],
        "seccomp": seccomp(),
        "maskedPaths": MASKED,
        "readonlyPaths": READONLY,
    }
    if userns:
        linux["namespaces"].append({"type": "user"})
        linux["uidMappings"] = linux["gidMappings"] = [
            {"containerID": 0, "hostID": USERNS_BASE, "size": USERNS_SIZE}]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0, "additionalGids": [0]},
            "args": ["true"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=bench"],
            "cwd": "/",
            "capabilities": {k: CAPABILITIES for k in ("bounding", "effective", "permitted")},
            "oomScoreAdj": 0,
        },
        "root": {"path": str(rootfs), "readonly": False},
        "hostname": "bench",
        "mounts": [{"destination": d, "type": t, "source": s, "options": o.split()} for d, t, s, o in MOUNTS],
        "linux": linux,
    }


def write(folder, rootfs, name, userns=False):
    """A bundle of its own for each container: the runtimes are told apart by nothing but the id."""
    folder.mkdir(parents=True, exist_ok=True)
    config = spec(rootfs, userns)
    config["linux"]["cgroupsPath"] = f"/{CGROUP}/{name}"
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def rootfs(folder):
    if not BUSYBOX:
        raise SystemExit("bench: busybox is missing; run tools/install-deps")
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o755)
    shutil.copy2(BUSYBOX, folder / "bin/busybox")
    for applet in ("true", "sh", "sleep", "cat"):
        (folder / "bin" / applet).symlink_to("busybox")
    (folder / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (folder / "etc/group").write_text("root:x:0:\n")
    return folder


def many_files(folder, count):
    """Fills a folder with empty files, 1000 to a directory."""
    for d in range(0, count, 1000):
        sub = folder / f"d{d // 1000}"
        sub.mkdir()
        for i in range(min(1000, count - d)):
            os.close(os.open(sub / f"f{i}", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))


def without_unified():
    """A tmpfs with the v1 hierarchies alone: crun takes every folder there for a hierarchy, so just
    unmounting the cgroup2 would make it keep its books in the folder underneath."""
    new = pathlib.Path(tempfile.mkdtemp(prefix="gabion-bench-cgroup-", dir="/var/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "cgroup", new], check=True)
    for old in sorted(pathlib.Path("/sys/fs/cgroup").iterdir()):
        if old.is_symlink():
            (new / old.name).symlink_to(os.readlink(old))
        elif old.name != "unified" and old.is_mount():
            (new / old.name).mkdir()
            subprocess.run(["mount", "--bind", old, new / old.name], check=True)
    subprocess.run(["mount", "--move", new, "/sys/fs/cgroup"], check=True)
    new.rmdir()


def own_null():
    """A /dev/null of our own: crun gives its standard input to the container's root."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gabion-bench-null-", dir="/var/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "null", folder], check=True)
    subprocess.run(["mknod", "-m", "666", folder / "null", "c", "1", "3"], check=True)
    subprocess.run(["mount", "--bind", folder / "null", "/dev/null"], check=True)
    subprocess.run(["umount", "-l", folder], check=True)
    folder.rmdir()


def cgroups():
    """The parent's folder in each hierarchy."""
    top = pathlib.Path("/sys/fs/cgroup")
    return [*top.glob(CGROUP), *top.glob(f"*/{CGROUP}")]


def remove_cgroups():
    for path in cgroups():
        for folder, _, _ in os.walk(path, topdown=False):
            try:
                os.rmdir(folder)
            except OSError as e:
                print(f"bench: {folder}: {e.strerror}", file=sys.stderr)


class Overlay:
    """An engine's overlay: `layers` lower folders, a writable layer, a merged view; mounted afresh for
    each container by mount() and taken away by umount()."""

    def __init__(self, folder, layers=1, files=0):
        self.folder = folder
        # The engine's data root is not for everyone (0710), its layers are.
        lowers = [rootfs(folder / "l0")]
        for i in range(1, layers):
            layer = folder / f"l{i}"
            (layer / "etc").mkdir(parents=True)
            (layer / f"etc/layer{i}").write_text(f"{i}\n")
            lowers.append(layer)
        for name in ("diff", "work", "merged"):
            (folder / name).mkdir()
        if files:
            many_files(folder / "diff", files)
        self.options = "lowerdir=%s,upperdir=%s,workdir=%s" % (
            ":".join(str(p) for p in reversed(lowers)), folder / "diff", folder / "work")
        self.merged = folder / "merged"

    def mount(self):
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", self.options, self.merged], check=True)

    def umount(self):
        while os.path.ismount(self.merged):
            subprocess.run(["umount", self.merged], check=True)
