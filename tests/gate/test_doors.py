# SPDX-License-Identifier: Apache-2.0
"""Containers that have the engine's socket: each by a socket of its own, for whoever asked for it."""

import json
import os
import socket
import struct

import pytest

from fakes import BINDS, DONE, IS_SOCKET, NONE, Gabiond, Stream, read_answer, wait_until
from test_checks import A, B, C, Docker, create, message

OWNER, OTHER = 54321, 54322


SOCKET = "enhancedContainerIsolation.dockerSocketMount"
GRANT = {"version": 1, "asked": "tool:1", "image": {"id": "sha256:" + "1" * 64, "store": "classic", "origin": "unknown",
                                                    "tags": [], "repoDigests": []}}


def policy(generation=1, images=("*",), deny=(), allow=None, report=False, own=False, profile="docker"):
    """A snapshot as gabiond writes it."""
    key = SOCKET.replace("docker", profile)
    values = {"configurationFileVersion": 2, "enhancedContainerIsolation.value": True,
              f"{key}.imageList.images": list(images), f"{key}.commandList.type": "deny" if allow is None else "allow",
              f"{key}.commandList.commands": list(deny if allow is None else allow),
              f"{key}.commandList.reportOnly": report, f"{key}.ownChildrenOnly": own,
              f"{key}.imageList.allowDerivedImages": False, f"{key}.imageList.keepPreviousDigests": False}
    return {"version": 1, "generation": generation, "profile": profile, "files": [], "settings": [
        {"key": key, "layer": 0, "value": value, "locked": False, "source": "default"} for key, value in values.items()]}


def as_file(document):
    fd = os.memfd_create("answer")
    os.write(fd, json.dumps(document, separators=(",", ":")).encode() + b"\n")
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


class Doors(Gabiond):
    """A gabiond that knows containers with the socket: {id: uid of who asked for it}, and their makers: {id: line}."""

    def __init__(self, folder, owners, kin=None, **how):
        self.listeners = {}
        self.files = []
        self.kin = kin or {}
        self.policy = policy(**how)
        for ident in owners:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(f"{folder}/{ident[:8]}.sock")
            listener.listen(64)
            self.listeners[ident] = listener
        super().__init__()
        self.askers.update(owners)
        self.replies["GRANTS"] = self.grants
        self.replies["SOCKET"] = self.socket
        self.replies["OPEN"] = self.open
        self.replies["KIN"] = self.answer_kin
        self.replies["CHILD"] = self.child

    def open(self, q):
        which = struct.unpack_from("=I", q.body, 64)[0]
        if which not in (0, 2):
            return NONE, b""
        self.files.append(as_file(self.policy if which == 0 else GRANT))
        return DONE, b"", self.files[-1]

    def close(self):
        super().close()
        for fd in self.files:
            os.close(fd)
        for listener in self.listeners.values():
            listener.close()

    def answer_kin(self, q):
        """A page of two at most."""
        page = sorted(i for i in self.kin if i > q.id)[:2]
        items = [i.encode() + struct.pack("=I", len(self.kin[i])) + "".join(self.kin[i]).encode() for i in page]
        return DONE, page[-1].encode() + b"".join(items) if page else b""

    def child(self, q):
        self.kin[q.id] = q.line()
        return DONE, b""

    def told(self):
        self.tell_policy(self.policy.get("generation", 0))

    def grants(self, q):
        return DONE, "".join(sorted(i for i in self.listeners if i > q.id)).encode()

    def socket(self, q):
        if q.id not in self.listeners:
            return NONE, b""
        return DONE, b"", self.listeners[q.id].fileno()

    def connect(self, ident):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.listeners[ident].getsockname())
        return Stream(sock)

    def ask(self, ident, raw):
        stream = self.connect(ident)
        stream.send(raw)
        try:
            return read_answer(stream)
        finally:
            stream.close()


def audited(gabiond):
    return [json.loads(q.body[68:]) for q in gabiond.asked if q.op == "AUDIT"]


def request(method, target, body=None):
    text = b"" if body is None else json.dumps(body).encode()
    kind = "" if body is None else f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    return f"{method} {target} HTTP/1.1\r\nHost: x\r\n{kind}\r\n".encode() + text


@pytest.fixture
def doors(make_gate, tmp_path):
    """Container A was asked for by OWNER, B by root."""
    gabiond = Doors(str(tmp_path), {A: OWNER, B: 0})
    gate = make_gate(gabiond=gabiond)
    gate.docker = Docker(gate.engine)
    gate.docker.add("mine", "d" * 64)
    gate.docker.add("others", "e" * 64)
    gabiond.askers.update({"d" * 64: OWNER, "e" * 64: OTHER})
    return gate


