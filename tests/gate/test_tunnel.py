# SPDX-License-Identifier: Apache-2.0
"""Builds over a container's socket where pushing is denied: what builds does, what pushes does not, however
it is asked. A real engine with gabiond; the client is the buildx of Debian forky where it is a whole client."""

import json
import os
import re
import socket
import struct
import subprocess
import sys
import urllib.parse

import pytest

from cages import BLOCKED, HERE, put, support

sys.path.append(os.path.join(os.path.dirname(HERE), "engines"))
import space  # noqa: E402

SOLVE = b"/moby.buildkit.v1.Control/Solve"
TEXT = BLOCKED % "/grpc"


# ── HTTP/2 by hand ───────────────────────────────────────────────────────────────────────────────


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def headers(stream, path):
    block = b"\x83\x86" + literal(b":path", path) + literal(b":authority", b"localhost") + \
        literal(b"content-type", b"application/grpc") + literal(b"te", b"trailers")
    return frame(1, 4, stream, block)


def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


def pair(number, key, value):
    return field(number, field(1, key) + field(2, value))


def message(data, flag=0):
    return bytes([flag]) + struct.pack(">I", len(data)) + data


IMAGE = field(1, b"ref") + field(3, b"moby") + field(6, b"nosuch.frontend")
PUSHES = {
    "exporter": field(1, b"ref") + field(3, b"image") + pair(4, b"name", b"127.0.0.1:1/x") + pair(4, b"push", b"true"),
    "exporters": field(1, b"ref") + field(13, field(1, b"image") + pair(2, b"push", b"1")),
    "cache": field(1, b"ref") + field(8, field(4, field(1, b"registry") + pair(2, b"ref", b"127.0.0.1:1/c"))),
    "old cache": field(1, b"ref") + field(8, field(1, b"127.0.0.1:1/c")),
    "said twice": IMAGE + pair(4, b"push", b"true") + pair(4, b"push", b"false"),
    "later": IMAGE + b"\x70\x01",
}


