# SPDX-License-Identifier: Apache-2.0
"""ownChildrenOnly on a real engine: a container with the socket, what it makes, what that makes, and somebody else's."""

import json
import os
import signal
import subprocess
import threading

import pytest

import cages
from cages import SOCKET, support

CURL = ("curl", "-s", "--unix-socket", "/var/run/docker.sock")


def document(own=True, commands=()):
    found = cages.settings(["docker:cli"], commands)
    found["enhancedContainerIsolation"]["dockerSocketMount"]["ownChildrenOnly"] = own
    return found


class Family:
    """`maker` has the socket; it has made `child`, which has the socket too and has made `grandchild`. `foreign` and its
    volume are the host's."""

    def __init__(self, cage):
        self.cage = cage
        self.foreign = cage.start("--name", "foreign", "-v", "private:/data")
        self.foreign.exec("sh", "-c", "echo secret >/data/f; echo secret >/f")
        self.maker = cage.start("--name", "maker", "-v", SOCKET, image="docker:cli")
        self.child = self.does("run", "-d", "--name", "child", "-v", SOCKET, "docker:cli", "sleep", "1000").out
        self.grandchild = self.does("exec", "child", "docker", "run", "-d", "--name", "grandchild", "--ipc", "shareable", "alpine",
                                    "sleep", "1000").out

    def does(self, *args, **how):
        """A docker command in the maker."""
        return self.maker.exec("docker", *args, **how)

    def asks(self, method, target, body=None):
        """Status and document of a request of the maker's."""
        args = [] if body is None else ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        done = self.maker.exec(*CURL, "-w", "\n%{http_code}", "-X", method, *args, f"http://x/v1.41{target}")
        text, _, status = done.out.rpartition("\n")
        return int(status), json.loads(text) if text.startswith(("{", "[")) else text

    def denials(self):
        lines = [json.loads(line) for line in self.cage.cli("events", "--json").lines]
        return [e for e in lines if e["verdict"] == "deny" and e["rule"] == "ownChildrenOnly"]


@pytest.fixture(scope="module")
def _family(_cage):
    cages.put(_cage, document())
    yield Family(_cage)
    _cage.sweep()
    cages.put(_cage, cages.settings(["docker:cli"], ["push"]))


@pytest.fixture
def family(_family):
    """Containers that a test makes are its own to remove."""
    cages.put(_family.cage, document())
    return _family


def names_of(foreign):
    return ("foreign", foreign.id, foreign.id[:12], foreign.id[:5])


COMMANDS = [("inspect", "-f", "{{.Id}}", "%s"), ("logs", "%s"), ("top", "%s"), ("stats", "--no-stream", "%s"), ("port", "%s"),
            ("diff", "%s"), ("export", "-o", "/tmp/x", "%s"), ("cp", "%s:/f", "/tmp/f"), ("cp", "/etc/hostname", "%s:/f"),
            ("exec", "%s", "cat", "/f"), ("attach", "--no-stdin", "%s"), ("commit", "%s", "stolen"), ("stop", "%s"),
            ("start", "%s"), ("restart", "%s"), ("kill", "%s"), ("pause", "%s"), ("unpause", "%s"), ("wait", "%s"),
            ("rename", "%s", "mine"), ("update", "--restart", "no", "%s"), ("rm", "-f", "%s"),
            ("network", "disconnect", "-f", "bridge", "%s"), ("network", "connect", "bridge", "%s")]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: "-".join(w for w in c[:2] if w.isalpha()) + str(len(c)))
def test_commands(family, command):
    """The CLI says of the foreign one, by whatever name, what it says of one that nobody has."""
    def says(name):
        done = family.does(*(word.replace("%s", name) for word in command), check=False)
        return done.rc, done.err.replace(name, "NAME")

    nobody = says("nosuch")
    assert any(text in nobody[1] for text in ("o such container: NAME", "No such object: NAME", "No such container:path: NAME"))
    before = len(family.denials())
    for name in names_of(family.foreign):
        assert says(name) == nobody
    lines = family.denials()[before:]
    assert len(lines) >= 4 and {(e["container"], e["subject"]) for e in lines} == {(family.maker.id, family.foreign.id)}
    assert family.foreign.running and family.foreign.exec("cat", "/f").out == "secret"
    assert family.foreign.inspect("{{.Name}}") == "/foreign"
    assert not family.cage.docker("images", "-q", "stolen").out


