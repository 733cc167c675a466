# SPDX-License-Identifier: Apache-2.0
"""podman --runtime gabion-runc. Podman makes the network before the container, mounts it volatile, and
binds files of its own."""

import os

import pytest

import conftest
import space
import support
from support import RANGE, id_map, map_of, owner, read, run, wait_until

pytestmark = pytest.mark.long

MATRIX = [(suite, lower) for suite in conftest.RELEASES for lower in conftest.LOWERS
          if conftest.wanted(suite, lower, "podman")]
MAPS = "cat /proc/self/uid_map /proc/self/gid_map"


class Podman(space.Space):
    def __init__(self, suite, lower):
        super().__init__(suite, "podman", lower, {"bindsWithoutRecord": "root"})
        self.seen = set()
        support.write(f"{self.dir}/etc/gabion.json", read(f"{self.dir}/etc/gabion.json").replace(
            "{", f'{{"engineRoots": ["{self.dir}/run/podman"], ', 1))
        # conmon passes no environment on, so that the state folder would not be known.
        self.wrapper = f"{self.dir}/bin/podman-runtime"
        support.write(self.wrapper, f'#!/bin/sh\nGABION_STATE_DIR={self.dir} exec {self.runtime} "$@"\n', 0o755)

        # Its own limits are higher than a host without CAP_SYS_RESOURCE can give.
        self.env["PODMAN_IGNORE_CGROUPSV1_WARNING"] = "1"
        self.env["CONTAINERS_CONF"] = f"{self.dir}/etc/containers.conf"
        support.write(self.env["CONTAINERS_CONF"],
                      '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n')

    def podman(self, *args, **how):
        return self.inside("podman", "--root", f"{self.dir}/lib/engine", "--runroot", f"{self.dir}/run/podman",
                           "--tmpdir", f"{self.dir}/run/libpod", "--runtime", self.wrapper,
                           "--cgroup-manager", "cgroupfs", "--events-backend", "file", *args, **how)

    def run(self, *args, image="alpine", cmd="true", **how):
        return self.podman("run", "--rm", *args, image, "sh", "-c", cmd, **how)

    def start(self, *args, image="alpine", cmd="sleep 1000"):
        ident = self.podman("run", "-d", *args, image, "sh", "-c", cmd).lines[-1]
        self.seen.add(ident)
        return ident

    def exec(self, ident, command, *args, check=True):
        return self.podman("exec", *args, ident, "sh", "-c", command, check=check)

    def pid(self, ident):
        return int(self.podman("inspect", "--format", "{{.State.Pid}}", ident).out)

    def sweep(self):
        self.podman("pod", "rm", "-af", "-t", "0", check=False)
        self.podman("rm", "-af", "-t", "0")
        self.podman("volume", "prune", "-f")
        assert self.inside("ls", "/run/netns", check=False).out == "", "networks are left"
        mounts = self.inside("cat", "/proc/self/mountinfo").out
        assert "/merged " not in mounts and "nsfs" not in mounts, mounts


@pytest.fixture(scope="module", params=MATRIX, ids=["/".join(m) for m in MATRIX])
def _podman(request):
    suite, lower = request.param
    if lower == "runc" and not conftest.has_capability(conftest.CAP_SYS_RESOURCE):
        pytest.skip("root of this machine lacks CAP_SYS_RESOURCE, without which runc cannot set the rlimits that podman "
                    "gives to every container")
    made = Podman(suite, conftest.LOWERS[lower])
    try:
        made.launch([])
        run(support.MAKE_IMAGES, "alpine", timeout=900)
        made.podman("import", "--change", "CMD sh", f"{support.CACHE}/images/alpine.tar", "alpine")
        yield made
    finally:
        made.close()


@pytest.fixture
def podman(_podman):
    yield _podman
    _podman.sweep()


def base_of(text):
    maps = id_map(text)
    assert len(maps) == 2 and maps[0] == maps[1] and maps[0][0] == 0 and maps[0][2] == RANGE, text
    return maps[0][1]


def test_maps(podman):
    bases = {base_of(podman.run(*o, cmd=MAPS).out) for o in ([], ["--privileged"], ["-u", "1000"], ["--userns=host"])}
    assert len(bases) == 4 and min(bases) >= 100000
    c = podman.start()
    for options in ([], ["--privileged"], ["-u", "7"]):
        assert base_of(podman.exec(c, MAPS, *options).out) == map_of(podman.pid(c))[0][1]


def test_files(podman):
    c = podman.start("-v", "gbtvol:/v")
    podman.exec(c, "touch /gbt-root /v/gbt-volume; touch /gbt-user; chown 1000:1001 /gbt-user /v/gbt-volume")
    assert podman.exec(c, "stat -c %u:%g / /gbt-root /gbt-user /v /v/gbt-volume /etc/hosts /dev/shm").lines == \
        ["0:0", "0:0", "1000:1001", "0:0", "1000:1001", "0:0", "0:0"]
    found = {name: {owner(p) for p in run("find", f"{podman.dir}/lib", "-xdev", "-name", name).lines}
             for name in ("gbt-root", "gbt-user", "gbt-volume")}
    assert found == {"gbt-root": {(0, 0)}, "gbt-user": {(1000, 1001)}, "gbt-volume": {(1000, 1001)}}
    assert {"A /gbt-root", "A /gbt-user"} <= set(podman.podman("diff", c).lines)
    podman.podman("commit", "-q", c, "gbt-committed")
    assert podman.run(image="gbt-committed", cmd="stat -c %u:%g /gbt-root /gbt-user").lines == ["0:0", "1000:1001"]
    podman.podman("rmi", "-f", "gbt-committed")


