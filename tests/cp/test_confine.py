# SPDX-License-Identifier: Apache-2.0
"""What the copier is while it works, and that a container can do nothing with it but spoil its own copy."""
import fcntl
import os
import re
import signal
import subprocess
import time

import pytest

from cage import BASE, SIZE, Cage, Copier, run
from test_get import content, names
from test_put import tar

CAPS = {0: "chown", 1: "dac_override", 2: "dac_read_search", 3: "fowner", 4: "fsetid", 27: "mknod", 31: "setfcap"}


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def wait_for(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.01)


def alive(pid):
    try:
        return status(pid)["State"][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def locked(pid):
    """It has entered and locked itself."""
    return lambda: status(pid)["Seccomp"] == "2"


@pytest.fixture
def waiting(one):
    """A copy into the container that waits for its archive."""
    c = Copier(one, "put", "/data")
    wait_for(locked(c.child()), "the lock")
    yield c
    c.close_data()
    c.proc.wait(20)


def ns(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def test_the_one_inside(one, waiting):
    child = waiting.child()
    s = status(child)
    assert s["Uid"].split() == [str(BASE)] * 4 and s["Gid"].split() == [str(BASE)] * 4 and s["Groups"].strip() == ""
    want = f"{sum(1 << n for n in CAPS):016x}"
    assert (s["CapEff"], s["CapPrm"], s["CapInh"], s["CapAmb"]) == (want, want, "0" * 16, "0" * 16)
    assert s["NoNewPrivs"] == "1" and s["Seccomp"] == "2"
    for kind in ("user", "mnt", "pid"):
        assert ns(child, kind) == ns(one.pid, kind), kind
    assert os.stat(f"/proc/{child}/root/").st_ino == os.stat(f"/proc/{one.pid}/root/").st_ino
    with open(f"/proc/{child}/environ", "rb") as f:
        assert f.read().strip(b"\0") == b""
    with open(f"/proc/{child}/cmdline", "rb") as f:
        assert f.read().strip(b"\0") == b""
    fds = {int(n): os.readlink(f"/proc/{child}/fd/{n}") for n in os.listdir(f"/proc/{child}/fd")}
    assert set(fds) - {6} == {0, 1, 2, 3, 4, 5}, fds  # 6: where it extracts to
    assert [fds[n] for n in (0, 1, 2)] == ["anon_inode:[eventfd]"] * 3
    assert fds[3].startswith("pipe:") and fds[4].startswith("pipe:")
    for n in {5, 6} & set(fds):
        assert ":[" not in fds[n]
        assert os.stat(f"/proc/{child}/fd/{n}").st_dev == os.stat(one.root).st_dev
    with open(f"/proc/{child}/limits") as f:
        limits = f.read()
    assert re.search(r"Max processes +0 +0", limits) and re.search(r"Max core file size +0 +0", limits)
    assert os.stat(f"/proc/{child}/status").st_uid == 0  # not dumpable


def test_the_one_outside(one, waiting):
    s = status(waiting.proc.pid)
    assert s["Uid"].split() == [str(BASE)] * 4 and s["Groups"].strip() == ""
    assert (s["CapEff"], s["CapPrm"]) == ("0" * 16, "0" * 16)
    assert s["NoNewPrivs"] == "1" and s["Seccomp"] == "2"
    # It keeps no mount of the container: one that ends and starts again must not find any.
    assert ns(waiting.proc.pid, "mnt") == ns("self", "mnt")
    assert len(os.listdir(f"/proc/{waiting.proc.pid}/fd")) <= 6


def test_not_that_container(one):
    other = Cage(base=BASE + SIZE)
    try:
        for kw in ({"base": other.base}, {"size": 65535}, {"pid": other.pid}, {"pid": os.getpid()}, {"pid": 1}):
            r = run(one, "stat", "/etc", **kw)
            assert (r.code, r.error) == (1, "denied"), kw
            assert "is not of the container with ids" in r.message or kw == {"pid": 1}
    finally:
        other.close()
    dead = subprocess.Popen(["true"])
    r = run(one, "stat", "/", pid=dead.pid)
    assert r.error in ("gone", "denied")  # a zombie
    dead.wait()
    assert run(one, "stat", "/", pid=dead.pid).error == "gone"


def test_process_that_moved_to_a_namespace_below(one):
    """The container's own user namespaces are below it: their maps are others."""
    p = one.sh_popen("exec busybox unshare -U busybox sleep 100")
    try:
        def inner():
            for n in os.listdir("/proc"):
                try:
                    if n.isdigit() and open(f"/proc/{n}/cmdline").read() == "busybox\0sleep\x00100\0" and \
                            ns(n, "user") != ns(one.pid, "user"):
                        return int(n)
                except OSError:
                    pass
        wait_for(inner, "the namespace")
        assert run(one, "stat", "/", pid=inner()).error == "denied"
    finally:
        p.kill()
        p.wait()
        inner() and os.kill(inner(), signal.SIGKILL)


def test_from_inside(one, waiting):
    """The container's root sees the process. It can end it, and that is all."""
    pid = one.sh("for p in /proc/[0-9]*; do [ \"$(busybox cat $p/comm)\" = gabion-cp ] && echo ${p#/proc/}; done; :"
                 ).stdout.split()
    assert len(pid) == 1
    n = int(pid[0])
    for path in ("environ", "fd/3", "root/etc/passwd", "cwd/x", "mem", "maps", "exe", "ns/mnt", "fdinfo/3"):
        r = one.sh(f"busybox head -c 1 /proc/{n}/{path} 2>&1; busybox readlink /proc/{n}/{path} 2>&1; :").stdout
        assert b"ermission denied" in r or r.strip() == b"", (path, r)
    assert one.sh(f"busybox cat /proc/{n}/cmdline").stdout.strip(b"\0") == b""
    assert one.sh(f"busybox ls /proc/{n}/fd 2>&1; :").stdout.count(b"denied") == 1
    one.sh(f"busybox kill -9 {n}")
    r = waiting.finish()
    assert (r.code, r.error) == (1, "internal") and "signal 9" in r.message


def test_stopped_from_inside(one, waiting):
    """Nobody waits for ever: who asked goes away, and so does the copy."""
    child = waiting.child()
    one.sh("busybox killall -STOP gabion-cp")
    wait_for(lambda: status(child)["State"].startswith("T"), "the stop")
    os.close(waiting.status)
    assert waiting.proc.wait(20) == 1
    assert not alive(child)


def big(cage):
    cage.file("data/big", b"x" * (8 << 20))


def test_reader_that_goes_away(one):
    big(one)
    c = Copier(one, "get", "/data")
    assert os.read(c.data, 100)
    child = c.child()
    c.close_data()
    r = c.finish()
    assert r.code == 1 and r.error == "internal" and "broken pipe" in r.message.lower()
    assert not alive(child)


def test_container_that_ends(one):
    big(one)
    copies = [Copier(one, "get", "/data"), Copier(one, "put", "/opt")]
    os.write(copies[1].data, tar(("f", b"x" * 100000))[:5000])
    assert os.read(copies[0].data, 100)
    children = [c.child() for c in copies]
    for n in children:
        wait_for(locked(n), "the lock")
    one.kill()
    os.waitpid(one.outer, 0)  # its parent has seen the end: no process of it is left, the copies' neither
    one.outer = None
    assert not any(alive(n) for n in children)
    for c in copies:
        c.close_data()
        r = c.finish()
        assert (r.code, r.error, r.message) == (1, "gone", "the container stopped")


def test_parent_that_is_killed(one, waiting):
    child = waiting.child()
    waiting.proc.kill()
    wait_for(lambda: not alive(child), "the child's end")


def test_fifo_does_not_block(one):
    os.mkfifo(one.path("data/fifo"))
    start = time.monotonic()
    assert names(run(one, "get", "/data/fifo")) == ["fifo"]
    assert names(run(one, "get", "/data")) == ["data/", "data/fifo"]
    assert run(one, "put", "/data", send=tar(("fifo", b"file"))).lines == [{}]
    assert run(one, "put", "/data/fifo", send=tar(("x", b"x"))).error == "not-dir"
    assert time.monotonic() - start < 10


def test_lease_does_not_block(one):
    """Who opens a file that somebody has a lease on waits for that one, unless he says that he will not."""
    p = one.file("data/leased", b"x")
    one.file("data/other", b"y")
    old = signal.signal(signal.SIGIO, lambda *_: None)
    fd = os.open(p, os.O_RDWR)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        start = time.monotonic()
        r = run(one, "get", "/data")
        assert (r.code, r.error) == (1, "internal") and r.message.startswith("open data/leased: ")
        assert time.monotonic() - start < 10
        assert run(one, "put", "/data", send=tar(("leased", b"new"))).lines == [{}]
    finally:
        os.close(fd)
        signal.signal(signal.SIGIO, old)


def test_swapping(one, tmp_path):
    """CVE-2018-15664: while copies go on, a folder turns into a link to everything and back. The host's files
    are neither read nor written."""
    secret = tmp_path / "secret"
    secret.write_text("the host's")
    inside = str(tmp_path)[1:]
    one.mkdirs(inside)
    one.file(inside + "/secret", b"the container's")
    one.mkdirs("data/real")
    one.file("data/real/secret", b"in the folder")
    one.sh(f"busybox ln -s /{inside} /data/link; busybox cp -a /data/real /data/x")
    swap = one.sh_popen("cd /data; while :; do busybox mv x y; busybox mv link x; busybox mv x link; busybox mv y x; done")
    seen = set()
    try:
        for i in range(150):
            r = run(one, "get", "/data/x/secret")
            if r.code == 0 and r.data:
                seen.add(content(r, "secret"))
            r = run(one, "put", "/data/x", send=tar((f"new{i}", b"x"), ("a/b", b"y")))
            assert r.code == 0 or r.error in ("not-found", "not-dir", "internal", "exists"), r
            r = run(one, "get", "/data")
            assert r.error in (None, "not-found", "internal"), r
            assert b"the host's" not in r.data
    finally:
        swap.kill()
        swap.wait()
    assert seen <= {b"the container's", b"in the folder"} and seen
    assert os.listdir(tmp_path) == ["secret"] and secret.read_text() == "the host's"


def test_hostile_writers(one):
    """Files that are made, removed and filled where something is being extracted and removed."""
    one.mkdirs("data/tree/a")
    p = one.sh_popen("cd /data; while :; do echo x > f; busybox rm -rf f; busybox mkdir f; busybox rmdir f; "
                     "busybox ln -s / f; busybox rm -f f; busybox mkdir -p tree/a/b/c; echo > tree/a/b/c/f; done")
    try:
        for _ in range(100):
            r = run(one, "put", "/data", send=tar(("f", b"whole" * 100), ("tree", b"file"), ("tree", "dir")))
            assert r.code == 0 or r.error in ("exists", "internal", "not-found", "not-dir"), r
            assert r.message is None or "signal" not in r.message
    finally:
        p.kill()
        p.wait()
    assert os.path.exists(one.path("etc/passwd")) and os.path.exists(one.path("bin/busybox"))


def trace(cage, tmp_path, mode, path, send=None):
    """Lines of strace(1) of the child from when it is in the container's root."""
    prefix = str(tmp_path / "trace")
    c = Copier(cage, mode, path, wrap=["strace", "-ff", "-o", prefix, "-s", "200"])
    r = c.finish(send)
    assert r.code == 0, r
    for f in tmp_path.glob("trace.*"):
        text = f.read_text(errors="replace")
        if "chroot(" in text:
            f.unlink()
            return text[text.index("chroot("):].splitlines()
    raise AssertionError("no process changed its root")


def test_nothing_of_the_container_is_loaded(one, tmp_path):
    """CVE-2019-14271: name services, locales and decompressors are what would be loaded from the container."""
    for d in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/gconv", "usr/lib/locale", "etc"):
        one.mkdirs(d)
    for n in ("lib/x86_64-linux-gnu/libnss_files.so.2", "usr/lib/x86_64-linux-gnu/libnss_compat.so.2",
              "usr/lib/x86_64-linux-gnu/gconv/gconv-modules", "etc/ld.so.preload", "etc/localtime", "etc/nsswitch.conf"):
        one.file(n, b"evil")
    one.file("data/\u00e9\u4f60", b"x" * 100000, uid=1234)
    import lzma
    send = lzma.compress(tar(("\u00e9\u4f60", b"x" * 100000, {"uid": 77, "uname": "app", "gname": "app"})))
    seen = set()
    for mode, path, data in (("stat", "/data", None), ("get", "/data", None), ("put", "/opt", send)):
        lines = trace(one, tmp_path, mode, path, data)
        lock = next(i for i, l in enumerate(lines) if l.startswith("seccomp("))
        before, after = lines[:lock], lines[lock + 1:]
        assert not [l for l in after if re.match(r"(open|openat|execve|execveat|fork|clone|clone3|vfork|dlopen)\(", l)]
        assert not [l for l in after if "PROT_EXEC" in l], mode
        # before the lock, in the container's root already: no file of it is opened but the root itself
        assert [l for l in before if re.match(r"open(at)?\(", l)] == [
            l for l in before if re.match(r'openat\(AT_FDCWD, "/", O_RDONLY\|O_CLOEXEC\|O_PATH\|O_DIRECTORY\)', l)]
        seen |= {l.split("(")[0] for l in after if "(" in l}
    assert "openat2" in seen
