# SPDX-License-Identifier: Apache-2.0
"""Extraction: what moby makes of an archive, and that nothing in it reaches out of the container."""
import bz2
import gzip
import io
import lzma
import os
import random
import stat
import struct
import subprocess
import tarfile

import pytest

from cage import Cage, Copier, MS_BIND, mount, run

T = tarfile
TYPES = {"dir": T.DIRTYPE, "sym": T.SYMTYPE, "link": T.LNKTYPE, "fifo": T.FIFOTYPE, "chr": T.CHRTYPE, "blk": T.BLKTYPE}


def tar(*entries, fmt=T.PAX_FORMAT, pad=True):
    """An archive of (name, content or a key of TYPES, attributes) entries."""
    b = io.BytesIO()
    with T.open(fileobj=b, mode="w", format=fmt, errors="surrogateescape") as t:
        for name, what, *more in entries:
            i = T.TarInfo(name)
            i.mtime = 1700000000
            data = None
            if isinstance(what, bytes):
                data, i.size = io.BytesIO(what), len(what)
            else:
                i.type = TYPES[what]
                i.mode = {"dir": 0o755, "sym": 0o777}.get(what, 0o644)
            for k, v in (more[0] if more else {}).items():
                setattr(i, k, v)
            t.addfile(i, data)
        end = t.offset
    return b.getvalue() if pad else b.getvalue()[:end]


def sym(name, target, **kw):
    return name, "sym", dict(kw, linkname=target)


def link(name, target, **kw):
    return name, "link", dict(kw, linkname=target)


def put(cage, path, *entries, flags=()):
    r = run(cage, "put", path, *flags, send=tar(*entries))
    assert r.code == 0 and r.lines == [{}], r
    return r


def refused(cage, path, *entries, flags=(), send=None):
    r = run(cage, "put", path, *flags, send=tar(*entries) if send is None else send)
    assert r.code == 1 and len(r.lines) == 1 and r.error, r
    return r.error, r.message


def read(cage, name):
    with open(cage.path(name), "rb") as f:
        return f.read()


def mode(cage, name):
    return stat.S_IMODE(os.lstat(cage.path(name)).st_mode)


def test_everything(cage):
    put(cage, "/opt",
        ("d", "dir", {"mode": 0o2750, "uid": 10, "gid": 20}),
        ("d/f", b"hello", {"mode": 0o4755, "uid": 1234, "gid": 65535}),
        sym("d/s", "../somewhere/else", uid=5, gid=6),
        link("d/h", "d/f", mode=0o4755, uid=1234, gid=65535),
        ("d/p", "fifo", {"mode": 0o640, "uid": 7, "gid": 8}),
        ("d/empty", b""))
    assert read(cage, "opt/d/f") == b"hello" and read(cage, "opt/d/empty") == b""
    assert (mode(cage, "opt/d"), cage.owner("opt/d")) == (0o2750, (10, 20))
    assert (mode(cage, "opt/d/f"), cage.owner("opt/d/f")) == (0o4755, (1234, 65535))
    assert (os.readlink(cage.path("opt/d/s")), cage.owner("opt/d/s")) == ("../somewhere/else", (5, 6))
    assert (mode(cage, "opt/d/p"), cage.owner("opt/d/p")) == (0o640, (7, 8))
    assert stat.S_ISFIFO(os.lstat(cage.path("opt/d/p")).st_mode)
    assert os.path.samefile(cage.path("opt/d/h"), cage.path("opt/d/f"))
    for n in ("d", "d/f", "d/s", "d/p"):
        assert os.lstat(cage.path("opt/" + n)).st_mtime == 1700000000, n


def test_destinations(one):
    one.mkdir("data/dir")
    one.symlink("/data/dir", "data/link")
    one.symlink("../../../data/link", "data/twice")
    for i, path in enumerate(("/data/dir", "data/dir/", "/data/dir/.", "/data/link", "/data/twice", "/opt/../data/dir")):
        put(one, path, (f"f{i}", b"x"))
        assert read(one, f"data/dir/f{i}") == b"x"
    put(one, "/", ("top", b"x"))
    assert read(one, "top") == b"x"
    one.file("data/file")
    one.symlink("file", "data/tofile")
    one.symlink("nothing", "data/broken")
    for path in ("/data/file", "/data/tofile"):
        assert refused(one, path, ("f", b"x")) == ("not-dir", "extraction point is not a directory")
    assert refused(one, "/none", ("f", b"x"))[0] == "not-found"
    assert refused(one, "/data/broken", ("f", b"x"))[0] == "not-found"
    assert refused(one, "/data/file/x", ("f", b"x")) == ("internal", "lstat /data/file/x: not a directory")
    assert refused(one, "/proc", ("f", b"x"))[0] == "denied"
    assert refused(one, "/proc/sys/kernel", ("hostname", b"x"))[0] == "denied"


