# SPDX-License-Identifier: Apache-2.0
"""What the gate decides, what it asks of gabiond, and in which order."""

import base64
import io
import json
import os
import socket
import struct
import tarfile
import threading
import time

import pytest

from fakes import (DENIED, DONE, FAILED, IS_SOCKET, MAKE, MORE, NONE, NOW, OK, PLAIN, RECURSIVE, ROOT, Gabiond, answer,
                   read_answer, wait_until)

A = "a" * 64
B = "b" * 64
C = "c" * 64
PID_TEXT = ("sysbox containers can't share namespaces [%s] with the host "
            "(because they use the linux user-namespace for isolation)")
NET_TEXT = ("sysbox containers can't share a network namespace with the host "
            "(because they use the linux user-namespace for isolation)")


def message(got):
    assert got.get("Content-Type") == "application/json", got
    return json.loads(got.body)["message"]


class Docker:
    """An engine with containers, as far as the gate looks at them."""

    def __init__(self, engine):
        self.by_name = {}
        self.execs = {}
        self.volumes = {}
        self.list_of_volumes = None  # (status, document); None: of `volumes`
        self.engine = engine
        self.created = C
        self.made = {"Id": C, "Image": "sha256:" + "0" * 64}
        self.delete_status = 204
        engine.script = self.script

    def add(self, name, ident, running=True, user="", mounts=()):
        self.by_name[name] = self.by_name[ident] = {
            "Id": ident, "State": {"Running": running}, "Config": {"User": user}, "Mounts": list(mounts)}

    def read_back(self, stream, request):
        """What the gate asks after a creation; it is not counted among the requests."""
        if request.target != f"/containers/{self.created}/json":
            return False
        self.engine.requests.remove(request)
        stream.send(answer(404 if self.made is None else 200, json.dumps(self.made).encode(), "Content-Type: application/json"))
        return True

    def script(self, stream, request):
        if self.read_back(stream, request):
            return
        path = request.target.split("?")[0]
        path = path[path.index("/", 1):] if path.startswith("/v1.") else path
        parts = path.strip("/").split("/")
        if request.method == "POST" and path == "/containers/create":
            stream.send(answer(201, json.dumps({"Id": self.created, "Warnings": []}).encode(),
                               "Content-Type: application/json", reason="Created"))
        elif request.method == "GET" and parts[0] == "containers" and parts[-1] == "json" and len(parts) == 3:
            found = self.by_name.get(parts[1])
            body = found or {"message": f"No such container: {parts[1]}"}
            stream.send(answer(200 if found else 404, json.dumps(body).encode(), "Content-Type: application/json"))
        elif request.method == "GET" and path == "/volumes":
            status, said = self.list_of_volumes or (200, {"Volumes": list(self.volumes.values()), "Warnings": None})
            stream.send(answer(status, json.dumps(said).encode(), "Content-Type: application/json"))
        elif request.method == "GET" and parts[0] == "volumes":
            found = self.volumes.get(parts[1])
            stream.send(answer(200 if found else 404, json.dumps(found or {"message": "no such volume"}).encode(), "Content-Type: application/json"))
        elif request.method == "GET" and parts[0] == "exec":
            found = self.execs.get(parts[1])
            stream.send(answer(200 if found else 404, json.dumps({"ContainerID": found}).encode()))
        elif request.method == "DELETE":
            stream.send(answer(self.delete_status))
        else:
            stream.send(OK)


@pytest.fixture
def docker(gate):
    return Docker(gate.engine)


def create(gate, body, uid=None, **how):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return gate.post("/v1.41/containers/create?name=n", raw, uid, **how)


# ── what the engine made ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("made, what", [
    ({"HostConfig": {"PidMode": "host"}}, 'PidMode "host"'),
    ({"Mounts": [{"Type": "bind", "Source": "/srv/a"}, {"Type": "bind", "Source": "/etc"}]}, "a bind of /etc"),
    ({"HostConfig": {"Devices": [{"PathOnHost": "/dev/mem"}]}}, "the device /dev/mem"),
])
@pytest.mark.parametrize("delete_status, done", [(204, "; it was removed again"), (500, ", and it could not be removed again")])
def test_an_engine_that_reads_it_in_another_way(gate, docker, made, what, delete_status, done):
    """No engine that is known does."""
    docker.made |= made
    docker.delete_status = delete_status
    got = create(gate, {"Image": "x", "HostConfig": {"Binds": ["/srv//a:/a"]}})
    assert got.status == 403 and json.loads(got.body)["rule"] == "effect"
    assert message(got) == f"enhanced container isolation: the engine made a container with {what}, which was not asked for{done}"
    assert gate.engine.seen[-1] == f"DELETE /containers/{C}?force=1&v=1"
    assert "RECORD" not in [q.op for q in gate.gabiond.asked]


@pytest.mark.parametrize("made, status", [(None, 201), ({}, 500), ([], 500)])
def test_what_was_made_is_not_known(gate, docker, made, status):
    """Somebody may have removed it already."""
    docker.made = made
    assert create(gate, {"Image": "x"}).status == status


OLD = {"Name": "old", "Driver": "local", "Options": {"type": "none", "o": "bind", "device": "/srv"}}


@pytest.mark.parametrize("listed", [None, (500, {"message": "no"}), (200, []), (200, {}), (200, {"Volumes": [], "Warnings": ["a driver is away"]}),
                                    (200, {"Volumes": [], "Warnings": ["x" * (9 << 20)]})],
                         ids=("listed", "error", "nonsense", "nothing", "not all", "too large"))
def test_many_volumes(gate, docker, listed):
    """One list of all of them is asked for; where it does not do, each of them."""
    docker.list_of_volumes = listed
    docker.volumes = {f"v{i}": {"Name": f"v{i}", "Driver": "local", "Options": {}} for i in range(5)}
    binds = [f"v{i}:/v{i}" for i in range(9)]
    assert create(gate, {"HostConfig": {"Binds": binds}}).status == 201
    *looks, created = [r.target for r in gate.engine.requests]
    singly = [f"/v1.41/volumes/v{i}" for i in range(9)]
    assert created.startswith("/v1.41/containers/create")
    assert looks == ["/v1.41/volumes"] + ([] if listed is None else singly)
    # One that has mount options is found, wherever it stands.
    docker.volumes["old"] = OLD
    for at in (0, 5, 9):
        got = create(gate, {"HostConfig": {"Binds": [*binds[:at], "old:/x", *binds[at:]]}})
        assert got.status == 403 and json.loads(got.body)["rule"] == "volume-options"
        assert message(got).startswith('volume old: volumes of type "none" with device "/srv"')
    # A few are asked about one by one.
    gate.engine.requests.clear()
    assert create(gate, {"HostConfig": {"Binds": binds[:8]}}).status == 201
    assert [r.target for r in gate.engine.requests][:-1] == singly[:8]


