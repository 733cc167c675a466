# SPDX-License-Identifier: Apache-2.0
"""Facts about a path, and archives of it: names, order, owners and contents as moby gives them."""
import io
import os
import socket
import stat
import struct
import subprocess
import tarfile

import pytest

from cage import Cage, MS_BIND, mount, run

GO_DIR, GO_SYMLINK, GO_SETUID, GO_SETGID, GO_STICKY = 1 << 31, 1 << 27, 1 << 23, 1 << 22, 1 << 20
GO_FIFO, GO_SOCKET, GO_DEVICE, GO_CHAR = 1 << 25, 1 << 24, 1 << 26, 1 << 21


def facts(cage, path):
    r = run(cage, "stat", path)
    assert r.code == 0 and len(r.lines) == 1, r
    return r.lines[0]


def listing(r):
    assert r.code == 0 and len(r.lines) == 1, r
    with tarfile.open(fileobj=io.BytesIO(r.data), errors="surrogateescape") as t:
        return t.getmembers()


def names(r):
    """As they stand in the archive: Python takes slashes off the end."""
    assert r.code == 0, r
    out, data, at, longer = [], r.data, 0, None
    while data[at:at + 512].strip(b"\0"):
        head = data[at:at + 512]
        size = int(head[124:135], 8)
        if head[156:157] == b"x":
            text = data[at + 512:at + 512 + size]
            longer = next((x.split(b"=", 1)[1] for x in text.split(b"\n") if b" path=" in x), None)
        else:
            name, prefix = head[:100].rstrip(b"\0"), head[345:500].rstrip(b"\0")
            out.append((longer or (prefix + b"/" + name if prefix else name)).decode(errors="surrogateescape"))
            longer = None
        at += 512 + (size + 511) // 512 * 512
    assert data[at:] == b"\0" * 1024
    return out


def content(r, name):
    with tarfile.open(fileobj=io.BytesIO(r.data), errors="surrogateescape") as t:
        return t.extractfile(name).read()


