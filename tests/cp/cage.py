# SPDX-License-Identifier: Apache-2.0
"""A container-like process to copy into and out of, without any engine: its own user, mount and pid
namespaces, ids from BASE, a root file system with busybox. And the copier itself, run on it."""
import ctypes
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time

BASE = 0x70000000
SIZE = 65536

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWIPC = 0x20000, 0x10000000, 0x20000000, 0x8000000
MS_REC, MS_PRIVATE, MS_BIND, MNT_DETACH = 0x4000, 0x40000, 0x1000, 2
MS_RDONLY, MS_REMOUNT = 1, 32
SYS_PIVOT_ROOT, SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_MOUNT_SETATTR = 155, 428, 429, 442
AT_FDCWD, AT_EMPTY_PATH = -100, 0x1000
OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC, MOVE_MOUNT_F_EMPTY_PATH = 1, 0o2000000, 4
MOUNT_ATTR_IDMAP = 0x100000

libc = ctypes.CDLL(None, use_errno=True)


def check(r, what):
    if r < 0:
        e = ctypes.get_errno()
        raise OSError(e, f"{what}: {os.strerror(e)}")
    return r


def mount(source, target, kind, flags=0, data=None):
    enc = lambda s: None if s is None else os.fsencode(s)
    check(libc.mount(enc(source), enc(target), enc(kind), ctypes.c_ulong(flags), enc(data)), f"mount {target}")