def test_the_root_of_the_archive_is_left_alone(one):
    before = os.lstat(one.path("data"))
    put(one, "/data", ("./", "dir", {"mode": 0o700, "uid": 5}), ("./f", b"x"))
    after = os.lstat(one.path("data"))
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert read(one, "data/f") == b"x"


def test_missing_parents(cage):
    put(cage, "/data", ("a/b/c/f", b"x", {"uid": 1000, "gid": 1000}))
    for n in ("data/a", "data/a/b", "data/a/b/c"):
        assert (mode(cage, n), cage.owner(n)) == (0o755, (0, 0))
    assert cage.owner("data/a/b/c/f") == (1000, 1000)


def test_what_is_there_is_replaced(one):
    one.file("data/f", b"old", 0o600, 5, 5)
    os.link(one.path("data/f"), one.path("data/other"))
    one.symlink("/etc/passwd", "data/s")
    one.mkdir("data/d", 0o700)
    one.file("data/d/kept", b"kept")
    one.symlink("d", "data/tod")
    os.mkfifo(one.path("data/p"))
    put(one, "/data", ("f", b"new", {"mode": 0o644}), ("s", b"not passwd"), ("p", b"no fifo"),
        ("d", "dir", {"mode": 0o711, "uid": 9, "gid": 9}), ("d/n", b"n"), ("tod", "dir"), ("tod/x", b"x"))
    assert read(one, "data/f") == b"new" and read(one, "data/other") == b"old"
    assert read(one, "data/s") == b"not passwd" and read(one, "etc/passwd").startswith(b"root:")
    assert read(one, "data/d/kept") == b"kept" and read(one, "data/d/n") == b"n"
    assert (mode(one, "data/d"), one.owner("data/d")) == (0o711, (9, 9))
    assert not os.path.islink(one.path("data/tod")) and not os.path.exists(one.path("data/d/x"))
    assert read(one, "data/p") == b"no fifo"
    # a directory by something else: with all that it has, but not through links in it
    one.file("data/precious", b"!")
    one.mkdirs("data/tree/a/b/c")
    one.file("data/tree/a/f")
    one.symlink("/data/precious", "data/tree/a/b/link")
    one.symlink("/opt", "data/tree/a/b/dirlink")
    one.file("opt/kept")
    put(one, "/data", ("tree", b"now a file"))
    assert read(one, "data/tree") == b"now a file" and read(one, "data/precious") == b"!"
    assert os.path.exists(one.path("opt/kept"))


def test_no_overwrite(one):
    no = ["--no-overwrite-dir-non-dir"]
    one.mkdir("data/d")
    one.file("data/f", b"old")
    one.symlink("d", "data/s")
    assert refused(one, "/data", ("d", b"x"), flags=no) == (
        "exists", 'cannot overwrite directory "/data/d" with non-directory "/data"')
    assert refused(one, "/data", ("f", "dir"), flags=no) == (
        "exists", 'cannot overwrite non-directory "/data/f" with directory "/data"')
    assert refused(one, "/data", ("s", "dir"), flags=no)[0] == "exists"
    assert refused(one, "/", sym("data", "/"), flags=no)[1] == (
        'cannot overwrite directory "/data" with non-directory "/"')
    put(one, "/data", ("d", "dir"), ("f", b"new"), flags=no)
    assert read(one, "data/f") == b"new"
    put(one, "/data", ("d", b"x"), ("f", "dir"))
    assert os.path.isfile(one.path("data/d")) and os.path.isdir(one.path("data/f"))


