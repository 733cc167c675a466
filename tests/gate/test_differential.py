# SPDX-License-Identifier: Apache-2.0
"""Random requests to the gate and to the engine behind it: what the gate lets through makes nothing that is
forbidden and what the engine alone would make, and what it refuses had a reason (oracle.py).

GABION_FUZZ_SEED and GABION_FUZZ_SECONDS choose where to begin and for how long. Nothing that is made is started."""

import contextlib
import http.client
import json
import os
import random
import re
import socket
import stat
import time

import pytest

import bodies
import cages
import oracle
from cages import support

FOUND = os.path.join(cages.HERE, "differential.tsv")


class Place:
    """An instance with folders to ask for, other containers to name, and what is needed to tell two creations apart."""

    def __init__(self, cage, folder):
        self.cage, self.folder = cage, folder
        self.direct, self.gate = f"{cage.dir}/run/engine.sock", cage.socket
        os.mkdir(f"{folder}/a")
        support.write(f"{folder}/b", "")
        for name, target in (("to-a", "a"), ("to-etc", "/etc"), ("dangling", "/etc/no-such-file"), ("to-mem", "mem"), ("long", "x" * 200)):
            os.symlink(target, f"{folder}/{name}")
        os.mknod(f"{folder}/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(f"{folder}/mem", stat.S_IFCHR | 0o666, os.makedev(1, 1))
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{folder}/docker.sock")
        cage.need("alpine")
        cage.docker("create", "--name", "other", "alpine")
        cage.docker("create", "--name", "binds", "-v", f"{folder}/a:/b", "-v", "/from", "alpine")

        # On a host with cgroups v1 every container of the engine has the host's cgroup namespace by default.
        _, _, seen, _ = self.make(self.direct, bodies.Body('{"Image":"alpine"}'), PLAIN)
        self.usual = oracle.forbidden(seen, [], cage.dir)
        assert self.usual in ([], ["CgroupnsMode is host"])

    @property
    def places(self):
        return {"F": self.folder, "S": self.cage.dir}

    def close(self):
        self.listener.close()

    def exchange(self, path, data):
        """(status, object or text): a request on a connection of its own."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(path)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before it was read
                s.sendall(data)
            answer = http.client.HTTPResponse(s, method=data.split(b" ", 1)[0].decode("latin-1"))
            try:
                answer.begin()
            except http.client.RemoteDisconnected:  # a panic of the engine's; the gate always has an answer
                if path != self.direct:
                    raise
                return 0, "no answer"
            text = answer.read().decode("utf-8", "replace")
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def ask(self, path, method, target, body=b"", fields="Content-Type: application/json\r\n", chunked=False, extra=""):
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        if chunked:
            body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:7], body[7:]) if p) + b"0\r\n\r\n"
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields if body else ''}{extra}{framing}\r\n\r\n"
        return self.exchange(path, head.encode("utf-8", "surrogateescape") + body)

    def make(self, path, body, head):
        """(status, answer, inspect, options of its volumes), and it is gone again."""
        status, said = self.ask(path, "POST", f"{head['prefix']}/containers/create{head['query']}", body.data, head["fields"], head["chunked"])
        seen, volumes = None, []
        if status == 201:
            _, seen = self.ask(self.direct, "GET", f"/containers/{said['Id']}/json")
            for m in seen["Mounts"]:
                if m["Type"] == "volume" and "Name" in m:  # engine 28 leaves it out for "Binds": ["/target"]
                    volumes.append(self.ask(self.direct, "GET", f"/volumes/{m['Name']}")[1]["Options"])
            gone, why = self.ask(self.direct, "DELETE", f"/containers/{said['Id']}?force=1&v=1")
            assert gone == 204, why
        for name in ("v1", "v2"):
            if name.encode() in body.data:
                self.ask(self.direct, "DELETE", f"/volumes/{name}?force=1")
        return status, said, seen, volumes


def told_apart(seen):
    """What two creations of the same have in common."""
    ident = seen["Id"]
    text = json.dumps({k: seen[k] for k in ("Path", "Args", "Image", "Config", "HostConfig", "Mounts", "Driver", "Platform")})
    found = json.loads(re.sub(r"\b[0-9a-f]{64}\b", "ID", text.replace(ident, "ID").replace(ident[:12], "ID").replace(seen["Name"], "/NAME")))
    found["Mounts"].sort(key=lambda m: m["Destination"])
    for key in ("Runtime", "UsernsMode"):  # the gate's
        found["HostConfig"].pop(key, None)
    for key, value in found["HostConfig"].items():  # an empty list beside HostConfig, which the gate leaves out
        found["HostConfig"][key] = None if value == [] else value
    return found


def difference(place, body, head):
    """What is wrong with the gate's reading of a body, or None."""
    past, through = place.make(place.direct, body, head), place.make(place.gate, body, head)
    instance = place.cage.dir
    if through[0] == 201:
        wrong = oracle.forbidden(through[2], through[3], instance)
        if [w for w in wrong if w not in place.usual]:
            return f"let through: {wrong}"
        host = through[2]["HostConfig"]
        if host.get("Runtime", "sysbox-runc") != "sysbox-runc" or host["UsernsMode"] == "host":
            return "not isolated"
        if past[0] != 201:
            known = any(w in str(past[1]) for w in ("untime", "user namespace")) or (
                "cannot unmarshal" in str(past[1]) and oracle.says_nothing(body.data))
            return None if known else f"the engine alone refuses it: {past[1]}"
        a, b = told_apart(past[2]), told_apart(through[2])
        return None if a == b else f"made differently: {a} {b}"
    if past[0] != 201:
        return None
    message = str(through[1])
    rule = through[1].get("rule") if isinstance(through[1], dict) else None
    if rule == "api-version":
        return None if old(head["prefix"]) else f"refused without a reason: {message}"
    if through[0] == 403:
        asked = [w for w in oracle.forbidden(past[2], past[3], instance) if w not in place.usual or b"host" in body.data]
        return None if asked else f"refused without a reason: {message}"
    if through[0] == 400 and rule == "bind-source":
        paths = [m["Source"] for m in past[2]["Mounts"] if m["Type"] == "bind"]
        rules = past[2]["HostConfig"].get("DeviceCgroupRules") or []
        return None if any(map(unusable, paths)) or not all(map(oracle.RULE.fullmatch, rules)) else f"refused without a reason: {message}"
    if through[0] == 400 and (oracle.ambiguous(body.data) or old(head["prefix"])):
        return None
    return f"status {through[0]}: {message}"


def unusable(path):
    try:
        os.stat(path)
    except FileNotFoundError:
        return os.path.islink(path)
    except OSError:
        return True
    return False


def old(prefix):
    """Versions that gabion does not take, or does not read as a version."""
    return prefix and not re.fullmatch(r"/v1\.(2[4-9]|[3-9][0-9])", prefix)


PLAIN = {"prefix": "", "query": "", "fields": "Content-Type: application/json\r\n", "chunked": False}


def head_of(r):
    head = dict(PLAIN)
    if r.random() < 0.2:
        head["prefix"] = r.choice(["/v1.24", "/v1.30", "/v1.40", "/v1.41", "/v1.23", "/v1.12", "/v01.41", "/v1.41.0", "/v1.99", "/v1.041", "/v"])
    if r.random() < 0.2:
        head["query"] = r.choice(["?", "?x=1", "?HostConfig=%7B%7D", "?name=n1&name=n2", "?platform=", "?name=", "?n%61me=n3", "?name=n1;x"])
    if r.random() < 0.2:
        head["fields"] = r.choice(["Application/JSON", "application/json; charset=utf-8", "application/json;charset=utf-16", "text/plain",
                                   "text/json", "", "application/json;", "application/json ; x=\"y\"", "application/x-www-form-urlencoded"])
        head["fields"] = head["fields"] and f"content-TYPE: {head['fields']}\r\n"
    head["chunked"] = r.random() < 0.2
    return head


LEAST = 25  # bodies, however slow the machine


def budget(default, seed=None):
    """Without a seed it is another one each time."""
    seed = int(os.environ.get("GABION_FUZZ_SEED", int.from_bytes(os.urandom(4), "big") if seed is None else seed))
    print(f"GABION_FUZZ_SEED={seed}")
    return random.Random(seed), time.monotonic() + float(os.environ.get("GABION_FUZZ_SECONDS", default))


def kind_of(wrong):
    return re.sub("[^a-zA-Z ]", "", wrong or "")[:60]


def smallest(place, wrong, body, head):
    """What is said of a difference, with the least that shows it."""
    small = bodies.shrink(body, lambda b: kind_of(difference(place, b, head)) == kind_of(wrong))
    for key, value in PLAIN.items():
        if kind_of(difference(place, small, {**head, key: value})) == kind_of(wrong):
            head = {**head, key: value}
    return f"{difference(place, small, head)}\n    {head}\n    {small}"


def fuzz_bodies(place, r, end):
    """How many bodies, and each kind of difference once."""
    n, found = 0, {}
    while n < LEAST or time.monotonic() < end:
        body, head = bodies.body(r, place.places), head_of(r)
        wrong = difference(place, body, head)
        if wrong and kind_of(wrong) not in found:
            found[kind_of(wrong)] = smallest(place, wrong, body, head)
        n += 1
    return n, found.values()


@pytest.fixture
def place(cage, policy):
    with support.host_folder() as folder, contextlib.closing(Place(cage, folder)) as made:
        yield made


def check(place, r, end):
    n, found = fuzz_bodies(place, r, end)
    print(f"{n} bodies")
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def test_bodies(place):
    check(place, *budget(6, 3))


def test_found_before(place):
    with open(FOUND, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    assert rows
    for said, text in rows:
        wrong = difference(place, bodies.Body(text.replace("F/", place.folder + "/").replace("S/", place.cage.dir + "/")), PLAIN)
        assert wrong is None, (said, text)


def test_the_oracle_bites(place):
    """Made past the gate, each of these is seen; so a gate that let it through would be."""
    bad = ['{"PidMode":"host"}', '{"Binds":["/etc:/x"]}', '{"Mounts":[{"Type":"bind","Source":"F/to-etc","Target":"/x"}]}',
           '{"Devices":[{"PathOnHost":"F/mem"}]}', '{"DeviceCgroupRules":["a *:* rwm"]}', '{"SecurityOpt":["writable-cgroups"]}',
           '{"Mounts":[{"Type":"volume","Source":"v1","Target":"/x","VolumeOptions":{"DriverConfig":{"Options":{"type":"none","o":"bind",'
           '"device":"F/a"}}}}]}', '{"Binds":["S/run/docker.sock:/x"]}']
    for host in bad:
        text = f'{{"Image":"alpine","HostConfig":{host}}}'.replace("F/", place.folder + "/").replace("S/", place.cage.dir + "/")
        status, said, seen, volumes = place.make(place.direct, bodies.Body(text), PLAIN)
        if "writable" in host and status != 201:
            continue  # the engine does not know it
        assert status == 201 and oracle.forbidden(seen, volumes, place.cage.dir) != place.usual, (host, said)