def test_volumes_from_before_there_were_rules(gate, docker, users):
    docker.volumes = {"plain": {"Name": "plain", "Driver": "local", "Options": None},
                      "memory": {"Name": "memory", "Driver": "local", "Options": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}},
                      "cloud": {"Name": "cloud", "Driver": "cloud", "Options": {"device": "/x"}},
                      "old": {"Name": "old", "Driver": "local", "Options": {"type": "none", "device": "/srv", "o": "bind"}}}
    binds = [f"{name}:/{name}" for name in ("plain", "memory", "cloud", "new")]
    assert create(gate, {"Image": "x", "HostConfig": {"Binds": binds}}, users[0]).status == 201
    for config in ({"Binds": [*binds, "old:/x"]}, {"Mounts": [{"Type": "volume", "Source": "old", "Target": "/x"}]}):
        for uid in (0, users[0]):
            got = create(gate, {"Image": "x", "HostConfig": config}, uid)
            assert got.status == 403 and json.loads(got.body)["rule"] == "volume-options"
            assert message(got) == ('volume old: volumes of type "none" with device "/srv" and options "bind" are not supported by gabion: '
                                    "the engine would mount them as root of the host. Bind a folder instead (-v FOLDER:PATH), or use type=tmpfs")


# ── the body of a creation ─────────────────────────────────────────────────────────────────────


def test_the_body_is_written_afresh(gate, docker):
    got = create(gate, b'{ "im\\u0061ge" : "alpine",\n "hostconfig":{"Runtime":"runc","USERNSMODE":"host",'
                       b'"Memory":10000000000000000000,"networkmode":"default"},"Labels":{"A":"1","a":"2"} }')
    assert got.status == 201
    request = gate.engine.requests[-1]
    assert request.target == "/v1.41/containers/create?name=n"
    assert request.get("Content-Type") == "application/json"
    assert json.loads(request.body) == {
        "Image": "alpine", "HostConfig": {"Memory": 10000000000000000000, "NetworkMode": "default"},
        "Labels": {"A": "1", "a": "2"}}
    assert b" " not in request.body


@pytest.mark.parametrize("runtime", ["runc", "io.containerd.runc.v2", "crun", "nosuch", "", "sysbox-runc"])
def test_the_runtime_is_not_the_clients_choice(gate, docker, runtime):
    assert create(gate, {"Image": "x", "HostConfig": {"Runtime": runtime}}).status == 201
    assert json.loads(gate.engine.requests[-1].body) == {"Image": "x", "HostConfig": {}}


@pytest.mark.parametrize("config,text", [
    ({"PidMode": "host"}, PID_TEXT % "pid"),
    ({"IpcMode": "host"}, PID_TEXT % "ipc"),
    ({"UTSMode": "host"}, PID_TEXT % "uts"),
    ({"CgroupnsMode": "host"}, PID_TEXT % "cgroup"),
    ({"UTSMode": "host", "PidMode": "host"}, PID_TEXT % "pid uts"),
    ({"pIDmODE": "host"}, PID_TEXT % "pid"),
    ({"NetworkMode": "host"}, NET_TEXT),
    ({"Networ\u212aMode": "host"}, NET_TEXT),
])
def test_host_namespaces(gate, docker, config, text):
    got = create(gate, {"Image": "x", "HostConfig": config})
    assert got.status == 403
    assert message(got) == text
    assert json.loads(got.body)["rule"] in ("host-namespaces", "host-network")
    assert gate.engine.requests == []


@pytest.mark.parametrize("config", [{"PidMode": "", "NetworkMode": "default", "CgroupnsMode": "", "IpcMode": "private"},
                                    {"NetworkMode": "none", "CgroupnsMode": "private", "IpcMode": "shareable"},
                                    {"NetworkMode": "bridge"}, {"NetworkMode": "hostess"}])
def test_other_namespaces(gate, docker, config):
    assert create(gate, {"Image": "x", "HostConfig": config}).status == 201
    assert json.loads(gate.engine.requests[-1].body)["HostConfig"] == config


@pytest.mark.parametrize("body", [
    b'{"HostConfig":{"PidMode":"host"},"HostConfig":{}}',
    b'{"HostConfig":{"PidMode":"host","pidmode":""}}',
    b'{"HostConfig":{"Binds":[],"Binds":["/:/x"]}}',
    b'{"Image":"x","image":"y"}',
    b'{"Labels":{"a":"1","a":"2"}}',
    b'{"HostConfig":{"Mounts":[{"Type":"bind","Source":"/","Target":"/a"}],"Mounts":[{"Target":"/b"}]}}',
    b'{"HostConfig":{"Mounts":[{"Type":"bind","Source":"/","Source":null,"Target":"/a"}]}}',
    b'{"Image":"x","Image":null}',
    b'{"HostConfig":{"PidMode":"host"},"hostCon\\u0066ig":null}',
    '{"HostConfig":{"Binds":["/:/x"]},"Ho\u017ftConfig":{}}'.encode(),
    b'{"HostConfig":{"Privileged":true,"Devices":[{"PathOnHost":"/a","pathonhost":"/b"}]}}',
    b'{"LogConfig":{"Config":{"a":"unix:///x"}},"Image":"x"}',
    b'{"Image":"x" /* y */}', b"{'Image':'x'}", b'{"Image":"\\x41"}', b'{"Image":"a\nb"}', '{"Image":"x"}'.encode("utf-16"),
    b'{"Image":"x"}{"HostConfig":{"PidMode":"host"}}',
    b'{"Image":"x"} x',
    b'{"PidMode":"host","Image":"x"}',
    b'{"binds":["/:/x"],"Image":"x"}',
    b'{"Image":"x\\u0000"}',
    b'{"Image":"\xff"}',
    b'{"Image":"\\ud800"}',
    b'\xef\xbb\xbf{"Image":"x"}',
    b'{"Image":"x",}',
    b'{"HostConfig":{"PidMode":["host"]}}',
    b'[]', b'"x"', b'', b'{',
    b'{"a":' * 100 + b'1' + b'}' * 100,
])
def test_bodies_that_two_readers_could_read_differently(gate, docker, body):
    got = create(gate, body)
    if body == b"":
        assert got.status == 201  # the engine says what is missing
        return
    assert got.status == 400, got
    assert message(got)
    assert gate.engine.requests == []


@pytest.mark.parametrize("key", ["Binds", "bINDS", "\\u0042inds", "Bind\\u017f", "Bind\u017f", "BIND\\u0053"])
@pytest.mark.parametrize("top", ["HostConfig", "hostconfig", "Ho\u017ftConfig", "HOST\\u0043onfig"])
def test_spellings_of_a_key(gate, docker, key, top):
    """All that Go takes for it, and then it is written as Go would."""
    assert create(gate, f'{{"Image":"x","{top}":{{"{key}":["/srv/x:/x"]}}}}'.encode()).status == 201
    assert [p for p, _ in asked_paths(gate)] == ["/srv/x"]
    assert json.loads(gate.engine.requests[-1].body) == {"Image": "x", "HostConfig": {"Binds": ["/srv/x:/x"]}}