def test_owners(cage):
    spec = [("f", b"x", {"uid": 77, "gid": 78, "mode": 0o4755}), ("d", "dir", {"uid": 77, "gid": 78}),
            sym("s", "f", uid=77, gid=78), ("new/g", b"x", {"uid": 77, "gid": 78})]

    def owners(*flags):
        put(cage, "/data", *spec, flags=flags)
        return [cage.owner("data/" + n) for n in ("f", "d", "s", "new/g")]
    assert owners() == [(77, 78)] * 4
    assert owners("--user", "app") == [(77, 78)] * 4
    assert owners("--copy-uidgid") == [(77, 78)] * 4
    assert owners("--copy-uidgid", "--user", "") == [(77, 78)] * 4
    for user, ids in (("app", (1234, 4321)), ("1234", (1234, 4321)), ("99", (99, 0)), ("app:staff", (1234, 50)),
                      (":50", (0, 50)), ("12:13", (12, 13))):
        assert owners("--copy-uidgid", "--user", user) == [ids] * 4, user
    assert cage.owner("data/new") == (0, 0) and mode(cage, "data/f") == 0o4755
    assert refused(cage, "/data", *spec, flags=["--copy-uidgid", "--user", "ghost"])[1] == (
        'failed to look up user "ghost" in container: no matching entries in passwd file')
    os.unlink(cage.path("etc/passwd"))
    cage.symlink("/proc/self/mem", "etc/passwd")
    assert refused(cage, "/data", *spec, flags=["--copy-uidgid", "--user", "app"])
    os.unlink(cage.path("etc/passwd"))
    os.mkfifo(cage.path("etc/passwd"))
    assert refused(cage, "/data", *spec, flags=["--copy-uidgid", "--user", "app"])[0] == "internal"


def test_ids_that_the_container_does_not_have(cage):
    put(cage, "/data", ("f", b"x", {"uid": 1200000, "gid": 5, "mode": 0o6755}), ("g", b"x", {"uid": 65535, "gid": 65536}),
        ("d", "dir", {"uid": 2**32 - 1, "gid": 2**31}), ("h", b"x", {"uid": 2**40, "mode": 0o4711}))
    assert cage.owner("data/f") == (0, 5) and mode(cage, "data/f") == 0o755
    assert cage.owner("data/g") == (65535, 0)
    assert cage.owner("data/d") == (0, 0)
    assert cage.owner("data/h") == (0, 0) and mode(cage, "data/h") == 0o711


def test_attributes(cage):
    cap = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
    put(cage, "/data", ("ping", b"x", {"mode": 0o755, "pax_headers": {
        "SCHILY.xattr.security.capability": cap.decode("latin-1").encode("latin-1").decode("utf-8", "surrogateescape"),
        "SCHILY.xattr.user.note": "hello", "SCHILY.xattr.com.apple.quarantine": "ignored",
        "SCHILY.xattr.trusted.overlay.opaque": "y"}}),
        ("d", "dir", {"pax_headers": {"SCHILY.xattr.user.on": "dir"}}),
        sym("s", "ping", pax_headers={"SCHILY.xattr.user.on": "link"}))
    p = cage.path("data/ping")
    got = os.getxattr(p, "security.capability")
    assert got[4:20] == cap[4:]
    if not cage.idmapped:
        assert struct.unpack("<I", got[20:])[0] == cage.base
    assert os.getxattr(p, "user.note") == b"hello"
    assert set(os.listxattr(p)) == {"security.capability", "user.note"}
    assert os.getxattr(cage.path("data/d"), "user.on") == b"dir"
    back = run(cage, "get", "/data/ping").data
    with T.open(fileobj=io.BytesIO(back)) as t:
        h = t.getmembers()[0].pax_headers["SCHILY.xattr.security.capability"]
    assert h.encode("utf-8", "surrogateescape") == cap


def test_times(one):
    put(one, "/data", ("d", "dir", {"mtime": 1500000000}), ("d/f", b"x", {"mtime": 1600000000.25}),
        ("old", b"x", {"mtime": -5}), ("far", b"x", {"mtime": 2**62}),
        ("a", b"x", {"mtime": 1000, "pax_headers": {"atime": "2000.5"}}),
        ("b", b"x", {"mtime": 1000, "pax_headers": {"atime": "500"}}), sym("s", "x", mtime=1234))
    when = lambda n: os.lstat(one.path("data/" + n)).st_mtime_ns
    assert when("d") == 1500000000_000000000 and when("d/f") == 1600000000_250000000
    assert when("old") == 0 and when("far") == 0 and when("s") == 1234_000000000
    assert os.stat(one.path("data/a")).st_atime_ns == 2000_500000000
    assert os.stat(one.path("data/b")).st_atime == 1000


