# SPDX-License-Identifier: Apache-2.0
"""Point 4: no namespace of the host, whatever is asked for; namespaces of other containers work."""

import os

import pytest

import support
from support import RANGE, free_port, map_of, wait_until

SHARED = "sysbox containers can't share namespaces [{}] with the host (because they use the linux user-namespace for isolation)"
NETWORK = ("sysbox containers can't share a network namespace with the host "
           "(because they use the linux user-namespace for isolation)")

REFUSED = {
    "pid": (["--pid=host"], SHARED.format("pid")),
    "ipc": (["--ipc=host"], SHARED.format("ipc")),
    "uts": (["--uts=host"], SHARED.format("uts")),
    "network": (["--network=host"], NETWORK),
    "net": (["--net", "host"], NETWORK),
    "pid, privileged": (["--privileged", "--pid=host"], SHARED.format("pid")),
    "network, userns=host": (["--network=host", "--userns=host"], NETWORK),
    "pid, runtime=runc": (["--pid=host", "--runtime=runc"], SHARED.format("pid")),
}


@pytest.mark.parametrize("options,text", REFUSED.values(), ids=REFUSED.keys())
def test_hosts_namespaces_are_refused(instance, options, text):
    done = instance.run(*options, cmd="echo inside", check=False)
    assert done.rc != 0 and done.out == "", done
    assert text in done.err, done
    assert instance.docker("ps", "-q").out == ""


@pytest.mark.gate
def test_hosts_cgroup_namespace_is_refused(instance):
    """Only the gate can tell the wish for the host's from the default of an engine on cgroup v1."""
    done = instance.run("--cgroupns=host", cmd="echo inside", check=False)
    assert done.rc != 0 and SHARED.format("cgroup") in done.err, done


@pytest.mark.gate
def test_refusal_is_an_answer_of_the_engine(instance):
    """In the envelope that every client understands, with nothing appended."""
    done = instance.run("--pid=host", cmd="true", check=False)
    assert f"Error response from daemon: {SHARED.format('pid')}" in done.err, done
    line = next(line for line in done.err.splitlines() if "sysbox containers" in line)
    assert line.rstrip(".").endswith(SHARED.format("pid")), line


def test_several_at_once_are_named(instance):
    done = instance.run("--pid=host", "--ipc=host", "--uts=host", cmd="true", check=False)
    assert done.rc != 0 and "sysbox containers can't share namespaces [" in done.err, done
    for name in ("pid", "ipc", "uts"):
        assert name in done.err.split("[")[1].split("]")[0]


def test_refusal_at_start_of_a_created_container(instance):
    """Whoever gets past the creation is refused at the start."""
    instance.need("alpine")
    made = instance.docker("create", "--pid=host", "alpine", "true", check=False)
    if made.rc == 0:
        started = instance.docker("start", "-a", made.lines[-1], check=False)
        assert started.rc != 0 and SHARED.format("pid") in started.err, started


IGNORED = [["--userns=host"], ["--runtime=runc"], ["--runtime=io.containerd.runc.v2"], ["--runtime=sysbox-runc"],
           ["--runtime=runc", "--privileged", "--userns=host"]]


@pytest.mark.parametrize("options", IGNORED, ids=" ".join)
def test_runtime_and_userns_are_ignored(instance, options):
    c = instance.start(*options)
    assert map_of(c.pid)[0][2] == RANGE
    assert c.exec("cat", "/proc/self/uid_map").out.split()[2] == str(RANGE)
    assert c.exec(["--privileged"], "cat", "/proc/self/uid_map").out.split()[2] == str(RANGE)


@pytest.mark.gate
@pytest.mark.parametrize("options", [[], *IGNORED], ids=lambda o: " ".join(o) or "none")
def test_inspect_answers_sysbox_runc(instance, options):
    assert instance.start(*options).inspect("{{.HostConfig.Runtime}}") == "sysbox-runc"


