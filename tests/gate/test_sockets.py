# SPDX-License-Identifier: Apache-2.0
"""The engine's socket in containers: real engine, real registry (also docker.io's mirror), real docker CLI."""

import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

import pytest

import cages
from cages import BLOCKED, DENIED, SOCKET, run, support


def test_an_image_outside_of_the_list(cage, policy):
    for args in (("-v", SOCKET), ("-v", "/run/docker.sock:/x:ro"), ("--mount", "type=bind,src=/var/run/docker.sock,dst=/x")):
        done = run(cage, "true", image="alpine", args=args, check=False)
        assert done.rc == 125 and DENIED % "alpine" in done.err, args
    assert not cage.docker("ps", "-aq").out


def test_a_name_that_no_image_can_have(cage, policy):
    """The engine's own words, as for a container that does not ask for the socket."""
    def asks(body, path):
        done = support.run("curl", "-s", "-w", "\n%{http_code}", "--unix-socket", path, "-H", "Content-Type: application/json",
                           "-d", json.dumps(body), "http://x/v1.41/containers/create")
        return done.lines

    for name in ("Docker:cli", "docker:c li", "nosuch:image"):
        with_it = {"Image": name, "HostConfig": {"Binds": [SOCKET]}}
        told = asks(with_it, f"{cage.dir}/run/engine.sock")
        assert asks(with_it, cage.socket) == told, name
        assert told[-1] == ("404" if name == "nosuch:image" else "400")


def test_no_image_at_all(cage, policy):
    """The engine makes such a container; no list can name it, and there is no image to keep on record."""
    def asks():
        body = {"Cmd": ["true"], "HostConfig": {"Binds": [SOCKET]}}
        done = support.run("curl", "-s", "-w", "\n%{http_code}", "--unix-socket", cage.socket, "-H", "Content-Type: application/json",
                           "-d", json.dumps(body), "http://x/v1.41/containers/create")
        return int(done.lines[-1]), json.loads(done.lines[0])

    status, said = asks()
    assert status == 403 and said["rule"] == "socket-image-no-id", said
    assert said["message"] == DENIED.replace("docker.io/library/%s", "") and "without an image" in said["reason"]
    assert not cage.docker("ps", "-aq").out
    policy(["*"])
    assert asks() == (403, said)


def test_a_listed_image(cage, policy):
    done = run(cage, "sh", "-c", "docker ps -aq --no-trunc; docker version -f '{{.Server.Version}}'; cat /etc/hostname")
    ident, version, name = done.lines
    assert ident.startswith(name) and version == cage.docker("version", "-f", "{{.Server.Version}}").out


@contextlib.contextmanager
def other_names(cage):
    """The socket as a symlink, a hard link and a bind mount under names that say nothing, and with dots."""
    real = f"{cage.dir}/run/docker.sock"
    hard = f"{os.path.dirname(cage.dir)}/.gabion-{os.getpid()}"
    with support.host_folder() as folder:
        os.symlink(real, f"{folder}/link")
        os.symlink("link", f"{folder}/to-link")
        support.write(f"{folder}/bound", "")
        os.link(real, hard)
        try:
            with support.mount_where([cage.dockerd()], "--bind", real, f"{folder}/bound"):
                yield [f"{folder}/link", f"{folder}/to-link", f"{folder}/bound", hard, real, "/run/../var/run//docker.sock"]
        finally:
            os.unlink(hard)


def test_other_names_for_others(cage, policy):
    """Refused before the engine hears of a container, not when it starts."""
    with other_names(cage) as names:
        for name in names:
            for args in (("-v", f"{name}:/x"), ("--mount", f"type=bind,src={name},dst=/x")):
                done = cage.docker("create", *args, "alpine", "true", check=False)
                assert done.rc != 0 and done.err.strip() == f"Error response from daemon: {DENIED % 'alpine'}", args
        # what is only called so is not the socket
        with support.host_folder() as folder:
            os.mkdir(f"{folder}/docker.sock")
            assert cage.docker("create", "-v", f"{folder}/docker.sock:/x", "alpine", "true").rc == 0
    assert len(cage.docker("ps", "-aq").lines) == 1


