# SPDX-License-Identifier: Apache-2.0
"""The docker command line through the gate, against the same command on the engine's own socket.

Needs root: `gabion up` runs a real engine. The engine behind both sockets is one and the same, so
whatever differs is the gate's doing.
"""

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "e2e"))

import support  # noqa: E402
from fakes import Stream, read_answer  # noqa: E402

CLIS = [p for p in ("/usr/bin/docker", "/usr/local/bin/docker") if os.path.exists(p)]


@pytest.fixture(scope="module")
def engine():
    if os.geteuid() != 0:
        pytest.skip("not root: no engine can be started")
    e = support.GabionInstance()
    try:
        e.need("alpine")
        yield e
    finally:
        e.down()
        e.remove_folder()


@pytest.fixture(autouse=True)
def clean(request):
    yield
    if "engine" in request.fixturenames:
        request.getfixturevalue("engine").sweep()


def command(engine, cli, *args, direct=False, **how):
    path = f"{engine.dir}/run/engine.sock" if direct else engine.socket
    env = {"DOCKER_HOST": f"unix://{path}", "DOCKER_CONFIG": "/var/empty-docker-config", **how.pop("env", {})}
    return support.run(cli, *args, env=env, **how)


@pytest.fixture(params=CLIS, ids=lambda p: p.split("/")[2])
def docker(engine, request):
    """The command through the gate; docker.direct: past it."""
    def run(*args, **how):
        return command(engine, request.param, *args, **how)

    run.direct = lambda *args, **how: command(engine, request.param, *args, direct=True, **how)
    run.cli = request.param
    run.host = f"unix://{engine.socket}"
    return run


SAME = [
    ("version",), ("version", "--format", "{{json .Server}}"), ("images",), ("images", "--no-trunc", "-a"), ("ps", "-a"),
    ("network", "ls"), ("volume", "ls"), ("plugin", "ls"), ("image", "inspect", "alpine"), ("history", "alpine"),
    ("inspect", "nosuch"), ("logs", "nosuch"), ("exec", "nosuch", "true"), ("rm", "nosuch"), ("rmi", "nosuch"),
    ("run", "--rm", "nosuch.invalid/image", "true"), ("start", "nosuch"), ("cp", "nosuch:/etc/passwd", "-"),
    ("commit", "nosuch"), ("diff", "nosuch"), ("export", "nosuch"), ("network", "inspect", "bridge"),
    ("run", "--name", "x", "alpine"), ("tag", "alpine", "Bad:Name"),
    ("run", "--rm", "--volumes-from", "nosuch", "alpine", "true"), ("network", "rm", "bridge"),
    ("run", "--rm", "-v", "relative/path:/x", "alpine", "true"), ("update", "nosuch"), ("port", "nosuch"),
    ("search", "x"), ("wait", "nosuch"), ("top", "nosuch"), ("attach", "nosuch"), ("kill", "nosuch"),
]


@pytest.mark.parametrize("args", SAME, ids=lambda a: " ".join(a)[:50])
def test_same_words(docker, args):
    """Also in the engine's errors: nothing tells a user that there is a gate."""
    through, past = docker(*args, check=False), docker.direct(*args, check=False)
    # The second: older clients say so or not, depending on which of two answers they read first.
    changing = r"[0-9a-f]{64}|\n?time=.*error waiting for container: context canceled.*|(?:Less than|About) an? \w+ ago *|[0-9.]+ ?(?:seconds?|minutes?|µs|ms|s) ago|\b[a-z]+_[a-z]+\b|127\.0\.0\.1:\d+|:\d+->"

    def words(text):  # columns are as wide as what they hold
        return re.sub(" +", " ", re.sub(changing, "", text))

    assert (through.rc, words(through.out), words(through.err)) == (past.rc, words(past.out), words(past.err))


def test_a_command_that_is_not_there(docker):
    """The words are crun's, but for those by which docker run ends with 127 (src/gate/start.h)."""
    through, past = (ask("run", "--rm", "alpine", "nosuch-command", check=False) for ask in (docker, docker.direct))
    assert through.rc == 127 and "no such file or directory" in through.err
    assert through.err.lower().splitlines()[0] == past.err.lower().splitlines()[0]


