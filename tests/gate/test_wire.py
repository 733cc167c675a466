# SPDX-License-Identifier: Apache-2.0
"""What passes between a client and the engine, byte by byte."""

import json
import os
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from fakes import NOW, OK, Gabiond, answer, read_answer, read_request, wait_until

GET = b"GET /_ping HTTP/1.1\r\nHost: x\r\n"

BAD = {
    "bare-lf": b"GET /_ping HTTP/1.1\nHost: x\n\n",
    "bare-cr": GET + b"A: b\rContent-Length: 5\r\n\r\n",
    "fold": GET + b"A: b\r\n c\r\n\r\n",
    "space-before-colon": GET + b"Content-Length : 5\r\n\r\nhello",
    "cl-and-te": GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "cl-twice": GET + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "cl-zeros": GET + b"Content-Length: 05\r\n\r\nhello",
    "cl-plus": GET + b"Content-Length: +5\r\n\r\nhello",
    "te-other": GET + b"Transfer-Encoding: xchunked\r\n\r\n",
    "te-twice": GET + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "host-twice": GET + b"Host: y\r\n\r\n",
    "no-host": b"GET /_ping HTTP/1.1\r\n\r\n",
    "preface-with-a-field": b"PRI * HTTP/2.0\r\nHost: x\r\n\r\nSM\r\n\r\n",
    "preface-of-1.1": b"PRI * HTTP/1.1\r\nHost: x\r\n\r\n",
    "preface-of-another": b"GET * HTTP/2.0\r\n\r\n",
    "preface-lower-case": b"pri * http/2.0\r\n\r\n",
    "http-2": b"GET /_ping HTTP/2.0\r\nHost: x\r\n\r\n",
    "version": b"GET /_ping HTTP/1.2\r\nHost: x\r\n\r\n",
    "absolute": b"GET http://x/_ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "double-slash": b"GET //_ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "encoded-double-slash": b"GET /%2f_ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "dots": b"GET /containers/../_ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "encoded-dots": b"GET /containers/%2e%2e/_ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "nul": b"GET /_ping%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "nul-in-value": GET + b"A: b\0c\r\n\r\n",
    "host-malformed": b"GET /_ping HTTP/1.1\r\nHost: x y\r\n\r\n",
    "double-space": b"GET  /_ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "version-10": b"GET /_ping HTTP/1.10\r\nHost: x\r\n\r\n",
    "cl-list": GET + b"Content-Length: 5, 5\r\n\r\nhello",
    "cl-differing": GET + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "cl-empty": GET + b"Content-Length:\r\n\r\n",
    "cl-hex": GET + b"Content-Length: 0x5\r\n\r\nhello",
    "te-list": GET + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "te-identity": GET + b"Transfer-Encoding: identity\r\n\r\n",
    "te-empty": GET + b"Transfer-Encoding:\r\n\r\n",
    "type-twice": GET + b"Content-Type: text/plain\r\nContent-Type: application/json\r\n\r\n",
    "userinfo": b"GET http://u:p@x/_ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "semicolon": b"GET /_ping?a=1;b=2 HTTP/1.1\r\nHost: x\r\n\r\n",
    "leading-crlf": b"\r\n" + GET + b"\r\n",
    "expectation": GET + b"Expect: 200-ok\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD)
def test_ambiguous_requests_do_not_reach_the_engine(gate, name):
    stream = gate.connect()
    stream.send(BAD[name] + GET + b"\r\n")  # a smuggled second request
    got = read_answer(stream)
    assert got.status in (400, 417, 501, 505), got
    assert got.get("Content-Type") == "application/json"
    assert json.loads(got.body)["message"].startswith("bad request: ")
    assert got.get("Connection") == "close"
    assert stream.all() == b""  # closed, without an answer to what followed
    assert gate.engine.requests == []


def test_the_head_is_written_afresh(gate):
    stream = gate.connect()
    stream.send(b"GET /v1.41/images/docker.io%2Flibrary%2Falpine/json?b=%7e&a HTTP/1.1\r\n"
                b"host: api.moby.localhost\r\n"
                b"USER-agent:\t Docker-Client/28.2.2 (linux) \r\n"
                b"X-Registry-Auth: e30=\r\n"
                b"X-Meta-Foo: bar\r\n"
                b"Connection: keep-alive, X-Meta-Foo\r\n"
                b"Keep-Alive: timeout=5\r\n"
                b"TE: trailers\r\n"
                b"Upgrade: h2c\r\n"
                b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
    assert read_answer(stream).body == b"ok"
    assert gate.engine.requests[0].raw == (
        b"GET /v1.41/images/docker.io/library/alpine/json?b=~&a= HTTP/1.1\r\n"
        b"Host: docker\r\n"
        b"USER-agent: Docker-Client/28.2.2 (linux)\r\n"
        b"X-Registry-Auth: e30=\r\n"
        b"X-Meta-Foo: bar\r\n\r\n")


def test_a_megabyte_of_head(gate):
    long = "a" * (1024 * 1024 - 100)
    assert gate.get("/_ping", fields=f"X-Registry-Config: {long}\r\n").status == 200
    assert gate.engine.requests[0].get("X-Registry-Config") == long
    assert gate.get("/_ping", fields=f"X-Registry-Config: {long}{'b' * 100}\r\n").status == 431
    assert len(gate.engine.requests) == 1


@pytest.mark.parametrize("path,status", [
    ("/v1.41/_ping", 200), ("/_ping", 200), ("/v1.24/_ping", 200), ("/v1.56/_ping", 200),
    ("/v1.23/_ping", 403), ("/v1.0/_ping", 403), ("/v0.41/_ping", 403), ("/v01.23/_ping", 403), ("/v1.23.0/_ping", 403),
    ("/v01.41/_ping", 400), ("/v1.041/_ping", 400), ("/v1.41.0/_ping", 400),
    ("/v1.41./_ping", 400), ("/v2.0/_ping", 400), ("/v1/_ping", 403), ("/v./_ping", 403), ("/vx/_ping", 404), ("/nosuch", 404),
    ("/_ping/", 404), ("/_PING", 404), ("/v1.41/v1.41/_ping", 404), ("/libpod/_ping", 404),
    # what is refused is refused in any version
    ("/v1.12/swarm", 403), ("/v1.41.0/services", 403), ("/v1.99/debug/vars", 403), ("/v1.23/nosuch", 404),
    ("/swarm/", 404), ("/services/a/b", 404), ("/debug/nosuch", 403), ("/debug", 404),
    ("/swarm", 403), ("/v1.41/services", 403), ("/debug/pprof/heap", 403), ("/tasks", 403), ("/nodes/x", 403),
])
def test_versions_and_unknown_endpoints(gate, path, status):
    got = gate.get(path)
    assert got.status == status, got
    assert len(gate.engine.requests) == (1 if status == 200 else 0)
    if status != 200:
        assert got.get("Content-Type") == "application/json"
        assert json.loads(got.body)["message"]


def audited(gate):
    return [json.loads(q.body[68:]) for q in gate.gabiond.asked if q.op == "AUDIT"]


@pytest.mark.parametrize("method,path", [("GET", "/v1.23/_ping"), ("POST", "/v1.12/containers/x/start"), ("GET", "/v01.23.7/info")])
def test_old_versions(gate, method, path):
    """Refused by a rule of its own, which the client and the audit log are told."""
    got = gate.get(path, method)
    said = json.loads(got.body)
    assert (got.status, said["rule"]) == (403, "api-version")
    assert said["message"] == (f'gabion: docker command "{path}" is not available: in API versions before 1.24 '
                               "the start of a container could still change it")
    assert "1.24 or later" in said["hint"] and "DOCKER_API_VERSION" in said["hint"]
    line, = wait_until(lambda: audited(gate))
    assert line["verdict"] == "deny" and {k: line[k] for k in said} == said
    assert (line["method"], line["target"]) == (method, path)
    assert gate.engine.requests == []


def test_http2_without_asking(gate):
    """The preface is refused as what it is, in HTTP/1.1, and nothing of what follows it is read as a request."""
    stream = gate.connect()
    stream.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + GET + b"\r\n")
    got = read_answer(stream)
    said = json.loads(got.body)
    assert (got.status, got.get("Connection"), got.get("Content-Type")) == (403, "close", "application/json")
    assert (said["rule"], said["hint"]) == ("unsupported", "no setting allows it")
    assert said["message"] == ('gabion: docker command "*" is not available: '
                               "HTTP/2 is taken inside an upgraded connection only")
    assert stream.all() == b""
    line, = wait_until(lambda: audited(gate))
    assert (line["method"], line["target"], line["rule"]) == ("PRI", "*", "unsupported")
    assert line["message"] == said["message"]
    assert gate.engine.requests == []


@pytest.mark.parametrize("method,path", [
    ("POST", "/plugins/create"), ("POST", "/plugins/pull"), ("POST", "/plugins/x/enable"),
    ("POST", "/plugins/x/set"), ("POST", "/plugins/x/upgrade"), ("POST", "/swarm/init"),
    ("POST", "/v1.41/services/create"), ("POST", "/services/x/update"), ("POST", "/plugins/a/b/enable"), ("POST", "/secrets/create"), ("DELETE", "/configs/x"),
    ("POST", "/containers/x/checkpoints"), ("POST", "/containers/x/copy"), ("PUT", "/volumes/x"),
])
def test_refused_endpoints(gate, method, path):
    got = gate.get(path, method)
    assert got.status == 403
    said = json.loads(got.body)
    assert path in said["message"] and (said["rule"], said["hint"]) == ("unsupported", "no setting allows it")
    assert gate.engine.requests == []


def test_pipelined_requests_are_answered_in_order(gate):
    gate.engine.script = lambda stream, request: stream.send(answer(200, request.target.encode()))
    stream = gate.connect()
    stream.send(b"".join(b"GET /_ping?n=%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(50)))
    stream.shut()
    for n in range(50):
        assert read_answer(stream).body == b"/_ping?n=%d" % n
    assert stream.all() == b""
    assert len(gate.engine.conns) == 1


def test_many_refused_pipelined_requests(gate):
    stream = gate.connect()
    stream.send(b"GET /nosuch HTTP/1.1\r\nHost: x\r\n\r\n" * 1000 + b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
    for _ in range(1000):
        assert read_answer(stream).status == 404
    assert read_answer(stream).body == b"ok"


def test_chunks_are_framed_afresh(gate):
    stream = gate.connect()
    stream.send(b"POST /images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"000005\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n")
    assert read_answer(stream).status == 200
    assert gate.engine.requests[0].body == b"hello world"
    assert gate.engine.requests[0].get("Transfer-Encoding") == "chunked"


@pytest.mark.parametrize("tail", [b"5;a=b\r\nhello\r\n0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"5\nhello\r\n", b"-1\r\n\r\n",
                                  b"5\r\nhelloXX", b"fffffffffffffffff\r\n"])
def test_bad_chunks_end_the_request(gate, tail):
    gate.engine.bodies = False
    got = []

    def script(stream, request):
        got.append(stream.all())
        return True

    gate.engine.script = script
    stream = gate.connect()
    stream.send(b"POST /images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n" + tail)
    assert read_answer(stream).status == 400
    wait_until(lambda: got, what="the end at the engine")
    assert got[0] in (b"", b"2\r\nab\r\n", b"2\r\nab\r\n5\r\nhello\r\n")  # never a proper end


def test_empty_and_missing_lengths(gate):
    assert gate.post("/containers/x/stop", b"", kind="text/plain").status == 200
    assert gate.engine.requests[0].get("Content-Length") == "0"
    stream = gate.connect()
    stream.send(b"POST /containers/x/stop HTTP/1.1\r\nHost: x\r\n\r\n")
    assert read_answer(stream).status == 200
    assert gate.engine.requests[1].get("Content-Length") is None


def test_http_1_0(gate):
    gate.engine.script = lambda stream, request: stream.send(b"HTTP/1.0 200 OK\r\n\r\nplain") or True
    stream = gate.connect()
    stream.send(b"GET /_ping HTTP/1.0\r\n\r\n")
    assert stream.all().endswith(b"\r\n\r\nplain")
    assert gate.engine.requests[0].first == "GET /_ping HTTP/1.0"


ANSWERS = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
    "close": (b"HTTP/1.1 200 OK\r\n\r\nhello", b"hello"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", b""),
    "error": (b"HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
              b"{\"message\":\"x\"}", b"{\"message\":\"x\"}"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers(gate, kind):
    raw, body = ANSWERS[kind]
    gate.engine.script = lambda stream, request: stream.send(raw) or (True if kind == "close" else None)
    stream = gate.connect()
    for _ in range(2):
        stream.send(GET + b"\r\n")
        got = read_answer(stream)
        assert got.first.encode() == raw.split(b"\r\n")[0]
        assert got.body == body
        if kind == "close":
            return


def test_answers_in_small_pieces(gate):
    raw = ANSWERS["chunked"][0]

    def script(stream, request):
        for i in range(len(raw)):
            stream.send(raw[i:i + 1])

    gate.engine.script = script
    stream = gate.connect()
    for i in range(len(GET)):
        stream.send(GET[i:i + 1])
    stream.send(b"\r\n")
    assert read_answer(stream).body == b"hello"


def test_head(gate):
    gate.engine.script = lambda stream, request: stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n")
    stream = gate.connect()
    for _ in range(2):
        stream.send(b"HEAD /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(stream, head=True).get("Content-Length") == "700"


def test_expect_continue_is_relayed(gate):
    gate.engine.bodies = False

    def script(stream, request):
        assert request.get("Expect") == "100-continue"
        stream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert stream.exactly(5) == b"hello"
        stream.send(OK)

    gate.engine.script = script
    stream = gate.connect()
    stream.send(b"POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert read_answer(stream).status == 100
    stream.send(b"hello")
    assert read_answer(stream).status == 200


def test_expect_continue_of_a_body_that_the_gate_reads(gate):
    stream = gate.connect()
    stream.send(b"POST /networks/create HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nExpect: 100-continue\r\n"
                b"Content-Type: application/json\r\n\r\n")
    assert read_answer(stream).status == 100
    stream.send(b'{"Name":"n"}')
    assert read_answer(stream).status == 200
    assert gate.engine.requests[0].get("Expect") is None
    assert gate.engine.requests[0].body == b'{"Name":"n"}'


# ── tunnels ────────────────────────────────────────────────────────────────────────────────────

ATTACH = b"POST /containers/x/attach HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
UPGRADED = (b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
            b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.%s-stream\r\n\r\n"


def echo(first):
    def script(stream, request):
        stream.send(first)
        while True:
            if stream.rest:
                stream.send(stream.rest.upper())
                stream.rest = b""
            if not stream.fill():
                break
        stream.send(b"bye")
        stream.shut()
        return True

    return script


@pytest.mark.parametrize("first", [UPGRADED, STREAM % b"raw", STREAM % b"multiplexed"])
def test_tunnel_and_half_close(gate, first):
    gate.engine.script = echo(first)
    stream = gate.connect()
    stream.send(ATTACH + b"early ")
    assert stream.until(b"\r\n\r\n").startswith(first.split(b"\r\n")[0])
    stream.send(b"late")
    assert stream.exactly(10) == b"EARLY LATE"
    stream.shut()
    assert stream.all() == b"bye"
    request = gate.engine.requests[0]
    assert (request.get("Upgrade"), request.get("Connection")) == ("tcp", "Upgrade")


def test_the_engine_ends_the_tunnel(gate):
    def script(stream, request):
        stream.send(UPGRADED + b"output")
        return True

    gate.engine.script = script
    stream = gate.connect()
    stream.send(ATTACH)
    stream.until(b"\r\n\r\n")
    assert stream.all() == b"output"  # our own direction is still open


def test_the_engine_half_closes_first(gate):
    got = []

    def script(stream, request):
        stream.send(UPGRADED + b"done")
        stream.shut()
        got.append(stream.all())
        return True

    gate.engine.script = script
    stream = gate.connect()
    stream.send(ATTACH)
    stream.until(b"\r\n\r\n")
    assert stream.all() == b"done"
    stream.send(b"still talking")
    stream.shut()
    wait_until(lambda: got, what="the rest at the engine")
    assert got == [b"still talking"]


def test_a_client_that_vanishes_ends_the_tunnel(gate):
    got = []

    def script(stream, request):
        stream.send(UPGRADED)
        got.append(stream.all())
        return True

    gate.engine.script = script
    stream = gate.connect()
    stream.send(ATTACH)
    stream.until(b"\r\n\r\n")
    stream.close()
    wait_until(lambda: got, what="end of file at the engine")


@pytest.mark.parametrize("size", [1 << 12, 64 << 20])
def test_tunnel_volume(gate, size):
    block = os.urandom(min(size, 1 << 20))

    def script(stream, request):
        stream.send(UPGRADED)
        sender = threading.Thread(target=lambda: [stream.send(block) for _ in range(size // len(block))])
        sender.start()
        got = 0
        while got < size:
            n = len(stream.sock.recv(1 << 20))
            assert n
            got += n
        sender.join()
        return True

    gate.engine.script = script
    stream = gate.connect()
    stream.send(ATTACH)
    stream.until(b"\r\n\r\n")
    sender = threading.Thread(target=lambda: [stream.send(block) for _ in range(size // len(block))])
    sender.start()
    for n in range(size // len(block)):
        assert stream.exactly(len(block)) == block, n
    sender.join()
    assert stream.all() == b""


def test_small_writes_through_a_tunnel(gate):
    gate.engine.script = echo(UPGRADED)
    stream = gate.connect()
    stream.send(ATTACH)
    stream.until(b"\r\n\r\n")
    lines = [b"line %d\n" % n for n in range(3000)]
    # A socket holds some hundred of them: who sends and does not read is waited for, by the gate as well.
    sender = threading.Thread(target=lambda: [stream.send(line) for line in lines])
    sender.start()
    want = b"".join(lines).upper()
    assert stream.exactly(len(want)) == want
    sender.join()


def test_a_body_before_a_tunnel(gate):
    """One that comes with the head goes with the head: engines throw it away then, and else take it for the
    tunnel's first bytes."""
    request = ATTACH.replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\nbody")
    stream = gate.connect()
    with tempfile.NamedTemporaryFile("r") as trace:
        watcher = subprocess.Popen(["strace", "-p", str(gate.process.pid), "-e", "trace=sendmsg", "-s", "1000", "-o", trace.name],
                                   stderr=subprocess.PIPE, text=True)
        try:
            assert "attached" in watcher.stderr.readline()
            stream.send(request)
            assert read_answer(stream).status == 200
        finally:
            watcher.terminate()
            watcher.wait()
        sent = [line for line in trace if "/containers/x/attach" in line]
    assert len(sent) == 1 and "body" in sent[0], sent


def test_without_the_engines_word_there_is_no_tunnel(gate):
    """A refused upgrade: what was pipelined behind it is a request again, not a stream."""
    gate.engine.script = lambda stream, request: stream.send(answer(409, b"{}") if "attach" in request.first else OK)
    stream = gate.connect()
    stream.send(ATTACH + b"GET /swarm HTTP/1.1\r\nHost: x\r\n\r\n" + GET + b"\r\n")
    assert read_answer(stream).status == 409
    assert read_answer(stream).status == 403
    assert read_answer(stream).status == 200
    assert gate.engine.seen == ["POST /containers/x/attach", "GET /_ping"]


@pytest.mark.parametrize("path", [b"GET /_ping", b"POST /images/load", b"GET /containers/x/logs"])
def test_upgrades_elsewhere_are_not_asked_for(gate, path):
    stream = gate.connect()
    stream.send(path + b" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
    assert read_answer(stream).status == 200
    assert gate.engine.requests[0].get("Upgrade") is None


@pytest.mark.parametrize("first", [UPGRADED, STREAM % b"raw"])
def test_an_unasked_tunnel_is_none(gate, first):
    """The engine's word alone does not do either: logs are a stream, but not a tunnel."""
    gate.engine.script = lambda stream, request: stream.send(first + b"GET /x") or True
    stream = gate.connect()
    stream.send(b"GET /containers/x/logs HTTP/1.1\r\nHost: x\r\n\r\n")
    got = read_answer(stream)
    assert got.status == (502 if first == UPGRADED else 200)
    stream.close()


@pytest.mark.parametrize("path", ["/session", "/grpc", "/v1.41/session"])
def test_h2c_upgrades(gate, path):
    gate.engine.script = echo(UPGRADED.replace(b"tcp", b"h2c"))
    stream = gate.connect()
    stream.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"
                "X-Docker-Expose-Session-Uuid: u\r\n\r\n".encode())
    assert b"Upgrade: h2c" in stream.until(b"\r\n\r\n")
    # The builder's tunnel is read, and what is no HTTP/2 ends it; a session is the engine's to read.
    stream.send(b"PRI * HTTP/2.0" if path == "/grpc" else b"pri * http/2.0")
    assert stream.exactly(14) == b"PRI * HTTP/2.0"
    assert gate.engine.requests[0].get("X-Docker-Expose-Session-Uuid") == "u"


def test_a_builders_tunnel_of_something_else(gate):
    gate.engine.script = echo(UPGRADED.replace(b"tcp", b"h2c"))
    stream = gate.connect()
    stream.send(b"POST /grpc HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
    stream.until(b"\r\n\r\n")
    stream.send(b"GET /containers/json HTTP/1.1\r\n\r\n")
    assert stream.all() == b""


# ── trouble ────────────────────────────────────────────────────────────────────────────────────


def test_no_engine(gate):
    gate.engine.close()
    os.unlink(gate.engine.path)
    got = gate.get("/_ping")
    assert got.status == 503
    assert "Is the docker daemon running?" in json.loads(got.body)["message"]


def test_the_engine_goes_before_it_answers(gate):
    gate.engine.script = lambda stream, request: True
    assert gate.get("/_ping").status == 502


def test_the_engine_goes_amid_its_answer(gate):
    gate.engine.script = lambda stream, request: stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal") or True
    stream = gate.connect()
    stream.send(GET + b"\r\n")
    assert stream.all().endswith(b"\r\n\r\nhal")


@pytest.mark.parametrize("raw", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\nX: y\n\n",
                                 b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"])
def test_an_engine_that_makes_no_sense(gate, raw):
    gate.engine.script = lambda stream, request: stream.send(raw)
    assert gate.get("/_ping").status == 502


def test_the_engine_comes_back(gate):
    stream = gate.connect()
    stream.send(GET + b"\r\n")
    assert read_answer(stream).status == 200
    for sock in gate.engine.conns:
        sock.shutdown(socket.SHUT_RDWR)
    time.sleep(0.1)  # the gate learns of it; there is nothing to wait for from outside
    stream.send(GET + b"\r\n")
    assert read_answer(stream).status == 200
    assert len(gate.engine.conns) == 2


def test_an_early_answer(gate):
    """The engine answers and closes while the client still uploads."""
    gate.engine.bodies = False
    gate.engine.script = lambda stream, request: stream.send(
        answer(400, b"{}", "Connection: close")) or True
    stream = gate.connect()
    stream.send(b"POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 100000)
    got = read_answer(stream)
    assert got.status == 400
    assert got.get("Connection") == "close"


def test_an_early_answer_of_an_engine_that_reads_on(gate):
    gate.engine.bodies = False

    def script(stream, request):
        if request.method == "GET":
            return stream.send(OK)
        stream.send(OK)
        stream.exactly(100000)

    gate.engine.script = script
    stream = gate.connect()
    stream.send(b"POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 50000)
    assert read_answer(stream).status == 200
    stream.send(b"x" * 50000 + GET + b"\r\n")
    assert read_answer(stream).status == 200
    assert len(gate.engine.conns) == 1


def test_a_client_that_leaves_ends_a_long_answer(gate):
    got = []

    def script(stream, request):
        stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        got.append(stream.all())
        return True

    gate.engine.script = script
    stream = gate.connect()
    stream.send(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    stream.until(b"1\r\na\r\n")
    stream.close()
    wait_until(lambda: got, what="end of file at the engine")


def test_a_client_that_half_closes_gets_its_answer(gate):
    def script(stream, request):
        assert stream.all() == b""  # the engine hears of it
        stream.send(OK)
        return True

    gate.engine.script = script
    stream = gate.connect()
    stream.send(GET + b"\r\n")
    stream.shut()
    assert read_answer(stream).body == b"ok"
    assert stream.all() == b""


def test_forms(gate):
    got = gate.post("/images/create?fromImage=a", b"fromSrc=http://x", kind="application/x-www-form-urlencoded")
    assert got.status == 415
    assert gate.post("/build", b"--x", kind="multipart/form-data; boundary=x").status == 415
    assert gate.engine.requests == []
    # curl -d '' says so without meaning it
    assert gate.post("/containers/x/stop", b"", kind="application/x-www-form-urlencoded").status == 200
    assert gate.engine.requests[0].get("Content-Type") is None


# ── limits ─────────────────────────────────────────────────────────────────────────────────────


def test_one_slow_client_does_not_hold_up_others(gate):
    release = threading.Event()
    block = b"x" * (1 << 20)

    def script(stream, request):
        if request.target == "/events":
            stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
            for _ in range(64):
                stream.send(block)
            release.set()
        else:
            stream.send(OK)

    gate.engine.script = script
    slow = gate.connect()
    slow.send(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    before = gate.rss()
    for _ in range(50):
        assert gate.get("/_ping").status == 200
    assert not release.is_set()  # the engine is held back
    assert gate.rss() - before < 4096
    slow.until(b"\r\n\r\n")
    assert slow.exactly(64 << 20).count(b"x") == 64 << 20
    assert release.wait(NOW)


def test_a_slow_engine_holds_an_upload_back(gate):
    gate.engine.bodies = False
    go = threading.Event()

    def script(stream, request):
        go.wait(60)
        assert len(stream.exactly(32 << 20)) == 32 << 20
        stream.send(OK)

    gate.engine.script = script
    stream = gate.connect()
    stream.send(b"POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (32 << 20))
    before = gate.rss()
    stream.sock.settimeout(0.5)
    sent = 0
    with pytest.raises(TimeoutError):
        while True:
            sent += stream.sock.send(b"x" * 65536)
    assert sent < 8 << 20
    assert gate.rss() - before < 4096
    go.set()
    stream.sock.settimeout(30)
    stream.send(b"x" * ((32 << 20) - sent))
    assert read_answer(stream).status == 200


def test_head_timeout(make_gate):
    gate = make_gate("--limit", "head-seconds=1", "--limit", "linger-seconds=1")
    idle = gate.connect()
    stream = gate.connect()
    stream.send(b"GET /_ping HT")
    assert read_answer(stream).status == 408
    assert stream.all() == b""
    idle.send(GET + b"\r\n")  # no time runs before the first byte
    assert read_answer(idle).status == 200


def test_body_timeout(make_gate):
    gate = make_gate("--limit", "body-seconds=1")
    stream = gate.connect()
    stream.send(b"POST /networks/create HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n"
                b"Content-Type: application/json\r\n\r\n{\"Na")
    assert read_answer(stream).status == 408
    assert gate.engine.requests == []


def test_connections_per_user(make_gate, users):
    gate = make_gate("--limit", "conns-per-user=3")
    held = []
    for _ in range(3):
        held.append(gate.connect(users[0]))
        held[-1].send(GET + b"\r\n")
        assert read_answer(held[-1]).status == 200
    assert gate.get("/_ping", uid=users[0]).status == 503
    assert gate.get("/_ping", uid=users[1]).status == 200
    for _ in range(5):
        assert gate.get("/_ping").status == 200  # root
    held.pop().close()
    wait_until(lambda: gate.get("/_ping", uid=users[0]).status == 200, what="a free place")


def test_connections_of_all(make_gate):
    gate = make_gate("--limit", "conns=2")
    held = [gate.connect() for _ in range(2)]
    for stream in held:
        stream.send(GET + b"\r\n")
        assert read_answer(stream).status == 200
    waiting = gate.connect()
    waiting.send(GET + b"\r\n")
    waiting.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        waiting.fill()
    held.pop().close()
    waiting.sock.settimeout(NOW)
    assert read_answer(waiting).status == 200


def hold(gate, n, uid):
    held = [gate.connect(uid) for _ in range(n)]
    for stream in held:
        stream.send(GET + b"\r\n")
        assert read_answer(stream).status == 200
    return held


def test_root_has_connections_of_its_own(make_gate, users):
    """A sixteenth; and whoever is turned away takes none of them."""
    gate = make_gate("--limit", "conns=48")
    held = hold(gate, 25, users[0]) + hold(gate, 20, users[1])
    for uid in (*users, 54323):
        refused = gate.get("/_ping", uid=uid)
        assert refused.status == 503 and b"too many connections" in refused.body, refused
    idle = [gate.connect(uid) for uid in users for _ in range(40)]
    roots = hold(gate, 3, 0)
    assert gate.log().count("descriptors") == 0
    for stream in idle + roots + held[:1]:
        stream.close()
    wait_until(lambda: gate.get("/_ping", uid=54323).status == 200, what="a free place")


def test_descriptors_are_kept_for_root(make_gate, users):
    """However few there are: none of them runs out before the connections do."""
    gate = make_gate(nofile=1024)  # room for 109 connections
    held = hold(gate, 102, users[0])
    assert gate.get("/_ping", uid=users[1]).status == 503
    held += hold(gate, 6, 0)
    assert gate.get("/_ping").status == 200
    for stream in held:
        stream.close()


def test_those_who_are_turned_away_do_not_stay(make_gate, users):
    gate = make_gate("--limit", "conns-per-user=1", "--limit", "linger-seconds=3")
    held = hold(gate, 1, users[0])
    *idle, last = gate.connect_all(65, users[0])
    assert last.all() == b""  # one too many to be told
    for stream in idle:
        assert stream.until(b"\r\n").split()[1] == b"408"  # it was idle for too long
    time.sleep(3.5)  # so long it may read that
    assert gate.get("/_ping", uid=users[0]).status == 503
    held[0].close()


def memory(text):
    fd = os.memfd_create("subuid")
    os.write(fd, text)
    return fd


def test_subordinate_ids(make_gate, users):
    """Who has them could be each of them in turn; so none of them may use the engine."""
    gabiond = Gabiond()
    gabiond.subuid = memory(b"somebody:%d:1000\nroot:60000:10\nroot:0:10\nother:0:2\n" % users[1])
    gate = make_gate(gabiond=gabiond)
    assert gate.get("/_ping", uid=users[0]).status == 200
    assert gate.get("/_ping", uid=60000).status == 200  # root's own
    assert gate.get("/_ping", uid=0).status == 200
    for uid in (users[1], users[1] + 999, 1):
        refused = gate.get("/_ping", uid=uid)
        assert refused.status == 403, refused
        document = json.loads(refused.body)
        assert document["message"] == (f"gabion: user {uid} is a subordinate id of another account, and may not use the "
                                       "engine")
        assert document["rule"] == "subordinate-id" and "connect as the account" in document["hint"], document
    assert len(gate.engine.requests) == 3
    # the file has changed
    gabiond.subuid = memory(b"somebody:%d:1\n" % users[0])
    gabiond.tell_policy(2)
    wait_until(lambda: gate.get("/_ping", uid=users[0]).status == 403)
    assert gate.get("/_ping", uid=users[1]).status == 200


def test_idle_connections_cost_little(gate):
    before = gate.rss()
    held = [gate.connect() for _ in range(400)]
    for stream in held:
        stream.send(GET + b"\r\n")
        assert read_answer(stream).status == 200
    assert (gate.rss() - before) / 400 < 16  # KiB each, engine's connection included


def test_body_too_large(gate):
    assert gate.post("/networks/create", b" " * ((8 << 20) + 1)).status == 413
    stream = gate.connect()
    stream.send(b"POST /networks/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                b"Content-Type: application/json\r\n\r\n")
    try:
        for _ in range(9):
            stream.send(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
    except OSError:
        pass
    assert read_answer(stream).status == 413
    assert gate.engine.requests == []


def test_held_bodies_are_limited(make_gate):
    gate = make_gate("--limit", "held-mib=1")
    head = (b"POST /networks/create HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n"
            b"Content-Type: application/json\r\n\r\n{")
    held = gate.connect()
    held.send(head + b" " * 800000)
    time.sleep(0.2)  # it has been read; nothing shows that from outside
    refused = gate.post("/networks/create", b"{" + b" " * 500000 + b"}")
    assert refused.status == 503 and b"all together have 1 MiB (held-mib" in refused.body, refused
    held.close()
    wait_until(lambda: gate.post("/networks/create", b"{" + b" " * 500000 + b"}").status == 200)


def test_bodies_of_one_user_are_limited(make_gate, users):
    """Whoever sends large bodies slowly keeps nobody else from sending any."""
    gate = make_gate("--limit", "held-mib=4")
    head = b"POST /networks/create HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n{"
    held = [gate.connect(uid=users[0]) for _ in range(8)]
    for stream in held:
        stream.send(head % 900000 + b" " * 800000)
    time.sleep(0.2)  # it has been read; nothing shows that from outside
    body = b" " * 900000 + b"}"

    def post(uid):
        stream = gate.connect(uid=uid)
        stream.send(head % (len(body) + 1) + body)
        return read_answer(stream)

    refused = post(users[0])
    assert refused.status == 503 and f"user {users[0]}'s have 1 MiB (held-mib".encode() in refused.body, refused
    assert post(users[1]).status == 200
    assert post(0).status == 200
    # a fourth is root's alone
    for uid in (54323, 54324):
        held.append(gate.connect(uid=uid))
        held[-1].send(head % 1000000 + b" " * 950000)
    time.sleep(0.2)
    refused = post(users[1])
    assert refused.status == 503 and b"all but root's have 3 MiB (held-mib" in refused.body, refused
    assert post(0).status == 200


def test_the_gate_ends_with_gabiond(make_gate):
    gate = make_gate()
    assert gate.get("/_ping").status == 200
    gate.gabiond.sock.shutdown(socket.SHUT_RDWR)
    assert gate.process.wait(NOW) == 0


def test_a_client_cannot_fill_the_log(gate):
    stream = gate.connect()
    stream.send(b"GET /nosuch HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
    for _ in range(500):
        assert read_answer(stream).status == 404
    assert 10 < gate.log().count("unknown-endpoint") < 100
