# SPDX-License-Identifier: Apache-2.0
"""Each row of rows.tsv, in containers of every kind. `make escape` prints the table."""

import os
import re

import pytest

import rows
import support
from rows import PROBED, ROWS


def ids(found):
    return [r.id for r in found]


@pytest.mark.parametrize("row", PROBED, ids=ids(PROBED))
def test_row(row, control, caged):
    """Nobody gets through, the host is as it was, and the control shows that the probe would have told."""
    seen = rows.words(caged, row.id)
    assert seen, f"no container ran {row.id}"
    assert rows.differs(row, caged) == {}
    waiting = rows.open_cells(row)
    assert {cell: bad for cell, bad in rows.holes(row, caged).items() if cell not in waiting} == {}
    assert list(rows.untrue(row, control)) == []
    if rows.is_escape(row) and not rows.shown(row, control)[0]:
        pytest.skip("VACUOUS: plain crun does not let it through on this machine either")


OPEN = [r for r in PROBED if r.open]


@pytest.mark.parametrize("row", OPEN, ids=ids(OPEN))
def test_open(row, caged):
    """What is known not to be contained yet. When it is, this fails, and the mark in rows.tsv goes."""
    found = rows.holes(row, caged)
    done = [cell for cell in rows.open_cells(row) if cell not in found]
    assert done == [], f"contained by now: take {done} out of the column open of {row.id}"
    pytest.xfail(row.open)


ELSEWHERE = [r for r in ROWS if r.tests]


@pytest.mark.parametrize("row", ELSEWHERE, ids=ids(ELSEWHERE))
def test_elsewhere(row):
    """Rows that other suites show: the tests are there."""
    if re.match(r"n/a: .{5,}", row.tests):
        assert not row.open
        return
    wrong = [f"{test} {rows.missing(test)}" for test in row.tests.split(" ") if rows.missing(test)]
    if row.open:
        assert wrong, f"the tests of {row.id} are there by now: clear its column open"
        pytest.xfail(row.open)
    assert wrong == []


# Rows of the catalogue that the suite was made from.
CATALOGUE = [f"{letter}{n:02}" for letter, last in (
    ("K", 25), ("P", 21), ("Y", 9), ("G", 7), ("M", 25), ("D", 11), ("C", 29), ("A", 13), ("F", 5), ("H", 23), ("B", 5), ("R", 19),
    ("S", 9), ("U", 5), ("V", 5), ("N", 3)) for n in range(1, last + 1, 2)] + [f"SB{n}" for n in range(1, 10)]


def test_every_row_is_there():
    assert set(CATALOGUE) - set(ids(ROWS)) == set()
    assert len(ids(ROWS)) == len(set(ids(ROWS)))


def test_probes_and_rows_are_the_same(caged):
    ran = {ident for cell in caged.cells.values() for ident in cell}
    assert ran == set(ids(PROBED))


def test_rows_make_sense():
    for row in ROWS:
        assert row.technique and row.how, row
        if not row.tests:
            assert row.without_plain and row.without_privileged and row.why and row.plain and row.privileged and row.oracle, row
        for cell in rows.open_cells(row) if not row.tests else ():
            assert cell in rows.matrix.CELLS, row


def test_the_judge_bites():
    """Words that get through are holes in every kind of container, and a host that has changed is one, too."""
    row = next(r for r in ROWS if r.id == "K05")
    for cell in rows.matrix.CELLS:
        made = rows.matrix.Measured()
        for word, bad in (("WRITE_OK", True), ("CRASHED", True), ("TIMEOUT", True), ("UNDECIDED", True), ("EACCES", False)):
            made.cells = {cell: {"K05": [("panic", word, "")]}}
            assert bool(rows.holes(row, made)) == bad, (cell, word)
        assert not rows.shown(row, made)[0]
        made.cells = {cell: {"K05": [("panic", "WRITE_OK", "")]}}
        assert rows.shown(row, made) == ({"panic"}, set())
    made.before = {"/proc/sys/kernel/panic": "0", "/proc/sys/kernel/panic_on_oops": "0"}
    made.after = {"/proc/sys/kernel/panic": "1", "/proc/sys/kernel/panic_on_oops": "0"}
    assert rows.differs(row, made) == {"/proc/sys/kernel/panic": ("0", "1")}


def test_the_document_is_up_to_date():
    made = support.run(os.path.join(rows.HERE, "make-document")).out
    assert support.read(os.path.join(support.ROOT, "docs/escapes.md")).rstrip() == made, \
        "run tests/escape/make-document >docs/escapes.md"