@pytest.mark.parametrize("args", [("--net", "container:%s"), ("--pid", "container:%s"), ("--ipc", "container:%s"),
                                  ("--volumes-from", "%s"), ("--link", "%s:x")], ids=lambda a: a[0])
def test_references(family, args):
    for name in names_of(family.foreign) + ("nosuch",):
        done = family.does("run", "--rm", *(a.replace("%s", name) for a in args), "alpine", "true", check=False)
        assert done.rc == 125 and f"No such container: {name}" in done.err, done
    for name in ("grandchild", family.grandchild[:9]):
        done = family.does("run", "--rm", *(a.replace("%s", name) for a in args), "alpine", "cat", "/etc/hosts", check=False)
        assert done.rc == 0, done
    if args[0] == "--link":
        assert "\tx " in done.out


@pytest.fixture
def stranger(family):
    """Somebody else's, of the kind whose environment a --link of its container would tell."""
    def address(network):
        return box.inspect(f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}')

    box = family.cage.start("--name", "stranger", "-e", "PASSWORD=hidden", "--expose", "80")
    box.address = address
    family.does("network", "create", "linked")
    yield box
    family.does("rm", "-f", "linking", check=False)
    family.cage.docker("network", "disconnect", "-f", "linked", box.id, check=False)
    family.does("network", "rm", "linked")
    family.cage.docker("rm", "-f", box.id)


def made_with_links(family, way, name):
    """A container whose endpoint says that; what the requests for it were answered, without its id."""
    links = {"Links": [f"{name}:x"]}
    box = {"Image": "alpine", "Cmd": ["sleep", "1000"]}
    if way in ("linked", "bridge"):
        box |= {"HostConfig": {"NetworkMode": way}, "NetworkingConfig": {"EndpointsConfig": {way: links}}}
    said = [family.asks("POST", "/containers/create?name=linking", box)]
    if way == "running":
        said.append(family.asks("POST", "/containers/linking/start"))
    if way in ("running", "created"):
        said.append(family.asks("POST", "/networks/linked/connect", {"Container": "linking", "EndpointConfig": links}))
    if way != "running":
        said.append(family.asks("POST", "/containers/linking/start"))
    ident = said[0][1]["Id"]
    return json.loads(json.dumps(said).replace(ident, "ID").replace(name, "NAME"))


@pytest.mark.parametrize("way", ["linked", "bridge", "created", "running"])
def test_links_of_an_endpoint(family, stranger, way):
    """The engine looks for no container of that name: it gives the network's own names another one. Not judged, they say
    nothing of a stranger and open nothing of it: the answers are those for a name that nobody has, and so is what the
    container gets."""
    def sees():
        inside = ["exec", "linking"]
        text = family.does(*inside, "sh", "-c", "env; cat /etc/hosts").out
        assert "hidden" not in text and stranger.address("bridge") not in text and "\tx" not in text and "X_" not in text
        return family.does(*inside, "ping", "-c", "1", "-W", "1", "x", check=False).rc

    seen = []
    for name in ("nosuch", "stranger", stranger.id):
        seen.append((made_with_links(family, way, name), sees()))
        family.does("rm", "-f", "linking")
    assert [status for status, _ in seen[0][0]][0] == 201 and seen[0][1] != 0
    assert seen == seen[:1] * len(seen)
    if way == "bridge":
        return
    # What is on that network can be found there by its own name as well.
    family.cage.docker("network", "connect", "linked", stranger.id)
    for name in ("nosuch", "stranger"):
        made_with_links(family, way, name)
        assert family.does("exec", "linking", "ping", "-c", "1", "-W", "1", "stranger").rc == 0
        assert (sees() == 0) == (name == "stranger")
        family.does("rm", "-f", "linking")


