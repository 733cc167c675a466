# SPDX-License-Identifier: Apache-2.0
"""Tests of gabion-vfs, alone and in an instance. GABION_BUILD names the build folder."""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "daemon")]

import vfs  # noqa: E402


def pytest_configure(config):
    del config
    if os.geteuid() != 0:
        pytest.exit("these tests need root: they mount a file system", 3)
    if not os.path.exists("/dev/fuse"):
        pytest.exit("these tests need /dev/fuse", 3)
    vfs.own_mounts()


@pytest.fixture
def files():
    with vfs.Vfs() as v:
        yield v


@pytest.fixture
def cgroup():
    with vfs.Cgroup() as c:
        yield c