def test_leading_out(one, tmp_path):
    for name in ("../x", "a/../../x", "..", "./../x", "/../x", "a/../../../../../../etc/passwd"):
        assert refused(one, "/data", (name, b"x")) == ("bad-archive", f'invalid entry name "{name}"')
    put(one, "/data", ("/absolute/f", b"x"), ("a/../b", b"y"), ("//double//slash", b"z"))
    assert (read(one, "data/absolute/f"), read(one, "data/b"), read(one, "data/double/slash")) == (b"x", b"y", b"z")
    for target in ("../etc/passwd", "/../etc/passwd", "a/../../etc/passwd", "", ".", "/"):
        assert refused(one, "/data", link("h", target)) == ("bad-archive", f'invalid hardlink target "{target}"')
    assert refused(one, "/data", link("h", "/etc/passwd")) == (
        "internal", "link /data/etc/passwd /data/h: no such file or directory")  # that is /data/etc/passwd
    put(one, "/data", link("h", "/b"))
    assert os.path.samefile(one.path("data/h"), one.path("data/b"))


def test_through_symlinks(one, tmp_path):
    """Links of the archive or of the container lead where they lead for the container, and no further."""
    outside = tmp_path / "outside"
    outside.mkdir()
    put(one, "/data", sym("abs", "/opt"), ("abs/f", b"1"), sym("up", "../../../../../../opt"), ("up/g", b"2"),
        sym("host", str(outside)))
    assert read(one, "opt/f") == b"1" and read(one, "opt/g") == b"2"
    one.mkdirs(str(outside)[1:])
    put(one, "/data", ("host/h", b"3"))
    assert read(one, str(outside)[1:] + "/h") == b"3" and not os.listdir(outside)
    one.symlink("/proc/1/root", "data/magic")
    one.symlink("/proc/self/cwd", "data/cwd")
    for n in ("magic/f", "cwd/f", "magic/etc/passwd"):
        assert refused(one, "/data", (n, b"x"))[0] in ("internal", "denied", "not-found"), n
    assert refused(one, "/data/magic", ("f", b"x"))[0] in ("internal", "denied", "not-found")
    put(one, "/data", sym("l", "/etc/passwd"), link("h", "l"))
    assert os.path.islink(one.path("data/h"))  # a link to the link
    put(one, "/data", ("h", b"over the link"), ("abs", b"over the other"))
    assert read(one, "etc/passwd").startswith(b"root:") and os.path.isdir(one.path("opt"))
    one.symlink("b", "data/a")
    one.symlink("a", "data/b")
    assert refused(one, "/data", ("a/f", b"x"))[1].endswith("too many levels of symbolic links")


