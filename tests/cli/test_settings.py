# SPDX-License-Identifier: Apache-2.0
"""`gabion settings` and `gabion policy suggest` on folders made by hand. No gabiond runs: what is in force is what
run/policy.json says."""

import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("GABION_BUILD", ROOT / "build"))
GABION = BUILD / "src" / "cli" / "gabion"
SOCKET = "enhancedContainerIsolation.dockerSocketMount"
HOST_FILES = ("/etc/gabion/admin-settings.json", "/usr/share/docker-desktop/admin-settings.json")

GOOD = """{
  "configurationFileVersion": 2,
  "enhancedContainerIsolation": {
    "locked": true,
    "value": true,
    "dockerSocketMount": {
      "imageList": { "images": ["docker:cli", "docker.io/testcontainers/ryuk:*"] },
      "commandList": { "type": "allow", "commands": ["ps", "container*"] }
    }
  },
  "blockDockerLoad": { "value": true }
}
"""


@pytest.fixture(name="cage")
def instance(tmp_path):
    for path in HOST_FILES:
        if os.path.exists(path):
            pytest.skip(f"{path} is there: this host's own settings would bind the tests' ones")
    for name in ("etc", "run", "lib"):
        (tmp_path / name).mkdir(mode=0o755)
    return tmp_path


def put(cage, text, name="admin-settings.json"):
    path = cage / "etc" / name
    path.write_text(text)
    path.chmod(0o644)
    return path