@pytest.mark.parametrize("key", ["B\u0131nds", "\uff22inds", "Binds ", "Binds\\u0000", "Bind\u0073\u0301"])
def test_keys_that_only_look_like_it(gate, docker, key):
    """Go knows none of them."""
    got = create(gate, f'{{"Image":"x","HostConfig":{{"{key}":["/etc:/x"]}}}}'.encode())
    assert got.status == (400 if "0000" in key else 201)
    assert asked_paths(gate) == []


def test_a_body_in_the_query(gate, docker):
    """dockerode says everything twice; engines read the body."""
    query = "HostConfig=%7B%22PidMode%22%3A%22host%22%7D&Image=x"
    assert gate.post(f"/containers/create?{query}", b'{"Image":"y"}').status == 201
    assert json.loads(gate.engine.requests[-1].body) == {"Image": "y"}


@pytest.mark.parametrize("kind,status", [("application/json", 201), ("Application/JSON; charset=utf-8", 201),
                                         ("application/json;charset=utf-16", 201),
                                         ("text/plain", 400), ("", 400), ("application/jsonx", 400)])
def test_content_types(gate, docker, kind, status):
    assert create(gate, {"Image": "x"}, kind=kind).status == status


VOLUME = {"Driver": "local"}


@pytest.mark.parametrize("opts,allowed", [
    ({}, True),
    (None, True),
    ({"size": "10G"}, True),
    ({"type": "tmpfs", "device": "tmpfs", "o": "size=10m,uid=1000,mode=0700,noexec"}, True),
    ({"type": "tmpfs", "device": "/etc", "o": "bind"}, False),
    ({"type": "tmpfs", "device": "/etc", "o": "size=1,rbind"}, False),
    ({"type": "none", "device": "/etc", "o": "bind"}, False),
    ({"type": "", "device": "/etc", "o": "rw,bind"}, False),
    ({"device": "/etc"}, False),
    ({"type": "ext4", "device": "/dev/vda"}, False),
    ({"type": "overlay", "o": "lowerdir=/etc:/run"}, False),
    ({"type": "proc"}, False),
    ({"type": "nfs", "o": "addr=1.2.3.4", "device": ":/x"}, False),
])
def test_volumes(gate, docker, opts, allowed):
    got = gate.post("/volumes/create", json.dumps({"Name": "v", **VOLUME, "DriverOpts": opts}).encode())
    assert got.status == (200 if allowed else 403), got
    mount = {"Type": "volume", "Target": "/x", "VolumeOptions": {"DriverConfig": {"Name": "", "Options": opts}}}
    got = create(gate, {"Image": "x", "HostConfig": {"Mounts": [mount]}})
    assert got.status == (201 if allowed else 403), got
    assert len(gate.engine.requests) == (2 if allowed else 0)


@pytest.mark.parametrize("query,status,text", [
    ("networkmode=host", 403, NET_TEXT), ("networkmode=bridge&networkmode=host", 400, None),
    ("networkmode=%68ost", 403, NET_TEXT), ("networkmode=default", 200, None), ("t=x", 200, None)])
def test_build_on_the_hosts_network(gate, docker, query, status, text):
    got = gate.post(f"/v1.41/build?{query}", b"tar", kind="application/x-tar")
    assert got.status == status
    if text:
        assert message(got) == text


# ── paths of the host ──────────────────────────────────────────────────────────────────────────


def asked_paths(gate):
    return [p for q in gate.gabiond.asked if q.op == "PATH" for p in q.paths()]


def test_paths_are_judged_as_the_asker(gate, docker, users):
    """All in one question, each once, before the engine hears of it."""
    seen = []
    gate.gabiond.replies["PATH"] = lambda q: (seen.append(list(gate.engine.seen)), (DONE, b""))[1]
    config = {"Binds": ["/home/u/a:/a", "volume:/b", "/srv:/c:ro", "/opt:/e", "/anonymous", "/home/u/a:/f"],
              "Mounts": [{"Type": "bind", "Source": "/opt", "Target": "/d"},
                         {"Type": "bind", "Source": "/mnt", "Target": "/g", "BindOptions": {"NonRecursive": True}},
                         {"Type": "bind", "Source": "/mk", "Target": "/h", "BindOptions": {"createmountpoint": True}},
                         {"Type": "bind", "Source": "relative", "Target": "/i"},
                         {"Type": "volume", "Source": "/odd", "Target": "/j"}]}
    assert create(gate, {"Image": "x", "HostConfig": config}, users[0], groups=(7,)).status == 201
    asked, = [q for q in gate.gabiond.asked if q.op == "PATH"]
    assert sorted(asked.paths()) == [("/home/u/a", MAKE | RECURSIVE), ("/mk", MAKE | RECURSIVE), ("/mnt", 0),
                                     ("/opt", MAKE | RECURSIVE), ("/srv", MAKE | RECURSIVE)]
    assert asked.id == "0" * 64
    assert (asked.asker()[0], asked.asker()[3]) == (users[0], [7])
    assert seen == [["GET /v1.41/volumes/volume"]]


@pytest.mark.parametrize("code,body,status,rule,hint", [
    (-1, b"TEXT\0hostmount-protected", 403, "hostmount-protected", "docs/administration.md"),
    (-1, b"TEXT\0hostmount-configured", 403, "hostmount-configured", "restrictedMounts"),
    (-1, b"TEXT\0hostmount-not-shared", 403, "hostmount-not-shared", "filesharingAllowedDirectories"),
    (-1, b"TEXT\0hostmount-of-tomorrow", 403, "hostmount-of-tomorrow", None),
    (-1, b"TEXT", 403, "hostmount", None),
    (-13, b"TEXT", 400, "bind-source", None),
    (-2, b"TEXT", 400, "bind-source", None),
])
def test_paths_that_may_not_be(gate, docker, code, body, status, rule, hint):
    gate.gabiond.replies["PATH"] = lambda q: (code, body)
    got = create(gate, {"Image": "x", "HostConfig": {"Binds": ["/etc:/e"]}})
    assert (got.status, message(got)) == (status, "TEXT")
    answered = json.loads(got.body)
    assert answered["rule"] == rule
    assert (hint in answered["hint"]) if hint else ("hint" not in answered)
    assert gate.engine.requests == []


@pytest.mark.parametrize("answer_of", [(IS_SOCKET, b""), (IS_SOCKET, struct.pack("=I", 1)), (NONE, b""), (DENIED, b"x")])
def test_answers_about_paths_that_make_no_sense(gate, docker, answer_of):
    gate.gabiond.replies["PATH"] = lambda q: answer_of
    assert create(gate, {"Image": "x", "HostConfig": {"Binds": ["/a:/a"]}}).status == 500
    assert gate.engine.requests == []