def test_the_network_of_a_build(family):
    family.maker.exec("sh", "-c", "mkdir -p /b; printf 'FROM alpine\\nRUN true\\n' >/b/Dockerfile")
    command = "DOCKER_BUILDKIT=0 docker build -q --no-cache --network container:%s /b"
    done = family.maker.exec("sh", "-c", command % "foreign", check=False)
    assert done.rc != 0 and "No such container: foreign" in done.err
    assert family.maker.exec("sh", "-c", command % "grandchild").rc == 0


def test_execs(family):
    """Its id is no way in."""
    status, made = None, json.loads(subprocess.run(
        ["curl", "-s", "--unix-socket", f"{family.cage.dir}/run/docker.sock", "-H", "Content-Type: application/json", "-d",
         '{"Cmd":["cat","/f"],"AttachStdout":true}', f"http://x/v1.41/containers/{family.foreign.id}/exec"],
        capture_output=True, check=True).stdout)["Id"]
    for method, what, body in (("GET", "json", None), ("POST", "start", {"Detach": True}), ("POST", "resize?h=9&w=9", None)):
        status, said = family.asks(method, f"/exec/{made}/{what}", body)
        assert (status, said) == (404, {"message": f"No such exec instance: {made}"})
    assert family.does("exec", "grandchild", "hostname").out == family.grandchild[:12]


def test_itself_and_its_own(family):
    """All of it works on its own ones."""
    assert family.does("exec", "maker", "hostname").out == family.maker.id[:12]
    assert family.does("inspect", "-f", "{{.Id}}", family.maker.id[:12], "child", "grandchild").lines == [
        family.maker.id, family.child, family.grandchild]
    family.maker.exec("sh", "-c", "echo in >/tmp/in; docker cp /tmp/in grandchild:/in; docker cp grandchild:/in /tmp/out")
    assert family.maker.exec("cat", "/tmp/out").out == "in"
    assert "A /in" in family.does("diff", "grandchild").out
    family.does("rename", "grandchild", "renamed")
    family.does("rename", "renamed", "grandchild")
    family.does("restart", "-t", "0", "grandchild")
    # and the child has only its own
    done = family.does("exec", "child", "docker", "ps", "-aq", "--no-trunc")
    assert set(done.lines) == {family.child, family.grandchild}
    done = family.does("exec", "child", "docker", "stop", "maker", check=False)
    assert "No such container: maker" in done.err


def test_lists(family):
    ours = {family.maker.id, family.child, family.grandchild}
    later = family.cage.create()  # the newest of all is foreign
    try:
        for args in ((), ("-a",), ("-a", "-s"), ("-a", "--filter", "status=running")):
            assert set(family.does("ps", "-q", "--no-trunc", *args).lines) == ours, args
        assert family.does("ps", "-lq", "--no-trunc").lines == [family.grandchild]
        assert family.does("ps", "-q", "--no-trunc", "-n", "2").lines == [family.grandchild, family.child]
        assert set(family.does("ps", "-q", "--no-trunc", "-n", "9").lines) == ours
        assert family.does("ps", "-aq", "--filter", "name=foreign").out == ""
        assert family.does("ps", "-aq", "--filter", f"id={family.foreign.id}").out == ""
        done = family.does("ps", "-aq", "--filter", "since=foreign", check=False)
        assert done.rc != 0 and "No such container: foreign" in done.err
        assert set(family.does("ps", "-aq", "--no-trunc", "--filter", "since=maker").lines) == ours - {family.maker.id}
        for version in ("1.24", "1.41"):
            found = json.loads(family.maker.exec(*CURL, f"http://x/v{version}/containers/json?all=1").out)
            assert {c["Id"] for c in found} == ours
        assert {c["Id"] for c in family.asks("GET", "/system/df")[1]["Containers"]} == ours
        assert "foreign" not in family.does("system", "df", "-v").out
        assert set(family.asks("GET", "/networks/bridge")[1]["Containers"]) == ours
        assert len(family.cage.docker("ps", "-aq").lines) == 5
    finally:
        family.cage.docker("rm", later.id)