def test_other_names_for_a_listed_image(cage, policy):
    with other_names(cage) as names:
        for name in names:
            # The engine may not know yet that the container runs, which is what it lists.
            ask = "for i in 1 2 3 4 5 6 7 8 9; do docker ps -q --no-trunc >/seen || exit; test -s /seen && break; sleep 1; done; cat /seen"
            done = run(cage, "sh", "-c", ask, args=("-v", f"{name}:/var/run/docker.sock"))
            assert len(done.lines) == 1, name


def test_a_denied_command(cage, policy):
    done = run(cage, "docker", "push", "myimage", check=False)
    assert done.rc != 0 and BLOCKED % "/v1.41/images/myimage/push?tag=latest" in done.err
    done = run(cage, "curl", "-s", "--unix-socket", "/var/run/docker.sock", "-XPOST",
               "http://localhost/v1.43/images/myimage/push?tag=latest")
    assert json.loads(done.out)["message"] == BLOCKED % "/v1.43/images/myimage/push?tag=latest"


def test_a_retagged_image(cage, policy):
    cage.docker("rmi", "docker:cli")
    cage.docker("tag", "alpine", "docker:cli")
    try:
        done = run(cage, "true", check=False)
        assert done.rc == 125 and DENIED % "docker" in done.err
    finally:
        cage.docker("rmi", "docker:cli")
        cage.docker("pull", "docker:cli")
    assert run(cage, "true").rc == 0


def test_a_derived_image(cage, policy):
    """Built from a listed image that is there; its name says nothing."""
    cage.build("FROM docker:cli\nRUN echo more >/more\n", buildkit=False, tag="derived:1")
    try:
        done = run(cage, "true", image="derived:1", check=False)
        assert done.rc == 125 and "docker socket mount denied" in done.err
        policy(["docker:cli"], [], allowDerivedImages=True)
        assert len(run(cage, "docker", "ps", "-aq", image="derived:1").lines) == 1
        done = run(cage, "true", image="alpine", check=False)
        assert done.rc == 125 and DENIED % "alpine" in done.err
        # settings alone add no layer
        cage.build("FROM docker:cli\nENV MORE=more\n", buildkit=False, tag="derived:2")
        assert run(cage, "printenv", "MORE", image="derived:2").out == "more"
    finally:
        cage.docker("rmi", "-f", "derived:1", "derived:2", check=False)


def test_a_base_that_goes_and_comes(cage, policy):
    """The base of the last time allows nothing once it has gone, or its name is another image's."""
    def may(image="derived:1"):
        done = run(cage, "true", image=image, check=False)
        assert done.rc == 0 or "docker socket mount denied" in done.err, done
        return done.rc == 0

    def is_there():
        known = [d for i in cage.api("GET", "/images/json") for d in (i["Id"], *(i["RepoDigests"] or ()))]
        return any(d.endswith(cage.digest) for d in known) or cage.docker("image", "inspect", cage.digest, check=False).rc == 0

    cage.build("FROM docker:cli\nRUN echo more >/more\n", buildkit=False, tag="derived:1")
    try:
        policy(["docker:cli"], [], allowDerivedImages=True)
        assert may() and may()
        cage.docker("rmi", "docker:cli")
        # By another name it may still be there, and in containerd's store without any: its id is the registry's digest.
        assert may() == is_there()
        cage.docker("tag", "alpine", "docker:cli")
        assert may() == is_there() and not may("docker:cli")
        cage.docker("rmi", "docker:cli")
        cage.docker("pull", "docker:cli")
        assert may() and may()
        cage.docker("tag", "alpine", "derived:1")
        assert not may()
    finally:
        cage.docker("rmi", "-f", "derived:1", check=False)
        cage.docker("pull", "docker:cli")


# As buildpacks' `pack` does it: the name is that of a registry which does not exist, and the image comes by `docker load`.
EPHEMERAL = """set -e
made=$(docker create "$1" sh -c 'echo order >/order.toml')
docker start -a $made
docker commit $made "$2" >/dev/null
docker save "$2" >/ephemeral.tar
docker rm $made >/dev/null
docker rmi "$2" >/dev/null
docker load </ephemeral.tar >/dev/null
exec docker run --rm -v /var/run/docker.sock:/var/run/docker.sock "$2" sh -c 'test -S /var/run/docker.sock && cat /order.toml'
"""


