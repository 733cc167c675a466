# SPDX-License-Identifier: Apache-2.0
"""ownChildrenOnly, with both neighbours played by the test: what a container names, what it is shown, and the moments in
between that a real engine does not hold still for. test_children.py has the same with a real one."""

import contextlib
import json
import threading
import urllib.parse

import pytest

from fakes import answer, read_answer, wait_until
from test_checks import A, B, C, Docker, message
from test_doors import Doors, policy, request

CHILD, GRANDCHILD, FOREIGN = "c1" + "1" * 62, "c2" + "2" * 62, "f0" + "0" * 62
LABEL = "gabion.made-by"
ANONYMOUS = "d" * 64
OURS, THEIRS, BRIDGE = "a1" + "1" * 62, "b0" + "0" * 62, "b1" + "1" * 62
KIN = {CHILD: [A], GRANDCHILD: [CHILD, A]}


class Town(Docker):
    """Of these containers, by name, id and the beginning of an id, of networks by name and id, and of volumes; lists and
    events as `says` has them. volumes: {name: labels}. meanwhile: what happens before the engine hears such a request."""

    def __init__(self, engine):
        super().__init__(engine)
        self.says = {}
        self.ids = []
        self.networks = {}
        self.volumes = {}
        self.users = {}  # of volumes: ids of containers, those that run first
        self.stopped = set()
        self.meanwhile = {}

    def add_network(self, name, ident, maker=None):
        self.networks[name] = self.networks[ident] = {"Name": name, "Id": ident, "Labels": {LABEL: maker} if maker else {}}

    def volume(self, request, parts):
        if request.method == "POST" and parts == ["volumes", "create"]:
            asked = json.loads(request.body)
            labels = self.volumes.setdefault(asked.get("Name") or "made-up", asked.get("Labels"))
            return answer(201, json.dumps({"Name": asked.get("Name"), "Labels": labels}).encode(), "Content-Type: application/json")
        if request.method == "GET" and len(parts) == 2:
            found = parts[1] in self.volumes
            body = {"Name": parts[1], "Labels": self.volumes[parts[1]]} if found else {"message": f"get {parts[1]}: no such volume"}
            return answer(200 if found else 404, json.dumps(body).encode() + b"\n", "Content-Type: application/json")
        return None

    def network(self, request, parts):
        if request.method != "GET" or len(parts) != 2:
            return None
        found = self.networks.get(parts[1])
        body = found or {"message": f"network {parts[1]} not found"}
        return answer(200 if found else 404, json.dumps(body).encode(), "Content-Type: application/json")

    def add(self, name, ident, **how):
        super().add(name, ident, **how)
        self.ids.append(ident)

    def find(self, name):
        """As the engine does."""
        if name in self.by_name:
            return 200, self.by_name[name]
        found = [i for i in self.ids if i.startswith(name)]
        if len(found) > 1:
            return 500, {"message": f"Multiple IDs found with provided prefix: {name}"}
        return (200, self.by_name[found[0]]) if found else (404, {"message": f"No such container: {name}"})

    def script(self, stream, request):
        if self.read_back(stream, request):
            return
        path = request.target.split("?")[0]
        path = path[path.index("/", 1):] if path.startswith("/v1.") else path
        parts = path.strip("/").split("/")
        self.meanwhile.pop(f"{request.method} {path}", lambda: None)()
        if request.method == "GET" and path in self.says:
            status, body = self.says[path]
            stream.send(answer(status, body if isinstance(body, bytes) else json.dumps(body).encode() + b"\n",
                               "Content-Type: application/json"))
        elif request.method == "GET" and parts[0] == "containers" and parts[-1] == "json" and len(parts) == 3:
            status, body = self.find(parts[1])
            stream.send(answer(status, json.dumps(body).encode(), "Content-Type: application/json"))
        elif path == "/containers/json" and "volume" in request.target:
            name, = json.loads(urllib.parse.unquote(request.target.split("filters=")[1]))["volume"]
            users = [i for i in self.users.get(name, []) if "all=1" in request.target or i not in self.stopped]
            stream.send(answer(200, json.dumps([{"Id": i} for i in users]).encode()))
        elif parts[0] in ("volumes", "networks") and (said := (self.volume if parts[0] == "volumes" else self.network)(request, parts)):
            stream.send(said)
        else:
            return super().script(stream, request)


@pytest.fixture
def town(make_gate, tmp_path):
    """Container A has the socket and has made `child`, which has made `grandchild`; `foreign` is somebody else's, and so
    is B, which has the socket too."""
    gabiond = Doors(str(tmp_path), {A: 0, B: 0, CHILD: 0}, kin=dict(KIN), own=True)
    gate = make_gate(gabiond=gabiond)
    gate.docker = Town(gate.engine)
    for name, ident in (("self", A), ("other", B), ("child", CHILD), ("grandchild", GRANDCHILD), ("foreign", FOREIGN)):
        gate.docker.add(name, ident)
    gate.docker.execs.update({"e-own": GRANDCHILD, "e-foreign": FOREIGN})
    gate.docker.add_network("n", OURS, f"{GRANDCHILD},{CHILD},{A}")
    gate.docker.add_network("theirs", THEIRS, B)
    gate.docker.add_network("hosts", "c0" + "0" * 62)
    gate.docker.add_network("bridge", BRIDGE)
    gate.docker.volumes.update({"ours": {"a": "b", LABEL: f"{CHILD},{A}"}, "theirs": {LABEL: B}, "hosts": None, ANONYMOUS: None})
    return gate


def ask(gate, method, target, body=None, who=A):
    stream = gate.gabiond.connect(who)
    stream.send(request(method, target, body))
    try:
        return read_answer(stream, method == "HEAD")
    finally:
        stream.close()


def audited(gate):
    return [json.loads(q.body[68:]) for q in gate.gabiond.asked if q.op == "AUDIT"]


def reached(gate):
    """What the engine was asked for beside the gate's own questions."""
    own = ("GET /v1.41/networks/", "GET /v1.41/volumes/")
    return [line for line in gate.engine.seen if not (line.startswith("GET /v1.41/containers/") and line.endswith("/json")) and
            not line.startswith(own)]