def test_prune(family):
    done = family.does("container", "prune", "-f", check=False)
    assert done.rc != 0 and "it would remove containers that are not this container's own" in done.err
    done = family.does("system", "prune", "-f", check=False)
    assert done.rc != 0 and "it would remove containers" in done.err


def test_nothing_else_is_pruned(family):
    for what in ("volume", "network"):
        done = family.does(what, "prune", "-f", check=False)
        assert done.rc != 0 and f"it would remove {what}s that are not this container's own" in done.err


def test_volumes_of_others(family):
    """Not mounted, not looked at, not removed, not in lists; neither by their names nor by those that the engine made up."""
    cage = family.cage
    other = cage.start("-v", "/data")
    made_up = other.inspect("{{(index .Mounts 0).Name}}")
    for name in ("private", made_up):
        for args in (("-v", f"{name}:/x"), ("--mount", f"type=volume,source={name},target=/x")):
            done = family.does("run", "--rm", *args, "alpine", "cat", "/x/f", check=False)
            assert done.rc == 125 and f"volume {name} is not this container's own" in done.err, done
        for command in (("inspect",), ("rm",), ("rm", "-f")):
            done, nobody = (family.does("volume", *command, one, check=False) for one in (name, "nosuch"))
            assert (done.rc, done.out, done.err) == tuple(s if s == nobody.rc else s.replace("nosuch", name) for s in (
                nobody.rc, nobody.out, nobody.err)), done
            assert "-f" in command or "no such volume" in done.err.lower()
        assert "is not this container's own" in family.does("volume", "create", name, check=False).err
    assert set(family.does("volume", "ls", "-q").lines) & {"private", made_up} == set()
    assert "private" not in family.does("system", "df", "-v").out
    assert family.foreign.exec("cat", "/data/f").out == "secret"
    assert {"private", made_up} <= set(cage.docker("volume", "ls", "-q").lines)
    other.remove()


def test_its_own_volumes(family):
    """Made by name, by the way, and with containers that are its own; also for the next gate."""
    family.does("volume", "create", "--label", "a=b", "named")
    assert family.does("run", "--rm", "-v", "named:/x", "-v", "by-the-way:/y:ro", "--mount", "type=volume,src=third,dst=/z,volume-label=c=d",
                       "alpine", "sh", "-c", "echo in >/x/f; ls -d /x /y /z").lines == ["/x", "/y", "/z"]
    family.does("exec", "child", "docker", "volume", "create", "childs")
    made_up = family.does("run", "-d", "--name", "has", "-v", "/data", "alpine", "sleep", "1000") and family.does(
        "inspect", "-f", "{{(index .Mounts 0).Name}}", "has").out
    os.kill(gate_pid(family.cage), signal.SIGKILL)
    support.wait_until(lambda: family.does("volume", "ls", "-q", check=False).rc == 0, 30)
    assert set(family.does("volume", "ls", "-q").lines) == {"named", "by-the-way", "third", "childs"}
    labels = {name: json.loads(family.does("volume", "inspect", "-f", "{{json .Labels}}", name).out) for name in ("named", "third", "childs")}
    line = {"gabion.made-by": family.maker.id}
    assert labels == {"named": {"a": "b", **line}, "third": {"c": "d", **line},
                      "childs": {"gabion.made-by": f"{family.child},{family.maker.id}"}}
    assert family.does("run", "--rm", "-v", "named:/x", "-v", f"{made_up}:/y", "-v", "childs:/z", "alpine", "cat", "/x/f").out == "in"
    done = family.does("exec", "child", "docker", "run", "--rm", "-v", "named:/x", "alpine", "true", check=False)
    assert "volume named is not this container's own" in done.err
    assert family.does("exec", "child", "docker", "volume", "ls", "-q").out == "childs"
    family.does("rm", "-fv", "has")
    assert family.does("volume", "inspect", made_up, check=False).rc == 1
    family.does("volume", "rm", "named", "by-the-way", "third", "childs")
    family.cage.docker("volume", "create", "named")  # another one of that name
    assert family.does("volume", "inspect", "named", check=False).rc == 1
    family.cage.docker("volume", "rm", "named")