def test_many_paths(gate, docker):
    """As many as fit into a message at once; too many or too long ones are refused."""
    paths = [f"/{n:03}" + "x" * 300 for n in range(256)]
    assert create(gate, {"Image": "x", "HostConfig": {"Binds": [f"{p}:/t" for p in paths]}}).status == 201
    questions = [q for q in gate.gabiond.asked if q.op == "PATH"]
    assert [p for q in questions for p, _ in q.paths()] == paths
    assert len(questions) == 3
    gate.gabiond.asked.clear()
    for binds in ([f"/{n}:/t" for n in range(257)], ["/" + "x" * 4095 + ":/t"]):
        assert create(gate, {"Image": "x", "HostConfig": {"Binds": binds}}).status == 400
    assert gate.gabiond.asked == []


def test_gabiond_does_not_answer_about_paths(make_gate):
    gate = make_gate("--limit", "ask-seconds=1")
    Docker(gate.engine)
    gate.gabiond.replies["PATH"] = lambda q: None
    assert create(gate, {"Image": "x", "HostConfig": {"Binds": ["/a:/a"]}}).status == 504
    assert gate.engine.requests == []


# ── who asked ──────────────────────────────────────────────────────────────────────────────────


def test_a_creation_is_recorded_before_it_is_answered(gate, docker, users):
    held = []
    gate.gabiond.replies["RECORD"] = lambda q: held.append(q) and None
    stream = gate.connect(users[0], groups=(7, 9))
    body = b'{"Image":"x"}'
    stream.send(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    wait_until(lambda: held, what="the record")
    stream.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        stream.fill()
    assert held[0].id == C
    uid, gid, flags, groups = held[0].asker()
    assert (uid, gid, flags, sorted(groups)) == (users[0], users[0], 0, [7, 9])
    gate.gabiond.answer(held[0], DONE)
    stream.sock.settimeout(NOW)
    got = read_answer(stream)
    assert (got.first, json.loads(got.body)["Id"]) == ("HTTP/1.1 201 Created", C)


def test_roots_creations_are_recorded(gate, docker):
    assert create(gate, {"Image": "x"}).status == 201
    assert [q.op for q in gate.gabiond.asked] == ["RECORD"]
    assert gate.gabiond.asked[0].asker()[:2] == (os.getuid(), os.getgid())


def test_a_failed_creation_is_not_recorded(gate, docker):
    gate.engine.script = lambda stream, request: stream.send(
        answer(404, b'{"message":"No such image: x"}', "Content-Type: application/json"))
    got = create(gate, {"Image": "x"})
    assert (got.status, message(got)) == (404, "No such image: x")
    assert gate.gabiond.asked == []


@pytest.mark.parametrize("undone", [204, 500])
def test_without_a_record_there_is_no_container(gate, docker, undone):
    gate.gabiond.replies["RECORD"] = lambda q: (-28, b"/x/askers: No space left on device")
    docker.delete_status = undone
    got = create(gate, {"Image": "x"})
    assert got.status == 500
    assert "No space left" in message(got)
    assert ("removed again" in message(got)) and (("could not" in message(got).split(":")[0]) == (undone == 500))
    assert gate.engine.seen[-1] == f"DELETE /containers/{C}?force=1&v=1"


def test_a_record_that_is_never_confirmed(make_gate):
    gate = make_gate("--limit", "ask-seconds=1")
    Docker(gate.engine)
    gate.gabiond.replies["RECORD"] = lambda q: None
    assert create(gate, {"Image": "x"}).status == 500
    assert gate.engine.seen[-1].startswith("DELETE ")


def test_a_client_that_leaves_amid_its_creation(gate, docker):
    """The container is there by then: it is recorded all the same."""
    go = threading.Event()
    inner = docker.script

    def script(stream, request):
        go.wait(NOW)
        return inner(stream, request)

    gate.engine.script = script
    stream = gate.connect()
    body = b'{"Image":"x"}'
    stream.send(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    wait_until(lambda: gate.engine.requests)
    stream.close()
    go.set()
    wait_until(lambda: [q.op for q in gate.gabiond.asked] == ["RECORD"], what="the record")


def test_no_gabiond_no_creation(make_gate):
    gate = make_gate(control=False)
    Docker(gate.engine)
    assert gate.get("/_ping").status == 200
    assert create(gate, {"Image": "x"}).status == 500
    assert gate.engine.seen[-1].startswith("DELETE ")


def test_a_creation_without_an_id(gate, docker):
    docker.created = "../../etc/passwd"
    assert create(gate, {"Image": "x"}).status == 502
    assert gate.gabiond.asked == []


# ── other users' containers ────────────────────────────────────────────────────────────────────

OWNED = [
    ("POST", "/containers/{}/exec", b'{"Cmd":["id"]}'), ("POST", "/containers/{}/start", b""),
    ("POST", "/containers/{}/restart", b""), ("POST", "/containers/{}/attach", b""),
    ("GET", "/containers/{}/attach/ws", b""), ("GET", "/containers/{}/export", b""),
    ("GET", "/containers/{}/archive?path=/etc", b""), ("PUT", "/containers/{}/archive?path=/etc", b"tar"),
    ("POST", "/commit?container={}&repo=x", b"{}"),
]
FREE = [
    ("GET", "/containers/{}/json", b""), ("GET", "/containers/{}/logs", b""), ("POST", "/containers/{}/stop", b""),
    ("GET", "/containers/{}/top", b""), ("GET", "/containers/{}/changes", b""), ("DELETE", "/containers/{}", b""),
    ("POST", "/containers/{}/kill", b""), ("GET", "/containers/json", b""),
]


@pytest.mark.parametrize("method,path,body", OWNED)
def test_of_another_user(gate, docker, users, method, path, body):
    docker.add("box", A, running=False)
    gate.gabiond.askers[A] = users[0]
    got = gate.post(path.format("box"), body, users[1], method=method)
    assert got.status == 403
    assert f"uid {users[0]}" in message(got)
    assert json.loads(got.body)["rule"] == "other-users-container"
    assert gate.engine.seen == ["GET /containers/box/json"]


@pytest.mark.parametrize("method,path,body", OWNED)
def test_of_ones_own(gate, docker, users, method, path, body):
    """And what reaches the engine names the id that was checked, not the name."""
    docker.add("box", A, running=False)
    gate.gabiond.askers[A] = users[0]
    assert gate.post(path.format("box"), body, users[0], method=method).status == 200
    assert gate.engine.seen[-1] == f"{method} {path.format(A)}"


@pytest.mark.parametrize("method,path,body", OWNED)
def test_root_may(gate, docker, users, method, path, body):
    docker.add("box", A, running=False)
    gate.gabiond.askers[A] = users[0]
    assert gate.post(path.format("box"), body, method=method).status == 200
    assert gate.engine.seen[-1] == f"{method} {path.format('box')}"
    assert "ASKER" not in [q.op for q in gate.gabiond.asked]


@pytest.mark.parametrize("method,path,body", OWNED)
def test_of_root_with_paths_of_the_host(gate, docker, users, method, path, body):
    docker.add("box", A, running=False)
    gate.gabiond.askers[A] = 0
    assert gate.post(path.format("box"), body, users[0], method=method).status == 403


@pytest.mark.parametrize("method,path,body", OWNED)
@pytest.mark.parametrize("asker", [(0, False), (1, False), None])
def test_of_whoever_without_paths_of_the_host(gate, docker, users, method, path, body, asker):
    docker.add("box", A, running=False)
    if asker is not None:
        gate.gabiond.askers[A] = asker
    assert gate.post(path.format("box"), body, users[0], method=method).status == 200


@pytest.mark.parametrize("config,binds", [
    ({}, 0), ({"Binds": ["v:/x"]}, 0), ({"Binds": ["/srv:/x"]}, 2), ({"VolumesFrom": ["box"]}, 2),
    ({"Mounts": [{"Type": "volume", "Target": "/x"}]}, 0), ({"Mounts": [{"Type": "bind", "Source": "/srv"}]}, 2),
])
def test_paths_of_the_host_are_recorded(gate, docker, config, binds):
    docker.add("box", A)
    assert create(gate, {"Image": "x", "HostConfig": config}).status == 201
    assert gate.gabiond.asked[-1].op == "RECORD"
    assert gate.gabiond.asked[-1].asker()[2] == binds


def test_containers_are_nobody(gate, users):
    """Ids that only containers have do not get an answer, whatever way they got hold of the socket."""
    for uid in (1879048192, 2147352574):
        stream = gate.connect(uid)
        assert stream.sock.recv(1) == b""
    assert gate.get("/_ping", uid=1879048191).status == 200


@pytest.mark.parametrize("method,path,body", FREE)
def test_what_everybody_may(gate, docker, users, method, path, body):
    docker.add("box", A, running=False)
    gate.gabiond.askers[A] = users[0]
    assert gate.post(path.format("box"), body, users[1], method=method).status in (200, 204)
    assert gate.engine.seen[-1] == f"{method} {path.format('box')}"
    assert gate.gabiond.asked == []


def test_an_exec_of_another_user(gate, docker, users):
    docker.execs["e1"] = A
    gate.gabiond.askers[A] = users[0]
    assert gate.post("/exec/e1/start", b'{"Tty":false}', users[1]).status == 403
    assert gate.post("/exec/e1/start", b'{"Tty":false}', users[0]).status == 200
    assert gate.post("/exec/e1/start", b'{"Tty":false}').status == 200
    assert gate.post("/exec/e2/start", b'{"Tty":false}', users[0]).status == 404
    assert gate.engine.seen.count("POST /exec/e1/start") == 2


@pytest.mark.parametrize("config", [
    {"VolumesFrom": ["box"]}, {"VolumesFrom": ["box:ro"]}, {"VolumesFrom": ["/box"]}, {"VolumesFrom": ["mine", "box"]},
    {"PidMode": "container:box"}, {"IpcMode": "container:box"}, {"NetworkMode": "container:box"},
    {"volumesfrom": ["box"]},
])
def test_creating_from_another_users_container(gate, docker, users, config):
    docker.add("box", A)
    docker.add("mine", B)
    gate.gabiond.askers.update({A: users[0], B: users[1]})
    got = create(gate, {"Image": "x", "HostConfig": config}, users[1])
    assert got.status == 403, got
    assert "POST /v1.41/containers/create?name=n" not in gate.engine.seen
    got = create(gate, {"Image": "x", "HostConfig": config})
    assert got.status == 201
    key = next(iter(config))
    assert list(json.loads(gate.engine.requests[-1].body)["HostConfig"].values()) == [config[key]]  # root's names stay


def test_creating_from_ones_own_containers(gate, docker, users):
    docker.add("box", A)
    docker.add("tmp", B)
    gate.gabiond.askers[A] = users[0]
    config = {"VolumesFrom": ["box:ro", "tmp", "box"], "PidMode": "container:box", "IpcMode": "container:tmp"}
    assert create(gate, {"Image": "x", "HostConfig": config}, users[0]).status == 201
    request = next(r for r in gate.engine.requests if "create" in r.target)
    assert json.loads(request.body)["HostConfig"] == {
        "VolumesFrom": [f"{A}:ro", B, A], "PidMode": f"container:{A}", "IpcMode": f"container:{B}"}


def test_creating_from_a_missing_container(gate, docker, users):
    got = create(gate, {"Image": "x", "HostConfig": {"VolumesFrom": ["nosuch"]}}, users[0])
    assert (got.status, message(got)) == (400, "No such container: nosuch")  # on 404 the client would pull


def test_a_missing_container(gate, docker, users):
    for uid in (users[0], None):
        got = gate.post("/containers/nosuch/archive?path=/", b"", uid, method="GET")
        assert (got.status, message(got)) == (404, "No such container: nosuch")


@pytest.mark.parametrize("name", ["a%20b", "a%0ab", ".hidden", "-x", "a%2Fb"])
def test_names_that_no_container_has(gate, docker, users, name):
    assert gate.post(f"/containers/{name}/start", b"", users[0]).status in (400, 404)
    assert gate.engine.requests == []


def test_gabiond_does_not_know(gate, docker, users):
    docker.add("box", A)
    gate.gabiond.replies["ASKER"] = lambda q: (-5, b"the disk is on fire")
    got = gate.post("/containers/box/start", b"", users[0])
    assert got.status == 500 and "on fire" in message(got)
    assert gate.engine.seen == ["GET /containers/box/json"]


# ── fresh views ────────────────────────────────────────────────────────────────────────────────

VIEWS = [("GET", "/containers/{}/changes", b""), ("GET", "/containers/{}/export", b""),
         ("POST", "/commit?container={}", b""), ("POST", "/containers/{}/exec", b'{"User":"bob"}'),
         ("POST", "/containers/{}/exec", b'{"User":"0:staff"}')]


@pytest.mark.parametrize("method,path,body", VIEWS)
def test_the_view_is_fresh_before_the_engine_reads(gate, docker, method, path, body):
    docker.add("box", A)
    seen = []
    gate.gabiond.replies["REFRESH"] = lambda q: (seen.append(list(gate.engine.seen)), (DONE, b""))[1]
    assert gate.post(path.format("box"), body, method=method).status == 200
    assert [q.op for q in gate.gabiond.asked] == ["REFRESH"]
    assert gate.gabiond.asked[0].id == A
    assert seen == [["GET /containers/box/json"]]
    assert gate.engine.seen[-1] == f"{method} {path.format('box')}"


@pytest.mark.parametrize("method,path,body", VIEWS)
def test_no_view_of_a_stopped_container(gate, docker, method, path, body):
    docker.add("box", A, running=False)
    assert gate.post(path.format("box"), body, method=method).status == 200
    assert gate.gabiond.asked == []


@pytest.mark.parametrize("body", [b"{}", b'{"User":""}', b'{"User":"1000"}', b'{"User":"1000:1000"}'])
def test_no_view_for_numeric_users(gate, docker, body):
    docker.add("box", A)
    assert gate.post("/containers/box/exec", body).status == 200
    assert gate.engine.seen == ["POST /containers/box/exec"]
    assert gate.gabiond.asked == []


def test_a_view_that_cannot_be_refreshed(gate, docker):
    docker.add("box", A)
    gate.gabiond.replies["REFRESH"] = lambda q: (-5, b"remount: Input/output error")
    got = gate.post("/containers/box/changes", method="GET")
    assert got.status == 500 and "Input/output" in message(got)
    assert gate.engine.seen == ["GET /containers/box/json"]
    gate.gabiond.replies["REFRESH"] = lambda q: (NONE, b"")
    assert gate.post("/containers/box/changes", method="GET").status == 200


# ── docker cp ──────────────────────────────────────────────────────────────────────────────────

FACTS = b'{"name":"passwd","size":4,"mode":420,"mtime":"2026-01-01T00:00:00Z","linkTarget":""}'


def tar(name="x", data=b"hello"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def stat_of(got):
    return json.loads(base64.b64decode(got.get("X-Docker-Container-Path-Stat"), validate=True))


@pytest.fixture
def box(gate, docker):
    docker.add("box", A, user="bob")
    return gate


def in_background(f):
    threading.Thread(target=f, daemon=True).start()


def copy_of(box):
    """The question for the first copy, which comes after the one whether the container is isolated."""
    ops = [q.op for q in box.gabiond.asked]
    assert ops[:2] == ["REFRESH", "COPY"]
    return box.gabiond.asked[1]


def test_head_of_an_archive(box):
    box.gabiond.replies["COPY"] = lambda q: (DONE, FACTS + b"\n")
    got = box.get("/v1.41/containers/box/archive?path=/etc%2Fpass%20wd", "HEAD")
    assert got.status == 200
    assert stat_of(got) == json.loads(FACTS)
    q = copy_of(box)
    assert (q.id, q.copy(), q.fd) == (A, (0, 0, b"/etc/pass wd", b"bob"), None)


@pytest.mark.parametrize("size", [0, 5, 20 << 20])
def test_getting_an_archive(box, size):
    data = tar(data=os.urandom(size))

    def serve(q):
        out = socket.socket(fileno=q.fd)
        out.sendall(data)
        out.close()
        time.sleep(0.05)
        box.gabiond.answer(q, DONE)

    def reply(q):
        box.gabiond.answer(q, MORE, FACTS)
        in_background(lambda: serve(q))

    box.gabiond.replies["COPY"] = reply
    stream = box.connect()
    for _ in range(2):
        stream.send(b"GET /containers/box/archive?path=/etc HTTP/1.1\r\nHost: x\r\n\r\n")
        got = read_answer(stream)
        assert (got.status, got.get("Content-Type")) == (200, "application/x-tar")
        assert stat_of(got) == json.loads(FACTS)
        assert got.body == data
    assert copy_of(box).copy()[0] == 1


@pytest.mark.parametrize("size", [0, 5, 20 << 20])
@pytest.mark.parametrize("chunked", [False, True])
def test_putting_an_archive(box, size, chunked):
    data = tar(data=os.urandom(size))
    got = []

    def serve(q):
        source = socket.socket(fileno=q.fd)
        parts = []
        while part := source.recv(1 << 20):
            parts.append(part)
        got.append(b"".join(parts))
        box.gabiond.answer(q, DONE, b"{}\n")

    box.gabiond.replies["COPY"] = lambda q: in_background(lambda: serve(q))
    stream = box.connect()
    head = b"PUT /containers/box/archive?path=/tmp&noOverwriteDirNonDir=true&copyUIDGID=1 HTTP/1.1\r\nHost: x\r\n"
    for _ in range(2):
        if chunked:
            stream.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for i in range(0, len(data), 32768):
                part = data[i:i + 32768]
                stream.send(b"%x\r\n%s\r\n" % (len(part), part))
            stream.send(b"0\r\n\r\n")
        else:
            stream.send(head + b"Content-Length: %d\r\n\r\n" % len(data) + data)
        assert read_answer(stream).status == 200
    assert got == [data, data]
    assert copy_of(box).copy() == (2, 3, b"/tmp", b"bob")


@pytest.mark.parametrize("word,method,status,text", [
    ("not-found", "GET", 404, "Could not find the file /nosuch in container box"),
    ("not-found", "PUT", 404, "Could not find the file /nosuch in container box"),
    ("not-dir", "PUT", 400, "TEXT"), ("not-dir", "GET", 500, "TEXT"), ("read-only", "PUT", 400, "TEXT"),
    ("exists", "PUT", 500, "TEXT"), ("denied", "GET", 500, "TEXT"), ("gone", "GET", 409, "TEXT"),
])
def test_copies_that_fail(box, word, method, status, text):
    def reply(q):
        os.close(q.fd)
        return FAILED, json.dumps({"error": word, "message": "TEXT"}).encode()

    box.gabiond.replies["COPY"] = reply
    got = box.post("/containers/box/archive?path=/nosuch", b"x" * 100 if method == "PUT" else b"", method=method)
    assert (got.status, message(got)) == (status, text)


def test_a_head_that_fails(box):
    box.gabiond.replies["COPY"] = lambda q: (FAILED, b'{"error":"not-found","message":"x"}')
    assert box.get("/containers/box/archive?path=/nosuch", "HEAD").status == 404


def test_an_upload_that_fails_early(box):
    """gabion-cp gives up while the client still sends: the client gets the answer all the same."""
    def reply(q):
        os.close(q.fd)
        return FAILED, b'{"error":"no-space","message":"no space left on device"}'

    box.gabiond.replies["COPY"] = reply
    stream = box.connect()
    stream.send(b"PUT /containers/box/archive?path=/tmp HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
    try:
        for _ in range(1000):
            stream.send(b"x" * 100000)
    except OSError:
        pass
    got = read_answer(stream)
    assert (got.status, got.get("Connection")) == (500, "close")


def test_a_stream_that_breaks_off(box):
    """There is no status left to say it with: the client must not take the archive for whole."""
    def reply(q):
        out = socket.socket(fileno=q.fd)
        out.sendall(b"x" * 1000)
        out.close()
        return [(MORE, FACTS), (FAILED, b'{"error":"internal","message":"x"}')]

    box.gabiond.replies["COPY"] = reply
    stream = box.connect()
    stream.send(b"GET /containers/box/archive?path=/etc HTTP/1.1\r\nHost: x\r\n\r\n")
    assert not stream.all().endswith(b"0\r\n\r\n")


def test_a_client_that_leaves_ends_the_copy(box):
    ended = []

    def serve(q):
        out = socket.socket(fileno=q.fd)
        try:
            while True:
                out.sendall(b"x" * 65536)
        except OSError:
            ended.append(True)

    def reply(q):
        box.gabiond.answer(q, MORE, FACTS)
        in_background(lambda: serve(q))

    box.gabiond.replies["COPY"] = reply
    stream = box.connect()
    stream.send(b"GET /containers/box/archive?path=/etc HTTP/1.1\r\nHost: x\r\n\r\n")
    stream.until(b"\r\n\r\n")
    stream.close()
    wait_until(lambda: ended, what="the end of the copy")


def test_archives_of_stopped_containers_are_the_engines(gate, docker):
    docker.add("box", A, running=False)
    assert gate.get("/containers/box/archive?path=/etc").body == b"ok"
    assert gate.post("/containers/box/archive?path=/etc", tar(), method="PUT", kind="application/x-tar").status == 200
    assert gate.engine.requests[-1].body == tar()
    assert gate.gabiond.asked == []


BIND = {"Type": "bind", "Source": "/srv/x", "Destination": "/h"}
ARCHIVES = [("HEAD", "/etc"), ("GET", "/etc"), ("PUT", "/etc"), ("GET", "/"), ("PUT", "/h/x")]


@pytest.mark.parametrize("method,path", ARCHIVES)
def test_the_engine_does_not_copy_where_a_user_could_not(gate, docker, users, method, path):
    """It would mount what is bound by name and go there as root, through whatever links the name and the image have."""
    docker.add("box", A, running=False, mounts=[{"Type": "volume", "Source": "/v"}, BIND])
    gate.gabiond.askers[A] = users[0]
    got = gate.ask(f"{method} /containers/box/archive?path={path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode(),
                   users[0], head=method == "HEAD")
    assert got.status == 403
    assert gate.engine.seen == ["GET /containers/box/json"]
    if method != "HEAD":
        assert (json.loads(got.body)["rule"], "start" in json.loads(got.body)["hint"]) == ("archive-host-paths", True)
    assert [e["rule"] for e in wait_until(lambda: audited(gate))] == ["archive-host-paths"]


@pytest.mark.parametrize("source", ["/var/run/docker.sock", "/run/docker.sock"])
def test_copies_into_a_container_that_is_to_have_the_socket(gate, docker, users, source):
    """docker create --use-api-socket puts the client's credentials there before the start."""
    docker.add("box", A, running=False, mounts=[{"Type": "bind", "Source": source, "Destination": "/var/run/docker.sock"}])
    gate.gabiond.askers[A] = users[0]
    assert gate.post("/containers/box/archive?path=/run", tar(), users[0], method="PUT", kind="application/x-tar").status == 200
    docker.add("box", A, running=False, mounts=[{"Type": "bind", "Source": source + "/..", "Destination": "/x"}])
    assert gate.post("/containers/box/archive?path=/run", tar(), users[0], method="PUT", kind="application/x-tar").status == 403


@pytest.mark.parametrize("method,path", ARCHIVES)
def test_roots_copies_are_judged_again(gate, docker, method, path):
    docker.add("box", A, running=False, mounts=[BIND])
    raw = f"{method} /containers/box/archive?path={path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
    assert gate.ask(raw, head=method == "HEAD").status == 200
    assert asked_paths(gate) == [("/srv/x", MAKE | RECURSIVE)]
    assert gate.engine.seen[-1] == f"{method} /containers/{A}/archive?path={path}"
    gate.engine.requests.clear()
    gate.gabiond.replies["PATH"] = lambda q: (-1, b"TEXT\0hostmount-protected")
    assert gate.ask(raw, head=method == "HEAD").status == 403
    assert gate.engine.seen == ["GET /containers/box/json"]
    gate.gabiond.replies["PATH"] = lambda q: (IS_SOCKET, struct.pack("=I", 0))
    assert gate.ask(raw, head=method == "HEAD").status == 200


def test_archives_of_plain_containers_are_the_engines(box):
    """Made while isolation was off: the engine's own copy is right, whatever the policy is by now."""
    box.gabiond.replies["REFRESH"] = lambda q: (PLAIN, b"")
    assert box.get("/containers/box/archive?path=/etc").body == b"ok"
    assert box.post("/containers/box/archive?path=/etc", tar(), method="PUT", kind="application/x-tar").status == 200
    assert box.engine.requests[-1].body == tar()
    assert [q.op for q in box.gabiond.asked] == ["REFRESH", "REFRESH"]


@pytest.mark.parametrize("query", ["", "?path=", "?path=%00", "?path=" + "a" * 5000])
def test_paths_that_are_none(box, query):
    assert box.get(f"/containers/box/archive{query}").status == 400
    assert box.gabiond.asked == []


def test_a_container_that_stopped_meanwhile(box):
    box.gabiond.replies["COPY"] = lambda q: os.close(q.fd) or (NONE, b"")
    assert box.get("/containers/box/archive?path=/etc").status == 409


# ── records of containers that are gone ────────────────────────────────────────────────────────


def test_destroyed_containers_are_forgotten(gate):
    forgotten = []
    gate.gabiond.replies["FORGET"] = lambda q: (forgotten.append(q.id), (DONE, b""))[1]
    stream = wait_until(lambda: gate.engine.events and gate.engine.events[0])
    lines = b"".join(json.dumps({"Type": "container", "Action": "destroy", "Actor": {"ID": i}}).encode() + b"\n"
                     for i in (A, B))
    for i in range(0, len(lines), 50):
        part = lines[i:i + 50]
        stream.send(b"%x\r\n%s\r\n" % (len(part), part))
    wait_until(lambda: forgotten == [A, B], what="both forgotten")


def test_what_went_while_nobody_listened(make_gate):
    gate = make_gate()
    records = [f"{n:064x}" for n in range(1, 2501)]
    alive = set(records[::3])
    gate.engine.containers = sorted(alive)
    forgotten = []

    def pages(q):
        return DONE, "".join([r for r in records if r > q.id][:1000]).encode()

    gate.gabiond.replies["LIST"] = pages
    gate.gabiond.replies["FORGET"] = lambda q: (forgotten.append(q.id), (DONE, b""))[1]
    wait_until(lambda: len(forgotten) == len(records) - len(alive), what="all forgotten")
    time.sleep(0.1)
    assert sorted(forgotten) == [r for r in records if r not in alive]


def test_an_engine_without_an_answer_is_no_reason_to_forget(make_gate):
    gate = make_gate()
    forgotten = []
    gate.gabiond.replies["LIST"] = lambda q: (DONE, A.encode())
    gate.gabiond.replies["FORGET"] = lambda q: (forgotten.append(q.id), (DONE, b""))[1]
    asked = []
    inner = gate.engine.janitor

    def janitor(stream, request):
        if request.target.startswith("/containers"):
            asked.append(request)
            stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[")
            raise EOFError
        inner(stream, request)

    gate.engine.janitor = janitor
    wait_until(lambda: asked)
    time.sleep(0.2)
    assert forgotten == []


# ── at length ──────────────────────────────────────────────────────────────────────────────────


def test_nothing_grows(gate, docker, users):
    docker.add("box", A, running=False)
    gate.gabiond.askers[A] = users[0]

    def round():
        stream = gate.connect()
        for _ in range(20):
            stream.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\nGET /nosuch HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (read_answer(stream).status, read_answer(stream).status) == (200, 404)
        stream.close()
        assert create(gate, {"Image": "x", "Env": ["a" * 100000]}).status == 201
        assert create(gate, b"{").status == 400
        assert gate.post("/containers/box/start", b"", users[0]).status == 200
        assert gate.post("/containers/box/start", b"", users[1]).status == 403
        assert gate.get("/containers/box/archive").status == 200

    for _ in range(10):
        round()
    before = gate.rss()
    for _ in range(100):
        round()
    assert gate.rss() - before < 512
    with open(f"/proc/{gate.process.pid}/limits", encoding="ascii") as f:
        assert "Max core file size        0 " in f.read()
    fds = os.listdir(f"/proc/{gate.process.pid}/fd")
    wait_until(lambda: len(os.listdir(f"/proc/{gate.process.pid}/fd")) < 20, what=f"few descriptors {fds}")


def test_confinement(make_gate, users):
    gate = make_gate("--uid", str(users[0]), "--gid", str(users[0]))
    assert gate.get("/_ping").status == 200
    status = dict(line.rstrip("\n").split(":\t", 1) for line in open(f"/proc/{gate.process.pid}/status", encoding="ascii")
                  if ":\t" in line)
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {str(users[0])}
    assert status["Groups"].strip() == ""
    assert all(int(status[k], 16) == 0 for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == ("0" if gate.sanitized() else "2")


# ── the audit log ──────────────────────────────────────────────────────────────────────────────


def audited(gate):
    return [json.loads(q.body[68:]) for q in gate.gabiond.asked if q.op == "AUDIT"]


def test_denials_are_audited(gate, users):
    uid = users[0]
    body = {"Image": "x", "HostConfig": {"PidMode": "host"}}
    got = gate.post("/v1.41/containers/create?name=%41", json.dumps(body).encode(), uid=uid)
    assert got.status == 403
    line, = wait_until(lambda: audited(gate))
    assert (line["verdict"], line["rule"], line["uid"]) == ("deny", "host-namespaces", uid)
    assert (line["method"], line["target"]) == ("POST", "/v1.41/containers/create?name=%41")
    assert line["message"] == message(got) and line["pid"] > 0 and "container" not in line


def pid_of(pidfd):
    with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as f:
        return int(next(line for line in f if line.startswith("Pid:")).split()[1])


def test_lines_go_with_the_process(gate, users):
    """gabiond is handed the process that connected, as what it is and not as a number; never one that is not there any more."""
    stream = gate.connect()
    for n in range(1, 4):
        stream.send(b"GET /debug/pprof/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(stream).status == 403
        wait_until(lambda: len(audited(gate)) == n)
    assert [pid_of(q.fd) for q in gate.gabiond.asked if q.op == "AUDIT"] == [os.getpid()] * 3
    assert gate.get("/debug/pprof/", uid=users[0]).status == 403  # a child connects, and ends
    wait_until(lambda: len(audited(gate)) == 4)
    last = gate.gabiond.asked[-1]
    assert last.fd is None or pid_of(last.fd) == -1
    assert all(q.fd is None for q in gate.gabiond.asked if q.op != "AUDIT")


def test_a_slow_gabiond_costs_few_descriptors(make_gate):
    """Lines that wait for it are not each a descriptor."""
    gate = make_gate(gabiond=(slow := Gabiond()))
    slow.replies["AUDIT"] = lambda q: None
    before = len(os.listdir(f"/proc/{gate.process.pid}/fd"))
    for _ in range(300):
        assert gate.get("/debug/pprof/").status == 403
    assert len(os.listdir(f"/proc/{gate.process.pid}/fd")) < before + 80


def test_lost_lines_are_counted(gate):
    """gabiond cannot write: no request waits for it, and the next line says how many were lost."""
    full = {"now": True}
    gate.gabiond.replies["AUDIT"] = lambda q: (-28, b"audit.log: No space left on device") if full["now"] else (DONE, b"")
    for n in range(1, 4):
        assert gate.get("/debug/pprof/").status == 403
        wait_until(lambda: len(audited(gate)) == n)
    full["now"] = False
    assert gate.get("/_ping").status == 200  # the answer to the third has come before
    assert gate.get("/debug/pprof/").status == 403
    assert wait_until(lambda: len(audited(gate)) == 4 and audited(gate)[-1]["lost"]) == 3
    assert gate.get("/debug/pprof/").status == 403
    wait_until(lambda: len(audited(gate)) == 5)
    assert "lost" not in audited(gate)[-1]
    assert gate.log().count("No space left") == 1


# ── the policy ─────────────────────────────────────────────────────────────────────────────────


def policy(generation, isolation):
    """A snapshot as gabiond would write it (src/settings/policy.h)."""
    with open(f"{ROOT}/src/settings/corpus/fuzz-policy/defaults", encoding="utf-8") as f:
        doc = json.load(f)
    doc["generation"] = generation
    for row in doc["settings"]:
        if row["key"] == "enhancedContainerIsolation.value":
            row["value"] = isolation
    return json.dumps(doc).encode()


class Snapshot:
    """run/policy.json as OPEN hands it out."""

    def __init__(self, gate, text):
        self.gate, self.text, self.opened = gate, text, 0
        gate.gabiond.replies["OPEN"] = self.open

    def open(self, q):
        if q.body != b"0" * 64 + struct.pack("=I", 0):  # what the gate also reads, perhaps since its start
            return NONE, b""
        fd = os.memfd_create("policy")
        os.write(fd, self.text)
        os.lseek(fd, 0, os.SEEK_SET)
        threading.Thread(target=self.answer, args=(q, fd), daemon=True).start()
        return None

    def answer(self, q, fd):
        self.gate.gabiond.answer(q, DONE, fd=fd)
        os.close(fd)
        self.opened += 1

    def tell(self, generation, text):
        self.text, before = text, self.opened
        self.gate.gabiond.tell_policy(generation)
        wait_until(lambda: self.opened > before, what="the gate's question for the policy")


HOSTS = [("/containers/create", {"Image": "x", "HostConfig": {"PidMode": "host"}}),
         ("/containers/create", {"Image": "x", "HostConfig": {"NetworkMode": "host"}}),
         ("/volumes/create", {"Name": "v", "DriverOpts": {"type": "none", "o": "bind", "device": "/etc"}}),
         ("/build?networkmode=host", None)]


def statuses(gate):
    return [gate.post(target, json.dumps(body).encode() if body else b"").status for target, body in HOSTS]


def test_rules_follow_the_policy(gate, docker):
    """Isolation off, on again, and a snapshot that cannot be read: the last one stays."""
    del docker
    assert statuses(gate) == [403] * 4
    snapshot = Snapshot(gate, b"")
    snapshot.tell(2, policy(2, False))
    wait_until(lambda: 403 not in statuses(gate), what="isolation off")
    snapshot.tell(3, b"{}")
    wait_until(lambda: "generation 2 stays in force" in gate.log(), what="the gate's complaint")
    assert 403 not in statuses(gate)
    snapshot.tell(3, policy(3, True))
    wait_until(lambda: statuses(gate) == [403] * 4, what="isolation on")