def test_restart(podman):
    c = podman.start()
    for n in range(2):
        podman.exec(c, f"echo {n} >/round-{n}; echo {n} >>/etc/again")
        podman.podman("restart", "-t", "0", c)
        assert podman.exec(c, "cat /round-* | wc -l; cat /etc/again | wc -l").lines == [str(n + 1)] * 2
    podman.podman("stop", "-t", "0", c)
    podman.podman("start", c)
    assert podman.exec(c, "rm /round-0; touch /x; ls -d /round*; ls /sys/class/net").lines == ["/round-1", "eth0", "lo"]


def test_network_belongs_to_the_container(podman):
    c = podman.start("--privileged", "--sysctl", "net.ipv4.ip_forward=0")
    assert podman.exec(c, "ls /sys/class/net; cat /proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/ip_forward; "
                       "cat /proc/sys/net/ipv4/ip_forward; ip addr add 10.77.0.1/24 dev eth0; ip addr | grep -c 10.77; "
                       "ip route | grep -c '^default'").lines == ["eth0", "lo", "0", "1", "1", "1"]
    assert podman.run("--network", "none", cmd="ls /sys/class/net").out == "lo"


def test_network_works(podman):
    """Low ports, other containers, published ports."""
    podman.start("--name", "gbtserver", "-p", "127.0.0.1:18080:80", cmd="mkdir /w; echo hello >/w/index.html; httpd -p 80 -h /w -f")
    address = podman.podman("inspect", "--format", "{{.NetworkSettings.IPAddress}}", "gbtserver").out
    assert wait_until(lambda: podman.run(cmd=f"wget -qO- http://{address}/", check=False).out) == "hello"
    assert podman.run("--network", "container:gbtserver", cmd="wget -qO- http://127.0.0.1/; ip -4 addr show eth0 | grep -c inet").lines == \
        ["hello", "1"]
    assert "hello" in run("nsenter", f"--net=/proc/{podman.keeper.pid}/ns/net", "/usr/bin/python3", "-c",
                          "import urllib.request as r; print(r.urlopen('http://127.0.0.1:18080').read())").out


def test_pod(podman):
    podman.podman("pod", "create", "--name", "gbtpod", "--infra-image", "alpine", "--infra-command", "sleep 1000", "--share",
                  "net,ipc,uts")
    a = podman.start("--pod", "gbtpod")
    b = podman.start("--pod", "gbtpod", "--privileged")
    assert map_of(podman.pid(a)) == map_of(podman.pid(b))
    podman.exec(b, "ip addr add 10.78.0.1/32 dev lo; echo x >/dev/shm/f")
    assert podman.exec(a, "ip addr | grep -c 10.78; cat /dev/shm/f; ls /sys/class/net").lines == ["1", "x", "eth0", "lo"]


def test_namespace_that_somebody_uses_is_left_alone(podman):
    """Its interfaces do not move; who lives there is not caged."""
    podman.inside("ip", "netns", "add", "gbtns")
    try:
        holder = podman.podman_process = support.subprocess.Popen(
            podman.argv("ip", "netns", "exec", "gbtns", "sleep", "1000"), stdin=support.subprocess.DEVNULL)
        try:
            wait_until(lambda: read(f"/proc/{holder.pid}/comm").strip() == "sleep")
            podman.inside("ip", "-n", "gbtns", "link", "set", "lo", "up")
            done = podman.run("--network", "ns:/run/netns/gbtns", cmd="echo inside", check=False)
            assert done.rc != 0 and "runs without isolation" in done.err, done
            assert "UP" in podman.inside("ip", "-n", "gbtns", "link", "show", "lo").out
        finally:
            holder.kill()
            holder.wait()
        done = podman.run("--network", "ns:/run/netns/gbtns", cmd="ip link show lo; echo 1 >/proc/sys/net/ipv4/ip_forward",
                          check=False)
        assert done.rc != 0 and "LOOPBACK,UP" in done.out, done  # read-only /proc/sys, but a network of its own
    finally:
        podman.inside("ip", "netns", "del", "gbtns")


def test_hosts_namespaces_are_refused(podman):
    for option, text in (("--network=host", "can't share a network namespace with the host"),
                         ("--pid=host", "can't share namespaces [pid] with the host"),
                         ("--ipc=host", "can't share namespaces [ipc] with the host")):
        done = podman.run(option, cmd="echo inside", check=False)
        assert done.rc != 0 and done.out == "" and text in done.err, done


def test_binds(podman, folder):
    assert podman.run("-v", f"{folder}:/b", cmd="touch /b/f; stat -c %u:%g /b/f").out == "0:0"
    assert owner(f"{folder}/f") == (0, 0)
    for path in ("/etc", f"{podman.dir}/lib/engine", f"{podman.dir}/run/podman"):
        done = podman.run("-v", f"{path}:/b", cmd="ls /b", check=False)
        assert done.rc != 0 and "restricted host mount" in done.err, done
    with podman.facts(bindsWithoutRecord=None):
        done = podman.run("-v", f"{folder}:/b", cmd="ls /b", check=False)
        assert done.rc != 0 and "nobody is on record" in done.err, done


def test_small_mounts(podman):
    done = podman.run("--read-only", "--tmpfs", "/t", "--shm-size", "8m", cmd="touch /x 2>/dev/null || touch /t/x /dev/shm/x && "
                      "stat -c %u:%g /t/x /dev/shm/x; df -k /dev/shm | tail -n1")
    assert done.lines[:2] == ["0:0"] * 2 and done.lines[2].split()[1] == "8192", done
    assert podman.run(cmd="stat -c %u:%g /run/.containerenv /etc/hosts; echo x >>/etc/hosts").lines == ["0:0", "0:0"]


def test_annotations_are_no_orders(podman):
    assert podman.run("--annotation", "run.oci.handler=nonesuch", cmd="echo inside").out == "inside"