def gabion(cage, *args, expect=0, command="settings"):
    done = subprocess.run([GABION, command, args[0], "--state-dir", str(cage), *args[1:]], capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == expect, (args, done)
    return done


def document(cage, *args, expect=0, command="settings"):
    return json.loads(gabion(cage, args[0], "--json", *args[1:], expect=expect, command=command).stdout)


def rows(doc):
    return {row["key"]: row for row in doc["settings"]}


# --- credentials of registries ---

SECRET = "Zm9vOmJhcg=="
BROKEN_AUTH = [
    ('{"auths":{"r.example":{"auth":"%s"}}}' % SECRET, 0o644, "can be used by others (its mode is 0644): `chmod 600` it"),
    ('{"auths":{"r.example":{"passwd":"%s"}}}' % SECRET, 0o600, 'unknown key "passwd"'),
    ('{"auths":', 0o600, "line 1, column 10"),
    ("[]", 0o600, 'must be an object with an object "auths"'),
]


@pytest.mark.parametrize("text,mode,says", BROKEN_AUTH)
def test_broken_credentials(cage, text, mode, says):
    path = put(cage, text, "registry-auth.json")
    path.chmod(mode)
    shown = gabion(cage, "validate", expect=1).stdout
    assert f"error: {path}: " in shown and says in shown and shown.count(str(path)) == 2 and SECRET not in shown
    assert "there is no settings file, so the defaults hold\n" in shown
    assert shown.endswith(f"{path}: its credentials are not used\n")
    doc = document(cage, "validate", expect=1)
    assert (doc["ok"], doc["errors"], doc["files"], doc["findings"][0]["file"]) == (False, 1, [str(path)], str(path))
    done = subprocess.run([GABION, "status", "--json", "--state-dir", str(cage)], capture_output=True, text=True, timeout=30, check=False)
    problem = [p for p in json.loads(done.stdout)["problems"] if "credentials" in p["problem"]]
    assert done.returncode == 1 and len(problem) == 1 and says in problem[0]["problem"] and SECRET not in done.stdout


def test_good_credentials(cage):
    settings = put(cage, GOOD)
    path = put(cage, BROKEN_AUTH[0][0], "registry-auth.json")
    path.chmod(0o600)
    shown = gabion(cage, "validate").stdout
    assert shown.endswith(f"{settings}: no errors\n{path}: no errors\n")
    assert document(cage, "validate")["files"] == [str(settings), str(path)]


# --- list and get ---

def test_list_of_defaults(cage):
    doc = document(cage, "list")
    assert (doc["inForce"], doc["stale"], doc["generation"], doc["profile"]) == (False, False, 0, "docker")
    assert doc["files"] == []
    assert {row["source"] for row in doc["settings"]} == {"default"}
    assert rows(doc)["enhancedContainerIsolation.value"]["value"] is True
    assert "enhancedContainerIsolation.value = true (default)\n" in gabion(cage, "list").stdout


def test_list_of_files(cage):
    path = put(cage, GOOD)
    doc = document(cage, "list")
    assert doc["files"] == [str(path)] and not doc["inForce"]
    assert rows(doc)[SOCKET + ".commandList.type"] == {
        "key": SOCKET + ".commandList.type", "layer": 0, "value": "allow", "locked": True, "source": f"{path}:8:32",
        "state": "enforced"}
    assert rows(doc)["blockDockerLoad.value"]["state"] == "pending"
    text = gabion(cage, "list").stdout
    assert text.startswith("# nothing is in force: for the next start\n")
    assert f'{SOCKET}.commandList.type = "allow" ({path}:8:32, locked)\n' in text
    assert f"blockDockerLoad.value = true ({path}:11:33, not enforced yet)\n" in text


def test_what_is_in_force_comes_first(cage):
    """The file has been changed and is not taken: it does not parse."""
    put(cage, GOOD)
    doc = document(cage, "list")
    policy = {"version": 1, "generation": 7, "profile": "docker", "files": doc["files"],
              "settings": [{k: v for k, v in row.items() if k != "state"} for row in doc["settings"]]}
    (cage / "run/policy.json").write_text(json.dumps(policy))
    (cage / "run/policy.json").chmod(0o644)
    put(cage, "{")
    doc = document(cage, "list")
    assert (doc["inForce"], doc["generation"]) == (True, 7)
    assert rows(doc)[SOCKET + ".commandList.type"]["value"] == "allow"
    assert gabion(cage, "list").stdout.startswith("# the policy of generation 7, in force\n")
    (cage / "run/policy.json").write_text("{}")
    assert "policy.json: this is no policy" in gabion(cage, "list", expect=3).stderr
    (cage / "run/policy.json").chmod(0o666)
    assert "others than root may write to it" in gabion(cage, "get", "configurationFileVersion", expect=3).stderr


def test_list_of_broken_files(cage):
    path = put(cage, '{"enhancedContainerIsolation":\n{"value": 1}}')
    done = gabion(cage, "list", expect=1)
    assert done.stdout == ""
    assert done.stderr == (f"gabion: {path}:2:11: enhancedContainerIsolation.value: a number where true or false is "
                           "expected\n")


def test_get(cage):
    path = put(cage, GOOD)
    assert gabion(cage, "get", "enhancedContainerIsolation.value").stdout == "true\n"
    assert gabion(cage, "get", SOCKET + ".commandList.type").stdout == "allow\n"
    assert gabion(cage, "get", SOCKET + ".commandList.commands").stdout == '["ps","container*"]\n'
    assert gabion(cage, "get", SOCKET + ".commandList").stdout == (
        f'{SOCKET}.commandList.type = "allow" ({path}:8:32, locked)\n'
        f'{SOCKET}.commandList.commands = ["ps","container*"] ({path}:8:53, locked)\n'
        f'{SOCKET}.commandList.reportOnly = false (default)\n')
    doc = document(cage, "get", "enhancedContainerIsolation.value")
    assert [row["key"] for row in doc["settings"]] == ["enhancedContainerIsolation.value"]


def test_get_what_nothing_sets(cage):
    done = gabion(cage, "get", "filesharingAllowedDirectories", expect=1)
    assert done.stdout == "" and "nothing sets filesharingAllowedDirectories" in done.stderr
    assert document(cage, "get", "filesharingAllowedDirectories", expect=1)["settings"] == []
    assert "default is false, but it is not enforced" in gabion(cage, "get", "blockDockerLoad.value", expect=1).stderr


@pytest.mark.parametrize("key, says", [
    ("images", f"do you mean {SOCKET}.imageList.images?"),
    ("enhancedContainerIsolation.valu", "do you mean enhancedContainerIsolation.value?"),
    ("frobnicate", "`gabion settings schema` prints all"),
    (SOCKET + ".imageList.images[]", "part of a list"),
    ("enhancedContainerIsolation.iechorSocketMount", "not for this engine; its key is dockerSocketMount"),
])
def test_get_unknown(cage, key, says):
    assert says in gabion(cage, "get", key, expect=2).stderr


def test_another_engine(cage):
    put(cage, '{"engineProfile": "iechor"}', "gabion.json")
    assert gabion(cage, "get", "enhancedContainerIsolation.iechorSocketMount.commandList.type").stdout == "deny\n"
    put(cage, '{"engineProfile": 7}', "gabion.json")
    assert "gabion.json" in gabion(cage, "get", "configurationFileVersion", expect=3).stderr
    assert "gabion.json" in gabion(cage, "validate", expect=3).stderr


# --- validate ---

def test_validate_nothing(cage):
    assert gabion(cage, "validate").stdout == "there is no settings file, so the defaults hold\n"
    assert document(cage, "validate") == {"ok": True, "profile": "docker", "files": [], "errors": 0, "warnings": 0,
                                          "notes": 0, "lost": 0, "findings": []}


def test_validate_good(cage):
    path = put(cage, GOOD)
    assert gabion(cage, "validate").stdout == (
        f"note: {path}:11:3: blockDockerLoad: not enforced yet: it has no effect\n{path}: no errors\n")


def test_validate_errors_name_file_line_and_key(cage):
    path = put(cage, """{
  "enhancedContainerIsolation": {
    "value": "yes",
    "dockerSocketMount": {
      "imageList": { "images": ["docker:cli", "a b"] },
      "commandList": { "type": "deny", "commands": ["push", "comp*", "biuld"] }
    }
  }
}
""")
    text = gabion(cage, "validate", expect=1).stdout
    lines = text.splitlines()
    assert lines[0] == f"error: {path}:3:14: enhancedContainerIsolation.value: a string where true or false is expected"
    assert lines[1].startswith(f'error: {path}:5:47: {SOCKET}.imageList.images[1]: image list entry "a b": ')
    assert lines[2] == (f'error: {path}:6:61: {SOCKET}.commandList.commands[1]: "comp*" is no wildcard; the wildcards '
                        'are container*, image*, volume*, network*, build*, system*')
    assert lines[3] == (f'warning: {path}:6:70: {SOCKET}.commandList.commands[2]: "biuld" is no command of docker and '
                        'has no effect; the nearest is "build"')
    assert lines[-1] == f"{path}: 3 errors, not taken"
    doc = document(cage, "validate", expect=1)
    assert (doc["ok"], doc["errors"], doc["warnings"], doc["files"]) == (False, 3, 1, [str(path)])
    assert doc["findings"][0] == {"kind": "error", "file": str(path), "line": 3, "column": 14,
                                  "key": "enhancedContainerIsolation.value",
                                  "text": "a string where true or false is expected"}


def test_validate_warns_where_more_is_allowed_than_recommended(cage):
    path = put(cage, """{ "enhancedContainerIsolation": { "value": true, "dockerSocketMount": {
  "imageList": { "images": ["*"], "allowDerivedImages": true },
  "commandList": { "commands": ["pull"] }
} } }""")
    for done in (gabion(cage, "validate"), gabion(cage, "validate", str(path))):
        lines = done.stdout.splitlines()
        assert [line.split(": ")[0:3] for line in lines[:-1]] == [
            ["warning", f"{path}:2:57", SOCKET + ".imageList.allowDerivedImages"],
            ["warning", f"{path}:2:29", SOCKET + ".imageList.images[0]"],
            ["warning", f"{path}:3:32", SOCKET + ".commandList"]]
        assert "push and build are not denied" in lines[2]
        assert lines[-1] == f"{path}: no errors"


def test_validate_a_draft(cage, tmp_path):
    """A file of somebody's own, which need not be in the right hands, says nothing about the one in use."""
    put(cage, "{")
    draft = tmp_path / "draft.json"
    draft.write_text(GOOD)
    draft.chmod(0o666)
    assert gabion(cage, "validate", str(draft)).stdout.endswith(f"{draft}: no errors\n")
    assert document(cage, "validate", str(draft))["files"] == [str(draft)]
    assert gabion(cage, "validate", expect=1).stdout.startswith(f"error: {cage}/etc/admin-settings.json:1:2: not JSON")
    assert "No such file" in gabion(cage, "validate", str(tmp_path / "none"), expect=3).stderr
    put(cage, GOOD).chmod(0o666)
    assert "everybody may write to it" in gabion(cage, "validate", expect=1).stdout


# --- schema ---

def test_schema(cage):
    done = subprocess.run([GABION, "settings", "schema", "--json"], capture_output=True, text=True, timeout=30, check=True)
    keys = {row["key"]: row for row in json.loads(done.stdout)["keys"]}
    row = keys[SOCKET + ".commandList.type"]
    assert row["types"] == ["string"] and row["allowed"] == ["deny", "allow"] and row["default"] == "deny"
    assert row["setting"] and row["specified"] and row["state"] == "enforced" and "docker" in row["profiles"]
    own = keys[SOCKET + ".ownChildrenOnly"]
    assert not own["specified"] and own["state"] == "enforced" and own["default"] is False
    assert keys["enhancedContainerIsolation"]["lockable"] and not keys["enhancedContainerIsolation"]["setting"]
    assert keys["filesharingAllowedDirectories[].path"]["required"]
    assert keys["filesharingAllowedDirectories"]["default"] is None
    assert keys["useGrpcfuse.value"]["state"] == "elsewhere"
    text = subprocess.run([GABION, "settings", "schema"], capture_output=True, text=True, timeout=30, check=True).stdout
    assert [line for line in text.splitlines() if not line.startswith(" ")] == list(keys)
    # what `list` prints is in the schema
    assert set(rows(document(cage, "list"))) <= set(keys)


# --- the command line ---

def test_usage():
    for args, says in [((), "list, get, validate or schema?"), (("frob",), 'unknown subcommand "frob"'),
                       (("set", "a", "b"), "not there yet"), (("unset", "a"), "not there yet"),
                       (("get",), "something is missing"), (("list", "x"), 'unexpected "x"'),
                       (("schema", "--state-dir", "/"), "unknown option"), (("validate", "a", "b"), 'unexpected "b"')]:
        done = subprocess.run([GABION, "settings", *args], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 2 and says in done.stderr and done.stdout == "", (args, done)


# --- policy suggest ---

def report(method, target, verdict="report", container="c" * 64, day=2, rule="command-list", **more):
    return json.dumps({"time": f"2026-11-2{day}T09:00:00.000Z", "verdict": verdict, "rule": rule, "uid": 0,
                       "container": container, "method": method, "target": target, "message": "blocked", **more}) + "\n"


RUN = (report("POST", "/v1.43/containers/create?name=x", day=1) + report("POST", "/v1.43/containers/x/start", day=1)
       + report("DELETE", "/v1.43/images/x", verdict="deny") + report("DELETE", "/v1.43/images/x", rule="other")
       + report("GET", "/v1.43/containers/json?all=1", container="d" * 64))


def learn(cage, command_list, images=("a",)):
    """Has the list in force."""
    (cage / "run/policy.json").unlink(missing_ok=True)
    put(cage, json.dumps({"enhancedContainerIsolation": {"value": True, "dockerSocketMount": {
        "imageList": {"images": list(images)}, "commandList": command_list}}}))
    doc = document(cage, "list")
    policy = {"version": 1, "generation": 1, "profile": "docker", "files": doc["files"],
              "settings": [{k: v for k, v in row.items() if k != "state"} for row in doc["settings"]]}
    (cage / "run/policy.json").write_text(json.dumps(policy))
    (cage / "run/policy.json").chmod(0o644)


def suggest(cage, *args, expect=0):
    return document(cage, "suggest", *args, expect=expect, command="policy")


def test_suggest_for_an_allow_list(cage):
    learn(cage, {"type": "allow", "commands": ["pull"], "reportOnly": True})
    (cage / "lib/audit.log").write_text(RUN)
    doc = suggest(cage)
    assert (doc["requests"], doc["strange"]) == (3, 0)
    (row,) = doc["lists"]
    assert row["commandList"] == {"type": "allow", "commands": ["pull", "ps", "run"]} and row["complete"]
    assert row["layer"] == 0 and row["source"].startswith(f"{cage}/etc/admin-settings.json:1:")
    done = gabion(cage, "suggest", command="policy")
    assert json.loads(done.stdout) == {"commandList": row["commandList"]}
    assert "by 3 requests" in done.stderr
    assert suggest(cage, "--since", "2026-11-22")["lists"][0]["commandList"]["commands"] == ["pull", "ps"]
    assert suggest(cage, "--container", "cc")["lists"][0]["commandList"]["commands"] == ["pull", "run"]


def test_suggestion_is_a_list_that_validates(cage):
    learn(cage, {"type": "allow", "reportOnly": True})
    (cage / "lib/audit.log").write_text(RUN)
    path = put(cage, json.dumps({"enhancedContainerIsolation": {"dockerSocketMount": json.loads(
        gabion(cage, "suggest", command="policy").stdout)}}))
    assert gabion(cage, "validate").stdout == f"{path}: no errors\n"


def test_suggest_for_a_deny_list(cage):
    learn(cage, {"type": "deny", "commands": ["push", "build"], "reportOnly": True})
    (cage / "lib/audit.log.1").write_text(report("POST", "/v1.43/images/x/push?tag=latest"))
    doc = suggest(cage)
    assert doc["lists"][0]["commandList"] == {"type": "deny", "commands": ["build"]}


def test_suggest_for_lists_of_images(cage):
    """Each list by what its own containers asked for."""
    def own(image, kind, *commands, only=True):
        return {"image": image, "commandList": {"type": kind, "commands": list(commands), "reportOnly": only}}

    learn(cage, {"type": "deny", "commands": ["push"]}, ["a", own("docker:cli", "deny", "build", "pull"), own("b", "allow"),
                                                         own("c", "deny", "ps", only=False), own("d", "allow", "ps")])
    (cage / "lib/audit.log").write_text(
        report("POST", "/v1.43/images/create?fromImage=x", entry="docker:cli")
        + report("GET", "/v1.43/images/json", entry="b") + report("GET", "/v1.43/info", entry="b")
        + report("GET", "/v1.43/volumes"))
    doc = suggest(cage)
    assert doc["requests"] == 4
    assert [(row["entry"], row["commandList"]) for row in doc["lists"]] == [
        ("docker:cli", {"type": "deny", "commands": ["build"]}),
        ("b", {"type": "allow", "commands": ["images", "info"]}), ("d", {"type": "allow", "commands": ["ps"]})]
    assert all(row["layer"] == 0 and row["source"].startswith(f"{cage}/etc/admin-settings.json:1:") for row in doc["lists"])
    told = gabion(cage, "suggest", command="policy").stderr
    assert 'in place of the list of image entry "docker:cli" of ' in told and "by 1 requests" in told and "by 2 requests" in told
    assert 'nothing was reported by the list of image entry "d" of ' in told
    # beside one that is for all that have none of their own
    learn(cage, {"type": "allow", "reportOnly": True}, ["a", own("b", "allow")])
    assert [(row["entry"], row["commandList"]["commands"]) for row in suggest(cage)["lists"]] == [
        ("", ["volume ls"]), ("b", ["images", "info"])]


def test_suggest_without_a_list_that_reports(cage):
    (cage / "lib/audit.log").write_text(RUN)
    doc = suggest(cage)
    assert doc["lists"] == [{"layer": 0, "source": "", "entry": "", "complete": True,
                             "commandList": {"type": "allow", "commands": ["ps", "run"]}}]
    assert "no list is report-only now" in gabion(cage, "suggest", command="policy").stderr


def test_suggest_nothing(cage):
    assert suggest(cage, expect=1)["requests"] == 0
    done = gabion(cage, "suggest", expect=1, command="policy")
    assert done.stdout == "" and "nothing was reported" in done.stderr
    (cage / "lib/audit.log").write_text(report("GET", "/no/such/route") + report("GET", "/x?" + "y" * 2046) + "cut\n")
    done = gabion(cage, "suggest", expect=1, command="policy")
    assert "2 requests cannot be read" in done.stderr and "damaged" in done.stderr
    assert "no instance" in gabion(cage / "none", "suggest", expect=3, command="policy").stderr
    assert "--since" in gabion(cage, "suggest", "--since", "yesterday", expect=2, command="policy").stderr
    assert "suggest is what there is" in gabion(cage, "frob", expect=2, command="policy").stderr
