# SPDX-License-Identifier: Apache-2.0
"""The gate before a current engine (Docker 28.5 of Debian forky) with its own command line and buildx.

gabiond is a stand-in here; what needs its privilege (copies, views) is tested with the real one in
test_relay.py. Needs root; the engine's folder is made by tests/engines/engine-rootfs when it is not
there.
"""

import hashlib
import json
import os
import shutil
import sys
import tarfile
import tempfile

import pytest

HERE = os.path.dirname(os.path.realpath(__file__))
for name in ("e2e", "engines"):
    sys.path.append(os.path.join(os.path.dirname(HERE), name))

import fakes  # noqa: E402
import space  # noqa: E402
import test_doors  # noqa: E402


@pytest.fixture(scope="module")
def engine():
    if os.geteuid() != 0:
        pytest.skip("not root: no engine can be started")
    e = space.Docker("forky", "/usr/bin/crun")
    try:
        e.up()
        e.need("alpine")
        yield e
        e.sweep()
    finally:
        e.close()


@pytest.fixture
def docker(engine):
    gate = fakes.Gate(engine=engine.socket)

    def run(*args, env=None, **how):
        env = {"DOCKER_HOST": f"unix://{gate.path}", "HOME": engine.dir, **(env or {})}
        return engine.inside("docker", *args, env=env, **how)

    run.gate = gate
    run.direct = engine.docker
    yield run
    gate.close()
    engine.sweep()


def test_versions(docker):
    got = json.loads(docker("version", "--format", "{{json .}}").out)
    assert tuple(map(int, got["Server"]["ApiVersion"].split("."))) >= (1, 51)
    assert got["Client"]["ApiVersion"] == got["Server"]["ApiVersion"]  # the client was not held back


def test_run_exec_logs(docker):
    assert docker("run", "--rm", "-i", "alpine", "cat", input="in\n").out == "in"
    box = docker("run", "-d", "alpine", "sh", "-c", "echo one; echo two >&2; exec sleep 1000").out
    assert docker("exec", "-i", box, "cat", input="x" * 100000).out == "x" * 100000
    logs = fakes.wait_until(lambda: (r := docker("logs", box)).out and r.err and r)
    assert (logs.out, logs.err) == ("one", "two")
    assert docker("inspect", "-f", "{{.HostConfig.Runtime}}", box).out == "sysbox-runc"
    docker("stop", "-t", "0", box)
    assert docker("wait", box).out == "137"


def test_the_runtime_is_not_the_clients_choice(docker):
    box = docker("create", "--runtime", "runc", "--userns", "host", "alpine").out
    assert docker("inspect", "-f", "{{.HostConfig.Runtime}} {{.HostConfig.UsernsMode}}", box).out == "sysbox-runc"


def test_texts(docker):
    got = docker("run", "--rm", "--pid", "host", "alpine", "true", check=False)
    assert got.rc == 125
    assert "Error response from daemon: sysbox containers can't share namespaces [pid] with the host" in got.err


@pytest.mark.parametrize("command", [("build",), ("buildx", "build", "--load")])
def test_buildx(docker, engine, command):
    """BuildKit over /grpc and /session: two tunnels of HTTP/2 at once."""
    data = os.urandom(3 << 20)
    context = f"{engine.dir}/context"
    os.makedirs(context, exist_ok=True)
    with open(f"{context}/data", "wb") as f:
        f.write(data)
    with open(f"{context}/Dockerfile", "w", encoding="ascii") as f:
        f.write("FROM alpine\nARG A=1\nCOPY data /data\nRUN --mount=type=secret,id=s sha256sum /data > /sum; "
                "cat /run/secrets/s >> /sum\n")
    with open(f"{engine.dir}/secret", "w", encoding="ascii") as f:
        f.write("swordfish")
    docker(*command, "--progress=plain", "--no-cache", "-t", "built", "--secret", f"id=s,src={engine.dir}/secret",
           context, timeout=300)
    lines = docker("run", "--rm", "built", "cat", "/sum").lines
    assert lines[0].split()[0] == hashlib.sha256(data).hexdigest()
    assert lines[1] == "swordfish"
    docker("rmi", "-f", "built")


def contents(path):
    """{name: hash}: times in the archive are those of its making."""
    with tarfile.open(path) as t:
        return {m.name: hashlib.sha256(t.extractfile(m).read()).hexdigest() for m in t if m.isreg()}


def test_save_and_load(docker, engine):
    docker("save", "-o", f"{engine.dir}/through.tar", "alpine")
    docker.direct("save", "-o", f"{engine.dir}/past.tar", "alpine")
    assert contents(f"{engine.dir}/through.tar") == contents(f"{engine.dir}/past.tar")
    docker("load", "-i", f"{engine.dir}/through.tar")


# ── ownChildrenOnly ────────────────────────────────────────────────────────────────────────────

MAKER = "a" * 64


@pytest.fixture
def maker(engine):
    """A docker command as a container gives it that has the socket; `host` is one of the host's."""
    folder = tempfile.mkdtemp(prefix="gabion-own-", dir="/tmp")
    os.chmod(folder, 0o755)
    gabiond = test_doors.Doors(folder, {MAKER: 0}, own=True)
    gate = fakes.Gate(engine=engine.socket, gabiond=gabiond)

    def run(*args, **how):
        env = {"DOCKER_HOST": f"unix://{gabiond.listeners[MAKER].getsockname()}", "HOME": engine.dir}
        return engine.inside("docker", *args, env=env, **how)

    run.host = engine.docker
    run.gabiond = gabiond
    yield run
    gate.close()
    engine.sweep()
    shutil.rmtree(folder)


