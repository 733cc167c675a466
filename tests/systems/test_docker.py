# SPDX-License-Identifier: Apache-2.0
"""A Docker Engine in a container: Debian's 20.10, and a current one."""

import pytest

import inside
import space
import support
from support import wait_until
from test_systemd import STOP, booted

pytestmark = pytest.mark.long

SERVE = "mkdir -p /w; echo from inside >/w/index.html; exec httpd -f -p 80 -h /w"


def load(c):
    with open(f"{support.CACHE}/images/alpine.tar", "rb") as f:
        c.exec("docker", "import", "-c", 'CMD ["/bin/sh"]', "-", "alpine", input=f.read())


def runs(c):
    """Networks, the inner --privileged, limits of a container in the container."""
    out = c.exec("docker", "run", "--rm", "--pids-limit", "30", "alpine", "sh", "-c",
                 "cat /proc/self/uid_map; ip -o -4 addr show eth0; mount -t tmpfs x /mnt 2>&1 | grep -o 'denied\\|permitted'").lines
    assert out[0].split()[2] == str(support.RANGE) and "inet 172." in out[1], out
    assert out[2] in ("denied", "permitted")
    out = c.exec("docker", "run", "--rm", "--privileged", "alpine", "sh", "-c",
                 "mount -t tmpfs x /mnt && mount -t proc p /mnt && ls -d /mnt/1 && mknod /tmp/m b 7 0 || echo no device").lines
    assert out == ["/mnt/1", "no device"], "a container in the container has more than the container"
    driver = c.exec("docker", "info", "-f", "{{.Driver}}").out
    assert driver in ("overlay2", "overlayfs"), driver


def builds(c):
    inside.files(c, "/ctx", Dockerfile=inside.DOCKERFILE, f="data\n")
    for buildkit in "01":
        c.exec("env", f"DOCKER_BUILDKIT={buildkit}", "docker", "build", "--no-cache", "-t", f"made{buildkit}", "/ctx", timeout=120)
        lines = c.exec("docker", "run", "--rm", f"made{buildkit}", "cat", "/g").lines
        assert lines[:2] == ["data", "built"] and "eth0" in lines[2], lines


def publishes(c, outer):
    """A port published inside is one of the outer container's, and can be published once more."""
    c.exec("docker", "run", "-d", "--name", "web", "-p", "8080:80", "alpine", "sh", "-c", SERVE)
    wait_until(lambda: inside.page(outer) == "from inside\n", 20, "the inner container's page")
    c.exec("docker", "rm", "-f", "web")


def is_alone(engine, c):
    """The inner engine, its host and the host's files and processes are all the container's own."""
    ours = engine.docker("info", "-f", "{{.ID}}").out
    inner = ["docker", "run", "--rm", "--privileged", "--pid", "host", "--network", "host", "--uts", "host", "--ipc", "host",
             "-v", "/:/host", "-v", "/var/run/docker.sock:/docker.sock", "alpine"]
    assert c.exec("docker", "info", "-f", "{{.ID}}").out not in ("", ours)
    assert c.id not in c.exec("docker", "ps", "-aq", "--no-trunc").lines
    assert c.exec(*inner, "hostname").out == c.exec("hostname").out
    assert c.exec(*inner, "ls", f"/host{engine.dir}", check=False).rc != 0
    command = c.exec(*inner, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").out
    assert "dockerd" in command and engine.dir not in command
    assert c.exec(*inner, "sh", "-c", "readlink /proc/1/ns/user; readlink /proc/1/ns/net").lines == [
        support.os.readlink(f"/proc/{c.pid}/ns/{kind}") for kind in ("user", "net")]
    assert engine.docker("version", check=False).rc == 0


def test_engine_of_this_release(instance):
    """Privileged: dockerd is the container's process."""
    port = support.free_port()
    c = instance.start("--privileged", "-v", "images:/var/lib/docker", "-p", f"127.0.0.1:{port}:8080", image="machine",
                       cmd=("dockerd",))
    inside.engine_answers(c)
    load(c)
    runs(c)
    builds(c)
    publishes(c, port)
    is_alone(instance, c)
    inside.files(c, "/project", compose_yaml=inside.COMPOSE)
    c.exec("sh", "-c", "cd /project && docker-compose up -d 2>&1", timeout=120)
    wait_until(lambda: "from compose" in c.exec("docker", "logs", "project_client_1").out, 20, "compose's client")
    c.exec("sh", "-c", "cd /project && docker-compose down 2>&1")
    c.exec("docker", "run", "-d", "--name", "stays", "--restart", "always", "alpine", "sleep", "1000")

    instance.docker("restart", "-t", "30", c.id)
    inside.engine_answers(c)
    assert c.exec("docker", "images", "-q", "alpine").lines, "the image did not survive"
    wait_until(lambda: c.exec("docker", "ps", "--format", "{{.Names}}").lines == ["stays"], 20, "the inner container's return")


def test_engine_of_a_system(instance):
    """Not privileged, with the flags of the manual: a system whose systemd has a Docker."""
    port = support.free_port()
    c = booted(instance.start(*STOP, *inside.FLAGS, "-v", "images:/var/lib/docker", "-p", f"127.0.0.1:{port}:8080", image="machine",
                              cmd=("/sbin/init",)))
    c.exec("systemctl", "enable", "--now", "docker.service", timeout=120)
    load(c)
    runs(c)
    builds(c)
    publishes(c, port)
    is_alone(instance, c)
    c.exec("docker", "run", "-d", "--name", "stays", "--restart", "always", "alpine", "sleep", "1000")
    instance.docker("restart", "-t", "60", c.id)
    booted(c)
    wait_until(lambda: c.exec("docker", "ps", "--format", "{{.Names}}", check=False).lines == ["stays"], 30, "the inner container's return")


def test_current_engine(instance):
    port = support.free_port()
    inside.import_folder(instance, space.root_of("forky"), "current")
    c = instance.start("--privileged", "-v", "images:/var/lib/docker", "-p", f"127.0.0.1:{port}:8080", image="current",
                       cmd=("dockerd",))
    inside.engine_answers(c)
    assert int(c.exec("docker", "version", "-f", "{{.Server.Version}}").out.split(".")[0]) >= 28
    load(c)
    runs(c)
    builds(c)
    publishes(c, port)
    is_alone(instance, c)