def test_a_container_asks_for_its_asker(doors):
    """What it creates is recorded as its own asker's, with the paths of the host that it binds."""
    got = doors.gabiond.ask(A, request("POST", "/v1.41/containers/create", {
        "Image": "x", "HostConfig": {"Binds": ["/srv/x:/x"]}}))
    assert got.status == 201, got
    record = next(q for q in doors.gabiond.asked if q.op == "CHILD")
    assert record.line() == [A]
    uid, gid, flags, _ = record.asker()
    assert (record.id, uid, gid, flags) == (C, OWNER, 100, 2)
    asked = next(q for q in doors.gabiond.asked if q.op == "PATH")
    assert asked.asker()[0] == OWNER and asked.paths() == [("/srv/x", 3)]


def test_a_container_has_no_more_rights_than_its_asker(doors):
    """Although whoever connects (this test) is root."""
    body = {"Cmd": ["id"]}
    assert doors.gabiond.ask(A, request("POST", "/v1.41/containers/mine/exec", body)).status == 200
    got = doors.gabiond.ask(A, request("POST", "/v1.41/containers/others/exec", body))
    assert got.status == 403 and "another user" in message(got)
    assert doors.gabiond.ask(B, request("POST", "/v1.41/containers/others/exec", body)).status == 200


def test_connections_of_one_container_are_limited(make_gate, tmp_path):
    gabiond = Doors(str(tmp_path), {A: 0, B: 0})
    gate = make_gate("--limit", "conns-per-container=2", gabiond=gabiond)
    held = [gabiond.connect(A) for _ in range(2)]
    for stream in held:
        stream.send(request("GET", "/_ping"))
        assert read_answer(stream).status == 200
    got = gabiond.ask(A, request("GET", "/_ping"))
    assert got.status == 503 and "too many connections" in message(got)
    assert gabiond.ask(B, request("GET", "/_ping")).status == 200  # not of the other one's
    assert gate.get("/_ping").status == 200
    for stream in held:
        stream.close()


def hold(connect, n):
    held = [connect() for _ in range(n)]
    for stream in held:
        stream.send(request("GET", "/_ping"))
        assert read_answer(stream).status == 200
    return held


def test_connections_of_a_users_containers_are_limited(make_gate, tmp_path, users):
    """One sum for all of them, apart from the user's own: neither locks out the other."""
    gabiond = Doors(str(tmp_path), {A: OWNER, B: OWNER, C: OTHER})
    gate = make_gate("--limit", "conns-per-user=4", "--limit", "conns-per-container=3", gabiond=gabiond)
    held = hold(lambda: gabiond.connect(A), 3) + hold(lambda: gabiond.connect(B), 1)
    got = gabiond.ask(B, request("GET", "/_ping"))
    assert got.status == 503 and f"too many connections of user {OWNER}'s containers" in message(got)
    assert gabiond.ask(C, request("GET", "/_ping")).status == 200
    held += hold(lambda: gate.connect(OWNER), 4)
    assert gate.get("/_ping", uid=OWNER).status == 503
    held[0].close()
    wait_until(lambda: gabiond.ask(B, request("GET", "/_ping")).status == 200, what="a free place")
    for stream in held[1:]:
        stream.close()


def test_bodies_of_a_users_containers_are_limited(make_gate, tmp_path, users):
    gabiond = Doors(str(tmp_path), {A: OWNER, B: OWNER, C: OTHER})
    gate = make_gate("--limit", "held-mib=4", gabiond=gabiond)
    body = {"Name": "n", "Labels": {"l": "x" * 900000}}
    held = gabiond.connect(A)
    held.send(request("POST", "/v1.41/volumes/create", body)[:-100000])

    def refused():
        got = gabiond.ask(B, request("POST", "/v1.41/volumes/create", body))
        return got.status == 503 and f"user {OWNER}'s containers have 1 MiB" in message(got)

    wait_until(refused)
    assert gabiond.ask(C, request("POST", "/v1.41/volumes/create", body)).status != 503
    assert gate.post("/v1.41/volumes/create", json.dumps(body).encode(), uid=OWNER).status != 503
    held.close()