def test_volumes_from_one_that_is_gone(family):
    """The engine holds such a volume only when the container has run. Somebody else's of that name is neither mounted nor
    copied from."""
    cage = family.cage
    family.does("create", "--name", "source", "-v", "data:/data", "alpine")
    late = family.does("create", "--volumes-from", "source", "alpine", "cat", "/data/f").out
    family.does("rm", "source")
    done = family.does("volume", "rm", "-f", "data", check=False)
    assert done.rc == 1 and f"volume is in use - [{late}]" in done.err, done
    cage.docker("volume", "rm", "data")  # as the host's own prune would
    cage.docker("run", "--rm", "-v", "data:/data", "alpine", "sh", "-c", "echo secret >/data/f")
    for command in (("start", "-a", late), ("restart", late), ("cp", f"{late}:/data/f", "-"), ("cp", "/etc/hostname", f"{late}:/data/g")):
        done = family.does(*command, check=False)
        assert done.rc != 0 and "volume data is not this container's own" in done.err and "secret" not in done.out, done
    family.does("rm", late)
    cage.docker("volume", "rm", "data")
    # what the maker itself has been given, it may pass on
    cage.docker("run", "--rm", "-v", "given:/given", "alpine", "sh", "-c", "echo given >/given/f")
    maker = cage.start("-v", SOCKET, "-v", "given:/given", image="docker:cli")
    again = maker.exec("docker", "create", "--volumes-from", maker.id, "docker:cli", "cat", "/given/f").out
    assert maker.exec("docker", "start", "-a", again).out == "given"
    assert maker.exec("docker", "cp", f"{again}:/given/f", "/tmp/f").rc == 0
    assert "is not this container's own" in maker.exec("docker", "run", "--rm", "-v", "given:/x", "alpine", check=False).err
    maker.exec("docker", "rm", again)
    maker.remove()
    cage.docker("volume", "rm", "given")


@pytest.fixture
def hosts_network(family):
    """Another one's, with somebody in it."""
    ident = family.cage.docker("network", "create", "hosts").out
    there = family.cage.start("--network", "hosts", "--name", "there")
    yield ident
    there.remove()
    family.cage.docker("network", "rm", "hosts")


def test_networks_of_others(family, hosts_network):
    def says(name, *command):
        done = family.does(*(word.replace("%s", name) for word in command), check=False)
        assert done.rc != 0 and ("not found" in done.err.lower() or "No such network" in done.err), done
        return done.rc, done.err.replace(name, "NAME")

    for command in (("network", "inspect", "%s"), ("network", "rm", "%s"), ("network", "connect", "%s", "child"),
                    ("network", "disconnect", "%s", "child"), ("run", "--rm", "--network", "%s", "alpine", "true"),
                    ("create", "--network", "%s", "alpine")):
        nobody = says("nosuch", *command)
        for name in ("hosts", hosts_network, hosts_network[:12]):
            assert says(name, *command) == nobody
    assert set(family.does("network", "ls", "--format", "{{.Name}}").lines) == {"bridge", "host", "none"}
    # what the endpoint says of its network counts more than its name, for the engine
    family.does("network", "create", "decoy")
    body = {"Image": "alpine", "HostConfig": {"NetworkMode": "decoy"},
            "NetworkingConfig": {"EndpointsConfig": {"decoy": {"NetworkID": hosts_network}}}}
    assert family.asks("POST", "/containers/create", body)[0] == 400
    assert family.asks("POST", "/networks/decoy/connect", {"Container": "child", "EndpointConfig": {"NetworkID": hosts_network}})[0] == 200
    assert family.does("inspect", "-f", "{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{end}}", "child").out.split() == [
        "bridge", "decoy"]
    family.does("network", "disconnect", "decoy", "child")
    family.does("network", "rm", "decoy")
    assert len(json.loads(family.cage.docker("network", "inspect", "hosts").out)[0]["Containers"]) == 1