def test_run_exec_logs(docker):
    assert docker("run", "--rm", "alpine", "sh", "-c", "echo out; echo err >&2; exit 7", check=False).rc == 7
    both = docker("run", "--rm", "alpine", "sh", "-c", "echo out; echo err >&2")
    assert (both.out, both.err) == ("out", "err")
    assert docker("run", "--rm", "-i", "alpine", "cat", input="from stdin\n").out == "from stdin"
    box = docker("run", "-d", "alpine", "sh", "-c", "echo one; echo two >&2; exec sleep 1000").out
    assert docker("exec", box, "sh", "-c", "echo $0", "arg").out == "arg"
    assert docker("exec", "-i", box, "cat", input="x" * 100000).out == "x" * 100000
    assert docker("exec", box, "sh", "-c", "exit 3", check=False).rc == 3
    assert docker("exec", "-e", "A=b", "-w", "/tmp", "-u", "1000", box, "sh", "-c", "echo $A $(pwd) $(id -u)").out \
        == "b /tmp 1000"
    logs = support.wait_until(lambda: (r := docker("logs", box)).out and r.err and r)
    assert (logs.out, logs.err) == ("one", "two")
    assert "sleep 1000" in docker("top", box).out
    assert "0.00%" in docker("stats", "--no-stream", box).out or "%" in docker("stats", "--no-stream", box).out
    docker("pause", box)
    docker("unpause", box)
    docker("stop", "-t", "0", box)
    assert docker("wait", box).out == "137"
    docker("start", box)
    docker("restart", "-t", "0", box)
    docker("rename", box, "renamed")
    docker("kill", "renamed")
    docker("rm", "renamed")


def test_terminal(engine, docker, monkeypatch):
    monkeypatch.setattr(support, "DOCKER", docker.cli)
    code, shown = engine.in_terminal("run", "--rm", "-it", "alpine", "sh", "-c", "tty; echo ready; read x; echo got $x",
                                     typed=b"hello\n")
    assert code == 0 and "/dev/pts/0" in shown and "got hello" in shown
    box = docker("run", "-d", "alpine", "sleep", "1000").out
    code, shown = engine.in_terminal("exec", "-it", box, "sh", "-c", "tty; echo ready; read x; exit $x", typed=b"5\n")
    assert code == 5 and "/dev/pts/" in shown


def test_attach_and_detach(engine, docker, monkeypatch):
    monkeypatch.setattr(support, "DOCKER", docker.cli)
    box = docker("create", "-i", "alpine", "sh", "-c", "echo ready; read a; echo a=$a; read b; echo b=$b").out
    assert docker("start", "-ai", box, input="1\n2\n").lines == ["ready", "a=1", "b=2"]
    box = docker("run", "-dit", "alpine", "sh", "-c", "while echo ready; do sleep 0.1; done").out
    code, shown = engine.in_terminal("attach", box, typed=b"\x10\x11")  # Ctrl-P Ctrl-Q
    assert code == 1 and "read escape sequence" in shown
    assert docker("inspect", "-f", "{{.State.Running}}", box).out == "true"


def test_signals_reach_the_container(engine, docker):
    process = subprocess.Popen([docker.cli, "run", "--rm", "--name", "sig", "alpine", "sh", "-c",
                                "trap 'echo got; exit 4' TERM; echo ready; while :; do sleep 0.05; done"],
                               env={**os.environ, **engine.environment()}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=20)[0] == "got\n"
    assert process.returncode == 4


