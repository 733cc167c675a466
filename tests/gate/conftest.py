# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import cages  # noqa: E402
import fakes  # noqa: E402


@pytest.fixture
def gate():
    """A gate with a fake engine and a fake gabiond; at the end it must stop cleanly."""
    g = fakes.Gate()
    yield g
    g.close()


@pytest.fixture
def make_gate():
    made = []

    def make(*args, **how):
        made.append(fakes.Gate(*args, **how))
        return made[-1]

    yield make
    for g in made:
        g.close()


@pytest.fixture
def users():
    """Uids that are nobody's, to connect as. Needs root."""
    if os.geteuid() != 0:
        pytest.skip("not root: connections of other users cannot be made")
    return (54321, 54322)


@pytest.fixture(scope="session")
def _cage():
    if os.geteuid() != 0:
        pytest.skip("not root: no engine can be started")
    engine = cages.make()
    yield engine
    engine.sweep()
    cages.end(engine)


@pytest.fixture
def cage(_cage):
    yield _cage
    _cage.sweep()


@pytest.fixture
def policy(cage):
    """Puts settings in force; at first, docker:cli may have the socket and not push."""

    def put(*args, **how):
        cages.put(cage, cages.settings(*args, **how))

    put(["docker:cli"], ["push"])
    return put


@pytest.fixture
def door(cage, policy):
    """The socket of a container that may have it. Who connects to it is that container, whoever that is."""
    container = cage.start("-v", cages.SOCKET, image="docker:cli")
    short = tempfile.mkdtemp(prefix="gabion-door-", dir="/var/tmp")  # the socket's own path is too long for one
    os.symlink(f"{cage.dir}/run/sock/{container.id}", f"{short}/to")
    yield f"{short}/to/docker.sock"
    shutil.rmtree(short)
