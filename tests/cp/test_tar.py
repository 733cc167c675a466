# SPDX-License-Identifier: Apache-2.0
"""Our tar against Go's: the same reading of every dialect, also of damaged archives, and the same headers
byte by byte."""
import os
import pathlib
import random
import shutil
import subprocess

import pytest

from cage import program
from corpus import archives

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    go = shutil.which("go")
    assert go, "Go is missing (tools/deps lists golang-go)"
    out = tmp_path_factory.mktemp("go") / "tar-list"
    subprocess.run([go, "build", "-o", out, HERE / "tar-list.go"], check=True,
                   env=dict(os.environ, GOCACHE=str(out.parent / "cache"), GOFLAGS="-mod=mod", GO111MODULE="off"))
    ours = pathlib.Path(program()).with_name("cp-tar-list")
    assert ours.exists(), f"{ours} is not built"
    return str(ours), str(out)


def read(prog, files):
    return subprocess.run([prog, "read", *files], check=True, capture_output=True, text=True).stdout.splitlines()


def damaged(data, rng):
    """The archive with a few bytes of its headers changed, sums mostly put right again, or cut off."""
    d = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        block = rng.randrange(len(d) // 512) * 512
        kind = rng.randrange(6)
        if kind == 0:
            del d[rng.randrange(len(d)):]
            if len(d) < 1024:
                return bytes(d)
        elif kind == 1:
            d[block + rng.choice((100, 108, 124, 136, 156, 257, 263, 329, 345, 386, 482, 483))] = rng.choice(
                b"\0 08719xgLKS\x80\xff")
        else:
            d[block + rng.randrange(512)] = rng.randrange(256)
        if block + 512 <= len(d) and kind != 5:
            d[block + 148:block + 156] = b" " * 8
            d[block + 148:block + 156] = b"%06o\0 " % sum(d[block:block + 512])
    return bytes(d)


def agree(both, folder, files):
    want, got = read(both[1], files), read(both[0], files)
    assert len(want) > len(files)
    if want == got:
        return
    at = next(i for i, (a, b) in enumerate(zip(want + [""], got + [""])) if a != b)
    name = next(line for line in reversed(want[:at + 1]) if not line.startswith(" "))
    raise AssertionError(f"{name}:\n  Go   {want[at:at + 1]}\n  ours {got[at:at + 1]}")


def test_reads_as_go(both, tmp_path):
    files = []
    for name, data in archives():
        (tmp_path / name).write_bytes(data)
        files.append(str(tmp_path / name))
    agree(both, tmp_path, files)


def test_reads_damaged_as_go(both, tmp_path):
    seed = int(os.environ.get("GABION_SEED", "1"))
    rng = random.Random(seed)
    whole = [(n, d) for n, d in archives() if len(d) >= 1024]
    files = []
    for i in range(int(os.environ.get("GABION_ROUNDS", "4000"))):
        name, data = rng.choice(whole)
        p = tmp_path / f"{i}-{name}"
        p.write_bytes(damaged(data, rng))
        files.append(str(p))
    for i in range(0, len(files), 500):
        agree(both, tmp_path, files[i:i + 500])


def hexed(b):
    return b.hex() or "-"


def headers(rng, n):
    """Lines for `write`: names around every limit, numbers around every width."""
    parts = [b"a", b"directory", b"x" * 99, b"\xc3\xa9", b"\xff", b"y" * 155, b" ", b"0"]
    numbers = [0, 1, 0o777, 2097150, 2097151, 2097152, 2**31, 2**32 - 2, 8589934591, 8589934592]
    for _ in range(n):
        kind = rng.choice("0123456")
        name = rng.choice((b"", b"./", b"/", b"etc/")) + b"/".join(rng.choice(parts) for _ in range(rng.randint(1, 12)))
        link = b""
        if kind in "12":
            link = b"/".join(rng.choice(parts) for _ in range(rng.randint(1, 6)))
        if kind == "5":
            name += b"/"
        size = rng.choice(numbers) if kind == "0" else 0
        major, minor = (rng.randrange(4096), rng.randrange(1 << 20)) if kind in "34" else (0, 0)
        mtime = rng.choice((0, 1700000000, 8589934591, 8589934592, -1, 2**40))
        capability = b"\x01\x00\x00\x02\x00\x04\x00\x00".replace(b"\0", b"\x07") if rng.random() < 0.2 else b""
        yield " ".join([hexed(name), hexed(link), str(ord(kind)), str(rng.choice((0o644, 0o7777, 0, 0o1777))),
                        str(rng.choice(numbers[:8])), str(rng.choice(numbers[:8])), str(size), str(mtime), str(major),
                        str(minor), hexed(capability)])


def test_writes_as_go(both):
    rng = random.Random(int(os.environ.get("GABION_SEED", "1")))
    lines = list(headers(rng, 5000))
    text = ("\n".join(lines) + "\n").encode()
    ours, go = (subprocess.run([p, "write"], input=text, check=True, capture_output=True).stdout for p in both)
    if ours != go:
        for line in lines:
            one = (line + "\n").encode()
            a, b = (subprocess.run([p, "write"], input=one, check=True, capture_output=True).stdout for p in both)
            assert a == b, line
    assert len(go) > 5000 * 512