def test_only_its_own(maker):
    """Lists, events and texts as this engine writes them."""
    since = maker.host("system", "info", "-f", "{{.SystemTime}}").out
    foreign = maker.host("run", "-d", "--name", "foreign", "alpine", "sleep", "1000").out
    own = maker("run", "-d", "--name", "own", "alpine", "sleep", "1000").out
    assert maker.host("run", "--rm", "alpine", "true").rc == 0
    assert maker("ps", "-aq", "--no-trunc").lines == [own] == maker("ps", "-lq", "--no-trunc").lines
    for name in ("foreign", foreign, foreign[:12]):
        for args in (("stop", name), ("inspect", name), ("exec", name, "true"), ("commit", name, "x"), ("rm", "-f", name),
                     ("run", "--rm", "--net", f"container:{name}", "alpine", "true"),
                     ("network", "connect", "bridge", name), ("network", "disconnect", "-f", "bridge", name)):
            done = maker(*args, check=False)
            assert any(f"{text}: {name}" in done.err for text in ("o such container", "o such object")), done
    assert list(json.loads(maker("network", "inspect", "bridge").out)[0]["Containers"]) == [own]
    assert "foreign" not in maker("system", "df", "-v").out
    maker("rm", "-f", "own")
    until = maker.host("system", "info", "-f", "{{.SystemTime}}").out
    events = [json.loads(line) for line in maker("events", "--since", since, "--until", until, "--format", "{{json .}}").lines]
    shown = {e["Actor"]["ID"] for e in events if e["Type"] == "container"}
    connected = {e["Actor"]["Attributes"].get("container") for e in events if e["Type"] == "network"} - {None}
    assert shown == connected == {own}
    assert {"create", "start", "die", "destroy"} <= {e["Action"] for e in events}
    assert maker.host("inspect", "-f", "{{.State.Running}}", "foreign").out == "true"


def test_only_its_own_volumes_and_networks(maker):
    """As this engine words it; the id in an endpoint counts here too."""
    maker.host("volume", "create", "theirs")
    theirs = maker.host("network", "create", "theirs").out
    for name in ("theirs", theirs, "nosuch"):
        for args in (("network", "inspect"), ("network", "rm"), ("run", "--rm", "alpine", "true", "--network")):
            done = maker(*args[:2], *(["--network", name, "alpine", "true"] if args[0] == "run" else [name]), check=False)
            assert done.rc != 0 and f"network {name} not found" in done.err, done
    assert "is not this container's own" in maker("run", "--rm", "-v", "theirs:/x", "alpine", "true", check=False).err
    assert "no such volume" in maker("volume", "inspect", "theirs", check=False).err
    maker("network", "create", "net")
    box = maker("run", "-d", "--network", "net", "--name", "box", "-v", "vol:/x", "alpine", "sleep", "1000").out
    assert maker("run", "--rm", "--network", "net", "alpine", "ping", "-c1", "-W5", "box").rc == 0
    shown = json.loads(maker("inspect", box).out)[0]
    assert shown["HostConfig"]["NetworkMode"] == "net" and list(shown["NetworkSettings"]["Networks"]) == ["net"]
    assert maker("volume", "ls", "-q").out == "vol"
    assert set(maker("network", "ls", "--format", "{{.Name}}").lines) == {"bridge", "host", "none", "net"}
    maker("rm", "-f", "box")
    maker("volume", "rm", "vol")


def test_what_becomes_anothers(maker):
    """Networks and volumes that somebody else makes again under their names, before containers start that were made with
    the first ones. This engine lets a creation have several endpoints."""
    maker.host("network", "create", "nat")
    assert "network nat not found" in maker("run", "--rm", "--network", "nat", "alpine", "true", check=False).err
    for name in ("net", "other"):
        maker("network", "create", name)
    boxes = [maker("create", "--network", "net", "alpine", "sleep", "1000").out for _ in range(2)]
    boxes.append(maker("create", "--network", "bridge", "alpine", "sleep", "1000").out)
    boxes.append(maker("create", "--network", "other", "--network", "net", "alpine", "sleep", "1000").out)
    maker("network", "connect", "net", boxes[2])
    maker("network", "disconnect", "net", boxes[1])
    maker("network", "rm", "net")
    maker.host("network", "create", "net")
    errors = [maker("start", box, check=False).err for box in boxes]
    assert all("not found" in errors[i] for i in (0, 2, 3)), errors
    assert not json.loads(maker.host("network", "inspect", "net").out)[0]["Containers"]
    maker("create", "--name", "source", "-v", "data:/data", "alpine")
    late = maker("create", "--volumes-from", "source", "alpine", "cat", "/data/f").out
    maker("rm", "-f", "source", *boxes)
    assert "volume is in use" in maker("volume", "rm", "data", check=False).err
    maker.host("volume", "rm", "data")
    maker.host("run", "--rm", "-v", "data:/data", "alpine", "sh", "-c", "echo secret >/data/f")
    for command in (("start", "-a", late), ("cp", f"{late}:/data/f", "-")):
        done = maker(*command, check=False)
        assert "volume data is not this container's own" in done.err and "secret" not in done.out, done
    maker("rm", late)
