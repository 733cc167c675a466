# SPDX-License-Identifier: Apache-2.0
"""Builds on newer engines, whose BuildKit asks the lower runtime for what the crun of Debian 12 does not know."""

import pytest

import cages
import newer

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=["trixie", "forky-containerd"])
def _cage(request):
    """In the place of conftest.py's."""
    yield from newer.cage(request.param)


def test_build(cage, policy):
    done = cage.build("FROM alpine\nRUN cat /proc/self/uid_map >/map\nRUN echo was built\n", tag="gbt-built")
    assert "was built" in done.text
    assert int(cage.run("--network", "none", image="gbt-built", cmd="cat /map").out.split()[1]) >= 100000


def test_build_with_isolation_off(cage, policy):
    off = cages.settings()
    off["enhancedContainerIsolation"]["value"] = False
    cages.put(cage, off)
    done = cage.build("FROM alpine\nRUN cat /proc/self/uid_map\n")
    assert " 0          0 4294967295" in done.text, done
