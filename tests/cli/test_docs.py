# SPDX-License-Identifier: Apache-2.0
"""What is written about the command line is what it does: man pages, completions, JSON members,
keys of gabion.json. GABION_BUILD is the build folder."""
import glob
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("GABION_BUILD", ROOT / "build"))
GABION = BUILD / "src" / "cli" / "gabion"
MAN = ROOT / "docs" / "man"
COMPLETIONS = ROOT / "packaging" / "completions"


def run(*args, expect=0, **env):
    done = subprocess.run([GABION, *args], capture_output=True, text=True, timeout=60, check=False,
                          env=dict(os.environ, **env))
    assert expect is None or done.returncode == expect, (args, done)
    return done.stdout


def commands():
    text = run("--help")
    found = re.findall(r"^  ([a-z]+) +\S", text[text.index("commands:"):], re.M)
    assert {"up", "ps", "status", "doctor"} <= set(found)
    return found


def options(command):
    return set(re.findall(r"--[a-z][a-z-]+", run(command, "--help").partition("options:")[2]))


@pytest.fixture(name="page", scope="module")
def gabion_page():
    return (MAN / "gabion.1.scd").read_text()


def test_each_command_is_documented(page):
    for command in commands():
        assert f"*gabion {command}*" in page, command
        assert re.search(rf"^\*{command}\*$", page, re.M), command
        for name in ("gabion.bash", "_gabion", "gabion.fish"):
            assert re.search(rf"\b{command}\b", (COMPLETIONS / name).read_text()), (name, command)


def test_each_option_is_documented(page):
    listed = page[page.index("# OPTIONS"):page.index("# EXIT STATUS")]
    for command in commands():
        for option in options(command):
            assert f"*{option}*" in listed, (command, option)
            for name in ("gabion.bash", "_gabion", "gabion.fish"):
                text = (COMPLETIONS / name).read_text()
                assert option.lstrip("-") in text, (name, command, option)


def test_nothing_is_documented_that_is_not_there(page):
    synopsis = page[page.index("# SYNOPSIS"):page.index("# DESCRIPTION")]
    assert set(re.findall(r"\*gabion ([a-z]+)\*", synopsis)) == set(commands())
    for command in commands():
        line = re.search(rf"^\*gabion {command}\*(.*)$", synopsis, re.M).group(1)
        assert set(re.findall(r"\*(--[a-z-]+)\*", line)) <= options(command), command


def test_bash_completes_commands_and_options():
    def complete(*words):
        script = (f". {COMPLETIONS}/gabion.bash; COMP_WORDS=({' '.join(map(repr, words))}); "
                  f"COMP_CWORD={len(words) - 1}; _gabion; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        return set(subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True,
                                  timeout=30).stdout.split())

    assert set(commands()) <= complete("gabion", "")
    assert complete("gabion", "do") >= {"doctor", "down"}
    for command in commands():
        assert options(command) <= complete("gabion", command, "") | {"--help"}, command
    assert complete("gabion", "up", "--", "") == set()


def members(section):
    text = (ROOT / "docs" / "json-output.md").read_text()
    part = text.split(f"## gabion {section} --json")[1].split("\n## ")[0]
    return part, set(re.findall(r"^\| `([A-Za-z]+)`(?: `([A-Za-z]+)`)?", part, re.M))


def rows(section, *args):
    """Members of a section by the paths that its table has, and those that the command prints."""
    text = (ROOT / "docs" / "json-output.md").read_text()
    part = text.split(f"## gabion {section}")[1].split("\n## ")[0]
    listed = {name for row in re.findall(r"^\|([^|]+)\|", part, re.M) for name in re.findall(r"`([A-Za-z\[\].]+)`", row)}
    doc = json.loads(run(*args, expect=None))
    found = set(doc)
    for name, value in doc.items():
        for item in value if isinstance(value, list) else []:
            found |= {f"{name}[].{member}" for member in item} if isinstance(item, dict) else set()
    return listed, found


def flat(pairs):
    return {name for pair in pairs for name in pair if name}


def test_json_members_are_documented(tmp_path):
    for command in ("ps", "status"):
        _, pairs = members(command)
        text = run(command, "--json", "--state-dir", str(tmp_path), expect=None)
        assert set(json.loads(text)) == flat(pairs), command


