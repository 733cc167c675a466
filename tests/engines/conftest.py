# SPDX-License-Identifier: Apache-2.0
"""Engines for the tests.

GABION_ENGINES: which, as SUITE/LOWER/STORE with * in any place, separated by blanks; */*/* are all. The
default has each release, lower runtime and store once. GABION_BUILD: build folder.
"""

import fnmatch
import os

import pytest

import space

RELEASES = {
    "forky": ("overlay2", "containerd", "vfs"),  # Docker 28.5
    "trixie": ("overlay2", "containerd", "vfs"),  # Docker 26.1
    "bookworm": ("overlay2", "vfs"),  # Docker 20.10
}
LOWERS = {"crun": "/usr/bin/crun", "runc": "/usr/sbin/runc"}
DEFAULT = """
forky/crun/containerd trixie/runc/overlay2 bookworm/crun/vfs
forky/crun/overlayfs bookworm/crun/native
forky/crun/podman bookworm/crun/podman
"""
WANTED = os.environ.get("GABION_ENGINES", DEFAULT).split()


def wanted(*parts):
    return any(fnmatch.fnmatch("/".join(parts), pattern) for pattern in WANTED)


MATRIX = [(suite, lower, store) for suite, stores in RELEASES.items() for store in stores for lower in LOWERS
          if wanted(suite, lower, store)]


CAP_SYS_RESOURCE = 24


def has_capability(number):
    return int(space.support.status_of("self")["CapEff"], 16) >> number & 1


def pytest_configure(config):
    del config
    if os.geteuid() != 0:
        pytest.exit("the tests of engines need root", 3)


@pytest.fixture(scope="module", params=MATRIX, ids=["/".join(m) for m in MATRIX])
def _engine(request):
    suite, lower, store = request.param
    yield from space.running(space.Docker(suite, LOWERS[lower], store))


@pytest.fixture
def engine(_engine):
    yield _engine
    _engine.sweep()


@pytest.fixture
def folder():
    with space.support.host_folder() as path:
        yield path