def test_an_image_of_a_moment(cage, policy):
    """What a container makes of an allowed builder's image at run time may have the socket; of another image it may not."""
    cage.build("FROM alpine\nRUN echo builder >/builder\n", buildkit=False, tag="made:1")
    cages.registries.push(cage, cage.registry, "made:1", "paketobuildpacks/builder", "base")
    cage.docker("rmi", "made:1")
    cage.docker("pull", "paketobuildpacks/builder:base")
    try:
        policy(["docker:cli", "paketobuildpacks/builder:base"], allowDerivedImages=True)
        done = run(cage, "sh", "-c", EPHEMERAL, "sh", "paketobuildpacks/builder:base", "pack.local/builder/6f7a:latest")
        assert done.out == "order"
        done = run(cage, "sh", "-c", EPHEMERAL, "sh", "alpine", "pack.local/builder/81bc:latest", check=False)
        assert done.rc == 125 and DENIED.replace("docker.io/library/%s", "pack.local/builder/81bc") in done.err, done
        policy(["docker:cli", "paketobuildpacks/builder:base"])
        done = run(cage, "docker", "run", "--rm", "-v", SOCKET, "pack.local/builder/6f7a", check=False)
        assert done.rc == 125 and DENIED.replace("docker.io/library/%s", "pack.local/builder/6f7a") in done.err, done
    finally:
        cage.sweep()
        cage.docker("rmi", "-f", "pack.local/builder/6f7a", "pack.local/builder/81bc", "paketobuildpacks/builder:base", check=False)


def test_compose_is_denied_before_it_makes_anything(cage, policy, door, tmp_path):
    policy(["docker:cli"], ["compose"])
    (tmp_path / "docker-compose.yml").write_text("version: '3'\nservices: {a: {image: alpine, command: sleep 9, volumes: ['v:/v']}}\n"
                                                 "volumes: {v: {}}\n")
    before = [cage.docker(what, "ls", "-q").lines for what in ("network", "volume", "container")]
    for command in (("up", "-d"), ("ps",), ("events",)):
        done = cage.compose(*command, cwd=tmp_path, env={"DOCKER_HOST": f"unix://{door}"}, check=False, timeout=60)
        # What events gets in place of a stream it takes for the end of one.
        assert command == ("events",) or (done.rc != 0 and "is blocked" in done.err), (command, done)
    assert "/events?" in json.loads(cage.cli("events", "--json").lines[-1])["target"]
    assert [cage.docker(what, "ls", "-q").lines for what in ("network", "volume", "container")] == before


def test_an_allow_list(cage, policy):
    policy(["docker:cli"], ["ps"], kind="allow")
    assert len(run(cage, "docker", "ps", "-aq").lines) == 1
    done = run(cage, "docker", "images", check=False)
    assert done.rc != 0 and "is blocked" in done.err


def test_what_it_makes_is_isolated(cage, policy):
    done = run(cage, "docker", "run", "--rm", "--privileged", "alpine", "cat", "/proc/self/uid_map")
    assert int(done.out.split()[1]) >= 100000
    done = run(cage, "docker", "run", "--rm", "--pid=host", "alpine", "true", check=False)
    assert "can't share namespaces [pid] with the host" in done.err
    done = run(cage, "docker", "run", "--rm", "-v", SOCKET, "alpine", "true", check=False)
    assert DENIED % "alpine" in done.err
    done = run(cage, "docker", "run", "--rm", "-v", "/etc:/x", "alpine", "true", check=False)
    assert "restricted host mount" in done.err


