# SPDX-License-Identifier: Apache-2.0
"""Newer engines than Debian 12's, with all of gabion before them; one has its images in containerd."""

import os
import sys

import pytest

import cages
from cages import HERE

sys.path.append(os.path.join(os.path.dirname(HERE), "engines"))
import space  # noqa: E402

ENGINES = {"trixie": ("trixie", "26.1"), "forky": ("forky", "28."), "forky-containerd": ("forky", "28.", "--feature",
                                                                                          "containerd-snapshotter=true")}


def cage(name):
    """What a fixture yields."""
    if os.geteuid() != 0:
        pytest.skip("not root: no engine can be started")
    suite, version, *args = ENGINES[name]
    path = os.environ["PATH"]
    root = space.root_of(suite)
    os.environ["PATH"] = f"{root}/gabion-bin:{path}"
    try:
        # Docker 26 has its hook for networks started by runc, from a place that is not the engine's usual one.
        engine = cages.make(*args, facts={"hooks": [f"{root}/usr/sbin/dockerd"]})
    finally:
        os.environ["PATH"] = path
    try:
        assert engine.docker("version", "-f", "{{.Server.Version}}").out.startswith(version)
        drivers = engine.docker("info", "-f", "{{.DriverStatus}}").out
        assert ("io.containerd.snapshotter" in drivers) == bool(args), drivers
        yield engine
        engine.sweep()
    finally:
        cages.end(engine)
