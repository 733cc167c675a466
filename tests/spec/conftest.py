# SPDX-License-Identifier: Apache-2.0
"""The engine that the rows run against is the one of the end-to-end tests (tests/e2e/conftest.py)."""
import importlib.util
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import sockets  # noqa: E402


def load(path, name):
    found = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


_fixtures = load(HERE.parent / "e2e" / "conftest.py", "gabion_e2e_fixtures")
_instance = _fixtures._instance
instance = _fixtures.instance
_user_without_subids = _fixtures._user_without_subids
ordinary_user = _fixtures.user_without_subids


@pytest.fixture(scope="session")
def docker_cell():
    yield from _fixtures.engine_session(lambda: sockets.Cell("docker"))


@pytest.fixture(scope="session")
def iechor_cell():
    yield from _fixtures.engine_session(lambda: sockets.Cell("iechor"))