def test_a_new_policy_holds_for_what_runs(cage, policy):
    container = cage.start("-v", SOCKET, image="docker:cli")
    assert container.exec("docker", "ps", "-q").rc == 0
    policy(["docker:cli"], ["ps"])
    done = support.wait_until(lambda: not (r := container.exec("docker", "ps", "-q", check=False)).rc == 0 and r, 10)
    assert "is blocked" in done.err
    policy([], [])
    done = support.wait_until(lambda: "mount denied" in (r := container.exec("docker", "images", check=False)).err and r, 10)
    cage.docker("stop", "-t", "0", container.id)
    done = cage.docker("start", container.id, check=False)
    assert done.rc != 0 and "docker socket mount denied" in done.err


def test_a_change_holds_within_a_second(cage, policy):
    """From the file's new name on, for a request of a container that runs; of six changes, so that one moment in which
    this machine does something else does not count."""
    container = cage.start("-v", SOCKET, image="docker:cli")
    took = []
    for commands, status in ((["images"], 403), (["push"], 200)) * 3:
        cage.settings = cages.settings(["docker:cli"], commands)
        cages.write_settings(cage.dir, cage.settings)
        begin = time.monotonic()
        support.wait_until(lambda: status_of(cage, container, "/images/json") == status, 10)  # noqa: B023
        took.append(time.monotonic() - begin)
    assert statistics.median(took) < 1, took


def test_the_registry_is_down(cage, policy):
    """The last known good digests count; with the registry back, its own again."""
    container = cage.start("-v", SOCKET, image="docker:cli")
    cage.docker("stop", "-t", "0", container.id)
    cage.registry.stop()
    try:
        cage.docker("start", container.id)  # nobody can be asked: the last known good digests
        cage.docker("stop", "-t", "0", container.id)
    finally:
        cage.registry.start()
    assert run(cage, "true").rc == 0


def test_a_gate_that_dies(cage, policy):
    """The container's socket works again with the next one."""
    container = cage.start("-v", SOCKET, image="docker:cli")
    gate = next(pid for pid, line in support.processes_of(cage.dir).items() if "gabion-gate" in line.split(" ")[0])
    os.kill(gate, 9)
    support.wait_until(lambda: container.exec("docker", "ps", "-q", check=False).rc == 0, 30)


@contextlib.contextmanager
def socket_of(cage, container):
    """A connection to the container's own socket."""
    with socket.socket(socket.AF_UNIX) as s:
        folder = os.open(f"{cage.dir}/run/sock/{container.id}", os.O_PATH)  # the name itself is too long
        s.connect(f"/proc/self/fd/{folder}/docker.sock")
        os.close(folder)
        s.settimeout(30)
        yield s


def status_of(cage, container, target):
    """What the container gets for it."""
    with socket_of(cage, container) as s:
        s.sendall(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        return int(s.recv(4096).split()[1])


def holder_fds(cage):
    """How many containers' sockets it keeps."""
    folder = f"/proc/{cage.pid('holder')}/fd"
    held = {os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)}
    lines = [line.split() for line in support.read(f"/proc/{cage.pid('gabiond')}/net/unix").splitlines()]
    return sum(len(f) == 8 and os.path.basename(f[7]).startswith("docker.sock") and f"socket:[{f[6]}]" in held for f in lines)


@pytest.mark.parametrize("victims", [["gabiond"], ["gabiond", "gate"], ["holder"]], ids="-".join)
def test_sockets_outlive(cage, policy, victims):
    """kill -9 of gabiond or of what holds its sockets: the container's goes on, without a new start of anything."""
    container = cage.start("-v", SOCKET, image="docker:cli")
    removed = cage.start("-v", SOCKET, image="docker:cli")
    name = f"{cage.dir}/run/sock/{container.id}/docker.sock"
    inode = os.stat(name).st_ino
    cage.kill(*victims)
    if "gabiond" in victims:
        with socket_of(cage, container) as s:
            s.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            cage.take_over()
            assert s.recv(4096).startswith(b"HTTP/1.0 200 "), "who asked in between has no answer"
    else:
        support.wait_until(lambda: cage.pid("holder") > 0 and holder_fds(cage) == 2, 20, "the descriptors' return")
    assert container.exec("docker", "ps", "-q").rc == 0 and os.stat(name).st_ino == inode
    # And once more: what the new ones have is as good.
    cage.kill("gabiond")
    cage.take_over()
    assert container.exec("docker", "ps", "-q").rc == 0 and removed.exec("docker", "ps", "-q").rc == 0
    # Nothing is held for a container that is gone.
    assert holder_fds(cage) == 2
    cage.docker("rm", "-f", removed.id)
    support.wait_until(lambda: holder_fds(cage) == 1, 10, "the end of a socket")
    assert removed.id not in os.listdir(f"{cage.dir}/run/sock")