# ── what it names ──────────────────────────────────────────────────────────────────────────────

ROUTES = [("GET", "/containers/%s/json"), ("GET", "/containers/%s/top"), ("GET", "/containers/%s/logs?stdout=1"),
          ("GET", "/containers/%s/stats?stream=0"), ("GET", "/containers/%s/changes"), ("GET", "/containers/%s/export"),
          ("HEAD", "/containers/%s/archive?path=/"), ("GET", "/containers/%s/archive?path=/"),
          ("PUT", "/containers/%s/archive?path=/"), ("GET", "/containers/%s/attach/ws"), ("POST", "/containers/%s/attach"),
          ("POST", "/containers/%s/start"), ("POST", "/containers/%s/stop"), ("POST", "/containers/%s/restart"),
          ("POST", "/containers/%s/kill"), ("POST", "/containers/%s/pause"), ("POST", "/containers/%s/unpause"),
          ("POST", "/containers/%s/rename?name=x"), ("POST", "/containers/%s/update"), ("POST", "/containers/%s/wait"),
          ("POST", "/containers/%s/resize?h=1&w=1"), ("POST", "/containers/%s/exec"), ("DELETE", "/containers/%s?force=1"),
          ("POST", "/commit?container=%s&repo=x")]


@pytest.mark.parametrize("method, target", ROUTES)
def test_a_foreign_container_does_not_exist(town, method, target):
    for name in ("foreign", FOREIGN, FOREIGN[:12], "%66oreign", "other", B):
        plain = urllib.parse.unquote(name)
        got = ask(town, method, "/v1.41" + target % name)
        nobody = ask(town, method, "/v1.41" + target % "nosuch")
        assert got.status == nobody.status == 404
        if method != "HEAD":
            assert json.loads(got.body) == {"message": f"No such container: {plain}"}
            # not a byte tells it from one that nobody has
            assert got.raw.replace(plain.encode(), b"N") == nobody.raw.replace(b"nosuch", b"N").replace(
                b"Content-Length: %d" % len(nobody.body), b"Content-Length: %d" % len(got.body))
    assert not reached(town)
    wait_until(lambda: len(audited(town)) == 6)
    lines = audited(town)
    assert {(e["verdict"], e["rule"], e["container"]) for e in lines} == {("deny", "ownChildrenOnly", A)}
    assert [e["subject"] for e in lines] == [FOREIGN] * 4 + [B] * 2


@pytest.mark.parametrize("method, target", ROUTES)
def test_its_own_are_named_by_id(town, method, target):
    """Whatever they are called meanwhile."""
    if "archive" in target:
        for one in town.docker.by_name.values():
            one["State"]["Running"] = False
    for name, ident in (("child", CHILD), ("grandchild", GRANDCHILD), ("self", A), (A, A), (CHILD[:8], CHILD)):
        town.engine.requests.clear()
        assert ask(town, method, "/v1.41" + target % name).status in (200, 204)
        assert town.engine.seen[-1] == f"{method} /v1.41" + target % ident


def test_the_beginning_of_an_id(town):
    """Only its own ones are told apart by it, and a foreign name is no name."""
    town.docker.add("c1", FOREIGN[:-1] + "1")
    town.docker.add("c22", FOREIGN[:-1] + "2")
    town.docker.add("more", CHILD[:20] + "f" * 44)
    for name in ("c1", CHILD[:3], CHILD[:20]):
        assert ask(town, "POST", f"/v1.41/containers/{name}/stop").status == 200
        assert town.engine.seen[-1] == f"POST /v1.41/containers/{CHILD}/stop"
    assert ask(town, "POST", "/v1.41/containers/c22/stop").status == 200
    assert town.engine.seen[-1] == f"POST /v1.41/containers/{GRANDCHILD}/stop"
    got = ask(town, "POST", "/v1.41/containers/c/stop")
    assert got.status == 400 and message(got) == "Multiple IDs found with provided prefix: c"
    got = ask(town, "POST", "/v1.41/containers/f0/stop")
    assert got.status == 404 and message(got) == "No such container: f0"


def test_execs(town):
    for method, target in (("GET", "json"), ("POST", "start"), ("POST", "resize?h=1&w=1")):
        body = {"Detach": True} if target == "start" else None
        assert ask(town, method, f"/v1.41/exec/e-own/{target}", body).status == 200
        got = ask(town, method, f"/v1.41/exec/e-foreign/{target}", body)
        assert got.status == 404 and json.loads(got.body) == {"message": "No such exec instance: e-foreign"}
        got = ask(town, method, f"/v1.41/exec/nosuch/{target}", body)
        assert got.status == 404 and json.loads(got.body) == {"message": "No such exec instance: nosuch"}
    assert not [line for line in town.engine.seen if "e-foreign/start" in line or "e-foreign/resize" in line]


REFERENCES = [{"NetworkMode": "container:%s"}, {"PidMode": "container:%s"}, {"IpcMode": "container:%s"},
              {"UsernsMode": "container:%s"}, {"UTSMode": "container:%s"}, {"CgroupnsMode": "container:%s"},
              {"VolumesFrom": ["%s"]}, {"VolumesFrom": ["grandchild", "%s:ro"]}, {"Links": ["%s"]}, {"Links": ["%s:alias"]},
              {"Links": ["/%s:/x/alias"]}]


def fill(value, name):
    if isinstance(value, dict):
        return {k: fill(v, name) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, name) for v in value]
    return value.replace("%s", name)


@pytest.mark.parametrize("config", REFERENCES)
def test_references_of_a_creation(town, config):
    for name in ("foreign", FOREIGN[:10], "nosuch"):
        got = ask(town, "POST", "/v1.41/containers/create", {"Image": "x", "HostConfig": fill(config, name)})
        assert got.status == 400 and json.loads(got.body) == {"message": f"No such container: {name}"}
    assert not [q for q in town.engine.requests if q.method == "POST"]
    got = ask(town, "POST", "/v1.41/containers/create", {"Image": "x", "HostConfig": fill(config, "grandchild")})
    assert got.status == 201
    sent = json.loads(town.engine.requests[-1].body)["HostConfig"]
    if config == {"Links": ["%s"]}:
        assert sent == {"Links": [f"{GRANDCHILD}:grandchild"]}
    else:
        assert sent == json.loads(json.dumps(config).replace("%s", GRANDCHILD).replace("grandchild", GRANDCHILD))