def test_logs_follow(engine, docker):
    box = docker("run", "-d", "alpine", "sh", "-c", "for i in 1 2 3 4 5; do echo line $i; sleep 0.1; done").out
    assert docker("logs", "-f", box).lines == [f"line {n}" for n in range(1, 6)]
    box = docker("run", "-d", "alpine", "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; done").out
    process = subprocess.Popen([docker.cli, "logs", "-f", box], env={**os.environ, **engine.environment()},
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    for n in range(1, 20001):
        assert int(process.stdout.readline()) == n
    process.kill()
    process.communicate()


def test_events(engine, docker):
    since = docker("info", "--format", "{{.SystemTime}}").out
    process = subprocess.Popen([docker.cli, "events", "--format", "{{.Action}}", "--filter", "type=container", "--since", since],
                               env={**os.environ, **engine.environment()}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True)
    docker("run", "--rm", "alpine", "true")
    got = [process.stdout.readline().strip() for _ in range(3)]
    process.kill()
    process.communicate()
    assert got == ["create", "attach", "start"]


def test_large_streams_arrive_whole(docker):
    data = os.urandom(1 << 20) * 48
    want = hashlib.sha256(data).hexdigest()
    box = docker("run", "-d", "alpine", "sleep", "1000").out
    assert docker("exec", "-i", box, "sha256sum", input=data).out.split()[0] == want
    assert docker("run", "--rm", "-i", "alpine", "sha256sum", input=data).out.split()[0] == want
    out = subprocess.run(["sh", "-c", f"{docker.cli} -H $DOCKER_HOST run --rm -i --log-driver none alpine cat | sha256sum"],
                         input=data, stdout=subprocess.PIPE, check=True, timeout=120,
                         env={**os.environ, "DOCKER_HOST": docker.host})
    assert out.stdout.split()[0].decode() == want


def test_save_load_import_export(engine, docker, tmp_path):
    through, past = tmp_path / "a.tar", tmp_path / "b.tar"
    docker("save", "-o", through, "alpine")
    docker.direct("save", "-o", past, "alpine")
    assert through.read_bytes() == past.read_bytes()
    docker("tag", "alpine", "again")
    docker("rmi", "again")
    assert "Loaded image" in docker("load", "-i", through).out
    box = docker("create", "alpine").out
    docker("export", "-o", through, box)
    docker.direct("export", "-o", past, box)
    assert through.read_bytes() == past.read_bytes()
    assert docker("import", through, "imported").out.startswith("sha256:")
    docker("rmi", "imported")


def test_copy(docker, tmp_path):
    (tmp_path / "tree/sub").mkdir(parents=True)
    (tmp_path / "tree/file").write_text("hello")
    (tmp_path / "tree/sub/link").symlink_to("../file")
    for box in (docker("run", "-d", "alpine", "sleep", "1000").out, docker("create", "alpine").out):
        docker("cp", tmp_path / "tree", f"{box}:/tmp/copied")
        back = tmp_path / f"back-{box[:8]}"
        docker("cp", f"{box}:/tmp/copied", back)
        assert (back / "file").read_text() == "hello"
        assert os.readlink(back / "sub/link") == "../file"
        docker("cp", tmp_path / "tree/file", f"{box}:/tmp/renamed")
        missing = docker("cp", f"{box}:/no/such", "-", check=False)
        assert missing.rc == 1
        assert "/no/such" in missing.err
        listing = subprocess.run(["sh", "-c", f"{docker.cli} -H $DOCKER_HOST cp {box}:/tmp - | tar -t"], check=True,
                                 stdout=subprocess.PIPE, env={**os.environ, "DOCKER_HOST": docker.host}).stdout.decode()
        assert "tmp/renamed" in listing and "tmp/copied/sub/link" in listing


def test_diff_commit_see_the_present(docker):
    box = docker("run", "-d", "alpine", "sleep", "1000").out
    for n in range(5):
        docker("exec", box, "sh", "-c", f"echo {n} > /file{n}; adduser -D -u 200{n} user{n}")
        assert f"A /file{n}" in docker("diff", box).lines
        assert docker("exec", "-u", f"user{n}", box, "id", "-un").out == f"user{n}"
    docker("commit", box, "committed")
    assert docker("run", "--rm", "committed", "cat", "/file4").out == "4"
    docker("rmi", "committed")


@pytest.mark.parametrize("buildkit", ["0", "1"])
def test_build(docker, tmp_path, buildkit):
    (tmp_path / "Dockerfile").write_text("FROM alpine\nARG A=1\nCOPY data /data\nRUN sha256sum /data > /sum && echo $A\n")
    data = os.urandom(5 << 20)
    (tmp_path / "data").write_bytes(data)
    env = {"DOCKER_BUILDKIT": buildkit}
    if buildkit == "1" and "local" in docker.cli and docker("buildx", "version", check=False).rc != 0:
        pytest.skip("this docker command has no buildx plugin, which it needs for BuildKit")
    docker("build", "-t", f"built{buildkit}", "--build-arg", "A=2", tmp_path, env=env, timeout=300)
    got = docker("run", "--rm", f"built{buildkit}", "cat", "/sum").out
    assert got.split()[0] == hashlib.sha256(data).hexdigest()
    host = docker("build", "--network", "host", "--no-cache", tmp_path, env=env, check=False, timeout=300)
    if buildkit == "0":
        assert host.rc == 1 and "can't share a network namespace with the host" in host.text


def test_many_at_once(docker):
    results = []

    def one(n):
        results.append((n, docker("run", "--rm", "alpine", "echo", str(n)).out))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results) == [(n, str(n)) for n in range(12)]


