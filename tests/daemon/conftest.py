# SPDX-License-Identifier: Apache-2.0
"""Tests of `gabion up` and `gabion down` with a real engine. GABION_BUILD names the build folder."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from instance import Instance  # noqa: E402


def pytest_configure(config):
    del config
    if os.geteuid() != 0:
        pytest.exit("these tests need root: they run container engines", 3)


@pytest.fixture
def box():
    """An instance that is up, with an image called `box`."""
    with Instance() as instance:
        instance.up()
        yield instance.load()


@pytest.fixture
def fresh():
    """A state directory, nothing in it yet."""
    with Instance() as instance:
        yield instance