@pytest.mark.parametrize("what", ["connect", "disconnect"])
def test_networks_are_joined_by_its_own(town, what):
    for key in ("Container", "container", "CONTAINER", "\\u0063ontainer"):
        raw = f'{{"{key}":"foreign","Force":true}}'.encode()
        head = f"POST /v1.41/networks/n/{what} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        got = town.gabiond.ask(A, head.encode() + b"Content-Length: %d\r\n\r\n" % len(raw) + raw)
        assert got.status == 404 and json.loads(got.body) == {"message": "No such container: foreign"}, key
    raw = b'{"Container":"child","container":"foreign"}'
    assert town.gabiond.ask(A, head.encode() + b"Content-Length: %d\r\n\r\n" % len(raw) + raw).status == 400
    assert not reached(town)
    for body in ({"Container": "child", "EndpointConfig": {"Aliases": ["a"]}}, {"Container": "child", "EndpointConfig": None},
                 {"Container": "child"}):
        assert ask(town, "POST", f"/v1.41/networks/n/{what}", body).status == 200
        sent = json.loads(town.engine.requests[-1].body)
        # a container that does not run joins at its start, by the id that it was told
        assert what == "disconnect" or sent.pop("EndpointConfig")["NetworkID"] == OURS
        assert sent == {**{k: v for k, v in body.items() if v and (what == "disconnect" or k == "Container")}, "Container": CHILD}


def test_the_network_of_a_build(town):
    got = ask(town, "POST", "/v1.41/build?networkmode=container:foreign")
    assert got.status == 400 and message(got) == "No such container: foreign"
    assert ask(town, "POST", "/v1.41/build?networkmode=container:child&t=x").status == 200
    assert reached(town) == [f"POST /v1.41/build?networkmode=container:{CHILD}&t=x"]


def test_nothing_is_pruned(town):
    got = ask(town, "POST", "/v1.41/containers/prune")
    assert got.status == 403 and message(got) == (
        'enhanced container isolation: docker command "/v1.41/containers/prune" is blocked; it would remove containers that '
        "are not this container's own")
    for what in ("volumes", "networks"):
        got = ask(town, "POST", f"/v1.41/{what}/prune?filters=x")
        assert got.status == 403 and f"it would remove {what} that are not this container's own" in message(got)
    assert not town.engine.requests
    assert ask(town, "POST", "/v1.41/build/prune").status == 200


def test_whose_it_is_depends_on_who_asks(town):
    """A child does not see its maker; users of the host see all; without the setting so do containers."""
    for who, name, status in ((CHILD, "self", 404), (CHILD, "grandchild", 200), (CHILD, "child", 200), (B, "child", 404),
                              (B, "other", 200)):
        assert ask(town, "POST", f"/v1.41/containers/{name}/stop", who=who).status == status, (who, name)
    assert town.get("/v1.41/containers/foreign/stop", method="POST").status == 200
    town.gabiond.policy = policy(2)
    town.gabiond.told()
    wait_until(lambda: ask(town, "POST", "/v1.41/containers/foreign/stop").status == 200)
    assert town.engine.seen[-1] == "POST /v1.41/containers/foreign/stop"  # as it was written
    town.gabiond.policy = policy(3, own=True)
    town.gabiond.told()
    wait_until(lambda: ask(town, "POST", "/v1.41/containers/foreign/stop").status == 404)


def test_an_engine_in_trouble(town):
    """Its own words about its own containers; nothing about others."""
    town.docker.says["/containers/child/json"] = 500, {"message": "trouble"}
    got = ask(town, "POST", "/v1.41/containers/child/stop")
    assert got.status == 502
    town.docker.says["/containers/foreign/json"] = 500, {"message": "foreign is in trouble"}
    got = ask(town, "POST", "/v1.41/containers/foreign/stop")
    assert got.status == 502 and "trouble" not in message(got)


# ── records ────────────────────────────────────────────────────────────────────────────────────


def test_what_it_makes_is_its_own(town):
    assert ask(town, "POST", "/v1.41/containers/create", {"Image": "x"}, who=CHILD).status == 201
    record, = [q for q in town.gabiond.asked if q.op == "CHILD"]
    assert (record.id, record.line()) == (C, [CHILD, A])
    town.docker.add("new", C)
    for who, status in ((CHILD, 200), (A, 200), (B, 404)):
        assert ask(town, "POST", "/v1.41/containers/new/stop", who=who).status == status


def test_the_grandchild_of_one_that_is_gone(town):
    events = wait_until(lambda: town.engine.events)
    line = json.dumps({"Type": "container", "Action": "destroy", "Actor": {"ID": CHILD}}) + "\n"
    events[0].send(f"{len(line):x}\r\n{line}\r\n".encode())
    wait_until(lambda: ask(town, "POST", "/v1.41/containers/child/stop").status == 404)
    assert ask(town, "POST", "/v1.41/containers/grandchild/stop").status == 200


def test_an_unrecorded_child_is_nobodys(town):
    town.gabiond.replies["CHILD"] = lambda q: (-28, b"no space left")
    assert ask(town, "POST", "/v1.41/containers/create", {"Image": "x"}).status == 500
    town.docker.add("new", C)
    assert ask(town, "POST", "/v1.41/containers/new/stop").status == 404


# ── lists ──────────────────────────────────────────────────────────────────────────────────────


def listed(gate, query="", who=A):
    got = ask(gate, "GET", f"/v1.41/containers/json{query}", who=who)
    assert got.status == 200, got
    return [one["Id"] for one in json.loads(got.body)]


