# SPDX-License-Identifier: Apache-2.0
"""Every example of the specification has a row in examples.tsv, and the rows that do not wait for a
later part of the suite run against a real engine:

  isolation, verification   the row's command, by sh, on the engine of the end-to-end tests
  socket, profile           on an engine of their own with a registry (sockets.py says what is real there).
      console   the row's command, by sh, under the settings of the JSON row that UNDER names
      json      the document, or the fragment of one, becomes the instance's admin-settings.json; then each
                FACT=VALUE of the expected column has to be true. IMAGE=allow|deny: `gabion images check` of
                an image of that name that was pulled from its registry. COMMAND=allow|deny: `gabion explain`
                of the request that the command is, and, where a container of NAME:cli may have the socket,
                that request made by one. Others: what `gabion settings` and `gabion images` print
  builder                   run by tests/gate/test_builder.py, which says what is real there
"""
import collections
import json
import os
import re
import shlex
import subprocess
import uuid
import warnings

import blocks
import pytest
import sockets

ROWS = blocks.HERE / "examples.tsv"
CELLS = {"socket": "docker_cell", "profile": "iechor_cell"}
RUN = {"isolation", "verification", *CELLS}
ELSEWHERE = {"builder": "gate/test_builder.py"}
WAIT = {"settings", "signin", "egress", "kubernetes"}
CONFIG = {"json", "xml", "javascript"}
UNESCAPE = {"n": "\n", "t": "\t", "\\": "\\"}

# The settings that are in force around an example: those of the JSON block of its document that has the
# lists that the text speaks about. None: "by default".
UNDER = {
    ("000", 18): None, ("000", 104): 40, ("000", 129): 40, ("000", 238): 40, ("000", 278): 268, ("000", 285): 268,
    ("001", 705): 634, ("001", 775): 742, ("001", 858): None, ("001", 1267): None,
    ("004", 19): None, ("004", 97): 38, ("004", 125): 38, ("004", 145): 38, ("004", 185): 175, ("004", 192): 175,
}

Row = collections.namedtuple("Row", "document line kind shows input exit expected capability")


def unescape(field):
    return re.sub(r"\\(.)", lambda match: UNESCAPE[match.group(1)], field)


def read_rows():
    rows = []
    for line in ROWS.read_text().splitlines():
        if line and not line.startswith("#"):
            fields = [unescape(field) for field in line.split("\t")]
            fields[1] = int(fields[1])
            rows.append(Row(*fields))
    return rows


ALL = read_rows()


def by_place(rows):
    return {(row.document, row.line): row for row in rows}


@pytest.fixture(scope="session")
def spec_blocks():
    """Blocks of the specification itself, or None where it is not beside the checkout."""
    if not blocks.spec_dir().is_dir():
        return None
    return blocks.find_all(blocks.spec_dir())


def test_finder():
    text = ("Intro:\n\n$ docker ps\nCONTAINER ID\n\nIt outputs:\n\nword\n\n  1. not this\n\n"
            "{\n  \"a\": 1\n}\n\n- item\n  ```json\n  {\n    \"b\": 2\n  }\n  ```\n```\nx\n```\n")
    found = [(b.line, b.kind, b.text) for b in blocks.find("000", text)]
    assert found == [
        (3, "console", "$ docker ps\nCONTAINER ID"),
        (8, "text", "word"),
        (12, "json", '{\n  "a": 1\n}'),
        (17, "json", '{\n  "b": 2\n}'),
        (22, "text", "x"),
    ]
    with pytest.raises(ValueError):
        blocks.find("000", "```console\n$ true\n")


def test_table_is_the_specification(spec_blocks):
    """blocks.tsv, by which the rows are checked where there is no specification, is up to date."""
    table = blocks.read_table()
    assert table, "blocks.tsv is empty"
    if spec_blocks is not None:
        assert blocks.table_rows(spec_blocks) == table, "run tests/spec/blocks.py --write"
    else:
        warnings.warn(f"no specification in {blocks.spec_dir()}: only {blocks.TABLE.name} is checked")


def test_every_block_has_a_row():
    wanted = {(document, line): kind for document, line, kind, _ in blocks.read_table()}
    have = by_place(ALL)
    assert len(have) == len(ALL), "a block has two rows"
    assert wanted.keys() - have.keys() == set(), "blocks without a row"
    assert have.keys() - wanted.keys() == set(), "rows without a block"
    for place, row in have.items():
        assert row.kind == wanted[place], place


def test_rows_are_well_formed():
    for row in ALL:
        assert row.capability in RUN | WAIT | ELSEWHERE.keys(), row
        assert row.exit in ("0", "!0"), row
        assert row.shows and row.input and row.expected, row
        if row.expected.startswith("re:"):
            re.compile(row.expected[3:])


