# SPDX-License-Identifier: Apache-2.0
"""docker compose 2, the plugin of Debian forky's docker, on a caged engine: for a user of the host, and over the socket of
a container. What compose 1.29 does is in test_relay.py and test_children.py."""

import os

import pytest

from cages import support
from test_tunnel import client, forky  # noqa: F401

PROJECT = """
services:
  db:
    image: alpine
    command: sleep 1000
  web:
    build: .
    command: sh -c 'cat /made /data/given && exec sleep 1000'
    volumes: ["./data:/data", "kept:/kept"]
    depends_on: [db]
volumes:
  kept:
"""
FILES = {"compose.yml": PROJECT, "Dockerfile": "FROM alpine\nRUN cut -c1-20 /proc/self/uid_map >/made\n", "data/given": "given\n"}


@pytest.fixture
def compose(cage, policy, forky):  # noqa: F811
    """Calls compose for a small project, of whom a socket belongs to."""
    with support.host_folder() as folder:
        os.mkdir(f"{folder}/data")
        for name, text in FILES.items():
            support.write(f"{folder}/{name}", text)

        def call(socket, *args, check=True):
            done = client(forky, cage, socket, "compose", "--ansi=never", "--progress=plain", "--project-directory", folder, "-p", "p", *args)
            assert not check or done.rc == 0, done
            return done

        yield call
        cage.sweep()
        cage.docker("rmi", "-f", "p-web", check=False)


def test_a_project(cage, compose):
    """Made of an image that is built, a bind of the user's and a volume; seen, entered, and taken down."""
    compose(cage.socket, "up", "--detach", "--build")
    assert sorted(compose(cage.socket, "ps", "--services").lines) == ["db", "web"]
    made, given = support.wait_until(lambda: len(lines := compose(cage.socket, "logs", "--no-log-prefix", "web").lines) == 2 and lines)
    assert int(made.split()[1]) >= 100000 and given == "given"
    done = compose(cage.socket, "exec", "-T", "web", "sh", "-c", "ping -qc1 -W5 db >&2; cat /proc/self/uid_map; touch /kept/x")
    assert int(done.out.split()[1]) >= 100000
    compose(cage.socket, "down", "--volumes", "--timeout=0")
    assert not cage.docker("ps", "-aq").out and not cage.docker("volume", "ls", "-q").out


def test_for_a_container(cage, policy, compose, door):  # noqa: F811
    """One whose list of commands has compose can do the same; one to which it is denied is told at compose's first request."""
    policy(["docker:cli"], ["compose"], kind="allow")
    compose(door, "up", "--detach", "--build")
    assert compose(door, "exec", "-T", "web", "cat", "/data/given").out == "given"
    compose(door, "down", "--volumes", "--timeout=0")
    policy(["docker:cli"], ["compose"])
    for args in (("ps",), ("up", "--detach"), ("down",)):
        done = compose(door, *args, check=False)
        assert done.rc != 0 and 'docker command "/v1.' in done.err and "is blocked; if you wish" in done.err, done
    assert not cage.docker("ps", "-q", "--filter", "label=com.docker.compose.project").out