def test_containers_leave_roots_connections(make_gate, tmp_path):
    """Root's containers, too."""
    gabiond = Doors(str(tmp_path), {A: 0, B: OWNER})
    gate = make_gate("--limit", "conns=8", gabiond=gabiond)
    held = hold(lambda: gabiond.connect(A), 4) + hold(lambda: gabiond.connect(B), 3)
    waiting = gabiond.connect(B)
    waiting.send(request("GET", "/_ping"))
    assert gate.get("/_ping").status == 200
    held.pop().close()
    assert read_answer(waiting).status == 200
    for stream in held:
        stream.close()


def test_a_container_that_is_gone(make_gate, tmp_path):
    """Its door and its connections end with it."""
    gabiond = Doors(str(tmp_path), {A: 0})
    gate = make_gate(gabiond=gabiond)
    stream = gabiond.connect(A)
    stream.send(request("GET", "/_ping"))
    assert read_answer(stream).status == 200
    events = wait_until(lambda: gate.engine.events)
    for action, kind in (("create", "container"), ("destroy", "image"), ("destroy", "container")):
        stream.send(request("GET", "/_ping"))
        assert read_answer(stream).status == 200
        line = json.dumps({"Type": kind, "Action": action, "Actor": {"ID": A}}) + "\n"
        events[0].send(f"{len(line):x}\r\n{line}\r\n".encode())
    assert stream.sock.recv(1) == b""
    assert gate.get("/_ping").status == 200


def test_many_containers(make_gate, tmp_path):
    owners = {f"{n:064x}": 0 for n in range(1, 201)}
    gabiond = Doors(str(tmp_path), {})
    gabiond.askers.update(owners)
    for ident in owners:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{tmp_path}/{ident[-8:]}.sock")
        listener.listen(4)
        gabiond.listeners[ident] = listener
    make_gate(gabiond=gabiond)
    for ident in owners:
        assert gabiond.ask(ident, request("GET", "/_ping")).status == 200


def test_an_asker_that_is_not_on_record(make_gate, tmp_path):
    """Nobody's container is served by nobody; the others are."""
    gabiond = Doors(str(tmp_path), {A: 0, B: 0})
    del gabiond.askers[A]
    gate = make_gate(gabiond=gabiond)
    assert gabiond.ask(B, request("GET", "/_ping")).status == 200
    assert f"container {A[:12]}: its socket is not served" in gate.log()


# ── what a container may ask over it ───────────────────────────────────────────────────────────

BLOCKED = ('enhanced container isolation: docker command "%s" is blocked; if you wish to allow it, configure the docker '
           'socket command list in the Docker Desktop settings or admin-settings.')


def test_a_denied_command(make_gate, tmp_path):
    gabiond = Doors(str(tmp_path), {A: 0}, deny=["push", "build"])
    gate = make_gate(gabiond=gabiond)
    for target in ("/v1.43/images/myimage/push?tag=latest", "/images/x%2Fy/push", "/v9.99/images/a/push", "/v1.12/images/a/push", "/build"):
        got = gabiond.ask(A, request("POST", target))
        assert (got.status, message(got)) == (403, BLOCKED % target)
    assert gabiond.ask(A, request("GET", "/v1.41/images/json")).status == 200
    assert gate.engine.seen == ["GET /v1.41/images/json"]
    assert gate.post("/v1.41/images/myimage/push", kind="text/plain").status == 200  # users of the host may
    lines = [json.loads(q.body[68:]) for q in gabiond.asked if q.op == "AUDIT"]
    assert [(line["verdict"], line["container"]) for line in lines] == [("deny", A)] * 5


def test_http2_without_asking(make_gate, tmp_path):
    """What a list says comes first, in its words."""
    gabiond = Doors(str(tmp_path), {A: 0}, deny=["build"])
    make_gate(gabiond=gabiond)
    preface = b"PRI * HTTP/2.0\r\n\r\n"
    got = gabiond.ask(A, preface)
    assert (got.status, message(got)) == (403, BLOCKED % "*")
    gabiond.policy = policy(2, deny=[])
    gabiond.told()
    got = wait_until(lambda: (g := gabiond.ask(A, preface)) and json.loads(g.body)["rule"] == "unsupported" and g)
    assert (got.status, message(got)) == (403, 'gabion: docker command "*" is not available: '
                                               "HTTP/2 is taken inside an upgraded connection only")


