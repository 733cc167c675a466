# SPDX-License-Identifier: Apache-2.0
"""Attacks on a real engine behind the real gate, by users of the host, by containers that have the socket, by
images: what attacks.tsv has no other test for. Each is followed by a look at the host."""

import contextlib
import io
import json
import os
import re
import socket
import stat
import tarfile

import pytest

import cages
from cages import BLOCKED, DENIED, SOCKET, run, support
from test_tunnel import client, forky  # noqa: F401

WORDS = "because it's configured as a restricted host mount"
DEVICE = "of the host is not for containers"
SECRET = "root:x:0:0"


@pytest.fixture(scope="module")
def user():
    """Somebody who may use docker.sock, and no more."""
    made = support.HostUser(f"gbta{os.getpid() % 100000}")
    yield made
    made.remove()


@pytest.fixture
def folder(user):
    path = user.folder(f"f{os.urandom(4).hex()}")
    yield path
    support.run("rm", "-rf", path)


def ask(cage, method, target, body=None, user=None):
    """(status, document or text) of a request as curl makes it."""
    args = [] if body is None else ["-H", "Content-Type: application/json", "--data-binary", "@-"]
    done = support.run("curl", "-s", "--unix-socket", cage.socket, "-w", "\n%{http_code}", "-X", method, *args,
                       f"http://x{target}", user=user, input=None if body is None else json.dumps(body))
    text, _, status = done.out.rpartition("\n")
    return int(status), json.loads(text) if text.startswith(("{", "[")) else text


def mine(path, user):
    os.chown(path, user.uid, user.gid, follow_symlinks=False)
    return path


def swap(path, target):
    """The name means something else from now on."""
    os.rename(path, f"{path}.away{os.urandom(2).hex()}")
    os.symlink(target, path)


# ── between the creation and the start ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("verb", ["start", "restart"])
@pytest.mark.parametrize("by", ["-v", "--mount"])
def test_a_source_swapped_after_the_creation(cage, policy, user, folder, verb, by):
    places = {"/etc": WORDS, "/": WORDS, f"{cage.dir}/run": WORDS, f"{cage.dir}/run/docker.sock": DENIED % "alpine",
              f"{cage.dir}/run/engine.sock": WORDS, f"/proc/{os.getpid()}/root/etc": None}
    for place, text in places.items():
        source = f"{folder}/s"
        mine(os.mkdir(source) or source, user)
        args = ["-v", f"{source}:/x"] if by == "-v" else ["--mount", f"type=bind,src={source},dst=/x"]
        box = cage.create(*args, cmd="ls -R /x", user=user)
        swap(source, place)
        done = cage.docker(verb, box.id, user=user, check=False)
        assert done.rc != 0 and (text is None or text in done.err), (place, done)
        assert not cage.docker("logs", box.id).out
        os.unlink(source)


def test_a_source_swapped_under_a_restart_policy(cage, policy, user, folder):
    """The engine starts it again without anybody's request."""
    source = mine(os.mkdir(f"{folder}/s") or f"{folder}/s", user)
    box = cage.start("-v", f"{source}:/x", "--restart", "always", user=user, cmd="cat /x/passwd; exec sleep 1000")
    swap(source, "/etc")
    os.kill(box.pid, 9)
    support.wait_until(lambda: WORDS in box.inspect("{{.State.Error}}"), 30)
    assert SECRET not in cage.docker("logs", box.id).text


# ── docker cp of a container that does not run ─────────────────────────────────────────────────


def setuid_tar():
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w") as t:
        info = tarfile.TarInfo("shell")
        info.mode, info.size = 0o4755, 3
        t.addfile(info, io.BytesIO(b"abc"))
    return b.getvalue()


def copies(how, box):
    """Each way to have the engine read or write through the bind on /h: (exit code, error, whether /etc came out)."""
    done = [how("cp", "-", f"{box}:{path}", input=setuid_tar(), check=False) for path in ("/h", "/link")]
    done += [how("cp", f"{box}:{path}", "-", check=False) for path in ("/h/passwd", "/link/passwd", "/h", "/link/", "/")]
    return [(d.rc, d.err, "root:x:0:0:root:/root:/bin/bash" in d.out) for d in done]


def linking_image(cage):
    """Its /link leads to where the bind will be."""
    cage.build("FROM alpine\nRUN ln -s /h /link\n", buildkit=False, tag="linking")
    return "linking"


@pytest.mark.parametrize("swapped", [False, True])
def test_the_engine_as_a_deputy(cage, policy, user, folder, swapped):
    image = linking_image(cage)
    source = mine(os.mkdir(f"{folder}/s") or f"{folder}/s", user)
    box = cage.create("-v", f"{source}:/h", image=image, user=user)
    before = set(os.listdir("/etc"))
    if swapped:
        swap(source, "/etc")
    for rc, text, leaked in copies(lambda *a, **k: cage.docker(*a, user=user, **k), box.id):
        assert rc != 0 and not leaked and ("does not run" in text or "must be a directory" in text), text
    assert set(os.listdir("/etc")) == before
    assert not any(uid == 0 and mode & stat.S_ISUID for uid, _, mode, _ in support.tree(folder).values())
    # root of the host may, but not where a start would be refused
    for rc, text, leaked in copies(cage.docker, box.id):
        assert not leaked and (not swapped or (rc != 0 and (WORDS in text or "must be a directory" in text))), text
    assert set(os.listdir("/etc")) == before
    cage.docker("rm", "-f", box.id)