def test_devices(one):
    error, message = refused(one, "/data", ("null", "chr", {"devmajor": 1, "devminor": 3}))
    assert error == "denied" and message.startswith("mknod /data/null: operation not permitted")
    assert refused(one, "/data", ("sda", "blk", {"devmajor": 8, "devminor": 0}))[0] == "denied"
    assert not os.listdir(one.path("data"))


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zstd", "two frames", "skippable"])
def test_compressed(one, kind):
    plain = tar(("f", os.urandom(300000)), ("g", b"x" * 1000000))
    zstd = lambda b: subprocess.run(["zstd", "-c"], input=b, check=True, capture_output=True).stdout
    data = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd,
            "two frames": lambda b: gzip.compress(b[:100000]) + gzip.compress(b[100000:]),
            "skippable": lambda b: struct.pack("<II", 0x184D2A53, 4) + b"skip" + zstd(b)}[kind](plain)
    assert run(one, "put", "/data", send=data).lines == [{}]
    assert read(one, "data/g") == b"x" * 1000000 and len(read(one, "data/f")) == 300000
    error, message = refused(one, "/data", send=data[:len(data) // 2])
    assert error == "bad-archive" and message
    broken = bytearray(data)
    broken[len(data) // 3] ^= 0x55
    r = run(one, "put", "/data", send=bytes(broken))
    assert r.error in (None, "bad-archive"), r  # not every format has a sum over everything


def test_no_program_decompresses(one):
    """CVE-2026-41567: the container's own xz, unpigz, ... were run as the host's root."""
    for n in ("xz", "unpigz", "gzip", "bzip2", "zstd", "lzma", "grzip", "lrzip"):
        one.file("bin/" + n, b"#!/bin/sh\nbusybox touch /data/pwned\n", 0o755)
    for data in (lzma.compress(tar(("f", b"x"))), gzip.compress(tar(("f", b"x"))), b"\x1f\x9d\x90" + b"x" * 600,
                 b"LRZI" + b"\0" * 600, b"GRZipII\0\2\4:)" + b"x" * 600, b"\x89LZO\0\r\n\x1a\n" + b"x" * 600):
        run(one, "put", "/data", send=data)
        assert not os.path.exists(one.path("data/pwned"))


def test_damaged(one):
    whole = tar(("a", b"first"), ("b", b"x" * 5000), pad=False)
    for n in (100, 515, 1024 + 100, 1024 + 512 + 5, len(whole) - 600):
        assert refused(one, "/data", send=whole[:n]) == ("bad-archive", "unexpected EOF"), n
    assert read(one, "data/a") == b"first"  # what came before stays
    assert refused(one, "/data", send=b"this is no archive" * 100) == ("bad-archive", "archive/tar: invalid tar header")
    assert run(one, "put", "/data", send=b"").lines == [{}]
    assert run(one, "put", "/data", send=whole + b"\0" * 1024 + b"rest" * 100000).lines == [{}]
    assert run(one, "put", "/data", send=whole).lines == [{}]
    unknown = bytearray(tar(("z", b"")))
    unknown[156:157] = b"Z"
    unknown[148:156] = b" " * 8
    unknown[148:156] = b"%06o\0 " % sum(unknown[:512])
    assert refused(one, "/data", send=bytes(unknown)) == ("bad-archive", "unhandled tar header type 90")


def test_random_bytes(one):
    rng = random.Random(7)
    base = tar(("d", "dir"), ("d/f", b"x" * 2000), sym("s", "d"), link("h", "d/f"), ("p", "fifo"))
    for _ in range(60):
        data = bytearray(base)
        for _ in range(rng.randint(1, 8)):
            at = rng.randrange(len(data) // 512) * 512
            data[at + rng.randrange(512)] = rng.randrange(256)
            data[at + 148:at + 156] = b" " * 8
            data[at + 148:at + 156] = b"%06o\0 " % sum(data[at:at + 512])
        r = run(one, "put", "/data", send=bytes(data))
        assert r.code in (0, 1) and len(r.lines) == 1, r
        assert r.message is None or "signal" not in r.message, r


def test_big_and_sparse(one, tmp_path):
    blob = os.urandom(1 << 20)
    put(one, "/data", ("big", blob * 64))
    assert read(one, "data/big") == blob * 64
    with open(tmp_path / "holes", "wb") as f:
        f.seek(100 << 20)
        f.write(b"middle")
        f.truncate(300 << 20)
    for args in (["--format=gnu"], ["--format=pax", "--sparse-version=0.1"], ["--format=pax", "--sparse-version=1.0"]):
        data = subprocess.run(["tar", "-cS", *args, "-C", tmp_path, "holes"], check=True, capture_output=True).stdout
        assert run(one, "put", "/data", send=data).lines == [{}]
        st = os.stat(one.path("data/holes"))
        assert st.st_size == 300 << 20 and st.st_blocks < 1000
        with open(one.path("data/holes"), "rb") as f:
            f.seek((100 << 20) - 2)
            assert f.read(10) == b"\0\0middle\0\0"


def test_names_are_bytes(one):
    odd = ["latin\udce9", "\udcff\udcfe", "unic\u00f6de \u4f60", "new\nline", "x" * 255]
    put(one, "/data", *((n, b"x") for n in odd), sym("s", "to\udce9"))
    assert sorted(os.listdir(os.fsencode(one.path("data")))) == sorted([*(os.fsencode(n) for n in odd), b"s"])
    assert os.readlink(os.fsencode(one.path("data/s"))) == b"to\xe9"
    assert refused(one, "/data", ("y" * 256, b"x"))[1].endswith("file name too long")


def test_many_files(one):
    put(one, "/data", *((f"d{i % 7}/f{i}", b"x", {"uid": i % 100}) for i in range(3000)))
    assert sum(len(os.listdir(one.path(f"data/d{i}"))) for i in range(7)) == 3000
    assert one.owner("data/d1/f99") == (99, 0)


def test_read_only(tmp_path):
    for d in ("ro", "rw"):
        (tmp_path / d).mkdir()
    with Cage(readonly=True, volumes={"opt/ro:ro": str(tmp_path / "ro"), "opt/rw": str(tmp_path / "rw")}) as c:
        assert refused(c, "/data", ("f", b"x")) == ("read-only", "container rootfs is marked read-only")
        assert refused(c, "/opt/ro", ("f", b"x")) == ("read-only", "mounted volume is marked read-only")
        put(c, "/opt/rw", ("f", b"x", {"uid": 33, "gid": 34}))
        st = os.stat(tmp_path / "rw/f")
        assert (st.st_uid, st.st_gid) == (33, 34)  # ID-mapped: the ids as they are inside
    with Cage(volumes={"opt/ro:ro": str(tmp_path / "ro")}) as c:
        assert refused(c, "/opt", ("f", b"1"), ("ro/f", b"x")) == ("read-only", "open /opt/ro/f: read-only file system")
        assert read(c, "opt/f") == b"1"


def scratch(view):
    mount("tmpfs", os.path.join(view, "data"), "tmpfs", 0, "size=1m,nr_inodes=50,mode=755")
    with open(os.path.join(view, "etc/busy"), "w"):
        pass
    os.mkdir(os.path.join(view, "opt/tree"))
    os.mkdir(os.path.join(view, "opt/tree/mounted"))
    mount(os.path.join(view, "etc/busy"), os.path.join(view, "etc/busy"), None, MS_BIND)
    mount(os.path.join(view, "data"), os.path.join(view, "opt/tree/mounted"), None, MS_BIND)


def test_full_and_busy():
    with Cage(mounts=scratch) as c:
        assert refused(c, "/data", ("f", b"x" * (2 << 20))) == ("no-space", "write /data/f: no space left on device")
        c.sh("busybox rm -rf /data/*")
        error, message = refused(c, "/data", *((f"n{i}", b"") for i in range(100)))
        assert error == "no-space" and message.startswith("open /data/n")
        c.sh("busybox rm -rf /data/*; echo kept > /data/kept")
        # a file that is mounted cannot be replaced (as docker cp to /etc/hosts)
        assert refused(c, "/etc", ("busy", b"x")) == ("internal", "unlinkat /etc/busy: device or resource busy")
        # nor a directory with something mounted in it, and that is not emptied either
        assert refused(c, "/opt", ("tree", b"x")) == ("internal", "unlinkat /opt/tree: device or resource busy")
        assert c.sh("busybox cat /opt/tree/mounted/kept").stdout == b"kept\n"
        # what an unpacked root file system has: the directories that things are mounted on
        put(c, "/", ("proc", "dir", {"uid": 3}), ("etc", "dir"), ("etc/x", b"x"))
        assert refused(c, "/", ("proc/sys/kernel/hostname", b"x"))[0] == "denied"


def test_round_trip(cage, tmp_path):
    """Out of one place and into another: nothing changes."""
    cage.mkdir("data/d", 0o1777, 5, 6)
    cage.file("data/d/f", b"x" * 100000, 0o4755, 1234, 65535)
    cage.file("data/d/" + "n" * 150, b"long", uid=9)
    os.link(cage.path("data/d/f"), cage.path("data/d/link"))
    cage.symlink("/abs", "data/d/s")
    os.mkfifo(cage.path("data/d/p"))
    cage.own(cage.path("data/d/p"), 1, 2)
    first = run(cage, "get", "/data/d")
    assert run(cage, "put", "/opt", send=first.data).lines == [{}]
    assert run(cage, "get", "/opt/d").data == first.data


def test_slow_client(one):
    """Bytes that come one by one, and a stream that is cut off."""
    data = tar(("f", b"x" * 2000))
    c = Copier(one, "put", "/data")
    for i in range(0, 3000, 250):
        os.write(c.data, data[i:i + 250])
    assert c.finish(data[3000:]).lines == [{}]
    c = Copier(one, "put", "/data")
    os.write(c.data, data[:700])
    r = c.finish(b"")
    assert (r.error, r.message) == ("bad-archive", "unexpected EOF")
