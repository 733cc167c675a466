# SPDX-License-Identifier: Apache-2.0
"""What the engine does by itself, as root, with files that images and containers have: no link of theirs leads it to the host's
(src/daemon/guard.h). A real engine; each of these had it read, write or remove files that only root may."""

import concurrent.futures
import contextlib
import io
import json
import os
import shutil
import tarfile
import tempfile

import pytest

from cages import support
from test_attacks import user  # noqa: F401

SECRET = "of root alone"


@pytest.fixture
def host():
    """A folder that only root may use, with a file, and an empty one."""
    path = tempfile.mkdtemp(prefix="gabion-hosts-", dir="/var/tmp")
    support.write(f"{path}/secret", SECRET)
    support.write(f"{path}/empty", "")
    yield path
    shutil.rmtree(path)


def untouched(host):
    assert sorted(os.listdir(host)) == ["empty", "secret"]
    assert support.read(f"{host}/secret") == SECRET and os.stat(host).st_mode & 0o7777 == 0o700 and os.stat(host).st_uid == 0
    return True


def entries(*what):
    """A tar archive of (name, bytes, or a link's target, or None for a folder)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in what:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


def parents(path):
    parts = path.strip("/").split("/")
    return [("/".join(parts[:i + 1]), None) for i in range(len(parts))]


def test_what_is_guarded(cage):
    flags = {}
    for line in support.read(f"/proc/{cage.dockerd()}/mountinfo").splitlines():
        fields = line.split(" ")
        flags[fields[4]] = fields[5].split(",")
    assert "nosymfollow" in flags[f"{cage.data}/volumes"]
    if os.path.exists(f"{cage.data}/overlay2/l"):
        assert "nosymfollow" in flags[f"{cage.data}/overlay2"] and "nosymfollow" not in flags[f"{cage.data}/overlay2/l"]
    snapshots = f"{cage.dir}/lib/containerd/io.containerd.snapshotter.v1.overlayfs"
    assert not os.path.exists(snapshots) or "nosymfollow" in flags[snapshots]


def test_a_file_behind_a_link_in_a_layer(cage, host, user):
    """What the host has there was pushed to whatever registry, as far as it went, before the engine saw that it is not the
    layer's. Such an image is not taken."""
    layer = entries(*parents(host), ("link", host), ("link/secret", b"x" * len(SECRET)))
    done = cage.docker("import", "-", "behind", input=layer, user=user, check=False)
    if os.path.exists(f"{cage.data}/overlay2/l"):  # containerd unpacks by another way, and pushes what it got
        assert done.rc != 0 and "too many levels of symbolic links" in done.err, done
    assert untouched(host)


@pytest.mark.parametrize("up", ["/" + "../" * 9, "../" * 9, "a/" + "../" * 10])
def test_a_file_above_its_layer(cage, host, user, up):
    """It is unpacked below the layer's folder, and was read above it, for a push: what root alone may read went to whatever
    registry. The engine does not get at what it keeps of such an archive. Others' layers are pushed as ever."""
    cage.docker("import", "-", "above", input=archive((f"{up}{host[1:]}/secret", b"x" * len(SECRET))), user=user)
    done = cage.docker("save", "above", user=user, check=False)  # a push opens the same file, and tries five times
    assert done.rc != 0 and "tar-split.json.gz: operation not permitted" in done.err, done
    assert untouched(host)
    for name in (b"a/..b/c", b"\xff/..x", b"/etc/f"):
        cage.docker("import", "-", "beside", input=archive((os.fsdecode(name), b"x" * 9), ("d/f", b"y")), user=user)
        cage.docker("save", "beside", user=user)


def member(name, kind=tarfile.REGTYPE, link="", **pax):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.pax_headers = kind, link, pax
    return info, b""