def test_both_are_killed(cage, policy):
    """Nobody has the socket any more: it is there again for the next start."""
    container = cage.start("-v", SOCKET, image="docker:cli")
    cage.kill("gabiond", "holder")
    cage.take_over()
    assert container.exec("docker", "ps", "-q", check=False).rc != 0
    cage.docker("restart", "-t", "0", container.id)
    assert container.exec("docker", "ps", "-q").rc == 0


def test_a_holder_that_hangs(cage, policy):
    """One that does not answer the next gabiond is replaced, and does not hold that up."""
    container = cage.start("-v", SOCKET, image="docker:cli")
    old = cage.pid("holder")
    cage.kill("gabiond")
    os.kill(old, signal.SIGSTOP)
    cage.take_over()
    assert cage.pid("holder") != old and not os.path.exists(f"/proc/{old}/exe")
    assert holder_fds(cage) == 1
    cage.docker("restart", "-t", "0", container.id)
    cage.kill("gabiond")
    cage.take_over()
    assert container.exec("docker", "ps", "-q").rc == 0


def test_the_holder_has_another_socket(cage, policy):
    """What is not bound to the container's name is not taken for the container's."""
    container = cage.start("-v", SOCKET, image="docker:cli")
    cage.kill("gabiond")
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        other.bind(f"{cage.dir}/run/other.sock")
        other.listen()
        s.connect(f"{cage.dir}/run/hold.sock")
        for kind in (container.id, "0" * 64):
            socket.send_fds(s, [struct.pack("=II96s", 1, 1, f"sock/{kind}".encode())], [other.fileno()])
        cage.take_over()
        os.unlink(f"{cage.dir}/run/other.sock")
    support.wait_until(lambda: holder_fds(cage) == 1, 10, "the end of what is nobody's")
    cage.docker("restart", "-t", "0", container.id)
    assert container.exec("docker", "ps", "-q").rc == 0


def test_runs_again_after_the_engine(cage, policy):
    """A restart policy starts it without anybody's request: gabion-runc decides alone."""
    container = cage.start("-v", SOCKET, "--restart", "always", image="docker:cli")
    cage.docker("exec", container.id, "docker", "ps", "-q")
    os.kill(container.pid, 9)
    support.wait_until(lambda: container.exec("docker", "ps", "-q", check=False).rc == 0, 30)


def test_a_refused_start_is_audited(cage, policy):
    """Also where nobody asked for it: a restart policy passes no gate."""
    container = cage.start("-v", SOCKET, "--restart", "always", image="docker:cli")
    policy(["alpine"], ["push"])
    os.kill(container.pid, 9)

    def refusals():
        return [json.loads(line) for line in cage.cli("events", "--json").lines if f'"subject":"{container.id}"' in line and '"deny"' in line]

    line = support.wait_until(refusals, 30, "a line")[-1]
    assert line["rule"] == "runtime" and line["uid"] == 0 and line["message"].endswith(DENIED % "docker")


def test_it_is_audited(cage, policy):
    run(cage, "docker", "push", "audited", check=False)
    lines = [json.loads(line) for line in cage.cli("events", "--json").lines]
    deny = [line for line in lines if line["verdict"] == "deny" and "audited" in line.get("target", "")][-1]
    grant = [line for line in lines if line["verdict"] == "grant"][-1]
    assert deny["container"] == grant["subject"] and grant["image"] == "docker:cli"


def programs(cage, name):
    """(uid, exe, exeElsewhere) of the denials whose target has that name."""
    lines = map(json.loads, cage.cli("events", "--json").lines)
    return [(e["uid"], e.get("exe"), e.get("exeElsewhere")) for e in lines if name in e.get("target", "")]