def test_its_own_networks(family):
    ident = family.does("network", "create", "--label", "a=b", "own").out
    box = family.does("run", "-d", "--network", "own", "--network-alias", "alias", "--name", "box", "alpine", "sleep", "1000").out
    assert family.does("run", "--rm", "--network", ident[:9], "alpine", "ping", "-c1", "-W5", "alias").rc == 0
    family.does("network", "connect", "--alias", "other", "own", "grandchild")
    assert family.does("exec", "box", "ping", "-c1", "-W5", "other").rc == 0
    found = json.loads(family.does("network", "inspect", "own").out)[0]
    assert set(found["Containers"]) == {box, family.grandchild} and found["Labels"] == {"a": "b", "gabion.made-by": family.maker.id}
    shown = json.loads(family.does("inspect", "box").out)[0]
    assert shown["HostConfig"]["NetworkMode"] == "own" and list(shown["NetworkSettings"]["Networks"]) == ["own"]
    assert "own" in family.does("network", "ls", "--format", "{{.Name}}").lines
    assert "own" not in family.does("exec", "child", "docker", "network", "ls", "--format", "{{.Name}}").lines
    family.does("network", "disconnect", "own", "grandchild")
    family.does("restart", "-t", "0", "box")
    family.does("rm", "-f", "box")
    family.maker.exec("sh", "-c", "mkdir -p /b; printf 'FROM alpine\\nRUN ip addr\\n' >/b/Dockerfile; "
                      "DOCKER_BUILDKIT=0 docker build -q --no-cache --network own /b")
    done = family.maker.exec("sh", "-c", "DOCKER_BUILDKIT=0 docker build -q --no-cache --network nosuch /b", check=False)
    assert done.rc != 0 and "network nosuch not found" in done.err
    family.does("network", "rm", "own")
    for network in ("bridge", "none"):
        assert family.does("run", "--rm", "--network", network, "alpine", "true").rc == 0


def test_a_network_that_becomes_anothers(family):
    """Made and left before somebody else makes one of that name: a container that is on the first one does not start on
    the second, in whatever way it came to be on it."""
    family.does("network", "create", "shared")
    boxes = [family.does("create", "--network", "shared", "alpine", "sleep", "1000").out for _ in range(2)]
    boxes.append(family.does("create", "alpine", "sleep", "1000").out)
    family.does("network", "connect", "shared", boxes[2])
    for ident in ("bridge", "none", "default"):
        status, made = family.asks("POST", "/containers/create", {
            "Image": "alpine", "Cmd": ["sleep", "1000"], "HostConfig": {"NetworkMode": "shared"},
            "NetworkingConfig": {"EndpointsConfig": {"shared": {"NetworkID": ident}}}})
        assert status == 201, made
        boxes.append(made["Id"])
    family.does("network", "disconnect", "shared", boxes[1])
    family.does("network", "rm", "shared")
    family.cage.docker("network", "create", "shared")
    try:
        done = [family.does("start", box, check=False) for box in boxes]
        assert "not found" in done[0].err and "not found" in done[2].err, done
        assert not json.loads(family.cage.docker("network", "inspect", "shared").out)[0]["Containers"]
    finally:
        family.does("rm", "-f", *boxes)
        family.cage.docker("network", "rm", "shared")


def test_networks_that_reach_into_others(family, hosts_network):
    """Interfaces of another network, a second network of its name (whose id the engine would tell), and a name that only
    engines on Windows have for themselves."""
    family.cage.docker("network", "create", "nat")
    try:
        for args, text in ((("-d", "macvlan", "-o", f"parent=br-{hosts_network[:12]}"), 'driver "macvlan"'),
                           (("-d", "ipvlan"), 'driver "ipvlan"'), (("--config-only",), "ConfigOnly"),
                           (("-o", "com.docker.network.bridge.name=mine0"), "com.docker.network.bridge.name")):
            done = family.does("network", "create", *args, "mine", check=False)
            assert done.rc == 1 and f"networks with {text}" in done.err.replace('option "ConfigOnly"', "ConfigOnly").replace(
                'option "com.', "com."), done
        status, said = family.asks("POST", "/networks/create", {"Name": "hosts"})
        assert status == 409 and hosts_network not in json.dumps(said), said
        done = family.does("run", "--rm", "--network", "nat", "alpine", "true", check=False)
        assert done.rc == 125 and "network nat not found" in done.err
        assert "nat" not in family.does("network", "ls", "--format", "{{.Name}}").lines
    finally:
        family.cage.docker("network", "rm", "nat")