def test_archives_that_lead_out(cage, host, user):
    """Hard links, whiteouts and names of PAX: all of it ends in the layer."""
    up, secret = "../" * 9, f"{host}/secret"
    hostile = [[member("h", tarfile.LNKTYPE, secret)], [member("h", tarfile.LNKTYPE, up + secret[1:])],
               [member("d", tarfile.SYMTYPE, host), member("h", tarfile.LNKTYPE, "d/secret")],
               [member("h", tarfile.LNKTYPE, "x", linkpath=secret)], [member("x", path=f"{up}{host[1:]}/empty")],
               [member(".", tarfile.SYMTYPE, host), member("empty")], [member("d/.wh...")], [member(f"d/.wh.x/{up}{host[1:]}/empty")],
               [member("d", tarfile.SYMTYPE, host), member("d/.wh.empty"), member("d/.wh..wh..opq")],
               [member("k", tarfile.LNKTYPE, f".wh..wh.plnk/{up}{secret[1:]}")],
               [member("d/", tarfile.DIRTYPE, **{"SCHILY.xattr.trusted.overlay.redirect": host}), member("d/f")]]
    for members in hostile:
        done = cage.docker("import", "-", "hostile", input=archive(*members), user=user, check=False)
        assert done.rc != 0 or SECRET not in cage.docker("save", "hostile", user=user, check=False).out
        assert untouched(host) and os.stat(secret).st_nlink == 1


def test_layers_are_looked_at_again(cage, user):
    """After the engine, and after gabiond; more than are looked at at once, and one that takes long."""
    cage.docker("import", "-", "above", input=archive(("../" * 9 + "etc/shadow", b"x" * 99)), user=user)
    cage.docker("import", "-", "beside", input=archive(("f", b"x")) + bytes(1 << 23), user=user)

    def look():
        done = cage.docker("save", "above", user=user, check=False)
        assert done.rc != 0 and "operation not permitted" in done.err, done

    cage.kill_dockerd()
    cage.restart_dockerd()
    look()
    cage.kill("gabiond")
    cage.take_over()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(cage.docker, "save", "-o", f"{user.home}/{n}.tar", "beside", user=user) for n in range(6)]:
            done.result()
        for done in [pool.submit(look) for _ in range(6)]:
            done.result()


def test_what_an_image_has_for_a_volume(cage, host, user):
    """The engine copies it as root; a container that has the volume already puts a link in the way."""
    cage.need("alpine")
    cage.build("FROM alpine\nRUN mkdir -p /data && cd /data && for i in 1 2 3 4; do mkdir f$i z$i; (cd f$i; seq 1500 | xargs touch); "
               "echo x >z$i/pwned; chmod 4755 z$i/pwned; done\n", buildkit=False, tag="filled")
    for _ in range(2):
        cage.docker("volume", "create", "shared")
        cage.docker("run", "-d", "--name", "other", "-v", "shared:/data", "alpine", "sh", "-c",
                    f'while [ -z "$(ls /data)" ]; do :; done; for i in 1 2 3 4; do ln -s {host} /data/z$i; done; sleep 600', user=user)
        cage.docker("create", "--name", "one", "-v", "shared:/data", "filled", user=user, check=False)
        assert untouched(host)
        cage.docker("rm", "-f", "one", "other", check=False)
        cage.docker("volume", "rm", "shared")


def test_a_commit_while_a_folder_becomes_a_link(cage, host, user):
    """--pause=false is not heard."""
    flip = ("import ctypes, os; l = ctypes.CDLL(None); os.mkdir('/r'); os.chdir('/r'); os.mkdir('d'); "
            f"open('d/secret', 'w').write('x' * {len(SECRET)}); os.symlink('{host}', 'l')\n"
            "while 1: l.renameat2(-100, b'd', -100, b'l', 2)")
    cage.need("python")
    cage.docker("run", "-d", "--name", "flip", "python", "python3", "-c", flip, user=user)
    for _ in range(8):
        if cage.docker("commit", "--pause=false", "flip", "leak", user=user, check=False).rc == 0:
            assert SECRET not in cage.docker("run", "--rm", "leak", "sh", "-c", "cat /r/*/secret", check=False).out
    cage.docker("rm", "-f", "flip")


def test_a_step_that_leaves_a_link(cage, host, user):
    """CVE-2024-23652: BuildKit removes what a step's mounts needed as their places."""
    cage.build(f"FROM alpine\nRUN --mount=type=cache,target=/x/empty mv /x /z && ln -s {host} /x\n", user=user, check=False)
    assert untouched(host)


