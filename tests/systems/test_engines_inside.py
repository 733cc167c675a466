# SPDX-License-Identifier: Apache-2.0
"""containerd and Podman in a container."""

import pytest

import inside
import support
from support import wait_until

pytestmark = pytest.mark.long

IMAGE = "docker.io/library/alpine:latest"
KINDS = pytest.mark.parametrize("flags", [("--privileged",), inside.FLAGS], ids=["privileged", "flags"])


def linger(command):
    """ctr now and then loses the last words of a process that ends at once."""
    return ["sh", "-c", f"( {command} ); rc=$?; sleep 0.3; exit $rc"]


@KINDS
def test_containerd(instance, flags):
    c = instance.start(*flags, "-v", "data:/var/lib/containerd", image="machine", cmd=("containerd",))
    wait_until(lambda: c.exec("ctr", "version", check=False).rc == 0, 60, "containerd in a container")
    c.exec("ctr", "image", "import", "-", input=inside.archive(IMAGE))
    ids = c.exec("ctr", "run", "--rm", "--memory-limit", "33554432", IMAGE, "one", *linger("cat /proc/self/uid_map")).out
    assert ids.split()[2] == str(support.RANGE)
    assert c.exec("ctr", "run", "--rm", "--runc-binary", "crun", IMAGE, "two", *linger("hostname")).out
    assert c.exec("ctr", "run", "--rm", "--privileged", IMAGE, "three", *linger("mount -t tmpfs x /mnt && echo may")).out == "may"
    c.exec("ctr", "run", "-d", IMAGE, "stays", "sleep", "1000")
    assert c.exec("ctr", "task", "exec", "--exec-id", "x", "stays", *linger("echo inside")).out == "inside"
    c.exec("ctr", "task", "kill", "-s", "KILL", "stays")


@KINDS
def test_podman(instance, flags):
    c = instance.start(*flags, "-v", "data:/var/lib/containers", image="machine", cmd=("sleep", "1000"))
    c.exec("podman", "load", input=inside.archive(IMAGE))
    out = c.exec("podman", "run", "--rm", "alpine", "sh", "-c", "cat /proc/self/uid_map; ip -o -4 addr show eth0", timeout=120).lines
    assert out[0].split()[2] == str(support.RANGE) and "inet 10.88." in out[1], out
    assert c.exec("podman", "run", "--rm", "--privileged", "alpine", "sh", "-c", "mount -t tmpfs x /mnt && echo may").out == "may"
    assert c.exec("podman", "info", "-f", "{{.Store.GraphDriverName}}").out == "overlay"
    inside.files(c, "/ctx", Dockerfile=inside.DOCKERFILE, f="data\n")
    c.exec("podman", "build", "-t", "made", "/ctx", timeout=120)
    assert c.exec("podman", "run", "--rm", "made", "cat", "/g").lines[:2] == ["data", "built"]
    c.exec("podman", "run", "-d", "--name", "web", "-p", "8080:80", "alpine", "sh", "-c",
           "mkdir -p /w; echo from podman >/w/index.html; exec httpd -f -h /w")
    # through the port of the container that Podman is in
    wait_until(lambda: "from podman" in c.exec("podman", "run", "--rm", "--network", "host", "alpine", "wget", "-qO-",
                                               "http://127.0.0.1:8080", check=False).out, 30, "the page")
    c.exec("podman", "rm", "-f", "-t", "0", "web")
