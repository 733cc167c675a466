# SPDX-License-Identifier: Apache-2.0
"""Runs all probes in containers of every kind, and keeps what the host looked like before and after."""

import contextlib
import ctypes
import glob
import hashlib
import json
import os
import re
import socket
import stat
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import support  # noqa: E402

UNCONFINED = ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
PROBE = "/escape/escape-probe"
LIMITS = ["-m", "512m", "--cpus", "1"]

# name of a cell: options of docker run, and the command; exec cells go into a plain container. What a cell must show:
# a column of rows.tsv, or "either": a refusal or what one of the columns allows.
CELLS = {
    "plain": ([], [PROBE], "plain"),
    "privileged": (["--privileged"], [PROBE], "privileged"),
    "sys_admin": (["--cap-add", "SYS_ADMIN", *UNCONFINED], [PROBE], "either"),
    "unconfined": (["--cap-add", "ALL", *UNCONFINED, "--security-opt", "systempaths=unconfined"], [PROBE], "either"),
    "user": (["-u", "1000"], [PROBE], "either"),
    "nested": (["--privileged"], [PROBE, "--nested"], "either"),
    "exec": (None, [], "either"),
    "exec_privileged": (None, ["--privileged"], "either"),
}


def system_calls():
    """Names of all that the C library's headers know."""
    found = set()
    for path in ("/usr/include/*/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h"):
        for header in glob.glob(path):
            found |= set(re.findall(r"#define __NR3?_?(\w+)", support.read(header)))
    assert "openat" in found
    return found


# Cells for rows of their own: the profile of whoever starts the container, as a list of what is refused or allowed.
PROFILES = {
    "deny_list": ("SB8", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["bpf", "unshare"], "action": "SCMP_ACT_ERRNO", "errnoRet": 54},
        {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 54,
         "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}]}),
    "allow_list": ("SB9", {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        {"names": sorted(system_calls() - {"bpf", "unshare", "personality"}), "action": "SCMP_ACT_ALLOW"},
        {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]}]}),
}

libc = ctypes.CDLL(None, use_errno=True)
SYS_ADD_KEY, SYS_KEYCTL = 248, 250
AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400
USER_KEYRING, SETPERM, UNLINK, READ = -4, 5, 9, 11


class Measured:
    """What one engine's containers reached: cells[cell][id] = [(part, word, detail)]; the host before and after."""

    def __init__(self):
        self.cells, self.before, self.after = {}, {}, {}

    def of(self, ident):
        return {cell: found[ident] for cell, found in self.cells.items() if ident in found}


# ── the host ───────────────────────────────────────────────────────────────────────────────────────


def tree(folder):
    found = {}
    for top, dirs, files in os.walk(folder):
        for name in dirs + files:
            path = os.path.join(top, name)
            st = os.lstat(path)
            content = hashlib.sha256(open(path, "rb").read()).hexdigest() if stat.S_ISREG(st.st_mode) else ""
            found[os.path.relpath(path, folder)] = (st.st_uid, st.st_gid, st.st_mode, content, tuple(os.listxattr(path, follow_symlinks=False)))
    return found


def binfmt_entries():
    """Of the host's instance, which need not be mounted anywhere."""
    done = support.run("unshare", "--mount", "--propagation", "private", "sh", "-c",
                       "mount -t binfmt_misc b /mnt 2>/dev/null && ls /mnt", check=False)
    return done.lines


def namespace_sysctls():
    """Numbers that containers have their own of; those of single interfaces come and go with these."""
    found = {}
    for top in ("/proc/sys/net", "/proc/sys/user", "/proc/sys/fs/mqueue"):
        for folder, _, names in os.walk(top):
            single = re.search(r"/(conf|neigh)/(?!all|default)", folder)
            for name in () if single else names:
                with contextlib.suppress(OSError):
                    text = support.read(f"{folder}/{name}")
                    if re.fullmatch(r"[0-9]+\n", text) and "count" not in name:
                        found[f"{folder}/{name}"] = text
    return found


def namespace_handle():
    """A file handle of the host's UTS namespace as "TYPE:HEX", or "" where the kernel has none."""
    buffer = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    mount = ctypes.c_int()
    if libc.name_to_handle_at(AT_FDCWD, b"/proc/self/ns/uts", buffer, ctypes.byref(mount), AT_SYMLINK_FOLLOW) != 0:
        return ""
    size, kind = struct.unpack("Ii", buffer.raw[:8])
    return f"{kind}:{buffer.raw[8:8 + size].hex()}"


