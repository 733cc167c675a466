# SPDX-License-Identifier: Apache-2.0
"""Whole systems in containers: the engine is the one of the end-to-end tests (tests/e2e/conftest.py)."""

import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [HERE, f"{TESTS}/e2e", f"{TESTS}/engines"]


def _load(path, name):
    found = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


_fixtures = _load(f"{TESTS}/e2e/conftest.py", "gabion_e2e_fixtures")
pytest_configure = _fixtures.pytest_configure
_instance = _fixtures._instance
instance = _fixtures.instance
folder = _fixtures.folder
