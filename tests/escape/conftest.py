# SPDX-License-Identifier: Apache-2.0
"""The engines are those of the end-to-end tests: `instance` behind gabion, `reference` with plain crun. Each runs all
probes once a session, in every cell of matrix.py; the tests look at what came of it."""

import importlib.util
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import matrix  # noqa: E402
import rows  # noqa: E402


def load(path, name):
    found = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


_fixtures = load(HERE.parent / "e2e" / "conftest.py", "gabion_e2e_fixtures")
_instance = _fixtures._instance
MEASURED = {}  # "caged" and "control": what the summary shows


@pytest.fixture(scope="session")
def _reference():
    def make():
        engine = _fixtures.support.BareEngine(str(HERE / "crun"))
        engine.kind = "reference"
        return engine

    yield from _fixtures.engine_session(make)


def pytest_addoption(parser):
    parser.addoption("--table", action="store_true", help="print every row with what happened, at the end")


def pytest_configure(config):
    _fixtures.pytest_configure(config)


@pytest.fixture(scope="session")
def control(_reference):
    """What the probes reach without gabion. Values are only written back."""
    MEASURED["control"] = matrix.measure(_reference, change=False)
    return MEASURED["control"]


@pytest.fixture(scope="session")
def caged(control, _instance):
    """What they reach with it, after the control: here values are changed, and the host's must stay."""
    MEASURED["caged"] = matrix.measure(_instance, change=True)
    return MEASURED["caged"]


def pytest_terminal_summary(terminalreporter, config):
    if len(MEASURED) != 2:
        return
    if config.getoption("--table"):
        terminalreporter.section("escapes")
        for line in rows.table(MEASURED["control"], MEASURED["caged"]):
            terminalreporter.write_line(line)
    lines = list(rows.vacuous(MEASURED["control"]))
    if lines:
        terminalreporter.section("VACUOUS: the control does not show these either, so they prove nothing on this machine")
        for line in lines:
            terminalreporter.write_line(line)