class Watcher:
    """`docker events` in a container of the host's user, read as it comes."""

    def __init__(self, family, *args):
        self.family = family
        argv = [support.DOCKER, "exec", family.maker.id, "docker", "events", "--format", "{{json .}}", *args]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE,
                                        env={**os.environ, **family.cage.environment()})

    def until(self, kind, action):
        found = []
        while not found or (found[-1]["Type"], found[-1]["Action"]) != (kind, action):
            line = self.process.stdout.readline()
            assert line, found
            found.append(json.loads(line))
        return found

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_events(family):
    """Everything of its own, from the creation to the end, and nothing of others."""
    since = family.maker.exec("date", "+%s.%N").out
    family.foreign.exec("true")
    family.cage.docker("network", "disconnect", "bridge", "foreign")
    family.cage.docker("network", "connect", "bridge", "foreign")
    other = family.cage.start("-v", "private:/data", "-l", f"container={family.child}")
    other.remove()
    watcher = Watcher(family, "--since", since)
    try:
        new = family.does("run", "--rm", "--name", "new", "-v", "mine:/mine", "alpine", "true")
        assert new.rc == 0
        found = watcher.until("container", "destroy")
    finally:
        watcher.close()
    actions = [(e["Type"], e["Action"]) for e in found]
    ids = {e["Actor"]["ID"] for e in found if e["Type"] == "container"} - {family.maker.id}  # whose execs these are
    assert len(ids) == 1 and not ids & {family.foreign.id, other.id}
    assert {("container", "create"), ("container", "start"), ("container", "die"), ("network", "connect"),
            ("network", "disconnect"), ("volume", "mount"), ("volume", "unmount")} <= set(actions), actions
    assert {e["Actor"]["Attributes"]["container"] for e in found if e["Type"] == "network"} == ids
    family.does("volume", "rm", "mine")


def test_a_rename_race(family):
    """The own container's name goes to a foreign one between judging and acting, again and again."""
    family.does("create", "--name", "ball", "alpine", "true")
    victim = family.cage.start("--name", "victim")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for old, new in (("ball", "aside"), ("victim", "ball"), ("ball", "victim"), ("aside", "ball")):
                family.cage.docker("rename", old, new, check=False)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        family.maker.exec("sh", "-c", "for i in $(seq 60); do docker kill ball; docker exec ball touch /hit; done 2>/dev/null; true")
    finally:
        stop.set()
        swapper.join()
    assert victim.running and victim.exec("ls", "/").lines.count("hit") == 0
    victim.remove()
    for name in ("ball", "aside"):
        family.cage.docker("rm", "-f", name, check=False)


def gate_pid(cage):
    return next(pid for pid, line in support.processes_of(cage.dir).items() if "gabion-gate" in line.split(" ")[0])


def test_a_gate_that_dies(family):
    """Who made what is on record."""
    before = gate_pid(family.cage)
    os.kill(before, signal.SIGKILL)
    ours = {family.maker.id, family.child, family.grandchild}
    support.wait_until(lambda: set(family.does("ps", "-aq", "--no-trunc", check=False).lines) == ours, 30)
    done = family.does("stop", "foreign", check=False)
    assert "No such container: foreign" in done.err
    done = family.does("exec", "child", "docker", "ps", "-aq", "--no-trunc")
    assert set(done.lines) == {family.child, family.grandchild}


def test_the_maker_between_is_gone(family):
    """What it made stays the descendant of its own maker, also for the next gate."""
    between = family.does("run", "-d", "-v", SOCKET, "docker:cli", "sleep", "1000").out
    last = family.does("exec", between, "docker", "run", "-d", "alpine", "sleep", "1000").out
    family.does("rm", "-f", between)
    assert family.does("exec", last, "hostname").out == last[:12]
    os.kill(gate_pid(family.cage), signal.SIGKILL)
    support.wait_until(lambda: last in family.does("ps", "-q", "--no-trunc", check=False).lines, 30)
    family.does("rm", "-f", last)
    assert json.loads(support.read(f"{family.cage.dir}/lib/askers/{family.grandchild}"))["line"] == [family.child, family.maker.id]