def test_lists(town):
    town.docker.says["/containers/json"] = 200, [
        {"Id": i, "Labels": {"Id": CHILD}} for i in (FOREIGN, GRANDCHILD, B, CHILD, FOREIGN[:-1] + "1", A)]
    assert listed(town) == [GRANDCHILD, CHILD, A]
    assert listed(town, who=CHILD) == [GRANDCHILD, CHILD]
    assert listed(town, who=B) == [B]
    assert len(json.loads(town.get("/v1.41/containers/json").body)) == 6
    for query, sent in (("?limit=2", "?all=1"), ("?limit=%2B2&size=1", "?all=1&size=1"), ("?all=0&limit=2", "?all=1&all=1")):
        assert listed(town, query) == [GRANDCHILD, CHILD]
        assert town.engine.seen[-1] == "GET /v1.41/containers/json" + sent
    for query in ("?limit=0", "?limit=-1", "?limit=x", "?all=1"):  # none, or for the engine to refuse
        assert listed(town, query) == [GRANDCHILD, CHILD, A]
        assert town.engine.seen[-1].endswith(query)


@pytest.mark.parametrize("text, containers", [(b"[]\n", 0), (b"null\n", None), (b'[{"Id":"%s"}]' % FOREIGN.encode(), 0),
                                              (b'[{"Id":"short"},{"Id":1},{}]', 0)])
def test_odd_lists(town, text, containers):
    town.docker.says["/containers/json"] = 200, text
    got = json.loads(ask(town, "GET", "/v1.41/containers/json").body)
    assert got is containers or got == []


def test_a_list_that_makes_no_sense(town):
    """The client sees that something is missing."""
    town.docker.says["/containers/json"] = 200, b'[{"Id":"%s"},' % CHILD.encode()
    stream = town.gabiond.connect(A)
    stream.send(request("GET", "/v1.41/containers/json"))
    with pytest.raises(EOFError):
        read_answer(stream)
    stream.close()


def test_a_list_that_is_compressed(town):
    """It would pass unread; so it is not asked for, and not taken."""
    town.docker.says["/containers/json"] = 200, b"[]"
    assert town.gabiond.ask(A, b"GET /v1.41/containers/json HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n").status == 200
    assert town.engine.requests[-1].get("Accept-Encoding") is None
    town.engine.script = lambda stream, request: stream.send(answer(200, b"[]", "Content-Encoding: gzip"))
    assert ask(town, "GET", "/v1.41/containers/json").status == 502


def test_a_huge_foreign_container(town):
    """It takes nobody's list away."""
    town.docker.says["/containers/json"] = 200, [{"Id": FOREIGN, "Labels": {"x": "y" * (9 << 20)}}, {"Id": CHILD}]
    assert listed(town) == [CHILD]


def test_filters_name_containers_too(town):
    """Else whether since=NAME fails, and what it shows, would tell of others."""
    town.docker.says["/containers/json"] = 200, [{"Id": CHILD}]
    for filters in ({"since": ["foreign"]}, {"before": {FOREIGN[:9]: True}}, {"since": ["child", "nosuch"]}):
        name = "nosuch" if "nosuch" in str(filters) else next(iter(filters["since"] if "since" in filters else filters["before"]))
        got = ask(town, "GET", "/v1.41/containers/json?filters=" + urllib.parse.quote(json.dumps(filters)))
        assert json.loads(got.body) == {"message": f"No such container: {name}"} and got.status == 404
    assert listed(town, "?filters=" + urllib.parse.quote('{"since":{"child":true},"status":["exited"]}')) == [CHILD]
    sent = urllib.parse.unquote(town.engine.requests[-1].target.split("filters=")[1])
    assert json.loads(sent) == {"since": {CHILD: True}, "status": ["exited"]}
    got = ask(town, "GET", "/v1.41/containers/json?filters=" + urllib.parse.quote('{"since":["child"],"since":["foreign"]}'))
    assert got.status == 400


def test_disk_usage(town):
    town.docker.says["/system/df"] = 200, {"LayersSize": 5, "Containers": [{"Id": FOREIGN}, {"Id": CHILD, "SizeRw": 1}],
                                           "ContainerUsage": {"TotalCount": 2, "Items": [{"Id": B}, {"Id": A}]}}
    assert json.loads(ask(town, "GET", "/v1.41/system/df").body) == {
        "LayersSize": 5, "Containers": [{"Id": CHILD, "SizeRw": 1}], "ContainerUsage": {"TotalCount": 2, "Items": [{"Id": A}]}}


def test_who_is_connected(town):
    net = {"Name": "n", "Id": OURS, "Labels": {LABEL: A},
           "Containers": {FOREIGN: {"Name": "foreign"}, CHILD: {"Name": "child"}, "ep-1": {"Name": "x"}}}
    town.docker.says["/networks/n"] = town.docker.says[f"/networks/{OURS}"] = 200, net
    town.docker.says["/networks"] = 200, [net, {"Name": "none"}, {"Name": "theirs", "Labels": {LABEL: B}}, {"Name": "hosts"}]
    shown = {**net, "Containers": {CHILD: {"Name": "child"}}}
    assert json.loads(ask(town, "GET", "/v1.41/networks/n?verbose=true").body) == shown
    assert town.engine.seen[-1] == f"GET /v1.41/networks/{OURS}?verbose=true"
    assert json.loads(ask(town, "GET", "/v1.27/networks").body) == [shown, {"Name": "none"}]
    assert json.loads(ask(town, "GET", "/v1.41/networks", who=B).body) == [{"Name": "none"}, {"Name": "theirs", "Labels": {LABEL: B}}]
    assert len(json.loads(town.get("/v1.41/networks").body)) == 4


def test_lists_of_volumes(town):
    own, others = {"Name": "ours", "Labels": {LABEL: f"{CHILD},{A}"}}, [{"Name": "x", "Labels": None}, {"Name": "y", "Labels": {LABEL: B}}]
    town.docker.says["/volumes"] = 200, {"Volumes": [others[0], own, others[1]], "Warnings": None}
    assert json.loads(ask(town, "GET", "/v1.41/volumes?filters=x").body) == {"Volumes": [own], "Warnings": None}
    assert json.loads(ask(town, "GET", "/v1.41/volumes", who=B).body)["Volumes"] == [others[1]]
    assert len(json.loads(town.get("/v1.41/volumes").body)["Volumes"]) == 3
    town.docker.says["/volumes"] = 200, {"Volumes": None}
    assert json.loads(ask(town, "GET", "/v1.41/volumes").body) == {"Volumes": None}
    town.docker.says["/system/df"] = 200, {"Volumes": [*others, own], "VolumeUsage": {"Items": [own, *others]}}
    assert json.loads(ask(town, "GET", "/v1.41/system/df").body) == {"Volumes": [own], "VolumeUsage": {"Items": [own]}}


