# SPDX-License-Identifier: Apache-2.0
"""rows.tsv: what each row says, and whether what was measured agrees with it.

A cell of the columns plain and privileged names the words that may come out, apart by "|". A word is a refusal if it is
the name of an errno. Rows with tests instead of words are shown by tests of other suites.
"""

import collections
import errno
import os
import re

import matrix
import support

HERE = os.path.dirname(os.path.realpath(__file__))
COLUMNS = ["id", "technique", "how", "without_plain", "without_privileged", "why", "plain", "privileged", "oracle", "tests", "open"]
Row = collections.namedtuple("Row", COLUMNS)
REFUSALS = {name for name in dir(errno) if name.startswith("E")}


def read_rows():
    with open(os.path.join(HERE, "rows.tsv"), encoding="utf-8") as f:
        lines = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    assert lines.pop(0) == COLUMNS
    for line in lines:
        assert len(line) == len(COLUMNS), line
    return [Row(*line) for line in lines]


ROWS = read_rows()
PROBED = [r for r in ROWS if not r.tests]


def oracles():
    return sorted({name for r in PROBED for name in r.oracle.split(", ") if name != "-"})


def open_cells(row):
    """{cell: what is missing} of the column open: "cell cell: reason; cell: reason"."""
    found = {}
    for part in filter(None, row.open.split("; ")):
        cells, reason = part.split(": ", 1)
        for cell in cells.split(" "):
            found[cell] = reason
    return found


# ── words ──────────────────────────────────────────────────────────────────────────────────────────


def uptime(text):
    host = float(support.read("/proc/uptime").split()[0])
    return "HOSTS" if abs(host - float(text.split()[0])) < 300 else "OWN"


def product_uuid(text):
    path = "/sys/class/dmi/id/product_uuid"
    return "HOSTS" if os.path.exists(path) and support.read(path).strip() == text.strip() else "OWN"


def memory(text):
    return "OWN" if int(text.split()[1]) <= 512 * 1024 else "HOSTS"


def processors(text):
    return "OWN" if text == "1" else "HOSTS"


# What "VALUE" means: a comparison with the host's.
VALUES = {
    ("P13", "uptime"): uptime,
    ("P13", "swaps"): lambda text: "HOSTS" if "/" in text or "partition" in text else "OWN",
    ("P25", "meminfo"): memory,
    ("P25", "cpuinfo"): processors,
    ("Y07", ""): product_uuid,
    ("C29", ""): uptime,
}


def words(measured, ident):
    """{cell: {part: word}}"""
    return {cell: {part: VALUES[ident, part](detail) if word == "VALUE" else word for part, word, detail in found}
            for cell, found in measured.of(ident).items()}


def allowed(row, cell, word):
    column = matrix.CELLS[cell][2] if cell in matrix.CELLS else "privileged"
    if column == "either":
        return word in REFUSALS or word in row.plain.split("|") or word in row.privileged.split("|")
    return word in getattr(row, column).split("|")


def escapes(row, cell, word):
    """Whether a word shows that somebody got through."""
    return word not in REFUSALS and not allowed(row, cell, word)


def is_escape(row):
    """Whether the row says that without gabion somebody gets through; others are the same everywhere."""
    return any(escapes(row, cell, word) for cell, column in (("plain", row.without_plain), ("privileged", row.without_privileged))
               for word in column.split("|"))


def shown(row, control):
    """(parts that the control shows to be escapes, those that it does not)"""
    seen = words(control, row.id)
    parts = {part for cell in seen.values() for part in cell}
    bite = {part for cell, found in seen.items() for part, word in found.items() if escapes(row, cell, word)}
    return bite, parts - bite


def holes(row, caged):
    """{cell: [part word]} that is not as the row says."""
    found = {}
    for cell, seen in words(caged, row.id).items():
        details = {part: detail for part, _, detail in caged.of(row.id)[cell]}
        bad = [f"{part} {word} {details[part]}".strip() for part, word in seen.items() if not allowed(row, cell, word)]
        if bad:
            found[cell] = bad
    return found


def untrue(row, control):
    """What the columns about life without gabion get wrong; refusals depend on the kernel."""
    for cell, column in (("plain", row.without_plain), ("privileged", row.without_privileged)):
        for part, word in words(control, row.id).get(cell, {}).items():
            if word not in REFUSALS and word not in column.split("|"):
                detail = next(d for p, _, d in control.of(row.id)[cell] if p == part)
                yield f"{cell} {part}: {word} ({detail}), the table says {column}"


def same(before, after):
    return abs(before - after) < 2 if isinstance(before, float) else before == after


def differs(row, measured):
    """What of the host is not as it was: {oracle: (before, after)}, of a dict only what differs."""
    found = {}
    for name in row.oracle.split(", "):
        if name != "-" and not same(measured.before[name], measured.after[name]):
            before, after = measured.before[name], measured.after[name]
            if isinstance(before, dict):
                keys = [k for k in before.keys() | after.keys() if before.get(k) != after.get(k)]
                before, after = ({k: d.get(k) for k in keys} for d in (before, after))
            found[name] = (before, after)
    return found


# ── the table ──────────────────────────────────────────────────────────────────────────────────────


def summary(measured, ident):
    """Words of the plain and of the privileged container, then those of other cells that differ."""
    def show(found):
        return ",".join(dict.fromkeys(found.values()))

    seen = {cell: show(found) for cell, found in words(measured, ident).items()}
    first = [seen.get(cell, "-") for cell in ("plain", "privileged")]
    if first == ["-", "-"]:
        return " / ".join(seen.values())
    return " / ".join(first)


def verdict(row, control, caged):
    if row.tests:
        return "waits" if row.open else "elsewhere"
    found, waiting = holes(row, caged), open_cells(row)
    if differs(row, caged) or set(found) - set(waiting):
        return "ESCAPED"
    if found:
        return "open"
    if not is_escape(row):
        return "same"
    return "contained" if shown(row, control)[0] else "VACUOUS"


def table(control, caged):
    yield f"{'id':5} {'technique':58} {'without gabion (plain / privileged)':50} {'with it':40} verdict"
    for row in ROWS:
        without, within = ("", row.tests) if row.tests else (summary(control, row.id), summary(caged, row.id))
        yield f"{row.id:5} {row.technique[:58]:58} {without[:50]:50} {within[:40]:40} {verdict(row, control, caged)}"


def vacuous(control):
    for row in PROBED:
        if is_escape(row):
            bite, rest = shown(row, control)
            if rest:
                yield f"partly {row.id} {row.technique}: {', '.join(sorted(rest))}" if bite else f"VACUOUS {row.id} {row.technique}"


def missing(test):
    """What is wrong with a reference to a test, or None."""
    found = re.fullmatch(r"(?:([\w/-]+\.py)::(test_\w+)|([\w/-]+\.c):(test_\w+))", test)
    if not found:
        return "is no reference"
    python, function, c, unit = found.groups()
    path = os.path.join(support.ROOT, "tests", python) if python else os.path.join(support.ROOT, "src", c)
    if not os.path.exists(path):
        return "has no file"
    pattern = rf"^def {function}\(" if python else rf"^static void {unit}\("
    return None if re.search(pattern, support.read(path), re.M) else "has no function"
