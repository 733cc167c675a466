# SPDX-License-Identifier: Apache-2.0
"""What tools/run-tests makes of tests that fail."""
import importlib.machinery
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOCKETS = "tests/gate/test_sockets.py::test_x"
ATTACK = "tests/gate/test_attacks.py::test_a_swap[while it starts]"


@pytest.fixture
def runner(monkeypatch, tmp_path):
    """Its functions; what it would run is kept, and passes."""
    loader = importlib.machinery.SourceFileLoader("run_tests", str(ROOT / "tools" / "run-tests"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", loader))
    loader.exec_module(module)
    module.ran = []

    def run(name, kind, limit, command):
        module.ran.append(command[command.index("-q"):])
        return {"passed": 1, "failed": 0, "skipped": 0}

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "LOGS", tmp_path)
    return module


def again(runner, *failed):
    """The counts of a stage of ten tests, after what is given another chance had it."""
    (runner.LOGS / "gate.log").write_text("".join(f"FAILED {test} - AssertionError: x\n" for test in failed))
    stage = ("gate", "pytest", 60, ["pytest", "-q", "tests/gate"])
    return runner.again(stage, {"passed": 10 - len(failed), "failed": len(failed), "skipped": 0})


def test_another_chance(runner, capsys):
    assert again(runner, SOCKETS) == {"passed": 10, "failed": 0, "skipped": 0}
    assert runner.ran == [["-q", SOCKETS]] and f"flaky  gate: {SOCKETS}" in capsys.readouterr().out


def test_an_attack_has_one_chance(runner, capsys):
    """That it got through once is what it was to find out."""
    assert again(runner, ATTACK)["failed"] == 1 and not runner.ran
    assert f"found  gate: {ATTACK}" in capsys.readouterr().out


def test_beside_an_attack(runner):
    """Others of the same stage have theirs."""
    assert again(runner, ATTACK, SOCKETS) == {"passed": 9, "failed": 1, "skipped": 0}
    assert runner.ran == [["-q", SOCKETS]]


def test_which_are_attacks(runner):
    """The files that are named exist; those of engines that are slow at times are not among them."""
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob("*/test_*.py")]
    found = {path for path in files if runner.is_attack(f"{path}::test_x")}
    assert {"tests/escape/test_escape.py", "tests/escape/test_races.py",
            "tests/gate/test_guard.py", "tests/gate/test_guard_newer.py", "tests/e2e/test_10_smuggling.py"} <= found
    assert runner.is_attack("tests/gate/test_attacks.py::test_a_source_swapped_after_the_creation[-v-start]")
    assert {"tests/gate/test_sockets.py", "tests/e2e/test_12_apps.py", "tests/systems/test_docker.py"}.isdisjoint(found)
    for name in runner.ATTACKS:
        assert any(path.startswith(name) for path in files), name