ASK = """
import os, socket, sys
if sys.argv[2] == "program-gone":
    os.unlink(os.readlink("/proc/self/exe"))
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(f"GET /debug/{sys.argv[2]} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".encode())
sys.stdin.read()
"""


@contextlib.contextmanager
def asking(cage, exe, name, *through):
    """A process of that executable that asks, and is there until its line has been read."""
    with subprocess.Popen([*through, exe, "-IS", "-c", ASK, cage.socket, name], stdin=subprocess.PIPE) as p:
        support.wait_until(lambda: programs(cage, name), 10, "a line")
        yield
        p.stdin.close()


def test_which_program(cage, policy, tmp_path):
    """Whoever connected, by its executable as the kernel knows it: whatever it is called, also where it has been removed."""
    python = os.path.realpath(sys.executable)
    with asking(cage, python, "program-plain"):
        assert programs(cage, "program-plain") == [(0, python, None)]
        assert f' exe="{python}" GET /debug/program-plain: ' in cage.cli("events").out
    odd = bytes(tmp_path) + b'/a "\n\x1b[31m\xff,"uid":5'
    shutil.copy(python, odd)
    with asking(cage, odd, "program-odd"):
        assert programs(cage, "program-odd") == [(0, odd.decode(errors="replace"), None)]
    text = [line for line in cage.cli("events").lines if "/debug/program-odd" in line]
    assert len(text) == 1 and "\x1b" not in text[0] and '/a ???[31m\ufffd,?uid?:5" GET' in text[0], text
    shutil.copy(python, tmp_path / "gone")
    with asking(cage, str(tmp_path / "gone"), "program-gone"):
        assert programs(cage, "program-gone") == [(0, f"{tmp_path}/gone (deleted)", None)]
    long = tmp_path.joinpath(*["d" * 200] * 6)
    long.mkdir(parents=True)
    shutil.copy(python, long / "python")
    with asking(cage, str(long / "python"), "program-long"):
        assert programs(cage, "program-long") == [(0, str(long)[:1024] + "…", None)]


def test_a_program_elsewhere(cage, policy):
    """A path of another mount namespace is told apart: it may be any file there."""
    python = os.path.realpath(sys.executable)
    with asking(cage, python, "program-elsewhere", "unshare", "-m"):
        assert programs(cage, "program-elsewhere") == [(0, python, True)]

    def in_a_container():
        run(cage, "docker", "push", "from-inside", check=False)
        return [p for p in programs(cage, "from-inside") if p[1]]

    # A process that ends at once may have gone before gabiond looks.
    (_, exe, elsewhere), *_ = support.wait_until(in_a_container, 60, "a line")
    assert exe.endswith("/docker") and elsewhere


def test_a_program_that_has_gone(cage, policy):
    """Nothing is said, rather than something of whoever has its number now."""
    name = "gone-meanwhile"
    for _ in range(20):
        client = socket.socket(socket.AF_UNIX)
        pid = os.fork()
        if pid == 0:
            client.connect(cage.socket)
            os._exit(0)
        os.waitpid(pid, 0)
        client.sendall(f"GET /debug/{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 403")
        client.close()
    support.wait_until(lambda: len(programs(cage, name)) == 20, 10, "lines")
    assert set(programs(cage, name)) == {(0, None, None)}


def test_what_another_container_has(cage, policy):
    """--volumes-from a container with the socket asks for the socket."""
    holder = cage.start("-v", SOCKET, image="docker:cli")
    done = run(cage, "true", image="alpine", args=("--volumes-from", holder.id), check=False)
    assert done.rc == 125 and DENIED % "alpine" in done.err and not cage.docker("ps", "-aqf", "ancestor=alpine").out
    done = run(cage, "sh", "-c", "docker ps -aq --no-trunc; cat /etc/hostname", args=("--volumes-from", holder.id))
    assert len(done.lines) == 3 and any(line.startswith(done.lines[-1]) for line in done.lines[:2])
    # Each has a socket of its own, with its own name in the audit log.
    done = run(cage, "docker", "push", "from-another", args=("--volumes-from", holder.id[:12] + ":ro"), check=False)
    assert BLOCKED % "/v1.41/images/from-another/push?tag=latest" in done.err
    last = [e for e in map(json.loads, cage.cli("events", "--json").lines) if "from-another" in e.get("target", "")][-1]
    assert last["container"] != holder.id