def test_a_cache_that_becomes_a_link(cage, host, user):
    """CVE-2024-23651: a part of a cache, bound into the next step. The volume is another container's."""
    cage.need("alpine")
    cage.docker("run", "--rm", "-v", "others:/v", "alpine", "sh", "-c", f"echo {SECRET} >/v/secret")
    to = cage.docker("volume", "inspect", "-f", "{{.Mountpoint}}", "others").out
    mount = "--mount=type=cache,id=flip,target=/c"
    cage.build(f"FROM alpine\nRUN {mount} rm -rf /c/sub; ln -s {to} /c/sub\n", user=user, fresh=False)
    done = cage.build(f"FROM alpine\nRUN {mount},source=sub cat /c/secret\n", user=user, fresh=False, check=False)
    assert SECRET not in done.text
    cage.docker("volume", "rm", "others")


def test_volumes_below_a_volume(cage, host, user):
    """For a copy the engine mounts the volumes of a container that does not run."""
    flip = ("import ctypes, os; l = ctypes.CDLL(None); os.mkdir('/a/d'); "
            f"os.symlink('{host}', '/a/l')\nwhile 1: l.renameat2(-100, b'/a/d', -100, b'/a/l', 2)")
    cage.need("python", "alpine")
    cage.docker("run", "-d", "--name", "flip", "-v", "outer:/a", "python", "python3", "-c", flip, user=user)
    cage.docker("create", "--name", "still", "-v", "outer:/v", "-v", "inner:/v/d/sub", "alpine", user=user)
    for _ in range(60):
        support.run("curl", "-s", "-I", "--unix-socket", cage.socket, "http://x/containers/still/archive?path=/v/d/sub", check=False)
        assert untouched(host)
    cage.docker("rm", "-f", "flip", "still")
    cage.docker("volume", "rm", "outer", "inner")


def node(name, kind, major, minor):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.devmajor, info.devminor = kind, 0o666, major, minor
    return info, b""


