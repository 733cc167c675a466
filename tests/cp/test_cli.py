# SPDX-License-Identifier: Apache-2.0
"""docker cp, by two versions of the CLI, as their users know it."""
import io
import os
import stat
import subprocess
import tarfile

import pytest

from cage import Cage
from engine import FakeEngine

CLIS = {"20.10": "/usr/bin/docker", "28": "/usr/local/bin/docker"}


@pytest.fixture(params=list(CLIS))
def docker(request):
    cli = CLIS[request.param]
    if not os.access(cli, os.X_OK):
        pytest.skip(f"there is no {cli}: docker CLI {request.param} not tried")
    with Cage(idmapped=True) as c, FakeEngine(c, user="app") as e:
        def run(*args, code=0, **kw):
            r = subprocess.run([cli, "-H", f"unix://{e.socket}", "cp", *args], capture_output=True, **kw)
            assert r.returncode == code, (args, r)
            return r.stdout if code == 0 else r.stderr.decode()
        run.cage, run.version = c, request.param
        yield run


@pytest.fixture
def tree(docker):
    c = docker.cage
    c.mkdirs("data/d/sub")
    c.file("data/d/f", b"hello", 0o640, 1000, 1000)
    c.file("data/d/sub/g", b"world")
    c.symlink("f", "data/d/tof")
    c.symlink("/data/d", "data/tod")
    os.link(c.path("data/d/f"), c.path("data/d/hard"))
    return docker


def listing(path):
    return sorted(os.path.relpath(os.path.join(d, n), path) for d, ds, fs in os.walk(path) for n in ds + fs)


# The older CLI has a text of its own for 404.
NOT_FOUND = {"20.10": "No such container:path: c:/none", "28": "Could not find the file /none in container c"}
TREE = ["f", "hard", "sub", "sub/g", "tof"]


def test_out(tree, tmp_path):
    tree("c:/data/d", str(tmp_path / "new"))
    assert listing(tmp_path / "new") == TREE
    tree("c:/data/d", str(tmp_path))
    assert listing(tmp_path / "d") == TREE
    os.mkdir(tmp_path / "into")
    tree("c:/data/d/.", str(tmp_path / "into"))
    assert listing(tmp_path / "into") == TREE
    tree("c:data/d/f", str(tmp_path / "renamed"))
    assert (tmp_path / "renamed").read_text() == "hello"
    tree("c:/data/d/f", str(tmp_path) + "/")
    assert (tmp_path / "f").read_text() == "hello" and stat.S_IMODE(os.stat(tmp_path / "f").st_mode) == 0o640
    assert os.path.samefile(tmp_path / "d/f", tmp_path / "d/hard")
    assert NOT_FOUND[tree.version] in tree("c:/none", str(tmp_path), code=1)


def test_out_links(tree, tmp_path):
    tree("c:/data/d/tof", str(tmp_path / "link"))
    assert os.readlink(tmp_path / "link") == "f"
    tree("-L", "c:/data/d/tof", str(tmp_path / "followed"))
    assert (tmp_path / "followed").read_text() == "hello"
    tree("c:/data/tod", str(tmp_path / "dirlink"))
    assert os.readlink(tmp_path / "dirlink") == "/data/d"
    tree("-L", "c:/data/tod", str(tmp_path / "dir"))
    assert listing(tmp_path / "dir") == TREE
    tree("c:/data/tod/.", str(tmp_path / "contents"))
    assert listing(tmp_path / "contents") == TREE
    os.mkdir(tmp_path / "named")
    tree("-L", "c:/data/tod", str(tmp_path / "named"))
    assert listing(tmp_path / "named/tod") == TREE


def test_out_to_stdout(tree):
    for path, first in (("/data/d", "d"), ("/data/d/.", "."), ("/data/d/f", "f"), ("/", "")):
        with tarfile.open(fileobj=io.BytesIO(tree(f"c:{path}", "-"))) as t:
            assert t.getnames()[0].rstrip("/") == first, path


def test_in(docker, tmp_path):
    c = docker.cage
    os.makedirs(tmp_path / "d/sub")
    (tmp_path / "d/f").write_text("hello")
    (tmp_path / "d/sub/g").write_text("world")
    os.symlink("f", tmp_path / "d/s")
    os.link(tmp_path / "d/f", tmp_path / "d/hard")
    os.chown(tmp_path / "d/f", 1000, 1001)
    os.chmod(tmp_path / "d/f", 0o4711)
    have = ["f", "hard", "s", "sub", "sub/g"]
    docker(str(tmp_path / "d"), "c:/data/new")
    assert listing(c.path("data/new")) == have
    docker(str(tmp_path / "d"), "c:/data")
    assert listing(c.path("data/d")) == have
    docker(str(tmp_path / "d") + "/.", "c:/opt")
    assert listing(c.path("opt")) == have
    assert c.owner("opt/f") == (1000, 1001) and stat.S_IMODE(os.stat(c.path("opt/f")).st_mode) == 0o4711
    docker(str(tmp_path / "d/f"), "c:/data/renamed")
    assert open(c.path("data/renamed")).read() == "hello"
    (tmp_path / "d/f").write_text("again")
    docker(str(tmp_path / "d/f"), "c:/data/renamed")
    assert open(c.path("data/renamed")).read() == "again"
    c.symlink("/data/target", "data/tofile")
    c.symlink("new", "data/todir")
    docker(str(tmp_path / "d/f"), "c:/data/tofile")
    assert open(c.path("data/target")).read() == "again" and os.path.islink(c.path("data/tofile"))
    docker(str(tmp_path / "d/f"), "c:/data/todir/")
    assert open(c.path("data/new/f")).read() == "again"
    docker("-L", str(tmp_path / "d/s"), "c:/data/s2")
    assert open(c.path("data/s2")).read() == "again"


def test_in_as_user(docker, tmp_path):
    (tmp_path / "f").write_text("x")
    os.chown(tmp_path / "f", 77, 78)
    docker("-a", str(tmp_path / "f"), "c:/data/f")
    assert docker.cage.owner("data/f") == (1234, 4321)


def test_in_from_stdin(docker):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w:gz") as t:
        i = tarfile.TarInfo("x/y")
        i.size = 3
        t.addfile(i, io.BytesIO(b"abc"))
    docker("-", "c:/data", input=b.getvalue())
    assert open(docker.cage.path("data/x/y")).read() == "abc"
    assert "must be a directory" in docker("-", "c:/etc/passwd", input=b.getvalue(), code=1)


def test_in_conflicts(docker, tmp_path):
    (tmp_path / "f").write_text("x")
    os.mkdir(tmp_path / "d")
    docker.cage.mkdirs("data/f")
    docker.cage.file("data/d", b"file")
    message = docker(str(tmp_path / "f"), "c:/data", code=1)
    assert 'cannot overwrite directory "/data/f" with non-directory "/data"' in message
    assert 'cannot overwrite non-directory "/data/d" with directory "/data"' in docker(
        str(tmp_path / "d"), "c:/data", code=1)
    assert "cannot copy directory" in docker(str(tmp_path / "d"), "c:/data/d", code=1)
    assert NOT_FOUND[docker.version] in docker(str(tmp_path / "f"), "c:/none/f", code=1)