def test_stat_of_everything(cage):
    cage.file("data/f", b"12345", mode=0o4755, uid=7, gid=8)
    os.utime(cage.path("data/f"), ns=(0, 1700000000_120000000))
    assert facts(cage, "/data/f") == {"name": "f", "size": 5, "mode": GO_SETUID | 0o755,
                                      "mtime": "2023-11-14T22:13:20.12Z", "linkTarget": ""}
    assert facts(cage, "data/f")["name"] == "f"
    assert facts(cage, "/data/../data/./f")["size"] == 5
    for path, name in (("/data", "data"), ("/data/", "data"), ("/data/.", "."), ("/", "/"), ("/.", "."), ("/..", "/")):
        f = facts(cage, path)
        assert (f["name"], f["mode"]) == (name, GO_DIR | 0o755), path
    assert facts(cage, "/tmp")["mode"] == GO_DIR | GO_STICKY | 0o777
    os.mkfifo(cage.path("data/fifo"), 0o600)
    os.chmod(cage.path("data/fifo"), 0o2600)
    assert facts(cage, "/data/fifo")["mode"] == GO_FIFO | GO_SETGID | 0o600
    s = socket.socket(socket.AF_UNIX)
    s.bind(cage.path("data/socket"))
    assert facts(cage, "/data/socket")["mode"] & ~0o777 == GO_SOCKET
    os.mknod(cage.path("data/null"), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    assert facts(cage, "/data/null")["mode"] & ~0o777 == GO_DEVICE | GO_CHAR


def test_stat_errors(one):
    one.file("data/f")
    r = run(one, "stat", "/none")
    assert (r.code, r.error, r.message) == (1, "not-found", "lstat /none: no such file or directory")
    assert run(one, "stat", "/data/f/").error == "internal"
    assert run(one, "stat", "/data/f/x").message == "lstat /data/f/x: not a directory"
    assert run(one, "stat", "/" + "x" * 300).error == "internal"
    assert run(one, "stat", "/x" * 3000).message.endswith("file name too long")


def test_link_targets(one):
    one.mkdir("data/sub")
    one.file("data/sub/f")
    for target, name, want in (
            ("sub/f", "data/relative", "/data/sub/f"),
            ("/data/sub", "data/absolute", "/data/sub"),
            ("../../../../etc/passwd", "data/up", "/etc/passwd"),
            ("missing/../x", "data/broken", "/data/x"),
            ("absolute/f", "data/through", "/data/sub/f"),
            ("relative", "data/twice", "/data/sub/f"),
            ("/", "data/root", "/"),
            ("absolute/../..", "data/dots", "/")):
        one.symlink(target, name)
        f = facts(one, "/" + name)
        assert (f["linkTarget"], f["mode"]) == (want, GO_SYMLINK | 0o777), name
        assert f["size"] == len(target)
    assert facts(one, "/data/absolute/")["mode"] == GO_DIR | 0o755
    assert facts(one, "/data/absolute/f")["name"] == "f"
    one.symlink("loop2", "data/loop1")
    one.symlink("loop1", "data/loop2")
    assert run(one, "stat", "/data/loop1").message == "evalSymlinksInScope: too many links in /data/loop1"
    assert run(one, "stat", "/data/loop1/x").message.endswith("too many levels of symbolic links")


def test_names_in_the_archive(one):
    one.mkdir("data/sub")
    one.file("data/sub/f")
    one.file("data/.hidden")
    one.symlink("sub", "data/link")
    tree = [".hidden", "link", "sub/", "sub/f"]
    assert names(run(one, "get", "/data")) == ["data/"] + ["data/" + n for n in tree]
    assert names(run(one, "get", "/data/")) == ["data/"] + ["data/" + n for n in tree]
    assert names(run(one, "get", "/data/.")) == ["./"] + ["./" + n for n in tree]
    assert names(run(one, "get", "/data/sub/..")) == ["data/"] + ["data/" + n for n in tree]
    assert names(run(one, "get", "/data/sub/f")) == ["f"]
    assert names(run(one, "get", "/data/link")) == ["link"]
    assert names(run(one, "get", "/data/link/")) == ["link/", "link/f"]
    assert names(run(one, "get", "/data/link/.")) == ["./", "./f"]
    assert names(run(one, "get", "/data/link/f")) == ["f"]
    everything = names(run(one, "get", "/"))
    assert everything[:3] == ["/", "/bin/", "/bin/busybox"]
    assert "/data/sub/f" in everything and "/proc/" in everything
    assert names(run(one, "get", "/."))[:3] == ["./", "./bin/", "./bin/busybox"]


def test_stat_line_comes_with_the_archive(one):
    r = run(one, "get", "/etc/")
    assert r.facts["name"] == "etc" and r.facts["mode"] == GO_DIR | 0o755
    assert run(one, "get", "/none").error == "not-found"


def test_metadata(cage):
    cage.mkdir("data/d", 0o2750, 10, 20)
    cage.file("data/d/f", b"x" * 1000, 0o4711, 1234, 65535)
    cage.symlink("../nowhere", "data/d/l")
    os.mkfifo(cage.path("data/d/p"), 0o640)
    cage.own(cage.path("data/d/p"), 3, 4)
    os.mknod(cage.path("data/d/c"), 0o620 | stat.S_IFCHR, os.makedev(300, 70000))
    for n in ("f", "p", "c", ""):
        os.utime(cage.path("data/d/" + n), ns=(0, 1700000001_999999999))
    r = run(cage, "get", "/data/d")
    m = {t.name: t for t in listing(r)}
    assert list(m) == ["d", "d/c", "d/f", "d/l", "d/p"]
    assert (m["d"].mode, m["d"].uid, m["d"].gid, m["d"].mtime) == (0o2750, 10, 20, 1700000001)
    f = m["d/f"]
    assert (f.mode, f.uid, f.gid, f.size, f.mtime, f.uname, f.gname) == (0o4711, 1234, 65535, 1000, 1700000001, "", "")
    assert (m["d/l"].linkname, m["d/l"].uid, m["d/l"].type) == ("../nowhere", 0, tarfile.SYMTYPE)
    assert (m["d/p"].type, m["d/p"].uid, m["d/p"].gid, m["d/p"].mode) == (tarfile.FIFOTYPE, 3, 4, 0o640)
    assert (m["d/c"].type, m["d/c"].devmajor, m["d/c"].devminor) == (tarfile.CHRTYPE, 300, 70000)
    assert content(r, "d/f") == b"x" * 1000


def test_hard_links_and_sockets(one):
    one.file("data/a", b"first")
    os.link(one.path("data/a"), one.path("data/b"))
    os.link(one.path("data/a"), one.path("etc/outside"))
    one.symlink("x", "data/s1")
    os.link(one.path("data/s1"), one.path("data/s2"), follow_symlinks=False)
    s = socket.socket(socket.AF_UNIX)
    s.bind(one.path("data/socket"))
    r = run(one, "get", "/data")
    m = {t.name: t for t in listing(r)}
    assert list(m) == ["data", "data/a", "data/b", "data/s1", "data/s2"]
    assert m["data/a"].isreg() and m["data/b"].islnk() and m["data/b"].linkname == "data/a"
    assert m["data/s2"].islnk() and m["data/s2"].linkname == "data/s1"
    assert names(run(one, "get", "/data/socket")) == []
    assert listing(run(one, "get", "/data/b"))[0].isreg()


def test_capabilities(cage):
    cap = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
    cage.file("data/ping", b"x", 0o755)
    cage.file("data/plain", b"x", 0o755)
    rootid = struct.pack("<I", cage.id(0)) if not cage.idmapped else b""
    v3 = struct.pack("<IIIII", 0x03000001, 1 << 13, 0, 0, 0) + rootid
    os.setxattr(cage.path("data/ping"), "security.capability", v3 if rootid else cap)
    os.setxattr(cage.path("data/ping"), "user.other", b"1")
    m = {t.name: t for t in listing(run(cage, "get", "/data"))}
    got = {k: v for k, v in m["data/ping"].pax_headers.items() if k.startswith("SCHILY")}
    assert list(got) == ["SCHILY.xattr.security.capability"]
    assert got["SCHILY.xattr.security.capability"].encode("utf-8", "surrogateescape") == cap
    assert not m["data/plain"].pax_headers


def test_names_are_bytes(one):
    odd = [b"latin\xe9", b"\xff\xfe", "unic\u00f6de \u4f60".encode(), b"new\nline", b"-dash", b" space ", b"x" * 255]
    for n in odd:
        with open(os.path.join(os.fsencode(one.path("data")), n), "w"):
            pass
    deep = "/".join(["d" * 100] * 30)
    os.makedirs(one.path("data/" + deep))
    r = run(one, "get", "/data/.")
    got = [n.encode("utf-8", "surrogateescape") for n in names(r) if not n.startswith("./" + "d" * 100)]
    assert got == [b"./"] + sorted(b"./" + n for n in odd)
    assert f"./{deep}/" in names(r)
    assert names(run(one, "get", b"/data/latin\xe9")) == ["latin\udce9"]


def test_big_and_sparse(one):
    blob = os.urandom(1 << 20) * 40
    one.file("data/big", blob + b"tail")
    with open(one.path("data/holes"), "wb") as f:
        f.seek(20 << 20)
        f.write(b"end")
    r = run(one, "get", "/data")
    assert content(r, "data/big") == blob + b"tail"
    assert content(r, "data/holes") == b"\0" * (20 << 20) + b"end"


def test_many_files(one):
    os.mkdir(one.path("data/many"))
    for i in range(5000):
        with open(one.path(f"data/many/f{i:05}"), "w") as f:
            f.write(str(i))
    r = run(one, "get", "/data/many/.")
    assert names(r) == ["./"] + [f"./f{i:05}" for i in range(5000)]


def test_file_that_changes_its_size(one):
    """What the header promises is what comes, and the archive goes on after it."""
    one.file("data/a", b"x" * (30 << 20))
    one.file("data/b", b"after")
    p = one.sh_popen("while :; do busybox truncate -s 1000 /data/a; busybox truncate -s 30m /data/a; done")
    try:
        for _ in range(10):
            r = run(one, "get", "/data")
            sizes = {t.name: t.size for t in listing(r)}
            assert sizes["data/a"] in (1000, 30 << 20) and content(r, "data/b") == b"after"
    finally:
        p.kill()
        p.wait()


def volumes(view):
    """Mounts as a container has them. Made with its own rights, so none of these is ID-mapped."""
    for d in ("dev", "opt/scratch", "opt/scratch/inner"):
        os.makedirs(os.path.join(view, d), exist_ok=True)
        mount("tmpfs", os.path.join(view, d), "tmpfs", 0, "mode=755")
    os.makedirs(os.path.join(view, "opt/scratch/inner/deep"))
    os.makedirs(os.path.join(view, "opt/bound"))
    os.makedirs(os.path.join(view, "dev/part"))
    with open(os.path.join(view, "dev/part/file"), "w") as f:
        f.write("part of a tmpfs")
    mount(os.path.join(view, "dev/part"), os.path.join(view, "opt/bound"), None, MS_BIND)
    os.symlink("/proc/self/fd", os.path.join(view, "dev/fd"))
    with open(os.path.join(view, "dev/null"), "w"):
        pass
    mount("/dev/null", os.path.join(view, "dev/null"), None, MS_BIND)


def test_pseudo_and_scratch_mounts():
    with Cage(mounts=volumes) as c:
        whole = names(run(c, "get", "/."))
        assert [n for n in whole if n.startswith("./proc")] == ["./proc/"]
        assert [n for n in whole if n.startswith("./dev")] == ["./dev/"]
        assert [n for n in whole if n.startswith("./opt")] == ["./opt/", "./opt/bound/", "./opt/bound/file",
                                                               "./opt/scratch/"]
        # asked for by their own path
        assert names(run(c, "get", "/opt/scratch")) == ["scratch/", "scratch/inner/"]
        assert names(run(c, "get", "/dev")) == ["dev/", "dev/fd", "dev/part/", "dev/part/file"]
        assert names(run(c, "get", "/proc")) == ["proc/"]
        assert run(c, "get", "/proc/1/status").error == "not-found"
        assert run(c, "stat", "/proc/version").error == "not-found"
        assert run(c, "stat", "/dev/fd/0").error in ("not-found", "internal")
        assert facts(c, "/proc")["mode"] & GO_DIR


def test_volumes(tmp_path):
    """What is mounted from outside is archived, also when it lives on the host's tmpfs."""
    disk, memory = tmp_path / "disk", tmp_path / "memory"
    for d in (disk, memory):
        d.mkdir()
    mount("tmpfs", str(memory), "tmpfs")
    try:
        for d in (disk, memory):
            (d / "file").write_text("kept")
        with Cage(idmapped=True, volumes={"opt/disk": str(disk), "opt/memory:ro": str(memory)}) as c:
            r = run(c, "get", "/opt")
            assert names(r) == ["opt/", "opt/disk/", "opt/disk/file", "opt/memory/", "opt/memory/file"]
            assert {t.uid for t in listing(r)} == {0}
            assert content(r, "opt/memory/file") == b"kept"
    finally:
        subprocess.run(["umount", "-l", memory], check=True)


def test_what_cannot_be_read(one):
    """A file of somebody whom the container does not know (a bind of a host's folder can have such)."""
    p = one.file("data/alien", b"secret", 0o600)
    one.file("data/own", b"mine")
    os.chown(p, 0, 0)
    r = run(one, "get", "/data")
    assert (r.code, r.error) == (1, "denied") and "alien" in r.message
    with tarfile.open(fileobj=io.BytesIO(r.data)) as t:
        assert t.getnames() == ["data", "data/own"]
    r = run(one, "get", "/data/alien")
    assert r.error == "denied" and not r.data and r.facts is None
    os.chmod(p, 0o644)
    alien = listing(run(one, "get", "/data/alien"))[0]
    assert (alien.uid, alien.gid) == (65534, 65534)


@pytest.mark.parametrize("tool", ["tar", "busybox tar"])
def test_other_readers(one, tmp_path, tool):
    one.mkdir("data/d")
    one.file("data/d/" + "n" * 200, b"long name")
    one.file("data/d/f", b"hello", uid=2000, gid=3000)
    os.link(one.path("data/d/f"), one.path("data/d/h"))
    r = run(one, "get", "/data/d")
    subprocess.run([*tool.split(), "-x", "-f", "-", "-C", tmp_path], input=r.data, check=True)
    assert (tmp_path / "d/h").read_text() == "hello"
    assert (tmp_path / "d" / ("n" * 200)).read_text() == "long name"
    assert os.stat(tmp_path / "d/f").st_uid == 2000
