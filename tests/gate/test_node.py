# SPDX-License-Identifier: Apache-2.0
"""Clients of npm, in Node.js of Debian trixie: dockerode, testcontainers 11 and the command line of development containers."""

import json
import os

import pytest

import registry as registries
from cages import BLOCKED, HERE, support
from test_attacks import user  # noqa: F401

RYUK = "testcontainers/ryuk:0.14.0"
NODE = f"{HERE}/clients/run-node"
# What Ryuk does, and nothing else.
PRUNING = ("ps", "rm", "network ls", "network rm", "volume ls", "volume rm", "images", "rmi")


@pytest.fixture(scope="module")
def bare():
    engine = support.BareEngine("/usr/bin/crun")
    registry = None
    try:
        engine.need("alpine")
        registry = registries.Registry(engine.dockerd)
        registries.push(engine, registry, "alpine", "node/alpine", "1")
        yield engine
        engine.sweep()
    finally:
        if registry:
            registry.close()
        engine.down()
        engine.remove_folder()


def run_node(engine, script, *args, env=None):
    return engine.beside_ports(NODE, script, *args, env=env, timeout=600)


def test_dockerode(cage, policy, bare):
    registries.push(cage, cage.registry, "alpine", "node/alpine", "1")
    remote = f"{cage.registry.name}/node/alpine:1"
    direct, through = (run_node(e, "dockerode.js", e.socket, remote).lines for e in (bare, cage))
    assert len(direct) > 20 and direct[-1] == "gone [0]", direct
    assert direct == through


@pytest.fixture(scope="module")
def ryuk(_cage):
    """docker.io's image of that name is ours."""
    _cage.need("python")
    _cage.build("FROM python\nCOPY ryuk.py /ryuk.py\nCMD [\"python3\", \"/ryuk.py\"]\n",
                files={"ryuk.py": support.read(f"{HERE}/clients/ryuk.py")}, buildkit=False, tag=RYUK)
    registries.push(_cage, _cage.registry, RYUK, *RYUK.split(":"))
    _cage.docker("rmi", RYUK)
    _cage.docker("pull", RYUK)
    yield RYUK
    _cage.docker("rmi", "-f", RYUK)


@pytest.mark.parametrize("strict", (False, True), ids=("everything", "strict"))
def test_testcontainers(cage, policy, ryuk, strict):
    if strict:
        policy([ryuk], PRUNING, kind="allow")
    else:
        policy(["*"], [])
    done = run_node(cage, "testcontainers.js", "alpine", env={
        "DOCKER_HOST": f"unix://{cage.socket}", "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1", "RYUK_CONTAINER_IMAGE": ryuk,
        "TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE": "/var/run/docker.sock"})
    said = {line.split(" ", 1)[0]: json.loads(line.split(" ", 1)[1]) for line in done.lines}
    assert said["port"] == [200, "hello\n"]
    assert (said["exec"][0]["output"], said["exec"][0]["exitCode"]) == ("copiedvalue\n", 3)
    assert said["copied"] == ["later"] and said["network"] == ["hello\n"]
    *containers, network = said["left"]
    assert len(containers) == 2
    # Ryuk comes and takes everything away, by its own socket; then it goes, too.
    support.wait_until(lambda: not cage.api("GET", "/containers/json?all=1"), 60, "Ryuk's work")
    assert network not in [n["Id"] for n in cage.api("GET", "/networks")]


def test_a_ryuk_that_may_not(cage, policy, ryuk):
    """The same image with a list that has no rm: it says so, and nothing is removed."""
    policy([ryuk], ["rm"])
    kept = cage.start("--label", "mine=1")
    killer = cage.start("-v", "/var/run/docker.sock:/var/run/docker.sock", image=ryuk, cmd=())
    support.wait_until(lambda: "Started!" in cage.docker("logs", killer.id).out, 30)
    killer.exec("python3", "-c", "import socket; s = socket.create_connection(('127.0.0.1', 8080)); "
                                 "s.sendall(b'label=mine=1\\r\\n'); assert s.recv(9) == b'ACK\\n'")
    cage.docker("wait", killer.id)
    assert BLOCKED.split('"')[0] in cage.docker("logs", killer.id).out and kept.running


def test_a_development_container(cage, policy, user):  # noqa: F811
    """Root starts it, and the one who works in it has been given the number of the user of the host: so its files are."""
    cage.need("debian")
    project = user.folder("project")
    support.write(f"{project}/Dockerfile", "FROM debian\nRUN useradd -m -u 1234 dev\n")
    support.write(f"{project}/.devcontainer.json", json.dumps({
        "build": {"dockerfile": "Dockerfile"}, "remoteUser": "dev", "postCreateCommand": "touch after",
        "mounts": ["source=devcache,target=/cache,type=volume"], "containerEnv": {"KEY": "value"}}))

    def devcontainer(command, *args):
        groups = ",".join(map(str, user.groups()))
        return run_node(cage, "devcontainer.js", command, "--workspace-folder", project, *args, env={
            "DOCKER_HOST": f"unix://{cage.socket}", "NODE_AS": f"{user.uid}:{user.gid} {groups}"})

    said = json.loads(devcontainer("up").lines[-1])
    assert (said["outcome"], said["remoteUser"]) == ("success", "dev")
    assert json.loads(devcontainer("up").lines[-1])["containerId"] == said["containerId"]
    assert devcontainer("exec", "sh", "-c", "id -u; stat -c '%u %U' .; echo $KEY >made; cat made").lines == [
        str(user.uid), f"{user.uid} dev", "value"]
    for name in ("made", "after"):
        found = os.stat(f"{project}/{name}")
        assert (found.st_uid, found.st_gid) == (user.uid, user.gid)
    # What root writes is one of the user's subordinate ids'.
    cage.docker("exec", said["containerId"], "touch", f"{said['remoteWorkspaceFolder']}/by-root", user=user)
    start, count = user.subuid
    assert start <= os.stat(f"{project}/by-root").st_uid < start + count
    images = {c["Image"] for c in cage.api("GET", "/containers/json?all=1")}
    cage.docker("rm", "-f", said["containerId"], user=user)
    cage.docker("rmi", "-f", *images)
