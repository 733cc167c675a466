# SPDX-License-Identifier: Apache-2.0
"""attacks.tsv names tests that exist, for every row that there is."""

import os
import re

HERE = os.path.dirname(os.path.realpath(__file__))
TESTS, SRC = os.path.dirname(HERE), os.path.join(os.path.dirname(os.path.dirname(HERE)), "src")
ROWS = [*(f"A{n}" for n in range(1, 14)), *(f"B{n}" for n in range(1, 33)), *(f"C{n}" for n in range(1, 9)),
        *(f"S{n}" for n in range(1, 12)), *(f"F{n}" for n in range(1, 8)),
        *(f"G{n}" for n in range(1, 23))]
RELEASES = ("13 14 16 17 20 23 26 27 30 31 34 36 37 38 39 40 41 42 44 44.3 47 53 59 68 71 75 77 80 85 86").split()


def table():
    with open(os.path.join(HERE, "attacks.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    assert rows.pop(0) == ["row", "attack", "tests"]
    return rows


def missing(test):
    """What is wrong with a reference, or None."""
    found = re.fullmatch(r"(?:([\w/-]+\.py)::(test_\w+)|([\w/-]+\.c):(test_\w+))", test)
    if not found:
        return "is no reference"
    python, function, c, unit = found.groups()
    path = os.path.join(TESTS, python) if python else os.path.join(SRC, c)
    if not os.path.exists(path):
        return "has no file"
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if python:
        return None if re.search(rf"^def {function}\(", text, re.M) else "has no function"
    return None if re.search(rf"^static void {unit}\(", text, re.M) and len(re.findall(rf"\b{unit}\b", text)) > 1 else "is not run"


def test_every_row_is_there():
    assert [row[0] for row in table()] == [*ROWS[:53], *(f"R4.{r}" for r in RELEASES), *ROWS[53:]]


def test_every_test_is_there():
    wrong = []
    for row in table():
        ident, attack, tests = row
        assert attack and tests, row
        if not re.match(r"n/a: .{5,}", tests):
            wrong += [f"{ident}: {t} {missing(t)}" for t in tests.split(" ") if missing(t)]
    assert wrong == []


def test_the_check_bites():
    assert missing("gate/test_table.py::test_the_check_bites") is None
    for bad in ("gate/test_table.py::test_nothing", "gate/none.py::test_x", "json/test-shape.c:test_nothing", "see above", "",
                "gate/test_table.py::missing", "gate/test_table.py"):
        assert missing(bad), bad