def archive(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


LEGACY = json.dumps({"id": "a" * 64, "architecture": "amd64", "os": "linux", "created": "2020-01-01T00:00:00Z", "config": {"Cmd": ["x"]}})


@pytest.mark.parametrize("kind, major, minor", [(tarfile.BLKTYPE, 7, 0), (tarfile.CHRTYPE, 1, 11), (tarfile.CHRTYPE, 1, 5)],
                         ids=["a disk", "the kernel's log", "no end"])
def test_a_device_in_an_archive(cage, user, kind, major, minor):
    """The engine, root, opened what was unpacked: as a layer of an image, which gave `docker save` the whole disk, or as what
    an archive says of itself."""
    layer, config = node("a" * 64 + "/layer.tar", kind, major, minor), node("a" * 64 + "/json", kind, major, minor)
    names = {"repositories": b'{"stolen":{"latest":"%s"}}' % (b"a" * 64), "a" * 64 + "/VERSION": b"1.0"}
    for what in ((("a" * 64 + "/json", LEGACY.encode()), layer), (config,)):
        done = cage.docker("load", input=archive(*what, *names.items()), user=user, check=False)
        assert done.rc != 0 and "operation not permitted" in done.err, done
    manifest = b'[{"Config":"c.json","RepoTags":["stolen:2"],"Layers":["l.tar"]}]'
    done = cage.docker("load", input=archive(("manifest.json", manifest), node("c.json", kind, major, minor)), user=user, check=False)
    assert done.rc != 0 and "operation not permitted" in done.err, done
    done = cage.docker("load", input=archive(node("manifest.json", kind, major, minor)), user=user, check=False)
    assert done.rc != 0 and "operation not permitted" in done.err, done


def test_a_device_in_a_context(cage, user):
    context = archive(node("Dockerfile", tarfile.CHRTYPE, 1, 11))
    for kit in ("0", "1"):
        done = cage.docker("build", "-", input=context, user=user, check=False, env={"DOCKER_BUILDKIT": kit})
        assert done.rc != 0 and "operation not permitted" in done.err, done


PIPES = "FROM alpine\nRUN for f in passwd group; do rm /etc/$f; mkfifo -m 644 /etc/$f; done\n"


def ends(cage, *args, within=15, **how):
    """What a docker command answers, which may not wait for ever."""
    return cage.docker(*args, check=False, timeout=within, **how)


def test_pipes_in_the_place_of_accounts(cage, user):
    """The engine opens them by name, as root: it waited for whoever would come to the other end, and everybody for the
    engine who asked about that container."""
    cage.build(PIPES, buildkit=False, tag="pipes")
    for who in ("someone", "0:some", "1000"):
        done = ends(cage, "run", "--name", "one", "-u", who, "pipes", "echo", "went", user=user)
        assert done.out == "went" if who == "1000" else done.rc != 0 and "some" in done.err, done
        assert ends(cage, "inspect", "one", within=5).rc == 0 and ends(cage, "rm", "-f", "one", within=5).rc == 0
    assert ends(cage, "run", "-d", "--name", "one", "pipes", "sleep", "600", user=user).rc == 0
    done = ends(cage, "exec", "-u", "someone", "one", "true", user=user)
    assert done.rc != 0 and "someone" in done.text, done
    assert ends(cage, "exec", "one", "echo", "went", user=user).out == "went"
    for what in (("cp", "one:/etc/passwd", "-"), ("diff", "one"), ("stop", "-t", "0", "one"), ("cp", "one:/etc/passwd", "-")):
        assert ends(cage, *what, user=user).rc == 0
    assert ends(cage, "rm", "-f", "one").rc == 0


@pytest.mark.parametrize("kit", [False, True], ids=["classic", "buildkit"])
@pytest.mark.parametrize("step", ["USER someone\nRUN true", "COPY --chown=someone Dockerfile /x"], ids=["user", "chown"])
def test_pipes_in_the_place_of_accounts_of_a_build(cage, user, kit, step):
    cage.build(PIPES, buildkit=False, tag="pipes")
    done = cage.build(f"FROM pipes\n{step}\n", buildkit=kit, user=user, check=False, timeout=20)
    assert kit and "chown" in step or done.rc != 0 and "someone" in done.text, done  # BuildKit has it be root's


def pipe(name):
    info = tarfile.TarInfo(name)
    info.type = tarfile.FIFOTYPE
    return info, b""


@pytest.mark.parametrize("name", ["manifest.json", "repositories", "a/json", "a/VERSION", "a/layer.tar", "c.json", "l.tar"])
def test_a_pipe_in_an_archive(cage, user, name):
    manifest = b'[{"Config":"c.json","RepoTags":["piped:2"],"Layers":["l.tar"]}]'
    files = {"repositories": b'{"piped":{"latest":"a"}}', "a/json": LEGACY.encode(), "a/VERSION": b"1.0", "a/layer.tar": archive()}
    if name in ("manifest.json", "c.json", "l.tar"):
        config = {"os": "linux", "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}
        files = {"manifest.json": manifest, "c.json": json.dumps(config).encode(), "l.tar": archive()}
    files.pop(name)
    done = ends(cage, "load", input=archive(pipe(name), *files.items()), user=user)
    assert done.rc != 0 or name in ("a/VERSION", "a/layer.tar"), done  # not read; a layer of nothing


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore"])
def test_a_pipe_in_a_context(cage, user, name):
    rest = [("Dockerfile", b"FROM alpine\n")] if name != "Dockerfile" else []
    for kit in ("0", "1"):
        ends(cage, "build", "-", input=archive(pipe(name), *rest), user=user, env={"DOCKER_BUILDKIT": kit})


def test_links_of_containers_are_links(cage, user):
    """In what a container has, they lead where they always did: root, volumes, what an image has for one, mounts of steps."""
    cage.need("alpine")
    cage.build("FROM alpine\nRUN mkdir -p /data/a && echo file >/data/a/f && ln -s a /data/b && ln -s a/f /data/g\n",
               buildkit=False, tag="linked")
    say = "cat /data/b/f /data/g"
    assert cage.docker("run", "--rm", "linked", "sh", "-c", say, user=user).lines == ["file"] * 2
    assert cage.docker("run", "--name", "one", "-v", "links:/data", "linked", "sh", "-c", say, user=user).lines == ["file"] * 2
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp"))
        for path in ("/data/g", "/data/a/f"):
            cage.docker("cp", "-L", f"one:{path}", f"{folder}/copy")
            assert support.read(f"{folder}/copy") == "file\n"
    built = cage.build("FROM alpine\nRUN --mount=from=alpine,target=/m /m/bin/ls -d /m >/x\n"
                       "RUN --mount=from=linked,target=/m cat /m/data/b/f /m/data/g >>/x\nCOPY --from=linked /data/b/f /y\n"
                       "RUN cat /x /y\n", user=user, tag="built")
    assert cage.docker("run", "--rm", "built", "cat", "/x", "/y", user=user).lines == ["/m", "file", "file", "file"], built
    cage.docker("rm", "one")
    cage.docker("volume", "rm", "links")
