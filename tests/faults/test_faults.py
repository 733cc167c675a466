# SPDX-License-Identifier: Apache-2.0
"""gabion-runc with failing system calls: every call of a list, and of each the first, second, … one that a
`create` makes. Whatever fails, either the container comes up right all the same (and the call is one that may
fail), or the error says so and nothing of the container is left.

Everything happens in a mount namespace of this process, below a folder of /var/tmp."""

import ctypes
import errno
import fcntl
import json
import os
import pathlib
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "bench"))
import bundle  # noqa: E402

BUILD = pathlib.Path(os.environ.get("GABION_BUILD", TOP / "build"))
FAILSYS = BUILD / "tests/faults/failsys"
RUNTIME = BUILD / "src/runtime/gabion-runc"

# Not an errno that code treats in a way of its own.
ERRNO = "EDQUOT"
TEXT = os.strerror(errno.EDQUOT)

# Calls that build the cage: when one of them fails there must be no container.
PROTECTIVE = ["open_tree", "mount_setattr", "move_mount", "fsopen", "fsconfig", "fsmount", "mount", "unshare", "setns",
              "openat2", "setresuid", "setresgid", "prctl", "clone", "clone3", "capset", "chdir", "fchdir"]
# Calls that may also be made for what need not be there (a configuration file, a link that may exist already).
OTHER = ["openat", "newfstatat", "fstat", "lseek", "fcntl", "pwrite64", "pread64", "mkdirat", "mkdir", "readlink",
         "readlinkat", "getdents64", "umount2", "rename", "renameat", "renameat2", "unlink", "unlinkat", "fsync",
         "fdatasync", "ftruncate", "memfd_create", "pipe2", "wait4", "setrlimit", "prlimit64", "ioctl", "fchown",
         "fchownat", "fchmod", "fchmodat", "faccessat2", "access", "statx", "statfs", "fstatfs", "socket",
         "pidfd_open", "getcwd", "symlinkat", "linkat"]
HOOK = "error executing hook"
SPOILT = "spoilt: "
F_OFD_GETLK = 36
CLONE_NEWNS = 0x20000


def read(path):
    return pathlib.Path(path).read_text(errors="replace")


def difference(before, after):
    return {k: [x for x in after[k] if x not in before[k]] + [f"gone: {x}" for x in before[k] if x not in after[k]]
            for k in after}