def inodes(c):
    return {n: os.stat(f"/proc/{c.pid}/ns/{n}").st_ino for n in ("user", "net", "pid", "ipc", "mnt", "uts", "cgroup")}


def test_every_namespace_is_the_containers_own(instance):
    host = {n: os.stat(f"/proc/self/ns/{n}").st_ino for n in ("user", "net", "pid", "ipc", "mnt", "uts", "cgroup")}
    engine = {n: os.stat(f"/proc/{instance.dockerd()}/ns/{n}").st_ino for n in host}
    for options in ([], ["--privileged"], ["--network", "none"]):
        mine = inodes(instance.start(*options))
        for name, inode in mine.items():
            assert inode not in (host[name], engine[name]), name


@pytest.mark.parametrize("kind", ["network", "pid", "ipc"])
def test_joining_another_container(instance, kind):
    x = instance.start("--ipc", "shareable", image="probe", cmd="sleep 999; true")
    y = instance.start(f"--{kind}", f"container:{x.id}", "--privileged", image="probe")
    mine, theirs = inodes(x), inodes(y)
    key = {"network": "net"}.get(kind, kind)
    assert mine[key] == theirs[key] and mine["user"] == theirs["user"] and mine["mnt"] != theirs["mnt"]
    assert x.base() == y.base()
    if kind == "network":
        x.exec(["-d"], "httpd", "-p", "8000", "-h", "/etc")
        wait_until(lambda: "root:x" in y.exec("wget", "-qO-", "http://127.0.0.1:8000/passwd", check=False).out)
        assert y.exec("ip", "addr", "add", "10.99.0.1/32", "dev", "lo").rc == 0  # NET_ADMIN of Y counts there
        assert "10.99.0.1" in x.exec("ip", "addr").out
    if kind == "pid":
        assert "sleep 999" in y.exec("ps").out
        victim = y.exec("sh", "-c", "ps | grep 'sleep 999' | grep -v -e grep -e sh | awk '{print $1}'").lines[0]
        assert y.exec("kill", victim).rc == 0
    if kind == "ipc":
        x.exec("echo x >/dev/shm/f")
        assert y.exec("cat", "/dev/shm/f").out == "x"


def test_joining_without_privileges_is_the_same_as_with_crun(same):
    def go(engine):
        x = engine.start("--ipc", "shareable", "--name", "first")
        x.exec("echo x >/dev/shm/f")
        return engine.run("--network", "container:first", "--pid", "container:first", "--ipc", "container:first",
                          cmd="cat /dev/shm/f; ps | grep -c '[s]leep 1000'; hostname; id; touch /f; stat -c %u /f; "
                          "stat -c %u:%g /etc/hosts /dev/null; mount | grep -c ' on /proc '").lines

    joined = same(lambda e: go(e)[:2])
    assert joined[0] == "x"


def test_joining_two_different_ones_is_a_clear_error(instance):
    x, z = instance.start(), instance.start()
    done = instance.run("--network", f"container:{x.id}", "--pid", f"container:{z.id}", cmd="true", check=False)
    assert done.rc != 0
    assert "user namespace" in done.err.lower() or "mapping" in done.err.lower(), done


def test_joined_containers_keep_their_root_file_systems_apart(instance):
    x = instance.start()
    y = instance.start("--network", f"container:{x.id}")
    x.exec("echo of-x >/f")
    assert y.exec("ls", "/f", check=False).rc != 0
    y.exec("touch /g; chown 1000 /g")
    found = support.tree(y.upper)
    assert found["g"][:2] == (1000, 0) and "f" not in found


def test_joining_with_volumes(same):
    def go(engine):
        x = engine.start("-v", "data:/data")
        x.exec("touch /data/f; chown 1000 /data/f")
        return engine.run("--network", f"container:{x.id}", "-v", "data:/data", cmd="stat -c %u /data/f; touch /data/g; "
                          "stat -c %u /data/g").lines

    assert same(go) == ["1000", "0"]