def test_json_members_of_settings_are_documented(tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text('{"configurationFileVersion": 3}')
    (tmp_path / "lib").mkdir()
    where = ("--state-dir", str(tmp_path))
    for section, args in (("settings list --json", ("settings", "list", "--json", *where)),
                          ("settings validate --json", ("settings", "validate", "--json", *where, str(bad))),
                          ("settings schema --json", ("settings", "schema", "--json")),
                          ("policy suggest --json", ("policy", "suggest", "--json", *where))):
        listed, found = rows(section, *args)
        assert listed == found, section


def test_checks_of_doctor_are_documented(tmp_path):
    part, _ = members("doctor")
    done = json.loads(run("doctor", "--json", "--state-dir", str(tmp_path), expect=None))
    assert set(done) == {"ok", "checks"}
    table = part[part.index("| id | asks |"):]
    listed = {name for row in re.findall(r"^\|([^|]+)\|", table, re.M) for name in re.findall(r"`([a-z0-9-]+)`", row)}
    assert [c["id"] for c in done["checks"]] and {c["id"] for c in done["checks"]} == listed
    for check in done["checks"]:
        assert set(check) == {"id", "state", "finding", "consequence", "cure"}
        assert check["state"] in ("ok", "warning", "problem")
        assert check["finding"]
        assert (check["state"] == "ok") == (check["consequence"] == "") == (check["cure"] == ""), check


def test_keys_of_gabion_json_are_documented():
    source = (ROOT / "src" / "settings" / "facts.c").read_text()
    keys = set(re.findall(r'^\t\{ "([A-Za-z]+)", on_', source, re.M))
    assert len(keys) > 5
    page = (MAN / "gabion.json.5.scd").read_text()
    assert set(re.findall(r"^\*([A-Za-z]+)\*$", page, re.M)) == keys
    table = (ROOT / "docs" / "administration.md").read_text().split("## gabion.json")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([A-Za-z]+)` \|", table, re.M)) == keys


def test_protected_paths_are_documented():
    source = (ROOT / "src" / "policy" / "hostmount.c").read_text()
    text = (ROOT / "docs" / "administration.md").read_text()
    rules, exceptions = source.split("hostmount_exceptions[] = {")
    protected = re.findall(r'"(/[^"]+)"', rules.split("hostmount_protected[] = {")[1].split("};")[0])
    assert len(protected) > 10
    grouped = ("/lib", "/var/lib/", "/opt/containerd")  # "/lib*", data of engines, gabion's own
    for path in protected:
        assert f"`{path}`" in text or path.startswith(grouped), path
    excepted = re.findall(r'\{ "(/[^"]+)", (?:true|false) \}', exceptions)
    assert len(excepted) > 10
    for path in excepted:
        assert f"`{path}`" in text or path.startswith(("/usr/share/", "/usr/local/share/")), path


def test_edits_are_documented():
    source = (ROOT / "src" / "runtime" / "edit.c").read_text()
    edits = re.findall(r'^\t\{ "([a-z]+)", ', source, re.M)
    table = re.findall(r"^   \| ([a-z]+) \| ", (ROOT / "docs" / "architecture.md").read_text(), re.M)
    assert len(edits) > 10 and [name for name in table if name != "edit"] == edits


@pytest.mark.parametrize("source", sorted(glob.glob(str(MAN / "*.scd"))))
def test_man_pages_are_well_formed(source):
    if not shutil.which("scdoc"):
        pytest.skip("scdoc is not installed: man pages are not checked")
    with open(source, encoding="utf-8") as f:
        page = subprocess.run(["scdoc"], stdin=f, capture_output=True, text=True, check=False, timeout=30)
    assert page.returncode == 0, page.stderr
    assert page.stdout.startswith('.\\"')


def test_links_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    assert len(pages) > 8
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)


def test_exit_codes():
    run("doctor", "--no-such-option", expect=2)
    run("no-such-command", expect=2)
    run("--version", expect=0)
    run("status", "--state-dir", "/nonexistent/deep/folder", expect=3)
    run("status", "--state-dir", "/var/tmp", expect=1)
