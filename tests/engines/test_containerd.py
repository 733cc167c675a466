# SPDX-License-Identifier: Apache-2.0
"""gabion-runc under containerd without any Docker: ctr run --runc-binary."""

import json
import os

import pytest

import conftest
import space
import support
from support import RANGE, id_map, map_of, owner, read, wait_until

pytestmark = pytest.mark.long

SNAPSHOTTERS = ("overlayfs", "native")
MATRIX = [(suite, lower, snapshotter) for suite in conftest.RELEASES for lower in conftest.LOWERS
          for snapshotter in SNAPSHOTTERS if conftest.wanted(suite, lower, snapshotter)]
IMAGE = "docker.io/library/gbt:latest"
MAPS = "cat /proc/self/uid_map /proc/self/gid_map"


def linger(command):
    """ctr, with any runtime, now and then loses the last words of a process that ends at once."""
    return f"( {command} ); rc=$?; sleep 0.3; exit $rc"


class Cages(space.Containerd):
    """containerd and calls of ctr with gabion-runc. Containers have the ids that their tests give them."""

    def __init__(self, suite, lower, snapshotter):
        super().__init__(suite, lower)
        self.snapshotter, self.seen = snapshotter, set()

    def prepare(self):
        self.up()
        archive = f"{self.dir}/image.tar"
        space.write_image(archive, IMAGE, 20)
        self.ctr("image", "import", "--no-unpack", archive)  # `run` does it, into the snapshotter asked for
        os.unlink(archive)

    def run(self, ident, *args, cmd="true", **how):
        self.seen.add(ident)
        return self.ctr("run", "--runc-binary", self.runtime, "--snapshotter", self.snapshotter, *args, IMAGE, ident,
                        "sh", "-c", linger(cmd), **how)

    def pid(self, ident):
        line = next(line for line in self.ctr("task", "ls").lines if line.split()[0] == ident)
        return int(line.split()[1])

    def exec(self, ident, command, *args, check=True):
        return self.ctr("task", "exec", "--exec-id", f"e{os.urandom(4).hex()}", *args, ident, "sh", "-c",
                        linger(command), check=check)

    def end(self, ident):
        """Ends the task; the container stays."""
        self.ctr("task", "kill", "-s", "KILL", ident)
        wait_until(lambda: "STOPPED" in self.ctr("task", "ls").out, 10)
        self.ctr("task", "rm", ident, check=False)

    def sweep(self):
        for line in self.ctr("task", "ls", "-q").lines:
            self.ctr("task", "rm", "-f", line, check=False)
        for line in self.ctr("container", "ls", "-q").lines:
            self.ctr("container", "rm", line)


@pytest.fixture(scope="module", params=MATRIX, ids=["/".join(m) for m in MATRIX])
def _cages(request):
    suite, lower, snapshotter = request.param
    if lower == "runc" and not conftest.has_capability(conftest.CAP_SYS_RESOURCE):
        pytest.skip("root of this machine lacks CAP_SYS_RESOURCE, without which runc cannot set the rlimits that ctr "
                    "gives to every container")
    made = Cages(suite, conftest.LOWERS[lower], snapshotter)
    try:
        made.prepare()
        yield made
    finally:
        made.close()


@pytest.fixture
def cages(_cages):
    yield _cages
    _cages.sweep()


def base_of(text):
    maps = id_map(text)
    assert len(maps) == 2 and maps[0] == maps[1] and maps[0][0] == 0 and maps[0][2] == RANGE, text
    return maps[0][1]


def test_maps(cages):
    bases = {base_of(cages.run(f"gbt-m{n}", "--rm", *o, cmd=MAPS).out)
             for n, o in enumerate(([], ["--privileged"], ["--read-only"]))}
    assert len(bases) == 3 and min(bases) >= 100000
    cages.run("gbt-m", "-d", cmd="sleep 1000")
    assert base_of(cages.exec("gbt-m", MAPS).out) == base_of(cages.exec("gbt-m", MAPS, "--user", "7").out) == \
        map_of(cages.pid("gbt-m"))[0][1]


def test_files(cages):
    cages.run("gbt-f", "-d", cmd="sleep 1000")
    cages.exec("gbt-f", "echo x >/gbt-root; touch /gbt-user; chown 1000:1001 /gbt-user; chown 5:6 /etc/passwd; rm /layer-3")
    assert cages.exec("gbt-f", "stat -c %u:%g /gbt-root /gbt-user /etc/passwd /layer-7 /; ls -d /layer* | wc -l").lines == \
        ["0:0", "1000:1001", "5:6", "7:7", "0:0", "19"]
    found = {name: {owner(p) for p in support.run("find", f"{cages.dir}/lib", "-xdev", "-name", name).lines}
             for name in ("gbt-root", "gbt-user")}
    assert found == {"gbt-root": {(0, 0)}, "gbt-user": {(1000, 1001)}}


def test_start_again(cages):
    cages.run("gbt-s", "-d", cmd="sleep 1000")
    cages.exec("gbt-s", "echo one >/one")
    for _ in range(2):
        cages.end("gbt-s")
        cages.ctr("task", "start", "-d", "gbt-s")
        cages.exec("gbt-s", "echo more >>/one; echo new >/two; chown 3:4 /two")
    assert cages.exec("gbt-s", "cat /one; stat -c %u:%g /two").lines == ["one", "more", "more", "3:4"]


def test_read_only_root(cages):
    done = cages.run("gbt-r", "--rm", "--read-only", cmd="touch /x; mount -o remount,rw /; touch /x", check=False)
    assert done.rc != 0 and "Read-only" in done.text, done


def test_hosts_namespaces_are_refused(cages):
    done = cages.run("gbt-n", "--rm", "--net-host", cmd="echo inside", check=False)
    assert done.rc != 0 and "inside" not in done.out and "can't share a network namespace with the host" in done.text, done


def test_network_is_its_own(cages):
    done = cages.run("gbt-w", "--rm", "--privileged", cmd="ls /sys/class/net; ip link set lo up; ip addr add 10.1.1.1/32 dev lo && "
                     "echo 1 >/proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward")
    assert done.lines == ["lo", "1"], done


def test_binds(cages, folder):
    mount = f"type=bind,src={folder},dst=/b,options=rbind:rw"
    done = cages.run("gbt-b", "--rm", "--mount", mount, cmd="touch /b/f", check=False)
    assert done.rc != 0 and "nobody is on record" in done.text, done
    with cages.facts(bindsWithoutRecord="root"):
        assert cages.run("gbt-c", "--rm", "--mount", mount, cmd="touch /b/f; stat -c %u:%g /b/f").out == "0:0"
        assert owner(f"{folder}/f") == (0, 0)
        for path in ("/etc", cages.address, f"{cages.dir}/lib/containerd"):
            done = cages.run("gbt-d", "--rm", "--mount", f"type=bind,src={path},dst=/b,options=rbind:ro", cmd="ls /b", check=False)
            assert done.rc != 0 and "restricted host mount" in done.text, done


def test_annotations_are_no_orders(cages):
    assert cages.run("gbt-a", "--rm", "--annotation", "run.oci.handler=nonesuch", cmd="echo inside").out == "inside"


def test_containerd_killed(cages):
    """The shim and the container live on."""
    cages.run("gbt-k", "-d", cmd="sleep 1000")
    pid = cages.pid("gbt-k")
    cages.revive("containerd")
    assert cages.pid("gbt-k") == pid
    assert cages.exec("gbt-k", "echo x >/f; cat /f").out == "x"
    assert json.loads(read(f"{cages.dir}/run/containers/gbt-k.json"))["base"] == map_of(pid)[0][1]