def test_what_no_list_can_allow(make_gate, tmp_path):
    """The right reason, and nobody is sent to a list in vain; a list that says no has its own words all the same."""
    gabiond = Doors(str(tmp_path), {A: 0})
    make_gate(gabiond=gabiond)
    plugins = "engine plugins run as root on the host and are not supported"
    rows = (({"deny": []}, "POST", "/plugins/pull", "unsupported", plugins),
            ({"deny": ["push"]}, "GET", "/debug/vars", "unsupported", "the engine's own memory is not shown"),
            ({"allow": ["plugin"]}, "POST", "/plugins/pull", "unsupported", plugins),
            ({"allow": ["ps"], "report": True}, "POST", "/plugins/pull", "unsupported", plugins),
            ({"allow": ["ps"]}, "POST", "/plugins/pull", "command-list", plugins),
            ({"deny": ["plugin"]}, "POST", "/plugins/pull", "command-list", plugins),
            ({"deny": ["swarm"]}, "POST", "/swarm/init", "command-list", "swarm mode is not supported"),
            ({"deny": []}, "GET", "/no/such", "command-list", "gabion does not know that endpoint"))
    for n, (how, method, target, rule, why) in enumerate(rows, 2):
        gabiond.policy = policy(n, **how)
        gabiond.told()
        got = wait_until(lambda: (g := gabiond.ask(A, request(method, target))) and json.loads(g.body)["rule"] == rule and g)
        said = json.loads(got.body)
        assert got.status == 403 and said["hint"] == "no setting allows it", (how, said)
        if rule == "unsupported":
            assert said["message"] == f'gabion: docker command "{target}" is not available: {why}'
        else:
            assert said["message"] == BLOCKED % target and said["reason"].startswith(why), (how, said)


@pytest.mark.parametrize("report", [True, False])
def test_what_compose_makes(make_gate, tmp_path, report):
    """It is told by its labels, also where nothing was looked for before."""
    gabiond = Doors(str(tmp_path), {A: 0}, deny=["compose"], report=report)
    gate = make_gate(gabiond=gabiond)
    kinds = ("networks", "volumes", "containers")
    for n, kind in enumerate(kinds, 1):
        body = {"Name": "x", "Labels": {"com.docker.compose.project": "x"}}
        got = gabiond.ask(A, request("POST", f"/v1.41/{kind}/create", body))
        line = wait_until(lambda: len(audited(gabiond)) == n and audited(gabiond)[-1])
        assert (line["verdict"], line["rule"], line["hint"]) == (
            "report" if report else "deny", "command-list", "commandList of the policy: compose")
        if report:
            assert got.status != 403 and line["mark"] == "compose"
        else:
            assert (got.status, message(got)) == (403, BLOCKED % f"/v1.41/{kind}/create")
            assert line["reason"] == "it gives labels of compose's (com.docker.compose.…)" and not gate.engine.seen
    for kind in kinds:
        assert gabiond.ask(A, request("POST", f"/v1.41/{kind}/create", {"Name": "x", "Labels": {"a": "b"}})).status != 403
    assert len(audited(gabiond)) == len(kinds)
    gate.post("/v1.41/networks/create", json.dumps({"Name": "x", "Labels": {"com.docker.compose.project": "x"}}).encode())
    assert gate.engine.seen[-1] == "POST /v1.41/networks/create"  # users of the host may


def test_the_names_of_the_profile(make_gate, tmp_path, monkeypatch):
    known = f"tool@sha256:{'2' * 64}"
    monkeypatch.setitem(GRANT["image"], "repoDigests", [known])
    gabiond = Doors(str(tmp_path), {A: 0}, images=[known], own=True, profile="iechor")
    gabiond.policy["settings"] = [row for row in gabiond.policy["settings"]
                                  if not row["key"].endswith(("allowDerivedImages", "keepPreviousDigests"))]
    gate = make_gate(gabiond=gabiond)
    for what, ways in (("containers", "iechor rm $(iechor ps -aq -f status=exited -f status=created)"),
                       ("volumes", "iechor volume rm $(iechor volume ls -q -f dangling=true)"),
                       ("networks", "iechor network rm NAME")):
        got = gabiond.ask(A, request("POST", f"/v1.41/{what}/prune"))
        assert message(got) == (f'enhanced container isolation: iechor command "/v1.41/{what}/prune" is blocked; it would remove '
                                f"{what} that are not this container's own")
        assert json.loads(got.body)["hint"] == f"remove your own {what} one by one: {ways}"
    assert message(gate.get("/v1.41/swarm")).startswith('gabion: iechor command "/v1.41/swarm" is not available: ')


