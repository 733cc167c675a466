# SPDX-License-Identifier: Apache-2.0
"""SDKs: the same program prints the same with gabion as with the same engine and crun alone."""

import difflib
import os

import pytest

from cages import HERE, support


@pytest.fixture(scope="module")
def bare():
    if os.geteuid() != 0:
        pytest.skip("not root: no engine can be started")
    engine = support.BareEngine("/usr/bin/crun")
    try:
        engine.need("alpine")
        yield engine
        engine.sweep()
    finally:
        engine.down()
        engine.remove_folder()


def lines(engine, *program):
    socket = engine.environment()["DOCKER_HOST"].removeprefix("unix://")
    return support.run(*program, socket, timeout=240).lines


def test_python(cage, policy, bare):
    program = ("/usr/bin/python3", f"{HERE}/clients/sdk.py")
    direct, through = lines(bare, *program), lines(cage, *program)
    assert len(direct) > 25 and direct[-1].startswith("gone")
    assert not list(difflib.unified_diff(direct, through, "direct", "through", lineterm="", n=0))