class Tunnel:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(path)
        self.sock.sendall(b"POST /grpc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        self.data = b""
        while b"\r\n\r\n" not in self.data:
            assert self.fill(), self.data
        self.head, _, self.data = self.data.partition(b"\r\n\r\n")

    def fill(self):
        try:
            got = self.sock.recv(65536)
        except ConnectionError:
            got = b""
        self.data += got
        return bool(got)

    def begin(self):
        self.sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
        return self

    def send(self, data):
        self.sock.sendall(data)

    def frames(self):
        """Until the end, which None stands for."""
        while True:
            while len(self.data) < 9 or len(self.data) < 9 + int.from_bytes(self.data[:3], "big"):
                if not self.fill():
                    yield None
                    return
            size = int.from_bytes(self.data[:3], "big")
            yield self.data[3], int.from_bytes(self.data[5:9], "big"), self.data[9:9 + size]
            self.data = self.data[9 + size:]

    def answer(self, stream):
        """The fields with which the call ends, as they are written without Huffman coding; None: the tunnel does."""
        for got in self.frames():
            if got is None:
                return None
            if got[0] == 1 and got[1] == stream:
                return got[2]

    def close(self):
        self.sock.close()


@pytest.fixture
def tunnel(door):
    t = Tunnel(door)
    assert t.head.startswith(b"HTTP/1.1 101 "), t.head
    yield t.begin()
    t.close()


def events(cage, verdict, rule=None):
    """Of tunnels. No request waits for its line in the log."""
    lines = map(json.loads, cage.cli("events", "--json").lines)
    return [e for e in lines if e["verdict"] == verdict and e.get("target") == "/grpc" and rule in (None, e["rule"])]


def denied(answer):
    return answer is not None and TEXT in urllib.parse.unquote(answer.decode("latin-1"))


@pytest.mark.parametrize("name", PUSHES)
def test_a_push(tunnel, cage, name):
    tunnel.send(headers(1, SOLVE) + frame(0, 1, 1, message(PUSHES[name])))
    assert denied(tunnel.answer(1))
    # The tunnel goes on, and the builder knows nothing of it.
    tunnel.send(headers(3, SOLVE) + frame(0, 1, 3, message(IMAGE)))
    answer = tunnel.answer(3)
    assert answer is not None and not denied(answer)
    line = support.wait_until(lambda: events(cage, "deny", "command-list"))[-1]
    assert (line["target"], line["rule"], line["message"]) == ("/grpc", "command-list", TEXT) and line["reason"]


def definition(name):
    """Of one source, whose file gets that name."""
    return field(1, field(3, field(1, b"http://127.0.0.1:1/x") + pair(2, b"http.filename", name))) + field(1, b"")


BRIDGE = b"/moby.buildkit.v1.frontend.LLBBridge/Solve"
OUT = b"../../../../root/gabion-was-here"
REACHES = {
    "definition": (SOLVE, field(1, b"r") + field(2, definition(OUT))),
    "input": (SOLVE, field(1, b"r") + field(10, field(1, b"c") + field(2, definition(OUT)))),
    "policy": (SOLVE, field(1, b"r") + field(12, b"\x08\x01\x12\x1d\x1a\x1b\x12\x19" + field(1, b"http.filename") + field(2, b"../../x"))),
    "policy of the session": (SOLVE, field(1, b"r") + field(15, b"session")),
    "bridge": (BRIDGE, field(1, definition(OUT))),
    "input of the bridge": (BRIDGE, field(13, field(1, b"c") + field(2, definition(OUT)))),
    "policy of the bridge": (BRIDGE, field(15, pair(2, b"http.filename", OUT))),
    "source": (BRIDGE.replace(b"Solve", b"ResolveSourceMeta"), field(1, pair(2, b"http.filename", OUT))),
    "build in a build": (SOLVE, field(1, b"r") + field(2, field(1, field(5, b"")))),
}


@pytest.mark.parametrize("name", REACHES)
def test_a_build_that_reaches_the_host(cage, policy, name):
    """As a user of the host: BuildKit before 0.28.1 writes the file wherever its name leads."""
    call, asked = REACHES[name]
    before = len(events(cage, "deny", "build-reaches-host"))
    t = Tunnel(cage.socket).begin()
    t.send(headers(1, call) + frame(0, 1, 1, message(asked)))
    answer = t.answer(1)
    assert answer is not None and b"would write as root" in answer, answer
    t.send(headers(3, SOLVE) + frame(0, 1, 3, message(field(1, b"r") + field(2, definition(b"context")))))
    answer = t.answer(3)
    assert answer is not None and b"would write as root" not in answer
    t.close()
    support.wait_until(lambda: len(events(cage, "deny", "build-reaches-host")) > before)


def frontend(cage, name, entrypoint):
    """An image of that name, with a program of the image of frontends."""
    cage.need("frontend", "alpine")
    cage.build(f"FROM frontend\nENTRYPOINT {json.dumps(entrypoint)}\n", buildkit=False, tag=name)
    return f"# syntax={name}\nFROM alpine\n"


def relays(cage):
    return {pid: argv for pid, argv in support.processes_of(cage.dir).items() if "gabion-frontend" in argv.split(" ")[0]}


def told(cage):
    """What the audit log says of the last frontend that something was refused."""
    lines = [e for e in map(json.loads, cage.cli("events", "--json").lines) if e["rule"] == "build-reaches-host" and "subject" in e]
    return lines[-1]["message"] if lines and lines[-1]["verdict"] == "deny" else ""


def test_a_frontend(cage, policy):
    """An image that reads the Dockerfile, as # syntax=docker/dockerfile:1 does, builds as the engine's own frontend does."""
    dockerfile = frontend(cage, "dockerfile", ["/dockerfile"]) + \
        "ARG WORD\nRUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t echo $WORD >/word && id -u >>/word\n" \
        "COPY a /b\nFROM alpine\nCOPY --from=0 /word /b /\n"
    big = "".join(chr(97 + i % 26) for i in range(300_000))
    for syntax in ("", "# syntax=dockerfile\n"):
        cage.build(syntax + dockerfile.split("\n", 1)[1], "--build-arg", "WORD=hello", files={"a": big}, tag="built")
        assert cage.docker("run", "--rm", "built", "sh", "-c", "cat /word; wc -c </b").lines == ["hello", "0", "300000"]
    failed = cage.build(dockerfile + "RUN exit 3\n", files={"a": ""}, check=False)
    assert failed.rc != 0 and "3" in failed.text
    support.wait_until(lambda: not relays(cage), 10, "no gabion-frontend without a frontend")


def test_a_step_that_looks_like_a_frontend(cage, policy):
    """By its variables; nothing stands between it and what it prints."""
    done = cage.build("FROM alpine\nENV BUILDKIT_EXPORTEDPRODUCT=x BUILDKIT_WORKERS=x\nRUN echo said $((40 + 2)); wc -c; exit 3\n",
                      check=False)
    assert "said 42" in done.text and "exit code: 3" in done.text, done


def test_a_frontend_that_reaches_the_host(cage, policy):
    """It is told why, so is the user, and the audit log."""
    dockerfile = frontend(cage, "reacher", ["/reacher"])
    name = "gabion-was-here"
    done = cage.build(dockerfile, "--build-arg", f"NAME=../../../../../../root/{name}", check=False)
    assert done.rc != 0 and "would write as root of the host" in done.text, done
    assert "http.filename" in told(cage)
    # More than the audit log wants to know.
    done = cage.build(dockerfile, "--build-arg", f"NAME=../{name}", "--build-arg", "TIMES=3000", check=False, timeout=60)
    assert done.rc != 0 and "would write as root of the host" in done.text, done
    support.wait_until(lambda: not relays(cage), 10, "no gabion-frontend without a frontend")
    done = cage.build(dockerfile, "--build-arg", f"NAME={name}", check=False)
    assert done.rc != 0 and "would write as root" not in done.text and "connection refused" in done.text
    assert not os.path.exists(f"/root/{name}")


@pytest.mark.parametrize("program, cut", [
    ("printf 'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n\\0\\0\\0\\5\\0\\0\\0\\0\\1'; sleep 60", True),
    ("echo hello; sleep 60", True),
    ("cat </dev/null", False),
    ("exec >&-; sleep 2", False),
], ids=["a push promise", "no preface", "nothing", "closed"])
def test_a_frontend_that_is_none(cage, policy, program, cut):
    cage.need("alpine")
    cage.build(f"FROM alpine\nENTRYPOINT {json.dumps(['sh', '-c', program])}\n", buildkit=False, tag="none")
    done = cage.build("# syntax=none\nFROM alpine\n", check=False, timeout=50)
    assert done.rc != 0 and re.search("closed unexpectedly|no result|exit code", done.text), done
    assert not cut or support.wait_until(lambda: "cut off" in told(cage))
    support.wait_until(lambda: not relays(cage), 10, "no gabion-frontend without a frontend")


def test_a_killed_relay(cage, policy):
    """The build fails, and nothing stays."""
    cage.need("alpine")
    cage.build(f"FROM alpine\nENTRYPOINT {json.dumps(['cat'])}\n", buildkit=False, tag="silent")
    for victim in (0, 1):
        with subprocess.Popen([support.DOCKER, "build", "--no-cache", "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env={**os.environ, **cage.environment(), "DOCKER_BUILDKIT": "1"}) as build:
            build.stdin.write(b"# syntax=silent\nFROM alpine\n")
            build.stdin.close()
            pids = support.wait_until(lambda: len(relays(cage)) == 2 and sorted(relays(cage)))
            os.kill(pids[victim], 9)
            if victim == 0:  # only the audit log's
                os.kill(pids[1], 9)
            assert build.wait(30) != 0
        support.wait_until(lambda: not relays(cage), 10, "no gabion-frontend without a frontend")


def test_a_push_in_pieces(tunnel):
    data = headers(1, SOLVE) + b"".join(frame(0, 0, 1, bytes([b])) for b in message(PUSHES["exporter"])) + frame(0, 1, 1, b"")
    for i in range(0, len(data), 7):
        tunnel.send(data[i:i + 7])
    assert denied(tunnel.answer(1))


@pytest.mark.parametrize("sent", [
    headers(1, b"/moby.buildkit.v1.Control/%53olve") + frame(0, 1, 1, message(PUSHES["exporter"])),
    headers(1, SOLVE + b"?x=y") + frame(0, 1, 1, message(PUSHES["exporter"])),
    headers(1, b"http://localhost" + SOLVE) + frame(0, 1, 1, message(PUSHES["exporter"])),
    headers(1, SOLVE[1:]) + frame(0, 1, 1, message(PUSHES["exporter"])),
    headers(1, SOLVE) + frame(0, 1, 1, message(PUSHES["exporter"], 1)),
    headers(1, SOLVE) + frame(0, 0, 1, message(IMAGE)) + frame(0, 1, 1, message(PUSHES["exporter"])),
    headers(3, SOLVE) + headers(1, SOLVE) + frame(0, 1, 1, message(PUSHES["exporter"])),
], ids=["escape", "query", "url", "no slash", "compressed", "two messages", "old stream"])
def test_ways_round(tunnel, sent):
    """What gRPC clients do not send ends the tunnel."""
    tunnel.send(sent)
    assert tunnel.answer(1) is None or denied(tunnel.answer(1))


def test_without_the_right_to_build(cage, policy, door):
    policy(["docker:cli"], ["build"])
    t = support.wait_until(lambda: (t := Tunnel(door)).head.startswith(b"HTTP/1.1 403") and t, 10)
    assert TEXT.encode() in t.data.replace(b'\\"', b'"')
    t.close()


def test_a_new_policy_holds_in_an_open_tunnel(cage, policy, door):
    policy(["docker:cli"], [])
    t = Tunnel(door).begin()
    stream = iter(range(1, 1000, 2))

    def push():
        n = next(stream)
        t.send(headers(n, SOLVE) + frame(0, 1, n, message(PUSHES["exporter"])))
        return denied(t.answer(n))

    assert not push()
    policy(["docker:cli"], ["push"])
    support.wait_until(push, 10)
    t.close()


def test_report_only(cage, policy, door):
    document = json.loads(json.dumps(cage.settings))
    document["enhancedContainerIsolation"]["dockerSocketMount"]["commandList"]["reportOnly"] = True
    put(cage, document)
    t = Tunnel(door).begin()
    t.send(headers(1, SOLVE) + frame(0, 1, 1, message(PUSHES["exporter"])))
    answer = t.answer(1)
    assert answer is not None and not denied(answer)
    t.close()
    line = support.wait_until(lambda: events(cage, "report"))[-1]
    assert (line["message"], line["mark"]) == (TEXT, "build-push")


# ── a whole client ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def forky():
    return space.root_of("forky")


def client(forky, cage, door, *args):
    """docker of Debian forky in its own root folder, with the socket at hand."""
    home = f"{cage.dir}/client"
    os.makedirs(home, exist_ok=True)
    script = ('mount --bind /var/tmp "$0/var/tmp"; mount -t proc proc "$0/proc"; exec chroot "$0" env -i PATH=/usr/bin '
              f'HOME={home} DOCKER_HOST=unix://{door} docker "$@"')
    return support.run("unshare", "-m", "sh", "-c", script, forky, *args, check=False, timeout=300)


def test_a_build_with_buildx(cage, policy, door, forky):
    context = f"{cage.dir}/context"
    os.makedirs(context, exist_ok=True)
    support.write(f"{context}/Dockerfile", "FROM alpine\nCOPY Dockerfile /d\nRUN cat /proc/self/uid_map >/map\n")
    for who in (door, cage.socket):  # a container, and a user of the host
        done = client(forky, cage, who, "build", "--no-cache", "--progress=plain", "-t", "tunnelled", context)
        assert done.rc == 0, done
        base = int(cage.docker("run", "--rm", "tunnelled", "cat", "/map").out.split()[1])
        assert base >= 100000
    done = client(forky, cage, door, "buildx", "build", "--progress=plain", "--push", "-t", "127.0.0.1:1/x", context)
    assert done.rc != 0 and re.search(r"docker command .* is blocked", done.text), done
    done = client(forky, cage, door, "buildx", "build", "--progress=plain", "--cache-to", "type=registry,ref=127.0.0.1:1/c", context)
    assert done.rc != 0 and ("is blocked" in done.text or "not supported" in done.text), done
    cage.docker("rmi", "-f", "tunnelled")