# ── volumes and networks ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_foreign_volume_does_not_exist(town, method):
    for query in ("", "?force=0", "?force=1", "?force=True"):
        nobody = ask(town, method, f"/v1.41/volumes/nosuch{query}")
        for name in ("theirs", "hosts", ANONYMOUS):
            got = ask(town, method, f"/v1.41/volumes/{name}{query}")
            if method == "DELETE" and query[-1:] in ("1", "e"):
                assert got.status == 204 and got.raw == nobody.raw
            else:
                assert got.status == 404 and json.loads(got.body) == {"message": f"get {name}: no such volume"}
                assert got.body == nobody.body.replace(b"nosuch", name.encode())
    assert all(line.startswith("GET /v1.41/volumes/") or "containers/json" in line for line in town.engine.seen)
    lines = wait_until(lambda: audited(town)[:3] if len(audited(town)) >= 3 else None)
    assert {(e["verdict"], e["rule"], e["container"]) for e in lines} == {("deny", "ownChildrenOnly", A)}
    assert ask(town, method, "/v1.41/volumes/ours").status in (200, 204)
    assert town.engine.seen[-1] == f"{method} /v1.41/volumes/ours"
    assert town.engine.seen.count("GET /v1.41/volumes/ours") == 1  # what was judged is what is shown
    assert ask(town, method, "/v1.41/volumes/ours", who=B).status == 404
    assert ask(town, method, "/v1.41/volumes/theirs", who=B).status in (200, 204)
    assert town.get("/v1.41/volumes/theirs", method=method).status in (200, 204)


def test_volumes_without_a_name(town):
    """Those of its own containers, as long as nobody else has them."""
    for users, status in (([], 404), ([FOREIGN], 404), ([CHILD, FOREIGN], 404), ([GRANDCHILD, CHILD], 200)):
        town.docker.users[ANONYMOUS] = users
        assert ask(town, "GET", f"/v1.41/volumes/{ANONYMOUS}").status == status, users
        got = ask(town, "POST", "/v1.41/containers/create", {"Image": "x", "HostConfig": {"Binds": [f"{ANONYMOUS}:/x"]}})
        assert got.status == (201 if status == 200 else 403)
    town.docker.users["hosts"] = [CHILD]
    assert ask(town, "GET", "/v1.41/volumes/hosts").status == 404
    town.docker.volumes["e" * 64], town.docker.users["e" * 64] = {LABEL: B}, [CHILD]
    assert ask(town, "GET", f"/v1.41/volumes/{'e' * 64}").status == 404


MOUNTS = [{"Binds": ["/h:/h", "%s:/x"]}, {"Binds": ["%s:/x:ro,nocopy"]}, {"Mounts": [{"Type": "volume", "Source": "%s", "Target": "/x"}]},
          {"mounts": [{"type": "volume", "source": "%s", "target": "/x", "volumeoptions": {"Labels": {"a": "b"}}}]}]


@pytest.mark.parametrize("config", MOUNTS)
def test_volumes_of_a_creation(town, config):
    for name in ("theirs", "hosts", ANONYMOUS):
        got = ask(town, "POST", "/v1.41/containers/create", {"Image": "x", "HostConfig": fill(config, name)})
        assert got.status == 403 and message(got) == f"enhanced container isolation: volume {name} is not this container's own"
        assert json.loads(got.body)["rule"] == "ownChildrenOnly"
    assert "POST /v1.41/containers/create" not in town.engine.seen
    for name, made in (("new", True), ("ours", False)):
        town.engine.requests.clear()
        got = ask(town, "POST", "/v1.41/containers/create", {"Image": "x", "HostConfig": fill(config, name)}, who=CHILD)
        assert got.status == 201 and json.loads(got.body) == {"Id": C, "Warnings": []}
        posts = [r for r in town.engine.requests if r.method == "POST"]
        assert [r.target for r in posts] == ["/v1.41/volumes/create"] * made + ["/v1.41/containers/create"]
        labels = {"a": "b"} if "mounts" in config else {}
        assert not made or json.loads(posts[0].body) == {"Name": name, "Labels": {**labels, LABEL: f"{CHILD},{A}"}}
        assert json.dumps(json.loads(posts[-1].body)["HostConfig"]).lower() == json.dumps(fill(config, name)).lower()
        assert town.engine.seen[-1] == f"GET /v1.41/volumes/{name}"  # and it is what the container got
    assert town.docker.volumes["new"][LABEL] == f"{CHILD},{A}"
    for name in ("a/b", "../x", "", "-x", "a%2fb"):
        got = ask(town, "POST", "/v1.41/containers/create", {"Image": "x", "HostConfig": fill(config, name)})
        assert got.status == (201 if name == "" else 400), name


@pytest.mark.parametrize("when, name", [("POST /containers/create", "ours"), ("POST /containers/create", "new"),
                                        ("POST /volumes/create", "new")])
def test_a_volume_changes_hands(town, when, name):
    """Between two looks, which nobody can hold still, somebody else makes one of that name."""
    def swap(labels):
        town.docker.meanwhile[when] = lambda: town.docker.volumes.update({name: labels})

    for labels in ({LABEL: B}, None):
        town.docker.volumes.pop("new", None)
        town.docker.volumes["ours"] = {LABEL: A}
        town.engine.requests.clear()
        swap(labels)
        got = ask(town, "POST", "/v1.41/containers/create", {"Image": "x", "HostConfig": {"Binds": [f"{name}:/x"]}})
        assert got.status == 403 and "is not this container's own" in message(got)
        made = "POST /v1.41/containers/create" in town.engine.seen
        assert made == (when == "POST /containers/create")
        assert (town.engine.seen[-1] == f"DELETE /containers/{C}?force=1&v=1") == made
    assert not [q for q in town.gabiond.asked if q.op == "CHILD"]