def test_a_tag_that_moves(cage, policy):
    """What it named before was good, and is blocked, to be created and to be started, until it is pulled again; unless the
    administrator says that what was good stays so."""
    cages.registries.push(cage, cage.registry, "alpine", "library/moving", "1")
    cage.docker("pull", "moving:1")
    cage.build("FROM alpine\nENV NEXT=1\n", buildkit=False, tag="next:1")
    try:
        policy(["moving:1"])
        before = cage.create("-v", SOCKET, image="moving:1", cmd="true")
        assert cage.docker("start", "-a", before.id).rc == 0
        cages.registries.push(cage, cage.registry, "next:1", "library/moving", "1")
        cage.cli("images", "refresh")
        refused = f"Error response from daemon: {DENIED % 'moving'}"
        for args in (("create", "-v", SOCKET, "moving:1"), ("start", before.id)):
            done = cage.docker(*args, check=False)
            assert done.rc == 1 and done.err.splitlines()[0] == refused, done
        policy(["moving:1"], keepPreviousDigests=True)
        assert run(cage, "true", image="moving:1").rc == 0 and cage.docker("start", "-a", before.id).rc == 0
        policy(["moving:1"])
        cage.docker("pull", "moving:1")
        assert run(cage, "sh", "-c", "echo $NEXT", image="moving:1").out == "1"
        assert refused in cage.docker("start", before.id, check=False).err
    finally:
        cage.docker("rmi", "-f", "moving:1", "next:1", check=False)


def last_denial(cage, image):
    """Of that image; the line may come a moment after the answer."""
    def read():
        last = json.loads(cage.cli("explain", "--last", "--json", check=False).out)
        return f"{image}\"" in last["message"] and last
    return support.wait_until(read, 10, "a line of the audit log")


def test_an_image_that_the_registry_has_lost(cage, policy):
    """Deleted there, it is not good any more, until the administrator says that what was good stays so."""
    cages.registries.push(cage, cage.registry, "alpine", "library/lost", "1")
    cage.docker("pull", "lost:1")
    try:
        policy(["lost:1"])
        assert run(cage, "true", image="lost:1").rc == 0
        cage.registry.delete("library/lost", "1")
        cage.cli("images", "refresh")
        done = run(cage, "true", image="lost:1", check=False)
        assert done.rc == 125 and DENIED % "lost" in done.err
        last = last_denial(cage, "lost")
        assert "keepPreviousDigests" in last["hint"], last
        policy(["lost:1"], keepPreviousDigests=True)
        assert run(cage, "true", image="lost:1").rc == 0
    finally:
        cage.docker("rmi", "-f", "lost:1", check=False)


def ask_for_containers(cage):
    """Seconds until the gate has answered that."""
    begin = time.monotonic()
    cage.api("GET", "/containers/json?all=1")
    return time.monotonic() - begin


@pytest.fixture(params=[("wild:*", "wild:7"), ("wild/*:*", "wild/one:7")], ids=["wildcard", "pattern"])
def wild(request, cage):
    """(entry, image); the image is in the registry, and was pulled from there."""
    entry, image = request.param
    repository = image.split(":")[0] if "/" in image else f"library/{image.split(':')[0]}"
    # not the id of another test's image: what the registry said of that one is known
    cage.build(f"FROM docker:cli\nLABEL wild={entry}\n", buildkit=False, tag="made:wild")
    cages.registries.push(cage, cage.registry, "made:wild", repository, "7")
    cage.docker("rmi", "made:wild")
    cage.docker("pull", image)
    yield entry, image, repository
    cage.docker("rmi", "-f", image, check=False)


def listed(cage, entry):
    lists = json.loads(cage.cli("images", "--json").out)["lists"]
    return next(e for e in lists[-1]["images"] if e["image"] == entry)


