# SPDX-License-Identifier: Apache-2.0
"""Clients of npm as in test_node.py, on newer engines, one with its images in containerd."""

import types

import pytest

import cages
import newer
import registry as registries
from test_node import run_node, ryuk, test_a_ryuk_that_may_not, test_testcontainers  # noqa: F401

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=["trixie", "forky", "forky-containerd"])
def _cage(request):
    """In the place of conftest.py's."""
    yield from newer.cage(request.param)


def test_dockerode(cage, policy):
    """The same engine through the gate, and past it while isolation is off: then it is as without gabion."""
    registries.push(cage, cage.registry, "alpine", "node/alpine", "1")
    remote = f"{cage.registry.name}/node/alpine:1"
    through = run_node(cage, "dockerode.js", cage.socket, remote).lines
    off = cages.settings()
    off["enhancedContainerIsolation"]["value"] = False
    cages.put(cage, off)
    past = types.SimpleNamespace(beside_ports=cage.beside_ports)
    direct = run_node(past, "dockerode.js", f"{cage.dir}/run/engine.sock", remote).lines
    assert len(direct) > 20 and direct[-1] == "gone [0]", direct
    assert direct == through