class Cell:
    """A state folder, a lease folder, an overlay like an engine's, and the runtime below failsys."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="gabion-faults-", dir="/var/tmp"))
        self.dir.chmod(0o755)
        for name in ("etc", "run", "run/log", "lib", "ids", "bundles"):
            (self.dir / name).mkdir()
        (self.dir / "etc/gabion.json").write_text(json.dumps({"lowerRuntime": shutil.which("crun")}))
        self.overlay = bundle.Overlay(self.dir / "overlay", layers=3)
        self.env = dict(os.environ, GABION_STATE_DIR=str(self.dir), GABION_IDS_DIR=str(self.dir / "ids"), LC_ALL="C")
        self.report = self.dir / "report"
        self.log = self.dir / "run/log/runtime.log"
        self.serial = 0

    def runtime(self, *args, fault=None):
        command = [RUNTIME, "--root", self.dir / "state", *args]
        if fault:
            command = [FAILSYS, "-x", "gabion-runc", "-r", self.report, fault, "--", *command]
        with open(self.dir / "stderr", "w+", encoding="utf-8") as err:
            done = subprocess.run(command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=err, check=False, timeout=60)
            err.seek(0)
            return done.returncode, err.read()

    def bundle(self):
        self.serial += 1
        ident = f"{self.dir.name}-{self.serial}"
        folder = bundle.write(self.dir / "bundles" / ident, self.overlay.merged, ident)
        spec = json.loads(read(folder / "config.json"))
        spec["process"]["args"] = ["sh", "-c", "echo it works >/made"]
        (folder / "config.json").write_text(json.dumps(spec))
        return ident, folder

    def held_leases(self):
        """Locks that somebody still has on the table of leases."""
        table = self.dir / "ids/table"
        if not table.exists():
            return []
        with open(table, "r+b") as f:
            lock = fcntl.fcntl(f, F_OFD_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        kind, _, start, _, _ = struct.unpack("hhqqi4x", lock)
        return [] if kind == fcntl.F_UNLCK else [f"lease lock at {start}"]

    def processes(self):
        """Those that come from here: our programs, or a folder of ours in the command line."""
        found = []
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                line = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                state = re.search(r"^State:\s+(\S)", read(proc / "status"), re.M).group(1)
            except (OSError, AttributeError):
                continue
            if str(self.dir) in line and state != "Z":
                found.append(f"{proc.name}: {line}")
        return found

    def what_is_there(self):
        """All that a container has on the host, but for its own bundle."""
        there = {
            # Without mount ids and device number: a mount that was put back has others.
            "mounts": [re.sub(r"^\S+ \S+ \S+ ", "", line) for line in read("/proc/self/mountinfo").splitlines()],
            "processes": self.processes(),
            "leases": self.held_leases(),
            "cgroups": sorted(str(p) for top in bundle.cgroups() for p in top.iterdir() if p.is_dir()),
            "state": sorted(p.name for p in (self.dir / "state").glob("*")),
        }
        for name in ("etc", "run", "lib"):
            there[name] = sorted(str(p) for p in (self.dir / name).rglob("*") if not p.is_dir())
        return there

    def create(self, fault):
        """A `create` with this fault. Returns (times the fault was met, exit code, errors, what was left)."""
        ident, folder = self.bundle()
        self.report.unlink(missing_ok=True)
        self.overlay.mount()
        try:
            before = self.what_is_there()
            code, errors = self.runtime("create", "--bundle", folder, "--pid-file", folder / "pid", ident, fault=fault)
            met = len(read(self.report).splitlines()) if self.report.exists() else 0
            if code == 0:
                errors += self.check_works(ident, folder)
            # What an engine does next, whether the creation failed or not.
            lower = code == 0 or (self.dir / "state" / ident).exists() or "crun" in errors or HOOK in errors
            if lower:
                self.runtime("delete", "--force", ident)
            left = difference(before, self.what_is_there())
            if HOOK in errors:  # the lower runtime does not say what a hook said
                # … and one that cannot go back to its own namespaces has nowhere to say it.
                errors += read(self.log) if self.log.exists() or "setns" not in fault else f"gabion-runc: {TEXT}"
            self.log.unlink(missing_ok=True)
            kept = f"{self.dir}/run/filters/"  # of all creations together, edit-filter.c
            left["run"] = [x for x in left.get("run", []) if x != str(self.log) and not x.startswith(kept)]
            if lower:
                # The read-only view stays where the engine unmounts it, the record where gabiond ends it.
                left = {k: [x for x in v if f" {self.overlay.merged} " not in x and not x.endswith(f"/{ident}.json")]
                        for k, v in left.items()}
            return met, code, errors, {k: v for k, v in left.items() if v}
        finally:
            self.overlay.umount()
            shutil.rmtree(folder)

    def check_works(self, ident, folder):
        """A container that came up must be isolated, and its root own what it writes. Returns what is wrong."""
        pid = int(read(folder / "pid"))
        wrong = []
        if [line.split()[1] for line in read(f"/proc/{pid}/uid_map").splitlines()][0] == "0":
            wrong.append("the container's root is the host's")
        if os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt"):
            wrong.append("the container is in the host's mount namespace")
        pidfd = os.pidfd_open(pid)
        try:
            code, errors = self.runtime("start", ident)
            if code:
                wrong.append(f"start failed: {errors}")
            elif not select.select([pidfd], [], [], 30)[0]:
                wrong.append("the container does not end")
        finally:
            os.close(pidfd)
        made = self.overlay.folder / "diff/made"
        if not made.exists():
            wrong.append("the container could not write to its root file system")
        elif (made.stat().st_uid, made.stat().st_gid) != (0, 0):
            wrong.append("what the container's root wrote is not root's on disk")
        made.unlink(missing_ok=True)
        return "".join(f"\n{SPOILT}{text}" for text in wrong)

    def close(self):
        self.overlay.umount()
        shutil.rmtree(self.dir, ignore_errors=True)
        bundle.remove_cgroups()


def own_mounts():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    if os.path.ismount("/sys/fs/cgroup/unified"):
        bundle.without_unified()


@pytest.fixture(scope="module")
def cell():
    if os.geteuid() != 0:
        pytest.exit("the fault tests need root", 3)
    for program in (FAILSYS, RUNTIME):
        assert program.exists(), f"{program} is missing: build first, or set GABION_BUILD"
    own_mounts()
    made = Cell()
    yield made
    made.close()


def test_without_fault(cell):
    """The test bed itself: a container comes up and goes, and leaves nothing."""
    met, code, errors, left = cell.create("acct=EDQUOT")
    assert (met, code, left, errors) == (0, 0, {}, "")


def judge(code, errors, left, may_succeed):
    """What is wrong with this outcome of a `create` one call of which failed."""
    if left:
        yield f"left behind: {left}"
    if SPOILT in errors:
        yield "the container is not what it should be"
    if code == 0:
        if not may_succeed:
            yield "the container came up all the same"
        return
    if code == 127 and "error while loading shared libraries" in errors:
        return  # not ours: the call of the dynamic loader failed
    if code != 1 and HOOK not in errors:
        yield f"exit code {code}"
    if TEXT not in errors:
        yield f"the error does not say {TEXT!r}"
    if "gabion-runc: " not in errors:
        yield "the error does not come from gabion-runc"


def sweep(cell, call, may_succeed):
    """The first, second, … call fails, until there is none any more."""
    wrong = []
    for n in range(1, 400):
        met, code, errors, left = cell.create(f"{call}={ERRNO}:{n}")
        if not met:
            assert (code, left) == (0, {}) and SPOILT not in errors, f"no {call} failed, and yet: {left} {errors}"
            break
        for text in judge(code, errors, left, may_succeed):
            wrong.append(f"{call} number {n}: {text}; exit code {code}: {errors.strip()}")
    else:
        wrong.append(f"{call} is called more than 400 times")
    print(f"{call}: {n - 1} calls")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("call", PROTECTIVE)
def test_no_cage_no_container(cell, call):
    sweep(cell, call, may_succeed=False)


@pytest.mark.parametrize("call", OTHER)
def test_all_or_nothing(cell, call):
    sweep(cell, call, may_succeed=True)


def test_lower_runtime_fails(cell):
    """The lower runtime does not even start, or refuses."""
    config = cell.dir / "etc/gabion.json"
    good = config.read_text()
    try:
        config.write_text(json.dumps({"lowerRuntime": "/bin/false"}))
        _, code, _, left = cell.create("acct=EDQUOT")
    finally:
        config.write_text(good)
    assert code != 0
    # Its own failure is the engine's to clean up after; no process or mount of ours may stay for it.
    assert left.get("processes") is None and left.get("leases") is None and left.get("cgroups") is None, left