def test_a_wildcard_is_refreshed(cage, policy, wild):
    """As a tag is: what its registry has lost is not good any more; while nobody can be asked the last word counts."""
    entry, image, repository = wild
    policy([entry])
    assert run(cage, "true", image=image).rc == 0
    first = listed(cage, entry)
    assert [(d["digest"], d["current"]) for d in first["digests"]] == [(cage.registry.digest(repository, "7"), True)], first
    assert first["used"] >= first["asked"] and first["digests"][0]["repository"] == f"docker.io/{repository}"
    cage.registry.stop()
    try:
        cage.cli("images", "refresh")
        assert run(cage, "true", image=image).rc == 0
        assert listed(cage, entry)["failed"] >= first["asked"]
    finally:
        cage.registry.start()
    cage.registry.delete(repository, "7")
    cage.cli("images", "refresh")
    done = run(cage, "true", image=image, check=False)
    assert done.rc == 125 and DENIED.replace("library/%s", repository) in done.err, done.err
    last = last_denial(cage, repository)
    assert last["rule"] == "socket-image-moved-on" and "keepPreviousDigests" in last["hint"], last
    assert [d["current"] for d in listed(cage, entry)["digests"]] == [False]
    policy([entry], keepPreviousDigests=True)
    assert run(cage, "true", image=image).rc == 0


def test_a_wildcard_does_not_lapse(cage, policy, wild):
    """What a container needs stays known, however long the registry cannot be asked."""
    entry, image, _ = wild
    policy([entry])
    container = cage.start("-v", SOCKET, "--restart", "always", image=image)
    container.exec("docker", "ps", "-q")
    cage.registry.stop()
    try:
        file = f"{cage.dir}/lib/digests.json"
        kept = json.loads(support.read(file))
        for claim in kept["claims"]:
            claim.update({key: claim[key] - 31 * 86400 for key in ("asked", "seen", "needed") if key in claim})
        support.write(file, json.dumps(kept))
        gate = next(pid for pid, line in support.processes_of(cage.dir).items() if "gabion-gate" in line.split(" ")[0])
        os.kill(gate, 9)
        support.wait_until(lambda: container.exec("docker", "ps", "-q", check=False).rc == 0, 30)
        for _ in range(2):
            cage.cli("images", "refresh")
        assert container.exec("docker", "ps", "-q").rc == 0
        os.kill(container.pid, 9)
        support.wait_until(lambda: container.exec("docker", "ps", "-q", check=False).rc == 0, 30)
    finally:
        cage.registry.start()


def test_a_registry_that_does_not_answer(cage, policy):
    """It is waited for, for five seconds at most, and by nobody else."""
    cages.registries.push(cage, cage.registry, "alpine", "library/slow", "1")
    cage.docker("pull", "slow:1")
    cage.registry.freeze()
    try:
        policy(["slow:1"])
        done = []
        waiting = threading.Thread(target=lambda: done.append(run(cage, "true", image="slow:1", check=False, timeout=30)))
        begin = time.monotonic()
        waiting.start()
        took = [ask_for_containers(cage) for _ in range(20)]
        assert waiting.is_alive() and max(took) < 1, took
        waiting.join()
        assert 4 < time.monotonic() - begin < 8
        assert done[0].rc == 125 and DENIED % "slow" in done[0].err
        last = last_denial(cage, "slow")
        assert last["rule"] == "socket-image-not-known" and "registry unreachable" in last["reason"], last
    finally:
        cage.registry.thaw()
        cage.docker("rmi", "-f", "slow:1", check=False)


def test_warnings_about_the_policy(cage, policy):
    """A name that no command has is not denied: `gabion status` and gabiond's log say so."""
    policy(["docker:cli"], ["pusch"])
    said = json.loads(cage.cli("status", "--json").out)
    assert said["ok"] and [(w["line"] > 0, "pusch" in w["text"], "push" in w["text"]) for w in said["policy"]["warnings"]] == [(True,) * 3]
    assert "warning: " in cage.cli("status").out
    logged = support.read(f"{cage.dir}/run/log/gabiond.log")
    assert f"settings: warning: {cage.dir}/etc/admin-settings.json:" in logged
    policy(["docker:cli"], ["push"])
    assert json.loads(cage.cli("status", "--json").out)["policy"]["warnings"] == []