def test_an_allow_list(make_gate, tmp_path):
    gabiond = Doors(str(tmp_path), {A: 0}, allow=["ps", "container*"])
    make_gate(gabiond=gabiond)
    assert gabiond.ask(A, request("GET", "/_ping")).status == 200
    assert gabiond.ask(A, request("GET", "/v1.41/containers/json")).status == 200
    for method, target in (("GET", "/v1.41/images/json"), ("POST", "/v1.41/volumes/create"), ("GET", "/v1.41/info"),
                           ("GET", "/nothing/known"), ("GET", "/v1.41/../images/json")):
        got = gabiond.ask(A, request(method, target))
        assert got.status in (400, 403), (target, got)


def test_report_only(make_gate, tmp_path):
    gabiond = Doors(str(tmp_path), {A: 0}, deny=["push"], report=True)
    make_gate(gabiond=gabiond)
    assert gabiond.ask(A, request("POST", "/v1.41/images/x/push")).status == 200
    line, = wait_until(lambda: [json.loads(q.body[68:]) for q in gabiond.asked if q.op == "AUDIT"])
    assert (line["verdict"], line["hint"]) == ("report", "commandList of the policy: push")


def test_isolation_off(make_gate, tmp_path):
    """And with it the lists, for containers that have the socket already, too."""
    gabiond = Doors(str(tmp_path), {A: 0}, deny=["push"], images=[])
    rows = {row["key"]: row for row in gabiond.policy["settings"]}
    make_gate(gabiond=gabiond)
    assert gabiond.ask(A, request("POST", "/v1.41/images/x/push")).status == 403
    rows["enhancedContainerIsolation.value"]["value"] = False
    gabiond.policy["generation"] = 2
    gabiond.told()
    wait_until(lambda: gabiond.ask(A, request("POST", "/v1.41/images/x/push")).status == 200)


@pytest.mark.parametrize("report", [True, False])
def test_the_list_that_said_it_is_named(make_gate, tmp_path, report):
    """By the place in its file; and an image's own list by its entry."""
    gabiond = Doors(str(tmp_path), {A: 0}, deny=["push"], report=report)
    rows = {row["key"]: row for row in gabiond.policy["settings"]}
    rows[f"{SOCKET}.commandList.commands"]["source"] = "/x/admin-settings.json:7:9"
    rows[f"{SOCKET}.imageList.images"]["source"] = "/x/admin-settings.json:3:5"
    make_gate(gabiond=gabiond)

    def line():
        before = len(audited(gabiond))
        assert gabiond.ask(A, request("POST", "/v1.41/images/x/push")).status == (200 if report else 403)
        return wait_until(lambda: audited(gabiond)[before:])[-1]

    first = line()
    assert first["hint"] == "commandList of /x/admin-settings.json:7:9: push" and "entry" not in first
    rows[f"{SOCKET}.imageList.images"]["value"] = [
        {"image": "*", "commandList": {"type": "deny", "commands": ["image*"], "reportOnly": report}}]
    gabiond.policy["generation"] = 2
    gabiond.told()
    of_entry = wait_until(
        lambda: (h := line())["hint"].startswith('commandList of image entry "*" of /x/admin-settings.json:3:5: ') and h)
    assert of_entry.get("entry") == ("*" if report else None)


def test_a_new_policy(make_gate, tmp_path):
    """It holds for the next request, also on connections that are there."""
    gabiond = Doors(str(tmp_path), {A: 0})
    make_gate(gabiond=gabiond)
    stream = gabiond.connect(A)
    ask = request("GET", "/v1.41/images/json")
    stream.send(ask)
    assert read_answer(stream).status == 200

    def status():
        stream.send(ask)
        got = read_answer(stream)
        return got.status, message(got) if got.status == 403 else None

    gabiond.policy = policy(2, deny=["images"])
    gabiond.told()
    assert wait_until(lambda: status()[1]) == BLOCKED % "/v1.41/images/json"
    gabiond.policy = policy(3, images=["other:1"])
    gabiond.told()
    assert wait_until(lambda: "socket mount denied" in status()[1] and status()[1]) == (
        'enhanced container isolation: docker socket mount denied for container with image "docker.io/library/tool"; '
        'image is not in the allowed list; if you wish to allow it, configure the docker socket image list in the '
        'Docker Desktop settings.')
    gabiond.policy = {"version": 7}  # no policy at all: the last one stays
    gabiond.told()
    assert status()[0] == 403
    gabiond.policy = policy(4)
    gabiond.told()
    wait_until(lambda: status()[0] == 200)
    stream.close()