class Stage:
    """What is bound into the containers, and what of the host the oracles of rows.tsv look at."""

    def __init__(self, engine, folder):
        self.engine, self.folder = engine, folder
        for name in ("escape", "ro/part", "rw", "both", "flags"):
            os.makedirs(f"{folder}/{name}")
        for name in ("ro/file", "ro/part/file", "rw/file", "both/file"):
            support.write(f"{folder}/{name}", "of the host")
        support.run("cp", support.program("escape-probe"), f"{folder}/escape/escape-probe")
        for name, (_, profile) in PROFILES.items():
            support.write(f"{folder}/{name}.json", json.dumps(profile))
        engine.docker("volume", "create", "escape")
        self.volume = engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", "escape").out
        support.write(f"{self.volume}/file", "of the host")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket_name = f"gabion-escape-{os.getpid()}-{engine.kind}"
        self.socket.bind(f"\0{self.socket_name}")
        self.socket.listen()
        self.key = libc.syscall(SYS_ADD_KEY, b"user", self.socket_name.encode(), b"of the host", 11, USER_KEYRING)
        assert self.key > 0 and libc.syscall(SYS_KEYCTL, SETPERM, self.key, 0x3F3F0000) == 0, os.strerror(ctypes.get_errno())

    def close(self):
        self.socket.close()
        libc.syscall(SYS_KEYCTL, UNLINK, self.key, USER_KEYRING)

    def binds(self):
        found = []
        for inside, outside in {"/escape:ro": "escape", "/ro:ro": "ro", "/rw": "rw", "/both-rw": "both", "/both-ro:ro": "both",
                                "/flags": "flags"}.items():
            found += ["-v", f"{self.folder}/{outside}:{inside}"]
        return [*found, "-v", "escape:/vol:ro"]

    def host(self, names):
        """{name of an oracle: what it sees}."""
        known = {
            "binds": lambda: {name: tree(f"{self.folder}/{name}") for name in ("ro", "both", "rw", "escape")},
            "volume": lambda: tree(self.volume),
            "flags": lambda: [line.split(" - ")[0].split(" ", 5)[5] for line in self.engine.mounts() if f"{self.folder}/flags " in line],
            "mounts": lambda: sorted(line.split(" ", 4)[4].split(" - ")[0] for line in
                                     support.read("/proc/self/mountinfo").splitlines()),
            "engine's mounts": lambda: sorted(line.split()[4] for line in self.engine.mounts()),
            "hierarchies": lambda: [line.split(":", 2)[1] for line in support.read("/proc/self/cgroup").splitlines()],
            "hostname": lambda: os.uname()[1:2],
            "binfmt": binfmt_entries,
            "sysctls of namespaces": namespace_sysctls,
            "clock": lambda: time.time() - time.monotonic(),
            "key": lambda: libc.syscall(SYS_KEYCTL, READ, self.key, None, 0),
        }
        return {name: support.read(name) if name.startswith("/") and os.path.exists(name) else known.get(name, lambda: None)()
                for name in names}


# ── the containers ─────────────────────────────────────────────────────────────────────────────────


def parse(text):
    lines = text.splitlines()
    assert lines and lines[-1] == "end", f"the probes broke off: {text!r}"
    found = {}
    for line in lines[:-1]:
        ident, part, word, detail = line.split("\t")
        found.setdefault(ident, []).append((part, word, detail))
    return found


def environment(stage, change):
    pairs = [f"ESCAPE_KEY={stage.key}", f"ESCAPE_SOCKET={stage.socket_name}", f"ESCAPE_HANDLE={namespace_handle()}",
             *(["ESCAPE_CHANGE=1"] if change else [])]
    return [word for pair in pairs for word in ("-e", pair)]


def run_cell(stage, name, change):
    engine, env = stage.engine, environment(stage, change)
    if name in PROFILES:
        done = engine.run(*LIMITS, "--cap-add", "ALL", "--security-opt", f"seccomp={stage.folder}/{name}.json", *env, *stage.binds(),
                          cmd=[PROBE, PROFILES[name][0]], check=False)
    elif CELLS[name][0] is None:
        c = engine.start(*LIMITS, *env, *stage.binds())
        done = c.exec([*CELLS[name][1], *env], PROBE, check=False)
    else:
        done = engine.run(*LIMITS, *CELLS[name][0], *env, *stage.binds(), cmd=CELLS[name][1], check=False)
    assert done.rc == 0, (name, done)
    return parse(done.out)


def put_right(values):
    """What a hole let through must not stay on this host."""
    for path, value in values.items():
        with contextlib.suppress(OSError):
            if support.read(path) != value:
                support.write(path, value)


def measure(engine, change):
    import rows

    measured = Measured()
    with support.host_folder() as folder, contextlib.ExitStack() as stack:
        stage = Stage(engine, folder)
        stack.callback(stage.close)
        stack.enter_context(support.mount_where([os.getpid(), engine.dockerd()], "-t", "tmpfs", "-o", "nosuid,nodev,noexec",
                                                "escape-flags", f"{folder}/flags"))
        engine.need("alpine")
        names = rows.oracles()
        measured.before = stage.host(names)
        try:
            with ThreadPoolExecutor(4) as pool:
                jobs = {name: pool.submit(run_cell, stage, name, change) for name in [*CELLS, *PROFILES]}
                measured.cells = {name: job.result() for name, job in jobs.items()}
            for container in engine.api("GET", "/containers/json?all=1"):
                engine.api("DELETE", f"/containers/{container['Id']}?force=1&v=1")
            measured.after = stage.host(names)
        finally:
            put_right({name: value for name, value in measured.before.items() if name.startswith("/proc/sys/") and value is not None})
            put_right(measured.before["sysctls of namespaces"])
    engine.sweep()
    return measured
