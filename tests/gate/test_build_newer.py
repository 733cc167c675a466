# SPDX-License-Identifier: Apache-2.0
"""Builds on newer engines, whose BuildKit asks the lower runtime for what the crun of Debian 12 does not know."""

import pytest

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