def test_names_on_a_network(same):
    def go(engine):
        engine.docker("network", "create", "net")
        engine.start("--network", "net", "--name", "server", "--network-alias", "web", "-h", "h", cmd="httpd -f -p 80 -h /etc")
        seen = []
        for name in ("server", "web"):
            seen.append(wait_until(lambda n=name: engine.run("--network", "net", cmd=f"wget -qO- http://{n}/hostname",
                                                             check=False).out))
        return seen

    assert same(go) == ["h", "h"]


def test_published_port(same):
    port = free_port()

    def go(engine):
        engine.start("-p", f"127.0.0.1:{port}:80", "-h", "h", cmd="httpd -f -p 80 -h /etc")
        return wait_until(lambda: engine.beside_ports("curl", "-s", f"http://127.0.0.1:{port}/hostname", check=False).out)

    assert same(go) == "h"


def test_no_network(same):
    same(lambda e: e.run("--network", "none", cmd="ip -o link | wc -l; ip addr add 10.0.0.1/32 dev lo", check=False).lines)


@pytest.mark.parametrize("buildkit", [True, False], ids=["BuildKit", "classic"])
def test_build_with_the_hosts_network(instance, buildkit):
    """A build step has no way to the host's network either."""
    inode = os.stat(f"/proc/{instance.dockerd()}/ns/net").st_ino
    done = instance.build("FROM alpine\nRUN readlink /proc/self/ns/net; cat /proc/self/uid_map\n", "--network=host",
                          buildkit=buildkit, check=False)
    assert f"net:[{inode}]" not in done.text
    if done.rc != 0:
        assert NETWORK in done.text, done


def test_its_clock(instance):
    """It has a time namespace of its own (time_namespaces(7)), whose clock it cannot set, and the host's even less."""
    c = instance.start("--privileged")
    own = c.exec("readlink", "/proc/self/ns/time").out
    assert own.startswith("time:[") and own != os.readlink("/proc/self/ns/time")
    offsets = c.exec("cat", "/proc/self/timens_offsets").out
    for command in ("echo boottime 86400 0 >/proc/self/timens_offsets", "echo monotonic 86400 0 >/proc/1/timens_offsets", "date -s @86400"):
        done = c.exec("sh", "-c", command, check=False)
        assert "Operation not permitted" in done.err or "Permission denied" in done.err, done
    assert c.exec("cat", "/proc/self/timens_offsets").out == offsets != support.read("/proc/self/timens_offsets").rstrip()


@pytest.mark.parametrize("kind", ["network", "pid", "ipc", "uts", "mount", "user", "cgroup", "time"])
def test_path_of_a_hosts_namespace_in_a_bundle(box, kind):
    """The runtime itself refuses what no gate has seen."""
    file = {"network": "net", "mount": "mnt"}.get(kind, kind)

    def edit(spec):
        spaces = [n for n in spec["linux"]["namespaces"] if n["type"] != kind]
        spec["linux"]["namespaces"] = spaces + [{"type": kind, "path": f"/proc/{os.getpid()}/ns/{file}"}]

    inode = os.stat(f"/proc/self/ns/{file}").st_ino
    done = box.run(box.bundle(f"readlink /proc/self/ns/{file}", edit=edit), check=False)
    assert str(inode) not in done.out, done
    assert done.rc != 0 or kind == "user", done  # the wish for the host's user namespace is ignored


@pytest.mark.parametrize("kind", ["network", "pid", "ipc", "uts"])
def test_missing_namespace_in_a_bundle_is_the_hosts(box, kind):
    def edit(spec):
        spec["linux"]["namespaces"] = [n for n in spec["linux"]["namespaces"] if n["type"] != kind]

    done = box.run(box.bundle("echo inside", edit=edit), check=False)
    assert done.rc != 0 and done.out == "", done
    assert (NETWORK if kind == "network" else SHARED.format(kind)) in done.err, done
