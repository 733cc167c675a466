#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives in every dialect of tar that can be made here, as (name, bytes). As a program: writes them
into the folder named, which is how src/cp/corpus/fuzz-tar was made."""
import io
import os
import subprocess
import sys
import tarfile
import tempfile

LONG = "/".join(["directory-%02d" % i for i in range(30)]) + "/file"


def add(t, name, data=b"", **kw):
    i = tarfile.TarInfo(name)
    i.size = len(data)
    i.mtime = 1700000000
    for k, v in kw.items():
        setattr(i, k, v)
    t.addfile(i, io.BytesIO(data) if data else None)


def python(fmt):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w", format=fmt) as t:
        add(t, "dir", type=tarfile.DIRTYPE, mode=0o755, uid=1000, gid=1000)
        add(t, "dir/file", b"hello\n", mode=0o4755, uid=12, gid=34)
        add(t, "dir/link", type=tarfile.LNKTYPE, linkname="dir/file")
        add(t, "dir/sym", type=tarfile.SYMTYPE, linkname="../else/where")
        add(t, "fifo", type=tarfile.FIFOTYPE)
        add(t, "null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)
        add(t, "empty")
        if fmt != tarfile.USTAR_FORMAT:
            add(t, LONG, b"x" * 700, uid=3000000)
            add(t, "long-link", type=tarfile.SYMTYPE, linkname=LONG)
            add(t, "n\u00e4me", b"utf-8")
        if fmt == tarfile.PAX_FORMAT:
            add(t, "late", mtime=1700000000.25, pax_headers={"SCHILY.xattr.user.x": "y", "comment": "z"})
            add(t, "early", mtime=-1.5)
    return b.getvalue()


def gnu_tar(*args):
    """A sparse file and a hard link, archived by GNU tar."""
    with tempfile.TemporaryDirectory(prefix="cp-corpus-") as d:
        with open(f"{d}/sparse", "wb") as f:
            for i in range(6):
                f.seek(i * 65536)
                f.write(b"data %d" % i)
            f.truncate(6 * 65536)
        os.link(f"{d}/sparse", f"{d}/sparse-too")
        return subprocess.run(["tar", "-C", d, "-c", "-b1", "--mtime=@1700000000", "--owner=5", "--group=6",
                               "--numeric-owner", "--sort=name", *args, "."], check=True, capture_output=True).stdout


def archives():
    yield "ustar", python(tarfile.USTAR_FORMAT)
    yield "gnu", python(tarfile.GNU_FORMAT)
    yield "pax", python(tarfile.PAX_FORMAT)
    yield "v7", gnu_tar("--format=v7")
    yield "sparse-old", gnu_tar("-S", "--format=gnu")
    yield "sparse-0.0", gnu_tar("-S", "--format=pax", "--sparse-version=0.0")
    yield "sparse-0.1", gnu_tar("-S", "--format=pax", "--sparse-version=0.1")
    yield "sparse-1.0", gnu_tar("-S", "--format=pax", "--sparse-version=1.0")
    yield "sparse-pax-global", gnu_tar("-S", "--format=pax", "--pax-option=globexthdr.name=g,comment=hello")
    yield "empty", b""
    yield "zeros", b"\0" * 1024


def shrink(data):
    """For the corpus: dense content has no use there."""
    return data[:16384]


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, data in archives():
        with open(os.path.join(sys.argv[1], name), "wb") as f:
            f.write(shrink(data))
