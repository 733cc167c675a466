# SPDX-License-Identifier: Apache-2.0
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from cage import Cage  # noqa: E402


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("tests/cp needs root: it makes containers")


@pytest.fixture(params=["shifted", "idmapped"])
def cage(request):
    """A container; its files with shifted owners on disk, and with an ID-mapped root file system."""
    with Cage(idmapped=request.param == "idmapped") as c:
        yield c


@pytest.fixture
def one():
    """A container, where the kind of its root file system makes no difference."""
    with Cage() as c:
        yield c
