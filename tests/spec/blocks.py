#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds the examples in the documents of the specification.

A block is one of these:

* fenced: the lines between a line of three backquotes with an optional language and the next line
  of three backquotes, both at any indentation. Its kind is the language ("text" where there is
  none), its line is the line of the opening fence, its text is without the fence's indentation.
* bare: a paragraph (a run of lines that are not blank) outside of fences that begins with

      "$ "                  kind console
      "{"                   kind json
      "<?xml" or "<dict>"   kind xml
      "function "           kind javascript

  or that follows a paragraph ending in ":" and is one line that is indented by four columns or
  more or is a single word, and is no list item, heading, quotation or table: kind text, the output
  of the command before it. Its line is its first line.

Run as a program it prints the table that tests/spec/blocks.tsv holds; with --write it writes it.
"""
import dataclasses
import hashlib
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE / "blocks.tsv"
FENCE = re.compile(r"^( *)```([A-Za-z]*)\s*$")
NOT_TEXT = re.compile(r"^(#|>|\||[-*•] |[0-9]+\. |[0-9]+\.$|<!--|\[|!\[|---)")
BARE = [
    (re.compile(r"^\$ "), "console"),
    (re.compile(r"^\{\s*(\"|$)"), "json"),
    (re.compile(r"^(<\?xml|<dict>)"), "xml"),
    (re.compile(r"^function "), "javascript"),
]


@dataclasses.dataclass(frozen=True)
class Block:
    document: str  # the first three digits of the file's name
    line: int  # counted from 1
    kind: str
    text: str  # lines joined by \n, without a last one

    @property
    def sha256(self):
        return hashlib.sha256(self.text.encode()).hexdigest()


def spec_dir():
    """The folder of the specification: beside the checkout, or where GABION_SPEC_DIR says."""
    told = os.environ.get("GABION_SPEC_DIR")
    if told:
        return pathlib.Path(told)
    return HERE.parent.parent.parent / "shared" / "spec"


def strip_indent(lines, indent):
    return "\n".join(line[indent:] if line[:indent].isspace() else line for line in lines)


def bare_kind(paragraph, before):
    """Kind of a paragraph outside of fences, or None where it is prose."""
    for pattern, kind in BARE:
        if pattern.match(paragraph[0].strip()):
            return kind
    line = paragraph[0]
    if len(paragraph) > 1 or NOT_TEXT.match(line.strip()):
        return None
    if not before or not before[-1].rstrip().endswith(":"):
        return None
    if line.startswith("    ") or " " not in line.strip():
        return "text"
    return None


def find(document, text):
    """All blocks of one document in the order of their lines."""
    found = []
    paragraph, before = [], []
    fence = None  # (line number, indentation, kind, lines) of the open one

    def end_paragraph(next_line):
        nonlocal paragraph, before
        if not paragraph:
            return
        kind = bare_kind(paragraph, before)
        if kind:
            found.append(Block(document, next_line - len(paragraph), kind,
                               strip_indent(paragraph, 0)))
        before, paragraph = paragraph, []

    for number, line in enumerate(text.splitlines(), 1):
        match = FENCE.match(line)
        if fence:
            if match and not match.group(2):
                start, indent, kind, lines = fence
                found.append(Block(document, start, kind, strip_indent(lines, indent)))
                fence = None
            else:
                fence[3].append(line)
        elif match:
            end_paragraph(number)
            before = []
            fence = (number, len(match.group(1)), match.group(2) or "text", [])
        elif not line.strip():
            end_paragraph(number)
        else:
            paragraph.append(line)
    end_paragraph(len(text.splitlines()) + 1)
    if fence:
        raise ValueError(f"{document}: the fence of line {fence[0]} is never closed")
    return found


def find_all(folder):
    """All blocks of all documents (*.txt) of the folder; no document at all is an error."""
    paths = sorted(folder.glob("[0-9][0-9][0-9]_*.txt"))
    if not paths:
        raise FileNotFoundError(f"no specification in {folder}")
    return [block for path in paths for block in find(path.name[:3], path.read_text())]


def table_rows(blocks):
    return [(b.document, b.line, b.kind, b.sha256) for b in blocks]


def table_text(blocks):
    head = "# document\tline\tkind\tsha256 of the text; made by tests/spec/blocks.py --write\n"
    return head + "".join("\t".join(map(str, row)) + "\n" for row in table_rows(blocks))


def read_table(path=TABLE):
    rows = []
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            document, number, kind, sha = line.split("\t")
            rows.append((document, int(number), kind, sha))
    return rows


def main(arguments):
    text = table_text(find_all(spec_dir()))
    if arguments == ["--write"]:
        TABLE.write_text(text)
    elif not arguments:
        sys.stdout.write(text)
    else:
        sys.stderr.write("usage: blocks.py [--write]\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