def test_compose(engine, tmp_path):
    (tmp_path / "docker-compose.yml").write_text(
        "version: '3'\nservices:\n  a:\n    image: alpine\n    command: sleep 1000\n"
        "  b:\n    image: alpine\n    command: sh -c 'echo from b; sleep 1000'\n    depends_on: [a]\n"
        "    volumes: ['data:/data']\nvolumes: {data: {}}\n")
    engine.compose("up", "-d", cwd=tmp_path)
    assert "from b" in support.wait_until(lambda: (t := engine.compose("logs", cwd=tmp_path).out) and "from b" in t and t)
    assert engine.compose("exec", "-T", "a", "echo", "hi", cwd=tmp_path).out == "hi"
    engine.compose("down", "-v", cwd=tmp_path)


def raw(engine, data):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(engine.socket)
    stream = Stream(sock)
    stream.send(data)
    return stream


def post(path, body=None):
    data = json.dumps(body).encode() if body is not None else b""
    kind = "Content-Type: application/json\r\n" if body is not None else ""
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{kind}Content-Length: {len(data)}\r\n\r\n".encode() + data


def test_hijack_without_upgrade(engine, docker):
    """As dockerode and testcontainers do it: the engine's 200 with a raw stream is the tunnel."""
    box = docker("run", "-d", "alpine", "sleep", "1000").out
    stream = raw(engine, post(f"/v1.41/containers/{box}/exec", {
        "AttachStdin": True, "AttachStdout": True, "Tty": True, "Cmd": ["sh", "-c", "read x; echo got:$x"]}))
    ident = json.loads(read_answer(stream).body)["Id"]
    stream.send(post(f"/v1.41/exec/{ident}/start", {"Detach": False, "Tty": True}))
    head = stream.until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK") and b"raw-stream" in head
    stream.send(b"hello\n")
    assert b"got:hello" in stream.all()


def test_a_failed_start_is_no_tunnel(engine, docker):
    """What is pipelined behind a refused exec start is a request: seen, judged, answered."""
    docker("run", "-d", "--name", "boxed", "alpine", "sleep", "1000")
    stream = raw(engine, post("/v1.41/exec/nosuch/start", {"Detach": False, "Tty": True}).replace(
        b"Host: x\r\n", b"Host: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n") +
        post("/v1.41/containers/create", {"Image": "alpine", "HostConfig": {"PidMode": "host"}}))
    assert read_answer(stream).status == 404
    assert read_answer(stream).status == 403


def test_records_come_and_go(engine, docker):
    def records():
        return set(os.listdir(f"{engine.dir}/lib/askers"))

    box = docker("create", "alpine").out
    assert box in records()
    docker("run", "--rm", "alpine", "true")
    docker("rm", box)
    support.wait_until(lambda: not records(), what="no records")


def processes(engine, name):
    return [p for p, line in support.processes_of(engine.dir).items() if os.path.basename(line.split(" ")[0]) == name]


def test_the_gate_is_killed(engine, docker):
    """Containers do not notice, and a new one is there at once."""
    box = docker("run", "-d", "alpine", "sleep", "1000").out
    old = processes(engine, "gabion-gate")
    assert len(old) == 1
    os.kill(old[0], signal.SIGKILL)
    support.wait_until(lambda: docker("ps", "-q", check=False).rc == 0, what="the gate's return")
    assert processes(engine, "gabion-gate") != old
    assert docker("exec", box, "echo", "alive").out == "alive"


def test_the_engine_is_killed(engine, docker):
    before = processes(engine, "gabion-gate")
    engine.kill_dockerd()
    down = docker("ps", check=False)
    assert down.rc in (0, 1)
    if down.rc:
        assert "Is the docker daemon running" in down.err or "engine" in down.err or "EOF" in down.err, down
    engine.restart_dockerd()
    assert processes(engine, "gabion-gate") == before
    assert docker("run", "--rm", "alpine", "echo", "back").out == "back"


def test_the_gate_is_confined(engine):
    pid = processes(engine, "gabion-gate")[0]
    status = support.status_of(pid)
    uid = set(status["Uid"].split())
    assert len(uid) == 1 and uid != {"0"}
    assert all(int(status[k], 16) == 0 for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
    with contextlib.suppress(FileNotFoundError):
        assert os.stat(f"{engine.dir}/run/engine.sock").st_mode & 0o007 == 0


def test_time_added(engine, docker):
    """Not a benchmark (bench/ is): a gate that has become slow by a factor fails here."""
    def ping(path, n=400):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        stream = Stream(sock)
        times = []
        for _ in range(n):
            start = time.perf_counter()
            stream.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_answer(stream).body == b"OK"
            times.append(time.perf_counter() - start)
        return sorted(times)[n // 2]

    added = ping(engine.socket) - ping(f"{engine.dir}/run/engine.sock")
    assert added < 0.001, f"{added * 1e6:.0f} µs"
