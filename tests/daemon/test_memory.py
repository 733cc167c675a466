# SPDX-License-Identifier: Apache-2.0
"""How much memory dockerd may have: what an archive says of itself it reads whole, and is killed where that is more; nothing else
is, and it is started again. A real engine."""

import contextlib
import io
import json
import os
import subprocess
import tarfile
import tempfile

import pytest

from instance import DOCKER, SERVICES, processes, read, wait_until

LIMIT = 256
MIB = 1024 * 1024


@pytest.fixture
def small(fresh):
    fresh.up(options=("--limit", f"engine-mib={LIMIT}"))
    return fresh.load()


def group_of(pid):
    """The process's cgroup of the memory controller, below the instance's."""
    lines = [line.split(":", 2) for line in read(f"/proc/{pid}/cgroup").splitlines()]
    path = ([p for _, names, p in lines if "memory" in names.split(",")] or [p for number, _, p in lines if number == "0"])[0]
    return path.split("/")[2]


def folder_of(box):
    """The folder of dockerd's group."""
    name = f"{box.cgroup}/dockerd"
    return next(p for p in (f"/sys/fs/cgroup/memory/{name}", f"/sys/fs/cgroup/{name}") if os.path.exists(p))


def limit_of(box):
    files = [f"{folder_of(box)}/{n}" for n in ("memory.limit_in_bytes", "memory.max")]
    return read(next(f for f in files if os.path.exists(f))).strip()


def header(name, size, kind=tarfile.REGTYPE, major=0, minor=0):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.devmajor, info.devminor = size, kind, major, minor
    return info.tobuf()


def manifest_without_end():
    """One value of 600 MiB."""
    size = 600 * MIB
    yield header("manifest.json", size)
    for i in range(600):
        yield (b" " if i else b"[").ljust(MIB)
    yield b"\0" * 1024


def node_without_end():
    text = b'[{"Config":"c.json","RepoTags":["x:1"],"Layers":[]}]'
    yield header("manifest.json", len(text)) + text.ljust(512, b"\0")
    yield header("c.json", 0, tarfile.CHRTYPE, 1, 9) + b"\0" * 1024


def load(box, parts):
    """docker load of what a generator has; the client's end."""
    client = subprocess.Popen([DOCKER, "load"], env=box.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with contextlib.suppress(BrokenPipeError):
        for part in parts:
            client.stdin.write(part)
    with contextlib.suppress(BrokenPipeError):
        client.stdin.close()
    try:
        out = client.stdout.read()
        return client.wait(120), out
    finally:
        client.kill()


@pytest.mark.parametrize("archive", [manifest_without_end, node_without_end])
def test_an_archive_that_takes_all(small, archive):
    pid = small.start("one")
    before = {s: small.pid(s) for s in SERVICES}
    code, said = load(small, archive())
    assert code != 0 and said, said
    small.wait_restarted("engine", before["engine"])
    assert {s: small.pid(s) for s in SERVICES if s != "engine"} == {s: p for s, p in before.items() if s != "engine"}
    assert small.pid_of("one") == pid and small.docker("exec", "one", "echo", "there").stdout == "there"
    assert f"engine needed more than {LIMIT} MiB of memory" in read(f"{small.dir}/run/log/gabiond.log")
    assert group_of(small.pid("engine")) == "dockerd"
    assert small.docker("run", "--rm", "box", "echo", "again").stdout == "again"


def test_a_large_image(small):
    """Files that are read and written do not count, however many: they leave memory before anybody is killed."""
    pid = small.pid("engine")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        with tarfile.open(f"{folder}/layer.tar", "w") as tar, open("/dev/urandom", "rb") as random:
            info = tarfile.TarInfo("large")
            info.size = 1024 * MIB
            tar.addfile(info, random)
        digest = subprocess.run(["sha256sum", f"{folder}/layer.tar"], capture_output=True, text=True, check=True).stdout.split()[0]
        texts = {"c.json": {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}},
                 "manifest.json": [{"Config": "c.json", "RepoTags": ["large:1"], "Layers": ["layer.tar"]}]}
        with tarfile.open(f"{folder}/image.tar", "w") as tar:
            for name, value in texts.items():
                data = json.dumps(value).encode()
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            tar.add(f"{folder}/layer.tar", "layer.tar")
        small.docker("load", "-i", f"{folder}/image.tar", timeout=300)
    assert small.pid("engine") == pid


def test_what_counts(small):
    """dockerd and what it starts for itself; not containers, their shims, steps of a build, our own daemons."""
    pid = small.start("one", options=("-p", "127.0.0.1::80"))
    groups = {s: group_of(small.pid(s)) for s in SERVICES}
    assert groups.pop("engine") == "dockerd" and set(groups.values()) == {"engine"}
    assert group_of(pid) == small.docker("inspect", "-f", "{{.Id}}", "one").stdout
    assert {group_of(p) for p in small.shims()} == {"engine"}
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/Dockerfile", "w", encoding="utf-8") as f:
            f.write("FROM box\nRUN sleep 54321\n")
        for kit in ("0", "1"):
            env = {**small.env(), "DOCKER_BUILDKIT": kit}
            build = subprocess.Popen([DOCKER, "build", "--no-cache", folder], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            step = wait_until(lambda: [p for p, (line, _) in processes().items() if line.startswith(("sleep 54321", "/bin/sh -c sleep 54321"))
                                       and small.is_member(p)], 60, "the step")
            assert group_of(step[0]) not in ("dockerd", "engine")
            build.kill()
            build.wait()
            for p in step:
                with contextlib.suppress(OSError):
                    os.kill(p, 9)


def test_limits(fresh):
    """The default; another one at a take-over; none."""
    fresh.up()
    total = int(read("/proc/meminfo").split()[1]) // 1024
    assert int(limit_of(fresh)) // MIB == total // 2 if total >= 2048 else "dockerd" not in limit_of(fresh)
    for options, want in ((("--limit", "engine-mib=1000"), str(1000 * MIB)), (("--limit", "engine-mib=0"), None)):
        engine = fresh.pid("engine")
        fresh.kill("gabiond")
        fresh.up(options=options)
        assert fresh.pid("engine") == engine
        assert limit_of(fresh) == want if want else limit_of(fresh) == "max" or int(limit_of(fresh)) > total * MIB


@pytest.mark.parametrize("value", ["engine-mib=127", "engine-mib=4294967296", "engine-mib=", "engine-mib=1g", "engine=1000"])
def test_limits_that_are_none(fresh, value):
    done = fresh.gabion("up", "--state-dir", fresh.dir, "--detach", "--limit", value, check=False)
    assert done.returncode == 2 and f"--limit {value}: " in done.stderr


def test_not_a_parent(small):
    """A container in dockerd's group would share its memory, and could take it."""
    done = small.docker("run", "--rm", "--cgroup-parent", "/dockerd", "box", "true", check=False)
    assert done.returncode != 0 and "engine's own processes" in done.stderr