def test_a_volume_that_is_made_meanwhile(town):
    """What the engine answers to its making is somebody else's."""
    town.docker.meanwhile["POST /volumes/create"] = lambda: town.docker.volumes.update({"new": {LABEL: B, "secret": "x"}})
    got = ask(town, "POST", "/v1.41/volumes/create", {"Name": "new"})
    assert got.status == 403 and b"secret" not in got.body
    assert ask(town, "GET", "/v1.41/volumes/new").status == 404


def test_volumes_are_made_last(town):
    """Nothing is left of a creation that the gate refuses."""
    for more in ({"PidMode": "host"}, {"VolumesFrom": ["foreign"]}, {"NetworkMode": "theirs"}, {"Binds": ["new:/x", "theirs:/y"]}):
        got = ask(town, "POST", "/v1.41/containers/create", {"Image": "x", "HostConfig": {"Binds": ["new:/x"], **more}})
        assert got.status in (400, 403)
    town.gabiond.replies["PATH"] = lambda q: (-1, b"no\0hostmount\0")
    assert ask(town, "POST", "/v1.41/containers/create", {"Image": "x", "HostConfig": {"Binds": ["/h:/h", "new:/x"]}}).status == 403
    assert "new" not in town.docker.volumes


LENT = [("POST", "start"), ("POST", "restart"), ("GET", "archive?path=/x"), ("HEAD", "archive?path=/x"), ("PUT", "archive?path=/x")]


@pytest.mark.parametrize("method, what", LENT)
def test_volumes_from_one_that_is_gone(town, method, what):
    """The engine remembers a name, and holds the volume only when the container has run."""
    def tried(*names):
        box = town.docker.by_name["child"]
        box["Mounts"] = [{"Type": "volume", "Name": n, "Source": "/s", "Destination": "/x"} for n in names] + [
            {"Type": "tmpfs", "Destination": "/t"}]
        town.engine.requests.clear()
        got = ask(town, method, f"/v1.41/containers/child/{what}")
        assert (town.engine.seen[-1] == f"{method} /v1.41/containers/{CHILD}/{what}") == (got.status in (200, 204)), town.engine.seen
        return got.status

    town.docker.by_name["child"]["State"]["Running"] = False
    town.docker.by_name["child"]["HostConfig"] = {"VolumesFrom": [GRANDCHILD]}
    town.docker.users = {"hosts": [FOREIGN, CHILD], "theirs": [A], "ours": [CHILD]}
    town.docker.stopped = {CHILD}
    assert tried() in (200, 204)
    assert tried("ours", ANONYMOUS) in (200, 204)
    assert tried("ours", "hosts") == 403
    assert tried("nosuch") == 400
    assert tried("theirs") in (200, 204)  # A has it and runs, so it is that one
    town.docker.by_name["child"]["HostConfig"] = {"VolumesFrom": None}
    assert tried("hosts") in (200, 204)  # its own mount, which it has held ever since


def test_a_volume_in_use_stays(town):
    """Also by one that would only hold it when it runs: else another one of that name could take its place."""
    town.docker.users["ours"] = [FOREIGN, CHILD]
    got = ask(town, "DELETE", "/v1.41/volumes/ours?force=1")
    assert got.status == 409 and json.loads(got.body) == {"message": f"remove ours: volume is in use - [{CHILD}]"}
    assert not [line for line in town.engine.seen if line.startswith("DELETE")]


def test_a_volume_is_made(town):
    for name in ("theirs", "hosts"):
        got = ask(town, "POST", "/v1.41/volumes/create", {"Name": name})
        assert got.status == 403 and "is not this container's own" in message(got)
    for body, labels in (({"Name": "new"}, {}), ({"Name": "ours", "Labels": {"c": "d"}}, {"c": "d"}), ({}, {}), ({"Name": ""}, {})):
        assert ask(town, "POST", "/v1.41/volumes/create", body).status == 201
        assert json.loads(town.engine.requests[-1].body)["Labels"] == {**labels, LABEL: A}
    assert town.post("/v1.41/volumes/create", b'{"Name":"theirs"}').status == 201
    assert json.loads(town.engine.requests[-1].body) == {"Name": "theirs"}  # the host is not concerned


@pytest.mark.parametrize("target, body", [("volumes/create", {"Labels": {LABEL: A}}), ("networks/create", {"Name": "x", "labels": {LABEL: A}}),
                                          ("containers/create", {"HostConfig": {"Mounts": [{"VolumeOptions": {"Labels": {LABEL: A}}}]}})])
def test_nobody_sets_the_label(town, target, body):
    for got in (ask(town, "POST", f"/v1.41/{target}", body), town.post(f"/v1.41/{target}", json.dumps(body).encode())):
        assert got.status == 403 and json.loads(got.body)["rule"] == "label"
    assert not town.engine.requests


@pytest.mark.parametrize("method, target", [("GET", "/networks/%s"), ("GET", "/networks/%s?verbose=1"), ("DELETE", "/networks/%s"),
                                            ("POST", "/networks/%s/connect"), ("POST", "/networks/%s/disconnect")])
def test_a_foreign_network_does_not_exist(town, method, target):
    body = {"Container": "child"} if method == "POST" else None
    for name in ("theirs", THEIRS, "hosts", "nosuch", "a%2fb"):
        got = ask(town, method, "/v1.41" + target % name, body)
        assert got.status == 404 and json.loads(got.body) == {"message": f"network {urllib.parse.unquote(name)} not found"}, name
    assert not reached(town)
    lines = wait_until(lambda: audited(town)[:3] if len(audited(town)) >= 3 else None)
    assert [e["subject"] for e in lines][:2] == [THEIRS] * 2
    for name, sent in (("n", OURS), (OURS, OURS), ("bridge", "bridge"), (BRIDGE, BRIDGE)):
        assert ask(town, method, "/v1.41" + target % name, body).status in (200, 204)
        assert town.engine.seen[-1] == f"{method} /v1.41" + target % sent
    assert ask(town, method, "/v1.41" + target % "n", body and {"Container": "other"}, who=B).status == 404