def test_the_setting_changes(family):
    """For what runs, with the next request."""
    done = family.does("inspect", "foreign", check=False)
    assert done.rc != 0
    cages.put(family.cage, document(own=False))
    support.wait_until(lambda: family.does("inspect", "foreign", check=False).rc == 0, 5)
    assert len(family.does("ps", "-q").lines) == 4
    cages.put(family.cage, document())
    support.wait_until(lambda: family.does("inspect", "foreign", check=False).rc != 0, 5)


def test_the_host_is_not_concerned(family):
    assert len(family.cage.docker("ps", "-q").lines) == 4
    assert family.cage.docker("exec", "foreign", "cat", "/f").out == "secret"


COMPOSE = """
version: "2.4"
services:
  db:
    image: alpine
    command: sleep 1000
  web:
    image: alpine
    command: sleep 1000
    depends_on: [db]
"""


def test_compose(family, tmp_path):
    """docker-compose by the maker's socket: its own project, though somebody else's has that name, and all of its commands."""
    (tmp_path / "docker-compose.yml").write_text(COMPOSE)
    link = f"/tmp/gabion-maker-{os.getpid()}"  # the path itself is too long for it
    os.symlink(f"{family.cage.dir}/run/sock/{family.maker.id}/docker.sock", link)
    env = {"DOCKER_HOST": f"unix://{link}"}
    other = family.cage.start("--label", "com.docker.compose.project=p", "--label", "com.docker.compose.service=db",
                              "--label", "com.docker.compose.oneoff=False", "--label", "com.docker.compose.container-number=1")

    def compose(*args):
        return family.cage.compose("-p", "p", *args, cwd=str(tmp_path), env=env)

    try:
        compose("up", "-d")
        assert len(compose("ps", "-q").lines) == 2 and other.id not in compose("ps", "-q").lines
        compose("exec", "-T", "web", "ping", "-c1", "-W5", "db")
        compose("restart", "-t", "0", "web")
        compose("logs", "web")
        compose("run", "--rm", "web", "true")
        compose("down", "-t", "0")
        assert other.running
    finally:
        os.unlink(link)
        other.remove()
    assert set(family.does("ps", "-aq", "--no-trunc").lines) == {family.maker.id, family.child, family.grandchild}


def test_explain(family):
    """The same verdict, for whoever has the socket and for what has not made anything."""
    def explain(*args):
        done = family.cage.cli("explain", "--json", *args, check=False)
        return done.rc, json.loads(done.out)

    for args in (("--container", "maker"), ("--image", "docker:cli")):
        rc, said = explain(*args, "--", "stop", "foreign")
        assert (rc, said["verdict"], said["rule"], said["status"]) == (1, "deny", "ownChildrenOnly", 404), said
        assert said["message"] == "No such container: foreign" and said["reason"]
    assert explain("--container", "maker", "--", "stop", "grandchild")[0] == 0
    assert explain("--container", "child", "--", "stop", "grandchild")[0] == 0
    assert explain("--container", family.child[:12], "--", "stop", "maker")[0] == 1
    assert explain("--image", "docker:cli", "--", "stop", "grandchild")[0] == 1
    rc, said = explain("--container", "maker", "--request", "POST /containers/prune")
    assert (rc, said["rule"]) == (1, "ownChildrenOnly")
    assert explain("--", "stop", "foreign")[0] == 0
    done = family.cage.cli("explain", "--container", "grandchild", "--", "stop", "foreign", check=False)
    assert done.rc == 3 and "has no socket" in done.out
    assert family.foreign.running


def test_settings(family, tmp_path):
    done = family.cage.cli("settings", "get", "enhancedContainerIsolation.dockerSocketMount.ownChildrenOnly")
    assert done.out == "true"
    path = tmp_path / "admin-settings.json"
    path.write_text(json.dumps(document()))
    done = family.cage.cli("settings", "validate", str(path), check=False)
    assert "ownChildrenOnly" not in done.out + done.err, done