def test_the_engine_as_a_containers_deputy(cage, policy, folder):
    """Its asker is root, but what runs in it may be anybody's."""
    holder = cage.start("-v", SOCKET, "-v", f"{folder}:/mine", image="docker:cli")
    holder.exec("sh", "-c", f"mkdir /mine/s && docker create --name deputy -v {folder}/s:/h alpine && rmdir /mine/s && ln -s /etc /mine/s")
    for rc, text, leaked in copies(lambda *a, **k: holder.exec("docker", *a, **k), "deputy"):
        assert rc != 0 and not leaked and ("does not run" in text or "must be a directory" in text), text
    assert not os.path.exists("/etc/shell")


def test_copies_that_never_end(cage, policy, user):
    """Each takes a process of ours: there are 8 of a container, 32 of a user's containers, and others have theirs."""
    boxes = [cage.start(user=user) for _ in range(5)]
    others = cage.start()

    def copy(box, whole):
        """(connection, status), where the archive is not whole, of a refusal only."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(0.5 if not whole else 30)
        s.connect(cage.socket)
        body = setuid_tar()
        s.sendall(b"PUT /containers/%s/archive?path=/tmp HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (box.id.encode(), len(body)))
        s.sendall(body if whole else body[:600])
        try:
            return s, s.recv(4096)
        except TimeoutError:
            return s, b""

    slow = [copy(box, False) for box in boxes[:4] for _ in range(8)]
    assert [said for _, said in slow if said] == []
    said = copy(boxes[0], True)[1]
    assert said.startswith(b"HTTP/1.1 503 ") and b"too many copies at once: 8 of this container" in said, said
    said = copy(boxes[4], True)[1]
    assert said.startswith(b"HTTP/1.1 503 ") and b"too many copies at once: 32 of user" in said, said
    assert copy(others, True)[1].startswith(b"HTTP/1.1 200 ")
    for s, _ in slow:
        s.close()
    support.wait_until(lambda: copy(boxes[0], True)[1].startswith(b"HTTP/1.1 200 "))


def test_copies_where_nothing_is_bound(cage, policy, user):
    """Compose and testcontainers bring files in before the start."""
    box = cage.create("-v", "vol:/v", user=user, cmd="cat /v/shell /shell")
    for path in ("/", "/v"):
        cage.docker("cp", "-", f"{box.id}:{path}", input=setuid_tar(), user=user)
    cage.docker("start", "-a", box.id, user=user)
    assert cage.docker("logs", box.id).out == "abcabc"


# ── volumes ────────────────────────────────────────────────────────────────────────────────────


def test_volumes_from_before_there_were_rules(cage, policy, user, folder):
    """Made while isolation was off. The engine would mount them for a new container already, and copy there what its image has."""
    document = cages.settings(["docker:cli"], ["push"])
    document["enhancedContainerIsolation"]["value"] = False
    cages.put(cage, document)
    devices = {"etc": "/etc", "run": f"{cage.dir}/run", "all": "/", "empty": folder}
    for name, device in devices.items():
        cage.docker("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", f"device={device}", name)
    policy(["docker:cli"], ["push"])
    before = set(os.listdir("/etc"))
    for name in devices:
        for args in (["-v", f"{name}:/bin"], ["--mount", f"type=volume,src={name},dst=/bin"]):
            for who in (user, None):
                done = cage.run(*args, cmd="ls /bin; cat /bin/passwd /bin/etc/passwd", user=who, check=False)
                assert done.rc != 0 and "the engine would mount them as root of the host" in done.err and not done.out, done
    assert set(os.listdir("/etc")) == before and os.listdir(folder) == []


def test_volumes_from_before_are_judged_at_a_start(cage, policy, user):
    """Of a container that was made past the gate, too."""
    engine = f"unix://{cage.dir}/run/engine.sock"
    cage.docker("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/etc", "old", env={"DOCKER_HOST": engine})
    for who in (user, None):
        box = cage.docker("create", "-v", "old:/x", "alpine", "cat", "/x/passwd", env={"DOCKER_HOST": engine}).out
        done = cage.docker("start", "-a", box, user=who, check=False)
        assert done.rc != 0 and not done.out and (WORDS in done.err or "gabion" in done.err), done


@pytest.mark.parametrize("options", [
    {"type": "none", "o": "bind"}, {"type": "none", "o": "rw,rbind"}, {"type": "bind", "o": "ro,bind"}, {"o": "bind"},
    {"type": "tmpfs", "o": "size=1m,bind"}, {"type": "overlay", "o": "lowerdir=/etc:/run"}, {"type": "ext4"}])
def test_a_volume_that_is_a_path(cage, policy, user, folder, options):
    """Not made, not mounted, and what the image has there is not copied to the host."""
    options = {**options, "device": folder}
    assert ask(cage, "POST", "/volumes/create", {"Name": "v", "DriverOpts": options}, user)[0] == 403
    for name in ("", "local"):
        mount = {"Type": "volume", "Target": "/etc", "VolumeOptions": {"DriverConfig": {"Name": name, "Options": options}}}
        status, said = ask(cage, "POST", "/containers/create", {"Image": "alpine", "HostConfig": {"Mounts": [mount]}}, user)
        assert status == 403 and said["rule"] == "volume-options"
    assert os.listdir(folder) == []


def test_a_volume_from_before_there_were_rules(cage, policy, user, folder):
    """Made past the gate; among many, too, which the gate looks at in another way."""
    support.run("curl", "-sf", "--unix-socket", f"{cage.dir}/run/engine.sock", "-H", "Content-Type: application/json", "--data-binary",
                json.dumps({"Name": "before", "DriverOpts": {"type": "none", "o": "bind", "device": folder}}), "http://x/volumes/create")
    try:
        for more in (0, 20):
            mounts = [{"Type": "volume", "Source": name, "Target": f"/etc/{name}"} for name in ("before", *(f"beside{i}" for i in range(more)))]
            status, said = ask(cage, "POST", "/containers/create", {"Image": "alpine", "HostConfig": {"Mounts": mounts}}, user)
            assert (status, said["rule"]) == (403, "volume-options"), said
            status, said = ask(cage, "POST", "/containers/create", {"Image": "alpine", "HostConfig": {"Mounts": mounts[1:]}}, user)
            assert status == 201, said
        assert os.listdir(folder) == []
    finally:
        cage.api("DELETE", "/volumes/before")


@pytest.mark.parametrize("kind", ["Bind", "BIND", " bind", "", "npipe", "cluster", "image", "bind\t"])
def test_kinds_of_mounts(cage, policy, user, kind):
    status, said = ask(cage, "POST", "/containers/create", {"Image": "alpine", "HostConfig": {"Mounts": [
        {"Type": kind, "Source": "/etc", "Target": "/x"}]}}, user)
    assert status == 400, said


@pytest.mark.parametrize("path", ["/run/docker/plugins", "/etc/docker/plugins", "/usr/lib/docker/plugins", "/run/docker/metrics.sock",
                                  "/run/docker/swarm/control.sock", "/var/lib/docker/containers", "/run/docker.raw.sock"])
def test_where_the_engine_looks(cage, policy, user, path):
    """Whoever puts a plugin there has the engine mount what it says."""
    top = next(p for p in (path, os.path.dirname(path), os.path.dirname(os.path.dirname(path))) if os.path.exists(p))
    before = sorted(os.listdir(top)) if os.path.isdir(top) else None
    for who in (user, None):
        done = cage.run("-v", f"{path}:/x", user=who, check=False)
        assert done.rc != 0 and (WORDS in done.err or (who and "Permission denied" in done.err)), done
    assert before is None or sorted(os.listdir(top)) == before


# ── what starts and changes ────────────────────────────────────────────────────────────────────


def test_binds_that_come_with_the_start(cage, policy, user):
    box = cage.create(cmd="cat /x/passwd", user=user)
    body = {"Binds": ["/etc:/x"], "Privileged": True}
    for version in ("/v1.23", "/v1.12", "/v1.23.0", "/v01.23", "/v1.24", "/v1.41", ""):
        status, said = ask(cage, "POST", f"{version}/containers/{box.id}/start", body, user)
        assert status == (403 if "23" in version or "12" in version else 400), (version, said)
    cage.docker("start", "-a", box.id, check=False)
    assert SECRET not in cage.docker("logs", box.id).text


def test_an_update_brings_nothing_in(cage, policy, user):
    box = cage.create(cmd="ls /x /dev/mem", user=user)
    config = {"Binds": ["/etc:/x"], "Mounts": [{"Type": "bind", "Source": "/etc", "Target": "/x"}], "Privileged": True,
              "Devices": [{"PathOnHost": "/dev/mem", "PathInContainer": "/dev/mem", "CgroupPermissions": "rwm"}],
              "PidMode": "host", "NetworkMode": "host", "RestartPolicy": {"Name": "no"}}
    for body in (config, {"HostConfig": config}):
        ask(cage, "POST", f"/containers/{box.id}/update", body, user)
    config = box.inspect()["HostConfig"]
    assert not any(config.get(k) for k in ("Binds", "Mounts", "Privileged", "Devices", "PidMode"))
    assert config["NetworkMode"] in ("default", "bridge") and box.inspect()["Mounts"] == []
    done = cage.docker("start", "-a", box.id, check=False)
    assert done.rc != 0 and "passwd" not in done.out
    assert ask(cage, "POST", f"/containers/{box.id}/rename?name=docker%3Acli", None, user)[0] == 400


# ── devices ────────────────────────────────────────────────────────────────────────────────────


def refused_at_creation(cage, *args, user=None, text=DEVICE):
    before = cage.docker("ps", "-aq").out
    done = cage.docker("create", *args, "alpine", "true", user=user, check=False)
    assert done.rc != 0 and text in done.err and "Error response from daemon:" in done.err, done
    assert cage.docker("ps", "-aq").out == before
    said = json.loads(cage.cli("explain", "--json", "--", "create", *args, "alpine", "true", check=False).out)
    assert (said["verdict"], said["message"] in done.err) == ("deny", True), said
    return done.err


@pytest.fixture
def nodes(folder):
    """Devices under names of the test's own."""
    os.mknod(f"{folder}/disk", stat.S_IFBLK | 0o666, os.makedev(7, 0))
    os.mkdir(f"{folder}/sub")
    os.mknod(f"{folder}/sub/mem", stat.S_IFCHR | 0o666, os.makedev(1, 1))
    os.mknod(f"{folder}/sub/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.symlink(f"{folder}/disk", f"{folder}/to-disk")
    os.symlink(f"{folder}/sub", f"{folder}/to-sub")
    return folder


def test_devices(cage, policy, user, nodes):
    for path in ("disk", "to-disk", "sub/mem", "sub", ".", "to-sub", "to-sub/mem", "to-sub/../disk", "sub//./mem"):
        for who in (None, user):
            err = refused_at_creation(cage, "--device", f"{nodes}/{path}:/dev/x", user=who)
            assert f"{cage.dir}/etc/gabion.json" in err
    refused_at_creation(cage, "--device", f"{nodes}/disk:/dev/null:r")
    refused_at_creation(cage, "--device", "/dev", user=user)
    refused_at_creation(cage, "--device", f"/proc/{os.getpid()}/root{nodes}/disk:/x")
    status, said = ask(cage, "POST", "/containers/create", {"Image": "alpine", "HostConfig": {
        "device\u017f": [{"pathonhost": f"{nodes}/sub/mem", "PathInContainer": "/dev/x"}]}}, user)
    assert status == 403 and said["rule"] == "device" and "/sub/mem (c 1:1)" in said["message"]
    for body in ({"Devices": [{"PathOnHost": "dev/mem"}]}, {"Devices": [{"PathOnHost": "../dev/mem"}]}):
        assert ask(cage, "POST", "/containers/create", {"Image": "alpine", "HostConfig": body}, user)[0] == 400
    assert ask(cage, "POST", "/containers/create", {"Image": "alpine", "Devices": [{"PathOnHost": "/dev/mem"}]}, user)[0] == 400


def test_a_device_swapped_after_the_creation(cage, policy, user, nodes):
    os.symlink(f"{nodes}/sub/null", f"{nodes}/s")
    box = cage.create("--device", f"{nodes}/s:/dev/x", cmd="ls -l /dev/x", user=user)
    os.unlink(f"{nodes}/s")
    os.symlink(f"{nodes}/sub/mem", f"{nodes}/s")
    done = cage.docker("start", "-a", box.id, user=user, check=False)
    assert done.rc != 0 and DEVICE in done.err and not done.out


def test_device_rules(cage, policy, user):
    for rule in ("a *:* rwm", "b *:* r", "c 1:1 rw", "c 1:* r", "c *:3 r", "b 7:0 rwm"):
        refused_at_creation(cage, "--device-cgroup-rule", rule, user=user, text=f'device-cgroup rule "{rule}"')
    for rule in ("c 10:229 rwm", "c 10:200 r", "c 1:3 rwm", "c 136:* rwm", "a *:* m"):
        assert cage.run("--device-cgroup-rule", rule, user=user).rc == 0, rule


def test_device_requests(cage, policy, user):
    refused_at_creation(cage, "--gpus", "all", user=user, text="device requests")
    for request in ({"Driver": "CDI", "DeviceIDs": ["vendor.com/class=x"]}, {"Count": -1, "Capabilities": [["gpu"]]}, None, {},
                    {"Driver": "nvidia", "DeviceIDs": ["vendor.com/class=x"]}, {"DeviceIDs": ["vendor.com/class=x"]}):
        for config in ({}, {"Privileged": True}):
            assert requested(cage, user, [request], **config) == (403, "device-request"), request


def requested(cage, user, requests, **config):
    status, said = ask(cage, "POST", "/containers/create", {"Image": "alpine", "HostConfig": {"DeviceRequests": requests, **config}}, user)
    return status, said.get("rule")


@contextlib.contextmanager
def cdi_devices(cage, *names):
    """gabion.json names these; it is read anew for each request."""
    path = f"{cage.dir}/etc/gabion.json"
    before = support.read(path) if os.path.exists(path) else None
    support.write(path, json.dumps({**json.loads(before or "{}"), "cdiDevices": names}))
    try:
        yield
    finally:
        if before is None:
            os.unlink(path)
        else:
            support.write(path, before)


def cdi(*names, **more):
    return {"Driver": "cdi", "DeviceIDs": list(names), **more}


def test_cdi_devices(cage, policy, user):
    """What gabion.json names gets through, and nothing that comes with it or looks like it."""
    for config in ({}, {"Privileged": True}):
        assert requested(cage, user, [cdi("vendor.com/class=x")], **config) == (403, "cdi-device")
    with cdi_devices(cage, "vendor.com/class=x", "vendor.com/all=*"):
        for name in ("vendor.com/class=y", "vendor.com/classx=x", "Vendor.com/class=x", "vendor.com/allx=1"):
            for config in ({}, {"Privileged": True}):
                assert requested(cage, user, [cdi(name)], **config) == (403, "cdi-device"), name
                assert requested(cage, user, [cdi("vendor.com/class=x"), cdi(name)], **config) == (403, "cdi-device"), name
                assert requested(cage, user, [cdi("vendor.com/class=x", name)], **config) == (403, "cdi-device"), name
        assert requested(cage, user, [cdi("vendor.com/class=x"), {"Count": -1, "Capabilities": [["gpu"]]}]) == (403, "device-request")
        for wrong in (cdi("vendor.com/class=x", Count=-1), cdi("vendor.com/class=x", Options={"a": "b"}), cdi("vendor.com/all=*"), cdi("/dev/mem")):
            assert requested(cage, user, [wrong])[0] == 400, wrong
        twice = '{"Image":"alpine","HostConfig":{"DeviceRequests":[{"Driver":"cdi","DeviceIDs":["vendor.com/class=x"],"deviceIDs":["vendor.com/class=y"]}]}}'
        done = support.run("curl", "-s", "--unix-socket", cage.socket, "-w", "\n%{http_code}", "-H", "Content-Type: application/json",
                           "--data-binary", "@-", "http://x/containers/create", user=user, input=twice)
        assert done.lines[-1] == "400", done
        for allowed in (cdi("vendor.com/class=x"), cdi("vendor.com/class=x", "vendor.com/all=1", Capabilities=[["gpu"]])):
            assert requested(cage, user, [allowed]) == (201, None), allowed
    words = 'could not select device driver "cdi"', "unresolvable CDI devices"  # the engine's, with and without CDI
    for box in cage.docker("ps", "-aq").lines:
        done = cage.docker("start", box, user=user, check=False)
        assert done.rc != 0 and any(each in done.err for each in words), done


def test_devices_that_may_be_had(cage, policy, user, nodes):
    os.symlink(f"{nodes}/sub/null", f"{nodes}/fine")
    os.mkdir(f"{nodes}/folder")
    for path in ("/dev/null", f"{nodes}/fine", f"{nodes}/folder", "/dev/fuse"):
        if os.path.exists(path):
            done = cage.run("--device", f"{path}:/dev/other", cmd="ls /dev", user=user, check=False)
            assert done.rc == 0 or path.endswith("folder"), done
    done = cage.run("--privileged", "--device", f"{nodes}/disk:/dev/disk", "--device-cgroup-rule", "a *:* rwm", cmd="ls /dev", user=user)
    assert "null" in done.lines and "disk" not in done.lines
    done = cage.docker("create", "--device", "/dev/gabion-no-such:/dev/x", "alpine", user=user)
    done = cage.docker("start", done.out, user=user, check=False)
    assert done.rc != 0 and "gathering device information" in done.err  # the engine's own words


# ── namespaces and the network ─────────────────────────────────────────────────────────────────


def netns(pid="self"):
    return os.readlink(f"/proc/{pid}/ns/net")


def test_the_hosts_network_by_other_names(cage, policy, user):
    """By its id, by a name beside it, after the creation."""
    ident = cage.docker("network", "ls", "-qf", "name=host", "--no-trunc").out
    foreign = (netns(), netns(cage.dockerd()))
    for name in (ident, ident[:12], "Host", "HOST", "host "):
        done = cage.run("--network", name, cmd="readlink /proc/self/ns/net", user=user, check=False)
        assert done.out not in foreign, (name, done)
    status, said = ask(cage, "POST", "/containers/create", {
        "Image": "alpine", "Cmd": ["readlink", "/proc/self/ns/net"], "NetworkingConfig": {"EndpointsConfig": {"host": {}}}}, user)
    if status == 201:
        assert cage.docker("start", "-a", said["Id"], user=user, check=False).out not in foreign
    box = cage.create("--network", "none", cmd="readlink /proc/self/ns/net", user=user)
    for name in ("host", ident):
        status, _ = ask(cage, "POST", f"/networks/{name}/connect", {"Container": box.id}, user)
        assert status >= 400
    assert cage.docker("start", "-a", box.id, user=user).out not in foreign


@pytest.mark.parametrize("query", ["networkmode=host", "networkmode=%68ost", "networkmode=none&networkmode=host",
                                   "version=2&networkmode=host", "networkmode=ID", "version=1&networkmode=ID"])
def test_builds_on_the_hosts_network(cage, policy, user, folder, query):
    query = query.replace("ID", cage.docker("network", "ls", "-qf", "name=host", "--no-trunc").out)
    with tarfile.open(f"{folder}/c.tar", "w") as t:
        text = b"FROM alpine\nRUN readlink /proc/self/ns/net\n"
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(text)
        t.addfile(info, io.BytesIO(text))
    done = support.run("curl", "-s", "--unix-socket", cage.socket, "-H", "Content-Type: application/x-tar", "--data-binary",
                       f"@{folder}/c.tar", f"http://x/build?nocache=1&{query}")
    assert netns() not in done.out and netns(cage.dockerd()) not in done.out, done
    if "host" in query:
        assert "network" in json.loads(done.out)["message"]


def test_entitlements_of_builds(cage, policy, door, forky):  # noqa: F811
    """A build's own network is the host's for BuildKit; its steps are started by gabion-runc."""
    context = f"{cage.dir}/entitled"
    os.makedirs(context, exist_ok=True)
    for line, flags in (("RUN readlink /proc/self/ns/net", ["--network=host"]),
                        ("RUN --network=host readlink /proc/self/ns/net", []),
                        ("RUN --security=insecure cat /proc/self/uid_map", [])):
        support.write(f"{context}/Dockerfile", f"FROM alpine\n{line}\n")
        done = client(forky, cage, door, "buildx", "build", "--no-cache", "--progress=plain", "--allow", "network.host",
                      "--allow", "security.insecure", *flags, context)
        assert netns() not in done.text and netns(cage.dockerd()) not in done.text, done
        assert not re.search(r"^\S+ \S+ +0 +0 +4294967295", done.text, re.M), done


@pytest.mark.parametrize("remote", ["file:///etc", "/etc", "file:///etc/passwd", "../../../etc"])
def test_builds_of_what_the_host_has(cage, policy, user, remote):
    status, said = ask(cage, "POST", f"/build?remote={remote}", None, user)
    assert status >= 400 and SECRET not in str(said), said


# ── what the engine and the runtime connect to ─────────────────────────────────────────────────


@pytest.mark.parametrize("driver,option,scheme", [
    ("syslog", "syslog-address", "unix"), ("syslog", "syslog-address", "unixgram"), ("fluentd", "fluentd-address", "unix"),
    ("fluentd", "fluentd-address", "UNIX"), ("gelf", "gelf-address", "unix"), ("splunk", "splunk-url", "unix")])
def test_log_drivers(cage, policy, user, folder, driver, option, scheme):
    """A socket that only root may use hears nothing."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/s")
        os.chmod(f"{folder}/s", 0o600)
        listener.listen()
        done = cage.run("--log-driver", driver, "--log-opt", f"{option}={scheme}://{folder}/s", cmd="echo said", user=user, check=False)
        assert done.rc == 125 and ("would connect to that socket" in done.err or "unix" in done.err), done
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_drivers_that_are_somebodys_socket(cage, policy, user, folder):
    """A driver's name is a part of a path for the engine. Whoever listens there says what a volume is, and the engine copies there as root."""
    plug = f"../../..{folder}/plug"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/plug.sock")
        os.chmod(f"{folder}/plug.sock", 0o777)
        listener.listen()
        for args in (["volume", "create", "-d", plug, "v"], ["network", "create", "-d", plug, "n"],
                     ["network", "create", "--ipam-driver", plug, "n"], ["create", "--log-driver", plug, "alpine"],
                     ["create", "--volume-driver", plug, "-v", "v:/v", "alpine"],
                     ["create", "--mount", f"type=volume,src=v,dst=/v,volume-driver={plug}", "alpine"]):
            done = cage.docker(*args, user=user, check=False)
            assert done.rc != 0 and "would obey whoever listens" in done.err, done
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()
    done = cage.docker("volume", "create", "-d", "nobody-has-that", "v", user=user, check=False)
    assert done.rc != 0 and "nobody-has-that" in done.err and "gabion" not in done.err, done


def test_files_that_the_engine_reads(cage, policy, user, folder):
    """Named in options of logs, or asked for the number of a device: no file is opened, and none told from another."""
    for option in ("syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key"):
        done = cage.run("--log-driver", "syslog", "--log-opt", "syslog-address=tcp+tls://127.0.0.1:1", "--log-opt", f"{option}=/dev/zero",
                        cmd="true", user=user, check=False)
        assert done.rc == 125 and "would read that file" in done.err, done
    seen = {str(ask(cage, "POST", "/containers/create", {"Image": "alpine", "HostConfig": {"BlkioDeviceReadBps": [
        {"Path": path, "Rate": 1}]}}, user)).replace(path, "") for path in ("/etc/shadow", "/etc/no-such-file", f"{folder}/x")}
    assert len(seen) == 1 and "403" in next(iter(seen)), seen


def test_processes_of_others(cage, policy, user):
    """The engine's ps runs as root; what stands in the column called PID decides which lines are shown."""
    c = cage.start(user=user, cmd="for i in 1 2 3 4 5 6 7 8; do sleep 900 & done; sleep 900")
    for args in (["-orss=PID", "axeww"], ["axeww", "-o", "args"], ["-eo", "lstart,comm,pid"], ["-o", "%z %p"]):
        done = cage.docker("top", c.id, *args, user=user, check=False)
        assert done.rc != 0 and "could show other processes" in done.err, done
    for args in ([], ["aux"], ["-eo", "pid,comm"], ["-opid,args"]):
        lines = cage.docker("top", c.id, *args, user=user).lines
        assert len(lines) >= 9 and all("sleep" in line for line in lines[1:]), lines


def test_networks_over_the_engines_name_server(cage, policy, user):
    for subnet in ("10.0.2.0/29", "10.0.0.0/8", "0.0.0.0/1"):
        done = cage.docker("network", "create", "--subnet", subnet, "over", user=user, check=False)
        assert done.rc != 0 and "name server" in done.err, done
    cage.docker("network", "create", "--subnet", "10.99.2.0/29", "beside", user=user)
    cage.docker("network", "rm", "beside")


def test_a_second_network_on_the_default_bridge(cage, policy, user):
    """When it went, so did everybody's default network, until the engine was started again."""
    for kind in ((), ("--config-only",)):
        done = cage.docker("network", "create", *kind, "-o", "com.docker.network.bridge.name=docker0", "second", user=user, check=False)
        cage.docker("network", "rm", "second", check=False)
        assert done.rc != 0 and 'of the engine\'s own network, "bridge"' in done.err, done
    assert cage.run(cmd="ip -o addr show eth0", user=user).out


def test_interfaces_on_the_engines_way_out(cage, policy, user):
    """Who sends from there as the engine gets what comes in for the engine, and for all containers."""
    for driver, parent in (("macvlan", "tap0"), ("ipvlan", "tap0"), ("macvlan", "tap0.7")):
        done = cage.docker("network", "create", "-d", driver, "-o", f"parent={parent}", "--subnet", "10.99.3.0/24", "out", user=user, check=False)
        assert done.rc != 0 and "way out" in done.err, done
    done = cage.docker("network", "create", "--config-only", "-o", "parent=tap0", "out", user=user, check=False)
    assert done.rc != 0 and "way out" in done.err, done
    cage.docker("network", "create", "-d", "ipvlan", "-o", "parent=docker0", "--subnet", "10.99.3.0/24", "beside", user=user)
    cage.docker("network", "rm", "beside")


def test_security_options(cage, policy, user, folder):
    for option in ("writable-cgroups", "writable-cgroups=true", "writable-cgroups:1"):
        status, said = ask(cage, "POST", "/containers/create", {"Image": "alpine", "HostConfig": {"SecurityOpt": [option]}}, user)
        assert (status, said["rule"]) == (403, "writable-cgroups")
    profile = json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": f"{folder}/s",
                          "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]})
    support.write(f"{folder}/profile", profile)
    done = cage.docker("create", "--security-opt", f"seccomp={folder}/profile", "alpine", "true", user=user, check=False)
    assert done.rc != 0 and "listenerPath" in done.err, done
    status, said = ask(cage, "POST", "/containers/create", {"Image": "alpine", "HostConfig": {
        "SecurityOpt": ["seccomp:" + profile.replace("listenerPath", "LISTENERPATH")]}}, user)
    assert (status, said["rule"]) == (403, "seccomp-listener")


# ── forged images ──────────────────────────────────────────────────────────────────────────────


def forge(cage, how, folder):
    """Makes alpine, or something like it, be called docker:cli."""
    if how == "tag":
        cage.docker("tag", "alpine", "docker:cli")
    elif how == "build":
        cage.build("FROM alpine\nRUN true\n", buildkit=False, tag="docker:cli")
    elif how == "commit":
        cage.docker("commit", cage.create(cmd="true").id, "docker:cli")
    elif how == "import":
        cage.docker("export", "-o", f"{folder}/x.tar", cage.create(cmd="true").id)
        cage.docker("import", f"{folder}/x.tar", "docker:cli")
    elif how == "load":
        cage.docker("tag", "alpine", "docker:cli")
        cage.docker("save", "-o", f"{folder}/x.tar", "docker:cli")
        cage.docker("rmi", "docker:cli")
        cage.docker("load", "-i", f"{folder}/x.tar")
    elif how == "labels":  # whatever an image says of itself
        cage.build(f"FROM alpine\nLABEL org.opencontainers.image.ref.name=docker:cli RepoDigests={cage.digest}\n", buildkit=False,
                   tag="docker:cli")


@pytest.mark.parametrize("how", ["tag", "build", "commit", "import", "load", "labels"])
def test_forged_names(cage, policy, folder, how):
    cage.need("alpine")
    cage.docker("rmi", "docker:cli")
    try:
        forge(cage, how, folder)
        for image in ("docker:cli", "docker.io/library/docker:cli", cage.docker("inspect", "-f", "{{.Id}}", "docker:cli").out):
            done = run(cage, "true", image=image, check=False)
            assert done.rc == 125 and "docker socket mount denied" in done.err, done
    finally:
        cage.docker("rm", "-f", *cage.docker("ps", "-aq").lines, check=False)
        cage.docker("rmi", "-f", "docker:cli")
        cage.docker("pull", "docker:cli")


def test_names_of_images(cage, policy):
    """What an image is decides, however it is called."""
    cage.need("alpine")
    bad = cage.docker("inspect", "-f", "{{.Id}}", "alpine").out
    good = cage.docker("inspect", "-f", "{{.Id}}", "docker:cli").out
    digest = cage.docker("inspect", "-f", "{{index .RepoDigests 0}}", "docker:cli").out.split("@")[1]
    for image in (bad, bad[7:], bad[7:19], f"alpine@{digest}", f"docker:cli@{bad}", "Docker:cli", "docker:CLI", "docker:cli@sha256:0", ""):
        status, said = ask(cage, "POST", "/containers/create", {"Image": image, "HostConfig": {"Binds": [SOCKET]}})
        assert status >= 400, (image, said)
    for image in (good, good[7:], good[7:19], f"docker@{digest}", f"docker:bogus@{digest}", "docker.io/library/docker:cli",
                  "index.docker.io/library/docker:cli"):
        done = run(cage, "true", image=image, check=False)
        # An engine of a busy machine may not have answered for the registry yet; the log says why.
        assert done.rc == 0, (image, done.err, cage.cli("events").lines[-1], cage.cli("images", "check", good, check=False).out)
    assert not cage.docker("ps", "-aqf", "status=created").out


# ── other ways to the engine ───────────────────────────────────────────────────────────────────


def test_other_sockets_of_the_instance(cage, policy, user):
    """The engine's, containerd's, and those of other containers are nobody's but root's."""
    holder = cage.start("-v", SOCKET, image="docker:cli")
    found = []
    for top, _, names in os.walk(cage.dir):
        found += [os.path.join(top, n) for n in names if stat.S_ISSOCK(os.lstat(os.path.join(top, n)).st_mode)]
    found.append(f"{cage.dir}/run/sock/{holder.id}/docker.sock")
    opened = set()
    for path in found:
        code = f"import os, socket\nos.chdir({os.path.dirname(path)!r})\nfor kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):\n" \
               f"    if socket.socket(socket.AF_UNIX, kind).connect_ex({os.path.basename(path)!r}) == 0:\n        print('open')"
        if support.run("/usr/bin/python3", "-c", code, user=user, check=False).out == "open":
            opened.add(os.path.relpath(path, cage.dir))
    assert f"{cage.dir}/run/engine.sock" in found and opened == {"run/docker.sock", "run/control.sock"}, opened


def test_the_engine_listens_nowhere_else(cage, policy):
    """No TCP, no abstract socket that a container could come to."""
    pid = cage.dockerd()
    listening = support.run("nsenter", "-n", "-t", pid, "ss", "-ltnH").lines
    assert not [line for line in listening if "127.0.0." not in line.split()[3] and "[::1]" not in line.split()[3]], listening
    script = "g=$(ip route | awk '/default/ {print $3}'); for p in 2375 2376 2377 4243; do nc -w 1 $g $p </dev/null && echo $p; done; echo $g"
    done = cage.run(cmd=script)
    assert re.fullmatch(r"[0-9.]+", done.out), done


def test_the_socket_inside(cage, policy):
    """Root's in the container, and its group's as with the stock engine; nobody else's."""
    done = run(cage, "sh", "-c", "stat -c '%u %a %F' /var/run/docker.sock; docker ps -q | wc -l")
    assert done.lines == ["0 660 socket", "1"]
    denied = run(cage, "sh", "-c", "docker ps -q", args=("-v", SOCKET, "-u", "1000"), check=False)
    assert denied.rc != 0 and "permission denied" in denied.err.lower()


def test_a_creation_by_hand(cage, policy, user):
    status, said = ask(cage, "POST", "/containers/create", {"Image": "alpine", "Cmd": ["cat", "/proc/self/uid_map"]}, user)
    assert status == 201
    assert ask(cage, "POST", f"/containers/{said['Id']}/start", None, user)[0] == 204
    cage.docker("wait", said["Id"])
    assert int(cage.docker("logs", said["Id"]).out.split()[1]) >= 100000


def test_binds_of_a_container_with_the_socket(cage, policy, user, folder):
    """They are paths of the host, judged for whoever asked for the container."""
    support.write(f"{folder}/f", "mine")
    mine(f"{folder}/f", user)
    holder = cage.start("-v", SOCKET, image="docker:cli", user=user)
    assert holder.exec("docker", "run", "--rm", "-v", f"{folder}:/x", "alpine", "cat", "/x/f").out == "mine"
    with support.host_folder(0o700) as roots:
        support.write(f"{roots}/f", "roots")
        done = holder.exec("docker", "run", "--rm", "-v", f"{roots}/f:/x", "alpine", "cat", "/x", check=False)
        assert done.rc != 0 and "roots" not in done.out
    done = holder.exec("docker", "run", "--rm", "-v", "/etc:/x", "alpine", "cat", "/x/passwd", check=False)
    assert done.rc != 0 and WORDS in done.err
    assert BLOCKED % "/v1.41/images/x/push?tag=latest" in holder.exec("docker", "push", "x", check=False).err


def test_a_user_with_many_uids(cage, user):
    """In a user namespace of its own it is any of its subordinate ids, and still in the group docker."""
    start = user.subuid[0]

    def ping(*how):
        return support.run(*how, "curl", "-s", "--unix-socket", cage.socket, "http://x/_ping", user=user, check=False).out

    assert ping() == "OK"
    assert ping("unshare", "-r", "--map-auto") == "OK"  # root there, the user here
    other = ("unshare", "-r", "--map-auto", "setpriv", "--reuid", "1000", "--keep-groups")
    support.wait_until(lambda: ping(*other) != "OK")  # the account is new
    uid = int(re.match("gabion: user ([0-9]+) is a subordinate id of another account", json.loads(ping(*other))["message"])[1])
    assert start <= uid < start + user.subuid[1]
    # one that comes later
    with open("/etc/subuid", "a", encoding="ascii") as f:
        f.write(f"{user.name}:{user.uid}:1\n")
    support.wait_until(lambda: "subordinate-id" in ping())
    with open("/etc/subuid", encoding="ascii") as f:
        lines = [line for line in f if line != f"{user.name}:{user.uid}:1\n"]
    with open("/etc/subuid", "w", encoding="ascii") as f:
        f.writelines(lines)
    support.wait_until(lambda: ping() == "OK")


def test_use_api_socket(cage, policy, forky):  # noqa: F811
    """The option of newer clients: a mount, and the client's credentials by an archive before the start."""
    with contextlib.ExitStack() as stack:
        short = stack.enter_context(support.host_folder())
        os.symlink(f"{cage.dir}/run", f"{short}/run")
        listener = f"{short}/run/docker.sock"
        done = client(forky, cage, listener, "create", "--use-api-socket", "alpine", "true")
        assert done.rc != 0 and DENIED % "alpine" in done.err, done
        done = client(forky, cage, listener, "run", "--rm", "--use-api-socket", "docker:cli", "docker", "ps", "-q")
        assert done.rc == 0 and len(done.lines) == 1, done