def test_what_an_endpoint_says_of_its_network(town):
    """The engine would go by that."""
    body = {"Container": "child", "EndpointConfig": {"networkid": THEIRS, "Aliases": ["x"]}}
    assert ask(town, "POST", "/v1.41/networks/n/connect", body).status == 200
    assert json.loads(town.engine.requests[-1].body) == {"Container": CHILD, "EndpointConfig": {"Aliases": ["x"], "NetworkID": OURS}}


NETWORKS = [({"NetworkMode": "%s"}, None), ({"networkmode": "%s"}, {"endpointsconfig": {"%s": {"Aliases": ["a"]}}}),
            ({}, {"EndpointsConfig": {"%s": None}}), ({"NetworkMode": "n"}, {"EndpointsConfig": {"n": {"NetworkID": "%s"}}}),
            ({"NetworkMode": "bridge"}, {"EndpointsConfig": {"bridge": {"NetworkID": "%s"}}})]


@pytest.mark.parametrize("host, networking", NETWORKS)
def test_networks_of_a_creation(town, host, networking):
    def body(name):
        return {"Image": "x", "HostConfig": fill(host, name),
                "NetworkingConfig": {"EndpointsConfig": {}} if networking is None else json.loads(json.dumps(networking).replace("%s", name))}

    for name in ("theirs", THEIRS, "hosts", "nosuch", "../volumes/ours"):
        got = ask(town, "POST", "/v1.41/containers/create", body(name))
        assert got.status == 400 and json.loads(got.body) == {"message": f"network {name} not found"}
    assert "POST /v1.41/containers/create" not in town.engine.seen
    assert ask(town, "POST", "/v1.41/containers/create", body("n")).status == 201
    sent = json.loads(town.engine.requests[-1].body)
    assert sent["HostConfig"].get("NetworkMode", "n") in ("n", "bridge")
    (key, endpoint), = sent["NetworkingConfig"]["EndpointsConfig"].items()
    assert key in ("n", "bridge") and endpoint.get("NetworkID") == (OURS if key == "n" else None)
    for name in (BRIDGE, "bridge"):
        assert ask(town, "POST", "/v1.41/containers/create", body(name)).status == 201
        sent = json.loads(town.engine.requests[-1].body)
        for key, endpoint in sent.get("NetworkingConfig", {}).get("EndpointsConfig", {}).items():
            assert key == "bridge" and (name == key or "NetworkID" not in endpoint)  # not a name that could mean another one by then
        assert sent["HostConfig"].get("NetworkMode", "bridge") in ("bridge", "n")


def test_everybodys_networks(town):
    """Are those that the engine lets nobody make."""
    ids = {name: f"{i:x}{'9' * 63}" for i, name in enumerate(("nat", "Bridge", "ingress", "docker_gwbridge"))}
    for name, ident in ids.items():
        town.docker.add_network(name, ident)
        for asked in (name, ident):
            got = ask(town, "POST", "/v1.41/containers/create", {"Image": "x", "HostConfig": {"NetworkMode": asked}})
            assert got.status == 400 and message(got) == f"network {asked} not found"
            assert ask(town, "GET", f"/v1.41/networks/{asked}").status == 404
    town.docker.says["/networks"] = 200, [{"Name": name, "Id": ident} for name, ident in ids.items()]
    assert json.loads(ask(town, "GET", "/v1.41/networks").body) == []
    town.docker.add_network("host", "e" * 64)
    got = ask(town, "POST", "/v1.41/containers/create", {"Image": "x", "HostConfig": {"NetworkMode": "e" * 64}})
    assert got.status == 403 and json.loads(got.body)["rule"] == "host-network"


def test_a_large_network_of_somebody_elses(town):
    """Is no reason to show nothing."""
    large = {"Name": "theirs", "Labels": {LABEL: B, "x": "y" * (9 << 20)}}
    town.docker.says["/networks"] = 200, [{"Name": "none"}, large, {"Name": "n", "Labels": {LABEL: A}}]
    assert [n["Name"] for n in json.loads(ask(town, "GET", "/v1.41/networks").body)] == ["none", "n"]


def test_a_network_is_made(town):
    assert ask(town, "POST", "/v1.41/networks/create", {"Name": "x", "labels": {"a": "b"}, "IPAM": None}, who=CHILD).status == 200
    assert json.loads(town.engine.requests[-1].body) == {"Name": "x", "Labels": {"a": "b", LABEL: f"{CHILD},{A}"}, "CheckDuplicate": True}
    got = ask(town, "POST", "/v1.41/networks/create", {"Name": "x", "ConfigFrom": {"Network": "theirs"}})
    assert got.status == 404 and message(got) == "network theirs not found"
    assert ask(town, "POST", "/v1.41/networks/create", {"Name": "x", "ConfigFrom": {"Network": "n"}}).status == 200
    for body, what in (({"Driver": "macvlan", "Options": {"parent": "br-1"}}, 'driver "macvlan"'), ({"ConfigOnly": True}, "ConfigOnly"),
                       ({"Options": {"com.docker.network.bridge.name": "br-1"}}, 'option "com.docker.network.bridge.name"')):
        got = ask(town, "POST", "/v1.41/networks/create", {"Name": "x", **body})
        assert got.status == 403 and what in message(got) and json.loads(got.body)["rule"] == "ownChildrenOnly"
        assert town.post("/v1.41/networks/create", json.dumps({"Name": "x", **body}).encode()).status == 200


def test_a_network_of_a_build(town):
    got = ask(town, "POST", "/v1.41/build?networkmode=theirs")
    assert got.status == 400 and message(got) == "network theirs not found"
    for mode, sent in (("n", OURS), ("none", "none"), ("bridge", "bridge"), ("default", "default"), (BRIDGE, BRIDGE)):
        assert ask(town, "POST", f"/v1.41/build?networkmode={mode}&t=x").status == 200
        assert town.engine.seen[-1] == f"POST /v1.41/build?networkmode={sent}&t=x"


# ── events ─────────────────────────────────────────────────────────────────────────────────────