def test_nothing_before_there_is_a_policy(make_gate, tmp_path):
    gabiond = Doors(str(tmp_path), {A: 0})
    gabiond.policy = {"version": 7}
    gate = make_gate(gabiond=gabiond)
    got = gabiond.ask(A, request("GET", "/_ping"))
    assert got.status == 503 and "no policy" in message(got)
    assert gate.get("/_ping").status == 200


# ── containers that are to have it ─────────────────────────────────────────────────────────────


@pytest.fixture
def making(make_gate, tmp_path):
    """A gate whose gabiond says that the sources /s1, /s2, … are the engine's socket; there is one image."""

    def start(*args, **how):
        gabiond = Doors(str(tmp_path), {}, **how)
        gate = make_gate(*args, gabiond=gabiond)
        docker = Docker(gate.engine)
        image = {"Id": GRANT["image"]["id"], "RepoTags": ["tool:1"], "RepoDigests": [], "RootFS": {"Layers": []}}
        gate.engine.told = {"/info": {"DriverStatus": []}, "/images/tool:1/json": image}
        docker.made["Image"] = image["Id"]
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{tmp_path}/new.sock")
        listener.listen(8)

        def paths(q):
            found = [n for n, (path, _) in enumerate(q.paths()) if path.startswith("/s")]
            return (IS_SOCKET, struct.pack("=I", found[0])) if found else (DONE, b"")

        gabiond.replies["PATH"] = paths
        gabiond.replies["SOCKET"] = lambda q: (DONE, b"", listener.fileno())
        return gate

    return start


BINDINGS = ["/a:/a", "/s1:/s", "/b:/b", "/s2:/t", "/c:/c", "/s1:/u"]
QUESTIONS = [["/a", "/s1", "/b", "/s2", "/c"], ["/b", "/s2", "/c"], ["/c"]]


def operations(gate):
    return [q.op for q in gate.gabiond.asked if q.op != "AUDIT"]


def test_a_socket_that_has_another_name(making):
    """gabiond tells what it is; the paths after it are judged too; the image may not have it."""
    gate = making(images=[])
    got = create(gate, {"Image": "tool:1", "HostConfig": {"Binds": BINDINGS}})
    assert got.status == 403
    assert message(got).startswith("enhanced container isolation: docker socket mount denied for container with image "
                                   '"docker.io/library/tool"; image is not in the allowed list;')
    assert [[p for p, _ in q.paths()] for q in gate.gabiond.asked if q.op == "PATH"] == QUESTIONS
    assert operations(gate) == ["PATH"] * 3
    assert not [r for r in gate.engine.requests if r.method == "POST"]


def test_a_socket_that_has_another_name_is_granted(making):
    gate = making(images=["*"])
    assert create(gate, {"Image": "tool:1", "HostConfig": {"Binds": BINDINGS}}).status == 201
    assert operations(gate) == ["PATH"] * 3 + ["RECORD", "GRANT", "SOCKET"]
    record, = [q for q in gate.gabiond.asked if q.op == "RECORD"]
    grant, = [q for q in gate.gabiond.asked if q.op == "GRANT"]
    assert record.id == grant.id == C and record.asker()[2] == BINDS


def test_registries_are_asked_again(making):
    """A tag that moves there is noticed without anybody's asking, which is every ten minutes where no limit says otherwise."""
    gate = making("--limit", "refresh-seconds=1", images=["tool:1"])
    gate.engine.told["/images/tool:1/json"]["RepoDigests"] = ["tool@sha256:" + "1" * 64]

    def status_when(digit):
        gate.engine.told["/distribution/tool:1/json"] = {"Descriptor": {"digest": "sha256:" + digit * 64}}
        return create(gate, {"Image": "tool:1", "HostConfig": {"Binds": ["/s1:/s"]}}).status

    wait_until(lambda: status_when("1") == 201)
    wait_until(lambda: status_when("2") == 403)
    wait_until(lambda: status_when("1") == 201)


def test_a_name_proves_nothing(making):
    """The usual place with something else in it is for gabiond to judge, and no matter of the image list."""
    gate = making(images=[])
    for path in ("/run/docker.sock", "/var/run/docker.sock"):
        assert create(gate, {"Image": "tool:1", "HostConfig": {"Binds": [f"{path}:/x"]}}).status == 201
    assert operations(gate) == ["PATH", "RECORD"] * 2
    gate.gabiond.replies["PATH"] = lambda q: (-1, b"TEXT\0hostmount-protected")
    got = create(gate, {"Image": "tool:1", "HostConfig": {"Binds": ["/run/docker.sock:/x"]}})
    assert (got.status, message(got)) == (403, "TEXT")