def long_options(text):
    """Long options of docker commands, without their values."""
    return set(re.findall(r"(?<=\s)--[a-z][a-z-]+", text))


def test_inputs_say_what_the_blocks_say(spec_blocks):
    """A row does not drift away from its block: configuration is the same, options are used."""
    if spec_blocks is None:
        warnings.warn(f"no specification in {blocks.spec_dir()}: inputs are not compared with it")
        return
    rows = by_place(ALL)
    for block in spec_blocks:
        row = rows[(block.document, block.line)]
        if block.kind == "json":
            text = block.text if block.text.startswith("{") else "{" + block.text + "}"
            assert json.loads(row.input) == json.loads(text), row
        elif block.kind in CONFIG:
            assert row.input == block.text, row
        elif block.kind == "console" and re.search(r"^\$ docker ", block.text, re.M):
            commands = "\n".join(re.findall(r"^\$ (docker .*)$", block.text, re.M))
            assert long_options(commands) <= long_options(row.input), row


def test_errata_name_rows_that_exist():
    """docs/spec-errata.md says which row holds what it says: the last cell of its tables."""
    text = (blocks.HERE.parent.parent / "docs" / "spec-errata.md").read_text()
    cells = [line.strip().strip("|").split("|")[-1] for line in text.splitlines() if line.startswith("| 0")]
    named = {(d, int(n)) for cell in cells for d, n in re.findall(r"\b(00[0-4]):([0-9]+)", cell)}
    assert len(cells) > 20 and len(named) > 15
    assert named - by_place(ALL).keys() == set()


def test_errata_name_tests_that_exist():
    text = (blocks.HERE.parent.parent / "docs" / "spec-errata.md").read_text()
    named = re.findall(r"((?:src|tests)/[\w/.-]+)::?(test_\w+)", text)
    assert len(named) > 2
    for path, test in named:
        assert re.search(rf"^(def|static void) {test}\(", (blocks.HERE.parent.parent / path).read_text(), re.M), (path, test)


def run_row(row, instance):
    """The row's command by sh; containers that it leaves are swept away by the fixture."""
    name = f"gabion-spec-{row.document}-{row.line}-{uuid.uuid4().hex[:6]}"
    env = dict(os.environ, **instance.environment({"NAME": name, "LC_ALL": "C.UTF-8"}))
    return subprocess.run(["sh", "-c", row.input], env=env, text=True, timeout=180,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def check_output(row, done):
    shown = f"{shlex.quote(row.input)}\nexit {done.returncode}\n{done.stdout}"
    assert (done.returncode == 0) == (row.exit == "0"), shown
    if row.expected.startswith("re:"):
        assert re.search(row.expected[3:], done.stdout, re.MULTILINE), shown
    elif row.expected != "-":
        assert row.expected in done.stdout, shown


def rows_of(*capabilities):
    return pytest.mark.parametrize("row", [row for row in ALL if row.capability in capabilities],
                                   ids=lambda row: f"{row.document}:{row.line}")


@rows_of("isolation", "verification")
def test_row(row, instance):
    instance.need("alpine")
    check_output(row, run_row(row, instance))


def test_settings_around_examples():
    """UNDER has each console row of these capabilities, and names rows of settings."""
    rows = by_place(ALL)
    assert UNDER.keys() == {place for place, row in rows.items() if row.capability in CELLS and row.kind == "console"}
    assert all(line is None or rows[(document, line)].kind == "json" for (document, _), line in UNDER.items())


@pytest.fixture
def cell(request):
    """The engine that a row is for."""
    engine = request.getfixturevalue(CELLS[request.node.callspec.params["row"].capability])
    yield engine
    engine.restore()


@rows_of(*CELLS)
def test_socket_row(row, cell):
    if row.kind == "json":
        sockets.check_document(cell, row)
        return
    around = UNDER[(row.document, row.line)]
    cell.put(json.loads(by_place(ALL)[(row.document, around)].input) if around else None)
    check_output(row, run_row(row, cell))


def test_waiting_rows_are_counted():
    """What waits is visible in the test's output, and nothing waits under an unknown name."""
    waiting = collections.Counter(row.capability for row in ALL if row.capability in WAIT)
    print("waiting:", ", ".join(f"{name} {n}" for name, n in sorted(waiting.items())))
    elsewhere = [row for row in ALL if row.capability in ELSEWHERE]
    for row in elsewhere:  # by its place
        test = (blocks.HERE.parent / ELSEWHERE[row.capability]).read_text()
        assert f'"{row.document}", {row.line}' in test, row
    assert sum(waiting.values()) + len(elsewhere) + sum(row.capability in RUN for row in ALL) == len(ALL)