def event(kind, action, ident, **attributes):
    return {"Type": kind, "Action": action, "Actor": {"ID": ident, "Attributes": attributes}}


class Events:
    """A stream of events to container `who`, whose engine is the test."""

    def __init__(self, gate, who=A, chunked=True, target="/v1.41/events"):
        self.begun = threading.Event()
        self.over = threading.Event()
        self.chunked = chunked
        others = gate.engine.script

        def script(stream, request):
            if "/events" not in request.target:
                return others(stream, request)
            stream.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" +
                        (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Connection: close\r\n\r\n"))
            self.engine = stream
            self.begun.set()
            self.over.wait(60)
            return True

        gate.engine.script = script
        self.client = gate.gabiond.connect(who)
        self.client.send(request("GET", target))
        assert self.begun.wait(10)
        assert b"200 OK" in self.client.until(b"\r\n\r\n")

    def say(self, *events, raw=None):
        data = raw if raw is not None else b"".join(json.dumps(e).encode() + b"\n" for e in events)
        self.engine.send(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)

    def hear(self):
        """The next event; the stream is chunked in any case."""
        size = int(self.client.until(b"\r\n"), 16)
        data = self.client.exactly(size)
        assert self.client.exactly(2) == b"\r\n"
        return data

    def close(self):
        self.over.set()
        self.client.close()


@contextlib.contextmanager
def events(*args, **how):
    stream = Events(*args, **how)
    try:
        yield stream
    finally:
        stream.close()


SHOWN = [event("container", "start", CHILD, container=FOREIGN), event("container", "exec_start: sh", GRANDCHILD),
         event("network", "connect", "n", container=CHILD), event("volume", "mount", "v", container=A),
         event("image", "pull", "x"), event("image", "tag", "x"), event("container", "die", A)]
HIDDEN = [event("container", "start", FOREIGN, container=CHILD), event("container", "exec_start: sh", B),
          event("network", "connect", "n", container=FOREIGN), event("network", "disconnect", "n", container=B),
          event("volume", "mount", "v", container=FOREIGN), event("network", "create", "n"), event("volume", "destroy", "v")]
ODD = [event("container", "x", "short"), event("container", "x", "")]


@pytest.mark.parametrize("chunked", [True, False])
def test_events(town, chunked):
    with events(town, chunked=chunked) as stream:
        for hidden, shown in zip(HIDDEN, SHOWN):
            stream.say(hidden, shown)
            assert json.loads(stream.hear()) == shown
        stream.say(HIDDEN[0], *ODD)
        data = json.dumps(SHOWN[0]).encode() + b"\n"
        for i in range(0, len(data), 7):
            stream.say(raw=data[i:i + 7])
        assert stream.client.until(b"\n\r\n").count(b"start") == 1


def test_events_as_records(town):
    """application/json-seq: what newer engines send when asked to."""
    with events(town) as stream:
        for hidden, shown in zip(HIDDEN, SHOWN):
            stream.say(raw=b"".join(b"\x1e" + json.dumps(e).encode() + b"\n" for e in (hidden, shown)))
            got = stream.hear()
            assert got == b"\x1e" + json.dumps(shown).encode() + b"\n"


def test_the_last_event_of_its_own(town):
    """Although the gate has heard before that it is gone."""
    with events(town) as stream:
        own = wait_until(lambda: town.engine.events)
        line = json.dumps(event("container", "destroy", CHILD)) + "\n"
        own[0].send(f"{len(line):x}\r\n{line}\r\n".encode())
        wait_until(lambda: ask(town, "POST", "/v1.41/containers/child/stop").status == 404)
        stream.say(event("container", "destroy", CHILD))
        assert json.loads(stream.hear()) == event("container", "destroy", CHILD)


@pytest.mark.parametrize("recorded", [True, False])
def test_the_first_event_of_its_own(town, recorded):
    """It comes before the engine has answered the creation: it waits until it is known whose it is."""
    with events(town) as stream:
        held = threading.Event()
        said = threading.Event()
        before = town.engine.script

        def script(conn, asked):
            if asked.target.endswith("/containers/create"):
                stream.say(event("container", "create", C), event("container", "start", CHILD))
                said.set()
                assert held.wait(10)
            return before(conn, asked)

        town.engine.script = script
        if not recorded:
            town.gabiond.replies["CHILD"] = lambda q: (-28, b"no space left")
        got = []
        maker = threading.Thread(target=lambda: got.append(ask(town, "POST", "/v1.41/containers/create", {"Image": "x"})))
        maker.start()
        assert said.wait(10)
        for _ in range(3):  # the gate has had its rounds, and others are served
            assert ask(town, "GET", "/_ping", who=B).status == 200
        stream.client.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            stream.client.sock.recv(1)
        stream.client.sock.settimeout(10)
        held.set()
        maker.join()
        assert got[0].status == (201 if recorded else 500)
        text = stream.hear()
        while text.count(b"\n") < (2 if recorded else 1):
            text += stream.hear()
        heard = [json.loads(line) for line in text.splitlines()]
        assert heard == ([event("container", "create", C)] if recorded else []) + [event("container", "start", CHILD)]


def test_a_client_that_goes_while_events_wait(town):
    with events(town) as stream:
        held = threading.Event()
        before = town.engine.script

        def script(conn, asked):
            if asked.target.endswith("/containers/create"):
                stream.say(event("container", "create", C))
                assert held.wait(10)
            return before(conn, asked)

        town.engine.script = script
        maker = threading.Thread(target=lambda: ask(town, "POST", "/v1.41/containers/create", {"Image": "x"}))
        maker.start()
        stream.client.close()
        held.set()
        maker.join()
    assert ask(town, "POST", "/v1.41/containers/child/stop").status == 200


def test_events_are_not_collected(town):
    """A day of others' events takes no memory."""
    with events(town) as stream:
        rss = town.rss()
        line = json.dumps(event("container", "exec", FOREIGN, x="y" * 900)).encode() + b"\n"
        for _ in range(400):
            stream.say(raw=line * 100)
        stream.say(SHOWN[0])
        assert json.loads(stream.hear()) == SHOWN[0]
        assert town.rss() - rss < 4096