def idmap_mount(source, target, userns_fd):
    """Attaches an ID-mapped clone of source at target (in this mount namespace)."""
    fd = check(libc.syscall(SYS_OPEN_TREE, AT_FDCWD, os.fsencode(source), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
               "open_tree")
    try:
        attr = struct.pack("=QQQQ", MOUNT_ATTR_IDMAP, 0, MS_PRIVATE, userns_fd)
        check(libc.syscall(SYS_MOUNT_SETATTR, fd, b"", AT_EMPTY_PATH, attr, len(attr)), "mount_setattr")
        check(libc.syscall(SYS_MOVE_MOUNT, fd, b"", AT_FDCWD, os.fsencode(target), MOVE_MOUNT_F_EMPTY_PATH),
              "move_mount")
    finally:
        os.close(fd)


class Cage:
    """`root` is the folder on the host that the container sees as "/"; with idmapped=True its files keep
    ids from 0 on disk, else they are BASE + id. `volumes` maps names in it to folders of the host that are
    ID-mapped there (made if they are missing; read-only if the name ends in ":ro"). `mounts` is called in the
    container's mount namespace, with the container's rights, before its root is changed; it gets the path of
    that. `tmpfs`: options of a tmpfs to have the root on."""

    def __init__(self, idmapped=False, mounts=None, base=BASE, size=SIZE, tmpfs=None, volumes=None, readonly=False):
        self.base, self.size, self.idmapped = base, size, idmapped
        self.dir = tempfile.mkdtemp(prefix="cp-cage-")
        os.chmod(self.dir, 0o755)
        self.root = os.path.join(self.dir, "root")
        self.view = os.path.join(self.dir, "view")
        self.mounted = []
        for d in (self.root, self.view):
            os.mkdir(d)
        if tmpfs:
            mount("tmpfs", self.root, "tmpfs", 0, tmpfs)
            self.mounted.append(self.root)
        os.chmod(self.root, 0o755)
        self.own(self.root, 0, 0)
        for d in ("bin", "etc", "tmp", "proc", "sys", "dev", "data", "opt"):
            self.mkdir(d, 0o1777 if d == "tmp" else 0o755)
        shutil.copy("/usr/bin/busybox", os.path.join(self.root, "bin/busybox"))
        os.chmod(os.path.join(self.root, "bin/busybox"), 0o755)
        self.own(os.path.join(self.root, "bin/busybox"), 0, 0)
        os.symlink("busybox", os.path.join(self.root, "bin/sh"))
        self.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\napp:x:1234:4321:app:/:/bin/sh\n")
        self.file("etc/group", b"root:x:0:\napp:x:4321:\nstaff:x:50:app\n")
        self.mounts, self.volumes, self.readonly = mounts, volumes or {}, readonly
        self.pid = self.outer = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    # Files, made from outside with owners as the container will see them.
    def id(self, n):
        return n if self.idmapped else n + self.base

    def own(self, path, uid, gid):
        os.chown(path, self.id(uid), self.id(gid), follow_symlinks=False)

    def path(self, name):
        return os.path.join(self.root, name)

    def mkdir(self, name, mode=0o755, uid=0, gid=0):
        os.mkdir(self.path(name))
        os.chmod(self.path(name), mode)
        self.own(self.path(name), uid, gid)
        return self.path(name)

    def mkdirs(self, name):
        for i in range(1, name.count("/") + 2):
            part = "/".join(name.split("/")[:i])
            if not os.path.isdir(self.path(part)):
                self.mkdir(part)

    def file(self, name, data=b"", mode=0o644, uid=0, gid=0):
        p = self.path(name)
        with open(p, "wb") as f:
            f.write(data)
        self.own(p, uid, gid)
        os.chmod(p, mode)
        return p

    def symlink(self, target, name):
        os.symlink(target, self.path(name))
        self.own(self.path(name), 0, 0)

    def owner(self, name):
        """(uid, gid) as the container sees them."""
        st = os.lstat(self.path(name))
        off = 0 if self.idmapped else self.base
        return st.st_uid - off, st.st_gid - off

    def start(self):
        up_r, up_w = os.pipe()      # child to parent: its user namespace is there; then: ready
        go_r, go_w = os.pipe()      # parent to child: maps are written
        outer = os.fork()
        if outer == 0:
            try:
                os.close(up_r), os.close(go_w)
                self._child(up_w, go_r)
            except BaseException as e:  # noqa: B902 - a forked child must not return into pytest
                os.write(2, f"cage: {e}\n".encode())
            os._exit(1)
        self.outer = outer
        os.close(up_w), os.close(go_r)
        assert os.read(up_r, 1) == b"u", "the container's user namespace was not made"
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{outer}/{name}", "w") as f:
                f.write(f"0 {self.base} {self.size}\n")
        for name in self.volumes:
            os.makedirs(self.path(name.removesuffix(":ro")), exist_ok=True)
        user = os.open(f"/proc/{outer}/ns/user", os.O_RDONLY)
        if self.idmapped:
            idmap_mount(self.root, self.view, user)
        else:
            mount(self.root, self.view, None, MS_BIND)
        self.mounted.append(self.view)
        if self.readonly:
            mount(None, self.view, None, MS_BIND | MS_REMOUNT | MS_RDONLY)
        for name, source in self.volumes.items():
            target = os.path.join(self.view, name.removesuffix(":ro"))
            idmap_mount(source, target, user)
            self.mounted.append(target)
            if name.endswith(":ro"):
                mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY)
        os.close(user)
        os.write(go_w, b"g")
        line = b""
        while not line.endswith(b"\n"):
            got = os.read(up_r, 64)
            assert got, "the container did not start"
            line += got
        os.close(up_r), os.close(go_w)
        kids = open(f"/proc/{outer}/task/{outer}/children").read().split()
        assert len(kids) == 1, kids
        self.pid = int(kids[0])

    def _child(self, up, go):
        check(libc.unshare(CLONE_NEWUSER), "unshare user")
        os.write(up, b"u")
        assert os.read(go, 1) == b"g"
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        check(libc.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC), "unshare")
        libc.prctl(1, signal.SIGKILL, 0, 0, 0)
        init = os.fork()
        if init > 0:
            os.close(up)
            _, status = os.waitpid(init, 0)
            os._exit(0)
        libc.prctl(1, signal.SIGKILL, 0, 0, 0)
        mount("none", "/", None, MS_REC | MS_PRIVATE)
        mount(self.view, self.view, None, MS_BIND | MS_REC)  # one that is not locked, for pivot_root
        mount("proc", os.path.join(self.view, "proc"), "proc")
        if self.mounts:
            self.mounts(self.view)
        os.chdir(self.view)
        check(libc.syscall(SYS_PIVOT_ROOT, b".", b"."), "pivot_root")
        check(libc.umount2(b".", MNT_DETACH), "umount")
        os.chdir("/")
        os.write(up, b"ready\n")
        os.closerange(3, 256)
        os.execve("/bin/busybox", ["busybox", "sleep", "86400"], {})

    def sh(self, script, **kw):
        """Runs a busybox script inside, as the container's root."""
        return subprocess.run(["nsenter", "-t", str(self.pid), "-U", "-m", "-p", "-r", "-w", "--",
                               "/bin/busybox", "sh", "-c", script], check=True, capture_output=True, **kw)

    def sh_popen(self, script):
        return subprocess.Popen(["nsenter", "-t", str(self.pid), "-U", "-m", "-p", "-r", "-w", "--",
                                 "/bin/busybox", "sh", "-c", script], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def kill(self):
        """Ends the container's first process, and with it the container."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self):
        if self.outer:
            try:
                os.kill(self.outer, signal.SIGKILL)
            except ProcessLookupError:
                pass
            os.waitpid(self.outer, 0)
            self.pid = self.outer = None
        for m in reversed(self.mounted):
            libc.umount2(os.fsencode(m), MNT_DETACH)
        self.mounted = []
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def program():
    p = os.environ.get("GABION_CP")
    if p:
        return p
    build = os.environ.get("GABION_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))
    p = os.path.join(build, "src/cp/gabion-cp")
    assert os.access(p, os.X_OK), f"{p} is not there: build it, or set GABION_BUILD or GABION_CP"
    return p


class Result:
    def __init__(self, code, lines, data):
        self.code, self.lines, self.data = code, lines, data
        self.error = next((l["error"] for l in lines if "error" in l), None)
        self.message = next((l["message"] for l in lines if "error" in l), None)
        self.facts = lines[0] if lines and "name" in lines[0] else None

    def __repr__(self):
        return f"code {self.code} lines {self.lines} data {len(self.data)} bytes"


class Copier:
    """One run of gabion-cp, its ends held open."""

    def __init__(self, cage, mode, path, *flags, pid=None, base=None, size=None, wrap=()):
        self.mode = mode
        status_r, status_w = os.pipe()
        fds = [status_w]
        self.data = None
        args = [*wrap, program(), "--pid", str(pid or cage.pid), "--base", str(base or cage.base),
                "--size", str(size or cage.size), "--mode", mode, "--path", path,
                "--status-fd", str(status_w), *flags]
        if mode != "stat":
            r, w = os.pipe()
            theirs, ours = (w, r) if mode == "get" else (r, w)
            args += ["--fd", str(theirs)]
            fds.append(theirs)
            self.data = ours
        self.proc = subprocess.Popen(args, pass_fds=fds, env={"LD_PRELOAD_IS_NOT_KEPT": "1"})
        for fd in fds:
            os.close(fd)
        self.status = status_r

    def child(self):
        """Host pid of the process inside the container."""
        for _ in range(500):
            kids = open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children").read().split()
            if kids:
                return int(kids[0])
            time.sleep(0.01)
        raise AssertionError("gabion-cp has no child")

    def close_data(self):
        if self.data is not None:
            os.close(self.data)
            self.data = None

    def finish(self, send=None, timeout=60):
        out = b""
        if self.mode == "put":
            try:
                view = memoryview(send or b"")
                while view:
                    view = view[os.write(self.data, view[:1 << 20]):]
            except BrokenPipeError:
                pass
            self.close_data()
        elif self.mode == "get" and self.data is not None:
            chunks = []
            while True:
                got = os.read(self.data, 1 << 20)
                if not got:
                    break
                chunks.append(got)
            out = b"".join(chunks)
            self.close_data()
        text = b""
        while True:
            got = os.read(self.status, 65536)
            if not got:
                break
            text += got
        os.close(self.status)
        code = self.proc.wait(timeout)
        return Result(code, [json.loads(l) for l in text.splitlines()], out)


def run(cage, mode, path, *flags, send=None, **kw):
    return Copier(cage, mode, path, *flags, **kw).finish(send)
